// A device as the rest of this package has it: all its members are there, every failure is an F2fsError with its name as path,
// and writes may go on in another thread.
import type { Bio } from './bio.ts';
import type { BlockDevice } from './device.ts';
import type { WriteQueue } from './write-queue.ts';

export interface QueuedDevice extends Required<BlockDevice> {
  /** Bytes of the blocks that it is read and written by: BLKSIZE, or those of the volume on it, see `inBlocksOf`. */
  readonly blockSize: number;
  read(blkaddr: number, into: Uint8Array): void;
  write(blkaddr: number, vectors: readonly Uint8Array[]): void;
  /**
   * The queue of writes that another thread does from `memory`, or null where there is none. What is posted must be
   * finished, in order, before a flush.
   */
  queue(memory: SharedArrayBuffer): WriteQueue | null;
  /** Waits for the oldest write of the queue, which is `bio`, and counts it. Throws as `write` does. */
  finishWrite(bio: Bio): void;
}

/** The classes of this package, by which their objects are known. */
const makers = new WeakSet<object>();

/** Says of a class, not of those derived from it, that its objects keep to this by themselves. */
export function keepsPromise(maker: abstract new (...args: never[]) => QueuedDevice): void {
  makers.add(maker);
}

/** Whether a device is one of this package. */
export function isOurs(device: BlockDevice): device is QueuedDevice {
  return makers.has(device.constructor);
}
