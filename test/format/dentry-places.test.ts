// Where a planner puts the names of a directory is where a mounted volume does.

import { describe, expect, test } from 'vitest';
import { MemoryDevice } from '../../src/device/memory-device.ts';
import { bucketBlocks, dentryLayout, dentrySlots, dirBlockIndex, dirBuckets } from '../../src/format/dentry.ts';
import { DentryPlaces, NameBlocks } from '../../src/format/dentry-places.ts';
import { nameHash } from '../../src/format/hash.ts';
import { DEFAULT_INLINE_XATTR_ADDRS, extraIsizeFor, maxInlineData } from '../../src/format/inode.ts';
import { mount } from '../../src/fs/file-system.ts';
import { format } from '../../src/mkfs/format.ts';
import { BLOCK } from '../blocks-of-4k.ts';

/** Names of 1 to 40 bytes. */
const names = (count: number) =>
  Array.from({ length: count }, (_, i) => Buffer.from(`${i}${'x'.repeat((i * 7) % 37)}`));

describe('the blocks of a hash', () => {
  test.each([0, 2])('are those of its buckets, level by level, from directory level %i on', (dirLevel) => {
    const blocks = new NameBlocks();
    for (const hash of [0, 1, 0x12345678, 0xffffffff]) {
      blocks.start(hash, dirLevel, 10_000);
      for (let level = 0; ; level++) {
        const first = dirBlockIndex(level, dirLevel, hash % dirBuckets(level, dirLevel));
        if (dirBlockIndex(level, dirLevel, 0) >= 10_000) break;
        for (let block = first; block < Math.min(first + bucketBlocks(level), 10_000); block++)
          expect(blocks.next()).toBe(block);
      }
      expect(blocks.next()).toBe(-1);
    }
  });
});

test.each([3, 40, 400, 5000])('%i names stand where they were planned to, in the inode or in blocks', (count) => {
  const device = new MemoryDevice(32768);
  format(device, { timestamp: 1_700_000_000 });
  using fs = mount(device, { cacheBytes: 32 << 20 });
  fs.mkdir('/dir');
  using dir = fs.openDirectory('/dir');
  const inlineBytes = maxInlineData(extraIsizeFor(fs.volume.layout.feature), DEFAULT_INLINE_XATTR_ADDRS, BLOCK);
  const places = new DentryPlaces(2, BLOCK.dentriesPerBlock);
  let slots = 2;
  const planned = names(count).map((name) => {
    dir.createFile(name).close();
    places.add(name.length, nameHash(name));
    slots += dentrySlots(name.length);
    return { name: name.toString(), block: places.block, slot: places.slot };
  });
  planned.sort((a, b) => a.block - b.block || a.slot - b.slot);
  expect(fs.readdir('/dir').map(({ name }) => Buffer.from(name).toString())).toEqual(planned.map(({ name }) => name));
  const { size, blocks } = dir.stat();
  const isInline = slots <= dentryLayout(inlineBytes).slots;
  expect(size).toBe(isInline ? inlineBytes : 4096 * ((places.blocks().at(-1) as number) + 1));
  if (isInline) expect(blocks).toBe(1);
});
