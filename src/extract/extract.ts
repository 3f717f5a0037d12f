// Pours a mounted volume, or a part of it, into a directory of the host: build the other way. Every entry that can't be
// read or made is named; the others are restored. Relies on fs for the image and host-writer for the host.
import { setImmediate } from 'node:timers/promises';
import { nameBytes, type Path } from '../bytes.ts';
import { checkSignal, corrupt, F2fsError } from '../errors.ts';
import { Directory, type DirectoryEntry, openEntry } from '../fs/directory-handle.ts';
import { FileHandle } from '../fs/file-handle.ts';
import type { FileSystem } from '../fs/file-system.ts';
import type { Handle } from '../fs/handle.ts';
import type { FileStat } from '../fs/stat.ts';
import { type WalkPlace, WalkStep, walkTree } from '../fs/walk.ts';
import { type HostDir, HostPlace } from '../host/places.ts';
import type { HostXattr } from '../host/xattrs.ts';
import { kindOfMessage } from '../problems.ts';
import type { HolePolicy } from '../source/hole-policy.ts';
import { copyContents } from './contents.ts';
import { FileThreads } from './file-threads.ts';
import type { HostAttributes } from './host-attributes.ts';
import { type HostFile, HostWriter } from './host-writer.ts';
import { lostAnywhere } from './notes.ts';
import { checkExtract } from './option-checks.ts';
import type { ExtractOptions, ExtractReport } from './report.ts';

/** Milliseconds between two turns of the event loop, in which signals arrive. */
const TURN_MS = 50;
/** What is told when a signal ended it. */
const ENDED = 'the extraction was ended before it was complete';
/** Bytes of a file that is made by the thread: of larger ones the contents take most of the time. */
const MAX_SMALL_BYTES = 256 << 10;
/** Directories that wait for what is in them to be made, before the thread is to make it. */
const MAX_LEFT = 256;
/** Of the target as a whole: nothing more can be made there. */
const FULL = new Set(['ENOSPC', 'EDQUOT', 'EROFS']);

/**
 * Makes on the host what stands at `path` of the volume: the contents of a directory go into `target`, which gets its
 * attributes; anything else goes there by its name. Throws ENOENT and ENOTDIR for the path, ENOTEMPTY for a target that
 * is not empty, and the host's errors for it; ENOSPC, EDQUOT and EROFS once it takes no more; all further failures are in the report.
 */
export async function extract(
  volume: FileSystem,
  path: Path,
  target: string,
  options: ExtractOptions = {},
): Promise<ExtractReport> {
  const started = performance.now();
  checkExtract(volume, target, options);
  const bytes = nameBytes(path, 'path');
  checkSignal(options.signal, ENDED);
  using start = volume.open(bytes, { follow: false });
  const extraction = new Extraction(volume, target, start instanceof Directory, options);
  try {
    const isTree = start instanceof Directory;
    await extraction.run(isTree ? extraction.tree(start, bytes) : extraction.single(start, lastName(bytes)));
  } finally {
    extraction.finish();
  }
  return { ...extraction.report, seconds: (performance.now() - started) / 1000 };
}

function lastName(path: Uint8Array): Uint8Array {
  const names = Buffer.from(path).toString('latin1').split('/');
  return Buffer.from(names.findLast((one) => one.length > 0) ?? '', 'latin1');
}

/** A directory of the target, and what it gets once everything in it is made. */
interface OpenDir {
  readonly place: HostDir;
  readonly attributes: HostAttributes;
}

/** A file that the thread makes. */
interface SmallFile {
  readonly ino: number;
  readonly size: number;
  readonly place: HostPlace;
  readonly attributes: HostAttributes;
}

class Extraction {
  readonly #volume: FileSystem;
  readonly #writer: HostWriter;
  readonly #options: ExtractOptions;
  readonly #holes: HolePolicy;
  readonly #directory: string;
  readonly #counts = { files: 0, directories: 0, symlinks: 0, special: 0, hardLinks: 0, contentBytes: 0, holeBytes: 0 };
  /** Directories that are being filled, the deepest last. */
  readonly #open: OpenDir[] = [];
  /** Those that nothing is added to any more, and the jobs of files that must be done before. */
  readonly #left: { dir: OpenDir; jobs: number }[] = [];
  /** Null where the host can't set exact times. */
  readonly #small: FileThreads<SmallFile> | null;
  /** Inodes with several links, by number: the name made first. */
  readonly #links = new Map<number, HostPlace>();
  #entries = 0;
  /** The entry at hand. */
  #place: HostPlace;

