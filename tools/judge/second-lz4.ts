// A second opinion on LZ4 blocks, of somebody who did not read liblz4: lz4js, which is there where no C library is. It checks nothing, so
// a block is walked through first: what lies outside of block or contents, and what the format does not allow at the end, is refused.
import { decompressBlock } from 'lz4js';

/** What a block holds. */
export interface Lz4Shape {
  /** Bytes that it decompresses to. */
  readonly size: number;
  /** Where its last match begins and ends among them; 0 when there is none. */
  readonly begins: number;
  readonly ends: number;
}

const MIN_MATCH = 4;
/** A nibble that more bytes follow. */
const LONG = 15;
/** Bytes before the end where the last match must begin at the latest, and literals at the end. Source: MFLIMIT, LASTLITERALS. */
const LAST_MATCH = 12;
const LAST_LITERALS = 5;

/** The shape of a block; null for one that reads past its end, or before the beginning of what it holds. */
export function lz4Shape(block: Uint8Array): Lz4Shape | null {
  let at = 0;
  let [size, begins, ends] = [0, 0, 0];
  const lengthOf = (nibble: number): number => {
    if (nibble !== LONG) return nibble;
    let length = LONG;
    let byte = 255;
    while (byte === 255) {
      byte = at < block.length ? block[at++] : Number.NaN;
      length += byte;
    }
    return length;
  };
  while (at < block.length) {
    const token = block[at++];
    const literals = lengthOf(token >> 4);
    at += literals;
    size += literals;
    // Not a number: its length reads past the end.
    if (!(at <= block.length)) return null;
    if (at === block.length) return { size, begins, ends };
    if (at + 2 > block.length) return null;
    const offset = block[at] | (block[at + 1] << 8);
    at += 2;
    if (offset === 0 || offset > size) return null;
    begins = size;
    size += MIN_MATCH + lengthOf(token & LONG);
    ends = size;
    if (Number.isNaN(size)) return null;
  }
  // It ends with a match, or is empty.
  return null;
}

/** Decompresses all of `src` into `dst`; the bytes written, or -1 for what is no block or does not fit. */
export function decompressLz4js(src: Uint8Array, dst: Uint8Array): number {
  const shape = lz4Shape(src);
  if (shape === null || shape.size > dst.length) return -1;
  const { size, begins, ends } = shape;
  if (ends > 0 && (size - begins < LAST_MATCH || size - ends < LAST_LITERALS)) return -1;
  return decompressBlock(src, dst, 0, src.length, 0);
}
