// The threads that fill jobs. Where there are none, or when they are lost, the committer fills.

import { MAX_CLUSTER_PAGES } from '../compress/algorithms.ts';
import { CodecContext } from '../compress/cluster.ts';
import { Codecs, WORKSPACE_BYTES } from '../compress/codecs.ts';
import { F2fsError } from '../errors.ts';
import type { VerityFormat } from '../file/verity/merkle.ts';
import { makeSharedMemory, type SharedMemory } from '../pagecache/pool.ts';
import { nrParallel, startThread, type Thread } from '../platform/threads.ts';
import type { SourceTree } from '../source/source-tree.ts';
import { type ClusterTools, type HashTools, hashesBytes, PieceFiller } from './fill-pieces.ts';
import { FINISHED, FillSlots, jobShape, NR_JOBS } from './fill-slots.ts';
import type { FillThreadData } from './fill-worker.ts';

/** How clusters are compressed. */
export type ClusterFormat = Omit<ClusterTools, 'context'>;

/** Bytes of the memory that who fills takes when there is something to compress: the codecs' tables, and a cluster. */
function toolsBytes(pageSize: number): number {
  return WORKSPACE_BYTES + MAX_CLUSTER_PAGES * pageSize;
}

/** Bytes and files from which on a tree is worth a thread. */
const MIN_BYTES = 4 << 20;
const MIN_FILES = 64;

/** Milliseconds that one look for a finished job takes at most, so that the caller is heard in between. */
const LOOK_MS = 20;
/** Milliseconds without a job finishing after which the threads count as dead. */
const PATIENCE_MS = 120_000;

/** They start at once, so that they are there when the first job is: nothing but the tree need be known. */
export class FillThreads implements Disposable {
  readonly slots: FillSlots;
  /** The jobs' buffers, then `extraBytes` for whoever made this, then what the codecs need. */
  readonly memory: SharedMemory;
  readonly #makeFiller: () => PieceFiller;
  /** The caller's own. */
  #filler: PieceFiller | null = null;
  readonly #threads: Thread[] = [];
  #alive = 0;
  /** Whether a thread has died: then all are ended, and what they left is filled here. */
  #isBroken = false;
  #idleSince = 0;

  /** Throws ENOMEM. @param format null: nothing is compressed; `verity` likewise: hashed; `pageSize` in bytes */
  constructor(
    tree: SourceTree,
    pageSize: number,
    format: ClusterFormat | null,
    verity: VerityFormat | null,
    wanted: number,
    extraBytes: number,
  ) {
    const shape = jobShape(pageSize, format?.clusterPages);
    const slots = new FillSlots(shape);
    this.slots = slots;
    const isWorthwhile = tree.totals.bytes >= MIN_BYTES || tree.totals.files >= MIN_FILES;
    const shared = isWorthwhile && nrParallel() > 0 ? tree.share() : null;
    const nrThreads = shared === null ? 0 : wanted;
    const toolsAt = NR_JOBS * shape.jobBytes + extraBytes;
    const nrBytes = toolsAt + (format === null ? 0 : (nrThreads + 1) * toolsBytes(pageSize));
    const memory = makeSharedMemory(nrBytes, 'the buffers of a build', 'give fewer workers');
    this.memory = memory;
    const hash: HashTools | null = verity && {
      format: verity,
      hashes: new Uint8Array(new SharedArrayBuffer(hashesBytes(shape, NR_JOBS, verity))),
    };
    this.#makeFiller = () => {
      const bytes = new Uint8Array(memory.buffer);
      const context = () => new CodecContext(new Codecs(memory, toolsAt), bytes, toolsAt + WORKSPACE_BYTES, pageSize);
      return new PieceFiller(slots, bytes, tree, format && { ...format, context: context() }, hash);
    };
    if (shared === null) return;
    for (let i = 1; i <= nrThreads; i++) {
      const work = toolsAt + i * toolsBytes(pageSize);
      const compress = format && { ...format, work, scratch: work + WORKSPACE_BYTES };
      if (!this.#start({ memory, shape, slots: slots.buffer, files: shared, compress, hash })) return;
    }
  }

  #start(data: FillThreadData): boolean {
    let thread: Thread;
    try {
      thread = startThread('bulkload/fill-worker', data);
    } catch {
      return false;
    }
    thread.on('exit', () => {
      this.#alive--;
      this.#break();
    });
    this.#threads.push(thread);
    this.#alive++;
    return true;
  }

  #break(): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    for (const thread of this.#threads) void thread.terminate();
  }

  /**
   * Waits for a job, for a while; whether it is done. Throws EIO when the threads do not answer: what they may still write to their
   * buffers is in nobody's hands.
   */
  look(slot: number): boolean {
    const { slots } = this;
    if (slots.isDone(slot)) return this.#heard();
    if (this.#alive === 0) {
      // Nobody else fills any more: whoever took the job, it is done here.
      this.#here.fillJob(slot);
      return true;
    }
    const finished = Atomics.load(slots.header, FINISHED);
    if (slots.isDone(slot) || Atomics.wait(slots.header, FINISHED, finished, LOOK_MS) !== 'timed-out') {
      this.#heard();
      return slots.isDone(slot);
    }
    const now = performance.now();
    if (this.#idleSince === 0) this.#idleSince = now;
    if (now - this.#idleSince < PATIENCE_MS) return false;
    throw new F2fsError(
      'EIO',
      'the threads that read the files do not answer: the host may wait for a disk or a network',
    );
  }

  #heard(): true {
    this.#idleSince = 0;
    return true;
  }

  /** Fills a piece that a thread could not. Throws what reading the file does. */
  fillAgain(slot: number, piece: number): void {
    this.#here.fillPiece(slot, piece);
  }

  /** The hashes of a piece's blocks; `here`: nobody has made them yet. */
  hashesOf(slot: number, piece: number, here: boolean): Uint8Array {
    if (here) this.#here.hashPiece(slot, piece);
    return this.#here.hashesOf(slot, piece);
  }

  get #here(): PieceFiller {
    this.#filler ??= this.#makeFiller();
    return this.#filler;
  }

  [Symbol.dispose](): void {
    this.#isBroken = true;
    for (const thread of this.#threads) void thread.terminate();
  }
}
