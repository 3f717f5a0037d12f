// A device over bytes that stay as they are: what is written to it is kept apart, block by block, so that thousands of
// damaged images can share one sound one.
import { BLKSIZE } from '../../src/device/device.ts';
import { MemoryDevice } from '../../src/device/memory-device.ts';
import { checkRange, checkWritable, wholeBlocks } from '../../src/device/range.ts';

export class OverlayDevice extends MemoryDevice {
  readonly #under: Uint8Array;
  readonly #over: Map<number, Uint8Array>;

  /** The first `nrBlocks` blocks of `under`, with the blocks of `over` in place of its own; neither is changed. */
  constructor(under: Uint8Array, over: ReadonlyMap<number, Uint8Array>, nrBlocks = under.length / BLKSIZE) {
    super(nrBlocks, { name: 'damaged' });
    this.#under = under;
    this.#over = new Map(over);
  }

  override read(blkaddr: number, into: Uint8Array): void {
    const count = wholeBlocks(this, blkaddr, into.length);
    checkRange(this, 'read', blkaddr, count);
    into.set(this.#under.subarray(blkaddr * BLKSIZE, (blkaddr + count) * BLKSIZE));
    for (let i = 0; i < count; i++) {
      const block = this.#over.get(blkaddr + i);
      if (block !== undefined) into.set(block, i * BLKSIZE);
    }
  }

  override write(blkaddr: number, vectors: readonly Uint8Array[]): void {
    checkWritable(this, 'write');
    let size = 0;
    for (const vector of vectors) size += vector.length;
    const count = wholeBlocks(this, blkaddr, size);
    checkRange(this, 'write', blkaddr, count);
    const bytes = Buffer.concat(vectors);
    for (let i = 0; i < count; i++) {
      this.#over.set(blkaddr + i, new Uint8Array(bytes.subarray(i * BLKSIZE, (i + 1) * BLKSIZE)));
    }
  }

  override zero(blkaddr: number, nrBlocks: number): void {
    checkRange(this, 'zero', blkaddr, nrBlocks);
    for (let i = 0; i < nrBlocks; i++) this.#over.set(blkaddr + i, new Uint8Array(BLKSIZE));
  }

  override discard(): void {}
}
