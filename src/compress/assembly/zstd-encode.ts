// A Zstandard frame, the writing side (RFC 8878, 3.1.1): one segment, so that the window is the content and every decoder that has
// room for the cluster takes it; no checksum, as F2FS has its own. What a level means is decided here.
import { BLOCK_BYTES, BLOCK_COMPRESSED, BLOCK_RAW, BLOCK_RLE, MAGIC } from './zstd-codes';
import { blockOf, buildCodeMaps, EncodeState, literalsOf, scratchOf, sequencesOf, tablesOf } from './zstd-encode-state';
import { writeLiterals } from './zstd-literals-encode';
import { FAR_LOG, farOf } from './zstd-match-chain';
import { findDouble } from './zstd-match-double';
import { findFast } from './zstd-match-fast';
import { findLazy } from './zstd-match-lazy';
import { findOptimal } from './zstd-match-optimal';
import { writeSequences } from './zstd-sequences-encode';

/** Matches are looked for within so many bytes, which the tables are made for: longer contents are parts of as many. */
const PART_BYTES: u32 = 1 << 20;
/** Parts of up to this many bytes get tables of u16. */
const SMALL_BYTES: u32 = 64 * 1024;

/** Strategies: which match finder. */
const FAST: u32 = 0;
const DOUBLE: u32 = 1;
const LAZY: u32 = 2;
const OPTIMAL: u32 = 3;

/**
 * Chooses how to search the part that begins at `state.base`, by level and by its length. Measured on text and on binaries: at each level speed and size are near
 * those of the reference library; tables as small as does no harm, for a cluster pays for clearing them.
 */
function choose(state: EncodeState, level: u32, length: u32): void {
  const log = 32 - clz(max<u32>(length, 2) - 1);
  state.hashLog = log < 18 ? min<u32>(log, 14) : log - 3;
  state.secondLog = state.hashLog;
  state.minMatch = level < 3 ? 5 : 4;
  state.length = length;
  state.entered = state.base + 1;
  state.rounds = level < 18 ? 1 : 2;
  state.hasPrices = 0;
  if (level < 2) {
    state.strategy = FAST;
    return;
  }
  if (level < 4) {
    state.strategy = DOUBLE;
    return;
  }
  state.hashLog = min<u32>(log, log < 18 ? 14 : 16);
  state.secondLog = min<u32>(log, 17);
  state.patience = level < 5 ? 0 : level < 6 ? 1 : 2;
  if (level < (log < 16 ? 10 : 13)) {
    state.strategy = LAZY;
    state.depth = level < 6 ? 2 * level - 4 : 4 << ((level - 3) >> 1);
    state.enough = 8 << min<u32>(level - 3, 9);
  } else {
    state.strategy = OPTIMAL;
    state.depth = level < 13 ? level : 1 << min<u32>((level - 4) >> 1, 9);
    state.enough = 16 << min<u32>((level - 7) / 3, 5);
  }
}

/** Finds the sequences of the block [from, end); returns where the literals after the last one begin. */
function findSequences<T>(from: usize, end: usize, work: usize): usize {
  const strategy = EncodeState.at(work).strategy;
  if (strategy === FAST) return findFast<T>(work, from, end);
  if (strategy === DOUBLE) return findDouble<T>(work, from, end);
  if (strategy === OPTIMAL) return findOptimal<T>(work, from, end);
  return findLazy<T>(work, from, end);
}

/** Clears the tables; chains need not be. */
function clearTables(state: EncodeState, isSmall: bool, work: usize): void {
  const entryLog: u32 = isSmall ? 1 : 2;
  let entries: u32 = 1 << state.hashLog;
  if (state.strategy === DOUBLE) entries += 1 << state.secondLog;
  memory.fill(tablesOf(work), 0, entries << entryLog);
  if (state.strategy > DOUBLE && !isSmall) memory.fill(farOf<u32>(work), 0, 4 << FAR_LOG);
}

/** Whether all of [from, end) is the byte at `from`. */
function isOneByte(from: usize, end: usize): bool {
  const eight = <u64>load<u8>(from) * (((<u64>0x01010101) << 32) | 0x01010101);
  for (; <u32>(end - from) >= 8; from += 8) if (load<u64>(from) !== eight) return false;
  for (; from !== end; from++) if (load<u8>(from) !== <u8>eight) return false;
  return true;
}

