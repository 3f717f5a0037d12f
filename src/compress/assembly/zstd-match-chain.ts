// Hash chains: a table tells where the bytes at hand were last seen, and for each position another one where its bytes were seen
// before that. Every position is entered, so all earlier occurrences can be walked through, nearest first.
import { EncodeState, tablesOf } from './zstd-encode-state';
import { hashOf, lengthBy } from './zstd-match';

/** What is in one chain begins with the same so many bytes, most likely. */
const HASHED_BYTES: u32 = 4;

/** The chains' table follows that of the heads. Entries are of type T, distances from the content's begin; 0 ends a chain. */
export function chainsOf<T>(work: usize): usize {
  return tablesOf(work) + (1 << (EncodeState.at(work).hashLog + alignof<T>()));
}

/**
 * Contents of more than 64 KiB (T is u32) have another table, as the chains only go back 128 KiB: where eight bytes were last seen,
 * however far back.
 */
export const FAR_LOG: u32 = 16;

export function farOf<T>(work: usize): usize {
  return chainsOf<T>(work) + (1 << (EncodeState.at(work).secondLog + alignof<T>()));
}

/** The position where the eight bytes of `word` were last seen, or seemed to be; 0 when that is not known. */
export function farCandidate<T>(work: usize, word: u64): u32 {
  if (sizeof<T>() === 2) return 0;
  return load<u32>(farOf<T>(work) + (hashOf(word, 8, FAR_LOG) << 2));
}

/** Enters the positions up to `at`; returns the position before it in its chain, 0 for none. */
export function enterUntil<T>(work: usize, at: usize): u32 {
  const state = EncodeState.at(work);
  const heads = tablesOf(work);
  const chains = chainsOf<T>(work);
  const far = farOf<T>(work);
  const base = state.base;
  const log = state.hashLog;
  const mask: u32 = (1 << state.secondLog) - 1;
  let position = state.entered;
  if (position > at) return <u32>load<T>(chains + ((<u32>(at - base) & mask) << alignof<T>()));
  state.entered = at + 1;
  let before: u32 = 0;
  do {
    const word = load<u64>(position);
    const head = heads + (hashOf(word, HASHED_BYTES, log) << alignof<T>());
    const index = <u32>(position - base);
    before = <u32>load<T>(head);
    store<T>(chains + ((index & mask) << alignof<T>()), <T>before);
    store<T>(head, <T>index);
    if (sizeof<T>() > 2) store<u32>(far + (hashOf(word, 8, FAR_LOG) << 2), index);
  } while (position++ !== at);
  return before;
}

/** What a match is worth, in quarters of a byte: its length less what its distance costs. */
export function worthOf(length: u32, distance: u32): i32 {
  return <i32>(length << 2) - <i32>(31 - clz(distance + 3));
}

/**
 * Finds the match at `at` that is worth most, longer than `longest`.
 * @returns its length, distance << 32 above; 0 when there is none
 */
export function findLongest<T>(work: usize, at: usize, end: usize, longest: u32): u64 {
  const state = EncodeState.at(work);
  const chains = chainsOf<T>(work);
  const base = state.base;
  const mask: u32 = (1 << state.secondLog) - 1;
  const index = <u32>(at - base);
  const lowest: u32 = index > mask ? index - mask : 0;
  const most = <u32>(end - at);
  const enough = min(state.enough, most);
  const word = load<u64>(at);
  let found: u32 = longest;
  let distance: u32 = 0;
  const farOne = farCandidate<T>(work, word);
  let candidate = enterUntil<T>(work, at);
  for (let tries = state.depth; tries > 0 && candidate > lowest; tries--) {
    const match = base + candidate;
    // Only what is longer is of use: compare where it would have to go on.
    if (load<u32>(match + found - 3) === load<u32>(at + found - 3)) {
      const difference = load<u64>(match) ^ word;
      if (<u32>difference === 0) {
        const length = lengthBy(difference, at, match, end);
        if (length > found) {
          found = length;
          distance = index - candidate;
          if (length >= enough) break;
        }
      }
    }
    candidate = <u32>load<T>(chains + ((candidate & mask) << alignof<T>()));
  }
  if (farOne !== 0 && farOne < lowest && load<u64>(base + farOne) === word) {
    const length = lengthBy(0, at, base + farOne, end);
    if (length > found) {
      found = length;
      distance = index - farOne;
    }
  }
  return distance === 0 ? 0 : ((<u64>distance) << 32) | found;
}
