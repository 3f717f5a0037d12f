// The records of a PAX header: an ordered list, as keys may come again. Keys and values are bytes.
// Source: POSIX.1-2017 "pax Extended Header".

const SPACE = 0x20;
const EQUALS = 0x3d;
const NEWLINE = 0x0a;
const ZERO = 0x30;

/** Calls `each` with every record's key, as latin1, and the range of its value. Returns false for what is no list of records. */
export function readRecords(
  bytes: Uint8Array,
  each: (key: string, valueStart: number, valueEnd: number) => void,
): boolean {
  const { length } = bytes;
  for (let at = 0; at < length; ) {
    let size = 0;
    let from = at;
    for (; from < length && bytes[from] >= ZERO && bytes[from] <= ZERO + 9; from++)
      size = size * 10 + bytes[from] - ZERO;
    // What is left behind the last record may be zeros.
    if (from === at) return bytes[at] === 0;
    const end = at + size;
    if (bytes[from] !== SPACE || end > length || end <= from || bytes[end - 1] !== NEWLINE) return false;
    const equals = bytes.indexOf(EQUALS, from);
    if (equals < 0 || equals >= end) return false;
    each(latin1(bytes, from + 1, equals), equals + 1, end - 1);
    at = end;
  }
  return true;
}

export function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
}

/** A whole number from 0 on; NaN for what is none, or too large. */
export function parseDecimal(text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? value : Number.NaN;
}

/** Seconds and nanoseconds of a decimal number of seconds, what is finer left out; null for what is none. */
export function parseTime(text: string): { sec: number; nsec: number } | null {
  const parts = /^(-?)(\d+)(?:\.(\d*))?$/.exec(text);
  if (parts === null) return null;
  const [, minus, whole, fraction = ''] = parts;
  const sec = Number(whole);
  const nsec = Number(fraction.slice(0, 9).padEnd(9, '0'));
  if (!Number.isSafeInteger(sec)) return null;
  if (minus === '') return { sec, nsec };
  return nsec === 0 ? { sec: 0 - sec, nsec } : { sec: -sec - 1, nsec: 1e9 - nsec };
}
