// What a place for blocks must do. Knows blocks and bytes, nothing of a file system.

/** Running totals of what a device was asked to do. */
export class IoCounters {
  /** Read requests. */
  reads = 0;
  /** Bytes that were read. */
  readBytes = 0;
  /** Write requests as they were submitted (bios), however many system calls each took. */
  writes = 0;
  /** Bytes that were written. */
  writeBytes = 0;
  /** Flushes of what was written. */
  flushes = 0;
  /** System calls that moved or flushed data. */
  syscalls = 0;
}

import { BLOCK_SIZES } from '../format/block-size.ts';

/** Bytes of a device's block: 4096. Those of the volume on it may be larger. */
export const BLKSIZE = BLOCK_SIZES[0];

/**
 * A run of blocks of 4 KiB (BLKSIZE), read and written by position, each call done when it returns. What it throws is given on as EIO, or
 * with the errno that its `code` names. Anybody can write one: the first six members are enough.
 */
export interface BlockDevice {
  /** Size in blocks of 4096 bytes. */
  readonly nrBlocks: number;
  /** Fills `into` (whole blocks) from `blkaddr` on. Where it returns a number it is the bytes read: fewer are EIO. */
  read(blkaddr: number, into: Uint8Array): unknown;
  /**
   * Writes `vectors` (whole blocks, at most 1024 of them), one after the other, to the blocks from `blkaddr` on. Where it
   * returns a number it is the bytes written: fewer are EIO.
   */
  write(blkaddr: number, vectors: readonly Uint8Array[]): unknown;
  /** Returns when all that was written is on stable storage. */
  flush(): void;
  /** Tells the device that these blocks are not needed; they may read as anything afterwards. What it throws is passed over. */
  discard(blkaddr: number, nrBlocks: number): void;
  /** Gives back what it holds. */
  close(): void;
  /** Path, or what to call it in a message. Default: device. */
  readonly name?: string;
  /** Default: false. */
  readonly readonly?: boolean;
  /** Default: what is asked of it is counted for it. */
  readonly counters?: IoCounters;
  /** Makes blocks read as zeros, cheaply where the device can (a hole). Default: zeros are written. */
  zero?(blkaddr: number, nrBlocks: number): void;
  /** Sets the size. Default: EOPNOTSUPP, it is fixed. */
  resize?(nrBlocks: number): void;
}
