// Huffman codes for literals (RFC 8878, 4.2.1): code lengths by frequency, none longer than 11 bits, and their description.
import {
  bitsOut,
  buildTable,
  chooseLog,
  firstState,
  nextState,
  normalize,
  symbolsOf,
  writeDistribution,
} from './zstd-fse-encode';
import { HUFFMAN_LOG } from './zstd-huffman-decode';

/** Scratch of buildCodes: 256 sorted leaves and a sentinel, inner nodes and a sentinel, parents of both, counts by length, buckets. */
const LEAVES_AT: u32 = 0;
const INNER_AT: u32 = 1040;
const LEAF_PARENTS_AT: u32 = 2080;
const INNER_PARENTS_AT: u32 = 2592;
const LENGTHS_AT: u32 = 3104;
const BUCKETS_AT: u32 = 3168;
const NR_BUCKETS: u32 = 144;

const WEIGHT_FSE_LOG: u32 = 6;

/** A bucket by the leading four bits of a count, so that few elements are left to sort within one. */
function bucketOf(count: u32): u32 {
  if (count < 8) return count;
  const log = 31 - clz(count);
  return (log << 3) + ((count >> (log - 3)) & 7);
}

/** Sorts the symbols that occur by count, rarest first: u32 count << 8 | symbol at `leaves`. Returns how many there are. */
function sortLeaves(counts: usize, leaves: usize, buckets: usize): u32 {
  memory.fill(buckets, 0, (NR_BUCKETS + 1) << 2);
  for (let symbol: u32 = 0; symbol < 256; symbol++) {
    const at = buckets + ((bucketOf(load<u32>(counts + (symbol << 2))) + 1) << 2);
    store<u32>(at, load<u32>(at) + 1);
  }
  // Bucket 0 is of those that don't occur.
  store<u32>(buckets + 4, 0);
  let begin: u32 = 0;
  for (let bucket: u32 = 1; bucket <= NR_BUCKETS; bucket++) {
    begin += load<u32>(buckets + (bucket << 2));
    store<u32>(buckets + (bucket << 2), begin);
  }
  for (let symbol: u32 = 0; symbol < 256; symbol++) {
    const count = load<u32>(counts + (symbol << 2));
    if (count === 0) continue;
    const at = buckets + (bucketOf(count) << 2);
    const place = load<u32>(at);
    store<u32>(at, place + 1);
    store<u32>(leaves + (place << 2), (count << 8) | symbol);
  }
  for (let nth: u32 = 1; nth < begin; nth++) {
    const leaf = load<u32>(leaves + (nth << 2));
    let place = nth;
    for (; place > 0 && load<u32>(leaves + ((place - 1) << 2)) > leaf; place--) {
      store<u32>(leaves + (place << 2), load<u32>(leaves + ((place - 1) << 2)));
    }
    store<u32>(leaves + (place << 2), leaf);
  }
  return begin;
}

