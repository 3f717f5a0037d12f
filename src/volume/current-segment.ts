// The segment that a log writes to.
import type { Log } from '../format/constants.ts';

/** How a log takes blocks: appending to a free segment, or filling the holes of one in use (slack space recycling). */
export const ALLOC = { LFS: 0, SSR: 1 } as const;

/** One log and the summary block of its segment. */
export interface CurrentSegment {
  readonly log: Log;
  segno: number;
  /** Next block to take, within the segment, which may be taken; 512 when there is none. */
  blkoff: number;
  allocType: number;
  /** A block: entries, a journal (kept apart, unused here), footer. */
  readonly summary: Uint8Array;
}
