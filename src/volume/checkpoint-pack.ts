// Finds the last complete checkpoint among the two packs, and checks it before anything trusts it.
import type { QueuedDevice } from '../device/queued-device.ts';
import { corrupt, F2fsError } from '../errors.ts';
import { Checkpoint, CP, CP_BITMAP_OFFSET, CP_CHECKSUM_OFFSET, checkpointCrc } from '../format/checkpoint.ts';
import { BLKS_PER_SEG, BLKSIZE, LOG_NAMES, NR_DATA_LOGS, NR_LOGS } from '../format/constants.ts';
import { viewOf } from '../format/struct.ts';
import { hasFeature } from '../format/superblock.ts';
import type { VolumeLayout } from './layout.ts';
import { type SpareSuperblock, seemsToBe } from './superblocks.ts';

/** Nids 0, 1 (node) and 2 (meta) own no block. */
export const RESERVED_NODES = 3;
const CP_PACKS = 2;

/** A checkpoint as it is on disk: its block, its payload blocks, and where its pack lies. */
export interface CheckpointPack {
  /** The checkpoint block and the cpPayload blocks after it. */
  readonly block: Uint8Array;
  readonly cp: Checkpoint;
  /** Which pack it is: 0 or 1. */
  readonly pack: 0 | 1;
  /** Block address of the pack. */
  readonly blkaddr: number;
  /** CRC stored in the block. */
  readonly crc: number;
  /** Whether the other pack is whole, as it is but for a crash while it was written, or damage. */
  readonly hasWholeSpare: boolean;
}

/** Segment and next block offset that a checkpoint names for each log. */
export function logPosition(cp: Checkpoint, log: number): { segno: number; blkoff: number; allocType: number } {
  const node = log >= NR_DATA_LOGS;
  const slot = node ? log - NR_DATA_LOGS : log;
  const offsets = Checkpoint.offsets;
  return {
    segno: cp.dv.getUint32(cp.base + (node ? offsets.curNodeSegno : offsets.curDataSegno) + 4 * slot, true),
    blkoff: cp.dv.getUint16(cp.base + (node ? offsets.curNodeBlkoff : offsets.curDataBlkoff) + 2 * slot, true),
    allocType: cp.dv.getUint8(cp.base + offsets.allocType + log),
  };
}

export function setLogPosition(cp: Checkpoint, log: number, segno: number, blkoff: number, allocType: number): void {
  const node = log >= NR_DATA_LOGS;
  const slot = node ? log - NR_DATA_LOGS : log;
  const offsets = Checkpoint.offsets;
  cp.dv.setUint32(cp.base + (node ? offsets.curNodeSegno : offsets.curDataSegno) + 4 * slot, segno, true);
  cp.dv.setUint16(cp.base + (node ? offsets.curNodeBlkoff : offsets.curDataBlkoff) + 2 * slot, blkoff, true);
  cp.dv.setUint8(cp.base + offsets.allocType + log, allocType);
}

/** A version bitmap within the checkpoint (or its payload). Source: __bitmap_ptr. */
export function versionBitmap(pack: CheckpointPack, which: 'sit' | 'nat', cpPayload: number): Uint8Array {
  const { cp, block } = pack;
  const size = which === 'sit' ? cp.sitVerBitmapBytesize : cp.natVerBitmapBytesize;
  let offset = CP_BITMAP_OFFSET;
  if ((cp.ckptFlags & CP.LARGE_NAT_BITMAP) !== 0) {
    // The checksum stands first, then the NAT's bitmap, then the SIT's.
    offset += 4 + (which === 'sit' ? cp.natVerBitmapBytesize : 0);
  } else if (cpPayload > 0) {
    offset = which === 'sit' ? BLKSIZE : CP_BITMAP_OFFSET;
  } else if (which === 'nat') {
    offset += cp.sitVerBitmapBytesize;
  }
  if (offset + size > block.length)
    throw corrupt(`the ${which.toUpperCase()} version bitmap does not fit the checkpoint`);
  return block.subarray(offset, offset + size);
}

/** Reads one checkpoint block; null when its checksum does not hold. */
function readBlock(device: QueuedDevice, blkaddr: number): Uint8Array | null {
  const block = new Uint8Array(BLKSIZE);
  device.read(blkaddr, block);
  const cp = new Checkpoint(viewOf(block));
  const offset = cp.checksumOffset;
  if (offset < CP_BITMAP_OFFSET || offset > CP_CHECKSUM_OFFSET || offset % 4 !== 0) return null;
  return checkpointCrc(block, offset) === viewOf(block).getUint32(offset, true) ? block : null;
}

/** The pack at `blkaddr` when its first and last blocks are whole and of one version. Source: validate_checkpoint. */
function readPack(device: QueuedDevice, blkaddr: number): { block: Uint8Array; version: number } | null {
  const first = readBlock(device, blkaddr);
  if (first === null) return null;
  const cp = new Checkpoint(viewOf(first));
  const total = cp.cpPackTotalBlockCount;
  if (total > BLKS_PER_SEG || total <= CP_PACKS) return null;
  const last = readBlock(device, blkaddr + total - 1);
  if (last === null) return null;
  const version = cp.checkpointVer;
  return new Checkpoint(viewOf(last)).checkpointVer === version ? { block: first, version } : null;
}

