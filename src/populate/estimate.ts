// How many blocks a tree will take, before any is written: exact, but for zeros that are to become holes.
import { FEATURES } from '../format/constants.ts';
import {
  bucketBlocks,
  dentrySlots,
  dirBlockIndex,
  dirBuckets,
  inlineDentryLayout,
  NR_DENTRY_IN_BLOCK,
} from '../format/dentry.ts';
import { nameHash } from '../format/hash.ts';
import { DEF_ADDRS_PER_INODE, DEFAULT_INLINE_XATTR_ADDRS, extraIsizeFor, maxInlineData } from '../format/inode.ts';
import { ADDRS_PER_BLOCK, NIDS_PER_BLOCK } from '../format/node.ts';
import { XattrHeader, xattrEntrySize } from '../format/xattr.ts';
import type { SourceTree } from '../source/source-tree.ts';
import type { CompressChoice } from './compress-choice.ts';

/** The direct node of a file, by their order, before which as many come that stand under the inode or the two indirect nodes. */
const FIRST_UNDER_DOUBLE = 2 + 2 * NIDS_PER_BLOCK;

/** Counts the node blocks that runs of a file's pages need besides its inode. */
class NodeCount {
  readonly #addrsPerInode: number;
  readonly #addrsPerBlock: number;
  nrNodes = 0;
  /** The last direct node that was counted, and the last node above one; -1 for none. */
  #direct = -1;
  #indirect = -1;

  constructor(addrsPerInode: number, addrsPerBlock: number) {
    this.#addrsPerInode = addrsPerInode;
    this.#addrsPerBlock = addrsPerBlock;
  }

