// Walks the directories of a mounted volume without recursion, as one has to with an image that may be damaged: however deep they
// lie, and though their names may form a circle. Memory by depth: no path is kept. Relies on fs.
import { type Name, nameBytes, type Path } from '../bytes.ts';
import { invalid, isFunction } from '../check.ts';
import { corrupt, F2fsError } from '../errors.ts';
import { isDots } from '../file/directory/directory.ts';
import { compareBytes } from '../platform/bytes.ts';
import { Directory, type DirectoryEntry, openEntry } from './directory-handle.ts';
import { joinName, splitLast } from './path-names.ts';

/** Entries of a directory that are read at a time, where they are not sorted. */
const BATCH = 256;
/** Levels above that keep what they have read; those further up read it again. */
const KEPT_LEVELS = 64;
const SLASH = 0x2f;

/** A name that the walk has come to. */
export class WalkPlace {
  /** The directory that it is in; null for the start. */
  readonly parent: WalkStep | null;
  /** Of the start: its whole path. */
  readonly name: Uint8Array;

  constructor(parent: WalkStep | null, name: Uint8Array) {
    this.parent = parent;
    this.name = name;
  }

  /** Path, which begins with that of the start; bytes, as the names are. It is made anew each time: as long as the place is deep. */
  get path(): Uint8Array {
    const places: WalkPlace[] = [this];
    let length = this.name.length;
    for (let place = this.parent; place !== null; place = place.parent) {
      places.push(place);
      length += place.name.length + 1;
    }
    const path = new Uint8Array(length);
    let end = 0;
    for (let i = places.length - 1; i >= 0; i--) {
      if (end > 0 && path[end - 1] !== SLASH) path[end++] = SLASH;
      path.set(places[i].name, end);
      end += places[i].name.length;
    }
    return path.subarray(0, end);
  }
}

/** A directory that the walk has come to. */
export class WalkStep extends WalkPlace {
  /** Open until the walk has left everything below it. */
  readonly directory: Directory;
  /** To be set to false, before the walk goes on, where nothing below is of interest. */
  descend = true;

  constructor(parent: WalkStep | null, name: Uint8Array, directory: Directory) {
    super(parent, name);
    this.directory = directory;
  }
}

/** A directory with what is in it. */
export class WalkListing extends WalkStep {
  /**
   * By the bytes of their names; until the walk goes on. Empty when the directory could not be read, which `onProblem` was told.
   */
  entries: readonly DirectoryEntry[] = [];
}

/** Where a name of the walk leads to what can't be read; the walk goes on with the next name. */
export type WalkProblem = (place: WalkPlace, error: F2fsError) => void;

/** The walk comes to a directory, before what is in it. */
export interface WalkEnterEvent {
  /** That it is this. */
  at: 'enter';
  /** The directory. */
  step: WalkStep;
}

/** The walk leaves a directory, after all below it. */
export interface WalkLeaveEvent {
  /** That it is this. */
  at: 'leave';
  /** The directory. */
  step: WalkStep;
}

/** The walk comes to an entry that is no directory. */
export interface WalkEntryEvent {
  /** That it is this. */
  at: 'entry';
  /** The directory that it is in. */
  step: WalkStep;
  /** Its name, inode number and type. */
  entry: DirectoryEntry;
}

/** What `walkTree` comes by. */
export type WalkEvent = WalkEnterEvent | WalkLeaveEvent | WalkEntryEvent;

/** A path in two. */
export interface SplitPath {
  /** The path without its last name, `/` for a name in the root; all of it where there is no such name. */
  directory: Uint8Array;
  /** null where the path ends in none, as `/` and `a/..` do. */
  name: Uint8Array | null;
}

/** A path without its last name, and that name: what `joinPath` makes a path of. */
export function splitPath(path: Path): SplitPath {
  const bytes = nameBytes(path, 'path');
  const { directory, name } = splitLast(bytes);
  return name === null || isDots(name) ? { directory: bytes, name: null } : { directory, name };
}

/** `directory/name` */
export function joinPath(directoryPath: Path, entryName: Name): Uint8Array {
  const directory = nameBytes(directoryPath, 'path');
  const name = nameBytes(entryName, 'name');
  return joinName(directory, name);
}

/** Every name of a directory, by bytes. Throws what reading it throws. */
export function sortedEntries(directory: Directory): DirectoryEntry[] {
  checkDirectory(directory);
  return directory.entries().sort((a, b) => compareBytes(a.name, b.name));
}

/**
 * Comes to every directory from `start` on, parents before children, names in the order of their bytes. `start` stays
 * the caller's to close. What is damaged goes to `onProblem` (code EUCLEAN); a directory with a second name, as in a
 * circle, counts as damaged. `wanted` leaves directories out by their names.
 */
export function walkDirectories(
  start: Directory,
  path: Path,
  onProblem: WalkProblem,
  wanted: (entry: DirectoryEntry) => boolean = () => true,
): Generator<WalkListing, void, undefined> {
  checkDirectory(start);
  isFunction(onProblem, 'onProblem');
  isFunction(wanted, 'wanted');
  return listDirectories(start, nameBytes(path, 'path'), onProblem, wanted);
}

