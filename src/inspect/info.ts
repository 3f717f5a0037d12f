// What a volume says of itself: superblock and checkpoint, without its files. Works with a checkpoint that is damaged.
import { deviceOf } from '../device/checked-device.ts';
import type { BlockDevice } from '../device/device.ts';
import type { QueuedDevice } from '../device/queued-device.ts';
import { F2fsError, throwFault } from '../errors.ts';
import { encodingText } from '../format/casefold.ts';
import { CP } from '../format/checkpoint.ts';
import { featureNames, LOG_NAMES } from '../format/constants.ts';
import { EXTENSION_LEN, formatUuid, hasFeature, type Superblock, volumeLabel } from '../format/superblock.ts';
import { utf8Text } from '../platform/bytes.ts';
import { type CheckpointPack, logPosition, RESERVED_NODES, readCheckpoint } from '../volume/checkpoint-pack.ts';
import type { VolumeLayout } from '../volume/layout.ts';
import { readOrphans } from '../volume/orphans.ts';
import { readSuperblocks } from '../volume/superblocks.ts';
import { metadataWarnings } from '../volume/warnings.ts';

/** Where an area lies, in blocks of the volume and segments of 512 of these. */
export interface VolumeArea {
  /** Which one. */
  name: 'checkpoint' | 'SIT' | 'NAT' | 'SSA' | 'main';
  /** Its first block. */
  blkaddr: number;
  /** Segments that it has. */
  segments: number;
}

/** Where a log goes on. */
export interface LogPosition {
  /** What it takes: `hot data` to `cold node`. */
  name: string;
  /** Segment of the main area that it writes. */
  segno: number;
  /** Next block within the segment. */
  blkoff: number;
  /** Whether it appends (LFS) or fills the holes of a used segment (SSR). */
  allocation: 'LFS' | 'SSR';
}

/** The checkpoint that a mount takes. */
export interface CheckpointInfo {
  /** Its number: each is one more than the one before. */
  version: number;
  /** Which of the two packs it is. */
  pack: 0 | 1;
  /** First block of the pack. */
  blkaddr: number;
  /** Names of the CP_* flags. */
  flags: string[];
  /** Whether the last writer unmounted: nothing is to be recovered. */
  clean: boolean;
  /** Blocks that files and nodes may take. */
  userBlocks: number;
  /** Blocks of them that are in use or promised. */
  usedBlocks: number;
  /** Blocks of them that are left. */
  freeBlocks: number;
  /** Segments without a block in use. */
  freeSegments: number;
  /** Segments for cleaning alone. */
  reservedSegments: number;
  /** Segments that files do not get, the reserved ones among them. */
  overprovisionSegments: number;
  /** Nodes in use, inodes among them. */
  nodes: number;
  /** Inodes in use. */
  inodes: number;
  /** Nodes that there can be. */
  maxNodes: number;
  /** Seconds that the volume has been mounted in its life. */
  elapsedSeconds: number;
  /** Where each of the six logs goes on. */
  logs: LogPosition[];
  /** Inodes without a name that wait for their removal; null when their list is damaged. */
  orphans: number | null;
}

/** What `volumeInfo` finds of a volume. */
export interface VolumeInfo {
  /** Bytes of the device. */
  deviceBytes: number;
  /** Bytes of the volume on it. */
  volumeBytes: number;
  /** Bytes of a block. */
  blockBytes: number;
  /** Empty when there is none. */
  label: string;
  /** As 8-4-4-4-12 hexadecimal digits. */
  uuid: string;
  /** Names, as of `FEATURES`; of an unknown one its bit. */
  features: string[];
  /** How directories may fold case, as `utf8:strict`; of an unknown way its number. null without the feature casefold. */
  encoding: string | null;
  /** Version of the format, as 1.16. */
  formatVersion: string;
  /** What formatted it, as that called itself. */
  madeBy: string;
  /** What wrote it last, likewise. */
  lastUsedBy: string;
  /** Bytes of a sector of the device, as the superblock has it. */
  sectorSize: number;
  /** Segments of 512 blocks, those of all areas. */
  segments: number;
  /** Sections of the main area. */
  sections: number;
  /** Segments that are cleaned as one. */
  segmentsPerSection: number;
  /** Sections of a zone. */
  sectionsPerZone: number;
  /** The areas of the volume, in their order. */
  areas: VolumeArea[];
  /** Inode number of the root directory. */
  rootIno: number;
  /** Files whose names end so go to the cold log. */
  coldExtensions: string[];
  /** Files whose names end so go to the hot log. */
  hotExtensions: string[];
  /** Whether both copies of the superblock say the same. */
  superblocksAgree: boolean;
  /** null when neither checkpoint can be used. */
  checkpoint: CheckpointInfo | null;
  /** What is damaged, though it does not keep the rest from being told. */
  problems: F2fsError[];
}

