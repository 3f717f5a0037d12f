// The LZ4 block format, as both encoders write it. A block is a row of sequences: a token, literals, a match. The token's high
// half is the number of literals, its low half the match's length less 4; 15 says that more follows, in bytes of which the first
// that is not 255 is the last. The match is two bytes, its distance. Source: lz4_Block_format.md.

/** Shortest match. */
export const MIN_MATCH: usize = 4;
/** The last bytes of a block are literals, this many at least; the last sequence has no match. */
export const LAST_LITERALS: usize = 5;

/** Bytes that a length takes beside the token. */
export function lengthBytes(length: usize): usize {
  return length < 15 ? 0 : (length - 15) / 255 + 1;
}

/** Writes what of a length is beyond the token's 15; returns the place behind. */
export function longLength(op: usize, rest: usize): usize {
  let at = op;
  let left = rest;
  while (left >= 255) {
    store<u8>(at++, 255);
    left -= 255;
  }
  store<u8>(at, left);
  return at + 1;
}

/** The sequence that ends the block. Returns the block's length, or 0 when it does not fit. */
export function lz4LastLiterals(op: usize, from: usize, run: usize, dst: usize, dstEnd: usize): u32 {
  if (dstEnd - op < 1 + lengthBytes(run) + run) return 0;
  let at = op + 1;
  if (run < 15) {
    store<u8>(op, run << 4);
  } else {
    store<u8>(op, 15 << 4);
    at = longLength(at, run - 15);
  }
  memory.copy(at, from, run);
  return (at + run - dst) as u32;
}
