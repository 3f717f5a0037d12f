// f2fs mkdir: new directories.
import { F2fsError } from '../errors.ts';
import { type Directory, type FileSystem, splitPath } from '../index.ts';
import { type ChangeOptions, changeImage, forEachPath } from './change.ts';
import { typeAt } from './destination.ts';
import { EXIT } from './errors.ts';
import type { ModeChange } from './mode.ts';
import { escaped, volumePath } from './names.ts';
import { naming } from './naming.ts';

export interface MkdirOptions extends ChangeOptions {
  parents?: boolean;
  mode?: ModeChange;
  escaped?: boolean;
}

const SLASH = 0x2f;
/** What a symbolic mode changes. */
const FULL_MODE = 0o777;

/** Makes each directory, or none. Throws EEXIST unless `parents` is given, ENOENT where a directory above is missing. */
export function mkdir(image: string, paths: readonly string[], options: MkdirOptions): Promise<number> {
  const directories = paths.map((path) => volumePath(path, options.escaped));
  const mode = options.mode?.(FULL_MODE, true);
  return changeImage('mkdir', image, options, async (volume, signal, progress) => {
    await forEachPath(directories, signal, progress, (path) => {
      if (options.parents) makeAll(volume, path, mode);
      else volume.mkdir(path, { mode });
    });
    return EXIT.ok;
  });
}

/** Makes what is missing of a path, from directory to directory; `mode` is for the last one, if it is new. */
function makeAll(volume: FileSystem, path: Uint8Array, mode: number | undefined): void {
  const ends = [...path.keys()].filter(
    (at) => path[at] !== SLASH && (at + 1 === path.length || path[at + 1] === SLASH),
  );
  let above = volume.root();
  try {
    for (const at of ends) {
      const part = path.subarray(0, at + 1);
      const next = directoryIn(volume, above, part) ?? makeIn(above, part, at === ends.at(-1) ? mode : undefined);
      above.close();
      above = next;
    }
  } finally {
    above.close();
  }
}

/** What `path`, whose last name stands in `above`, leads to; null when there is nothing. Throws ENOTDIR. */
function directoryIn(volume: FileSystem, above: Directory, path: Uint8Array): Directory | null {
  const { name } = splitPath(path);
  const entry = name === null ? undefined : naming(path, () => above.lookup(name));
  if (entry === null) return null;
  if (name !== null && entry?.type === 'directory') return above.open(name) as Directory;
  // Dots, and a symlink, may lead anywhere.
  const type = typeAt(volume, path);
  if (type === 'directory') return volume.openDirectory(path);
  if (type === null)
    throw new F2fsError('EEXIST', `${escaped(path)} is a symlink that leads nowhere`, { path: escaped(path) });
  throw new F2fsError('ENOTDIR', `${escaped(path)} is not a directory`, { path: escaped(path) });
}

function makeIn(above: Directory, path: Uint8Array, mode: number | undefined): Directory {
  const { directory, name } = splitPath(path);
  try {
    return above.mkdir(name ?? path, { mode });
  } catch (error) {
    const isAbove = error instanceof F2fsError && error.ino === above.ino;
    return naming(isAbove ? directory : path, () => {
      throw error;
    });
  }
}
