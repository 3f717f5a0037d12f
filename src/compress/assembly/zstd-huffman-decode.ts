// Huffman-coded literals, the reading side (RFC 8878, 4.2): the tree, given as weights, becomes a table that an 11-bit look
// ahead indexes; four streams are then read side by side, so that the processor always has work that does not wait.
import { buildCells, CELL_LOG, KIND_PLAIN, MODELS_BYTES, NORM_BYTES, readDistribution } from './zstd-fse-decode';

/** The longest code, in bits; the table has a cell for each string of that many. */
export const HUFFMAN_LOG: u32 = 11;
/** Cells are 2 bytes: u8 bits of the code, u8 symbol. */
export const HUFFMAN_TABLE_BYTES: u32 = 2 << HUFFMAN_LOG;
/** Bytes that reading a tree needs: 256 weights, counts by weight, a distribution and its 64 cells. */
export const HUFFMAN_SCRATCH_BYTES: u32 = 256 + 64 + NORM_BYTES + MODELS_BYTES + 512;

const WEIGHT_FSE_LOG: u32 = 6;
const MAX_WEIGHT_SYMBOL: u32 = 15;

/** Bits from the highest set one, the end mark, downwards: how many of a stream of `size` bytes are content; -1 without a mark. */
export function streamBits(from: usize, size: u32): i32 {
  const last = <u32>load<u8>(from + size - 1);
  return last === 0 ? -1 : <i32>(size << 3) - <i32>(clz(last) - 23);
}

/**
 * 64 bits whose topmost is the last of the `unread` first bits of a stream; 56 or more of them are good. Reads up to 7 bytes before
 * `from`: every stream has at least a frame's and a block's header before it.
 */
export function topBits(from: usize, unread: i32): u64 {
  return load<u64>(from + (unread >> 3) - 7) << (8 - (unread & 7));
}

/** Reads weights packed with FSE: two states that take turns. Returns how many, 0 when damaged. */
function readPackedWeights(from: usize, end: usize, weights: usize, scratch: usize): u32 {
  const norm = scratch + 64;
  const cells = norm + NORM_BYTES + MODELS_BYTES;
  const header = readDistribution(from, <u32>(end - from), norm, MAX_WEIGHT_SYMBOL, WEIGHT_FSE_LOG);
  if (header === 0) return 0;
  const log = header >> 16;
  buildCells(cells, norm, MAX_WEIGHT_SYMBOL, log, KIND_PLAIN);
  from += header & 0xffff;
  if (from === end) return 0;
  let unread = streamBits(from, <u32>(end - from));
  if (unread < <i32>(log << 1)) return 0;
  let bits = topBits(from, unread);
  let even = <u32>(bits >> (64 - log));
  let odd = <u32>((bits << log) >> (64 - log));
  unread -= log << 1;
  let count: u32 = 0;
  while (count < 254) {
    const cell = cells + (even << CELL_LOG);
    store<u8>(weights + count++, load<u8>(cell, 4));
    const width = <u32>load<u8>(cell, 2);
    unread -= width;
    // The stream ends where a state can't move on: the other one holds the last symbol.
    if (unread < 0) {
      store<u8>(weights + count, load<u8>(cells + (odd << CELL_LOG), 4));
      return count + 1;
    }
    bits = topBits(from, unread + width);
    const next = <u32>load<u16>(cell) + <u32>((bits >> 1) >> (63 - width));
    even = odd;
    odd = next;
  }
  return 0;
}

/**
 * Reads a tree's description and builds its table.
 * @param scratch HUFFMAN_SCRATCH_BYTES
 * @returns the bytes that the description took; 0 when it is damaged
 */
