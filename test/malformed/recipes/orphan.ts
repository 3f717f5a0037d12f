// Orphan blocks, and the inodes that they list: numbers that are no orphan's, and orphans that can't be taken apart.

import { BLKSIZE } from '../../../src/device/device.ts';
import { CP } from '../../../src/format/checkpoint.ts';
import { viewOf } from '../../../src/format/struct.ts';
import { ORPHANS_PER_BLOCK, OrphanBlock } from '../../blocks-of-4k.ts';
import type { DamagedImage, NodeParts } from '../damaged-image.ts';
import { metadataOf } from '../metadata.ts';
import { HUGE, type Recipe } from '../recipe.ts';

/** Inode numbers that the base lists, in the order in which the files lost their names. */
function listed(image: DamagedImage): number[] {
  const [blkaddr] = metadataOf(image.base).blocks.get('orphans') as readonly number[];
  const orphans = new OrphanBlock(viewOf(image.base.bytes.subarray(blkaddr * BLKSIZE, (blkaddr + 1) * BLKSIZE)));
  return Array.from({ length: orphans.entryCount }, (_, i) => orphans.dv.getUint32(4 * i, true));
}

function inBlock<T>(image: DamagedImage, use: (block: OrphanBlock) => T): T {
  const [blkaddr] = metadataOf(image.base).blocks.get('orphans') as readonly number[];
  const result = use(new OrphanBlock(viewOf(image.block(blkaddr))));
  image.seal('orphans', blkaddr);
  return result;
}

const block = (change: (block: OrphanBlock, image: DamagedImage) => void) => (image: DamagedImage) =>
  inBlock(image, (orphans) => change(orphans, image));

/** Puts a number in the place of the first. */
const list = (ino: (image: DamagedImage) => number) =>
  block((orphans, image) => orphans.dv.setUint32(0, ino(image), true));

/** Changes the inode of the `which`-th orphan: 0 has inline data, 1 blocks, 2 a direct node and an xattr node. */
const orphan = (which: number, change: (node: NodeParts, image: DamagedImage) => void) => (image: DamagedImage) =>
  image.node(listed(image)[which], (node) => change(node, image));

type Row = readonly [name: string, expect: string, damage: (image: DamagedImage) => void];

const ofBlocks: Row[] = [
  ['more than a block holds', 'EUCLEAN', block((it) => (it.entryCount = ORPHANS_PER_BLOCK + 1))],
  ['2^32 - 1 of them', 'EUCLEAN', block((it) => (it.entryCount = HUGE))],
  ['none in the block', 'recovers', block((it) => (it.entryCount = 0))],
  ['more than there are', 'EUCLEAN', block((it) => it.entryCount++)],
  ['block number 9 of 1', 'recovers', block((it) => (it.blkAddr = 9))],
  ['of 65535 blocks', 'recovers', block((it) => (it.blkCount = 0xffff))],
  [
    'a checksum that does not hold',
    'recovers',
    (image) => {
      const [blkaddr] = metadataOf(image.base).blocks.get('orphans') as readonly number[];
      image.block(blkaddr)[4092] ^= 1;
    },
  ],
  ['a block of zeros', 'recovers', block((it) => new Uint8Array(it.dv.buffer, it.dv.byteOffset, BLKSIZE).fill(0))],
  ['a block of ones', 'EUCLEAN', block((it) => new Uint8Array(it.dv.buffer, it.dv.byteOffset, BLKSIZE).fill(0xff))],
  ['a flag without a block', 'EUCLEAN', (image) => image.checkpoint((cp) => (cp.cpPackStartSum = 1))],
  ['a block without a flag', 'recovers', (image) => image.checkpoint((cp) => (cp.ckptFlags &= ~CP.ORPHAN_PRESENT))],
  ['inode 0', 'EUCLEAN', list(() => 0)],
  ['inode 1', 'EUCLEAN', list(() => 1)],
  ['inode 2', 'EUCLEAN', list(() => 2)],
  ['the root', 'EUCLEAN', list(() => 3)],
  ['an inode out of range', 'EUCLEAN', list(() => HUGE)],
  ['the inode past the last', 'EUCLEAN', list((image) => image.layout.maxNid)],
  ['a free inode', 'EUCLEAN', list(() => 5000)],
  ['a direct node', 'EUCLEAN', list((image) => image.nidOf('/wide', 0))],
  ["an orphan's xattr node", 'EUCLEAN', list((image) => xattrNid(image))],
  ['a file that has a name', 'EUCLEAN', list((image) => image.ino('/overwritten'))],
  ['a directory that has a name', 'EUCLEAN', list((image) => image.ino('/kept'))],
  ['one twice', 'recovers', list((image) => listed(image)[1])],
];

