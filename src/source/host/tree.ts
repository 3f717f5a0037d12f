// A host directory tree as a scan found it: every entry's name, stat, flags and whether it has extended attributes. Contents and
// attributes are read later, by paths that paths.ts makes.
import * as fs from 'node:fs';
import { display } from '../../bytes.ts';
import { F2fsError } from '../../errors.ts';
import { joinNames } from '../../fs/path-names.ts';
import { type Host, hostFailure } from '../../host/host.ts';
import { type EntryXattrs, NO_XATTRS } from '../../host/xattrs.ts';
import { kindOfMessage, type Problem, Problems } from '../../problems.ts';
import { EntryStat, EntryTable, type SourceType, storedBytes, typeOf } from '../entry-table.ts';
import { pagesOf } from '../page-ranges.ts';
import type {
  ContentReader,
  SharedFiles,
  SourceFile,
  SourceProblem,
  SourceTotals,
  SourceTree,
} from '../source-tree.ts';
import { HostContents } from './contents.ts';
import { dataRanges } from './extents.ts';
import { closeHostFile, HostFile, openHostFile } from './file.ts';
import { type HostSource, hostSource } from './lister.ts';
import { TreePaths } from './paths.ts';
import { MIN_FILES, ReadAhead } from './read-ahead.ts';

const DOT = Buffer.from('.');

/** Whether a file can be opened for reading, as far as its mode tells: others must be tried. */
function mayRead(mode: number, uid: number, euid: number): boolean {
  return euid === 0 || (mode & 0o444) === 0o444 || (uid === euid && (mode & 0o400) !== 0);
}

/** The result of scanHostTree. */
export class HostTree implements SourceTree {
  /** Absolute path of the root, no NUL. */
  readonly root: Buffer;
  readonly host: Host;
  readonly table = new EntryTable();
  readonly source: HostSource;
  readonly paths: TreePaths;
  readonly contents = new HostContents();
  /** Reads the attributes of an entry that has some; `path` ends with a NUL. */
  readXattrs: (index: number, path: Buffer) => EntryXattrs = () => NO_XATTRS;
  readonly #problems = new Problems();
  /** Entries left out on purpose. */
  readonly skipped: SourceProblem[] = [];
  readonly totals: SourceTotals = { files: 0, dirs: 0, symlinks: 0, others: 0, bytes: 0 };
  readonly #stat = new EntryStat();
  /** Who reads; 0 where hosts have no such numbers. */
  readonly #euid = process.geteuid?.() ?? 0;

  constructor(root: Buffer, host: Host) {
    this.root = root;
    this.host = host;
    this.source = hostSource(host);
    this.paths = new TreePaths(root, this.table, host.fs);
  }

  get count(): number {
    return this.table.count;
  }

  get memoryBytes(): number {
    return this.table.memoryBytes;
  }

  /** Entries (or their contents or attributes) that could not be read: the first of each kind. */
  get problems(): Problem[] {
    return this.#problems.list;
  }

  addProblem(code: string, message: string, path: () => string): void {
    this.#problems.add(code, kindOfMessage(message), () => ({ path: path(), message }));
  }

  /** The numbers that are known; one object, which the next call fills anew. */
  stat(index: number): EntryStat {
    return this.table.read(index, this.#stat);
  }

  type(index: number): SourceType {
    return typeOf(this.table.mode(index));
  }

  /** Some of KEPT_FLAGS. */
  flags(index: number): number {
    return this.table.flags(index);
  }

  /** Bytes. */
  size(index: number): number {
    return this.table.sizeBytes(index);
  }

  /**
   * Runs of pages [first, end), of `pageSize` bytes, of a regular file that are no holes. A file to which the host has given as much as its size has none,
   * whatever it holds, so most need not be asked. Of one that can't be opened there are none: it will not be in the image.
   */
  *dataPages(index: number, pageSize: number): Generator<readonly [first: number, end: number]> {
    const stat = this.stat(index);
    const { sizeBytes: size, mode, uid } = stat;
    const stored = storedBytes(stat);
    const known = this.knownOrWhy(index);
    if (known !== null) {
      if (!(known instanceof F2fsError)) yield* pagesOf([[0, known.length]], pageSize);
      return;
    }
    const isSparse = stored < size;
    if (!isSparse && mayRead(mode, uid, this.#euid)) {
      yield* pagesOf([[0, size]], pageSize);
      return;
    }
    const fd = this.#tryOpen(index);
    if (fd < 0) return;
    try {
      yield* pagesOf(isSparse ? dataRanges(fd, size, stored, this.host.libc).ranges : [[0, size]], pageSize);
    } finally {
      closeHostFile(this, fd);
    }
  }

  /** -1 for a file that can't be opened: it is reported when it is read. */
  #tryOpen(index: number): number {
    try {
      return openHostFile(this, index);
    } catch {
      return -1;
    }
  }

  known(index: number): Uint8Array | null {
    const known = this.knownOrWhy(index);
    if (known instanceof F2fsError) throw known;
    return known;
  }

  /** What the scan has read of a file whose size the host does not tell, or why it could not; null for all others. */
  knownOrWhy(index: number): Uint8Array | F2fsError | null {
    const group = this.table.linkGroup(index);
    return this.contents.of(group < 0 ? index : group);
  }

  /** Null where the calls to the host are not the real ones. */
  share(): SharedFiles | null {
    return this.host.fs === fs ? { kind: 'host', root: this.root, entries: this.table.share() } : null;
  }

  nameLength(index: number): number {
    return this.table.nameLength(index);
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

  /** For messages: relative to the root; `.` for the root. */
  path(index: number): string {
    return display(this.pathBytes(index));
  }

  /** Relative to the root; `.` for the root. */
  pathBytes(index: number): Uint8Array {
    const names: Uint8Array[] = [];
    for (let i = index; i !== 0; i = this.table.parent(i)) names.push(this.table.name(i));
    return names.length === 0 ? DOT : joinNames(names.reverse());
  }

  /** See TreePaths.pathZ. */
  hostPathZ(index: number): Buffer {
    return this.paths.pathZ(index);
  }

  /** The same without the NUL. */
  hostPath(index: number): Buffer {
    return this.hostPathZ(index).subarray(0, -1);
  }

  /** Whether the scan saw extended attributes. */
  hasXattrs(index: number): boolean {
    return this.table.hasXattrs(index);
  }

  /** The extended attributes, by the byte order of their names, and what of them can't be read. Empty when none were seen. */
  xattrs(index: number): EntryXattrs {
    if (!this.hasXattrs(index)) return NO_XATTRS;
    try {
      return this.readXattrs(index, this.hostPathZ(index));
    } catch (error) {
      return { found: [], failed: [hostFailure('cannot read its extended attributes', error)] };
    }
  }

  /** The target's bytes. Throws the host's code: ENOENT when it vanished, EINVAL when it is no symlink any more. */
  readlink(index: number): Uint8Array {
    try {
      return this.host.fs.readlinkSync(this.hostPath(index), 'buffer');
    } catch (error) {
      throw hostFailure('cannot be read', error, this.path(index));
    }
  }

  reader(): ContentReader {
    if (this.totals.files >= MIN_FILES) return new ReadAhead(this);
    return { take: (index) => this.known(index), release: () => {}, close: () => {} };
  }

  open(index: number): SourceFile {
    return new HostFile(this, index);
  }

  /** Closes the directories that paths begin with. */
  close(): void {
    this.paths.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
