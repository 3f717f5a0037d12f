// What a mount may be asked for, checked before anything is read.
import {
  checkOptions,
  isBoolean,
  isFunction,
  isList,
  isNumber,
  isOneOf,
  isOptions,
  isText,
  isWhole,
  type OptionChecks,
} from '../check.ts';
import { ALGORITHM_NAMES, type Codec, MAX_WORKERS } from '../compress/algorithms.ts';
import { IPU_POLICIES, type IpuPolicy, WRITE_MODES, type WriteMode } from '../file/data/in-place.ts';
import { COMPRESS_MODES, type CompressOptions } from '../file/inode/compression.ts';
import type { Timestamp } from '../file/inode/inode.ts';
import { MAX_FOLIO_PAGES } from '../pagecache/pool.ts';
import { ENGINES, type EngineName } from '../writeback/engines.ts';
import { CHECKPOINT_MODES, type CheckpointMode } from './reclaim.ts';

/** How a volume is mounted. What is left out is as Linux mounts it, but for what says otherwise. */
export interface MountOptions {
  /** Changes are refused and nothing is written. Default: false. */
  readonly?: boolean;
  /** Bytes of page cache, all the memory that file data and nodes take. Default: 128 MiB, or 4,096 blocks of the volume if that is more. */
  cacheBytes?: number;
  /** The time that changes are stamped with; default: the system's. */
  now?: () => Timestamp;
  /** How new files are compressed, on a volume that has the feature. Default: as their directory's flags say, by lz4. */
  compress?: CompressOptions;
  /**
   * Threads that compress and decompress, as many as the cache has room for: one for each 16 MiB, eight at most. The image
   * does not depend on their number. Default 0: the caller's thread does.
   */
  workers?: number;
  /**
   * Whether files that were fsynced after the last checkpoint, before a crash, are brought back: at once with a checkpoint, in a
   * read-only mount in memory. Default: true. Without, which only a read-only mount of such a volume can be, the last
   * checkpoint is seen. Source: the mount option norecovery.
   */
  recovery?: boolean;
  /** How dirty pages are written. Default: folios. */
  engine?: EngineName;
  /** Pages of the largest folio, a power of two up to 512. Default 512; for the engine `pages` 1, as in the kernel. */
  maxFolioPages?: number;
  /** Whether pages may be written over their old blocks; as the kernel's mount option. Default: adaptive. */
  mode?: WriteMode;
  /** With the mode `adaptive`: when they are. Default: fsync. Source: ipu_policy. */
  ipuPolicies?: readonly IpuPolicy[];
  /**
   * `explicit`: a checkpoint is written by `sync` and `close` only, so that all changes in between are made lasting at once
   * or not at all; those that take more space than that allows are ENOSPC. Default: auto.
   */
  checkpoints?: CheckpointMode;
  /**
   * Whether, when free sections get few, the holes of used segments are filled and sections cleaned. Default: true. Without
   * it a volume can run out of segments before it is full: for one that is written once, and not changed.
   */
  cleaning?: boolean;
  /** Whether the device is told of segments that were freed: an image file gets holes there. Default: true. */
  discard?: boolean;
}

const CODEC: OptionChecks<Codec> = {
  algorithm: isWhole(0, ALGORITHM_NAMES.length - 1),
  level: isWhole(0, 255),
};

/** Where what is checked further is only looked at as far as to be of the right kind. */
export const COMPRESS_OPTIONS: OptionChecks<CompressOptions> = {
  codec: isOptions(CODEC, ['algorithm', 'level']),
  clusterPages: isWhole(1, Number.MAX_SAFE_INTEGER),
  checksum: isBoolean,
  mode: isOneOf(COMPRESS_MODES),
  extensions: isList(isText),
  noExtensions: isList(isText),
};

const MOUNT_OPTIONS: OptionChecks<MountOptions> = {
  readonly: isBoolean,
  cacheBytes: isNumber(1, Number.MAX_SAFE_INTEGER),
  now: isFunction,
  compress: isOptions(COMPRESS_OPTIONS),
  workers: isWhole(0, MAX_WORKERS),
  recovery: isBoolean,
  engine: isOneOf(ENGINES),
  maxFolioPages: isWhole(1, MAX_FOLIO_PAGES),
  mode: isOneOf(WRITE_MODES),
  ipuPolicies: isList(isOneOf(IPU_POLICIES)),
  checkpoints: isOneOf(CHECKPOINT_MODES),
  cleaning: isBoolean,
  discard: isBoolean,
};

/** Throws EINVAL for an option that there is not, or a value that it can't have. */
export function checkMountOptions(options: MountOptions): void {
  checkOptions('mount', options, MOUNT_OPTIONS);
}
