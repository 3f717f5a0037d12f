// Walks the directories of a mounted volume without recursion, as one has to with an image that may be damaged: however
// deep they lie, and though their names may form a circle. Relies on fs.
import { corrupt, F2fsError } from '../errors.ts';
import { Directory, type DirectoryEntry } from '../fs/directory-handle.ts';

/** A directory that the walk has come to. */
export interface WalkStep {
  /** Path from where the walk began, which it begins with; bytes, as the names are. */
  readonly path: Uint8Array;
  /** The last name of the path; empty for the start. */
  readonly name: Uint8Array;
  readonly parent: WalkStep | null;
  /** Open until the walk has left everything below it. */
  readonly directory: Directory;
  /** By the bytes of their names. Empty when the directory could not be read, which `onProblem` was told. */
  readonly entries: readonly DirectoryEntry[];
  /** To be set to false, before the walk goes on, where nothing below is of interest. */
  descend: boolean;
}

/** Where a name of the walk leads to what can't be read; the walk goes on with the next name. */
export type WalkProblem = (path: Uint8Array, error: F2fsError) => void;

interface Frame {
  readonly step: WalkStep;
  /** Index of the next entry to look at. */
  next: number;
}

const SLASH = 0x2f;

/** `directory/name` */
export function joinPath(directory: Uint8Array, name: Uint8Array): Uint8Array {
  const slashes = directory.length > 0 && directory[directory.length - 1] !== SLASH ? 1 : 0;
  const path = new Uint8Array(directory.length + slashes + name.length);
  path.set(directory);
  if (slashes > 0) path[directory.length] = SLASH;
  path.set(name, directory.length + slashes);
  return path;
}

/**
 * Comes to every directory from `start` on, parents before children, names in the order of their bytes. `start` stays
 * the caller's to close. What is damaged goes to `onProblem` (code EUCLEAN); a directory with a second name, as in a
 * circle, counts as damaged. `wanted` leaves directories out by their names.
 */
export function* walkDirectories(
  start: Directory,
  path: Uint8Array,
  onProblem: WalkProblem,
  wanted: (entry: DirectoryEntry) => boolean = () => true,
): Generator<WalkStep, void, undefined> {
  const seen = new Set<number>([start.ino]);
  const frames: Frame[] = [];
  try {
    const first = stepInto(start, path, new Uint8Array(0), null, onProblem);
    yield first;
    if (first.descend) frames.push({ step: first, next: 0 });
    while (frames.length > 0) {
      const frame = frames[frames.length - 1];
      const { step } = frame;
      const entry = step.entries[frame.next++];
      if (entry === undefined) {
        frames.pop();
        if (step.parent !== null) step.directory.close();
        continue;
      }
      if (entry.type !== 'directory' || !wanted(entry)) continue;
      const entryPath = joinPath(step.path, entry.name);
      const directory = openDirectory(step.directory, entry, entryPath, seen, onProblem);
      if (directory === null) continue;
      const child = stepInto(directory, entryPath, entry.name, step, onProblem);
      frames.push({ step: child, next: 0 });
      yield child;
      if (!child.descend) {
        frames.pop();
        directory.close();
      }
    }
  } finally {
    for (const { step } of frames) if (step.parent !== null) step.directory.close();
  }
}

function stepInto(
  directory: Directory,
  path: Uint8Array,
  name: Uint8Array,
  parent: WalkStep | null,
  onProblem: WalkProblem,
): WalkStep {
  const entries = attempt(() => sortedEntries(directory), path, onProblem) ?? [];
  return { path, name, parent, directory, entries, descend: true };
}

/** Every name of a directory, by bytes. Throws what reading it throws. */
export function sortedEntries(directory: Directory): DirectoryEntry[] {
  return directory.entries().sort((a, b) => Buffer.compare(a.name, b.name));
}

function openDirectory(
  parent: Directory,
  entry: DirectoryEntry,
  path: Uint8Array,
  seen: Set<number>,
  onProblem: WalkProblem,
): Directory | null {
  return attempt(
    () => {
      if (seen.has(entry.ino)) {
        throw corrupt(`directory inode ${entry.ino} has a second name here; it is not walked again`, {
          ino: entry.ino,
        });
      }
      const handle = parent.open(entry.name);
      if (handle instanceof Directory) {
        seen.add(entry.ino);
        return handle;
      }
      handle.close();
      throw corrupt(`inode ${entry.ino} is not the directory that its name says it is`, { ino: entry.ino });
    },
    path,
    onProblem,
  );
}

function attempt<T>(read: () => T, path: Uint8Array, onProblem: WalkProblem): T | null {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof F2fsError)) throw error;
    onProblem(path, error);
    return null;
  }
}
