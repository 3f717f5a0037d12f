// The six logs: where new blocks come from. A log fills one free segment after another or, when these get few, the holes of
// segments in use (SSR); it notes the owner of each block in the segment's summary, which goes to the SSA when it moves on.
import type { QueuedDevice } from '../device/queued-device.ts';
import { corrupt, F2fsError } from '../errors.ts';
import type { BlockGeometry } from '../format/block-size.ts';
import { BLKS_PER_SEG, LOG, type Log, NR_DATA_LOGS, NR_LOGS } from '../format/constants.ts';
import { viewOf } from '../format/struct.ts';
import { SUM_ENTRIES_SIZE, SUM_TYPE, SUMMARY_ENTRY_SIZE } from '../format/summary.ts';
import type { BlockRun } from './block-run.ts';
import { ALLOC, type CurrentSegment } from './current-segment.ts';
import { FreeSegments } from './free-segments.ts';
import type { VolumeLayout } from './layout.ts';
import type { SegmentTable } from './sit.ts';
import { SummaryArea } from './summary-area.ts';
import { Victims } from './victims.ts';

/** What the logs must know of the volume to say how urgently they need free sections. */
export interface LogDemand {
  /** Segments kept back for cleaning. */
  readonly reservedSegments: number;
  /** Whether holes of used segments may be taken. */
  readonly ssr: boolean;
  /** Dirty pages of nodes, and of directories. */
  dirtyNodes(): number;
  dirtyDentries(): number;
}

export class Logs {
  readonly #layout: VolumeLayout;
  readonly #sit: SegmentTable;
  readonly #demand: LogDemand;
  /** Blocks given so far by each log. */
  readonly #given: number[];
  /** Segments that were taken for pinned files since the last checkpoint. */
  readonly #pinned = new Set<number>();
  readonly current: readonly CurrentSegment[];
  readonly free: FreeSegments;
  readonly summaries: SummaryArea;
  readonly victims: Victims;
  /** Seconds of mounted time, for the SIT's ages. */
  mtime = 0;
  /** Whether a log found no free segment to go on with. */
  exhausted = false;
  /** Whether roll-forward knows nodes by the checkpoint's CRC too: else the warm nodes' log takes free segments only. */
  hasCrcRecovery = true;

  constructor(
    device: QueuedDevice,
    layout: VolumeLayout,
    sit: SegmentTable,
    current: CurrentSegment[],
    freeSegments: number,
    given: number[],
    demand: LogDemand,
  ) {
    this.#layout = layout;
    this.#sit = sit;
    this.#given = given;
    this.#demand = demand;
    this.current = current;
    this.free = new FreeSegments(layout, sit, current, freeSegments);
    this.summaries = new SummaryArea(device, layout);
    this.victims = new Victims(layout, sit, current);
  }

