// The flags of an inode that chattr(1) sets: who may have which.
import { isList, isOneOf } from '../check.ts';
import { F2fsError } from '../errors.ts';
import type { Inode } from '../file/inode/inode.ts';
import { I_FLAGS } from '../format/inode.ts';
import { flagBits, flagNames, INODE_FLAGS, type InodeFlag } from '../format/inode-flags.ts';
import type { Clock } from './clock.ts';

const isFlags = isList(isOneOf(INODE_FLAGS));
/** Source: F2FS_OTHER_FLMASK. */
const OF_OTHERS = I_FLAGS.NODUMP | I_FLAGS.NOATIME;

const ALL = flagBits(INODE_FLAGS);

/**
 * Gives an inode these flags, and none of the others that chattr can set; immutable and append-only ones too. Throws EINVAL for a name
 * that there is not, and for a flag that this type of file can't have. Source: f2fs_fileattr_set, f2fs_mask_flags.
 */
export function setFlags(clock: Clock, inode: Inode, names: readonly InodeFlag[]): void {
  isFlags(names, 'flags');
  const bits = flagBits(names);
  let possible = OF_OTHERS;
  if (inode.isRegular) possible = ALL & ~I_FLAGS.DIRSYNC;
  else if (inode.isDirectory) possible = ALL;
  const [wrong] = flagNames(bits & ~possible);
  if (wrong !== undefined) {
    throw new F2fsError('EINVAL', `invalid flag '${wrong}': files of this type can't have it`, { ino: inode.ino });
  }
  const { iFlags } = inode.load();
  if ((iFlags & ALL) === bits) return;
  inode.change().iFlags = (iFlags & ~ALL) | bits;
  inode.refreshLayout();
  clock.stampChange(inode);
}
