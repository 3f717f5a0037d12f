// What can be held open: attributes and xattrs, of any kind of file. All calls are synchronous.
import { F2fsError } from '../errors.ts';
import type { Inode } from '../file/inode.ts';
import type { Xattr, XattrChange } from '../file/xattrs.ts';
import { type Attributes, getXattr, setAttributes, setXattrs } from './attributes.ts';
import type { Core } from './core.ts';
import { fsync } from './fsync.ts';
import { type InodeFlag, setFlags } from './inode-flags.ts';
import { type FileStat, statOf } from './stat.ts';
import { readlink } from './symlink.ts';

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

  /** @internal Whether it is of that mount. */
  isOn(core: Core): boolean {
    return this.core === core;
  }

  get ino(): number {
    return this.#inode.ino;
  }

  stat(): FileStat {
    this.core.balance();
    return statOf(this.core, this.inode);
  }

  /**
   * Changes attributes; sets ctime to now unless it is given. As in the kernel, a new owner costs a file its set-id bits and
   * capabilities, and a new mode goes into the access ACL. Throws EPERM for what is immutable or append-only, EOPNOTSUPP for the mode
   * of a symlink.
   */
  setAttributes(attributes: Attributes): void {
    this.core.balanceChange();
    setAttributes(this.core, this.inode, attributes);
  }

  /**
   * Gives it these flags of chattr(1), and none of the others. An immutable file can't be changed, nor get or lose a name; an
   * append-only one can grow. Throws EINVAL for a flag that this type of file can't have. Source: FS_IOC_SETFLAGS.
   */
  setFlags(flags: readonly InodeFlag[]): void {
    this.core.balanceChange();
    setFlags(this.core, this.inode, flags);
  }

  /** The target of a symlink. Throws EINVAL for anything else. */
  readlink(): Uint8Array {
    this.core.balance();
    return readlink(this.core, this.inode);
  }

  /** All extended attributes; POSIX ACLs as system.posix_acl_access and system.posix_acl_default. */
  xattrs(): Xattr[] {
    this.core.balance();
    return this.core.xattrs.list(this.inode);
  }

  /** The value of one extended attribute. Throws ENODATA when it has none of that name. */
  getXattr(name: string): Uint8Array {
    this.core.balance();
    return getXattr(this.core, this.inode, name);
  }

  /**
   * Sets attributes, and removes those whose value is null: all of them, or none. An access ACL changes the mode. Throws
   * EOPNOTSUPP, EPERM, EACCES, ERANGE, EINVAL for what is no ACL, E2BIG, ENOSPC.
   */
  setXattrs(changes: readonly XattrChange[]): void {
    this.core.balanceChange();
    setXattrs(this.core, this.inode, changes);
  }

  /** Sets one attribute; `create`: it must be new (EEXIST), `replace`: it must be there (ENODATA). */
  setXattr(name: string, value: Uint8Array, flags: { create?: boolean; replace?: boolean } = {}): void {
    this.setXattrs([{ name, value, ...flags }]);
  }

  /** Throws ENODATA when there is none of that name; an ACL may be missing. */
  removeXattr(name: string): void {
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

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.core.release(this.#inode);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
