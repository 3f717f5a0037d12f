// Compressed clusters: their slots, their headers, what is in them, and what their inodes say of them.
import { BLKSIZE } from '../../../src/device/device.ts';
import { ClusterHeader, clusterCapacity } from '../../../src/format/cluster.ts';
import { COMPRESS_ADDR, NEW_ADDR, NULL_ADDR } from '../../../src/format/constants.ts';
import { I_FLAGS, INLINE, InodeExtra } from '../../../src/format/inode.ts';
import { viewOf } from '../../../src/format/struct.ts';
import { CLUSTER_FILES } from '../base.ts';
import type { DamagedImage } from '../damaged-image.ts';
import { HUGE, inodeRows, type Row, recipes, setImmense } from '../recipe.ts';

/** Changes slots of a file of CLUSTER_FILES: those of a cluster of two blocks are 0 to 3, of one of three 4 to 7, raw 8 to 11. */
function slots(path: string, changes: Record<number, number | ((image: DamagedImage) => number)>) {
  return (image: DamagedImage): void =>
    image.inode(path, ({ dv, addrs }) => {
      for (const [slot, to] of Object.entries(changes)) {
        dv.setUint32(addrs + 4 * Number(slot), typeof to === 'number' ? to : to(image), true);
      }
    });
}

const blockOf = (path: string, slot: number) => (image: DamagedImage) => image.pageBlkaddr(path, slot);

/** Changes the header of a file's second cluster, which has three blocks. */
function header(path: string, change: (header: ClusterHeader) => void) {
  return (image: DamagedImage): void => change(new ClusterHeader(viewOf(image.block(image.pageBlkaddr(path, 5)))));
}

/** Changes the compressed bytes in the first block of a file's first cluster. */
function payload(path: string, change: (bytes: Uint8Array) => void) {
  return (image: DamagedImage): void => change(image.block(image.pageBlkaddr(path, 1)).subarray(ClusterHeader.size));
}

const ofSlots: Row[] = [
  ['COMPRESS_ADDR in slot 3', '/lz4', 'EUCLEAN', slots('/lz4', { 3: COMPRESS_ADDR })],
  ['COMPRESS_ADDR in slot 1', '/lz4', 'EUCLEAN', slots('/lz4', { 1: COMPRESS_ADDR })],
  ['COMPRESS_ADDR in a raw cluster', '/lz4', 'EUCLEAN', slots('/lz4', { 10: COMPRESS_ADDR })],
  ['COMPRESS_ADDR alone', '/lz4', 'EUCLEAN', slots('/lz4', { 8: COMPRESS_ADDR, 9: 0, 10: 0, 11: 0 })],
  ['COMPRESS_ADDR before raw blocks', '/lz4', 'EUCLEAN', slots('/lz4', { 8: COMPRESS_ADDR })],
  [
    'a block after a gap',
    '/lz4',
    'EUCLEAN',
    slots('/lz4', { 1: NEW_ADDR, 2: blockOf('/lz4', 1), 3: blockOf('/lz4', 2) }),
  ],
  ['a block after a hole', '/lz4', 'EUCLEAN', slots('/lz4', { 6: NULL_ADDR })],
  ['a block that the SIT has free', '/lz4', 'EUCLEAN', slots('/lz4', { 2: (image) => image.layout.mainEnd - 1 })],
  ['a block outside the main area', '/lz4', 'EUCLEAN', slots('/lz4', { 2: 5 })],
  ['block 0xfffffffd', '/lz4', 'EUCLEAN', slots('/lz4', { 2: 0xfffffffd })],
  ['no data block', '/lz4', 'EUCLEAN', slots('/lz4', { 1: NEW_ADDR, 2: NEW_ADDR })],
  ['no slot taken but the first', '/lz4', 'EUCLEAN', slots('/lz4', { 1: 0, 2: 0, 3: 0 })],
  ['one block less than there were', '/lz4', 'EUCLEAN', slots('/lz4', { 2: NEW_ADDR })],
  ['one block more', '/lz4', 'readable', slots('/lz4', { 3: blockOf('/lz4', 8) })],
  [
    'two blocks the wrong way round',
    '/lz4',
    'EUCLEAN',
    slots('/lz4', { 5: blockOf('/lz4', 6), 6: blockOf('/lz4', 5) }),
  ],
  ['blocks of a file of another algorithm', '/lz4', 'EUCLEAN', slots('/lz4', { 1: blockOf('/zstd', 1) }), ['/zstd']],
  [
    'blocks of another file of its kind',
    '/lz4',
    'readable',
    slots('/lz4', { 1: blockOf('/checked', 1) }),
    ['/checked'],
  ],
  ['a raw first block', '/lz4', 'readable', slots('/lz4', { 0: blockOf('/lz4', 8) })],
  ['slots that look released', '/lz4', 'readable', slots('/lz4', { 3: NULL_ADDR })],
  ['slots that look reserved', '/released', 'readable', slots('/released', { 3: NEW_ADDR })],
];

