// What becomes of dirty pages on their way to disk: they join the bio of their log, under the writeback tag, until the bio
// is written. Source: struct iomap_ioend, and the kernel's merged bios, one for each log.
import { Bio } from '../device/bio.ts';
import type { QueuedDevice } from '../device/queued-device.ts';
import { F2fsError } from '../errors.ts';
import { type Log, NR_LOGS } from '../format/constants.ts';
import { type AddressSpace, TAG } from './address-space.ts';
import { type FramePool, MAX_FOLIO_PAGES } from './pool.ts';

/** Bytes that a bio gathers before it is submitted; as many blocks as a folio has pages must fit in. */
const MAX_BIO_BYTES = 4 * 1024 * 1024;
/** Bios of fewer blocks are not worth another thread. */
const MIN_QUEUED_BLOCKS = 64;

/** Where in-place writes gather: beside the logs, as the kernel keeps its merged IPU bio apart. */
export const IN_PLACE = NR_LOGS;
/** A log, or IN_PLACE. */
export type WriteStream = Log | typeof IN_PLACE;

/** Whoever lent the frames that a compressed cluster is written from. */
export interface FrameLender {
  /** The frames of a loan are not needed any more. */
  giveBack(loan: number): void;
}

/** What a run of an ioend's pages is: itself in the bio, a part of a cluster that goes on in the next bio, or its end. */
const RUN = { PAGES: 0, PART: 1, END: 2 } as const;

/** A bio and the pages in it. */
class Ioend {
  readonly bio: Bio;
  /** The pages, as runs of one address space each. */
  readonly #mappings: AddressSpace[] = [];
  readonly #index: Float64Array;
  readonly #count: Uint32Array;
  readonly #kind: Uint8Array;
  readonly #loan: Uint32Array;
  readonly #pageSize: number;
  readonly #lender: () => FrameLender | null;
  #length = 0;

