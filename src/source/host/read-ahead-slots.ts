// What the reading thread and the populator share: a ring of requests and a ring of contents.

/** Requests under way at most. */
export const NR_SLOTS = 512;
/** Bytes of contents under way at most. */
export const RING_BYTES = 16 * 1024 * 1024;
/** Longest path that a request holds; a longer one is read without this. */
export const MAX_PATH = 480;
const NUMBERS = 10;
const HEADER_BYTES = 64;

/** Positions of `header`: requests handed over and requests finished, both counted up for ever (mod 2^32). */
export const POSTED = 0;
export const FINISHED = 1;

/** Positions of a slot's numbers. */
export const PATH_LENGTH = 0;
export const SIZE = 1;
/** Where the contents go: bytes from the ring's start. */
export const OFFSET = 2;
/** What the file must be: as the scan saw it. */
export const DEV = 3;
export const INO_HIGH = 4;
export const INO_LOW = 5;
export const MTIME_SEC = 6;
export const MTIME_NSEC = 7;
/** 1 when the contents are there and the file was the same before and after. */
export const GOOD = 8;

/** Views on the rings. Each side makes its own from the same buffer. */
export class ReadSlots {
  readonly buffer: SharedArrayBuffer;
  readonly header: Int32Array;
  readonly contents: Uint8Array;
  readonly #numbers: Float64Array;
  readonly #paths: Uint8Array;

  constructor(buffer = new SharedArrayBuffer(HEADER_BYTES + NR_SLOTS * (NUMBERS * 8 + MAX_PATH) + RING_BYTES)) {
    this.buffer = buffer;
    this.header = new Int32Array(buffer, 0, HEADER_BYTES / 4);
    this.#numbers = new Float64Array(buffer, HEADER_BYTES, NR_SLOTS * NUMBERS);
    const paths = HEADER_BYTES + NR_SLOTS * NUMBERS * 8;
    this.#paths = new Uint8Array(buffer, paths, NR_SLOTS * MAX_PATH);
    this.contents = new Uint8Array(buffer, paths + NR_SLOTS * MAX_PATH, RING_BYTES);
  }

  get(slot: number, which: number): number {
    return this.#numbers[slot * NUMBERS + which];
  }

  set(slot: number, which: number, value: number): void {
    this.#numbers[slot * NUMBERS + which] = value;
  }

  path(slot: number): Uint8Array {
    return this.#paths.subarray(slot * MAX_PATH, slot * MAX_PATH + this.get(slot, PATH_LENGTH));
  }

  setPath(slot: number, path: Uint8Array): void {
    this.set(slot, PATH_LENGTH, path.length);
    this.#paths.set(path, slot * MAX_PATH);
  }
}
