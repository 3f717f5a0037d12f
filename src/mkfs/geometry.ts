// Where everything goes on a new volume, from its size alone. Pure arithmetic, in the order and with the roundings of
// f2fs-tools 1.15 (f2fs_prepare_super_block), so that both tools lay out the same device alike. One difference: segments
// past the last whole zone are on no account counted. mkfs.f2fs 1.15 counts them as free and as users' (its
// f2fs_get_usable_segments), and its own fsck.f2fs then reports a wrong free_segment_count.

import { F2fsError } from '../errors.ts';
import {
  BLOCK_SIZES,
  type BlockGeometry,
  blockGeometry,
  DEFAULT_BLOCK_SIZE,
  MAX_SEGMENTS,
  MIN_SEGMENTS,
  SECTOR_SIZE,
} from '../format/block-size.ts';
import { BLKS_PER_SEG, LOG, NR_DATA_LOGS, NR_LOGS } from '../format/constants.ts';

/** What decides a volume's layout. */
export interface GeometryRequest {
  /** Blocks on the device, of `blockSize`. */
  nrBlocks: number;
  /** Bytes of a block: those of a page of the kernel that is to mount the volume, 4096 to 65536. Default 4096. */
  blockSize?: number;
  /** Whether summaries of several segments share a block; of blocks larger than 4096 bytes. Default false. */
  packedSsa?: boolean;
  /** Bytes, 512 to those of a block; recorded in the superblock, of no other effect. Default 512. */
  sectorSize?: number;
  /** Segments in a section, the unit of cleaning. Default 1. */
  segsPerSec?: number;
  /** Sections in a zone. Default 1. */
  secsPerZone?: number;
  /** Percent of the main area kept from users, besides what is reserved. Default: what leaves the most space. */
  overprovision?: number;
  /** A NAT of 20% of the blocks, whose bitmap does not limit it. Source: mkfs.f2fs -i. Default false. */
  largeNatBitmap?: boolean;
  /** Where the partition begins on its disk, in sectors of 512 bytes: areas are aligned on the disk. Default 0. */
  startSector?: number;
  /** Where the logs begin: over the main area as mkfs.f2fs has them, or one zone after the other from its start. Default spread. */
  logPlacement?: 'spread' | 'packed';
}

/** A volume's layout: areas in segments, addresses in blocks from the start of the device. */
export interface Geometry {
  /** Bytes of a block. */
  readonly blockSize: number;
  /** Binary logarithm of the bytes of a sector. */
  readonly logSectorsize: number;
  /** Binary logarithm of the sectors of a block. */
  readonly logSectorsPerBlock: number;
  /** Segments of a section. */
  readonly segsPerSec: number;
  /** Sections of a zone. */
  readonly secsPerZone: number;
  /** Blocks of the volume, with those before its first segment. */
  readonly blockCount: number;
  /** Sections of the main area. */
  readonly sectionCount: number;
  /** Segments of all areas. */
  readonly segmentCount: number;
  /** Segments of the checkpoints. */
  readonly segmentCountCkpt: number;
  /** Segments of both copies of the SIT. */
  readonly segmentCountSit: number;
  /** Segments of both copies of the NAT. */
  readonly segmentCountNat: number;
  /** Segments of the SSA. */
  readonly segmentCountSsa: number;
  /** Segments of the main area. */
  readonly segmentCountMain: number;
  /** First block of the first segment. */
  readonly segment0Blkaddr: number;
  /** First block of the checkpoints. */
  readonly cpBlkaddr: number;
  /** First block of the SIT. */
  readonly sitBlkaddr: number;
  /** First block of the NAT. */
  readonly natBlkaddr: number;
  /** First block of the SSA. */
  readonly ssaBlkaddr: number;
  /** First block of the main area. */
  readonly mainBlkaddr: number;
  /** Blocks of the SIT version bitmap that do not fit into the checkpoint block. */
  readonly cpPayload: number;
  /** Bytes of the version bitmap of the SIT. */
  readonly sitBitmapBytes: number;
  /** Bytes of the version bitmap of the NAT. */
  readonly natBitmapBytes: number;
  /** Whether the NAT has a fifth of the blocks. */
  readonly largeNatBitmap: boolean;
  /** Percent. */
  readonly overprovision: number;
  /** Segments for cleaning alone. */
  readonly reservedSegments: number;
  /** Segments that users do not get, the reserved ones included. */
  readonly overprovSegments: number;
  /** Segments that no log has begun. */
  readonly freeSegments: number;
  /** Blocks that files and nodes may take. */
  readonly userBlockCount: number;
  /** First segment of each log, by LOG. */
  readonly curSegno: readonly number[];
}

