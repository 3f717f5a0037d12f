// Names: what makes, finds and removes them, and the inodes that come and go with them.

import { display } from '../bytes.ts';
import { F2fsError } from '../errors.ts';
import type { FileData } from '../file/data/file-data.ts';
import { checkName, type Directories, exists, isDots } from '../file/directory/directory.ts';
import type { Place } from '../file/directory/directory-blocks.ts';
import { flagged } from '../file/inode/change-rules.ts';
import type { Inode } from '../file/inode/inode.ts';
import { type Inodes, type NewInode, setParent } from '../file/inode/inodes.ts';
import type { QuotaFiles } from '../file/quota/quota-files.ts';
import type { Xattrs } from '../file/xattr/xattrs.ts';
import { PATH_MAX, S_IFDIR, S_IFLNK, S_IFMT } from '../format/constants.ts';
import { fileTypeOf } from '../format/dentry.ts';
import { ADVISE, I_FLAGS } from '../format/inode.ts';
import { maxOrphans } from '../volume/orphans.ts';
import type { Volume } from '../volume/volume.ts';
import { assertNotFixed, inheritedFrom } from './attributes.ts';
import type { Clock } from './clock.ts';
import type { Memory } from './memory.ts';
import type { Reclaim } from './reclaim.ts';
import type { Sync } from './sync.ts';
import type { UnnamedInodes } from './unnamed.ts';

/** Links that an inode may have. Source: F2FS_LINK_MAX. */
const LINK_MAX = 0xffffffff;

/** An inode to be made: what is left open comes from its directory. */
export type NewEntry = Omit<NewInode, 'gid'> & { gid: number | undefined };

/** What names take of a mount. */
export interface NamespaceParts {
  readonly volume: Volume;
  readonly inodes: Inodes;
  readonly directories: Directories;
  readonly data: FileData;
  readonly xattrs: Xattrs;
  readonly quotas: QuotaFiles;
  readonly clock: Clock;
  readonly memory: Memory;
  readonly reclaim: Reclaim;
  readonly sync: Sync;
  readonly unnamed: UnnamedInodes;
}

export class Namespace {
  readonly #parts: NamespaceParts;

  constructor(parts: NamespaceParts) {
    this.#parts = parts;
  }

