// The two superblocks: which of them counts, what is wrong with the other one, and how that is written anew. Source:
// read_raw_super_block, f2fs_commit_super.
import type { QueuedDevice } from '../device/queued-device.ts';
import { corrupt, F2fsError } from '../errors.ts';
import { MAX_LOG_BLKSIZE, MAX_SEGMENTS, MIN_LOG_SECTORSIZE, MIN_SEGMENTS } from '../format/block-size.ts';
import {
  BLKS_PER_SEG,
  BLKSIZE,
  F2FS_SUPER_MAGIC,
  LOG_BLKS_PER_SEG,
  LOG_BLKSIZE,
  NR_LOGS,
  SUPER_OFFSET,
} from '../format/constants.ts';
import { FOREIGN_BYTES, type Foreign, notF2fsError, volumeIn } from '../format/foreign.ts';
import { SIT_ENTRIES_PER_BLOCK } from '../format/sit.ts';
import { viewOf } from '../format/struct.ts';
import { hasFeature, MAX_EXTENSION, SB_CHECKSUM_OFFSET, Superblock, superblockCrc } from '../format/superblock.ts';
import { isSameBytes } from '../platform/bytes.ts';
import { VolumeLayout } from './layout.ts';

const CP_PACKS = 2;

/** Why a superblock can't be used, or null. Source: sanity_check_raw_super, sanity_check_area_boundary. */
function superblockFault(sb: Superblock, nrBlocks: number): string | null {
  if (sb.magic !== F2FS_SUPER_MAGIC) return `its magic is 0x${sb.magic.toString(16)}, not 0xf2f52010`;
  if (hasFeature(sb, 'sb_checksum')) {
    if (sb.checksumOffset !== SB_CHECKSUM_OFFSET) return `its checksum offset is ${sb.checksumOffset}`;
    if (superblockCrc(sb) !== sb.crc) return 'its checksum is wrong';
  }
  if (sb.logBlocksize !== LOG_BLKSIZE) return `its block size is 2^${sb.logBlocksize}; only ${BLKSIZE} is supported`;
  if (sb.logBlocksPerSeg !== LOG_BLKS_PER_SEG)
    return `it has 2^${sb.logBlocksPerSeg} blocks in a segment, not ${BLKS_PER_SEG}`;
  const isSector = sb.logSectorsize >= MIN_LOG_SECTORSIZE && sb.logSectorsize <= LOG_BLKSIZE;
  if (!isSector || sb.logSectorsPerBlock + sb.logSectorsize !== LOG_BLKSIZE) {
    return `its sector size is 2^${sb.logSectorsize}, with 2^${sb.logSectorsPerBlock} sectors in a block`;
  }
  const { segmentCount, segmentCountMain, segsPerSec, secsPerZone, sectionCount } = sb;
  if (segmentCount > MAX_SEGMENTS || segmentCount < MIN_SEGMENTS) return `its segment count is ${segmentCount}`;
  if (sectionCount < 1 || sectionCount > segmentCountMain || segsPerSec < 1 || segsPerSec > segmentCount) {
    return `it has ${sectionCount} sections of ${segsPerSec} segments`;
  }
  if (segmentCountMain !== sectionCount * segsPerSec) {
    return `its main area has ${segmentCountMain} segments, not ${sectionCount} x ${segsPerSec}`;
  }
  if (segmentCountMain < NR_LOGS) return `its main area has only ${segmentCountMain} segments`;
  if (segmentCount > Math.floor(sb.blockCount / BLKS_PER_SEG)) {
    return `it has ${segmentCount} segments in ${sb.blockCount} blocks`;
  }
  if (secsPerZone < 1 || secsPerZone > sectionCount) return `it has ${secsPerZone} sections in a zone`;
  if (sb.extensionCount > MAX_EXTENSION || sb.extensionCount + sb.hotExtCount > MAX_EXTENSION) {
    return `it lists ${sb.extensionCount} + ${sb.hotExtCount} extensions`;
  }
  if (sb.cpPayload >= BLKS_PER_SEG - CP_PACKS - NR_LOGS) return `its checkpoint payload is ${sb.cpPayload} blocks`;
  if (sb.nodeIno !== 1 || sb.metaIno !== 2 || sb.rootIno !== 3) {
    return `its reserved inodes are ${sb.nodeIno}, ${sb.metaIno} and ${sb.rootIno}, not 1, 2 and 3`;
  }
  return areaFault(sb, nrBlocks);
}

