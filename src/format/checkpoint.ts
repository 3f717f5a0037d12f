// The checkpoint block and the orphan block: the root of all that changes.
import { CHECKSUM_SIZE, CP_BITMAP_OFFSET, ORPHAN_FOOTER_SIZE } from './block-size.ts';
import { crc32, f2fsCrc } from './crc.ts';
import { bytes, struct, u16, u32, u64 } from './struct.ts';

/** Checkpoint flags. Source: CP_* in f2fs_fs.h. */
export const CP = {
  /** Written at unmount: node summaries are in the pack, nothing is to be recovered. */
  UMOUNT: 0x1,
  ORPHAN_PRESENT: 0x2,
  COMPACT_SUM: 0x4,
  ERROR: 0x8,
  FSCK: 0x10,
  FASTBOOT: 0x20,
  /** Node footers carry the checkpoint's CRC in the high half of their version. */
  CRC_RECOVERY: 0x40,
  NAT_BITS: 0x80,
  TRIMMED: 0x100,
  NOCRC_RECOVERY: 0x200,
  LARGE_NAT_BITMAP: 0x400,
  QUOTA_NEED_FSCK: 0x800,
  DISABLED: 0x1000,
  DISABLED_QUICK: 0x2000,
  RESIZEFS: 0x4000,
} as const;

/** CP_BITMAP_OFFSET is where the version bitmaps begin, and the least that checksumOffset may be. */
export { CP_BITMAP_OFFSET };
export const MAX_ACTIVE_LOGS_EACH = 8;

/** Source: struct f2fs_checkpoint, without its version bitmaps (from byte 192 on). */
export const Checkpoint = struct('f2fs_checkpoint', CP_BITMAP_OFFSET, {
  checkpointVer: u64,
  userBlockCount: u64,
  validBlockCount: u64,
  rsvdSegmentCount: u32,
  overprovSegmentCount: u32,
  freeSegmentCount: u32,
  /** 8 x u32, hot, warm, cold; the others 0xffffffff. */
  curNodeSegno: bytes(4 * MAX_ACTIVE_LOGS_EACH),
  /** 8 x u16. */
  curNodeBlkoff: bytes(2 * MAX_ACTIVE_LOGS_EACH),
  curDataSegno: bytes(4 * MAX_ACTIVE_LOGS_EACH),
  curDataBlkoff: bytes(2 * MAX_ACTIVE_LOGS_EACH),
  ckptFlags: u32,
  /** Blocks in this pack, its last checkpoint block included. */
  cpPackTotalBlockCount: u32,
  /** Blocks from the pack's start to its data summaries. */
  cpPackStartSum: u32,
  validNodeCount: u32,
  validInodeCount: u32,
  nextFreeNid: u32,
  sitVerBitmapBytesize: u32,
  natVerBitmapBytesize: u32,
  checksumOffset: u32,
  /** Seconds that the volume has been mounted. */
  elapsedTime: u64,
  /** 16 x u8: how each log allocates; 0 LFS (append), 1 SSR (fill holes). */
  allocType: bytes(2 * MAX_ACTIVE_LOGS_EACH),
});
export type Checkpoint = InstanceType<typeof Checkpoint>;

/**
 * The CRC that a checkpoint block should hold at `checksumOffset`: over what precedes it and, when it does not stand at
 * the block's end, over what follows it too. Source: f2fs_checkpoint_chksum.
 */
export function checkpointCrc(block: Uint8Array, checksumOffset: number): number {
  const crc = f2fsCrc(block.subarray(0, checksumOffset));
  const end = checksumOffset + CHECKSUM_SIZE;
  return end < block.length ? crc32(crc, block.subarray(end)) : crc;
}

/**
 * The end of an orphan block, which holds the numbers of inodes without a name that were open at the checkpoint. Source: struct
 * f2fs_orphan_block.
 */
export const OrphanFooter = struct('f2fs_orphan_block footer', ORPHAN_FOOTER_SIZE, {
  reserved: u32,
  /** 1-based index of this block among the orphan blocks of the pack. */
  blkAddr: u16,
  blkCount: u16,
  /** Orphans in this block. */
  entryCount: u32,
  checkSum: u32,
});