  /**
   * Makes an inode and its name; `fill` gives it contents before. Throws EEXIST, ENOSPC, EMLINK, ENAMETOOLONG, EPERM in an immutable
   * directory, ENOENT in a removed one; nothing is changed then. Source: f2fs_create, f2fs_mkdir, f2fs_mknod.
   */
  create(parent: Inode, name: Uint8Array, attributes: NewEntry, fill?: (inode: Inode) => void): Inode {
    const { inodes, directories } = this.#parts;
    const isDirectory = (attributes.mode & S_IFMT) === S_IFDIR;
    this.beginAdd(parent, name);
    if (isDirectory) checkLinks(parent);
    const { inherit, mode, gid } = attributes;
    const inherited = inherit ? inheritedFrom(this.#parts, parent, mode, gid) : { mode, gid: gid ?? 0, xattrs: [] };
    this.#parts.quotas.prepare(attributes.uid, inherited.gid, inodes.projectIdFor(parent));
    const place = directories.placeDentry(parent, name);
    const inode = inodes.create(parent, name, { ...attributes, mode: inherited.mode, gid: inherited.gid });
    try {
      if (inherited.xattrs.length > 0) this.#parts.xattrs.set(inode, inherited.xattrs);
      fill?.(inode);
    } catch (error) {
      inodes.evict(inode);
      throw error;
    }
    if (isDirectory) directories.makeEmpty(inode, parent.ino);
    directories.put(parent, place, name, inode.ino, fileTypeOf(mode));
    if (isDirectory) parent.change().iLinks++;
    this.#parts.clock.touch(parent);
    this.endChange(parent);
    return inode;
  }

  /** Makes a symlink; the target is any bytes without a zero. Throws ENOENT for an empty one, ENAMETOOLONG past 4095. */
  symlink(parent: Inode, name: Uint8Array, target: Uint8Array, attributes: NewEntry): Inode {
    checkSymlinkTarget(target);
    // The kernel makes the name first: a crash in between leaves a symlink that leads nowhere.
    return this.create(parent, name, { ...attributes, mode: S_IFLNK | 0o777 }, (inode) =>
      this.#parts.data.writeTarget(inode, target),
    );
  }

  /**
   * Gives an inode one more name. Throws EEXIST, EPERM for a directory and for what is immutable or append-only, ENOENT for an inode
   * that has lost its last name, EMLINK, ENOSPC. Source: vfs_link, f2fs_link.
   */
  link(parent: Inode, name: Uint8Array, inode: Inode): void {
    this.beginAdd(parent, name);
    const place = this.#parts.directories.placeDentry(parent, name);
    assertNotFixed(inode);
    assertSameProject(parent, inode);
    if (inode.isDirectory) throw new F2fsError('EPERM', 'a directory can have one name only', { ino: inode.ino });
    if (inode.load().iLinks === 0)
      throw new F2fsError('ENOENT', "the file has no name any more: it can't get a new one", {
        ino: inode.ino,
      });
    checkLinks(inode);
    setParent(inode, parent.ino, name);
    const raw = inode.change();
    raw.iLinks++;
    raw.iAdvise |= ADVISE.LOST_PINO;
    this.#parts.clock.stampChange(inode);
    this.#parts.directories.put(parent, place, name, inode.ino, fileTypeOf(inode.mode));
    this.#parts.clock.touch(parent);
    this.endChange(parent);
  }

  /**
   * Removes a name that is no directory's, and with its last one the inode, as soon as nobody holds it. Throws ENOENT, EISDIR, EPERM;
   * ENOSPC when the list of inodes that are held without a name is full. Source: f2fs_unlink.
   */
  unlink(parent: Inode, name: Uint8Array): void {
    if (isDots(name)) throw isDirectoryError(name);
    this.#remove(parent, name, false);
  }

  /**
   * Removes an empty directory, at once, though what is held lives on without a name. Throws ENOENT, ENOTDIR, ENOTEMPTY, EPERM,
   * ENOSPC as unlink does. Source: f2fs_rmdir.
   */
  rmdir(parent: Inode, name: Uint8Array): void {
    if (isDots(name)) {
      if (name.length === 1) throw new F2fsError('EINVAL', 'a directory can\'t be removed by the name "."');
      throw notEmpty(name);
    }
    this.#remove(parent, name, true);
  }

  #remove(parent: Inode, name: Uint8Array, directory: boolean): void {
    const { directories } = this.#parts;
    this.#checkParent(parent, name);
    this.#parts.memory.balanceChange();
    let place = this.#find(parent, name);
    const inode = this.#parts.inodes.get(directories.entryAt(parent, place, name).ino);
    this.checkRemovable(parent, name, inode, directory);
    if (directory) {
      if (!directories.isEmpty(inode)) throw notEmpty(name, inode);
      // Looking through it may have taken the parent's pages out of memory.
      place = this.#find(parent, name);
    }
    const { iLinks } = inode.load();
    if (directory || iLinks === 1) this.checkRoomForOrphan();
    if (directory || iLinks > 1) this.#parts.volume.treeChanged = true;
    if (directory) parent.change().iLinks--;
    this.#parts.volume.stopOnDamage(() => directories.remove(parent, place));
    this.#parts.clock.touch(parent);
    this.dropLink(inode, directory);
    this.endChange(parent);
  }

