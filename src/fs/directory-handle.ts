// An open directory: makes, finds and lists what is in it, by names of bytes.
import { F2fsError } from '../errors.ts';
import { isDots } from '../file/directory.ts';
import type { Inode } from '../file/inode.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from '../format/constants.ts';
import type { Core } from './core.ts';
import { FileHandle } from './file-handle.ts';
import { type Attributes, checkAttributes, Handle } from './handle.ts';
import { type FileType, modeOfType, typeOfDentry } from './stat.ts';

/** One name in a directory. */
export interface DirectoryEntry {
  /** Bytes, as stored; not always UTF-8. */
  name: Uint8Array;
  ino: number;
  type: FileType;
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
    return new Handle(
      this.core,
      this.core.namespace.symlink(this.inode, name, target, this.#newInode('symlink', attributes)),
    );
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
    this.core.namespace.link(this.inode, name, target.inode);
  }

  /** Removes a name that is no directory's, and with its last one the inode, once no handle on it is open. Throws ENOENT, EISDIR. */
  unlink(name: Uint8Array): void {
    this.core.namespace.unlink(this.inode, name);
  }

  #create(name: Uint8Array, type: FileType, attributes: Attributes, rdev?: { major: number; minor: number }): Inode {
    return this.core.namespace.create(this.inode, name, { ...this.#newInode(type, attributes), rdev });
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

/** @internal */
export function openInode(core: Core, inode: Inode): Handle {
  const type = inode.mode & S_IFMT;
  if (type === S_IFDIR) return new Directory(core, inode);
  return type === S_IFREG ? new FileHandle(core, inode) : new Handle(core, inode);
}