/** Segments of both checkpoint packs. */
const CKPT_SEGMENTS = 2;
/** Bytes of the checkpoint block that are left to the NAT's bitmap. Source: MAX_SIT_BITMAP_SIZE_IN_CKPT. */
const LEAST_NAT_BITMAP = 64;
/** Source: DEFAULT_NAT_ENTRY_RATIO, percent. */
const NAT_RATIO = 20;
/** Bytes of a zone at most: mkfs.f2fs counts them in 32 bits. */
const MAX_ZONE_BYTES = 2 ** 32 - 1;

function segmentsFor(blocks: number): number {
  return Math.ceil(blocks / BLKS_PER_SEG);
}

/** Bytes of a bitmap with a bit for each block of `segments`. */
function bitmapBytes(segments: number): number {
  return (segments * BLKS_PER_SEG) / 8;
}

/** Bytes of the largest bitmap of the SIT. Source: MAX_SIT_BITMAP_SIZE. */
function maxSitBitmap({ sitEntriesPerBlock }: BlockGeometry): number {
  return bitmapBytes(segmentsFor(Math.ceil(MAX_SEGMENTS / sitEntriesPerBlock)));
}

/** Source: the sizing of NAT and cp_payload in f2fs_prepare_super_block. `natSegments` is one copy's. */
function natLimits(
  wanted: number,
  sitSegments: number,
  large: boolean,
  block: BlockGeometry,
): { natSegments: number; cpPayload: number } {
  const { blockSize, maxBitmapSizeInCp } = block;
  const sitBitmap = Math.min(bitmapBytes(sitSegments), maxSitBitmap(block));
  if (large) {
    const natSegments = Math.max(Math.floor((wanted * NAT_RATIO) / 100), 1);
    const excess = sitBitmap + bitmapBytes(natSegments) - maxBitmapSizeInCp;
    return { natSegments, cpPayload: Math.max(Math.ceil(excess / blockSize), 0) };
  }
  const inPayload = sitBitmap > maxBitmapSizeInCp - LEAST_NAT_BITMAP;
  const natBitmap = maxBitmapSizeInCp - (inPayload ? 0 : sitBitmap);
  const most = Math.floor((natBitmap * 8) / BLKS_PER_SEG);
  return { natSegments: Math.min(wanted, most), cpPayload: inPayload ? Math.ceil(sitBitmap / blockSize) : 0 };
}

/** Sections of the main area from which on volumes of larger blocks keep back as much as mkfs.f2fs has them do. */
const MANY_SECTIONS = 256;
/** Sections that cleaning has to itself at least: one to move blocks to, one for the nodes that this changes, one to win. */
const LEAST_HEADROOM = 3;
/** Those of volumes that would have few sections besides, whose blocks a full log could not go on without (mode lfs). */
const TINY = { sections: 24, headroom: 5 };

/**
 * Segments for cleaning alone. Of usual blocks as f2fs-tools 1.15 has it; of others as all versions do that know them, from 1.16 on, which
 * count what cleaning needs once. Source: get_reserved.
 */
function reservedFor(overprovision: number, segsPerSec: number, blockSize: number): number {
  const times = blockSize === DEFAULT_BLOCK_SIZE ? 2 : 1;
  return (times * (100 / overprovision + 1) + NR_LOGS) * segsPerSec;
}

