// What can be held open: attributes and xattrs, of any kind of file. All calls are synchronous.
import { F2fsError } from '../errors.ts';
import type { Inode, Timestamp } from '../file/inode.ts';
import type { Xattr } from '../file/xattrs.ts';
import { S_IFMT } from '../format/constants.ts';
import type { Core } from './core.ts';
import { fsync } from './fsync.ts';
import { type FileStat, statOf } from './stat.ts';

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
    if (!this.#open || this.#inode.gone)
      throw new F2fsError('EBADF', 'the handle is closed; open it again', { ino: this.#inode.ino });
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

  /**
   * Puts the contents, attributes and name on stable storage: they outlive a crash. Throws the first failure. Nothing to do in a
   * read-only mount. Source: fsync.
   */
  fsync(): void {
    fsync(this.core, this.inode, false);
  }

  /** As fsync, but for times, when nothing else of the inode changed. Source: fdatasync. */
  fdatasync(): void {
    fsync(this.core, this.inode, true);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.core.release(this.#inode);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Throws EINVAL for what an inode has no room for. */
export function checkAttributes({ uid, gid, atime, mtime, ctime, crtime }: Attributes): void {
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
