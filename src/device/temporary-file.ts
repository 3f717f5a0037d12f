// Files for a while, which have no name where the host can do that: nothing is left of them whatever ends the process.
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { hostError } from '../errors.ts';

/** Linux alone has it, as a bit of its own and the one for directories. Source: asm-generic/fcntl.h. */
const O_TMPFILE = process.platform === 'linux' ? 0o20000000 | fs.constants.O_DIRECTORY : 0;

/**
 * Opens a new file in the system's directory for temporary files (TMPDIR), its owner's alone, for reading and writing.
 * Throws the host's code; `doing` says what it is for, and `about` is the path that is concerned.
 */
export function temporaryFile(doing: string, about: string): number {
  if (O_TMPFILE !== 0) {
    try {
      return fs.openSync(os.tmpdir(), O_TMPFILE | fs.constants.O_RDWR, 0o600);
    } catch {
      // Not every file system can do that.
    }
  }
  try {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'f2fs-'));
    const remove = () => fs.rmSync(directory, { recursive: true, force: true });
    try {
      return fs.openSync(path.join(directory, 'file'), 'wx+', 0o600);
    } finally {
      if (process.platform === 'win32') process.once('exit', remove);
      else remove();
    }
  } catch (error) {
    throw hostError(doing, error, { path: about });
  }
}
