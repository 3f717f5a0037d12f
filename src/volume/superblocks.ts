// The two superblocks: which of them counts, what is wrong with the other one, and how that is written anew. Source:
// read_raw_super_block, f2fs_commit_super.
import { inBlocksOf } from '../device/large-blocks.ts';
import type { QueuedDevice } from '../device/queued-device.ts';
import { corrupt, corruptAs, F2fsError } from '../errors.ts';
import { type FaultKind, faultText, type Report, type SuperblockFault, seemsToBe, superblockWords } from '../faults.ts';
import {
  BLOCK_SIZES,
  type BlockGeometry,
  blockGeometry,
  MAX_SEGMENTS,
  MIN_LOG_SECTORSIZE,
  MIN_SEGMENTS,
} from '../format/block-size.ts';
import { BLKS_PER_SEG, F2FS_SUPER_MAGIC, LOG_BLKS_PER_SEG, NR_LOGS, SUPER_OFFSET } from '../format/constants.ts';
import { FOREIGN_BYTES, type Foreign, notF2fsError, volumeIn } from '../format/foreign.ts';
import { fitsU64, viewOf } from '../format/struct.ts';
import { hasFeature, MAX_EXTENSION, SB_CHECKSUM_OFFSET, Superblock, superblockCrc } from '../format/superblock.ts';
import { isSameBytes } from '../platform/bytes.ts';
import { VolumeLayout } from './layout.ts';

const CP_PACKS = 2;

/**
 * Tells what keeps a superblock, the one of block `blkaddr` where blocks have `blockSize` bytes and the device `nrBlocks` of them, from
 * being used. Source: sanity_check_raw_super.
 */
export function checkSuperblock(
  sb: Superblock,
  blkaddr: number,
  blockSize: number,
  nrBlocks: number,
  report: Report,
): void {
  const block = blockGeometry(blockSize, hasFeature(sb, 'packed_ssa'));
  const { logBlockSize } = block;
  const at = { blkaddr };
  if (sb.magic !== F2FS_SUPER_MAGIC) report('superblock-magic', at, sb.magic);
  if (hasFeature(sb, 'sb_checksum')) {
    if (sb.checksumOffset !== SB_CHECKSUM_OFFSET) report('superblock-checksum-offset', at, sb.checksumOffset);
    else if (superblockCrc(sb) !== sb.crc) report('superblock-checksum', at);
  }
  if (sb.logBlocksize !== logBlockSize) report('superblock-block-size', at, sb.logBlocksize, blockSize);
  if (sb.logBlocksPerSeg !== LOG_BLKS_PER_SEG) report('superblock-segment-blocks', at, sb.logBlocksPerSeg);
  const isSector = sb.logSectorsize >= MIN_LOG_SECTORSIZE && sb.logSectorsize <= logBlockSize;
  if (!isSector || sb.logSectorsPerBlock + sb.logSectorsize !== logBlockSize)
    report('superblock-sector-size', at, sb.logSectorsize, sb.logSectorsPerBlock);
  const { segmentCount, segmentCountMain, segsPerSec, secsPerZone, sectionCount } = sb;
  if (segmentCount > MAX_SEGMENTS || segmentCount < MIN_SEGMENTS) report('superblock-segment-count', at, segmentCount);
  if (sectionCount < 1 || sectionCount > segmentCountMain || segsPerSec < 1 || segsPerSec > segmentCount)
    report('superblock-section-count', at, sectionCount, segsPerSec);
  if (segmentCountMain !== sectionCount * segsPerSec)
    report('superblock-main-sections', at, segmentCountMain, sectionCount, segsPerSec);
  // Of a read-only volume two logs are used.
  if (segmentCountMain < (hasFeature(sb, 'ro') ? 2 : NR_LOGS)) report('superblock-main-size', at, segmentCountMain);
  if (!fitsU64(sb.dv, sb.base + Superblock.offsets.blockCount)) report('superblock-field-range', at, 'blockCount');
  else if (segmentCount > Math.floor(sb.blockCount / BLKS_PER_SEG))
    report('superblock-block-count', at, segmentCount, sb.blockCount);
  if (secsPerZone < 1 || secsPerZone > sectionCount) report('superblock-zone-sections', at, secsPerZone);
  if (sb.extensionCount > MAX_EXTENSION || sb.extensionCount + sb.hotExtCount > MAX_EXTENSION)
    report('superblock-extensions', at, sb.extensionCount, sb.hotExtCount);
  if (sb.cpPayload >= BLKS_PER_SEG - CP_PACKS - NR_LOGS) report('superblock-checkpoint-payload', at, sb.cpPayload);
  if (sb.nodeIno !== 1 || sb.metaIno !== 2 || sb.rootIno !== 3)
    report('superblock-reserved-inodes', at, sb.nodeIno, sb.metaIno, sb.rootIno);
  checkAreas(sb, at, block, nrBlocks, report);
}

