// What goes wrong with one of several paths names it.
import { F2fsError } from '../errors.ts';
import { escaped } from './names.ts';

/** Runs `work`; what it throws names `path`, unless it names one already. */
export function naming<T>(path: Uint8Array, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof F2fsError) || error.path !== undefined) throw error;
    const { code, message, ino, nid, blkaddr, segno, fault } = error;
    throw new F2fsError(code, message, { ino, nid, blkaddr, segno, fault, path: escaped(path), cause: error });
  }
}
