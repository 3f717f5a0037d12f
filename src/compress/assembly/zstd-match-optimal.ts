// The optimal parser, for high levels: of all ways to cut a stretch of the content into literals and matches it takes the cheapest, by
// the prices of a first guess (the lazy finder's) or of the block before. A shortest path, position by position.
import { EncodeState, literalsOf, parserOf, sequencesOf, storeMatch } from './zstd-encode-state';
import { FIRST_SEARCH, hashOf, lengthBy, SEARCH_LIMIT } from './zstd-match';
import { chainsOf, enterUntil, FAR_LOG, farCandidate, farOf } from './zstd-match-chain';
import { findLazy } from './zstd-match-lazy';
import { literalLengthPrice, literalPrice, matchLengthPrice, offsetPrice, PRICES_AT, setPrices } from './zstd-prices';

/** Positions that are parsed at a time. */
const STRETCH: u32 = 6 * 1024;
/** Log of the table for matches of three bytes. */
const THREES_LOG: u32 = 14;
const NODE_BYTES: u32 = 28;
const UNREACHED: u32 = ~0;

/** The cheapest known way to a position. */
@unmanaged
class Node {
  /** Of all up to here, and of the number of literals since the last match. */
  price: u32;
  /** The step that leads here: a match of this length and distance, or a literal when 0. */
  length: u32;
  distance: u32;
  /** Literals since the last match. */
  literals: u32;
  /** The three latest distances; set when the node is visited. */
  repeat1: u32;
  repeat2: u32;
  repeat3: u32;
}

function nodeAt(work: usize, nth: u32): Node {
  return changetype<Node>(parserOf(work) + nth * NODE_BYTES);
}

/** Sets a node's latest distances by those of the node that its step comes from. */
function inherit(node: Node, from: Node): void {
  const distance = node.distance;
  if (node.length === 0 || (distance === from.repeat1 && from.literals !== 0)) {
    node.repeat1 = from.repeat1;
    node.repeat2 = from.repeat2;
    node.repeat3 = from.repeat3;
  } else {
    node.repeat1 = distance;
    node.repeat2 = from.repeat1;
    node.repeat3 = distance === from.repeat2 ? from.repeat3 : from.repeat2;
  }
}

/** Offers a match of any length from `first` to `last` to the nodes that it leads to from the `nth`, at most two past the stretch. */
function offer(work: usize, prices: usize, nth: u32, price: u32, first: u32, last: u32, distance: u32): void {
  for (let length = first; length <= last; length++) {
    const total = price + matchLengthPrice(prices, length);
    const node = nodeAt(work, nth + length);
    if (total < node.price) {
      node.price = total;
      node.length = length;
      node.distance = distance;
      node.literals = 0;
    }
  }
}

/** Appends the steps that lead to the `nth` node; returns where the literals after the last match begin. */
function take(work: usize, anchor: usize, from: usize, nth: u32): usize {
  const state = EncodeState.at(work);
  // Backwards first: each node on the way is told its next step, where its price was.
  for (let to = nth; to > 0; ) {
    const node = nodeAt(work, to);
    to -= max<u32>(node.length, 1);
    const before = nodeAt(work, to);
    before.price = node.length;
    before.literals = node.distance;
  }
  for (let at: u32 = 0; at < nth; ) {
    const node = nodeAt(work, at);
    const length = node.price;
    if (length === 0) at++;
    else {
      const position = from + at;
      storeMatch(state, anchor, <u32>(position - anchor), node.literals, length);
      at += length;
      anchor = from + at;
    }
  }
  return anchor;
}

