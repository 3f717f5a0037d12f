// f2fs chattr: the flags that Linux's chattr sets.
import { InvalidArgumentError } from 'commander';
import { F2fsError } from '../errors.ts';
import { FLAG_LETTERS } from '../fs/inode-flags.ts';
import type { InodeFlag } from '../index.ts';
import { type ChangeOptions, changeImage, Turns } from './change.ts';
import { EXIT } from './errors.ts';
import { volumePath } from './names.ts';
import { forTree } from './tree.ts';

export interface ChattrOptions extends ChangeOptions {
  recursive?: boolean;
  escaped?: boolean;
}

/** The flags that an entry gets which has some. */
export type FlagChange = (flags: readonly InodeFlag[]) => InodeFlag[];

const FLAGS = new Map(Object.entries(FLAG_LETTERS).map(([flag, letter]) => [letter, flag as InodeFlag]));

/** `+i`, `-ia`, `+d-a`, `=i`, as chattr takes them. Throws commander's error. */
export function parseFlagChange(text: string): FlagChange {
  const parts = /^(?:[+-][aAdDiS]+)+$|^=[aAdDiS]*$/.test(text) ? [...text.matchAll(/([+=-])([^+=-]*)/g)] : [];
  if (parts.length === 0) {
    throw new InvalidArgumentError(
      'Expected flags behind +, - or =, as +i or -ia: a append-only, A noatime, d nodump, D dirsync, i immutable, S sync.',
    );
  }
  return (before) => {
    const flags = new Set(before);
    for (const [, how, letters] of parts) {
      if (how === '=') flags.clear();
      for (const letter of letters) {
        const flag = FLAGS.get(letter) as InodeFlag;
        if (how === '-') flags.delete(flag);
        else flags.add(flag);
      }
    }
    return [...flags];
  };
}

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
        else if (type === 'file') handle.setFlags(recursive ? wanted.filter((flag) => flag !== 'dirsync') : wanted);
        else if (!recursive) throw new F2fsError('EOPNOTSUPP', `a ${type} has no such flags`);
      });
    }
    return EXIT.ok;
  });
}
