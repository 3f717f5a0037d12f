// Segments that a checkpoint frees become holes of an image file; what was taken again meanwhile does not.

import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BLKSIZE } from '../../src/device/device.ts';
import { openFileDevice } from '../../src/device/file-device.ts';
import { MemoryDevice } from '../../src/device/memory-device.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import { format } from '../../src/mkfs/format.ts';
import { expectSound, mounted } from '../fs/full-volume.ts';
import { random } from '../random.ts';

const MIB = 2 ** 20;
const SIZE = 256 * MIB;

let work: string;
beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'f2fs-discards-'));
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

describe('an image file', () => {
  it.each([true, false])('gets holes when the option says %s', async (discard) => {
    const image = join(work, `${discard}.img`);
    const device = openFileDevice(image, { writable: true, create: { sizeBytes: SIZE, overwrite: true } });
    format(device, { timestamp: 1 });
    const fs = mount(device, { discard });
    fs.writeFile('large', Buffer.alloc(48 * MIB, 1));
    fs.writeFile('stays', Buffer.alloc(3 * MIB, 2));
    fs.sync();
    const full = statSync(image).blocks * 512;
    fs.unlink('large');
    fs.close();
    device.close();
    const left = statSync(image).blocks * 512;
    if (discard) expect(left).toBeLessThan(full - 40 * MIB);
    else expect(left).toBeGreaterThan(full - MIB);
    await expectSound(image);
    const again = openFileDevice(image, { writable: false });
    const readFs = mount(again, { readonly: true });
    expect(readFs.readFile('stays').every((byte) => byte === 2)).toBe(true);
    readFs.close();
    again.close();
  });
});

/** Remembers what was discarded, and that nothing is read of it before it is written anew. */
class Watched extends MemoryDevice {
  readonly gone = new Set<number>();

  override discard(blkaddr: number, nrBlocks: number): void {
    for (let i = 0; i < nrBlocks; i++) this.gone.add(blkaddr + i);
    super.discard(blkaddr, nrBlocks);
  }

  override write(blkaddr: number, vectors: readonly Uint8Array[]): void {
    let at = blkaddr;
    for (const vector of vectors) for (let i = 0; i < vector.length / BLKSIZE; i++) this.gone.delete(at++);
    super.write(blkaddr, vectors);
  }
}

it('nothing in use is ever discarded', () => {
  const device = new Watched(SIZE / BLKSIZE);
  format(device, { timestamp: 1, discard: false });
  const fs = mounted(device);
  const rng = random(11);
  const sizes = new Map<string, number>();
  const check = (volume: FileSystem) => {
    for (const blkaddr of device.gone) {
      const { layout, sit } = volume.volume;
      if (layout.inMain(blkaddr)) expect(sit.validRun(blkaddr, 1), `block ${blkaddr}`).toBe(0);
    }
  };
  for (let round = 0; round < 120; round++) {
    const path = `file ${rng.below(6)}`;
    if (sizes.has(path)) fs.unlink(path);
    const size = rng.below(20 * MIB);
    fs.writeFile(path, Buffer.alloc(size, round + 1));
    sizes.set(path, size);
    if (rng.below(3) === 0) fs.sync();
    if (round % 20 !== 0) continue;
    // What is on its way to disk has its blocks, but is not there yet.
    fs.sync();
    check(fs);
  }
  for (const [path, size] of sizes) expect(fs.readFile(path).length).toBe(size);
  fs.close();
  check(mounted(device, { readonly: true }));
  expect(fs.counters.discardedBlocks).toBeGreaterThan(0);
});

it('every other file of many: all their segments', () => {
  const device = new Watched((700 * MIB) / BLKSIZE);
  format(device, { timestamp: 1, discard: false });
  const fs = mounted(device, { cacheBytes: 32 * MIB });
  for (let i = 0; i < 240; i++) fs.writeFile(`file ${i}`, Buffer.alloc(2 * MIB, 1));
  fs.sync();
  for (let i = 0; i < 240; i += 2) fs.unlink(`file ${i}`);
  fs.close();
  // Some segments have the end of one file and the begin of the next.
  expect(device.gone.size).toBeGreaterThan(100 * 512);
});
