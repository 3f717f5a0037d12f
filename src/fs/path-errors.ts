// What is wrong with a path, said with the path.
import { display, nameBytes, type Path } from '../bytes.ts';
import { F2fsError } from '../errors.ts';
import type { FileType } from './of-type.ts';
import { namingRefused } from './refusals.ts';

const SLASH = 0x2f;

/** The bytes of a path. Throws ENOENT for an empty one, EINVAL for what is none. */
export function pathBytes(path: Path): Uint8Array {
  const bytes = nameBytes(path, 'path');
  if (bytes.length === 0) throw new F2fsError('ENOENT', 'an empty path leads nowhere: the root is /', { path: '' });
  return bytes;
}

export function endsWithSlash(path: Path): boolean {
  return pathBytes(path).at(-1) === SLASH;
}

/** What is done to the entry at `path`. */
export function refusing<T>(path: Path, work: () => T): T {
  return namingRefused(pathBytes(path), () => [], work);
}

export function missing(path: Path): F2fsError {
  return new F2fsError('ENOENT', `${display(path)} does not exist`, { path: display(path) });
}

export function leadsNowhere(path: Path): F2fsError {
  const message = `${display(path)} leads through a symlink to what does not exist`;
  return new F2fsError('ENOENT', message, { path: display(path) });
}

export function exists(path: Path): F2fsError {
  return new F2fsError('EEXIST', `${display(path)} exists already`, { path: display(path) });
}

export function isDirectory(path: Path): F2fsError {
  return new F2fsError('EISDIR', `${display(path)} is a directory`, { path: display(path) });
}

export function notA(what: string, code: string, path: Path): F2fsError {
  return new F2fsError(code, `${display(path)} is not a ${what}`, { path: display(path) });
}

export function symlinkLoop(path: Path): F2fsError {
  return new F2fsError('ELOOP', `${display(path)} leads through too many symlinks`, { path: display(path) });
}

/** A slash at the end of what is to be no directory; `there`: the type of what has the name. */
export function slashed(code: string, path: Path, there: FileType | undefined): F2fsError {
  if (there === 'directory') return isDirectory(path);
  const message = `${display(path)} ends with a slash, as only the path of a directory does: leave that out`;
  return new F2fsError(code, message, { path: display(path) });
}
