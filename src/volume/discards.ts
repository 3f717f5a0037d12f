// Segments that a checkpoint freed, to be made known to the device: a flash device can erase them, an image file gets a hole.
// Source: f2fs_clear_prefree_segments.
import type { QueuedDevice } from '../device/queued-device.ts';
import { BLKS_PER_SEG } from '../format/constants.ts';
import type { VolumeCounters } from './counters.ts';
import type { FreeSegments } from './free-segments.ts';
import type { VolumeLayout } from './layout.ts';

/** Segments that are worth being discarded before the unmount: a discard may cost a child process. */
const MIN_SEGMENTS = 32;
/** Ranges at a time, the longest first; what is left waits for the next time. */
const MAX_RANGES = 64;
const MAX_RANGES_AT_UNMOUNT = 1024;

export class Discards {
  readonly #device: QueuedDevice;
  readonly #layout: VolumeLayout;
  readonly #free: FreeSegments;
  readonly #counters: VolumeCounters;
  readonly #isWanted: boolean;
  readonly #pending = new Set<number>();

  constructor(
    device: QueuedDevice,
    layout: VolumeLayout,
    free: FreeSegments,
    counters: VolumeCounters,
    isWanted: boolean,
  ) {
    this.#device = device;
    this.#layout = layout;
    this.#free = free;
    this.#counters = counters;
    this.#isWanted = isWanted;
  }

  /** Segments that the checkpoint just written freed. */
  note(segments: readonly number[]): void {
    if (this.#isWanted) for (const segno of segments) this.#pending.add(segno);
  }

  /** To be called right after a checkpoint, which must have what is discarded free. What was taken again since is left out. */
  issue(umount: boolean): void {
    for (const segno of this.#pending) if (!this.#free.isFree(segno)) this.#pending.delete(segno);
    if (this.#pending.size === 0 || (!umount && this.#pending.size < MIN_SEGMENTS)) return;
    const ranges = rangesOf([...this.#pending].sort((a, b) => a - b));
    ranges.sort((a, b) => b.count - a.count || a.segno - b.segno);
    for (const { segno, count } of ranges.slice(0, umount ? MAX_RANGES_AT_UNMOUNT : MAX_RANGES)) {
      this.#device.discard(this.#layout.segmentStart(segno), count * BLKS_PER_SEG);
      this.#counters.discardedBlocks += count * BLKS_PER_SEG;
      for (let i = 0; i < count; i++) this.#pending.delete(segno + i);
    }
  }
}

/** Neighbours together. */
function rangesOf(segments: readonly number[]): { segno: number; count: number }[] {
  const ranges: { segno: number; count: number }[] = [];
  for (const segno of segments) {
    const last = ranges.at(-1);
    if (last !== undefined && last.segno + last.count === segno) last.count++;
    else ranges.push({ segno, count: 1 });
  }
  return ranges;
}
