// How much page cache a mount needs, for callers that choose one before they know the volume.
import { MIN_CLUSTER_FRAMES } from '../compress/cluster-buffers.ts';
import { deviceOf } from '../device/checked-device.ts';
import type { BlockDevice } from '../device/device.ts';
import { readSuperblocks } from '../volume/superblocks.ts';

/**
 * `bytes` of page cache, or as many as compressed clusters take with the blocks of the volume on a device. Throws as `mount` does for
 * what is no volume.
 */
export function cacheBytesFor(device: BlockDevice, bytes: number): number {
  return Math.max(bytes, MIN_CLUSTER_FRAMES * readSuperblocks(deviceOf(device)).device.blockSize);
}
