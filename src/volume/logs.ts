// The six logs: where new blocks come from. A log fills one segment after another, notes the owner of each block in the
// segment's summary, and writes the summary to the SSA when it moves on.
import type { BlockDevice } from '../device/device.ts';
import { F2fsError } from '../errors.ts';
import { BLKS_PER_SEG, BLKSIZE, LOG_NAMES, type Log, NR_DATA_LOGS, NR_LOGS } from '../format/constants.ts';
import { SUM_FOOTER_OFFSET, SUM_TYPE, SUMMARY_ENTRY_SIZE } from '../format/summary.ts';
import type { VolumeLayout } from './layout.ts';
import type { SegmentTable } from './sit.ts';

/** How a log takes blocks: appending, or (left by another writer) filling the holes of a used segment. */
export const ALLOC = { LFS: 0, SSR: 1 } as const;

/** Summaries that wait to be written at most. */
const MAX_LEFT = 256;

/** One log and the summary block of its segment. */
export interface CurrentSegment {
  readonly log: Log;
  segno: number;
  /** Next block to take, within the segment; 512 when it is full. */
  blkoff: number;
  allocType: number;
  /** 4096 bytes: entries, a journal (kept apart, unused here), footer. */
  readonly summary: Uint8Array;
}

export class Logs {
  readonly #device: BlockDevice;
  readonly #layout: VolumeLayout;
  readonly #sit: SegmentTable;
  readonly current: readonly CurrentSegment[];
  /** Segments that hold nothing and belong to no log; those that the last checkpoint still needs not included. */
  freeSegments: number;
  /** Segments emptied since the last checkpoint. */
  #prefreeSegments = 0;
  /** Where the search for a free segment goes on. */
  #cursor = 0;
  /** Summaries of segments that a log has left, by segment, on their way to the SSA. */
  readonly #left = new Map<number, Uint8Array>();
  /** Seconds of mounted time, for the SIT's ages. */
  mtime = 0;

  constructor(
    device: BlockDevice,
    layout: VolumeLayout,
    sit: SegmentTable,
    current: CurrentSegment[],
    freeSegments: number,
  ) {
    this.#device = device;
    this.#layout = layout;
    this.#sit = sit;
    this.current = current;
    this.freeSegments = freeSegments;
  }

  /**
   * Takes up to `count` consecutive blocks off a log for addresses `ofsInNode`, `ofsInNode + 1`, ... of node `nid`
   * (for a node block: its own nid, 0). Returns how many it gave: less at a segment's end; `lastBlkaddr` has the first.
   * Throws ENOSPC when no segment is free.
   */
  allocate(log: Log, count: number, nid: number, version: number, ofsInNode: number): number {
    const segment = this.current[log];
    if (segment.blkoff === BLKS_PER_SEG || segment.allocType !== ALLOC.LFS) this.#advance(segment);
    const given = Math.min(count, BLKS_PER_SEG - segment.blkoff);
    const { summary } = segment;
    let at = segment.blkoff * SUMMARY_ENTRY_SIZE;
    for (let i = 0; i < given; i++, at += SUMMARY_ENTRY_SIZE) {
      const ofs = ofsInNode + i;
      summary[at] = nid;
      summary[at + 1] = nid >>> 8;
      summary[at + 2] = nid >>> 16;
      summary[at + 3] = nid >>> 24;
      summary[at + 4] = version;
      summary[at + 5] = ofs;
      summary[at + 6] = ofs >>> 8;
    }
    this.#sit.setValid(segment.segno, segment.blkoff, given, log, this.mtime);
    this.lastBlkaddr = this.#layout.segmentStart(segment.segno) + segment.blkoff;
    segment.blkoff += given;
    return given;
  }

  /** First address of the last allocation. */
  lastBlkaddr = 0;

  /** The address that a log will give next; moves it to a new segment when the present one is full. */
  nextBlkaddr(log: Log): number {
    const segment = this.current[log];
    if (segment.blkoff === BLKS_PER_SEG) this.#advance(segment);
    return this.#layout.segmentStart(segment.segno) + segment.blkoff;
  }

