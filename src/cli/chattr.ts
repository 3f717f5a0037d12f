// f2fs chattr: the flags that Linux's chattr sets.
import { F2fsError } from '../errors.ts';
import type { InodeFlag } from '../index.ts';
import { type ChangeOptions, changeImage, Turns } from './change.ts';
import { EXIT } from './errors.ts';
import type { FlagChange } from './flag-change.ts';
import { volumePath } from './names.ts';
import { forTree } from './tree.ts';

export interface ChattrOptions extends ChangeOptions {
  recursive?: boolean;
  escaped?: boolean;
}

const OF_DIRECTORIES: ReadonlySet<InodeFlag> = new Set(['dirsync', 'casefold']);

/** Changes the flags of each path; of all below it too with `recursive`, where only files and directories are looked at. */
export function chattr(
  image: string,
  change: FlagChange,
  paths: readonly string[],
  options: ChattrOptions,
): Promise<number> {
  const targets = paths.map((path) => volumePath(path, options.escaped));
  const { recursive = false } = options;
  return changeImage('chattr', image, options, async (volume, signal, progress) => {
    const turns = new Turns(signal, progress);
    for (const path of targets) {
      await forTree(volume, path, { follow: false, recursive }, turns, (handle) => {
        const { type, flags } = handle.stat();
        const wanted = change(flags);
        if (type === 'directory') handle.setFlags(wanted);
        else if (type === 'file')
          handle.setFlags(recursive ? wanted.filter((flag) => !OF_DIRECTORIES.has(flag)) : wanted);
        else if (!recursive) throw new F2fsError('EOPNOTSUPP', `a ${type} has no such flags`);
      });
    }
    return EXIT.ok;
  });
}
