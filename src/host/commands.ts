// What the C library would tell of entries, asked of commands where it can't be called: getfattr and lsattr, each run once for many
// paths; and setfattr. They are in Debian's packages attr and e2fsprogs; busybox's lsattr will do, too.
import { display } from '../bytes.ts';
import { F2fsError } from '../errors.ts';
import { I_FLAGS } from '../format/inode.ts';
import type { Host, Ran } from './host.ts';
import {
  ALL_XATTRS,
  type EntryXattrs,
  type HostXattr,
  NO_XATTRS,
  type XattrRefusal,
  type XattrWriter,
  xattrFailure,
} from './xattrs.ts';

/** Paths that one child is asked for. */
const MAX_PATHS = 1024;
/** How xargs ends when there is no such command. */
const NOT_FOUND = 127;
/** Longest answer that is kept once for all entries that give it. */
const MAX_SHARED = 256;

/** Where the answers go. */
export interface Answers {
  /** The entry has attributes. */
  hasXattrs(index: number): void;
  flags(index: number, flags: number): void;
  /** Whether an entry that can't be opened is told of by whoever reads its contents. */
  isOpened(index: number): boolean;
  problem(index: number, error: F2fsError): void;
  /** The command is not there: nothing is known of any entry. */
  missing(command: string): void;
}

/** Collects entries and has them answered together. */
abstract class CommandBatch {
  protected readonly answers: Answers;
  readonly #host: Host;
  readonly #command: readonly string[];
  #indexes: number[] = [];
  #paths: Buffer[] = [];
  #isMissing = false;

  constructor(host: Host, answers: Answers, command: readonly string[]) {
    this.#host = host;
    this.answers = answers;
    this.#command = command;
  }

