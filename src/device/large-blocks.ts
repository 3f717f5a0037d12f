// A device by blocks of another size: those of the volume that lies on it.
import { F2fsError } from '../errors.ts';
import type { Bio } from './bio.ts';
import { BLKSIZE, type IoCounters } from './device.ts';
import { keepsPromise, type QueuedDevice } from './queued-device.ts';
import type { WriteQueue } from './write-queue.ts';

/** `device` read and written by blocks of `blockSize` bytes, a multiple of BLKSIZE; a last part of one is left out. */
export function inBlocksOf(device: QueuedDevice, blockSize: number): QueuedDevice {
  return blockSize === BLKSIZE ? device : new LargeBlocks(device, blockSize);
}

class LargeBlocks implements QueuedDevice {
  static {
    keepsPromise(LargeBlocks);
  }

  readonly blockSize: number;
  readonly #device: QueuedDevice;
  /** Blocks of the device in one of these. */
  readonly #ratio: number;

  constructor(device: QueuedDevice, blockSize: number) {
    this.#device = device;
    this.blockSize = blockSize;
    this.#ratio = blockSize / BLKSIZE;
  }

  get name(): string {
    return this.#device.name;
  }

  get nrBlocks(): number {
    return Math.floor(this.#device.nrBlocks / this.#ratio);
  }

  get readonly(): boolean {
    return this.#device.readonly;
  }

  get counters(): IoCounters {
    return this.#device.counters;
  }

  read(blkaddr: number, into: Uint8Array): void {
    try {
      this.#device.read(blkaddr * this.#ratio, into);
    } catch (error) {
      throw this.#told(error);
    }
  }

  write(blkaddr: number, vectors: readonly Uint8Array[]): void {
    try {
      this.#device.write(blkaddr * this.#ratio, vectors);
    } catch (error) {
      throw this.#told(error);
    }
  }

  queue(memory: SharedArrayBuffer): WriteQueue | null {
    return this.#device.queue(memory);
  }

  finishWrite(bio: Bio): void {
    try {
      this.#device.finishWrite(bio);
    } catch (error) {
      throw this.#told(error);
    }
  }

  flush(): void {
    this.#device.flush();
  }

  zero(blkaddr: number, nrBlocks: number): void {
    try {
      this.#device.zero(blkaddr * this.#ratio, nrBlocks * this.#ratio);
    } catch (error) {
      throw this.#told(error);
    }
  }

  discard(blkaddr: number, nrBlocks: number): void {
    this.#device.discard(blkaddr * this.#ratio, nrBlocks * this.#ratio);
  }

  resize(nrBlocks: number): void {
    this.#device.resize(nrBlocks * this.#ratio);
  }

  close(): void {
    this.#device.close();
  }

  /** A failure told by the volume's blocks: those of the device mean nothing to whoever has the volume. */
  #told(error: unknown): unknown {
    if (!(error instanceof F2fsError) || error.blkaddr === undefined) return error;
    const blkaddr = Math.floor(error.blkaddr / this.#ratio);
    const message = error.message.replace(`block ${error.blkaddr}`, `block ${blkaddr}`);
    return new F2fsError(error.code, message, { path: error.path, blkaddr, cause: error.cause });
  }
}
