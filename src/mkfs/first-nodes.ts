// Builds the inodes and dentry blocks of the root and lost+found, and the NAT block that leads to the root.
import { FEATURES, S_IFDIR } from '../format/constants.ts';
import { dentrySlots, FT, putDentry } from '../format/dentry.ts';
import { nameHash } from '../format/hash.ts';
import {
  checksumSeed,
  I_ADDR_OFFSET,
  INODE_CHECKSUM_OFFSET,
  Inode,
  InodeExtra,
  inodeChecksum,
} from '../format/inode.ts';
import { NAT_ENTRY_SIZE, NatEntry } from '../format/nat.ts';
import { writeInode } from '../format/new-inode.ts';
import { NodeFooter, writeFooter } from '../format/node.ts';
import { viewOf } from '../format/struct.ts';
import { utf8Bytes } from '../platform/bytes.ts';
import { mkfsExtraIsize } from './features.ts';
import {
  blockOf,
  dentryBlkaddr,
  type FormatPlan,
  hasLostFound,
  inodeBlkaddr,
  LOST_FOUND_INO,
  META_INO,
  NODE_INO,
  ROOT_INO,
} from './plan.ts';

export const LOST_FOUND_NAME = 'lost+found';

interface Directory {
  ino: number;
  /** Permission bits. */
  permissions: number;
  nrLinks: number;
  parentIno: number;
  name: string;
}

/** A directory's inode block: one dentry block, no inline anything. Source: f2fs_write_root_inode, f2fs_write_lpf_inode. */
function directoryInode(plan: FormatPlan, directory: Directory): Uint8Array {
  const { blockSize, nodeFooterOffset } = blockOf(plan);
  const block = new Uint8Array(blockSize);
  const dv = viewOf(block);
  const extraIsize = mkfsExtraIsize(plan.features);
  const time = { sec: plan.timestamp, nsec: 0 };
  writeInode(new Inode(dv), new InodeExtra(dv, I_ADDR_OFFSET), {
    mode: S_IFDIR | directory.permissions,
    uid: plan.rootUid,
    gid: plan.rootGid,
    nlink: directory.nrLinks,
    size: blockSize,
    blocks: 2,
    depth: 1,
    flags: 0,
    generation: 0,
    advise: 0,
    inline: 0,
    extraIsize,
    inlineXattrAddrs: 0,
    compress: null,
    atime: time,
    mtime: time,
    ctime: time,
    crtime: (plan.features & FEATURES.inode_crtime) !== 0 ? time : null,
    parentIno: directory.parentIno,
    name: utf8Bytes(directory.name),
    rdev: null,
  });
  dv.setUint32(I_ADDR_OFFSET + extraIsize, dentryBlkaddr(plan, directory.ino), true);
  writeFooter(dv, nodeFooterOffset, directory.ino, directory.ino, 0, false);
  const footer = new NodeFooter(dv, nodeFooterOffset);
  footer.cpVer = 1;
  footer.nextBlkaddr = inodeBlkaddr(plan, directory.ino) + 1;
  if ((plan.features & FEATURES.inode_checksum) !== 0)
    dv.setUint32(INODE_CHECKSUM_OFFSET, inodeChecksum(checksumSeed(plan.uuid), block, dv, 0), true);
  return block;
}

/** The inode blocks, in the order in which they stand in the hot node log. */
export function inodeBlocks(plan: FormatPlan): Uint8Array[] {
  const nrLinks = hasLostFound(plan) ? 3 : 2;
  const root = directoryInode(plan, { ino: ROOT_INO, permissions: 0o755, nrLinks, parentIno: 0, name: '' });
  if (!hasLostFound(plan)) return [root];
  const lostFound = { ino: LOST_FOUND_INO, permissions: 0o700, nrLinks: 2, parentIno: ROOT_INO, name: LOST_FOUND_NAME };
  return [root, directoryInode(plan, lostFound)];
}

/** A dentry block of directories, each in the next free slots. */
function dentryBlock(plan: FormatPlan, entries: readonly (readonly [name: string, ino: number])[]): Uint8Array {
  const { blockSize, dentryBlock: layout } = blockOf(plan);
  const block = new Uint8Array(blockSize);
  const view = viewOf(block);
  let slot = 0;
  for (const [name, ino] of entries) {
    const bytes = utf8Bytes(name);
    putDentry(block, view, 0, layout, slot, bytes, nameHash(bytes), ino, FT.DIR);
    slot += dentrySlots(bytes.length);
  }
  return block;
}

/** The dentry blocks, in the order in which they stand in the hot data log. */
export function dentryBlocks(plan: FormatPlan): Uint8Array[] {
  const dots = [
    ['.', ROOT_INO],
    ['..', ROOT_INO],
  ] as const;
  if (!hasLostFound(plan)) return [dentryBlock(plan, dots)];
  const lostFound = [
    ['.', LOST_FOUND_INO],
    ['..', ROOT_INO],
  ] as const;
  return [dentryBlock(plan, [...dots, [LOST_FOUND_NAME, LOST_FOUND_INO]]), dentryBlock(plan, lostFound)];
}

/** The first NAT block: the node and meta inodes, which exist in name only, and the root. Source: f2fs_update_nat_root. */
export function natBlock(plan: FormatPlan): Uint8Array {
  const block = new Uint8Array(plan.geometry.blockSize);
  const entry = new NatEntry(viewOf(block));
  for (const ino of [NODE_INO, META_INO, ROOT_INO]) {
    entry.base = ino * NAT_ENTRY_SIZE;
    entry.ino = ino;
    entry.blockAddr = ino === ROOT_INO ? inodeBlkaddr(plan, ino) : 1;
  }
  return block;
}
