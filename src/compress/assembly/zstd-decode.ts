// A Zstandard frame, the reading side (RFC 8878, 3.1.1): header, blocks, checksum. Each block is raw, a byte repeated, or literals
// and sequences. Nothing here trusts what it reads; a frame is good only when it ends where the data end.
import {
  BLOCK_BYTES,
  BLOCK_COMPRESSED,
  BLOCK_RAW,
  BLOCK_RLE,
  LITERALS_COMPRESSED,
  LITERALS_RAW,
  LITERALS_RLE,
  MAGIC,
} from './zstd-codes';
import {
  DecodeState,
  huffmanScratchOf,
  huffmanTableOf,
  LITERALS_SLACK,
  literalsOf,
  resetState,
} from './zstd-decode-state';
import { decodeFourStreams, decodeStream, readHuffmanTable } from './zstd-huffman-decode';
import { decodeSequences } from './zstd-sequences-decode';
import { xxh64 } from './zstd-xxhash';

/** Up to `most` bytes, little-endian, those from `end` on 0. */
function word(from: usize, end: usize, most: u32): u64 {
  let value: u64 = 0;
  for (let shift: u32 = 0; shift < most << 3 && from !== end; shift += 8) value |= (<u64>load<u8>(from++)) << shift;
  return value;
}

/**
 * Reads a block's literals section and leaves in the state where the literals are: in place when they are raw, in the workspace
 * otherwise.
 * @param end end of the block
 * @param dataEnd end of what may be read
 * @returns the bytes that it took; 0 when it is damaged
 */
function readLiterals(from: usize, end: usize, dataEnd: usize, blockLimit: u32, work: usize): u32 {
  const state = DecodeState.at(work);
  const header = word(from, end, 5);
  const type = <u32>header & 3;
  const format = <u32>(header >> 2) & 3;
  const size = <u32>(end - from);
  if (type === LITERALS_RAW || type === LITERALS_RLE) {
    const headerBytes: u32 = (format & 1) === 0 ? 1 : format === 1 ? 2 : 3;
    const count = headerBytes === 1 ? <u32>(header >> 3) & 31 : <u32>(header >> 4) & ((1 << (headerBytes * 8 - 4)) - 1);
    const taken = headerBytes + (type === LITERALS_RAW ? count : 1);
    if (taken > size || count > blockLimit) return 0;
    if (type === LITERALS_RAW) {
      state.literals = from + headerBytes;
      state.literalsRoom = dataEnd;
    } else {
      const literals = literalsOf(work);
      memory.fill(literals, load<u8>(from + headerBytes), count);
      state.literals = literals;
      state.literalsRoom = literals + count + LITERALS_SLACK;
    }
    state.literalsEnd = state.literals + count;
    return taken;
  }

  const headerBytes: u32 = format < 2 ? 3 : format + 2;
  const width: u32 = format < 2 ? 10 : format * 4 + 6;
  const mask: u32 = (1 << width) - 1;
  const count = <u32>(header >> 4) & mask;
  const packed = <u32>(header >> (4 + width)) & mask;
  if (headerBytes > size || packed > size - headerBytes || count > blockLimit) return 0;
  let at = from + headerBytes;
  const stop = at + packed;
  const table = huffmanTableOf(work);
  if (type === LITERALS_COMPRESSED) {
    const taken = readHuffmanTable(at, stop, table, huffmanScratchOf(work));
    if (taken === 0) return 0;
    at += taken;
    state.hasHuffman = 1;
  } else if (state.hasHuffman === 0) return 0;
  const literals = literalsOf(work);
  const streams = <u32>(stop - at);
  const good =
    format === 0
      ? decodeStream(at, streams, literals, count, table)
      : decodeFourStreams(at, streams, literals, count, table);
  if (!good) return 0;
  state.literals = literals;
  state.literalsEnd = literals + count;
  state.literalsRoom = literals + count + LITERALS_SLACK;
  return headerBytes + packed;
}

