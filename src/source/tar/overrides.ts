// What headers that come before a member's own say about it: PAX records, and GNU's long names.
// Sources: POSIX.1-2017 "pax Extended Header", "Storing Sparse Files" in the manual of GNU tar, tar(5) of libarchive.
import { KEPT_FLAGS } from '../entry-table.ts';
import { parseFflags } from './fflags.ts';
import { latin1, parseDecimal, parseTime, readRecords } from './pax.ts';

/** A target, and where it lies in the archive. */
export interface PlacedBytes {
  readonly bytes: Uint8Array;
  readonly at: number;
}

/** What PAX records tell of a sparse file. */
export interface SparseFormat {
  /** 0.0 and 0.1 have the map in the records, 1.0 before the contents. */
  major: number;
  minor: number;
  name?: Uint8Array;
  realSize?: number;
  ranges: number[];
}

const COMMA = 0x2c;
const ZERO = 0x30;

/** Keys of extended attributes and ACLs; the value is read when it is wanted. */
export function isXattrKey(key: string): boolean {
  return (
    key.startsWith('SCHILY.xattr.') ||
    key.startsWith('LIBARCHIVE.xattr.') ||
    key === 'SCHILY.acl.access' ||
    key === 'SCHILY.acl.default' ||
    key === 'RHT.security.selinux'
  );
}

/** Undefined: nothing was said; null: what the header itself has counts. */
type Said<T> = T | null | undefined;

export class TarOverrides {
  path: Said<Uint8Array>;
  link: Said<PlacedBytes>;
  size: Said<number>;
  uid: Said<number>;
  gid: Said<number>;
  mtime: Said<{ sec: number; nsec: number }>;
  major: Said<number>;
  minor: Said<number>;
  /** Of GNU's headers. */
  longName: Said<Uint8Array>;
  longLink: Said<PlacedBytes>;
  /** Some of KEPT_FLAGS. */
  flags = 0;
  sparse: SparseFormat | null = null;
  /** Where the header with extended attributes begins; -1: there are none. */
  xattrsAt = -1;

  /**
   * Reads the records of a PAX header, whose contents begin at `at`. Returns what is wrong with them, or null.
   * @param headerAt where its header block begins
   */
  read(bytes: Uint8Array, at: number, headerAt: number): string | null {
    let wrong: string | null = null;
    const isList = readRecords(bytes, (key, start, end) => {
      if (wrong === null && !this.#take(key, bytes, start, end, at, headerAt)) wrong = `has an invalid ${key}`;
    });
    return isList ? wrong : 'is no list of records';
  }

  /** False for a value that can't be. */
  #take(key: string, bytes: Uint8Array, start: number, end: number, at: number, headerAt: number): boolean {
    const isEmpty = start === end;
    const text = () => latin1(bytes, start, end);
    const number = () => (isEmpty ? null : parseDecimal(text()));
    const own = () => Buffer.from(bytes.subarray(start, end));
    switch (key) {
      case 'path':
        this.path = isEmpty ? null : own();
        return bytes.indexOf(0, start) < 0 || bytes.indexOf(0, start) >= end;
      case 'linkpath':
        this.link = isEmpty ? null : { bytes: own(), at: at + start };
        return true;
      case 'size':
        this.size = number();
        return !Number.isNaN(this.size);
      case 'uid':
        this.uid = isEmpty ? null : parseId(text());
        return !Number.isNaN(this.uid);
      case 'gid':
        this.gid = isEmpty ? null : parseId(text());
        return !Number.isNaN(this.gid);
      case 'mtime': {
        this.mtime = isEmpty ? null : parseTime(text());
        return isEmpty || this.mtime !== null;
      }
      case 'SCHILY.devmajor':
        this.major = number();
        return !Number.isNaN(this.major);
      case 'SCHILY.devminor':
        this.minor = number();
        return !Number.isNaN(this.minor);
      case 'SCHILY.fflags':
        this.flags = parseFflags(text()) & KEPT_FLAGS;
        return true;
    }
    if (key.startsWith('GNU.sparse.')) return this.#takeSparse(key.slice('GNU.sparse.'.length), text, own);
    if (isXattrKey(key)) this.xattrsAt = headerAt;
    return true;
  }

  #takeSparse(key: string, text: () => string, own: () => Uint8Array): boolean {
    const sparse = (this.sparse ??= { major: 0, minor: 0, ranges: [] });
    if (key === 'name') {
      sparse.name = own();
      return true;
    }
    if (key === 'map') {
      sparse.ranges = parseNumbers(own());
      return !sparse.ranges.some(Number.isNaN);
    }
    const value = parseDecimal(text());
    if (key === 'major') sparse.major = value;
    else if (key === 'minor') sparse.minor = value;
    else if (key === 'size' || key === 'realsize') sparse.realSize = value;
    else if (key === 'offset' || key === 'numbytes') {
      // Each offset is followed by its length.
      if ((sparse.ranges.length % 2 === 0) !== (key === 'offset')) return false;
      sparse.ranges.push(value);
    }
    return !Number.isNaN(value);
  }
}

/** Whole numbers with commas between them; NaN among them for what is none. */
function parseNumbers(bytes: Uint8Array): number[] {
  const numbers: number[] = [];
  for (let at = 0; at < bytes.length; at++) {
    let value = bytes[at] === COMMA ? Number.NaN : 0;
    for (; at < bytes.length && bytes[at] !== COMMA; at++) {
      const digit = bytes[at] - ZERO;
      value = digit >= 0 && digit <= 9 ? value * 10 + digit : Number.NaN;
    }
    numbers.push(Number.isSafeInteger(value) ? value : Number.NaN);
  }
  return numbers;
}

function parseId(text: string): number {
  return text.startsWith('-') ? -parseDecimal(text.slice(1)) : parseDecimal(text);
}
