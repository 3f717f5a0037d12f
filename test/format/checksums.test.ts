// Hashes and checksums against known values, and against every one that Linux left in the golden images.
import { crc32 as zlibCrc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { checkpointCrc } from '../../src/format/checkpoint.ts';
import { crc32, f2fsCrc } from '../../src/format/crc.ts';
import { bucketBlocks, dirBlockIndex, dirBuckets } from '../../src/format/dentry.ts';
import { nameHash } from '../../src/format/hash.ts';
import { checksumSeed, inodeChecksum } from '../../src/format/inode.ts';
import { viewOf } from '../../src/format/struct.ts';
import { parseUuid, Superblock, superblockCrc } from '../../src/format/superblock.ts';
import { type GoldenDentry, openGolden } from './golden.ts';

/** CRC-32 by the definition, one bit at a time. */
function bitwiseCrc(seed: number, bytes: Uint8Array): number {
  let crc = seed;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return crc >>> 0;
}

const text = Buffer.from('123456789');
const plain = openGolden('kernel-plain');
const features = openGolden('kernel-features');

describe('crc32', () => {
  it("is zlib's but for the inversions: the check value of CRC-32", () => {
    expect(crc32(0xffffffff, text)).toBe(~0xcbf43926 >>> 0);
    expect(crc32(0xffffffff, text)).toBe(~zlibCrc32(text) >>> 0);
  });

  it.each([0, 1, 0xf2f52010, 0x80000000, 0xffffffff])('from seed %i is what the definition gives', (seed) => {
    const bytes = Uint8Array.from({ length: 300 }, (_, i) => (i * 131) >>> 2);
    for (const length of [0, 1, 2, 7, 8, 9, 300]) {
      expect(crc32(seed, bytes.subarray(0, length))).toBe(bitwiseCrc(seed, bytes.subarray(0, length)));
    }
  });

  it('goes on where it stopped', () => {
    expect(crc32(crc32(0x1234, text.subarray(0, 4)), text.subarray(4))).toBe(crc32(0x1234, text));
  });

  it('of superblocks and checkpoints begins with the magic number', () => {
    expect(f2fsCrc(text)).toBe(bitwiseCrc(0xf2f52010, text));
    expect(f2fsCrc(new Uint8Array(0))).toBe(0xf2f52010);
  });
});

describe('checksums that mkfs.f2fs and Linux wrote', () => {
  it.each(['mkfs-features', 'kernel-features'])('both superblocks of %s', (name) => {
    const { bytes } = openGolden(name);
    for (const start of [1024, 4096 + 1024]) {
      expect(superblockCrc(new Superblock(viewOf(bytes), start))).toBe(bytes.readUInt32LE(start + 3068));
    }
  });

  it.each(['mkfs-default', 'mkfs-large-nat', 'kernel-plain', 'kernel-features'])('checkpoints of %s', (name) => {
    const { bytes } = openGolden(name);
    const cpBlkaddr = bytes.readUInt32LE(1024 + 76);
    let seen = 0;
    for (const pack of [cpBlkaddr, cpBlkaddr + 512]) {
      const block = bytes.subarray(pack * 4096, (pack + 1) * 4096);
      const checksumOffset = block.readUInt32LE(164);
      if (checksumOffset === 0) continue;
      expect(checksumOffset).toBe(name === 'mkfs-large-nat' ? 192 : 4092);
      expect(checkpointCrc(block, checksumOffset)).toBe(block.readUInt32LE(checksumOffset));
      seen++;
    }
    expect(seen).toBeGreaterThan(0);
  });

  it('every inode of kernel-features', () => {
    const seed = checksumSeed(features.bytes.subarray(1024 + 108, 1024 + 124));
    expect(features.inodes.length).toBeGreaterThan(100);
    const wrong = features.inodes.filter(
      ({ block }) => inodeChecksum(seed, block, viewOf(block), 0) !== block.readUInt32LE(368),
    );
    expect(wrong.map(({ nid }) => nid)).toEqual([]);
  });

  it('an inode checksum leaves the block as it was and sees a change of any byte but its own', () => {
    const seed = checksumSeed(features.bytes.subarray(1024 + 108, 1024 + 124));
    const block = Buffer.from(features.inodes[0].block);
    const right = inodeChecksum(seed, block, viewOf(block), 0);
    expect(block.equals(features.inodes[0].block)).toBe(true);
    for (const at of [0, 68, 367, 372, 2000, 4051, 4072, 4076, 4092, 4095]) {
      block[at] ^= 1;
      expect(inodeChecksum(seed, block, viewOf(block), 0), `byte ${at}`).not.toBe(right);
      block[at] ^= 1;
    }
    block[368] ^= 0xff;
    expect(inodeChecksum(seed, block, viewOf(block), 0)).toBe(right);
  });

  it('an inode checksum depends on the volume', () => {
    const uuid = parseUuid('01234567-89ab-cdef-0123-456789abcdef') as Uint8Array;
    expect(checksumSeed(uuid)).toBe(bitwiseCrc(0xffffffff, uuid));
  });
});

describe('nameHash', () => {
  it.each([
    ['.', 0],
    ['..', 0],
    ['a', 0x6d0ea4c1],
    ['abc', 0xb1435ec5],
    ['abcd', 0x5a24112e],
    ['abcde', 0x6937ed69],
    ['abcdefghijklmno', 0x9e7b4277],
    ['abcdefghijklmnop', 0xf4ac8cb5],
    ['abcdefghijklmnopq', 0x972a82e7],
    ['abcdefghijklmnopqrstuvwxyzABCDEF', 0x97775b09],
    ['abcdefghijklmnopqrstuvwxyzABCDEFG', 0x6d5f0ef5],
    // Not UTF-8.
    ['\x80\xffabcdefghijklmn', 0x6911f9ac],
  ])('of %s is what Linux 6.1 stores', (name, hash) => {
    expect(nameHash(Buffer.from(name, 'latin1'))).toBe(hash);
  });

  describe.each([
    ['kernel-plain', plain],
    ['kernel-features', features],
  ])('in %s', (_name, { dentries }) => {
    it('there are all sorts of names', () => {
      expect(dentries.length).toBeGreaterThan(3000);
      const lengths = new Set(dentries.map(({ name }) => name.length));
      for (const length of [1, 2, 4, 8, 255]) expect([...lengths]).toContain(length);
      // Bytes past 0x7f: signed or unsigned makes a difference.
      expect(dentries.some(({ name }) => name.some((byte) => byte > 0x7f))).toBe(true);
      expect(dentries.filter(({ page }) => page < 0).length).toBeGreaterThan(0);
      expect(Math.max(...dentries.map(({ page }) => page))).toBeGreaterThan(14);
    });

    it('gives what Linux stored with every one', () => {
      const wrong = dentries.filter(({ name, hash }) => nameHash(name) !== hash);
      expect(wrong).toEqual([]);
    });

    it('puts every one where Linux put it', () => {
      const wrong = dentries.filter((dentry) => dentry.page >= 0 && !isInItsBucket(dentry));
      expect(wrong).toEqual([]);
    });
  });
});

/** Whether a dentry's page lies in the bucket that its hash names, at the level that the page belongs to. */
function isInItsBucket({ hash, dirLevel, page }: GoldenDentry): boolean {
  let level = 0;
  while (dirBlockIndex(level + 1, dirLevel, 0) <= page) level++;
  const first = dirBlockIndex(level, dirLevel, hash % dirBuckets(level, dirLevel));
  return page >= first && page < first + bucketBlocks(level);
}
