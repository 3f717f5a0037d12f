// Finite State Entropy, the reading side (RFC 8878, 4.1): a distribution in few bits becomes a table of states, each of which
// stands for a symbol and says how many bits to read to come to the next. A state is worth a fraction of a bit, which is how FSE beats Huffman.
import { baseline, extraBits } from './zstd-codes';

/**
 * A table's cells are 8 bytes: u16 smallest next state, u8 bits to read and add to it, u8 extra bits of the symbol's code,
 * u32 its baseline; so that one load brings all that a sequence needs. Where there are no codes, the baseline is the symbol.
 */
export const CELL_LOG: u32 = 3;
/** Not a kind of codes: symbols stand for themselves. */
export const KIND_PLAIN: u32 = 3;

/** Bytes of a distribution, an i16 for each symbol; and of the scratch that building cells takes after it. */
export const NORM_BYTES: u32 = 128;
export const MODELS_BYTES: u32 = 64 * 8;

/** 25 bits or more from bit `bit` of `length` bytes on, those past the end 0. */
function peek(from: usize, length: u32, bit: u32): u32 {
  let offset = bit >> 3;
  if (offset + 4 <= length) return load<u32>(from + offset) >> (bit & 7);
  let word: u32 = 0;
  for (let shift: u32 = 0; offset < length; offset++, shift += 8) word |= (<u32>load<u8>(from + offset)) << shift;
  return word >> (bit & 7);
}

/**
 * Reads a distribution: how many of the 1 << log cells each symbol gets (-1: less than one, but a cell all the same).
 * @param norm receives an i16 for each symbol from 0 to maxSymbol
 * @returns the bytes that it took, log << 16 above them; 0 when it is damaged
 */
export function readDistribution(from: usize, length: u32, norm: usize, maxSymbol: u32, logLimit: u32): u32 {
  memory.fill(norm, 0, (maxSymbol + 1) << 1);
  const log = (peek(from, length, 0) & 15) + 5;
  if (length === 0 || log > logLimit) return 0;
  let bit: u32 = 4;
  let left: i32 = 1 << log;
  let symbol: u32 = 0;
  while (left > 0) {
    if (symbol > maxSymbol) return 0;
    // Values 0 to left + 1. The first `short` of them have a bit less than the others.
    const width = 32 - clz(left + 1);
    const short = (1 << width) - 2 - left;
    let value = <i32>(peek(from, length, bit) & ((1 << width) - 1));
    const low = value & ((1 << (width - 1)) - 1);
    if (low < short) {
      value = low;
      bit += width - 1;
    } else {
      if (value >= 1 << (width - 1)) value -= short;
      bit += width;
    }
    const share = value - 1;
    store<i16>(norm + (symbol++ << 1), <i16>share);
    left -= share < 0 ? 1 : share;
    if (share === 0) {
      // Further symbols without a cell, told in steps of three.
      let more: u32;
      do {
        more = peek(from, length, bit) & 3;
        bit += 2;
        symbol += more;
      } while (more === 3 && symbol <= maxSymbol);
    }
  }
  const bytes = (bit + 7) >> 3;
  if (left < 0 || bytes > length) return 0;
  return (log << 16) | bytes;
}

/**
 * Builds the 1 << log cells of a distribution that sums up to them.
 * @param norm i16 for each symbol from 0 to maxSymbol; spent afterwards. From NORM_BYTES on, 8 bytes of scratch for each
 * @param kind which codes the symbols are, or KIND_PLAIN
 */
export function buildCells(cells: usize, norm: usize, maxSymbol: u32, log: u32, kind: u32): void {
  const size: u32 = 1 << log;
  const mask = size - 1;
  const models = norm + NORM_BYTES;
  // Symbols of less than one cell sit at the end, last first. A cell keeps its symbol where later its next state will stand.
  let high = mask;
  for (let symbol: u32 = 0; symbol <= maxSymbol; symbol++) {
    const share = load<i16>(norm + (symbol << 1));
    if (share === 0) continue;
    const model = modelOf(symbol, kind);
    store<u64>(models + (symbol << 3), model);
    if (share < 0) store<u64>(cells + (high-- << CELL_LOG), model);
  }
  // The others are strewn, so that a symbol's states lie far apart.
  const step = (size >> 1) + (size >> 3) + 3;
  let position: u32 = 0;
  for (let symbol: u32 = 0; symbol <= maxSymbol; symbol++) {
    const share = <i32>load<i16>(norm + (symbol << 1));
    if (share < 0) store<i16>(norm + (symbol << 1), 1);
    const model = load<u64>(models + (symbol << 3));
    for (let nth = share; nth > 0; nth--) {
      store<u64>(cells + (position << CELL_LOG), model);
      do position = (position + step) & mask;
      while (position > high);
    }
  }
  // A symbol's k-th cell of n is the state n + k on the writer's side: it takes the bits that bring n + k up to [size, 2 size).
  for (let state: u32 = 0; state < size; state++) {
    const cell = cells + (state << CELL_LOG);
    const at = norm + ((<usize>load<u16>(cell)) << 1);
    const rank = <u32>load<u16>(at);
    store<u16>(at, <u16>(rank + 1));
    const bits = clz(rank) + log - 31;
    store<u16>(cell, <u16>((rank << bits) - size));
    store<u8>(cell, <u8>bits, 2);
  }
}

/** A symbol's cell, but for the next state. */
function modelOf(symbol: u32, kind: u32): u64 {
  if (kind === KIND_PLAIN) return <u64>symbol | ((<u64>symbol) << 32);
  return <u64>symbol | ((<u64>extraBits(kind, symbol)) << 24) | ((<u64>baseline(kind, symbol)) << 32);
}

/** A table of one cell: a symbol that costs nothing. */
export function buildSingleCell(cells: usize, symbol: u32, kind: u32): void {
  store<u64>(cells, modelOf(symbol, kind));
  store<u16>(cells, 0);
}