/** Source: sanity_check_area_boundary. */
function checkAreas(
  sb: Superblock,
  at: { blkaddr: number },
  block: BlockGeometry,
  nrBlocks: number,
  report: Report,
): void {
  const areas = [
    ['checkpoint', sb.cpBlkaddr, sb.segmentCountCkpt, sb.sitBlkaddr],
    ['SIT', sb.sitBlkaddr, sb.segmentCountSit, sb.natBlkaddr],
    ['NAT', sb.natBlkaddr, sb.segmentCountNat, sb.ssaBlkaddr],
    ['SSA', sb.ssaBlkaddr, sb.segmentCountSsa, sb.mainBlkaddr],
  ] as const;
  if (sb.segment0Blkaddr !== sb.cpBlkaddr) report('superblock-segment0', at);
  for (const [name, start, segments, end] of areas)
    if (start + segments * BLKS_PER_SEG !== end) report('superblock-area', at, name, start, segments, end);
  const { segmentCountCkpt, segmentCountSit, segmentCountNat, segmentCountMain } = sb;
  if (segmentCountCkpt < CP_PACKS) report('superblock-checkpoint-segments', at, segmentCountCkpt);
  if (segmentCountSit < 2 || segmentCountSit % 2 !== 0) report('superblock-sit-segments', at, segmentCountSit);
  if (segmentCountNat < 2 || segmentCountNat % 2 !== 0) report('superblock-nat-segments', at, segmentCountNat);
  const sitBlocks = Math.ceil(segmentCountMain / block.sitEntriesPerBlock);
  if ((segmentCountSit / 2) * BLKS_PER_SEG < sitBlocks) report('superblock-sit-size', at);
  // A read-only (ro) volume has no SSA.
  const ssaBlocks = Math.ceil(segmentCountMain / block.summariesPerBlock);
  if (!hasFeature(sb, 'ro') && sb.segmentCountSsa * BLKS_PER_SEG < ssaBlocks) report('superblock-ssa-size', at);
  const mainEnd = sb.mainBlkaddr + segmentCountMain * BLKS_PER_SEG;
  if (mainEnd > sb.segment0Blkaddr + sb.segmentCount * BLKS_PER_SEG) report('superblock-main-end', at);
  if (mainEnd > nrBlocks) report('superblock-device-end', at, mainEnd, nrBlocks);
}

/** The superblock that is not used, when it is not as it should be. */
export interface SpareSuperblock {
  /** Its block: 0 or 1. */
  readonly blkaddr: number;
  readonly fault: FaultKind;
  /** What is wrong with it, for people. */
  readonly message: string;
  /** Whether whoever writes to the volume is to write it anew. */
  readonly isToMend: boolean;
  /** What else the device seems to be now: a change of the volume would destroy that. */
  readonly foreign: Foreign | null;
}

/** The superblock that counts, and the other one when something is wrong with it. */
export interface Superblocks {
  /** The device by the volume's blocks. */
  readonly device: QueuedDevice;
  readonly layout: VolumeLayout;
  readonly spare: SpareSuperblock | null;
}

