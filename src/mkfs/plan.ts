// A format's decisions, made once and read by every part that builds blocks.
import { type BlockGeometry, blockGeometry } from '../format/block-size.ts';
import { BLKS_PER_SEG, FEATURES, LOG, type Log } from '../format/constants.ts';
import type { ExtensionTable } from './extensions.ts';
import type { Geometry } from './geometry.ts';

export const NODE_INO = 1;
export const META_INO = 2;
export const ROOT_INO = 3;
/** Data blocks of a quota file, as mkfs.f2fs makes it. Source: QUOTA_DATA. */
export const QUOTA_BLOCKS = 2;

/** What a new volume will be. */
export interface FormatPlan {
  /** Where everything will lie. */
  readonly geometry: Geometry;
  /** Superblock feature bits. */
  readonly features: number;
  /** The quota files that there will be, in ascending order: 0 for users, 1 for groups, 2 for projects. */
  readonly quotaTypes: readonly number[];
  /** s_encoding_flags, of a volume with the feature casefold; else 0. */
  readonly encodingFlags: number;
  /** 16 bytes. */
  readonly uuid: Uint8Array;
  /** UTF-16LE. */
  readonly label: Uint8Array;
  /** Extensions of hot and cold files. */
  readonly extensions: ExtensionTable;
  /** UTF-8, at most 255 bytes. */
  readonly version: Uint8Array;
  /** Owner of the root and of lost+found. */
  readonly rootUid: number;
  /** Their group. */
  readonly rootGid: number;
  /** Seconds since 1970, of every time in the new inodes. */
  readonly timestamp: number;
  /** Version of the first checkpoint. */
  readonly checkpointVer: number;
  /** The whole device was discarded. */
  readonly discarded: boolean;
}

/** What follows from the size of its blocks. */
export function blockOf({ geometry, features }: FormatPlan): BlockGeometry {
  return blockGeometry(geometry.blockSize, (features & FEATURES.packed_ssa) !== 0);
}

export function hasLostFound(plan: FormatPlan): boolean {
  return (plan.features & FEATURES.lost_found) !== 0;
}

/** Inodes of a new volume: the root's, those of the quota files, and lost+found's. */
export function nrInodes(plan: FormatPlan): number {
  return 1 + plan.quotaTypes.length + (hasLostFound(plan) ? 1 : 0);
}

/** The inode of the quota file that is the `nth`. */
export function quotaIno(nth: number): number {
  return ROOT_INO + 1 + nth;
}

/** lost+found, when there is one: it comes after the quota files. */
export function lostFoundIno(nrQuotaFiles: number): number {
  return quotaIno(nrQuotaFiles);
}

/** Data blocks of an inode of a new volume: one of a directory. */
function nrDataBlocks(plan: FormatPlan, ino: number): number {
  return ino > ROOT_INO && ino < lostFoundIno(plan.quotaTypes.length) ? QUOTA_BLOCKS : 1;
}

/** The owner of each data block, in their order: its inode, and which block of that it is. */
export function dataBlockOwners(plan: FormatPlan): { ino: number; ofsInNode: number }[] {
  const owners: { ino: number; ofsInNode: number }[] = [];
  for (let ino = ROOT_INO; ino < ROOT_INO + nrInodes(plan); ino++)
    for (let ofsInNode = 0; ofsInNode < nrDataBlocks(plan, ino); ofsInNode++) owners.push({ ino, ofsInNode });
  return owners;
}

/** Block address of a log's first block. */
export function logBlkaddr(plan: FormatPlan, log: Log): number {
  return plan.geometry.mainBlkaddr + plan.geometry.curSegno[log] * BLKS_PER_SEG;
}

/** Where an inode stands: in the hot node log, the root's first. */
export function inodeBlkaddr(plan: FormatPlan, ino: number): number {
  return logBlkaddr(plan, LOG.HOT_NODE) + ino - ROOT_INO;
}

/** Where the data blocks of an inode begin: in the hot data log, in the same order. */
export function dataBlkaddr(plan: FormatPlan, ino: number): number {
  return logBlkaddr(plan, LOG.HOT_DATA) + dataBlockOwners(plan).findIndex((owner) => owner.ino === ino);
}
