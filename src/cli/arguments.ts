// Arguments that can't mean what they say: empty ones, and those that Node could not read.
import * as fs from 'node:fs';
import type { Command } from 'commander';
import { display } from '../bytes.ts';
import { F2fsError } from '../errors.ts';
import { utf8 } from './names.ts';
import { UsageError } from './usage-error.ts';

/** Throws ENOENT, as system calls do: what an unset variable leaves must not mean the current directory, or the root of a volume. */
export function refuseEmpty(args: readonly string[]): void {
  const at = args.indexOf('');
  if (at < 0) return;
  throw new F2fsError('ENOENT', `argument ${at + 1} is empty, and no file has an empty path: is a variable unset?`);
}

/** A part of a command line, as it was understood. */
interface Given {
  /** As the help calls it. */
  readonly name: string;
  readonly value: string;
  /** What to do when the value is no UTF-8: of a path, and of text. */
  readonly path?: string;
  readonly text?: string;
}

const ON_HOST = 'go into a directory of such a name and call it ., or give a symlink that leads to it';
/** A symlink would be put itself. */
const TO_PUT = 'go into a directory of such a name and call it ., or give a file as -, which is standard input';
const IN_IMAGE = 'write it with \\xNN for such bytes, as ls prints it, and --escaped';

/** Arguments that are paths of the host, by command and name; all others but OWNER are paths in the image. */
const HOST_ARGUMENTS = new Set(['image', 'source', 'dir', 'bench target', 'put paths']);
const HOST_OPTIONS = new Set(['--svg', '--restore', '--tar']);
/** How other bytes than UTF-8 are given where text stands. */
const TEXT_CURES: Readonly<Record<string, string>> = {
  'chown owner': '; a number does, too',
  'setfattr --name': '; --restore takes a dump, which has other bytes as \\NNN',
  'setfattr --remove': '',
  'setfattr --value': '; without --raw other bytes are \\NNN, or all are hex digits after 0x',
  'getfattr --name': '; -d -m - shows such names, too',
  'build --compress-glob': ', where ? and * stand for any character',
};

/**
 * Throws for what is not UTF-8: Node has put U+FFFD where it could not read it, so a path would lead elsewhere (EINVAL) and a label would
 * be another (UsageError).
 */
export function refuseUndecodable(command: Command): void {
  for (const { name, value, path, text } of givenTo(command)) {
    const typed = value.includes('\ufffd') ? undecodable(value) : null;
    if (typed === null) continue;
    if (path !== undefined) throw new F2fsError('EINVAL', `the path '${display(typed)}' is not UTF-8: ${path}`);
    throw new UsageError(`invalid ${name} '${display(typed)}': expected UTF-8${text}`);
  }
}

function* givenTo(command: Command): Generator<Given> {
  const { registeredArguments: declared, args } = command;
  for (const [i, value] of args.entries()) {
    const name = declared[Math.min(i, declared.length - 1)].name();
    const full = `${command.name()} ${name}`;
    const isLast = i > 0 && i === args.length - 1;
    const isOnHost = HOST_ARGUMENTS.has(name) || (HOST_ARGUMENTS.has(full) && !(name === 'paths' && isLast));
    if (full in TEXT_CURES) yield { name, value, text: TEXT_CURES[full] };
    else if (!isOnHost) yield { name, value, path: IN_IMAGE };
    else yield { name, value, path: name === 'paths' ? TO_PUT : ON_HOST };
  }
  for (const option of command.options) {
    const attribute = option.attributeName();
    if (command.getOptionValueSource(attribute) !== 'cli') continue;
    const name = option.long ?? option.flags;
    const path = HOST_OPTIONS.has(name) ? ON_HOST : undefined;
    const text = TEXT_CURES[`${command.name()} ${name}`] ?? '';
    for (const value of [command.getOptionValue(attribute)].flat())
      if (typeof value === 'string') yield { name, value, path, text };
  }
}

/** The bytes that `value` was made of, when they are no UTF-8, or the host does not tell; null where somebody wrote U+FFFD itself. */
function undecodable(value: string): Uint8Array | null {
  const asTyped = argumentBytes();
  if (asTyped === null) return Buffer.from(value);
  for (const bytes of asTyped) {
    if (utf8(bytes) !== null) continue;
    // An argument of its own, --option=VALUE, -oVALUE, and those of a list with commas.
    const starts = [0, bytes.indexOf('=') + 1, 2];
    const parts = starts.flatMap((start) => [bytes.subarray(start), ...split(bytes.subarray(start))]);
    const found = parts.find((part) => part.toString() === value);
    if (found !== undefined) return found;
  }
  return null;
}

function split(list: Buffer): Buffer[] {
  return list
    .toString('latin1')
    .split(',')
    .map((part) => Buffer.from(part, 'latin1'));
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
