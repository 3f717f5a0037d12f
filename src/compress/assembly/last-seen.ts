// Where four bytes were seen last: the table of the fast encoders, LZ4's and LZO's. Relies on nothing. By the hash of
// the four bytes an entry (u16) keeps the low 16 bits of the position: nothing farther back can be used. It is only a
// hint, and the bytes there are compared. So an entry needs no mark for "never": a cleared table says position 0.

const MAX_LOG: u32 = 14;

/** For a source of `length` bytes: about half as many entries as positions, at most what stays in the first cache. */
export function lastSeenShift(length: u32): u32 {
  const log = min<u32>(MAX_LOG, max<u32>(8, 30 - clz<u32>(length | 1)));
  return 32 - log;
}

/** Makes the table ready for a source. */
export function clearLastSeen(table: usize, shift: u32): void {
  memory.fill(table, 0, 2 << (32 - shift));
}

/** The entry of the four bytes `value`. */
export function lastSeen(table: usize, value: u32, shift: u32): usize {
  return table + (((value * 2654435761) >> shift) << 1);
}