/** Counts leaves by depth at `lengths`, those deeper than HUFFMAN_LOG as if they were there. */
function countDepths(leaves: usize, nrLeaves: u32, scratch: usize): void {
  const inner = scratch + INNER_AT;
  const leafParents = scratch + LEAF_PARENTS_AT;
  const innerParents = scratch + INNER_PARENTS_AT;
  const lengths = scratch + LENGTHS_AT;
  // The two rarest nodes, again and again, get a parent. Inner nodes arise in order of their counts: two queues suffice.
  const nrInner = nrLeaves - 1;
  store<u32>(leaves + (nrLeaves << 2), ~0);
  store<u32>(inner, ~0);
  let leaf: u32 = 0;
  let node: u32 = 0;
  for (let parent: u32 = 0; parent < nrInner; parent++) {
    let sum: u32 = 0;
    for (let child = 0; child < 2; child++) {
      const leafCount = load<u32>(leaves + (leaf << 2)) >> 8;
      const nodeCount = load<u32>(inner + (node << 2));
      if (leafCount <= nodeCount) {
        sum += leafCount;
        store<u16>(leafParents + (leaf++ << 1), <u16>parent);
      } else {
        sum += nodeCount;
        store<u16>(innerParents + (node++ << 1), <u16>parent);
      }
    }
    store<u32>(inner + (parent << 2), sum);
    store<u32>(inner + (parent << 2), ~0, 4);
  }
  // From the root down, depths take the place of counts.
  memory.fill(lengths, 0, 64);
  store<u32>(inner + ((nrInner - 1) << 2), 0);
  for (let nth = <i32>nrInner - 2; nth >= 0; nth--) {
    const parent = <u32>load<u16>(innerParents + (nth << 1));
    store<u32>(inner + (nth << 2), load<u32>(inner + (parent << 2)) + 1);
  }
  for (let nth: u32 = 0; nth < nrLeaves; nth++) {
    const depth = load<u32>(inner + ((<u32>load<u16>(leafParents + (nth << 1))) << 2)) + 1;
    const at = lengths + (min(depth, HUFFMAN_LOG) << 2);
    store<u32>(at, load<u32>(at) + 1);
  }
}

/** Lengthens other codes until those that were cut to HUFFMAN_LOG fit; lengths then fill the tree exactly. */
function repairDepths(lengths: usize): void {
  let excess: i32 = -(1 << HUFFMAN_LOG);
  for (let length: u32 = 1; length <= HUFFMAN_LOG; length++) {
    excess += <i32>(load<u32>(lengths + (length << 2)) << (HUFFMAN_LOG - length));
  }
  while (excess > 0) {
    let length = HUFFMAN_LOG - 1;
    while (load<u32>(lengths + (length << 2)) === 0) length--;
    const at = lengths + (length << 2);
    store<u32>(at, load<u32>(at) - 1);
    store<u32>(at, load<u32>(at, 4) + 1, 4);
    excess -= 1 << (HUFFMAN_LOG - 1 - length);
  }
  // Too much made room: some of the longest come up again.
  const longest = lengths + (HUFFMAN_LOG << 2);
  for (; excess < 0; excess++) {
    store<u32>(longest, load<u32>(longest) - 1);
    store<u32>(longest - 4, load<u32>(longest - 4) + 1);
  }
}

/**
 * Gives each symbol a code.
 * @param counts u32 for each of 256 symbols, two or more of them not 0
 * @param codes receives a u32 for each: the code, its length << 16; 0 for symbols that don't occur
 * @param scratch BUCKETS_AT + (NR_BUCKETS + 1) * 4 bytes
 * @returns the longest length
 */
export function buildCodes(counts: usize, codes: usize, scratch: usize): u32 {
  const leaves = scratch + LEAVES_AT;
  const lengths = scratch + LENGTHS_AT;
  const nrLeaves = sortLeaves(counts, leaves, scratch + BUCKETS_AT);
  countDepths(leaves, nrLeaves, scratch);
  repairDepths(lengths);
  let longest = HUFFMAN_LOG;
  while (load<u32>(lengths + (longest << 2)) === 0) longest--;

  // The rarest get the longest codes; of equal length, codes rise with the symbol, and longer codes come first.
  memory.fill(codes, 0, 1024);
  let leaf = leaves;
  let first: u32 = 0;
  for (let length = longest; length > 0; length--) {
    const at = lengths + (length << 2);
    const nrCodes = load<u32>(at);
    store<u32>(at, first);
    first = (first + nrCodes) >> 1;
    for (const stop = leaf + (nrCodes << 2); leaf < stop; leaf += 4) {
      store<u32>(codes + ((load<u32>(leaf) & 255) << 2), length << 16);
    }
  }
  for (let symbol: u32 = 0; symbol < 256; symbol++) {
    const code = load<u32>(codes + (symbol << 2));
    if (code === 0) continue;
    const at = lengths + ((code >> 16) << 2);
    const next = load<u32>(at);
    store<u32>(at, next + 1);
    store<u32>(codes + (symbol << 2), code | next);
  }
  return longest;
}