/** The percentage that leaves the most space; 0 when none leaves any. Source: get_best_overprovision. */
function bestOverprovision(mainSegments: number, segsPerSec: number, blockSize: number): number {
  const [first, last, step] = mainSegments < 256 ? [10, 95, 5] : [0.01, 10, 0.01];
  let best = 0;
  let bestSpace = 0;
  for (let candidate = first; candidate <= last; candidate += step) {
    const reserved = reservedFor(candidate, segsPerSec, blockSize);
    const kept = ((mainSegments - reserved) * candidate) / 100;
    const space = mainSegments - reserved - kept;
    if (bestSpace < space) {
      bestSpace = space;
      best = candidate;
    }
  }
  return best;
}

/** What a main area keeps back: percent, and segments. */
type KeptBack = Pick<Geometry, 'overprovision' | 'reservedSegments' | 'overprovSegments'>;

/**
 * What a volume with few sections keeps back, of larger blocks: the rule of others would take more than half of 256 MiB of 16 KiB blocks.
 * Each log may have a section of its own that is as good as empty; as much as an eighth of all is for cleaning, and of that one half is
 * reserved. Were it all, a full volume would have no more free than that, so a kernel would clean before whatever it writes.
 */
function keptOfFew(mainSegments: number, segsPerSec: number): KeptBack {
  const sections = mainSegments / segsPerSec;
  const headroom = Math.max(sections < TINY.sections ? TINY.headroom : LEAST_HEADROOM, Math.ceil(sections / 8));
  const reservedSegments = Math.ceil(headroom / 2) * segsPerSec;
  const overprovSegments = (NR_LOGS + headroom) * segsPerSec;
  const overprovision = (100 * (overprovSegments - reservedSegments)) / (mainSegments - reservedSegments);
  return { overprovision, reservedSegments, overprovSegments };
}

/** What `percent` of the main area keep back besides what is reserved for it. */
function keptOf(percent: number, mainSegments: number, segsPerSec: number, blockSize: number): KeptBack {
  const reservedSegments = Math.floor(reservedFor(percent, segsPerSec, blockSize));
  const overprovSegments = Math.floor(((mainSegments - reservedSegments) * percent) / 100) + reservedSegments;
  return { overprovision: percent, reservedSegments, overprovSegments };
}

/** Source: the last part of f2fs_prepare_super_block, without heap and zoned modes; packed as verify_cur_segs does. */
function placeLogs(zones: number, segsPerZone: number, placement: 'spread' | 'packed'): number[] {
  if (placement === 'packed')
    return Array.from({ length: NR_LOGS }, (_, log) => ((log + NR_DATA_LOGS) % NR_LOGS) * segsPerZone);
  const curSegno = new Array<number>(NR_LOGS).fill(0);
  curSegno[LOG.WARM_NODE] = segsPerZone;
  curSegno[LOG.COLD_NODE] = 2 * segsPerZone;
  curSegno[LOG.HOT_DATA] = 3 * segsPerZone;
  const quarter = (Math.floor(zones / 4) - 1) * segsPerZone;
  curSegno[LOG.COLD_DATA] = Math.max(quarter, 4 * segsPerZone);
  const half = (Math.floor(zones / 2) - 1) * segsPerZone;
  curSegno[LOG.WARM_DATA] = Math.max(half, curSegno[LOG.COLD_DATA] + segsPerZone);
  return curSegno;
}