/** Decompresses a compressed block to `to`; returns the bytes that it wrote, -1 when it is damaged. */
function readBlock(
  from: usize,
  end: usize,
  dataEnd: usize,
  base: usize,
  to: usize,
  stop: usize,
  limit: u32,
  work: usize,
): i32 {
  const taken = readLiterals(from, end, dataEnd, limit, work);
  if (taken === 0) return -1;
  return decodeSequences(from + taken, end, base, to, stop, work);
}

/** Begins a frame whose blocks are given one by one to `zstdBlock`, with the same workspace. */
export function zstdBegin(work: usize): void {
  resetState(DecodeState.at(work));
}

/**
 * Decompresses a compressed block of `length` bytes to `dst`: at most `limit` of them, which is what a block of the frame may have, and
 * there is room for. Matches may begin in what came before it, the bytes from `base` on. Reads nothing else but the workspace.
 * @returns the bytes that it wrote; -1 when it is damaged
 */
export function zstdBlock(src: usize, length: u32, base: usize, dst: usize, limit: u32, work: usize): i32 {
  return readBlock(src, src + length, src + length, base, dst, dst + limit, limit, work);
}

/**
 * Decompresses one frame of `length` bytes. Reads nothing outside them, writes nothing outside `capacity` bytes at `dst` and some 160
 * KiB at `work`.
 * @returns the bytes that it wrote; -1 when the frame is damaged, asks for a dictionary, does not fit, or does not end with the data
 */
export function zstdDecompress(src: usize, length: u32, dst: usize, capacity: u32, work: usize): i32 {
  const end = src + length;
  if (length < 6 || load<u32>(src) !== MAGIC) return -1;
  // Descriptor: 2 bits width of the content size, 1 single segment, 1 unused, 1 reserved, 1 checksum, 2 width of a dictionary's id.
  const descriptor = <u32>load<u8>(src, 4);
  if ((descriptor & 0x0b) !== 0) return -1;
  const isSingle = (descriptor & 0x20) !== 0;
  const hasChecksum = (descriptor & 4) !== 0;
  const sizeFlag = descriptor >> 6;
  const sizeBytes: u32 = sizeFlag !== 0 ? 1 << sizeFlag : isSingle ? 1 : 0;
  let from = src + 5;
  let window: u64 = 0;
  if (!isSingle) {
    const byte = <u32>load<u8>(from++);
    window = ((<u64>(8 + (byte & 7))) << (10 + (byte >> 3))) >> 3;
  }
  if (sizeBytes > <u32>(end - from)) return -1;
  let contentSize = word(from, end, sizeBytes);
  if (sizeBytes === 2) contentSize += 256;
  from += sizeBytes;
  if (isSingle) window = contentSize;
  if (contentSize > <u64>capacity) return -1;
  const blockLimit = <u32>min<u64>(window, BLOCK_BYTES);

  resetState(DecodeState.at(work));
  const stop = dst + capacity;
  let to = dst;
  let isLast: bool;
  do {
    // Header of a block: 1 bit last, 2 type, 21 size.
    if (<u32>(end - from) < 3) return -1;
    const header = <u32>load<u16>(from) | ((<u32>load<u8>(from, 2)) << 16);
    from += 3;
    isLast = (header & 1) !== 0;
    const type = (header >> 1) & 3;
    const size = header >> 3;
    const packed: u32 = type === BLOCK_RLE ? 1 : size;
    if (size > blockLimit || packed > <u32>(end - from)) return -1;
    const room = min(blockLimit, <u32>(stop - to));
    if (type === BLOCK_COMPRESSED) {
      const written = readBlock(from, from + size, end, dst, to, to + room, blockLimit, work);
      if (written < 0) return -1;
      to += written;
    } else {
      if (size > room) return -1;
      if (type === BLOCK_RAW) memory.copy(to, from, size);
      else if (type === BLOCK_RLE) memory.fill(to, load<u8>(from), size);
      else return -1;
      to += size;
    }
    from += packed;
  } while (!isLast);

  const written = <u32>(to - dst);
  if (sizeBytes !== 0 && written !== <u32>contentSize) return -1;
  if (hasChecksum) {
    if (<u32>(end - from) < 4 || load<u32>(from) !== <u32>xxh64(dst, written)) return -1;
    from += 4;
  }
  return from === end ? <i32>written : -1;
}
