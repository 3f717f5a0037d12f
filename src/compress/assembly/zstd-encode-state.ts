// What the compressor keeps in its workspace: where things lie, the fields that its parts share, and how a sequence is stored.
import { copyWild } from './bytes';
import {
  BLOCK_BYTES,
  literalBase,
  literalBits,
  MAX_LITERAL_CODE,
  MAX_MATCH_CODE,
  matchBase,
  matchBits,
} from './zstd-codes';

/** Most sequences of a block: each covers at least 3 bytes. */
const MAX_SEQUENCES: u32 = BLOCK_BYTES / 3 + 8;
/** Literal lengths from here on have a code by their logarithm alone; for match lengths, less 3, from the second on. */
export const LITERAL_CODES: u32 = 64;
export const MATCH_CODES: u32 = 128;

const FIELDS_BYTES: u32 = 128;
const LITERAL_CODES_AT: u32 = FIELDS_BYTES;
const MATCH_CODES_AT: u32 = LITERAL_CODES_AT + LITERAL_CODES;
const SCRATCH_AT: u32 = 512;
const LITERALS_AT: u32 = 32 * 1024;
const BLOCK_AT: u32 = LITERALS_AT + BLOCK_BYTES + 64;
const SEQUENCES_AT: u32 = BLOCK_AT + BLOCK_BYTES + 1024;
const PARSER_AT: u32 = SEQUENCES_AT + MAX_SEQUENCES * 8;
const PARSER_BYTES: u32 = 256 * 1024;
/** The rest of the 2 MiB, more than 1.1 MiB, is the match finders'. */
const TABLES_AT: u32 = (PARSER_AT + PARSER_BYTES + 63) & ~63;

/** The first bytes of the workspace. */
@unmanaged
export class EncodeState {
  /** The three latest distances, latest first, as the decoder will have them where the block begins. */
  repeat1: u32;
  repeat2: u32;
  repeat3: u32;
  /** The part of the frame's content at hand: no match but one at a distance used before reaches before it. */
  base: usize;
  /** End of the block's literals and sequences so far. */
  literalsEnd: usize;
  sequencesEnd: usize;
  /** Which match finder, and its tables' logs; 0 for a table that it does not have. */
  strategy: u32;
  hashLog: u32;
  secondLog: u32;
  /** Bytes that are hashed. */
  minMatch: u32;
  /** How many earlier occurrences are looked at, and what length ends the search. */
  depth: u32;
  enough: u32;
  /** How many more positions are tried in the hope of a better match. */
  patience: u32;
  /** How often the optimal parser's prices are improved for the first block, and whether it has any. */
  rounds: u32;
  hasPrices: u32;
  /** The part's bytes. */
  length: u32;
  /** Where the next position to be entered in the tables lies, for finders that enter them all. */
  entered: usize;

  static at(work: usize): EncodeState {
    return changetype<EncodeState>(work);
  }
}

/** Code by literal length, a byte for each below LITERAL_CODES. */
export function literalCodesOf(work: usize): usize {
  return work + LITERAL_CODES_AT;
}

/** Code by match length less 3, a byte for each below MATCH_CODES. */
export function matchCodesOf(work: usize): usize {
  return work + MATCH_CODES_AT;
}

/** Some 31 KiB for the entropy coders. */
export function scratchOf(work: usize): usize {
  return work + SCRATCH_AT;
}

/** The block's literals, one after the other. */
export function literalsOf(work: usize): usize {
  return work + LITERALS_AT;
}

/** Where a block is written before it is known whether it is any good; up to 1 KiB more than BLOCK_BYTES. */
export function blockOf(work: usize): usize {
  return work + BLOCK_AT;
}

/** The block's sequences: see storeSequence. */
export function sequencesOf(work: usize): usize {
  return work + SEQUENCES_AT;
}

/** 256 KiB: the codes of sequences while they are written, before that the optimal parser's. */
export function parserOf(work: usize): usize {
  return work + PARSER_AT;
}

/** The match finders' tables. */
export function tablesOf(work: usize): usize {
  return work + TABLES_AT;
}

/** Fills the maps of short lengths to their codes. */
export function buildCodeMaps(work: usize): void {
  let to = literalCodesOf(work);
  for (let code: u32 = 0; code <= MAX_LITERAL_CODE && literalBase(code) < LITERAL_CODES; code++) {
    for (let more: u32 = 1 << literalBits(code); more > 0; more--) store<u8>(to++, <u8>code);
  }
  to = matchCodesOf(work);
  for (let code: u32 = 0; code <= MAX_MATCH_CODE && matchBase(code) < MATCH_CODES + 3; code++) {
    for (let more: u32 = 1 << matchBits(code); more > 0; more--) store<u8>(to++, <u8>code);
  }
}

/**
 * Appends a sequence: `literalLength` bytes at `literals` as they are, then `matchLength` of what `offsetValue` says (1 to 3: a repeat,
 * else the distance and 3). Stored as 18 bits literal length, 18 bits match length less 3, offset value. Up to 15 bytes past the
 * literals are read: matches begin 16 or more before the end of the content.
 */
export function storeSequence(
  state: EncodeState,
  literals: usize,
  literalLength: u32,
  offsetValue: u32,
  matchLength: u32,
): void {
  const to = state.literalsEnd;
  v128.store(to, v128.load(literals));
  if (literalLength > 16) copyWild(to + 16, literals + 16, literalLength - 16);
  state.literalsEnd = to + literalLength;
  const at = state.sequencesEnd;
  store<u64>(at, <u64>literalLength | ((<u64>(matchLength - 3)) << 18) | ((<u64>offsetValue) << 36));
  state.sequencesEnd = at + 8;
}

/**
 * Appends a match by its distance, and says so if it is one of the latest three; keeps these up to date. Without literals the last one
 * does not count, as its match would only have been longer, and a third value means one byte less than it.
 */
export function storeMatch(
  state: EncodeState,
  literals: usize,
  literalLength: u32,
  distance: u32,
  matchLength: u32,
): void {
  const repeat1 = state.repeat1;
  const repeat2 = state.repeat2;
  const repeat3 = state.repeat3;
  let value = distance + 3;
  if (literalLength !== 0) {
    if (distance === repeat1) value = 1;
    else if (distance === repeat2) value = 2;
    else if (distance === repeat3) value = 3;
  } else if (distance === repeat2) value = 1;
  else if (distance === repeat3) value = 2;
  else if (distance === repeat1 - 1) value = 3;
  storeSequence(state, literals, literalLength, value, matchLength);
  if (value === 1 && literalLength !== 0) return;
  state.repeat1 = distance;
  state.repeat2 = repeat1;
  if (distance !== repeat2) state.repeat3 = repeat2;
}
