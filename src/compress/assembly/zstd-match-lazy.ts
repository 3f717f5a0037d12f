// The lazy match finder, for middle levels: a match is taken only when none that begins one or two bytes later is worth more.
// Relies on the hash chains of zstd-match-chain.ts.
import { EncodeState, storeMatch } from './zstd-encode-state';
import { FIRST_SEARCH, lengthBefore, lengthBy, SEARCH_LIMIT } from './zstd-match';
import { findLongest, worthOf } from './zstd-match-chain';

/** Steps grow by one for each 2^this bytes without a match. */
const SKIP_LOG: u32 = 8;
/** What a match is worth more for beginning a byte earlier. */
const EARLIER: i32 = 4;

/** The best match at `at`, as findLongest returns it: of the latest distances, which cost next to nothing, or from the chains. */
function findBest<T>(work: usize, at: usize, end: usize): u64 {
  const state = EncodeState.at(work);
  const word = load<u64>(at);
  let distance = state.repeat1;
  let length: u32 = 0;
  const difference = word ^ load<u64>(at - distance);
  if (<u32>difference === 0) length = lengthBy(difference, at, at - distance, end);
  else {
    const other = word ^ load<u64>(at - state.repeat2);
    if (<u32>other === 0) {
      distance = state.repeat2;
      length = lengthBy(other, at, at - distance, end);
    }
  }
  const found = findLongest<T>(work, at, end, 3);
  if (length !== 0 && <i32>(length << 2) >= worthOf(<u32>found, <u32>(found >> 32))) {
    return ((<u64>distance) << 32) | length;
  }
  return found;
}

/** What a match that findBest returned is worth. */
function worthNow(state: EncodeState, match: u64): i32 {
  const distance = <u32>(match >> 32);
  if (distance === state.repeat1 || distance === state.repeat2) return <i32>((<u32>match) << 2);
  return worthOf(<u32>match, distance);
}

/**
 * Finds the sequences of a block.
 * @returns where the literals after the last match begin
 */
export function findLazy<T>(work: usize, from: usize, end: usize): usize {
  const state = EncodeState.at(work);
  const base = state.base;
  const patience = state.patience;
  let anchor = from;
  if (<u32>(end - from) <= SEARCH_LIMIT + FIRST_SEARCH) return anchor;
  const limit = end - SEARCH_LIMIT;
  let ip = from === base ? from + FIRST_SEARCH : from;
  while (ip < limit) {
    let best = findBest<T>(work, ip, end);
    if (best === 0) {
      ip += ((ip - anchor) >> SKIP_LOG) + 1;
      continue;
    }
    let start = ip;
    let worth = worthNow(state, best);
    for (let left = patience; left > 0 && ip + 1 < limit && <u32>best < state.enough; left--) {
      ip++;
      const other = findBest<T>(work, ip, end);
      if (other === 0) continue;
      const otherWorth = worthNow(state, other);
      if (otherWorth > worth + EARLIER * <i32>(ip - start)) {
        best = other;
        worth = otherWorth;
        start = ip;
        left = patience + 1;
      }
    }
    const distance = <u32>(best >> 32);
    const before = lengthBefore(start, start - distance, anchor, base);
    start -= before;
    const length = <u32>best + before;
    storeMatch(state, anchor, <u32>(start - anchor), distance, length);
    ip = start + length;
    anchor = ip;
  }
  return anchor;
}
