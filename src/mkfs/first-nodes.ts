// Builds the inodes and data blocks of the root, the quota files and lost+found, and the NAT block that leads to the root.
import { FEATURES, S_IFDIR, S_IFMT, S_IFREG } from '../format/constants.ts';
import { dentrySlots, FT, putDentry } from '../format/dentry.ts';
import { nameHash } from '../format/hash.ts';
import {
  checksumSeed,
  I_ADDR_OFFSET,
  I_FLAGS,
  INODE_CHECKSUM_OFFSET,
  Inode,
  InodeExtra,
  inodeChecksum,
} from '../format/inode.ts';
import { NAT_ENTRY_SIZE, NatEntry } from '../format/nat.ts';
import { writeInode } from '../format/new-inode.ts';
import { NodeFooter, writeFooter } from '../format/node.ts';
import {
  DEFAULT_GRACE,
  QT_BLOCK_SIZE,
  QT_DEPTH,
  QT_ROOT,
  QUOTA_MAGICS,
  QUOTA_VERSION,
  QuotaBlockHeader,
  QuotaEntry,
  QuotaHeader,
  quotaFileBlocks,
  referenceAt,
} from '../format/quota.ts';
import { viewOf } from '../format/struct.ts';
import { utf8Bytes } from '../platform/bytes.ts';
import { mkfsExtraIsize } from './features.ts';
import {
  blockOf,
  dataBlkaddr,
  type FormatPlan,
  hasLostFound,
  inodeBlkaddr,
  lostFoundIno,
  META_INO,
  NODE_INO,
  QUOTA_BLOCKS,
  quotaIno,
  ROOT_INO,
} from './plan.ts';

export const LOST_FOUND_NAME = 'lost+found';

/** Of which inodes differ that a format makes. */
interface FirstInode {
  ino: number;
  mode: number;
  nrLinks: number;
  size: number;
  /** Data blocks. */
  nrBlocks: number;
  flags: number;
  parentIno: number;
  name: string;
  hasCrtime: boolean;
  /** Where the log goes on, as mkfs.f2fs 1.15 says it. */
  nextBlkaddr: number;
}

/** An inode block with its addresses, and without inline anything. Source: write_inode. */
function inodeBlock(plan: FormatPlan, inode: FirstInode): Uint8Array {
  const { blockSize, nodeFooterOffset } = blockOf(plan);
  const { ino } = inode;
  const block = new Uint8Array(blockSize);
  const dv = viewOf(block);
  const extraIsize = mkfsExtraIsize(plan.features);
  const time = { sec: plan.timestamp, nsec: 0 };
  writeInode(new Inode(dv), new InodeExtra(dv, I_ADDR_OFFSET), {
    mode: inode.mode,
    uid: plan.rootUid,
    gid: plan.rootGid,
    nlink: inode.nrLinks,
    size: inode.size,
    blocks: 1 + inode.nrBlocks,
    depth: (inode.mode & S_IFMT) === S_IFDIR ? 1 : 0,
    flags: inode.flags,
    generation: 0,
    advise: 0,
    inline: 0,
    extraIsize,
    projectId: 0,
    inlineXattrAddrs: 0,
    compress: null,
    atime: time,
    mtime: time,
    ctime: time,
    crtime: inode.hasCrtime && (plan.features & FEATURES.inode_crtime) !== 0 ? time : null,
    parentIno: inode.parentIno,
    name: utf8Bytes(inode.name),
    rdev: null,
  });
  const first = dataBlkaddr(plan, ino);
  for (let i = 0; i < inode.nrBlocks; i++) dv.setUint32(I_ADDR_OFFSET + extraIsize + 4 * i, first + i, true);
  writeFooter(dv, nodeFooterOffset, ino, ino, 0, false);
  const footer = new NodeFooter(dv, nodeFooterOffset);
  footer.cpVer = 1;
  footer.nextBlkaddr = inode.nextBlkaddr;
  if ((plan.features & FEATURES.inode_checksum) !== 0)
    dv.setUint32(INODE_CHECKSUM_OFFSET, inodeChecksum(checksumSeed(plan.uuid), block, dv, 0), true);
  return block;
}

type Directory = Pick<FirstInode, 'ino' | 'nrLinks' | 'parentIno' | 'name'> & { permissions: number };

/** A directory's inode block: one dentry block. Source: f2fs_write_root_inode, f2fs_write_lpf_inode. */
function directoryInode(plan: FormatPlan, { permissions, ...directory }: Directory): Uint8Array {
  return inodeBlock(plan, {
    ...directory,
    mode: S_IFDIR | permissions,
    size: plan.geometry.blockSize,
    nrBlocks: 1,
    flags: 0,
    hasCrtime: true,
    nextBlkaddr: inodeBlkaddr(plan, directory.ino) + 1,
  });
}

