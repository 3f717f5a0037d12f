// What goes wrong with one of several paths names it.
import { F2fsError } from '../errors.ts';
import { escaped } from './names.ts';

/** Runs `work`; what it throws names `path`, unless it names one already. */
export function naming<T>(path: Uint8Array, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof F2fsError) || error.path !== undefined) throw error;
    throw new F2fsError(error.code, error.message, { ino: error.ino, path: escaped(path), cause: error });
  }
}
