// Removes a directory and all that lies in it, in steps: whoever wants signals heard goes on when it likes.

import { corrupt } from '../errors.ts';
import { Directory, type DirectoryEntry } from './directory-handle.ts';
import { FileHandle } from './file-handle.ts';
import type { Handle } from './handle.ts';
import { joinName, splitLast } from './path-names.ts';
import { refusedAt } from './refusals.ts';

/** Names that are read of a directory at a time. */
const BATCH = 256;

/** A directory on the way down. */
interface Level {
  parent: Directory;
  name: Uint8Array;
  directory: Directory;
  cursor: number;
  /** Entries that were read and are still there. */
  left: DirectoryEntry[];
}

/**
 * Removes what `name` stands for in `parent`, at `path`: a directory with everything below it; symlinks are not followed. What was removed
 * before something fails, or before the caller stops, stays removed. Throws ENOENT, EPERM, ENOSPC; EUCLEAN for a directory that lies
 * in itself.
 */
export function* removeTree(parent: Directory, name: Uint8Array, path: Uint8Array): Generator<void> {
  const levels: Level[] = [];
  /** What is being removed in the last of the levels. */
  let current: Uint8Array | null = null;
  /** Directories on the way down, the one that all lies in too. */
  const inos = new Set([parent.ino]);
  try {
    yield* enter(levels, inos, parent, name);
    for (let top = levels.at(-1); top !== undefined; top = levels.at(-1)) {
      if (top.left.length === 0) {
        const { entries, cursor } = top.directory.readEntries(top.cursor, BATCH);
        top.left = entries.reverse();
        top.cursor = cursor;
      }
      const entry = top.left.pop();
      if (entry !== undefined) {
        current = entry.name;
        yield* enter(levels, inos, top.directory, entry.name);
        current = null;
        continue;
      }
      inos.delete(top.directory.ino);
      top.directory.close();
      levels.pop();
      current = top.name;
      top.parent.rmdir(top.name);
      current = null;
      yield;
    }
  } catch (error) {
    const directory = levels.slice(1).reduce((at, level) => joinName(at, level.name), path);
    const top = levels.at(-1);
    if (top === undefined) throw refusedAt(error, path, () => [[parent.ino, splitLast(path).directory]]);
    const at = current === null ? directory : joinName(directory, current);
    throw refusedAt(error, at, () => [[top.directory.ino, directory]]);
  } finally {
    for (const { directory } of levels) directory.close();
  }
}

/** Removes one that is no directory, or goes into it. */
function* enter(levels: Level[], inos: Set<number>, parent: Directory, name: Uint8Array): Generator<void> {
  const handle = parent.open(name);
  if (!(handle instanceof Directory)) {
    yield* removeFile(parent, name, handle);
    return;
  }
  if (inos.has(handle.ino)) {
    handle.close();
    throw corrupt('directory-loop', { ino: handle.ino });
  }
  inos.add(handle.ino);
  levels.push({ parent, name, directory: handle, cursor: 0, left: [] });
}

/** Removes the name of an open file, closes it, and frees it where that was its last one. */
export function* removeFile(parent: Directory, name: Uint8Array, handle: Handle): Generator<void> {
  try {
    parent.unlink(name);
    if (handle instanceof FileHandle) yield* handle.freeInSteps();
  } finally {
    handle.close();
  }
  yield;
}
