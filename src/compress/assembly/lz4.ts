// LZ4 blocks: the entry of the compressor, and its fast variant. Relies on bytes.ts, last-seen.ts and lz4-format.ts;
// lz4-hc.ts is the slow variant, lz4-decode.ts the way back.
import { matchLength } from './bytes';
import { clearLastSeen, lastSeen, lastSeenShift } from './last-seen';
import { LAST_LITERALS, lz4LastLiterals, lz4Sequence, MAX_DISTANCE, MIN_MATCH, SEARCH_LIMIT } from './lz4-format';
import { lz4CompressHc } from './lz4-hc';

export { lz4Decompress, lz4DecompressAfter } from './lz4-decode';

/** After 2^this failures in a row the search goes on in steps of two, then of three ... */
const SKIP_LOG: usize = 6;

/**
 * Compresses `length` bytes. Returns how many it wrote, at most `capacity`; 0 when that does not do. Level 0 is fast.
 */
export function lz4Compress(src: usize, length: u32, dst: usize, capacity: u32, level: u32, work: usize): u32 {
  return level === 0 ? fast(src, length, dst, capacity, work) : lz4CompressHc(src, length, dst, capacity, level, work);
}

/** Takes the last place where the next four bytes were seen, and no other. */
function fast(src: usize, length: u32, dst: usize, capacity: u32, table: usize): u32 {
  const end = src + length;
  const dstEnd = dst + capacity;
  let anchor = src;
  let op = dst;
  if (length > SEARCH_LIMIT) {
    const shift = lastSeenShift(length);
    clearLastSeen(table, shift);
    const searchEnd = end - SEARCH_LIMIT;
    const matchEnd = end - LAST_LITERALS;
    let ip = src + 1;
    while (ip <= searchEnd) {
      // Find four bytes that were seen before; the longer there are none, the larger the steps.
      let match: usize;
      let failures: usize = 1 << SKIP_LOG;
      for (;;) {
        const value = load<u32>(ip);
        const entry = lastSeen(table, value, shift);
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
      if (ip <= searchEnd) store<u16>(lastSeen(table, load<u32>(ip - 2), shift), ip - 2 - src);
    }
  }
  return lz4LastLiterals(op, anchor, end - anchor, dst, dstEnd);
}
