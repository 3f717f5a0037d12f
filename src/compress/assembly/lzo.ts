// The LZO1X-1 and LZO-RLE encoder. Relies on bytes.ts, last-seen.ts and lzo-format.ts, which describes the
// stream; lzo-decode.ts is the way back.
import { matchLength, zeroLength } from './bytes';
import { clearLastSeen, lastSeen, lastSeenShift } from './last-seen';
import {
  END_BYTES,
  FAR,
  lzoEnd,
  lzoLiterals,
  lzoMatch,
  lzoZeros,
  MAX_ZEROS,
  MIDDLE_LENGTH,
  MIN_ZEROS,
} from './lzo-format';

export { lzoDecompress } from './lzo-decode';

/** No match begins nearer to the end, so that a vector can be loaded from any place of the search. */
const SEARCH_LIMIT: u32 = 16;
const MIN_MATCH: usize = 4;
/** LZO-RLE takes a match for zeros when its distance has these bits and its length is 261 to 264; 260 will do. */
const AMBIGUOUS: usize = 0x803f;
/** After 2^this failures in a row the search goes on in steps of two, then of three ... */
const SKIP_LOG: usize = 5;

/**
 * Compresses `length` bytes to a raw LZO1X stream. Returns how many it wrote, at most `capacity`; 0 when that does not
 * do.
 */
export function lzoCompress(src: usize, length: u32, dst: usize, capacity: u32, work: usize): u32 {
  return compress(src, length, dst, capacity, work, false);
}

/** The same to an LZO-RLE stream, version 1: runs of zeros are instructions of their own. */
export function lzoRleCompress(src: usize, length: u32, dst: usize, capacity: u32, work: usize): u32 {
  return compress(src, length, dst, capacity, work, true);
}

/** The search is that of the fast LZ4 encoder, see there. */
function compress(src: usize, length: u32, dst: usize, capacity: u32, table: usize, rle: bool): u32 {
  const end = src + length;
  const dstEnd = dst + capacity;
  let anchor = src;
  let op = dst;
  // Where the last instruction says how many literals follow it.
  let tail: usize = 0;
  if (rle) {
    if (dstEnd - op < 2 + END_BYTES) return 0;
    store<u16>(op, 0x0111);
    op += 2;
  }
  if (length > SEARCH_LIMIT) {
    const shift = lastSeenShift(length);
    clearLastSeen(table, shift);
    const searchEnd = end - SEARCH_LIMIT;
    const farthest = rle ? FAR - 1 : FAR;
    let ip = src + 1;
    while (end - ip >= SEARCH_LIMIT) {
      // Find four bytes that were seen before, or zeros.
      let match: usize = 0;
      let zeros: usize = 0;
      let failures: usize = 1 << SKIP_LOG;
      for (;;) {
        const value = load<u32>(ip);
        if (value === 0 && rle) {
          zeros = zeroLength(ip, end);
          if (zeros > MIDDLE_LENGTH) break;
          zeros = 0;
        }
        const entry = lastSeen(table, value, shift);
        const distance = (ip - src - load<u16>(entry)) & 0xffff;
        match = ip - distance;
        store<u16>(entry, ip - src);
        if (load<u32>(match) === value && distance - 1 < farthest) break;
        const step = failures++ >> SKIP_LOG;
        if (searchEnd - ip < step) {
          ip = end;
          break;
        }
        ip += step;
      }
      if (ip === end) break;

      if (zeros !== 0) {
        // The search may have stepped over some. The first byte is a literal always: no stream begins with another
        // instruction.
        while (ip !== anchor && ip !== src + 1 && load<u8>(ip - 1) === 0) {
          ip--;
          zeros++;
        }
        op = lzoLiterals(op, tail, anchor, ip - anchor, end, dstEnd);
        if (op === 0) return 0;
        while (zeros >= MIN_ZEROS) {
          const run = min(zeros, MAX_ZEROS);
          op = lzoZeros(op, run, dstEnd);
          if (op === 0) return 0;
          tail = op - 3;
          ip += run;
          zeros -= run;
        }
        anchor = ip;
        continue;
      }

      // They may be the middle of something longer.
      while (ip !== anchor && match !== src && load<u8>(ip - 1) === load<u8>(match - 1)) {
        ip--;
        match--;
      }
      op = lzoLiterals(op, tail, anchor, ip - anchor, end, dstEnd);
      if (op === 0) return 0;
      const distance = ip - match;
      let size = MIN_MATCH + matchLength(ip + MIN_MATCH, match + MIN_MATCH, end);
      if (rle && (distance & AMBIGUOUS) === AMBIGUOUS && size > 260 && size <= 264) size = 260;
      op = lzoMatch(op, distance, size, dstEnd);
      if (op === 0) return 0;
      tail = op - 2;
      ip += size;
      anchor = ip;
      if (end - ip >= SEARCH_LIMIT) store<u16>(lastSeen(table, load<u32>(ip - 2), shift), ip - 2 - src);
    }
  }
  op = lzoLiterals(op, tail, anchor, end - anchor, end, dstEnd);
  if (op === 0 || dstEnd - op < END_BYTES) return 0;
  return (lzoEnd(op) - dst) as u32;
}
