// Removes a directory and all that lies in it.
import { corrupt } from '../errors.ts';
import { Directory, type DirectoryEntry } from './directory-handle.ts';

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
 * Removes what `name` stands for in `parent`, a directory with everything below it; symlinks are not followed. What was removed
 * before something fails stays removed. Throws ENOENT, EPERM, ENOSPC; EUCLEAN for a directory that lies in itself.
 */
export function removeTree(parent: Directory, name: Uint8Array): void {
  const levels: Level[] = [];
  try {
    enter(levels, parent, name);
    for (let top = levels.at(-1); top !== undefined; top = levels.at(-1)) {
      if (top.left.length === 0) {
        const { entries, cursor } = top.directory.readEntries(top.cursor, BATCH);
        top.left = entries.reverse();
        top.cursor = cursor;
      }
      const entry = top.left.pop();
      if (entry !== undefined) {
        enter(levels, top.directory, entry.name);
        continue;
      }
      top.directory.close();
      levels.pop();
      top.parent.rmdir(top.name);
    }
  } finally {
    for (const { directory } of levels) directory.close();
  }
}

/** Removes one that is no directory, or goes into it. */
function enter(levels: Level[], parent: Directory, name: Uint8Array): void {
  const handle = parent.open(name);
  if (!(handle instanceof Directory)) {
    handle.close();
    parent.unlink(name);
    return;
  }
  if (handle.ino === parent.ino || levels.some(({ directory }) => directory.ino === handle.ino)) {
    handle.close();
    throw corrupt(`directory ${handle.ino} lies in itself`, { ino: handle.ino });
  }
  levels.push({ parent, name, directory: handle, cursor: 0, left: [] });
}
