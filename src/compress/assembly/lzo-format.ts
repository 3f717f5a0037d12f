// The LZO1X stream, as the encoder writes it, and LZO-RLE's addition. Relies on bytes.ts.
//
// A stream is a row of instructions. Most copy a match, and carry in their two lowest bits how many literals follow: 0
// to 3. A longer run of literals is an instruction of its own. What a first byte below 16 means depends on the literals
// before it.
//
//   0000LLLL                    a run of 3+L literals; L = 0: 18 and more (where no literals came before)
//   0000DDSS H                  a match of 2, or after a run of 3 from beyond 2 KiB: read, but never written here
//   01LDDDSS H, 1LLDDDSS H      a match of 3..8 from within 2 KiB
//   001LLLLL DDDDDDSS D         a match of 2+L from within 16 KiB; L = 0: 33 and more
//   0001HLLL DDDDDDSS D         a match of 2+L from beyond 16 KiB; L = 0: 9 and more. Distance 16 KiB ends the stream
//   00011LLL 111111SS FF X      LZO-RLE: 4 + (X << 3 | L) zeros
//
// "And more": bytes of zero count 255 each, the first other one counts itself and is the last. A first byte above 17 is
// instead a run of that many literals less 17. LZO-RLE begins with the bytes 17 and 1. Source:
// Documentation/staging/lzo.rst.
import { copy16, copyWild } from './bytes';

/** Farthest distance of each kind of match. */
export const NEAR: usize = 0x800;
export const MIDDLE: usize = 0x4000;
export const FAR: usize = 0xbfff;
/** Longest matches whose length is in the first byte. */
export const NEAR_LENGTH: usize = 8;
export const MIDDLE_LENGTH: usize = 33;
export const FAR_LENGTH: usize = 9;

export const MIN_ZEROS: usize = 4;
export const MAX_ZEROS: usize = 2051;

/** Bytes of the end marker. */
export const END_BYTES: usize = 3;

/** Bytes that a length takes when `rest` of it, 1 at least, does not fit in the first byte. */
function restBytes(rest: usize): usize {
  return (rest - 1) / 255 + 1;
}

function writeRest(op: usize, rest: usize): usize {
  let at = op;
  let left = rest;
  while (left > 255) {
    store<u8>(at++, 0);
    left -= 255;
  }
  store<u8>(at, left);
  return at + 1;
}

/**
 * Writes `run` literals from a source that ends at `end`. `tail` is the place of the last instruction's two bits, or 0
 * when there is none yet. Returns the place behind them, or 0 when they and the end marker do not fit.
 */
export function lzoLiterals(op: usize, tail: usize, from: usize, run: usize, end: usize, dstEnd: usize): usize {
  if (run === 0) return op;
  let at = op;
  const room = dstEnd - op;
  if (tail !== 0 && run <= 3) {
    if (room < run + END_BYTES) return 0;
    store<u8>(tail, (load<u8>(tail) as usize) | run);
  } else if (tail === 0 && run <= 238) {
    if (room < 1 + run + END_BYTES) return 0;
    store<u8>(at++, 17 + run);
  } else if (run <= 18) {
    if (room < 1 + run + END_BYTES) return 0;
    store<u8>(at++, run - 3);
  } else {
    if (room < 1 + restBytes(run - 18) + run + END_BYTES) return 0;
    store<u8>(at++, 0);
    at = writeRest(at, run - 18);
  }
  // A whole vector reads and writes beyond the literals.
  if (dstEnd - at < run + 16 || end - from < run + 16) memory.copy(at, from, run);
  else if (run <= 16) copy16(at, from);
  else copyWild(at, from, run);
  return at + run;
}

/**
 * Writes a match. Returns the place behind it, or 0 when it and the end marker do not fit. Its two bits are two bytes
 * before.
 */
export function lzoMatch(op: usize, distance: usize, length: usize, dstEnd: usize): usize {
  const room = dstEnd - op;
  if (room < 3 + END_BYTES) return 0;
  if (length <= NEAR_LENGTH && distance <= NEAR) {
    const d = distance - 1;
    store<u8>(op, ((length - 1) << 5) | ((d & 7) << 2));
    store<u8>(op + 1, d >> 3);
    return op + 2;
  }
  let at = op;
  let d: usize;
  let first: usize;
  let inFirst: usize;
  if (distance <= MIDDLE) {
    d = distance - 1;
    first = 0x20;
    inFirst = MIDDLE_LENGTH;
  } else {
    d = distance - MIDDLE;
    first = 0x10 | ((d >> 11) & 8);
    inFirst = FAR_LENGTH;
  }
  if (length <= inFirst) {
    store<u8>(at++, first | (length - 2));
  } else {
    if (room < 1 + restBytes(length - inFirst) + 2 + END_BYTES) return 0;
    store<u8>(at++, first);
    at = writeRest(at, length - inFirst);
  }
  store<u16>(at, d << 2);
  return at + 2;
}

/** Writes 4 to 2051 zeros; as lzoMatch, but its two bits are three bytes before. */
export function lzoZeros(op: usize, length: usize, dstEnd: usize): usize {
  if (dstEnd - op < 4 + END_BYTES) return 0;
  const n = (length - MIN_ZEROS) as u32;
  store<u32>(op, 0x00fffc18 | (n & 7) | ((n >> 3) << 24));
  return op + 4;
}

/** Writes the end marker, for which there is room. */
export function lzoEnd(op: usize): usize {
  store<u16>(op, 0x0011);
  store<u8>(op + 2, 0);
  return op + END_BYTES;
}
