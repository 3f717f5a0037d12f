// A block's sequences section, the writing side (RFC 8878, 3.1.1.3.2): lengths and distances become codes, each kind of code gets
// the table that makes it smallest, and one stream takes the three kinds in turn, last sequence first.
import {
  defaultDistribution,
  defaultLog,
  extraBits,
  KIND_LITERAL,
  KIND_MATCH,
  KIND_OFFSET,
  log2,
  MODE_FSE,
  MODE_PREDEFINED,
  MODE_RLE,
  maxCode,
  maxLog,
} from './zstd-codes';
import {
  LITERAL_CODES,
  literalCodesOf,
  MATCH_CODES,
  matchCodesOf,
  parserOf,
  scratchOf,
  sequencesOf,
} from './zstd-encode-state';
import {
  bitsOut,
  buildTable,
  chooseLog,
  codingCost,
  firstState,
  nextState,
  normalize,
  symbolsOf,
  writeDistribution,
} from './zstd-fse-encode';

/** Scratch: counts of the three kinds, a distribution and the predefined one, cells, starts, then the three tables. */
export const COUNTS_BYTES: u32 = 256;
const NORM_AT: u32 = 3 * COUNTS_BYTES;
const DEFAULT_AT: u32 = NORM_AT + 128;
const CELLS_AT: u32 = DEFAULT_AT + 128;
const STARTS_AT: u32 = CELLS_AT + 512;
const TABLES_AT: u32 = STARTS_AT + 128;
const TABLE_BYTES: u32 = 1024 + 64 * 8;
/** Fewer sequences are not worth a distribution of their own. */
const MIN_FSE: u32 = 24;

/** What chooseTable leaves: the mode in the lowest 2 bits, the table's accuracy log in the next 6, then the bytes written. */
function chooseTable(to: usize, kind: u32, count: u32, scratch: usize): u32 {
  const counts = scratch + kind * COUNTS_BYTES;
  const norm = scratch + NORM_AT;
  const defaults = scratch + DEFAULT_AT;
  const table = scratch + TABLES_AT + kind * TABLE_BYTES;
  let kinds: u32 = 0;
  let maxSymbol: u32 = 0;
  for (let symbol: u32 = 0; symbol <= maxCode(kind); symbol++) {
    if (load<u32>(counts + (symbol << 2)) === 0) continue;
    kinds++;
    maxSymbol = symbol;
  }
  defaultDistribution(kind, defaults);
  let best = codingCost(counts, defaults, maxSymbol, defaultLog(kind));
  let mode = MODE_PREDEFINED;
  let log = defaultLog(kind);
  let shares = defaults;
  let bytes: u32 = 0;
  if (kinds === 1) {
    if (best > 8 << 8) {
      mode = MODE_RLE;
      log = 0;
      bytes = 1;
      store<u8>(to, <u8>maxSymbol);
    }
  } else if (count >= MIN_FSE || best === ~0) {
    const fseLog = chooseLog(count, kinds, maxLog(kind));
    normalize(counts, norm, maxSymbol, count, fseLog);
    const described = writeDistribution(to, norm, maxSymbol, fseLog);
    const cost = codingCost(counts, norm, maxSymbol, fseLog) + (described << 11);
    if (cost < best) {
      best = cost;
      mode = MODE_FSE;
      log = fseLog;
      shares = norm;
      bytes = described;
    }
  }
  if (mode === MODE_RLE) {
    // One state, no bits: as a table of one cell has it.
    store<u16>(table, 1);
    store<u32>(symbolsOf(table, 0) + (maxSymbol << 3), -1);
    store<i16>(symbolsOf(table, 0) + (maxSymbol << 3), -1, 4);
  } else {
    // The predefined table also has cells for codes that don't occur here.
    if (mode === MODE_PREDEFINED) maxSymbol = maxCode(kind);
    buildTable(table, shares, maxSymbol, log, scratch + CELLS_AT, scratch + STARTS_AT);
  }
  const symbols = symbolsOf(table, log);
  for (let symbol: u32 = 0; symbol <= maxSymbol; symbol++) {
    store<u8>(symbols + (symbol << 3), <u8>extraBits(kind, symbol), 6);
  }
  return mode | (log << 2) | (bytes << 8);
}

