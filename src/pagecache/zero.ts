// Zeroes parts of memory that threads share: there TypedArray.fill stores byte by byte, at a tenth of the speed of a copy.
const PIECE = 4 * 1024;
const ZEROS = new Uint8Array(PIECE);

/** Zeroes bytes [from, to) of `memory`. */
export function zero(memory: Uint8Array, from: number, to: number): void {
  for (let at = from; at < to; at += PIECE) {
    const length = Math.min(PIECE, to - at);
    memory.set(length === PIECE ? ZEROS : ZEROS.subarray(0, length), at);
  }
}
