// What a tree must tell that is to be poured into a volume. Whoever plans or fills one knows nothing else of where it comes from.
import type { EntryXattrs } from '../host/xattrs.ts';
import type { Problem } from '../problems.ts';
import type { EntryStat, SharedEntries, SourceType } from './entry-table.ts';

/** What could not be read, or was left out on purpose. */
export interface SourceProblem {
  /** Relative to the root, bytes that are not UTF-8 as \xNN. */
  readonly path: string;
  /** Errno name. */
  readonly code: string;
  readonly message: string;
}

/** Sums over the tree. A file with several links counts once in `bytes`. */
export interface SourceTotals {
  files: number;
  dirs: number;
  symlinks: number;
  /** Fifos, sockets, devices. */
  others: number;
  /** Bytes of the regular files. */
  bytes: number;
}

/**
 * All entries of a tree, known by indexes from 0 (the root, a directory) to count - 1: a directory's children follow each other in byte
 * order of their names, and come after their directory. Numbers and names are at hand; what fails of contents, targets and attributes
 * concerns one entry, and is an F2fsError that names no path.
 */
export interface SourceTree {
  readonly count: number;
  readonly totals: SourceTotals;
  /** Entries (or what belongs to them) that are not in the tree, as they could not be read: the first of each kind. */
  readonly problems: readonly Problem[];
  /** Entries left out on purpose. */
  readonly skipped: readonly SourceProblem[];
  /** Bytes of memory that it holds. */
  readonly memoryBytes: number;

  type(index: number): SourceType;
  /** One object, which the next call fills anew. Of a file with several names `dev` and inode number are its own. */
  stat(index: number): EntryStat;
  /** Some of KEPT_FLAGS. */
  flags(index: number): number;
  /** Bytes of a regular file, or of a symlink's target. */
  size(index: number): number;
  /** Bytes. */
  nameLength(index: number): number;
  /** The name's bytes, a view; empty for the root. */
  name(index: number): Uint8Array;
  /** For messages: relative to the root, bytes that are not UTF-8 as \xNN; `.` for the root. */
  path(index: number): string;
  /** The same as bytes. */
  pathBytes(index: number): Uint8Array;
  /** The directory that an entry lies in; 0 for the root itself. */
  parent(index: number): number;
  /** A directory's children are firstChild ... firstChild + nrChildren - 1. */
  firstChild(dir: number): number;
  /** 0 for what is no directory. */
  nrChildren(index: number): number;
  /** Of a file with several names: the lowest index of its inode (maybe its own). Else -1. */
  linkGroup(index: number): number;

  hasXattrs(index: number): boolean;
  /** By the byte order of their names, and what of them can't be read. */
  xattrs(index: number): EntryXattrs;
  /** The target's bytes. Throws ENOENT, EINVAL when it is no symlink any more. */
  readlink(index: number): Uint8Array;
  /** Runs of pages [first, end), of `pageSize` bytes, of a regular file that are no holes. None for one that can't be opened. */
  dataPages(index: number, pageSize: number): Iterable<readonly [first: number, end: number]>;

  /** What was read of a file whose size its source does not tell; null for all others. Throws what kept it from being read. */
  known(index: number): Uint8Array | null;
  /** What threads need to read the files by themselves; null when only who has the tree can. */
  share(): SharedFiles | null;
  /** Begins to read the contents of the regular files, in the order of `PourOrder`. */
  reader(): ContentReader;
  /** Opens a regular file. Throws ESTALE when it is not what the tree says, ENOENT, EACCES and so on. */
  open(index: number): SourceFile;
}

/** What a thread needs to read the files of a tree. */
export type SharedFiles = SharedHostFiles | SharedArchives;

/** Of one that lies on this host. */
export interface SharedHostFiles {
  readonly kind: 'host';
  /** Absolute path. */
  readonly root: Uint8Array;
  readonly entries: SharedEntries;
}

/** Of one whose contents are ranges of open files, whose bytes count on from one file to the next. */
export interface SharedArchives {
  readonly kind: 'archives';
  readonly files: readonly SharedArchive[];
  /** By index: where the contents begin; of a file with holes -1 less than where its map begins in `maps`. */
  readonly places: Float64Array;
  /** Bytes, by index. */
  readonly sizes: Float64Array;
  /** Of each file with holes: how many ranges have data, then of each where it begins and ends, and where its bytes begin. */
  readonly maps: Float64Array;
}

/** An open file with contents. */
export interface SharedArchive {
  readonly fd: number;
  /** What its first byte counts as. */
  readonly start: number;
  /** What it was when it was opened, and must be still; null for one that nobody else has. */
  readonly stamp: ArchiveStamp | null;
}

export interface ArchiveStamp {
  readonly bytes: number;
  readonly mtimeMs: number;
}

/** Has small files read before they are wanted. */
export interface ContentReader {
  /** All bytes of a file, to be asked for in the order of `PourOrder`, valid until `release`; null when the caller must open it. Throws what reading it has thrown. */
  take(index: number): Uint8Array | null;
  /** The caller is done with a file that it asked for, wherever it read it from. */
  release(index: number): void;
  close(): void;
}

/** An open regular file of a tree. */
export interface SourceFile {
  /** Where it has data. Throws what keeps the source from telling. */
  data(): DataRanges;
  /** Reads `length` bytes from `position` on to `memory[offset..]`. Throws ESTALE when there are fewer, EIO and so on. */
  fill(memory: Uint8Array, offset: number, length: number, position: number): void;
  /** To be called after reading. Throws ESTALE when it is not what the tree says any more. */
  verify(): void;
  close(): void;
}

/** Where a file has data. */
export interface DataRanges {
  /** The ranges of bytes [start, end) that may hold data, in order. To go through them does not fail. */
  readonly ranges: Iterable<readonly [start: number, end: number]>;
  /** Whether the source tells holes: if not, they are among the ranges. */
  readonly areExact: boolean;
}