function areaFault(sb: Superblock, nrBlocks: number): string | null {
  const areas: [string, number, number, number][] = [
    ['checkpoint', sb.cpBlkaddr, sb.segmentCountCkpt, sb.sitBlkaddr],
    ['SIT', sb.sitBlkaddr, sb.segmentCountSit, sb.natBlkaddr],
    ['NAT', sb.natBlkaddr, sb.segmentCountNat, sb.ssaBlkaddr],
    ['SSA', sb.ssaBlkaddr, sb.segmentCountSsa, sb.mainBlkaddr],
  ];
  if (sb.segment0Blkaddr !== sb.cpBlkaddr) return 'its checkpoint area does not begin at segment 0';
  for (const [name, start, segments, end] of areas) {
    if (start + segments * BLKS_PER_SEG !== end)
      return `its ${name} area runs from ${start} for ${segments} segments, not to ${end}`;
  }
  if (sb.segmentCountCkpt < CP_PACKS) return `its checkpoint area has ${sb.segmentCountCkpt} segments`;
  if (sb.segmentCountSit < 2 || sb.segmentCountSit % 2 !== 0) return `its SIT has ${sb.segmentCountSit} segments`;
  if (sb.segmentCountNat < 2 || sb.segmentCountNat % 2 !== 0) return `its NAT has ${sb.segmentCountNat} segments`;
  const sitBlocks = Math.ceil(sb.segmentCountMain / SIT_ENTRIES_PER_BLOCK);
  if ((sb.segmentCountSit / 2) * BLKS_PER_SEG < sitBlocks) return 'its SIT is too small for its main area';
  // A read-only (ro) volume has no SSA.
  if (!hasFeature(sb, 'ro') && sb.segmentCountSsa * BLKS_PER_SEG < sb.segmentCountMain)
    return 'its SSA is too small for its main area';
  const mainEnd = sb.mainBlkaddr + sb.segmentCountMain * BLKS_PER_SEG;
  if (mainEnd > sb.segment0Blkaddr + sb.segmentCount * BLKS_PER_SEG)
    return 'its main area goes on past its last segment';
  if (mainEnd > nrBlocks) return `its main area ends at block ${mainEnd}, the device at ${nrBlocks}`;
  return null;
}

/** The superblock that is not used, when it is not as it should be. */
export interface SpareSuperblock {
  /** Its block: 0 or 1. */
  readonly blkaddr: number;
  /** What is wrong with it, for people. */
  readonly message: string;
  /** Whether whoever writes to the volume is to write it anew. */
  readonly isToMend: boolean;
  /** What else the device seems to be now: a change of the volume would destroy that. */
  readonly foreign: Foreign | null;
}

/** The superblock that counts, and the other one when something is wrong with it. */
export interface Superblocks {
  readonly layout: VolumeLayout;
  readonly spare: SpareSuperblock | null;
}

/** A copy as it is on disk; its fault when it can't be used. */
interface Copy {
  readonly block: Uint8Array;
  readonly sb: Superblock;
  readonly fault: string | null;
  /** Why it could not be read. */
  readonly unread: F2fsError | null;
}

function readCopy(device: QueuedDevice, blkaddr: number): Copy {
  const block = new Uint8Array(BLKSIZE);
  const sb = new Superblock(viewOf(block), SUPER_OFFSET);
  try {
    device.read(blkaddr, block);
  } catch (error) {
    if (!(error instanceof F2fsError) || error.code !== 'EIO') throw error;
    return { block, sb, fault: error.message, unread: error };
  }
  return { block, sb, fault: faultOf(sb, device.nrBlocks), unread: null };
}

/** As superblockFault; a number that is too large is a fault, too. */
function faultOf(sb: Superblock, nrBlocks: number): string | null {
  try {
    return superblockFault(sb, nrBlocks);
  } catch (error) {
    if (!(error instanceof F2fsError) || error.code !== 'EUCLEAN') throw error;
    return error.message;
  }
}

/**
 * Reads both superblocks; the first that is sane counts. Throws EINVAL when neither block looks like a superblock, EUCLEAN when
 * one does but is damaged, EIO when none can be read.
 */
export function readSuperblocks(device: QueuedDevice): Superblocks {
  if (device.nrBlocks < 2) throw notF2fs(device);
  const copies = [0, 1].map((blkaddr) => readCopy(device, blkaddr));
  const used = copies.findIndex(({ fault }) => fault === null);
  if (used < 0) throw unusable(device, copies);
  const layout = new VolumeLayout(copies[used].sb);
  return { layout, spare: spareOf(copies, used) };
}

