// Checkpoints: counts, log positions, bitmap sizes and pack shapes that can't be, and packs that are not whole.

import { BLKSIZE } from '../../../src/device/device.ts';
import { Checkpoint, CP, CP_BITMAP_OFFSET } from '../../../src/format/checkpoint.ts';
import { LOG_NAMES, NR_LOGS } from '../../../src/format/constants.ts';
import { viewOf } from '../../../src/format/struct.ts';
import { logPosition, setLogPosition } from '../../../src/volume/checkpoint-pack.ts';
import { ORPHANS_PER_BLOCK } from '../../blocks-of-4k.ts';
import type { DamagedImage } from '../damaged-image.ts';
import { HUGE, type Row, recipes, setImmense } from '../recipe.ts';

type NumberField = {
  [K in keyof Checkpoint]: Checkpoint[K] extends number ? K : never;
}[keyof Checkpoint];

/** Field, then values that it can't have. */
const BAD_VALUES: readonly (readonly [NumberField, ...number[]])[] = [
  ['userBlockCount', 0, 24 * 512, 2 ** 40],
  ['validBlockCount', 4097, 2 ** 40],
  ['rsvdSegmentCount', 0, 31, HUGE],
  ['overprovSegmentCount', 0],
  ['freeSegmentCount', 25, HUGE],
  ['validNodeCount', HUGE],
  ['validInodeCount', HUGE],
  ['sitVerBitmapBytesize', 0, 63, 4096, HUGE],
  ['natVerBitmapBytesize', 0, 63, 4096, HUGE],
  ['cpPackStartSum', 0, 511, HUGE],
];

const fields: Row[] = BAD_VALUES.flatMap(([field, ...values]) =>
  values.map((value): Row => {
    const damage = (image: DamagedImage) =>
      image.checkpoint((cp) => {
        cp[field] = value;
      });
    return [`${field} ${value}`, 'mount', 'EUCLEAN', damage];
  }),
);

const logs: Row[] = Array.from({ length: NR_LOGS }, (_, log): Row[] => {
  const move = (change: (position: { segno: number; blkoff: number; allocType: number }, cp: Checkpoint) => void) => {
    return (image: DamagedImage) =>
      image.checkpoint((cp) => {
        const position = logPosition(cp, log);
        change(position, cp);
        setLogPosition(cp, log, position.segno, position.blkoff, position.allocType);
      });
  };
  const name = LOG_NAMES[log];
  return [
    [`${name} log past the main area`, 'mount', 'EUCLEAN', move((position) => (position.segno = 24))],
    [`${name} log at block 512`, 'mount', 'EUCLEAN', move((position) => (position.blkoff = 512))],
    [`${name} log of allocation type 2`, 'mount', 'EUCLEAN', move((position) => (position.allocType = 2))],
    [
      `${name} log on another log's segment`,
      'mount',
      'EUCLEAN',
      move((position, cp) => (position.segno = logPosition(cp, (log + 1) % NR_LOGS).segno)),
    ],
  ];
}).flat();

/** Both blocks of the current pack and of the older one get a wrong checksum. */
function spoilBoth(image: DamagedImage): void {
  for (const current of [true, false]) for (const blkaddr of image.packBlocks(current)) image.block(blkaddr)[8] ^= 1;
}

/** A checksum that stands `offset` bytes into the block, and is right there. */
function checksumAt(offset: number) {
  return (image: DamagedImage) => image.checkpoint((cp) => (cp.checksumOffset = offset));
}

/** Puts a block of orphans into the current pack. */
function addOrphans(fill: (dv: DataView) => void) {
  return (image: DamagedImage): void => {
    const [start, end] = image.packBlocks();
    for (let blkaddr = end; blkaddr > start; blkaddr--) image.block(blkaddr + 1).set(image.block(blkaddr));
    const orphans = image.block(start + 1).fill(0);
    fill(viewOf(orphans));
    image.checkpoint(
      (cp) => {
        cp.ckptFlags |= CP.ORPHAN_PRESENT;
        cp.cpPackStartSum++;
        cp.cpPackTotalBlockCount++;
      },
      { ends: [0] },
    );
    image.block(end + 1).set(image.block(start));
  };
}

function listOrphan(ino: number) {
  return addOrphans((dv) => {
    dv.setUint32(0, ino, true);
    dv.setUint32(BLKSIZE - 8, 1, true);
  });
}

const flag =
  (set: number, clear = 0) =>
  (image: DamagedImage) =>
    image.checkpoint((cp) => (cp.ckptFlags = (cp.ckptFlags | set) & ~clear));

