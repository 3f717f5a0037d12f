// Where everything goes on a new volume, from its size alone. Pure arithmetic, in the order and with the roundings of
// f2fs-tools 1.15 (f2fs_prepare_super_block), so that both tools lay out the same device alike. One difference: segments
// past the last whole zone are on no account counted. mkfs.f2fs 1.15 counts them as free and as users' (its
// f2fs_get_usable_segments), and its own fsck.f2fs then reports a wrong free_segment_count.

import { F2fsError } from '../errors.ts';
import { BLOCK, MAX_SEGMENTS, MIN_SEGMENTS, SECTOR_SIZE, SEGMENT_SIZE } from '../format/block-size.ts';
import { CP_BITMAP_OFFSET, CP_CHECKSUM_OFFSET, MAX_BITMAP_SIZE_IN_CKPT } from '../format/checkpoint.ts';
import { BLKS_PER_SEG, BLKSIZE, LOG, LOG_BLKSIZE, NR_DATA_LOGS, NR_LOGS } from '../format/constants.ts';
import { NAT_ENTRIES_PER_BLOCK } from '../format/nat.ts';
import { SIT_ENTRIES_PER_BLOCK } from '../format/sit.ts';

/** What decides a volume's layout. */
export interface GeometryRequest {
  /** Blocks on the device. */
  nrBlocks: number;
  /** Bytes; recorded in the superblock, of no other effect. Default 512. */
  sectorSize?: 512 | 1024 | 2048 | 4096;
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
/** The largest volume. */
const MAX_TIB = BLOCK.maxVolumeSize / 2 ** 40;
/** Source: MAX_SIT_BITMAP_SIZE and MAX_SIT_BITMAP_SIZE_IN_CKPT (64 bytes are left to the NAT's bitmap). */
const MAX_SIT_BITMAP = bitmapBytes(segmentsFor(Math.ceil(MAX_SEGMENTS / SIT_ENTRIES_PER_BLOCK)));
const MAX_SIT_BITMAP_IN_CKPT = CP_CHECKSUM_OFFSET - CP_BITMAP_OFFSET - 64;
/** The most cp_payload that fsck.f2fs reads. Source: get_valid_checkpoint. */
const MAX_CP_PAYLOAD = Math.ceil(MAX_SIT_BITMAP / BLKSIZE);
/** Source: DEFAULT_NAT_ENTRY_RATIO, percent. */
const NAT_RATIO = 20;
/** Segments of a zone: mkfs.f2fs counts a zone's bytes in 32 bits. */
const MAX_SEGS_PER_ZONE = 2047;

function segmentsFor(blocks: number): number {
  return Math.ceil(blocks / BLKS_PER_SEG);
}

/** Bytes of a bitmap with a bit for each block of `segments`. */
function bitmapBytes(segments: number): number {
  return (segments * BLKS_PER_SEG) / 8;
}

/** Source: the sizing of NAT and cp_payload in f2fs_prepare_super_block. `natSegments` is one copy's. */
function natLimits(wanted: number, sitSegments: number, large: boolean): { natSegments: number; cpPayload: number } {
  const sitBitmap = Math.min(bitmapBytes(sitSegments), MAX_SIT_BITMAP);
  if (large) {
    const natSegments = Math.max(Math.floor((wanted * NAT_RATIO) / 100), 1);
    const excess = sitBitmap + bitmapBytes(natSegments) - MAX_BITMAP_SIZE_IN_CKPT;
    return { natSegments, cpPayload: Math.max(Math.ceil(excess / BLKSIZE), 0) };
  }
  const inPayload = sitBitmap > MAX_SIT_BITMAP_IN_CKPT;
  const natBitmap = MAX_BITMAP_SIZE_IN_CKPT - (inPayload ? 0 : sitBitmap);
  const most = Math.floor((natBitmap * 8) / BLKS_PER_SEG);
  return { natSegments: Math.min(wanted, most), cpPayload: inPayload ? Math.ceil(sitBitmap / BLKSIZE) : 0 };
}

function reservedFor(overprovision: number, segsPerSec: number): number {
  return (2 * (100 / overprovision + 1) + NR_LOGS) * segsPerSec;
}

/** The percentage that leaves the most space; 0 when none leaves any. Source: get_best_overprovision. */
function bestOverprovision(mainSegments: number, segsPerSec: number): number {
  const [first, last, step] = mainSegments < 256 ? [10, 95, 5] : [0.01, 10, 0.01];
  let best = 0;
  let bestSpace = 0;
  for (let candidate = first; candidate <= last; candidate += step) {
    const reserved = reservedFor(candidate, segsPerSec);
    const kept = ((mainSegments - reserved) * candidate) / 100;
    const space = mainSegments - reserved - kept;
    if (bestSpace < space) {
      bestSpace = space;
      best = candidate;
    }
  }
  return best;
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
    sectorSize: 512 as const,
    segsPerSec: 1,
    secsPerZone: 1,
    overprovision: 0,
    largeNatBitmap: false,
    startSector: 0,
    logPlacement: 'spread' as const,
    ...Object.fromEntries(Object.entries(request).filter(([, value]) => value !== undefined)),
    nrBlocks: request.nrBlocks,
  };
  for (const name of ['nrBlocks', 'segsPerSec', 'secsPerZone'] as const) {
    if (!Number.isSafeInteger(full[name]) || full[name] < 1) {
      throw new F2fsError(
        'EINVAL',
        `invalid ${name === 'nrBlocks' ? 'size in blocks' : name} ${full[name]}: expected a whole number from 1 on`,
      );
    }
  }
  if (full.segsPerSec * full.secsPerZone > MAX_SEGS_PER_ZONE) {
    const zone = `${full.segsPerSec} x ${full.secsPerZone}`;
    throw new F2fsError(
      'EINVAL',
      `invalid zone of ${zone} segments: expected ${MAX_SEGS_PER_ZONE} at most (under 4 GiB)`,
    );
  }
  if (!(full.overprovision >= 0 && full.overprovision < 100)) {
    throw new F2fsError(
      'EINVAL',
      `invalid overprovision ${full.overprovision}: expected a percentage above 0 and below 100`,
    );
  }
  if (
    !Number.isSafeInteger(full.startSector) ||
    full.startSector < 0 ||
    full.startSector % BLOCK.sectorsPerBlock !== 0
  ) {
    const message = `invalid start of the partition at sector ${full.startSector}: expected a multiple of ${BLOCK.sectorsPerBlock}, a whole block`;
    throw new F2fsError('EINVAL', message);
  }
  if (![512, 1024, 2048, 4096].includes(full.sectorSize)) {
    throw new F2fsError('EINVAL', `invalid sectorSize ${full.sectorSize}: expected 512, 1024, 2048 or 4096`);
  }
  if (full.nrBlocks > MAX_SEGMENTS * BLKS_PER_SEG) {
    throw new F2fsError('EFBIG', `invalid size of ${full.nrBlocks * BLKSIZE} bytes: expected ${MAX_TIB} TiB at most`);
  }
  return full;
}

