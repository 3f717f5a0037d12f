// Every structure against the kernel's header: offsets and sizes below were written down from include/linux/f2fs_fs.h
// (Linux 6.1), not taken from the code under test.

import { describe, expect, it } from 'vitest';
import type { F2fsError } from '../../src/errors.ts';
import { Checkpoint, CP_BITMAP_OFFSET } from '../../src/format/checkpoint.ts';
import { DIR_ENTRY_SIZE, DirEntry, dentryLayout, dentrySlots } from '../../src/format/dentry.ts';
import {
  I_ADDR_OFFSET,
  INODE_CHECKSUM_OFFSET,
  Inode,
  InodeExtra,
  inlineDataOffset,
  maxInlineData,
  TOTAL_EXTRA_ISIZE,
} from '../../src/format/inode.ts';
import { NatEntry, NatJournalEntry } from '../../src/format/nat.ts';
import { NodeFooter } from '../../src/format/node.ts';
import { SitEntry, SitJournalEntry } from '../../src/format/sit.ts';
import { viewOf } from '../../src/format/struct.ts';
import { SummaryEntry, SummaryFooter } from '../../src/format/summary.ts';
import { SB_CHECKSUM_OFFSET, Superblock } from '../../src/format/superblock.ts';
import { XattrEntry, XattrHeader, xattrEntrySize } from '../../src/format/xattr.ts';
import {
  BLOCK,
  COMPACT_ENTRIES_FIRST,
  COMPACT_ENTRIES_NEXT,
  COMPACT_ENTRIES_OFFSET,
  COMPACT_SIT_JOURNAL_OFFSET,
  CP_CHECKSUM_OFFSET,
  DENTRY_BLOCK,
  I_NID_OFFSET,
  MAX_BITMAP_SIZE_IN_CKPT,
  NAT_ENTRIES_PER_BLOCK,
  NAT_JOURNAL_ENTRIES,
  NODE_FOOTER_OFFSET,
  ORPHANS_PER_BLOCK,
  OrphanBlock,
  SIT_ENTRIES_PER_BLOCK,
  SIT_JOURNAL_ENTRIES,
  SUM_FOOTER_OFFSET,
  SUM_JOURNAL_OFFSET,
  SUM_JOURNAL_SIZE,
  XATTR_BLOCK_SIZE,
} from '../blocks-of-4k.ts';

/** Byte offset and size of each field. */
type Table = Record<string, readonly [offset: number, size: number]>;

interface Declared {
  readonly name: string;
  readonly size: number;
  readonly offsets: Readonly<Record<string, number>>;
  readonly ends: Readonly<Record<string, number>>;
}

