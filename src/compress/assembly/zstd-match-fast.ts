// The fast match finder, for levels 1 and 2: one table tells where the bytes at hand were last seen, and the first match found is
// taken. An entry is only a hint and is checked, so in a cleared table 0 may mean position 0 or none.
import { EncodeState, storeSequence, tablesOf } from './zstd-encode-state';
import { FIRST_SEARCH, hashOf, lengthBefore, lengthBy, SEARCH_LIMIT } from './zstd-match';

/** Steps grow by one for each 2^this bytes without a match. */
const SKIP_LOG: u32 = 7;

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
    const match = base + <usize>load<T>(entry);
    store<T>(entry, <T>(ip - base));
    let start = ip;
    let length: u32;
    const repeated = load<u64>(ip + 1 - repeat1) ^ load<u64>(ip + 1);
    if (<u32>repeated === 0) {
      start = ip + 1;
      length = lengthBy(repeated, start, start - repeat1, end);
      storeSequence(state, anchor, <u32>(start - anchor), 1, length);
    } else {
      const difference = load<u64>(match) ^ word;
      if (<u32>difference !== 0) {
        ip += ((ip - anchor) >> SKIP_LOG) + 1;
        continue;
      }
      length = lengthBy(difference, ip, match, end);
      repeat2 = repeat1;
      repeat1 = <u32>(ip - match);
      const before = lengthBefore(ip, match, anchor, base);
      start -= before;
      length += before;
      storeSequence(state, anchor, <u32>(start - anchor), repeat1 + 3, length);
    }
    const next = ip + 2;
    ip = start + length;
    anchor = ip;
    if (ip >= limit) break;
    // Positions within the match are passed over, all but two.
    store<T>(table + (hashOf(load<u64>(next), bytes, log) << alignof<T>()), <T>(next - base));
    store<T>(table + (hashOf(load<u64>(ip - 2), bytes, log) << alignof<T>()), <T>(ip - 2 - base));
    // The distance before last often goes on right here; without literals, it is the one that 1 stands for.
    while (ip < limit) {
      const here = load<u64>(ip);
      const difference = here ^ load<u64>(ip - repeat2);
      if (<u32>difference !== 0) break;
      length = lengthBy(difference, ip, ip - repeat2, end);
      const swap = repeat1;
      repeat1 = repeat2;
      repeat2 = swap;
      store<T>(table + (hashOf(here, bytes, log) << alignof<T>()), <T>(ip - base));
      storeSequence(state, anchor, 0, 1, length);
      ip += length;
      anchor = ip;
    }
  }
  state.repeat1 = repeat1;
  state.repeat2 = repeat2;
  return anchor;
}
