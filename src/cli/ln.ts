// f2fs ln: one more name for a file, or a symlink.
import { F2fsError } from '../errors.ts';
import type { FileSystem } from '../index.ts';
import { type ChangeOptions, changeImage } from './change.ts';
import { Destination, lastName } from './destination.ts';
import { EXIT } from './errors.ts';
import { volumePath } from './names.ts';
import { naming } from './naming.ts';

export interface LnOptions extends ChangeOptions {
  symbolic?: boolean;
  force?: boolean;
  /** -T */
  targetDirectory?: boolean;
  escaped?: boolean;
}

/**
 * Makes `link` a name of `target`, which is not followed when it is a symlink; or a symlink that says `target`. Throws ENOENT, EEXIST
 * unless `force` is given, EPERM for a directory.
 */
export function ln(image: string, target: string, link: string, options: LnOptions): Promise<number> {
  const from = volumePath(target, options.escaped);
  const to = volumePath(link, options.escaped);
  return changeImage('ln', image, options, (volume) => {
    const destination = new Destination(volume, to, 1, options.targetDirectory === false);
    const path = destination.isDirectory ? destination.pathOf(naming(from, () => lastName(from))) : to;
    naming(path, () => {
      const ino = options.symbolic ? null : volume.lstat(from).ino;
      if (options.force) makeWay(volume, path, ino);
      if (options.symbolic) volume.symlink(from, path);
      else volume.link(from, path);
    });
    return EXIT.ok;
  });
}

/** Removes the file at `path`, if there is one. Throws EISDIR, EEXIST when it is the one to link to. */
function makeWay(volume: FileSystem, path: Uint8Array, target: number | null): void {
  let there: number;
  try {
    there = volume.lstat(path).ino;
  } catch (error) {
    if (error instanceof F2fsError && error.code === 'ENOENT') return;
    throw error;
  }
  if (there === target) throw new F2fsError('EEXIST', 'it is the same file already');
  volume.unlink(path);
}
