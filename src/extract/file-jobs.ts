// What an extraction and the thread that helps it share: jobs, each with the paths, contents and attributes of some small files.

/** Jobs under way at most; the one that is being put together counts. */
export const NR_JOBS = 6;
/** Bytes of a job's paths and contents. */
export const JOB_BYTES = 1 << 20;
/** Files of a job at most. */
const MAX_FILES = 256;

/** Where in `header` jobs are counted: handed over, taken, finished. */
export const POSTED = 0;
const TAKEN = 1;
export const FINISHED = 2;
/** Not 0: no more files are to be made. */
const STOPPED = 3;
const HEADER_WORDS = 4;

/** What became of a file. */
const STATUS = {
  PENDING: 0,
  /** It is there, with its contents and attributes. */
  MADE: 1,
  /** It is not there: whoever makes it once more meets the same failure, and says what is wrong. */
  FAILED: 2,
} as const;

/** Words of a file. Its path ends where its contents begin. */
const PATH = 0;
const CONTENTS = 1;
const END = 2;
const MODE = 3;
const IS_OWNED = 4;
const UID = 5;
const GID = 6;
const STATE = 7;
/** Two struct timespec, see putTimes. */
const TIMES = 8;
const TIMES_WORDS = 8;
const FILE_WORDS = TIMES + TIMES_WORDS;

/** Words of a job: how many files it has, whether they are dealt with; then its files. */
const COUNT = 0;
const IS_DONE = 1;
const FILES = 2;
const JOB_WORDS = FILES + MAX_FILES * FILE_WORDS;

const JOBS_AT = 4 * HEADER_WORDS;
const BYTES_AT = JOBS_AT + 4 * NR_JOBS * JOB_WORDS;
const TWO32 = 2 ** 32;

/** Times of an entry: seconds since 1970 and nanoseconds below 1e9. */
export interface EntryTimes {
  readonly atimeSec: number;
  readonly atimeNsec: number;
  readonly mtimeSec: number;
  readonly mtimeNsec: number;
}

/** Puts the times as utimensat(2) takes them: 64 bits of each number, in two words. */
export function putTimes(words: Uint32Array, at: number, times: EntryTimes): void {
  const { atimeSec, mtimeSec } = times;
  words[at] = atimeSec % TWO32;
  words[at + 1] = Math.floor(atimeSec / TWO32);
  words[at + 2] = times.atimeNsec;
  words[at + 3] = 0;
  words[at + 4] = mtimeSec % TWO32;
  words[at + 5] = Math.floor(mtimeSec / TWO32);
  words[at + 6] = times.mtimeNsec;
  words[at + 7] = 0;
}

/** What a file gets, besides its contents and times. */
export interface FileAttributes {
  /** 12 bits. */
  readonly mode: number;
  /** Null: it stays that of who makes it. */
  readonly owner: { readonly uid: number; readonly gid: number } | null;
}

function wordOf(file: number): number {
  return FILES + file * FILE_WORDS;
}

/** Views on the jobs. Each side makes its own from the same buffer. A job is known by how many there were before it. */
export class FileJobs {
  readonly buffer: SharedArrayBuffer;
  readonly header: Int32Array;
  readonly #words: Uint32Array[] = [];
  readonly #bytes: Uint8Array[] = [];

  constructor(buffer = new SharedArrayBuffer(BYTES_AT + NR_JOBS * JOB_BYTES)) {
    this.buffer = buffer;
    this.header = new Int32Array(buffer, 0, HEADER_WORDS);
    for (let slot = 0; slot < NR_JOBS; slot++) {
      this.#words.push(new Uint32Array(buffer, JOBS_AT + 4 * slot * JOB_WORDS, JOB_WORDS));
      this.#bytes.push(new Uint8Array(buffer, BYTES_AT + slot * JOB_BYTES, JOB_BYTES));
    }
  }