/** Blocks before segment 0: the superblocks, up to a zone's boundary on the disk. */
function blocksBefore(segsPerZone: number, startSector: number): number {
  const zone = segsPerZone * SEGMENT_SIZE;
  const start = startSector * SECTOR_SIZE;
  return (Math.ceil((start + 2 * BLKSIZE) / zone) * zone - start) / BLKSIZE;
}

/**
 * What a main area of `segmentCountMain` segments keeps back, and what is left to users; null when nothing would be.
 * `overprovision` in percent, 0 for the best.
 */
export function spaceOf(
  segmentCountMain: number,
  segsPerSec: number,
  overprovision = 0,
): Pick<Geometry, 'overprovision' | 'reservedSegments' | 'overprovSegments' | 'userBlockCount'> | null {
  const percent = overprovision || bestOverprovision(segmentCountMain, segsPerSec);
  if (percent === 0) return null;
  const reservedSegments = Math.floor(reservedFor(percent, segsPerSec));
  if (segmentCountMain - NR_LOGS < reservedSegments) return null;
  const overprovSegments = Math.floor(((segmentCountMain - reservedSegments) * percent) / 100) + reservedSegments;
  if (segmentCountMain <= overprovSegments) return null;
  const userBlockCount = (segmentCountMain - overprovSegments) * BLKS_PER_SEG;
  return { overprovision: percent, reservedSegments, overprovSegments, userBlockCount };
}

