// What the match finders share: hashes of the bytes at hand, and how long a match is. Relies on bytes.ts.
import { matchLength } from './bytes';

/** No match begins nearer to the content's end: vectors and words can be loaded from any place of the search. */
export const SEARCH_LIMIT: u32 = 16;
/** Nor nearer to its begin: the distances that a frame starts with, up to 8, can be tried anywhere. */
export const FIRST_SEARCH: u32 = 8;

/** 2^64 over the golden ratio: multiplied by it, near values end up far apart. */
const SPREAD: u64 = ((<u64>0x9e3779b9) << 32) | 0x7f4a7c15;

/** `log` bits by the lowest `bytes` bytes of a word, 3 to 8. */
export function hashOf(word: u64, bytes: u32, log: u32): usize {
  return <usize>(((word << (64 - (bytes << 3))) * SPREAD) >> (64 - log));
}

/**
 * Length of a match whose first eight bytes differ from what they should equal by `difference`, as an exclusive or.
 * @param at where it begins, SEARCH_LIMIT - 2 or more before the end
 */
export function lengthBy(difference: u64, at: usize, match: usize, end: usize): u32 {
  return difference !== 0 ? <u32>(ctz(difference) >> 3) : 8 + <u32>matchLength(at + 8, match + 8, end);
}

/** How many bytes before `at` equal those before `match`, down to `anchor` and to the content's begin. */
export function lengthBefore(at: usize, match: usize, anchor: usize, base: usize): u32 {
  const most = <u32>min(at - anchor, match - base);
  let length: u32 = 0;
  while (length < most && load<u8>(at - length - 1) === load<u8>(match - length - 1)) length++;
  return length;
}
