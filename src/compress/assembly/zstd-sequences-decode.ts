// Sequences, the reading side (RFC 8878, 3.1.1.3.2 and 3.1.1.4): each is "copy so many literals, then so many bytes from so far
// back". They are decoded and carried out one by one. Copies move 16 bytes at a time where there is room past them.
import { copyMatch, copyWild } from './bytes';
import {
  defaultDistribution,
  defaultLog,
  KIND_LITERAL,
  KIND_MATCH,
  KIND_OFFSET,
  MODE_FSE,
  MODE_PREDEFINED,
  MODE_RLE,
  maxCode,
  maxLog,
} from './zstd-codes';
import { cellsOf, DecodeState, normOf } from './zstd-decode-state';
import { buildCells, buildSingleCell, CELL_LOG, readDistribution } from './zstd-fse-decode';
import { streamBits, topBits } from './zstd-huffman-decode';

/** Bytes past a sequence's end that the fast copies may write. */
const WILD_BYTES: u32 = 32;

/** What readTable returns, beside a number of bytes, for a damaged table. */
const DAMAGED: i32 = -1;

/** Reads the table of a kind; returns the bytes that it took. A repeated table stays as it is; its log says if there is one. */
function readTable(mode: u32, kind: u32, from: usize, end: usize, work: usize): i32 {
  const cells = cellsOf(work, kind);
  const norm = normOf(work);
  if (mode === MODE_PREDEFINED) {
    defaultDistribution(kind, norm);
    buildCells(cells, norm, maxCode(kind), defaultLog(kind), kind);
    return 0;
  }
  if (mode === MODE_RLE) {
    if (from >= end) return DAMAGED;
    const code = <u32>load<u8>(from);
    if (code > maxCode(kind)) return DAMAGED;
    buildSingleCell(cells, code, kind);
    return 1;
  }
  if (mode === MODE_FSE) {
    const header = readDistribution(from, <u32>(end - from), norm, maxCode(kind), maxLog(kind));
    if (header === 0) return DAMAGED;
    buildCells(cells, norm, maxCode(kind), header >> 16, kind);
    return <i32>header;
  }
  return 0;
}

/** Accuracy log after readTable returned `taken` for it. */
function logAfter(mode: u32, kind: u32, taken: i32, before: i32): i32 {
  if (mode === MODE_PREDEFINED) return <i32>defaultLog(kind);
  if (mode === MODE_RLE) return 0;
  return mode === MODE_FSE ? taken >> 16 : before;
}

/** Copies a match from less than 16 bytes back, up to 15 bytes past the end. */
function copyNear(to: usize, distance: u32, length: u32): void {
  const stop = to + length;
  if (distance < 8) {
    // Eight bytes one by one; from then on the pattern also repeats at the first multiple of the distance that is 8 or more.
    const from = to - distance;
    store<u8>(to, load<u8>(from));
    store<u8>(to, load<u8>(from, 1), 1);
    store<u8>(to, load<u8>(from, 2), 2);
    store<u8>(to, load<u8>(from, 3), 3);
    store<u8>(to, load<u8>(from, 4), 4);
    store<u8>(to, load<u8>(from, 5), 5);
    store<u8>(to, load<u8>(from, 6), 6);
    store<u8>(to, load<u8>(from, 7), 7);
    to += 8;
    if (to >= stop) return;
    distance = (7 / distance + 1) * distance;
  }
  do {
    store<u64>(to, load<u64>(to - distance));
    to += 8;
  } while (to < stop);
}

/**
 * Decodes a block's sequences section [from, end) and carries it out at `to`, with the literals that the state names.
 * @param base where the frame's content begins: matches don't reach before it
 * @param stop end of what may be written
 * @returns the bytes that were written; -1 when anything is damaged
 */
export function decodeSequences(from: usize, end: usize, base: usize, to: usize, stop: usize, work: usize): i32 {
  const state = DecodeState.at(work);
  if (from === end) return -1;
  let count = <u32>load<u8>(from++);
  if (count >= 128) {
    if (count === 255) {
      if (<u32>(end - from) < 2) return -1;
      count = <u32>load<u16>(from) + 0x7f00;
      from += 2;
    } else {
      if (from === end) return -1;
      count = ((count - 128) << 8) + load<u8>(from++);
    }
  }
  let written: i32 = 0;
  if (count !== 0) {
    if (from === end) return -1;
    const modes = <u32>load<u8>(from++);
    if ((modes & 3) !== 0) return -1;
    let taken = readTable(modes >> 6, KIND_LITERAL, from, end, work);
    if (taken < 0) return -1;
    state.literalLog = logAfter(modes >> 6, KIND_LITERAL, taken, state.literalLog);
    from += taken & 0xffff;
    taken = readTable((modes >> 4) & 3, KIND_OFFSET, from, end, work);
    if (taken < 0) return -1;
    state.offsetLog = logAfter((modes >> 4) & 3, KIND_OFFSET, taken, state.offsetLog);
    from += taken & 0xffff;
    taken = readTable((modes >> 2) & 3, KIND_MATCH, from, end, work);
    if (taken < 0) return -1;
    state.matchLog = logAfter((modes >> 2) & 3, KIND_MATCH, taken, state.matchLog);
    from += taken & 0xffff;
    if ((state.literalLog | state.offsetLog | state.matchLog) < 0 || from === end) return -1;

    written = carryOut(from, end, count, base, to, stop, work);
    if (written < 0) return -1;
  } else if (from !== end) return -1;

  // The literals that are left end the block.
  const rest = <u32>(state.literalsEnd - state.literals);
  to += written;
  if (rest > <u32>(stop - to)) return -1;
  memory.copy(to, state.literals, rest);
  return written + <i32>rest;
}

