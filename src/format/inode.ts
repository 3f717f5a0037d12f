// The inode: attributes, then one area that holds extra attributes, addresses or inline contents, and inline xattrs.
import {
  type BlockGeometry,
  INLINE_RESERVED_ADDRS,
  INODE_HEAD_SIZE,
  NODE_FOOTER_SIZE,
  TOTAL_EXTRA_ISIZE,
} from './block-size.ts';
import { FEATURES } from './constants.ts';
import { crc32 } from './crc.ts';
import { NodeFooter } from './node.ts';
import { bytes, i64, struct, u8, u16, u32, u64 } from './struct.ts';

/** i_inline flags. */
export const INLINE = {
  XATTR: 0x01,
  DATA: 0x02,
  DENTRY: 0x04,
  DATA_EXIST: 0x08,
  DOTS: 0x10,
  EXTRA_ATTR: 0x20,
  PIN_FILE: 0x40,
  COMPRESS_RELEASED: 0x80,
} as const;

/** i_advise flags: hints that outlive a mount. Source: FADVISE_*_BIT in f2fs.h. */
export const ADVISE = {
  COLD: 0x01,
  LOST_PINO: 0x02,
  ENCRYPT: 0x04,
  ENC_NAME: 0x08,
  KEEP_SIZE: 0x10,
  HOT: 0x20,
  VERITY: 0x40,
  /** Blocks past the end were allocated with whatever they held: to be freed before the file grows. */
  TRUNC: 0x80,
} as const;

/** i_flags bits that this package acts on. Source: F2FS_*_FL in f2fs.h. */
export const I_FLAGS = {
  COMPR: 0x00000004,
  SYNC: 0x00000008,
  IMMUTABLE: 0x00000010,
  APPEND: 0x00000020,
  NODUMP: 0x00000040,
  NOATIME: 0x00000080,
  NOCOMP: 0x00000400,
  INDEX: 0x00001000,
  DIRSYNC: 0x00010000,
  PROJINHERIT: 0x20000000,
  CASEFOLD: 0x40000000,
} as const;

/** Source: struct f2fs_inode up to i_addr. Times are seconds since 1970, signed. */
export const Inode = struct('f2fs_inode', INODE_HEAD_SIZE, {
  iMode: u16,
  iAdvise: u8,
  iInline: u8,
  iUid: u32,
  iGid: u32,
  iLinks: u32,
  /** Bytes. */
  iSize: u64,
  /** Blocks, its node blocks and the inode itself included. */
  iBlocks: u64,
  iAtime: i64,
  iCtime: i64,
  iMtime: i64,
  iAtimeNsec: u32,
  iCtimeNsec: u32,
  iMtimeNsec: u32,
  iGeneration: u32,
  /** Hash levels of a directory in use; for a pinned file its count of failed cleanings. */
  iCurrentDepth: u32,
  iXattrNid: u32,
  iFlags: u32,
  /** Parent inode and name when last linked, for recovery. */
  iPino: u32,
  iNamelen: u32,
  iName: bytes(255),
  iDirLevel: u8,
  /** The largest extent, cached: file page, block address, blocks. */
  extFofs: u32,
  extBlk: u32,
  extLen: u32,
});
export type Inode = InstanceType<typeof Inode>;

export const I_ADDR_OFFSET = Inode.size;

/** Source: the extra attributes of struct f2fs_inode, which stand where i_addr would begin. */
export const InodeExtra = struct('f2fs_inode extra', TOTAL_EXTRA_ISIZE, {
  /** Bytes of extra attributes: a multiple of 4, at most 36 here. */
  iExtraIsize: u16,
  /** u32 slots reserved for inline xattrs, when flexible_inline_xattr is on. */
  iInlineXattrSize: u16,
  iProjid: u32,
  iInodeChecksum: u32,
  iCrtime: i64,
  iCrtimeNsec: u32,
  iComprBlocks: u64,
  iCompressAlgorithm: u8,
  iLogClusterSize: u8,
  iCompressFlag: u16,
});
export type InodeExtra = InstanceType<typeof InodeExtra>;
export { TOTAL_EXTRA_ISIZE };
export const INODE_CHECKSUM_OFFSET = I_ADDR_OFFSET + InodeExtra.offsets.iInodeChecksum;