/** The first that is wrong with a superblock. */
interface CopyFault {
  readonly kind: SuperblockFault;
  readonly words: string;
}

/** A copy as it is on disk; its fault when it can't be used. */
interface Copy {
  readonly block: Uint8Array;
  readonly sb: Superblock;
  readonly fault: CopyFault | null;
  /** Why it could not be read. */
  readonly unread: F2fsError | null;
}

function readCopy(device: QueuedDevice, blkaddr: number): Copy {
  const block = new Uint8Array(device.blockSize);
  const sb = new Superblock(viewOf(block), SUPER_OFFSET);
  try {
    device.read(blkaddr, block);
  } catch (error) {
    if (!(error instanceof F2fsError) || error.code !== 'EIO') throw error;
    return { block, sb, fault: { kind: 'superblock-unread', words: error.message }, unread: error };
  }
  return { block, sb, fault: faultOf(sb, blkaddr, device.blockSize, device.nrBlocks), unread: null };
}

function faultOf(sb: Superblock, blkaddr: number, blockSize: number, nrBlocks: number): CopyFault | null {
  let first: CopyFault | null = null;
  checkSuperblock(sb, blkaddr, blockSize, nrBlocks, (kind, ...what) => {
    first ??= { kind: kind as SuperblockFault, words: superblockWords(kind as SuperblockFault, ...(what as never)) };
  });
  return first;
}

/** Bytes of blocks that a superblock tells, where it is sound for such blocks on a device that is large enough; else null. */
function toldBlockSize(sb: Superblock, blkaddr: number): number | null {
  const told = BLOCK_SIZES.find((size) => isMagic(sb) && Math.log2(size) === sb.logBlocksize);
  if (told === undefined || faultOf(sb, blkaddr, told, Number.POSITIVE_INFINITY) !== null) return null;
  return told;
}

/**
 * Bytes of the blocks of the volume on a device, as the first superblock has it, and the second one where such blocks end or, where
 * these are not of one mind, any second superblock that is sound. What tells nothing is taken for a volume of the usual size.
 */
function blockSizeOf(device: QueuedDevice): number {
  const first = readCopy(device, 0).sb;
  const second = (size: number): number | null => {
    const inBlocks = inBlocksOf(device, size);
    return inBlocks.nrBlocks < 2 ? null : toldBlockSize(readCopy(inBlocks, 1).sb, 1);
  };
  const told = toldBlockSize(first, 0);
  if (told !== null && second(told) === told) return told;
  const bySecond = BLOCK_SIZES.find((size) => second(size) === size);
  return bySecond ?? told ?? BLOCK_SIZES.find((size) => Math.log2(size) === first.logBlocksize) ?? device.blockSize;
}

/**
 * Reads both superblocks of the volume on a device of any blocks; the first that is sane counts. Throws EINVAL when neither block looks
 * like a superblock, EUCLEAN when one does but is damaged, EIO when none can be read.
 */
export function readSuperblocks(given: QueuedDevice): Superblocks {
  if (given.nrBlocks < 2) throw notF2fs(given);
  const device = inBlocksOf(given, blockSizeOf(given));
  if (device.nrBlocks < 2) throw notF2fs(given);
  const copies = [0, 1].map((blkaddr) => readCopy(device, blkaddr));
  const used = copies.findIndex(({ fault }) => fault === null);
  if (used < 0) throw unusable(device, copies);
  const layout = new VolumeLayout(copies[used].sb);
  return { device, layout, spare: spareOf(copies, used) };
}

