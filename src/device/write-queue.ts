// Writes that go on in another thread while the committer prepares the next: the device's bytes are the same, in the same
// places; only who waits for them differs.
import { getSystemErrorName } from 'node:util';
import type { Worker } from 'node:worker_threads';
import { errnoText, F2fsError, hostWriteError } from '../errors.ts';
import { startThread } from '../platform/threads.ts';
import type { Bio } from './bio.ts';
import { BLKSIZE } from './device.ts';
import {
  FAILED,
  FINISHED,
  FLUSH_ERRNO,
  FLUSHING,
  NR_VECTORS,
  POSITION,
  POSTED,
  SYSCALLS,
  WriteSlots,
} from './write-slots.ts';

/** Milliseconds without a request finishing after which the thread counts as dead. */
const PATIENCE_MS = 120_000;

/** A ring of requests, worked off in order by one thread. */
export class WriteQueue {
  /** What it writes from. */
  readonly memory: SharedArrayBuffer;
  readonly #name: string;
  readonly #kind: 'file' | 'block';
  readonly #slots: WriteSlots;
  readonly #worker: Worker;
  /** Requests handed over, and requests whose outcome was taken. */
  #posted = 0;
  #taken = 0;
  /** The thread gave no answer once: nobody waits for it again. */
  #dead = false;

  /** Starts the thread. `fd` stays open as long as the queue is; `memory` holds what is written; `depth` requests fit in. */
  constructor(name: string, kind: 'file' | 'block', fd: number, memory: SharedArrayBuffer, depth: number) {
    this.#name = name;
    this.#kind = kind;
    this.#slots = new WriteSlots(depth);
    this.memory = memory;
    this.#worker = startThread('device/write-worker', { fd, memory, depth, slots: this.#slots.buffer });
  }

  get isFull(): boolean {
    return this.#posted - this.#taken === this.#slots.depth;
  }

  get isEmpty(): boolean {
    return this.#posted === this.#taken;
  }

  /** Whether the oldest request's outcome can be taken without waiting. */
  get isReady(): boolean {
    return !this.isEmpty && ((Atomics.load(this.#slots.header, FINISHED) - this.#taken) | 0) > 0;
  }

  /** Hands a bio over; its frames must not change until its outcome is taken. The queue must not be full. */
  post(bio: Bio): void {
    const slot = this.#posted % this.#slots.depth;
    const numbers = this.#slots.numbers[slot];
    numbers[POSITION] = bio.position;
    numbers[NR_VECTORS] = bio.nrVectors;
    numbers[FAILED] = 0;
    bio.copyVectors(this.#slots.vectors[slot]);
    this.#posted++;
    Atomics.store(this.#slots.header, POSTED, this.#posted | 0);
    Atomics.notify(this.#slots.header, POSTED);
  }

  /** Waits for the oldest request; returns the system calls it took. Throws what the host answered. */
  take(): number {
    const { header, numbers, texts } = this.#slots;
    while (!this.isReady) {
      const outcome = Atomics.wait(header, FINISHED, this.#taken | 0, this.#dead ? 0 : PATIENCE_MS);
      if (outcome === 'timed-out' || this.#dead) {
        this.#dead = true;
        this.#taken++;
        throw new F2fsError('EIO', `the thread that writes ${this.#name} does not answer`, { path: this.#name });
      }
    }
    const slot = this.#taken % this.#slots.depth;
    this.#taken++;
    if (numbers[slot][FAILED] === 0) return numbers[slot][SYSCALLS];
    const text = Buffer.from(texts[slot]).toString();
    const [code, message] = text.slice(0, text.indexOf('\0')).split('\n');
    // As node:fs throws it, of which the thread told the words.
    const cause = Object.assign(new Error(message), { code, syscall: 'write' });
    const blkaddr = numbers[slot][POSITION] / BLKSIZE;
    const doing = `cannot write ${this.#name} at block ${blkaddr}`;
    throw hostWriteError(doing, this.#kind, cause, { path: this.#name, blkaddr });
  }

  /** Throws when a flush that the thread did by itself failed: the host tells of such a failure only once. */
  checkFlushes(): void {
    while (Atomics.load(this.#slots.header, FLUSHING) === 1) {
      if (Atomics.wait(this.#slots.header, FLUSHING, 1, PATIENCE_MS) === 'timed-out') break;
    }
    const errno = Atomics.exchange(this.#slots.header, FLUSH_ERRNO, 0);
    if (errno === 0) return;
    const code = getSystemErrorName(errno);
    const cause = Object.assign(new Error(errnoText(code)), { code });
    throw hostWriteError(`cannot flush ${this.#name}`, this.#kind, cause, { path: this.#name });
  }

  /** Ends the thread. Outcomes not taken are lost. */
  close(): void {
    void this.#worker.terminate();
  }
}
