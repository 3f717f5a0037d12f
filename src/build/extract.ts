// Pours a mounted volume, or a part of it, into a directory of the host: build the other way. Every entry that can't be
// read or made is named; the others are restored. Relies on fs for the image and host-writer for the host.
import * as fs from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { corrupt, F2fsError, hostError } from '../errors.ts';
import { Directory, type DirectoryEntry } from '../fs/directory-handle.ts';
import { FileHandle } from '../fs/file-handle.ts';
import type { FileSystem, Path } from '../fs/file-system.ts';
import type { Handle } from '../fs/handle.ts';
import type { FileStat } from '../fs/stat.ts';
import { copyContents } from './extract-contents.ts';
import type { ExtractNote, ExtractOptions, ExtractProblem, ExtractReport } from './extract-report.ts';
import { checkHoles, type HolePolicy } from './holes.ts';
import type { HostAttributes } from './host-attributes.ts';
import { type HostDir, type HostPlace, HostWriter } from './host-writer.ts';
import { joinPath, type WalkStep, walkDirectories } from './volume-walk.ts';

/** Milliseconds between two turns of the event loop, in which signals arrive. */
const TURN_MS = 50;

/**
 * Makes on the host what stands at `path` of the volume: the contents of a directory go into `target`, which gets its
 * attributes; anything else goes there by its name. Throws ENOENT and ENOTDIR for the path, ENOTEMPTY for a target that
 * is not empty, and the host's errors for it; all further failures are in the report.
 */
export async function extract(
  volume: FileSystem,
  path: Path,
  target: string,
  options: ExtractOptions = {},
): Promise<ExtractReport> {
  const started = performance.now();
  if (options.signal?.aborted) throw canceled();
  checkHoles(options.holes);
  using start = volume.open(path, { follow: false });
  prepareTarget(target, options.force ?? false);
  const extraction = new Extraction(volume, target, options);
  const bytes = typeof path === 'string' ? Buffer.from(path) : path;
  try {
    if (start instanceof Directory) await extraction.tree(start, bytes);
    else extraction.single(start, bytes);
  } finally {
    extraction.finish();
  }
  return { ...extraction.report, seconds: (performance.now() - started) / 1000 };
}

function canceled(): F2fsError {
  return new F2fsError('ECANCELED', 'the extraction was ended before it was complete');
}

/** Makes the target when it is missing, with the mode that the host gives a new directory. */
function prepareTarget(target: string, force: boolean): void {
  let names: string[];
  try {
    fs.mkdirSync(target, { recursive: false });
    return;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
      throw hostError(`cannot make ${target}`, error, { path: target });
  }
  try {
    names = fs.readdirSync(target);
  } catch (error) {
    throw hostError(`cannot list ${target}`, error, { path: target });
  }
  if (names.length > 0 && !force) {
    const message = `${target} is not empty; name a new or empty directory, or force it to keep what is there and add the rest`;
    throw new F2fsError('ENOTEMPTY', message, { path: target });
  }
}

class Extraction {
  readonly #volume: FileSystem;
  readonly #writer: HostWriter;
  readonly #options: ExtractOptions;
  readonly #holes: HolePolicy;
  readonly #directory: string;
  readonly #counts = { files: 0, directories: 0, symlinks: 0, special: 0, hardLinks: 0, contentBytes: 0, holeBytes: 0 };
  readonly #problems: ExtractProblem[] = [];
  /** Inodes with several links, by number: the name made first. */
  readonly #links = new Map<number, HostPlace>();
  #entries = 0;
  #lastTurn = 0;

  constructor(volume: FileSystem, target: string, options: ExtractOptions) {
    this.#volume = volume;
    this.#options = options;
    this.#holes = options.holes ?? 'source';
    this.#directory = target;
    this.#writer = new HostWriter(target);
  }

