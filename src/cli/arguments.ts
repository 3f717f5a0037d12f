// Arguments that can't mean what they say: empty ones, and those that Node could not read.
import * as fs from 'node:fs';
import { F2fsError } from '../errors.ts';
import { printable, utf8 } from './names.ts';

/** Throws ENOENT, as system calls do: what an unset variable leaves must not mean the current directory, or the root of a volume. */
export function refuseEmpty(args: readonly string[]): void {
  const at = args.indexOf('');
  if (at < 0) return;
  throw new F2fsError('ENOENT', `argument ${at + 1} is empty, and no file has an empty path: is a variable unset?`);
}

/**
 * Throws EINVAL for arguments that are not UTF-8: Node has put U+FFFD where it could not read them, so a path would lead elsewhere and a
 * label would be another.
 */
export function refuseUndecodable(args: readonly string[]): void {
  const bad = args.find((arg) => arg.includes('\ufffd'));
  if (bad === undefined || isMeant()) return;
  const cures =
    'paths in an image may be written with \\xNN and --escaped; go into a directory of such a name and call it .';
  throw new F2fsError('EINVAL', `the argument '${printable(bad)}' is not UTF-8: ${cures}`);
}

/** Whether somebody wrote U+FFFD itself: the bytes of all arguments are UTF-8. */
function isMeant(): boolean {
  try {
    return utf8(fs.readFileSync('/proc/self/cmdline')) !== null;
  } catch {
    return false;
  }
}
