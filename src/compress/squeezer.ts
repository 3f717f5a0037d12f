// Clusters squeezed and inflated on every core that there is to spare. Squeezing is pure, and results are taken by ticket, so
// what is written does not depend on how many threads there are or how fast.
import type { Worker } from 'node:worker_threads';
import { F2fsError } from '../errors.ts';
import { type FramePool, PAGE_SIZE } from '../pagecache/pool.ts';
import { startThread } from '../thread.ts';
import { type Algorithm, type Codec, MAX_CLUSTER_PAGES } from './algorithms.ts';
import { Bench } from './cluster.ts';
import { Codecs, WORKSPACE_BYTES } from './codecs.ts';
import { INFLATE, NR_SLOTS, SQUEEZE, SqueezeSlots } from './squeeze-slots.ts';

/** Milliseconds without a job finishing after which the threads count as dead. */
const PATIENCE_MS = 120_000;
const WORKSPACE_FRAMES = WORKSPACE_BYTES / PAGE_SIZE;

/** Frames that a Squeezer takes from its pool at most; it holds them from `start` to `close`. */
export function squeezerFrames(nrWorkers: number): number {
  return Math.max(nrWorkers, 1) * (WORKSPACE_FRAMES + MAX_CLUSTER_PAGES);
}

/** What one thread works with: first frames of the codecs' tables, and of a cluster whose pages lie apart. */
interface Desk {
  work: number;
  scratch: number;
}

/**
 * Works off jobs: a cluster compressed into blocks, or decompressed from them. All frames named in a job are the job's until
 * its result is taken. Up to 256 jobs may be under way. With threads they are done meanwhile, without when they are taken.
 */
export class Squeezer {
  readonly #pool: FramePool;
  readonly #nrWorkers: number;
  readonly #patienceMs: number;
  #slots: SqueezeSlots | null = null;
  readonly #workers: Worker[] = [];
  readonly #desks: Desk[] = [];
  /** The calling thread's, when no other works. */
  #bench: Bench | null = null;
  /** Stack of slots without a job. */
  readonly #free = Uint8Array.from({ length: NR_SLOTS }, (_, i) => NR_SLOTS - 1 - i);
  #nrFree = NR_SLOTS;
  /** 1 for each slot with a job. */
  readonly #posted = new Uint8Array(NR_SLOTS);
  #failure: F2fsError | null = null;

  /**
   * Starts and takes nothing yet.
   * @param nrWorkers threads to start; 0: the caller does the work
   * @param patienceMs how long no job at all may finish while one is waited for
   */
  constructor(pool: FramePool, nrWorkers: number, patienceMs = PATIENCE_MS) {
    this.#pool = pool;
    this.#nrWorkers = nrWorkers;
    this.#patienceMs = patienceMs;
  }

  /** Whether a result must be taken before the next job is posted. */
  get isFull(): boolean {
    return this.#nrFree === 0;
  }

  /** Threads that work; 0 before the start, and when the caller does. */
  get nrThreads(): number {
    return this.#workers.length;
  }