  constructor(volume: FileSystem, target: string, isTree: boolean, options: ExtractOptions) {
    this.#volume = volume;
    this.#options = options;
    this.#holes = options.holes ?? 'source';
    this.#directory = target;
    // A directory that gets no attributes from the volume is as any other.
    this.#writer = new HostWriter(target, { force: options.force, mode: isTree ? 0o700 : 0o777 });
    this.#place = this.#writer.root;
    const { libc } = this.#writer;
    this.#small = libc && new FileThreads(libc);
  }

  get report(): Omit<ExtractReport, 'seconds'> {
    const problems = this.#writer.problems.list;
    return { directory: this.#directory, ...this.#counts, problems, notes: this.#writer.notes };
  }

  /** Runs what is done in steps, and lets signals arrive in between. */
  async run(steps: Iterable<void>): Promise<void> {
    let lastTurn = performance.now();
    for (const _ of steps) {
      if (performance.now() - lastTurn < TURN_MS) continue;
      this.#tell();
      await setImmediate();
      checkSignal(this.#options.signal, ENDED);
      lastTurn = performance.now();
    }
  }

  /** Gives the directories at hand their attributes, once nothing is made in them any more. */
  finish(): void {
    using small = this.#small;
    small?.stop();
    while (small !== null && small.nrUnderWay > 0) {
      for (const _ of small.wait());
      this.#takeBack(small);
    }
    for (const { dir } of this.#left) this.#writer.closeDir(dir.place, dir.attributes);
    for (let top = this.#open.pop(); top !== undefined; top = this.#open.pop())
      this.#writer.closeDir(top.place, top.attributes);
    this.#writer.finish();
  }

  *tree(start: Directory, path: Uint8Array): Generator<void> {
    const problem = (place: WalkPlace, error: F2fsError) => {
      const dir = this.#dir;
      this.#problem(place instanceof WalkStep ? dir : new HostPlace(dir, place.name), error);
    };
    for (const event of walkTree(start, path, problem)) {
      if (event.at === 'enter') this.#enter(event.step);
      else if (event.at === 'leave') yield* this.#leave();
      else yield* this.#entry(event.step.directory, event.entry);
      yield;
    }
    yield* this.#settle();
  }

  /** A start that is no directory: goes into the target by its own name. */
  *single(handle: Handle, name: Uint8Array): Generator<void> {
    try {
      yield* this.#make(handle, name);
    } catch (error) {
      this.#failed(new HostPlace(this.#dir, name), error);
    }
    yield* this.#settle();
  }

  /** The directory that is being filled. */
  get #dir(): HostDir {
    return this.#open.at(-1)?.place ?? this.#writer.root;
  }

  #enter(step: WalkStep): void {
    const isRoot = step.parent === null;
    const place = isRoot ? this.#writer.root : this.#writer.makeDir(this.#dir, step.name);
    if (place === null) {
      step.descend = false;
      return;
    }
    const attributes = this.#attributes(step.directory, step.directory.stat(), place);
    if (!this.#writer.restrict(place, attributes)) {
      step.descend = false;
      return;
    }
    if (!isRoot && !this.#writer.wasThere(place)) this.#counts.directories++;
    this.#open.push({ place, attributes });
    this.#made(place);
  }

  *#leave(): Generator<void> {
    const dir = this.#open.pop();
    if (dir === undefined) return;
    this.#left.push({ dir, jobs: this.#small?.end ?? 0 });
    if (this.#left.length > MAX_LEFT) yield* this.#settle();
    this.#closeLeft();
  }

  #closeLeft(): void {
    const done = this.#small?.taken ?? 0;
    for (let next = this.#left[0]; next !== undefined && next.jobs <= done; next = this.#left[0]) {
      this.#left.shift();
      this.#writer.closeDir(next.dir.place, next.dir.attributes);
    }
  }

  *#entry(directory: Directory, entry: DirectoryEntry): Generator<void> {
    const { name, ino, type } = entry;
    try {
      using handle = openEntry(directory, entry);
      if (handle instanceof Directory) throw corrupt('name-of-other', { ino }, type);
      yield* this.#make(handle, name);
    } catch (error) {
      this.#failed(new HostPlace(this.#dir, name), error);
    }
  }

  /** Makes what is no directory in the directory at hand. */
  *#make(handle: Handle, name: Uint8Array): Generator<void> {
    const stat = handle.stat();
    const first = stat.nlink > 1 ? this.#links.get(handle.ino) : undefined;
    if (first !== undefined) {
      const place = this.#writer.makeLink(this.#dir, name, first);
      if (place !== 'copy') {
        if (place === null) return;
        this.#counts.hardLinks++;
        this.#made(place);
        return;
      }
    }
    const place = yield* this.#makeNew(handle, stat, name);
    if (place === null) return;
    // Of a copy come the names that follow.
    if (stat.nlink > 1) this.#links.set(handle.ino, place);
    this.#made(place);
  }