  get report(): Omit<ExtractReport, 'seconds'> {
    const problems = [...this.#problems, ...this.#writer.problems];
    const notes: ExtractNote[] = [...this.#writer.notes];
    return { directory: this.#directory, ...this.#counts, problems, notes };
  }

  /** Sets the attributes of directories. */
  finish(): void {
    this.#writer.finish();
  }

  async tree(start: Directory, path: Uint8Array): Promise<void> {
    const places = new WeakMap<WalkStep, HostDir>();
    const startLength = joinPath(path, new Uint8Array(0)).length;
    const relative = (full: Uint8Array) => Buffer.from(full.subarray(startLength)).toString() || '.';
    const problem = (full: Uint8Array, error: F2fsError) => this.#problem(relative(full), error);
    for (const step of walkDirectories(start, path, problem)) {
      await this.#turn();
      const place = this.#directoryOf(step, places, relative(step.path));
      if (place === null) {
        step.descend = false;
        continue;
      }
      places.set(step, place);
      for (const entry of step.entries) {
        if (entry.type === 'directory') continue;
        const entryPath = joinPath(step.path, entry.name);
        this.#attempt(relative(entryPath), () => this.#entry(step, place, entry, entryPath, relative(entryPath)));
        await this.#turn();
      }
    }
  }

  /** Lets signals arrive, when it is time. */
  async #turn(): Promise<void> {
    const { signal } = this.#options;
    if (signal === undefined || performance.now() - this.#lastTurn < TURN_MS) return;
    await setImmediate();
    if (signal.aborted) throw canceled();
    this.#lastTurn = performance.now();
  }

  /** A start that is no directory: goes into the target by its own name. */
  single(handle: Handle, path: Uint8Array): void {
    const names = Buffer.from(path).toString('latin1').split('/');
    const name = Buffer.from(names.findLast((one) => one.length > 0) ?? '', 'latin1');
    this.#attempt(name.toString(), () => this.#make(handle, this.#writer.root, name, path, name.toString()));
  }

  /** The host's directory for a step, made. */
  #directoryOf(step: WalkStep, places: WeakMap<WalkStep, HostDir>, relative: string): HostDir | null {
    const attributes = this.#attempt(relative, () => this.#attributes(step.directory, step.directory.stat(), relative));
    if (attributes === null) return null;
    const place = this.#makeDir(step, places, attributes);
    if (place !== null && step.parent !== null) this.#counts.directories++;
    this.#made(relative);
    return place;
  }

  #makeDir(step: WalkStep, places: WeakMap<WalkStep, HostDir>, attributes: HostAttributes): HostDir | null {
    if (step.parent === null) {
      this.#writer.setRootAttributes(attributes);
      return this.#writer.root;
    }
    const parent = places.get(step.parent);
    return parent === undefined ? null : this.#writer.makeDir(parent, step.name, attributes);
  }

  #entry(step: WalkStep, parent: HostDir, entry: DirectoryEntry, path: Uint8Array, relative: string): void {
    using handle = step.directory.open(entry.name);
    if (handle instanceof Directory) {
      throw corrupt(`directory inode ${entry.ino} has a name that says it is a ${entry.type}`, { ino: entry.ino });
    }
    this.#make(handle, parent, entry.name, path, relative);
  }

  #make(handle: Handle, parent: HostDir, name: Uint8Array, path: Uint8Array, relative: string): void {
    const stat = handle.stat();
    const first = stat.nlink > 1 ? this.#links.get(handle.ino) : undefined;
    if (first !== undefined) {
      if (this.#writer.makeLink(parent, name, first) !== null) this.#counts.hardLinks++;
      this.#made(relative);
      return;
    }
    const attributes = this.#attributes(handle, stat, relative);
    const place = this.#makeNew(handle, stat, parent, name, path, attributes);
    if (place === null) return;
    if (stat.nlink > 1) this.#links.set(handle.ino, place);
    this.#made(relative);
  }

  #makeNew(
    handle: Handle,
    stat: FileStat,
    parent: HostDir,
    name: Uint8Array,
    path: Uint8Array,
    attributes: HostAttributes,
  ): HostPlace | null {
    const { type } = stat;
    if (handle instanceof FileHandle) return this.#file(handle, stat, parent, name, attributes);
    if (type === 'symlink') {
      const place = this.#writer.makeSymlink(parent, name, this.#volume.readlink(path), attributes);
      if (place !== null) this.#counts.symlinks++;
      return place;
    }
    if (type === 'file' || type === 'directory')
      throw corrupt(`inode ${stat.ino} is not what its mode says`, { ino: stat.ino });
    const place = this.#writer.makeNode(parent, name, type, attributes, stat.rdev?.major, stat.rdev?.minor);
    if (place !== null) this.#counts.special++;
    return place;
  }

  #file(
    handle: FileHandle,
    stat: FileStat,
    parent: HostDir,
    name: Uint8Array,
    attributes: HostAttributes,
  ): HostPlace | null {
    const file = this.#writer.openFile(parent, name);
    if (file === null) return null;
    try {
      const pieces = copyContents(handle, stat.size, file.fd, file.place.path, this.#holes);
      let piece = pieces.next();
      while (!piece.done) piece = pieces.next();
      const contentBytes = piece.value;
      this.#counts.contentBytes += contentBytes;
      this.#counts.holeBytes += stat.size - contentBytes;
    } catch (error) {
      this.#writer.discardFile(file);
      throw error;
    }
    if (!this.#writer.closeFile(file, attributes)) return file.place;
    this.#counts.files++;
    return file.place;
  }

  /** What the host is to set. An attribute list that can't be read is a problem of its own; the entry is made without. */
  #attributes(handle: Handle, stat: FileStat, place: string): HostAttributes {
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
      xattrs: xattrs ? (this.#attempt(place, () => handle.xattrs()) ?? []) : [],
    };
  }

  #made(path: string): void {
    this.#entries++;
    this.#options.onProgress?.({ entries: this.#entries, bytes: this.#counts.contentBytes, path });
  }

  #attempt<T>(place: string, action: () => T): T | null {
    try {
      return action();
    } catch (error) {
      if (!(error instanceof F2fsError)) throw error;
      this.#problem(place, error);
      return null;
    }
  }

  #problem(place: string, error: F2fsError): void {
    const message = error.message.startsWith(place) ? error.message : `${place}: ${error.message}`;
    this.#problems.push({ path: place, code: error.code, message });
  }
}
