// Finite State Entropy, the writing side (RFC 8878, 4.1): counts become shares of a table, the shares are described in few bits,
// and a table leads from state to state. Symbols are written last first, as the reader goes through the bits backwards.

/**
 * A table is u16 states, 1 << log of them, then 8 bytes for each symbol: u32 `delta`, i16 `find`, u8 extra bits of its code. From
 * state s (in [size, 2 size)) a symbol writes the lowest b = (s + delta) >> 16 bits of s; the next state is at (s >> b) + find.
 */
export function symbolsOf(table: usize, log: u32): usize {
  return table + (2 << log);
}

/** 256 log2(x) of 0 < x < 65536, to one part in a hundred: a parabola between powers of two. */
export function log2Parts(x: u32): u32 {
  const whole = 31 - clz(x);
  const part = ((x << 8) >> whole) & 255;
  return (whole << 8) + part + ((part * (256 - part) * 88) >> 16);
}

/** Bits that coding `counts` by the shares `norm` of 1 << log costs, 256 times; ~0 when a symbol has no share. */
export function codingCost(counts: usize, norm: usize, maxSymbol: u32, log: u32): u32 {
  let cost: u32 = 0;
  for (let symbol: u32 = 0; symbol <= maxSymbol; symbol++) {
    const count = load<u32>(counts + (symbol << 2));
    if (count === 0) continue;
    const share = <i32>load<i16>(norm + (symbol << 1));
    if (share === 0) return ~0;
    cost += count * ((log << 8) - log2Parts(share < 0 ? 1 : <u32>share));
  }
  return cost;
}

/** Accuracy log for `total` symbols, `kinds` different ones: more cells than a quarter of the symbols don't pay. */
export function chooseLog(total: u32, kinds: u32, limit: u32): u32 {
  const log = total < 16 ? 5 : 29 - clz(total - 1);
  return min(limit, max(log, max<u32>(5, 33 - clz(kinds))));
}

/**
 * Shares out 1 << log cells by counts: each symbol that occurs gets one or more, and the sum is exact.
 * @param counts u32 for each symbol from 0 to maxSymbol, two or more of them not 0
 * @param norm receives an i16 for each; -1 stands for less than a cell
 */
export function normalize(counts: usize, norm: usize, maxSymbol: u32, total: u32, log: u32): void {
  let left: i32 = 1 << log;
  const half = total >> 1;
  for (let symbol: u32 = 0; symbol <= maxSymbol; symbol++) {
    const count = load<u32>(counts + (symbol << 2));
    let share: i32 = 0;
    if (count !== 0) {
      const scaled = count << log;
      share = scaled < total ? -1 : <i32>((scaled + half) / total);
      left -= share < 0 ? 1 : share;
    }
    store<i16>(norm + (symbol << 1), <i16>share);
  }
  // What rounding left over or took too much is settled cell by cell, where a cell weighs most or least.
  for (; left !== 0; left += left > 0 ? -1 : 1) {
    let bestSymbol: u32 = 0;
    let bestCount: u32 = 0;
    let bestShare: u32 = 0;
    for (let symbol: u32 = 0; symbol <= maxSymbol; symbol++) {
      const share = <i32>load<i16>(norm + (symbol << 1));
      if (share < (left > 0 ? 1 : 2)) continue;
      const count = load<u32>(counts + (symbol << 2));
      // count / (share + 1/2) against the best so far
      const weight = <u64>count * bestShare;
      const best = <u64>bestCount * (2 * share + (left > 0 ? 1 : -1));
      if (bestShare === 0 || (left > 0 ? weight > best : weight < best)) {
        bestSymbol = symbol;
        bestCount = count;
        bestShare = 2 * share + (left > 0 ? 1 : -1);
      }
    }
    const at = norm + (bestSymbol << 1);
    store<i16>(at, load<i16>(at) + (left > 0 ? 1 : -1));
  }
}

