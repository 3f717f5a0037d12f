// The segment summary area (SSA): who owns each block of a segment. Blocks of it that changed wait here for the next
// checkpoint, which relies on them.
import type { QueuedDevice } from '../device/queued-device.ts';
import { corrupt } from '../errors.ts';
import { NR_DATA_LOGS } from '../format/constants.ts';
import { SUM_TYPE } from '../format/summary.ts';
import type { VolumeLayout } from './layout.ts';

/** Blocks that wait to be written at most. */
const MAX_WAITING = 256;

export class SummaryArea {
  readonly #device: QueuedDevice;
  readonly #layout: VolumeLayout;
  /** Summaries of segments that a log has left, by segment. */
  readonly #waiting = new Map<number, Uint8Array>();
  /** Blocks written since `write` was last asked. */
  #written = 0;

  constructor(device: QueuedDevice, layout: VolumeLayout) {
    this.#device = device;
    this.#layout = layout;
  }

  /** Keeps a copy of a segment's summary until it is written. */
  put(segno: number, summary: Uint8Array): void {
    this.#waiting.set(segno, summary.slice());
    if (this.#waiting.size >= MAX_WAITING) this.#write();
  }

  /**
   * The summary of a segment that is no log's own. Throws EUCLEAN when it is for nodes and `type`, the log that
   * the SIT names, for data, or the other way round. Source: f2fs_get_sum_page, do_garbage_collect.
   */
  get(segno: number, type: number): Uint8Array {
    const blkaddr = this.#layout.summaryBlock(segno);
    const summary = this.#waiting.get(segno) ?? this.#partOf(this.#read(blkaddr), segno);
    const found = summary[this.#layout.block.summaryFooterOffset];
    const isNode = found === SUM_TYPE.NODE;
    if (found > SUM_TYPE.NODE || isNode !== type >= NR_DATA_LOGS) {
      throw corrupt('summary-type', { segno, blkaddr }, found, type);
    }
    return summary;
  }

  /** The same, to be changed by the caller: it waits to be written from now on. */
  edit(segno: number, type: number): Uint8Array {
    const summary = this.get(segno, type);
    this.#waiting.set(segno, summary);
    return summary;
  }

  /** A segment that held nothing is to hold data. */
  clear(segno: number): void {
    this.#waiting.set(segno, new Uint8Array(this.#layout.block.summarySize));
  }

  /** Writes what waits. Returns the blocks written since this was last called. */
  write(): number {
    this.#write();
    const written = this.#written;
    this.#written = 0;
    return written;
  }

  #read(blkaddr: number): Uint8Array {
    const block = new Uint8Array(this.#layout.block.blockSize);
    this.#device.read(blkaddr, block);
    return block;
  }

  /** The summary of a segment in its block. */
  #partOf(block: Uint8Array, segno: number): Uint8Array {
    const at = this.#layout.summaryOffset(segno);
    return block.subarray(at, at + this.#layout.block.summarySize);
  }

  /** Neighbours go together. */
  #write(): void {
    const blocks = this.#waitingBlocks();
    const addresses = [...blocks.keys()];
    for (let i = 0; i < addresses.length; ) {
      let end = i + 1;
      while (end < addresses.length && addresses[end] === addresses[i] + end - i) end++;
      const vectors = addresses.slice(i, end).map((blkaddr) => blocks.get(blkaddr) as Uint8Array);
      this.#device.write(addresses[i], vectors);
      i = end;
    }
    this.#written += addresses.length;
    this.#waiting.clear();
  }

  /** The blocks of the summaries that wait, by address, in ascending order. Where several share a block, the others in it are kept. */
  #waitingBlocks(): Map<number, Uint8Array> {
    const blocks = new Map<number, Uint8Array>();
    const isShared = this.#layout.block.summariesPerBlock > 1;
    for (const segno of [...this.#waiting.keys()].sort((a, b) => a - b)) {
      const blkaddr = this.#layout.summaryBlock(segno);
      const summary = this.#waiting.get(segno) as Uint8Array;
      if (!isShared) {
        blocks.set(blkaddr, summary);
        continue;
      }
      const block = blocks.get(blkaddr) ?? this.#read(blkaddr);
      this.#partOf(block, segno).set(summary);
      blocks.set(blkaddr, block);
    }
    return blocks;
  }
}
