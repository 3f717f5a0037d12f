// Names of directories that fold case: what is hashed and compared instead of the name is its canonical decomposition in Unicode 12.1.0,
// with case folded (C and F) and what is ignorable left out. Byte for byte what Linux makes of any bytes. Source: fs/unicode/utf8-norm.c.
import { F2fsError } from '../errors.ts';
import { isSameBytes } from '../platform/bytes.ts';
import { COMBINING_CLASSES, FOLDINGS } from './casefold-table.ts';
import { NAME_LEN_MAX } from './constants.ts';
import { hashOf } from './hash.ts';

/** s_encoding. Source: F2FS_ENC_UTF8_12_1. */
export const ENCODING_UTF8_12_1 = 1;
/** s_encoding_flags. Source: F2FS_ENC_STRICT_MODE_FL, SB_ENC_NO_COMPAT_FALLBACK_FL. */
export const ENCODING_FLAGS = { strict: 0x1, hashonly: 0x2 } as const;

type EncodingFlag = keyof typeof ENCODING_FLAGS;

const HANGUL = { first: 0xac00, last: 0xd7a3, l: 0x1100, v: 0x1161, t: 0x11a7, nrV: 21, nrT: 28 } as const;

/** s_encoding_flags of `utf8`, `utf8:strict`, `utf8:strict:hashonly`, as mkfs.f2fs takes it, with `:` or `,`. Throws EINVAL. */
export function parseEncoding(text: string): number {
  const [name, ...flags] = text.split(/[:,]/);
  let bits = 0;
  for (const flag of flags) bits |= Object.hasOwn(ENCODING_FLAGS, flag) ? ENCODING_FLAGS[flag as EncodingFlag] : -1;
  if (name === 'utf8' && bits >= 0) return bits;
  throw new F2fsError('EINVAL', `invalid encoding '${text}': expected utf8, with :strict and :hashonly if wanted`);
}

/** The same from the superblock; of an unknown encoding its number. */
export function encodingText(encoding: number, bits: number): string {
  const flags = (Object.keys(ENCODING_FLAGS) as EncodingFlag[]).filter((flag) => (bits & ENCODING_FLAGS[flag]) !== 0);
  return [encoding === ENCODING_UTF8_12_1 ? 'utf8' : String(encoding), ...flags].join(':');
}

/** How a volume folds case. */
export class CaseFolding {
  /** Whether names that are no text are refused; else they are what their bytes are. */
  readonly isStrict: boolean;
  /** Whether no name lies elsewhere than its hash says. */
  readonly isHashOnly: boolean;

  /** @param flags s_encoding_flags; those that are not known mean nothing, as to Linux */
  constructor(flags: number) {
    this.isStrict = (flags & ENCODING_FLAGS.strict) !== 0;
    this.isHashOnly = (flags & ENCODING_FLAGS.hashonly) !== 0;
  }

  /**
   * What a name is found by, of 1 to 254 bytes; null for one that is found by its own bytes: it is no UTF-8, nothing of it is left, or
   * too much comes of it. Source: f2fs_init_casefolded_name.
   */
  fold(name: Uint8Array): Uint8Array | null {
    const folded = casefolded(name);
    return folded === null || folded.length === 0 || folded.length >= NAME_LEN_MAX ? null : folded;
  }

  /** The hash of a name that is not `.` or `..`. Source: f2fs_hash_filename. */
  hash(name: Uint8Array): number {
    return hashOf(this.fold(name) ?? name);
  }
}

/** Whether a name folds to `folded`. Source: utf8_strncasecmp_folded. */
export function foldsTo(name: Uint8Array, folded: Uint8Array): boolean {
  const bytes = casefolded(name);
  return bytes !== null && isSameBytes(bytes, folded);
}

/** The sequences that code points fold to, and their combining classes, if not 0. */
interface Tables {
  readonly foldings: ReadonlyMap<number, readonly number[]>;
  readonly classes: ReadonlyMap<number, number>;
}

let tables: Tables | null = null;

function tablesOf(): Tables {
  if (tables !== null) return tables;
  const foldings = new Map<number, number[]>();
  forEachRun(FOLDINGS, (start, count, step, to) => {
    for (let i = 0; i < count; i++) {
      const target = to === '' ? [] : to.split(',').map(fromBase36);
      foldings.set(
        start + i * step,
        target.map((codePoint) => codePoint + i * step),
      );
    }
  });
  const classes = new Map<number, number>();
  forEachRun(COMBINING_CLASSES, (start, count, step, to) => {
    for (let i = 0; i < count; i++) classes.set(start + i * step, fromBase36(to));
  });
  tables = { foldings, classes };
  return tables;
}

function forEachRun(text: string, visit: (start: number, count: number, step: number, to: string) => void): void {
  let start = 0;
  for (const run of text.split(' ')) {
    const [from, to] = run.split(':');
    const [distance, count = 1, step = 1] = from.split('.').map(fromBase36);
    start += distance;
    visit(start, count, step, to);
  }
}

function fromBase36(text: string): number {
  return Number.parseInt(text, 36);
}

