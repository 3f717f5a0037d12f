// The segment summary area (SSA): who owns each block of a segment. Blocks of it that changed wait here for the next
// checkpoint, which relies on them.
import type { QueuedDevice } from '../device/queued-device.ts';
import { corrupt } from '../errors.ts';
import { BLKSIZE, NR_DATA_LOGS } from '../format/constants.ts';
import { SUM_FOOTER_OFFSET, SUM_TYPE } from '../format/summary.ts';
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
   * The summary of a segment that is no log's own, a block. Throws EUCLEAN when it is for nodes and `type`, the log that
   * the SIT names, for data, or the other way round. Source: f2fs_get_sum_page, do_garbage_collect.
   */
  get(segno: number, type: number): Uint8Array {
    let summary = this.#waiting.get(segno);
    const blkaddr = this.#layout.ssaBlkaddr + segno;
    if (summary === undefined) {
      summary = new Uint8Array(BLKSIZE);
      this.#device.read(blkaddr, summary);
    }
    const isNode = summary[SUM_FOOTER_OFFSET] === SUM_TYPE.NODE;
    if (summary[SUM_FOOTER_OFFSET] > SUM_TYPE.NODE || isNode !== type >= NR_DATA_LOGS) {
      throw corrupt('summary-type', { segno, blkaddr }, summary[SUM_FOOTER_OFFSET], type);
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
    this.#waiting.set(segno, new Uint8Array(BLKSIZE));
  }

  /** Writes what waits. Returns the blocks written since this was last called. */
  write(): number {
    this.#write();
    const written = this.#written;
    this.#written = 0;
    return written;
  }

  /** Neighbours go together. */
  #write(): void {
    const segments = [...this.#waiting.keys()].sort((a, b) => a - b);
    for (let i = 0; i < segments.length; ) {
      let end = i + 1;
      while (end < segments.length && segments[end] === segments[i] + end - i) end++;
      const summaries = segments.slice(i, end).map((segno) => this.#waiting.get(segno) as Uint8Array);
      this.#device.write(this.#layout.ssaBlkaddr + segments[i], summaries);
      i = end;
    }
    this.#written += segments.length;
    this.#waiting.clear();
  }
}
