// Standard input that can be read again from its beginning, by a change that is begun anew.
import * as fs from 'node:fs';
import * as net from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import type { Readable } from 'node:stream';
import { abortError, checkSignal, F2fsError, hostError } from '../errors.ts';

/** Bytes that are kept in memory; what comes after them goes to a temporary file. */
const MEMORY_BYTES = 16 * 1024 * 1024;
const CHUNK_SIZE = 1 << 20;

/** Keeps what it has read of standard input until it is disposed of. It has one reader at a time. */
export class ReplayedInput {
  readonly #inMemory: Uint8Array[] = [];
  #memoryBytes = 0;
  /** The temporary file, which has no name any more where the host can do that. */
  #spill: { fd: number; directory: string; bytes: number } | null = null;
  /** Why what was read could not all be kept. */
  #lost: F2fsError | null = null;
  #rest: AsyncIterator<Uint8Array> | null = null;

  /** From the beginning. Throws ECANCELED at once when a signal comes: what has come until then is not all. */
  async *chunks(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    if (this.#lost !== null) throw this.#lost;
    yield* this.#inMemory;
    yield* this.#spilled();
    const stop = () => standardInput().destroy();
    signal.addEventListener('abort', stop);
    try {
      for (let chunk = await this.#next(signal); chunk !== null; chunk = await this.#next(signal)) {
        this.#keep(chunk);
        yield chunk;
      }
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  [Symbol.dispose](): void {
    if (this.#spill === null) return;
    fs.closeSync(this.#spill.fd);
    fs.rmSync(this.#spill.directory, { recursive: true, force: true });
    this.#spill = null;
  }

  async #next(signal: AbortSignal): Promise<Uint8Array | null> {
    checkSignal(signal, 'interrupted');
    try {
      this.#rest ??= standardInput()[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
      const { done, value } = await this.#rest.next();
      if (!signal.aborted) return done === true ? null : value;
    } catch (error) {
      if (!signal.aborted) throw unreadable(error);
    }
    throw abortError(signal, 'interrupted');
  }

  #keep(chunk: Uint8Array): void {
    if (this.#lost !== null) return;
    if (this.#spill === null && this.#memoryBytes + chunk.length <= MEMORY_BYTES) {
      this.#inMemory.push(chunk);
      this.#memoryBytes += chunk.length;
      return;
    }
    try {
      const spill = (this.#spill ??= openSpill());
      for (let done = 0; done < chunk.length; ) {
        const count = fs.writeSync(spill.fd, chunk, done, chunk.length - done, spill.bytes);
        spill.bytes += count;
        done += count;
      }
    } catch (error) {
      // It is needed by a second reader alone.
      this.#lost = hostError('standard input can be read once only, as it could not be kept', error);
    }
  }

  *#spilled(): Generator<Uint8Array> {
    if (this.#spill === null) return;
    const { fd, bytes } = this.#spill;
    for (let at = 0; at < bytes; ) {
      const chunk = new Uint8Array(Math.min(CHUNK_SIZE, bytes - at));
      const count = fs.readSync(fd, chunk, 0, chunk.length, at);
      if (count === 0) throw new F2fsError('EIO', 'the temporary file of standard input was cut short');
      yield chunk.subarray(0, count);
      at += count;
    }
  }
}

/** Standard input as it comes, to be read once. Throws the host's code. */
export async function* standardInputOnce(): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of standardInput()) yield chunk as Uint8Array;
  } catch (error) {
    throw unreadable(error);
  }
}

function unreadable(error: unknown): F2fsError {
  return hostError('cannot read standard input; - takes a file, a device or a pipe', error);
}

function openSpill(): { fd: number; directory: string; bytes: number } {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'f2fs-put-'));
  const file = path.join(directory, 'stdin');
  const fd = fs.openSync(file, 'wx+', 0o600);
  // Then nothing is left of it whatever ends the process.
  if (process.platform !== 'win32') fs.rmSync(directory, { recursive: true });
  return { fd, directory, bytes: 0 };
}

/**
 * To be called by a command before it does anything for what it reads there. Throws EBADF where standard input is closed: Node has
 * opened /dev/null in its place then, for writing, too, and what is to be read would seem to be empty.
 */
export function assertStandardInput(): void {
  if (!isClosed(0)) return;
  const message = 'standard input is closed, or /dev/null opened for writing, which looks the same';
  throw new F2fsError('EBADF', `${message}; '< /dev/null' stands for an empty file`);
}

/** Whoever means /dev/null as an input opens it for reading alone: shells, Node, systemd and containers do. */
function isClosed(fd: number): boolean {
  if (process.platform === 'win32') return false;
  try {
    const there = fs.fstatSync(fd);
    if (!there.isCharacterDevice() || there.rdev !== fs.statSync('/dev/null').rdev) return false;
    // It fails unless it is open for writing.
    fs.writeSync(fd, '\n');
    return true;
  } catch {
    return false;
  }
}

/** Node has an empty stream for what it does not know, block devices and directories among it: these are read as files are. */
function standardInput(): Readable {
  const stdin: Readable = process.stdin;
  if (stdin instanceof fs.ReadStream || stdin instanceof net.Socket) return stdin;
  return (otherInput ??= fs.createReadStream('', { fd: 0, autoClose: false }));
}

let otherInput: Readable | undefined;
