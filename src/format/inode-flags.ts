// The flags of an inode that chattr(1) sets, by their names.
import { I_FLAGS } from './inode.ts';

/** Source: FS_*_FL in linux/fs.h, which are the same on disk. */
const FLAGS = {
  immutable: I_FLAGS.IMMUTABLE,
  append: I_FLAGS.APPEND,
  nodump: I_FLAGS.NODUMP,
  noatime: I_FLAGS.NOATIME,
  sync: I_FLAGS.SYNC,
  dirsync: I_FLAGS.DIRSYNC,
  projinherit: I_FLAGS.PROJINHERIT,
  casefold: I_FLAGS.CASEFOLD,
} as const;

/** As lsattr -l calls them, in short. */
export type InodeFlag = keyof typeof FLAGS;
/** What chattr and lsattr call them. */
export const FLAG_LETTERS: Readonly<Record<InodeFlag, string>> = {
  immutable: 'i',
  append: 'a',
  nodump: 'd',
  noatime: 'A',
  sync: 'S',
  dirsync: 'D',
  projinherit: 'P',
  casefold: 'F',
};
export const INODE_FLAGS = Object.keys(FLAGS) as InodeFlag[];

/** The bits of flags, in i_flags and in FS_IOC_SETFLAGS. */
export function flagBits(names: readonly InodeFlag[]): number {
  return names.reduce((bits, name) => bits | FLAGS[name], 0);
}

/** The flags among the bits of i_flags. */
export function flagNames(bits: number): InodeFlag[] {
  return INODE_FLAGS.filter((name) => (bits & FLAGS[name]) !== 0);
}
