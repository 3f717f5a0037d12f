// Inode flags as chattr takes them.

import { InvalidArgumentError } from 'commander';
import type { InodeFlag } from '../index.ts';
import { FLAG_LETTERS } from '../limits.ts';

/** The flags that an entry gets which has some. */
export type FlagChange = (flags: readonly InodeFlag[]) => InodeFlag[];

const FLAGS = new Map(Object.entries(FLAG_LETTERS).map(([flag, letter]) => [letter, flag as InodeFlag]));

/** What is told of flags that can't be meant. */
export const EXPECTED_FLAGS =
  'expected flags behind +, - or =, as +i or -ia: a append-only, A noatime, d nodump, D dirsync, F casefold, i immutable, P project inherited, S sync.';

/** `+i`, `-ia`, `+d-a`, `=i`, as chattr takes them. Throws commander's error. */
export function parseFlagChange(text: string): FlagChange {
  const parts = /^(?:[+-][aAdDFiPS]+)+$|^=[aAdDFiPS]*$/.test(text) ? [...text.matchAll(/([+=-])([^+=-]*)/g)] : [];
  if (parts.length === 0) {
    throw new InvalidArgumentError(`E${EXPECTED_FLAGS.slice(1)}`);
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
