// Where four bytes were seen before, all places within reach: for the slow LZ4 encoder. Relies on bytes.ts and
// lz4-format.ts. By the hash of four bytes a head says where they were seen last; by position a link says how far
// before that the same hash was.
import { matchLength } from './bytes';
import { MAX_DISTANCE } from './lz4-format';

const MAX_HASH_LOG: u32 = 15;
/**
 * Bytes that the chains take of the workspace: heads (u32: position + 1, or 0), then links (u16, 0 for none) for 64
 * KiB.
 */
export const CHAIN_BYTES: usize = (4 << MAX_HASH_LOG) + 2 * 65536;
const LINKS: usize = 4 << MAX_HASH_LOG;

/** As many heads as positions, about. */
export function hashShift(length: u32): u32 {
  return 32 - min<u32>(MAX_HASH_LOG, max<u32>(8, 32 - clz<u32>(length - 1)));
}

export function clearChains(work: usize, shift: u32): void {
  memory.fill(work, 0, 4 << (32 - shift));
}

/** Enters the place `ip`; places are entered in order, each once. */
export function enter(work: usize, src: usize, ip: usize, shift: u32): void {
  const position = ip - src;
  const head = work + (((load<u32>(ip) * 2654435761) >> shift) << 2);
  const gap = position + 1 - load<u32>(head);
  // With a head of 0 the gap is larger than the position.
  store<u16>(work + LINKS + ((position & 0xffff) << 1), gap > MAX_DISTANCE || gap > position ? 0 : gap);
  store<u32>(head, position + 1);
}

/**
 * The longest match at `ip`, which has been entered, among the `depth` places that have its hash; it ends at `end`, and
 * is longer than `known`, 3 at least. Returns length << 16 | distance, or 0.
 */
export function longest(work: usize, src: usize, ip: usize, end: usize, known: usize, depth: u32): u64 {
  if (end - ip <= known) return 0;
  let best = known;
  let distance: usize = 0;
  let back: usize = 0;
  const position = ip - src;
  // Something longer than the best so far agrees in the four bytes that end one past it.
  let last = load<u32>(ip + best - 3);
  for (let n = depth; n !== 0; n--) {
    const link = load<u16>(work + LINKS + (((position - back) & 0xffff) << 1)) as usize;
    back += link;
    if (link === 0 || back > MAX_DISTANCE) break;
    const from = ip - back;
    if (load<u32>(from + best - 3) === last) {
      const found = matchLength(ip, from, end);
      if (found > best) {
        best = found;
        distance = back;
        if (end - ip === best) break;
        last = load<u32>(ip + best - 3);
      }
    }
  }
  return distance === 0 ? 0 : ((best as u64) << 16) | (distance as u64);
}