export function checkRequest(request: GeometryRequest): Required<GeometryRequest> {
  const full = {
    blockSize: DEFAULT_BLOCK_SIZE,
    packedSsa: false,
    sectorSize: SECTOR_SIZE,
    segsPerSec: 1,
    secsPerZone: 1,
    overprovision: 0,
    largeNatBitmap: false,
    startSector: 0,
    logPlacement: 'spread' as const,
    ...Object.fromEntries(Object.entries(request).filter(([, value]) => value !== undefined)),
    nrBlocks: request.nrBlocks,
  };
  if (!BLOCK_SIZES.includes(full.blockSize))
    throw new F2fsError('EINVAL', `invalid blockSize ${full.blockSize}: expected ${listed(BLOCK_SIZES)}`);
  if (full.packedSsa && full.blockSize === BLOCK_SIZES[0])
    throw new F2fsError('EINVAL', `packed_ssa has no effect with blocks of ${full.blockSize} bytes: leave it out`);
  const { sectorsPerBlock, segmentSize, maxVolumeSize } = blockGeometry(full.blockSize);
  for (const name of ['nrBlocks', 'segsPerSec', 'secsPerZone'] as const) {
    if (!Number.isSafeInteger(full[name]) || full[name] < 1) {
      throw new F2fsError(
        'EINVAL',
        `invalid ${name === 'nrBlocks' ? 'size in blocks' : name} ${full[name]}: expected a whole number from 1 on`,
      );
    }
  }
  const maxSegsPerZone = Math.floor(MAX_ZONE_BYTES / segmentSize);
  if (full.segsPerSec * full.secsPerZone > maxSegsPerZone) {
    const zone = `${full.segsPerSec} x ${full.secsPerZone}`;
    throw new F2fsError('EINVAL', `invalid zone of ${zone} segments: expected ${maxSegsPerZone} at most (under 4 GiB)`);
  }
  if (!(full.overprovision >= 0 && full.overprovision < 100)) {
    throw new F2fsError(
      'EINVAL',
      `invalid overprovision ${full.overprovision}: expected a percentage above 0 and below 100`,
    );
  }
  if (!Number.isSafeInteger(full.startSector) || full.startSector < 0 || full.startSector % sectorsPerBlock !== 0) {
    const message = `invalid start of the partition at sector ${full.startSector}: expected a multiple of ${sectorsPerBlock}, a whole block`;
    throw new F2fsError('EINVAL', message);
  }
  const sectorSizes = Array.from({ length: Math.log2(sectorsPerBlock) + 1 }, (_, i) => SECTOR_SIZE << i);
  if (!sectorSizes.includes(full.sectorSize)) {
    throw new F2fsError('EINVAL', `invalid sectorSize ${full.sectorSize}: expected ${listed(sectorSizes)}`);
  }
  if (full.nrBlocks > MAX_SEGMENTS * BLKS_PER_SEG) {
    const most = maxVolumeSize / 2 ** 40;
    throw new F2fsError(
      'EFBIG',
      `invalid size of ${full.nrBlocks * full.blockSize} bytes: expected ${most} TiB at most`,
    );
  }
  return full;
}

/** Blocks before segment 0: the superblocks, up to a zone's boundary on the disk. */
function blocksBefore(segsPerZone: number, startSector: number, { blockSize, segmentSize }: BlockGeometry): number {
  const zone = segsPerZone * segmentSize;
  const start = startSector * SECTOR_SIZE;
  return (Math.ceil((start + 2 * blockSize) / zone) * zone - start) / blockSize;
}

/**
 * What a main area of `segmentCountMain` segments keeps back, and what is left to users; null when nothing would be.
 * `overprovision` in percent, 0 for the best; `blockSize` in bytes.
 */
export function spaceOf(
  segmentCountMain: number,
  segsPerSec: number,
  blockSize: number,
  overprovision = 0,
): Pick<Geometry, 'overprovision' | 'reservedSegments' | 'overprovSegments' | 'userBlockCount'> | null {
  const few = blockSize !== DEFAULT_BLOCK_SIZE && segmentCountMain < MANY_SECTIONS * segsPerSec;
  const percent = overprovision || (few ? 0 : bestOverprovision(segmentCountMain, segsPerSec, blockSize));
  if (percent === 0 && !few) return null;
  const kept =
    percent === 0 ? keptOfFew(segmentCountMain, segsPerSec) : keptOf(percent, segmentCountMain, segsPerSec, blockSize);
  if (segmentCountMain - NR_LOGS < kept.reservedSegments) return null;
  if (segmentCountMain <= kept.overprovSegments) return null;
  return { ...kept, userBlockCount: (segmentCountMain - kept.overprovSegments) * BLKS_PER_SEG };
}

