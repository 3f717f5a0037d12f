// f2fs mkdir: new directories.
import { F2fsError } from '../errors.ts';
import type { FileSystem } from '../index.ts';
import { type ChangeOptions, changeImage, forEachPath } from './change.ts';
import { typeAt } from './destination.ts';
import { EXIT } from './errors.ts';
import type { ModeChange } from './mode.ts';
import { escaped, volumePath } from './names.ts';

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

/** Makes what is missing of a path; `mode` is for the last directory, if it is new. */
function makeAll(volume: FileSystem, path: Uint8Array, mode: number | undefined): void {
  const ends = [...path.keys()].filter(
    (at) => path[at] !== SLASH && (at + 1 === path.length || path[at + 1] === SLASH),
  );
  for (const at of ends) {
    const part = path.subarray(0, at + 1);
    const type = typeAt(volume, part);
    if (type === 'directory') continue;
    if (type !== null) throw new F2fsError('ENOTDIR', `${escaped(part)} is not a directory`, { path: escaped(part) });
    volume.mkdir(part, at === ends.at(-1) ? { mode } : {});
  }
}
