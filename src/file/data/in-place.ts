// When a page is written over its old block instead of to a new one. Source: f2fs_should_update_inplace,
// f2fs_should_update_outplace, check_inplace_update_policy.
import { ADVISE } from '../../format/inode.ts';
import type { Volume } from '../../volume/volume.ts';
import type { Inode } from '../inode/inode.ts';
import { isPinned } from './pinned.ts';

/**
 * `adaptive`: in place where a policy says so, and holes of used segments are filled when free ones are few. `lfs`: neither, but for
 * pinned files. Source: the mount option `mode`.
 */
export const WRITE_MODES = ['adaptive', 'lfs'] as const;
/** `adaptive`: in place where a policy says so, and in holes when free segments are few; `lfs`: neither. Source: mode=. */
export type WriteMode = (typeof WRITE_MODES)[number];

/**
 * Policies, any of which is enough: `force` always; `util` when the volume is fuller than 70%; `fsync` when few pages of a
 * file are synced; `async` when nobody waits for the write; `ssr` when free sections are so few that logs take the holes of
 * used segments; `ssr-util` when both that and `util` hold. Source: F2FS_IPU_*.
 */
export const IPU_POLICIES = ['force', 'ssr', 'util', 'ssr-util', 'fsync', 'async'] as const;
/** When data is written where it lies. Source: F2FS_IPU_* of the kernel's sysfs ipu_policy. */
export type IpuPolicy = (typeof IPU_POLICIES)[number];

/** Who has pages written: a sync of a file with few dirty pages (FI_NEED_IPU), another one who waits, or nobody who does. */
export type WriteReason = 'few-synced' | 'synced' | 'background';

/** Percent of the blocks in use above which `util` applies. Source: DEF_MIN_IPU_UTIL. */
const MIN_IPU_UTIL = 70;

export class InPlacePolicy {
  readonly #volume: Volume;
  readonly #mode: WriteMode;
  readonly #policies: readonly IpuPolicy[];

  constructor(volume: Volume, mode: WriteMode, policies: readonly IpuPolicy[]) {
    this.#volume = volume;
    this.#mode = mode;
    this.#policies = policies;
  }

  applies(inode: Inode, reason: WriteReason): boolean {
    // Quota files are those of the checkpoint.
    if (inode.isDirectory || this.#volume.quotas.isFile(inode.ino)) return false;
    if (isPinned(inode)) return true;
    if (this.#mode === 'lfs') return false;
    if ((inode.load().iAdvise & ADVISE.COLD) !== 0) return true;
    return this.#policies.some((policy) => this.#says(policy, reason));
  }

  #says(policy: IpuPolicy, reason: WriteReason): boolean {
    switch (policy) {
      case 'force':
        return true;
      case 'ssr':
        return this.#volume.logs.needsSsr;
      case 'util':
        return this.#isFull;
      case 'ssr-util':
        return this.#isFull && this.#volume.logs.needsSsr;
      case 'fsync':
        return reason === 'few-synced';
      case 'async':
        return reason === 'background';
    }
  }

  get #isFull(): boolean {
    const { validBlockCount, userBlockCount } = this.#volume.space;
    return validBlockCount * 100 > userBlockCount * MIN_IPU_UTIL;
  }
}
