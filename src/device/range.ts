// The checks that every device makes of what it is asked.
import { F2fsError } from '../errors.ts';
import { BLKSIZE } from '../format/constants.ts';
import type { BlockDevice } from './device.ts';

/**
 * Blocks in `sizeBytes` bytes of whole blocks.
 * Throws EINVAL when that is not a positive multiple of 4096.
 */
export function wholeBlocks(device: BlockDevice, blkaddr: number, sizeBytes: number): number {
  if (sizeBytes === 0 || sizeBytes % BLKSIZE !== 0) {
    const message = `${device.name}: a request of ${sizeBytes} bytes is not one of whole blocks of ${BLKSIZE}`;
    throw new F2fsError('EINVAL', message, { path: device.name, blkaddr });
  }
  return sizeBytes / BLKSIZE;
}

/** Throws EIO when `nrBlocks` blocks from `blkaddr` do not all lie on the device. */
export function checkRange(device: BlockDevice, doing: string, blkaddr: number, nrBlocks: number): void {
  if (Number.isSafeInteger(blkaddr) && Number.isSafeInteger(nrBlocks) && blkaddr >= 0 && nrBlocks >= 0) {
    if (blkaddr + nrBlocks <= device.nrBlocks) return;
  }
  const message = `${device.name}: cannot ${doing} ${nrBlocks} blocks at block ${blkaddr}: the device has ${device.nrBlocks} blocks`;
  throw new F2fsError('EIO', message, { path: device.name, blkaddr });
}

/** Throws EROFS when the device was opened for reading only. */
export function checkWritable(device: BlockDevice, doing: string): void {
  if (!device.readonly) return;
  const message = `${device.name}: cannot ${doing}: it was opened for reading only; open it writable`;
  throw new F2fsError('EROFS', message, { path: device.name });
}

/** Throws EINVAL when a new size is no positive count of blocks. */
export function checkNewSize(device: BlockDevice, nrBlocks: number): void {
  if (Number.isSafeInteger(nrBlocks) && nrBlocks > 0) return;
  throw new F2fsError('EINVAL', `${device.name}: ${nrBlocks} is no size in blocks`, { path: device.name });
}
