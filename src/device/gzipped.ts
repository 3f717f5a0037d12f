// An image that is compressed with gzip, to be read: it is inflated to a temporary file without a name, in bounded memory. fflate inflates;
// the checksums and lengths, which it does not look at, are held against what came out here.
import * as fs from 'node:fs';
import * as os from 'node:os';
import { setImmediate } from 'node:timers/promises';
import type { Gunzip } from 'fflate';
import { checkOptions, isSignal, isText, type OptionChecks } from '../check.ts';
import { checkSignal, F2fsError, hostError } from '../errors.ts';
import { crc32 } from '../platform/crc.ts';
import { BLKSIZE } from './device.ts';
import { FileDevice } from './file-device.ts';
import { openHostTarget } from './host-target.ts';
import { temporaryFile } from './temporary-file.ts';

/** The first bytes of a member that is deflated, which all are. Source: RFC 1952. */
const MAGIC = Buffer.of(0x1f, 0x8b, 0x08);
/** Bytes that are inflated at a time: they become a thousand times as many at most. */
const CHUNK_BYTES = 16 * 1024;
/** What follows a member: the CRC-32 of what it holds, and its length modulo 2^32. */
const TRAILER_BYTES = 8;
/** Milliseconds of work between two turns of the event loop. */
const TURN_MS = 50;
/** What is zeros is left out in pieces of this size: the temporary file has holes there. */
const HOLE_BYTES = 64 * 1024;
const ZEROS = Buffer.alloc(HOLE_BYTES);
/** Source: F2FS has block addresses of 32 bits. */
const MAX_BYTES = 2 ** 32 * BLKSIZE;

/** How a gzipped image is opened. */
export interface GunzipOptions {
  /** Ends the work with an AbortError (ECANCELED); nothing is left of it. */
  signal?: AbortSignal;
}

const OPTIONS: OptionChecks<GunzipOptions> = { signal: isSignal };

/** Whether a path leads to a file that begins as one of gzip; false for what can't be read. */
export function isGzipped(path: string): boolean {
  isText(path, 'path');
  let fd: number;
  try {
    if (!fs.statSync(path).isFile()) return false;
    fd = fs.openSync(path, 'r');
  } catch {
    return false;
  }
  try {
    const start = Buffer.alloc(MAGIC.length);
    return fs.readSync(fd, start, 0, start.length, 0) === start.length && start.equals(MAGIC);
  } catch {
    return false;
  } finally {
    fs.closeSync(fd);
  }
}

/**
 * Opens an image that is compressed with gzip, in one member or several, for reading. What it holds takes room in the system's
 * directory for temporary files (TMPDIR), but for its zeros, until the device is closed. Throws EBADMSG for what is cut short or
 * damaged, by its checksums, EINVAL for what is no gzip or holds less than a block, EFBIG for what no volume has, and what the host
 * says of either file.
 */
export async function openGzipped(path: string, options: GunzipOptions = {}): Promise<FileDevice> {
  isText(path, 'path');
  checkOptions('openGzipped', options, OPTIONS);
  // Who opens no such image need not load it.
  const { Gunzip } = await import('fflate');
  const { fd: from, sizeBytes } = openHostTarget(path, { writable: false });
  try {
    const to = temporaryFile(`cannot inflate ${path}`, path);
    try {
      const inflated = await new Inflation(path, from, sizeBytes, to).run(new Gunzip(), options.signal);
      if (inflated < BLKSIZE)
        throw new F2fsError('EINVAL', `${path} holds ${inflated} bytes: no F2FS volume is as small`, { path });
      const target = { fd: to, sizeBytes: inflated, kind: 'file', fresh: false, startSector: 0 } as const;
      return new FileDevice(path, target, { writable: false });
    } catch (error) {
      fs.closeSync(to);
      throw error;
    }
  } finally {
    fs.closeSync(from);
  }
}

class Inflation {
  readonly #path: string;
  readonly #from: number;
  readonly #sizeBytes: number;
  readonly #to: number;
  /** Bytes that came out, of all members. */
  #written = 0;
  /** Of the member at hand. */
  #crc = 0;
  #length = 0;

