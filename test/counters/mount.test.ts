// The promise of tables that are loaded on first touch: mounting does not read more because a volume is larger.

import { expect, test } from 'vitest';
import { BLKSIZE } from '../../src/device/device.ts';
import { GIB, MIB, memoryVolume, mounted, writePieces } from './volumes.ts';

interface Mount {
  reads: number;
  blocks: number;
  /** Blocks that the version bitmaps take, which grow with the volume. */
  bitmapBlocks: number;
}

/** Mounts a volume of that size, new or with a file on it, and lists its root. */
function mountOf(sizeBytes: number, { readonly = false, fileBytes = 0 } = {}): Mount {
  const device = memoryVolume(sizeBytes);
  if (fileBytes > 0) {
    using volume = mounted(device);
    using file = volume.root().createFile(Buffer.from('file'));
    writePieces(file, fileBytes);
  }
  const { reads, readBytes } = device.counters;
  const volume = mounted(device, { readonly });
  volume.readdir('/');
  const { cp } = volume.volume.pack;
  const bitmapBytes = cp.sitVerBitmapBytesize + cp.natVerBitmapBytesize;
  return {
    reads: device.counters.reads - reads,
    blocks: (device.counters.readBytes - readBytes) / BLKSIZE,
    bitmapBlocks: volume.volume.layout.cpPayload + Math.ceil(bitmapBytes / BLKSIZE),
  };
}

test.each([
  ['new, writable', {}],
  ['new, read-only', { readonly: true }],
  ['with a file of 64 MiB', { fileBytes: 64 * MIB }],
] as const)('mounting 1 TiB reads what 1 GiB does, and its bitmaps: %s', (_, options) => {
  const small = mountOf(GIB, options);
  const large = mountOf(1024 * GIB, options);
  expect(large.blocks).toBeLessThanOrEqual(small.blocks + large.bitmapBlocks);
  expect(large.reads).toBeLessThanOrEqual(small.reads + 2);
  expect(small.blocks).toBeLessThan(64);
});