function* listDirectories(
  start: Directory,
  path: Uint8Array,
  onProblem: WalkProblem,
  wanted: (entry: DirectoryEntry) => boolean,
): Generator<WalkListing, void, undefined> {
  const walk = new Walk(start, onProblem);
  const isBelow = (entry: DirectoryEntry) => entry.type === 'directory' && wanted(entry);
  const frames: { step: WalkListing; left: DirectoryEntry[] }[] = [];
  try {
    for (let step: WalkListing | null = new WalkListing(null, path, start); ; ) {
      if (step !== null) {
        frames.push({ step, left: [] });
        step.entries = walk.attempt(step, () => sortedEntries(step!.directory)) ?? [];
        yield step;
        if (step.descend) frames[frames.length - 1].left = step.entries.filter(isBelow).reverse();
        step.entries = [];
      }
      const top = frames.at(-1);
      if (top === undefined) return;
      const entry = top.left.pop();
      if (entry === undefined) {
        frames.pop();
        walk.leave(top.step);
        step = null;
      } else {
        const directory = walk.open(top.step, entry);
        step = directory && new WalkListing(top.step, entry.name, directory);
      }
    }
  } finally {
    for (const { step } of frames) walk.leave(step);
  }
}

/**
 * Comes to every entry from `start` on, in the order in which the directories keep them: what is read of a directory is a few
 * names at a time. Else as walkDirectories; where nothing below is of interest there is no `leave`.
 */
export function walkTree(start: Directory, path: Path, onProblem: WalkProblem): Generator<WalkEvent, void, undefined> {
  checkDirectory(start);
  isFunction(onProblem, 'onProblem');
  return walkEntries(start, nameBytes(path, 'path'), onProblem);
}

function* walkEntries(
  start: Directory,
  path: Uint8Array,
  onProblem: WalkProblem,
): Generator<WalkEvent, void, undefined> {
  const walk = new Walk(start, onProblem);
  const frames: Frame[] = [];
  try {
    for (let step: WalkStep | null = new WalkStep(null, path, start); ; ) {
      if (step !== null) {
        frames.push(new Frame(step));
        yield { at: 'enter', step };
      }
      const top = frames.at(-1);
      if (top === undefined) return;
      step = null;
      const { descend } = top.step;
      const entry = descend ? walk.attempt(top.step, () => top.next()) : null;
      if (entry === null) {
        if (descend) yield { at: 'leave', step: top.step };
        frames.pop();
        walk.leave(top.step);
      } else if (entry.type === 'directory') {
        const directory = walk.open(top.step, entry);
        step = directory && new WalkStep(top.step, entry.name, directory);
        if (step !== null) frames.at(-KEPT_LEVELS)?.forget();
      } else {
        yield { at: 'entry', step: top.step, entry };
      }
    }
  } finally {
    for (const { step } of frames) walk.leave(step);
  }
}

/** A directory whose entries are being read. */
class Frame {
  readonly step: WalkStep;
  /** Where the batch at hand begins, and what follows it. */
  #cursor = 0;
  #nextCursor = 0;
  #batch: DirectoryEntry[] = [];
  #index = 0;
  #failed = false;

  constructor(step: WalkStep) {
    this.step = step;
  }

  /** The next entry; null at the end. Throws what reading the directory throws, once: that is its end. */
  next(): DirectoryEntry | null {
    if (this.#failed) return null;
    if (this.#index === this.#batch.length) {
      this.#cursor = this.#nextCursor;
      this.#index = 0;
      this.#failed = true;
      const { entries, cursor } = this.step.directory.readEntries(this.#cursor, BATCH);
      this.#failed = false;
      this.#batch = entries;
      this.#nextCursor = cursor;
    }
    return this.#batch[this.#index++] ?? null;
  }

  /** Lets go of what was read and not asked for yet: it is read again. */
  forget(): void {
    if (this.#index < this.#batch.length)
      this.#nextCursor = this.step.directory.readEntries(this.#cursor, this.#index).cursor;
    this.#batch = [];
    this.#index = 0;
  }
}

/** What both walks share: no directory is come to twice. */
class Walk {
  readonly #start: Directory;
  readonly #onProblem: WalkProblem;
  readonly #seen: Set<number>;

  constructor(start: Directory, onProblem: WalkProblem) {
    this.#start = start;
    this.#onProblem = onProblem;
    this.#seen = new Set([start.ino]);
  }

  /** Opens a directory by its name; null when it can't be, or was come to before. */
  open(parent: WalkStep, entry: DirectoryEntry): Directory | null {
    return this.attempt(new WalkPlace(parent, entry.name), () => {
      if (this.#seen.has(entry.ino)) {
        throw corrupt('directory-second-name', { ino: entry.ino });
      }
      const handle = openEntry(parent.directory, entry);
      if (handle instanceof Directory) {
        this.#seen.add(entry.ino);
        return handle;
      }
      handle.close();
      throw corrupt('name-of-directory', { ino: entry.ino });
    });
  }

  leave(step: WalkStep): void {
    if (step.directory !== this.#start) step.directory.close();
  }

  attempt<T>(place: WalkPlace, read: () => T): T | null {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof F2fsError)) throw error;
      this.#onProblem(place, error);
      return null;
    }
  }
}

function checkDirectory(directory: Directory): void {
  if (!(directory instanceof Directory)) throw invalid('directory', directory, 'an open one');
}
