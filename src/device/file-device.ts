// An image file or a block device of the host, read and written by position with synchronous calls.
import { type StdioOptions, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import {
  checkBytes,
  checkOptions,
  invalid,
  isBoolean,
  isOptions,
  isText,
  isWhole,
  type OptionChecks,
} from '../check.ts';
import { F2fsError, hostError, hostWriteError } from '../errors.ts';
import { BLKS_PER_SEG } from '../format/constants.ts';
import { notF2fsError, recognize } from '../format/foreign.ts';
import { alignedMemory, isAligned } from './aligned.ts';
import { Bio } from './bio.ts';
import { BLKSIZE, IoCounters } from './device.ts';
import { type HostTarget, makeHole, type OpenOptions, openHostTarget } from './host-target.ts';
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
import { SequentialReads } from './sequential-reads.ts';
import { assertUnused } from './uses.ts';
import { WriteQueue } from './write-queue.ts';
import { DEFAULT_DEPTH, MAX_DEPTH } from './write-slots.ts';

/** Vectors in one writev call. Source: IOV_MAX. */
const MAX_VECTORS = 1024;
/** Bytes in one read call: Node takes no length of 2^31 or more. */
const MAX_READ = 1 << 30;
/** Bytes of zeros, and of direct I/O from memory that is not aligned, in one call. */
const CHUNK_SIZE = 1 << 20;

/** The calls to the host that a device makes once it is open; tests give their own. */
export type HostCalls = Pick<typeof fs, 'readSync' | 'writevSync' | 'fdatasyncSync' | 'ftruncateSync' | 'closeSync'>;

/** See openFileDevice. */
export class FileDevice implements QueuedDevice {
  static {
    keepsPromise(FileDevice);
  }

  readonly blockSize = BLKSIZE;
  readonly name: string;
  readonly readonly: boolean;
  readonly counters = new IoCounters();
  /** Whether it is an image file or a block device. */
  readonly kind: 'file' | 'block';
  /** Where a partition begins on its disk, in sectors of 512 bytes: a format aligns its areas on the disk. */
  readonly startSector: number;
  readonly #direct: boolean;
  readonly #queueDepth: number;
  readonly #calls: HostCalls;
  #fd: number;
  #queue: WriteQueue | null = null;
  #nrBlocks: number;
  /** Bytes of the file, which may end with a part of a block that is not used. */
  #sizeBytes: number;
  /** One byte a segment, 1 when it may hold other than zeros; null when every segment may. */
  #written: Uint8Array | null;
  #zeros: Uint8Array | null = null;
  #bounce: Uint8Array | null = null;
  /** Null unless nothing of the device changes. */
  readonly #ahead: SequentialReads | null;
  /** Aligned memory that the host refused for direct I/O all the same. */
  readonly #unaligned = new WeakSet<ArrayBufferLike>();

  constructor(name: string, target: HostTarget, options: OpenOptions, calls: HostCalls = fs) {
    this.name = name;
    this.readonly = !options.writable;
    this.kind = target.kind;
    this.startSector = target.startSector;
    this.#direct = options.direct ?? false;
    this.#queueDepth = options.queueDepth ?? DEFAULT_DEPTH;
    this.#calls = calls;
    this.#fd = target.fd;
    this.#sizeBytes = target.sizeBytes;
    this.#nrBlocks = Math.floor(target.sizeBytes / BLKSIZE);
    this.#ahead = this.readonly
      ? new SequentialReads(this.#nrBlocks * BLKSIZE, (position, into) => this.#readAll(position, into))
      : null;
    this.#written = target.fresh ? new Uint8Array(Math.ceil(this.#nrBlocks / BLKS_PER_SEG)) : null;
  }

  get nrBlocks(): number {
    return this.#nrBlocks;
  }

  /** Fills `into` from block `blkaddr` on. Throws EINVAL for what is not on it, and what the host throws. */
  read(blkaddr: number, into: Uint8Array): void {
    checkBytes(into, 'buffer');
    checkRange(this, 'read', blkaddr, wholeBlocks(this, blkaddr, into.length));
    try {
      if (this.#ahead === null) this.#readAll(blkaddr * BLKSIZE, into);
      else this.#ahead.read(blkaddr * BLKSIZE, into);
    } catch (error) {
      throw hostError(`cannot read ${this.name} at block ${blkaddr}`, error, this.#at(blkaddr));
    }
    this.counters.reads++;
    this.counters.readBytes += into.length;
  }

  #readAll(position: number, into: Uint8Array): void {
    for (let done = 0; done < into.length; ) {
      const count = this.#readSome(position + done, into, done);
      if (count === 0) {
        const at = this.#at(Math.floor((position + done) / BLKSIZE));
        throw new F2fsError('EIO', `${this.name} ended early: was it truncated?`, at);
      }
      done += count;
    }
  }

  /** Writes whole blocks from `blkaddr` on. Throws EINVAL for what is not on it, EROFS, and what the host throws. */
  write(blkaddr: number, vectors: readonly Uint8Array[]): void {
    checkWritable(this, 'write');
    const size = vectorBytes(vectors);
    const nrBlocks = wholeBlocks(this, blkaddr, size);
    checkRange(this, 'write', blkaddr, nrBlocks);
    this.#markWritten(blkaddr, nrBlocks);
    try {
      this.#writeAll(blkaddr * BLKSIZE, vectors);
    } catch (error) {
      throw hostWriteError(`cannot write ${this.name} at block ${blkaddr}`, this.kind, error, this.#at(blkaddr));
    }
    this.counters.writes++;
    this.counters.writeBytes += size;
  }

  /** The thread starts with the first call, small volumes do without; and anew for each mount's memory. */
  queue(memory: SharedArrayBuffer): WriteQueue | null {
    checkShared(memory);
    checkWritable(this, 'write');
    if (this.#queueDepth === 0) return null;
    if (this.#queue?.memory !== memory) {
      this.#queue?.close();
      // What the thread writes is not tracked: from now on any segment may hold data.
      this.#written = null;
      this.#queue = this.#startQueue(memory);
    }
    return this.#queue;
  }

  /** null where no thread can be had: writes are made by the caller then. */
  #startQueue(memory: SharedArrayBuffer): WriteQueue | null {
    try {
      return new WriteQueue(this.name, this.kind, this.#handle, memory, this.#queueDepth);
    } catch (error) {
      if (error instanceof F2fsError) throw error;
      return null;
    }
  }

  finishWrite(bio: Bio): void {
    // Of a device that was closed meanwhile the outcome is lost.
    const queue = this.#handle >= 0 ? this.#queue : null;
    if (!(bio instanceof Bio)) throw invalid('write', bio, 'a Bio');
    if (queue === null || queue.isEmpty)
      throw new F2fsError('EINVAL', `${this.name}: no write was queued`, { path: this.name });
    try {
      this.counters.syscalls += queue.take();
    } catch (error) {
      // The host takes direct I/O, but not from this memory: `write` knows a way around.
      if (!this.#direct || (error as F2fsError).code !== 'EINVAL') throw error;
      bio.submit();
      return;
    }
    this.counters.writes++;
    this.counters.writeBytes += bio.sizeBytes;
  }

  flush(): void {
    try {
      this.counters.syscalls++;
      this.#calls.fdatasyncSync(this.#handle);
      // Last: a failure that the thread met meanwhile is told to it alone.
      this.#queue?.checkFlushes();
    } catch (error) {
      throw hostWriteError(`cannot flush ${this.name}`, this.kind, error, { path: this.name });
    }
    this.counters.flushes++;
  }

  /** Costs nothing where a file that this device created is still a hole; else writes zeros. */
  zero(blkaddr: number, nrBlocks: number): void {
    checkWritable(this, 'zero');
    checkRange(this, 'zero', blkaddr, nrBlocks);
    const end = blkaddr + nrBlocks;
    for (let at = blkaddr; at < end; ) {
      const segment = Math.floor(at / BLKS_PER_SEG);
      const stop = Math.min(end, (segment + 1) * BLKS_PER_SEG);
      if (this.#written === null || this.#written[segment] !== 0) this.#writeZeros(at, stop);
      at = stop;
    }
  }

  /**
   * The whole of an image file becomes one hole, as a format asks. Anything else costs a child process, as node:fs has no call
   * for it: `fallocate` for a file, `blkdiscard` for a block device. Where there is none nothing happens.
   */
  discard(blkaddr: number, nrBlocks: number): void {
    if (!isOnDevice(this, blkaddr, nrBlocks) || this.readonly) return;
    if (this.kind === 'block' || nrBlocks < this.#nrBlocks) {
      this.#discardRange(blkaddr * BLKSIZE, nrBlocks * BLKSIZE);
      return;
    }
    if (this.#written?.every((byte) => byte === 0)) return;
    try {
      makeHole(this.#handle, this.#sizeBytes);
    } catch (error) {
      throw hostError(`${this.name} was emptied for discarding and did not get its size back`, error, this.#at(0));
    }
    this.#written = new Uint8Array(Math.ceil(nrBlocks / BLKS_PER_SEG));
  }

  #discardRange(offset: number, length: number): void {
    const range = ['-o', String(offset), '-l', String(length)];
    if (this.kind === 'block') {
      spawnSync('blkdiscard', ['-f', ...range, '--', this.name], { stdio: 'ignore' });
      return;
    }
    if (process.platform !== 'linux') return;
    // The open file itself, whatever its name may lead to by now.
    const stdio: StdioOptions = ['ignore', 'ignore', 'ignore', this.#handle];
    spawnSync('fallocate', ['--punch-hole', ...range, '/dev/fd/3'], { stdio });
  }

  resize(nrBlocks: number): void {
    checkWritable(this, 'resize');
    assertUnused(this, 'resize');
    checkNewSize(this, nrBlocks);
    if (this.kind === 'block') {
      const message = `${this.name} is a block device: its size of ${this.#nrBlocks} blocks is fixed`;
      throw new F2fsError('EOPNOTSUPP', message, { path: this.name });
    }
    try {
      // What stands in a last part of a block, which was not used so far, must not come to light.
      const used = this.#nrBlocks * BLKSIZE;
      if (this.#sizeBytes > used) this.#calls.ftruncateSync(this.#handle, used);
      this.#sizeBytes = used;
      this.#calls.ftruncateSync(this.#handle, nrBlocks * BLKSIZE);
    } catch (error) {
      throw hostError(`cannot resize ${this.name} to ${nrBlocks} blocks`, error, { path: this.name });
    }
    this.#written = this.#resizedMap(nrBlocks);
    this.#nrBlocks = nrBlocks;
    this.#sizeBytes = nrBlocks * BLKSIZE;
  }

  /** Waits for what is under way and gives the file back. Throws the first failure. */
  close(): void {
    if (this.#fd < 0) return;
    const fd = this.#fd;
    this.#fd = -1;
    this.#queue?.close();
    this.#queue = null;
    try {
      this.#calls.closeSync(fd);
    } catch (error) {
      throw hostError(`cannot close ${this.name}`, error, { path: this.name });
    }
  }

  /** The open file. Throws EBADF after close. */
  get #handle(): number {
    if (this.#fd >= 0) return this.#fd;
    throw new F2fsError('EBADF', `${this.name} is closed; open it again`, { path: this.name });
  }

  #at(blkaddr: number): { path: string; blkaddr: number } {
    return { path: this.name, blkaddr };
  }

  #markWritten(blkaddr: number, nrBlocks: number): void {
    if (this.#written === null) return;
    const first = Math.floor(blkaddr / BLKS_PER_SEG);
    const last = Math.floor((blkaddr + nrBlocks - 1) / BLKS_PER_SEG);
    for (let segment = first; segment <= last; segment++) this.#written[segment] = 1;
  }

  /** What is known to be a hole after a change of size: what lies past the old end is, even when nothing else is. */
  #resizedMap(nrBlocks: number): Uint8Array {
    const map = new Uint8Array(Math.ceil(nrBlocks / BLKS_PER_SEG));
    if (this.#written === null) map.fill(1, 0, Math.ceil(this.#nrBlocks / BLKS_PER_SEG));
    else map.set(this.#written.subarray(0, map.length));
    return map;
  }

  #writeZeros(blkaddr: number, end: number): void {
    this.#zeros ??= alignedMemory(CHUNK_SIZE);
    const perCall = CHUNK_SIZE / BLKSIZE;
    for (let at = blkaddr; at < end; at += perCall) {
      this.write(at, [this.#zeros.subarray(0, Math.min(end - at, perCall) * BLKSIZE)]);
    }
  }

  #mustBounce(vector: Uint8Array): boolean {
    return this.#direct && (!isAligned(vector, BLKSIZE) || this.#unaligned.has(vector.buffer));
  }

  /** Remembers that the host refuses a direct call on these buffers; false when the failure is another one. */
  #refused(error: unknown, vectors: readonly Uint8Array[]): boolean {
    if (!this.#direct || (error as NodeJS.ErrnoException).code !== 'EINVAL') return false;
    for (const vector of vectors) this.#unaligned.add(vector.buffer);
    return true;
  }

  /** One read call to `into` from byte `done` on; returns the bytes read. */
  #readSome(position: number, into: Uint8Array, done: number): number {
    if (!this.#mustBounce(into)) {
      try {
        this.counters.syscalls++;
        return this.#calls.readSync(this.#handle, into, done, Math.min(into.length - done, MAX_READ), position);
      } catch (error) {
        if (!this.#refused(error, [into])) throw error;
      }
    }
    const bounce = (this.#bounce ??= alignedMemory(CHUNK_SIZE));
    this.counters.syscalls++;
    const wanted = Math.min(into.length - done, CHUNK_SIZE);
    const count = this.#calls.readSync(this.#handle, bounce, 0, wanted, position);
    into.set(bounce.subarray(0, count), done);
    return count;
  }

  #writeAll(start: number, vectors: readonly Uint8Array[]): void {
    let position = start;
    /** The vector to go on with, and the bytes of it that are written. */
    let index = 0;
    let within = 0;
    while (index < vectors.length) {
      let count = this.#writeSome(position, vectors, index, within);
      if (count === 0) throw new F2fsError('EIO', 'the host wrote nothing', { path: this.name });
      position += count;
      count += within;
      while (index < vectors.length && count >= vectors[index].length) count -= vectors[index++].length;
      within = count;
    }
  }

  /** One write call for the vectors from byte `within` of vector `index` on; returns the bytes written. */
  #writeSome(position: number, vectors: readonly Uint8Array[], index: number, within: number): number {
    let batch = vectors;
    if (index > 0 || within > 0 || vectors.length > MAX_VECTORS) {
      const rest = vectors.slice(index, index + MAX_VECTORS);
      rest[0] = rest[0].subarray(within);
      batch = rest;
    }
    if (!this.#direct || !batch.some((vector) => this.#mustBounce(vector))) {
      try {
        this.counters.syscalls++;
        return this.#calls.writevSync(this.#handle, batch, position);
      } catch (error) {
        if (!this.#refused(error, batch)) throw error;
      }
    }
    const bounce = (this.#bounce ??= alignedMemory(CHUNK_SIZE));
    let filled = 0;
    for (const vector of batch) {
      const part = vector.subarray(0, CHUNK_SIZE - filled);
      bounce.set(part, filled);
      filled += part.length;
      if (filled === CHUNK_SIZE) break;
    }
    this.counters.syscalls++;
    return this.#calls.writevSync(this.#handle, [bounce.subarray(0, filled)], position);
  }
}

const OPEN_OPTIONS: OptionChecks<OpenOptions> = {
  writable: isBoolean,
  create: isOptions<NonNullable<OpenOptions['create']>>(
    { sizeBytes: isWhole(BLKSIZE, MAX_DEVICE_BYTES, 'bytes'), overwrite: isBoolean },
    ['sizeBytes'],
  ),
  direct: isBoolean,
  exclusive: isBoolean,
  queueDepth: isWhole(0, MAX_DEPTH),
};

/**
 * Opens an image file or a real block device. A size that is not whole blocks is rounded down; less than one block is
 * EINVAL. Errors of opening: see openHostTarget.
 */
export function openFileDevice(path: string, options: OpenOptions = {}): FileDevice {
  isText(path, 'path');
  checkOptions('openFileDevice', options, OPEN_OPTIONS);
  return openNamed(path, path, options);
}

/** The same; messages call it `name`: a file on its way to that path has one of its own, which means nothing to people. */
export function openNamed(name: string, path: string, options: OpenOptions): FileDevice {
  const target = openTarget(name, path, options);
  if (target.sizeBytes < BLKSIZE) {
    throw tooSmall(name, target);
  }
  return new FileDevice(name, target, options);
}

function openTarget(name: string, path: string, options: OpenOptions): HostTarget {
  try {
    return openHostTarget(path, { ...options, writable: options.writable ?? false });
  } catch (error) {
    if (name === path || !(error instanceof F2fsError)) throw error;
    throw new F2fsError(error.code, error.message.replaceAll(path, name), { path: name, cause: error });
  }
}

/** Closes a file of less than one block. EINVAL, naming what the file is when it is anything known. */
function tooSmall(path: string, { fd, sizeBytes }: HostTarget): F2fsError {
  const start = new Uint8Array(sizeBytes);
  try {
    fs.readSync(fd, start, 0, sizeBytes, 0);
    if ((sizeBytes === 0 || start.some((byte) => byte !== 0)) && recognize(start) !== null)
      return notF2fsError(path, start);
  } catch {
    // A direct read of so little, above all: then its size is what there is to say.
  } finally {
    fs.closeSync(fd);
  }
  return new F2fsError('EINVAL', `${path} is too small: it has ${sizeBytes} bytes, a block of F2FS has ${BLKSIZE}`, {
    path,
  });
}
