// A device in memory, for tests and for images that never touch a disk. Sparse: only written chunks exist.
import { BLKS_PER_SEG, BLKSIZE } from '../format/constants.ts';
import { type BlockDevice, IoCounters } from './device.ts';
import { checkNewSize, checkRange, checkWritable, wholeBlocks } from './range.ts';

const CHUNK_SIZE = BLKS_PER_SEG * BLKSIZE;

/** `nrBlocks` blocks of zeros, kept in chunks of 2 MiB that are allocated when first written. */
export class MemoryDevice implements BlockDevice {
  readonly name: string;
  readonly readonly: boolean;
  readonly counters = new IoCounters();
  #nrBlocks: number;
  readonly #chunks = new Map<number, Uint8Array>();

  constructor(nrBlocks: number, options: { name?: string; readonly?: boolean } = {}) {
    this.name = options.name ?? 'memory';
    this.readonly = options.readonly ?? false;
    this.#nrBlocks = nrBlocks;
    checkNewSize(this, nrBlocks);
  }

  get nrBlocks(): number {
    return this.#nrBlocks;
  }

  /** Bytes of memory that the written chunks take. */
  get allocatedBytes(): number {
    return this.#chunks.size * CHUNK_SIZE;
  }

  read(blkaddr: number, into: Uint8Array): void {
    checkRange(this, 'read', blkaddr, wholeBlocks(this, blkaddr, into.length));
    let done = 0;
    let position = blkaddr * BLKSIZE;
    while (done < into.length) {
      const within = position % CHUNK_SIZE;
      const length = Math.min(into.length - done, CHUNK_SIZE - within);
      const chunk = this.#chunks.get((position - within) / CHUNK_SIZE);
      if (chunk === undefined) into.fill(0, done, done + length);
      else into.set(chunk.subarray(within, within + length), done);
      done += length;
      position += length;
    }
    this.counters.reads++;
    this.counters.readBytes += into.length;
  }

  write(blkaddr: number, vectors: readonly Uint8Array[]): void {
    checkWritable(this, 'write');
    let size = 0;
    for (const vector of vectors) size += vector.length;
    checkRange(this, 'write', blkaddr, wholeBlocks(this, blkaddr, size));
    let position = blkaddr * BLKSIZE;
    for (const vector of vectors) {
      for (let done = 0; done < vector.length; ) {
        const within = position % CHUNK_SIZE;
        const length = Math.min(vector.length - done, CHUNK_SIZE - within);
        this.#chunkFor((position - within) / CHUNK_SIZE).set(vector.subarray(done, done + length), within);
        done += length;
        position += length;
      }
    }
    this.counters.writes++;
    this.counters.writeBytes += size;
  }

  queue(): null {
    return null;
  }

  finishWrite(): void {
    throw new Error('internal: a memory device has no queue');
  }

  flush(): void {
    this.counters.flushes++;
  }

  zero(blkaddr: number, nrBlocks: number): void {
    checkWritable(this, 'zero');
    checkRange(this, 'zero', blkaddr, nrBlocks);
    this.#clear(blkaddr, nrBlocks);
  }

  discard(blkaddr: number, nrBlocks: number): void {
    if (this.readonly || blkaddr < 0 || blkaddr + nrBlocks > this.#nrBlocks) return;
    this.#clear(blkaddr, nrBlocks);
  }

  resize(nrBlocks: number): void {
    checkWritable(this, 'resize');
    checkNewSize(this, nrBlocks);
    if (nrBlocks < this.#nrBlocks) this.#clear(nrBlocks, this.#nrBlocks - nrBlocks);
    this.#nrBlocks = nrBlocks;
  }

  close(): void {}

  #chunkFor(index: number): Uint8Array {
    let chunk = this.#chunks.get(index);
    if (chunk === undefined) {
      chunk = new Uint8Array(CHUNK_SIZE);
      this.#chunks.set(index, chunk);
    }
    return chunk;
  }

  /** Drops whole chunks, fills the parts of others. */
  #clear(blkaddr: number, nrBlocks: number): void {
    const end = (blkaddr + nrBlocks) * BLKSIZE;
    const start = blkaddr * BLKSIZE;
    for (const [index, chunk] of this.#chunks) {
      const from = Math.max(start - index * CHUNK_SIZE, 0);
      const to = Math.min(end - index * CHUNK_SIZE, CHUNK_SIZE);
      if (from >= to) continue;
      if (to - from === CHUNK_SIZE) this.#chunks.delete(index);
      else chunk.fill(0, from, to);
    }
  }
}
