// A device in memory, for tests and for images that never touch a disk. Sparse: only written chunks exist.
import { checkBytes, checkOptions, isBoolean, isOptions, isText, isWhole, type OptionChecks } from '../check.ts';
import { F2fsError } from '../errors.ts';
import { BLKSIZE, IoCounters } from './device.ts';
import { keepsPromise, type QueuedDevice } from './queued-device.ts';
import {
  checkNewSize,
  checkRange,
  checkShared,
  checkWritable,
  isOnDevice,
  MAX_DEVICE_BYTES,
  vectorBytes,
  wholeBlocks,
} from './range.ts';
import { assertUnused } from './uses.ts';

/** What a device in memory is like. */
export interface MemoryDeviceOptions {
  /** What to call it in messages. Default: memory. */
  name?: string;
  /** Writes are refused with EROFS. Default: false. */
  readonly?: boolean;
}

const CHUNK_SIZE = 2 * 1024 * 1024;
/** A plain number counts blocks; one larger than this is one of bytes, by mistake. */
const MAX_PLAIN_BLOCKS = 2 ** 24;

const MEMORY_OPTIONS: OptionChecks<MemoryDeviceOptions> = { name: isText, readonly: isBoolean };
const isSize = isOptions({ sizeBytes: isWhole(BLKSIZE, MAX_DEVICE_BYTES, 'bytes') }, ['sizeBytes']);

/** Zeros at first, kept in chunks of 2 MiB that are allocated when first written. */
export class MemoryDevice implements QueuedDevice {
  static {
    keepsPromise(MemoryDevice);
  }

  readonly blockSize = BLKSIZE;
  readonly name: string;
  readonly readonly: boolean;
  readonly counters = new IoCounters();
  #nrBlocks: number;
  readonly #chunks = new Map<number, Uint8Array>();

  /**
   * A device of a size in bytes, rounded down to whole blocks, or of a number of blocks of BLKSIZE bytes, up to 64 GiB. Memory is taken for
   * what is written only. Throws EINVAL.
   */
  constructor(size: { sizeBytes: number } | number, options: MemoryDeviceOptions = {}) {
    checkOptions('MemoryDevice', options, MEMORY_OPTIONS);
    this.name = options.name ?? 'memory';
    this.readonly = options.readonly ?? false;
    this.#nrBlocks = blocksOf(size);
    checkNewSize(this, this.#nrBlocks);
  }

  get nrBlocks(): number {
    return this.#nrBlocks;
  }

  /** Bytes of memory that the written chunks take. */
  get allocatedBytes(): number {
    return this.#chunks.size * CHUNK_SIZE;
  }

  /** Fills `into` from block `blkaddr` on. Throws EINVAL for what is not on it. */
  read(blkaddr: number, into: Uint8Array): void {
    checkBytes(into, 'buffer');
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

  /** Writes whole blocks from `blkaddr` on. Throws EINVAL for what is not on it, EROFS. */
  write(blkaddr: number, vectors: readonly Uint8Array[]): void {
    checkWritable(this, 'write');
    const size = vectorBytes(vectors);
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

  queue(memory: SharedArrayBuffer): null {
    checkShared(memory);
    return null;
  }

  finishWrite(): void {
    throw new F2fsError('EINVAL', `${this.name}: no write was queued: a device in memory has no queue`);
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
    if (isOnDevice(this, blkaddr, nrBlocks) && !this.readonly) this.#clear(blkaddr, nrBlocks);
  }

  resize(nrBlocks: number): void {
    checkWritable(this, 'resize');
    assertUnused(this, 'resize');
    checkNewSize(this, nrBlocks);
    if (nrBlocks < this.#nrBlocks) this.#clear(nrBlocks, this.#nrBlocks - nrBlocks);
    this.#nrBlocks = nrBlocks;
  }

  /** Does nothing: the contents stay as long as the object. */
  close(): void {}

  #chunkFor(index: number): Uint8Array {
    let chunk = this.#chunks.get(index);
    if (chunk === undefined) {
      chunk = this.#newChunk();
      this.#chunks.set(index, chunk);
    }
    return chunk;
  }

  #newChunk(): Uint8Array {
    try {
      return new Uint8Array(CHUNK_SIZE);
    } catch (cause) {
      const message = `${this.name}: there is no memory for more than the ${this.allocatedBytes} bytes written so far`;
      throw new F2fsError('ENOMEM', message, { path: this.name, cause });
    }
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

function blocksOf(size: { sizeBytes: number } | number): number {
  if (typeof size !== 'number') {
    isSize(size, 'size');
    return Math.floor(size.sizeBytes / BLKSIZE);
  }
  if (size <= MAX_PLAIN_BLOCKS) return size;
  const gib = Math.floor((size * BLKSIZE) / 2 ** 30);
  const message = `${size} blocks of ${BLKSIZE} bytes are ${gib} GiB of memory: for ${size} bytes give { sizeBytes: ${size} }`;
  throw new F2fsError('EINVAL', message);
}
