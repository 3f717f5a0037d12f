// Bytes of the memory, many at a time: how far two strings agree, and copies that may write more than they were asked
// to. Relies on nothing. Ends are never compared as addresses: a memory of 4 GiB ends at 0, so `end - at` is what
// counts.

/** How many bytes at `a` equal those at `b`, before `a` reaches `end`. `b` lies before `a`; they may overlap. */
export function matchLength(a: usize, b: usize, end: usize): usize {
  // The first byte that differs is the lowest that is not zero in the difference.
  if (end - a >= 8) {
    const difference = load<u64>(a) ^ load<u64>(b);
    if (difference !== 0) return (ctz(difference) as usize) >> 3;
  }
  return longMatch(a, b, end);
}

/** The same, for more than eight bytes: apart, so that the common case can be inlined. */
function longMatch(a: usize, b: usize, end: usize): usize {
  let at = a;
  const back = a - b;
  while (end - at >= 8) {
    const difference = load<u64>(at) ^ load<u64>(at - back);
    if (difference !== 0) return at - a + ((ctz(difference) as usize) >> 3);
    at += 8;
  }
  return at - a + lastBytes(at, at - back, end);
}

function lastBytes(a: usize, b: usize, end: usize): usize {
  let at = a;
  while (at !== end && load<u8>(at) === load<u8>(b + (at - a))) at++;
  return at - a;
}

/** How many bytes from `at` are zero, before `end`. */
export function zeroLength(at: usize, end: usize): usize {
  let to = at;
  while (end - to >= 8) {
    const bytes = load<u64>(to);
    if (bytes !== 0) return to - at + ((ctz(bytes) as usize) >> 3);
    to += 8;
  }
  while (to !== end && load<u8>(to) === 0) to++;
  return to - at;
}

/** Copies 16 bytes. */
export function copy16(to: usize, from: usize): void {
  v128.store(to, v128.load(from));
}

/** Copies `length` bytes, and up to 15 more; the areas do not overlap, or `from` lies at least 16 before `to`. */
export function copyWild(to: usize, from: usize, length: usize): void {
  let done: usize = 0;
  do {
    v128.store(to + done, v128.load(from + done));
    done += 16;
  } while (done < length);
}

/**
 * Copies `length` bytes from `distance` before `to`, and up to 15 more: a match. Where it overlaps itself, it repeats.
 * The caller vouches for 16 bytes beyond the end.
 */
export function copyMatchWild(to: usize, distance: usize, length: usize): void {
  let done: usize = 0;
  let back = distance;
  if (distance < 16) {
    // Nearer than a vector: 16 bytes one by one; from there on a multiple of the distance does as well.
    for (; done < 16; done++) store<u8>(to + done, load<u8>(to + done - distance));
    while (back < 16) back += distance;
  }
  for (; done < length; done += 16) copy16(to + done, to + done - back);
}

/** The same, to the byte: for the last bytes of a buffer. */
export function copyMatch(to: usize, distance: usize, length: usize): void {
  for (let i: usize = 0; i < length; i++) store<u8>(to + i, load<u8>(to + i - distance));
}