/**
 * The newer of the two checkpoint packs, checked against the layout. Throws EUCLEAN when neither is whole or the newer
 * one contradicts the superblock; of the superblock that is not used it says what the device may be instead. Source: f2fs_get_valid_checkpoint.
 */
export function readCheckpoint(
  device: QueuedDevice,
  layout: VolumeLayout,
  spare: SpareSuperblock | null = null,
): CheckpointPack {
  const packs = [0, 1].map((pack) => {
    try {
      return readPack(device, layout.cpBlkaddr + pack * BLKS_PER_SEG);
    } catch (error) {
      if (error instanceof F2fsError && error.code === 'EUCLEAN') return null;
      throw error;
    }
  });
  const [one, two] = packs;
  if (one === null && two === null) {
    const message = 'neither checkpoint pack is whole: the volume has no consistent state to mount';
    throw corrupt(message + seemsToBe(spare?.foreign ?? null), {
      path: device.name,
      blkaddr: layout.cpBlkaddr,
    });
  }
  const pack = one === null || (two !== null && two.version > one.version) ? 1 : 0;
  const blkaddr = layout.cpBlkaddr + pack * BLKS_PER_SEG;
  const block = new Uint8Array(BLKSIZE * (1 + layout.cpPayload));
  block.set(packs[pack]!.block);
  if (layout.cpPayload > 0) device.read(blkaddr + 1, block.subarray(BLKSIZE));
  const dv = viewOf(block);
  const cp = new Checkpoint(dv);
  const fault = checkpointFault(cp, layout);
  if (fault !== null) throw corrupt(`the checkpoint can't be used: ${fault}`, { path: device.name, blkaddr });
  const hasWholeSpare = packs[1 - pack] !== null;
  return { block, cp, pack, blkaddr, crc: dv.getUint32(cp.checksumOffset, true), hasWholeSpare };
}

/** Source: f2fs_sanity_check_ckpt. */
function checkpointFault(cp: Checkpoint, layout: VolumeLayout): string | null {
  const { sb } = layout;
  const ro = hasFeature(sb, 'ro');
  const metaSegments = sb.segmentCountCkpt + sb.segmentCountSit + sb.segmentCountNat + sb.segmentCountSsa;
  if (metaSegments + cp.rsvdSegmentCount >= sb.segmentCount) return `it reserves ${cp.rsvdSegmentCount} segments`;
  if (!ro && (cp.overprovSegmentCount === 0 || cp.rsvdSegmentCount === 0)) return 'it reserves no segments';
  const mainBlocks = (layout.nrMainSegments + (ro ? 1 : 0)) * BLKS_PER_SEG;
  if (cp.userBlockCount === 0 || cp.userBlockCount >= mainBlocks) return `its user block count is ${cp.userBlockCount}`;
  if (cp.validBlockCount > cp.userBlockCount) {
    return `${cp.validBlockCount} blocks are in use of ${cp.userBlockCount}`;
  }
  if (cp.validNodeCount > layout.maxNid - RESERVED_NODES) return `${cp.validNodeCount} nodes are in use`;
  if (cp.validInodeCount > cp.validNodeCount)
    return `${cp.validInodeCount} inodes are in use of ${cp.validNodeCount} nodes`;
  if (cp.freeSegmentCount > layout.nrMainSegments) return `${cp.freeSegmentCount} segments are free`;
  const seen = new Map<number, string>();
  for (let log = 0; log < NR_LOGS; log++) {
    const { segno, blkoff } = logPosition(cp, log);
    if (segno >= layout.nrMainSegments || blkoff >= BLKS_PER_SEG)
      return `its ${LOG_NAMES[log]} log is at ${segno}:${blkoff}`;
    if (!ro && seen.has(segno)) return `its ${LOG_NAMES[log]} and ${seen.get(segno)} logs share segment ${segno}`;
    seen.set(segno, LOG_NAMES[log]);
  }
  if (cp.sitVerBitmapBytesize !== layout.nrSitBlocks / 8 || cp.natVerBitmapBytesize !== layout.nrNatBlocks / 8) {
    return `its version bitmaps are ${cp.sitVerBitmapBytesize} and ${cp.natVerBitmapBytesize} bytes`;
  }
  if (cp.cpPackStartSum < layout.cpPayload + 1 || cp.cpPackStartSum > BLKS_PER_SEG - 1 - NR_LOGS) {
    return `its summaries begin at block ${cp.cpPackStartSum}`;
  }
  if ((cp.ckptFlags & CP.LARGE_NAT_BITMAP) !== 0) {
    if (cp.checksumOffset !== CP_BITMAP_OFFSET)
      return 'it uses the deprecated layout of large_nat_bitmap; run fsck.f2fs 1.13 or later';
  } else {
    // With a payload the SIT's bitmap stands there.
    const bitmaps = cp.natVerBitmapBytesize + (layout.cpPayload > 0 ? 0 : cp.sitVerBitmapBytesize);
    if (CP_BITMAP_OFFSET + bitmaps > cp.checksumOffset) return 'its version bitmaps run over its checksum';
  }
  return null;
}