/** Finds the codes of the sequences, u8 literal length, offset, match length and a filler of each at `codes`, and counts them. */
export function findCodes(work: usize, sequences: usize, count: u32, codes: usize, counts: usize): void {
  const literalCodes = literalCodesOf(work);
  const matchCodes = matchCodesOf(work);
  memory.fill(counts, 0, 3 * COUNTS_BYTES);
  for (let nth: u32 = 0; nth < count; nth++) {
    const sequence = load<u64>(sequences + (nth << 3));
    const literalLength = <u32>sequence & 0x3ffff;
    const matchLength = <u32>(sequence >> 18) & 0x3ffff;
    const literalCode =
      literalLength < LITERAL_CODES ? <u32>load<u8>(literalCodes + literalLength) : log2(literalLength) + 19;
    const matchCode = matchLength < MATCH_CODES ? <u32>load<u8>(matchCodes + matchLength) : log2(matchLength) + 36;
    const offsetCode = log2(<u32>(sequence >> 36));
    store<u32>(codes + (nth << 2), literalCode | (offsetCode << 8) | (matchCode << 16));
    const literalAt = counts + (literalCode << 2);
    const offsetAt = counts + COUNTS_BYTES + (offsetCode << 2);
    const matchAt = counts + 2 * COUNTS_BYTES + (matchCode << 2);
    store<u32>(literalAt, load<u32>(literalAt) + 1);
    store<u32>(offsetAt, load<u32>(offsetAt) + 1);
    store<u32>(matchAt, load<u32>(matchAt) + 1);
  }
}

/**
 * Writes the sequences section of the `count` sequences in the workspace at `to`.
 * @param stop where the section must have ended; up to 256 bytes past it may be touched
 * @returns the bytes written; 0 when they don't fit
 */
export function writeSequences(to: usize, stop: usize, count: u32, work: usize): u32 {
  const begin = to;
  if (count < 128) store<u8>(to++, <u8>count);
  else if (count < 0x7f00) {
    store<u8>(to, <u8>(128 + (count >> 8)));
    store<u8>(to, <u8>count, 1);
    to += 2;
  } else {
    store<u8>(to, 255);
    store<u16>(to, <u16>(count - 0x7f00), 1);
    to += 3;
  }
  if (count === 0) return <u32>(to - begin);

  const sequences = sequencesOf(work);
  const codes = parserOf(work);
  const scratch = scratchOf(work);
  findCodes(work, sequences, count, codes, scratch);
  const modes = to++;
  // Where the last distribution begins, if there is one.
  let described: usize = 0;
  const literal = chooseTable(to, KIND_LITERAL, count, scratch);
  if ((literal & 3) === MODE_FSE) described = to;
  to += literal >> 8;
  const offset = chooseTable(to, KIND_OFFSET, count, scratch);
  if ((offset & 3) === MODE_FSE) described = to;
  to += offset >> 8;
  const match = chooseTable(to, KIND_MATCH, count, scratch);
  if ((match & 3) === MODE_FSE) described = to;
  to += match >> 8;
  store<u8>(modes, <u8>(((literal & 3) << 6) | ((offset & 3) << 4) | ((match & 3) << 2)));

  to = writeStream(
    to,
    stop,
    count,
    sequences,
    codes,
    scratch,
    (literal >> 2) & 63,
    (offset >> 2) & 63,
    (match >> 2) & 63,
  );
  if (to === 0) return 0;
  // Decoders before 1.3.4 refuse a distribution that begins fewer than four bytes before the end.
  return described !== 0 && <u32>(to - described) < 4 ? 0 : <u32>(to - begin);
}

