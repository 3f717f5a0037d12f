// Bits of one segment's blocks, 64 bytes, counted from the high bit of each byte as the SIT has them. Source:
// __find_rev_next_bit, __find_rev_next_zero_bit.
import { BLKS_PER_SEG } from '../format/constants.ts';
import { SIT_VBLOCK_MAP_SIZE } from '../format/sit.ts';

const BITS_IN_BYTE = Uint8Array.from({ length: 256 }, (_, byte) => {
  let bits = 0;
  for (let rest = byte; rest !== 0; rest &= rest - 1) bits++;
  return bits;
});

/** Bits set in the map at byte `at`. */
export function countBits(bytes: Uint8Array, at: number): number {
  let bits = 0;
  for (let i = 0; i < SIT_VBLOCK_MAP_SIZE; i++) bits += BITS_IN_BYTE[bytes[at + i]];
  return bits;
}

/** First bit from `from` on that is set; 512 when there is none. */
export function nextSet(bytes: Uint8Array, at: number, from: number): number {
  return next(bytes, at, from, 0);
}

/** First bit from `from` on that is clear; 512 when there is none. */
export function nextClear(bytes: Uint8Array, at: number, from: number): number {
  return next(bytes, at, from, 0xff);
}

/** Looks for a bit that differs from `flip`, whose bits are all the same. */
function next(bytes: Uint8Array, at: number, from: number, flip: number): number {
  if (from >= BLKS_PER_SEG) return BLKS_PER_SEG;
  let i = from >>> 3;
  for (let byte = (bytes[at + i] ^ flip) & (0xff >>> (from & 7)); ; byte = bytes[at + i] ^ flip) {
    if (byte !== 0) return (i << 3) + Math.clz32(byte) - 24;
    if (++i === SIT_VBLOCK_MAP_SIZE) return BLKS_PER_SEG;
  }
}

/** Sets `count` bits from `from` on; returns how many of them were clear. */
export function setBits(bytes: Uint8Array, at: number, from: number, count: number): number {
  const end = from + count;
  let added = 0;
  for (let bit = from; bit < end; ) {
    const i = at + (bit >>> 3);
    const within = bit & 7;
    const taken = Math.min(8 - within, end - bit);
    const mask = (0xff >>> within) & (0xff << (8 - within - taken));
    added += BITS_IN_BYTE[mask & ~bytes[i]];
    bytes[i] |= mask;
    bit += taken;
  }
  return added;
}