  /** Gives a block back. Source: f2fs_invalidate_blocks. */
  invalidate(blkaddr: number): void {
    const segno = this.#layout.segnoOf(blkaddr);
    if (this.#sit.clearValid(blkaddr, this.mtime) > 0 || this.#isCurrent(segno)) return;
    this.#sit.setPrefree(segno);
    this.#prefreeSegments++;
  }

  /** Free segments as the checkpoint under way will have them. */
  get freeAfterCheckpoint(): number {
    return this.freeSegments + this.#prefreeSegments;
  }

  /** To be called once the checkpoint is down. */
  checkpointed(): void {
    this.freeSegments += this.#prefreeSegments;
    this.#prefreeSegments = 0;
  }

  /** Writes the summaries of the segments that were left, neighbours together. The next checkpoint relies on them. */
  writeSummaries(): void {
    const segments = [...this.#left.keys()].sort((a, b) => a - b);
    for (let i = 0; i < segments.length; ) {
      let end = i + 1;
      while (end < segments.length && segments[end] === segments[i] + end - i) end++;
      const summaries = segments.slice(i, end).map((segno) => this.#left.get(segno) as Uint8Array);
      this.#device.write(this.#layout.ssaBlkaddr + segments[i], summaries);
      i = end;
    }
    this.#left.clear();
  }

  /** A log at 512 would not be a valid position in a checkpoint: moves each full one on. */
  leaveFullSegments(): void {
    for (const segment of this.current) if (segment.blkoff === BLKS_PER_SEG) this.#advance(segment);
  }

  #isCurrent(segno: number): boolean {
    for (let i = 0; i < NR_LOGS; i++) if (this.current[i].segno === segno) return true;
    return false;
  }

  /** Keeps the segment's summary for the SSA and moves the log to a free segment. Source: new_curseg. */
  #advance(segment: CurrentSegment): void {
    const next = this.#findFree(segment);
    const left = segment.segno;
    this.#left.set(left, segment.summary.slice());
    if (this.#left.size >= MAX_LEFT) this.writeSummaries();
    segment.segno = next;
    segment.blkoff = 0;
    segment.allocType = ALLOC.LFS;
    segment.summary.fill(0);
    segment.summary[SUM_FOOTER_OFFSET] = segment.log < NR_DATA_LOGS ? SUM_TYPE.DATA : SUM_TYPE.NODE;
    this.freeSegments--;
    this.#sit.setType(next, segment.log);
    // All its blocks may have been freed while it was the log's own.
    if (this.#sit.validBlocks(left) === 0) {
      this.#sit.setPrefree(left);
      this.#prefreeSegments++;
    }
  }

  /** The next segment of the same section while there is one, else the first of the next free section. */
  #findFree(segment: CurrentSegment): number {
    const { segsPerSec, nrMainSegments } = this.#layout;
    const following = segment.segno + 1;
    if (following % segsPerSec !== 0 && this.#sit.isFree(following) && !this.#isCurrent(following)) return following;
    const nrSections = nrMainSegments / segsPerSec;
    for (let i = 0; i < nrSections && this.freeSegments > 0; i++) {
      const section = (this.#cursor + i) % nrSections;
      if (!this.#isFreeSection(section)) continue;
      this.#cursor = section + 1;
      return section * segsPerSec;
    }
    throw new F2fsError(
      'ENOSPC',
      `no free segment is left for the ${LOG_NAMES[segment.log]} log; the volume needs cleaning or must be larger`,
    );
  }

  #isFreeSection(section: number): boolean {
    const { segsPerSec } = this.#layout;
    for (let segno = section * segsPerSec; segno < (section + 1) * segsPerSec; segno++) {
      if (this.#isCurrent(segno) || !this.#sit.isFree(segno)) return false;
    }
    return true;
  }
}

/** An empty summary block for a log's segment. */
export function emptySummary(log: Log): Uint8Array {
  const summary = new Uint8Array(BLKSIZE);
  summary[SUM_FOOTER_OFFSET] = log < NR_DATA_LOGS ? SUM_TYPE.DATA : SUM_TYPE.NODE;
  return summary;
}