/** Packs weights with FSE: two states that take turns. Returns the bytes written; 0 when all weights are the same. */
function packWeights(to: usize, weights: usize, count: u32, scratch: usize): u32 {
  const counts = scratch;
  const norm = counts + 64;
  const starts = norm + 32;
  const cells = starts + 32;
  const table = cells + 64;
  memory.fill(counts, 0, 64);
  for (let nth: u32 = 0; nth < count; nth++) {
    const at = counts + ((<usize>load<u8>(weights + nth)) << 2);
    store<u32>(at, load<u32>(at) + 1);
  }
  let kinds: u32 = 0;
  let maxSymbol: u32 = 0;
  for (let symbol: u32 = 0; symbol <= HUFFMAN_LOG; symbol++) {
    if (load<u32>(counts + (symbol << 2)) === 0) continue;
    kinds++;
    maxSymbol = symbol;
  }
  if (kinds < 2 || count < 3) return 0;
  const log = count < 96 ? chooseLog(count, kinds, WEIGHT_FSE_LOG) : WEIGHT_FSE_LOG;
  normalize(counts, norm, maxSymbol, count, log);
  const begin = to;
  to += writeDistribution(to, norm, maxSymbol, log);
  buildTable(table, norm, maxSymbol, log, cells, starts);
  const symbols = symbolsOf(table, log);
  let nth = count - 1;
  let one = firstState(table, load<u64>(symbols + ((<usize>load<u8>(weights + nth)) << 3)));
  nth--;
  let other = firstState(table, load<u64>(symbols + ((<usize>load<u8>(weights + nth)) << 3)));
  let bits: u64 = 0;
  let width: u32 = 0;
  while (nth-- > 0) {
    const symbol = load<u64>(symbols + ((<usize>load<u8>(weights + nth)) << 3));
    const out = bitsOut(one, symbol);
    bits |= (<u64>(one & ((1 << out) - 1))) << width;
    width += out;
    const next = nextState(table, one, out, symbol);
    one = other;
    other = next;
    store<u64>(to, bits);
    to += width >> 3;
    bits >>= width & ~7;
    width &= 7;
  }
  // `other` holds symbol 0 now; it is read first, so written last.
  bits |= (<u64>(one & ((1 << log) - 1))) << width;
  width += log;
  bits |= (<u64>(other & ((1 << log) - 1))) << width;
  width += log;
  bits |= (<u64>1) << width;
  store<u64>(to, bits);
  return <u32>(to - begin) + (width >> 3) + 1;
}

/**
 * Describes a tree at `to`. Up to 160 bytes there are touched.
 * @param longest as buildCodes returned it
 * @param scratch BUCKETS_AT + (NR_BUCKETS + 1) * 4 bytes
 * @returns the bytes written; 0 when the tree can't be described
 */
export function writeTree(to: usize, codes: usize, longest: u32, scratch: usize): u32 {
  const weights = scratch;
  let last: u32 = 255;
  while (load<u32>(codes + (last << 2)) === 0) last--;
  for (let symbol: u32 = 0; symbol <= last; symbol++) {
    const length = load<u32>(codes + (symbol << 2)) >> 16;
    store<u8>(weights + symbol, length === 0 ? 0 : <u8>(longest + 1 - length));
  }
  // The last weight is not told: the reader completes the tree.
  const packed = packWeights(to + 1, weights, last, scratch + 256);
  const plain = (last + 1) >> 1;
  if (packed !== 0 && packed < 128 && (packed < plain || last > 128)) {
    store<u8>(to, <u8>packed);
    return 1 + packed;
  }
  if (last > 128) return 0;
  store<u8>(to, <u8>(127 + last));
  store<u8>(weights + last, 0);
  for (let nth: u32 = 0; nth < last; nth += 2) {
    store<u8>(to + 1 + (nth >> 1), (load<u8>(weights + nth) << 4) | load<u8>(weights + nth, 1));
  }
  return 1 + plain;
}
