// XXH64, the hash of which a frame's checksum is the lower half. Source: RFC 8878, 3.1.1; the xxHash specification.
const PRIME1: u64 = ((<u64>0x9e3779b1) << 32) | 0x85ebca87;
const PRIME2: u64 = ((<u64>0xc2b2ae3d) << 32) | 0x27d4eb4f;
const PRIME3: u64 = ((<u64>0x165667b1) << 32) | 0x9e3779f9;
const PRIME4: u64 = ((<u64>0x85ebca77) << 32) | 0xc2b2ae63;
const PRIME5: u64 = ((<u64>0x27d4eb2f) << 32) | 0x165667c5;

function round(lane: u64, word: u64): u64 {
  return rotl(lane + word * PRIME2, 31) * PRIME1;
}

function mergeLane(hash: u64, lane: u64): u64 {
  return (hash ^ round(0, lane)) * PRIME1 + PRIME4;
}

/** XXH64 of `length` bytes, seed 0. */
export function xxh64(from: usize, length: u32): u64 {
  const end = from + length;
  let hash = PRIME5;
  if (length >= 32) {
    let lane1 = PRIME1 + PRIME2;
    let lane2 = PRIME2;
    let lane3: u64 = 0;
    let lane4: u64 = 0 - PRIME1;
    do {
      lane1 = round(lane1, load<u64>(from));
      lane2 = round(lane2, load<u64>(from, 8));
      lane3 = round(lane3, load<u64>(from, 16));
      lane4 = round(lane4, load<u64>(from, 24));
      from += 32;
    } while (<u32>(end - from) >= 32);
    hash = joined(lane1, lane2, lane3, lane4);
  }
  return finished(hash + length, from, end);
}

function joined(lane1: u64, lane2: u64, lane3: u64, lane4: u64): u64 {
  const hash = rotl(lane1, 1) + rotl(lane2, 7) + rotl(lane3, 12) + rotl(lane4, 18);
  return mergeLane(mergeLane(mergeLane(mergeLane(hash, lane1), lane2), lane3), lane4);
}

/** Takes in the last bytes, fewer than 32. */
function finished(start: u64, first: usize, end: usize): u64 {
  let hash = start;
  let from = first;
  for (; <u32>(end - from) >= 8; from += 8) hash = rotl(hash ^ round(0, load<u64>(from)), 27) * PRIME1 + PRIME4;
  if (<u32>(end - from) >= 4) {
    hash = rotl(hash ^ (<u64>load<u32>(from) * PRIME1), 23) * PRIME2 + PRIME3;
    from += 4;
  }
  for (; from !== end; from++) hash = rotl(hash ^ (<u64>load<u8>(from) * PRIME5), 11) * PRIME1;
  hash = (hash ^ (hash >> 33)) * PRIME2;
  hash = (hash ^ (hash >> 29)) * PRIME3;
  return hash ^ (hash >> 32);
}

/** The hash of what comes in parts: 72 bytes of the caller's, the last 32 for what makes no whole stripe yet. */
@unmanaged
class HashState {
  lane1: u64;
  lane2: u64;
  lane3: u64;
  lane4: u64;
  total: u64;

  static at(state: usize): HashState {
    return changetype<HashState>(state);
  }
}

const HELD_AT: usize = 40;
const STRIPE: u32 = 32;

/** Begins a hash of what is given to `xxh64Update` in parts, with 72 bytes at `at`, 8-aligned, that are its own. */
export function xxh64Begin(at: usize): void {
  const state = HashState.at(at);
  state.lane1 = PRIME1 + PRIME2;
  state.lane2 = PRIME2;
  state.lane3 = 0;
  state.lane4 = 0 - PRIME1;
  state.total = 0;
}

export function xxh64Update(at: usize, src: usize, length: u32): void {
  const state = HashState.at(at);
  let from = src;
  const end = src + length;
  const held = <u32>state.total & (STRIPE - 1);
  state.total += length;
  if (held !== 0) {
    const taken = min(STRIPE - held, length);
    memory.copy(at + HELD_AT + held, from, taken);
    from += taken;
    if (held + taken < STRIPE) return;
    stripe(state, at + HELD_AT);
  }
  for (; <u32>(end - from) >= STRIPE; from += STRIPE) stripe(state, from);
  memory.copy(at + HELD_AT, from, end - from);
}

function stripe(state: HashState, from: usize): void {
  state.lane1 = round(state.lane1, load<u64>(from));
  state.lane2 = round(state.lane2, load<u64>(from, 8));
  state.lane3 = round(state.lane3, load<u64>(from, 16));
  state.lane4 = round(state.lane4, load<u64>(from, 24));
}

/** The lower half of the hash. */
export function xxh64End(at: usize): u32 {
  const state = HashState.at(at);
  const total = state.total;
  const hash = total < STRIPE ? PRIME5 : joined(state.lane1, state.lane2, state.lane3, state.lane4);
  return <u32>finished(hash + total, at + HELD_AT, at + HELD_AT + (<u32>total & (STRIPE - 1)));
}
