// Copies a file of the image to an open file of the host, by its block map: holes stay holes, reserved blocks reserved.
import * as fs from 'node:fs';
import { errnoText, F2fsError, hostError } from '../errors.ts';
import type { FileHandle } from '../fs/file-handle.ts';
import { hostLibc } from '../host/libc.ts';
import type { HolePolicy } from '../source/hole-policy.ts';

/** Bytes read and written at a time. */
const CHUNK_SIZE = 1 << 20;
/** Bytes reserved at a time. */
const RESERVE_SIZE = 64 << 20;
/** Bytes that a host makes a hole of at least. */
const HOST_BLOCK = 4 * 1024;
const ZERO_BLOCK = Buffer.alloc(HOST_BLOCK);

let chunk: Buffer | null = null;

/**
 * Copies all of `handle`, a piece at a time; yields the bytes of each that are no holes. Throws EUCLEAN and EIO of the image, and
 * the host's errors.
 */
export function* copyContents(
  handle: FileHandle,
  size: number,
  fd: number,
  holes: HolePolicy,
): Generator<number, void> {
  let end = 0;
  for (let position = 0; position < size; ) {
    const region = handle.regionAt(position);
    let filled = 0;
    if (region.kind === 'data') {
      chunk ??= Buffer.allocUnsafeSlow(CHUNK_SIZE);
      const length = handle.read(chunk.subarray(0, Math.min(CHUNK_SIZE, region.end - position)), position);
      for (const [from, to] of holes === 'zeros' ? contentRuns(chunk, length) : [[0, length]]) {
        writeAll(fd, chunk, from, to, position + from);
        filled += to - from;
        end = position + to;
      }
      position += length;
    } else if (region.kind === 'reserved' && holes === 'source') {
      filled = Math.min(RESERVE_SIZE, region.end - position);
      reserve(fd, position, filled);
      end = position += filled;
    } else {
      position = region.end;
    }
    yield filled;
  }
  if (end < size) onHost(`set its size of ${size} bytes`, () => fs.ftruncateSync(fd, size));
}

function onHost(doing: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    throw hostError(`cannot ${doing}`, error);
  }
}

/** The runs of blocks that are not zeros, in bytes of the chunk. */
function* contentRuns(bytes: Buffer, length: number): Generator<[from: number, to: number]> {
  for (let from = skip(bytes, 0, length, true); from < length; ) {
    const to = skip(bytes, from, length, false);
    yield [from, to];
    from = skip(bytes, to, length, true);
  }
}

/** The first block from `at` on that is not zeros, or that is; `length` when there is none. */
function skip(bytes: Buffer, at: number, length: number, zeros: boolean): number {
  let from = at;
  while (from < length && isZero(bytes, from, Math.min(from + HOST_BLOCK, length)) === zeros) from += HOST_BLOCK;
  return Math.min(from, length);
}

function isZero(bytes: Buffer, at: number, end: number): boolean {
  return bytes[at] === 0 && bytes.compare(ZERO_BLOCK, 0, end - at, at, end) === 0;
}

function writeAll(fd: number, bytes: Buffer, from: number, to: number, position: number): void {
  onHost('write', () => {
    for (let done = from; done < to; ) done += fs.writeSync(fd, bytes, done, to - done, position + done - from);
  });
}

/** Blocks that read as zeros. A host that can't reserve any gets zeros written. */
function reserve(fd: number, position: number, length: number): void {
  const libc = hostLibc();
  if (libc?.linux?.fallocate(fd, 0, position, length) === 0) return;
  const code = libc?.linux ? libc.errorCode() : 'EOPNOTSUPP';
  if (code !== 'EOPNOTSUPP' && code !== 'ENOSYS')
    throw new F2fsError(code, `cannot reserve its blocks: ${errnoText(code)}`);
  const zeros = Buffer.alloc(Math.min(CHUNK_SIZE, length));
  for (let done = 0; done < length; done += zeros.length)
    writeAll(fd, zeros, 0, Math.min(zeros.length, length - done), position + done);
}