/**
 * Reads superblock and checkpoint. Throws EINVAL when there is no F2FS, EUCLEAN when neither superblock can be used, EIO;
 * a damaged checkpoint is in `problems`.
 */
export function volumeInfo(given: BlockDevice): VolumeInfo {
  const whole = deviceOf(given);
  const { device, layout, spare } = readSuperblocks(whole);
  const { sb } = layout;
  const problems: F2fsError[] = [];
  const note = (error: F2fsError) => problems.push(error);
  const pack = attempt(() => readCheckpoint(device, layout, spare), note);
  const extensions = extensionNames(sb);
  // That checkpoints were disabled is among the flags.
  problems.push(...metadataWarnings(device, spare, pack).filter(({ code }) => code === 'EUCLEAN'));
  return {
    deviceBytes: whole.nrBlocks * whole.blockSize,
    volumeBytes: sb.blockCount * layout.block.blockSize,
    blockBytes: layout.block.blockSize,
    label: volumeLabel(sb),
    uuid: formatUuid(sb.uuid),
    features: featureNames(sb.feature),
    encoding: hasFeature(sb, 'casefold') ? encodingText(sb.sEncoding, sb.sEncodingFlags) : null,
    formatVersion: `${sb.majorVer}.${sb.minorVer}`,
    madeBy: cString(sb.initVersion),
    lastUsedBy: cString(sb.version),
    sectorSize: 1 << sb.logSectorsize,
    segments: sb.segmentCount,
    sections: sb.sectionCount,
    segmentsPerSection: sb.segsPerSec,
    sectionsPerZone: sb.secsPerZone,
    areas: [
      { name: 'checkpoint', blkaddr: sb.cpBlkaddr, segments: sb.segmentCountCkpt },
      { name: 'SIT', blkaddr: sb.sitBlkaddr, segments: sb.segmentCountSit },
      { name: 'NAT', blkaddr: sb.natBlkaddr, segments: sb.segmentCountNat },
      { name: 'SSA', blkaddr: sb.ssaBlkaddr, segments: sb.segmentCountSsa },
      { name: 'main', blkaddr: sb.mainBlkaddr, segments: sb.segmentCountMain },
    ],
    rootIno: sb.rootIno,
    coldExtensions: extensions.slice(0, sb.extensionCount),
    hotExtensions: extensions.slice(sb.extensionCount),
    superblocksAgree: spare === null,
    checkpoint: pack === null ? null : checkpointInfo(device, layout, pack, note),
    problems,
  };
}

function checkpointInfo(
  device: QueuedDevice,
  layout: VolumeLayout,
  pack: CheckpointPack,
  note: (error: F2fsError) => void,
): CheckpointInfo {
  const { cp } = pack;
  return {
    version: cp.checkpointVer,
    pack: pack.pack,
    blkaddr: pack.blkaddr,
    flags: flagNames(cp.ckptFlags),
    clean: (cp.ckptFlags & CP.UMOUNT) !== 0,
    userBlocks: cp.userBlockCount,
    usedBlocks: cp.validBlockCount,
    freeBlocks: cp.userBlockCount - cp.validBlockCount,
    freeSegments: cp.freeSegmentCount,
    reservedSegments: cp.rsvdSegmentCount,
    overprovisionSegments: cp.overprovSegmentCount,
    nodes: cp.validNodeCount,
    inodes: cp.validInodeCount,
    maxNodes: layout.maxNid - RESERVED_NODES,
    elapsedSeconds: cp.elapsedTime,
    logs: LOG_NAMES.map((name, log) => {
      const { segno, blkoff, allocType } = logPosition(cp, log);
      return { name, segno, blkoff, allocation: allocType === 0 ? 'LFS' : 'SSR' };
    }),
    orphans: attempt(() => readOrphans(device, layout, pack, throwFault).length, note),
  };
}

/** Names of the flags set, in bit order; unknown bits as `0x...`. */
function flagNames(bits: number): string[] {
  const names: string[] = [];
  let left = bits;
  for (const [name, bit] of Object.entries(CP)) {
    if ((left & bit) !== 0) names.push(name.toLowerCase());
    left &= ~bit;
  }
  if (left !== 0) names.push(`0x${(left >>> 0).toString(16)}`);
  return names;
}

function extensionNames(sb: Superblock): string[] {
  const names: string[] = [];
  for (let i = 0; i < sb.extensionCount + sb.hotExtCount; i++) {
    names.push(cString(sb.extensionList.subarray(i * EXTENSION_LEN, (i + 1) * EXTENSION_LEN)));
  }
  return names;
}

/** Text up to the first zero byte, as far as it is UTF-8. */
function cString(field: Uint8Array): string {
  const end = field.indexOf(0);
  return utf8Text(end < 0 ? field : field.subarray(0, end)).trim();
}

function attempt<T>(read: () => T, note: (error: F2fsError) => void): T | null {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof F2fsError) || error.code !== 'EUCLEAN') throw error;
    note(error);
    return null;
  }
}
