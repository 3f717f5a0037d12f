// An open file of the promise API, in the shape of node:fs/promises's FileHandle.
import type { Contents } from '../bytes.ts';
import { checkBytes, checkIndex, invalid, isFunction } from '../check.ts';
import { F2fsError } from '../errors.ts';
import type { Timestamp } from '../file/inode/inode.ts';
import { type ArgumentCounts, limitArguments } from './argument-counts.ts';
import { CallQueue } from './call-queue.ts';
import { type FileHandle, readWhole } from './file-handle.ts';
import {
  type BufferPart,
  bufferPart,
  checkStatOptions,
  decoded,
  encoded,
  type HandleOptions,
  handleOptions,
  isEncodingOrNull,
  type OwnBuffer,
  ownerOf,
  type ReadOptions,
  readInto,
  refuseBehind,
  type StatOptions,
} from './promise-options.ts';
import type { FileStat } from './stat.ts';

/** Seconds since 1970, a Date, or seconds and nanoseconds. */
export type TimeLike = number | Date | Timestamp;

/** What `read` gives. */
export interface ReadResult<B extends Uint8Array> {
  /** Bytes that were read; 0 at the end of the file. */
  bytesRead: number;
  /** Where they are: the buffer that was given, or a new one. */
  buffer: B;
}

/** What `write` gives. */
export interface WriteResult<B extends Uint8Array | string> {
  /** Bytes that were written: all that were given. */
  bytesWritten: number;
  /** What was given. */
  buffer: B;
}

/** An open regular file. Each call is done as a whole, after those that came before it. */
export class AsyncFileHandle {
  static {
    const counts = {
      run: 1,
      readFile: 1,
      writeFile: 2,
      appendFile: 2,
      stat: 1,
      truncate: 1,
      chmod: 1,
      chown: 2,
      utimes: 2,
      sync: 0,
      datasync: 0,
      close: 0,
    } satisfies ArgumentCounts<Omit<AsyncFileHandle, 'read' | 'write'>>;
    // These come in several forms.
    limitArguments(AsyncFileHandle, { ...counts, read: 4, write: 4 });
  }

  readonly #queue: CallQueue;
  readonly #file: FileHandle;
  /** Where the next read or write without a position begins. */
  #position = 0;

  /** @internal */
  constructor(queue: CallQueue, file: FileHandle) {
    if (!(queue instanceof CallQueue))
      throw new F2fsError('EINVAL', 'a handle is not made by new: open a file of a mounted volume');
    this.#queue = queue;
    this.#file = file;
  }

  /** Inode number. */
  get ino(): number {
    return this.#file.ino;
  }

  /** Runs `work` on the handle of the synchronous API, with nothing of other calls in between; see AsyncFileSystem.run. */
  async run<T>(work: (file: FileHandle) => T | PromiseLike<T>): Promise<T> {
    isFunction(work, 'work');
    return this.#queue.hold(() => work(this.#file));
  }

