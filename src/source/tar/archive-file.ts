// The bytes of an archive, as far as they have come: a file that can be read anywhere.
import * as fs from 'node:fs';
import { hostError } from '../../errors.ts';

/** An archive, or what has come of it. */
export interface ArchiveFile {
  /** For messages. */
  readonly name: string;
  readonly fd: number;
  /** Bytes that are there. */
  bytes: number;
  /** Whether no more will come. */
  isWhole: boolean;
}

/** Bytes that are read at a time where headers follow each other closely. */
const WINDOW_BYTES = 32 * 1024;

/** A look at a part of an archive: what lies close by needs no other call. */
export class ArchiveWindow {
  readonly #file: ArchiveFile;
  readonly #window = Buffer.allocUnsafeSlow(WINDOW_BYTES);
  #start = 0;
  #length = 0;

  constructor(file: ArchiveFile) {
    this.#file = file;
  }

  /** `length` bytes from `at` on, fewer at the end of what is there: a view, valid until the next call. Throws the host's code. */
  view(at: number, length: number): Buffer {
    const from = at - this.#start;
    if (from >= 0 && from + length <= this.#length) return this.#window.subarray(from, from + length);
    if (length > WINDOW_BYTES) {
      const apart = Buffer.allocUnsafeSlow(length);
      return apart.subarray(0, readFully(this.#file, apart, length, at));
    }
    this.#start = at;
    this.#length = readFully(this.#file, this.#window, WINDOW_BYTES, at);
    return this.#window.subarray(0, Math.min(length, this.#length));
  }
}

function readFully({ name, fd, bytes }: ArchiveFile, into: Buffer, length: number, at: number): number {
  const wanted = Math.max(0, Math.min(length, bytes - at));
  try {
    for (let done = 0; done < wanted; ) {
      const got = fs.readSync(fd, into, done, wanted - done, at + done);
      if (got === 0) return done;
      done += got;
    }
    return wanted;
  } catch (error) {
    throw hostError(`cannot read ${name}`, error, { path: name });
  }
}
