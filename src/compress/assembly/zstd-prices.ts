// What literals, lengths and distances cost, in 256ths of a bit, judged by a block that was parsed before: the optimal parser's scales.
import {
  KIND_LITERAL,
  KIND_MATCH,
  literalBits,
  log2,
  MAX_LITERAL_CODE,
  MAX_MATCH_CODE,
  MAX_OFFSET_CODE,
  matchBits,
} from './zstd-codes';
import {
  EncodeState,
  LITERAL_CODES,
  literalCodesOf,
  literalsOf,
  MATCH_CODES,
  matchCodesOf,
  parserOf,
  scratchOf,
  sequencesOf,
} from './zstd-encode-state';
import { log2Parts } from './zstd-fse-encode';
import { countBytes } from './zstd-literals-encode';
import { COUNTS_BYTES, findCodes } from './zstd-sequences-encode';

/** The prices lie behind the parser's nodes: u32 for each byte, offset code, match code, literal code, short lengths. */
export const PRICES_AT: u32 = 180 * 1024;
const OFFSETS_AT: u32 = 1024;
const MATCHES_AT: u32 = OFFSETS_AT + 32 * 4;
const LITERALS_AT: u32 = MATCHES_AT + 64 * 4;
const SHORT_MATCHES_AT: u32 = LITERALS_AT + 64 * 4;
const SHORT_LITERALS_AT: u32 = SHORT_MATCHES_AT + MATCH_CODES * 4;

/** No byte is taken to cost more. */
const MAX_LITERAL_PRICE: u32 = 11 << 8;

/** Price of each symbol by counts; those that did not occur count as half a one. */
function priceSymbols(counts: usize, prices: usize, maxSymbol: u32): void {
  let total: u32 = 0;
  for (let symbol: u32 = 0; symbol <= maxSymbol; symbol++) total += 2 * load<u32>(counts + (symbol << 2)) + 1;
  const whole = log2Parts(total);
  for (let symbol: u32 = 0; symbol <= maxSymbol; symbol++) {
    store<u32>(prices + (symbol << 2), whole - log2Parts(2 * load<u32>(counts + (symbol << 2)) + 1));
  }
}

/**
 * Sets the prices by the literals and sequences that the workspace holds.
 * @param isGuess whether these have no matches of three bytes, for want of looking for them
 */
export function setPrices(work: usize, isGuess: bool): void {
  const state = EncodeState.at(work);
  const scratch = scratchOf(work);
  const prices = parserOf(work) + PRICES_AT;
  const literals = literalsOf(work);
  countBytes(literals, <u32>(state.literalsEnd - literals), scratch);
  priceSymbols(scratch, prices, 255);
  for (let at = prices; at < prices + 1024; at += 4) store<u32>(at, min(load<u32>(at), MAX_LITERAL_PRICE));

  const sequences = sequencesOf(work);
  findCodes(work, sequences, <u32>(state.sequencesEnd - sequences) >> 3, parserOf(work), scratch);
  if (isGuess) {
    const matches = scratch + KIND_MATCH * COUNTS_BYTES;
    store<u32>(matches, load<u32>(matches, 4));
  }
  priceSymbols(scratch + KIND_LITERAL * COUNTS_BYTES, prices + LITERALS_AT, MAX_LITERAL_CODE);
  priceSymbols(scratch + COUNTS_BYTES, prices + OFFSETS_AT, MAX_OFFSET_CODE);
  priceSymbols(scratch + KIND_MATCH * COUNTS_BYTES, prices + MATCHES_AT, MAX_MATCH_CODE);
  // Extra bits are part of the price.
  for (let code: u32 = 0; code <= MAX_LITERAL_CODE; code++) {
    const at = prices + LITERALS_AT + (code << 2);
    store<u32>(at, load<u32>(at) + (literalBits(code) << 8));
  }
  for (let code: u32 = 0; code <= MAX_OFFSET_CODE; code++) {
    const at = prices + OFFSETS_AT + (code << 2);
    store<u32>(at, load<u32>(at) + (code << 8));
  }
  for (let code: u32 = 0; code <= MAX_MATCH_CODE; code++) {
    const at = prices + MATCHES_AT + (code << 2);
    store<u32>(at, load<u32>(at) + (matchBits(code) << 8));
  }
  for (let length: u32 = 0; length < MATCH_CODES; length++) {
    const code = <usize>load<u8>(matchCodesOf(work) + length);
    store<u32>(prices + SHORT_MATCHES_AT + (length << 2), load<u32>(prices + MATCHES_AT + (code << 2)));
  }
  for (let length: u32 = 0; length < LITERAL_CODES; length++) {
    const code = <usize>load<u8>(literalCodesOf(work) + length);
    store<u32>(prices + SHORT_LITERALS_AT + (length << 2), load<u32>(prices + LITERALS_AT + (code << 2)));
  }
}

/** Price of a byte as a literal. */
export function literalPrice(prices: usize, byte: u32): u32 {
  return load<u32>(prices + (byte << 2));
}

/** Price of a number of literals before a match, without theirs. */
export function literalLengthPrice(prices: usize, length: u32): u32 {
  if (length < LITERAL_CODES) return load<u32>(prices + SHORT_LITERALS_AT + (length << 2));
  return load<u32>(prices + LITERALS_AT + ((log2(length) + 19) << 2));
}

/** Price of a match's length, 3 or more. */
export function matchLengthPrice(prices: usize, length: u32): u32 {
  if (length < MATCH_CODES + 3) return load<u32>(prices + SHORT_MATCHES_AT - 12 + (length << 2));
  return load<u32>(prices + MATCHES_AT + ((log2(length - 3) + 36) << 2));
}

/** Price of an offset value. */
export function offsetPrice(prices: usize, value: u32): u32 {
  return load<u32>(prices + OFFSETS_AT + (log2(value) << 2));
}
