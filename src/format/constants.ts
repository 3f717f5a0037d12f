// Numbers of the on-disk format that more than one structure needs. Source: include/linux/f2fs_fs.h.
import { isWhole } from '../check.ts';

export { BLKS_PER_SEG, LOG_BLKS_PER_SEG } from './block-size.ts';

/** Block addresses with a meaning of their own, found where a data block's address would stand. */
export const NULL_ADDR = 0;
/** Reserved, not yet written: counts in i_blocks. */
export const NEW_ADDR = 0xffffffff;
/** First slot of a compressed cluster. */
export const COMPRESS_ADDR = 0xfffffffe;

export const F2FS_SUPER_MAGIC = 0xf2f52010;
/** Bytes from the start of a superblock's block to the superblock. */
export const SUPER_OFFSET = 1024;

export const NAME_LEN_MAX = 255;
/** Bytes of the longest target of a symlink with its terminator, which is not stored. Source: limits.h of Linux. */
export const PATH_MAX = 4096;
/** The largest owner: all ones stands for nobody, and Linux could not change such a file. Source: uid_valid. */
export const MAX_ID = 0xfffffffe;

/** Logs (active segments), in the order of the kernel's CURSEG_* types. */
export const LOG = {
  HOT_DATA: 0,
  WARM_DATA: 1,
  COLD_DATA: 2,
  HOT_NODE: 3,
  WARM_NODE: 4,
  COLD_NODE: 5,
} as const;
export type Log = (typeof LOG)[keyof typeof LOG];
export const NR_LOGS = 6;
/** How many of the logs are data logs; the node logs follow them. */
export const NR_DATA_LOGS = 3;
export const LOG_NAMES = ['hot data', 'warm data', 'cold data', 'hot node', 'warm node', 'cold node'] as const;

/** Superblock feature bits, by the names that mkfs.f2fs -O and dump.f2fs use. */
export const FEATURES = {
  /** Directories and files may be encrypted. */
  encrypt: 0x0001,
  /** For zoned block devices. */
  blkzoned: 0x0002,
  /** Atomic writes of files. */
  atomic_write: 0x0004,
  /** Inodes have fields more, which most other features need. */
  extra_attr: 0x0008,
  /** Inodes have a project, whose space is limited. */
  project_quota: 0x0010,
  /** Inodes have a checksum. */
  inode_checksum: 0x0020,
  /** How much room an inode has for extended attributes is its own. */
  flexible_inline_xattr: 0x0040,
  /** Owners have limits of space, in files of the volume. */
  quota: 0x0080,
  /** Inodes have a time of their making. */
  inode_crtime: 0x0100,
  /** There is a directory lost+found. */
  lost_found: 0x0200,
  /** Files may be protected by a tree of hashes. */
  verity: 0x0400,
  /** The superblock has a checksum. */
  sb_checksum: 0x0800,
  /** Directories may take names that differ in case for one. */
  casefold: 0x1000,
  /** Files may be compressed. */
  compression: 0x2000,
  /** The volume is never written. */
  ro: 0x4000,
  /** A file stands for a whole device of several. */
  device_alias: 0x8000,
  /** Summaries of several segments share a block, where blocks are large. */
  packed_ssa: 0x10000,
} as const;
/** The name of a feature of a volume. */
export type Feature = keyof typeof FEATURES;

/** Signed or not. */
const isBits = isWhole(-(2 ** 31), 2 ** 32 - 1);

/** Names of the features set in the 32 `bits`, in bit order; unknown bits as `0x...`. Throws EINVAL for what is no such number. */
export function featureNames(bits: number): string[] {
  isBits(bits, 'feature bits');
  const names: string[] = [];
  let left = bits;
  for (const [name, bit] of Object.entries(FEATURES)) {
    if ((left & bit) !== 0) names.push(name);
    left &= ~bit;
  }
  if (left !== 0) names.push(`0x${(left >>> 0).toString(16)}`);
  return names;
}

/** i_mode's file type bits (POSIX). */
export const S_IFMT = 0o170000;
export const S_IFSOCK = 0o140000;
export const S_IFLNK = 0o120000;
export const S_IFREG = 0o100000;
export const S_IFBLK = 0o060000;
export const S_IFDIR = 0o040000;
export const S_IFCHR = 0o020000;
export const S_IFIFO = 0o010000;
