// The LZO decoder, for raw LZO1X and LZO-RLE streams; lzo-format.ts describes them. Whatever the stream says, it reads
// nothing outside of it and writes nothing outside of dst. Relies on bytes.ts and lzo-format.ts.
import { copy16, copyMatch, copyMatchWild, copyWild } from './bytes';
import { END_BYTES, MIDDLE, MIN_ZEROS, NEAR } from './lzo-format';

/**
 * Decompresses a stream. Returns how many bytes it wrote, or -1 when it is no stream or needs more than `capacity`.
 *
 * The end marker has three bytes, as many as the longest instruction without its extras. So while three bytes are left,
 * an instruction can be read; that is checked where literals and extras are passed.
 */
export function lzoDecompress(src: usize, length: u32, dst: usize, capacity: u32): i32 {
  const end = src + length;
  const dstEnd = dst + capacity;
  let ip = src;
  let op = dst;
  let rle = false;
  if (end - ip < END_BYTES) return -1;
  if (end - ip >= 2 + END_BYTES && load<u8>(ip) === 17) {
    const version = load<u8>(ip + 1);
    if (version > 1) return -1;
    rle = version === 1;
    ip += 2;
  }
  let run: usize = 0;
  if (load<u8>(ip) > 17) run = (load<u8>(ip++) as usize) - 17;

  while (end - ip >= run + END_BYTES && dstEnd - op >= run) {
    // The literals that the last instruction announced.
    if (end - ip < run + 16 || dstEnd - op < run + 16) memory.copy(op, ip, run);
    else if (run <= 16) copy16(op, ip);
    else copyWild(op, ip, run);
    ip += run;
    op += run;

    const code = load<u8>(ip++) as usize;
    let distance: usize;
    let size: usize;
    if (code >= 64) {
      distance = ((code >> 2) & 7) + ((load<u8>(ip++) as usize) << 3) + 1;
      size = (code >> 5) + 1;
      run = code & 3;
    } else if (code >= 16) {
      if (rle && (code & 0x18) === 0x18 && code < 32 && (load<u16>(ip) & 0xfffc) === 0xfffc) {
        if (end - ip < 3 + END_BYTES) return -1;
        size = MIN_ZEROS + ((code & 7) | ((load<u8>(ip + 2) as usize) << 3));
        if (dstEnd - op < size) return -1;
        memory.fill(op, 0, size);
        op += size;
        run = (load<u8>(ip) as usize) & 3;
        ip += 3;
        continue;
      }
      const most: usize = code >= 32 ? 31 : 7;
      size = code & most;
      if (size === 0) {
        size = most;
        while (load<u8>(ip) === 0) {
          size += 255;
          if (end - ++ip < END_BYTES) return -1;
        }
        size += load<u8>(ip++);
        if (end - ip < 2) return -1;
      }
      size += 2;
      const bits = load<u16>(ip) as usize;
      ip += 2;
      run = bits & 3;
      distance = (bits >> 2) + 1;
      if (code < 32) {
        distance += MIDDLE - 1 + ((code & 8) << 11);
        if (distance === MIDDLE) return code === 17 && ip === end ? ((op - dst) as i32) : -1;
      }
    } else if (run === 0) {
      run = code;
      if (run === 0) {
        run = 15;
        while (load<u8>(ip) === 0) {
          run += 255;
          if (end - ++ip < END_BYTES) return -1;
        }
        run += load<u8>(ip++);
      }
      run += 3;
      continue;
    } else {
      distance = (code >> 2) + ((load<u8>(ip++) as usize) << 2) + 1;
      size = 2;
      if (run > 3) {
        distance += NEAR;
        size = 3;
      }
      run = code & 3;
    }

    if (distance > op - dst || dstEnd - op < size) return -1;
    if (distance >= 16 && size <= 32 && dstEnd - op >= 32) {
      const from = op - distance;
      copy16(op, from);
      copy16(op + 16, from + 16);
    } else if (dstEnd - op >= size + 16) {
      copyMatchWild(op, distance, size);
    } else {
      copyMatch(op, distance, size);
    }
    op += size;
  }
  return -1;
}
