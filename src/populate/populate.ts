// Pours a tree into a mounted volume: a directory's entries, then each of its subdirectories in turn, so that what is written is
// written once.
import { F2fsError } from '../errors.ts';
import type { ByteSource } from '../file/data/file-data.ts';
import type { Timestamp } from '../file/inode/inode.ts';
import type { Attributes, NewAttributes } from '../fs/attributes.ts';
import type { Directory } from '../fs/directory-handle.ts';
import { FileHandle } from '../fs/file-handle.ts';
import type { FileSystem } from '../fs/file-system.ts';
import type { Handle } from '../fs/handle.ts';
import type { NodeType } from '../fs/of-type.ts';
import { removeFile } from '../fs/remove-tree.ts';
import { kindOfMessage, Problems } from '../problems.ts';
import { type EntryStat, storedBytes } from '../source/entry-table.ts';
import { type FoldedDirectories, refuseNames } from '../source/folded-names.ts';
import type { HolePolicy } from '../source/hole-policy.ts';
import type { Populated } from '../source/populated.ts';
import { PourOrder } from '../source/pour-order.ts';
import type { ContentReader, SourceFile, SourceTree } from '../source/source-tree.ts';
import type { CompressChoice } from './compress-choice.ts';
import { EntryExtras } from './entry-extras.ts';
import type { FileChoice } from './file-choice.ts';
import { assertFitsPinned, clearRest } from './pinned-target.ts';
import type { PutLinks } from './put-links.ts';

/** A failure of the source: it concerns one entry alone. */
class EntryFailure extends Error {
  readonly failure: F2fsError;
  constructor(failure: F2fsError) {
    super(failure.message);
    this.failure = failure;
  }
}

/** Runs what touches the source. */
function fromSource<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof F2fsError ? new EntryFailure(error) : error;
  }
}

/** Bytes of a file after which the caller is heard again: the largest folio. */
const PIECE_BYTES = 2 * 1024 * 1024;

/** Codes by which the volume refuses one entry; any other failure of it ends the build. */
const REFUSALS = new Set([
  'ENAMETOOLONG',
  'EINVAL',
  'EFBIG',
  'EEXIST',
  'EMLINK',
  'EISDIR',
  'ENOENT',
  'EOPNOTSUPP',
  'ERANGE',
  'E2BIG',
  'ENOKEY',
  'EPERM',
  'EACCES',
  'ENOTDIR',
  'ENOTEMPTY',
]);

/** What forbids a change of what is in the image: that it is there must be said, as the path is one of the host. */
function refusal(error: F2fsError): F2fsError {
  const { code, message } = error;
  return code === 'EPERM' ? new F2fsError(code, `the image refuses it: ${message}`, { cause: error }) : error;
}

/** Where a tree goes, when not to the root of a new volume. */
export interface PourTarget {
  /** What is in the tree's root goes here. The populator closes it. */
  directory: Directory;
  /** Whether it gets the attributes of the tree's root, too. */
  isRoot: boolean;
  /** The name that the only entry gets; else entries keep theirs. */
  name?: Uint8Array;
  /** Files that stand there are replaced; else they are problems. Directories take what comes in addition. */
  replace: boolean;
  /** What came with other trees, and comes again by another name, becomes a link. */
  links: PutLinks;
}

export class Populator {
  readonly #tree: SourceTree;
  readonly #volume: FileSystem;
  readonly #pageSize: number;
  /** The time of creation and change of every inode. */
  readonly #stamp: Timestamp;
  readonly #reader: ContentReader;
  readonly #compressed: CompressChoice | null;
  readonly #target: PourTarget | null;
  readonly #holes: HolePolicy;
  readonly #verity: Pick<FileChoice, 'has'> | null;
  readonly problems = new Problems();
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
  /** Bytes of content that are holes. */
  holeBytes = 0;
  /** Blocks that were freed by what was replaced. */
  freedBlocks = 0;
  /** Inodes of the compressed files. */
  readonly compressed: number[] = [];
  /** Inodes of the files that are to be put under verity. */
  readonly verity: number[] = [];
  /** Inodes of files with several links, by the index of their first entry. */
  readonly #linked = new Map<number, number>();
  readonly #extras: EntryExtras;
  readonly #folded: FoldedDirectories | null;
  /** Entries that can't have their names in a directory of the volume that folds case. */
  readonly #refused = new Map<number, F2fsError>();

