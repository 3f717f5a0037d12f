// The options of node:fs/promises: what they may be, and what they mean here. What is not here is refused by name.
import { type Contents, contentBytes, type OwnBytes } from '../bytes.ts';
import { type Check, checkOptions, invalid, isBoolean, isSignal, type OptionChecks } from '../check.ts';
import { F2fsError } from '../errors.ts';
import { Buffer } from '../platform/buffer.ts';
import { utf8Text } from '../platform/bytes.ts';
import { F_OK, R_OK, W_OK, X_OK } from '../platform/open-constants.ts';
import { isAnyArrayBuffer } from '../platform/types.ts';
import { isMode } from './attributes.ts';
import type { OpenFlags } from './open-flags.ts';

/** A Buffer over memory of its own: in the words of TypeScript 5.7 and later, a Buffer<ArrayBuffer>. */
export type OwnBuffer = ReturnType<typeof Buffer.alloc>;

/** Null and nothing mean the default, as in node:fs. */
type Maybe<T> = T | null | undefined;

/** How a file is read. */
export interface ReadFileOptions {
  /** Of the text that is wanted; without, it is a Buffer. */
  encoding?: Maybe<BufferEncoding>;
  /** How it is opened, in words or numbers of open(2). Default: r. */
  flag?: Maybe<OpenFlags | number>;
  /** Ends the call with an AbortError (ECANCELED), when it comes before the call's turn. */
  signal?: Maybe<AbortSignal>;
}

/** How a file is written. */
export interface WriteFileOptions {
  /** Of a text that is written. Default: utf8. */
  encoding?: Maybe<BufferEncoding>;
  /** Of a file that is made. */
  mode?: Maybe<number>;
  /** How it is opened, in words or numbers of open(2). Default: w, for appendFile a. */
  flag?: Maybe<OpenFlags | number>;
  /** An fsync at the end. */
  flush?: Maybe<boolean>;
  /** Ends the call with an AbortError (ECANCELED), when it comes before the call's turn. */
  signal?: Maybe<AbortSignal>;
}

/** What an open file can be asked for: it has its mode, and was opened. */
export type HandleOptions = Pick<ReadFileOptions, 'encoding' | 'signal'>;

/** Which bytes of a buffer, and where they are in the file. */
export interface BufferPart {
  /** The first byte of the buffer. Default: 0. */
  offset?: Maybe<number>;
  /** Default: to the end of the buffer. */
  length?: Maybe<number>;
  /** Byte of the file; null: where the last such call ended. */
  position?: Maybe<number>;
}

/** Where what is read goes. */
export interface ReadOptions<B extends Uint8Array = OwnBuffer> extends BufferPart {
  /** Default: a new one of 16 KiB. */
  buffer?: B;
}

/** How directories are made. */
export interface MkdirOptions {
  /** Of each directory that is made. */
  mode?: Maybe<number>;
  /** What is missing above it is made, too; a directory that is there is fine then. */
  recursive?: boolean;
}

/** What `rm` takes away. */
export interface RmOptions {
  /** A directory goes with all below it. */
  recursive?: boolean;
  /** What is missing is fine. */
  force?: boolean;
}

/** What `readdir` gives. */
export interface ReaddirOptions {
  /** Of names: `buffer` gives their bytes. Default: utf8. */
  encoding?: Maybe<BufferEncoding | 'buffer'>;
  /** Dirents in place of names. */
  withFileTypes?: boolean;
  /** What lies below, too, by its path from here; symlinks are not followed. */
  recursive?: boolean;
}

/** What a target is given as. */
export interface ReadlinkOptions {
  /** Of the target: `buffer` gives its bytes. Default: utf8. */
  encoding?: Maybe<BufferEncoding | 'buffer'>;
}

/** What `stat` gives. */
export interface StatOptions {
  /** Numbers are what there is. */
  bigint?: false;
}

/** A check that null passes. */
function orNull(check: Check): Check {
  return (value, what) => {
    if (value !== null) check(value, what);
  };
}

const isEncoding: Check = (value, what) => {
  if (typeof value !== 'string' || !Buffer.isEncoding(value))
    throw invalid(what, value, 'one of Node: utf8, latin1, hex, base64 ...');
};
/** Nothing is none, either. */
export const isEncodingOrNull: Check = (value, what) => {
  if (value !== null && value !== undefined) isEncoding(value, what);
};
const isBufferOrEncoding: Check = (value, what) => {
  if (value !== 'buffer') isEncoding(value, what);
};
const isFalse: Check = (value, what) => {
  if (value !== false) throw invalid(what, value, 'false: there are no BigInts here');
};
/** Looked at where it is used: flags when a file is opened. */
const isAny: Check = () => {};

const READ_FILE: OptionChecks<ReadFileOptions> = {
  encoding: isEncodingOrNull,
  flag: isAny,
  signal: orNull(isSignal),
};
const WRITE_FILE: OptionChecks<WriteFileOptions> = {
  ...READ_FILE,
  mode: orNull(isMode),
  flush: orNull(isBoolean),
};
const HANDLE: OptionChecks<HandleOptions> = {
  encoding: isEncodingOrNull,
  signal: orNull(isSignal),
};
/** Looked at when the bytes are. */
const PART: OptionChecks<BufferPart> = { offset: isAny, length: isAny, position: isAny };
const READ: OptionChecks<ReadOptions> = { ...PART, buffer: isAny };
const MKDIR: OptionChecks<MkdirOptions> = { mode: orNull(isMode), recursive: isBoolean };
const RM: OptionChecks<RmOptions> = { recursive: isBoolean, force: isBoolean };
const READDIR: OptionChecks<ReaddirOptions> = {
  encoding: orNull(isBufferOrEncoding),
  withFileTypes: isBoolean,
  recursive: isBoolean,
};
const READLINK: OptionChecks<ReadlinkOptions> = { encoding: orNull(isBufferOrEncoding) };
const STAT: OptionChecks<StatOptions> = { bigint: isFalse };

