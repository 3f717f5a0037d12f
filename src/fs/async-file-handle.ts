// An open file of the promise API, in the shape of node:fs/promises's FileHandle.
import { checkBytes } from '../check.ts';
import { F2fsError } from '../errors.ts';
import type { Timestamp } from '../file/inode.ts';
import type { CallQueue } from './call-queue.ts';
import { type FileHandle, readWhole } from './file-handle.ts';
import type { FileStat } from './stat.ts';

/** Seconds since 1970, a Date, or seconds and nanoseconds. */
export type TimeLike = number | Date | Timestamp;

/** An open regular file. Each call is done as a whole, after those that came before it. */
export class AsyncFileHandle {
  readonly #queue: CallQueue;
  readonly #file: FileHandle;
  /** Where the next read or write without a position begins. */
  #position = 0;

  /** @internal */
  constructor(queue: CallQueue, file: FileHandle) {
    this.#queue = queue;
    this.#file = file;
  }

  get ino(): number {
    return this.#file.ino;
  }

  /** Runs `work` on the handle of the synchronous API, with nothing of other calls in between. */
  run<T>(work: (file: FileHandle) => T): Promise<T> {
    return this.#queue.run(() => work(this.#file));
  }

  /**
   * Reads up to `length` bytes (default: to its end) into `buffer` from its byte `offset` on, from byte `position` of the file, or
   * where the last such call ended when it is null.
   */
  read<B extends Uint8Array>(
    buffer: B,
    offset = 0,
    length?: number,
    position: number | null = null,
  ): Promise<{ bytesRead: number; buffer: B }> {
    return this.run((file) => {
      const bytesRead = file.read(partOf(buffer, offset, length), position ?? this.#position);
      if (position === null) this.#position += bytesRead;
      return { bytesRead, buffer };
    });
  }

  /**
   * Writes `length` bytes (default: to its end) of `buffer` from its byte `offset` on, at byte `position`, or where the last such
   * call ended when it is null; at the end of a file opened for appending. All of it, or it rejects. `buffer` must not change
   * until then.
   */
  write<B extends Uint8Array>(
    buffer: B,
    offset = 0,
    length?: number,
    position: number | null = null,
  ): Promise<{ bytesWritten: number; buffer: B }> {
    return this.run((file) => {
      const part = partOf(buffer, offset, length);
      file.write(part, position ?? this.#position);
      if (position === null) this.#position += part.length;
      return { bytesWritten: part.length, buffer };
    });
  }

  /** All bytes of the file, wherever the position is. Throws EFBIG for 2 GiB or more, and for text longer than a string can be. */
  readFile(): Promise<Buffer<ArrayBuffer>>;
  readFile(encoding: BufferEncoding): Promise<string>;
  readFile(encoding?: BufferEncoding): Promise<Buffer<ArrayBuffer> | string> {
    return this.run((file) => decoded(readWhole(file), encoding));
  }

  /** Replaces the contents. */
  writeFile(data: Uint8Array | string): Promise<void> {
    return this.run((file) => {
      const bytes = bytesOf(data);
      file.truncate(0);
      file.write(bytes, 0);
    });
  }

  /** Writes at the end of the file, wherever that is when it is this call's turn. */
  appendFile(data: Uint8Array | string): Promise<void> {
    return this.run((file) => {
      file.append(bytesOf(data));
    });
  }

  stat(): Promise<FileStat> {
    return this.run((file) => file.stat());
  }

  /** Sets the size in bytes; what is new is a hole. */
  truncate(sizeBytes = 0): Promise<void> {
    return this.run((file) => file.truncate(sizeBytes));
  }

  chmod(mode: number): Promise<void> {
    return this.run((file) => file.setAttributes({ mode }));
  }

  chown(uid: number, gid: number): Promise<void> {
    return this.run((file) => file.setAttributes({ uid, gid }));
  }

  utimes(atime: TimeLike, mtime: TimeLike): Promise<void> {
    return this.run((file) => file.setAttributes({ atime: timestampOf(atime), mtime: timestampOf(mtime) }));
  }

  /** Contents and attributes outlive a crash once it resolves. Source: fsync. */
  sync(): Promise<void> {
    return this.run((file) => file.fsync());
  }

  /** Contents, and what is needed to find them, outlive a crash once it resolves. Source: fdatasync. */
  datasync(): Promise<void> {
    return this.run((file) => file.fdatasync());
  }

  close(): Promise<void> {
    return this.run((file) => file.close());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Throws EINVAL for what is no buffer or does not lie within it. */
function partOf(buffer: Uint8Array, offset: number, given: number | undefined): Uint8Array {
  checkBytes(buffer, 'buffer');
  const length = given ?? buffer.byteLength - offset;
  const fits = Number.isInteger(offset) && Number.isInteger(length) && offset >= 0 && length >= 0;
  if (fits && offset + length <= buffer.byteLength) return buffer.subarray(offset, offset + length);
  const message = `${length} bytes from byte ${offset} on do not lie within a buffer of ${buffer.byteLength}`;
  throw new F2fsError('EINVAL', message);
}

/** Throws EINVAL for what is neither text nor bytes. */
export function bytesOf(data: Uint8Array | string): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data);
  checkBytes(data, 'data');
  return data;
}

/** Bytes as a buffer, or as text. Throws EINVAL for an encoding that there is not, EFBIG for text longer than a string can be. */
export function decoded(
  { buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>,
  encoding?: BufferEncoding,
): Buffer<ArrayBuffer> | string {
  const bytes = Buffer.from(buffer, byteOffset, byteLength);
  if (encoding === undefined) return bytes;
  if (!Buffer.isEncoding(encoding)) throw new F2fsError('EINVAL', `'${encoding}' is no encoding of text: utf8 is one`);
  try {
    return bytes.toString(encoding);
  } catch (cause) {
    const message = `${byteLength} bytes are too many for one string: read them as a buffer, or in parts`;
    throw new F2fsError('EFBIG', message, { cause });
  }
}

/** Throws EINVAL for what is no time. */
export function timestampOf(time: TimeLike): Timestamp {
  if (typeof time !== 'number' && !(time instanceof Date)) {
    if (typeof time === 'object' && time !== null) return time;
    throw new F2fsError('EINVAL', `${time} is no time: a Date is one, or a number of seconds since 1970`);
  }
  const ms = typeof time === 'number' ? time * 1000 : time.getTime();
  const sec = Math.floor(ms / 1000);
  return { sec, nsec: Math.min(999_999_999, Math.round((ms - sec * 1000) * 1_000_000)) };
}
