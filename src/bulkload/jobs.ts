// Puts the jobs of a tree together: what files hold, in the order in which the tree is poured, a log to a job. Nothing has an address
// yet, and nothing but symlinks, and where files have holes, is asked of the source.
import { LOG, type Log, NR_DATA_LOGS } from '../format/constants.ts';
import { zero } from '../pagecache/zero.ts';
import { storedBytes } from '../source/entry-table.ts';
import type { HolePolicy } from '../source/hole-policy.ts';
import { pagesOf } from '../source/page-ranges.ts';
import type { SourceFile, SourceTree } from '../source/source-tree.ts';
import { type FillSlots, JOB, MAX_PIECES, NR_JOBS, PIECE, STATUS } from './fill-slots.ts';

/** The jobs of whole contents, beside those of each data log. */
const BYTES_STREAM = NR_DATA_LOGS;
/** Contents begin at a multiple of it. */
const ALIGNMENT = 8;

/** What of a slot is under way. */
const STATE = { FREE: 0, OPEN: 1, POSTED: 2, WRITTEN: 3 } as const;

/** A file that has more pages to come. */
interface OpenFile {
  readonly index: number;
  readonly log: Log;
  readonly flags: number;
  /** Pages of a cluster: pieces end at whole ones. */
  readonly unit: number;
  /** Pages at hand. */
  from: number;
  end: number;
  /** What else there is, of a file with holes; null: nothing. */
  readonly ranges: Iterator<readonly [first: number, end: number]> | null;
  readonly source: SourceFile | null;
  /** Its contents, where they are known. */
  readonly given: Uint8Array | null;
}

export class Jobs {
  readonly #tree: SourceTree;
  readonly #slots: FillSlots;
  readonly #pageSize: number;
  readonly #bytes: Uint8Array;
  readonly #holes: HolePolicy;
  /** Whether what was written of a slot is down. */
  readonly #isFree: (slot: number) => boolean;
  readonly #state = new Uint8Array(NR_JOBS);
  readonly #stream = new Uint8Array(NR_JOBS);
  /** The slot that each stream fills, or -1, and how much of its buffer is taken: blocks, or bytes. */
  readonly #open = new Int32Array(NR_DATA_LOGS + 1).fill(-1);
  readonly #used = new Uint32Array(NR_JOBS);
  #file: OpenFile | null = null;
  /** Jobs handed over, and taken back. */
  posted = 0;
  committed = 0;

  constructor(
    tree: SourceTree,
    slots: FillSlots,
    bytes: Uint8Array,
    holes: HolePolicy,
    isFree: (slot: number) => boolean,
  ) {
    this.#tree = tree;
    this.#slots = slots;
    this.#pageSize = slots.shape.pageSize;
    this.#bytes = bytes;
    this.#holes = holes;
    this.#isFree = isFree;
  }

  /** The log whose blocks the pieces of a job get; of whole contents none. */
  logOf(slot: number): Log {
    return this.#stream[slot] as Log;
  }

  /** Whether a file has pieces to come. */
  get isWithinFile(): boolean {
    return this.#file !== null;
  }

  /** A slot that can take `length` more of a stream; -1 when there is none: a job must be taken back first. */
  #slotFor(stream: number, length: number): number {
    let slot = this.#open[stream];
    const most = stream === BYTES_STREAM ? this.#slots.shape.jobBytes : this.#slots.jobBlocks;
    if (slot >= 0 && (this.#used[slot] + length > most || this.#slots.nrPieces(slot) === MAX_PIECES)) {
      this.#post(slot);
      slot = -1;
    }
    if (slot >= 0) return slot;
    slot = this.#freeSlot();
    if (slot < 0) return -1;
    this.#state[slot] = STATE.OPEN;
    this.#stream[slot] = stream;
    this.#used[slot] = 0;
    this.#open[stream] = slot;
    this.#slots.reset(slot, stream === BYTES_STREAM ? JOB.BYTES : JOB.PAGES);
    return slot;
  }

  #freeSlot(): number {
    for (let slot = 0; slot < NR_JOBS; slot++) {
      if (this.#state[slot] === STATE.WRITTEN && this.#isFree(slot)) this.#state[slot] = STATE.FREE;
      if (this.#state[slot] === STATE.FREE) return slot;
    }
    return -1;
  }

  #post(slot: number): void {
    this.#open[this.#stream[slot]] = -1;
    this.#state[slot] = STATE.POSTED;
    this.#slots.post(slot);
    this.posted++;
  }

