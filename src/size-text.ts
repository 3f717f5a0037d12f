// Sizes as people read them.

const UNITS = ['', 'K', 'M', 'G', 'T'] as const;

/** `1.5 GiB` */
export function shortSize(bytes: number): string {
  let unit = 0;
  let value = bytes;
  for (; value >= 1024 && unit < UNITS.length - 1; unit++) value /= 1024;
  if (unit === 0) return `${bytes} bytes`;
  return `${value.toFixed(Number.isInteger(value) ? 0 : 1)} ${UNITS[unit]}iB`;
}

/** Two sizes that differ, so that they can be told apart: in bytes where they would read alike. */
export function sizesApart(a: number, b: number): [string, string] {
  const texts: [string, string] = [shortSize(a), shortSize(b)];
  return texts[0] === texts[1] ? [`${a} bytes`, `${b} bytes`] : texts;
}
