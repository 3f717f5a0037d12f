// The superblock: what was decided at mkfs. Two copies, in blocks 0 and 1, each 1024 bytes into its block.
import { checkBytes, invalid } from '../check.ts';
import { FEATURES } from './constants.ts';
import { f2fsCrc } from './crc.ts';
import { QUOTA_TYPES } from './quota.ts';
import { bytes, struct, u8, u16, u32, u64, viewOf } from './struct.ts';

export const SB_CHECKSUM_OFFSET = 3068;
export const MAX_EXTENSION = 64;
export const EXTENSION_LEN = 8;
/** UTF-16 code units that a volume's label may have, its terminator included. */
export const MAX_VOLUME_NAME = 512;
export const VERSION_LEN = 256;

/** Source: struct f2fs_super_block. Areas are in segments, addresses in blocks from the start of the device. */
export const Superblock = struct('f2fs_super_block', 3072, {
  magic: u32,
  majorVer: u16,
  minorVer: u16,
  /** log2 of the sector size in bytes, 9 to 12. */
  logSectorsize: u32,
  logSectorsPerBlock: u32,
  logBlocksize: u32,
  logBlocksPerSeg: u32,
  segsPerSec: u32,
  secsPerZone: u32,
  /** Bytes from the superblock's start to `crc`: 3068 with sb_checksum, else 0. */
  checksumOffset: u32,
  /** Blocks on the device. */
  blockCount: u64,
  sectionCount: u32,
  segmentCount: u32,
  segmentCountCkpt: u32,
  /** Both copies of the SIT together; NAT likewise. */
  segmentCountSit: u32,
  segmentCountNat: u32,
  segmentCountSsa: u32,
  segmentCountMain: u32,
  segment0Blkaddr: u32,
  cpBlkaddr: u32,
  sitBlkaddr: u32,
  natBlkaddr: u32,
  ssaBlkaddr: u32,
  mainBlkaddr: u32,
  rootIno: u32,
  nodeIno: u32,
  metaIno: u32,
  uuid: bytes(16),
  /** UTF-16LE, zero-terminated. */
  volumeName: bytes(MAX_VOLUME_NAME * 2),
  /** Cold extensions in extensionList; the hot ones follow them. */
  extensionCount: u32,
  extensionList: bytes(MAX_EXTENSION * EXTENSION_LEN),
  /** Blocks after a checkpoint's first that hold the SIT version bitmap, when it does not fit there. */
  cpPayload: u32,
  version: bytes(VERSION_LEN),
  initVersion: bytes(VERSION_LEN),
  feature: u32,
  encryptionLevel: u8,
  encryptPwSalt: bytes(16),
  /** 8 devices of a 64-byte path and a u32 count of segments. */
  devs: bytes(8 * 68),
  qfIno: bytes(QUOTA_TYPES.length * 4),
  hotExtCount: u8,
  sEncoding: u16,
  sEncodingFlags: u16,
  sStopReason: bytes(32),
  sErrors: bytes(16),
  reserved: bytes(258),
  crc: u32,
});
export type Superblock = InstanceType<typeof Superblock>;

/** The CRC that belongs in `crc`, over what precedes it. */
export function superblockCrc(sb: Superblock): number {
  return f2fsCrc(new Uint8Array(sb.dv.buffer, sb.dv.byteOffset + sb.base, SB_CHECKSUM_OFFSET));
}

export function hasFeature(sb: Superblock, feature: keyof typeof FEATURES): boolean {
  return (sb.feature & FEATURES[feature]) !== 0;
}

/** The inode of the quota file of a type; 0: there is none. */
export function quotaInoOf(sb: Superblock, type: number): number {
  return sb.dv.getUint32(sb.base + Superblock.offsets.qfIno + 4 * type, true);
}

/** The inodes of all quota files of a volume. */
export function quotaInos(sb: Superblock): number[] {
  return QUOTA_TYPES.map((type) => quotaInoOf(sb, type)).filter((ino) => ino !== 0);
}

export function setQuotaIno(sb: Superblock, type: number, ino: number): void {
  sb.dv.setUint32(sb.base + Superblock.offsets.qfIno + 4 * type, ino, true);
}

/** The volume's label. */
export function volumeLabel(sb: Superblock): string {
  const text = new TextDecoder('utf-16le').decode(sb.volumeName.slice());
  const end = text.indexOf('\0');
  return end < 0 ? text : text.slice(0, end);
}

/** UTF-16LE bytes of a label for `volumeName`; null when it has more than 511 code units. */
export function encodeLabel(label: string): Uint8Array | null {
  if (label.length >= MAX_VOLUME_NAME) return null;
  const units = new Uint8Array(2 * label.length);
  const view = viewOf(units);
  for (let i = 0; i < label.length; i++) view.setUint16(2 * i, label.charCodeAt(i), true);
  return units;
}

/** `12345678-9abc-...` of 16 bytes. Throws EINVAL for what is no 16 bytes. */
export function formatUuid(uuid: Uint8Array): string {
  checkBytes(uuid, 'uuid');
  if (uuid.length !== 16) throw invalid('uuid', uuid, '16 bytes');
  const hex = Array.from(uuid, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** The 16 bytes of a UUID's text; null when it is not one. Throws EINVAL for what is no text. */
export function parseUuid(text: string): Uint8Array | null {
  if (typeof text !== 'string') throw invalid('uuid', text, 'a string');
  if (!/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text)) return null;
  return Uint8Array.from(text.replaceAll('-', '').match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}
