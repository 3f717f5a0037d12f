// The fast match finder, for levels 1 and 2: one table tells where the bytes at hand were last seen; the first match that is found is
// taken. Relies on the table being cleared by the caller: an entry is only a hint, so 0 may mean position 0 or none.
import { matchLength } from './bytes';
import { EncodeState, storeSequence, tablesOf } from './zstd-encode-state';

/** No match begins nearer to the end: vectors and words can be loaded from any place of the search. */
export const SEARCH_LIMIT: u32 = 16;
/** Nor nearer to the content's begin: the distances that a frame starts with, up to 8, can be tried anywhere. */
export const FIRST_SEARCH: u32 = 8;
/** Steps grow by one for each 2^this bytes without a match. */
const SKIP_LOG: u32 = 7;

/** 2^64 over the golden ratio: multiplied by it, near values end up far apart. */
const SPREAD: u64 = ((<u64>0x9e3779b9) << 32) | 0x7f4a7c15;

/** `log` bits by the lowest `bytes` bytes of a word, 4 to 8. */
export function hashOf(word: u64, bytes: u32, log: u32): usize {
  return <usize>(((word << (64 - (bytes << 3))) * SPREAD) >> (64 - log));
}

/**
 * Finds the sequences of a block. Entries are of type T, distances from the content's begin; u16 for contents of up to 64 KiB.
 * @returns where the literals after the last match begin
 */
export function findFast<T>(work: usize, from: usize, end: usize): usize {
  const state = EncodeState.at(work);
  const table = tablesOf(work);
  const base = state.base;
  const log = state.hashLog;
  const bytes = state.minMatch;
  let anchor = from;
  if (<u32>(end - from) <= SEARCH_LIMIT + FIRST_SEARCH) return anchor;
  const limit = end - SEARCH_LIMIT;
  let ip = from === base ? from + FIRST_SEARCH : from;
  let repeat1 = state.repeat1;
  let repeat2 = state.repeat2;
  while (ip < limit) {
    const word = load<u64>(ip);
    const entry = table + (hashOf(word, bytes, log) << alignof<T>());
    let match = base + <usize>load<T>(entry);
    store<T>(entry, <T>(ip - base));
    let start = ip;
    let length: u32;
    if (<u32>(word >> 8) === load<u32>(ip + 1 - repeat1)) {
      start = ip + 1;
      length = 4 + <u32>matchLength(start + 4, start + 4 - repeat1, end);
      storeSequence(state, anchor, <u32>(start - anchor), 1, length);
    } else if (<u32>word === load<u32>(match)) {
      length = 4 + <u32>matchLength(ip + 4, match + 4, end);
      while (start > anchor && match > base && load<u8>(start - 1) === load<u8>(match - 1)) {
        start--;
        match--;
        length++;
      }
      repeat2 = repeat1;
      repeat1 = <u32>(start - match);
      storeSequence(state, anchor, <u32>(start - anchor), repeat1 + 3, length);
    } else {
      ip += ((ip - anchor) >> SKIP_LOG) + 1;
      continue;
    }
    const next = ip + 2;
    ip = start + length;
    anchor = ip;
    if (ip >= limit) break;
    // Positions within the match are passed over, all but two.
    store<T>(table + (hashOf(load<u64>(next), bytes, log) << alignof<T>()), <T>(next - base));
    store<T>(table + (hashOf(load<u64>(ip - 2), bytes, log) << alignof<T>()), <T>(ip - 2 - base));
    // The distance before last often goes on right here; without literals, it is the one that 1 stands for.
    while (ip < limit && load<u32>(ip) === load<u32>(ip - repeat2)) {
      length = 4 + <u32>matchLength(ip + 4, ip + 4 - repeat2, end);
      const swap = repeat1;
      repeat1 = repeat2;
      repeat2 = swap;
      store<T>(table + (hashOf(load<u64>(ip), bytes, log) << alignof<T>()), <T>(ip - base));
      storeSequence(state, anchor, 0, 1, length);
      ip += length;
      anchor = ip;
    }
  }
  state.repeat1 = repeat1;
  state.repeat2 = repeat2;
  return anchor;
}
