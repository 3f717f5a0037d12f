// Open files and directories: what a caller works with, once a path has led there. All calls are synchronous.
import { F2fsError } from '../errors.ts';
import { isDots } from '../file/directory.ts';
import type { ByteSource, WriteOptions } from '../file/file-data.ts';
import type { Inode, Timestamp } from '../file/inode.ts';
import type { Xattr } from '../file/xattrs.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from '../format/constants.ts';
import type { Core } from './core.ts';
import { type FileStat, type FileType, modeOfType, statOf, typeOfDentry } from './stat.ts';

/** What may be set on an inode; what is left out stays, or on a new one gets its default. */
export interface Attributes {
  /** Permission bits, suid, sgid and sticky: the low 12. Default: 0755 for directories, else 0644. */
  mode?: number;
  uid?: number;
  gid?: number;
  atime?: Timestamp;
  mtime?: Timestamp;
  ctime?: Timestamp;
  /** Recorded at creation only. */
  crtime?: Timestamp;
  /** At creation only: whether the contents are to be compressed. Default: as the mount's options and the directory say. */
  compress?: boolean;
}

/** One name in a directory. */
export interface DirectoryEntry {
  /** Bytes, as stored; not always UTF-8. */
  name: Uint8Array;
  ino: number;
  type: FileType;
}

/** An inode held open: attributes and xattrs of any kind of file. `close` it, or use `using`. */
export class Handle {
  protected readonly core: Core;
  readonly #inode: Inode;
  #open = true;

  /** @internal */
  constructor(core: Core, inode: Inode) {
    this.core = core;
    this.#inode = inode;
    inode.opens++;
  }

