// A Zstandard frame, the reading side (RFC 8878, 3.1.1): header, blocks, checksum. Each block is raw, a byte repeated, or literals
// and sequences. Nothing here trusts what it reads; a frame is good only when it ends where the data end.
import { BLOCK_BYTES } from './zstd-codes';
import {
  type DecodeState,
  huffmanScratchOf,
  huffmanTableOf,
  LITERALS_SLACK,
  literalsOf,
  resetState,
} from './zstd-decode-state';
import { decodeFourStreams, decodeStream, readHuffmanTable } from './zstd-huffman-decode';
import { decodeSequences } from './zstd-sequences-decode';
import { xxh64 } from './zstd-xxhash';

/** First four bytes of a frame. */
export const MAGIC: u32 = 0xfd2fb528;

/** Types of blocks, and of literals sections. */
export const RAW: u32 = 0;
export const RLE: u32 = 1;
export const COMPRESSED: u32 = 2;
export const TREELESS: u32 = 3;

/**
 * Reads a literals section and leaves in the state where its literals are.
 * @param end end of the block
 * @returns the bytes that it took; 0 when it is damaged
 */
function readLiterals(from: usize, end: usize, blockLimit: u32, work: usize): u32 {
  const state = changetype<DecodeState>(work);
  const size = <u32>(end - from);
  if (size < 3) return size == 0 ? 0 : readShortLiterals(from, end, work);
  const type = <u32>load<u8>(from) & 3;
  const format = (<u32>load<u8>(from) >> 2) & 3;
  if (type == RAW || type == RLE) {
    const word = <u32>load<u16>(from) | (<u32>load<u8>(from, 2) << 16);
    const header = (format & 1) == 0 ? 1 : format == 1 ? 2 : 3;
    const count = header == 1 ? (word & 0xff) >> 3 : header == 2 ? (word & 0xffff) >> 4 : word >> 4;
    return placeLiterals(from, end, type, header, count, blockLimit, work);
  }
  if (size < 5) return 0;
  const word = <u64>load<u32>(from) | (<u64>load<u8>(from, 4) << 32);
  let header: u32 = 3;
  let width: u32 = 10;
  if (format == 2) {
    header = 4;
    width = 14;
  } else if (format == 3) {
    header = 5;
    width = 18;
  }
  const mask: u32 = (1 << width) - 1;
  const count = <u32>(word >> 4) & mask;
  const packed = <u32>(word >> (4 + width)) & mask;
  if (count > blockLimit || packed > size - header) return 0;
  let at = from + header;
  const stop = at + packed;
  const table = huffmanTableOf(work);
  if (type == COMPRESSED) {
    const taken = readHuffmanTable(at, stop, table, huffmanScratchOf(work));
    if (taken == 0) return 0;
    at += taken;
    state.hasHuffman = 1;
  } else if (state.hasHuffman == 0) return 0;
  const literals = literalsOf(work);
  const good =
    format == 0
      ? decodeStream(at, <u32>(stop - at), literals, count, table)
      : decodeFourStreams(at, <u32>(stop - at), literals, count, table);
  if (!good) return 0;
  state.literals = literals;
  state.literalsEnd = literals + count;
  state.literalsRoom = literals + count + LITERALS_SLACK;
  return header + packed;
}