export function readHuffmanTable(from: usize, end: usize, table: usize, scratch: usize): u32 {
  if (from === end) return 0;
  const weights = scratch;
  const counts = scratch + 256;
  const header = <u32>load<u8>(from);
  let count: u32;
  let taken: u32;
  if (header < 128) {
    taken = 1 + header;
    if (taken > <u32>(end - from)) return 0;
    count = readPackedWeights(from + 1, from + taken, weights, counts);
    if (count === 0) return 0;
  } else {
    count = header - 127;
    taken = 1 + ((count + 1) >> 1);
    if (taken > <u32>(end - from)) return 0;
    for (let nth: u32 = 0; nth < count; nth += 2) {
      const pair = load<u8>(from + 1 + (nth >> 1));
      store<u8>(weights + nth, pair >> 4);
      store<u8>(weights + nth, pair & 15, 1);
    }
  }
  // A code of weight w takes 2^(w-1) of the tree's leaves; the last symbol takes what is left to a power of two.
  memory.fill(counts, 0, 64);
  let leaves: u32 = 0;
  for (let symbol: u32 = 0; symbol < count; symbol++) {
    const weight = <u32>load<u8>(weights + symbol);
    if (weight > HUFFMAN_LOG) return 0;
    leaves += (1 << weight) >> 1;
    store<u32>(counts + (weight << 2), load<u32>(counts + (weight << 2)) + 1);
  }
  if (leaves === 0) return 0;
  const log: u32 = 32 - clz(leaves);
  if (log > HUFFMAN_LOG) return 0;
  const rest = (1 << log) - leaves;
  if ((rest & (rest - 1)) !== 0) return 0;
  const lastWeight = 32 - clz(rest);
  store<u8>(weights + count++, <u8>lastWeight);
  store<u32>(counts + (lastWeight << 2), load<u32>(counts + (lastWeight << 2)) + 1);
  if (load<u32>(counts, 4) < 2) return 0;

  // Lightest first, symbols in order: counts become where each weight's next symbol begins in the table.
  const widen = HUFFMAN_LOG - log;
  let begin: u32 = 0;
  for (let weight: u32 = 1; weight <= log; weight++) {
    const nrSymbols = load<u32>(counts + (weight << 2));
    store<u32>(counts + (weight << 2), begin);
    begin += nrSymbols << (weight - 1 + widen);
  }
  for (let symbol: u32 = 0; symbol < count; symbol++) {
    const weight = <u32>load<u8>(weights + symbol);
    if (weight === 0) continue;
    const nrCells: u32 = 1 << (weight - 1 + widen);
    const first = load<u32>(counts + (weight << 2));
    store<u32>(counts + (weight << 2), first + nrCells);
    const cell = (symbol << 8) | (log + 1 - weight);
    let at = table + (first << 1);
    if (nrCells === 1) store<u16>(at, <u16>cell);
    else if (nrCells === 2) store<u32>(at, cell | (cell << 16));
    else {
      const four = <u64>(cell | (cell << 16)) * 0x100000001;
      for (const stop = at + (nrCells << 1); at < stop; at += 8) store<u64>(at, four);
    }
  }
  return taken;
}

/** Decodes a symbol off the top of `bits` to `to`; returns the bits without its code. */
function decodeSymbol(bits: u64, table: usize, to: usize): u64 {
  const cell = <u32>load<u16>(table + ((<usize>(bits >> (64 - HUFFMAN_LOG))) << 1));
  store<u8>(to, <u8>(cell >> 8));
  return bits << (cell & 63);
}

/** Decodes the `unread` bits at `from` to exactly [to, stop). */
function decodeRest(from: usize, unread: i32, to: usize, stop: usize, table: usize): bool {
  while (to < stop) {
    if (unread <= 0) return false;
    const cell = <u32>load<u16>(table + ((<usize>(topBits(from, unread) >> (64 - HUFFMAN_LOG))) << 1));
    store<u8>(to++, <u8>(cell >> 8));
    unread -= cell & 63;
  }
  return unread === 0;
}

/** Decodes one stream of `size` bytes to exactly `count` symbols; false when it holds anything else. */
export function decodeStream(from: usize, size: u32, to: usize, count: u32, table: usize): bool {
  return size !== 0 && decodeRest(from, streamBits(from, size), to, to + count, table);
}

/** A stream's first 64 bits, its end mark shifted out, a 1 put in at the bottom: ctz tells how many have been used. */
function firstWord(end: usize): u64 {
  const word = load<u64>(end - 8);
  return (word | 1) << (clz(word) + 1);
}

/** The 64 bits at `at`, less the first `used` & 7 from the top, with the mark as in firstWord. */
function nextWord(at: usize, used: u64): u64 {
  return (load<u64>(at) | 1) << (used & 7);
}

/** Bits of a stream that are not used yet. */
function unreadBits(from: usize, at: usize, word: u64): i32 {
  return <i32>(((at - from) << 3) + 64 - <u32>ctz(word));
}