function unusable(device: QueuedDevice, copies: readonly Copy[]): F2fsError {
  const unread = copies.find((copy) => copy.unread !== null)?.unread;
  if (unread) return unread;
  if (!copies.some(({ sb }) => isMagic(sb))) return notF2fs(device);
  const [first, second] = copies;
  if (hasOtherBlockSize(device, first.sb)) {
    const message = `${device.name} has blocks of ${2 ** first.sb.logBlocksize} bytes: only F2FS with blocks of ${BLKSIZE} bytes is supported`;
    return new F2fsError('EOPNOTSUPP', message, { path: device.name });
  }
  const whole = copies.find(({ sb }) => faultOf(sb, Number.POSITIVE_INFINITY) === null);
  if (whole !== undefined) return cutShort(device, whole.sb);
  const other = second.fault === first.fault ? ', which has the same fault' : `: ${second.fault}`;
  return corrupt(
    `superblock 1 can't be used: ${first.fault}; nor superblock 2${other}${seemsToBe(foreignIn(copies))}`,
    {
      path: device.name,
      blkaddr: 0,
    },
  );
}

function isMagic(sb: Superblock): boolean {
  return sb.magic === F2FS_SUPER_MAGIC;
}

/** What is no F2FS volume at all, by name. */
function notF2fs(device: QueuedDevice): F2fsError {
  const start = new Uint8Array(Math.min(FOREIGN_BYTES, device.nrBlocks * BLKSIZE));
  device.read(0, start);
  return notF2fsError(device.name, start);
}

/** Whether the second superblock stands where it does with blocks of the size that the first one tells. */
function hasOtherBlockSize(device: QueuedDevice, sb: Superblock): boolean {
  const { logBlocksize } = sb;
  if (!isMagic(sb) || logBlocksize <= LOG_BLKSIZE || logBlocksize > MAX_LOG_BLKSIZE) return false;
  const blockBytes = 2 ** logBlocksize;
  if (device.nrBlocks * BLKSIZE < 2 * blockBytes) return false;
  const other = readCopy(device, blockBytes / BLKSIZE).sb;
  return isMagic(other) && other.logBlocksize === logBlocksize;
}

/** Of a volume that is sane but for the size of what holds it. */
function cutShort(device: QueuedDevice, sb: Superblock): F2fsError {
  const needed = (sb.mainBlkaddr + sb.segmentCountMain * BLKS_PER_SEG) * BLKSIZE;
  const message = `${device.name} is cut short: its volume takes ${needed} bytes, it has ${device.nrBlocks * BLKSIZE}; copy it again, in full`;
  return corrupt(message, { path: device.name, blkaddr: 0 });
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
    const message = `superblock ${blkaddr + 1} is damaged (${fault}): ${consequence}`;
    return { blkaddr, message, isToMend: true, foreign };
  }
  if (isSameBytes(bytesOf(sb), bytesOf(copies[used].sb))) return null;
  // Of two volumes nobody knows which one is meant: Linux takes the first as well.
  const isSameVolume = isSameBytes(sb.uuid, copies[used].sb.uuid);
  const consequence = isSameVolume
    ? 'the first is used; a change of the volume makes the second like it'
    : 'and belong to two volumes: the first is used';
  return { blkaddr, message: `the two superblocks differ, ${consequence}`, isToMend: isSameVolume, foreign: null };
}

/** What the device seems to have become, when superblock 1 can't be used, or null. Both blocks are F2FS's own, as mkfs leaves them. */
function foreignIn([first, second]: readonly Copy[]): Foreign | null {
  if (first.fault === null) return null;
  const start = new Uint8Array(2 * BLKSIZE);
  start.set(first.block);
  start.set(second.block, BLKSIZE);
  return otherVolume(first.sb) ?? volumeIn(start);
}

/** The end of a sentence about a volume that can't be read. */
export function seemsToBe(foreign: Foreign | null): string {
  return foreign === null ? '' : `; the device seems to be ${foreign.what} now: ${foreign.cure}`;
}

/** What a superblock stands for that is sound but for blocks of another size, or null. */
function otherVolume(sb: Superblock): Foreign | null {
  const hasOwnSize = isMagic(sb) && sb.logBlocksize > LOG_BLKSIZE && sb.logBlocksize <= MAX_LOG_BLKSIZE;
  if (!hasOwnSize) return null;
  const what = `F2FS with blocks of ${1 << sb.logBlocksize} bytes`;
  return { what, cure: `only F2FS with blocks of ${BLKSIZE} bytes is supported` };
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
  const block = new Uint8Array(BLKSIZE);
  device.read(blkaddr, block);
  block.set(bytesOf(sb), SUPER_OFFSET);
  device.write(blkaddr, [block]);
}
