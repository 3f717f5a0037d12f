// Where there is no Node the same programs do the same: the same answers, and the same images bit for bit.
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'fflate';
import { beforeAll, describe, expect, it } from 'vitest';
import * as library from '../../src/index.ts';
import { fsckDevice } from '../fs/fsck-device.ts';
import { bundle, inBrowser, type Portable } from './browser.ts';

const IMAGES = join(import.meta.dirname, '../../images');

let script: string;
let modules: string[];
beforeAll(async () => {
  ({ script, modules } = await bundle());
});

/** A volume is made, filled by both APIs, and read again. Gives the image and what was seen of it. */
async function fill(f2fs: Portable, codec: string): Promise<{ image: Uint8Array; seen: string }> {
  const { format, MemoryDevice, mount, mountAsync, parseCodec, probe, volumeInfo } = f2fs;
  const device = new MemoryDevice({ sizeBytes: 64 * 2 ** 20 });
  const seen: unknown[] = [probe(device)];
  format(device, { uuid: '00112233-4455-6677-8899-aabbccddeeff', timestamp: 1_700_000_000, label: 'Grüße 😀' });
  const options = {
    now: () => ({ sec: 1_700_000_001, nsec: 5 }),
    compress: { codec: parseCodec(codec), clusterPages: 16, checksum: true, extensions: ['txt'] },
    workers: 2,
  };
  const volume = mount(device, options);
  const text = 'All work and no play makes Jack a dull boy. '.repeat(20_000);
  volume.mkdir('/straße');
  volume.writeFile('/straße/pressed.txt', text, { mode: 0o640 });
  volume.writeFile('/straße/plain', text);
  volume.writeFile(new Uint8Array([47, 110, 255, 97]), new Uint8Array([1, 2, 3]));
  volume.symlink('straße/plain', '/link');
  volume.setXattr('/link', 'trusted.note', new TextEncoder().encode('würzig'));
  volume.close();

  const calls = await mountAsync(device, options);
  // One call of several, which wait for each other.
  const whole = calls.run(async () => {
    for (let i = 0; i < 3; i++) await calls.appendFile('/three', await calls.readFile('/straße/plain'));
  });
  const after = calls.stat('/link');
  await whole;
  await calls.mkdir('/a/b/c', { recursive: true });
  await calls.appendFile('/a/b/log', 'ä', 'latin1');
  const handle = await calls.open('/a/b/log', 'a+');
  await handle.write('€');
  await handle.close();
  seen.push((await after).size);
  seen.push(await calls.readFile('/a/b/log', 'hex'), await calls.readdir('/', { encoding: 'latin1', recursive: true }));
  seen.push((await calls.readdir('/a', { withFileTypes: true })).map((entry) => [entry.name, entry.parentPath]));
  seen.push(`${await calls.readlink('/link', 'buffer')}`);
  for (const path of ['/none', 5 as never, '/a\0'])
    seen.push(await calls.readFile(path).catch((error: Error & { code?: string }) => [error.code, error.message]));
  await calls.close();

  const again = mount(device, { readonly: true });
  const { compression } = again.stat('/straße/pressed.txt');
  seen.push(compression !== null && compression.savedBlocks > 100, again.statfs(), volumeInfo(device).label);
  for (const path of ['/straße/pressed.txt', '/straße/plain'])
    seen.push(new TextDecoder().decode(again.readFile(path)) === text);
  seen.push(again.readFile('/three').length === 3 * text.length);
  again.close();
  const image = new Uint8Array(device.nrBlocks * f2fs.BLKSIZE);
  device.read(0, image);
  return { image, seen: JSON.stringify(seen, null, 1) };
}

/** All that there is in an image: names, sums of contents, targets, attributes; or why not. Names are looked up as they are shown. */
function listing(f2fs: Portable, image: Uint8Array): string[] {
  const { BLKSIZE, F2fsError, MemoryDevice, mount } = f2fs;
  const device = new MemoryDevice(image.length / BLKSIZE);
  device.write(0, [image]);
  const volume = mount(device, { readonly: true });
  const lines: string[] = [];
  const tried = (read: () => unknown): unknown => {
    try {
      return read();
    } catch (error) {
      if (error instanceof F2fsError) return `${error.code} ${error.message}`;
      throw error;
    }
  };
  // A global costs a call, in such a world.
  const { imul } = Math;
  const sumOf = (bytes: Uint8Array) => {
    let sum = bytes.length;
    for (let i = 0; i < bytes.length; i++) sum = (imul(sum, 31) + bytes[i]) | 0;
    return sum;
  };
  const walk = (path: string) => {
    for (const { name, type, ino } of volume.readdir(path || '/')) {
      const below = `${path}/${new TextDecoder().decode(name)}`;
      const found = tried(() => volume.lstat(below)) as { ino?: number; size?: number };
      const isRead = type === 'file' && (found.size ?? 0) < 2 ** 24;
      const holds = isRead ? tried(() => sumOf(volume.readFile(below))) : '';
      const target = type === 'symlink' ? tried(() => sumOf(volume.readlink(below))) : '';
      const attributes = tried(() => volume.xattrs(below).map(({ name, value }) => `${name} ${sumOf(value)}`));
      lines.push(`${below} ${type} ${ino} ${found.ino === ino} ${found.size} ${holds} ${target} ${attributes}`);
      if (type === 'directory') walk(below);
    }
  };
  walk('');
  volume.close();
  return lines;
}

function hashOf(image: Uint8Array): string {
  return createHash('sha256').update(image).digest('hex');
}

describe('where there is no Node', () => {
  it('nothing of Node, nor of the devices of a host, is bundled', () => {
    expect(script).not.toMatch(/\brequire\(|"node:|process\./);
    const own = modules.filter((module) => module.startsWith('dist/'));
    expect(own.filter((module) => /^dist\/platform\/[\w-]+\.js$/.test(module))).toEqual([]);
    expect(
      own.filter((module) => /^dist\/(build|cli|bench)\/|^dist\/device\/(file|host|image|lock|new)/.test(module)),
    ).toEqual([]);
    expect(own.filter((module) => module.startsWith('dist/platform/browser/')).length).toBeGreaterThan(10);
  });

  it.each(['lz4', 'zstd:3', 'lzo', 'lzo-rle'])('volumes are made, written and read, %s', async (codec) => {
    const here = await fill(library, codec);
    const there = await inBrowser(script, fill, codec);
    expect(there.seen).toBe(here.seen);
    expect(hashOf(there.image)).toBe(hashOf(here.image));
    const device = new library.MemoryDevice({ sizeBytes: there.image.length });
    device.write(0, [new Uint8Array(there.image)]);
    expect((await fsckDevice(device)).complaints).toEqual([]);
  });

  it.each(['kernel-compressed', 'kernel-encrypted', 'kernel-features'])('what Linux wrote is read, %s', (name) => {
    const image = gunzipSync(fs.readFileSync(join(IMAGES, `${name}.img.gz`)));
    const here = listing(library, image);
    expect(here.length).toBeGreaterThan(10);
    expect(inBrowser(script, listing, image)).toEqual(here);
  });
});