const structures: [struct: Declared, size: number, fields: Table][] = [
  [
    Superblock,
    3072,
    {
      magic: [0, 4],
      majorVer: [4, 2],
      minorVer: [6, 2],
      logSectorsize: [8, 4],
      logSectorsPerBlock: [12, 4],
      logBlocksize: [16, 4],
      logBlocksPerSeg: [20, 4],
      segsPerSec: [24, 4],
      secsPerZone: [28, 4],
      checksumOffset: [32, 4],
      blockCount: [36, 8],
      sectionCount: [44, 4],
      segmentCount: [48, 4],
      segmentCountCkpt: [52, 4],
      segmentCountSit: [56, 4],
      segmentCountNat: [60, 4],
      segmentCountSsa: [64, 4],
      segmentCountMain: [68, 4],
      segment0Blkaddr: [72, 4],
      cpBlkaddr: [76, 4],
      sitBlkaddr: [80, 4],
      natBlkaddr: [84, 4],
      ssaBlkaddr: [88, 4],
      mainBlkaddr: [92, 4],
      rootIno: [96, 4],
      nodeIno: [100, 4],
      metaIno: [104, 4],
      uuid: [108, 16],
      volumeName: [124, 1024],
      extensionCount: [1148, 4],
      extensionList: [1152, 512],
      cpPayload: [1664, 4],
      version: [1668, 256],
      initVersion: [1924, 256],
      feature: [2180, 4],
      encryptionLevel: [2184, 1],
      encryptPwSalt: [2185, 16],
      devs: [2201, 544],
      qfIno: [2745, 12],
      hotExtCount: [2757, 1],
      sEncoding: [2758, 2],
      sEncodingFlags: [2760, 2],
      sStopReason: [2762, 32],
      sErrors: [2794, 16],
      reserved: [2810, 258],
      crc: [3068, 4],
    },
  ],
  [
    Checkpoint,
    192,
    {
      checkpointVer: [0, 8],
      userBlockCount: [8, 8],
      validBlockCount: [16, 8],
      rsvdSegmentCount: [24, 4],
      overprovSegmentCount: [28, 4],
      freeSegmentCount: [32, 4],
      curNodeSegno: [36, 32],
      curNodeBlkoff: [68, 16],
      curDataSegno: [84, 32],
      curDataBlkoff: [116, 16],
      ckptFlags: [132, 4],
      cpPackTotalBlockCount: [136, 4],
      cpPackStartSum: [140, 4],
      validNodeCount: [144, 4],
      validInodeCount: [148, 4],
      nextFreeNid: [152, 4],
      sitVerBitmapBytesize: [156, 4],
      natVerBitmapBytesize: [160, 4],
      checksumOffset: [164, 4],
      elapsedTime: [168, 8],
      allocType: [176, 16],
    },
  ],
  [
    OrphanBlock,
    4096,
    {
      ino: [0, 4080],
      reserved: [4080, 4],
      blkAddr: [4084, 2],
      blkCount: [4086, 2],
      entryCount: [4088, 4],
      checkSum: [4092, 4],
    },
  ],
  [
    Inode,
    360,
    {
      iMode: [0, 2],
      iAdvise: [2, 1],
      iInline: [3, 1],
      iUid: [4, 4],
      iGid: [8, 4],
      iLinks: [12, 4],
      iSize: [16, 8],
      iBlocks: [24, 8],
      iAtime: [32, 8],
      iCtime: [40, 8],
      iMtime: [48, 8],
      iAtimeNsec: [56, 4],
      iCtimeNsec: [60, 4],
      iMtimeNsec: [64, 4],
      iGeneration: [68, 4],
      iCurrentDepth: [72, 4],
      iXattrNid: [76, 4],
      iFlags: [80, 4],
      iPino: [84, 4],
      iNamelen: [88, 4],
      iName: [92, 255],
      iDirLevel: [347, 1],
      extFofs: [348, 4],
      extBlk: [352, 4],
      extLen: [356, 4],
    },
  ],
  [
    // From byte 360 of the inode on.
    InodeExtra,
    36,
    {
      iExtraIsize: [0, 2],
      iInlineXattrSize: [2, 2],
      iProjid: [4, 4],
      iInodeChecksum: [8, 4],
      iCrtime: [12, 8],
      iCrtimeNsec: [20, 4],
      iComprBlocks: [24, 8],
      iCompressAlgorithm: [32, 1],
      iLogClusterSize: [33, 1],
      iCompressFlag: [34, 2],
    },
  ],
  [
    // cp_ver is one le64 in the header; its high half may hold a CRC.
    NodeFooter,
    24,
    { nid: [0, 4], ino: [4, 4], flag: [8, 4], cpVer: [12, 4], cpVerCrc: [16, 4], nextBlkaddr: [20, 4] },
  ],
  [NatEntry, 9, { version: [0, 1], ino: [1, 4], blockAddr: [5, 4] }],
  [NatJournalEntry, 13, { nid: [0, 4], version: [4, 1], ino: [5, 4], blockAddr: [9, 4] }],
  [SitEntry, 74, { vblocks: [0, 2], validMap: [2, 64], mtime: [66, 8] }],
  [SitJournalEntry, 78, { segno: [0, 4], vblocks: [4, 2], validMap: [6, 64], mtime: [70, 8] }],
  [SummaryEntry, 7, { nid: [0, 4], version: [4, 1], ofsInNode: [5, 2] }],
  [SummaryFooter, 5, { entryType: [0, 1], checkSum: [1, 4] }],
  [DirEntry, 11, { hashCode: [0, 4], ino: [4, 4], nameLen: [8, 2], fileType: [10, 1] }],
  [
    XattrHeader,
    24,
    {
      magic: [0, 4],
      refcount: [4, 4],
      reserved0: [8, 4],
      reserved1: [12, 4],
      reserved2: [16, 4],
      reserved3: [20, 4],
    },
  ],
  [XattrEntry, 4, { nameIndex: [0, 1], nameLen: [1, 1], valueSize: [2, 2] }],
];

