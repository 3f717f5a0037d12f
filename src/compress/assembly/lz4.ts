// LZ4 blocks: the entry of the compressor, and its fast variant. Relies on bytes.ts, lz4-format.ts; lz4-hc.ts is the slow
// variant, lz4-decode.ts the way back.
import { copy16, copyWild, matchLength } from './bytes';
import { LAST_LITERALS, lengthBytes, longLength, lz4LastLiterals, MIN_MATCH } from './lz4-format';

export { lz4Decompress } from './lz4-decode';

/** No match begins nearer to the end. The format says 12; with 16 a vector can be loaded from any place of the search. */
const SEARCH_LIMIT: u32 = 16;
/** Farthest that a match may lie back. */
const MAX_DISTANCE: usize = 65535;
/** After 2^this failures in a row the search goes on in steps of two, then of three ... */
const SKIP_LOG: usize = 6;

/** Compresses `length` bytes. Returns how many it wrote, at most `capacity`; 0 when that does not do. Level 0 is fast. */
export function lz4Compress(src: usize, length: u32, dst: usize, capacity: u32, level: u32, work: usize): u32 {
  return fast(src, length, dst, capacity, work);
}

/** 13 bits by 4 bytes at `at`. */
function hash(at: usize, shift: u32): u32 {
  return (load<u32>(at) * 2654435761) >> shift;
}

/**
 * A table tells for the hash of four bytes where they were seen last: the low 16 bits of the position, as nothing farther back can
 * be used. It is only a hint, and is checked. So a cleared table needs no mark for "never": it says position 0.
 */
function fast(src: usize, length: u32, dst: usize, capacity: u32, table: usize): u32 {
  const hashLog: u32 = 13;
  const shift = 32 - hashLog;
  const end = src + length;
  const dstEnd = dst + capacity;
  let anchor = src;
  let op = dst;
  if (length > SEARCH_LIMIT) {
    memory.fill(table, 0, 2 << hashLog);
    const searchEnd = end - SEARCH_LIMIT;
    const matchEnd = end - LAST_LITERALS;
    let ip = src + 1;
    let h = hash(ip, shift);
    for (;;) {
      // Find four bytes that were seen before.
      let match: usize;
      let failures: usize = 1 << SKIP_LOG;
      let found = true;
      for (;;) {
        const step = failures++ >> SKIP_LOG;
        if (searchEnd - ip < step) {
          found = false;
          match = 0;
          break;
        }
        const entry = table + (h << 1);
        h = hash(ip + step, shift);
        match = ip - ((ip - src - load<u16>(entry)) & MAX_DISTANCE);
        store<u16>(entry, ip - src);
        if (load<u32>(match) === load<u32>(ip) && match !== ip) break;
        ip += step;
      }
      if (!found) break;

      // It may have begun earlier.
      while (ip !== anchor && match !== src && load<u8>(ip - 1) === load<u8>(match - 1)) {
        ip--;
        match--;
      }

      // The literals before it.
      const run = ip - anchor;
      if (dstEnd - op < run + lengthBytes(run) + 3 + 1 + LAST_LITERALS) return 0;
      let token = op++;
      if (run < 15) {
        store<u8>(token, run << 4);
        if (dstEnd - op >= 16) copy16(op, anchor);
        else memory.copy(op, anchor, run);
      } else {
        store<u8>(token, 15 << 4);
        op = longLength(op, run - 15);
        if (dstEnd - op >= run + 16) copyWild(op, anchor, run);
        else memory.copy(op, anchor, run);
      }
      op += run;

      for (;;) {
        // The match.
        store<u16>(op, ip - match);
        op += 2;
        const more = matchLength(ip + MIN_MATCH, match + MIN_MATCH, matchEnd);
        ip += more + MIN_MATCH;
        if (more < 15) {
          store<u8>(token, load<u8>(token) + more);
        } else {
          if (dstEnd - op < lengthBytes(more) + 1 + LAST_LITERALS) return 0;
          store<u8>(token, load<u8>(token) + 15);
          op = longLength(op, more - 15);
        }
        anchor = ip;
        if (ip >= searchEnd) break;

        // Another right behind it?
        store<u16>(table + (hash(ip - 2, shift) << 1), ip - 2 - src);
        const entry = table + (hash(ip, shift) << 1);
        match = ip - ((ip - src - load<u16>(entry)) & MAX_DISTANCE);
        store<u16>(entry, ip - src);
        if (load<u32>(match) !== load<u32>(ip) || match === ip) break;
        if (dstEnd - op < 3 + 1 + LAST_LITERALS) return 0;
        token = op++;
        store<u8>(token, 0);
      }
      if (ip >= searchEnd) break;
      h = hash(++ip, shift);
    }
  }
  return lz4LastLiterals(op, anchor, end - anchor, dst, dstEnd);
}