  constructor(path: string, from: number, sizeBytes: number, to: number) {
    this.#path = path;
    this.#from = from;
    this.#sizeBytes = sizeBytes;
    this.#to = to;
  }

  /** Resolves to how many bytes came out. */
  async run(gunzip: Gunzip, signal: AbortSignal | undefined): Promise<number> {
    gunzip.ondata = (bytes) => this.#take(bytes);
    gunzip.onmember = (offset) => this.#endMember(offset);
    const chunk = new Uint8Array(CHUNK_BYTES);
    let lastTurn = performance.now();
    for (let at = 0; at < this.#sizeBytes; ) {
      if (performance.now() - lastTurn >= TURN_MS) {
        await setImmediate();
        checkSignal(signal, 'interrupted');
        lastTurn = performance.now();
      }
      const count = this.#read(chunk, at);
      at += count;
      // It keeps what it is given until it is done with it.
      this.#inflate(gunzip, chunk.slice(0, count), at === this.#sizeBytes);
    }
    this.#endMember(this.#sizeBytes);
    try {
      fs.ftruncateSync(this.#to, this.#written);
    } catch (error) {
      throw this.#unwritten(error);
    }
    return this.#written;
  }

  #inflate(gunzip: Gunzip, bytes: Uint8Array, isLast: boolean): void {
    try {
      gunzip.push(bytes, isLast);
    } catch (error) {
      if (error instanceof F2fsError) throw error;
      throw this.#damaged(error instanceof Error ? error.message : String(error), error);
    }
  }

  /** The file can be cut while it is read. */
  #read(into: Uint8Array, at: number): number {
    let count: number;
    try {
      count = fs.readSync(this.#from, into, 0, Math.min(into.length, this.#sizeBytes - at), at);
    } catch (error) {
      throw hostError(`cannot read ${this.#path}`, error, { path: this.#path });
    }
    if (count === 0) throw this.#damaged('it became shorter while it was read');
    return count;
  }

  #take(bytes: Uint8Array): void {
    this.#crc = crc32(bytes, this.#crc);
    this.#length += bytes.length;
    if (this.#written + bytes.length > MAX_BYTES) {
      const message = `${this.#path} holds more than the ${MAX_BYTES / 2 ** 40} TiB of the largest volume`;
      throw new F2fsError('EFBIG', message, { path: this.#path });
    }
    try {
      writeData(this.#to, bytes, this.#written);
    } catch (error) {
      throw this.#unwritten(error);
    }
    this.#written += bytes.length;
  }

  /** A member ends where the next one, or nothing, begins, at byte `end`. */
  #endMember(end: number): void {
    const trailer = new Uint8Array(TRAILER_BYTES);
    if (end < TRAILER_BYTES || this.#read(trailer, end - TRAILER_BYTES) < TRAILER_BYTES)
      throw this.#damaged('it ends too early');
    const view = new DataView(trailer.buffer);
    if (view.getUint32(0, true) !== this.#crc) throw this.#damaged('its checksum is another');
    if (view.getUint32(4, true) !== this.#length % 2 ** 32) throw this.#damaged('its length is another');
    this.#crc = 0;
    this.#length = 0;
  }

  #damaged(why: string, cause?: unknown): F2fsError {
    return new F2fsError('EBADMSG', `${this.#path} is compressed with gzip, and damaged or not all there: ${why}`, {
      path: this.#path,
      cause,
    });
  }

  #unwritten(error: unknown): F2fsError {
    const doing = `cannot inflate ${this.#path} to a temporary file in ${os.tmpdir()} (TMPDIR names another place)`;
    return hostError(doing, error, { path: this.#path });
  }
}

/** Writes what is not zeros of `bytes`, which belong at `position`. */
function writeData(fd: number, bytes: Uint8Array, position: number): void {
  for (let from = 0; from < bytes.length; ) {
    const end = Math.min(from + HOLE_BYTES, bytes.length);
    if (ZEROS.compare(bytes, from, end, 0, end - from) === 0) from = end;
    while (from < end) from += fs.writeSync(fd, bytes, from, end - from, position + from);
  }
}
