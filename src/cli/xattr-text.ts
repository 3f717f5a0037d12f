// Extended attributes as getfattr(1) prints and setfattr(1) takes them: values, and dumps of many files.
// The text of a dump is taken as bytes, one character each (latin1), since names and values need not be UTF-8.
import { display } from '../bytes.ts';
import { F2fsError } from '../errors.ts';
import { escapedBytes } from './names.ts';

export const XATTR_ENCODINGS = ['text', 'hex', 'base64'] as const;
export type XattrEncoding = (typeof XATTR_ENCODINGS)[number];

const NEWLINE = 0x0a;
/** Bytes of a line at most: a value has 64 KiB on Linux, and an octal escape is four for one. */
const MAX_LINE = 1 << 20;
const FILE_LINE = '# file: ';

function octal(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
}

/** The line that the attributes of `path` follow. */
export function fileLine(path: Uint8Array): string {
  return FILE_LINE + escapedBytes(path, octal, (text) => text.replaceAll('\\', '\\134'));
}

/** A name as it stands before `=`. */
export function xattrName(name: Uint8Array): string {
  return escapedBytes(name, octal, (text) => text.replaceAll('\\', '\\134').replaceAll('=', '\\075'));
}

/** A value as `setfattr -v` takes it back, byte for byte. Without an encoding: text where that is readable, else base64. */
export function xattrValue(value: Uint8Array, encoding?: XattrEncoding): string {
  switch (encoding ?? (isReadable(value) ? 'text' : 'base64')) {
    case 'hex':
      return `0x${Buffer.from(value).toString('hex')}`;
    case 'base64':
      return `0s${Buffer.from(value).toString('base64')}`;
    case 'text':
      return `"${escapedBytes(value, octal, (text) => text.replace(/["\\]/g, '\\$&'))}"`;
  }
}

/** Whether at most one byte in eight is no printable ASCII; a NUL at the end does not count. */
function isReadable(value: Uint8Array): boolean {
  const text = value.at(-1) === 0 ? value.subarray(0, -1) : value;
  const others = text.reduce((count, byte) => count + (byte < 0x20 || byte > 0x7e ? 1 : 0), 0);
  return text.length >= others * 8;
}

/** The bytes of a value, itself one character a byte: `0x` and hex digits, `0s` and base64, or text. Throws EINVAL. */
export function xattrBytes(text: string): Uint8Array {
  if (/^0x/i.test(text)) {
    const digits = text.slice(2).replace(/\s/g, '');
    if (/^([0-9a-f]{2})*$/i.test(digits)) return Buffer.from(digits, 'hex');
    throw invalidValue(text, 'pairs of hex digits after 0x');
  }
  if (/^0s/i.test(text)) {
    const digits = text.slice(2).replace(/=+$/, '');
    const bytes = Buffer.from(digits, 'base64');
    if (bytes.toString('base64').replace(/=+$/, '') === digits) return bytes;
    throw invalidValue(text, 'base64 after 0s');
  }
  const quoted = text.length >= 2 && text.startsWith('"') && text.endsWith('"');
  return Buffer.from(unescaped(quoted ? text.slice(1, -1) : text, /\\([0-7]{1,3}|["\\])/g), 'latin1');
}

function invalidValue(text: string, expected: string): F2fsError {
  const shown = text.length > 40 ? `${text.slice(0, 40)}...` : text;
  return new F2fsError('EINVAL', `invalid value '${display(Buffer.from(shown, 'latin1'))}': expected ${expected}`);
}

/** Text with what `escapes` finds, digits or the character itself, as the byte that it means. */
function unescaped(text: string, escapes: RegExp): string {
  return text.replace(escapes, (_, what: string) =>
    /^[0-7]/.test(what) ? String.fromCharCode(Number.parseInt(what, 8) & 0xff) : what,
  );
}

/** What a dump says of one file. */
export interface DumpedFile {
  /** As in the dump: relative to where it was made, as a rule. */
  readonly path: Uint8Array;
  readonly attributes: readonly DumpedAttribute[];
}

export interface DumpedAttribute {
  /** Line of the dump, from 1. */
  readonly line: number;
  readonly name: Uint8Array;
  readonly value: Uint8Array;
}

/** The files of a dump that comes in pieces. Throws EINVAL for what is no dump, naming the line. */
export async function* readDump(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<DumpedFile, void, undefined> {
  let file: { path: Uint8Array; attributes: DumpedAttribute[] } | null = null;
  let line = 0;
  for await (const text of linesOf(pieces)) {
    line++;
    if (text === '') {
      if (file !== null) yield file;
      file = null;
    } else if (file !== null) {
      file.attributes.push(attributeOf(text, line));
    } else if (text.startsWith(FILE_LINE)) {
      file = { path: bytesOfName(text.slice(FILE_LINE.length)), attributes: [] };
    } else {
      throw atLine(line, new F2fsError('EINVAL', "expected '# file: PATH', as getfattr --dump prints"));
    }
  }
  if (file !== null) yield file;
}

function bytesOfName(text: string): Uint8Array {
  return Buffer.from(unescaped(text, /\\([0-7]{3})/g), 'latin1');
}

/** `name=value`, or a name alone, of an empty value. */
function attributeOf(text: string, line: number): DumpedAttribute {
  const at = text.indexOf('=');
  try {
    const name = bytesOfName(at < 0 ? text : text.slice(0, at));
    return { line, name, value: xattrBytes(at < 0 ? '' : text.slice(at + 1)) };
  } catch (error) {
    throw atLine(line, error);
  }
}

/** An error of `line` that says so. */
export function atLine(line: number, error: unknown): unknown {
  if (!(error instanceof F2fsError)) return error;
  const { code, message, ino, nid, blkaddr, segno, fault, path } = error;
  const place = { ino, nid, blkaddr, segno, fault, path, cause: error };
  return new F2fsError(code, `line ${line} of the dump: ${message}`, place);
}

/** Lines without what ends them. Throws EINVAL for one that is too long for a dump. */
async function* linesOf(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  let begun: Uint8Array[] = [];
  let length = 0;
  let count = 0;
  const ended = (last: Uint8Array) => {
    const line = Buffer.concat([...begun, last])
      .toString('latin1')
      .replace(/\r+$/, '');
    begun = [];
    length = 0;
    count++;
    return line;
  };
  for await (const piece of pieces) {
    let from = 0;
    for (let end = piece.indexOf(NEWLINE); end >= 0; end = piece.indexOf(NEWLINE, from)) {
      yield ended(piece.subarray(from, end));
      from = end + 1;
    }
    begun.push(piece.subarray(from));
    length += piece.length - from;
    if (length > MAX_LINE)
      throw atLine(count + 1, new F2fsError('EINVAL', `more than ${MAX_LINE} bytes: this is no dump of getfattr`));
  }
  if (length > 0) yield ended(new Uint8Array(0));
}
