// Names: what makes, finds and removes them, and the inodes that come and go with them.
import { F2fsError } from '../errors.ts';
import { checkName, exists } from '../file/directory.ts';
import type { Inode } from '../file/inode.ts';
import { type NewInode, setParent } from '../file/inodes.ts';
import { S_IFDIR, S_IFLNK, S_IFMT } from '../format/constants.ts';
import { fileTypeOf } from '../format/dentry.ts';
import { ADVISE } from '../format/inode.ts';
import { maxOrphans } from '../volume/orphans.ts';
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
    checkParent(parent, name);
    if (inode.isDirectory) {
      if (this.#core.directories.lookup(parent, name) !== null) throw exists(name);
      throw new F2fsError('EPERM', 'a directory can have one name only');
    }
    if (inode.load().iLinks >= LINK_MAX) throw new F2fsError('EMLINK', 'the inode has all the links that it can have');
    this.#beginChange(parent, name);
    this.#core.directories.add(parent, name, inode.ino, fileTypeOf(inode.mode));
    setParent(inode, parent.ino, name);
    const raw = inode.change();
    raw.iLinks++;
    raw.iAdvise |= ADVISE.LOST_PINO;
    this.#core.stampChange(inode);
    this.#core.touch(parent);
  }

  /**
   * Removes a name that is no directory's, and with its last one the inode, as soon as nobody holds it. Throws ENOENT, EISDIR;
   * ENOSPC when the list of inodes that are held without a name is full. Source: f2fs_unlink.
   */
  unlink(parent: Inode, name: Uint8Array): void {
    checkParent(parent, name);
    this.#core.volume.assertWritable();
    // What fails in the background is not told here: removing a file may be the cure.
    this.#core.balance();
    const found = this.#core.directories.lookup(parent, name);
    if (found === null) throw new F2fsError('ENOENT', `"${Buffer.from(name).toString()}" does not exist`);
    const inode = this.#core.inodes.get(found.ino);
    if (inode.isDirectory) throw new F2fsError('EISDIR', `"${Buffer.from(name).toString()}" is a directory`);
    if (inode.load().iLinks === 1) this.#checkRoomForOrphan();
    this.#core.directories.remove(parent, name);
    this.#core.touch(parent);
    this.#dropLink(inode);
  }

  /** Takes a link off an inode; without any it goes, or becomes an orphan while somebody holds it. Source: f2fs_drop_nlink. */
  #dropLink(inode: Inode): void {
    const raw = inode.change();
    raw.iLinks--;
    if (raw.iLinks === 0) this.#core.volume.orphans.add(inode.ino);
    if (raw.iLinks === 0 && inode.opens === 0) this.#core.evict(inode);
    else this.#core.stampChange(inode);
  }

  /** Throws ENOSPC when a checkpoint could not list one more. Source: f2fs_acquire_orphan_inode. */
  #checkRoomForOrphan(): void {
    const { orphans, layout } = this.#core.volume;
    const limit = maxOrphans(layout);
    if (orphans.size < limit) return;
    throw new F2fsError('ENOSPC', `${limit} removed files are still open, and the volume can keep no more: close some`);
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
