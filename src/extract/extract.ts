// Pours a mounted volume, or a part of it, into a directory of the host: build the other way. Every entry that can't be
// read or made is named; the others are restored. Relies on fs for the image and host-writer for the host.
import { setImmediate } from 'node:timers/promises';
import { nameBytes, type Path } from '../bytes.ts';
import { checkSignal, corrupt, F2fsError } from '../errors.ts';
import { Directory, type DirectoryEntry } from '../fs/directory-handle.ts';
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
import type { HostAttributes } from './host-attributes.ts';
import { type HostFile, HostWriter } from './host-writer.ts';
import { checkExtract } from './option-checks.ts';
import type { ExtractOptions, ExtractReport } from './report.ts';

/** Milliseconds between two turns of the event loop, in which signals arrive. */
const TURN_MS = 50;
/** What is told when a signal ended it. */
const ENDED = 'the extraction was ended before it was complete';
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
  const extraction = new Extraction(target, start instanceof Directory, options);
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

class Extraction {
  readonly #writer: HostWriter;
  readonly #options: ExtractOptions;
  readonly #holes: HolePolicy;
  readonly #directory: string;
  readonly #counts = { files: 0, directories: 0, symlinks: 0, special: 0, hardLinks: 0, contentBytes: 0, holeBytes: 0 };
  /** Directories that are being filled, the deepest last. */
  readonly #open: { place: HostDir; attributes: HostAttributes }[] = [];
  /** Inodes with several links, by number: the name made first. */
  readonly #links = new Map<number, HostPlace>();
  #entries = 0;
  /** The entry at hand. */
  #place: HostPlace;

  constructor(target: string, isTree: boolean, options: ExtractOptions) {
    this.#options = options;
    this.#holes = options.holes ?? 'source';
    this.#directory = target;
    // A directory that gets no attributes from the volume is as any other.
    this.#writer = new HostWriter(target, { force: options.force, mode: isTree ? 0o700 : 0o777 });
    this.#place = this.#writer.root;
  }

  get report(): Omit<ExtractReport, 'seconds'> {
    const problems = this.#writer.problems.list;
    return { directory: this.#directory, ...this.#counts, problems, notes: [...this.#writer.notes] };
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

  /** Gives the directories at hand their attributes. */
  finish(): void {
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
      else if (event.at === 'leave') this.#leave();
      else yield* this.#entry(event.step.directory, event.entry);
      yield;
    }
  }

  /** A start that is no directory: goes into the target by its own name. */
  *single(handle: Handle, name: Uint8Array): Generator<void> {
    try {
      yield* this.#make(handle, name);
    } catch (error) {
      this.#failed(name, error);
    }
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

  #leave(): void {
    const top = this.#open.pop();
    if (top !== undefined) this.#writer.closeDir(top.place, top.attributes);
  }

  *#entry(directory: Directory, { name, ino, type }: DirectoryEntry): Generator<void> {
    try {
      using handle = directory.open(name);
      if (handle instanceof Directory) throw corrupt('name-of-other', { ino }, type);
      yield* this.#make(handle, name);
    } catch (error) {
      this.#failed(name, error);
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

  *#makeNew(handle: Handle, stat: FileStat, name: Uint8Array): Generator<void, HostPlace | null> {
    const { type } = stat;
    if (handle instanceof FileHandle) return yield* this.#file(handle, stat, name);
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

  *#file(handle: FileHandle, stat: FileStat, name: Uint8Array): Generator<void, HostPlace | null> {
    // An empty one has no contents that could not be read, but who has the key may know better.
    if (stat.encrypted) handle.read(new Uint8Array(0), 0);
    const file = this.#writer.openFile(this.#dir, name);
    if (file === null) return null;
    const { place } = file;
    let isWhole = false;
    try {
      const attributes = this.#attributes(handle, stat, place);
      const contentBytes = yield* this.#contents(handle, stat.size, file);
      this.#counts.holeBytes += stat.size - contentBytes;
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
      flags: xattrs && (stat.type === 'file' || stat.type === 'directory') ? stat.flags : [],
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

  #failed(name: Uint8Array, error: unknown): void {
    if (!(error instanceof F2fsError) || FULL.has(error.code)) throw error;
    this.#problem(new HostPlace(this.#dir, name), error);
  }

  #problem(place: HostPlace, { code, message }: F2fsError): void {
    this.#writer.problems.add(code, kindOfMessage(message), () => {
      const { path } = place;
      return { path, message: message.startsWith(path) ? message : `${path}: ${message}` };
    });
  }
}
