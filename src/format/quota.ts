// The quota files: what each user, group and project has, and may have, in a radix tree of blocks of 1 KiB by the id. The format is
// Linux's vfsv1 (QFMT_VFS_V1), the only one in files of the volume itself. Source: fs/quota/quotaio_v2.h, quota_tree.h, quota_tree.c.
import { struct, u16, u32, u64 } from './struct.ts';

/** Whose a quota file is: the superblock names one of each type. */
export const QUOTA = { USER: 0, GROUP: 1, PROJECT: 2 } as const;
export type QuotaType = (typeof QUOTA)[keyof typeof QUOTA];
export const QUOTA_TYPES: readonly QuotaType[] = [QUOTA.USER, QUOTA.GROUP, QUOTA.PROJECT];
/** Source: V2_INITQMAGICS. */
export const QUOTA_MAGICS = [0xd9c01f11, 0xd9c01927, 0xd9c03f14] as const;
export const QUOTA_VERSION = 1;

/** Bytes of a block of the file, whatever the volume's own have. */
export const QT_BLOCK_SIZE = 1024;
/** The root of the tree; block 0 is the file's header. */
export const QT_ROOT = 1;
/** Levels of references above the entries, each by 8 bits of the id. */
export const QT_DEPTH = 4;
/** Seconds that a soft limit may be exceeded, in a new file. Source: MAX_DQ_TIME. */
export const DEFAULT_GRACE = 7 * 24 * 60 * 60;

/** The start of block 0. */
export const QuotaHeader = struct('v2_disk_dqheader, v2_disk_dqinfo', 32, {
  magic: u32,
  version: u32,
  /** Seconds that soft limits may be exceeded: of space, of inodes. */
  bgrace: u32,
  igrace: u32,
  flags: u32,
  /** Blocks of the file. */
  blocks: u32,
  /** First of the list of free blocks, and of that of blocks with a free entry; 0: none. */
  freeBlk: u32,
  freeEntry: u32,
});
export type QuotaHeader = InstanceType<typeof QuotaHeader>;

/** The start of a block of entries, and of a free one, which has `nextFree` alone. */
export const QuotaBlockHeader = struct('qt_disk_dqdbheader', 16, {
  /** Neighbours in the list of blocks with a free entry. */
  nextFree: u32,
  prevFree: u32,
  /** Entries that are in use. */
  entries: u16,
  pad1: u16,
  pad2: u32,
});
export type QuotaBlockHeader = InstanceType<typeof QuotaBlockHeader>;

/** What one id has and may have; of zeros alone: a free entry. */
export const QuotaEntry = struct('v2r1_disk_dqblk', 72, {
  id: u32,
  pad: u32,
  /** Limits, 0: none. Of space in KiB. */
  ihardlimit: u64,
  isoftlimit: u64,
  /** Inodes. */
  curinodes: u64,
  bhardlimit: u64,
  bsoftlimit: u64,
  /** Bytes of the blocks of these inodes, without the inodes themselves. */
  curspace: u64,
  /** Seconds since 1970 when an exceeded soft limit becomes a hard one. */
  btime: u64,
  itime: u64,
});
export type QuotaEntry = InstanceType<typeof QuotaEntry>;

/** Entries of a block. */
export const QT_ENTRIES = Math.floor((QT_BLOCK_SIZE - QuotaBlockHeader.size) / QuotaEntry.size);

/** Byte, in a block of references at `level` (0: the root), of that which leads to an id. Source: get_index. */
export function referenceAt(id: number, level: number): number {
  return 4 * ((id >>> (8 * (QT_DEPTH - 1 - level))) & 0xff);
}

/** Blocks of a file with these ids alone, when it was made in their order. */
export function quotaFileBlocks(ids: Iterable<number>): number {
  let entries = 0;
  const references = QT_DEPTH - 1;
  const met = Array.from({ length: references }, () => new Set<number>());
  for (const id of ids) {
    entries++;
    for (let level = 1; level <= references; level++) met[level - 1].add(id >>> (8 * (QT_DEPTH - level)));
  }
  return QT_ROOT + 1 + met.reduce((sum, { size }) => sum + size, 0) + Math.ceil(entries / QT_ENTRIES);
}
