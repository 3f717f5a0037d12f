// Arguments that can't mean what they say: empty ones, and those that Node could not read.
import * as fs from 'node:fs';
import { display } from '../bytes.ts';
import { F2fsError } from '../errors.ts';
import { utf8 } from './names.ts';

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
  if (bad === undefined) return;
  const asTyped = argumentBytes();
  // Somebody may have written U+FFFD itself.
  const undecodable = asTyped?.find((bytes) => utf8(bytes) === null && args.includes(bytes.toString()));
  if (asTyped !== null && undecodable === undefined) return;
  const cures =
    'paths in an image may be written with \\xNN and --escaped; go into a directory of such a name and call it .';
  throw new F2fsError('EINVAL', `the argument '${display(undecodable ?? bad)}' is not UTF-8: ${cures}`);
}

/** The arguments of this process and of Node before them; null where the host does not tell. */
function argumentBytes(): Buffer[] | null {
  let line: Buffer;
  try {
    line = fs.readFileSync('/proc/self/cmdline');
  } catch {
    return null;
  }
  const args: Buffer[] = [];
  for (let at = 0, end = line.indexOf(0); end >= 0; at = end + 1, end = line.indexOf(0, at))
    args.push(line.subarray(at, end));
  return args;
}
