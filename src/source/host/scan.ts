// Reads a host tree: names, stats, flags and the presence of extended attributes of all its entries, in one pass, directory after
// directory. What can't be read is named and left out; the rest goes on. Relies on lister.ts (how to list and stat).
import * as fs from 'node:fs';
import { display } from '../../bytes.ts';
import { errnoText, F2fsError, hostError } from '../../errors.ts';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../format/constants.ts';
import { joinName } from '../../fs/path-names.ts';
import { type Answers, CommandFlags, CommandXattrs } from '../../host/commands.ts';
import { type Host, thisHost } from '../../host/host.ts';
import { HostXattrs } from '../../host/xattrs.ts';
import type { EntryTable } from '../entry-table.ts';
import { isSizeUncertain } from './contents.ts';
import type { HostSource } from './lister.ts';
import { HostTree } from './tree.ts';

/** Longest name that F2FS holds, in bytes. */
const MAX_NAME = 255;
/** Entries after which the caller is heard. */
const STEP = 256;

/** node:fs asks the kernel, around what fakeroot put in its place. */
const FAKEROOT_UNSEEN = 'owners and devices are the real ones: to see those of fakeroot takes the package koffi';

/** A file of the host, for instance the image that is being written; numbers as Node's stat gives them. */
export interface HostInode {
  readonly dev: number | bigint;
  readonly ino: number | bigint;
}

export interface ScanOptions {
  /** The one name of the root directory that is taken, whatever it is; the others are passed over. */
  only?: Uint8Array;
  /** Files to leave out; each one met is told in `skipped`. */
  exclude?: readonly HostInode[];
  /** Look for extended attributes and inode flags. Default: true. */
  xattrs?: boolean;
  /** Owner of every entry, instead of its own. */
  owner?: { readonly uid: number; readonly gid: number };
  /** Default: this machine. */
  host?: Host;
}

/** The file that a path names, for `exclude`; empty when there is none. */
export function hostInodes(file: string): HostInode[] {
  const stat = fs.statSync(file, { throwIfNoEntry: false, bigint: true });
  return stat === undefined ? [] : [{ dev: stat.dev, ino: stat.ino }];
}

/** Opens the scan's source at the root and checks that it is a directory. */
function openRoot(root: string | Uint8Array): Buffer {
  const text = display(root);
  // Resolved, it would be the current directory.
  if (root.length === 0) throw new F2fsError('ENOENT', 'the path of the source directory is empty: name one');
  try {
    const given = typeof root === 'string' ? root : Buffer.from(root);
    const real = fs.realpathSync.native(given, 'buffer');
    if (!fs.statSync(real).isDirectory()) {
      throw new F2fsError('ENOTDIR', `${text} is not a directory`, { path: text });
    }
    return real;
  } catch (error) {
    throw hostError(`cannot read the source directory ${text}`, error, { path: text });
  }
}

/**
 * Reads names, stats, flags and the presence of extended attributes of a whole tree; symlinks are not followed, mounts are
 * entered. What can't be read is told in `problems` and left out (a directory that can't be listed stays, empty).
 * Throws ENOENT, ENOTDIR, EACCES for the root.
 */
