// An open directory: makes, finds and lists what is in it, by names of bytes.
import { type Name, nameBytes, type Path } from '../bytes.ts';
import { checkChoice, checkIndex, checkOptions, invalid, isWhole, type OptionChecks } from '../check.ts';
import { F2fsError } from '../errors.ts';
import type { Dirent } from '../file/directory/dentries.ts';
import { isDots } from '../file/directory/directory.ts';
import type { Inode } from '../file/inode/inode.ts';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../format/constants.ts';
import { checkNewAttributes, type NewAttributes } from './attributes.ts';
import type { Core } from './core.ts';
import { FileHandle } from './file-handle.ts';
import { Handle } from './handle.ts';
import type { NewEntry } from './namespace.ts';
import { type FileType, NODE_TYPES, type NodeType } from './of-type.ts';
import { FOLLOW_OPTIONS, type FollowOptions, resolve } from './path-lookup.ts';
import { checkRenameFlags, type RenameFlags, rename } from './rename.ts';
import { type DeviceNumbers, modeOfType, typeOfDentry } from './stat.ts';

const DEVICE_NUMBERS: OptionChecks<DeviceNumbers> = { major: isWhole(0, 0xfff), minor: isWhole(0, 0xfffff) };

/** Some entries of a directory. */
export interface DirectoryPart {
  /** None when there are no more. */
  entries: DirectoryEntry[];
  /** What the next call is to begin with. */
  cursor: number;
}

/** One name in a directory. */
export interface DirectoryEntry {
  /** Bytes, as stored; not always UTF-8. */
  name: Uint8Array;
  /** Inode number, by which `openInode` opens it. */
  ino: number;
  /** As the entry says: the inode is not looked at. */
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
  readEntries(cursor: number, max: number): DirectoryPart {
    checkIndex(cursor, 'cursor');
    checkIndex(max, 'count of entries');
    const part = this.core.directories.readFrom(this.#alive(), cursor, max);
    return { entries: part.entries.map(entryOf), cursor: part.cursor };
  }

  /** The inode of a name, or null. */
  lookup(name: Name): DirectoryEntry | null {
    const bytes = nameOf(name);
    this.core.memory.balance();
    const found = this.core.directories.lookup(this.inode, bytes);
    return found === null ? null : entryOf({ ...found, name: new Uint8Array(bytes) });
  }

  /** Opens what a name stands for; a symlink is opened itself unless `follow` is true. Throws ENOENT; ENOTDIR, ELOOP where it leads. */
  open(name: Name, options: FollowOptions = {}): Handle {
    const bytes = nameOf(name);
    checkOptions('open', options, FOLLOW_OPTIONS);
    this.core.memory.balance();
    const inode = this.core.namespace.get(this.inode, bytes);
    const isFollowed = options.follow === true && (inode.mode & S_IFMT) === S_IFLNK;
    return openInode(this.core, isFollowed ? resolve(this.core, bytes, true, this.inode) : inode);
  }

  /** Makes an empty regular file. Throws EEXIST. */
  createFile(name: Name, attributes: NewAttributes = {}): FileHandle {
    return new FileHandle(this.core, this.#create(name, 'file', attributes));
  }

  /** Makes a directory. Throws EEXIST, ENOSPC. */
  mkdir(name: Name, attributes: NewAttributes = {}): Directory {
    return new Directory(this.core, this.#create(name, 'directory', attributes));
  }

  /** Makes a symlink; `target` is not looked at. Throws EEXIST, ENOENT for an empty target. */
  symlink(name: Name, target: Path, attributes: NewAttributes = {}): Handle {
    const bytes = nameOf(name);
    const targetBytes = nameBytes(target, 'target');
    const entry = this.#newInode('symlink', attributes);
    return new Handle(this.core, this.core.namespace.symlink(this.inode, bytes, targetBytes, entry));
  }

  /** Makes a fifo, socket, or character or block device with its numbers. Throws EINVAL for another type. */
  mknod(name: Name, type: NodeType, attributes: NewAttributes = {}, rdev?: DeviceNumbers): Handle {
    checkChoice(NODE_TYPES, type, 'type');
    return new Handle(this.core, this.#create(name, type, attributes, rdev));
  }

  /** Gives an inode one more name, here. */
  link(name: Name, target: Handle): void {
    const bytes = nameOf(name);
    if (!(target instanceof Handle)) throw invalid('target', target, 'an open handle');
    this.#assertSameVolume(target);
    this.core.namespace.link(this.inode, bytes, target.inode);
  }

  /** Removes a name that is no directory's, and with its last one the inode, once no handle on it is open. Throws ENOENT, EISDIR. */
  unlink(name: Name): void {
    this.core.namespace.unlink(this.inode, nameOf(name));
  }

  /** Removes an empty directory. Throws ENOENT, ENOTDIR, ENOTEMPTY, EINVAL for `.`. */
  rmdir(name: Name): void {
    this.core.namespace.rmdir(this.inode, nameOf(name));
  }

  /**
   * Moves a name, here or to another directory. What has the new name already is replaced: a directory, if empty, by a directory,
   * anything else by anything else. Throws ENOENT, EEXIST, ENOTDIR, EISDIR, ENOTEMPTY, EINVAL for a directory that would lie in itself.
   */
  rename(name: Name, to: Directory, toName: Name, flags: RenameFlags = {}): void {
    const bytes = nameOf(name);
    const toBytes = nameOf(toName);
    if (!(to instanceof Directory)) throw invalid('directory to move to', to, 'an open directory');
    checkRenameFlags(flags);
    this.#assertSameVolume(to);
    rename(this.core, this.inode, bytes, to.inode, toBytes, flags);
  }

  #assertSameVolume(other: Handle): void {
    if (other.isOn(this.core)) return;
    throw new F2fsError('EXDEV', 'the two lie on different volumes: copy what should be on both');
  }

  /** The inode, unless the directory was removed. */
  #alive(): Inode {
    this.core.memory.balance();
    const { inode } = this;
    if (inode.load().iLinks > 0) return inode;
    throw new F2fsError('ENOENT', 'the directory was removed', { ino: inode.ino });
  }

  #create(name: Name, type: FileType, attributes: NewAttributes, rdev?: DeviceNumbers): Inode {
    const bytes = nameOf(name);
    return this.core.namespace.create(this.inode, bytes, this.#newInode(type, attributes, rdev));
  }

  #newInode(type: FileType, attributes: NewAttributes, rdev?: DeviceNumbers): NewEntry {
    checkNewAttributes(attributes);
    if (rdev !== undefined) checkOptions('device numbers', rdev, DEVICE_NUMBERS);
    const { mode, uid = 0, gid, atime, mtime, ctime, crtime, compress, inherit = true } = attributes;
    const now = this.core.clock.now();
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

function nameOf(name: Name): Uint8Array {
  return nameBytes(name, 'name');
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

/** Opens what an entry that was read in a directory leads to. Throws EUCLEAN, and where names may have gone meanwhile what `open` does. */
export function openEntry(directory: Directory, { name, ino }: DirectoryEntry): Handle {
  const { core } = directory;
  if (!core.volume.readonly) return directory.open(name);
  core.memory.balance();
  return openInode(core, core.inodes.get(ino));
}