  #wordsOf(job: number): Uint32Array {
    return this.#words[job % NR_JOBS];
  }

  /** Begins a job, in the place of the one NR_JOBS before it. */
  reset(job: number): void {
    const words = this.#wordsOf(job);
    words[COUNT] = 0;
    Atomics.store(words, IS_DONE, 0);
  }

  count(job: number): number {
    return this.#wordsOf(job)[COUNT];
  }

  /** The memory for the contents of one more file of a job; null when it has no room for them. */
  room(job: number, path: Uint8Array, length: number): Uint8Array | null {
    const at = this.#end(job) + path.length;
    if (this.count(job) === MAX_FILES || at + length > JOB_BYTES) return null;
    return this.#bytes[job % NR_JOBS].subarray(at, at + length);
  }

  #end(job: number): number {
    const words = this.#wordsOf(job);
    const count = words[COUNT];
    return count === 0 ? 0 : words[wordOf(count - 1) + END];
  }

  /** Adds the file whose contents are in their room. */
  add(job: number, path: Uint8Array, length: number, { mode, owner }: FileAttributes, times: EntryTimes): void {
    const at = this.#end(job);
    this.#bytes[job % NR_JOBS].set(path, at);
    const words = this.#wordsOf(job);
    const word = wordOf(words[COUNT]++);
    words[word + PATH] = at;
    words[word + CONTENTS] = at + path.length;
    words[word + END] = at + path.length + length;
    words[word + MODE] = mode;
    words[word + IS_OWNED] = owner === null ? 0 : 1;
    words[word + UID] = owner?.uid ?? 0;
    words[word + GID] = owner?.gid ?? 0;
    words[word + STATE] = STATUS.PENDING;
    putTimes(words, word + TIMES, times);
  }

  path(job: number, file: number): Uint8Array {
    return this.#part(job, file, PATH, CONTENTS);
  }

  contents(job: number, file: number): Uint8Array {
    return this.#part(job, file, CONTENTS, END);
  }

  #part(job: number, file: number, from: number, to: number): Uint8Array {
    const words = this.#wordsOf(job);
    const word = wordOf(file);
    return this.#bytes[job % NR_JOBS].subarray(words[word + from], words[word + to]);
  }

  attributes(job: number, file: number): FileAttributes {
    const words = this.#wordsOf(job);
    const word = wordOf(file);
    const owner = words[word + IS_OWNED] === 0 ? null : { uid: words[word + UID], gid: words[word + GID] };
    return { mode: words[word + MODE], owner };
  }

  /** Two struct timespec. */
  times(job: number, file: number): Uint8Array {
    const words = this.#wordsOf(job);
    return new Uint8Array(words.buffer, words.byteOffset + 4 * (wordOf(file) + TIMES), 4 * TIMES_WORDS);
  }

  setMade(job: number, file: number, isMade: boolean): void {
    this.#wordsOf(job)[wordOf(file) + STATE] = isMade ? STATUS.MADE : STATUS.FAILED;
  }

  isMade(job: number, file: number): boolean {
    return this.#wordsOf(job)[wordOf(file) + STATE] === STATUS.MADE;
  }

  /** Jobs that were handed over. */
  get posted(): number {
    return this.header[POSTED];
  }

  /** Hands over the job at hand. */
  post(): void {
    Atomics.add(this.header, POSTED, 1);
    Atomics.notify(this.header, POSTED);
  }

  stop(): void {
    Atomics.store(this.header, STOPPED, 1);
  }

  get isStopped(): boolean {
    return Atomics.load(this.header, STOPPED) !== 0;
  }

  /** Takes the next job that nobody has taken; -1 when there is none. */
  take(): number {
    const { header } = this;
    for (;;) {
      const job = Atomics.load(header, TAKEN);
      if (job === Atomics.load(header, POSTED)) return -1;
      if (Atomics.compareExchange(header, TAKEN, job, job + 1) === job) return job;
    }
  }

  finish(job: number): void {
    Atomics.store(this.#wordsOf(job), IS_DONE, 1);
    Atomics.add(this.header, FINISHED, 1);
    Atomics.notify(this.header, FINISHED);
  }

  isDone(job: number): boolean {
    return Atomics.load(this.#wordsOf(job), IS_DONE) === 1;
  }
}
