// Where the areas of a volume lie, taken from a superblock once it is found sane.
import type { BlockDevice } from '../device/device.ts';
import { corrupt, F2fsError } from '../errors.ts';
import {
  BLKS_PER_SEG,
  BLKSIZE,
  F2FS_SUPER_MAGIC,
  LOG_BLKS_PER_SEG,
  LOG_BLKSIZE,
  NR_LOGS,
  SUPER_OFFSET,
} from '../format/constants.ts';
import { FOREIGN_BYTES, notF2fsError } from '../format/foreign.ts';
import { NAT_ENTRIES_PER_BLOCK } from '../format/nat.ts';
import { SIT_ENTRIES_PER_BLOCK } from '../format/sit.ts';
import { viewOf } from '../format/struct.ts';
import { hasFeature, MAX_EXTENSION, SB_CHECKSUM_OFFSET, Superblock, superblockCrc } from '../format/superblock.ts';

/** The kernel's F2FS_MIN_SEGMENTS and F2FS_MAX_SEGMENT: 9 segments are the least, 16 TiB the most. */
const MIN_SEGMENTS = 9;
const MAX_SEGMENTS = (16 * 1024 * 1024) / 2;
const CP_PACKS = 2;
/** 64 KiB: the largest page, and so the largest block, of any kernel. */
const MAX_LOG_BLKSIZE = 16;

/** Block addresses and counts of a volume's areas. Addresses are in blocks from the start of the device. */
export class VolumeLayout {
  readonly sb: Superblock;
  readonly cpBlkaddr: number;
  readonly cpPayload: number;
  readonly sitBlkaddr: number;
  /** Blocks of one copy of the SIT. */
  readonly nrSitBlocks: number;
  readonly natBlkaddr: number;
  /** Blocks of one copy of the NAT. */
  readonly nrNatBlocks: number;
  /** One more than the greatest node number. */
  readonly maxNid: number;
  readonly ssaBlkaddr: number;
  readonly mainBlkaddr: number;
  readonly segsPerSec: number;
  readonly feature: number;

  constructor(sb: Superblock) {
    this.sb = sb;
    this.cpBlkaddr = sb.cpBlkaddr;
    this.cpPayload = sb.cpPayload;
    this.sitBlkaddr = sb.sitBlkaddr;
    this.nrSitBlocks = (sb.segmentCountSit / 2) * BLKS_PER_SEG;
    this.natBlkaddr = sb.natBlkaddr;
    this.nrNatBlocks = (sb.segmentCountNat / 2) * BLKS_PER_SEG;
    this.maxNid = this.nrNatBlocks * NAT_ENTRIES_PER_BLOCK;
    this.ssaBlkaddr = sb.ssaBlkaddr;
    this.mainBlkaddr = sb.mainBlkaddr;
    this.segsPerSec = sb.segsPerSec;
    this.feature = sb.feature;
  }

  get nrMainSegments(): number {
    return this.sb.segmentCountMain;
  }

  /** One more than the last block address of the main area. */
  get mainEnd(): number {
    return this.mainBlkaddr + this.nrMainSegments * BLKS_PER_SEG;
  }

  inMain(blkaddr: number): boolean {
    return blkaddr >= this.mainBlkaddr && blkaddr < this.mainEnd;
  }

  segnoOf(blkaddr: number): number {
    return (blkaddr - this.mainBlkaddr) >>> LOG_BLKS_PER_SEG;
  }

  segmentStart(segno: number): number {
    return this.mainBlkaddr + segno * BLKS_PER_SEG;
  }

  /** Address of NAT block `index` in the copy that its version bit names. Source: current_nat_addr. */
  natBlock(index: number, second: boolean): number {
    const pair = this.natBlkaddr + ((index >>> LOG_BLKS_PER_SEG) << (LOG_BLKS_PER_SEG + 1));
    return pair + (index & (BLKS_PER_SEG - 1)) + (second ? BLKS_PER_SEG : 0);
  }

  /** Address of SIT block `index` in the copy that its version bit names. Source: current_sit_addr. */
  sitBlock(index: number, second: boolean): number {
    return this.sitBlkaddr + index + (second ? this.nrSitBlocks : 0);
  }
}

