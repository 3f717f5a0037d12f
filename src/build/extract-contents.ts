// Copies a file of the image to an open file of the host; blocks of zeros become holes.
import * as fs from 'node:fs';
import { hostError } from '../errors.ts';
import { BLKSIZE } from '../format/constants.ts';
import type { FileHandle } from '../fs/file-handle.ts';
import type { FileStat } from '../fs/stat.ts';

/** Bytes read at a time. */
const CHUNK_SIZE = 1 << 20;
const ZERO_BLOCK = Buffer.alloc(BLKSIZE);

let chunk: Buffer | null = null;

/** Copies all of `handle`; returns the bytes that were not holes. Throws EUCLEAN and EIO of the image, the host's errors. */
export function copyContents(handle: FileHandle, stat: FileStat, fd: number, place: string): number {
  chunk ??= Buffer.allocUnsafeSlow(CHUNK_SIZE);
  let written = 0;
  let end = 0;
  // An inode that owns no other block is one hole, however large.
  const size = stat.blocks > 1 || stat.inline ? stat.size : 0;
  for (let position = 0; position < size; ) {
    const length = handle.read(chunk, position);
    if (length === 0) break;
    for (let from = nextContent(chunk, 0, length); from < length; ) {
      const to = contentEnd(chunk, from, length);
      writeAll(fd, chunk, from, to, position + from, place);
      written += to - from;
      end = position + to;
      from = nextContent(chunk, to, length);
    }
    position += length;
  }
  if (end < stat.size) {
    try {
      fs.ftruncateSync(fd, stat.size);
    } catch (error) {
      throw hostError(`${place}: cannot set its size of ${stat.size} bytes`, error, { path: place });
    }
  }
  return written;
}

function isZero(bytes: Buffer, at: number, end: number): boolean {
  return bytes[at] === 0 && bytes.compare(ZERO_BLOCK, 0, end - at, at, end) === 0;
}

/** The first block from `at` on that is not zeros; `length` when there is none. */
function nextContent(bytes: Buffer, at: number, length: number): number {
  let from = at;
  while (from < length && isZero(bytes, from, Math.min(from + BLKSIZE, length))) from += BLKSIZE;
  return Math.min(from, length);
}

/** Where the run of blocks that are not zeros ends. */
function contentEnd(bytes: Buffer, from: number, length: number): number {
  let to = from;
  while (to < length && !isZero(bytes, to, Math.min(to + BLKSIZE, length))) to += BLKSIZE;
  return Math.min(to, length);
}

function writeAll(fd: number, bytes: Buffer, from: number, to: number, position: number, place: string): void {
  try {
    for (let done = from; done < to; ) done += fs.writeSync(fd, bytes, done, to - done, position + done - from);
  } catch (error) {
    throw hostError(`${place}: cannot write`, error, { path: place });
  }
}
