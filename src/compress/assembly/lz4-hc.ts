// LZ4's slow encoder: for every position the longest match within reach, then the cheapest way through them all. Relies on
// bytes.ts and lz4-format.ts. LZ4 makes this easy: a distance costs two bytes whatever it is, so among the matches at a position the
// longest is as good as all (a shorter one is its beginning), and the way is found in one walk from the end.
import { matchLength } from './bytes';
import {
  LAST_LITERALS,
  lengthBytes,
  lz4LastLiterals,
  lz4Sequence,
  MAX_DISTANCE,
  MIN_MATCH,
  SEARCH_LIMIT,
} from './lz4-format';

/** Positions whose matches are kept at a time; no match crosses from one such stretch to the next. */
const STRETCH: usize = 131072;
/** A match this long is taken; what begins within it is not looked for. */
const NICE: usize = 256;

// The workspace. Heads: by hash, the last position + 1 (u32). Links: by the low 16 bits of a position, how far before it
// lies the one before with the same hash (u16), 0 for none. Then by position in the stretch: the match's length (u32), its
// distance (u16), the bytes from there to the end of the stretch (u32).
const MAX_HASH_LOG: u32 = 15;
const HEADS: usize = 0;
const LINKS: usize = HEADS + (4 << MAX_HASH_LOG);
const LENGTHS: usize = LINKS + 2 * 65536;
const DISTANCES: usize = LENGTHS + 4 * STRETCH;
const COSTS: usize = DISTANCES + 2 * STRETCH;

/** Compresses as lz4Compress, levels 3 and up: each looks at twice as many earlier places as the one below. */
export function lz4CompressHc(src: usize, length: u32, dst: usize, capacity: u32, level: u32, work: usize): u32 {
  const end = src + length;
  const dstEnd = dst + capacity;
  const depth: u32 = 1 << (min<u32>(level, 13) - 1);
  let anchor = src;
  let op = dst;
  if (length > SEARCH_LIMIT) {
    // As many heads as positions, about.
    const hashLog = min<u32>(MAX_HASH_LOG, max<u32>(8, 32 - clz<u32>(length - 1)));
    memory.fill(work + HEADS, 0, 4 << hashLog);
    const searchEnd = end - SEARCH_LIMIT;
    for (let at = src; at <= searchEnd; at += STRETCH) {
      const size = min<usize>(STRETCH, end - LAST_LITERALS - at);
      findMatches(src, at, size, min<usize>(size, searchEnd + 1 - at), 32 - hashLog, depth, work);
      choose(size, work);
      for (let i: usize = 0; i < size; ) {
        const match = load<u32>(work + LENGTHS + (i << 2)) as usize;
        if (match < MIN_MATCH) {
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

/** For the `size` positions from `base`, of which a match may begin at the first `nrStarts`: the longest match, or 0. */
function findMatches(src: usize, base: usize, size: usize, nrStarts: usize, shift: u32, depth: u32, work: usize): void {
  const links = work + LINKS;
  const lengths = work + LENGTHS;
  const distances = work + DISTANCES;
  const end = base + size;
  let best: usize = 0;
  let distance: usize = 0;
  for (let i: usize = 0; i < nrStarts; i++) {
    const ip = base + i;
    const position = ip - src;
    const head = work + HEADS + (((load<u32>(ip) * 2654435761) >> shift) << 2);
    const newest = load<u32>(head) as usize;
    const gap = position + 1 - newest;
    let link: usize = newest === 0 || gap > MAX_DISTANCE ? 0 : gap;
    store<u32>(head, position + 1);
    store<u16>(links + ((position & 0xffff) << 1), link);

    // What began one place before still holds here, one byte shorter.
    if (best > MIN_MATCH) {
      best--;
    } else {
      best = MIN_MATCH - 1;
    }
    if (best < NICE) {
      let back: usize = link;
      for (let n = depth; link !== 0 && back <= MAX_DISTANCE && n !== 0 && ip + best < end; n--) {
        const from = ip - back;
        // Longer than the best so far only if it agrees in the four bytes about that one's end.
        if (load<u32>(from + best - 3) === load<u32>(ip + best - 3)) {
          const found = matchLength(ip, from, end);
          if (found > best) {
            best = found;
            distance = back;
          }
        }
        link = load<u16>(links + (((position - back) & 0xffff) << 1));
        back += link;
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
    const longest = load<u32>(lengths + (i << 2)) as usize;
    let chosen: usize = 0;
    if (longest >= MIN_MATCH) {
      // A long one: as it is. Else any of its beginnings.
      for (let length = longest > NICE ? longest : MIN_MATCH; length <= longest; length++) {
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
