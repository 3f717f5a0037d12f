// The NAT and its journal: nodes without blocks, at other nodes' blocks, outside the main area, owned by another inode.

import { COMPRESS_ADDR, NEW_ADDR } from '../../../src/format/constants.ts';
import { NODE_DIR1 } from '../../../src/format/node.ts';
import { NAT_JOURNAL_ENTRIES } from '../../blocks-of-4k.ts';
import type { DamagedImage } from '../damaged-image.ts';
import { HUGE, type Row, recipes } from '../recipe.ts';

/** A node of each kind: what to read to come upon it, and its number. */
const NODES: readonly (readonly [string, string, (image: DamagedImage) => number])[] = [
  ['root', '/', (image) => image.ino('/')],
  ['inode', '/inline', (image) => image.ino('/inline')],
  ['inode in the journal', '/late', (image) => image.ino('/late')],
  ['directory', '/hashed', (image) => image.ino('/hashed')],
  ['direct node', '/wide', (image) => image.nidOf('/wide', NODE_DIR1)],
  ['xattr node', '/loaded', (image) => image.xattrNidOf('/loaded')],
];

const entries: Row[] = NODES.flatMap(([kind, touch, nidOf]) => {
  const entry = (change: (entry: { ino: number; blockAddr: number }, image: DamagedImage) => void) => {
    return (image: DamagedImage) => change(image.nat(nidOf(image)), image);
  };
  const at = (name: string, blkaddr: (image: DamagedImage) => number): Row => {
    return [`${kind} ${name}`, touch, 'EUCLEAN', entry((nat, image) => (nat.blockAddr = blkaddr(image)))];
  };
  return [
    at('free', () => 0),
    at('at NEW_ADDR', () => NEW_ADDR),
    at('at COMPRESS_ADDR', () => COMPRESS_ADDR),
    at('at block 1', () => 1),
    at('before the main area', (image) => image.layout.mainBlkaddr - 1),
    at('past the main area', (image) => image.layout.mainEnd),
    at("at another node's block", (image) => image.blkaddrOf(image.ino('/few'))),
    at('at a data block', (image) => image.pageBlkaddr('/direct', 0)),
    at('at a free block', (image) => image.layout.mainEnd - 1),
    [`${kind} of inode 0`, touch, 'EUCLEAN', entry((nat) => (nat.ino = 0))],
    [`${kind} of another inode`, touch, 'EUCLEAN', entry((nat, image) => (nat.ino = image.ino('/few')))],
  ];
});

const journal = (change: (dv: DataView, at: number, first: number) => void) => (image: DamagedImage) => {
  const found = image.journal('nat');
  change(found.dv, found.at, image.journalEntry(found, 0));
};

const journals: Row[] = [
  [
    'journal of too many entries',
    'mount',
    'EUCLEAN',
    journal((dv, at) => dv.setUint16(at, NAT_JOURNAL_ENTRIES + 1, true)),
  ],
  ['journal of 65535 entries', 'mount', 'EUCLEAN', journal((dv, at) => dv.setUint16(at, 0xffff, true))],
  ['journal with node 0', 'mount', 'EUCLEAN', journal((dv, _, first) => dv.setUint32(first, 0, true))],
  ['journal with node 2', 'mount', 'EUCLEAN', journal((dv, _, first) => dv.setUint32(first, 2, true))],
  ['journal with a node out of range', 'mount', 'EUCLEAN', journal((dv, _, first) => dv.setUint32(first, HUGE, true))],
  [
    'journal with one past the last node',
    'mount',
    'EUCLEAN',
    (image) => journal((dv, _, first) => dv.setUint32(first, image.layout.maxNid, true))(image),
  ],
  [
    'journal with a node twice',
    'mount',
    'EUCLEAN',
    journal((dv, _, first) => dv.setUint32(first + 13, dv.getUint32(first, true), true)),
  ],
  ['journal emptied: older nodes count', '/', 'EUCLEAN', journal((dv, at) => dv.setUint16(at, 0, true))],
  [
    'reserved nodes free',
    '/',
    'readable',
    (image) => {
      for (const nid of [1, 2]) image.nat(nid).blockAddr = 0;
    },
  ],
  ['block of zeros', '/inline', 'EUCLEAN', (image) => image.block(image.natBlkaddr(image.ino('/inline'))).fill(0)],
  ['block of ones', '/inline', 'EUCLEAN', (image) => image.block(image.natBlkaddr(image.ino('/inline'))).fill(0xff)],
];

export const natRecipes = [...recipes('nat', 'default', entries), ...recipes('nat', 'default', journals)];