  /** Hands over all that is put together so far. */
  postAll(): void {
    for (let stream = 0; stream <= BYTES_STREAM; stream++) if (this.#open[stream] >= 0) this.#post(this.#open[stream]);
  }

  /** The oldest job that was handed over and not taken back; -1 when there is none. */
  get oldest(): number {
    return this.committed === this.posted ? -1 : this.#slots.slotOf(this.committed);
  }

  /** The oldest job is done with, but for the writes that are made of it. */
  takeBack(): void {
    this.#state[this.oldest] = STATE.WRITTEN;
    this.committed++;
  }

  /** Whole contents of an entry, at most a job's: to be read, unless they are given. False when no slot is free. */
  addBytes(index: number, length: number, given: Uint8Array | null): boolean {
    const taken = Math.ceil(length / ALIGNMENT) * ALIGNMENT;
    const slot = this.#slotFor(BYTES_STREAM, taken);
    if (slot < 0) return false;
    const at = this.#used[slot];
    this.#used[slot] += taken;
    if (given !== null) this.#bytes.set(given, this.#slots.bufferOf(slot) + at);
    const status = given === null && length > 0 ? STATUS.PENDING : STATUS.WHOLE;
    this.#slots.add(slot, index, 0, length, at, PIECE.LAST, status);
    return true;
  }

  /** A page that is given, all of an entry's contents. False when no slot is free. */
  addPage(index: number, contents: Uint8Array): boolean {
    const slot = this.#slotFor(LOG.HOT_DATA, 1);
    if (slot < 0) return false;
    const at = this.#used[slot]++;
    const offset = this.#slots.bufferOf(slot) + at * this.#pageSize;
    zero(this.#bytes, offset, offset + this.#pageSize);
    this.#bytes.set(contents, offset);
    this.#slots.add(slot, index, 0, 1, at, PIECE.LAST, STATUS.WHOLE);
    return true;
  }

  /**
   * Begins a regular file that has pages of its own; `addPieces` adds them. What is given is not read, and can't be compressed. Of others
   * it is asked where they have holes. Throws what keeps the source from telling.
   */
  beginFile(index: number, log: Log, clusterPages: number, given: Uint8Array | null, isHashed: boolean): void {
    const stat = this.#tree.stat(index);
    const end = Math.ceil(stat.sizeBytes / this.#pageSize);
    const hash = isHashed ? PIECE.HASH : 0;
    let flags = (clusterPages > 1 ? PIECE.COMPRESS : 0) | hash;
    if (this.#holes === 'zeros') flags |= PIECE.DROP_ZEROS;
    if (given !== null || storedBytes(stat) >= stat.sizeBytes) {
      if (given !== null) flags = hash;
      this.#file = { index, log, flags, unit: clusterPages, from: 0, end, ranges: null, source: null, given };
      return;
    }
    const source = this.#tree.open(index);
    try {
      const { ranges, areExact } = source.data();
      // Where the source has holes and can't tell which, its zeros are as good as they.
      if (!areExact) flags |= PIECE.DROP_ZEROS;
      this.#file = {
        index,
        log,
        flags,
        unit: clusterPages,
        from: 0,
        end: 0,
        ranges: pagesOf(ranges, this.#pageSize)[Symbol.iterator](),
        source,
        given,
      };
    } catch (error) {
      source.close();
      throw error;
    }
  }

  /** Adds pieces of the file that was begun; false when no slot is free, and it is not at its end. */
  addPieces(): boolean {
    const file = this.#file as OpenFile;
    for (;;) {
      if (file.from === file.end && !this.#nextRange(file)) {
        if (!this.#addLast(file)) return false;
        break;
      }
      const wanted = file.end - file.from;
      // As much as the job has room for, but no part of a cluster.
      const least = Math.min(wanted, file.unit - (file.from % file.unit));
      const slot = this.#slotFor(file.log, least);
      if (slot < 0) return false;
      let count = Math.min(wanted, this.#slots.jobBlocks - this.#used[slot]);
      if (count < wanted) count -= (file.from + count) % file.unit;
      const isLast = file.ranges === null && count === wanted;
      this.#addPages(slot, file, count, isLast ? file.flags | PIECE.LAST : file.flags);
      if (isLast) break;
    }
    this.#endFile();
    return true;
  }

  #addPages(slot: number, file: OpenFile, count: number, flags: number): void {
    const at = this.#used[slot];
    const status = file.given === null ? STATUS.PENDING : STATUS.WHOLE;
    if (file.given !== null) {
      const offset = this.#slots.bufferOf(slot) + at * this.#pageSize;
      const part = file.given.subarray(file.from * this.#pageSize, (file.from + count) * this.#pageSize);
      zero(this.#bytes, offset + part.length, offset + count * this.#pageSize);
      this.#bytes.set(part, offset);
    }
    this.#slots.add(slot, file.index, file.from, count, at, flags, status);
    this.#used[slot] += count;
    file.from += count;
  }

  #nextRange(file: OpenFile): boolean {
    const next = file.ranges?.next();
    if (next === undefined || next.done === true) return false;
    [file.from, file.end] = next.value;
    return true;
  }

  /** Of a file with holes nobody knows which piece is its last before the next is asked for: so that is one of no pages. */
  #addLast(file: OpenFile): boolean {
    const slot = this.#slotFor(file.log, 0);
    if (slot < 0) return false;
    this.#slots.add(slot, file.index, file.end, 0, 0, file.flags | PIECE.LAST, STATUS.WHOLE);
    return true;
  }

  #endFile(): void {
    this.#file?.source?.close();
    this.#file = null;
  }

  /** Lets go of the source, when the work is not gone on with. */
  close(): void {
    this.#endFile();
  }
}
