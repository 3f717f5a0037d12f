// Formats a device: decides, then writes an empty volume so that a power cut at any moment leaves no half of one.
import {
  type Check,
  checkBytes,
  checkIndex,
  checkOptions,
  invalid,
  isBoolean,
  isEither,
  isList,
  isNumber,
  isOneOf,
  isText,
  isWhole,
  type OptionChecks,
} from '../check.ts';
import { deviceOf } from '../device/checked-device.ts';
import type { BlockDevice } from '../device/device.ts';
import { inBlocksOf } from '../device/large-blocks.ts';
import type { QueuedDevice } from '../device/queued-device.ts';
import { assertUnused } from '../device/uses.ts';
import { F2fsError } from '../errors.ts';
import { DEFAULT_BLOCK_SIZE } from '../format/block-size.ts';
import { parseEncoding } from '../format/casefold.ts';
import { BLKS_PER_SEG, FEATURES, LOG, MAX_ID } from '../format/constants.ts';
import { f2fsCrc } from '../format/crc.ts';
import { encodeLabel, MAX_VOLUME_NAME, parseUuid, VERSION_LEN } from '../format/superblock.ts';
import { utf8Bytes, utf8Text } from '../platform/bytes.ts';
import { checkpointBlock, firstPack, hasNatBits, natBits } from './checkpoint-pack.ts';
import { extensionTable } from './extensions.ts';
import { featureBits, quotaTypes } from './features.ts';
import { dataBlocks, inodeBlocks, natBlock } from './first-nodes.ts';
import { checkRequest, type Geometry, type GeometryRequest, geometryFor } from './geometry.ts';
import { type FormatPlan, logBlkaddr } from './plan.ts';
import { superblockBlock } from './superblock-block.ts';

/** What a new volume is like. */
export interface FormatOptions extends Omit<GeometryRequest, 'nrBlocks' | 'packedSsa'> {
  /** At most 511 UTF-16 code units. Default: none. */
  label?: string;
  /** 16 bytes or their text. Default: random. */
  uuid?: Uint8Array | string;
  /** Names of all the features wanted. Default: DEFAULT_FEATURES. */
  features?: readonly string[] | 'default';
  /**
   * How directories may fold case: `utf8`, `utf8:strict` (they take no names that are not UTF-8), `utf8:hashonly` (each name lies where
   * its hash leads, so that Linux from 6.16 on looks nowhere else), or both. Adds the feature casefold where `features` are not named;
   * where they are, EOPNOTSUPP without it. That feature alone stands for `utf8`.
   */
  encoding?: string;
  /** Owner of the root and of lost+found. Default 0. */
  rootUid?: number;
  /** Its group. Default 0. */
  rootGid?: number;
  /** Extensions that are hot, besides those that are by default; `coldExtensions` likewise. */
  hotExtensions?: readonly string[];
  /** See `hotExtensions`. */
  coldExtensions?: readonly string[];
  /** Seconds since 1970, of every time on the volume. Default: now. */
  timestamp?: number;
  /** Version of the first checkpoint, 1 to 2^32 - 1. Default: from the uuid, so that equal options make equal images. */
  checkpointVer?: number;
  /** Who formatted, at most 255 bytes of UTF-8. */
  version?: string;
  /** Tell the device first that nothing on it is needed. Default true. */
  discard?: boolean;
}

/** What was made. */
export interface Formatted {
  /** Where everything lies. */
  readonly geometry: Geometry;
  /** 16 bytes. */
  readonly uuid: Uint8Array;
  /** Bits of `FEATURES`. */
  readonly features: number;
  /** Version of the first checkpoint. */
  readonly checkpointVer: number;
}

const isCount = isWhole(1, Number.MAX_SAFE_INTEGER);
const isString: Check = (value, what) => {
  if (typeof value !== 'string') throw invalid(what, value, 'a string');
};

/** Of the right kind; the numbers' bounds depend on each other, and are checked where the layout is computed. */
const FORMAT_OPTIONS: OptionChecks<FormatOptions> = {
  blockSize: isCount,
  sectorSize: isCount,
  segsPerSec: isCount,
  secsPerZone: isCount,
  overprovision: isNumber(0, 100),
  largeNatBitmap: isBoolean,
  startSector: isWhole(0, Number.MAX_SAFE_INTEGER),
  logPlacement: isOneOf(['spread', 'packed']),
  label: isString,
  uuid: (value, what) => {
    if (typeof value !== 'string') checkBytes(value as Uint8Array, what);
  },
  features: isEither("an array of names, or 'default'", isOneOf(['default']), isList(isText)),
  encoding: isText,
  rootUid: isWhole(0, MAX_ID),
  rootGid: isWhole(0, MAX_ID),
  hotExtensions: isList(isText),
  coldExtensions: isList(isText),
  timestamp: isWhole(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, 'seconds'),
  checkpointVer: isWhole(1, 0xffffffff),
  version: isString,
  discard: isBoolean,
};