  async #call<T>(work: (file: FileHandle) => T, signal?: AbortSignal | null): Promise<T> {
    return this.#queue.run(() => work(this.#file), signal);
  }

  /**
   * Reads up to `length` bytes (default: to its end) into `buffer` from its byte `offset` on, from byte `position` of the file, or
   * where the last such call ended when it is null. These may be options, as in node:fs, the buffer among them.
   */
  read<B extends Uint8Array>(
    buffer: B,
    offset?: number | null,
    length?: number | null,
    position?: number | null,
  ): Promise<ReadResult<B>>;
  read<B extends Uint8Array>(buffer: B, options: BufferPart): Promise<ReadResult<B>>;
  read<B extends Uint8Array = OwnBuffer>(options?: ReadOptions<B> | null): Promise<ReadResult<B>>;
  async read(...args: unknown[]): Promise<ReadResult<Uint8Array>> {
    const { buffer, offset, length, position } = readInto(args);
    return this.#call((file) => {
      const bytesRead = file.read(partOf(buffer, offset, length), position ?? this.#position);
      if (position === null || position === undefined) this.#position += bytesRead;
      return { bytesRead, buffer };
    });
  }

  /**
   * Writes `length` bytes (default: to its end) of `buffer` from its byte `offset` on, at byte `position`, or where the last such
   * call ended when it is null; at the end of a file opened for appending. These may be options, as in node:fs. All of it, or it
   * rejects. `buffer` must not change until then. Text is written at `position` in an encoding.
   */
  write<B extends Uint8Array>(buffer: B, options: BufferPart): Promise<WriteResult<B>>;
  write<B extends Uint8Array>(
    buffer: B,
    offset?: number | null,
    length?: number | null,
    position?: number | null,
  ): Promise<WriteResult<B>>;
  write(text: string, position?: number | null, encoding?: BufferEncoding | null): Promise<WriteResult<string>>;
  async write(buffer: Uint8Array | string, ...rest: unknown[]): Promise<WriteResult<Uint8Array | string>> {
    if (typeof buffer === 'string') {
      const [position, encoding, ...more] = rest as [number?, BufferEncoding?, ...unknown[]];
      refuseBehind('encoding', more);
      isEncodingOrNull(encoding, 'encoding');
      return this.#call((file) => this.#writePart(file, buffer, encoded(buffer, encoding), position));
    }
    const { offset, length, position } = bufferPart('write', rest);
    return this.#call((file) => this.#writePart(file, buffer, partOf(buffer, offset, length), position));
  }

  #writePart<B>(file: FileHandle, buffer: B, part: Uint8Array, position?: number | null) {
    this.#write(file, part, position);
    return { bytesWritten: part.length, buffer };
  }

  #write(file: FileHandle, bytes: Uint8Array, position?: number | null): void {
    file.write(bytes, position ?? this.#position);
    if (position !== null && position !== undefined) return;
    this.#position = file.appends ? file.stat().size : this.#position + bytes.length;
  }

  /**
   * All bytes of the file from where the last call without a position ended. Throws EFBIG for 2 GiB or more, and for text longer than
   * a string can be.
   */
  readFile(options?: (HandleOptions & { encoding?: null }) | null): Promise<OwnBuffer>;
  readFile(options: BufferEncoding | (HandleOptions & { encoding: BufferEncoding })): Promise<string>;
  readFile(options?: BufferEncoding | HandleOptions | null): Promise<OwnBuffer | string>;
  async readFile(options?: BufferEncoding | HandleOptions | null): Promise<OwnBuffer | string> {
    const { encoding, signal } = handleOptions('readFile', options);
    return this.#call((file) => {
      const bytes = readWhole(file, undefined, this.#position);
      this.#position += bytes.length;
      return decoded(bytes, encoding);
    }, signal);
  }

  /**
   * Writes where the last call without a position ended, and cuts nothing off, as node:fs does; at the end of a file opened for
   * appending.
   */
  async writeFile(data: Contents, options?: BufferEncoding | HandleOptions | null): Promise<void> {
    const { encoding, signal } = handleOptions('writeFile', options);
    return this.#call((file) => {
      this.#write(file, encoded(data, encoding));
    }, signal);
  }

  /** The same as `writeFile`, as in node:fs: only a file opened for appending is written at its end. */
  async appendFile(data: Contents, options?: BufferEncoding | HandleOptions | null): Promise<void> {
    return this.writeFile(data, options);
  }

  /** What is known of the file, as it is now. */
  async stat(options?: StatOptions | null): Promise<FileStat> {
    checkStatOptions('stat', options);
    return this.#call((file) => file.stat());
  }

  /** Sets the size in bytes; what is new is a hole. */
  async truncate(sizeBytes = 0): Promise<void> {
    return this.#call((file) => file.truncate(sizeBytes));
  }

  /** Sets the permissions, 0 to 0o7777. */
  async chmod(mode: number): Promise<void> {
    if (mode === undefined) throw invalid('mode', mode, 'a number');
    return this.#call((file) => file.setAttributes({ mode }));
  }

  /** An owner of -1 stays. */
  async chown(uid: number, gid: number): Promise<void> {
    const owner = { uid: ownerOf(uid), gid: ownerOf(gid) };
    return this.#call((file) => file.setAttributes(owner));
  }

  /** Sets times of access and change of contents, in seconds or as a Date. */
  async utimes(atime: TimeLike, mtime: TimeLike): Promise<void> {
    const times = { atime: timestampOf(atime), mtime: timestampOf(mtime) };
    return this.#call((file) => file.setAttributes(times));
  }

  /** Contents and attributes outlive a crash once it resolves. Source: fsync. */
  async sync(): Promise<void> {
    return this.#call((file) => file.fsync());
  }

  /** Contents, and what is needed to find them, outlive a crash once it resolves. Source: fdatasync. */
  async datasync(): Promise<void> {
    return this.#call((file) => file.fdatasync());
  }

  /** Lets go of the file. */
  async close(): Promise<void> {
    return this.#call((file) => file.close());
  }

  /** `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Throws EINVAL for what is no buffer or does not lie within it. */
function partOf(buffer: Uint8Array, from: number | null | undefined, given: number | null | undefined): Uint8Array {
  checkBytes(buffer, 'buffer');
  const offset = from ?? 0;
  checkIndex(offset, 'offset');
  const length = given ?? Math.max(0, buffer.byteLength - offset);
  checkIndex(length, 'length');
  if (offset + length <= buffer.byteLength) return buffer.subarray(offset, offset + length);
  const message = `${length} bytes from byte ${offset} on do not lie within a buffer of ${buffer.byteLength}`;
  throw new F2fsError('EINVAL', message);
}

/** Throws EINVAL for what is no time. */
export function timestampOf(time: TimeLike): Timestamp {
  if (typeof time !== 'number' && !(time instanceof Date)) {
    if (typeof time === 'object' && time !== null) return time;
    throw invalid('time', time, 'a Date, or a number of seconds since 1970');
  }
  const ms = typeof time === 'number' ? time * 1000 : time.getTime();
  const sec = Math.floor(ms / 1000);
  return { sec, nsec: Math.min(999_999_999, Math.round((ms - sec * 1000) * 1_000_000)) };
}
