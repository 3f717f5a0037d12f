// LZ4's best encoder: at every place the longest match within reach, then the cheapest way through them all. Relies on
// lz4-chain.ts and lz4-format.ts. LZ4 makes this easy: a distance costs two bytes whatever it is, so among the matches
// at a place the longest is as good as all (a shorter one is its beginning), and the way is found in one walk from the
// end.
import { CHAIN_BYTES, clearChains, enter, hashShift, longest } from './lz4-chain';
import { LAST_LITERALS, lengthBytes, lz4LastLiterals, lz4Sequence, MIN_MATCH, SEARCH_LIMIT } from './lz4-format';

/** Places whose matches are kept at a time; no match crosses from one such stretch to the next. */
const STRETCH: usize = 131072;
/** While one is this long, a quarter of the effort goes into finding a longer one. */
const GOOD: usize = 16;
/** While a match is this long, what begins within it is not looked for. */
const NICE: usize = 128;

// The workspace, behind the chains, by place in the stretch: the match's length (u32), its distance (u16), the cost of
// all from there to the end of the stretch, in bytes (u32).
const LENGTHS: usize = CHAIN_BYTES;
const DISTANCES: usize = LENGTHS + 4 * STRETCH;
const COSTS: usize = DISTANCES + 2 * STRETCH;

/** Compresses as lz4Compress, looking at `depth` earlier places. */
export function lz4CompressOptimal(src: usize, length: u32, dst: usize, capacity: u32, depth: u32, work: usize): u32 {
  const end = src + length;
  const dstEnd = dst + capacity;
  let anchor = src;
  let op = dst;
  if (length > SEARCH_LIMIT) {
    const shift = hashShift(length);
    clearChains(work, shift);
    const nrStarts: usize = length - SEARCH_LIMIT + 1;
    for (let from: usize = 0; from < nrStarts; from += STRETCH) {
      const at = src + from;
      const size = min<usize>(STRETCH, (length as usize) - LAST_LITERALS - from);
      findMatches(src, at, size, min<usize>(size, nrStarts - from), shift, depth, work);
      choose(size, work);
      for (let i: usize = 0; i < size; ) {
        const match = load<u32>(work + LENGTHS + (i << 2)) as usize;
        if (match === 0) {
          i++;
          continue;
        }
        const distance = load<u16>(work + DISTANCES + (i << 1)) as usize;
        op = lz4Sequence(op, anchor, at + i - anchor, distance, match, dstEnd);
        if (op === 0) return 0;
        i += match;
        anchor = at + i;
      }
    }
  }
  return lz4LastLiterals(op, anchor, end - anchor, dst, dstEnd);
}

/** For the `size` places from `base`, of which a match may begin at the first `nrStarts`: the longest match, or 0. */
function findMatches(src: usize, base: usize, size: usize, nrStarts: usize, shift: u32, depth: u32, work: usize): void {
  const lengths = work + LENGTHS;
  const distances = work + DISTANCES;
  const end = base + size;
  let best: usize = 0;
  let distance: usize = 0;
  for (let i: usize = 0; i < nrStarts; i++) {
    enter(work, src, base + i, shift);
    // What began one place before still holds here, one byte shorter.
    best = max<usize>(best, MIN_MATCH) - 1;
    if (best < NICE) {
      const match = longest(work, src, base + i, end, best, best >= GOOD ? depth >> 2 : depth);
      if (match !== 0) {
        best = (match >> 16) as usize;
        distance = (match & 0xffff) as usize;
      }
    }
    store<u32>(lengths + (i << 2), best < MIN_MATCH ? 0 : (best as u32));
    store<u16>(distances + (i << 1), distance);
  }
  for (let i = nrStarts; i < size; i++) store<u32>(lengths + (i << 2), 0);
}

/** Shortens each match, or drops it, so that the bytes from there to the end are the fewest. */
function choose(size: usize, work: usize): void {
  const lengths = work + LENGTHS;
  const costs = work + COSTS;
  store<u32>(costs + (size << 2), 0);
  let run: usize = 0;
  for (let i = size; i-- !== 0; ) {
    const here = costs + (i << 2);
    // A literal; the run's length takes a byte at 15, and then at every 255.
    let best = load<u32>(here, 4) + 1;
    run++;
    if (run >= 15 && (run - 15) % 255 === 0) best++;
    const match = load<u32>(lengths + (i << 2)) as usize;
    if (match !== 0) {
      let chosen: usize = 0;
      // A long one: as it is. Else any of its beginnings.
      for (let length = match > NICE ? match : MIN_MATCH; length <= match; length++) {
        const cost = load<u32>(here + (length << 2)) + 3 + (lengthBytes(length - MIN_MATCH) as u32);
        if (cost <= best) {
          best = cost;
          chosen = length;
        }
      }
      store<u32>(lengths + (i << 2), chosen as u32);
      if (chosen !== 0) run = 0;
    }
    store<u32>(here, best);
  }
}