const ofHeaders: Row[] = [
  ['clen 0', '/lz4', 'EUCLEAN', header('/lz4', (it) => (it.clen = 0))],
  ['clen 1', '/lz4', 'EUCLEAN', header('/lz4', (it) => (it.clen = 1))],
  ['clen one past the blocks', '/lz4', 'EUCLEAN', header('/lz4', (it) => (it.clen = clusterCapacity(3, BLKSIZE) + 1))],
  ['clen 2^31', '/lz4', 'EUCLEAN', header('/lz4', (it) => (it.clen = 2 ** 31))],
  ['clen 2^32 - 1', '/lz4', 'EUCLEAN', header('/lz4', (it) => (it.clen = HUGE))],
  ['clen one less', '/lz4', 'EUCLEAN', header('/lz4', (it) => it.clen--)],
  ['clen one more', '/lz4', 'EUCLEAN', header('/lz4', (it) => it.clen++)],
  ['a checksum that none asked for', '/lz4', 'readable', header('/lz4', (it) => (it.chksum = 5))],
  ['a wrong checksum', '/checked', 'EUCLEAN', header('/checked', (it) => (it.chksum ^= 1))],
  ['no checksum', '/checked', 'EUCLEAN', header('/checked', (it) => (it.chksum = 0))],
  ['clen 0, with a checksum', '/checked', 'EUCLEAN', header('/checked', (it) => (it.clen = 0))],
  ['clen past the blocks, with a checksum', '/checked', 'EUCLEAN', header('/checked', (it) => (it.clen = HUGE))],
  ['a byte changed, with a checksum', '/checked', 'EUCLEAN', payload('/checked', (bytes) => (bytes[700] ^= 1))],
  ['clen 0, released', '/released', 'EUCLEAN', header('/released', (it) => (it.clen = 0))],
];

/** Bytes that are no bitstream of an algorithm. */
const ofPayloads: Row[] = Object.keys(CLUSTER_FILES).flatMap((path) => {
  const row = (name: string, change: (bytes: Uint8Array) => void): Row => [
    `${path}: ${name}`,
    path,
    'EUCLEAN',
    payload(path, change),
  ];
  return [
    row('zeros', (bytes) => bytes.fill(0)),
    row('all ones', (bytes) => bytes.fill(0xff)),
    row('every byte another', (bytes) => {
      for (let i = 0; i < bytes.length; i++) bytes[i] ^= 0x55;
    }),
    row('a beginning of zeros', (bytes) => bytes.fill(0, 0, 8)),
    row('a beginning of ones', (bytes) => bytes.fill(0xff, 0, 300)),
  ];
});

const ofInodes: Row[] = [
  ...inodeRows('/lz4', [
    ...[0, 1, 9, 31, 255].map(
      (log) =>
        [
          `clusters of 2^${log} pages`,
          'EUCLEAN',
          ({ extra }: { extra: InodeExtra }) => (extra.iLogClusterSize = log),
        ] as const,
    ),
    ['clusters of twice the pages', 'EUCLEAN', ({ extra }) => (extra.iLogClusterSize = 3)],
    ['clusters of 256 pages', 'EUCLEAN', ({ extra }) => (extra.iLogClusterSize = 8)],
    ...[4, 7, 255].map(
      (algorithm) =>
        [
          `algorithm ${algorithm}`,
          'EUCLEAN',
          ({ extra }: { extra: InodeExtra }) => (extra.iCompressAlgorithm = algorithm),
        ] as const,
    ),
    ...[0, 2, 3].map(
      (algorithm) =>
        [
          `of algorithm ${algorithm}, it says`,
          'EUCLEAN',
          ({ extra }: { extra: InodeExtra }) => (extra.iCompressAlgorithm = algorithm),
        ] as const,
    ),
    ['more saved blocks than blocks', 'readable', ({ inode, extra }) => (extra.iComprBlocks = inode.iBlocks + 1)],
    ['2^32 saved blocks', 'EUCLEAN', ({ extra }) => (extra.iComprBlocks = 2 ** 32)],
    [
      '2^62 saved blocks',
      'EUCLEAN',
      ({ dv, addrs, extra }) => setImmense(dv, addrs - extra.iExtraIsize + InodeExtra.offsets.iComprBlocks),
    ],
    ['no saved blocks', 'readable', ({ extra }) => (extra.iComprBlocks = 0)],
    ['a level past the last', 'readable', ({ extra }) => (extra.iCompressFlag |= 0xff00)],
    ['checksums, it says', 'EUCLEAN', ({ extra }) => (extra.iCompressFlag |= 1)],
    ['no compression, it says', 'EUCLEAN', ({ inode }) => (inode.iFlags &= ~I_FLAGS.COMPR)],
    ['released, it says', 'readable', ({ inode }) => (inode.iInline |= INLINE.COMPRESS_RELEASED)],
    ['an end within a cluster', 'readable', ({ inode }) => (inode.iSize = 2 * BLKSIZE + 5)],
    ['an end far away', 'readable', ({ inode }) => (inode.iSize = 800 * BLKSIZE)],
  ]),
  ...inodeRows('/released', [
    ['not released, it says', 'readable', ({ inode }) => (inode.iInline &= ~INLINE.COMPRESS_RELEASED)],
  ]),
];

export const clusterRecipes = [
  ...recipes('cluster', 'compressed', ofSlots),
  ...recipes('cluster', 'compressed', ofHeaders),
  ...recipes('cluster', 'compressed', ofPayloads),
  ...recipes('cluster', 'compressed', ofInodes),
];
