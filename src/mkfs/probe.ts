// Looks at what stands on a device, so that nothing is formatted over by mistake.
import { deviceOf } from '../device/checked-device.ts';
import type { BlockDevice } from '../device/device.ts';
import { BLKSIZE, F2FS_SUPER_MAGIC, SUPER_OFFSET } from '../format/constants.ts';
import { viewOf } from '../format/struct.ts';

/** How much is looked at: superblocks and partition tables of other file systems stand within. */
const PROBE_BLOCKS = 256;

/** `f2fs` when either superblock has the magic, `other` when anything else than zeros stands in the first MiB. */
export function probe(given: BlockDevice): 'f2fs' | 'other' | 'empty' {
  const device = deviceOf(given);
  const start = new Uint8Array(Math.min(PROBE_BLOCKS, device.nrBlocks) * BLKSIZE);
  device.read(0, start);
  const dv = viewOf(start);
  for (const copy of [0, 1]) {
    const at = copy * BLKSIZE + SUPER_OFFSET;
    if (at + 4 <= start.length && dv.getUint32(at, true) === F2FS_SUPER_MAGIC) return 'f2fs';
  }
  return start.some((byte) => byte !== 0) ? 'other' : 'empty';
}