/** An encoding alone stands for an object with it, null for nothing. */
function optionsOf<T extends { encoding?: unknown }>(of: string, given: Maybe<T | string>, checks: OptionChecks<T>): T {
  const options = (typeof given === 'string' ? { encoding: given } : (given ?? {})) as T;
  checkOptions(of, options, checks);
  return options;
}

export function readFileOptions(of: string, given: Maybe<ReadFileOptions | string>): ReadFileOptions {
  return optionsOf(of, given, READ_FILE);
}

export function writeFileOptions(of: string, given: Maybe<WriteFileOptions | string>): WriteFileOptions {
  return optionsOf(of, given, WRITE_FILE);
}

/** Of an open file, to read or to write. */
export function handleOptions(of: string, given: Maybe<HandleOptions | string>): HandleOptions {
  return optionsOf(of, given, HANDLE);
}

/** Bytes in the buffer of a read without one, as in node:fs. */
const READ_BUFFER = 16384;

/** Of a read: a buffer and what `bufferPart` takes, or all of it as options. */
export function readInto([first = {}, ...rest]: readonly unknown[]): BufferPart & { buffer: Uint8Array } {
  const isOptions = typeof first === 'object' && !ArrayBuffer.isView(first) && !isAnyArrayBuffer(first);
  if (!isOptions) return { ...bufferPart('read', rest), buffer: first as Uint8Array };
  const options: ReadOptions<Uint8Array> = first ?? {};
  checkOptions('read', options, READ);
  refuseBehind('options', rest);
  const { buffer = Buffer.alloc(READ_BUFFER), ...part } = options;
  return { ...part, buffer };
}

/** Offset, length and position, one by one or as options. */
export function bufferPart(of: string, [first, ...rest]: readonly unknown[]): BufferPart {
  if (typeof first !== 'object' || first === null)
    return { offset: first, length: rest[0], position: rest[1] } as BufferPart;
  checkOptions(of, first as BufferPart, PART);
  refuseBehind('options', rest);
  return first;
}

/** Throws EINVAL for what stands where it has no effect. @param last what should have been the last argument */
export function refuseBehind(last: string, rest: readonly unknown[]): void {
  const other = rest.find((it) => it !== undefined && it !== null);
  if (other !== undefined) throw invalid('argument', other, `none behind the ${last}`);
}

/** A number alone is a mode. */
export function mkdirOptions(given: Maybe<MkdirOptions | number>): MkdirOptions {
  const options = typeof given === 'number' ? { mode: given } : (given ?? {});
  checkOptions('mkdir', options, MKDIR);
  return options;
}

export function rmOptions(given: Maybe<RmOptions>): RmOptions {
  const options = given ?? {};
  checkOptions('rm', options, RM);
  return options;
}

export function readdirOptions(given: Maybe<ReaddirOptions | string>): ReaddirOptions {
  return optionsOf('readdir', given, READDIR);
}

export function readlinkOptions(given: Maybe<ReadlinkOptions | string>): ReadlinkOptions {
  return optionsOf('readlink', given, READLINK);
}

/** Throws EINVAL for what a stat has not. */
export function checkStatOptions(of: string, given: Maybe<StatOptions>): void {
  checkOptions(of, given ?? {}, STAT);
}

/** Throws EINVAL for options of what takes none. */
export function checkNoOptions(of: string, given: Maybe<object>): void {
  checkOptions(of, given ?? {}, {});
}

/** Throws EINVAL for what is no mode of access(2). */
export function accessMode(mode: Maybe<number>): number {
  const all = R_OK | W_OK | X_OK;
  if (mode === undefined || mode === null) return F_OK;
  if (!Number.isInteger(mode) || mode < 0 || mode > all) throw invalid('mode', mode, `0 to ${all}`);
  return mode;
}

/** The owner that stays is -1, as in chown(2). */
export function ownerOf(id: number): number | undefined {
  if (typeof id !== 'number') throw invalid('owner', id, 'a number');
  return id === -1 ? undefined : id;
}

/** The bytes of text in an encoding, or what is bytes already. Throws EINVAL for what is neither. */
export function encoded(contents: Contents, encoding: Maybe<BufferEncoding>): Uint8Array {
  if (typeof contents === 'string' && encoding !== undefined && encoding !== null)
    return Buffer.from(contents, encoding);
  return contentBytes(contents, 'contents');
}

/** Bytes as a buffer, or as text. Throws EFBIG for text longer than a string can be. */
export function decoded(
  { buffer, byteOffset, byteLength }: OwnBytes,
  encoding: Maybe<BufferEncoding>,
): OwnBuffer | string {
  const bytes = Buffer.from(buffer, byteOffset, byteLength);
  if (encoding === undefined || encoding === null) return bytes;
  try {
    return textOf(bytes, encoding);
  } catch (cause) {
    const message = `${byteLength} bytes are too many for one string: read them as a buffer, or in parts`;
    throw new F2fsError('EFBIG', message, { cause });
  }
}

/** A name or target: UTF-8 unless another encoding, or a buffer, is asked for. */
export function nameIn(name: Uint8Array, encoding: Maybe<BufferEncoding | 'buffer'>): string | Buffer {
  const bytes = Buffer.from(name);
  return encoding === 'buffer' ? bytes : textOf(bytes, encoding ?? 'utf8');
}

function textOf(bytes: Buffer, encoding: BufferEncoding): string {
  return /^utf-?8$/i.test(encoding) ? utf8Text(bytes) : bytes.toString(encoding);
}
