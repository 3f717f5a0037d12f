// One header block of a tar archive: what its fields say, whichever tar wrote it. Names are ranges of the block's bytes.
// Sources: POSIX.1-2017 "ustar Interchange Format", "Tar Internals" of the manual of GNU tar, tar(5) of libarchive.

/** Bytes of a header, and what contents are padded to. */
export const TAR_BLOCK = 512;

const NAME = { at: 0, length: 100 } as const;
const MODE = { at: 100, length: 8 } as const;
const UID = { at: 108, length: 8 } as const;
const GID = { at: 116, length: 8 } as const;
const SIZE = { at: 124, length: 12 } as const;
const MTIME = { at: 136, length: 12 } as const;
const CHECKSUM = { at: 148, length: 8 } as const;
const TYPE_AT = 156;
const LINK = { at: 157, length: 100 } as const;
const MAGIC_AT = 257;
const UNAME = { at: 265, length: 32 } as const;
const GNAME = { at: 297, length: 32 } as const;
const MAJOR = { at: 329, length: 8 } as const;
const MINOR = { at: 337, length: 8 } as const;
const PREFIX = { at: 345, length: 155 } as const;
/** Where star keeps times behind a shorter prefix, it says so at the end. */
const STAR_PREFIX_LENGTH = 131;
const STAR_MAGIC_AT = 508;

/** A field's place in the block. */
export interface Field {
  readonly at: number;
  readonly length: number;
}

export const FIELDS = { NAME, MODE, UID, GID, SIZE, MTIME, LINK, UNAME, GNAME, MAJOR, MINOR, PREFIX } as const;

const SPACE = 0x20;
const ZERO = 0x30;
const SEVEN = 0x37;

/** Whether the block sums up to what it says, its bytes taken as unsigned or, as some old tars did, as signed. */
export function isHeader(block: Uint8Array): boolean {
  const stated = parseNumber(block, CHECKSUM);
  if (Number.isNaN(stated)) return false;
  let sum = 0;
  let high = 0;
  for (let i = 0; i < TAR_BLOCK; i++) {
    sum += block[i];
    high += block[i] >>> 7;
  }
  for (let i = CHECKSUM.at; i < CHECKSUM.at + CHECKSUM.length; i++) {
    sum += SPACE - block[i];
    high -= block[i] >>> 7;
  }
  return stated === sum || stated === sum - 256 * high;
}

export function isZeroBlock(block: Uint8Array): boolean {
  for (let i = 0; i < TAR_BLOCK; i++) if (block[i] !== 0) return false;
  return true;
}

/**
 * A number: octal digits with spaces around them, or GNU's base-256, two's complement. An empty field is 0. NaN for what is neither, an
 * infinity for what no number of ours holds.
 */
export function parseNumber(block: Uint8Array, { at, length }: Field): number {
  const end = at + length;
  if (block[at] >= 0x80) return parseBinary(block, at, end);
  let from = at;
  while (from < end && block[from] === SPACE) from++;
  let value = 0;
  for (; from < end && block[from] >= ZERO && block[from] <= SEVEN; from++) value = value * 8 + block[from] - ZERO;
  if (from < end && block[from] !== 0 && block[from] !== SPACE) return Number.NaN;
  return value;
}

function parseBinary(block: Uint8Array, at: number, end: number): number {
  // The top bit marks it, the next one is the sign.
  const isNegative = (block[at] & 0x40) !== 0;
  let value = isNegative ? (block[at] | 0x80) - 256 : block[at] & 0x7f;
  for (let i = at + 1; i < end; i++) value = value * 256 + block[i];
  if (Number.isSafeInteger(value)) return value;
  return isNegative ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}

/** Bytes of a text field: up to its first NUL, which it need not have. */
export function textLength(block: Uint8Array, { at, length }: Field): number {
  let used = 0;
  while (used < length && block[at + used] !== 0) used++;
  return used;
}

export function typeflagOf(block: Uint8Array): string {
  return String.fromCharCode(block[TYPE_AT]);
}

/** The magics: POSIX's, GNU's older one, or none. */
export type Dialect = 'ustar' | 'gnu' | 'v7';

export function dialectOf(block: Uint8Array): Dialect {
  if (!hasText(block, MAGIC_AT, 'ustar')) return 'v7';
  return hasText(block, MAGIC_AT + 5, '  ') ? 'gnu' : 'ustar';
}

/** The path's first part, of a header of POSIX: it and a slash come before the name. */
export function prefixOf(block: Uint8Array): Field {
  if (!hasText(block, STAR_MAGIC_AT, 'tar\0')) return PREFIX;
  return { at: PREFIX.at, length: STAR_PREFIX_LENGTH };
}

function hasText(block: Uint8Array, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (block[at + i] !== text.charCodeAt(i)) return false;
  return true;
}
