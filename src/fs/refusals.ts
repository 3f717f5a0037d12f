// Which entry of the volume a refusal is about: the one that was named, another one that was, or the directory of one.
import { display } from '../bytes.ts';
import { F2fsError } from '../errors.ts';

/** Codes by which one entry is refused. */
const REFUSALS = new Set([
  'EPERM',
  'EACCES',
  'EISDIR',
  'ENOTDIR',
  'ENOTEMPTY',
  'EEXIST',
  'EMLINK',
  'ENOENT',
  'EBUSY',
  'EXDEV',
  'ENAMETOOLONG',
]);

/** An inode and the path by which it was come to. */
export type Known = readonly [ino: number | undefined, path: Uint8Array];

/** Runs `work`; a refusal of it names the path of the inode that it is about, which is `path` unless it is one of `others`. */
export function namingRefused<T>(path: Uint8Array, others: () => readonly Known[], work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw refusedAt(error, path, others);
  }
}

/** The same of an error that was thrown already. */
export function refusedAt(error: unknown, path: Uint8Array, others: () => readonly Known[]): unknown {
  if (!(error instanceof F2fsError) || error.path !== undefined || !REFUSALS.has(error.code)) return error;
  const { code, message, ino } = error;
  const other = ino === undefined ? undefined : others().find(([known]) => known === ino);
  return new F2fsError(code, message, { ino, path: display(other?.[1] ?? path), cause: error });
}
