// Looks at what stands on a device, so that nothing is formatted over by mistake.
import { deviceOf } from '../device/checked-device.ts';
import type { BlockDevice } from '../device/device.ts';
import { BLKSIZE, F2FS_SUPER_MAGIC, SUPER_OFFSET } from '../format/constants.ts';
import { FOREIGN_BYTES, recognize } from '../format/foreign.ts';
import { viewOf } from '../format/struct.ts';

/** `f2fs` when either superblock has the magic, `other` when anything else than zeros stands in the first MiB. */
export function probe(given: BlockDevice): 'f2fs' | 'other' | 'empty' {
  return kindOf(startOf(deviceOf(given)));
}

/** What stands on a device, as a part of a sentence about it, now and afterwards. */
export interface Contents {
  kind: 'f2fs' | 'other';
  /** `is an ext4 file system`, `holds an F2FS volume`; `is not empty` where it is not known. */
  now: string;
  /** `was an ext4 file system`. */
  before: string;
}

/** null for zeros. */
export function contentsOf(given: BlockDevice): Contents | null {
  const start = startOf(deviceOf(given));
  const kind = kindOf(start);
  if (kind === 'empty') return null;
  if (kind === 'f2fs') return { kind, now: 'holds an F2FS volume', before: 'held an F2FS volume' };
  const what = recognize(start)?.what ?? 'not empty';
  return { kind, now: `is ${what}`, before: `was ${what}` };
}

/** The bytes that are looked at: superblocks and partition tables of other file systems stand within. */
function startOf(device: BlockDevice): Uint8Array {
  const start = new Uint8Array(Math.min(FOREIGN_BYTES, device.nrBlocks * BLKSIZE));
  device.read(0, start);
  return start;
}

function kindOf(start: Uint8Array): 'f2fs' | 'other' | 'empty' {
  const dv = viewOf(start);
  for (const copy of [0, 1]) {
    const at = copy * BLKSIZE + SUPER_OFFSET;
    if (at + 4 <= start.length && dv.getUint32(at, true) === F2FS_SUPER_MAGIC) return 'f2fs';
  }
  return start.some((byte) => byte !== 0) ? 'other' : 'empty';
}