/** u32 slots that inline xattrs take by default (200 bytes). */
export const DEFAULT_INLINE_XATTR_ADDRS = 50;

/** Whether an extra field lies within `extraIsize` bytes of extra attributes. Source: F2FS_FITS_IN_INODE. */
export function fitsInExtra(field: keyof typeof InodeExtra.ends, extraIsize: number): boolean {
  return InodeExtra.ends[field] <= extraIsize;
}

/** Bytes of extra attributes in a new inode. Source: F2FS_TOTAL_EXTRA_ATTR_SIZE, which the kernel gives every new inode. */
export function extraIsizeFor(feature: number): number {
  if ((feature & FEATURES.extra_attr) === 0) return 0;
  return TOTAL_EXTRA_ISIZE;
}

/** Bytes of extra attributes that an inode says it has. */
export function extraIsizeOf(inode: Inode, extra: InodeExtra): number {
  return (inode.iInline & INLINE.EXTRA_ATTR) !== 0 ? extra.iExtraIsize : 0;
}

/** u32 slots at the end of i_addr that an inode keeps for inline xattrs. Source: get_inline_xattr_addrs. */
export function inlineXattrAddrsOf(inode: Inode, extra: InodeExtra, feature: number): number {
  if ((feature & FEATURES.flexible_inline_xattr) !== 0) return extra.iInlineXattrSize;
  return (inode.iInline & (INLINE.XATTR | INLINE.DENTRY)) !== 0 ? DEFAULT_INLINE_XATTR_ADDRS : 0;
}

/** Data addresses in an inode: whole clusters of `clusterPages`, 1 of a file without clusters. Source: addrs_per_inode. */
export function addrsPerInode(
  extraIsize: number,
  inlineXattrAddrs: number,
  clusterPages: number,
  block: BlockGeometry,
): number {
  const addrs = block.addrsPerInode - extraIsize / 4 - inlineXattrAddrs;
  return addrs - (addrs % clusterPages);
}

/** Bytes that inline contents may take. Source: MAX_INLINE_DATA. */
export function maxInlineData(extraIsize: number, inlineXattrAddrs: number, block: BlockGeometry): number {
  return 4 * (block.addrsPerInode - extraIsize / 4 - inlineXattrAddrs - INLINE_RESERVED_ADDRS);
}

/** Byte offset of inline contents in the inode's block. Source: inline_data_addr. */
export function inlineDataOffset(extraIsize: number): number {
  return I_ADDR_OFFSET + extraIsize + 4 * INLINE_RESERVED_ADDRS;
}

/** The checksum seed of a volume. */
export function checksumSeed(uuid: Uint8Array): number {
  return crc32(0xffffffff, uuid);
}

/** From a node's end back to the number of its inode. */
const INO_TO_END = NODE_FOOTER_SIZE - NodeFooter.offsets.ino;
const inoGeneration = new Uint8Array(8);
const inoGenerationView = new DataView(inoGeneration.buffer);

/**
 * The checksum of the inode block `block`, the bytes of `dv` from `base` on, its footer included, with its own field taken as zero.
 * Source: f2fs_inode_chksum. The field is zeroed on the way and put back.
 */
export function inodeChecksum(seed: number, block: Uint8Array, dv: DataView, base: number): number {
  const stored = dv.getUint32(base + INODE_CHECKSUM_OFFSET, true);
  inoGenerationView.setUint32(0, dv.getUint32(base + block.length - INO_TO_END, true), true);
  inoGenerationView.setUint32(4, dv.getUint32(base + Inode.offsets.iGeneration, true), true);
  dv.setUint32(base + INODE_CHECKSUM_OFFSET, 0, true);
  const checksum = crc32(crc32(seed, inoGeneration), block);
  dv.setUint32(base + INODE_CHECKSUM_OFFSET, stored, true);
  return checksum;
}
