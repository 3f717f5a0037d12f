// Looks at what stands on a device, so that nothing is formatted over by mistake.
import { deviceOf } from '../device/checked-device.ts';
import type { BlockDevice } from '../device/device.ts';
import type { QueuedDevice } from '../device/queued-device.ts';
import { BLOCK_SIZES } from '../format/block-size.ts';
import { F2FS_SUPER_MAGIC, SUPER_OFFSET } from '../format/constants.ts';
import { FOREIGN_BYTES, type Foreign, recognize } from '../format/foreign.ts';
import { viewOf } from '../format/struct.ts';

/**
 * `f2fs` when either superblock has the magic, though not the second alone where something else that is known stands at the start;
 * `other` when anything else than zeros stands in the first MiB.
 */
export function probe(given: BlockDevice): 'f2fs' | 'other' | 'empty' {
  return kindOf(startOf(deviceOf(given)));
}

/** What stands on a device, as a part of a sentence about it, now and afterwards. */
export interface DeviceContents {
  /** As of `probe`. */
  kind: 'f2fs' | 'other';
  /** `is an ext4 file system`, `holds an F2FS volume`; `is not empty` where it is not known. */
  now: string;
  /** `was an ext4 file system`. */
  before: string;
}

/** What stands on a device, in words; null for zeros. */
export function contentsOf(given: BlockDevice): DeviceContents | null {
  const start = startOf(deviceOf(given));
  const kind = kindOf(start);
  if (kind === 'empty') return null;
  if (kind === 'f2fs') return { kind, now: 'holds an F2FS volume', before: 'held an F2FS volume' };
  const what = (sincePlaced(start) ?? recognize(start))?.what ?? 'not empty';
  return { kind, now: `is ${what}`, before: `was ${what}` };
}

/** The bytes that are looked at: superblocks and partition tables of other file systems stand within. */
function startOf(device: QueuedDevice): Uint8Array {
  const start = new Uint8Array(Math.min(FOREIGN_BYTES, device.nrBlocks * device.blockSize));
  device.read(0, start);
  return start;
}

function kindOf(start: Uint8Array): 'f2fs' | 'other' | 'empty' {
  if (hasMagic(start, 0)) return 'f2fs';
  if (secondCopy(start) > 0) return sincePlaced(start) === null ? 'f2fs' : 'other';
  return start.some((byte) => byte !== 0) ? 'other' : 'empty';
}

/** What came to stand where a volume was, of which superblock 2 is left, or null. Nothing but its two blocks is the volume's here. */
function sincePlaced(start: Uint8Array): Foreign | null {
  const second = secondCopy(start);
  return hasMagic(start, 0) || second === 0 ? null : recognize(start.subarray(0, 2 * second));
}

/** Byte of the second block, by which of its places superblock 2 is there; 0 for none. */
function secondCopy(start: Uint8Array): number {
  return BLOCK_SIZES.find((blockSize) => hasMagic(start, blockSize)) ?? 0;
}

function hasMagic(start: Uint8Array, block: number): boolean {
  const at = block + SUPER_OFFSET;
  return at + 4 <= start.length && viewOf(start).getUint32(at, true) === F2FS_SUPER_MAGIC;
}
