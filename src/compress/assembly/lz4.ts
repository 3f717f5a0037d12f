// LZ4 blocks: the entry of the compressor, and its fast variant. Relies on bytes.ts and lz4-format.ts; lz4-hc.ts is the slow
// variant, lz4-decode.ts the way back.
import { matchLength } from './bytes';
import { LAST_LITERALS, lz4LastLiterals, lz4Sequence, MAX_DISTANCE, MIN_MATCH, SEARCH_LIMIT } from './lz4-format';
import { lz4CompressHc } from './lz4-hc';

export { lz4Decompress } from './lz4-decode';

/** Bits of the hash. 2^13 entries of two bytes stay in the first cache. */
const HASH_LOG: u32 = 13;
/** After 2^this failures in a row the search goes on in steps of two, then of three ... */
const SKIP_LOG: usize = 6;

/** Compresses `length` bytes. Returns how many it wrote, at most `capacity`; 0 when that does not do. Level 0 is fast. */
export function lz4Compress(src: usize, length: u32, dst: usize, capacity: u32, level: u32, work: usize): u32 {
  return level === 0 ? fast(src, length, dst, capacity, work) : lz4CompressHc(src, length, dst, capacity, level, work);
}

/** Where the table keeps what it knows of the four bytes `value`. */
function entryOf(table: usize, value: u32): usize {
  return table + (((value * 2654435761) >> (32 - HASH_LOG)) << 1);
}

/**
 * A table tells for the hash of four bytes where they were seen last: the low 16 bits of the position, as nothing farther back can
 * be used. It is only a hint, and is checked. So a cleared table needs no mark for "never": it says position 0.
 */
function fast(src: usize, length: u32, dst: usize, capacity: u32, table: usize): u32 {
  const end = src + length;
  const dstEnd = dst + capacity;
  let anchor = src;
  let op = dst;
  if (length > SEARCH_LIMIT) {
    memory.fill(table, 0, 2 << HASH_LOG);
    const searchEnd = end - SEARCH_LIMIT;
    const matchEnd = end - LAST_LITERALS;
    let ip = src + 1;
    while (ip <= searchEnd) {
      // Find four bytes that were seen before; the longer there are none, the larger the steps.
      let match: usize;
      let failures: usize = 1 << SKIP_LOG;
      for (;;) {
        const value = load<u32>(ip);
        const entry = entryOf(table, value);
        match = ip - ((ip - src - load<u16>(entry)) & MAX_DISTANCE);
        store<u16>(entry, ip - src);
        if (load<u32>(match) === value && match !== ip) break;
        const step = failures++ >> SKIP_LOG;
        if (searchEnd - ip < step) return lz4LastLiterals(op, anchor, end - anchor, dst, dstEnd);
        ip += step;
      }
      // They may be the middle of something longer.
      while (ip !== anchor && match !== src && load<u8>(ip - 1) === load<u8>(match - 1)) {
        ip--;
        match--;
      }
      const size = MIN_MATCH + matchLength(ip + MIN_MATCH, match + MIN_MATCH, matchEnd);
      op = lz4Sequence(op, anchor, ip - anchor, ip - match, size, dstEnd);
      if (op === 0) return 0;
      ip += size;
      anchor = ip;
      if (ip <= searchEnd) store<u16>(entryOf(table, load<u32>(ip - 2)), ip - 2 - src);
    }
  }
  return lz4LastLiterals(op, anchor, end - anchor, dst, dstEnd);
}
