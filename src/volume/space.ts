// The counts that a checkpoint states, and the promise that a block or node taken now will find room when written.
import { corrupt, type ErrorPlace, F2fsError } from '../errors.ts';
import type { Checkpoint } from '../format/checkpoint.ts';
import { sizesApart } from '../size-text.ts';
import { RESERVED_NODES } from './checkpoint-pack.ts';
import type { VolumeLayout } from './layout.ts';

/** A name's dentry block and the nodes that lead to it, at most. */
const NAME_BLOCKS = 4;

/** ENOSPC for `what` as a whole, nothing of which has been taken yet: it needs more bytes of blocks than are free. */
export function noSpaceFor(what: string, neededBytes: number, freeBytes: number, place: ErrorPlace = {}): F2fsError {
  const [needed, free] = sizesApart(neededBytes, freeBytes);
  return new F2fsError('ENOSPC', `no space left: ${what} needs ${needed}, ${free} are free for files`, place);
}

export class Space {
  readonly #blockSize: number;
  /** Blocks that files may use; the rest of the main area is for cleaning. */
  userBlockCount: number;
  /** Blocks in use or reserved (NEW_ADDR) by inodes, nodes and data. */
  validBlockCount: number;
  validNodeCount: number;
  validInodeCount: number;
  /** Blocks in use at the last checkpoint, and those promised since. */
  #checkpointed: number;
  #promised = 0;
  /** Names removed since. */
  #removedNames = 0;
  /** Nodes that the NAT has room for. */
  readonly totalNodeCount: number;

  constructor(cp: Checkpoint, { maxNid, block }: VolumeLayout) {
    this.#blockSize = block.blockSize;
    this.userBlockCount = cp.userBlockCount;
    this.validBlockCount = cp.validBlockCount;
    this.#checkpointed = cp.validBlockCount;
    this.validNodeCount = cp.validNodeCount;
    this.validInodeCount = cp.validInodeCount;
    this.totalNodeCount = maxNid - RESERVED_NODES;
  }

  get freeBlocks(): number {
    return this.userBlockCount - this.validBlockCount;
  }

  get freeNodes(): number {
    return this.totalNodeCount - this.validNodeCount;
  }

  /**
   * Promises `nrBlocks` data blocks. Throws ENOSPC, having taken none: without numbers, as these may be a part of what is asked for,
   * and others have been taken for it. Source: inc_valid_block_count.
   */
  reserveBlocks(nrBlocks: number): void {
    if (this.validBlockCount + nrBlocks > this.userBlockCount) {
      throw new F2fsError('ENOSPC', 'no space left on the volume');
    }
    this.validBlockCount += nrBlocks;
    this.#promised += nrBlocks;
  }

  /** Throws ENOSPC when fewer than the `nrBlocks` that are asked for are free. */
  assertBlocks(nrBlocks: number): void {
    if (nrBlocks > this.freeBlocks)
      throw noSpaceFor('it', nrBlocks * this.#blockSize, this.freeBlocks * this.#blockSize);
  }

  /**
   * Whether roll-forward, which begins with what the last checkpoint has, could take all that was promised since. It removes no
   * names: one that is added may need a block, and nodes on the way to it, in place of a slot that was free. Source:
   * f2fs_space_for_roll_forward, which does not think of names.
   */
  get hasRoomForRollForward(): boolean {
    const forNames = NAME_BLOCKS * this.#removedNames;
    return this.#checkpointed + this.#promised + forNames <= this.userBlockCount;
  }

  nameRemoved(): void {
    this.#removedNames++;
  }

  /** Blocks in use or reserved at the last checkpoint. */
  get checkpointedBlocks(): number {
    return this.#checkpointed;
  }

  /** To be called once the checkpoint is down. */
  checkpointed(): void {
    this.#checkpointed = this.validBlockCount;
    this.#promised = 0;
    this.#removedNames = 0;
  }

  /** Throws EUCLEAN when more are given back than the checkpoint counts. Source: dec_valid_block_count. */
  releaseBlocks(nrBlocks: number): void {
    if (nrBlocks > this.validBlockCount) {
      throw corrupt('valid-block-count', {}, nrBlocks, this.validBlockCount);
    }
    this.validBlockCount -= nrBlocks;
  }

  /** Promises one node block. Throws ENOSPC. Source: inc_valid_node_count. */
  reserveNode(isInode: boolean): void {
    if (this.freeNodes <= 0) {
      throw new F2fsError('ENOSPC', `no inode left on the volume: all ${this.totalNodeCount} nodes are in use`);
    }
    this.reserveBlocks(1);
    this.validNodeCount++;
    if (isInode) this.validInodeCount++;
  }

  /** Throws ENOSPC when fewer than `nrNodes` nodes are left. */
  assertNodes(nrNodes: number): void {
    if (nrNodes <= this.freeNodes) return;
    const message = `no room left for the nodes of files: the volume can have ${this.totalNodeCount}`;
    throw new F2fsError('ENOSPC', message);
  }

  releaseNode(isInode: boolean): void {
    if (this.validNodeCount === 0 || (isInode && this.validInodeCount === 0)) {
      throw corrupt('valid-node-count', {});
    }
    this.releaseBlocks(1);
    this.validNodeCount--;
    if (isInode) this.validInodeCount--;
  }
}
