// Pours a scanned host tree into a mounted volume: a directory's entries, then each of its subdirectories in turn, so that
// what is written is written once.
import * as fs from 'node:fs';
import { F2fsError, hostError } from '../errors.ts';
import type { Timestamp } from '../file/inode.ts';
import { BLKSIZE } from '../format/constants.ts';
import type { FileSystem } from '../fs/file-system.ts';
import type { Attributes, Directory, FileHandle, Handle } from '../fs/handles.ts';
import { forEachDataRange } from './host-extents.ts';
import { openHostFile, verifyUnchanged } from './host-file.ts';
import type { HostEntry, HostTree } from './host-tree.ts';
import { isStorableXattr } from './host-xattr.ts';

/** An entry, or an attribute of one, that could not be read or stored. */
export interface BuildProblem {
  path: string;
  /** Errno name. */
  code: string;
  message: string;
}

export interface Populated {
  files: number;
  directories: number;
  symlinks: number;
  /** Fifos, sockets, devices. */
  special: number;
  /** Names beyond an inode's first. */
  hardLinks: number;
  /** Bytes of the regular files. */
  contentBytes: number;
  xattrs: number;
}

/** A failure of the host or of an entry that F2FS can't hold: it concerns that entry alone. */
class EntryFailure extends Error {
  readonly failure: F2fsError;
  constructor(failure: F2fsError) {
    super(failure.message);
    this.failure = failure;
  }
}

/** Runs what touches the host. */
function fromHost<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new EntryFailure(hostError('cannot read it', error));
  }
}

/** Codes by which the volume refuses one entry; any other failure of it ends the build. */
const REFUSALS = new Set([
  'ENAMETOOLONG',
  'EINVAL',
  'EFBIG',
  'EEXIST',
  'EMLINK',
  'ENOENT',
  'EOPNOTSUPP',
  'ERANGE',
  'E2BIG',
]);

export class Populator {
  readonly #tree: HostTree;
  readonly #volume: FileSystem;
  /** The time of creation and change of every inode. */
  readonly #stamp: Timestamp;
  readonly problems: BuildProblem[] = [];
  readonly done: Populated = {
    files: 0,
    directories: 0,
    symlinks: 0,
    special: 0,
    hardLinks: 0,
    contentBytes: 0,
    xattrs: 0,
  };
  /** Entries dealt with so far, and the one at hand. */
  entries = 0;
  current = 0;
  /** Bytes of content, in whole blocks, that became holes. */
  holeBytes = 0;
  /** Inodes of files with several links, by the index of their first entry. */
  readonly #linked = new Map<number, number>();

  constructor(tree: HostTree, volume: FileSystem, stamp: Timestamp) {
    this.#tree = tree;
    this.#volume = volume;
    this.#stamp = stamp;
  }

  /**
   * Does the work, yielding after each entry so that the caller may show progress or stop. What concerns one entry goes to
   * `problems`; what concerns the volume is thrown.
   */
  *run(): Generator<void> {
    // Directories still to be filled, deepest last; each one's inode is there already.
    const root = this.#volume.root();
    this.#setXattrs(0, root);
    const stack: { index: number; handle: Directory; child: number }[] = [{ index: 0, handle: root, child: 0 }];
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const { index, handle } = top;
      const first = this.#tree.firstChild(index);
      const end = first + this.#tree.nrChildren(index);
      if (top.child === 0) {
        for (let child = first; child < end; child++) {
          if (this.#tree.type(child) === 'dir') continue;
          this.#attempt(child, () => this.#addEntry(handle, child));
          yield;
        }
      }
      let subdir = first + top.child;
      while (subdir < end && this.#tree.type(subdir) !== 'dir') subdir++;
      top.child = subdir - first + 1;
      if (subdir < end) {
        this.#attempt(subdir, () => {
          stack.push({ index: subdir, handle: this.#addDirectory(handle, subdir), child: 0 });
        });
        yield;
        continue;
      }
      // Its times last: filling it changed them.
      handle.setAttributes(this.#attributes(this.#tree.entry(index)));
      handle.close();
      stack.pop();
    }
  }

  #attempt(index: number, work: () => void): void {
    this.current = index;
    this.entries++;
    try {
      work();
    } catch (error) {
      if (error instanceof EntryFailure) this.#problem(index, error.failure);
      else if (error instanceof F2fsError && REFUSALS.has(error.code)) this.#problem(index, error);
      else throw error;
    }
  }

  #problem(index: number, error: F2fsError): void {
    const path = this.#tree.path(index);
    this.problems.push({ path, code: error.code, message: error.message });
  }

  #addDirectory(parent: Directory, index: number): Directory {
    const entry = this.#tree.entry(index);
    const there = index > 0 ? parent.lookup(entry.name) : null;
    // mkfs has made lost+found already.
    const handle =
      there?.type === 'directory' ? parent.open(entry.name) : parent.mkdir(entry.name, this.#attributes(entry));
    this.done.directories++;
    this.#setXattrs(index, handle);
    return handle as Directory;
  }