/**
 * Decodes `count` sequences from the bit stream [from, end) and carries them out; leaves state.literals behind the last one used.
 * Returns the bytes written, -1 when anything is damaged.
 */
function carryOut(from: usize, end: usize, count: u32, base: usize, to: usize, stop: usize, work: usize): i32 {
  const state = DecodeState.at(work);
  const literalCells = cellsOf(work, KIND_LITERAL);
  const offsetCells = cellsOf(work, KIND_OFFSET);
  const matchCells = cellsOf(work, KIND_MATCH);
  const begin = to;
  let literals = state.literals;
  const literalsEnd = state.literalsEnd;
  const literalsRoom = state.literalsRoom;
  let repeat1 = state.repeat1;
  let repeat2 = state.repeat2;
  let repeat3 = state.repeat3;

  let unread = streamBits(from, <u32>(end - from));
  const first = state.literalLog + state.offsetLog + state.matchLog;
  if (unread < first) return -1;
  let bits = topBits(from, unread);
  unread -= first;
  let literalCell = literalCells + ((<usize>((bits >> 1) >> (63 - state.literalLog))) << CELL_LOG);
  bits <<= state.literalLog;
  let offsetCell = offsetCells + ((<usize>((bits >> 1) >> (63 - state.offsetLog))) << CELL_LOG);
  bits <<= state.offsetLog;
  let matchCell = matchCells + ((<usize>((bits >> 1) >> (63 - state.matchLog))) << CELL_LOG);

  for (;;) {
    if (unread < 0) return -1;
    bits = topBits(from, unread);
    const ofBits = <u64>load<u8>(offsetCell, 3);
    const mlBits = <u64>load<u8>(matchCell, 3);
    const llBits = <u64>load<u8>(literalCell, 3);
    const offsetValue = load<u32>(offsetCell, 4) + <u32>((bits >> 1) >> (63 - ofBits));
    bits <<= ofBits;
    const matchLength = load<u32>(matchCell, 4) + <u32>((bits >> 1) >> (63 - mlBits));
    bits <<= mlBits;
    unread -= <i32>(ofBits + mlBits);
    // 56 bits are good; the three states may want 26 more of them.
    if (ofBits + mlBits + llBits > 30) {
      if (unread < 0) return -1;
      bits = topBits(from, unread);
    }
    const literalLength = load<u32>(literalCell, 4) + <u32>((bits >> 1) >> (63 - llBits));
    bits <<= llBits;
    unread -= <i32>llBits;

    if (--count !== 0) {
      const llNext = <u64>load<u8>(literalCell, 2);
      const mlNext = <u64>load<u8>(matchCell, 2);
      const ofNext = <u64>load<u8>(offsetCell, 2);
      literalCell =
        literalCells + ((<usize>load<u16>(literalCell) + <usize>((bits >> 1) >> (63 - llNext))) << CELL_LOG);
      bits <<= llNext;
      matchCell = matchCells + ((<usize>load<u16>(matchCell) + <usize>((bits >> 1) >> (63 - mlNext))) << CELL_LOG);
      bits <<= mlNext;
      offsetCell = offsetCells + ((<usize>load<u16>(offsetCell) + <usize>((bits >> 1) >> (63 - ofNext))) << CELL_LOG);
      unread -= <i32>(llNext + mlNext + ofNext);
    }

    // The latest three distances have values of their own; without literals before it, a match repeats another than the last.
    let distance: u32;
    if (offsetValue > 3) {
      distance = offsetValue - 3;
      repeat3 = repeat2;
      repeat2 = repeat1;
    } else {
      const nth = literalLength === 0 ? offsetValue : offsetValue - 1;
      if (nth === 0) distance = repeat1;
      else {
        distance = nth === 1 ? repeat2 : nth === 2 ? repeat3 : repeat1 - 1;
        if (nth !== 1) repeat3 = repeat2;
        repeat2 = repeat1;
      }
    }
    repeat1 = distance;

    if (literalLength > <u32>(literalsEnd - literals)) return -1;
    const left = <u32>(stop - to);
    const total = literalLength + matchLength;
    if (total > left || distance - 1 >= <u32>(to - base) + literalLength) return -1;
    const match = to + literalLength;
    if (total + WILD_BYTES <= left && literalLength + 16 <= <u32>(literalsRoom - literals)) {
      v128.store(to, v128.load(literals));
      if (literalLength > 16) copyWild(to + 16, literals + 16, literalLength - 16);
      if (distance >= 16) copyWild(match, match - distance, matchLength);
      else copyNear(match, distance, matchLength);
    } else {
      memory.copy(to, literals, literalLength);
      copyMatch(match, distance, matchLength);
    }
    literals += literalLength;
    to += total;
    if (count === 0) break;
  }
  if (unread !== 0) return -1;
  state.literals = literals;
  state.repeat1 = repeat1;
  state.repeat2 = repeat2;
  state.repeat3 = repeat3;
  return <i32>(to - begin);
}
