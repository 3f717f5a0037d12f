// Builds the inodes and dentry blocks of the root and lost+found, and the NAT block that leads to the root.
import { BLKSIZE, FEATURES, S_IFDIR } from '../format/constants.ts';
import { DENTRY_BLOCK, DIR_ENTRY_SIZE, DirEntry, dentrySlots, FT, SLOT_LEN } from '../format/dentry.ts';
import { nameHash } from '../format/hash.ts';
import { checksumSeed, I_ADDR_OFFSET, INLINE, Inode, InodeExtra, inodeChecksum } from '../format/inode.ts';
import { NAT_ENTRY_SIZE, NatEntry } from '../format/nat.ts';
import { NODE_FOOTER_OFFSET, NodeFooter } from '../format/node.ts';
import { viewOf } from '../format/struct.ts';
import { utf8Bytes } from '../platform/bytes.ts';
import { mkfsExtraIsize } from './features.ts';
import {
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

function fillTimes(inode: Inode, seconds: number): void {
  inode.iAtime = seconds;
  inode.iCtime = seconds;
  inode.iMtime = seconds;
}

/** A directory's inode block: one dentry block, no inline anything. Source: f2fs_write_root_inode, f2fs_write_lpf_inode. */
function directoryInode(plan: FormatPlan, directory: Directory): Uint8Array {
  const block = new Uint8Array(BLKSIZE);
  const dv = viewOf(block);
  const inode = new Inode(dv);
  inode.iMode = S_IFDIR | directory.permissions;
  inode.iLinks = directory.nrLinks;
  inode.iUid = plan.rootUid;
  inode.iGid = plan.rootGid;
  inode.iSize = BLKSIZE;
  inode.iBlocks = 2;
  fillTimes(inode, plan.timestamp);
  inode.iCurrentDepth = 1;
  inode.iPino = directory.parentIno;
  inode.iNamelen = directory.name.length;
  inode.iName = utf8Bytes(directory.name);

  const extraIsize = mkfsExtraIsize(plan.features);
  const extra = new InodeExtra(dv, I_ADDR_OFFSET);
  if (extraIsize > 0) {
    inode.iInline = INLINE.EXTRA_ATTR;
    extra.iExtraIsize = extraIsize;
  }
  if ((plan.features & FEATURES.inode_crtime) !== 0) extra.iCrtime = plan.timestamp;
  dv.setUint32(I_ADDR_OFFSET + extraIsize, dentryBlkaddr(plan, directory.ino), true);

  const footer = new NodeFooter(dv, NODE_FOOTER_OFFSET);
  footer.nid = directory.ino;
  footer.ino = directory.ino;
  footer.cpVer = 1;
  footer.nextBlkaddr = inodeBlkaddr(plan, directory.ino) + 1;
  if ((plan.features & FEATURES.inode_checksum) !== 0) {
    extra.iInodeChecksum = inodeChecksum(checksumSeed(plan.uuid), block, dv, 0);
  }
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
function dentryBlock(entries: readonly (readonly [name: string, ino: number])[]): Uint8Array {
  const block = new Uint8Array(BLKSIZE);
  const entry = new DirEntry(viewOf(block));
  let slot = 0;
  for (const [name, ino] of entries) {
    const nameBytes = utf8Bytes(name);
    entry.base = DENTRY_BLOCK.entries + slot * DIR_ENTRY_SIZE;
    entry.hashCode = nameHash(nameBytes);
    entry.ino = ino;
    entry.nameLen = nameBytes.length;
    entry.fileType = FT.DIR;
    block.set(nameBytes, DENTRY_BLOCK.names + slot * SLOT_LEN);
    for (const end = slot + dentrySlots(nameBytes.length); slot < end; slot++) block[slot >>> 3] |= 1 << (slot & 7);
  }
  return block;
}

/** The dentry blocks, in the order in which they stand in the hot data log. */
export function dentryBlocks(plan: FormatPlan): Uint8Array[] {
  const dots = [
    ['.', ROOT_INO],
    ['..', ROOT_INO],
  ] as const;
  if (!hasLostFound(plan)) return [dentryBlock(dots)];
  const lostFound = [
    ['.', LOST_FOUND_INO],
    ['..', ROOT_INO],
  ] as const;
  return [dentryBlock([...dots, [LOST_FOUND_NAME, LOST_FOUND_INO]]), dentryBlock(lostFound)];
}

/** The first NAT block: the node and meta inodes, which exist in name only, and the root. Source: f2fs_update_nat_root. */
export function natBlock(plan: FormatPlan): Uint8Array {
  const block = new Uint8Array(BLKSIZE);
  const entry = new NatEntry(viewOf(block));
  for (const ino of [NODE_INO, META_INO, ROOT_INO]) {
    entry.base = ino * NAT_ENTRY_SIZE;
    entry.ino = ino;
    entry.blockAddr = ino === ROOT_INO ? inodeBlkaddr(plan, ino) : 1;
  }
  return block;
}