/**
 * Writes the block [from, end) in the workspace.
 * @returns its bytes; 0 when it is not smaller than the content
 */
function writeBlock(state: EncodeState, from: usize, end: usize, isSmall: bool, work: usize): u32 {
  const literals = literalsOf(work);
  const sequences = sequencesOf(work);
  const repeat1 = state.repeat1;
  const repeat2 = state.repeat2;
  const repeat3 = state.repeat3;
  state.literalsEnd = literals;
  state.sequencesEnd = sequences;
  const anchor = isSmall ? findSequences<u16>(from, end, work) : findSequences<u32>(from, end, work);
  const rest = end - anchor;
  memory.copy(state.literalsEnd, anchor, rest);
  const nrLiterals = <u32>(state.literalsEnd + rest - literals);
  const nrSequences = <u32>(state.sequencesEnd - sequences) >> 3;

  const size = <u32>(end - from);
  const block = blockOf(work);
  const bytes = writeLiterals(block, literals, nrLiterals, scratchOf(work));
  if (bytes < size) {
    const more = writeSequences(block + bytes, block + size, nrSequences, work);
    if (more !== 0 && bytes + more < size) return bytes + more;
  }
  // The decoder does not see these sequences, so its repeats stay.
  state.repeat1 = repeat1;
  state.repeat2 = repeat2;
  state.repeat3 = repeat3;
  return 0;
}

/** Bytes of the frame's header. */
function headerBytes(length: u32): u32 {
  return length < 256 ? 6 : length < 65536 + 256 ? 7 : 9;
}

function writeHeader(to: usize, length: u32): void {
  store<u32>(to, MAGIC);
  // Single segment, and the width of the content's length: 1, 2 (of 256 less) or 4 bytes.
  if (length < 256) {
    store<u8>(to, 0x20, 4);
    store<u8>(to, <u8>length, 5);
    return;
  }
  if (length < 65536 + 256) {
    store<u8>(to, 0x60, 4);
    store<u16>(to, <u16>(length - 256), 5);
    return;
  }
  store<u8>(to, 0xa0, 4);
  store<u32>(to, length, 5);
}

/**
 * Compresses `length` bytes at `src` to one frame. Writes nothing outside `capacity` bytes at `dst` and the 2 MiB at
 * `work`; the frame depends on nothing but the content and the level.
 * @returns the frame's bytes; 0 when it does not fit
 */
export function zstdCompress(src: usize, length: u32, dst: usize, capacity: u32, level: u32, work: usize): u32 {
  let written = headerBytes(length);
  if (capacity < written) return 0;
  writeHeader(dst, length);
  const state = EncodeState.at(work);
  state.repeat1 = 1;
  state.repeat2 = 4;
  state.repeat3 = 8;
  buildCodeMaps(work);

  let from = src;
  let left = length;
  let isSmall = false;
  do {
    if (((length - left) & (PART_BYTES - 1)) === 0) {
      const part = min(left, PART_BYTES);
      state.base = from;
      choose(state, level, part);
      isSmall = part <= SMALL_BYTES;
      clearTables(state, isSmall, work);
    }
    const size = min(left, BLOCK_BYTES);
    left -= size;
    let type = BLOCK_RAW;
    let packed = size;
    let content = from;
    if (size > 2 && isOneByte(from, from + size)) {
      type = BLOCK_RLE;
      packed = 1;
    } else {
      const bytes = writeBlock(state, from, from + size, isSmall, work);
      if (bytes !== 0) {
        type = BLOCK_COMPRESSED;
        packed = bytes;
        content = blockOf(work);
      }
    }
    if (written + 3 + packed > capacity) return 0;
    // Header of a block: 1 bit last, 2 type, 21 size; of a repeated byte, how often.
    const header = (left === 0 ? 1 : 0) | (type << 1) | ((type === BLOCK_RLE ? size : packed) << 3);
    const to = dst + written;
    store<u16>(to, <u16>header);
    store<u8>(to, <u8>(header >> 16), 2);
    memory.copy(to + 3, content, packed);
    written += 3 + packed;
    from += size;
  } while (left !== 0);
  return written;
}
