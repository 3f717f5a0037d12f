// The vocabulary of a Zstandard block (RFC 8878, 3.1.1.3.2.1): lengths are a code (a class of values) and extra bits (which of
// its values). Baselines are computed, as this module holds no tables; the encoder's map of lengths to codes lies in its workspace.

/** Most bytes that a block may hold, packed or not. */
export const BLOCK_BYTES: u32 = 128 * 1024;

/** First four bytes of a frame. */
export const MAGIC: u32 = 0xfd2fb528;

/** Types of blocks. */
export const BLOCK_RAW: u32 = 0;
export const BLOCK_RLE: u32 = 1;
export const BLOCK_COMPRESSED: u32 = 2;

/** Types of literals sections; the fourth, treeless, uses the Huffman table of the block before. */
export const LITERALS_RAW: u32 = 0;
export const LITERALS_RLE: u32 = 1;
export const LITERALS_COMPRESSED: u32 = 2;

/** Largest codes: of literal lengths, match lengths, and offsets (a match no farther than 2 GiB). */
export const MAX_LITERAL_CODE: u32 = 35;
export const MAX_MATCH_CODE: u32 = 52;
export const MAX_OFFSET_CODE: u32 = 31;

/** Accuracy logs: the largest that the format allows, and those of its predefined tables. */
export const LITERAL_LOG: u32 = 9;
export const MATCH_LOG: u32 = 9;
export const OFFSET_LOG: u32 = 8;
export const LITERAL_DEFAULT_LOG: u32 = 6;
export const MATCH_DEFAULT_LOG: u32 = 6;
export const OFFSET_DEFAULT_LOG: u32 = 5;

/** How the table of a kind of code is given (`Compression_Mode`); a fourth repeats the block before's. */
export const MODE_PREDEFINED: u32 = 0;
export const MODE_RLE: u32 = 1;
export const MODE_FSE: u32 = 2;

/** Kinds of codes, in the order in which their tables stand in a block. */
export const KIND_LITERAL: u32 = 0;
export const KIND_OFFSET: u32 = 1;
export const KIND_MATCH: u32 = 2;

/** floor(log2(x)) of x > 0. */
export function log2(x: u32): u32 {
  return 31 - clz(x);
}

/** Extra bits of a literal length's code: 1 1 1 1 2 2 3 3 4 from code 16 on, then 6, 7, ... 16. */
export function literalBits(code: u32): u32 {
  if (code < 16) return 0;
  if (code < 20) return 1;
  if (code < 22) return 2;
  if (code < 24) return 3;
  return code === 24 ? 4 : code - 19;
}

/** Smallest literal length of a code. */
export function literalBase(code: u32): u32 {
  if (code < 16) return code;
  if (code < 20) return 16 + ((code - 16) << 1);
  if (code < 22) return 24 + ((code - 20) << 2);
  if (code < 24) return 32 + ((code - 22) << 3);
  return code === 24 ? 48 : 1 << (code - 19);
}

/** Extra bits of a match length's code: 1 1 1 1 2 2 3 3 4 4 5 from code 32 on, then 7, 8, ... 16. */
export function matchBits(code: u32): u32 {
  if (code < 32) return 0;
  if (code < 36) return 1;
  if (code < 38) return 2;
  if (code < 40) return 3;
  if (code < 42) return 4;
  return code === 42 ? 5 : code - 36;
}

/** Smallest match length of a code. */
export function matchBase(code: u32): u32 {
  if (code < 32) return 3 + code;
  if (code < 36) return 35 + ((code - 32) << 1);
  if (code < 38) return 43 + ((code - 36) << 2);
  if (code < 40) return 51 + ((code - 38) << 3);
  if (code < 42) return 67 + ((code - 40) << 4);
  return code === 42 ? 99 : 3 + (1 << (code - 36));
}

/** Extra bits of a code of a kind; an offset's code is its number of bits. */
export function extraBits(kind: u32, code: u32): u32 {
  if (kind === KIND_OFFSET) return code;
  return kind === KIND_LITERAL ? literalBits(code) : matchBits(code);
}

/** Smallest value of a code of a kind. Offsets are `Offset_Value`s: 1 to 3 repeat, else the distance is 3 less. */
export function baseline(kind: u32, code: u32): u32 {
  if (kind === KIND_OFFSET) return 1 << code;
  return kind === KIND_LITERAL ? literalBase(code) : matchBase(code);
}

export function maxCode(kind: u32): u32 {
  if (kind === KIND_OFFSET) return MAX_OFFSET_CODE;
  return kind === KIND_LITERAL ? MAX_LITERAL_CODE : MAX_MATCH_CODE;
}

export function maxLog(kind: u32): u32 {
  if (kind === KIND_OFFSET) return OFFSET_LOG;
  return kind === KIND_LITERAL ? LITERAL_LOG : MATCH_LOG;
}

export function defaultLog(kind: u32): u32 {
  if (kind === KIND_OFFSET) return OFFSET_DEFAULT_LOG;
  return kind === KIND_LITERAL ? LITERAL_DEFAULT_LOG : MATCH_DEFAULT_LOG;
}

function fill(norm: usize, from: u32, to: u32, value: i16): void {
  for (let code = from; code < to; code++) store<i16>(norm + (code << 1), value);
}

/**
 * Writes the predefined distribution of a kind: an i16 for each code up to maxCode, 0 where the code is unknown to it.
 * Source: RFC 8878, 3.1.1.3.2.2.
 */
export function defaultDistribution(kind: u32, norm: usize): void {
  if (kind === KIND_LITERAL) {
    fill(norm, 0, 25, 2);
    store<i16>(norm, 4);
    store<i16>(norm, 3, 2);
    fill(norm, 13, 16, 1);
    store<i16>(norm, 3, 50);
    store<i16>(norm, 2, 52);
    fill(norm, 27, 32, 1);
    fill(norm, 32, 36, -1);
  } else if (kind === KIND_MATCH) {
    fill(norm, 0, 46, 1);
    store<i16>(norm, 4, 2);
    store<i16>(norm, 3, 4);
    fill(norm, 3, 9, 2);
    fill(norm, 46, 53, -1);
  } else {
    fill(norm, 0, 24, 1);
    fill(norm, 6, 9, 2);
    fill(norm, 24, 29, -1);
    fill(norm, 29, 32, 0);
  }
}