/** The layout, or null when the device is too small. */
function layOut(request: Required<GeometryRequest>): Geometry | null {
  const { nrBlocks, blockSize, packedSsa, segsPerSec, secsPerZone, largeNatBitmap } = request;
  const block = blockGeometry(blockSize, packedSsa);
  const segsPerZone = segsPerSec * secsPerZone;
  const segment0Blkaddr = blocksBefore(segsPerZone, request.startSector, block);
  const totalSegments = Math.floor((nrBlocks - segment0Blkaddr) / BLKS_PER_SEG);
  if (totalSegments < MIN_SEGMENTS) return null;
  const segmentCount = totalSegments - (totalSegments % segsPerZone);

  const sitSegments = segmentsFor(Math.ceil(segmentCount / block.sitEntriesPerBlock));
  const segmentCountSit = 2 * sitSegments;
  const blocksPastSit = (segmentCount - CKPT_SEGMENTS - segmentCountSit) * BLKS_PER_SEG;
  if (blocksPastSit <= 0) return null;
  const natWanted = segmentsFor(Math.ceil(blocksPastSit / block.natEntriesPerBlock));
  const { natSegments, cpPayload } = natLimits(natWanted, sitSegments, largeNatBitmap, block);
  const segmentCountNat = 2 * natSegments;

  const segmentsPastNat = segmentCount - CKPT_SEGMENTS - segmentCountSit - segmentCountNat;
  if (segmentsPastNat <= 0) return null;
  const metaUnpadded =
    CKPT_SEGMENTS +
    segmentCountSit +
    segmentCountNat +
    segmentsFor(Math.ceil((segmentsPastNat + 1) / block.summariesPerBlock));
  const metaZones = Math.ceil(metaUnpadded / segsPerZone);
  const segmentCountSsa = metaZones * segsPerZone - CKPT_SEGMENTS - segmentCountSit - segmentCountNat;

  const zones = segmentCount / segsPerZone - metaZones;
  // A zone for each log, and one to spare.
  if (zones <= NR_LOGS) return null;
  const sectionCount = zones * secsPerZone;
  const segmentCountMain = sectionCount * segsPerSec;

  const kept = spaceOf(segmentCountMain, segsPerSec, blockSize, request.overprovision);
  if (kept === null) return null;

  const sitBlkaddr = segment0Blkaddr + CKPT_SEGMENTS * BLKS_PER_SEG;
  const natBlkaddr = sitBlkaddr + segmentCountSit * BLKS_PER_SEG;
  const logSectorsize = Math.log2(request.sectorSize);
  return {
    blockSize,
    logSectorsize,
    logSectorsPerBlock: block.logBlockSize - logSectorsize,
    segsPerSec,
    secsPerZone,
    blockCount: nrBlocks,
    sectionCount,
    segmentCount,
    segmentCountCkpt: CKPT_SEGMENTS,
    segmentCountSit,
    segmentCountNat,
    segmentCountSsa,
    segmentCountMain,
    segment0Blkaddr,
    cpBlkaddr: segment0Blkaddr,
    sitBlkaddr,
    natBlkaddr,
    ssaBlkaddr: natBlkaddr + segmentCountNat * BLKS_PER_SEG,
    mainBlkaddr: segment0Blkaddr + metaZones * segsPerZone * BLKS_PER_SEG,
    cpPayload,
    sitBitmapBytes: bitmapBytes(sitSegments),
    natBitmapBytes: bitmapBytes(natSegments),
    largeNatBitmap,
    ...kept,
    freeSegments: segmentCountMain - NR_LOGS,
    curSegno: placeLogs(zones, segsPerZone, request.logPlacement),
  };
}

