// What the codec threads and the committer share: jobs in slots, and a ring that says in which order they are begun. All
// that is atomic about them stands here.
import { utf8Bytes, utf8Text } from '../platform/bytes.ts';
import { type Algorithm, MAX_CLUSTER_PAGES } from './algorithms.ts';
import { type ClusterJob, type CodecContext, compressCluster, decompressCluster } from './cluster.ts';

/** Jobs posted and not taken, at most. */
export const NR_SLOTS = 256;

/** Positions of the header. Jobs posted, begun and finished are counted up for ever (mod 2^32). */
const POSTED = 0;
const BEGUN = 1;
const FINISHED = 2;
/** Changes with each job posted, and when there will be none: what an idle thread waits on. */
const SIGNAL = 3;
/** Threads that may be at a job. */
const WORKING = 4;
/** 1: no job is begun any more. */
const STOPPED = 5;
/** 0; 1 while the first thread that failed writes down why; 2 when it has. */
const FAILED = 6;
/** What FINISHED must reach for the committer to be woken. */
const WAKE_AT = 7;
const HEADER_WORDS = 16;

/** Words of a slot, before its frame numbers. */
const STATE = 0;
const KIND = 1;
const ALGORITHM = 2;
const LEVEL = 3;
const CHECKSUM = 4;
const NR_PAGES = 5;
const BLOCKS_PFN = 6;
const NR_BLOCKS = 7;
const RESULT = 8;
const SLOT_WORDS = 16 + MAX_CLUSTER_PAGES;
const PFNS = 16;

const STATE_POSTED = 1;
const STATE_DONE = 2;

export const COMPRESS = 0;
export const DECOMPRESS = 1;

const TEXT_BYTES = 512;
/** How long the committer may sleep on when the job that it waits for is done. */
const NAP_MS = 2;
/** A wait is cut into so many: a process that was stopped for long finds one gone when it goes on, not all of them. */
const SLICES = 4;

/** Views on the slots. Each side makes its own from the same buffer. */
export class JobSlots {
  readonly buffer: SharedArrayBuffer;
  readonly #pageSize: number;
  readonly #header: Int32Array;
  readonly #words: Int32Array;
  /** Of each slot: frame numbers of the cluster's pages. */
  readonly #pfns: Uint32Array[] = [];
  /** Slot of the n-th job posted at n mod NR_SLOTS. */
  readonly #ring: Uint8Array;
  readonly #text: Uint8Array;
  /** The job at hand, reused for each. */
  readonly #job: ClusterJob;

  constructor(
    pageSize: number,
    buffer = new SharedArrayBuffer((HEADER_WORDS + NR_SLOTS * SLOT_WORDS) * 4 + NR_SLOTS + TEXT_BYTES),
  ) {
    this.#pageSize = pageSize;
    this.buffer = buffer;
    this.#header = new Int32Array(buffer, 0, HEADER_WORDS);
    this.#words = new Int32Array(buffer, HEADER_WORDS * 4, NR_SLOTS * SLOT_WORDS);
    for (let slot = 0; slot < NR_SLOTS; slot++) {
      const at = (HEADER_WORDS + slot * SLOT_WORDS + PFNS) * 4;
      this.#pfns.push(new Uint32Array(buffer, at, MAX_CLUSTER_PAGES));
    }
    const ringAt = (HEADER_WORDS + NR_SLOTS * SLOT_WORDS) * 4;
    this.#ring = new Uint8Array(buffer, ringAt, NR_SLOTS);
    this.#text = new Uint8Array(buffer, ringAt + NR_SLOTS, TEXT_BYTES);
    this.#job = { algorithm: 0, level: 0, checksum: false, pfns: this.#pfns[0], nrPages: 0, at: 0, nrBlocks: 0 };
  }

  // The committer's side.