/** The layout, or null when the device is too small. */
function layOut(request: Required<GeometryRequest>): Geometry | null {
  const { nrBlocks, segsPerSec, secsPerZone, largeNatBitmap } = request;
  const segsPerZone = segsPerSec * secsPerZone;
  const segment0Blkaddr = blocksBefore(segsPerZone, request.startSector);
  const totalSegments = Math.floor((nrBlocks - segment0Blkaddr) / BLKS_PER_SEG);
  if (totalSegments < MIN_SEGMENTS) return null;
  const segmentCount = totalSegments - (totalSegments % segsPerZone);

  const sitSegments = segmentsFor(Math.ceil(segmentCount / SIT_ENTRIES_PER_BLOCK));
  const segmentCountSit = 2 * sitSegments;
  const blocksPastSit = (segmentCount - CKPT_SEGMENTS - segmentCountSit) * BLKS_PER_SEG;
  if (blocksPastSit <= 0) return null;
  const natWanted = segmentsFor(Math.ceil(blocksPastSit / NAT_ENTRIES_PER_BLOCK));
  const { natSegments, cpPayload } = natLimits(natWanted, sitSegments, largeNatBitmap);
  const segmentCountNat = 2 * natSegments;

  const segmentsPastNat = segmentCount - CKPT_SEGMENTS - segmentCountSit - segmentCountNat;
  if (segmentsPastNat <= 0) return null;
  const metaUnpadded = CKPT_SEGMENTS + segmentCountSit + segmentCountNat + segmentsFor(segmentsPastNat + 1);
  const metaZones = Math.ceil(metaUnpadded / segsPerZone);
  const segmentCountSsa = metaZones * segsPerZone - CKPT_SEGMENTS - segmentCountSit - segmentCountNat;

  const zones = segmentCount / segsPerZone - metaZones;
  // A zone for each log, and one to spare.
  if (zones <= NR_LOGS) return null;
  const sectionCount = zones * secsPerZone;
  const segmentCountMain = sectionCount * segsPerSec;

  const kept = spaceOf(segmentCountMain, segsPerSec, request.overprovision);
  if (kept === null) return null;

  const sitBlkaddr = segment0Blkaddr + CKPT_SEGMENTS * BLKS_PER_SEG;
  const natBlkaddr = sitBlkaddr + segmentCountSit * BLKS_PER_SEG;
  const logSectorsize = Math.log2(request.sectorSize);
  return {
    logSectorsize,
    logSectorsPerBlock: LOG_BLKSIZE - logSectorsize,
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
  if (geometry.cpPayload <= MAX_CP_PAYLOAD) return geometry;
  const message =
    `a large NAT bitmap for ${geometry.blockCount * BLKSIZE} bytes takes ${geometry.cpPayload} blocks of cp_payload, ` +
    `and fsck.f2fs reads ${MAX_CP_PAYLOAD} at most; format without the large NAT bitmap`;
  throw new F2fsError('EFBIG', message);
}

/**
 * The layout of a new volume, for what has `sizeBytes`, which the message of ENOSPC tells.
 * Throws ENOSPC when the device is too small, naming the least size that works; EFBIG past 16 TiB, or past some 1.5 TiB
 * with a large NAT bitmap; EINVAL for numbers that make no sense.
 */
export function geometryFor(request: GeometryRequest, sizeBytes = request.nrBlocks * BLKSIZE): Geometry {
  const full = checkRequest(request);
  const geometry = layOut(full);
  if (geometry !== null) return readable(geometry);
  const { segsPerSec, secsPerZone } = full;
  const least = smallestGeometry(request, 0).blockCount * BLKSIZE;
  const shape = `${counted(segsPerSec, 'segment')} in a section and ${counted(secsPerZone, 'section')} in a zone`;
  const volume = segsPerSec * secsPerZone === 1 ? 'a volume' : `a volume with ${shape}`;
  const needed = `${least} bytes (${least / 2 ** 20} MiB) at least`;
  throw new F2fsError('ENOSPC', `${sizeBytes} bytes are too small for ${volume}: it needs ${needed}`);
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
 * not looked at. Throws EFBIG when 16 TiB are not enough.
 */
export function smallestGeometry(request: Omit<GeometryRequest, 'nrBlocks'>, neededUserBlocks: number): Geometry {
  const full = checkRequest({ ...request, nrBlocks: 1 });
  const segsPerZone = full.segsPerSec * full.secsPerZone;
  const zoneBlocks = segsPerZone * BLKS_PER_SEG;
  const before = blocksBefore(segsPerZone, full.startSector);
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
      `${neededUserBlocks * BLKSIZE} bytes do not fit into ${MAX_TIB} TiB, the most that F2FS holds`,
    );
  }
  // ...and here gives back what it went too far.
  while (zones > 1 && missing(withZones(zones - 1)) <= 0) zones--;
  return readable(withZones(zones)!);
}