const rows: Row[] = [
  ['both packs spoilt', 'mount', 'EUCLEAN', spoilBoth],
  [
    'the newer pack spoilt: the older one counts',
    '/',
    'readable',
    (image) => image.checkpoint((cp) => cp.nextFreeNid++, { seal: false }),
  ],
  ['the newer pack without its end', '/', 'readable', (image) => image.block(image.packBlocks()[1]).fill(0)],
  ['ends of two versions', '/', 'readable', (image) => image.checkpoint((cp) => cp.checkpointVer++, { ends: [1] })],
  [
    'a version of 2^62',
    '/',
    'readable',
    (image) => image.checkpoint((cp) => setImmense(cp.dv, Checkpoint.offsets.checkpointVer)),
  ],
  ...[0, 1, 2, 513, HUGE].map((total): Row => {
    return [
      `a pack of ${total} blocks`,
      '/',
      'readable',
      (image) => image.checkpoint((cp) => (cp.cpPackTotalBlockCount = total)),
    ];
  }),
  ...[0, 191, 193, 4093, HUGE].map((offset): Row => {
    return [
      `checksum offset ${offset}`,
      '/',
      'readable',
      (image) => image.checkpoint((cp) => (cp.checksumOffset = offset), { seal: false }),
    ];
  }),
  ['a checksum amid nothing', '/', 'readable', checksumAt(2000)],
  ['a checksum over the bitmaps', 'mount', 'EUCLEAN', checksumAt(192)],
  ['summaries past the pack', 'mount', 'EUCLEAN', (image) => image.checkpoint((cp) => (cp.cpPackStartSum = 7))],
  [
    "summaries at the pack's last block",
    'mount',
    'EUCLEAN',
    (image) => image.checkpoint((cp) => (cp.cpPackStartSum = 6)),
  ],
  [
    'an elapsed time of 2^62',
    'mount',
    'EUCLEAN',
    (image) => image.checkpoint((cp) => setImmense(cp.dv, Checkpoint.offsets.elapsedTime)),
  ],
  ['next_free_nid out of range', '/', 'readable', (image) => image.checkpoint((cp) => (cp.nextFreeNid = HUGE))],
  ['no free segments', '/', 'readable', (image) => image.checkpoint((cp) => (cp.freeSegmentCount = 0))],
  ['all segments free', '/', 'readable', (image) => image.checkpoint((cp) => (cp.freeSegmentCount = 24))],
  [
    'no valid blocks or nodes',
    '/',
    'readable',
    (image) =>
      image.checkpoint((cp) => {
        cp.validBlockCount = 0;
        cp.validNodeCount = 0;
        cp.validInodeCount = 0;
      }),
  ],
  ['flags: large_nat_bitmap it has not', 'mount', 'EUCLEAN', flag(CP.LARGE_NAT_BITMAP)],
  ['flags: node summaries unsaid', '/', 'readable', flag(0, CP.UMOUNT)],
  ['flags: orphans without a block', '/', 'readable', flag(CP.ORPHAN_PRESENT)],
  ['flags: error', '/', 'readable', flag(CP.ERROR)],
  ['flags: needs fsck', '/', 'readable', flag(CP.FSCK)],
  ['flags: disabled', '/', 'readable', flag(CP.DISABLED)],
  ['flags: a resize cut off', '/', 'readable', flag(CP.RESIZEFS)],
  ['flags: all ones', 'mount', 'EUCLEAN', flag(HUGE)],
  [
    "the NAT's version bits turned",
    '/inline',
    'EUCLEAN',
    (image) =>
      image.checkpoint((cp) => {
        const bits = new Uint8Array(cp.dv.buffer, cp.dv.byteOffset + CP_BITMAP_OFFSET + cp.sitVerBitmapBytesize, 64);
        bits.forEach((byte, i) => {
          bits[i] = byte ^ 0xff;
        });
      }),
  ],
  ['an orphan, sound', '/', 'readable', listOrphan(20)],
  ['orphan 0', 'mount', 'EUCLEAN', listOrphan(0)],
  ['the root an orphan', 'mount', 'EUCLEAN', listOrphan(3)],
  ['an orphan out of range', 'mount', 'EUCLEAN', listOrphan(HUGE)],
  [
    'more orphans than a block holds',
    'mount',
    'EUCLEAN',
    addOrphans((dv) => dv.setUint32(BLKSIZE - 8, ORPHANS_PER_BLOCK + 1, true)),
  ],
  ['2^32 - 1 orphans', 'mount', 'EUCLEAN', addOrphans((dv) => dv.setUint32(BLKSIZE - 8, HUGE, true))],
];

const largeNat: Row[] = [
  ['large_nat_bitmap unsaid', 'mount', 'EUCLEAN', flag(0, CP.LARGE_NAT_BITMAP)],
  ['large_nat_bitmap in its deprecated layout', 'mount', 'EUCLEAN', checksumAt(4092)],
  [
    'a NAT bitmap past the block',
    'mount',
    'EUCLEAN',
    (image) => image.checkpoint((cp) => (cp.natVerBitmapBytesize = 4000)),
  ],
];

export const checkpointRecipes = [
  ...recipes('checkpoint', 'default', fields),
  ...recipes('checkpoint', 'default', logs),
  ...recipes('checkpoint', 'default', rows),
  ...recipes('checkpoint', 'large_nat', largeNat),
];
