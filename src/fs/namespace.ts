// Names: what makes, finds and removes them, and the inodes that come and go with them.
import { F2fsError } from '../errors.ts';
import { checkName } from '../file/directory.ts';
import type { Inode } from '../file/inode.ts';
import { type NewInode, setParent } from '../file/inodes.ts';
import { S_IFDIR, S_IFLNK, S_IFMT } from '../format/constants.ts';
import { fileTypeOf } from '../format/dentry.ts';
import type { Core } from './core.ts';

/** Links that an inode may have. Source: F2FS_LINK_MAX. */
const LINK_MAX = 0xffffffff;

export class Namespace {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  /** Makes an inode and its name. Throws EEXIST, ENOSPC, ENAMETOOLONG; nothing is changed then. */
  create(parent: Inode, name: Uint8Array, attributes: NewInode): Inode {
    this.#beginChange(parent, name);
    const inode = this.#core.inodes.create(parent, name, attributes);
    try {
      if ((attributes.mode & S_IFMT) === S_IFDIR) this.#core.directories.makeEmpty(inode, parent.ino);
      this.#core.directories.add(parent, name, inode.ino, fileTypeOf(attributes.mode));
    } catch (error) {
      this.#core.data.free(inode);
      this.#core.inodes.discard(inode);
      throw error;
    }
    const raw = parent.change();
    if ((attributes.mode & S_IFMT) === S_IFDIR) raw.iLinks++;
    this.#core.touch(parent);
    return inode;
  }

  /** Makes a symlink; the target is any bytes without a zero. Throws ENOENT for an empty one, ENAMETOOLONG past 4095. */
  symlink(parent: Inode, name: Uint8Array, target: Uint8Array, attributes: NewInode): Inode {
    if (target.length === 0) throw new F2fsError('ENOENT', 'the target of a symlink must not be empty');
    if (target.length > 4095)
      throw new F2fsError(
        'ENAMETOOLONG',
        `a symlink's target of ${target.length} bytes is too long: 4095 is the limit`,
      );
    const inode = this.create(parent, name, { ...attributes, mode: S_IFLNK | 0o777 });
    inode.opens++;
    try {
      this.#core.data.write(inode, 0, target.length, { fill: (memory, offset) => memory.set(target, offset) });
    } catch (error) {
      inode.opens--;
      this.unlink(parent, name);
      throw error;
    }
    inode.opens--;
    return inode;
  }

  /** Gives an inode one more name. Throws EPERM for a directory, EMLINK, EEXIST. Source: f2fs_link. */
  link(parent: Inode, name: Uint8Array, inode: Inode): void {
    if (inode.isDirectory) throw new F2fsError('EPERM', 'a directory can have one name only');
    if (inode.load().iLinks >= LINK_MAX) throw new F2fsError('EMLINK', 'the inode has all the links that it can have');
    this.#beginChange(parent, name);
    this.#core.directories.add(parent, name, inode.ino, fileTypeOf(inode.mode));
    setParent(inode, parent.ino, name);
    inode.change().iLinks++;
    this.#core.stampChange(inode);
    this.#core.touch(parent);
  }

  /** Removes a name that is no directory's, and the inode with its last one. Throws ENOENT, EISDIR, EBUSY. Source: f2fs_unlink. */
  unlink(parent: Inode, name: Uint8Array): void {
    checkParent(parent, name);
    this.#core.volume.assertWritable();
    // What fails in the background is not told here: removing a file may be the cure.
    this.#core.balance();
    const found = this.#core.directories.lookup(parent, name);
    if (found === null) throw new F2fsError('ENOENT', `"${Buffer.from(name).toString()}" does not exist`);
    const inode = this.#core.inodes.get(found.ino);
    if (inode.isDirectory) throw new F2fsError('EISDIR', `"${Buffer.from(name).toString()}" is a directory`);
    const last = inode.load().iLinks <= 1;
    if (last && inode.opens > 0)
      throw new F2fsError('EBUSY', `"${Buffer.from(name).toString()}" is open; close it first`);
    this.#core.directories.remove(parent, name);
    this.#core.touch(parent);
    if (last) {
      this.#core.settle(inode);
      this.#core.stopOnDamage(() => {
        this.#core.data.free(inode);
        this.#core.xattrs.free(inode);
        this.#core.inodes.discard(inode);
      });
    } else {
      inode.change().iLinks--;
      this.#core.stampChange(inode);
    }
  }

  #beginChange(parent: Inode, name: Uint8Array): void {
    checkParent(parent, name);
    this.#core.throttle();
  }
}

function checkParent(parent: Inode, name: Uint8Array): void {
  checkName(name);
  if (!parent.isDirectory)
    throw new F2fsError('ENOTDIR', `inode ${parent.ino} is not a directory`, { ino: parent.ino });
}
