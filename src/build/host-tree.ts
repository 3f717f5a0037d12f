// A host directory tree read once, up front: every entry's name, stat and whether it has extended attributes. The content
// of files is read later (openHostFile in host-file). Relies on host-source (how to ask) and host-table (what is kept).
import * as fs from 'node:fs';
import * as path from 'node:path';
import { F2fsError, hostError } from '../errors.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK } from '../format/constants.ts';
import { type Problem, Problems } from '../problems.ts';
import type { HostEntry, HostProblem, HostTotals, HostType } from './host-entry.ts';
import { dataRanges } from './host-extents.ts';
import { openHostFile } from './host-file.ts';
import { type HostSource, hostSource } from './host-source.ts';
import { HostStat, HostTable, NO_TIME } from './host-table.ts';
import { type HostXattr, type HostXattrs, hostXattrs } from './host-xattr.ts';

export type { HostEntry, HostProblem, HostTotals, HostType };

const TYPES: Readonly<Record<number, HostType>> = {
  [S_IFREG]: 'file',
  [S_IFDIR]: 'dir',
  [S_IFLNK]: 'symlink',
  [S_IFIFO]: 'fifo',
  [S_IFSOCK]: 'socket',
  [S_IFCHR]: 'char',
  [S_IFBLK]: 'block',
};

/** Longest path of the host, its NUL included. Source: PATH_MAX. */
const MAX_PATH = 4096;

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
  /** Ask every entry for extended attributes. Default: true. */
  xattrs?: boolean;
  /** `node` uses node:fs alone. Default: `libc`, which becomes `node` where the C library can't be called. */
  method?: 'libc' | 'node';
  /** For tests: instead of `method`. */
  source?: HostSource;
}

/**
 * The result of scanHostTree. Entries have indexes from 0 (the root) to count - 1, a directory's children follow each
 * other in byte order of their names, and come after their directory.
 */
export class HostTree {
  /** Absolute path of the root, no NUL. */
  readonly root: Buffer;
  readonly table = new HostTable();
  readonly source: HostSource;
  /** null when the host can't tell extended attributes, or they were not asked for. */
  readonly hostXattrs: HostXattrs | null;
  readonly #problems = new Problems();
  /** Entries left out on purpose. */
  readonly skipped: HostProblem[] = [];
  readonly totals: HostTotals = { files: 0, dirs: 0, symlinks: 0, others: 0, bytes: 0 };
  readonly #stat = new HostStat();
  /** Host path of the directory whose child was asked for last, with a final slash. */
  #lastDir = -1;
  readonly #path = Buffer.alloc(MAX_PATH + 512);
  #dirEnd = 0;

  constructor(root: Buffer, source: HostSource, xattrs: HostXattrs | null) {
    this.root = root;
    this.source = source;
    this.hostXattrs = xattrs;
  }

  get count(): number {
    return this.table.count;
  }

  /** Entries (or their contents or attributes) that could not be read: the first of each kind. */
  get problems(): Problem[] {
    return this.#problems.list;
  }

