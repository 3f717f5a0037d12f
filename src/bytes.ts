// Bytes as callers give and get them. Names, paths, targets and contents are bytes; a string stands for its UTF-8.
// Relies on check.ts.
import { checkBytes, checkText, invalid, memoryLost } from './check.ts';
import { F2fsError } from './errors.ts';
import { escapedBytes, hexEscape, utf8 } from './escaped-bytes.ts';
import { utf8Bytes } from './platform/bytes.ts';
import { isUint8Array } from './platform/types.ts';

/** From the root, `/`; a leading slash changes nothing otherwise. Text is taken as UTF-8. */
export type Path = string | Uint8Array;
/** A name in a directory. Text is taken as UTF-8. */
export type Name = string | Uint8Array;
/** What is written. Text is taken as UTF-8. */
export type Contents = string | Uint8Array;
/** A Uint8Array over memory of its own: in the words of TypeScript 5.7 and later, a Uint8Array<ArrayBuffer>. */
export type OwnBytes = ReturnType<Uint8Array['slice']>;

/**
 * The bytes of a path or name: a copy, which stays as it was checked, whoever else has the memory. Throws EINVAL for what is
 * neither text nor bytes, a NUL, and half a character.
 */
export function nameBytes(name: Path, what: string): Uint8Array {
  if (typeof name === 'string') {
    const bytes = utf8Bytes(name);
    // What is ASCII has as many bytes as characters.
    if (bytes.length !== name.length || bytes.includes(0)) checkText(name, what);
    return bytes;
  }
  if (!isUint8Array(name)) throw invalid(what, name, 'a string or a Uint8Array');
  const bytes = copied(name, what);
  if (bytes.includes(0)) throw invalid(what, display(bytes).replaceAll('\0', '\\0'), 'no NUL in it');
  return bytes;
}

function copied(bytes: Uint8Array, what: string): Uint8Array {
  try {
    return new Uint8Array(bytes);
  } catch (cause) {
    throw memoryLost(what, cause);
  }
}

/** The bytes of what is to be written, not copied. Throws EINVAL for what is neither text nor bytes, ENOMEM. */
export function contentBytes(contents: Contents, what: string): Uint8Array {
  if (typeof contents !== 'string') {
    if (!isUint8Array(contents)) throw invalid(what, contents, 'a string or a Uint8Array');
    checkBytes(contents, what);
    return contents;
  }
  try {
    return utf8Bytes(contents);
  } catch (cause) {
    const message = `there is no memory for a text of ${contents.length} characters: write it in parts`;
    throw new F2fsError('ENOMEM', message, { cause });
  }
}

/** A path or name for a message: bytes that are not UTF-8 are \xNN, so that those of two entries can be told apart. */
export function display(path: Path): string {
  return typeof path === 'string' ? path : (utf8(path) ?? escapedBytes(path, hexEscape, (text) => text));
}