function xattrNid(image: DamagedImage): number {
  let nid = 0;
  image.node(listed(image)[2], ({ inode }) => {
    nid = inode.iXattrNid;
  });
  return nid;
}

const ofInodes: Row[] = [
  ['with a link', 'EUCLEAN', orphan(1, ({ inode }) => (inode.iLinks = 1))],
  ['with 2^32 - 1 links', 'EUCLEAN', orphan(1, ({ inode }) => (inode.iLinks = HUGE))],
  ['of mode 0', 'EUCLEAN', orphan(0, ({ inode }) => (inode.iMode = 0))],
  ['without blocks', 'recovers', orphan(0, ({ inode }) => (inode.iBlocks = 0))],
  ['with fewer blocks than it has', 'recovers', orphan(1, ({ inode }) => (inode.iBlocks = 2))],
  ['with more blocks than it has', 'recovers', orphan(1, ({ inode }) => (inode.iBlocks = 200))],
  ['of 2^44 bytes', 'EUCLEAN', orphan(1, ({ inode }) => (inode.iSize = 2 ** 44))],
  ['of 2 TiB', 'recovers', orphan(1, ({ inode }) => (inode.iSize = 2 ** 41))],
  ['whose footer names another', 'EUCLEAN', orphan(0, ({ footer }) => footer.nid++)],
  ['of zeros', 'EUCLEAN', orphan(0, ({ bytes }) => bytes.fill(0))],
  ['of ones', 'EUCLEAN', orphan(0, ({ bytes }) => bytes.fill(0xff))],
  ['that is a directory all at once', 'recovers', orphan(1, ({ inode }) => (inode.iMode = 0o040755))],
  ['with a page before the main area', 'EUCLEAN', orphan(1, ({ dv, addrs }) => dv.setUint32(addrs, 5, true))],
  [
    'with a page past the main area',
    'EUCLEAN',
    orphan(1, ({ dv, addrs }, image) => dv.setUint32(addrs, image.layout.mainEnd, true)),
  ],
  [
    'with a page that is free',
    'EUCLEAN',
    orphan(1, ({ dv, addrs }, image) => dv.setUint32(addrs, image.layout.mainEnd - 1, true)),
  ],
  [
    'with a page twice',
    'EUCLEAN',
    orphan(1, ({ dv, addrs }) => dv.setUint32(addrs + 4, dv.getUint32(addrs, true), true)),
  ],
  ['its own xattr node', 'EUCLEAN', orphan(2, ({ inode, footer }) => (inode.iXattrNid = footer.nid))],
  ['with an xattr node that is free', 'EUCLEAN', orphan(2, ({ inode }) => (inode.iXattrNid = 5000))],
  ['with an xattr node out of range', 'EUCLEAN', orphan(2, ({ inode }) => (inode.iXattrNid = HUGE))],
  ['with the root for a direct node', 'EUCLEAN', orphan(2, ({ dv, nids }) => dv.setUint32(nids, 3, true))],
  [
    "with another file's direct node",
    'EUCLEAN',
    orphan(2, ({ dv, nids }, image) => dv.setUint32(nids, image.nidOf('/wide', 0), true)),
  ],
  [
    'with itself for a direct node',
    'EUCLEAN',
    orphan(2, ({ dv, nids, footer }) => dv.setUint32(nids, footer.nid, true)),
  ],
  [
    'with its direct node for an indirect one',
    'EUCLEAN',
    orphan(2, ({ dv, nids }) => dv.setUint32(nids + 8, dv.getUint32(nids, true), true)),
  ],
];

export const orphanRecipes: readonly Recipe[] = [...ofBlocks, ...ofInodes].map(([name, expect, damage]) => ({
  class: 'orphan',
  name,
  base: 'orphans',
  touch: 'recovery',
  expect,
  damage,
}));
