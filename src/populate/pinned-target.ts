// Contents for a pinned file, where it lies: somebody relies on its place, so it is written over and keeps its size.
import { F2fsError } from '../errors.ts';
import type { FileHandle } from '../fs/file-handle.ts';
import { zero } from '../pagecache/zero.ts';

/** Bytes of zeros after which the caller is heard again. */
const PIECE_BYTES = 4 * 1024 * 1024;

/** Throws EFBIG for more bytes than a pinned file has; `hasMore`: it is not known how many follow. */
export function assertFitsPinned(file: FileHandle, sizeBytes: number, hasMore = false): void {
  const { size } = file.stat();
  if (sizeBytes <= size) return;
  const message = `the file there is pinned to its blocks and has ${size} bytes, too few for ${sizeBytes}${hasMore ? ' and what follows' : ''}: allocate more with fallocate, or remove it`;
  throw new F2fsError('EFBIG', message);
}

/** Makes zeros of a pinned file from byte `from` on: what it had before is not a part of what it was given. */
export function* clearRest(file: FileHandle, from: number): Generator<void> {
  const { size } = file.stat();
  const fill = (memory: Uint8Array, offset: number, length: number) => zero(memory, offset, offset + length);
  for (let at = from; at < size; at += PIECE_BYTES) {
    file.writeFrom({ fill }, at, Math.min(PIECE_BYTES, size - at));
    yield;
  }
}
