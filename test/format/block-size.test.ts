// What follows from the size of a block, against volumes that kernels with pages of 16 and 64 KiB wrote, and mkfs.f2fs -b for
// 8 KiB: the numbers were found in those, not taken from the code under test.
import * as fs from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type BlockGeometry, blockGeometry } from '../../src/format/block-size.ts';
import { dentryLayout } from '../../src/format/dentry.ts';

const SIZES = [4096, 8192, 16384, 65536];

/** What is no layout. */
type NumberOfBlocks = Exclude<keyof BlockGeometry, 'dentryBlock' | 'nodeSlots'>;

function numbersOf({ dentryBlock: _, nodeSlots: __, ...numbers }: BlockGeometry): Record<string, number> {
  return numbers;
}

/** Of each number, its values for blocks of 4, 8, 16 and 64 KiB. */
const NUMBERS: Partial<Record<NumberOfBlocks, readonly number[]>> = {
  blockSize: SIZES,
  logBlockSize: [12, 13, 14, 16],
  sectorsPerBlock: [8, 16, 32, 128],
  segmentSize: [2, 4, 8, 32].map((mib) => mib * 2 ** 20),
  maxVolumeSize: [16, 32, 64, 256].map((tib) => tib * 2 ** 40),
  cpChecksumOffset: [4092, 8188, 16380, 65532],
  maxBitmapSizeInCp: [3900, 7996, 16188, 65340],
  orphansPerBlock: [1020, 2044, 4092, 16380],
  natEntriesPerBlock: [455, 910, 1820, 7281],
  sitEntriesPerBlock: [55, 110, 221, 885],
  addrsPerInode: [923, 1947, 3995, 16283],
  inodeNidsOffset: [4052, 8148, 16340, 65492],
  nodeFooterOffset: [4072, 8168, 16360, 65512],
  addrsPerNode: [1018, 2042, 4090, 16378],
  maxFileBytes: [4_329_687_105_536, 2 ** 44, 2 ** 44, 2 ** 44],
  maxFileBlocks: [4_329_687_105_536 / 4096, 2 ** 31, 2 ** 30, 2 ** 28],
  maxInlineXattrAddrs: [903, 1927, 3975, 16263],
  xattrBlockSize: [4072, 8168, 16360, 65512],
  dentriesPerBlock: [214, 428, 856, 3426],
  summarySize: SIZES,
  summariesPerBlock: [1, 1, 1, 1],
  journalOffset: [3584, 7168, 14336, 57344],
  journalSize: [507, 1019, 2043, 8187],
  natJournalEntries: [38, 78, 157, 629],
  sitJournalEntries: [6, 13, 26, 104],
  summaryFooterOffset: [4091, 8187, 16379, 65531],
  compactSitJournalOffset: [507, 1019, 2043, 8187],
  compactEntriesOffset: [1014, 2038, 4086, 16374],
  compactEntriesFirst: [439, 878, 1756, 7022],
  compactEntriesNext: [584, 1169, 2339, 9361],
  compactEnd: [4091, 8187, 16379, 65531],
};

/** The same where packed_ssa says that each summary takes 4 KiB: what differs then. */
const PACKED: Partial<Record<NumberOfBlocks, readonly number[]>> = {
  summarySize: [4096, 4096, 4096, 4096],
  summariesPerBlock: [1, 2, 4, 16],
  journalOffset: [3584, 3584, 3584, 3584],
  journalSize: [507, 507, 507, 507],
  natJournalEntries: [38, 38, 38, 38],
  sitJournalEntries: [6, 6, 6, 6],
  summaryFooterOffset: [4091, 4091, 4091, 4091],
  compactSitJournalOffset: [507, 507, 507, 507],
  compactEntriesOffset: [1014, 1014, 1014, 1014],
  compactEntriesFirst: [439, 1024, 2195, 9216],
  compactEntriesNext: [584, 1169, 2339, 9361],
};

