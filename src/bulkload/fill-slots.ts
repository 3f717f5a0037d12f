// What the threads that fill and the committer share: jobs, each with its pieces of files and a buffer for what they hold.

/** Jobs under way at most; those that are being put together count. */
export const NR_JOBS = 10;
/** Bytes of a job's buffer, which holds a cluster at least, and its most blocks. */
const JOB_BYTES = 4 * 1024 * 1024;
const MAX_JOB_BLOCKS = 1024;
/** Pieces of a job at most. */
export const MAX_PIECES = 1024;

/** What a job's pieces are: pages of files, for blocks of their own; or whole contents, for within their inodes. */
export const JOB = { PAGES: 0, BYTES: 1 } as const;

/** What became of a piece. */
export const STATUS = {
  /** To be filled. */
  PENDING: 0,
  /** It lies in its place, all of it. */
  WHOLE: 1,
  /** Its pages are what `kinds` says; blocks that there are lie one behind the other. */
  MAPPED: 2,
  /** Reading it failed: whoever owns the tree meets the same failure, and says what is wrong. */
  FAILED: 3,
} as const;

/** What a page of a mapped piece is. */
export const PAGE = {
  HOLE: 0,
  BLOCK: 1,
  /** The first of a compressed cluster, whose blocks are the BLOCK pages that follow. */
  CLUSTER: 2,
  /** What a compressed cluster saves. */
  SAVED: 3,
} as const;

/** What is to be done with a piece's pages: zeros become holes; clusters are compressed; they are hashed. LAST: it is its file's last. */
export const PIECE = { DROP_ZEROS: 1, COMPRESS: 2, LAST: 4, HASH: 8 } as const;

/** Positions in `header`: jobs handed over, taken and finished, counted up for ever (mod 2^32); then the slot of each job. */
export const POSTED = 0;
export const CLAIMED = 1;
export const FINISHED = 2;
const RING = 16;
const RING_LENGTH = 64;
const HEADER_WORDS = RING + RING_LENGTH;

/** Words of a slot, then of each piece. */
const NR_PIECES = 0;
const KIND = 1;
const IS_DONE = 2;
const SLOT_WORDS = 4;
const PIECE_WORDS = 7;
const INDEX = 0;
const FIRST = 1;
const LENGTH = 2;
const AT = 3;
const FLAGS = 4;
const STATE = 5;
const RAW_CLUSTERS = 6;

const SLOT_BYTES = 4 * (SLOT_WORDS + MAX_PIECES * PIECE_WORDS) + MAX_JOB_BLOCKS;

/** How jobs are laid out. */
export interface JobShape {
  /** Bytes of a page, and of a block. */
  readonly pageSize: number;
  /** Bytes of a job's buffer: whole pages. */
  readonly jobBytes: number;
}

/** The shape of jobs that hold clusters of `clusterPages`, or single pages. */
export function jobShape(pageSize: number, clusterPages = 1): JobShape {
  return { pageSize, jobBytes: Math.max(JOB_BYTES, clusterPages * pageSize) };
}

/** Views on the jobs. Each side makes its own from the same buffer. */
export class FillSlots {
  readonly shape: JobShape;
  /** Blocks of a job's buffer. */
  readonly jobBlocks: number;
  readonly buffer: SharedArrayBuffer;
  readonly header: Int32Array;
  readonly #words: Int32Array[] = [];
  /** Of each slot: what each page of its buffer is, see PAGE. */
  readonly kinds: Uint8Array[] = [];

  constructor(shape: JobShape, buffer = new SharedArrayBuffer(4 * HEADER_WORDS + NR_JOBS * SLOT_BYTES)) {
    this.shape = shape;
    this.jobBlocks = shape.jobBytes / shape.pageSize;
    this.buffer = buffer;
    this.header = new Int32Array(buffer, 0, HEADER_WORDS);
    for (let slot = 0; slot < NR_JOBS; slot++) {
      const at = 4 * HEADER_WORDS + slot * SLOT_BYTES;
      const nrWords = SLOT_WORDS + MAX_PIECES * PIECE_WORDS;
      this.#words.push(new Int32Array(buffer, at, nrWords));
      this.kinds.push(new Uint8Array(buffer, at + 4 * nrWords, MAX_JOB_BLOCKS));
    }
  }