  /** Pages [first, end), behind those that were added before. */
  add(first: number, end: number): void {
    if (end <= this.#addrsPerInode) return;
    const from = Math.max(this.#direct + 1, this.#directOf(first));
    const to = this.#directOf(end - 1);
    if (to < from) return;
    this.nrNodes += to - from + 1;
    this.#direct = to;
    const above = Math.max(this.#indirect + 1, this.#indirectOf(from));
    const last = this.#indirectOf(to);
    if (last < above) return;
    this.nrNodes += last - above + 1;
    // With the first node under the double indirect one comes that one.
    if (last >= 2 && this.#indirect < 2) this.nrNodes++;
    this.#indirect = last;
  }

  /** By their order; -1 for a page whose address is in the inode. */
  #directOf(page: number): number {
    return Math.max(-1, Math.floor((page - this.#addrsPerInode) / this.#addrsPerBlock));
  }

  /** The node above a direct one: 0 and 1 are the indirect ones, then come those under the double indirect one; -1: the inode. */
  #indirectOf(direct: number): number {
    if (direct < 2) return -1;
    if (direct < FIRST_UNDER_DOUBLE) return Math.floor((direct - 2) / NIDS_PER_BLOCK);
    return 2 + Math.floor((direct - FIRST_UNDER_DOUBLE) / NIDS_PER_BLOCK);
  }
}

/** Blocks that runs of pages and the nodes above them take. */
export function blocksOf(
  runs: Iterable<readonly [first: number, end: number]>,
  addrsPerInode: number,
  addrsPerBlock = ADDRS_PER_BLOCK,
): number {
  const nodes = new NodeCount(addrsPerInode, addrsPerBlock);
  let nrPages = 0;
  for (const [first, end] of runs) {
    nrPages += end - first;
    nodes.add(first, end);
  }
  return nrPages + nodes.nrNodes;
}

/** Counts the blocks of one tree, for a volume with the features `feature`. */
export class Estimate {
  readonly #tree: SourceTree;
  readonly #hasLostFound: boolean;
  readonly #extraIsize: number;
  readonly #addrsPerInode: number;
  readonly #inlineBytes: number;
  readonly #compressed: CompressChoice | null;
  readonly #clusterPages: number;

  /** @param compressed the files that get clusters, of `clusterPages` pages */
  constructor(tree: SourceTree, feature: number, compressed: CompressChoice | null = null, clusterPages = 1) {
    this.#tree = tree;
    this.#compressed = compressed;
    this.#clusterPages = clusterPages;
    this.#hasLostFound = (feature & FEATURES.lost_found) !== 0;
    this.#extraIsize = extraIsizeFor(feature);
    this.#addrsPerInode = DEF_ADDRS_PER_INODE - this.#extraIsize / 4 - DEFAULT_INLINE_XATTR_ADDRS;
    this.#inlineBytes = maxInlineData(this.#extraIsize, DEFAULT_INLINE_XATTR_ADDRS);
  }

  /** Blocks of all entries, the root's own and lost+found's included; counted in steps. */
  *blocks(): Generator<void, number> {
    const tree = this.#tree;
    // Its inode and its block of dentries.
    let blocks = this.#hasLostFound ? 2 : 0;
    for (let i = 0; i < tree.count; i++) {
      const group = tree.linkGroup(i);
      if (group >= 0 && group !== i) continue;
      blocks += 1 + this.#contentBlocks(i) + (tree.hasXattrs(i) ? this.#xattrBlocks(i) : 0);
      yield;
    }
    return blocks;
  }

  #contentBlocks(i: number): number {
    const type = this.#tree.type(i);
    if (type === 'dir') return this.#directoryBlocks(i);
    if (type !== 'file' && type !== 'symlink') return 0;
    // All pages of a compressed cluster stay reserved, and a node holds whole clusters only.
    if (type === 'file' && this.#compressed?.has(i)) {
      const whole = (addrs: number) => addrs - (addrs % this.#clusterPages);
      return blocksOf(this.#tree.dataPages(i), whole(this.#addrsPerInode), whole(ADDRS_PER_BLOCK));
    }
    if (this.#tree.size(i) <= this.#inlineBytes) return 0;
    return type === 'file' ? blocksOf(this.#tree.dataPages(i), this.#addrsPerInode) : 1;
  }

  #xattrBlocks(i: number): number {
    let bytes = XattrHeader.size;
    for (const { name, value } of this.#tree.xattrs(i).found) bytes += xattrEntrySize(name.length, value.length);
    return bytes > DEFAULT_INLINE_XATTR_ADDRS * 4 ? 1 : 0;
  }

  /** Adds the names as the directory will: into the inode, then into block 0, then by their hashes. */
  #directoryBlocks(dir: number): number {
    const tree = this.#tree;
    const isRoot = dir === 0;
    const first = tree.firstChild(dir);
    const end = first + tree.nrChildren(dir);
    const inlineSlots = inlineDentryLayout(this.#inlineBytes).slots;
    // `.` and `..`; mkfs gives the root a block, with lost+found in it, if there is one.
    let used = isRoot && this.#hasLostFound ? 4 : 2;
    let child = first;
    if (!isRoot) {
      for (; child < end; child++) {
        const slots = dentrySlots(tree.name(child).length);
        if (used + slots > inlineSlots) break;
        used += slots;
      }
      if (child === end) return 0;
    }
    const blocks = new Map<number, number>([[0, NR_DENTRY_IN_BLOCK - used]]);
    for (; child < end; child++) {
      const name = tree.name(child);
      placeName(blocks, nameHash(name), dentrySlots(name.length));
    }
    const inOrder = [...blocks.keys()].sort((a, b) => a - b);
    return blocksOf(
      inOrder.map((block) => [block, block + 1]),
      this.#addrsPerInode,
    );
  }
}

/** Takes slots in the first block of the name's buckets that has them. */
function placeName(blocks: Map<number, number>, hash: number, slots: number): void {
  for (let level = 0; ; level++) {
    const first = dirBlockIndex(level, 0, hash % dirBuckets(level, 0));
    for (let block = first; block < first + bucketBlocks(level); block++) {
      const free = blocks.get(block) ?? NR_DENTRY_IN_BLOCK;
      if (free < slots) continue;
      blocks.set(block, free - slots);
      return;
    }
  }
}