/** Describes a distribution at `to`; returns the bytes written. At most 3 bytes past them are touched. */
export function writeDistribution(to: usize, norm: usize, maxSymbol: u32, log: u32): u32 {
  const begin = to;
  let bits: u32 = log - 5;
  let count: u32 = 4;
  let left: i32 = 1 << log;
  let symbol: u32 = 0;
  while (left > 0 && symbol <= maxSymbol) {
    const share = <i32>load<i16>(norm + (symbol++ << 1));
    const width = 32 - clz(left + 1);
    const short = (1 << width) - 2 - left;
    let value = share + 1;
    left -= share < 0 ? 1 : share;
    // See readDistribution: small values have a bit less, large ones give way to them.
    if (value >= 1 << (width - 1)) value += short;
    bits |= value << count;
    count += share + 1 < short ? width - 1 : width;
    if (share === 0) {
      let zeros: u32 = 0;
      while (symbol <= maxSymbol && load<i16>(norm + (symbol << 1)) === 0) {
        symbol++;
        zeros++;
      }
      for (;;) {
        // 16 bits or fewer wait here: flush, then two more.
        store<u32>(to, bits);
        to += count >> 3;
        bits >>= count & ~7;
        count &= 7;
        bits |= min<u32>(zeros, 3) << count;
        count += 2;
        if (zeros < 3) break;
        zeros -= 3;
      }
    }
    store<u32>(to, bits);
    to += count >> 3;
    bits >>= count & ~7;
    count &= 7;
  }
  return <u32>(to - begin) + ((count + 7) >> 3);
}

/**
 * Builds the table of a distribution.
 * @param cells 1 << log bytes of scratch
 * @param starts 2 bytes of scratch for each symbol
 */
export function buildTable(table: usize, norm: usize, maxSymbol: u32, log: u32, cells: usize, starts: usize): void {
  const size: u32 = 1 << log;
  const mask = size - 1;
  const symbols = symbolsOf(table, log);
  let high = mask;
  let start: u32 = 0;
  for (let symbol: u32 = 0; symbol <= maxSymbol; symbol++) {
    const share = <i32>load<i16>(norm + (symbol << 1));
    store<u16>(starts + (symbol << 1), <u16>start);
    const at = symbols + (symbol << 3);
    if (share === 0) continue;
    if (share === -1) store<u8>(cells + high--, <u8>symbol);
    const nrCells: u32 = share < 0 ? 1 : share;
    // States below nrCells << most write one bit less than `most`.
    const most = nrCells === 1 ? log : log - (31 - clz(nrCells - 1));
    store<u32>(at, (most << 16) - (nrCells << most));
    store<i16>(at, <i16>(<i32>start - <i32>nrCells), 4);
    start += nrCells;
  }
  const step = (size >> 1) + (size >> 3) + 3;
  let position: u32 = 0;
  for (let symbol: u32 = 0; symbol <= maxSymbol; symbol++) {
    for (let nth = <i32>load<i16>(norm + (symbol << 1)); nth > 0; nth--) {
      store<u8>(cells + position, <u8>symbol);
      do position = (position + step) & mask;
      while (position > high);
    }
  }
  for (let state: u32 = 0; state < size; state++) {
    const at = starts + ((<usize>load<u8>(cells + state)) << 1);
    const rank = <u32>load<u16>(at);
    store<u16>(at, <u16>(rank + 1));
    store<u16>(table + (rank << 1), <u16>(size + state));
  }
}

/** Bits that a symbol writes from a state. */
export function bitsOut(state: u32, symbol: u64): u32 {
  return (state + <u32>symbol) >> 16;
}

/** The state after a symbol that wrote `bits`. */
export function nextState(table: usize, state: u32, bits: u32, symbol: u64): u32 {
  return load<u16>(table + (((state >> bits) + <u32>(<i32>(<i64>(symbol << 16) >> 48))) << 1));
}

/** The state that holds the last symbol, which writes nothing: of its states the one that the reader leaves with most bits. */
export function firstState(table: usize, symbol: u64): u32 {
  const delta = <u32>symbol;
  const bits = (delta + (1 << 15)) >> 16;
  return nextState(table, (bits << 16) - delta, bits, symbol);
}