describe('structures stand as f2fs_fs.h has them', () => {
  it.each(structures.map((row) => [row[0].name, ...row] as const))('%s', (_name, struct, size, fields) => {
    expect(struct.size).toBe(size);
    const declared = Object.keys(struct.offsets).map((field) => [
      field,
      [struct.offsets[field], struct.ends[field] - struct.offsets[field]],
    ]);
    expect(Object.fromEntries(declared)).toEqual(fields);
  });

  it('the inode block: i_addr, i_nid, checksum, footer', () => {
    expect(I_ADDR_OFFSET).toBe(360);
    expect(I_NID_OFFSET).toBe(4052);
    expect(INODE_CHECKSUM_OFFSET).toBe(368);
    expect(TOTAL_EXTRA_ISIZE).toBe(36);
    expect(NODE_FOOTER_OFFSET).toBe(4072);
  });

  it('checksums: superblock, checkpoint, version bitmaps', () => {
    expect(SB_CHECKSUM_OFFSET).toBe(3068);
    expect(CP_CHECKSUM_OFFSET).toBe(4092);
    expect(CP_BITMAP_OFFSET).toBe(192);
    expect(MAX_BITMAP_SIZE_IN_CKPT).toBe(3900);
    expect(ORPHANS_PER_BLOCK).toBe(1020);
  });

  it('entries of a SIT block and of a NAT block', () => {
    expect(SIT_ENTRIES_PER_BLOCK).toBe(55);
    expect(NAT_ENTRIES_PER_BLOCK).toBe(455);
  });

  it('a summary block: 512 entries of 7 bytes, a journal of 507, a footer of 5', () => {
    expect(SUM_JOURNAL_OFFSET).toBe(3584);
    expect(SUM_JOURNAL_SIZE).toBe(507);
    expect(SUM_FOOTER_OFFSET).toBe(4091);
    expect(NAT_JOURNAL_ENTRIES).toBe(38);
    expect(SIT_JOURNAL_ENTRIES).toBe(6);
  });

  it('a compact summary: both journals, then entries; then entries alone', () => {
    expect(COMPACT_SIT_JOURNAL_OFFSET).toBe(507);
    expect(COMPACT_ENTRIES_OFFSET).toBe(1014);
    expect(COMPACT_ENTRIES_FIRST).toBe(439);
    expect(COMPACT_ENTRIES_NEXT).toBe(584);
  });
});

describe('dentry areas', () => {
  it('a block: 27 bytes of bitmap, 3 reserved, 214 entries of 11, 214 names of 8', () => {
    expect(DIR_ENTRY_SIZE).toBe(11);
    expect(DENTRY_BLOCK).toEqual({ slots: 214, bitmapBytes: 27, entries: 30, names: 2384, size: 4096 });
  });

  it.each([
    // The comment on space utilization in f2fs_fs.h: default and least.
    [3488, { slots: 182, bitmapBytes: 23, entries: 30, names: 2032, size: 3488 }],
    [40, { slots: 2, bitmapBytes: 1, entries: 2, names: 24, size: 40 }],
    // With 36 bytes of extra attributes: 3452 * 8 / 153 slots.
    [3452, { slots: 180, bitmapBytes: 23, entries: 32, names: 2012, size: 3452 }],
  ])('inside an inode, %i bytes', (size, layout) => {
    expect(dentryLayout(size)).toEqual(layout);
  });

  it.each([
    [1, 1],
    [8, 1],
    [9, 2],
    [16, 2],
    [17, 3],
    [255, 32],
  ])('a name of %i bytes takes %i slots', (length, slots) => {
    expect(dentrySlots(length)).toBe(slots);
  });
});

