// The SIT and its journal: maps and counts that disagree, types that are none, blocks in use that it has free.

import { NODE_DIR1 } from '../../../src/format/node.ts';
import { SitEntry } from '../../../src/format/sit.ts';
import { SIT_JOURNAL_ENTRIES } from '../../blocks-of-4k.ts';
import type { DamagedImage } from '../damaged-image.ts';
import { HUGE, type Row, recipes, setImmense } from '../recipe.ts';

const segnoOfDirect = (image: DamagedImage): number => image.layout.segnoOf(image.pageBlkaddr('/direct', 0));
const entry = (change: (sit: InstanceType<typeof SitEntry>) => void) => (image: DamagedImage) =>
  change(image.sit(segnoOfDirect(image)));

/** Has a block free, in map and count. */
function free(image: DamagedImage, blkaddr: number): void {
  const { layout } = image;
  const sit = image.sit(layout.segnoOf(blkaddr));
  const blkoff = (blkaddr - layout.mainBlkaddr) % 512;
  sit.validMap[blkoff >>> 3] &= ~(0x80 >>> (blkoff & 7));
  sit.vblocks--;
}

const journal = (change: (dv: DataView, at: number, first: number) => void) => (image: DamagedImage) => {
  const found = image.journal('sit');
  change(found.dv, found.at, image.journalEntry(found, 0));
};

const rows: Row[] = [
  ['count too low', '/', 'EUCLEAN', entry((sit) => sit.vblocks--)],
  ['count too high', '/', 'EUCLEAN', entry((sit) => sit.vblocks++)],
  ['count of 1023', '/', 'EUCLEAN', entry((sit) => (sit.vblocks |= 0x3ff))],
  ['a bit too many', '/', 'EUCLEAN', entry((sit) => (sit.validMap[63] ^= 1))],
  ['map of zeros', '/', 'EUCLEAN', entry((sit) => sit.validMap.fill(0))],
  ['map of ones', '/', 'EUCLEAN', entry((sit) => sit.validMap.fill(0xff))],
  ['type 6', '/', 'EUCLEAN', entry((sit) => (sit.vblocks = (sit.vblocks & 0x3ff) | (6 << 10)))],
  ['type 63', '/', 'EUCLEAN', entry((sit) => (sit.vblocks |= 63 << 10))],
  ['time of 2^62', '/direct', 'readable', entry((sit) => setImmense(sit.dv, sit.base + SitEntry.offsets.mtime))],
  ["a file's block free", '/direct', 'EUCLEAN', (image) => free(image, image.pageBlkaddr('/direct', 3))],
  ["a directory's block free", '/hashed', 'EUCLEAN', (image) => free(image, image.pageBlkaddr('/hashed', 0))],
  ["a symlink's block free", '/long', 'EUCLEAN', (image) => free(image, image.pageBlkaddr('/long', 0))],
  ["an inode's block free", '/inline', 'EUCLEAN', (image) => free(image, image.blkaddrOf(image.ino('/inline')))],
  ["the root's block free", '/', 'EUCLEAN', (image) => free(image, image.blkaddrOf(3))],
  [
    "a direct node's block free",
    '/wide',
    'EUCLEAN',
    (image) => free(image, image.blkaddrOf(image.nidOf('/wide', NODE_DIR1))),
  ],
  [
    "an xattr node's block free",
    '/loaded',
    'EUCLEAN',
    (image) => free(image, image.blkaddrOf(image.xattrNidOf('/loaded'))),
  ],
  [
    'segment all free',
    '/direct',
    'EUCLEAN',
    entry((sit) => {
      sit.validMap.fill(0);
      sit.vblocks = 0;
    }),
  ],
  [
    'free segment in use',
    '/',
    'readable',
    (image) => {
      const sit = image.sit(20);
      sit.validMap.fill(0xff);
      sit.vblocks = 512;
    },
  ],
  ['block of ones', '/', 'EUCLEAN', (image) => image.block(image.sitBlkaddr(0)).fill(0xff)],
  [
    'block of zeros',
    '/',
    'EUCLEAN',
    (image) => {
      image.block(image.sitBlkaddr(0)).fill(0);
      journal((dv, at) => dv.setUint16(at, 0, true))(image);
    },
  ],
  [
    'journal of too many entries',
    'mount',
    'EUCLEAN',
    journal((dv, at) => dv.setUint16(at, SIT_JOURNAL_ENTRIES + 1, true)),
  ],
  ['journal of 65535 entries', 'mount', 'EUCLEAN', journal((dv, at) => dv.setUint16(at, 0xffff, true))],
  [
    'journal with a segment out of range',
    'mount',
    'EUCLEAN',
    journal((dv, _, first) => dv.setUint32(first, HUGE, true)),
  ],
  [
    'journal with one past the last segment',
    'mount',
    'EUCLEAN',
    journal((dv, _, first) => dv.setUint32(first, 24, true)),
  ],
  [
    'journal with a segment twice',
    'mount',
    'EUCLEAN',
    journal((dv, _, first) => dv.setUint32(first + 78, dv.getUint32(first, true), true)),
  ],
];

export const sitRecipes = recipes('sit', 'default', rows);