  /**
   * @param target null for the root of a volume that is empty
   * @param folded the directories that are to fold case, besides those that come to lie in one
   */
  constructor(
    tree: SourceTree,
    volume: FileSystem,
    stamp: Timestamp,
    compressed: CompressChoice | null,
    target: PourTarget | null = null,
    holes: HolePolicy = 'source',
    folded: FoldedDirectories | null = null,
    verity: Pick<FileChoice, 'has'> | null = null,
  ) {
    this.#verity = verity;
    this.#tree = tree;
    this.#folded = folded;
    this.#volume = volume;
    this.#pageSize = volume.statfs().blockBytes;
    this.#stamp = stamp;
    this.#compressed = compressed;
    this.#target = target;
    this.#holes = holes;
    this.#reader = tree.reader();
    this.#extras = new EntryExtras(tree, volume, this.done, (index, error) => this.#problem(index, error));
  }

  /**
   * Does the work, yielding after each entry so that the caller may show progress or stop. What concerns one entry goes to
   * `problems`; what concerns the volume is thrown.
   */
  *run(): Generator<void> {
    const root = this.#target?.directory ?? this.#volume.root();
    const takesAttributes = this.#target?.isRoot ?? true;
    if (takesAttributes) this.#extras.set(0, root);
    this.#refuseNames(0, root);
    const order = new PourOrder(this.#tree);
    // Directories still to be filled, deepest last.
    const open: Directory[] = [root];
    for (let step = order.next(); step !== 'end'; step = order.next()) {
      const { index } = order;
      const parent = open[open.length - 1];
      if (step === 'leave') {
        if (index > 0 || takesAttributes) this.#finishDirectory(index, parent);
        // It is made at once: no name is looked for in it again.
        parent.inode.index = null;
        parent.close();
        open.pop();
        continue;
      }
      this.current = index;
      this.entries++;
      try {
        const refused = this.#refused.get(index);
        if (refused !== undefined) throw refused;
        if (step === 'enter') open.push(this.#addDirectory(parent, index));
        else yield* this.#addEntry(parent, index);
      } catch (error) {
        this.#assertOfEntry(index, error);
        if (step === 'enter') order.skip();
      }
      yield;
    }
  }

  /** An entry whose directory, of inode `parentIno`, is there and has its attributes. As `run`. */
  *addLate(index: number, parentIno: number): Generator<void> {
    using parent = this.#volume.openInode(parentIno) as Directory;
    try {
      yield* this.#addEntry(parent, index);
      this.#finishDirectory(this.#tree.parent(index), parent);
    } catch (error) {
      this.#assertOfEntry(index, error);
    }
  }

  /** Its times last: filling it changed them. */
  #finishDirectory(index: number, handle: Directory): void {
    try {
      handle.setAttributes(this.#changedAttributes(this.#tree.stat(index)));
    } catch (error) {
      if (!(error instanceof F2fsError) || error.code !== 'EPERM') throw error;
      this.#problem(index, refusal(error));
    }
  }

  /** Ends its thread, when it will not be run any further. */
  close(): void {
    this.#reader.close();
  }

  /** Notes what went wrong with one entry. Throws what concerns the volume. */
  #assertOfEntry(index: number, error: unknown): void {
    if (error instanceof EntryFailure) this.#problem(index, error.failure);
    else if (error instanceof F2fsError && REFUSALS.has(error.code)) this.#problem(index, refusal(error));
    else throw error;
  }

  #problem(index: number, error: F2fsError): void {
    const { code, message } = error;
    this.problems.add(code, kindOfMessage(message), () => ({ path: this.#tree.path(index), message }));
  }

  #addDirectory(parent: Directory, index: number): Directory {
    const name = this.#name(index);
    const there = parent.lookup(name);
    // mkfs has made lost+found already.
    const handle =
      there?.type === 'directory' ? parent.open(name) : parent.mkdir(name, this.#attributes(this.#tree.stat(index)));
    this.done.directories++;
    if (this.#folded?.has(index) && !handle.inode.foldsCase) handle.setFlags([...handle.stat().flags, 'casefold']);
    this.#extras.set(index, handle);
    this.#refuseNames(index, handle as Directory);
    return handle as Directory;
  }

  /** In a directory that folds case, entries that can't stand beside each other. */
  #refuseNames(index: number, { inode }: Directory): void {
    const { folding } = this.#volume.volume.layout;
    if (index === 0 && this.#target?.name !== undefined) return;
    if (folding !== null && inode.foldsCase && !inode.isEncrypted)
      refuseNames(this.#tree, index, folding, this.#refused);
  }

  #name(index: number): Uint8Array {
    return this.#target?.name ?? this.#tree.name(index);
  }

  /**
   * Takes away what stands where an entry is to go: true. False when it is the inode itself which gets the name. A pinned file
   * stays, and is returned.
   */
  *#clear(
    parent: Directory,
    index: number,
    { replace, links }: PourTarget,
    ino: number | undefined,
  ): Generator<void, boolean | FileHandle> {
    const name = this.#name(index);
    const there = parent.lookup(name);
    if (there === null) return true;
    if (there.type === 'directory') throw new F2fsError('EISDIR', 'a directory of that name stands in the image');
    if (!replace) throw new F2fsError('EEXIST', 'it exists in the image');
    if (there.ino === ino) return false;
    const handle = parent.open(name);
    if (handle instanceof FileHandle && handle.pinned) return handle;
    if (handle.stat().nlink === 1) links.forget(handle.ino);
    const { space } = this.#volume.volume;
    const before = space.freeBlocks;
    yield* removeFile(parent, name, handle);
    this.freedBlocks += space.freeBlocks - before;
    return true;
  }

  *#addEntry(parent: Directory, index: number): Generator<void> {
    const group = this.#tree.linkGroup(index);
    const ino = group >= 0 ? this.#inodeOf(group) : undefined;
    const cleared = this.#target === null || (yield* this.#clear(parent, index, this.#target, ino));
    if (cleared === false) return;
    using pinned = cleared === true ? null : cleared;
    if (pinned !== null && (ino !== undefined || this.#tree.type(index) !== 'file')) {
      const message = 'the file there is pinned to its blocks: remove it first if nothing relies on them';
      throw new F2fsError('EOPNOTSUPP', message);
    }
    if (ino !== undefined) {
      using target = this.#volume.openInode(ino);
      parent.link(this.#name(index), target);
      target.setAttributes({ ctime: this.#stamp });
      this.done.hardLinks++;
      return;
    }
    using handle = yield* pinned === null ? this.#makeInode(parent, index) : this.#overwrite(pinned, index);
    this.#extras.set(index, handle);
    if (this.#tree.type(index) === 'file' && this.#verity?.has(index)) this.verity.push(handle.ino);
    if (group < 0) return;
    this.#linked.set(group, handle.ino);
    this.#target?.links.set(this.#tree.stat(group), handle.ino);
  }

  /** The inode that a file with several names has in the volume, if it is there already. */
  #inodeOf(group: number): number | undefined {
    return this.#linked.get(group) ?? this.#target?.links.get(this.#tree.stat(group));
  }

  *#makeInode(parent: Directory, index: number): Generator<void, Handle> {
    const name = this.#name(index);
    const stat = this.#tree.stat(index);
    const type = this.#tree.type(index);
    if (type === 'file') return yield* this.#makeFile(parent, index, stat);
    const attributes = this.#attributes(stat);
    if (type === 'symlink') {
      const target = fromSource(() => this.#tree.readlink(index));
      const handle = parent.symlink(name, target, attributes);
      this.done.symlinks++;
      return handle;
    }
    const rdev = { major: stat.rdevMajor, minor: stat.rdevMinor };
    const handle = parent.mknod(name, type as NodeType, attributes, rdev);
    this.done.special++;
    return handle;
  }

  /** Opens the source first: a file that can't be read gets no entry. */
  *#makeFile(parent: Directory, index: number, stat: EntryStat): Generator<void, FileHandle> {
    const name = this.#name(index);
    const attributes = this.#attributes(stat, this.#compressed?.has(index));
    const { sizeBytes } = stat;
    if (sizeBytes === 0) {
      this.done.files++;
      return parent.createFile(name, attributes);
    }
    const isSparse = storedBytes(stat) < sizeBytes;
    let handle: FileHandle;
    try {
      const bytes = fromSource(() => this.#reader.take(index));
      handle =
        bytes === null
          ? yield* this.#copyFile(parent, name, index, attributes, isSparse)
          : this.#makeReadFile(parent, name, attributes, bytes);
    } finally {
      this.#reader.release(index);
    }
    this.done.files++;
    this.done.contentBytes += sizeBytes;
    if (isSparse || this.#holes === 'zeros') this.#countHoles(handle, sizeBytes);
    if (attributes.compress) this.compressed.push(handle.ino);
    return handle;
  }

  /** A file whose contents are there: read by another thread, and found as they should be, or by the scan. */
  #makeReadFile(parent: Directory, name: Uint8Array, attributes: NewAttributes, bytes: Uint8Array): FileHandle {
    const handle = parent.createFile(name, attributes);
    handle.writeFrom(sourceOf(bytes), 0, bytes.length, { sparse: this.#holes === 'zeros' });
    return handle;
  }

  *#copyFile(
    parent: Directory,
    name: Uint8Array,
    index: number,
    attributes: NewAttributes,
    isSparse: boolean,
  ): Generator<void, FileHandle> {
    const file = fromSource(() => this.#tree.open(index));
    try {
      const handle = parent.createFile(name, attributes);
      try {
        const sizeBytes = this.#tree.size(index);
        if (isSparse) handle.truncate(sizeBytes);
        yield* this.#copy(handle, file, sizeBytes);
        // A file with holes got its size first, which counts as a change.
        handle.setAttributes({ mtime: attributes.mtime, ctime: attributes.ctime });
        fromSource(() => file.verify());
      } catch (error) {
        // Half a file, or two halves of different ones, is worse than none.
        handle.close();
        if (!this.#volume.volume.stopped) parent.unlink(name);
        throw error;
      }
      return handle;
    } finally {
      file.close();
    }
  }

  /** Writes a file over a pinned one, which gets its attributes, too. Throws EFBIG when it has not that many bytes. */
  *#overwrite(pinned: FileHandle, index: number): Generator<void, FileHandle> {
    const stat = this.#tree.stat(index);
    const attributes = this.#changedAttributes(stat);
    const { sizeBytes } = stat;
    assertFitsPinned(pinned, sizeBytes);
    if (sizeBytes > 0) {
      try {
        const bytes = fromSource(() => this.#reader.take(index));
        if (bytes === null) yield* this.#copyOver(pinned, index, sizeBytes);
        else pinned.write(bytes, 0);
      } finally {
        this.#reader.release(index);
      }
    }
    yield* clearRest(pinned, sizeBytes);
    pinned.setAttributes(attributes);
    this.done.files++;
    this.done.contentBytes += sizeBytes;
    return pinned;
  }

  *#copyOver(pinned: FileHandle, index: number, sizeBytes: number): Generator<void> {
    const file = fromSource(() => this.#tree.open(index));
    try {
      yield* this.#copyRange(pinned, file, 0, sizeBytes, false);
      fromSource(() => file.verify());
    } finally {
      file.close();
    }
  }

  #countHoles(handle: FileHandle, size: number): void {
    const { inline, blocks } = handle.stat();
    const pageSize = this.#pageSize;
    if (!inline) this.holeBytes += Math.min(size, Math.max(0, Math.ceil(size / pageSize) - (blocks - 1)) * pageSize);
  }

  *#copy(handle: FileHandle, file: SourceFile, size: number): Generator<void> {
    // Where the source has holes and can't tell which, its zeros are as good as they.
    const { ranges, areExact } = fromSource(() => file.data());
    const sparse = this.#holes === 'zeros' || !areExact;
    for (const [start, end] of ranges) {
      const to = Math.min(size, Math.ceil(end / this.#pageSize) * this.#pageSize);
      yield* this.#copyRange(handle, file, start - (start % this.#pageSize), to, sparse);
    }
  }

  *#copyRange(handle: FileHandle, file: SourceFile, start: number, end: number, sparse: boolean): Generator<void> {
    const source: ByteSource = {
      fill: (memory, offset, length, position) => fromSource(() => file.fill(memory, offset, length, position)),
    };
    for (let from = start; from < end; from += PIECE_BYTES) {
      handle.writeFrom(source, from, Math.min(PIECE_BYTES, end - from), { sparse });
      yield;
    }
  }

  /** The last step, when everything else is done. */
  setFlags(): void {
    this.#extras.setFlags();
  }

  #attributes(stat: EntryStat, compress?: boolean): NewAttributes {
    const mtime = { sec: stat.mtimeSec, nsec: stat.mtimeNsec };
    return {
      mode: stat.mode & 0o7777,
      uid: stat.uid,
      gid: stat.gid,
      // Access times change with each reading: so the image is the same each time.
      atime: mtime,
      mtime,
      ctime: this.#stamp,
      crtime: this.#stamp,
      inherit: false,
      compress,
    };
  }

  /** Of an inode that is there. */
  #changedAttributes(stat: EntryStat): Attributes {
    const { mode, uid, gid, atime, mtime, ctime } = this.#attributes(stat);
    return { mode, uid, gid, atime, mtime, ctime };
  }
}

function sourceOf(bytes: Uint8Array): ByteSource {
  return {
    fill: (memory, to, length, position) => memory.set(bytes.subarray(position, position + length), to),
  };
}