const DEFAULT_VERSION = 'f2fs-ts 0.1.0';
/** Bytes at the start that are wiped, whatever is discarded: other file systems' superblocks stand there. */
const WIPED_BYTES = 4 * 1024 * 1024;

function uuidOf(uuid: Uint8Array | string | undefined): Uint8Array {
  if (uuid === undefined) {
    const made = crypto.getRandomValues(new Uint8Array(16));
    made[6] = (made[6] & 0x0f) | 0x40;
    made[8] = (made[8] & 0x3f) | 0x80;
    return made;
  }
  const parsed = typeof uuid === 'string' ? parseUuid(uuid) : new Uint8Array(uuid);
  if (parsed !== null && parsed.length === 16) return parsed;
  throw invalid('uuid', uuid, typeof uuid === 'string' ? '8-4-4-4-12 hexadecimal digits' : '16 bytes');
}

function labelOf(label: string): Uint8Array {
  if (utf8Text(utf8Bytes(label)) !== label) {
    throw new F2fsError('EINVAL', 'invalid label: it has half a character (a lone surrogate)');
  }
  const encoded = encodeLabel(label);
  if (encoded !== null && !label.includes('\0')) return encoded;
  const message = `invalid label of ${label.length} characters: expected ${MAX_VOLUME_NAME - 1} at most, none of them NUL`;
  throw new F2fsError('EINVAL', message);
}

function versionOf(version: string): Uint8Array {
  const encoded = utf8Bytes(version);
  if (encoded.length < VERSION_LEN) return encoded;
  throw new F2fsError('EINVAL', `invalid version of ${encoded.length} bytes: expected ${VERSION_LEN - 1} at most`);
}

/**
 * All of a format's decisions for a device of `nrBlocks` blocks of `options.blockSize`, without touching one. Throws EINVAL for an option that
 * makes no sense, EOPNOTSUPP for a feature that is not written here, ENOSPC and EFBIG as geometryFor does.
 */
export function planFormat(nrBlocks: number, options: FormatOptions = {}): FormatPlan {
  isCount(nrBlocks, 'number of blocks');
  checkOptions('format', options, FORMAT_OPTIONS);
  return plan(nrBlocks, options);
}

/** The same for an image that is to have `sizeBytes` bytes, however few: the least that would do is told. */
export function planSize(sizeBytes: number, options: FormatOptions = {}): FormatPlan {
  checkIndex(sizeBytes, 'number of bytes');
  checkOptions('format', options, FORMAT_OPTIONS);
  const blockSize = options.blockSize ?? DEFAULT_BLOCK_SIZE;
  return plan(Math.max(1, Math.floor(sizeBytes / blockSize)), options, sizeBytes);
}

function plan(nrBlocks: number, options: FormatOptions, sizeBytes?: number): FormatPlan {
  return { geometry: geometryFor(requestOf(nrBlocks, options), sizeBytes), ...contentsOfPlan(options) };
}

/** Throws EINVAL and EOPNOTSUPP for options that would suit no device. */
export function checkFormat(options: FormatOptions): void {
  checkOptions('format', options, FORMAT_OPTIONS);
  checkRequest(requestOf(1, options));
  contentsOfPlan(options);
}

function requestOf(nrBlocks: number, options: FormatOptions): GeometryRequest {
  const { blockSize, sectorSize, segsPerSec, secsPerZone, overprovision, largeNatBitmap, startSector, logPlacement } =
    options;
  const packedSsa = (featureBits(options.features ?? 'default') & FEATURES.packed_ssa) !== 0;
  return {
    nrBlocks,
    blockSize,
    packedSsa,
    sectorSize,
    segsPerSec,
    secsPerZone,
    overprovision,
    largeNatBitmap,
    startSector,
    logPlacement,
  };
}

/** What does not depend on the device. */
function contentsOfPlan(options: FormatOptions): Omit<FormatPlan, 'geometry'> {
  const uuid = uuidOf(options.uuid);
  return {
    features: volumeFeatures(options),
    quotaTypes: quotaTypes(options.features ?? 'default'),
    encodingFlags: options.encoding === undefined ? 0 : parseEncoding(options.encoding),
    uuid,
    label: labelOf(options.label ?? ''),
    extensions: extensionTable(options.coldExtensions, options.hotExtensions),
    version: versionOf(options.version ?? DEFAULT_VERSION),
    rootUid: options.rootUid ?? 0,
    rootGid: options.rootGid ?? 0,
    timestamp: options.timestamp ?? Math.floor(Date.now() / 1000),
    checkpointVer: options.checkpointVer ?? defaultVersion(uuid),
    discarded: options.discard ?? true,
  };
}