  addProblem(code: string, kind: string, path: () => string): void {
    this.#problems.add(code, kind, () => {
      const place = path();
      return { path: place, message: `${place}: ${code}: ${kind}` };
    });
  }

  /** A new object with everything that is known. */
  entry(index: number): HostEntry {
    const stat = this.table.read(index, this.#stat);
    const known = stat.birthtimeNsec !== NO_TIME;
    return {
      name: this.table.name(index),
      path: this.path(index),
      type: TYPES[stat.mode & S_IFMT],
      mode: stat.mode,
      uid: stat.uid,
      gid: stat.gid,
      size: stat.sizeBytes,
      nlink: stat.nlink,
      rdevMajor: stat.rdevMajor,
      rdevMinor: stat.rdevMinor,
      dev: stat.dev,
      ino: (BigInt(stat.inoHigh) << 32n) | BigInt(stat.inoLow),
      atimeSec: stat.atimeSec,
      atimeNsec: stat.atimeNsec,
      mtimeSec: stat.mtimeSec,
      mtimeNsec: stat.mtimeNsec,
      ctimeSec: stat.ctimeSec,
      ctimeNsec: stat.ctimeNsec,
      birthtimeSec: known ? stat.birthtimeSec : undefined,
      birthtimeNsec: known ? stat.birthtimeNsec : undefined,
      blocks: stat.nrSectors * 512,
    };
  }

  /** The numbers that are known; one object, which the next call fills anew. */
  stat(index: number): HostStat {
    return this.table.read(index, this.#stat);
  }

  type(index: number): HostType {
    return TYPES[this.table.mode(index) & S_IFMT];
  }

  /** Bytes. */
  size(index: number): number {
    return this.table.sizeBytes(index);
  }

  /** Pages of 4096 bytes of a regular file that may hold data: holes of the host are not counted where it tells them. */
  dataPages(index: number): number {
    const { sizeBytes: size, nrSectors, mode } = this.stat(index);
    const all = Math.ceil(size / 4096);
    if (nrSectors * 512 >= size || (mode & S_IFMT) !== S_IFREG) return all;
    let pages = 0;
    try {
      const fd = openHostFile(this, index);
      try {
        for (const [start, end] of dataRanges(fd, size)) pages += Math.ceil(end / 4096) - Math.floor(start / 4096);
      } finally {
        fs.closeSync(fd);
      }
    } catch {
      // It is reported when it is read.
      return all;
    }
    return Math.min(all, pages);
  }

  /** The name's bytes, a view. */
  name(index: number): Uint8Array {
    return this.table.name(index);
  }

  /** Index of the directory; 0 for the root itself. */
  parent(index: number): number {
    return this.table.parent(index);
  }

  /** A directory's children are firstChild ... firstChild + nrChildren - 1. */
  firstChild(dir: number): number {
    return this.table.firstChild(dir);
  }

  /** 0 for what is no directory. */
  nrChildren(index: number): number {
    return this.table.nrChildren(index);
  }

  /** For a file with several links: the first entry in scan order of its inode (maybe itself). Else -1. */
  linkGroup(index: number): number {
    return this.table.linkGroup(index);
  }

  /** Relative to the root, lossy UTF-8; `.` for the root. */
  path(index: number): string {
    const parts: string[] = [];
    for (let i = index; i !== 0; i = this.table.parent(i)) parts.push(Buffer.from(this.table.name(i)).toString());
    return parts.length === 0 ? '.' : parts.reverse().join('/');
  }

  /** Absolute path on the host, ended by a NUL: a view that the next call overwrites. */
  hostPathZ(index: number): Buffer {
    if (index === 0) return this.#end(this.root.copy(this.#path, 0));
    this.#enterDir(this.table.parent(index));
    const name = this.table.name(index);
    this.#path.set(name, this.#dirEnd);
    return this.#end(this.#dirEnd + name.length);
  }

  /** Absolute path on the host without NUL: a view that the next call overwrites. */
  hostPath(index: number): Buffer {
    return this.hostPathZ(index).subarray(0, -1);
  }

  /** Whether the scan saw extended attributes. */
  hasXattrs(index: number): boolean {
    return this.table.hasXattrs(index);
  }

  /** Reads the extended attributes now, names in byte order; see HostXattrs.all. Empty when none were seen. */
  xattrs(index: number): HostXattr[] {
    return this.hostXattrs && this.hasXattrs(index) ? this.hostXattrs.all(this.hostPathZ(index)) : [];
  }

  /** The target's bytes. Throws the host's code: ENOENT when it vanished, EINVAL when it is no symlink any more. */
  readlink(index: number): Uint8Array {
    try {
      return fs.readlinkSync(this.hostPath(index), 'buffer');
    } catch (error) {
      const place = this.path(index);
      throw hostError(`${place}: cannot read the symlink`, error, { path: place });
    }
  }

  #end(length: number): Buffer {
    if (length === this.root.length) this.#lastDir = -1;
    this.#path[length] = 0;
    return this.#path.subarray(0, length + 1);
  }

  /** Puts the directory's host path into #path. */
  #enterDir(dir: number): void {
    if (dir === this.#lastDir) return;
    const chain: number[] = [];
    for (let i = dir; i !== 0; i = this.table.parent(i)) chain.push(i);
    let end = this.root.copy(this.#path, 0);
    if (this.#path[end - 1] !== 0x2f) this.#path[end++] = 0x2f;
    for (let i = chain.length - 1; i >= 0; i--) {
      const name = this.table.name(chain[i]);
      this.#path.set(name, end);
      end += name.length;
      this.#path[end++] = 0x2f;
    }
    this.#dirEnd = end;
    this.#lastDir = dir;
  }
}

/** The file that a path names, for `exclude`; empty when there is none. */
export function hostInodes(file: string): HostInode[] {
  const stat = fs.statSync(file, { throwIfNoEntry: false, bigint: true });
  return stat === undefined ? [] : [{ dev: stat.dev, ino: stat.ino }];
}

/** Opens the scan's source at the root and checks that it is a directory. */
function openRoot(root: string | Uint8Array): Buffer {
  const text = typeof root === 'string' ? root : Buffer.from(root).toString();
  // Resolved, it would be the current directory.
  if (root.length === 0) throw new F2fsError('ENOENT', 'the path of the source directory is empty: name one');
  try {
    const given = typeof root === 'string' ? path.resolve(root) : Buffer.from(root);
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
 * Reads names, stats and the presence of extended attributes of a whole tree; symlinks are not followed, mounts are
 * entered. What can't be read is told in `problems` and left out (a directory that can't be listed stays, empty).
 * Throws ENOENT, ENOTDIR, EACCES for the root.
 */
export function scanHostTree(root: string | Uint8Array, options: ScanOptions = {}): HostTree {
  const source = options.source ?? hostSource(options.method ?? 'libc');
  const tree = new HostTree(openRoot(root), source, options.xattrs === false ? null : hostXattrs());
  const exclude = (options.exclude ?? []).map(({ dev, ino }) => ({
    dev: Number(dev),
    inoHigh: Number(BigInt.asUintN(32, BigInt(ino) >> 32n)),
    inoLow: Number(BigInt.asUintN(32, BigInt(ino))),
  }));
  const scan = new Scan(tree, source, exclude, options.only);
  try {
    scan.run();
  } finally {
    source.close();
  }
  return tree;
}

/** One pass, directory after directory in the order of their indexes. */
class Scan {
  readonly #tree: HostTree;
  readonly #source: HostSource;
  readonly #exclude: readonly { dev: number; inoHigh: number; inoLow: number }[];
  readonly #only: Uint8Array | undefined;
  /** Host path of the child that is asked for extended attributes. */
  readonly #path = new Uint8Array(MAX_PATH + 512);

  constructor(
    tree: HostTree,
    source: HostSource,
    exclude: readonly { dev: number; inoHigh: number; inoLow: number }[],
    only: Uint8Array | undefined,
  ) {
    this.#tree = tree;
    this.#source = source;
    this.#exclude = exclude;
    this.#only = only;
  }

  run(): void {
    const { table } = this.#tree;
    const start = Buffer.concat([this.#tree.root, Buffer.alloc(1)]);
    const code = this.#source.open(start);
    if (code) {
      const place = this.#tree.root.toString();
      throw new F2fsError(code, `cannot read the source directory ${place}: ${code}`, { path: place });
    }
    table.append(0, start, 0, 0, this.#source.stat);
    this.#count(0);
    this.#askXattrs(0, start);
    this.#readDir(0, start);
    for (let dir = 1; dir < table.count; dir++) {
      if ((table.mode(dir) & S_IFMT) !== S_IFDIR) continue;
      const dirPath = this.#tree.hostPathZ(dir);
      const failed = this.#source.open(dirPath);
      if (failed) this.#problem(dir, failed, 'its contents are left out');
      else if (!table.isSameInode(dir, this.#source.stat)) this.#problem(dir, 'ESTALE', 'it was replaced meanwhile');
      else this.#readDir(dir, dirPath);
    }
  }

  /** `dirPath` ends with a NUL. */
  #readDir(dir: number, dirPath: Uint8Array): void {
    const { table } = this.#tree;
    const { names, stat } = this.#source;
    const failed = this.#source.list();
    if (failed) {
      this.#problem(dir, failed, 'its contents are left out');
      return;
    }
    names.sort();
    const childPath = this.#path;
    childPath.set(dirPath);
    let prefix = dirPath.length;
    if (prefix > 1 && childPath[prefix - 2] === 0x2f) prefix--;
    else childPath[prefix - 1] = 0x2f;
    const first = table.count;
    for (let i = 0; i < names.count; i++) {
      const from = names.starts[i];
      const end = names.end(from);
      if (dir === 0 && !this.#isWanted(from, end)) continue;
      if (prefix + (end - from) >= MAX_PATH) {
        this.#childProblem(
          dir,
          from,
          'ENAMETOOLONG',
          `its path exceeds ${MAX_PATH - 1} bytes; scan from a shorter one`,
        );
        continue;
      }
      const code = this.#source.statName(from);
      if (code) {
        this.#childProblem(dir, from, code, code === 'ENOENT' ? 'it vanished meanwhile' : 'it is left out');
      } else if (this.#isExcluded()) {
        const place = this.#childPath(dir, from);
        this.#tree.skipped.push({ path: place, code: 'EEXIST', message: `${place} is the image itself: left out` });
      } else {
        const child = table.append(dir, names.bytes, from, end, stat);
        this.#count(child);
        if (this.#tree.hostXattrs) {
          for (let at = from, to = prefix; at <= end; ) childPath[to++] = names.bytes[at++];
          this.#askXattrs(child, childPath);
        }
      }
    }
    table.setChildren(dir, first, table.count - first);
  }

  #isWanted(from: number, end: number): boolean {
    return this.#only === undefined || Buffer.compare(this.#source.names.bytes.subarray(from, end), this.#only) === 0;
  }

  #isExcluded(): boolean {
    const { stat } = this.#source;
    for (const one of this.#exclude) {
      if (one.inoLow === stat.inoLow && one.inoHigh === stat.inoHigh && one.dev === stat.dev) return true;
    }
    return false;
  }

  #askXattrs(index: number, hostPath: Uint8Array): void {
    try {
      if ((this.#tree.hostXattrs?.namesSize(hostPath) ?? 0) > 0) this.#tree.table.setHasXattrs(index);
    } catch (error) {
      const code = error instanceof F2fsError ? error.code : 'EIO';
      this.#problem(index, code, 'its extended attributes are left out');
    }
  }

  #count(index: number): void {
    const { table, totals } = this.#tree;
    const type = table.mode(index) & S_IFMT;
    if (type === S_IFREG) {
      totals.files++;
      const group = table.linkGroup(index);
      if (group < 0 || group === index) totals.bytes += table.sizeBytes(index);
    } else if (type === S_IFDIR) totals.dirs++;
    else if (type === S_IFLNK) totals.symlinks++;
    else totals.others++;
  }

  #problem(index: number, code: string, what: string): void {
    this.#tree.addProblem(code, what, () => this.#tree.path(index));
  }

  #childPath(dir: number, from: number): string {
    const { names } = this.#source;
    const name = Buffer.from(names.bytes.subarray(from, names.end(from))).toString();
    return dir === 0 ? name : `${this.#tree.path(dir)}/${name}`;
  }

  #childProblem(dir: number, from: number, code: string, what: string): void {
    this.#tree.addProblem(code, what, () => this.#childPath(dir, from));
  }
}
