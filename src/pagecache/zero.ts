// Zeroes parts of memory that threads share: there TypedArray.fill stores byte by byte, at a tenth of the speed of a copy.
import { BLKSIZE } from '../format/constants.ts';

const ZEROS = new Uint8Array(BLKSIZE);

/** Zeroes bytes [from, to) of `memory`. */
export function zero(memory: Uint8Array, from: number, to: number): void {
  for (let at = from; at < to; at += BLKSIZE) {
    const length = Math.min(BLKSIZE, to - at);
    memory.set(length === BLKSIZE ? ZEROS : ZEROS.subarray(0, length), at);
  }
}