/** Why a superblock can't be used, or null. Source: sanity_check_raw_super, sanity_check_area_boundary. */
function superblockFault(sb: Superblock, nrBlocks: number): string | null {
  if (sb.magic !== F2FS_SUPER_MAGIC) return `its magic is 0x${sb.magic.toString(16)}, not 0xf2f52010`;
  if (hasFeature(sb, 'sb_checksum')) {
    if (sb.checksumOffset !== SB_CHECKSUM_OFFSET) return `its checksum offset is ${sb.checksumOffset}`;
    if (superblockCrc(sb) !== sb.crc) return 'its checksum is wrong';
  }
  if (sb.logBlocksize !== LOG_BLKSIZE) return `its block size is 2^${sb.logBlocksize}; only 4096 is supported`;
  if (sb.logBlocksPerSeg !== LOG_BLKS_PER_SEG) return `it has 2^${sb.logBlocksPerSeg} blocks in a segment, not 512`;
  if (sb.logSectorsize < 9 || sb.logSectorsize > 12 || sb.logSectorsPerBlock + sb.logSectorsize !== 12) {
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

/**
 * Reads the first of the two superblocks that is sane; the other one is the spare. Throws EINVAL, saying what it is, when neither block
 * looks like a superblock, EOPNOTSUPP for blocks of another size, EUCLEAN when it is damaged or cut short.
 * Source: read_raw_super_block.
 */
export function readSuperblock(device: BlockDevice): VolumeLayout {
  if (device.nrBlocks < 2) throw notF2fs(device);
  const superblocks: Superblock[] = [];
  const faults: string[] = [];
  for (const blkaddr of [0, 1]) {
    const sb = superblockAt(device, blkaddr);
    const fault = faultOf(sb, device.nrBlocks);
    if (fault === null) return new VolumeLayout(sb);
    superblocks.push(sb);
    faults.push(fault);
  }
  if (!superblocks.some(isMagic)) throw notF2fs(device);
  refuseOtherBlockSize(device, superblocks[0]);
  for (const sb of superblocks) if (faultOf(sb, Number.POSITIVE_INFINITY) === null) throw cutShort(device, sb);
  const second = faults[1] === faults[0] ? ', which has the same fault' : `: ${faults[1]}`;
  throw corrupt(`superblock 1 can't be used: ${faults[0]}; nor superblock 2${second}`, {
    path: device.name,
    blkaddr: 0,
  });
}

function superblockAt(device: BlockDevice, blkaddr: number): Superblock {
  const block = new Uint8Array(BLKSIZE);
  device.read(blkaddr, block);
  return new Superblock(viewOf(block), SUPER_OFFSET);
}

function isMagic(sb: Superblock): boolean {
  return sb.magic === F2FS_SUPER_MAGIC;
}

function faultOf(sb: Superblock, nrBlocks: number): string | null {
  try {
    return superblockFault(sb, nrBlocks);
  } catch (error) {
    return (error as Error).message;
  }
}

/** What is no F2FS volume at all, by name. */
function notF2fs(device: BlockDevice): F2fsError {
  const start = new Uint8Array(Math.min(FOREIGN_BYTES, device.nrBlocks * BLKSIZE));
  device.read(0, start);
  return notF2fsError(device.name, start);
}

/** Throws EOPNOTSUPP when the second superblock stands where it does with blocks of the size that the first one tells. */
function refuseOtherBlockSize(device: BlockDevice, sb: Superblock): void {
  const { logBlocksize } = sb;
  if (!isMagic(sb) || logBlocksize <= LOG_BLKSIZE || logBlocksize > MAX_LOG_BLKSIZE) return;
  const blockBytes = 2 ** logBlocksize;
  if (device.nrBlocks * BLKSIZE < 2 * blockBytes) return;
  const other = superblockAt(device, blockBytes / BLKSIZE);
  if (!isMagic(other) || other.logBlocksize !== logBlocksize) return;
  const message = `${device.name} has blocks of ${blockBytes} bytes: only F2FS with blocks of ${BLKSIZE} bytes is supported`;
  throw new F2fsError('EOPNOTSUPP', message, { path: device.name });
}

/** Of a volume that is sane but for the size of what holds it. */
function cutShort(device: BlockDevice, sb: Superblock): F2fsError {
  const needed = (sb.mainBlkaddr + sb.segmentCountMain * BLKS_PER_SEG) * BLKSIZE;
  const message = `${device.name} is cut short: its volume takes ${needed} bytes, it has ${device.nrBlocks * BLKSIZE}; copy it again, in full`;
  return corrupt(message, { path: device.name, blkaddr: 0 });
}
