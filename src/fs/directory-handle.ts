// An open directory: makes, finds and lists what is in it, by names of bytes.
import { checkChoice } from '../check.ts';
import { F2fsError } from '../errors.ts';
import type { Dirent } from '../file/dentries.ts';
import { isDots } from '../file/directory.ts';
import type { Inode } from '../file/inode.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from '../format/constants.ts';
import { type Attributes, checkAttributes } from './attributes.ts';
import type { Core } from './core.ts';
import { FileHandle } from './file-handle.ts';
import { Handle } from './handle.ts';
import type { NewEntry } from './namespace.ts';
import { type RenameFlags, rename } from './rename.ts';
import { type FileType, modeOfType, NODE_TYPES, type NodeType, typeOfDentry } from './stat.ts';

/** One name in a directory. */
export interface DirectoryEntry {
  /** Bytes, as stored; not always UTF-8. */
  name: Uint8Array;
  ino: number;
  type: FileType;
}

/** An open directory: makes, finds and lists what is in it, by names of bytes. */
export class Directory extends Handle {
  /** Every name but `.` and `..`, in the order that the directory keeps them. Throws ENOENT once it is removed. */
  entries(): DirectoryEntry[] {
    const entries: DirectoryEntry[] = [];
    this.core.directories.forEach(this.#alive(), (entry) => {
      if (!isDots(entry.name)) entries.push(entryOf(entry));
    });
    return entries;
  }

  /**
   * The next entries, `max` at most, from a cursor on: 0 at first, then what the last call gave; none are left when there are no
   * entries in the answer. Names may be added and removed between calls: one that is there all the time is seen once. Throws ENOENT
   * once the directory is removed. Source: f2fs_readdir.
   */
  readEntries(cursor: number, max: number): { entries: DirectoryEntry[]; cursor: number } {
    for (const number of [cursor, max])
      if (!Number.isSafeInteger(number) || number < 0)
        throw new F2fsError('EINVAL', `${number} is neither a cursor nor a count of entries`);
    const part = this.core.directories.readFrom(this.#alive(), cursor, max);
    return { entries: part.entries.map(entryOf), cursor: part.cursor };
  }

  /** The inode of a name, or null. */
  lookup(name: Uint8Array): DirectoryEntry | null {
    this.core.balance();
    const found = this.core.directories.lookup(this.inode, name);
    return found === null ? null : entryOf({ ...found, name: name.slice() });
  }

  /** Opens what a name stands for; a symlink is opened itself. Throws ENOENT. */
  open(name: Uint8Array): Handle {
    this.core.balance();
    return openInode(this.core, this.core.namespace.get(this.inode, name));
  }

  /** Makes an empty regular file. Throws EEXIST. */
  createFile(name: Uint8Array, attributes: Attributes = {}): FileHandle {
    return new FileHandle(this.core, this.#create(name, 'file', attributes));
  }

  mkdir(name: Uint8Array, attributes: Attributes = {}): Directory {
    return new Directory(this.core, this.#create(name, 'directory', attributes));
  }

  symlink(name: Uint8Array, target: Uint8Array, attributes: Attributes = {}): Handle {
    return new Handle(
      this.core,
      this.core.namespace.symlink(this.inode, name, target, this.#newInode('symlink', attributes)),
    );
  }

  /** Makes a fifo, socket, or character or block device with its numbers. Throws EINVAL for another type. */
  mknod(
    name: Uint8Array,
    type: NodeType,
    attributes: Attributes = {},
    rdev?: { major: number; minor: number },
  ): Handle {
    checkChoice(NODE_TYPES, type, 'type');
    return new Handle(this.core, this.#create(name, type, attributes, rdev));
  }

  /** Gives an inode one more name, here. */
  link(name: Uint8Array, target: Handle): void {
    this.#assertSameVolume(target);
    this.core.namespace.link(this.inode, name, target.inode);
  }

  /** Removes a name that is no directory's, and with its last one the inode, once no handle on it is open. Throws ENOENT, EISDIR. */
  unlink(name: Uint8Array): void {
    this.core.namespace.unlink(this.inode, name);
  }

  /** Removes an empty directory. Throws ENOENT, ENOTDIR, ENOTEMPTY, EINVAL for `.`. */
  rmdir(name: Uint8Array): void {
    this.core.namespace.rmdir(this.inode, name);
  }

  /**
   * Moves a name, here or to another directory. What has the new name already is replaced: a directory, if empty, by a directory,
   * anything else by anything else. Throws ENOENT, EEXIST, ENOTDIR, EISDIR, ENOTEMPTY, EINVAL for a directory that would lie in itself.
   */
  rename(name: Uint8Array, to: Directory, toName: Uint8Array, flags: RenameFlags = {}): void {
    this.#assertSameVolume(to);
    rename(this.core, this.inode, name, to.inode, toName, flags);
  }

  #assertSameVolume(other: Handle): void {
    if (other.isOn(this.core)) return;
    throw new F2fsError('EXDEV', 'the two lie on different volumes: copy what should be on both');
  }

  /** The inode, unless the directory was removed. */
  #alive(): Inode {
    this.core.balance();
    const { inode } = this;
    if (inode.load().iLinks > 0) return inode;
    throw new F2fsError('ENOENT', `directory ${inode.ino} was removed`, { ino: inode.ino });
  }

  #create(name: Uint8Array, type: FileType, attributes: Attributes, rdev?: { major: number; minor: number }): Inode {
    return this.core.namespace.create(this.inode, name, this.#newInode(type, attributes, rdev));
  }

  #newInode(
    type: FileType,
    { mode, uid = 0, gid, atime, mtime, ctime, crtime, compress, inherit = true }: Attributes,
    rdev?: NewEntry['rdev'],
  ): NewEntry {
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
      rdev,
      compress,
      inherit,
    };
  }
}

function entryOf({ name, ino, fileType }: Dirent): DirectoryEntry {
  return { name, ino, type: typeOfDentry(fileType) };
}

/** @internal */
export function openInode(core: Core, inode: Inode): Handle {
  const type = inode.mode & S_IFMT;
  if (type === S_IFDIR) return new Directory(core, inode);
  return type === S_IFREG ? new FileHandle(core, inode) : new Handle(core, inode);
}
