// What a mount may be asked for, checked before anything is read; and its clock, checked each time.
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
import { F2fsError } from '../errors.ts';
import { COMPRESS_MODES, type CompressOptions } from '../file/compression.ts';
import { IPU_POLICIES, WRITE_MODES } from '../file/in-place.ts';
import type { Timestamp } from '../file/inode.ts';
import { MAX_FOLIO_PAGES } from '../pagecache/pool.ts';
import { ENGINES } from '../writeback/engines.ts';
import { isTimestamp } from './attributes.ts';
import type { MountOptions } from './core.ts';
import { CHECKPOINT_MODES } from './reclaim.ts';

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

/**
 * A clock whose every answer is a time that an inode can hold. It is asked in the middle of changes: `onFailure` must see to it that
 * half a change is never written. Throws EINVAL for what is no time, and what the clock throws as the cause of one.
 */
export function checkedClock(now: () => Timestamp, onFailure: (error: F2fsError) => void): () => Timestamp {
  return () => {
    try {
      const time = now();
      isTimestamp(time, 'time from now()');
      return time;
    } catch (cause) {
      const error =
        cause instanceof F2fsError ? cause : new F2fsError('EINVAL', 'now() gave no time: it failed', { cause });
      onFailure(error);
      throw error;
    }
  };
}
