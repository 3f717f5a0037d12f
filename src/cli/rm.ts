// f2fs rm: names, and with them what has no other.
import { F2fsError } from '../errors.ts';
import type { FileSystem } from '../index.ts';
import { type ChangeOptions, changeImage, Turns } from './change.ts';
import { EXIT } from './errors.ts';
import { escaped, volumePath } from './names.ts';
import { naming } from './naming.ts';

export interface RmOptions extends ChangeOptions {
  recursive?: boolean;
  dir?: boolean;
  force?: boolean;
  escaped?: boolean;
}

/** What -f passes over: nothing is there. */
const MISSING: readonly string[] = ['ENOENT', 'ENOTDIR'];

/** Removes each path, or none. Throws ENOENT and ENOTDIR unless `force`, EISDIR for a directory without `recursive`, or `dir` where it is empty. */
export function rm(image: string, paths: readonly string[], options: RmOptions): Promise<number> {
  const targets = paths.map((path) => volumePath(path, options.escaped));
  return changeImage('rm', image, options, async (volume, signal, progress) => {
    const turns = new Turns(signal, progress);
    const before = volume.statfs().usedInodes;
    for (const path of targets) {
      try {
        for (const _ of removal(volume, path, options)) {
          await turns.pass(() => `${before - volume.statfs().usedInodes} removed  ${escaped(path)}`);
        }
      } catch (error) {
        if (options.force && error instanceof F2fsError && MISSING.includes(error.code)) continue;
        naming(path, () => {
          throw error;
        });
      }
    }
    return EXIT.ok;
  });
}

/** Removes what a path names, in steps. */
function* removal(volume: FileSystem, path: Uint8Array, { recursive, dir }: RmOptions): Generator<void> {
  if (recursive) yield* volume.removeInSteps(path);
  else if (dir && volume.lstat(path).type === 'directory') volume.rmdir(path);
  else volume.unlink(path);
  yield;
}
