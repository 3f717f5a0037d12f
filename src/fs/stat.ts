// What is known of one inode, as callers get it.
import { ALGORITHM_NAMES, type AlgorithmName } from '../compress/algorithms.ts';
import { hasChecksum } from '../file/data/cluster-pages.ts';
import type { Inode, Timestamp } from '../file/inode/inode.ts';
import { codecOf } from '../file/inode/inode-ops.ts';
import { getRdev } from '../file/inode/inodes.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK } from '../format/constants.ts';
import { FT } from '../format/dentry.ts';
import { INLINE } from '../format/inode.ts';
import { flagNames, type InodeFlag } from '../format/inode-flags.ts';
import type { Volume } from '../volume/volume.ts';
import { type FileType, OfType } from './of-type.ts';

/** Which device a character or block device stands for. */
export interface DeviceNumbers {
  /** 0 to 4095. */
  major: number;
  /** 0 to 1048575. */
  minor: number;
}

/** What is known of an inode. That it is a file, a directory and so on is told by `type`, and by the methods that Stats of node:fs have. */
export interface FileStat extends OfType {
  /** Inode number. */
  ino: number;
  /** Type and permissions, 16 bits. */
  mode: number;
  /** Owner. */
  uid: number;
  /** Group. */
  gid: number;
  /** Project, by whose number a quota counts it; null on a volume without the feature `project_quota`. */
  projectId: number | null;
  /** Bytes. */
  size: number;
  /** Blocks of the volume, nodes and the inode included. */
  blocks: number;
  /** Names that it has; of a directory 2 and its subdirectories. */
  nlink: number;
  /** When it was last read, as far as it was told: reading here does not change it. */
  atime: Timestamp;
  /** When its contents last changed. */
  mtime: Timestamp;
  /** When it last changed itself. */
  ctime: Timestamp;
  /** When the inode was made; null on a volume that does not record it. */
  crtime: Timestamp | null;
  /** Of a character or block device. */
  rdev: DeviceNumbers | null;
  /** Whether the contents lie within the inode. */
  inline: boolean;
  /** Of those that chattr(1) sets. */
  flags: InodeFlag[];
  /** Whether contents, a symlink's target or a directory's names are ciphertext, for which there is no key here (ENOKEY). */
  encrypted: boolean;
  /** Whether the contents are under verity: they never change, and are verified as they are read; see FileHandle.measureVerity. */
  verity: boolean;
  /** Of a file whose contents may lie in compressed clusters, else null. */
  compression: CompressionStat | null;
}

/** How a file is compressed. */
export interface CompressionStat {
  /** What new clusters are compressed with. */
  algorithm: AlgorithmName;
  /** 0: the algorithm has none, or for lz4 the fast variant. */
  level: number;
  /** Bytes of a cluster. */
  clusterBytes: number;
  /** Whether compressed clusters have a checksum. */
  checksum: boolean;
  /** Blocks that compressed clusters save. They stay reserved, and count in `blocks`, until they are released. */
  savedBlocks: number;
  /** Whether the saved blocks were given back; the file can't be changed then. */
  released: boolean;
}

const TYPE_OF_MODE = new Map<number, FileType>([
  [S_IFREG, 'file'],
  [S_IFDIR, 'directory'],
  [S_IFLNK, 'symlink'],
  [S_IFIFO, 'fifo'],
  [S_IFSOCK, 'socket'],
  [S_IFCHR, 'char'],
  [S_IFBLK, 'block'],
]);

const MODE_OF_TYPE = new Map<FileType, number>([...TYPE_OF_MODE].map(([mode, type]) => [type, mode]));

const TYPE_OF_DENTRY = new Map<number, FileType>([
  [FT.REG_FILE, 'file'],
  [FT.DIR, 'directory'],
  [FT.CHRDEV, 'char'],
  [FT.BLKDEV, 'block'],
  [FT.FIFO, 'fifo'],
  [FT.SOCK, 'socket'],
  [FT.SYMLINK, 'symlink'],
]);

export function typeOfMode(mode: number): FileType {
  return TYPE_OF_MODE.get(mode & S_IFMT) as FileType;
}

/** The type bits of i_mode. */
export function modeOfType(type: FileType): number {
  return MODE_OF_TYPE.get(type) as number;
}

export function typeOfDentry(fileType: number): FileType {
  return TYPE_OF_DENTRY.get(fileType) as FileType;
}

export function statOf(volume: Volume, inode: Inode): FileStat {
  const raw = inode.load();
  const type = typeOfMode(raw.iMode);
  const hasCrtime = volume.hasFeature('inode_crtime') && inode.hasExtra('iCrtimeNsec');
  return Object.assign(new OfType(type), {
    ino: inode.ino,
    mode: raw.iMode,
    uid: raw.iUid,
    gid: raw.iGid,
    projectId: volume.hasFeature('project_quota') ? inode.projectId : null,
    size: raw.iSize,
    blocks: raw.iBlocks,
    nlink: raw.iLinks,
    atime: { sec: raw.iAtime, nsec: raw.iAtimeNsec },
    mtime: { sec: raw.iMtime, nsec: raw.iMtimeNsec },
    ctime: { sec: raw.iCtime, nsec: raw.iCtimeNsec },
    crtime: hasCrtime ? crtimeOf(inode) : null,
    rdev: type === 'char' || type === 'block' ? getRdev(inode, volume.pool.view) : null,
    inline: (raw.iInline & (INLINE.DATA | INLINE.DENTRY)) !== 0,
    flags: flagNames(raw.iFlags),
    encrypted: inode.isEncrypted,
    verity: inode.isVerity,
    compression: inode.clusterPages > 1 ? compressionOf(inode) : null,
  });
}

function crtimeOf(inode: Inode): Timestamp {
  const { iCrtime, iCrtimeNsec } = inode.loadExtra();
  return { sec: iCrtime, nsec: iCrtimeNsec };
}

function compressionOf(inode: Inode): CompressionStat {
  const { algorithm, level } = codecOf(inode);
  return {
    algorithm: ALGORITHM_NAMES[algorithm],
    level,
    clusterBytes: inode.clusterPages * inode.blockSize,
    checksum: hasChecksum(inode),
    savedBlocks: inode.comprBlocks,
    released: inode.isReleased,
  };
}