/** Parses a block by the prices that are set. */
function parse<T>(work: usize, from: usize, end: usize): usize {
  const state = EncodeState.at(work);
  const prices = parserOf(work) + PRICES_AT;
  const base = state.base;
  const chains = chainsOf<T>(work);
  const mask: u32 = (1 << state.secondLog) - 1;
  const limit = end - SEARCH_LIMIT;
  // Where three bytes were seen last in this block: of so short matches only near ones are any good.
  const threes = farOf<T>(work) + (sizeof<T>() > 2 ? 4 << FAR_LOG : 0);
  memory.fill(threes, 0, 1 << (THREES_LOG + alignof<T>()));
  let anchor = from;
  let ip = from === base ? from + FIRST_SEARCH : from;
  while (ip < limit) {
    const stretch = min<u32>(STRETCH, <u32>(limit - ip));
    for (let nth: u32 = 1; nth <= stretch; nth++) nodeAt(work, nth).price = UNREACHED;
    const first = nodeAt(work, 0);
    first.length = 0;
    first.literals = <u32>(ip - anchor);
    first.price = literalLengthPrice(prices, first.literals);
    first.repeat1 = state.repeat1;
    first.repeat2 = state.repeat2;
    first.repeat3 = state.repeat3;
    let nth: u32 = 0;
    // A match that ends the stretch: so long that nothing else is of interest, or past its end.
    let lastLength: u32 = 0;
    let lastDistance: u32 = 0;
    for (; nth < stretch; nth++) {
      const node = nodeAt(work, nth);
      if (nth > 0) inherit(node, nodeAt(work, nth - max<u32>(node.length, 1)));
      const at = ip + nth;
      const word = load<u64>(at);
      const literals = node.literals;
      const price = node.price;
      const next = nodeAt(work, nth + 1);
      const asLiteral =
        price +
        literalPrice(prices, <u32>word & 255) +
        literalLengthPrice(prices, literals + 1) -
        literalLengthPrice(prices, literals);
      if (asLiteral < next.price) {
        next.price = asLiteral;
        next.length = 0;
        next.distance = 0;
        next.literals = literals + 1;
      }

      const room = stretch - nth;
      const enough = min(state.enough, room);
      const most = <u32>(end - at);
      const ofMatch = price + literalLengthPrice(prices, 0);
      let found: u32 = 2;
      for (let value: u32 = 1; value <= 3; value++) {
        let distance: u32;
        if (literals !== 0) distance = value === 1 ? node.repeat1 : value === 2 ? node.repeat2 : node.repeat3;
        else distance = value === 1 ? node.repeat2 : value === 2 ? node.repeat3 : node.repeat1 - 1;
        if (distance === 0) continue;
        const difference = word ^ load<u64>(at - distance);
        if ((<u32>difference) << 8 !== 0) continue;
        const length: u32 = <u32>difference !== 0 ? 3 : lengthBy(difference, at, at - distance, end);
        if (length < enough) offer(work, prices, nth, ofMatch + offsetPrice(prices, value), 3, length, distance);
        else if (length > lastLength) {
          lastLength = length;
          lastDistance = distance;
        }
        found = max(found, length);
      }
      const farOne = farCandidate<T>(work, word);
      let candidate = enterUntil<T>(work, at);
      const entry = threes + (hashOf(word, 3, THREES_LOG) << alignof<T>());
      const three = base + <usize>load<T>(entry);
      store<T>(entry, <T>(at - base));
      if (found < 3 && (<u32>(load<u64>(three) ^ word)) << 8 === 0) {
        offer(work, prices, nth, ofMatch + offsetPrice(prices, <u32>(at - three) + 3), 3, 3, <u32>(at - three));
      }
      found = max<u32>(found, 3);
      const index = <u32>(at - base);
      const lowest: u32 = index > mask ? index - mask : 0;
      for (let tries = state.depth; tries > 0 && candidate > lowest && found < most; tries--) {
        const match = base + candidate;
        if (load<u32>(match + found - 3) === load<u32>(at + found - 3)) {
          const difference = load<u64>(match) ^ word;
          const length: u32 = <u32>difference !== 0 ? 0 : lengthBy(difference, at, match, end);
          if (length > found) {
            const distance = index - candidate;
            if (length >= enough) {
              lastLength = length;
              lastDistance = distance;
            } else {
              offer(work, prices, nth, ofMatch + offsetPrice(prices, distance + 3), found + 1, length, distance);
            }
            found = length;
          }
        }
        // Of a chain that was overwritten, nothing earlier is known.
        const before = <u32>load<T>(chains + ((candidate & mask) << alignof<T>()));
        if (before >= candidate) break;
        candidate = before;
      }
      if (farOne !== 0 && farOne < lowest && load<u64>(base + farOne) === word) {
        const length = lengthBy(0, at, base + farOne, end);
        const distance = index - farOne;
        if (length > found) {
          if (length >= enough) {
            lastLength = length;
            lastDistance = distance;
          } else {
            offer(work, prices, nth, ofMatch + offsetPrice(prices, distance + 3), found + 1, length, distance);
          }
        }
      }
      if (lastLength !== 0) break;
    }
    anchor = take(work, anchor, ip, nth);
    ip += nth;
    if (lastLength !== 0) {
      storeMatch(state, anchor, <u32>(ip - anchor), lastDistance, lastLength);
      ip += lastLength;
      anchor = ip;
    }
  }
  return anchor;
}

/**
 * Finds the sequences of a block.
 * @returns where the literals after the last match begin
 */
export function findOptimal<T>(work: usize, from: usize, end: usize): usize {
  const state = EncodeState.at(work);
  if (<u32>(end - from) <= SEARCH_LIMIT + FIRST_SEARCH) return from;
  if (state.hasPrices === 0) {
    const repeat1 = state.repeat1;
    const repeat2 = state.repeat2;
    const repeat3 = state.repeat3;
    for (let round: u32 = 0; round < state.rounds; round++) {
      if (round === 0) {
        // A guess need not be good.
        const depth = state.depth;
        state.depth = min<u32>(depth, 8);
        findLazy<T>(work, from, end);
        state.depth = depth;
      } else parse<T>(work, from, end);
      setPrices(work, round === 0);
      state.literalsEnd = literalsOf(work);
      state.sequencesEnd = sequencesOf(work);
      state.repeat1 = repeat1;
      state.repeat2 = repeat2;
      state.repeat3 = repeat3;
    }
    state.hasPrices = 1;
  }
  const anchor = parse<T>(work, from, end);
  if (end - state.base < <usize>state.length) setPrices(work, false);
  return anchor;
}