function numbersFor(table: typeof NUMBERS, which: number): Record<string, number> {
  return Object.fromEntries(Object.entries(table).map(([name, values]) => [name, values[which]]));
}

describe('what follows from the size of a block', () => {
  it.each(SIZES.map((size, which) => [size, which]))('%i bytes', (size, which) => {
    expect(numbersOf(blockGeometry(size))).toEqual(numbersFor(NUMBERS, which));
  });

  it.each(SIZES.map((size, which) => [size, which]))('%i bytes with packed_ssa', (size, which) => {
    expect(numbersOf(blockGeometry(size, true))).toEqual({
      ...numbersFor(NUMBERS, which),
      ...numbersFor(PACKED, which),
    });
  });

  // Bytes of inline contents: of the addresses, 9 are extra attributes, 50 inline xattrs and one is kept free.
  it.each([
    [4096, 0, 182, 23, 7],
    [4096, 9, 180, 23, 9],
    [8192, 0, 396, 50, 10],
    [8192, 9, 394, 50, 12],
    [16384, 0, 824, 103, 17],
    [16384, 9, 823, 103, 0],
    [65536, 0, 3394, 425, 17],
    [65536, 9, 3393, 425, 0],
  ])(
    'names within an inode of %i bytes, %i addresses of it extra attributes',
    (size, extra, slots, bitmap, reserved) => {
      const layout = dentryLayout(4 * (blockGeometry(size).addrsPerInode - extra - 50 - 1));
      expect([layout.slots, layout.bitmapBytes, layout.entries - layout.bitmapBytes]).toEqual([
        slots,
        bitmap,
        reserved,
      ]);
    },
  );

  it('a dentry block of each size: bitmap and reserved bytes', () => {
    const found = SIZES.map((size) => blockGeometry(size).dentryBlock);
    expect(found.map((layout) => layout.bitmapBytes)).toEqual([27, 54, 107, 429]);
    expect(found.map((layout) => layout.entries - layout.bitmapBytes)).toEqual([3, 6, 13, 13]);
  });

  it('the nodes under an inode of each size: their offsets in its tree', () => {
    const offsets = SIZES.map((size) => blockGeometry(size).nodeSlots.map(({ offset }) => offset));
    expect(offsets).toEqual([1018, 2042, 4090, 16378].map((nids) => [1, 2, 3, 4 + nids, 5 + 2 * nids]));
  });
});

/** Numbers that are what they are because blocks have 4 KiB. */
const DERIVED =
  /(?<![\w.])(4096|0x1000|4095|0xfff|4092|4091|4072|4052|3900|3584|1020|1018|923|903|864|584|507|455|439|214)(?!\w)/;
/** The same numbers with another meaning: counts, lengths of texts, sizes of sectors and of what is hashed, the formats of others. */
const OTHERS =
  /^(export )?const (PATH_MAX|MAX_PATH|MAX_UNUSED|MAX_SEARCH|MIN_FRAMES|MAX_RING|DEFAULT_VERITY_BLOCK) = |sectorSize|major|(casefold|DISABLED|INDEX): 0x/;

it('no other module states a number that follows from the size of a block', () => {
  const rooms = ['format', 'device', 'pagecache', 'compress', 'volume', 'mkfs', 'writeback', 'file', 'inspect', 'fs'];
  const modules = rooms.flatMap((room) =>
    fs.readdirSync(`src/${room}`, { withFileTypes: true }).flatMap((entry) => {
      return entry.isFile() ? [`src/${room}/${entry.name}`] : [];
    }),
  );
  const stated = modules
    .filter((module) => !/(block-size|foreign)\.ts$/.test(module))
    .flatMap((module) =>
      fs
        .readFileSync(module, 'utf8')
        .split('\n')
        .filter((line) => !/^\s*(\/\/|\/?\*)/.test(line) && DERIVED.test(line) && !OTHERS.test(line.trim()))
        .map((line) => `${module}: ${line.trim()}`),
    );
  expect(stated).toEqual([]);
});