/** Throws EFBIG for a layout that mkfs.f2fs would make and fsck.f2fs then could not read. */
function readable(geometry: Geometry): Geometry {
  const { blockSize, blockCount, cpPayload } = geometry;
  // Source: get_valid_checkpoint.
  const most = Math.ceil(maxSitBitmap(blockGeometry(blockSize)) / blockSize);
  if (cpPayload <= most) return geometry;
  const message =
    `a large NAT bitmap for ${blockCount * blockSize} bytes takes ${cpPayload} blocks of cp_payload, ` +
    `and fsck.f2fs reads ${most} at most; format without the large NAT bitmap`;
  throw new F2fsError('EFBIG', message);
}

/**
 * The layout of a new volume, for what has `wholeBytes`, which the message of ENOSPC tells.
 * Throws ENOSPC when the device is too small, naming the least size that works; EFBIG past 16 TiB (of blocks of 4 KiB), or past some
 * 1.5 TiB with a large NAT bitmap; EINVAL for numbers that make no sense.
 */
export function geometryFor(request: GeometryRequest, wholeBytes?: number): Geometry {
  const full = checkRequest(request);
  const sizeBytes = wholeBytes ?? full.nrBlocks * full.blockSize;
  const geometry = layOut(full);
  if (geometry !== null) return readable(geometry);
  const { segsPerSec, secsPerZone, blockSize } = full;
  const least = smallestGeometry(request, 0).blockCount * blockSize;
  const shape = `${counted(segsPerSec, 'segment')} in a section and ${counted(secsPerZone, 'section')} in a zone`;
  const ofBlocks = blockSize === DEFAULT_BLOCK_SIZE ? 'a volume' : `a volume of blocks of ${blockSize} bytes`;
  const volume = segsPerSec * secsPerZone === 1 ? ofBlocks : `${ofBlocks} with ${shape}`;
  const needed = `${least} bytes (${least / 2 ** 20} MiB) at least`;
  throw new F2fsError('ENOSPC', `${sizeBytes} bytes are too small for ${volume}: it needs ${needed}`);
}

function listed(numbers: readonly number[]): string {
  return `${numbers.slice(0, -1).join(', ')} or ${numbers.at(-1)}`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

/** Blocks that files, directories and their nodes may take; the root directory's own are among them. */
export function userBlocks(geometry: Geometry): number {
  return geometry.userBlockCount;
}

/**
 * The layout of the smallest volume, in whole zones, with at least `neededUserBlocks` user blocks. `request.nrBlocks` is
 * not looked at. Throws EFBIG when the largest volume is not enough.
 */
export function smallestGeometry(request: Omit<GeometryRequest, 'nrBlocks'>, neededUserBlocks: number): Geometry {
  const full = checkRequest({ ...request, nrBlocks: 1 });
  const segsPerZone = full.segsPerSec * full.secsPerZone;
  const zoneBlocks = segsPerZone * BLKS_PER_SEG;
  const block = blockGeometry(full.blockSize);
  const before = blocksBefore(segsPerZone, full.startSector, block);
  const withZones = (zones: number): Geometry | null => layOut({ ...full, nrBlocks: before + zones * zoneBlocks });
  const missing = (geometry: Geometry | null): number =>
    geometry === null ? 1 : Math.ceil((neededUserBlocks - geometry.userBlockCount) / zoneBlocks);

  const most = Math.floor((MAX_SEGMENTS * BLKS_PER_SEG - before) / zoneBlocks);
  let zones = Math.max(Math.ceil(neededUserBlocks / zoneBlocks), 1);
  // One zone more gives hardly more than one zone's user blocks, so this comes close from below...
  for (let lack = 1; zones <= most; zones += Math.max(lack, 1)) {
    lack = missing(withZones(zones));
    if (lack <= 0) break;
  }
  if (zones > most) {
    throw new F2fsError(
      'EFBIG',
      `${neededUserBlocks * full.blockSize} bytes do not fit into ${block.maxVolumeSize / 2 ** 40} TiB, the most that F2FS holds`,
    );
  }
  // ...and here gives back what it went too far.
  while (zones > 1 && missing(withZones(zones - 1)) <= 0) zones--;
  return readable(withZones(zones)!);
}