  /** Byte offset, in the memory that the jobs are filled in, of a slot's buffer. */
  bufferOf(slot: number): number {
    return slot * this.shape.jobBytes;
  }

  /** Empties a slot for a job of some kind, see JOB. */
  reset(slot: number, kind: number): void {
    const words = this.#words[slot];
    words[NR_PIECES] = 0;
    words[KIND] = kind;
    Atomics.store(words, IS_DONE, 0);
  }

  nrPieces(slot: number): number {
    return this.#words[slot][NR_PIECES];
  }

  isBytes(slot: number): boolean {
    return this.#words[slot][KIND] === JOB.BYTES;
  }

  /**
   * Adds a piece of file `index`. Of pages: `length` ones from page `first` on, for the blocks from `at` of the
   * buffer on. Of bytes: `length` bytes, to byte `at` of it.
   */
  add(slot: number, index: number, first: number, length: number, at: number, flags: number, status: number): void {
    const words = this.#words[slot];
    const word = SLOT_WORDS + words[NR_PIECES]++ * PIECE_WORDS;
    words[word + INDEX] = index;
    words[word + FIRST] = first;
    words[word + LENGTH] = length;
    words[word + AT] = at;
    words[word + FLAGS] = flags;
    words[word + STATE] = status;
    words[word + RAW_CLUSTERS] = 0;
  }

  index(slot: number, piece: number): number {
    return this.#get(slot, piece, INDEX);
  }

  first(slot: number, piece: number): number {
    return this.#get(slot, piece, FIRST);
  }

  length(slot: number, piece: number): number {
    return this.#get(slot, piece, LENGTH);
  }

  at(slot: number, piece: number): number {
    return this.#get(slot, piece, AT);
  }

  flags(slot: number, piece: number): number {
    return this.#get(slot, piece, FLAGS);
  }

  status(slot: number, piece: number): number {
    return this.#get(slot, piece, STATE);
  }

  /** Whole clusters of a piece that compression would not have made smaller. */
  rawClusters(slot: number, piece: number): number {
    return this.#get(slot, piece, RAW_CLUSTERS);
  }

  setStatus(slot: number, piece: number, status: number): void {
    this.#words[slot][SLOT_WORDS + piece * PIECE_WORDS + STATE] = status;
  }

  setMapped(slot: number, piece: number, rawClusters: number): void {
    const word = SLOT_WORDS + piece * PIECE_WORDS;
    const words = this.#words[slot];
    words[word + RAW_CLUSTERS] = rawClusters;
    words[word + STATE] = STATUS.MAPPED;
  }

  #get(slot: number, piece: number, field: number): number {
    return this.#words[slot][SLOT_WORDS + piece * PIECE_WORDS + field];
  }

  /** Hands a job over; its number is the count of those before. */
  post(slot: number): void {
    const { header } = this;
    const job = header[POSTED] >>> 0;
    header[RING + (job % RING_LENGTH)] = slot;
    Atomics.store(header, POSTED, (job + 1) | 0);
    Atomics.notify(header, POSTED);
  }

  slotOf(job: number): number {
    return this.header[RING + ((job >>> 0) % RING_LENGTH)];
  }

  /** Takes the next job that nobody has taken: its slot; -1 when there is none. */
  claim(): number {
    const { header } = this;
    for (;;) {
      const job = Atomics.load(header, CLAIMED);
      if (job === Atomics.load(header, POSTED)) return -1;
      if (Atomics.compareExchange(header, CLAIMED, job, (job + 1) | 0) === job) return this.slotOf(job);
    }
  }

  isDone(slot: number): boolean {
    return Atomics.load(this.#words[slot], IS_DONE) === 1;
  }

  finish(slot: number): void {
    Atomics.store(this.#words[slot], IS_DONE, 1);
    Atomics.add(this.header, FINISHED, 1);
    Atomics.notify(this.header, FINISHED);
  }
}
