// Clusters compressed and decompressed on every core that there is to spare. Compressing is pure, and results are taken by
// ticket, so what is written does not depend on how many threads there are or how fast.
import { F2fsError } from '../errors.ts';
import type { FramePool } from '../pagecache/pool.ts';
import { startThread, type Thread } from '../platform/threads.ts';
import { type Algorithm, type Codec, MAX_CLUSTER_PAGES } from './algorithms.ts';
import { CodecContext } from './cluster.ts';
import { Codecs, WORKSPACE_BYTES } from './codecs.ts';
import { COMPRESS, DECOMPRESS, JobSlots, NR_SLOTS } from './job-slots.ts';

/** Milliseconds without a job finishing after which the threads count as dead. */
const PATIENCE_MS = 120_000;

function workspaceFrames(pageSize: number): number {
  return Math.ceil(WORKSPACE_BYTES / pageSize);
}

/** Frames that `CodecJobs` takes from its pool at most; it holds them from `start` to `close`. */
export function codecFrames(nrWorkers: number, pageSize: number): number {
  return Math.max(nrWorkers, 1) * (workspaceFrames(pageSize) + MAX_CLUSTER_PAGES);
}

/** What one thread works with: first frames of the codecs' tables, and of a cluster whose pages lie apart. */
interface Workspace {
  work: number;
  scratch: number;
}

/**
 * Works off jobs: a cluster compressed into blocks, or decompressed from them. All frames named in a job are the job's until
 * its result is taken. Up to 256 jobs may be under way. With threads they are done meanwhile, without when they are taken.
 */
export class CodecJobs {
  readonly #pool: FramePool;
  readonly #nrWorkers: number;
  readonly #patienceMs: number;
  #slots: JobSlots | null = null;
  readonly #workers: Thread[] = [];
  readonly #workspaces: Workspace[] = [];
  /** The calling thread's, when no other works. */
  #context: CodecContext | null = null;
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
    const slots = new JobSlots(this.#pool.pageSize);
    while (this.#workers.length < this.#nrWorkers && this.#startWorker(slots));
    if (this.#workers.length === 0) this.#context = this.#makeContext();
    this.#slots = slots;
  }

  /** Takes the frames of one thread more, which there is none of, until `close`; false when there is no room. */
  reserveIdle(): boolean {
    const workspace = this.#reserve();
    if (workspace !== null) this.#workspaces.push(workspace);
    return workspace !== null;
  }

  /**
   * Has a cluster compressed. Must not be full.
   * @param checksum whether the header gets one
   * @param pfns frames of its pages, in order; copied
   * @param dstPfn first of nrPages - 1 adjacent frames for the blocks
   * @returns a ticket for `take`, which then gives the blocks used, or 0: the cluster stays raw
   * @throws F2fsError ENOMEM as `start` does
   */
  postCompress(codec: Codec, checksum: boolean, pfns: Uint32Array, nrPages: number, dstPfn: number): number {
    return this.#post(COMPRESS, codec.algorithm, codec.level, checksum, pfns, nrPages, dstPfn, nrPages - 1);
  }

  /**
   * Has a cluster decompressed. Must not be full.
   * @param checksum whether the header has one
   * @param srcPfn first of nrBlocks adjacent frames with the blocks
   * @param pfns frames for its pages, in order; copied
   * @returns a ticket for `take`, which then gives an Outcome
   * @throws F2fsError ENOMEM as `start` does
   */
  postDecompress(
    algorithm: Algorithm,
    checksum: boolean,
    srcPfn: number,
    nrBlocks: number,
    pfns: Uint32Array,
    nrPages: number,
  ): number {
    return this.#post(DECOMPRESS, algorithm, 0, checksum, pfns, nrPages, srcPfn, nrBlocks);
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
    this.#context = null;
    const quiet = slots.stop(this.#failure === null ? this.#patienceMs : 0);
    for (const worker of this.#workers.splice(0)) void worker.terminate();
    // A thread that can't be stopped may still write to its frames: they are nobody's then.
    for (const workspace of this.#workspaces.splice(0)) if (quiet) this.#release(workspace);
    this.#posted.fill(0);
    this.#nrFree = NR_SLOTS;
    for (let i = 0; i < NR_SLOTS; i++) this.#free[i] = NR_SLOTS - 1 - i;
  }

  #post(
    kind: typeof COMPRESS | typeof DECOMPRESS,
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
  #finish(slots: JobSlots, slot: number): void {
    if (this.#context !== null) {
      try {
        slots.work(this.#context, slot);
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
  #giveUp(slots: JobSlots, why: string, cause?: unknown): void {
    slots.stop(slots.hasFailed ? this.#patienceMs : 0);
    for (const worker of this.#workers) void worker.terminate();
    this.#failure = new F2fsError('EIO', `cannot compress or decompress clusters: ${why}`, { cause });
  }

  /** False when there is no room for one, or the host has no thread for us. */
  #startWorker(slots: JobSlots): boolean {
    const workspace = this.#reserve();
    if (workspace === null) return false;
    let worker: Thread;
    try {
      worker = startThread('compress/codec-worker', {
        memory: this.#pool.memory,
        pageSize: this.#pool.pageSize,
        slots: slots.buffer,
        work: workspace.work * this.#pool.pageSize,
        scratch: workspace.scratch * this.#pool.pageSize,
      });
    } catch {
      this.#release(workspace);
      return false;
    }
    const lost = (why: string, cause?: unknown) => {
      if (this.#slots !== slots || this.#failure !== null) return;
      this.#giveUp(slots, slots.hasFailed ? slots.failure : why, cause);
    };
    worker.on('error', (error) => lost(`a thread that does it died: ${error}`, error));
    worker.on('exit', (code) => lost(`a thread that does it ended with code ${code}`));
    this.#workers.push(worker);
    this.#workspaces.push(workspace);
    return true;
  }

  #makeContext(): CodecContext {
    const { pageSize } = this.#pool;
    const workspace = this.#reserve();
    if (workspace === null) {
      const mib = (codecFrames(1, pageSize) * pageSize) / 2 ** 20;
      throw new F2fsError('ENOMEM', `compression needs ${mib} MiB of the page cache: mount with more cacheBytes`);
    }
    try {
      const codecs = new Codecs(this.#pool.memory, workspace.work * pageSize);
      this.#workspaces.push(workspace);
      return new CodecContext(codecs, this.#pool.bytes, workspace.scratch * pageSize, pageSize);
    } catch (cause) {
      this.#release(workspace);
      throw cause;
    }
  }

  /** Frames for one thread, or null when the pool has no such runs. */
  #reserve(): Workspace | null {
    const work = this.#pool.allocRun(workspaceFrames(this.#pool.pageSize));
    if (work < 0) return null;
    const scratch = this.#pool.allocRun(MAX_CLUSTER_PAGES);
    if (scratch >= 0) return { work, scratch };
    this.#pool.freeFolio(work);
    return null;
  }

  #release(workspace: Workspace): void {
    this.#pool.freeFolio(workspace.work);
    this.#pool.freeFolio(workspace.scratch);
  }
}
