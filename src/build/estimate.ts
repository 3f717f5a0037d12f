// How many blocks a host tree will take, before any is written: exact, but for zeros that turn out to be holes.
import { BLKSIZE, FEATURES, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../format/constants.ts';
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
import type { CompressChoice } from './compress-choice.ts';
import type { HostTree } from './host-tree.ts';

/** Node blocks that a file of `nrPages` pages needs besides its inode. */
export function nodesOf(nrPages: number, addrsPerInode: number, addrsPerBlock = ADDRS_PER_BLOCK): number {
  const direct = Math.max(0, Math.ceil((nrPages - addrsPerInode) / addrsPerBlock));
  let indirect = 0;
  const underIndirect = direct - 2;
  if (underIndirect > 0) indirect += 1;
  if (underIndirect > NIDS_PER_BLOCK) indirect += 1;
  const underDouble = underIndirect - 2 * NIDS_PER_BLOCK;
  if (underDouble > 0) indirect += 1 + Math.ceil(underDouble / NIDS_PER_BLOCK);
  return direct + indirect;
}

/** Counts the blocks of one tree, for a volume with the features `feature`. */
export class Estimate {
  readonly #tree: HostTree;
  readonly #hasLostFound: boolean;
  readonly #extraIsize: number;
  readonly #addrsPerInode: number;
  readonly #inlineBytes: number;
  readonly #compressed: CompressChoice | null;
  readonly #clusterPages: number;

  /** @param compressed the files that get clusters, of `clusterPages` pages */
  constructor(tree: HostTree, feature: number, compressed: CompressChoice | null = null, clusterPages = 1) {
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
    const type = this.#tree.table.mode(i) & S_IFMT;
    if (type === S_IFDIR) return this.#directoryBlocks(i);
    if (type !== S_IFREG && type !== S_IFLNK) return 0;
    const size = this.#tree.size(i);
    const pages = Math.ceil(size / BLKSIZE);
    // All pages of a compressed cluster stay reserved, and a node holds whole clusters only.
    if (type === S_IFREG && this.#compressed?.has(i)) {
      const whole = (addrs: number) => addrs - (addrs % this.#clusterPages);
      return this.#dataPages(i, pages) + nodesOf(pages, whole(this.#addrsPerInode), whole(ADDRS_PER_BLOCK));
    }
    if (size <= this.#inlineBytes) return 0;
    return this.#dataPages(i, pages) + nodesOf(pages, this.#addrsPerInode);
  }

  /** Pages of a file that are not holes on the host either. */
  #dataPages(i: number, pages: number): number {
    return Math.min(pages, this.#tree.dataPages(i));
  }

  #xattrBlocks(i: number): number {
    let bytes = XattrHeader.size;
    for (const { name, value } of this.#tree.xattrs(i).found)
      bytes += xattrEntrySize(Buffer.byteLength(name), value.length);
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
    let lastBlock = 0;
    for (; child < end; child++) {
      const name = tree.name(child);
      lastBlock = Math.max(lastBlock, placeName(blocks, nameHash(name), dentrySlots(name.length)));
    }
    return blocks.size + nodesOf(lastBlock + 1, this.#addrsPerInode);
  }
}

/** Takes slots in the first block of the name's buckets that has them; returns the block. */
function placeName(blocks: Map<number, number>, hash: number, slots: number): number {
  for (let level = 0; ; level++) {
    const first = dirBlockIndex(level, 0, hash % dirBuckets(level, 0));
    for (let block = first; block < first + bucketBlocks(level); block++) {
      const free = blocks.get(block) ?? NR_DENTRY_IN_BLOCK;
      if (free < slots) continue;
      blocks.set(block, free - slots);
      return block;
    }
  }
}
