// Inode flags as SCHILY.fflags has them. Source: fileflags of archive_entry.c in libarchive, which bsdtar and star read.
import { flagBits, type InodeFlag } from '../../format/inode-flags.ts';

/** Names of each; the first is the one that is written. That a directory folds case has none. */
const NAMES: Readonly<Record<Exclude<InodeFlag, 'casefold'>, readonly string[]>> = {
  immutable: ['schg', 'schange', 'simmutable'],
  append: ['sappnd', 'sappend'],
  nodump: ['nodump'],
  noatime: ['noatime'],
  sync: ['sync'],
  dirsync: ['dirsync'],
  projinherit: ['projinherit'],
};
const FLAGS = new Map(
  Object.entries(NAMES).flatMap(([flag, names]) => names.map((name) => [name, flag as InodeFlag] as const)),
);

/** The value for flags; empty where none has a name. */
export function fflagsText(flags: readonly InodeFlag[]): string {
  return flags.flatMap((flag) => (flag === 'casefold' ? [] : NAMES[flag][0])).join(',');
}

/** Bits of i_flags; names of other flags are passed over. */
export function parseFflags(text: string): number {
  return flagBits(text.split(',').flatMap((name) => FLAGS.get(name.trim()) ?? []));
}
