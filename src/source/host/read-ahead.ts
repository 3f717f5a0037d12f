// Small files are read by another thread before they are wanted: opening them takes longer than what is done with them. It
// decides nothing: the populator takes the contents in its own order, and reads by itself what is not there.
import type { Worker } from 'node:worker_threads';
import { startThread } from '../../platform/threads.ts';
import { storedBytes } from '../entry-table.ts';
import { PourOrder } from '../pour-order.ts';
import type { ContentReader, SourceTree } from '../source-tree.ts';
import {
  DEV,
  FINISHED,
  GOOD,
  INO_HIGH,
  INO_LOW,
  MAX_PATH,
  MTIME_NSEC,
  MTIME_SEC,
  NR_SLOTS,
  OFFSET,
  POSTED,
  ReadSlots,
  RING_BYTES,
  SIZE,
} from './read-ahead-slots.ts';

/** Larger files are read straight into page frames. */
const MAX_FILE_BYTES = 256 * 1024;
/** Files from which on a tree is worth a thread, and its memory. */
export const MIN_FILES = 64;
/** Milliseconds to wait for a file; a thread that takes longer is not asked again. */
const PATIENCE_MS = 30_000;

/** What it takes to read a tree's files. */
export interface ReadableTree extends SourceTree {
  hostPath(index: number): Buffer;
}

/** null where no thread can be had: whoever pours reads by itself. */
function startOrNull({ buffer }: ReadSlots): Worker | null {
  try {
    return startThread('source/host/read-ahead-worker', { slots: buffer });
  } catch {
    return null;
  }
}

export class ReadAhead implements ContentReader {
  readonly #tree: ReadableTree;
  readonly #slots = new ReadSlots();
  readonly #order: PourOrder;
  #worker: Worker | null = null;
  /** The file that found no room when it was looked at last. */
  #pending = -1;
  /** Files that no request can be made for. */
  readonly #leftOut = new Set<number>();
  #posted = 0;
  #taken = 0;
  /** The entry in each slot, and the ring's fill (counted up for ever) with it. */
  readonly #index = new Int32Array(NR_SLOTS);
  readonly #end = new Float64Array(NR_SLOTS);
  #filled = 0;
  #released = 0;

  constructor(tree: ReadableTree) {
    this.#tree = tree;
    this.#order = new PourOrder(tree);
    this.#worker = startOrNull(this.#slots);
    this.#post();
  }

  /** Files must be asked for in order; some may be left out, with the directory that they are in. */
  take(index: number): Uint8Array | null {
    const known = this.#tree.known(index);
    if (known !== null || !this.#isWanted(index) || this.#leftOut.has(index)) return known;
    while (this.#taken < this.#posted && this.#wait()) {
      const slot = this.#taken % NR_SLOTS;
      if (this.#index[slot] === index) return this.#contentsIn(slot);
      this.#drop();
    }
    return null;
  }

  /** What the thread has read; null when it could not. */
  #contentsIn(slot: number): Uint8Array | null {
    if (this.#slots.get(slot, GOOD) !== 1) return null;
    const offset = this.#slots.get(slot, OFFSET);
    return this.#slots.contents.subarray(offset, offset + this.#slots.get(slot, SIZE));
  }

  release(index: number): void {
    if (this.#taken < this.#posted && this.#index[this.#taken % NR_SLOTS] === index) this.#drop();
    // Waking the thread costs more than a file: it gets many at once.
    if (this.#posted - this.#taken <= NR_SLOTS / 2) this.#post();
  }

  close(): void {
    void this.#worker?.terminate();
    this.#worker = null;
  }

  /** Small, with one name, without holes. */
  #isWanted(index: number): boolean {
    const stat = this.#tree.stat(index);
    const { sizeBytes } = stat;
    if (sizeBytes === 0 || sizeBytes > MAX_FILE_BYTES || storedBytes(stat) < sizeBytes) return false;
    return this.#tree.linkGroup(index) < 0;
  }

  /** The next regular file of the tree; -1 at its end. */
  #nextFile(): number {
    for (let step = this.#order.next(); step !== 'end'; step = this.#order.next()) {
      if (step === 'entry' && this.#tree.type(this.#order.index) === 'file') return this.#order.index;
    }
    return -1;
  }

  /** Hands over requests while there is room for them. */
  #post(): void {
    if (this.#worker === null) return;
    while (this.#posted - this.#taken < NR_SLOTS) {
      if (this.#pending < 0) {
        const index = this.#nextFile();
        if (index < 0) break;
        if (!this.#isWanted(index)) continue;
        this.#pending = index;
      }
      const path = this.#pathOf(this.#pending);
      if (path === null) this.#leftOut.add(this.#pending);
      else if (!this.#fill(this.#pending, path)) break;
      this.#pending = -1;
    }
    Atomics.store(this.#slots.header, POSTED, this.#posted | 0);
    Atomics.notify(this.#slots.header, POSTED);
  }

  /** null for one that is too long for a request, or has none: whoever opens the file says why. */
  #pathOf(index: number): Uint8Array | null {
    try {
      const path = this.#tree.hostPath(index);
      return path.length > MAX_PATH ? null : path;
    } catch {
      return null;
    }
  }

  /** Describes one request; false when the ring has no room for the contents. */
  #fill(index: number, path: Uint8Array): boolean {
    const stat = this.#tree.stat(index);
    let start = this.#filled;
    // The contents lie in one piece: what is left before the ring's end may have to stay empty.
    if ((start % RING_BYTES) + stat.sizeBytes > RING_BYTES) start += RING_BYTES - (start % RING_BYTES);
    if (start + stat.sizeBytes - this.#released > RING_BYTES) return false;
    const slot = this.#posted % NR_SLOTS;
    const slots = this.#slots;
    slots.set(slot, SIZE, stat.sizeBytes);
    slots.set(slot, OFFSET, start % RING_BYTES);
    slots.set(slot, DEV, stat.dev);
    slots.set(slot, INO_HIGH, stat.inoHigh);
    slots.set(slot, INO_LOW, stat.inoLow);
    slots.set(slot, MTIME_SEC, stat.mtimeSec);
    slots.set(slot, MTIME_NSEC, stat.mtimeNsec);
    slots.setPath(slot, path);
    this.#index[slot] = index;
    this.#filled = start + stat.sizeBytes;
    this.#end[slot] = this.#filled;
    this.#posted++;
    return true;
  }

  /** Waits for the oldest request; false when the thread does not answer, after which nothing is asked of it. */
  #wait(): boolean {
    const { header } = this.#slots;
    while (((Atomics.load(header, FINISHED) - this.#taken) | 0) <= 0) {
      if (Atomics.wait(header, FINISHED, this.#taken | 0, PATIENCE_MS) === 'timed-out') {
        this.close();
        this.#posted = this.#taken;
        return false;
      }
    }
    return true;
  }

  /** Forgets the oldest request. */
  #drop(): void {
    this.#released = this.#end[this.#taken % NR_SLOTS];
    this.#taken++;
  }
}
