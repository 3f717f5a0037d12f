// The double-fast match finder, for levels 3 and 4: a table by eight bytes finds long matches, one by fewer bytes the others; a long
// match goes before a short one. Entries are hints, as in zstd-match-fast.ts.
import { EncodeState, storeSequence, tablesOf } from './zstd-encode-state';
import { FIRST_SEARCH, hashOf, lengthBefore, lengthBy, SEARCH_LIMIT } from './zstd-match';

/** Steps grow by one for each 2^this bytes without a match. */
const SKIP_LOG: u32 = 8;

/**
 * Finds the sequences of a block. Entries are of type T, distances from the content's begin; u16 for contents of up to 64 KiB.
 * @returns where the literals after the last match begin
 */
export function findDouble<T>(work: usize, from: usize, end: usize): usize {
  const state = EncodeState.at(work);
  const base = state.base;
  const longLog = state.hashLog;
  const shortLog = state.secondLog;
  const bytes = state.minMatch;
  const longTable = tablesOf(work);
  const shortTable = longTable + (1 << (longLog + alignof<T>()));
  let anchor = from;
  if (<u32>(end - from) <= SEARCH_LIMIT + FIRST_SEARCH) return anchor;
  const limit = end - SEARCH_LIMIT;
  let ip = from === base ? from + FIRST_SEARCH : from;
  let repeat1 = state.repeat1;
  let repeat2 = state.repeat2;
  while (ip < limit) {
    const word = load<u64>(ip);
    const longEntry = longTable + (hashOf(word, 8, longLog) << alignof<T>());
    const shortEntry = shortTable + (hashOf(word, bytes, shortLog) << alignof<T>());
    let match = base + <usize>load<T>(longEntry);
    const shortMatch = base + <usize>load<T>(shortEntry);
    store<T>(longEntry, <T>(ip - base));
    store<T>(shortEntry, <T>(ip - base));
    let start = ip;
    let length: u32;
    const nextWord = load<u64>(ip + 1);
    const repeated = load<u64>(ip + 1 - repeat1) ^ nextWord;
    if (<u32>repeated === 0) {
      start = ip + 1;
      length = lengthBy(repeated, start, start - repeat1, end);
      storeSequence(state, anchor, <u32>(start - anchor), 1, length);
    } else {
      if (load<u64>(match) === word) {
        length = lengthBy(0, ip, match, end);
      } else {
        const difference = load<u64>(shortMatch) ^ word;
        if (<u32>difference !== 0) {
          ip += ((ip - anchor) >> SKIP_LOG) + 1;
          continue;
        }
        // A long match one byte on is worth more.
        const entry = longTable + (hashOf(nextWord, 8, longLog) << alignof<T>());
        match = base + <usize>load<T>(entry);
        store<T>(entry, <T>(ip + 1 - base));
        if (load<u64>(match) === nextWord) {
          start = ip + 1;
          length = lengthBy(0, start, match, end);
        } else {
          match = shortMatch;
          length = lengthBy(difference, ip, match, end);
        }
      }
      repeat2 = repeat1;
      repeat1 = <u32>(start - match);
      const before = lengthBefore(start, match, anchor, base);
      start -= before;
      length += before;
      storeSequence(state, anchor, <u32>(start - anchor), repeat1 + 3, length);
    }
    const next = ip + 2;
    ip = start + length;
    anchor = ip;
    if (ip >= limit) break;
    // Of the positions within the match, a few are entered.
    const inside = load<u64>(next);
    store<T>(longTable + (hashOf(inside, 8, longLog) << alignof<T>()), <T>(next - base));
    store<T>(shortTable + (hashOf(inside, bytes, shortLog) << alignof<T>()), <T>(next - base));
    store<T>(longTable + (hashOf(load<u64>(ip - 2), 8, longLog) << alignof<T>()), <T>(ip - 2 - base));
    store<T>(shortTable + (hashOf(load<u64>(ip - 1), bytes, shortLog) << alignof<T>()), <T>(ip - 1 - base));
    // The distance before last often goes on right here; without literals, it is the one that 1 stands for.
    while (ip < limit) {
      const here = load<u64>(ip);
      const difference = here ^ load<u64>(ip - repeat2);
      if (<u32>difference !== 0) break;
      length = lengthBy(difference, ip, ip - repeat2, end);
      const swap = repeat1;
      repeat1 = repeat2;
      repeat2 = swap;
      store<T>(longTable + (hashOf(here, 8, longLog) << alignof<T>()), <T>(ip - base));
      store<T>(shortTable + (hashOf(here, bytes, shortLog) << alignof<T>()), <T>(ip - base));
      storeSequence(state, anchor, 0, 1, length);
      ip += length;
      anchor = ip;
    }
  }
  state.repeat1 = repeat1;
  state.repeat2 = repeat2;
  return anchor;
}