  constructor(device: QueuedDevice, pool: FramePool, lender: () => FrameLender | null) {
    const maxBlocks = Math.max(MAX_BIO_BYTES / pool.pageSize, MAX_FOLIO_PAGES);
    this.bio = new Bio(device, pool.bytes, maxBlocks);
    this.#index = new Float64Array(maxBlocks);
    this.#count = new Uint32Array(maxBlocks);
    this.#kind = new Uint8Array(maxBlocks);
    this.#loan = new Uint32Array(maxBlocks);
    this.#pageSize = pool.pageSize;
    this.#lender = lender;
  }

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  /** False when the pages do not continue the bio. */
  add(mapping: AddressSpace, index: number, pfn: number, nrPages: number, blkaddr: number): boolean {
    if (!this.bio.add(blkaddr, pfn * this.#pageSize, nrPages)) return false;
    const last = this.#length - 1;
    if (
      last >= 0 &&
      this.#kind[last] === RUN.PAGES &&
      this.#mappings[last] === mapping &&
      this.#index[last] + this.#count[last] === index
    ) {
      this.#count[last] += nrPages;
      return true;
    }
    this.#note(mapping, index, nrPages, RUN.PAGES, 0);
    return true;
  }

  /** False when the blocks, which stand for pages of a cluster, do not continue the bio. */
  addCluster(run: ClusterRun, pfn: number, nrBlocks: number, blkaddr: number, isLast: boolean): boolean {
    if (!this.bio.add(blkaddr, pfn * this.#pageSize, nrBlocks)) return false;
    this.#note(run.mapping, run.index, run.nrPages, isLast ? RUN.END : RUN.PART, run.loan);
    return true;
  }

  #note(mapping: AddressSpace, index: number, nrPages: number, kind: number, loan: number): void {
    const at = this.#length++;
    this.#mappings[at] = mapping;
    this.#index[at] = index;
    this.#count[at] = nrPages;
    this.#kind[at] = kind;
    this.#loan[at] = loan;
  }

  /** The bio is written, or failed: then its pages are dirty again, and their address spaces know. */
  end(failure: F2fsError | null): void {
    for (let i = 0; i < this.#length; i++) {
      const mapping = this.#mappings[i];
      // A cluster is down when its last part is, and lost when any part is.
      if (this.#kind[i] !== RUN.PART) mapping.clearTag(TAG.WRITEBACK, this.#index[i], this.#count[i]);
      if (this.#kind[i] === RUN.END) this.#lender()?.giveBack(this.#loan[i]);
      if (failure === null) continue;
      mapping.setDirty(this.#index[i], this.#count[i]);
      mapping.error ??= failure;
    }
    this.#mappings.length = 0;
    this.#length = 0;
    this.bio.reset();
  }
}

/** A compressed cluster on its way: pages that stay under writeback until its blocks, in frames on loan, are written. */
export interface ClusterRun {
  mapping: AddressSpace;
  /** First page, and pages. */
  index: number;
  nrPages: number;
  loan: number;
}

/** The ioends of a volume: one being filled for each log, and those that another thread is writing. */
export class Ioends {
  readonly #device: QueuedDevice;
  readonly #pool: FramePool;
  readonly #filling: Ioend[];
  readonly #inFlight: Ioend[] = [];
  readonly #idle: Ioend[] = [];
  #failed = false;
  /** Why nothing may be written any more. */
  #stopped: F2fsError | null = null;
  /** To be told of frames that are free again. */
  lender: FrameLender | null = null;
  /** Bios written so far, and their blocks. */
  bios = 0;
  blocks = 0;

  constructor(device: QueuedDevice, pool: FramePool) {
    this.#device = device;
    this.#pool = pool;
    this.#filling = Array.from({ length: NR_LOGS + 1 }, () => this.#newIoend());
  }

  #newIoend(): Ioend {
    return new Ioend(this.#device, this.#pool, () => this.lender);
  }

  /**
   * Sends `nrPages` pages, adjacent in the file and in memory, to the blocks from `blkaddr` on. They carry the writeback
   * tag until they are written: they stay in the cache until then.
   */
  add(log: WriteStream, mapping: AddressSpace, index: number, pfn: number, nrPages: number, blkaddr: number): void {
    mapping.setTag(TAG.WRITEBACK, index, nrPages);
    if (this.#filling[log].add(mapping, index, pfn, nrPages, blkaddr)) return;
    this.#send(log);
    this.#filling[log].add(mapping, index, pfn, nrPages, blkaddr);
  }

  /**
   * Sends `nrBlocks` blocks of a compressed cluster, from frame `pfn` on, to the blocks from `blkaddr` on. The cluster's
   * pages carry the writeback tag already; they lose it, and the loan ends, when the last part is written. The parts of a
   * cluster must come one after the other, in one log: its bios end in their order.
   */
  addCluster(log: Log, run: ClusterRun, pfn: number, nrBlocks: number, blkaddr: number, isLast: boolean): void {
    if (this.#filling[log].addCluster(run, pfn, nrBlocks, blkaddr, isLast)) return;
    this.#send(log);
    this.#filling[log].addCluster(run, pfn, nrBlocks, blkaddr, isLast);
  }

  /**
   * From now on what waits, and what comes, is not written but fails: its pages stay dirty in memory. What is under way can't be
   * held back; `submit` waits for it.
   */
  stop(why: F2fsError): void {
    this.#stopped ??= why;
  }

  /** Writes all that waits, and waits for it. Failures are left in the address spaces' `error`. */
  submit(): void {
    for (let log = 0; log <= NR_LOGS; log++) if (!this.#filling[log].isEmpty) this.#send(log as WriteStream);
    while (this.#inFlight.length > 0) this.#complete();
  }

  /** Waits for the oldest write under way, or starts and ends what waits; false when there is neither. */
  settleOldest(): boolean {
    if (this.#inFlight.length > 0) {
      this.#complete();
      return true;
    }
    const waiting = this.#filling.some((ioend) => !ioend.isEmpty);
    this.submit();
    return waiting;
  }

  #send(log: WriteStream): void {
    const ioend = this.#filling[log];
    const stopped = this.#stopped;
    if (stopped !== null) {
      this.#end(ioend, () => {
        throw stopped;
      });
      return;
    }
    this.bios++;
    this.blocks += ioend.bio.nrBlocks;
    const worthwhile = ioend.bio.nrBlocks >= MIN_QUEUED_BLOCKS || this.#inFlight.length > 0;
    const queue = worthwhile ? this.#device.queue(this.#pool.memory.buffer) : null;
    if (queue === null) {
      this.#end(ioend, () => ioend.bio.submit());
      return;
    }
    while (queue.isReady || queue.isFull) this.#complete();
    queue.post(ioend.bio);
    this.#inFlight.push(ioend);
    this.#filling[log] = this.#idle.pop() ?? this.#newIoend();
  }

  /** Waits for the oldest write under way. */
  #complete(): void {
    const ioend = this.#inFlight.shift() as Ioend;
    this.#end(ioend, () => this.#device.finishWrite(ioend.bio));
    this.#idle.push(ioend);
  }

  #end(ioend: Ioend, write: () => void): void {
    const failure = attempt(write);
    if (failure !== null) this.#failed = true;
    ioend.end(failure);
  }

  /** A page found no way to the disk: the next sync says so. */
  noteFailure(mapping: AddressSpace, failure: F2fsError): void {
    mapping.error ??= failure;
    this.#failed = true;
  }

  /** Whether a write failed since this was last asked; the address spaces know which. */
  takeFailure(): boolean {
    const failed = this.#failed;
    this.#failed = false;
    return failed;
  }
}

function attempt(work: () => void): F2fsError | null {
  try {
    work();
    return null;
  } catch (error) {
    if (error instanceof F2fsError) return error;
    throw error;
  }
}