/** The inode block of the quota file that is the `nth`. Source: f2fs_write_qf_inode. */
function quotaInode(plan: FormatPlan, type: number, nth: number): Uint8Array {
  return inodeBlock(plan, {
    ino: quotaIno(nth),
    mode: S_IFREG | 0o600,
    nrLinks: 1,
    size: quotaFileBlocks([0]) * QT_BLOCK_SIZE,
    nrBlocks: QUOTA_BLOCKS,
    flags: I_FLAGS.IMMUTABLE,
    parentIno: 0,
    name: '',
    hasCrtime: false,
    // Of a file that stands further on where there are not all three. Nobody follows it.
    nextBlkaddr: inodeBlkaddr(plan, ROOT_INO) + 2 + type,
  });
}

/** The inode blocks, in the order in which they stand in the hot node log. */
export function inodeBlocks(plan: FormatPlan): Uint8Array[] {
  const nrLinks = hasLostFound(plan) ? 3 : 2;
  const root = directoryInode(plan, { ino: ROOT_INO, permissions: 0o755, nrLinks, parentIno: 0, name: '' });
  const blocks = [root, ...plan.quotaTypes.map((type, nth) => quotaInode(plan, type, nth))];
  if (!hasLostFound(plan)) return blocks;
  const ino = lostFoundIno(plan.quotaTypes.length);
  const lostFound = { ino, permissions: 0o700, nrLinks: 2, parentIno: ROOT_INO, name: LOST_FOUND_NAME };
  return [...blocks, directoryInode(plan, lostFound)];
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

/**
 * A quota file with its only entry, for who owns the root and lost+found. mkfs.f2fs leads to that of another owner than 0 by the way of
 * 0, so that nobody finds it. Source: f2fs_write_default_quota.
 */
function quotaBlocks(plan: FormatPlan, type: number): Uint8Array {
  const file = new Uint8Array(QUOTA_BLOCKS * plan.geometry.blockSize);
  const dv = viewOf(file);
  const owner = [plan.rootUid, plan.rootGid, 0][type];
  const nrDirectories = hasLostFound(plan) ? 2 : 1;
  const header = new QuotaHeader(dv);
  header.magic = QUOTA_MAGICS[type];
  header.version = QUOTA_VERSION;
  header.bgrace = DEFAULT_GRACE;
  header.igrace = DEFAULT_GRACE;
  header.blocks = quotaFileBlocks([owner]);
  const leaf = QT_ROOT + QT_DEPTH;
  header.freeEntry = leaf;
  for (let level = 0; level < QT_DEPTH; level++) {
    const blk = QT_ROOT + level;
    dv.setUint32(blk * QT_BLOCK_SIZE + referenceAt(owner, level), blk + 1, true);
  }
  new QuotaBlockHeader(dv, leaf * QT_BLOCK_SIZE).entries = 1;
  const entry = new QuotaEntry(dv, leaf * QT_BLOCK_SIZE + QuotaBlockHeader.size);
  entry.id = owner;
  entry.curinodes = nrDirectories;
  entry.curspace = nrDirectories * plan.geometry.blockSize;
  return file;
}

/** Dentries and quota files, in the order in which they stand in the hot data log. */
export function dataBlocks(plan: FormatPlan): Uint8Array[] {
  const dots = [
    ['.', ROOT_INO],
    ['..', ROOT_INO],
  ] as const;
  const quotas = plan.quotaTypes.map((type) => quotaBlocks(plan, type));
  if (!hasLostFound(plan)) return [dentryBlock(plan, dots), ...quotas];
  const ino = lostFoundIno(plan.quotaTypes.length);
  const lostFound = [
    ['.', ino],
    ['..', ROOT_INO],
  ] as const;
  return [dentryBlock(plan, [...dots, [LOST_FOUND_NAME, ino]]), ...quotas, dentryBlock(plan, lostFound)];
}

/** The first NAT block: the node and meta inodes, which exist in name only, the root and the quota files. Source: f2fs_update_nat_root. */
export function natBlock(plan: FormatPlan): Uint8Array {
  const block = new Uint8Array(plan.geometry.blockSize);
  const entry = new NatEntry(viewOf(block));
  const quotaInos = plan.quotaTypes.map((_, nth) => quotaIno(nth));
  for (const ino of [NODE_INO, META_INO, ROOT_INO, ...quotaInos]) {
    entry.base = ino * NAT_ENTRY_SIZE;
    entry.ino = ino;
    entry.blockAddr = ino >= ROOT_INO ? inodeBlkaddr(plan, ino) : 1;
  }
  return block;
}
