// How many nodes the pages of a file take, which have none yet.
import type { BlockGeometry } from './block-size.ts';

/** Counts the node blocks that runs of a file's pages need besides its inode. */
class NodeCount {
  readonly #addrsPerInode: number;
  readonly #addrsPerBlock: number;
  readonly #nidsPerNode: number;
  /** The direct node of a file, by their order, before which all come that stand under the inode or the two indirect nodes. */
  readonly #firstUnderDouble: number;
  nrNodes = 0;
  /** The last direct node that was counted, and the last node above one; -1 for none. */
  #direct = -1;
  #indirect = -1;

  constructor(addrsPerInode: number, addrsPerBlock: number, nidsPerNode: number) {
    this.#addrsPerInode = addrsPerInode;
    this.#addrsPerBlock = addrsPerBlock;
    this.#nidsPerNode = nidsPerNode;
    this.#firstUnderDouble = 2 + 2 * nidsPerNode;
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
    if (direct < this.#firstUnderDouble) return Math.floor((direct - 2) / this.#nidsPerNode);
    return 2 + Math.floor((direct - this.#firstUnderDouble) / this.#nidsPerNode);
  }
}

/** Blocks that runs of pages and the nodes above them take. */
export function blocksOf(
  runs: Iterable<readonly [first: number, end: number]>,
  addrsPerInode: number,
  { addrsPerNode }: BlockGeometry,
  addrsPerBlock = addrsPerNode,
): number {
  const nodes = new NodeCount(addrsPerInode, addrsPerBlock, addrsPerNode);
  let nrPages = 0;
  for (const [first, end] of runs) {
    nrPages += end - first;
    nodes.add(first, end);
  }
  return nrPages + nodes.nrNodes;
}
