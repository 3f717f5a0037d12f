// A write in the making: pieces of one shared memory that go to adjacent blocks, submitted as one positioned write.
import { F2fsError } from '../errors.ts';

/** What a bio asks of a device. */
interface Target {
  readonly name: string;
  readonly blockSize: number;
  write(blkaddr: number, vectors: readonly Uint8Array[]): void;
}

/**
 * Gathers blocks of `memory` that go to adjacent block addresses. Adding allocates nothing; pieces that are neighbours
 * in memory too become one vector. Byte offsets into `memory` stay below 2^32.
 */
export class Bio {
  readonly device: Target;
  readonly #blockSize: number;
  readonly memory: Uint8Array;
  /** The most blocks that one bio takes. */
  readonly maxBlocks: number;
  #blkaddr = 0;
  #nrBlocks = 0;
  #nrVectors = 0;
  /** Byte offset into `memory` and count of blocks of each vector. */
  readonly #starts: Uint32Array;
  readonly #lengths: Uint32Array;

  constructor(device: Target, memory: Uint8Array, maxBlocks = 1024) {
    this.device = device;
    this.#blockSize = device.blockSize;
    this.memory = memory;
    this.maxBlocks = maxBlocks;
    this.#starts = new Uint32Array(maxBlocks);
    this.#lengths = new Uint32Array(maxBlocks);
  }

  /** Where the bio begins on the device; meaningless while it is empty. */
  get blkaddr(): number {
    return this.#blkaddr;
  }

  /** The same in bytes. */
  get position(): number {
    return this.#blkaddr * this.#blockSize;
  }

  /** Bytes gathered so far. */
  get sizeBytes(): number {
    return this.#nrBlocks * this.#blockSize;
  }

  /** Blocks gathered so far. */
  get nrBlocks(): number {
    return this.#nrBlocks;
  }

  /** Pieces of memory that the blocks make. */
  get nrVectors(): number {
    return this.#nrVectors;
  }

  /**
   * Adds `nrBlocks` blocks at byte `memoryOffset` of the memory, to be written from `blkaddr` on. False when they do not
   * continue the bio or do not fit into it: submit, then add again. Throws EINVAL when no bio could ever take them.
   */
  add(blkaddr: number, memoryOffset: number, nrBlocks: number): boolean {
    if (nrBlocks <= 0 || nrBlocks > this.maxBlocks || memoryOffset + nrBlocks * this.#blockSize > this.memory.length) {
      const message = `a bio of at most ${this.maxBlocks} blocks cannot take ${nrBlocks} at byte ${memoryOffset} of memory`;
      throw new F2fsError('EINVAL', message, { path: this.device.name, blkaddr });
    }
    if (this.#nrBlocks === 0) {
      this.#blkaddr = blkaddr;
    } else if (blkaddr !== this.#blkaddr + this.#nrBlocks || this.#nrBlocks + nrBlocks > this.maxBlocks) {
      return false;
    }
    const last = this.#nrVectors - 1;
    if (last >= 0 && this.#starts[last] + this.#lengths[last] * this.#blockSize === memoryOffset) {
      this.#lengths[last] += nrBlocks;
    } else {
      this.#starts[this.#nrVectors] = memoryOffset;
      this.#lengths[this.#nrVectors++] = nrBlocks;
    }
    this.#nrBlocks += nrBlocks;
    return true;
  }

  /** Puts start and length of each vector, in bytes, one pair after the other, into `table`. */
  copyVectors(table: Uint32Array): void {
    for (let i = 0; i < this.#nrVectors; i++) {
      table[2 * i] = this.#starts[i];
      table[2 * i + 1] = this.#lengths[i] * this.#blockSize;
    }
  }

  /** Writes what was gathered and empties the bio; nothing to do when empty. When the write fails the bio stays as it is. */
  submit(): void {
    if (this.#nrBlocks === 0) return;
    const vectors: Uint8Array[] = [];
    for (let i = 0; i < this.#nrVectors; i++) {
      const start = this.#starts[i];
      vectors.push(this.memory.subarray(start, start + this.#lengths[i] * this.#blockSize));
    }
    this.device.write(this.#blkaddr, vectors);
    this.reset();
  }

  /** Forgets what was gathered. */
  reset(): void {
    this.#nrBlocks = 0;
    this.#nrVectors = 0;
  }
}
