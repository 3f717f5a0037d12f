// Superblocks: counts, sizes and addresses that contradict each other or the device, and copies that disagree.
import { FEATURES, SUPER_OFFSET } from '../../../src/format/constants.ts';
import { Superblock } from '../../../src/format/superblock.ts';
import type { DamagedImage } from '../damaged-image.ts';
import { HUGE, type Row, recipes, setImmense } from '../recipe.ts';

type NumberField = {
  [K in keyof Superblock]: Superblock[K] extends number ? K : never;
}[keyof Superblock];

/** Field, then values that it can't have on the default base. */
const BAD_VALUES: readonly (readonly [NumberField, ...number[]])[] = [
  ['checksumOffset', 0, 3064],
  ['logSectorsize', 8, 13, HUGE],
  ['logSectorsPerBlock', 4, HUGE],
  ['logBlocksize', 0, 13, HUGE],
  ['logBlocksPerSeg', 0, 10, HUGE],
  ['segsPerSec', 0, 2, HUGE],
  ['secsPerZone', 0, 1000, HUGE],
  ['blockCount', 0, 511],
  ['sectionCount', 0, 23, 25, HUGE],
  ['segmentCount', 0, 8, 8 * 1024 * 1024 + 1, HUGE],
  ['segmentCountCkpt', 0, 1, 3, HUGE],
  ['segmentCountSit', 0, 1, 4, HUGE],
  ['segmentCountNat', 0, 1, 4, HUGE],
  ['segmentCountSsa', 0, 2, HUGE],
  ['segmentCountMain', 0, 5, 25, HUGE],
  ['segment0Blkaddr', 0, HUGE],
  ['cpBlkaddr', 0, 513, HUGE],
  ['sitBlkaddr', 0, 1537, HUGE],
  ['natBlkaddr', 0, 2561, HUGE],
  ['ssaBlkaddr', 0, 3585, HUGE],
  ['mainBlkaddr', 0, 4097, HUGE],
  ['rootIno', 0, 4],
  ['nodeIno', 0, 3],
  ['metaIno', 0, 3],
  ['extensionCount', 65, HUGE],
  ['hotExtCount', 255],
  ['cpPayload', 1, 504, HUGE],
];

const fields: Row[] = BAD_VALUES.flatMap(([field, ...values]) =>
  values.map((value): Row => {
    const damage = (image: DamagedImage) =>
      image.superblock((sb) => {
        sb[field] = value;
      });
    return [`${field} ${value}`, 'mount', 'EUCLEAN', damage];
  }),
);

const fillBoth = (byte: number) => (image: DamagedImage) => {
  for (const copy of [0, 1]) image.block(copy).fill(byte);
};

const rows: Row[] = [
  ['no magic', 'mount', 'EINVAL', (image) => image.superblock((sb) => (sb.magic = 0))],
  ['no magic in copy 1', '/', 'readable', (image) => image.superblock((sb) => (sb.magic = 0), { copies: [0] })],
  ['all zeros', 'mount', 'EINVAL', fillBoth(0)],
  ['all ones', 'mount', 'EINVAL', fillBoth(0xff)],
  ['bad checksums', 'mount', 'EUCLEAN', (image) => image.superblock((sb) => sb.minorVer++, { seal: false })],
  ['bad checksum 1', '/', 'readable', (image) => image.superblock((sb) => sb.crc++, { seal: false, copies: [0] })],
  ['bad checksum 2', '/', 'readable', (image) => image.superblock((sb) => sb.crc++, { seal: false, copies: [1] })],
  [
    'copy 1 of other segments',
    '/',
    'readable',
    (image) => image.superblock((sb) => sb.segmentCountMain++, { copies: [0] }),
  ],
  [
    'copy 2 of other segments',
    '/',
    'readable',
    (image) => image.superblock((sb) => sb.segmentCountMain++, { copies: [1] }),
  ],
  [
    'block_count of 2^62',
    'mount',
    'EUCLEAN',
    (image) => image.superblock((sb) => setImmense(sb.dv, SUPER_OFFSET + Superblock.offsets.blockCount)),
  ],
  [
    'sections x segments overflow',
    'mount',
    'EUCLEAN',
    (image) =>
      image.superblock((sb) => {
        sb.sectionCount = 0x10000;
        sb.segsPerSec = 0x10000;
        sb.segmentCountMain = 0;
      }),
  ],
  [
    'main area past the device, counts in step',
    'mount',
    'EUCLEAN',
    (image) =>
      image.superblock((sb) => {
        sb.sectionCount += 1000;
        sb.segmentCountMain += 1000;
        sb.segmentCount += 1000;
        sb.blockCount += 1000 * 512;
      }),
  ],
  [
    'a NAT of 2^31 segments, addresses wrapped',
    'mount',
    'EUCLEAN',
    (image) =>
      image.superblock((sb) => {
        sb.segmentCountNat = 0x8000_0002;
      }),
  ],
  ['an unknown feature', '/', 'readable', (image) => image.superblock((sb) => (sb.feature |= 0x4000_0000))],
  ['a second device', 'mount', 'EOPNOTSUPP', (image) => image.superblock((sb) => (sb.devs = Uint8Array.of(0x61)))],
  [
    'a label without an end',
    '/',
    'readable',
    (image) => image.superblock((sb) => (sb.volumeName = new Uint8Array(1024).fill(0x61))),
  ],
  [
    'extensions of any bytes',
    '/',
    'readable',
    (image) => image.superblock((sb) => (sb.extensionList = new Uint8Array(512).fill(0xff))),
  ],
  [
    'flexible_inline_xattr it never had',
    '/inline',
    'EUCLEAN',
    (image) => image.superblock((sb) => (sb.feature |= FEATURES.flexible_inline_xattr)),
  ],
  ['extra_attr gone', '/', 'EUCLEAN', (image) => image.superblock((sb) => (sb.feature &= ~FEATURES.extra_attr))],
  ['another uuid', '/', 'EUCLEAN', (image) => image.superblock((sb) => (sb.uuid = new Uint8Array(16)))],
];

export const superblockRecipes = [
  ...recipes('superblock', 'default', fields),
  ...recipes('superblock', 'default', rows),
];
