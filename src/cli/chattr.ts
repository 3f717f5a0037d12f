// f2fs chattr: the flags and the project that Linux's chattr sets.
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
  project?: number;
}

/** Flags that files can't have: with -R they are for the directories. */
const OF_DIRECTORIES = new Set<InodeFlag>(['dirsync', 'projinherit', 'casefold']);

/**
 * Changes the flags of each path (null: none of them), and its project if told; of all below it too with `recursive`, where only files
 * and directories are looked at.
 */
export function chattr(
  image: string,
  change: FlagChange | null,
  paths: readonly string[],
  options: ChattrOptions,
): Promise<number> {
  const targets = paths.map((path) => volumePath(path, options.escaped));
  const { recursive = false, project } = options;
  return changeImage('chattr', image, options, async (volume, signal, progress) => {
    const turns = new Turns(signal, progress);
    for (const path of targets) {
      await forTree(volume, path, { follow: false, recursive }, turns, (handle) => {
        const { type, flags } = handle.stat();
        if (type !== 'directory' && type !== 'file') {
          if (recursive) return;
          throw new F2fsError('EOPNOTSUPP', `a ${type} has no such flags`);
        }
        if (project !== undefined) handle.setProjectId(project);
        if (change === null) return;
        const wanted = change(flags);
        handle.setFlags(recursive && type === 'file' ? wanted.filter((flag) => !OF_DIRECTORIES.has(flag)) : wanted);
      });
    }
    return EXIT.ok;
  });
}
