// LZ4's slow encoder, which looks at many earlier places and not at the last only. Levels 3 to 9 take the longest
// match, unless the next byte begins a longer one ("lazy"); lz4-optimal.ts has levels 10 and up. Relies on lz4-chain.ts
// and lz4-format.ts.
import { clearChains, enter, hashShift, longest } from './lz4-chain';
import { LAST_LITERALS, lz4LastLiterals, lz4Sequence, MIN_MATCH, SEARCH_LIMIT } from './lz4-format';
import { lz4CompressOptimal } from './lz4-optimal';

/** Levels from here on look for the cheapest way. */
const OPTIMAL_LEVEL: u32 = 10;
/** How many bytes later a longer match may begin. */
const PATIENCE: usize = 2;
/** A match this long is better than most: a quarter of the effort goes into finding a longer one. */
const GOOD: usize = 16;
/** One this long is taken as it is. */
const NICE: usize = 64;

/**
 * Compresses as lz4Compress, levels 3 and up: each looks at twice as many earlier places as the one below, to level 14.
 */
export function lz4CompressHc(src: usize, length: u32, dst: usize, capacity: u32, level: u32, work: usize): u32 {
  if (level >= OPTIMAL_LEVEL) {
    return lz4CompressOptimal(src, length, dst, capacity, 64 << min<u32>(level - OPTIMAL_LEVEL, 4), work);
  }
  const end = src + length;
  const dstEnd = dst + capacity;
  let anchor = src;
  let op = dst;
  if (length > SEARCH_LIMIT) {
    const depth: u32 = 1 << level;
    const shift = hashShift(length);
    clearChains(work, shift);
    const searchEnd = end - SEARCH_LIMIT;
    const matchEnd = end - LAST_LITERALS;
    // All places before `entered` have been.
    let entered = src;
    let ip = src;
    while (ip <= searchEnd) {
      while (entered <= ip) enter(work, src, entered++, shift);
      let match = longest(work, src, ip, matchEnd, MIN_MATCH - 1, depth);
      if (match === 0) {
        ip++;
        continue;
      }
      // A later match must be longer by what is skipped for it.
      for (let skip: usize = 1; skip <= PATIENCE && searchEnd - ip >= skip; skip++) {
        const size = (match >> 16) as usize;
        if (size >= NICE) break;
        while (entered <= ip + skip) enter(work, src, entered++, shift);
        const effort = size >= GOOD ? depth >> 2 : depth;
        const next = longest(work, src, ip + skip, matchEnd, size + skip - 1, effort);
        if (next !== 0) {
          match = next;
          ip += skip;
          skip = 0;
        }
      }
      const size = (match >> 16) as usize;
      op = lz4Sequence(op, anchor, ip - anchor, (match & 0xffff) as usize, size, dstEnd);
      if (op === 0) return 0;
      ip += size;
      anchor = ip;
      const last = min<usize>(ip, searchEnd + 1);
      while (entered < last) enter(work, src, entered++, shift);
    }
  }
  return lz4LastLiterals(op, anchor, end - anchor, dst, dstEnd);
}