/**
 * Decodes four streams, led by the sizes of the first three, to exactly `count` symbols; false when they hold anything else.
 * Writes only [to, to + count).
 */
export function decodeFourStreams(from: usize, size: u32, to: usize, count: u32, table: usize): bool {
  if (size < 10 || count < 6) return false;
  const size1 = <u32>load<u16>(from);
  const size2 = <u32>load<u16>(from, 2);
  const size3 = <u32>load<u16>(from, 4);
  if (size1 === 0 || size2 === 0 || size3 === 0 || size1 + size2 + size3 + 6 >= size) return false;
  const from1 = from + 6;
  const from2 = from1 + size1;
  const from3 = from2 + size2;
  const from4 = from3 + size3;
  const end = from + size;
  if (load<u8>(from2 - 1) === 0 || load<u8>(from3 - 1) === 0 || load<u8>(from4 - 1) === 0 || load<u8>(end - 1) === 0) {
    return false;
  }
  const segment = (count + 3) >> 2;
  const stop = to + count;
  const to2 = to + segment;
  const to3 = to2 + segment;
  const to4 = to3 + segment;
  let at1 = from2 - 8;
  let at2 = from3 - 8;
  let at3 = from4 - 8;
  let at4 = end - 8;
  let word1 = firstWord(from2);
  let word2 = firstWord(from3);
  let word3 = firstWord(from4);
  let word4 = firstWord(end);
  let done: usize = 0;
  const lastSegment = stop - to4;
  for (;;) {
    // A round decodes 5 symbols of each stream: at most 55 bits, so that a position moves by at most 7 bytes.
    const room = min(min(<i32>(at1 - from1), <i32>(at2 - from2)), min(<i32>(at3 - from3), <i32>(at4 - from4)));
    if (room < 7) break;
    const rounds = min(<u32>room / 7, <u32>(lastSegment - done) / 5);
    if (rounds === 0) break;
    const pause = done + rounds * 5;
    do {
      const out1 = to + done;
      const out2 = to2 + done;
      const out3 = to3 + done;
      const out4 = to4 + done;
      word1 = decodeSymbol(word1, table, out1);
      word2 = decodeSymbol(word2, table, out2);
      word3 = decodeSymbol(word3, table, out3);
      word4 = decodeSymbol(word4, table, out4);
      word1 = decodeSymbol(word1, table, out1 + 1);
      word2 = decodeSymbol(word2, table, out2 + 1);
      word3 = decodeSymbol(word3, table, out3 + 1);
      word4 = decodeSymbol(word4, table, out4 + 1);
      word1 = decodeSymbol(word1, table, out1 + 2);
      word2 = decodeSymbol(word2, table, out2 + 2);
      word3 = decodeSymbol(word3, table, out3 + 2);
      word4 = decodeSymbol(word4, table, out4 + 2);
      word1 = decodeSymbol(word1, table, out1 + 3);
      word2 = decodeSymbol(word2, table, out2 + 3);
      word3 = decodeSymbol(word3, table, out3 + 3);
      word4 = decodeSymbol(word4, table, out4 + 3);
      word1 = decodeSymbol(word1, table, out1 + 4);
      word2 = decodeSymbol(word2, table, out2 + 4);
      word3 = decodeSymbol(word3, table, out3 + 4);
      word4 = decodeSymbol(word4, table, out4 + 4);
      const used1 = ctz(word1);
      const used2 = ctz(word2);
      const used3 = ctz(word3);
      const used4 = ctz(word4);
      at1 -= <usize>(used1 >> 3);
      at2 -= <usize>(used2 >> 3);
      at3 -= <usize>(used3 >> 3);
      at4 -= <usize>(used4 >> 3);
      word1 = nextWord(at1, used1);
      word2 = nextWord(at2, used2);
      word3 = nextWord(at3, used3);
      word4 = nextWord(at4, used4);
      done += 5;
    } while (done < pause);
  }
  return (
    decodeRest(from1, unreadBits(from1, at1, word1), to + done, to2, table) &&
    decodeRest(from2, unreadBits(from2, at2, word2), to2 + done, to3, table) &&
    decodeRest(from3, unreadBits(from3, at3, word3), to3 + done, to4, table) &&
    decodeRest(from4, unreadBits(from4, at4, word4), to4 + done, stop, table)
  );
}