describe('inline contents', () => {
  it.each([
    // extra bytes, inline xattr words, bytes that fit, first byte
    [0, 0, 3688, 364],
    [0, 50, 3488, 364],
    [36, 0, 3652, 400],
    [36, 50, 3452, 400],
    [36, 100, 3252, 400],
  ])('%i bytes of extra attributes, %i words of xattrs: %i bytes from %i on', (extra, words, size, offset) => {
    expect(maxInlineData(extra, words, BLOCK)).toBe(size);
    expect(inlineDataOffset(extra)).toBe(offset);
  });
});

describe('xattr entries', () => {
  it.each([
    [0, 0, 4],
    [1, 0, 8],
    [4, 0, 8],
    [4, 1, 12],
    [3, 9, 16],
    [255, 3000, 3260],
  ])('a name of %i bytes and a value of %i take %i', (name, value, size) => {
    expect(xattrEntrySize(name, value)).toBe(size);
  });

  it('a block of them ends where the node footer begins', () => {
    expect(XATTR_BLOCK_SIZE).toBe(4072);
  });
});

describe('fields', () => {
  const bytes = new Uint8Array(64);
  const dv = viewOf(bytes);

  it('are little-endian, packed, and leave their neighbours alone', () => {
    bytes.fill(0xee);
    const entry = new NatEntry(dv, 3);
    entry.version = 0x12;
    entry.ino = 0x89abcdef;
    entry.blockAddr = 0xfffffffe;
    expect(Buffer.from(bytes.subarray(2, 13)).toString('hex')).toBe('ee12efcdab89feffffffee');
    expect([entry.version, entry.ino, entry.blockAddr]).toEqual([0x12, 0x89abcdef, 0xfffffffe]);
  });

  it('follow their base', () => {
    bytes.fill(0);
    const entry = new SummaryEntry(dv);
    for (let i = 0; i < 5; i++) {
      entry.base = 7 * i;
      entry.nid = i + 1;
    }
    expect([0, 7, 14, 21, 28].map((at) => dv.getUint32(at, true))).toEqual([1, 2, 3, 4, 5]);
  });

  it.each([
    [0, '0000000000000000'],
    [4096, '0010000000000000'],
    [2 ** 32, '0000000001000000'],
    [2 ** 53 - 1, 'ffffffffffff1f00'],
  ])('unsigned 64 bits: %i', (value, hex) => {
    const inode = new Inode(viewOf(new Uint8Array(360)));
    inode.iSize = value;
    expect(Buffer.from(inode.dv.buffer, 16, 8).toString('hex')).toBe(hex);
    expect(inode.iSize).toBe(value);
  });

  it.each([
    [-1, 'ffffffffffffffff'],
    [-(2 ** 32) - 5, 'fbfffffffeffffff'],
    [-(2 ** 53), '000000000000e0ff'],
    [4_102_444_800, '005786f400000000'],
  ])('signed seconds: %i', (value, hex) => {
    const inode = new Inode(viewOf(new Uint8Array(360)));
    inode.iAtime = value;
    expect(Buffer.from(inode.dv.buffer, 32, 8).toString('hex')).toBe(hex);
    expect(inode.iAtime).toBe(value);
  });

  it('of 64 bits refuse what a number cannot hold, by name', () => {
    const inode = new Inode(viewOf(new Uint8Array(360)));
    inode.dv.setBigUint64(16, 2n ** 53n, true);
    inode.dv.setBigInt64(32, -(2n ** 53n) - 1n, true);
    const code = expect.objectContaining({ code: 'EUCLEAN' }) as F2fsError;
    expect(() => inode.iSize).toThrow(code);
    expect(() => inode.iSize).toThrow(/f2fs_inode\.iSize/);
    expect(() => inode.iAtime).toThrow(code);
  });

  it('of bytes are padded with zeros, and cut', () => {
    const target = new Uint8Array(3072).fill(0xff);
    const sb = new Superblock(viewOf(target));
    sb.uuid = Uint8Array.of(1, 2, 3);
    expect([...target.subarray(107, 125)]).toEqual([0xff, 1, 2, 3, ...new Array(13).fill(0), 0xff]);
    sb.uuid = new Uint8Array(20).fill(7);
    expect([target[107], target[123], target[124]]).toEqual([0xff, 7, 0xff]);
  });
});
