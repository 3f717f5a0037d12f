// A format's decisions, made once and read by every part that builds blocks.
import { type BlockGeometry, blockGeometry } from '../format/block-size.ts';
import { BLKS_PER_SEG, FEATURES, LOG, type Log } from '../format/constants.ts';
import type { ExtensionTable } from './extensions.ts';
import type { Geometry } from './geometry.ts';

export const NODE_INO = 1;
export const META_INO = 2;
export const ROOT_INO = 3;
/** lost+found, when there is one: quota inodes, which would come before it, are not written here. */
export const LOST_FOUND_INO = 4;

/** What a new volume will be. */
export interface FormatPlan {
  /** Where everything will lie. */
  readonly geometry: Geometry;
  /** Superblock feature bits. */
  readonly features: number;
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

/** Inodes of a new volume: the root's and lost+found's, each with one block of dentries. */
export function nrInodes(plan: FormatPlan): number {
  return hasLostFound(plan) ? 2 : 1;
}

/** Block address of a log's first block. */
export function logBlkaddr(plan: FormatPlan, log: Log): number {
  return plan.geometry.mainBlkaddr + plan.geometry.curSegno[log] * BLKS_PER_SEG;
}

/** Where an inode stands: the root's first in the hot node log, then lost+found's. */
export function inodeBlkaddr(plan: FormatPlan, ino: number): number {
  return logBlkaddr(plan, LOG.HOT_NODE) + ino - ROOT_INO;
}

/** Where a directory's dentries stand: in the hot data log, in the same order. */
export function dentryBlkaddr(plan: FormatPlan, ino: number): number {
  return logBlkaddr(plan, LOG.HOT_DATA) + ino - ROOT_INO;
}
