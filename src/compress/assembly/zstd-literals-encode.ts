// A block's literals section, the writing side (RFC 8878, 3.1.1.3.1): raw, one byte repeated, or Huffman-coded in one stream or four.
import { LITERALS_COMPRESSED, LITERALS_RAW, LITERALS_RLE } from './zstd-codes';
import { buildCodes, writeTree } from './zstd-huffman-tree';

/** Fewer literals are not worth a tree. */
const MIN_COUNT: u32 = 48;
/** From so many on there are four streams, for the reader's sake. */
const MIN_FOUR: u32 = 256;

/** Writes the header of a section that is not coded; returns its bytes. */
function writePlainHeader(to: usize, type: u32, count: u32): u32 {
  if (count < 32) {
    store<u8>(to, <u8>(type | (count << 3)));
    return 1;
  }
  if (count < 4096) {
    store<u16>(to, <u16>(type | 4 | (count << 4)));
    return 2;
  }
  store<u32>(to, type | 12 | (count << 4));
  return 3;
}

function writeRaw(to: usize, literals: usize, count: u32): u32 {
  const header = writePlainHeader(to, LITERALS_RAW, count);
  memory.copy(to + header, literals, count);
  return header + count;
}

/** Counts the bytes of [from, from + length): u32 for each value at `counts`, which 3 KiB more follow. Returns the largest. */
export function countBytes(from: usize, length: u32, counts: usize): u32 {
  // Four tables in turn: a count that was just stored need not be loaded at once.
  memory.fill(counts, 0, 4096);
  const end = from + length;
  for (const stop = from + (length & ~7); from < stop; from += 8) {
    const word = load<u64>(from);
    for (let nth: u32 = 0; nth < 8; nth++) {
      const at = counts + ((nth & 3) << 10) + ((<usize>((word >> (nth << 3)) & 255)) << 2);
      store<u32>(at, load<u32>(at) + 1);
    }
  }
  for (; from < end; from++) {
    const at = counts + ((<usize>load<u8>(from)) << 2);
    store<u32>(at, load<u32>(at) + 1);
  }
  let largest = i32x4.splat(0);
  for (let at = counts; at < counts + 1024; at += 16) {
    const sum = i32x4.add(
      i32x4.add(v128.load(at), v128.load(at, 1024)),
      i32x4.add(v128.load(at, 2048), v128.load(at, 3072)),
    );
    v128.store(at, sum);
    largest = i32x4.max_u(largest, sum);
  }
  return max(
    max<u32>(i32x4.extract_lane(largest, 0), i32x4.extract_lane(largest, 1)),
    max<u32>(i32x4.extract_lane(largest, 2), i32x4.extract_lane(largest, 3)),
  );
}

/** Bits that coding by `codes` takes. */
function codedBits(counts: usize, codes: usize): u32 {
  let bits: u32 = 0;
  for (let at: usize = 0; at < 1024; at += 4) bits += load<u32>(counts + at) * (load<u32>(codes + at) >> 16);
  return bits;
}

/** Writes [from, from + length) as one stream, last byte first; returns its bytes. At most 8 bytes past them are touched. */
function writeStream(to: usize, from: usize, length: u32, codes: usize): u32 {
  const begin = to;
  let at = from + length;
  let bits: u64 = 0;
  let width: u64 = 0;
  // Five codes have 55 bits or fewer, and 7 wait.
  for (; <u32>(at - from) >= 5; ) {
    at -= 5;
    const code1 = load<u32>(codes + ((<usize>load<u8>(at, 4)) << 2));
    const code2 = load<u32>(codes + ((<usize>load<u8>(at, 3)) << 2));
    const code3 = load<u32>(codes + ((<usize>load<u8>(at, 2)) << 2));
    const code4 = load<u32>(codes + ((<usize>load<u8>(at, 1)) << 2));
    const code5 = load<u32>(codes + ((<usize>load<u8>(at)) << 2));
    bits |= (<u64>(code1 & 0xffff)) << width;
    width += code1 >> 16;
    bits |= (<u64>(code2 & 0xffff)) << width;
    width += code2 >> 16;
    bits |= (<u64>(code3 & 0xffff)) << width;
    width += code3 >> 16;
    bits |= (<u64>(code4 & 0xffff)) << width;
    width += code4 >> 16;
    bits |= (<u64>(code5 & 0xffff)) << width;
    width += code5 >> 16;
    store<u64>(to, bits);
    to += <usize>(width >> 3);
    bits >>= width & ~7;
    width &= 7;
  }
  while (at > from) {
    const code = load<u32>(codes + ((<usize>load<u8>(--at)) << 2));
    bits |= (<u64>(code & 0xffff)) << width;
    width += code >> 16;
  }
  bits |= (<u64>1) << width;
  store<u64>(to, bits);
  return <u32>(to - begin) + <u32>(width >> 3) + 1;
}

/**
 * Writes the literals section of `count` literals at `to`, where count + 1 KiB bytes may be touched.
 * @param scratch 12 KiB
 * @returns the bytes written
 */
export function writeLiterals(to: usize, literals: usize, count: u32, scratch: usize): u32 {
  const counts = scratch;
  const codes = scratch + 4096;
  const tree = codes + 1024;
  if (count < MIN_COUNT) return writeRaw(to, literals, count);
  const largest = countBytes(literals, count, counts);
  if (largest === count) {
    const header = writePlainHeader(to, LITERALS_RLE, count);
    store<u8>(to + header, load<u8>(literals));
    return header + 1;
  }
  // All values about as frequent: no code does any good.
  if (largest <= (count >> 7) + 4) return writeRaw(to, literals, count);
  const longest = buildCodes(counts, codes, tree);
  const isFour = count >= MIN_FOUR;
  const headerBytes: u32 = count < 1024 ? 3 : count < 16384 ? 4 : 5;
  let at = to + headerBytes;
  const treeBytes = writeTree(at, codes, longest, tree);
  const gain = (count >> 6) + 2;
  if (treeBytes === 0 || treeBytes + (codedBits(counts, codes) >> 3) + 7 + gain >= count) {
    return writeRaw(to, literals, count);
  }
  at += treeBytes;
  if (isFour) {
    const jumps = at;
    const segment = (count + 3) >> 2;
    at += 6;
    for (let nth: u32 = 0; nth < 3; nth++) {
      const bytes = writeStream(at, literals + nth * segment, segment, codes);
      store<u16>(jumps + (nth << 1), <u16>bytes);
      at += bytes;
    }
    at += writeStream(at, literals + 3 * segment, count - 3 * segment, codes);
  } else {
    at += writeStream(at, literals, count, codes);
  }
  const packed = <u64>(at - to - headerBytes);
  const format: u32 = headerBytes > 3 ? headerBytes - 2 : isFour ? 1 : 0;
  const width: u64 = headerBytes === 3 ? 10 : headerBytes === 4 ? 14 : 18;
  const header = <u64>(LITERALS_COMPRESSED | (format << 2) | (count << 4)) | (packed << (4 + width));
  store<u16>(to, <u16>header);
  store<u8>(to, <u8>(header >> 16), 2);
  if (headerBytes > 3) store<u8>(to, <u8>(header >> 24), 3);
  if (headerBytes > 4) store<u8>(to, <u8>(header >> 32), 4);
  return <u32>(at - to);
}