  /** @internal Throws EBADF once the handle is closed. */
  get inode(): Inode {
    if (!this.#open) throw new F2fsError('EBADF', 'the handle is closed; open it again', { ino: this.#inode.ino });
    return this.#inode;
  }

  get ino(): number {
    return this.#inode.ino;
  }

  stat(): FileStat {
    this.core.balance();
    return statOf(this.core, this.inode);
  }

  /** Changes attributes; sets ctime to now unless it is given. */
  setAttributes(attributes: Attributes): void {
    this.core.volume.assertWritable();
    checkAttributes(attributes);
    const raw = this.inode.change();
    if (attributes.mode !== undefined) raw.iMode = (raw.iMode & S_IFMT) | (attributes.mode & 0o7777);
    if (attributes.uid !== undefined) raw.iUid = attributes.uid;
    if (attributes.gid !== undefined) raw.iGid = attributes.gid;
    const { atime, mtime, ctime = this.core.now() } = attributes;
    if (atime !== undefined) {
      raw.iAtime = atime.sec;
      raw.iAtimeNsec = atime.nsec;
    }
    if (mtime !== undefined) {
      raw.iMtime = mtime.sec;
      raw.iMtimeNsec = mtime.nsec;
    }
    raw.iCtime = ctime.sec;
    raw.iCtimeNsec = ctime.nsec;
  }

  /** All extended attributes; POSIX ACLs as system.posix_acl_access and system.posix_acl_default. */
  xattrs(): Xattr[] {
    this.core.balance();
    return this.core.xattrs.list(this.inode);
  }

  /** Sets attributes, and removes those whose value is null. Throws EOPNOTSUPP, ERANGE, ENOSPC. */
  setXattrs(changes: readonly { name: string; value: Uint8Array | null }[]): void {
    this.core.volume.assertWritable();
    this.core.balance();
    this.core.xattrs.set(this.inode, changes);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.core.inodes.release(this.#inode);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** An open regular file. */
export class FileHandle extends Handle {
  /** Reads into `into` from byte `position` on; returns the bytes read, fewer only at the end of the file. */
  read(into: Uint8Array, position: number): number {
    checkOffset('position', position);
    return this.core.data.read(this.inode, position, into);
  }

  /** Writes all of `bytes` at byte `position`. Throws ENOSPC, EFBIG. */
  write(bytes: Uint8Array, position: number): void {
    this.writeFrom(
      {
        fill: (memory, offset, length, at) => memory.set(bytes.subarray(at - position, at - position + length), offset),
      },
      position,
      bytes.length,
    );
  }

  /** Writes `length` bytes that the source puts straight into page frames. Times are the caller's to set. */
  writeFrom(source: ByteSource, position: number, length: number, options?: WriteOptions): void {
    checkOffset('position', position);
    checkOffset('length', length);
    this.core.volume.assertWritable();
    this.core.data.write(this.inode, position, length, source, options);
  }

  /** Sets the size in bytes: frees what lies past it, or adds a hole. */
  truncate(sizeBytes: number): void {
    checkOffset('size', sizeBytes);
    this.core.volume.assertWritable();
    // What fails in the background is not told here: truncating may be the cure.
    this.core.balance();
    this.core.settle(this.inode);
    this.core.stopOnDamage(() => this.core.data.truncate(this.inode, sizeBytes));
  }

  /** Makes `length` bytes from `position` on a hole; the size stays. Source: fallocate with FALLOC_FL_PUNCH_HOLE. */
  punch(position: number, length: number): void {
    checkOffset('position', position);
    checkOffset('length', length);
    this.core.volume.assertWritable();
    this.core.settle(this.inode);
    this.core.stopOnDamage(() => this.core.data.punch(this.inode, position, length));
  }

  /**
   * Says whether the contents are to be compressed, by the mount's options; only for a file without blocks. Throws EINVAL
   * otherwise, EOPNOTSUPP on a volume without compression. Source: FS_IOC_SETFLAGS.
   */
  setCompressed(compressed: boolean): void {
    this.core.throttle();
    this.core.compression.set(this.inode, compressed);
  }

  /**
   * Gives back the blocks that compression saves: the volume has them free, and the file can't be changed until
   * `reserveBlocks`. Returns how many. Throws EINVAL for a file that is not compressed, or released before; EBUSY while it is
   * open elsewhere. Source: F2FS_IOC_RELEASE_COMPRESS_BLOCKS.
   */
  releaseBlocks(): number {
    this.core.throttle();
    return this.core.compression.release(this.inode);
  }

  /** Takes the blocks again that `releaseBlocks` gave back. Throws ENOSPC. Source: F2FS_IOC_RESERVE_COMPRESS_BLOCKS. */
  reserveBlocks(): number {
    this.core.throttle();
    return this.core.compression.reserve(this.inode);
  }

  /** Compresses what is written raw, in a mount whose mode is `user`. Source: F2FS_IOC_COMPRESS_FILE. */
  compress(): void {
    this.core.throttle();
    this.core.compression.rewrite(this.inode, true);
  }

  /** Writes everything raw, in a mount whose mode is `user`. Source: F2FS_IOC_DECOMPRESS_FILE. */
  decompress(): void {
    this.core.throttle();
    this.core.compression.rewrite(this.inode, false);
  }
}

/** An open directory: makes, finds and lists what is in it, by names of bytes. */
export class Directory extends Handle {
  /** Every name but `.` and `..`, in the order that the directory keeps them. */
  entries(): DirectoryEntry[] {
    this.core.balance();
    const entries: DirectoryEntry[] = [];
    this.core.directories.forEach(this.inode, ({ name, ino, fileType }) => {
      if (isDots(name)) return;
      entries.push({ name, ino, type: typeOfDentry(fileType) });
    });
    return entries;
  }

  /** The inode of a name, or null. */
  lookup(name: Uint8Array): DirectoryEntry | null {
    this.core.balance();
    const found = this.core.directories.lookup(this.inode, name);
    return found === null ? null : { name: found.name, ino: found.ino, type: typeOfDentry(found.fileType) };
  }

  /** Opens what a name stands for; a symlink is opened itself. Throws ENOENT. */
  open(name: Uint8Array): Handle {
    this.core.balance();
    const found = this.core.directories.lookup(this.inode, name);
    if (found === null) throw new F2fsError('ENOENT', `"${Buffer.from(name).toString()}" does not exist`);
    return openInode(this.core, this.core.inodes.get(found.ino));
  }

  /** Makes an empty regular file. Throws EEXIST. */
  createFile(name: Uint8Array, attributes: Attributes = {}): FileHandle {
    return new FileHandle(this.core, this.#create(name, 'file', attributes));
  }

  mkdir(name: Uint8Array, attributes: Attributes = {}): Directory {
    return new Directory(this.core, this.#create(name, 'directory', attributes));
  }

  symlink(name: Uint8Array, target: Uint8Array, attributes: Attributes = {}): Handle {
    return new Handle(this.core, this.core.symlink(this.inode, name, target, this.#newInode('symlink', attributes)));
  }

  /** Makes a fifo, socket, or character or block device with its numbers. */
  mknod(
    name: Uint8Array,
    type: 'fifo' | 'socket' | 'char' | 'block',
    attributes: Attributes = {},
    rdev?: { major: number; minor: number },
  ): Handle {
    return new Handle(this.core, this.#create(name, type, attributes, rdev));
  }

  /** Gives an inode one more name, here. */
  link(name: Uint8Array, target: Handle): void {
    this.core.link(this.inode, name, target.inode);
  }

  /** Removes a name that is no directory's, and the inode with its last one. Throws ENOENT, EISDIR, EBUSY while it is open. */
  unlink(name: Uint8Array): void {
    this.core.unlink(this.inode, name);
  }

  #create(name: Uint8Array, type: FileType, attributes: Attributes, rdev?: { major: number; minor: number }): Inode {
    return this.core.create(this.inode, name, { ...this.#newInode(type, attributes), rdev });
  }

  #newInode(type: FileType, { mode, uid = 0, gid = 0, atime, mtime, ctime, crtime, compress }: Attributes) {
    checkAttributes({ mode, uid, gid, atime, mtime, ctime, crtime });
    const now = this.core.now();
    const permissions = mode ?? (type === 'directory' ? 0o755 : 0o644);
    return {
      mode: modeOfType(type) | (permissions & 0o7777),
      uid,
      gid,
      atime: atime ?? now,
      mtime: mtime ?? now,
      ctime: ctime ?? now,
      crtime: crtime ?? now,
      compress,
    };
  }
}

/** Throws EINVAL for what is no byte count. */
function checkOffset(what: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new F2fsError('EINVAL', `the ${what} ${value} is not a whole number from 0 on`);
}

/** Throws EINVAL for what an inode has no room for. */
function checkAttributes({ uid, gid, atime, mtime, ctime, crtime }: Attributes): void {
  for (const id of [uid, gid]) {
    if (id !== undefined && (!Number.isInteger(id) || id < 0 || id > 0xffffffff)) {
      throw new F2fsError('EINVAL', `the owner ${id} is not a number of 32 bits`);
    }
  }
  for (const time of [atime, mtime, ctime, crtime]) {
    if (time === undefined) continue;
    if (
      !Number.isSafeInteger(time.sec) ||
      !Number.isInteger(time.nsec) ||
      time.nsec < 0 ||
      time.nsec >= 1_000_000_000
    ) {
      throw new F2fsError('EINVAL', `the time ${time.sec} s and ${time.nsec} ns is none`);
    }
  }
}

/** @internal */
export function openInode(core: Core, inode: Inode): Handle {
  const type = inode.mode & S_IFMT;
  if (type === S_IFDIR) return new Directory(core, inode);
  return type === S_IFREG ? new FileHandle(core, inode) : new Handle(core, inode);
}