/** Writes the sequences' bits; returns their end, 0 when that passes `stop`. */
function writeStream(
  to: usize,
  stop: usize,
  count: u32,
  sequences: usize,
  codes: usize,
  scratch: usize,
  literalLog: u32,
  offsetLog: u32,
  matchLog: u32,
): usize {
  const literalTable = scratch + TABLES_AT + KIND_LITERAL * TABLE_BYTES;
  const offsetTable = scratch + TABLES_AT + KIND_OFFSET * TABLE_BYTES;
  const matchTable = scratch + TABLES_AT + KIND_MATCH * TABLE_BYTES;
  const literalSymbols = symbolsOf(literalTable, literalLog);
  const offsetSymbols = symbolsOf(offsetTable, offsetLog);
  const matchSymbols = symbolsOf(matchTable, matchLog);
  let literalState: u32 = 0;
  let offsetState: u32 = 0;
  let matchState: u32 = 0;
  let bits: u64 = 0;
  let width: u64 = 0;
  for (let nth = count; nth-- > 0; ) {
    const code = load<u32>(codes + (nth << 2));
    const literal = load<u64>(literalSymbols + ((code & 0xff) << 3));
    const offset = load<u64>(offsetSymbols + (((code >> 8) & 0xff) << 3));
    const match = load<u64>(matchSymbols + ((code >> 16) << 3));
    const sequence = load<u64>(sequences + (nth << 3));
    const literalExtra = (literal >> 48) & 0xff;
    const offsetExtra = (offset >> 48) & 0xff;
    const matchExtra = (match >> 48) & 0xff;
    if (nth === count - 1) {
      literalState = firstState(literalTable, literal);
      offsetState = firstState(offsetTable, offset);
      matchState = firstState(matchTable, match);
    } else {
      const offsetOut = bitsOut(offsetState, offset);
      bits |= (<u64>(offsetState & ((1 << offsetOut) - 1))) << width;
      width += offsetOut;
      offsetState = nextState(offsetTable, offsetState, offsetOut, offset);
      const matchOut = bitsOut(matchState, match);
      bits |= (<u64>(matchState & ((1 << matchOut) - 1))) << width;
      width += matchOut;
      matchState = nextState(matchTable, matchState, matchOut, match);
      const literalOut = bitsOut(literalState, literal);
      bits |= (<u64>(literalState & ((1 << literalOut) - 1))) << width;
      width += literalOut;
      literalState = nextState(literalTable, literalState, literalOut, literal);
    }
    // 7 bits waited, the states wrote up to 26; extra bits may be too many for the rest.
    if (literalExtra + offsetExtra + matchExtra > 30) {
      store<u64>(to, bits);
      to += <usize>(width >> 3);
      bits >>= width & ~7;
      width &= 7;
    }
    bits |= (sequence & (((<u64>1) << literalExtra) - 1)) << width;
    width += literalExtra;
    bits |= ((sequence >> 18) & (((<u64>1) << matchExtra) - 1)) << width;
    width += matchExtra;
    bits |= ((sequence >> 36) & (((<u64>1) << offsetExtra) - 1)) << width;
    width += offsetExtra;
    store<u64>(to, bits);
    to += <usize>(width >> 3);
    bits >>= width & ~7;
    width &= 7;
    if (to >= stop) return 0;
  }
  bits |= (<u64>(matchState & ((1 << matchLog) - 1))) << width;
  width += matchLog;
  bits |= (<u64>(offsetState & ((1 << offsetLog) - 1))) << width;
  width += offsetLog;
  bits |= (<u64>(literalState & ((1 << literalLog) - 1))) << width;
  width += literalLog;
  bits |= (<u64>1) << width;
  store<u64>(to, bits);
  return to + <usize>(width >> 3) + 1;
}
