// What `build` and `put` can be asked for.
import type { Name, Path } from '../bytes.ts';
import type { VerityOptions } from '../file/verity/options.ts';
import type { HolePolicy } from '../source/hole-policy.ts';
import type { TarSource } from '../source/tar/scan.ts';
import type { EngineName } from '../writeback/engines.ts';
import type { BuildCompression } from './compress-choice.ts';
import type { BuildProgress, DriveOptions } from './drive.ts';

/** A directory, or tar archives, by paths or as their bytes come. */
export type BuildSource = TarSource | readonly TarSource[];

/** Whose something is. */
export interface Owner {
  /** 0 to 4294967294. */
  uid: number;
  /** The group, likewise. */
  gid: number;
}

/** How files are put under verity, and which. */
export interface BuildVerity extends VerityOptions {
  /** Paths below the source, as patterns: `usr/bin/*`. Of a file with several names any of them. */
  globs: readonly string[];
}

/** What an image is like, and what of its source it has. */
export interface BuildOptions {
  /** Bytes of the image, or `auto` for the least that holds the tree. Default: auto; a block device has its own. */
  size?: number | 'auto';
  /** Bytes of a block: those of a page of the kernel that is to mount the image, 4096 to 65536. Default: 4096. */
  blockSize?: number;
  /** Bytes that stay free for files, with `auto`. Default 0. */
  freeBytes?: number;
  /** With `auto`: the least size of all, though resize.f2fs can't make such an image larger. Default: false. */
  tight?: boolean;
  /** Which parts of files become holes. Default: source. */
  holes?: HolePolicy;
  /** As 8-4-4-4-12 hexadecimal digits. Default: random. */
  uuid?: string;
  /** At most 511 UTF-16 code units. Default: none. */
  label?: string;
  /** Names of all the features wanted. Default: DEFAULT_FEATURES. */
  features?: readonly string[];
  /** How directories may fold case, as `format` takes it. Default: utf8, where `casefold` or the features say that some do. */
  encoding?: string;
  /**
   * Paths below the source, as patterns such as `media/**`: directories there fold case, and all below them. The volume has the feature
   * casefold then, which `features` must have where they are named.
   */
  casefold?: readonly string[];
  /** Extensions of cold files, besides those that are by default; see FormatOptions. */
  coldExtensions?: readonly string[];
  /** The same of hot files. */
  hotExtensions?: readonly string[];
  /** Paths below the source, as patterns, of files that get the flag immutable besides those that have it. */
  immutable?: readonly string[];
  /** Replace an image that exists, or what a block device holds. */
  force?: boolean;
  /** Seconds since 1970 that everything of the build is stamped with; with a uuid too the image is reproducible. */
  sourceDateEpoch?: number;
  /** Bytes of the engine's page cache. Default: 64 MiB, down to 32 MiB for trees of more than some 800,000 entries. */
  cacheBytes?: number;
  /**
   * The volume is never written, by nobody: it has the feature ro, the least size, and nothing is kept back; what compression saves is
   * released. Default: false.
   */
  readOnly?: boolean;
  /** Files are compressed; which ones, and how. */
  compress?: BuildCompression;
  /** The blocks that compression saves are given back: the image is smaller, and those files can't be changed in it. */
  release?: boolean;
  /** Files are put under verity: their contents never change, and are verified as they are read. The volume has the feature then. */
  verity?: BuildVerity;
  /** Threads that compress. Default: one for each core, eight at most. The image does not depend on it. */
  workers?: number;
  /**
   * Files go through the page cache of a mount, and this engine writes them back. Default: neither, which takes less time; what is
   * in the image is the same, in other places.
   */
  engine?: EngineName;
  /** Take over extended attributes and the flags immutable, append-only and nodump. Default: true. */
  xattrs?: boolean;
  /** Give everything this owner, instead of its own. */
  owner?: Owner;
  /** Of tar archives that are layers of a container image: names that begin with `.wh.` remove what earlier archives have. */
  ociWhiteouts?: boolean;
  /** Called some twenty times a second. */
  onProgress?: (progress: BuildProgress) => void;
  /** Ends the build between two entries; what it had made is removed. */
  signal?: AbortSignal;
}

/** How a source is put. */
export interface PutOptions extends DriveOptions {
  /** The source is a tar archive, and what is in it is put. Default: false. */
  tar?: boolean;
  /** Files that stand where one is to go are replaced. Default: true; else they are problems. */
  replace?: boolean;
  /** Which parts of files become holes. Default: source. */
  holes?: HolePolicy;
  /** A file of the host to leave out: the image itself. */
  exclude?: string;
  /** Take over extended attributes and the flags immutable, append-only and nodump. Default: true. */
  xattrs?: boolean;
  /** Give everything this owner, instead of its own. */
  owner?: Owner;
}

/** Where one source goes. */
export interface PutPlace {
  /** A directory of the volume. */
  directory: Path;
  /** Its name there; null: what is in the source, a directory, goes into `directory`, which gets its attributes. */
  name: Name | null;
}
