// What an extraction may be asked for, and what it tells: plain types.
import type { Problem } from '../problems.ts';
import type { HolePolicy } from './holes.ts';

export interface ExtractOptions {
  /** Write into a directory that is not empty; what exists already stays as it is and is a problem. Default: false. */
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

export interface ExtractProgress {
  entries: number;
  bytes: number;
  /** Of the entry made last; lossy UTF-8. It is made when it is asked for. */
  readonly path: string;
}

/** Something that entries lost: an owner, an attribute. */
export interface ExtractNote {
  message: string;
  /** Entries that it befell. */
  count: number;
  /** The first of them. */
  path: string;
}

export interface ExtractReport {
  directory: string;
  files: number;
  /** Besides the target itself. */
  directories: number;
  symlinks: number;
  /** Fifos, sockets and devices. */
  special: number;
  /** Further names of files made before. */
  hardLinks: number;
  /** Bytes of the files, without holes. */
  contentBytes: number;
  holeBytes: number;
  /** The first of each kind. */
  problems: Problem[];
  notes: ExtractNote[];
  seconds: number;
}
