// The chain of nodes written since a checkpoint: from the place where the warm nodes' log stood, each says where the log went on.
// Roll-forward reads it at a mount.
import type { QueuedDevice } from '../device/queued-device.ts';
import { corrupt, F2fsError } from '../errors.ts';
import { NODE_FOOTER_SIZE } from '../format/block-size.ts';
import { CP } from '../format/checkpoint.ts';
import { BLKS_PER_SEG, LOG, NR_LOGS } from '../format/constants.ts';
import { NODE_FLAG, NODE_OFFSET_SHIFT, NodeFooter } from '../format/node.ts';
import { viewOf } from '../format/struct.ts';
import { type CheckpointPack, logPosition } from './checkpoint-pack.ts';
import type { VolumeLayout } from './layout.ts';
import type { NodeCache } from './node-cache.ts';

/** Blocks to read at once, at most and at first: the log is one run mostly. Source: RECOVERY_MAX_RA_BLOCKS. */
const MAX_RUN = 128;
const FIRST_RUN = 4;

/**
 * Nodes that a chain can have when `validBlocks` are in use at its checkpoint: one each in every free block. Linux takes a longer
 * one for a loop. Source: find_fsync_dnodes.
 */
export function longestChain(layout: VolumeLayout, validBlocks: number): number {
  return layout.nrMainSegments * BLKS_PER_SEG - validBlocks;
}

/** Free segments that it takes to roll forward a chain of `nrNodes`: all of them are written anew before what they lie on is free. */
export function segmentsToRecover(nrNodes: number): number {
  return NR_LOGS + Math.ceil(nrNodes / BLKS_PER_SEG);
}

/** A node of the chain; good until the walk goes on. */
export class ChainNode {
  /** The block. */
  bytes: Uint8Array = new Uint8Array(NODE_FOOTER_SIZE);
  view = viewOf(this.bytes);
  blkaddr = 0;
  #footer = new NodeFooter(this.view);

  /** Takes the place of the node before. */
  set(bytes: Uint8Array, blkaddr: number): NodeFooter {
    this.bytes = bytes;
    this.view = viewOf(bytes);
    this.blkaddr = blkaddr;
    this.#footer = new NodeFooter(this.view, bytes.length - NODE_FOOTER_SIZE);
    return this.#footer;
  }

  get nid(): number {
    return this.#footer.nid;
  }

  get ino(): number {
    return this.#footer.ino;
  }

  get isInode(): boolean {
    return this.#footer.nid === this.#footer.ino;
  }

  get hasFsyncMark(): boolean {
    return (this.#footer.flag & NODE_FLAG.FSYNC) !== 0;
  }

  get hasDentryMark(): boolean {
    return (this.#footer.flag & NODE_FLAG.DENTRY) !== 0;
  }

  /** Offset in its inode's tree. */
  get offset(): number {
    return this.#footer.flag >>> NODE_OFFSET_SHIFT;
  }
}

export class FsyncChain {
  readonly #device: QueuedDevice;
  readonly #layout: VolumeLayout;
  readonly #nodes: NodeCache;
  readonly #start: number;
  /** What footers of the chain carry; null for the high half when it does not count. */
  readonly #version: number;
  readonly #versionHigh: number | null;
  /** Nodes that it can have. */
  readonly #limit: number;

  constructor(device: QueuedDevice, layout: VolumeLayout, pack: CheckpointPack, nodes: NodeCache) {
    const { cp, crc } = pack;
    this.#device = device;
    this.#layout = layout;
    this.#nodes = nodes;
    const { segno, blkoff } = logPosition(cp, LOG.WARM_NODE);
    this.#start = layout.segmentStart(segno) + blkoff;
    const { checkpointVer: version, ckptFlags: flags } = cp;
    this.#version = version % 2 ** 32;
    if ((flags & CP.NOCRC_RECOVERY) !== 0) this.#versionHigh = null;
    else this.#versionHigh = (flags & CP.CRC_RECOVERY) !== 0 ? crc : Math.floor(version / 2 ** 32);
    this.#limit = longestChain(layout, cp.validBlockCount);
  }

  /**
   * Calls `visit` with each node of the chain, in the order written, until it returns false. It ends at the first block that
   * is not of this checkpoint, or not whole. Throws EUCLEAN when it bites its own tail. Source: find_fsync_dnodes,
   * is_recoverable_dnode.
   */
  walk(visit: (node: ChainNode) => boolean): void {
    const run = new RunReader(this.#device, this.#layout);
    const node = new ChainNode();
    let blkaddr = this.#start;
    // A loop is met again at the node kept last, since the distance between those kept doubles. Source: Brent's algorithm.
    let kept = -1;
    let keepAt = 1;
    for (let count = 1; this.#layout.inMain(blkaddr); count++) {
      const footer = node.set(run.read(blkaddr), blkaddr);
      if (footer.cpVer !== this.#version) return;
      if (this.#versionHigh !== null && footer.cpVerCrc !== this.#versionHigh) return;
      if (!this.#nodes.isWhole(node.bytes, node.view, node.nid)) return;
      if (!visit(node)) return;
      if (count === keepAt) {
        kept = blkaddr;
        keepAt *= 2;
      }
      blkaddr = footer.nextBlkaddr;
      if (blkaddr === kept || count >= this.#limit) {
        throw corrupt('chain-loop', { blkaddr });
      }
    }
  }
}

/** Reads blocks one after the other, the more at once the longer they are neighbours. */
class RunReader {
  readonly #device: QueuedDevice;
  readonly #layout: VolumeLayout;
  readonly #blockSize: number;
  readonly #buffer: Uint8Array;
  #start = 0;
  #count = 0;
  #wanted = FIRST_RUN;

  constructor(device: QueuedDevice, layout: VolumeLayout) {
    this.#device = device;
    this.#layout = layout;
    this.#blockSize = layout.block.blockSize;
    this.#buffer = new Uint8Array(MAX_RUN * this.#blockSize);
  }

  /** The block's bytes; good until the next call. */
  read(blkaddr: number): Uint8Array {
    if (blkaddr < this.#start || blkaddr >= this.#start + this.#count) this.#fill(blkaddr);
    const at = (blkaddr - this.#start) * this.#blockSize;
    return this.#buffer.subarray(at, at + this.#blockSize);
  }

  #fill(blkaddr: number): void {
    const isNext = blkaddr === this.#start + this.#count;
    this.#wanted = isNext ? Math.min(MAX_RUN, 2 * this.#wanted) : FIRST_RUN;
    const count = Math.min(this.#wanted, this.#layout.mainEnd - blkaddr);
    this.#count = 0;
    try {
      this.#device.read(blkaddr, this.#buffer.subarray(0, count * this.#blockSize));
      this.#count = count;
    } catch (error) {
      // The blocks behind may be none of the chain's.
      if (!(error instanceof F2fsError) || count === 1) throw error;
      this.#device.read(blkaddr, this.#buffer.subarray(0, this.#blockSize));
      this.#count = 1;
    }
    this.#start = blkaddr;
  }
}
