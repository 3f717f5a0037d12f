// What changed in what users, groups and projects have since the quota files last said it. It is only counted here: the files are
// written by whoever writes a checkpoint (file/quota/quota-files.ts). Source: dquot_alloc_inode, dquot_reserve_block and their likes.
import type { F2fsError } from '../errors.ts';
import { QUOTA, QUOTA_TYPES, type QuotaType } from '../format/quota.ts';
import { hasFeature, quotaInoOf, type Superblock } from '../format/superblock.ts';

/** What an id has more than its entry says, or less. */
export interface UsageChange {
  nrInodes: number;
  /** Blocks of these inodes, without the inodes themselves. */
  nrBlocks: number;
}

export class QuotaUsage {
  /** Whether anything is counted: not on a volume without quota files, or whose files are wrong. Source: f2fs_enable_quotas. */
  isOn: boolean;
  /** Why the files are wrong from the next checkpoint on, once they are. */
  failure: F2fsError | null = null;
  /** Inodes of the quota files by their type; 0: there is none. */
  readonly #inos: readonly number[];
  readonly #filePages: number[] = QUOTA_TYPES.map(() => Number.POSITIVE_INFINITY);
  readonly #changes: readonly Map<number, UsageChange>[] = QUOTA_TYPES.map(() => new Map());

  /** @param isWanted whether the files are right, and can be written */
  constructor(sb: Superblock, isWanted: boolean) {
    this.#inos = QUOTA_TYPES.map((type) => (hasFeature(sb, 'quota') ? quotaInoOf(sb, type) : 0));
    this.isOn = isWanted && this.#inos.some((ino) => ino !== 0);
  }

  /** The inode of a quota file; 0: there is none. */
  inoOf(type: QuotaType): number {
    return this.#inos[type];
  }

  /** Whether an inode is a quota file, which counts for nobody. Source: IS_NOQUOTA. */
  isFile(ino: number): boolean {
    return this.#inos.includes(ino);
  }

  /** Counts what an inode of these has more; less when negative. */
  add(uid: number, gid: number, projectId: number, nrInodes: number, nrBlocks: number): void {
    if (!this.isOn || (nrInodes === 0 && nrBlocks === 0)) return;
    this.#add(QUOTA.USER, uid, nrInodes, nrBlocks);
    this.#add(QUOTA.GROUP, gid, nrInodes, nrBlocks);
    this.#add(QUOTA.PROJECT, projectId, nrInodes, nrBlocks);
  }

  #add(type: QuotaType, id: number, nrInodes: number, nrBlocks: number): void {
    if (this.#inos[type] === 0) return;
    const change = this.#changes[type].get(id);
    if (change === undefined) {
      this.#changes[type].set(id, { nrInodes, nrBlocks });
      return;
    }
    change.nrInodes += nrInodes;
    change.nrBlocks += nrBlocks;
  }

  /** By the id. */
  changes(type: QuotaType): ReadonlyMap<number, UsageChange> {
    return this.#changes[type];
  }

  /** Pages of the files that are to be written for it, at most. */
  get nrPages(): number {
    return this.#changes.reduce((sum, { size }, type) => sum + Math.min(size, this.#filePages[type]), 0);
  }

  /** A file has so many pages; nobody knows it before it is first looked into. */
  noteFile(type: QuotaType, nrPages: number): void {
    this.#filePages[type] = nrPages;
  }

  /** The files say it now. */
  clear(): void {
    for (const changes of this.#changes) changes.clear();
  }

  /** The files can't be made right: nothing is counted any more, and a checkpoint says so. Source: SBI_QUOTA_NEED_REPAIR. */
  fail(error: F2fsError): void {
    this.failure ??= error;
    this.isOn = false;
    this.clear();
  }
}
