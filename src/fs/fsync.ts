// fsync and fdatasync: a file's data, then the nodes by which roll-forward finds it after a crash, or a checkpoint where
// roll-forward could not.
import type { Inode } from '../file/inode/inode.ts';
import { NAME_LEN_MAX } from '../format/constants.ts';
import { ADVISE, Inode as InodeView } from '../format/inode.ts';
import { TAG } from '../pagecache/address-space.ts';
import { segmentsToRecover } from '../volume/fsync-chain.ts';
import { SINCE } from '../volume/nat.ts';
import type { Volume } from '../volume/volume.ts';
import type { Parts } from './core.ts';

/** Up to this many dirty pages are written over their blocks by fsync. Source: DEF_MIN_FSYNC_BLOCKS. */
const MIN_FSYNC_BLOCKS = 8;

/**
 * Returns once the inode's data, and all that leads to it, is on stable storage. With `dataOnly` changed times alone are not
 * written. Throws the first failure. Source: f2fs_do_sync_file.
 */
export function fsync(
  core: Parts<'volume' | 'memory' | 'sync' | 'inodes' | 'directories'>,
  inode: Inode,
  dataOnly: boolean,
): void {
  const { volume } = core;
  if (volume.readonly) return;
  volume.assertWritable();
  core.memory.balance();
  if (!inode.isDirectory) core.sync.inode(inode, dataOnly || inode.pages.nrDirty <= MIN_FSYNC_BLOCKS);
  const since = volume.nat.since(inode.ino);
  if (inode.isRegular && !needsNodes(volume, inode, since, dataOnly)) {
    volume.flush();
    volume.nat.unnote(inode.ino, SINCE.OVERWRITTEN);
    return;
  }
  if (needsCheckpoint(volume, inode)) {
    core.sync.checkpoint();
    trustParent(core, inode);
    return;
  }
  volume.fsyncNodes(inode.ino, (since & SINCE.REPLACED) !== 0);
  volume.nat.unnote(inode.ino, SINCE.CHANGED | SINCE.MOVED | SINCE.REPLACED | SINCE.OVERWRITTEN);
}

/**
 * Whether there is anything that a crash would lose but data written over its own blocks. Source: f2fs_skip_inode_update,
 * f2fs_need_inode_block_update.
 */
function needsNodes(volume: Volume, { ino }: Inode, since: number, dataOnly: boolean): boolean {
  const { nodes } = volume;
  if ((since & (SINCE.CHANGED | SINCE.MOVED | SINCE.UNMARKED | SINCE.NEEDS_CHECKPOINT)) !== 0) return true;
  if ((since & (SINCE.NEW | SINCE.FSYNCED)) === SINCE.NEW) return true;
  return nodes.hasDirtyDnodes(ino) || (!dataOnly && nodes.pages.isTagged(TAG.DIRTY, ino));
}

/** Whether roll-forward could not bring the inode back as it is now. Source: need_do_checkpoint. */
function needsCheckpoint(volume: Volume, inode: Inode): boolean {
  const { nat, nodes, space, logs } = volume;
  const raw = inode.load();
  if (!inode.isRegular || inode.isCompressed || inode.isVerity || raw.iLinks !== 1) return true;
  if ((raw.iAdvise & ADVISE.LOST_PINO) !== 0) return true;
  // The chain after the checkpoint of an earlier mount may hold what that one left.
  if (!volume.hasCheckpointed) return true;
  const since = nat.since(inode.ino);
  const ofParent = nat.since(raw.iPino);
  if (((since | ofParent) & SINCE.NEEDS_CHECKPOINT) !== 0 || (ofParent & SINCE.NEW) !== 0) return true;
  // Its name would come back where the directory was, or in place of it. Source: CP_RECOVER_DIR, of fsync_mode strict.
  if (volume.treeChanged && (since & (SINCE.NEW | SINCE.FSYNCED)) === SINCE.NEW) return true;
  if (volume.isChainLong) return true;
  return !space.hasRoomForRollForward || logs.free.segments < segmentsToRecover(nodes.chainLength + 1);
}

/**
 * After a checkpoint the parent and name that an inode notes may be good again: then its next fsync needs none. Source:
 * try_to_fix_pino.
 */
function trustParent({ volume, inodes, directories }: Parts<'volume' | 'inodes' | 'directories'>, inode: Inode): void {
  const raw = inode.load();
  const { iPino, iNamelen } = raw;
  if ((raw.iAdvise & ADVISE.LOST_PINO) === 0 || raw.iLinks !== 1 || iNamelen === 0 || iNamelen > NAME_LEN_MAX) return;
  const { nat, layout } = volume;
  if (iPino < layout.sb.rootIno || iPino >= layout.maxNid || nat.inoOf(iPino) !== iPino) return;
  const at = raw.base + InodeView.offsets.iName;
  const name = volume.pool.bytes.slice(at, at + iNamelen);
  const parent = inodes.get(iPino);
  if (!parent.isDirectory || directories.lookup(parent, name)?.ino !== inode.ino) return;
  inode.change().iAdvise &= ~ADVISE.LOST_PINO;
}
