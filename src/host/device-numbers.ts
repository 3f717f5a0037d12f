// Device numbers as the host packs them.

/** The device number of major and minor, as Linux's makedev and Node's stat give it. */
export function makeDev(major: number, minor: number): number {
  return (minor & 0xff) + (major & 0xfff) * 2 ** 8 + (minor >>> 8) * 2 ** 20 + (major >>> 12) * 2 ** 44;
}

export function devMajor(dev: bigint): number {
  if (process.platform === 'darwin') return Number((dev >> 24n) & 0xffn);
  return Number(((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n));
}

export function devMinor(dev: bigint): number {
  if (process.platform === 'darwin') return Number(dev & 0xffffffn);
  return Number((dev & 0xffn) | ((dev >> 12n) & 0xffffff00n));
}