  /** Null for what is not made, or not yet. */
  *#makeNew(handle: Handle, stat: FileStat, name: Uint8Array): Generator<void, HostPlace | null> {
    const { type } = stat;
    if (handle instanceof FileHandle) return yield* this.#newFile(handle, stat, name);
    if (type === 'file' || type === 'directory') throw corrupt('name-of-mode', { ino: stat.ino });
    const dir = this.#dir;
    const attributes = this.#attributes(handle, stat, new HostPlace(dir, name));
    if (type === 'symlink') {
      const place = this.#writer.makeSymlink(dir, name, handle.readlink(), attributes);
      if (place !== null) this.#counts.symlinks++;
      return place;
    }
    const place = this.#writer.makeNode(dir, name, type, attributes, stat.rdev?.major, stat.rdev?.minor);
    if (place !== null) this.#counts.special++;
    return place;
  }

  *#newFile(handle: FileHandle, stat: FileStat, name: Uint8Array): Generator<void, HostPlace | null> {
    // An empty one has no contents that could not be read, but who has the key may know better.
    if (stat.encrypted) handle.read(new Uint8Array(0), 0);
    const place = new HostPlace(this.#dir, name);
    const attributes = this.#attributes(handle, stat, place);
    const file: SmallFile = { ino: handle.ino, size: stat.size, place, attributes };
    if (stat.nlink === 1 && (yield* this.#hand(handle, file))) return null;
    return yield* this.#file(handle, file);
  }

  /** Has a small file made by the thread; false where that can't be. */
  *#hand(handle: FileHandle, file: SmallFile): Generator<void, boolean> {
    const { size, attributes } = file;
    const small = this.#small;
    if (small === null || size > MAX_SMALL_BYTES || this.#holes !== 'source') return false;
    if (size > 0) {
      const { kind, end } = handle.regionAt(0);
      if (kind !== 'data' || end < size) return false;
    }
    const plain = this.#writer.plainFile(this.#dir, file.place.name, attributes);
    if (plain === null) return false;
    let room = small.room(plain.path, size);
    if (room === null) {
      yield* this.#post(small);
      room = small.room(plain.path, size) as Uint8Array;
    }
    handle.read(room, 0);
    small.add(plain.path, size, plain.given, attributes, file);
    return true;
  }

  *#post(small: FileThreads<SmallFile>): Generator<void> {
    while (!small.hasRoom) yield* this.#settleOldest(small);
    small.post();
  }

  /** Sees to it that all files are made that were handed over. */
  *#settle(): Generator<void> {
    const small = this.#small;
    if (small === null) return;
    if (small.end > small.taken + small.nrUnderWay) yield* this.#post(small);
    while (small.nrUnderWay > 0) yield* this.#settleOldest(small);
  }

  *#settleOldest(small: FileThreads<SmallFile>): Generator<void> {
    yield* small.wait();
    for (const file of this.#takeBack(small)) yield* this.#again(file);
    this.#closeLeft();
  }

  /** Counts the files of the oldest job; returns those that were not made. */
  #takeBack(small: FileThreads<SmallFile>): SmallFile[] {
    const failed: SmallFile[] = [];
    for (const { file, isMade } of small.takeBack()) {
      if (!isMade) {
        failed.push(file);
        continue;
      }
      this.#writer.noteMade(file.place, file.attributes);
      this.#counts.files++;
      this.#counts.contentBytes += file.size;
      this.#made(file.place);
    }
    return failed;
  }

  /** Makes a file that the thread could not: so it is known why. */
  *#again(file: SmallFile): Generator<void> {
    try {
      using handle = this.#volume.openInode(file.ino) as FileHandle;
      const place = yield* this.#file(handle, file);
      if (place !== null) this.#made(place);
    } catch (error) {
      this.#failed(file.place, error);
    }
  }

  *#file(handle: FileHandle, { size, place: wanted, attributes }: SmallFile): Generator<void, HostPlace | null> {
    const file = this.#writer.openFile(wanted.parent as HostDir, wanted.name);
    if (file === null) return null;
    const { place } = file;
    let isWhole = false;
    try {
      const contentBytes = yield* this.#contents(handle, size, file);
      this.#counts.holeBytes += size - contentBytes;
      isWhole = true;
      if (this.#writer.closeFile(file, attributes)) this.#counts.files++;
    } finally {
      // It may be the end of all.
      if (!isWhole) this.#writer.discardFile(file);
    }
    return place;
  }

  /** Returns the bytes that are no holes. */
  *#contents(handle: FileHandle, size: number, { fd, place }: HostFile): Generator<void, number> {
    const before = this.#counts.contentBytes;
    this.#place = place;
    try {
      for (const bytes of copyContents(handle, size, fd, this.#holes)) {
        this.#counts.contentBytes += bytes;
        yield;
      }
    } catch (error) {
      this.#counts.contentBytes = before;
      this.#writer.failIfFull(place, error);
      throw error;
    }
    return this.#counts.contentBytes - before;
  }

  /** What the host is to set. An attribute list that can't be read is a problem of its own; the entry is made without. */
  #attributes(handle: Handle, stat: FileStat, place: HostPlace): HostAttributes {
    const { owner = true, xattrs = true } = this.#options;
    // What nobody asks for must not count as lost: the entries are given the owner that they get.
    const uid = owner ? stat.uid : (process.geteuid?.() ?? 0);
    const gid = owner ? stat.gid : (process.getegid?.() ?? 0);
    return {
      mode: owner ? stat.mode : stat.mode & ~0o6000,
      uid,
      gid,
      atimeSec: stat.atime.sec,
      atimeNsec: stat.atime.nsec,
      mtimeSec: stat.mtime.sec,
      mtimeNsec: stat.mtime.nsec,
      xattrs: xattrs ? this.#xattrs(handle, place) : [],
      flags:
        xattrs && (stat.type === 'file' || stat.type === 'directory')
          ? stat.flags.filter((flag) => flag !== 'projinherit' && flag !== 'casefold')
          : [],
      lost: xattrs ? lostAnywhere(stat) : [],
    };
  }

  #xattrs(handle: Handle, place: HostPlace): HostXattr[] {
    try {
      return handle.xattrs().map(({ nameBytes, value }) => ({ name: nameBytes, value }));
    } catch (error) {
      if (!(error instanceof F2fsError)) throw error;
      this.#problem(place, error);
      return [];
    }
  }

  #made(place: HostPlace): void {
    this.#entries++;
    this.#place = place;
    this.#tell();
  }

  #tell(): void {
    const place = this.#place;
    this.#options.onProgress?.({
      entries: this.#entries,
      bytes: this.#counts.contentBytes,
      get path() {
        return place.path;
      },
    });
  }

  #failed(place: HostPlace, error: unknown): void {
    if (!(error instanceof F2fsError) || FULL.has(error.code)) throw error;
    this.#problem(place, error);
  }

  #problem(place: HostPlace, { code, message }: F2fsError): void {
    this.#writer.problems.add(code, kindOfMessage(message), () => {
      const { path } = place;
      return { path, message: message.startsWith(path) ? message : `${path}: ${message}` };
    });
  }
}
