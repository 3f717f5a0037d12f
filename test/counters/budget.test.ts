// The promise of a hard budget: however much is written, all of it passes through the frames that were there at the mount.

import { expect, test } from 'vitest';
import { BLKSIZE } from '../../src/device/device.ts';
import { GIB, MIB, memoryVolume, mounted, writePieces } from './volumes.ts';

test('writing 4 times the budget stays within it', () => {
  const cacheBytes = 16 * MIB;
  const volume = mounted(memoryVolume(GIB), { cacheBytes });
  const { pool } = volume.volume;
  const most = { used: 0, dirty: 0 };
  {
    using file = volume.root().createFile(Buffer.from('file'));
    writePieces(file, 4 * cacheBytes, () => {
      most.used = Math.max(most.used, pool.nrFrames - pool.freeFrames);
      most.dirty = Math.max(most.dirty, pool.nrDirty);
      expect(pool.nrFrames * BLKSIZE).toBe(cacheBytes);
      expect(pool.memory.buffer.byteLength).toBe(cacheBytes);
      expect(pool.freeFrames).toBeGreaterThanOrEqual(0);
    });
  }
  // The cache is used, and the writer is held back long before it is full of dirty pages.
  expect(most.used).toBeGreaterThan(pool.nrFrames / 2);
  expect(most.used).toBeLessThanOrEqual(pool.nrFrames);
  expect(most.dirty).toBeLessThan(pool.nrFrames / 2);
  volume.sync();
  expect(pool.nrDirty).toBe(0);
  const bytes = new Uint8Array(MIB);
  using file = volume.openFile('/file');
  for (let at = 0; at < 4 * cacheBytes; at += bytes.length) {
    expect(file.read(bytes, at)).toBe(bytes.length);
    expect(Buffer.from(bytes).equals(Buffer.alloc(bytes.length, 0xa5))).toBe(true);
  }
  expect(pool.nrFrames - pool.freeFrames).toBeLessThanOrEqual(pool.nrFrames);
});

test('many small files and their inodes stay within the budget', () => {
  const cacheBytes = 16 * MIB;
  const volume = mounted(memoryVolume(GIB), { cacheBytes });
  const { pool } = volume.volume;
  const bytes = new Uint8Array(6000).fill(0x5a);
  const nrFiles = 8000;
  for (let i = 0; i < nrFiles; i++) {
    using file = volume.root().createFile(Buffer.from(`file-${i}`));
    file.write(bytes, 0);
    expect(pool.freeFrames).toBeGreaterThan(0);
  }
  volume.sync();
  // Two blocks and an inode each: what was written is more than the cache ever held.
  expect(volume.volume.space.validBlockCount).toBeGreaterThan(4 * pool.nrFrames);
  expect(pool.nrFrames * BLKSIZE).toBe(cacheBytes);
  expect(pool.nrDirty).toBe(0);
});
