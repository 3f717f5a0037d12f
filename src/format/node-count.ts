// How many nodes the pages of a file take, which have none yet.
import { ADDRS_PER_BLOCK, NIDS_PER_BLOCK } from './node.ts';

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
