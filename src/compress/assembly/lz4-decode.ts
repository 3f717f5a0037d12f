// The LZ4 decoder. Whatever the block says, it reads nothing outside of it and writes nothing outside of dst. Relies on
// bytes.ts and lz4-format.ts.
import { copy16, copyMatch, copyMatchWild, copyWild } from './bytes';
import { MIN_MATCH } from './lz4-format';

/**
 * While this much is left on both sides a sequence with short lengths needs no further check: 1 + 14 + 2 read, 14 + 32
 * written.
 */
const SLACK: usize = 64;

/** Decompresses a block. Returns how many bytes it wrote, or -1 when it is no block or needs more than `capacity`. */
export function lz4Decompress(src: usize, length: u32, dst: usize, capacity: u32): i32 {
  return lz4DecompressAfter(src, length, dst, dst, capacity);
}

/** The same of a block whose matches may begin in what was decompressed before it: the bytes from `base` to `dst`. */
export function lz4DecompressAfter(src: usize, length: u32, base: usize, dst: usize, capacity: u32): i32 {
  const end = src + length;
  const dstEnd = dst + capacity;
  let ip = src;
  let op = dst;

  // Fast, far from both ends: copies in whole vectors.
  while (end - ip >= SLACK && dstEnd - op >= SLACK) {
    const sequence = ip;
    const sequenceOp = op;
    const token = load<u8>(ip++) as usize;
    let run = token >> 4;
    if (run < 15) {
      copy16(op, ip);
    } else {
      let byte: usize;
      do {
        byte = load<u8>(ip++);
        run += byte;
      } while (byte === 255 && end - ip >= SLACK);
      if (end - ip < SLACK || end - ip - SLACK < run || dstEnd - op < SLACK || dstEnd - op - SLACK < run) {
        ip = sequence;
        break;
      }
      copyWild(op, ip, run);
    }
    ip += run;
    op += run;
    const distance = load<u16>(ip) as usize;
    ip += 2;
    if (distance > op - base || distance === 0) return -1;
    let size = (token & 15) + MIN_MATCH;
    if (size === 15 + MIN_MATCH) {
      let byte: usize;
      do {
        byte = load<u8>(ip++);
        size += byte;
      } while (byte === 255 && end - ip >= SLACK);
    }
    if (distance >= 16 && size <= 32) {
      const from = op - distance;
      copy16(op, from);
      copy16(op + 16, from + 16);
    } else {
      if (end - ip < SLACK || dstEnd - op < SLACK || dstEnd - op - SLACK < size) {
        ip = sequence;
        op = sequenceOp;
        break;
      }
      copyMatchWild(op, distance, size);
    }
    op += size;
  }
  return careful(ip, end, op, base, dst, dstEnd);
}

/** The rest of a block, each step checked. */
function careful(from: usize, end: usize, to: usize, base: usize, dst: usize, dstEnd: usize): i32 {
  let ip = from;
  let op = to;
  while (ip !== end) {
    const token = load<u8>(ip++) as usize;
    let run = token >> 4;
    if (run === 15) {
      let byte: usize;
      do {
        if (ip === end) return -1;
        byte = load<u8>(ip++);
        run += byte;
      } while (byte === 255);
    }
    if (end - ip < run || dstEnd - op < run) return -1;
    memory.copy(op, ip, run);
    ip += run;
    op += run;
    if (ip === end) return (op - dst) as i32;

    if (end - ip < 2) return -1;
    const distance = load<u16>(ip) as usize;
    ip += 2;
    if (distance > op - base || distance === 0) return -1;
    let size = (token & 15) + MIN_MATCH;
    if (size === 15 + MIN_MATCH) {
      let byte: usize;
      do {
        if (ip === end) return -1;
        byte = load<u8>(ip++);
        size += byte;
      } while (byte === 255);
    }
    if (dstEnd - op < size) return -1;
    copyMatch(op, distance, size);
    op += size;
  }
  return -1;
}
