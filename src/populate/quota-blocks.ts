// How many blocks the quota files of a new volume take, once all of a tree's owners have an entry there.
import type { BlockGeometry } from '../format/block-size.ts';
import { addrsPerInode, TOTAL_EXTRA_ISIZE } from '../format/inode.ts';
import { blocksOf } from '../format/node-count.ts';
import { QT_BLOCK_SIZE, QUOTA, type QuotaType, quotaFileBlocks } from '../format/quota.ts';
import { QUOTA_BLOCKS } from '../mkfs/plan.ts';
import type { FoldedDirectories } from '../source/folded-names.ts';
import type { SourceTree } from '../source/source-tree.ts';

/** Blocks of these quota files, their inodes included. What is left out of `folded` directories has no owner there. */
export function quotaBlocks(
  tree: SourceTree,
  types: readonly QuotaType[],
  block: BlockGeometry,
  folded: FoldedDirectories | null = null,
): number {
  if (types.length === 0) return 0;
  // The root of a new volume is of 0, and what is built is of no project.
  const uids = new Set([0]);
  const gids = new Set([0]);
  for (let i = 0; i < tree.count; i++) {
    if (folded?.isLeftOut(i)) continue;
    const { uid, gid } = tree.stat(i);
    uids.add(uid);
    gids.add(gid);
  }
  const ids = { [QUOTA.USER]: uids, [QUOTA.GROUP]: gids, [QUOTA.PROJECT]: [0] };
  const inInode = addrsPerInode(TOTAL_EXTRA_ISIZE, 0, 1, block);
  return types.reduce<number>((sum, type) => {
    const pages = Math.ceil((quotaFileBlocks(ids[type]) * QT_BLOCK_SIZE) / block.blockSize);
    return sum + 1 + blocksOf([[0, Math.max(QUOTA_BLOCKS, pages)]], inInode, block);
  }, 0);
}