  /** Where a name stands, ready to be changed. Throws ENOENT. */
  #find(parent: Inode, name: Uint8Array): Place {
    const place = this.#parts.directories.find(parent, name);
    if (place === null) throw notThere(name);
    return place;
  }

  /** The inode of a name. Throws ENOENT. */
  get(parent: Inode, name: Uint8Array): Inode {
    const found = this.#parts.directories.lookup(parent, name);
    if (found === null) throw notThere(name);
    return this.#parts.inodes.get(found.ino);
  }

  /** Throws EPERM, ENOTDIR or EISDIR when a name may not be taken away from an inode. Source: may_delete. */
  checkRemovable(parent: Inode, name: Uint8Array, inode: Inode, directory: boolean): void {
    assertNotFixed(parent, 'the directory');
    assertNotFixed(inode);
    const { ino } = inode;
    if (directory && !inode.isDirectory)
      throw new F2fsError('ENOTDIR', `"${display(name)}" is not a directory`, { ino });
    if (!directory && inode.isDirectory) throw isDirectoryError(name, ino);
  }

  /**
   * Takes a link off an inode, all of a directory's; without any it goes, or becomes an orphan while somebody holds it.
   * Source: f2fs_drop_nlink.
   */
  dropLink(inode: Inode, directory: boolean): void {
    const raw = inode.change();
    raw.iLinks = directory ? 0 : raw.iLinks - 1;
    if (directory) {
      raw.iSize = 0;
      inode.index = null;
    }
    if (raw.iLinks === 0 && inode.opens === 0) {
      this.#parts.unnamed.evict(inode);
      return;
    }
    if (raw.iLinks === 0) this.#parts.volume.orphans.add(inode.ino);
    this.#parts.clock.stampChange(inode);
  }

  /** Throws ENOSPC when a checkpoint could not list one more. Source: f2fs_acquire_orphan_inode. */
  checkRoomForOrphan(): void {
    const { orphans, layout } = this.#parts.volume;
    const limit = maxOrphans(layout);
    if (orphans.size < limit) return;
    throw new F2fsError('ENOSPC', `${limit} removed files are still open, and the volume can keep no more: close some`);
  }

  /** Before a name is added. Source: filename_create, may_create. */
  beginAdd(parent: Inode, name: Uint8Array): void {
    this.#checkParent(parent, name);
    if (isDots(name)) throw exists(name);
    this.#parts.memory.throttle();
    if (parent.load().iLinks === 0)
      throw new F2fsError('ENOENT', 'the directory was removed: nothing can be made in it', {
        ino: parent.ino,
      });
    if ((parent.load().iFlags & I_FLAGS.IMMUTABLE) === 0) return;
    if (this.#parts.directories.lookup(parent, name) !== null) throw exists(name);
    throw new F2fsError('EPERM', `the directory ${flagged('immutable')}`, { ino: parent.ino });
  }

  /**
   * After names have changed: directories with the flag for it are written at once, unless all is to become true together. Source:
   * IS_DIRSYNC.
   */
  endChange(...directories: Inode[]): void {
    if (!this.#parts.reclaim.mayCheckpoint) return;
    for (const directory of directories) {
      if ((directory.load().iFlags & (I_FLAGS.SYNC | I_FLAGS.DIRSYNC)) === 0) continue;
      this.#parts.sync.volume(false);
      return;
    }
  }

  #checkParent(parent: Inode, name: Uint8Array): void {
    this.#parts.volume.assertWritable();
    checkName(name);
    if (!parent.isDirectory)
      throw new F2fsError('ENOTDIR', 'what it should lie in is not a directory', { ino: parent.ino });
  }
}

/** Throws ENOENT, EINVAL, ENAMETOOLONG for what can be no target of a symlink. */
export function checkSymlinkTarget(target: Uint8Array): void {
  if (target.length === 0) throw new F2fsError('ENOENT', 'the target of a symlink must not be empty');
  if (target.includes(0)) throw new F2fsError('EINVAL', 'the target of a symlink must not have a zero byte in it');
  if (target.length < PATH_MAX) return;
  throw new F2fsError(
    'ENAMETOOLONG',
    `invalid symlink target of ${target.length} bytes: expected ${PATH_MAX - 1} at most`,
  );
}

/** Throws EMLINK for an inode that can have no more links. */
export function checkLinks(inode: Inode): void {
  if (inode.load().iLinks < LINK_MAX) return;
  throw new F2fsError('EMLINK', 'the file has all the links that it can have', { ino: inode.ino });
}

/** Throws EXDEV for what is of another project than a directory that hands its own on. Source: FI_PROJ_INHERIT in f2fs_link. */
export function assertSameProject(parent: Inode, inode: Inode): void {
  if ((parent.load().iFlags & I_FLAGS.PROJINHERIT) === 0 || parent.projectId === inode.projectId) return;
  const projects = `the directory is of project ${parent.projectId} with all that is in it, the file of ${inode.projectId}`;
  throw new F2fsError('EXDEV', `${projects}: set its project first (setProjectId)`, { ino: inode.ino });
}

/** Keeps an inode's object while memory is balanced. */
export function hold<T>(inode: Inode, use: () => T): T {
  inode.opens++;
  try {
    return use();
  } finally {
    inode.opens--;
  }
}

export function notThere(name: Uint8Array): F2fsError {
  return new F2fsError('ENOENT', `"${display(name)}" does not exist`);
}

export function notEmpty(name: Uint8Array, inode?: Inode): F2fsError {
  return new F2fsError('ENOTEMPTY', `the directory "${display(name)}" is not empty`, { ino: inode?.ino });
}

function isDirectoryError(name: Uint8Array, ino?: number): F2fsError {
  return new F2fsError('EISDIR', `"${display(name)}" is a directory`, { ino });
}
