// The target of a symlink.
import { corrupt, F2fsError } from '../errors.ts';
import type { FileData } from '../file/data/file-data.ts';
import type { Inode } from '../file/inode/inode.ts';
import { PATH_MAX, S_IFLNK } from '../format/constants.ts';

/**
 * Throws EINVAL for anything but a symlink, ENOENT for one that a crash left without a target, ENOKEY for an encrypted one, EUCLEAN
 * for a target that can't be one. Source: f2fs_get_link.
 */
export function readlink(data: FileData, inode: Inode): Uint8Array {
  const { ino } = inode;
  if (inode.type !== S_IFLNK) throw new F2fsError('EINVAL', 'it is not a symlink', { ino });
  const { size } = inode;
  if (size === 0) throw new F2fsError('ENOENT', 'the symlink has no target', { ino });
  if (size > PATH_MAX) throw corrupt('symlink-length', { ino }, size);
  const target = new Uint8Array(size);
  data.read(inode, 0, target);
  if (target.includes(0)) throw corrupt('symlink-zero', { ino });
  return target;
}
