// Fills the block of a new inode: the one maker, for a volume's node cache, for mkfs, and for whoever plans whole images.
import { S_IFBLK, S_IFCHR, S_IFMT } from './constants.ts';
import { I_ADDR_OFFSET, INLINE, Inode, type InodeExtra } from './inode.ts';

/** Seconds since 1970 and nanoseconds within the second. */
interface Time {
  readonly sec: number;
  readonly nsec: number;
}

/** How a compressed file's clusters are, as its inode states it. */
export interface CompressContext {
  readonly algorithm: number;
  readonly logClusterSize: number;
  /** Bit 0: with checksums; above bit 8 the level. */
  readonly flag: number;
}

export interface DeviceNumber {
  readonly major: number;
  readonly minor: number;
}

/** All that a new inode says of itself. */
export interface InodeFields {
  /** All 16 bits: type and permissions. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly nlink: number;
  readonly size: number;
  /** Blocks, its own included. */
  readonly blocks: number;
  /** Hash levels of a directory; 0 of others. */
  readonly depth: number;
  readonly flags: number;
  readonly generation: number;
  readonly advise: number;
  /** INLINE flags; EXTRA_ATTR follows from `extraIsize`. */
  readonly inline: number;
  /** Bytes of extra attributes; 0 for none. */
  readonly extraIsize: number;
  /** 0 where the volume has no projects. */
  readonly projectId: number;
  /** u32 slots kept for inline xattrs, of a volume where each inode states them, else 0. */
  readonly inlineXattrAddrs: number;
  /** Null where the contents are not compressed. */
  readonly compress: CompressContext | null;
  readonly atime: Time;
  readonly mtime: Time;
  readonly ctime: Time;
  /** Null where the volume has no such time. */
  readonly crtime: Time | null;
  readonly parentIno: number;
  /** As its directory stores it. */
  readonly name: Uint8Array;
  /** Of a character or block device. */
  readonly rdev: DeviceNumber | null;
}

/** Fills a block of zeros, but for its footer, where `raw` and `extra` lie; addresses are the caller's. Source: f2fs_new_inode. */
export function writeInode(raw: Inode, extra: InodeExtra, fields: InodeFields): void {
  const { extraIsize, inlineXattrAddrs, compress, rdev } = fields;
  raw.iMode = fields.mode;
  raw.iAdvise = fields.advise;
  raw.iInline = fields.inline | (extraIsize > 0 ? INLINE.EXTRA_ATTR : 0);
  raw.iUid = fields.uid;
  raw.iGid = fields.gid;
  raw.iLinks = fields.nlink;
  raw.iSize = fields.size;
  raw.iBlocks = fields.blocks;
  raw.iCurrentDepth = fields.depth;
  raw.iFlags = fields.flags;
  raw.iGeneration = fields.generation;
  writeTimes(raw, fields);
  writeParent(raw, fields.parentIno, fields.name);
  if (extraIsize > 0) {
    extra.iExtraIsize = extraIsize;
    extra.iInlineXattrSize = inlineXattrAddrs;
    if (fields.projectId !== 0) extra.iProjid = fields.projectId;
    if (compress !== null) writeCompressContext(extra, compress);
    if (fields.crtime !== null) {
      extra.iCrtime = fields.crtime.sec;
      extra.iCrtimeNsec = fields.crtime.nsec;
    }
  }
  const type = fields.mode & S_IFMT;
  if (type === S_IFCHR || type === S_IFBLK)
    writeRdev(raw.dv, raw.base + I_ADDR_OFFSET + extraIsize, rdev ?? { major: 0, minor: 0 });
}

/** The generation of an inode that is made behind a checkpoint: another one for each that ever has its number. */
export function generationOf(checkpointVer: number, ino: number): number {
  return (Math.imul(checkpointVer + 1, 0x9e3779b1) ^ ino) >>> 0;
}

function writeTimes(raw: Inode, { atime, mtime, ctime }: InodeFields): void {
  raw.iAtime = atime.sec;
  raw.iAtimeNsec = atime.nsec;
  raw.iMtime = mtime.sec;
  raw.iMtimeNsec = mtime.nsec;
  raw.iCtime = ctime.sec;
  raw.iCtimeNsec = ctime.nsec;
}

/** Notes parent and name, for recovery. Source: init_dent_inode, f2fs_i_pino_write. */
export function writeParent(raw: Inode, parentIno: number, name: Uint8Array): void {
  raw.iPino = parentIno;
  raw.iNamelen = name.length;
  const at = raw.base + Inode.offsets.iName;
  for (let i = 0; i < name.length; i++) raw.dv.setUint8(at + i, name[i]);
}

/** Source: set_compress_context. */
export function writeCompressContext(extra: InodeExtra, { algorithm, logClusterSize, flag }: CompressContext): void {
  extra.iCompressAlgorithm = algorithm;
  extra.iLogClusterSize = logClusterSize;
  extra.iCompressFlag = flag;
}

/** Source: __set_inode_rdev: the old 16-bit form in the first slot when it fits, else the new form in the second. */
function writeRdev(view: DataView, at: number, { major, minor }: DeviceNumber): void {
  const old = major < 256 && minor < 256;
  view.setUint32(at, old ? (major << 8) | minor : 0, true);
  view.setUint32(at + 4, old ? 0 : ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0, true);
}

/** Major and minor number of a device, whose first address stands at byte `at`. Source: __get_inode_rdev. */
export function readRdev(view: DataView, at: number): DeviceNumber {
  const old = view.getUint32(at, true);
  if (old !== 0) return { major: (old >>> 8) & 0xff, minor: old & 0xff };
  const rdev = view.getUint32(at + 4, true);
  return { major: (rdev & 0xfff00) >>> 8, minor: ((rdev & 0xff) | ((rdev >>> 12) & 0xfff00)) >>> 0 };
}
