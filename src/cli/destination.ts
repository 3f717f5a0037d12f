// Where put, mv and ln put things: into a directory that is there, or to the name itself.
import * as path from 'node:path';
import { F2fsError } from '../errors.ts';
import { type FileSystem, joinPath, splitPath } from '../index.ts';
import { UsageError } from './errors.ts';
import { endsWithSlash, escaped } from './names.ts';

/** A place for each of several sources. */
export class Destination {
  readonly path: Uint8Array;
  /** What is put goes into it, by its own name. */
  readonly isDirectory: boolean;
  /** Names in it that sources got. */
  readonly #given = new Set<string>();

  /**
   * `nameItself`: `path` is the name that the only source gets, though it were a directory's. Throws UsageError for several
   * sources then, ENOTDIR where a directory is needed and there is none.
   */
  constructor(volume: FileSystem, path: Uint8Array, nrSources: number, nameItself = false) {
    if (nameItself && nrSources > 1) throw new UsageError('-T takes one source');
    this.path = path;
    this.isDirectory = !nameItself && leadsToDirectory(volume, path);
    if (this.isDirectory || nameItself) return;
    if (nrSources > 1 || endsWithSlash(path)) {
      throw new F2fsError('ENOTDIR', `${escaped(path)} is not a directory in the image`, { path: escaped(path) });
    }
  }

  /** The path of a source whose last name is `name`; to be asked once for each. Throws EEXIST for a name that another source got. */
  pathOf(name: Uint8Array): Uint8Array {
    if (!this.isDirectory) return this.path;
    const path = joinPath(this.path, name);
    const text = Buffer.from(name).toString('latin1');
    if (this.#given.has(text)) {
      const message = 'two of what is given have this name, and one would replace the other: do it in two commands';
      throw new F2fsError('EEXIST', message, { path: escaped(path) });
    }
    // What is in a directory, as `dir/.` names it, has names of its own.
    if (name.length > 0) this.#given.add(text);
    return path;
  }

  /** The same as a directory and the name in it; the name is null for the root, and what leads nowhere else. */
  placeOf(name: Uint8Array): { directory: Uint8Array; name: Uint8Array | null } {
    return splitPath(this.pathOf(name));
  }
}

/** Whether what is put there goes into it. A symlink that leads nowhere, or in a circle, is itself what is replaced. */
function leadsToDirectory(volume: FileSystem, path: Uint8Array): boolean {
  try {
    return typeAt(volume, path) === 'directory';
  } catch (error) {
    if (!endsWithSlash(path) && volume.lstat(path).type === 'symlink') return false;
    throw error;
  }
}

/** The inode that has a path, itself if it is a symlink; null where there is none. */
export function inodeAt(volume: FileSystem, path: Uint8Array): number | null {
  try {
    return volume.lstat(path).ino;
  } catch (error) {
    if (error instanceof F2fsError && error.code === 'ENOENT') return null;
    throw error;
  }
}

/** What a path leads to, symlinks followed; null when there is nothing. Throws what else is wrong with it. */
export function typeAt(volume: FileSystem, path: Uint8Array): string | null {
  try {
    return volume.stat(path).type;
  } catch (error) {
    if (error instanceof F2fsError && error.code === 'ENOENT') return null;
    throw error;
  }
}

/** The last name of a path of the volume. Throws EINVAL where there is none. */
export function lastName(volumePath: Uint8Array): Uint8Array {
  const { name } = splitPath(volumePath);
  if (name !== null) return name;
  throw new F2fsError('EINVAL', 'it ends in no name', { path: escaped(volumePath) });
}

/** The name that a path of the host has where it is put: null for `dir/.` and the like, which mean what is in it. */
export function hostName(source: string): Uint8Array | null {
  const name = path.basename(source);
  return name === '' || name === '.' || name === '..' ? null : Buffer.from(name);
}
