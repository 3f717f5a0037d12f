// What a place for blocks must do. Knows blocks and bytes, nothing of a file system.
import type { Bio } from './bio.ts';
import type { WriteQueue } from './write-queue.ts';

/** Running totals of what a device was asked to do. */
export class IoCounters {
  reads = 0;
  readBytes = 0;
  /** Write requests as they were submitted (bios), however many system calls each took. */
  writes = 0;
  writeBytes = 0;
  flushes = 0;
  /** System calls that moved or flushed data. */
  syscalls = 0;
}

/** A run of 4 KiB blocks, read and written by position. Every failure is an F2fsError with the device's name as path. */
export interface BlockDevice {
  /** Path, or what to call it in a message. */
  readonly name: string;
  /** Size in blocks of 4096 bytes. */
  readonly nrBlocks: number;
  readonly readonly: boolean;
  readonly counters: IoCounters;
  /** Fills `into` (whole blocks) from `blkaddr` on. Reading past the end is EIO. */
  read(blkaddr: number, into: Uint8Array): void;
  /** Writes `vectors` (whole blocks, at most 1024 of them), one after the other, to the blocks from `blkaddr` on. */
  write(blkaddr: number, vectors: readonly Uint8Array[]): void;
  /**
   * The queue of writes that another thread does from `memory`, or null where there is none. What is posted must be
   * finished, in order, before a flush.
   */
  queue(memory: SharedArrayBuffer): WriteQueue | null;
  /** Waits for the oldest write of the queue, which is `bio`, and counts it. Throws as `write` does. */
  finishWrite(bio: Bio): void;
  /** Returns when all that was written is on stable storage. */
  flush(): void;
  /** Makes `nrBlocks` blocks read as zeros, cheaply where the device can (a hole, a discard). */
  zero(blkaddr: number, nrBlocks: number): void;
  /** Tells the device that these blocks are not needed; they may read as anything afterwards. Never fails. */
  discard(blkaddr: number, nrBlocks: number): void;
  /** Sets the size; EOPNOTSUPP where it is fixed. */
  resize(nrBlocks: number): void;
  close(): void;
}
