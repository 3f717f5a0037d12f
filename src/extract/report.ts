// What an extraction may be asked for, and what it tells: plain types.
import type { Problem } from '../problems.ts';
import type { HolePolicy } from '../source/hole-policy.ts';

/** What `extract` restores. */
export interface ExtractOptions {
  /**
   * Write into directories that are there, which get the attributes that the volume's have; what else exists stays as it is, and is a
   * problem. Default: false; only into the target, and only where that is empty.
   */
  force?: boolean;
  /** Restore owners, which takes root; without it set-id bits are dropped. Default: true. */
  owner?: boolean;
  /** Restore extended attributes and inode flags. Default: true. */
  xattrs?: boolean;
  /** What becomes a hole. Default: source. */
  holes?: HolePolicy;
  /** Called after each entry. */
  onProgress?: (progress: ExtractProgress) => void;
  /** Ends the extraction between two entries, with an AbortError (ECANCELED); what was made stays. */
  signal?: AbortSignal;
}

/** How far `extract` has come. */
export interface ExtractProgress {
  /** Entries that were made. */
  entries: number;
  /** Bytes of files that were written. */
  bytes: number;
  /** Of the entry made last; bytes that are not UTF-8 as \xNN. It is made when it is asked for. */
  readonly path: string;
}

/** Something that entries lost: an owner, an attribute. */
export interface ExtractNote {
  /** What was lost, and why. */
  message: string;
  /** Entries that it befell. */
  count: number;
  /** The first of them. */
  path: string;
}

/** What `extract` has made. */
export interface ExtractReport {
  /** Where it was extracted to, as it was given. */
  directory: string;
  /** Regular files that were made, by their first names. */
  files: number;
  /** Made, besides the target itself. */
  directories: number;
  /** Symlinks that were made. */
  symlinks: number;
  /** Fifos, sockets and devices. */
  special: number;
  /** Further names of files made before. */
  hardLinks: number;
  /** Bytes of the files, without holes. */
  contentBytes: number;
  /** Bytes of the files that are holes. */
  holeBytes: number;
  /** The first of each kind. */
  problems: Problem[];
  /** What entries lost that were made. */
  notes: ExtractNote[];
  /** Time that it took. */
  seconds: number;
}
