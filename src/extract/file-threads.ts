// Has small files made by another thread while the next ones are read. Whoever reads makes files as well, when that thread falls behind.
import { F2fsError } from '../errors.ts';
import type { HostLibc } from '../host/libc.ts';
import { nrParallel, startThread, type Thread } from '../platform/threads.ts';
import { type EntryTimes, FINISHED, type FileAttributes, FileJobs, NR_JOBS } from './file-jobs.ts';
import { makeFiles } from './file-maker.ts';

/** Milliseconds that one look for a finished job takes at most, so that the caller is heard in between. */
const LOOK_MS = 20;
/** Milliseconds without a job finishing after which the thread counts as dead. */
const PATIENCE_MS = 120_000;

/** Files in the order in which they were added, with what the caller is to know of each once it is dealt with. */
export class FileThreads<T> implements Disposable {
  readonly #libc: HostLibc;
  readonly #jobs = new FileJobs();
  readonly #files: T[][] = [];
  #thread: Thread | null = null;
  #isDead = false;
  /** What is made here of a job that nobody else has taken. */
  #own: Generator<void> | null = null;
  #idleSince = 0;
  /** Jobs whose files were taken back. */
  taken = 0;

  constructor(libc: HostLibc) {
    this.#libc = libc;
    this.#begin();
  }

  /** Jobs that there are so far: a file that was added is dealt with once as many are taken back. */
  get end(): number {
    const { posted } = this.#jobs;
    return this.#jobs.count(posted) > 0 ? posted + 1 : posted;
  }

  #begin(): void {
    const { posted } = this.#jobs;
    this.#jobs.reset(posted);
    this.#files[posted % NR_JOBS] = [];
  }

  /** Whether the job at hand can be handed over: else one must be taken back first. */
  get hasRoom(): boolean {
    return this.#jobs.posted + 1 < this.taken + NR_JOBS;
  }

  /** The memory that the contents of a file are to be put to; null when the job at hand must be handed over first. */
  room(path: Uint8Array, length: number): Uint8Array | null {
    return this.#jobs.room(this.#jobs.posted, path, length);
  }

  /** Adds a file whose contents are in their room. */
  add(path: Uint8Array, length: number, attributes: FileAttributes, times: EntryTimes, file: T): void {
    const { posted } = this.#jobs;
    this.#jobs.add(posted, path, length, attributes, times);
    this.#files[posted % NR_JOBS].push(file);
  }

  /** Hands the job at hand over, for which there must be room. The thread starts with the second: small trees do without. */
  post(): void {
    if (this.#jobs.posted === 1) this.#start();
    this.#jobs.post();
    this.#begin();
  }

  #start(): void {
    if (nrParallel() < 2) return;
    try {
      this.#thread = startThread('extract/file-worker', this.#jobs.buffer);
    } catch {
      return;
    }
    this.#thread.on('exit', () => {
      this.#isDead = true;
    });
  }

  /** Waits until the oldest job is done, in steps, and makes what nobody has taken yet. Throws EIO for a thread that is lost. */
  *wait(): Generator<void> {
    const jobs = this.#jobs;
    while (!jobs.isDone(this.taken)) {
      if (this.#own === null) {
        const job = jobs.take();
        if (job >= 0) this.#own = makeFiles(jobs, job, this.#libc);
      }
      if (this.#own === null) this.#sleep();
      else if (this.#own.next().done === true) this.#own = null;
      yield;
    }
  }

  #sleep(): void {
    const { header } = this.#jobs;
    const finished = Atomics.load(header, FINISHED);
    if (this.#jobs.isDone(this.taken) || Atomics.wait(header, FINISHED, finished, LOOK_MS) !== 'timed-out') {
      this.#idleSince = 0;
      return;
    }
    const now = performance.now();
    if (this.#idleSince === 0) this.#idleSince = now;
    if (!this.#isDead && now - this.#idleSince < PATIENCE_MS) return;
    throw new F2fsError(
      'EIO',
      'the thread that makes files does not answer: the host may wait for a disk or a network',
    );
  }

  /** The files of the oldest job, which is done, and whether each was made. */
  takeBack(): { file: T; isMade: boolean }[] {
    const job = this.taken++;
    return this.#files[job % NR_JOBS].map((file, i) => ({ file, isMade: this.#jobs.isMade(job, i) }));
  }

  /** Jobs that were handed over, and not taken back. */
  get nrUnderWay(): number {
    return this.#jobs.posted - this.taken;
  }

  /** No more files are made, but for those that are being made. */
  stop(): void {
    this.#jobs.stop();
  }

  [Symbol.dispose](): void {
    void this.#thread?.terminate();
  }
}
