// The threads that fill jobs. Where there are none, or when they are lost, the committer fills.

import { MAX_CLUSTER_PAGES } from '../compress/algorithms.ts';
import { CodecContext } from '../compress/cluster.ts';
import { Codecs, WORKSPACE_BYTES } from '../compress/codecs.ts';
import { F2fsError } from '../errors.ts';
import { BLKSIZE } from '../format/constants.ts';
import type { SharedMemory } from '../pagecache/pool.ts';
import { startThread, type Thread } from '../platform/threads.ts';
import type { SharedFiles } from '../source/source-tree.ts';
import { type ClusterTools, type FileContents, PieceFiller } from './fill-pieces.ts';
import { FINISHED, type FillSlots } from './fill-slots.ts';
import type { FillThreadData } from './fill-worker.ts';

/** How clusters are compressed. */
export type ClusterFormat = Omit<ClusterTools, 'context'>;

/** Bytes of the memory that who fills takes when there is something to compress: the codecs' tables, and a cluster. */
export const TOOLS_BYTES = WORKSPACE_BYTES + MAX_CLUSTER_PAGES * BLKSIZE;

/** Milliseconds that one look for a finished job takes at most, so that the caller is heard in between. */
const LOOK_MS = 20;
/** Milliseconds without a job finishing after which the threads count as dead. */
const PATIENCE_MS = 120_000;

export class FillThreads {
  readonly #slots: FillSlots;
  readonly #makeFiller: () => PieceFiller;
  /** The caller's own. */
  #filler: PieceFiller | null = null;
  readonly #threads: Thread[] = [];
  #alive = 0;
  /** Whether a thread has died: then all are ended, and what they left is filled here. */
  #isBroken = false;
  #idleSince = 0;

  /** @param toolsAt byte offset of TOOLS_BYTES bytes for each thread and for the caller, whose are the first */
  constructor(
    slots: FillSlots,
    memory: SharedMemory,
    files: FileContents,
    shared: SharedFiles | null,
    format: ClusterFormat | null,
    toolsAt: number,
    nrThreads: number,
  ) {
    this.#slots = slots;
    this.#makeFiller = () => {
      const bytes = new Uint8Array(memory.buffer);
      const context = () => new CodecContext(new Codecs(memory, toolsAt), bytes, toolsAt + WORKSPACE_BYTES);
      return new PieceFiller(slots, bytes, files, format && { ...format, context: context() });
    };
    if (shared === null) return;
    for (let i = 1; i <= nrThreads; i++) {
      const work = toolsAt + i * TOOLS_BYTES;
      const compress = format && { ...format, work, scratch: work + WORKSPACE_BYTES };
      if (!this.#start({ memory, slots: slots.buffer, files: shared, compress })) return;
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
    const slots = this.#slots;
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

  get #here(): PieceFiller {
    this.#filler ??= this.#makeFiller();
    return this.#filler;
  }

  close(): void {
    this.#isBroken = true;
    for (const thread of this.#threads) void thread.terminate();
  }
}