/** Null for what is no UTF-8 that Linux would take for it. */
function casefolded(name: Uint8Array): Uint8Array | null {
  const at = name.findIndex((byte) => byte >= 0x80);
  return at < 0 ? name.map(inLowerCase) : new Folder(name).run();
}

function inLowerCase(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
}

/** A character that combines, between two that do not. */
interface Mark {
  readonly codePoint: number;
  readonly combiningClass: number;
  /** Continuation bytes behind it. */
  strays: Uint8Array;
}

/** Folds one name. */
class Folder {
  readonly #name: Uint8Array;
  readonly #tables = tablesOf();
  readonly #out: number[] = [];
  /** They are put in the order of their classes when one comes that does not combine. */
  readonly #marks: Mark[] = [];

  constructor(name: Uint8Array) {
    this.#name = name;
  }

  run(): Uint8Array | null {
    const name = this.#name;
    if (isContinuation(name[0])) return null;
    for (let at = 0; at < name.length; ) {
      const length = lengthAt(name, at);
      if (length === 0) return null;
      this.#add(codePointAt(name, at, length));
      at += length;
      // Linux takes continuation bytes behind a whole character for a part of it.
      const end = endOfContinuation(name, at);
      if (end > at) this.#addStrays(name.subarray(at, end));
      at = end;
    }
    this.#putMarks();
    return Uint8Array.from(this.#out);
  }

  #add(codePoint: number): void {
    const parts =
      codePoint >= HANGUL.first && codePoint <= HANGUL.last ? hangul(codePoint) : this.#tables.foldings.get(codePoint);
    if (parts === undefined) this.#addPart(codePoint);
    else if (parts.length === 0) this.#putMarks();
    else for (const part of parts) this.#addPart(part);
  }

  #addPart(codePoint: number): void {
    const combiningClass = this.#tables.classes.get(codePoint) ?? 0;
    if (combiningClass > 0) {
      this.#marks.push({ codePoint, combiningClass, strays: NO_BYTES });
      return;
    }
    this.#putMarks();
    this.#put(codePoint);
  }

  #addStrays(bytes: Uint8Array): void {
    const last = this.#marks.at(-1);
    if (last === undefined) this.#out.push(...bytes);
    else last.strays = bytes;
  }

  /** By their classes, those of one class in the order in which they came. Stray bytes come up once more for each time that Linux looks. */
  #putMarks(): void {
    const marks = this.#marks;
    if (marks.length === 0) return;
    const classes = [0, ...new Set(marks.map(({ combiningClass }) => combiningClass))].sort((a, b) => a - b);
    for (const one of classes) {
      for (const { codePoint, combiningClass, strays } of marks) {
        if (combiningClass === one) this.#put(codePoint);
        this.#out.push(...strays);
      }
    }
    marks.length = 0;
  }

  #put(codePoint: number): void {
    const out = this.#out;
    if (codePoint < 0x80) {
      out.push(codePoint);
    } else if (codePoint < 0x800) {
      out.push(0xc0 | (codePoint >>> 6), 0x80 | (codePoint & 0x3f));
    } else if (codePoint < 0x10000) {
      out.push(0xe0 | (codePoint >>> 12), 0x80 | ((codePoint >>> 6) & 0x3f), 0x80 | (codePoint & 0x3f));
    } else {
      out.push(0xf0 | (codePoint >>> 18), 0x80 | ((codePoint >>> 12) & 0x3f));
      out.push(0x80 | ((codePoint >>> 6) & 0x3f), 0x80 | (codePoint & 0x3f));
    }
  }
}

const NO_BYTES = new Uint8Array(0);

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}

function endOfContinuation(name: Uint8Array, from: number): number {
  let end = from;
  while (end < name.length && isContinuation(name[end])) end++;
  return end;
}

/** Bytes of the character at `at`, 1 to 4; 0 where there is none: no form but the shortest is one, and no surrogate. */
function lengthAt(name: Uint8Array, at: number): number {
  const lead = name[at];
  if (lead < 0x80) return 1;
  const length = lead < 0xc2 || lead > 0xf4 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (at + length > name.length) return 0;
  for (let i = 1; i < length; i++) if (!isContinuation(name[at + i])) return 0;
  if (length < 3) return length;
  const codePoint = codePointAt(name, at, length);
  const isSurrogate = codePoint >= 0xd800 && codePoint <= 0xdfff;
  return codePoint < (length === 3 ? 0x800 : 0x10000) || codePoint > 0x10ffff || isSurrogate ? 0 : length;
}

function codePointAt(name: Uint8Array, at: number, length: number): number {
  if (length === 1) return name[at];
  let codePoint = name[at] & (0x7f >>> length);
  for (let i = 1; i < length; i++) codePoint = (codePoint << 6) | (name[at + i] & 0x3f);
  return codePoint;
}

function hangul(codePoint: number): number[] {
  const { first, l, v, t, nrV, nrT } = HANGUL;
  const index = codePoint - first;
  const parts = [l + Math.floor(index / (nrV * nrT)), v + (Math.floor(index / nrT) % nrV)];
  if (index % nrT > 0) parts.push(t + (index % nrT));
  return parts;
}