  /** Sections that are kept back for cleaning. */
  get reservedSections(): number {
    return Math.floor(this.#demand.reservedSegments / this.#layout.segsPerSec);
  }

  /** Whether logs may take the holes of used segments at all. */
  get takesHoles(): boolean {
    return this.#demand.ssr;
  }

  /** Whether free sections are so few that logs take the holes of used segments first. Source: f2fs_need_SSR. */
  get needsSsr(): boolean {
    if (!this.#demand.ssr) return false;
    const sectionsOf = (nrBlocks: number) => Math.floor(Math.ceil(nrBlocks / BLKS_PER_SEG) / this.#layout.segsPerSec);
    const dirty = sectionsOf(this.#demand.dirtyNodes()) + 2 * sectionsOf(this.#demand.dirtyDentries());
    return this.free.sections <= dirty + 2 * this.reservedSections;
  }

  /** Blocks that the logs have left in their segments. */
  get room(): number {
    return this.current.reduce((sum, segment) => sum + this.#roomOf(segment), 0);
  }

  /** Free sections that cleaning takes for as many blocks of data and of files' nodes, where no holes may be taken. */
  sectionsToClean(nrBlocks: number, nrNodes: number): number {
    const { COLD_DATA, WARM_NODE } = LOG;
    const isShort = (log: Log, wanted: number) => (this.#roomOf(this.current[log]) < wanted ? 1 : 0);
    return isShort(COLD_DATA, nrBlocks) + isShort(WARM_NODE, nrNodes);
  }

  /** How many of the logs of data, or of nodes, have less than `nrBlocks` left in their segments. */
  shortLogs(nrBlocks: number, ofNodes: boolean): number {
    let count = 0;
    for (const segment of this.current)
      if (segment.log >= NR_DATA_LOGS === ofNodes && this.#roomOf(segment) < nrBlocks) count++;
    return count;
  }

  #roomOf({ segno, blkoff, allocType }: CurrentSegment): number {
    return allocType === ALLOC.LFS ? BLKS_PER_SEG - blkoff : this.#sit.writableFrom(segno, blkoff);
  }

  /**
   * Takes up to `count` consecutive blocks off a log for addresses `ofsInNode`, `ofsInNode + 1`, ... of node `nid`
   * (for a node block: its own nid, 0). Those that it gave go to `run`: less at a segment's or a hole's end. Throws ENOSPC when no
   * segment is free.
   */
  allocate(log: Log, count: number, nid: number, version: number, ofsInNode: number, run: BlockRun): void {
    const segment = this.current[log];
    if (segment.blkoff === BLKS_PER_SEG) this.#advance(segment);
    this.#give(segment, count, nid, version, ofsInNode, run);
  }

  #give(segment: CurrentSegment, count: number, nid: number, version: number, ofsInNode: number, run: BlockRun): void {
    const { log } = segment;
    const isSsr = segment.allocType === ALLOC.SSR;
    const end = isSsr ? this.#sit.nextKept(segment.segno, segment.blkoff) : BLKS_PER_SEG;
    const given = Math.min(count, end - segment.blkoff);
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
    run.blkaddr = this.#layout.segmentStart(segment.segno) + segment.blkoff;
    run.count = given;
    segment.blkoff += given;
    if (isSsr) segment.blkoff = this.#sit.nextWritable(segment.segno, segment.blkoff);
    this.#given[log] += given;
  }

  /**
   * A log of its own in a free section, for the blocks of a pinned file. `allocatePinned` takes them, before anything else is
   * allocated, and `endPinned` is called last. Throws ENOSPC. Source: CURSEG_COLD_DATA_PINNED, f2fs_allocate_new_section.
   */
  beginPinned(): CurrentSegment {
    const segno = this.free.find();
    if (segno < 0) throw new F2fsError('ENOSPC', 'no free section is left for a pinned file');
    const summary = emptySummary(LOG.COLD_DATA, this.#layout.block);
    return { log: LOG.COLD_DATA, segno, blkoff: 0, allocType: ALLOC.LFS, summary };
  }

  /** See `allocate`. No more than the section has is to be taken. */
  allocatePinned(
    segment: CurrentSegment,
    count: number,
    nid: number,
    version: number,
    ofsInNode: number,
    run: BlockRun,
  ): void {
    if (segment.blkoff === BLKS_PER_SEG) {
      this.endPinned(segment);
      segment.segno++;
      segment.blkoff = 0;
      segment.summary.fill(0, 0, SUM_ENTRIES_SIZE);
    }
    if (segment.blkoff === 0) {
      this.free.take(segment.segno);
      this.#sit.setType(segment.segno, segment.log);
      this.#pinned.add(segment.segno);
    }
    this.#give(segment, count, nid, version, ofsInNode, run);
  }

  endPinned({ segno, summary }: CurrentSegment): void {
    this.summaries.put(segno, summary);
  }

  /** Whether a block lies in a section that was taken for a pinned file since the last checkpoint, which knows nothing of it. */
  isNewlyPinned(blkaddr: number): boolean {
    return this.#pinned.has(this.#layout.segnoOf(blkaddr));
  }

  /** The address that a log will give next; moves it to a new segment when the present one is full. */
  nextBlkaddr(log: Log): number {
    const segment = this.current[log];
    if (segment.blkoff === BLKS_PER_SEG) this.#advance(segment);
    return this.#layout.segmentStart(segment.segno) + segment.blkoff;
  }

  /** Gives a block back; it can be taken again after the next checkpoint. Source: f2fs_invalidate_blocks. */
  invalidate(blkaddr: number): void {
    this.#sit.clearValid(blkaddr, this.mtime);
  }

  /** Keeps a block, which the SIT has free, from being written before the next checkpoint is down. */
  hold(blkaddr: number): void {
    const segno = this.#layout.segnoOf(blkaddr);
    if (this.free.isFree(segno)) this.free.take(segno);
    if (this.#sit.keptBlocks(segno) < BLKS_PER_SEG) this.#sit.hold(segno);
    const segment = this.current.find((current) => current.segno === segno);
    if (segment === undefined) return;
    const next = blkaddr - this.#layout.segmentStart(segno) + 1;
    segment.blkoff = segment.allocType === ALLOC.SSR ? BLKS_PER_SEG : Math.max(segment.blkoff, next);
  }

  /** Which address of which node a block of data in use belongs to, by its summary. Throws EUCLEAN for a block of nodes. */
  ownerOf(blkaddr: number): { nid: number; ofsInNode: number } {
    const segno = this.#layout.segnoOf(blkaddr);
    const summary = viewOf(this.#dataSummary(segno, blkaddr));
    const at = (blkaddr - this.#layout.segmentStart(segno)) * SUMMARY_ENTRY_SIZE;
    return { nid: summary.getUint32(at, true), ofsInNode: summary.getUint16(at + 5, true) };
  }

  /**
   * Makes a held block of data, written before a crash, one in use: address `ofsInNode` of node `nid`. Throws EUCLEAN for a
   * block among nodes. Source: f2fs_replace_block.
   */
  adopt(blkaddr: number, nid: number, version: number, ofsInNode: number): void {
    const segno = this.#layout.segnoOf(blkaddr);
    const isEmpty = this.#sit.validBlocks(segno) === 0 && !this.free.isCurrent(segno);
    if (isEmpty) {
      this.summaries.clear(segno);
      this.#sit.setType(segno, LOG.WARM_DATA);
    }
    const blkoff = blkaddr - this.#layout.segmentStart(segno);
    const entry = viewOf(this.#dataSummary(segno, blkaddr));
    const at = blkoff * SUMMARY_ENTRY_SIZE;
    entry.setUint32(at, nid, true);
    entry.setUint8(at + 4, version);
    entry.setUint16(at + 5, ofsInNode, true);
    this.#sit.setValid(segno, blkoff, 1, this.#sit.typeOf(segno), this.mtime);
  }

  /** The summary of a segment with data, which may be changed. */
  #dataSummary(segno: number, blkaddr: number): Uint8Array {
    const segment = this.current.find((current) => current.segno === segno);
    const type = segment?.log ?? this.#sit.typeOf(segno);
    if (type >= NR_DATA_LOGS) {
      throw corrupt('summary-node-segment', { blkaddr, segno });
    }
    return segment?.summary ?? this.summaries.edit(segno, type);
  }

  /** Free segments as the checkpoint under way will have them. */
  get freeAfterCheckpoint(): number {
    return this.free.segments + this.free.emptied;
  }

  /** To be called once the checkpoint is down: what was freed before it may be taken again. Returns the segments that it freed. */
  checkpointed(): number[] {
    this.hasCrcRecovery = true;
    this.victims.cleaning.clear();
    this.#pinned.clear();
    return this.free.checkpointed();
  }

  /**
   * For a checkpoint. A log at 512 would not be a valid position in it: moves each full one on. So are those that an earlier
   * mount left in the holes of a used segment, where these may not be taken: between checkpoints the nodes' chain must go on
   * where the last one says.
   */
  leaveSegments(): void {
    for (const segment of this.current) if (segment.blkoff === BLKS_PER_SEG) this.#advance(segment);
    if (this.#demand.ssr) return;
    for (const segment of this.current) {
      if (segment.allocType === ALLOC.SSR && this.free.segments > NR_LOGS) this.#advance(segment);
    }
  }

  /** Has each log go on in an empty segment: the first of a section each, from `first`, which is free like the next ones, on. */
  restart(first: number): void {
    for (const segment of this.current) this.#enter(segment, first + segment.log * this.#layout.segsPerSec, null);
  }

  /** Source: need_new_seg, new_curseg, change_curseg. */
  #advance(segment: CurrentSegment): void {
    const ssr = this.#findSsr(segment);
    const next = ssr >= 0 ? ssr : this.#findFree(segment);
    // Read before anything changes: it may be damaged.
    this.#enter(segment, next, ssr >= 0 ? this.summaries.get(next, this.#sit.typeOf(next)) : null);
  }

  /** Keeps the segment's summary for the SSA and moves the log to another; `entries` is that one's summary, null if it is free. */
  #enter(segment: CurrentSegment, next: number, entries: Uint8Array | null): void {
    if (entries === null) this.free.take(next);
    const left = segment.segno;
    this.summaries.put(left, segment.summary);
    segment.segno = next;
    segment.summary.fill(0);
    segment.summary[this.#layout.block.summaryFooterOffset] =
      segment.log < NR_DATA_LOGS ? SUM_TYPE.DATA : SUM_TYPE.NODE;
    this.#sit.setType(next, segment.log);
    if (entries === null) {
      segment.allocType = ALLOC.LFS;
      segment.blkoff = 0;
    } else {
      segment.allocType = ALLOC.SSR;
      segment.blkoff = this.#sit.nextWritable(next, 0);
      segment.summary.set(entries.subarray(0, SUM_ENTRIES_SIZE));
    }
    if (this.free.isFree(left)) this.free.giveBack(left);
  }

  /** A used segment whose holes the log takes next, or -1. Source: need_new_seg. */
  #findSsr(segment: CurrentSegment): number {
    if (segment.log === LOG.WARM_NODE && !this.hasCrcRecovery) return -1;
    if (segment.allocType === ALLOC.LFS && this.free.hasFollowing(segment.segno)) return -1;
    return this.needsSsr ? this.victims.findSsrVictim(segment.log) : -1;
  }

  /** The next segment of the same section while there is one, else the first of the next free section. */
  #findFree(segment: CurrentSegment): number {
    if (this.free.hasFollowing(segment.segno)) return segment.segno + 1;
    const next = this.free.find();
    if (next >= 0) return next;
    this.exhausted = true;
    throw new F2fsError('ENOSPC', 'no free segment is left on the volume: remove something, or build a larger one');
  }
}

/** An empty summary for a log's segment. */
export function emptySummary(log: Log, { summarySize, summaryFooterOffset }: BlockGeometry): Uint8Array {
  const summary = new Uint8Array(summarySize);
  summary[summaryFooterOffset] = log < NR_DATA_LOGS ? SUM_TYPE.DATA : SUM_TYPE.NODE;
  return summary;
}
