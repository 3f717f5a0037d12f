// The LZ4 block format, as both encoders write it. A block is a row of sequences: a token, literals, a match. The
// token's high half is the number of literals, its low half the match's length less 4; 15 says that more follows, in
// bytes of which the first that is not 255 is the last. The match is two bytes, its distance. Relies on bytes.ts.
// Source: lz4_Block_format.md.
import { copy16, copyWild } from './bytes';

/** Shortest match, and the farthest that one may lie back. */
export const MIN_MATCH: usize = 4;
export const MAX_DISTANCE: usize = 65535;
/** The last bytes of a block are literals, this many at least; the last sequence has no match. */
export const LAST_LITERALS: usize = 5;
/**
 * No match begins nearer to the end. The format says 12; with 16 a vector can be loaded from any place of the search.
 */
export const SEARCH_LIMIT: u32 = 16;

/** Bytes that a length takes beside the token. */
export function lengthBytes(length: usize): usize {
  return length < 15 ? 0 : (length - 15) / 255 + 1;
}

/** Writes what of a length is beyond the token's 15; returns the place behind. */
function longLength(op: usize, rest: usize): usize {
  let at = op;
  let left = rest;
  while (left >= 255) {
    store<u8>(at++, 255);
    left -= 255;
  }
  store<u8>(at, left);
  return at + 1;
}

/**
 * Writes `run` literals and a match. Returns the place behind, or 0 when it and the last literals do not fit. The
 * literals lie 16 bytes before the end of the source, at least.
 */
export function lz4Sequence(op: usize, from: usize, run: usize, distance: usize, length: usize, dstEnd: usize): usize {
  const more = length - MIN_MATCH;
  let at = op + 1;
  let token = min<usize>(more, 15);
  // Far from the end of dst, and short: no need to count.
  if (run < 15 && dstEnd - op >= 32) {
    token |= run << 4;
    copy16(at, from);
  } else {
    if (dstEnd - op < 1 + lengthBytes(run) + run + 2 + 1 + LAST_LITERALS) return 0;
    if (run < 15) {
      token |= run << 4;
    } else {
      token |= 15 << 4;
      at = longLength(at, run - 15);
    }
    if (dstEnd - at >= run + 16) copyWild(at, from, run);
    else memory.copy(at, from, run);
  }
  at += run;
  store<u16>(at, distance);
  at += 2;
  if (more >= 15) {
    if (dstEnd - at < lengthBytes(more) + 1 + LAST_LITERALS) return 0;
    at = longLength(at, more - 15);
  }
  store<u8>(op, token);
  return at;
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