  /** Hands a job over. The slot must be free; frames belong to the job until its result is taken. */
  post(
    slot: number,
    kind: typeof COMPRESS | typeof DECOMPRESS,
    algorithm: number,
    level: number,
    checksum: boolean,
    pfns: Uint32Array,
    nrPages: number,
    blocksPfn: number,
    nrBlocks: number,
  ): void {
    const words = this.#words;
    const at = slot * SLOT_WORDS;
    words[at + KIND] = kind;
    words[at + ALGORITHM] = algorithm;
    words[at + LEVEL] = level;
    words[at + CHECKSUM] = checksum ? 1 : 0;
    words[at + NR_PAGES] = nrPages;
    words[at + BLOCKS_PFN] = blocksPfn;
    words[at + NR_BLOCKS] = nrBlocks;
    const own = this.#pfns[slot];
    for (let i = 0; i < nrPages; i++) own[i] = pfns[i];
    Atomics.store(words, at + STATE, STATE_POSTED);
    const posted = Atomics.load(this.#header, POSTED);
    this.#ring[(posted >>> 0) % NR_SLOTS] = slot;
    Atomics.store(this.#header, POSTED, (posted + 1) | 0);
    Atomics.add(this.#header, SIGNAL, 1);
    Atomics.notify(this.#header, SIGNAL, 1);
  }

  /**
   * Waits until the job is done or a thread has failed; false when no job at all was finished for `patienceMs`. Waking up for
   * each job would cost as much as a small one, so at first half of those under way are let finish: the threads have the
   * other half to go on with.
   */
  wait(slot: number, patienceMs: number): boolean {
    const header = this.#header;
    const state = slot * SLOT_WORDS + STATE;
    let finished = Atomics.load(header, FINISHED);
    const nrUnderWay = (Atomics.load(header, POSTED) - finished) | 0;
    Atomics.store(header, WAKE_AT, (finished + Math.max(1, nrUnderWay >> 1)) | 0);
    let napping = true;
    let slices = SLICES;
    while (Atomics.load(this.#words, state) === STATE_POSTED && !this.hasFailed) {
      const timedOut = Atomics.wait(header, FINISHED, finished, napping ? NAP_MS : patienceMs / SLICES) === 'timed-out';
      const before = finished;
      finished = Atomics.load(header, FINISHED);
      if (!timedOut || finished !== before) slices = SLICES;
      else if (!napping && --slices === 0) return false;
      if (!timedOut && ((finished - Atomics.load(header, WAKE_AT)) | 0) < 0) continue;
      // A nap was enough for many small jobs: from now on each is looked at.
      napping = false;
      Atomics.store(header, WAKE_AT, (finished + 1) | 0);
    }
    return true;
  }

  isDone(slot: number): boolean {
    return Atomics.load(this.#words, slot * SLOT_WORDS + STATE) === STATE_DONE;
  }

  /** Of a job that is done: blocks used, or an Outcome. */
  result(slot: number): number {
    return this.#words[slot * SLOT_WORDS + RESULT];
  }

  get hasFailed(): boolean {
    return Atomics.load(this.#header, FAILED) === 2;
  }

  /** What the thread that failed wrote down. */
  get failure(): string {
    const text = utf8Text(this.#text);
    return text.slice(0, text.indexOf('\0'));
  }

  /** Has no further job begun, and waits for those under way; false when they take longer than `patienceMs`. */
  stop(patienceMs: number): boolean {
    const header = this.#header;
    Atomics.store(header, STOPPED, 1);
    Atomics.add(header, SIGNAL, 1);
    Atomics.notify(header, SIGNAL);
    for (let left = Atomics.load(header, WORKING); left > 0; left = Atomics.load(header, WORKING)) {
      if (Atomics.wait(header, WORKING, left, patienceMs) === 'timed-out') return false;
    }
    return true;
  }

  // The side of whoever does the work.

  /** Works off the oldest job not begun, or waits until there is one. False when there will be none. */
  workOne(context: CodecContext): boolean {
    const header = this.#header;
    const signal = Atomics.load(header, SIGNAL);
    let slot = -1;
    // Announced before STOPPED is read: whoever stops the threads then sees either that none works or which do.
    Atomics.add(header, WORKING, 1);
    try {
      slot = this.#begin();
      if (slot >= 0) this.work(context, slot);
    } finally {
      Atomics.sub(header, WORKING, 1);
      Atomics.notify(header, WORKING);
    }
    if (Atomics.load(header, STOPPED) === 1) return false;
    if (slot < 0) Atomics.wait(header, SIGNAL, signal);
    return true;
  }

  /** The slot of the oldest job not begun, now begun by the caller; -1 when there is none. */
  #begin(): number {
    const header = this.#header;
    while (Atomics.load(header, STOPPED) === 0) {
      const begun = Atomics.load(header, BEGUN);
      if (begun === Atomics.load(header, POSTED)) return -1;
      // Read before the job is claimed: the entry is another's as soon as that slot, or one after it, is taken and posted anew.
      const slot = this.#ring[(begun >>> 0) % NR_SLOTS];
      if (Atomics.compareExchange(header, BEGUN, begun, (begun + 1) | 0) === begun) return slot;
    }
    return -1;
  }

  /** Does the job in a slot. */
  work(context: CodecContext, slot: number): void {
    const words = this.#words;
    const at = slot * SLOT_WORDS;
    const job = this.#job;
    job.algorithm = words[at + ALGORITHM] as Algorithm;
    job.level = words[at + LEVEL];
    job.checksum = words[at + CHECKSUM] === 1;
    job.pfns = this.#pfns[slot];
    job.nrPages = words[at + NR_PAGES];
    job.at = words[at + BLOCKS_PFN] * this.#pageSize;
    job.nrBlocks = words[at + NR_BLOCKS];
    words[at + RESULT] =
      words[at + KIND] === COMPRESS ? compressCluster(context, job) : decompressCluster(context, job);
    Atomics.store(words, at + STATE, STATE_DONE);
    const finished = Atomics.add(this.#header, FINISHED, 1) + 1;
    if (((finished - Atomics.load(this.#header, WAKE_AT)) | 0) >= 0) Atomics.notify(this.#header, FINISHED);
  }

  /** Writes down why a thread ends, if none did before, and wakes who waits for a job. */
  fail(error: unknown): void {
    if (Atomics.compareExchange(this.#header, FAILED, 0, 1) !== 0) return;
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    this.#text.set(utf8Bytes(text).subarray(0, TEXT_BYTES - 1));
    Atomics.store(this.#header, FAILED, 2);
    // Nothing was finished, but whoever waits for a change must see one.
    Atomics.add(this.#header, FINISHED, 1);
    Atomics.notify(this.#header, FINISHED);
  }
}