  #addEntry(parent: Directory, index: number): void {
    const group = this.#tree.linkGroup(index);
    const ino = group >= 0 && group !== index ? this.#linked.get(group) : undefined;
    if (ino !== undefined) {
      using target = this.#volume.openInode(ino);
      parent.link(this.#tree.name(index), target);
      target.setAttributes({ ctime: this.#stamp });
      this.done.hardLinks++;
      return;
    }
    const entry = this.#tree.entry(index);
    using handle = this.#makeInode(parent, index, entry);
    this.#setXattrs(index, handle);
    if (group >= 0) this.#linked.set(index === group ? index : group, handle.ino);
  }

  #makeInode(parent: Directory, index: number, entry: HostEntry): Handle {
    const attributes = this.#attributes(entry);
    switch (entry.type) {
      case 'file':
        return this.#makeFile(parent, index, entry, attributes);
      case 'symlink': {
        const handle = parent.symlink(
          entry.name,
          fromHost(() => this.#tree.readlink(index)),
          attributes,
        );
        this.done.symlinks++;
        return handle;
      }
      default: {
        const type = entry.type as 'fifo' | 'socket' | 'char' | 'block';
        const handle = parent.mknod(entry.name, type, attributes, { major: entry.rdevMajor, minor: entry.rdevMinor });
        this.done.special++;
        return handle;
      }
    }
  }

  /** Opens the source first: a file that can't be read gets no entry. */
  #makeFile(parent: Directory, index: number, entry: HostEntry, attributes: Attributes): FileHandle {
    if (entry.size === 0) {
      this.done.files++;
      return parent.createFile(entry.name, attributes);
    }
    const fd = fromHost(() => openHostFile(this.#tree, index));
    try {
      const handle = parent.createFile(entry.name, attributes);
      try {
        this.#copy(handle, fd, entry);
        fromHost(() => verifyUnchanged(this.#tree, fd, index));
      } catch (error) {
        // Half a file, or two halves of different ones, is worse than none.
        handle.close();
        if (!this.#volume.volume.stopped) parent.unlink(entry.name);
        throw error;
      }
      this.done.files++;
      this.done.contentBytes += entry.size;
      this.#countHoles(handle, entry);
      return handle;
    } finally {
      fs.closeSync(fd);
    }
  }

  #countHoles(handle: FileHandle, { size }: HostEntry): void {
    const { inline, blocks } = handle.stat();
    if (!inline) this.holeBytes += Math.max(0, Math.ceil(size / BLKSIZE) - (blocks - 1)) * BLKSIZE;
  }

  #copy(handle: FileHandle, fd: number, entry: HostEntry): void {
    const source = {
      fill: (memory: Uint8Array, offset: number, length: number, position: number) => {
        for (let done = 0; done < length; ) {
          const got = fromHost(() => fs.readSync(fd, memory, offset + done, length - done, position + done));
          if (got === 0) throw new EntryFailure(new F2fsError('ESTALE', 'it became shorter while it was read'));
          done += got;
        }
      },
    };
    if (entry.blocks >= entry.size) {
      handle.writeFrom(source, 0, entry.size, { sparse: true });
      return;
    }
    handle.truncate(entry.size);
    forEachDataRange(fd, entry.size, (start, end) => {
      const from = start - (start % BLKSIZE);
      const to = Math.min(entry.size, Math.ceil(end / BLKSIZE) * BLKSIZE);
      handle.writeFrom(source, from, to - from, { sparse: true });
    });
  }

  #setXattrs(index: number, handle: Handle): void {
    if (!this.#tree.hasXattrs(index)) return;
    const known = [];
    for (const { name, value } of fromHost(() => this.#tree.xattrs(index))) {
      if (isStorableXattr(name)) known.push({ name, value });
      else this.#problem(index, new F2fsError('EOPNOTSUPP', `F2FS has no place for the extended attribute ${name}`));
    }
    if (known.length === 0) return;
    try {
      handle.setXattrs(known);
      this.done.xattrs += known.length;
    } catch (error) {
      // The entry stays, without attributes that F2FS can't hold.
      if (!(error instanceof F2fsError) || !REFUSALS.has(error.code)) throw error;
      this.#problem(index, error);
    }
  }

  /** Access times change with each reading: the image gets the modification time, and is the same each time. */
  #attributes(entry: HostEntry): Attributes {
    const mtime = { sec: entry.mtimeSec, nsec: entry.mtimeNsec };
    return {
      mode: entry.mode & 0o7777,
      uid: entry.uid,
      gid: entry.gid,
      atime: mtime,
      mtime,
      ctime: this.#stamp,
      crtime: this.#stamp,
    };
  }
}
