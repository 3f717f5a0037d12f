// Empties sections: what is still in use of them moves elsewhere, and the next checkpoint makes them free. The owners are
// found by the summaries, which are trusted no further than the NAT and the nodes bear them out. Source: gc.c.
import { corrupt, F2fsError } from '../errors.ts';
import { BLKS_PER_SEG, NR_DATA_LOGS } from '../format/constants.ts';
import { viewOf } from '../format/struct.ts';
import { SUMMARY_ENTRY_SIZE, SummaryEntry } from '../format/summary.ts';
import type { CleanPolicy } from './victims.ts';
import type { Volume } from './volume.ts';

/** Nodes and inodes that may be read between two calls of `reclaimFrames`. */
const MAX_UNROOMED = 128;

/** Consecutive blocks whose addresses stand one after the other in one node, by the summary. */
export interface OwnedRun {
  blkaddr: number;
  nrBlocks: number;
  nid: number;
  version: number;
  ofsInNode: number;
}

/**
 * Writes the run's `content` to new blocks, and has its owner point there. Throws EUCLEAN when the summary can't be right
 * (the volume must be stopped), another error when this section can't be emptied.
 */
export type DataMover = (run: OwnedRun, content: Uint8Array) => void;

export class Cleaner {
  readonly #volume: Volume;
  readonly #move: DataMover;
  readonly #reclaimFrames: () => void;
  /** Sections that hold something which could not be moved. */
  readonly #stuck = new Set<number>();
  readonly #run: OwnedRun = { blkaddr: 0, nrBlocks: 0, nid: 0, version: 0, ofsInNode: 0 };
  #buffer: Uint8Array | null = null;
  #untilRoom = MAX_UNROOMED;

  /** @param reclaimFrames called where no frame number is held, for nodes that are to be read */
  constructor(volume: Volume, move: DataMover, reclaimFrames: () => void) {
    this.#volume = volume;
    this.#move = move;
    this.#reclaimFrames = reclaimFrames;
  }

  /**
   * Moves all that is in use out of the section that is worth it most. No data page may be on its way to disk. Data is
   * written at once, nodes are dirty then: a checkpoint must follow. False when no section is worth it. Throws EUCLEAN for a
   * summary that contradicts the SIT, ENOSPC. Source: do_garbage_collect.
   */
  clean(policy: CleanPolicy): boolean {
    const { victims } = this.#volume.logs;
    for (;;) {
      const section = victims.findSection(policy, (candidate) => this.#stuck.has(candidate));
      if (section < 0) return false;
      victims.cleaning.add(section);
      try {
        this.#empty(section);
        this.#volume.counters.cleanedSections++;
        return true;
      } catch (error) {
        if (!(error instanceof F2fsError) || error.code === 'EUCLEAN' || error.code === 'ENOSPC') throw error;
        // A block that can't be read, or must stay where it is, is no reason not to clean others.
        this.#stuck.add(section);
      }
    }
  }

  #empty(section: number): void {
    const { layout, sit, logs } = this.#volume;
    for (let i = 0; i < layout.segsPerSec; i++) {
      const segno = section * layout.segsPerSec + i;
      if (sit.validBlocks(segno) === 0) continue;
      const type = sit.typeOf(segno);
      const summary = logs.summaries.get(segno, type);
      const entry = new SummaryEntry(viewOf(summary));
      if (type < NR_DATA_LOGS) this.#emptyData(segno, entry);
      else this.#emptyNodes(segno, entry);
    }
  }

  /** Source: gc_data_segment. */
  #emptyData(segno: number, entry: SummaryEntry): void {
    const { sit, layout, device } = this.#volume;
    const { blockSize } = layout.block;
    this.#buffer ??= new Uint8Array(layout.block.segmentSize);
    const start = layout.segmentStart(segno);
    for (let at = sit.nextValid(segno, 0); at < BLKS_PER_SEG; at = sit.nextValid(segno, at)) {
      const end = sit.nextInvalid(segno, at);
      const content = this.#buffer.subarray(0, (end - at) * blockSize);
      device.read(start + at, content);
      for (let done = 0; at < end; ) {
        const run = this.#runAt(entry, start, at, end);
        this.#room();
        this.#move(run, content.subarray(done * blockSize, (done + run.nrBlocks) * blockSize));
        this.#volume.counters.movedBlocks += run.nrBlocks;
        at += run.nrBlocks;
        done += run.nrBlocks;
      }
    }
  }

  /** The run of blocks from `at` on, before `end`, that have one owner by the summary. */
  #runAt(entry: SummaryEntry, start: number, at: number, end: number): OwnedRun {
    const run = this.#run;
    entry.base = at * SUMMARY_ENTRY_SIZE;
    run.blkaddr = start + at;
    run.nid = entry.nid;
    run.version = entry.version;
    run.ofsInNode = entry.ofsInNode;
    run.nrBlocks = 1;
    for (; at + run.nrBlocks < end; run.nrBlocks++) {
      entry.base += SUMMARY_ENTRY_SIZE;
      if (entry.nid !== run.nid || entry.version !== run.version) break;
      if (entry.ofsInNode !== run.ofsInNode + run.nrBlocks) break;
    }
    return run;
  }

  /** Source: gc_node_segment. */
  #emptyNodes(segno: number, entry: SummaryEntry): void {
    const { sit, layout, nat, nodes } = this.#volume;
    const start = layout.segmentStart(segno);
    for (let at = sit.nextValid(segno, 0); at < BLKS_PER_SEG; at = sit.nextValid(segno, at + 1)) {
      entry.base = at * SUMMARY_ENTRY_SIZE;
      const { nid } = entry;
      const blkaddr = start + at;
      nat.check(nid);
      if (nat.blkaddrOf(nid) !== blkaddr) {
        throw corrupt('summary-node-elsewhere', { segno, blkaddr, nid });
      }
      this.#room();
      // It may have been written elsewhere to make room.
      if (nat.blkaddrOf(nid) !== blkaddr) continue;
      cannotMove(blkaddr, () => nodes.get(nid, nat.inoOf(nid)));
      nodes.markDirty(nid);
      this.#volume.counters.movedNodes++;
    }
  }

  #room(): void {
    if (--this.#untilRoom > 0) return;
    this.#untilRoom = MAX_UNROOMED;
    this.#reclaimFrames();
  }
}

/** Loads the owner of a block. A damaged one is a matter of that file, and no contradiction of the tables: EIO. */
export function cannotMove<T>(blkaddr: number, load: () => T): T {
  try {
    return load();
  } catch (error) {
    if (!(error instanceof F2fsError) || error.code !== 'EUCLEAN') throw error;
    throw new F2fsError('EIO', `block ${blkaddr} can't be moved: ${error.message}`, { blkaddr, cause: error });
  }
}
