// Finds the last complete checkpoint among the two packs, and checks it before anything trusts it.
import type { QueuedDevice } from '../device/queued-device.ts';
import { corrupt, F2fsError, throwFault } from '../errors.ts';
import type { Report } from '../faults.ts';
import { CHECKSUM_SIZE } from '../format/block-size.ts';
import { Checkpoint, CP, CP_BITMAP_OFFSET, checkpointCrc } from '../format/checkpoint.ts';
import { BLKS_PER_SEG, LOG_NAMES, NR_DATA_LOGS, NR_LOGS } from '../format/constants.ts';
import { fitsU64, viewOf } from '../format/struct.ts';
import { hasFeature } from '../format/superblock.ts';
import type { VolumeLayout } from './layout.ts';
import type { SpareSuperblock } from './superblocks.ts';

/** Nids 0, 1 (node) and 2 (meta) own no block. */
export const RESERVED_NODES = 3;
const CP_PACKS = 2;

/** Where a checkpoint stands, for errors. */
interface At {
  readonly path?: string;
  readonly blkaddr: number;
}

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
export function versionBitmap(pack: CheckpointPack, which: 'sit' | 'nat', layout: VolumeLayout): Uint8Array {
  const { cp, block } = pack;
  const size = which === 'sit' ? cp.sitVerBitmapBytesize : cp.natVerBitmapBytesize;
  let offset = CP_BITMAP_OFFSET;
  if ((cp.ckptFlags & CP.LARGE_NAT_BITMAP) !== 0) {
    // The checksum stands first, then the NAT's bitmap, then the SIT's.
    offset += 4 + (which === 'sit' ? cp.natVerBitmapBytesize : 0);
  } else if (layout.cpPayload > 0) {
    offset = which === 'sit' ? layout.block.blockSize : CP_BITMAP_OFFSET;
  } else if (which === 'nat') {
    offset += cp.sitVerBitmapBytesize;
  }
  if (offset + size > block.length) throw corrupt('checkpoint-bitmap-fit', {}, which === 'sit' ? 'SIT' : 'NAT');
  return block.subarray(offset, offset + size);
}

/** Reads one checkpoint block; null when its checksum does not hold. */
function readBlock(device: QueuedDevice, blkaddr: number): Uint8Array | null {
  const block = new Uint8Array(device.blockSize);
  device.read(blkaddr, block);
  const cp = new Checkpoint(viewOf(block));
  const offset = cp.checksumOffset;
  if (offset < CP_BITMAP_OFFSET || offset > block.length - CHECKSUM_SIZE || offset % 4 !== 0) return null;
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
    throw corrupt('checkpoint-packs', { path: device.name, blkaddr: layout.cpBlkaddr }, spare?.foreign ?? null);
  }
  const pack = one === null || (two !== null && two.version > one.version) ? 1 : 0;
  const blkaddr = layout.cpBlkaddr + pack * BLKS_PER_SEG;
  const block = new Uint8Array(device.blockSize * (1 + layout.cpPayload));
  block.set(packs[pack]!.block);
  if (layout.cpPayload > 0) device.read(blkaddr + 1, block.subarray(device.blockSize));
  const dv = viewOf(block);
  const cp = new Checkpoint(dv);
  checkCheckpoint(cp, layout, { path: device.name, blkaddr }, throwFault);
  const hasWholeSpare = packs[1 - pack] !== null;
  return { block, cp, pack, blkaddr, crc: dv.getUint32(cp.checksumOffset, true), hasWholeSpare };
}

/** Tells what keeps the checkpoint at `blkaddr` from being used. Source: f2fs_sanity_check_ckpt. */
export function checkCheckpoint(cp: Checkpoint, layout: VolumeLayout, at: At, report: Report): void {
  const { sb } = layout;
  const ro = hasFeature(sb, 'ro');
  const { rsvdSegmentCount, validNodeCount, validInodeCount, freeSegmentCount } = cp;
  const metaSegments = sb.segmentCountCkpt + sb.segmentCountSit + sb.segmentCountNat + sb.segmentCountSsa;
  if (metaSegments + rsvdSegmentCount >= sb.segmentCount) report('checkpoint-reserved-segments', at, rsvdSegmentCount);
  if (!ro && (cp.overprovSegmentCount === 0 || rsvdSegmentCount === 0)) report('checkpoint-no-reserve', at);
  const { userBlockCount, validBlockCount } = countsOf(cp, at, report);
  const mainBlocks = (layout.nrMainSegments + (ro ? 1 : 0)) * BLKS_PER_SEG;
  if (userBlockCount === 0 || userBlockCount >= mainBlocks) report('checkpoint-user-blocks', at, userBlockCount);
  if (validBlockCount > userBlockCount) report('checkpoint-valid-blocks', at, validBlockCount, userBlockCount);
  if (validNodeCount > layout.maxNid - RESERVED_NODES) report('checkpoint-valid-nodes', at, validNodeCount);
  if (validInodeCount > validNodeCount) report('checkpoint-valid-inodes', at, validInodeCount, validNodeCount);
  if (freeSegmentCount > layout.nrMainSegments) report('checkpoint-free-segments', at, freeSegmentCount);
  checkLogs(cp, layout, at, report);
  const { sitVerBitmapBytesize: sit, natVerBitmapBytesize: nat } = cp;
  if (sit !== layout.nrSitBlocks / 8 || nat !== layout.nrNatBlocks / 8) report('checkpoint-bitmap-size', at, sit, nat);
  if (cp.cpPackStartSum < layout.cpPayload + 1 || cp.cpPackStartSum > BLKS_PER_SEG - 1 - NR_LOGS)
    report('checkpoint-summary-start', at, cp.cpPackStartSum);
  if ((cp.ckptFlags & CP.LARGE_NAT_BITMAP) !== 0) {
    if (cp.checksumOffset !== CP_BITMAP_OFFSET) report('checkpoint-large-nat-bitmap', at);
  } else {
    // With a payload the SIT's bitmap stands there.
    const bitmaps = nat + (layout.cpPayload > 0 ? 0 : sit);
    if (CP_BITMAP_OFFSET + bitmaps > cp.checksumOffset) report('checkpoint-bitmap-end', at);
  }
}

/** Those of the 64-bit fields that are checked; 1 of 1 where they can't be read. */
function countsOf(cp: Checkpoint, at: At, report: Report): { userBlockCount: number; validBlockCount: number } {
  let isReadable = true;
  for (const field of ['userBlockCount', 'validBlockCount', 'elapsedTime'] as const) {
    if (fitsU64(cp.dv, cp.base + Checkpoint.offsets[field])) continue;
    report('checkpoint-field-range', at, field);
    isReadable = false;
  }
  return isReadable ? cp : { userBlockCount: 1, validBlockCount: 1 };
}

function checkLogs(cp: Checkpoint, layout: VolumeLayout, at: At, report: Report): void {
  const isShared = hasFeature(layout.sb, 'ro');
  const seen = new Map<number, string>();
  for (let log = 0; log < NR_LOGS; log++) {
    const { segno, blkoff } = logPosition(cp, log);
    const other = seen.get(segno);
    if (segno >= layout.nrMainSegments || blkoff >= BLKS_PER_SEG)
      report('checkpoint-log-position', at, LOG_NAMES[log], segno, blkoff);
    else if (!isShared && other !== undefined) report('checkpoint-log-shared', at, LOG_NAMES[log], other, segno);
    seen.set(segno, LOG_NAMES[log]);
  }
}
