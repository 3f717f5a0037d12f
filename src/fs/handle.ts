// What can be held open: attributes and xattrs, of any kind of file. All calls are synchronous.
import type { Contents, Name } from '../bytes.ts';
import { F2fsError } from '../errors.ts';
import { Inode } from '../file/inode/inode.ts';
import type { Xattr } from '../file/xattr/xattrs.ts';
import type { InodeFlag } from '../format/inode-flags.ts';
import {
  type Attributes,
  checkXattrFlags,
  getXattr,
  setAttributes,
  setXattrs,
  type XattrChange,
  type XattrFlags,
} from './attributes.ts';
import type { Core } from './core.ts';
import { fsync } from './fsync.ts';
import { setFlags, setProjectId } from './inode-flags.ts';
import { type FileStat, statOf } from './stat.ts';
import { readlink } from './symlink.ts';

/** An inode held open: attributes and xattrs of any kind of file. `close` it, or use `using`. */
export class Handle {
  /** @internal */
  /** @internal */
  readonly core: Core;
  readonly #inode: Inode;
  readonly #writes: boolean;
  #open = true;

  /** @internal @param writes whether it may change contents: counted in `writers` */
  constructor(core: Core, inode: Inode, writes = false) {
    if (!(inode instanceof Inode))
      throw new F2fsError('EINVAL', 'a handle is not made by new: open what it is to be of in a mounted volume');
    this.core = core;
    this.#inode = inode;
    this.#writes = writes;
    inode.opens++;
    if (writes) inode.writers++;
  }

  /** @internal Throws EBADF once the handle is closed, or the volume is. */
  get inode(): Inode {
    this.core.volume.assertOpen();
    if (!this.#open || this.#inode.gone)
      throw new F2fsError('EBADF', 'the handle is closed; open it again', { ino: this.#inode.ino });
    return this.#inode;
  }

  /** @internal Whether it is of that mount. */
  isOn(core: Core): boolean {
    return this.core === core;
  }

  /** Inode number. */
  get ino(): number {
    return this.#inode.ino;
  }

  /** What is known of the inode, as it is now. Throws EBADF once it is closed. */
  stat(): FileStat {
    this.core.memory.balance();
    return statOf(this.core.volume, this.inode);
  }

  /**
   * Changes attributes; sets ctime to now unless it is given. As in the kernel, a new owner costs a file its set-id bits and
   * capabilities, and a new mode goes into the access ACL. Throws EPERM for what is immutable or append-only, EOPNOTSUPP for the mode
   * of a symlink.
   */
  setAttributes(attributes: Attributes): void {
    this.core.memory.balanceChange();
    setAttributes(this.core, this.inode, attributes);
  }

  /**
   * Gives it these flags of chattr(1), and none of the others. An immutable file can't be changed, nor get or lose a name; an
   * append-only one can grow. Throws EINVAL for a flag that this type of file can't have, ENOTEMPTY and EOPNOTSUPP for `casefold` where
   * a directory or its volume can't have that. Source: FS_IOC_SETFLAGS.
   */
  setFlags(flags: readonly InodeFlag[]): void {
    this.core.memory.balanceChange();
    setFlags(this.core, this.inode, flags);
  }

  /**
   * Makes it one of a project: 0 to 4294967294. What is made in a directory with the flag `projinherit` is of its project at once.
   * Throws EOPNOTSUPP on a volume without the feature `project_quota`, EOVERFLOW for an inode that has no room for the number, ENOSPC.
   * Source: FS_IOC_FSSETXATTR.
   */
  setProjectId(projectId: number): void {
    this.core.memory.balanceChange();
    setProjectId(this.core, this.inode, projectId);
  }

  /** The target of a symlink. Throws EINVAL for anything else. */
  readlink(): Uint8Array {
    this.core.memory.balance();
    return readlink(this.core.data, this.inode);
  }

  /** All extended attributes; POSIX ACLs as system.posix_acl_access and system.posix_acl_default. */
  xattrs(): Xattr[] {
    this.core.memory.balance();
    return this.core.xattrs.list(this.inode);
  }

  /** The value of one extended attribute. Throws ENODATA when it has none of that name. */
  getXattr(name: Name): Uint8Array {
    this.core.memory.balance();
    return getXattr(this.core, this.inode, name);
  }

  /**
   * Sets attributes, and removes those whose value is null: all of them, or none. An access ACL changes the mode. Throws
   * EOPNOTSUPP, EPERM, EACCES, ERANGE, EINVAL for what is no ACL, and no capability, E2BIG, ENOSPC.
   */
  setXattrs(changes: readonly XattrChange[]): void {
    this.core.memory.balanceChange();
    setXattrs(this.core, this.inode, changes);
  }

  /** Sets one attribute, or removes it when the value is null; `create`: it must be new (EEXIST), `replace`: it must be there (ENODATA). */
  setXattr(name: Name, value: Contents | null, flags: XattrFlags = {}): void {
    checkXattrFlags(flags);
    this.setXattrs([{ name, value, ...flags }]);
  }

  /** Throws ENODATA when there is none of that name; an ACL may be missing. */
  removeXattr(name: Name): void {
    this.setXattrs([{ name, value: null, replace: true }]);
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

  /** Lets go of the inode; one that has no name any more is removed. Closing again is fine. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    if (this.#writes) this.#inode.writers--;
    this.core.unnamed.release(this.#inode);
  }

  /** `close`, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }
}
