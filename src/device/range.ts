// The checks that every device makes of what it is asked.
import { checkBytes, invalid, shown } from '../check.ts';
import { F2fsError } from '../errors.ts';
import { BLKS_PER_SEG, MAX_LOG_BLKSIZE, MAX_SEGMENTS } from '../format/block-size.ts';
import { isSharedArrayBuffer } from '../platform/types.ts';
import { BLKSIZE } from './device.ts';
import type { QueuedDevice } from './queued-device.ts';

/**
 * Blocks in `sizeBytes` bytes of whole blocks.
 * Throws EINVAL when that is not a positive multiple of a block.
 */
export function wholeBlocks(device: QueuedDevice, blkaddr: number, sizeBytes: number): number {
  if (sizeBytes === 0 || sizeBytes % BLKSIZE !== 0) {
    const message = `${device.name}: invalid request of ${sizeBytes} bytes: expected whole blocks of ${BLKSIZE}`;
    throw new F2fsError('EINVAL', message, { path: device.name, blkaddr });
  }
  return sizeBytes / BLKSIZE;
}

/** Bytes of what is to be written. Throws EINVAL for what is no list of them. */
export function vectorBytes(vectors: readonly Uint8Array[]): number {
  if (!Array.isArray(vectors)) throw invalid('vectors', vectors, 'an array');
  let sizeBytes = 0;
  for (const vector of vectors as readonly Uint8Array[]) {
    checkBytes(vector, 'vector');
    sizeBytes += vector.length;
  }
  return sizeBytes;
}

/** Throws EIO when `nrBlocks` blocks from `blkaddr` do not all lie on the device. */
export function checkRange(device: QueuedDevice, doing: string, blkaddr: number, nrBlocks: number): void {
  if (Number.isSafeInteger(blkaddr) && Number.isSafeInteger(nrBlocks) && blkaddr >= 0 && nrBlocks >= 0) {
    if (blkaddr + nrBlocks <= device.nrBlocks) return;
  }
  const message = `${device.name}: cannot ${doing} ${shown(nrBlocks)} blocks at block ${shown(blkaddr)}: the device has ${device.nrBlocks} blocks`;
  throw new F2fsError('EIO', message, { path: device.name, blkaddr });
}

/** Throws EROFS when the device was opened for reading only. */
export function checkWritable(device: QueuedDevice, doing: string): void {
  if (!device.readonly) return;
  const message = `${device.name}: cannot ${doing}: it was opened for reading only; open it writable`;
  throw new F2fsError('EROFS', message, { path: device.name });
}

/** Whether a range to be discarded lies on the device. Throws EINVAL for what is no range. */
export function isOnDevice(device: QueuedDevice, blkaddr: number, nrBlocks: number): boolean {
  for (const number of [blkaddr, nrBlocks])
    if (!Number.isSafeInteger(number)) throw invalid('range of blocks', number, 'whole numbers');
  return blkaddr >= 0 && nrBlocks > 0 && blkaddr + nrBlocks <= device.nrBlocks;
}

/** Throws EINVAL for what can't be shared with the writing thread. */
export function checkShared(memory: SharedArrayBuffer): void {
  if (!isSharedArrayBuffer(memory)) throw invalid('memory', memory, 'a SharedArrayBuffer');
}

/** Bytes of the largest device that is made: no volume, of the largest blocks, takes more. */
export const MAX_DEVICE_BYTES = MAX_SEGMENTS * BLKS_PER_SEG * 2 ** MAX_LOG_BLKSIZE;

/** Throws EINVAL when a new size is no positive count of blocks. */
export function checkNewSize(device: QueuedDevice, nrBlocks: number): void {
  if (Number.isSafeInteger(nrBlocks) && nrBlocks > 0 && nrBlocks <= MAX_DEVICE_BYTES / BLKSIZE) return;
  throw new F2fsError(
    'EINVAL',
    `${device.name}: invalid size in blocks ${shown(nrBlocks)}: expected a whole number from 1 to ${MAX_DEVICE_BYTES / BLKSIZE}`,
    { path: device.name },
  );
}