  /** `path` ends with a NUL, and may be overwritten afterwards. It must lead to the entry until `flush`. */
  ask(index: number, path: Buffer): void {
    if (this.#isMissing) return;
    this.#indexes.push(index);
    this.#paths.push(Buffer.from(path));
    if (this.#paths.length === MAX_PATHS) this.flush();
  }

  /** Answers for all that was asked. */
  flush(): void {
    const indexes = this.#indexes;
    const paths = this.#paths;
    if (indexes.length === 0) return;
    this.#indexes = [];
    this.#paths = [];
    const ran = this.#host.run('xargs', ['-0', ...this.#command], Buffer.concat(paths));
    if (ran.status === null || ran.status === NOT_FOUND) {
      this.#isMissing = true;
      this.answers.missing(this.#command[0]);
      return;
    }
    this.answer(
      indexes,
      paths.map((path) => path.toString('latin1', 0, path.length - 1)),
      ran,
    );
  }

  /** `paths`: a character for each byte. */
  protected abstract answer(indexes: readonly number[], paths: readonly string[], ran: Ran): void;
}

/** Extended attributes by getfattr. Values are kept from the scan on: asking again would cost a child each. */
export class CommandXattrs extends CommandBatch {
  readonly #found = new Map<number, EntryXattrs>();
  readonly #shared = new Map<string, EntryXattrs>();

  constructor(host: Host, answers: Answers) {
    super(host, answers, ['getfattr', '-h', '-d', '-m', '-', '-e', 'hex', '--absolute-names', '--']);
  }

  read(index: number): EntryXattrs {
    return this.#found.get(index) ?? NO_XATTRS;
  }

  /** Source: do_print and do_getfattr of attr's getfattr.c. */
  protected override answer(indexes: readonly number[], paths: readonly string[], { stdout, stderr }: Ran): void {
    let next = 0;
    for (const block of stdout.toString('latin1').split(/^# file: /m)) {
      const end = block.indexOf('\n');
      if (end < 0) continue;
      const path = unquoted(block.slice(0, end));
      while (next < paths.length && paths[next] !== path) next++;
      if (next === paths.length) throw new F2fsError('EIO', `getfattr told of ${path}, which it was not asked for`);
      this.#found.set(indexes[next], this.#parsed(block.slice(end + 1)));
      this.answers.hasXattrs(indexes[next]);
    }
    if (stderr.length === 0) return;
    const byPath = new Map(paths.map((path, i) => [path, indexes[i]]));
    for (const line of stderr.toString('latin1').split('\n')) this.#complaint(line, byPath);
  }

  /** `getfattr: PATH: REASON`, or `PATH: NAME: REASON` */
  #complaint(line: string, byPath: ReadonlyMap<string, number>): void {
    const match = /^(getfattr: )?(.*): (.*)$/.exec(line);
    if (match === null) return;
    const [, isWhole, subject, reason] = match;
    for (let cut = subject.length; cut > 0; cut = subject.lastIndexOf(': ', cut - 1)) {
      const index = byPath.get(unquoted(subject.slice(0, cut)));
      if (index === undefined) continue;
      const code = codeOfReason(reason);
      if (isWhole && code === 'EOPNOTSUPP') return;
      const name = cut === subject.length ? ALL_XATTRS : display(nameOf(subject.slice(cut + 2)));
      this.answers.problem(index, xattrFailure('read', name, code, code === 'EIO' ? reason : undefined));
      return;
    }
  }

  #parsed(lines: string): EntryXattrs {
    const known = this.#shared.get(lines);
    if (known !== undefined) return known;
    const found: HostXattr[] = [];
    for (const line of lines.split('\n')) {
      const at = line.indexOf('=');
      if (at < 0) continue;
      found.push({ name: nameOf(line.slice(0, at)), value: new Uint8Array(Buffer.from(line.slice(at + 3), 'hex')) });
    }
    found.sort((a, b) => Buffer.compare(a.name, b.name));
    const xattrs = { found, failed: [] };
    if (lines.length <= MAX_SHARED) this.#shared.set(lines, xattrs);
    return xattrs;
  }
}

/** Inode flags by lsattr, of regular files and directories alone. */
export class CommandFlags extends CommandBatch {
  constructor(host: Host, answers: Answers) {
    super(host, answers, ['lsattr', '-d', '--']);
  }

  /** A line `FLAGS PATH` for each path, in their order; what fails has none, but one on stderr. */
  protected override answer(indexes: readonly number[], paths: readonly string[], { stdout, stderr }: Ran): void {
    const lines = stdout.toString('latin1');
    const reasons = [...stderr.toString('latin1').matchAll(/^lsattr: (.*?) [Ww]hile reading flags on /gm)];
    let at = 0;
    let failed = 0;
    for (const [i, path] of paths.entries()) {
      const space = lines.indexOf(' ', at);
      if (space >= 0 && lines.startsWith(` ${path}\n`, space)) {
        const flags = flagsOf(lines.slice(at, space));
        if (flags !== 0) this.answers.flags(indexes[i], flags);
        at = space + path.length + 2;
        continue;
      }
      const reason = reasons[failed++]?.[1] ?? 'lsattr gave no answer';
      const code = codeOfReason(reason);
      if (code === 'EOPNOTSUPP' || code === 'ENOTTY') continue;
      if (code === 'EACCES' && this.answers.isOpened(indexes[i])) continue;
      const why = code === 'EIO' ? reason : code;
      this.answers.problem(indexes[i], new F2fsError(code, `cannot read its inode flags: ${why}`));
    }
  }
}

/** Sets attributes of one entry by setfattr. */
export class CommandXattrWriter implements XattrWriter {
  readonly #host: Host;

  constructor(host: Host) {
    this.#host = host;
  }

  set(path: Uint8Array, xattrs: readonly HostXattr[]): XattrRefusal[] {
    const reason = this.#restore(path, xattrs);
    if (reason === null) return [];
    // It does not tell which it was.
    if (xattrs.length > 1) return xattrs.flatMap((one) => this.set(path, [one]));
    return [{ name: display(xattrs[0].name), code: reason }];
  }

  /** Null when all is done, else an errno name. */
  #restore(path: Uint8Array, xattrs: readonly HostXattr[]): string | null {
    const lines = xattrs.map(({ name, value }) => `${quoted(name)}=0x${Buffer.from(value).toString('hex')}\n`);
    const dump = Buffer.from(`# file: ${quoted(path.subarray(0, -1))}\n${lines.join('')}\n`);
    const { status, stderr } = this.#host.run('setfattr', ['-h', '--restore=-'], dump);
    if (status === null) return 'ENOSYS';
    const [, reason] = /: ([^:\n]*)\n*$/.exec(stderr.toString('latin1')) ?? [];
    return status === 0 && reason === undefined ? null : codeOfReason(reason ?? '');
  }
}

/** Bytes as getfattr writes them, and setfattr reads them. */
function quoted(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('latin1')
    .replace(/[^A-Za-z0-9._/-]/g, (byte) => `\\${byte.charCodeAt(0).toString(8).padStart(3, '0')}`);
}

function flagsOf(letters: string): number {
  let flags = 0;
  if (letters.includes('i')) flags |= I_FLAGS.IMMUTABLE;
  if (letters.includes('a')) flags |= I_FLAGS.APPEND;
  if (letters.includes('d')) flags |= I_FLAGS.NODUMP;
  return flags;
}

/** Undoes \ooo, which stands for a byte. */
function unquoted(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** The name of an attribute as getfattr prints it. */
function nameOf(quoted: string): Uint8Array {
  return Buffer.from(unquoted(quoted), 'latin1');
}

/** What the C libraries of glibc and musl say in the C locale. */
const REASONS: Readonly<Record<string, string>> = {
  'Argument list too long': 'E2BIG',
  'Cannot allocate memory': 'ENOMEM',
  'File exists': 'EEXIST',
  'File name too long': 'ENAMETOOLONG',
  'Inappropriate ioctl for device': 'ENOTTY',
  'No data available': 'ENODATA',
  'No such file or directory': 'ENOENT',
  'Not a directory': 'ENOTDIR',
  'Not a tty': 'ENOTTY',
  'Not supported': 'EOPNOTSUPP',
  'No space left on device': 'ENOSPC',
  'Numerical result out of range': 'ERANGE',
  'Operation not permitted': 'EPERM',
  'Operation not supported': 'EOPNOTSUPP',
  'Permission denied': 'EACCES',
};

/** The errno name for what a command says. */
export function codeOfReason(reason: string): string {
  return REASONS[reason] ?? 'EIO';
}
