// What the writing thread and the committer share: a ring of write requests, in memory both can see.

/** Requests under way at most, unless another depth is asked for. */
export const DEFAULT_DEPTH = 4;
/** The greatest depth of the queue of writes that may be asked for. */
export const MAX_DEPTH = 64;
export const MAX_VECTORS = 1024;
/** Bytes of an error's code and of its message. */
const TEXT_BYTES = 512;
const NUMBERS = 4;
const SLOT_BYTES = NUMBERS * 8 + MAX_VECTORS * 8 + TEXT_BYTES;
const HEADER_BYTES = 64;

/** Positions of `header`: requests handed over and requests finished, both counted up for ever (mod 2^32). */
export const POSTED = 0;
export const FINISHED = 1;
/** Of the thread's own flushes: the (negative) errno of one that failed, else 0. */
export const FLUSH_ERRNO = 2;
/** 1 while the thread flushes by itself. */
export const FLUSHING = 3;

/** Views on one ring. Each side makes its own from the same buffer. */
export class WriteSlots {
  /** Requests that the ring holds. */
  readonly depth: number;
  readonly buffer: SharedArrayBuffer;
  readonly header: Int32Array;
  /** For each slot: byte position on the device, count of vectors, 1 when it failed, system calls it took. */
  readonly numbers: Float64Array[] = [];
  /** For each slot: start and length in bytes of its vectors within the memory, one pair after the other. */
  readonly vectors: Uint32Array[] = [];
  readonly texts: Uint8Array[] = [];

  constructor(depth: number, buffer = new SharedArrayBuffer(HEADER_BYTES + depth * SLOT_BYTES)) {
    this.depth = depth;
    this.buffer = buffer;
    this.header = new Int32Array(buffer, 0, HEADER_BYTES / 4);
    for (let slot = 0; slot < depth; slot++) {
      const at = HEADER_BYTES + slot * SLOT_BYTES;
      this.numbers.push(new Float64Array(buffer, at, NUMBERS));
      this.vectors.push(new Uint32Array(buffer, at + NUMBERS * 8, MAX_VECTORS * 2));
      this.texts.push(new Uint8Array(buffer, at + NUMBERS * 8 + MAX_VECTORS * 8, TEXT_BYTES));
    }
  }
}

export const POSITION = 0;
export const NR_VECTORS = 1;
export const FAILED = 2;
export const SYSCALLS = 3;