export function scanHostTree(root: string | Uint8Array, options: ScanOptions = {}): HostTree {
  const steps = scanSteps(root, options);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** The same in steps; each yields the number of entries found so far. */
export function* scanSteps(root: string | Uint8Array, options: ScanOptions = {}): Generator<number, HostTree> {
  const tree = new HostTree(openRoot(root), options.host ?? thisHost());
  const scan = new Scan(tree, options);
  try {
    yield* scan.run();
    return tree;
  } catch (error) {
    tree.close();
    throw error;
  } finally {
    tree.source.close();
  }
}

/** One pass, directory after directory in the order of their indexes. */
class Scan {
  readonly #tree: HostTree;
  readonly #source: HostSource;
  readonly #exclude: readonly { dev: number; inoHigh: number; inoLow: number }[];
  readonly #only: Uint8Array | undefined;
  readonly #owner: ScanOptions['owner'];
  readonly #wantsFlags: boolean;
  /** Asks one by one. */
  readonly #xattrs: HostXattrs | null;
  /** Ask by commands, many at once. */
  readonly #xattrCommand: CommandXattrs | null;
  readonly #flagCommand: CommandFlags | null;
  /** Entries since the caller was heard; a file that was read counts for many. */
  #work = 0;

  constructor(tree: HostTree, { exclude = [], only, owner, xattrs = true }: ScanOptions) {
    const { host, source } = tree;
    this.#tree = tree;
    this.#source = source;
    this.#exclude = exclude.map(({ dev, ino }) => ({
      dev: Number(dev),
      inoHigh: Number(BigInt.asUintN(32, BigInt(ino) >> 32n)),
      inoLow: Number(BigInt.asUintN(32, BigInt(ino))),
    }));
    this.#only = only;
    this.#owner = owner;
    this.#wantsFlags = xattrs;
    // Windows has neither.
    const byCommand = xattrs && process.platform !== 'win32';
    const answers = this.#answers();
    const reader = xattrs && host.libc !== null ? new HostXattrs(host.libc) : null;
    const command = byCommand && reader === null ? new CommandXattrs(host, answers) : null;
    this.#xattrs = reader;
    this.#xattrCommand = command;
    this.#flagCommand = byCommand && !source.tellsFlags ? new CommandFlags(host, answers) : null;
    if (!source.tellsFlags && process.env.FAKEROOTKEY !== undefined)
      tree.addProblem('ENOSYS', FAKEROOT_UNSEEN, () => '.');
    if (reader !== null) tree.readXattrs = (_, path) => reader.read(path);
    else if (command !== null) tree.readXattrs = (index) => command.read(index);
    tree.paths.beforeClose = () => this.#flushCommands();
  }

  *run(): Generator<number> {
    const { table, paths } = this.#tree;
    const isPart = this.#only !== undefined;
    const code = this.#source.open(Buffer.from(paths.pathZ(0)), !isPart);
    if (code) throw this.#unreadable(code);
    this.#append(0, Buffer.alloc(0), 0, 0);
    if (!isPart) this.#ask(0);
    yield* this.#readDir(0);
    for (let dir = 1; dir < table.count; dir++) {
      if ((table.mode(dir) & S_IFMT) !== S_IFDIR) continue;
      const failed = this.#open(dir);
      if (failed !== null) this.#problem(dir, failed, 'cannot be listed: its contents are left out');
      else if (!table.isSameInode(dir, this.#source.stat)) this.#problem(dir, 'ESTALE', 'was replaced meanwhile');
      else yield* this.#readDir(dir);
    }
    this.#flushCommands();
  }

  #unreadable(code: string): F2fsError {
    const place = display(this.#tree.root);
    return new F2fsError(code, `cannot read the source directory ${place}: ${errnoText(code)}`, { path: place });
  }

  #open(dir: number): string | null {
    try {
      return this.#source.open(this.#tree.hostPathZ(dir));
    } catch (error) {
      return codeOf(error);
    }
  }

  *#readDir(dir: number): Generator<number> {
    const { table } = this.#tree;
    const { names } = this.#source;
    if (dir === 0 && this.#only !== undefined) names.setOnly(this.#only);
    else {
      const failed = this.#source.list();
      if (failed && dir === 0) throw this.#unreadable(failed);
      if (failed) {
        this.#problem(dir, failed, 'cannot be listed: its contents are left out');
        return;
      }
      names.sort();
    }
    const first = table.count;
    for (let i = 0; i < names.count; i++) {
      if (++this.#work >= STEP) {
        yield table.count;
        this.#work = 0;
      }
      this.#readName(dir, names.starts[i]);
    }
    table.setChildren(dir, first, table.count - first);
  }

  #readName(dir: number, from: number): void {
    const { names } = this.#source;
    const end = names.end(from);
    if (end - from > MAX_NAME) {
      this.#childProblem(dir, from, 'ENAMETOOLONG', `its name is longer than the ${MAX_NAME} bytes that F2FS holds`);
      return;
    }
    const code = this.#source.statName(from);
    if (code) {
      this.#childProblem(dir, from, code, code === 'ENOENT' ? 'vanished meanwhile' : 'cannot be looked at: left out');
    } else if (this.#isExcluded()) {
      const place = this.#childPath(dir, from);
      this.#tree.skipped.push({ path: place, code: 'EEXIST', message: 'is the image itself: left out' });
    } else {
      this.#ask(this.#append(dir, names.bytes, from, end));
    }
  }

  /** Adds what was asked for last to the table. */
  #append(dir: number, names: Uint8Array, from: number, end: number): number {
    const { stat } = this.#source;
    if (this.#owner !== undefined) {
      stat.uid = this.#owner.uid;
      stat.gid = this.#owner.gid;
    }
    if (!this.#wantsFlags) stat.flags = 0;
    const { table } = this.#tree;
    const index = table.append(dir, names, from, end, stat);
    if (isSizeUncertain(stat)) this.#readContents(index);
    this.#count(index);
    return index;
  }

  /** Gives a file the size that reading tells, by each of its names: any may be the one that is made. */
  #readContents(index: number): void {
    const { table, contents } = this.#tree;
    if (isFirstName(table, index)) {
      contents.read(this.#tree, index);
      this.#work += STEP;
      return;
    }
    const known = this.#tree.knownOrWhy(index);
    if (known instanceof Uint8Array) table.setSize(index, known.length);
  }

  #isExcluded(): boolean {
    const { stat } = this.#source;
    for (const one of this.#exclude) {
      if (one.inoLow === stat.inoLow && one.inoHigh === stat.inoHigh && one.dev === stat.dev) return true;
    }
    return false;
  }

  /** Asks for what lstat does not tell. */
  #ask(index: number): void {
    const { table } = this.#tree;
    const type = table.mode(index) & S_IFMT;
    // lsattr opens what it is asked for.
    const flags = type === S_IFREG || type === S_IFDIR ? this.#flagCommand : null;
    if (this.#xattrs === null && this.#xattrCommand === null && flags === null) return;
    try {
      const path = this.#tree.hostPathZ(index);
      if (this.#xattrs !== null && this.#xattrs.namesSize(path) > 0) table.setHasXattrs(index);
      this.#xattrCommand?.ask(index, path);
      flags?.ask(index, path);
    } catch (error) {
      this.#problem(index, codeOf(error), 'cannot read its extended attributes');
    }
  }

  #flushCommands(): void {
    this.#xattrCommand?.flush();
    this.#flagCommand?.flush();
  }

  #answers(): Answers {
    const { table } = this.#tree;
    return {
      hasXattrs: (index) => table.setHasXattrs(index),
      flags: (index, flags) => table.setFlags(index, flags),
      isOpened: (index) => [S_IFDIR, S_IFREG].includes(table.mode(index) & S_IFMT),
      problem: (index, error) => this.#problem(index, error.code, error.message),
      missing: (command) => this.#tree.addProblem('ENOSYS', missingCommand(command), () => '.'),
    };
  }

  #count(index: number): void {
    const { table, totals } = this.#tree;
    const type = table.mode(index) & S_IFMT;
    if (type === S_IFREG) {
      totals.files++;
      if (isFirstName(table, index)) totals.bytes += table.sizeBytes(index);
    } else if (type === S_IFDIR) totals.dirs++;
    else if (type === S_IFLNK) totals.symlinks++;
    else totals.others++;
  }

  #problem(index: number, code: string, what: string): void {
    this.#tree.addProblem(code, what, () => this.#tree.path(index));
  }

  #childPath(dir: number, from: number): string {
    const { names } = this.#source;
    const name = names.bytes.subarray(from, names.end(from));
    return display(dir === 0 ? name : joinName(this.#tree.pathBytes(dir), name));
  }

  #childProblem(dir: number, from: number, code: string, what: string): void {
    this.#tree.addProblem(code, what, () => this.#childPath(dir, from));
  }
}

/** Told once for the whole tree. */
function missingCommand(command: string): string {
  const [what, from] =
    command === 'getfattr'
      ? ['extended attributes (capabilities and ACLs among them) are', "koffi, or getfattr of Debian's attr"]
      : ['the flags immutable, append-only and nodump are', "koffi, or lsattr of Debian's e2fsprogs"];
  return `${what} not read, and missing in the image: that takes the package ${from}; leave them out with xattrs: false`;
}

/** Whether the entry is the first that the scan came to of its inode. */
function isFirstName(table: EntryTable, index: number): boolean {
  const group = table.linkGroup(index);
  return group < 0 || group === index;
}

function codeOf(error: unknown): string {
  return error instanceof F2fsError ? error.code : 'EIO';
}