/** The bits of all features that options ask for. Throws as `featureBits` does, EOPNOTSUPP for an encoding too when they lack casefold. */
function volumeFeatures({ features, encoding }: Pick<FormatOptions, 'features' | 'encoding'>): number {
  const bits = featureBits(features ?? 'default');
  if (encoding === undefined || (bits & FEATURES.casefold) !== 0) return bits;
  if (Array.isArray(features)) {
    throw new F2fsError('EOPNOTSUPP', "directories that fold case need the feature 'casefold': add it");
  }
  return bits | FEATURES.casefold;
}

/** Odd and below 2^31, as mkfs.f2fs draws it at random. */
function defaultVersion(uuid: Uint8Array): number {
  return (f2fsCrc(uuid) & 0x7fffffff) | 1;
}

/** Takes away what could be mounted: superblocks first, for good, then everything. */
function invalidate(device: QueuedDevice, plan: FormatPlan): void {
  const wiped = Math.min(WIPED_BYTES / device.blockSize, device.nrBlocks);
  device.zero(0, wiped);
  device.flush();
  if (plan.discarded) device.discard(0, device.nrBlocks);
  device.zero(0, wiped);
}

/**
 * Makes the tables empty: all of the checkpoint area, the first copy of the SIT, and the first copy of each NAT segment
 * (its copies alternate). Source: f2fs_init_sit_area, f2fs_init_nat_area.
 */
function zeroTables(device: QueuedDevice, { geometry }: FormatPlan): void {
  device.zero(geometry.cpBlkaddr, geometry.segmentCountCkpt * BLKS_PER_SEG);
  device.zero(geometry.sitBlkaddr, (geometry.segmentCountSit / 2) * BLKS_PER_SEG);
  for (let segment = 0; segment < geometry.segmentCountNat; segment += 2) {
    device.zero(geometry.natBlkaddr + segment * BLKS_PER_SEG, BLKS_PER_SEG);
  }
}

/** Writes inodes, dentries and NAT, and cuts the chain of nodes that recovery of an older volume might follow. */
function writeNodes(device: QueuedDevice, plan: FormatPlan): void {
  device.write(logBlkaddr(plan, LOG.HOT_NODE), inodeBlocks(plan));
  device.write(logBlkaddr(plan, LOG.HOT_DATA), dataBlocks(plan));
  device.zero(logBlkaddr(plan, LOG.WARM_NODE), 1);
  device.write(plan.geometry.natBlkaddr, [natBlock(plan)]);
}

/** Writes the first pack and, as its older neighbour, the first and last block of a pack of version 0. */
function writeCheckpoints(device: QueuedDevice, plan: FormatPlan): void {
  const { cpBlkaddr } = plan.geometry;
  const pack = firstPack(plan);
  device.write(cpBlkaddr, pack);
  if (hasNatBits(plan)) {
    const bits = natBits(plan);
    device.write(cpBlkaddr + BLKS_PER_SEG - bits.length / device.blockSize, [bits]);
  }
  const older = checkpointBlock(plan, 0);
  const olderBlkaddr = cpBlkaddr + BLKS_PER_SEG;
  const packBytes = pack.reduce((sum, vector) => sum + vector.length, 0);
  device.write(olderBlkaddr, [older]);
  device.write(olderBlkaddr + packBytes / device.blockSize - 1, [older]);
}

/**
 * Makes an empty F2FS volume on the whole device; what it held is lost. The superblocks come last, after a flush, so an
 * interrupted format leaves nothing that can be mounted. Throws as planFormat does, before anything is written;
 * EROFS, EBUSY while it is mounted, and the device's own errors.
 */
export function format(given: BlockDevice, options: FormatOptions = {}): Formatted {
  const whole = deviceOf(given);
  const plan = planSize(whole.nrBlocks * whole.blockSize, options);
  const device = inBlocksOf(whole, plan.geometry.blockSize);
  if (device.readonly) {
    const message = `${device.name} was opened for reading only: open it writable to format it`;
    throw new F2fsError('EROFS', message, { path: device.name });
  }
  assertUnused(given, 'format');
  invalidate(device, plan);
  zeroTables(device, plan);
  writeNodes(device, plan);
  writeCheckpoints(device, plan);
  device.flush();
  const superblock = superblockBlock(plan);
  device.write(0, [superblock, superblock]);
  device.flush();
  const { geometry, uuid, features, checkpointVer } = plan;
  return { geometry, uuid, features, checkpointVer };
}