  /**
   * Takes frames and starts threads, as many as the pool has room for; done by the first job if not before.
   * @throws F2fsError ENOMEM when there is not even room for one
   */
  start(): void {
    if (this.#slots !== null) return;
    const slots = new SqueezeSlots();
    while (this.#workers.length < this.#nrWorkers && this.#startWorker(slots));
    if (this.#workers.length === 0) this.#bench = this.#makeBench();
    this.#slots = slots;
  }

  /** Takes the frames of one thread more, which there is none of, until `close`; false when there is no room. */
  reserveIdle(): boolean {
    const desk = this.#reserve();
    if (desk !== null) this.#desks.push(desk);
    return desk !== null;
  }

  /**
   * Has a cluster compressed. Squeezer must not be full.
   * @param checksum whether the header gets one
   * @param pfns frames of its pages, in order; copied
   * @param dstPfn first of nrPages - 1 adjacent frames for the blocks
   * @returns a ticket for `take`, which then gives the blocks used, or 0: the cluster stays raw
   * @throws F2fsError ENOMEM as `start` does
   */
  postSqueeze(codec: Codec, checksum: boolean, pfns: Uint32Array, nrPages: number, dstPfn: number): number {
    return this.#post(SQUEEZE, codec.algorithm, codec.level, checksum, pfns, nrPages, dstPfn, nrPages - 1);
  }

  /**
   * Has a cluster decompressed. Squeezer must not be full.
   * @param checksum whether the header has one
   * @param srcPfn first of nrBlocks adjacent frames with the blocks
   * @param pfns frames for its pages, in order; copied
   * @returns a ticket for `take`, which then gives an Inflated
   * @throws F2fsError ENOMEM as `start` does
   */
  postInflate(
    algorithm: Algorithm,
    checksum: boolean,
    srcPfn: number,
    nrBlocks: number,
    pfns: Uint32Array,
    nrPages: number,
  ): number {
    return this.#post(INFLATE, algorithm, 0, checksum, pfns, nrPages, srcPfn, nrBlocks);
  }

  /**
   * Waits for a job, frees its place and gives its result. Jobs may be taken in any order.
   * @throws F2fsError EIO when a thread failed or does not answer, and from then on every time
   */
  take(ticket: number): number {
    const slots = this.#slots;
    if (slots === null || this.#posted[ticket] !== 1) throw new Error(`internal: no job has ticket ${ticket}`);
    this.#posted[ticket] = 0;
    this.#free[this.#nrFree++] = ticket;
    if (this.#failure === null && !slots.isDone(ticket)) this.#finish(slots, ticket);
    if (this.#failure !== null) throw this.#failure;
    return slots.result(ticket);
  }

  /** Ends the threads and gives all frames back. Results not taken are lost, and jobs not begun are not done. */
  close(): void {
    const slots = this.#slots;
    if (slots === null) return;
    this.#slots = null;
    this.#bench = null;
    const quiet = slots.stop(this.#failure === null ? this.#patienceMs : 0);
    for (const worker of this.#workers.splice(0)) void worker.terminate();
    // A thread that can't be stopped may still write to its frames: they are nobody's then.
    for (const desk of this.#desks.splice(0)) if (quiet) this.#release(desk);
    this.#posted.fill(0);
    this.#nrFree = NR_SLOTS;
    for (let i = 0; i < NR_SLOTS; i++) this.#free[i] = NR_SLOTS - 1 - i;
  }

  #post(
    kind: typeof SQUEEZE | typeof INFLATE,
    algorithm: Algorithm,
    level: number,
    checksum: boolean,
    pfns: Uint32Array,
    nrPages: number,
    blocksPfn: number,
    nrBlocks: number,
  ): number {
    if (this.#nrFree === 0) throw new Error('internal: more clusters posted than may be under way');
    if (this.#slots === null) this.start();
    const slot = this.#free[--this.#nrFree];
    this.#posted[slot] = 1;
    this.#slots!.post(slot, kind, algorithm, level, checksum, pfns, nrPages, blocksPfn, nrBlocks);
    return slot;
  }

  /** Does a job, or waits until it is done. */
  #finish(slots: SqueezeSlots, slot: number): void {
    if (this.#bench !== null) {
      try {
        slots.work(this.#bench, slot);
      } catch (cause) {
        slots.fail(cause);
        this.#giveUp(slots, slots.failure, cause);
      }
    } else if (!slots.wait(slot, this.#patienceMs)) {
      this.#giveUp(slots, 'the threads that do it do not answer');
    } else if (!slots.isDone(slot)) {
      this.#giveUp(slots, slots.failure);
    }
  }

  /** From now on every job fails. A thread that told of its failure is the only one to end amid a job: the others finish theirs. */
  #giveUp(slots: SqueezeSlots, why: string, cause?: unknown): void {
    slots.stop(slots.hasFailed ? this.#patienceMs : 0);
    for (const worker of this.#workers) void worker.terminate();
    this.#failure = new F2fsError('EIO', `cannot compress or decompress clusters: ${why}`, { cause });
  }

  /** False when there is no room for one, or the host has no thread for us. */
  #startWorker(slots: SqueezeSlots): boolean {
    const desk = this.#reserve();
    if (desk === null) return false;
    let worker: Worker;
    try {
      worker = startThread('squeeze-worker', import.meta.url, {
        memory: this.#pool.memory,
        slots: slots.buffer,
        work: desk.work * PAGE_SIZE,
        scratch: desk.scratch * PAGE_SIZE,
      });
    } catch {
      this.#release(desk);
      return false;
    }
    const lost = (why: string, cause?: unknown) => {
      if (this.#slots !== slots || this.#failure !== null) return;
      this.#giveUp(slots, slots.hasFailed ? slots.failure : why, cause);
    };
    worker.on('error', (error) => lost(`a thread that does it died: ${error}`, error));
    worker.on('exit', (code) => lost(`a thread that does it ended with code ${code}`));
    this.#workers.push(worker);
    this.#desks.push(desk);
    return true;
  }

  #makeBench(): Bench {
    const desk = this.#reserve();
    if (desk === null) {
      const mib = (squeezerFrames(1) * PAGE_SIZE) / 2 ** 20;
      throw new F2fsError('ENOMEM', `compression needs ${mib} MiB of the page cache: mount with more cacheBytes`);
    }
    try {
      const codecs = new Codecs(this.#pool.memory, desk.work * PAGE_SIZE);
      this.#desks.push(desk);
      return new Bench(codecs, this.#pool.bytes, desk.scratch * PAGE_SIZE);
    } catch (cause) {
      this.#release(desk);
      throw cause;
    }
  }

  /** Frames for one thread, or null when the pool has no such runs. */
  #reserve(): Desk | null {
    const work = this.#pool.allocRun(WORKSPACE_FRAMES);
    if (work < 0) return null;
    const scratch = this.#pool.allocRun(MAX_CLUSTER_PAGES);
    if (scratch >= 0) return { work, scratch };
    this.#pool.freeFolio(work);
    return null;
  }

  #release(desk: Desk): void {
    this.#pool.freeFolio(desk.work);
    this.#pool.freeFolio(desk.scratch);
  }
}
