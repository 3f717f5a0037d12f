// The flags of an inode that chattr(1) sets, and its project: who may have which.
import { isList, isOneOf, isWhole } from '../check.ts';
import { F2fsError } from '../errors.ts';
import type { Directories } from '../file/directory/directory.ts';
import type { Inode } from '../file/inode/inode.ts';
import { MAX_ID } from '../format/constants.ts';
import { I_FLAGS } from '../format/inode.ts';
import { flagBits, flagNames, INODE_FLAGS, type InodeFlag } from '../format/inode-flags.ts';
import type { Volume } from '../volume/volume.ts';
import type { Parts } from './core.ts';

const isFlags = isList(isOneOf(INODE_FLAGS));
const isProjectId = isWhole(0, MAX_ID);
/** Source: F2FS_OTHER_FLMASK. */
const OF_OTHERS = I_FLAGS.NODUMP | I_FLAGS.NOATIME;

const ALL = flagBits(INODE_FLAGS);

/**
 * Gives an inode these flags, and none of the others that chattr can set; immutable and append-only ones too. Throws EINVAL for a name
 * that there is not, and for a flag that this type of file can't have; of directories that come to fold case, or cease to, ENOTEMPTY,
 * and EOPNOTSUPP where the volume has no such feature, or names are encrypted. Source: f2fs_fileattr_set, f2fs_setflags_common.
 */
export function setFlags(
  { clock, directories, volume }: Parts<'clock' | 'directories' | 'volume'>,
  inode: Inode,
  names: readonly InodeFlag[],
): void {
  isFlags(names, 'flags');
  assertNoQuotaFile(volume, inode);
  const bits = flagBits(names);
  let possible = OF_OTHERS;
  if (inode.isRegular) possible = ALL & ~(I_FLAGS.DIRSYNC | I_FLAGS.PROJINHERIT | I_FLAGS.CASEFOLD);
  else if (inode.isDirectory) possible = ALL;
  const [wrong] = flagNames(bits & ~possible);
  if (wrong !== undefined) {
    throw new F2fsError('EINVAL', `invalid flag '${wrong}': files of this type can't have it`, { ino: inode.ino });
  }
  const { iFlags } = inode.load();
  if ((iFlags & ALL) === bits) return;
  if (((iFlags ^ bits) & I_FLAGS.CASEFOLD) !== 0) {
    assertMayFold(volume, directories, inode);
    inode.index = null;
  }
  inode.change().iFlags = (iFlags & ~ALL) | bits;
  inode.refreshLayout();
  clock.stampChange(inode);
}

/**
 * Makes an inode one of a project, which then counts it and its blocks. Throws EINVAL for what is no project's number, EOPNOTSUPP on a
 * volume without projects, EOVERFLOW for an inode without room for one, EPERM for a quota file, ENOSPC. Source: f2fs_ioc_setproject.
 */
export function setProjectId(
  { clock, volume, quotas }: Parts<'clock' | 'volume' | 'quotas'>,
  inode: Inode,
  projectId: number,
): void {
  isProjectId(projectId, 'project id');
  const { ino } = inode;
  if (!volume.hasFeature('project_quota')) {
    if (projectId === 0) return;
    throw new F2fsError('EOPNOTSUPP', "the volume lacks the feature 'project_quota': format it with that", { ino });
  }
  if (projectId === inode.projectId) return;
  assertNoQuotaFile(volume, inode);
  if (!inode.hasExtra('iProjid')) {
    throw new F2fsError('EOVERFLOW', 'the inode has no room for a project id: make the file anew', { ino });
  }
  const { iUid, iGid } = inode.load();
  quotas.prepare(iUid, iGid, projectId);
  inode.countForOwners(-1);
  inode.change();
  inode.loadExtra().iProjid = projectId;
  inode.countForOwners(1);
  clock.stampChange(inode);
}

/** Source: IS_NOQUOTA. */
function assertNoQuotaFile({ quotas }: Volume, { ino }: Inode): void {
  if (quotas.isFile(ino))
    throw new F2fsError('EPERM', 'it is a quota file of the volume, which nobody changes', { ino });
}

/** Throws when a directory can't begin to fold case, or cease to. */
function assertMayFold(volume: Volume, directories: Directories, dir: Inode): void {
  const { ino } = dir;
  if (!volume.hasFeature('casefold')) {
    throw new F2fsError('EOPNOTSUPP', "the volume lacks the feature 'casefold': format it with that", { ino });
  }
  if (dir.isEncrypted)
    throw new F2fsError('EOPNOTSUPP', 'an encrypted directory stays as it folds case or not', { ino });
  if (directories.isEmpty(dir)) return;
  throw new F2fsError('ENOTEMPTY', 'only an empty directory can begin to fold case, or cease to', { ino });
}