function unusable(device: QueuedDevice, copies: readonly Copy[]): F2fsError {
  const unread = copies.find((copy) => copy.unread !== null)?.unread;
  if (unread) return unread;
  if (!copies.some(({ sb }) => isMagic(sb))) return notF2fs(device);
  const [first, second] = copies;
  const whole = copies.find(
    ({ sb }, blkaddr) => faultOf(sb, blkaddr, device.blockSize, Number.POSITIVE_INFINITY) === null,
  );
  if (whole !== undefined) return cutShort(device, whole.sb);
  const [{ kind, words }, { words: others }] = [first.fault as CopyFault, second.fault as CopyFault];
  const other = others === words ? ', which has the same fault' : `: ${others}`;
  const message = `superblock 1 can't be used: ${words}; nor superblock 2${other}${seemsToBe(foreignIn(copies))}`;
  return corruptAs(kind, message, { path: device.name, blkaddr: 0 });
}

function isMagic(sb: Superblock): boolean {
  return sb.magic === F2FS_SUPER_MAGIC;
}

/** What is no F2FS volume at all, by name. */
function notF2fs(device: QueuedDevice): F2fsError {
  const start = new Uint8Array(Math.min(FOREIGN_BYTES, device.nrBlocks * device.blockSize));
  device.read(0, start);
  return notF2fsError(device.name, start);
}

/** Of a volume that is sane but for the size of what holds it. */
function cutShort(device: QueuedDevice, sb: Superblock): F2fsError {
  const { blockSize, nrBlocks } = device;
  const needed = (sb.mainBlkaddr + sb.segmentCountMain * BLKS_PER_SEG) * blockSize;
  return corrupt('volume-cut-short', { path: device.name, blkaddr: 0 }, needed, nrBlocks * blockSize);
}

function spareOf(copies: readonly Copy[], used: number): SpareSuperblock | null {
  const blkaddr = 1 - used;
  const { sb, fault } = copies[blkaddr];
  if (fault !== null) {
    const foreign = foreignIn(copies);
    const consequence =
      foreign === null
        ? `superblock ${used + 1} is used; a change of the volume writes it anew from that one`
        : `superblock 2 is used, for reading alone, as the device seems to be ${foreign.what} now`;
    const message = `superblock ${blkaddr + 1} is damaged (${fault.words}): ${consequence}`;
    return { blkaddr, fault: fault.kind, message, isToMend: true, foreign };
  }
  if (isSameBytes(bytesOf(sb), bytesOf(copies[used].sb))) return null;
  // Of two volumes nobody knows which one is meant: Linux takes the first as well.
  const isSameVolume = isSameBytes(sb.uuid, copies[used].sb.uuid);
  const message = faultText('superblocks-differ', {}, isSameVolume);
  return { blkaddr, fault: 'superblocks-differ', message, isToMend: isSameVolume, foreign: null };
}

/** What the device seems to have become, when superblock 1 can't be used, or null. Both blocks are F2FS's own, as mkfs leaves them. */
function foreignIn([first, second]: readonly Copy[]): Foreign | null {
  if (first.fault === null) return null;
  const start = new Uint8Array(2 * first.block.length);
  start.set(first.block);
  start.set(second.block, first.block.length);
  return otherVolume(first.sb, first.block.length) ?? volumeIn(start);
}

/** What a superblock stands for that is sound, but not for blocks of `blockSize`; else null. */
function otherVolume(sb: Superblock, blockSize: number): Foreign | null {
  const told = toldBlockSize(sb, 0);
  if (told === null || told === blockSize) return null;
  return { what: `F2FS with blocks of ${told} bytes`, cure: 'find out which of the two volumes is wanted' };
}

/** Bytes of a superblock within its block. */
function bytesOf(sb: Superblock): Uint8Array {
  return new Uint8Array(sb.dv.buffer, sb.dv.byteOffset + sb.base, Superblock.size);
}

/**
 * Writes the spare superblock anew from the one that counts, which is not touched; what else stands in its block is kept. Throws
 * what the device throws.
 */
export function writeSpare(device: QueuedDevice, { blkaddr }: SpareSuperblock, { sb }: VolumeLayout): void {
  const block = new Uint8Array(device.blockSize);
  device.read(blkaddr, block);
  block.set(bytesOf(sb), SUPER_OFFSET);
  device.write(blkaddr, [block]);
}
