// Directory entries: a bitmap of slots, then fixed entries, then 8-byte pieces of names; the same in a block of its own
// and, smaller, inside an inode. Also where a hash puts a name.
import { type DentryLayout, DIR_ENTRY_SIZE, dentryLayout, SLOT_LEN } from './block-size.ts';
import { struct, u8, u16, u32 } from './struct.ts';

/** Source: struct f2fs_dir_entry. */
export const DirEntry = struct('f2fs_dir_entry', DIR_ENTRY_SIZE, {
  hashCode: u32,
  ino: u32,
  nameLen: u16,
  fileType: u8,
});
export { DIR_ENTRY_SIZE, SLOT_LEN };
/** Hash levels that a directory may have. */
export const MAX_DIR_HASH_DEPTH = 63;

/** file_type of an entry. Source: F2FS_FT_*. */
export const FT = { UNKNOWN: 0, REG_FILE: 1, DIR: 2, CHRDEV: 3, BLKDEV: 4, FIFO: 5, SOCK: 6, SYMLINK: 7 } as const;

const FT_OF_MODE = [0, FT.FIFO, FT.CHRDEV, 0, FT.DIR, 0, FT.BLKDEV, 0, FT.REG_FILE, 0, FT.SYMLINK, 0, FT.SOCK, 0, 0, 0];
/** The file_type that belongs to an i_mode. */
export function fileTypeOf(mode: number): number {
  return FT_OF_MODE[(mode >>> 12) & 15];
}

/** Slots that a name of `nameLen` bytes takes. */
export function dentrySlots(nameLen: number): number {
  return (nameLen + SLOT_LEN - 1) >>> 3;
}

export { type DentryLayout, dentryLayout };

/** Buckets of a hash level. Source: dir_buckets. */
export function dirBuckets(level: number, dirLevel: number): number {
  const half = MAX_DIR_HASH_DEPTH >>> 1;
  return 1 << (level + dirLevel < half ? level + dirLevel : half - 1);
}

/** Blocks of each bucket at a hash level. Source: bucket_blocks. */
export function bucketBlocks(level: number): number {
  return level < MAX_DIR_HASH_DEPTH >>> 1 ? 2 : 4;
}

/** First page of a bucket. Source: dir_block_index. */
export function dirBlockIndex(level: number, dirLevel: number, bucket: number): number {
  let index = 0;
  for (let i = 0; i < level; i++) index += dirBuckets(i, dirLevel) * bucketBlocks(i);
  return index + bucket * bucketBlocks(level);
}

/** The hash level that block `block` of a directory belongs to; -1 past the last. */
export function hashLevelOf(block: number, dirLevel: number): number {
  let rest = block;
  for (let level = 0; level < MAX_DIR_HASH_DEPTH; level++) {
    rest -= dirBuckets(level, dirLevel) * bucketBlocks(level);
    if (rest < 0) return level;
  }
  return -1;
}

/** Writes an entry into the area at byte `area` and marks its slots as taken. Source: f2fs_update_dentry. */
export function putDentry(
  bytes: Uint8Array,
  view: DataView,
  area: number,
  layout: DentryLayout,
  slot: number,
  name: Uint8Array,
  hash: number,
  ino: number,
  fileType: number,
): void {
  const at = area + layout.entries + slot * DIR_ENTRY_SIZE;
  view.setUint32(at + DirEntry.offsets.hashCode, hash, true);
  view.setUint32(at + DirEntry.offsets.ino, ino, true);
  view.setUint16(at + DirEntry.offsets.nameLen, name.length, true);
  view.setUint8(at + DirEntry.offsets.fileType, fileType);
  bytes.set(name, area + layout.names + slot * SLOT_LEN);
  const end = slot + dentrySlots(name.length);
  for (let i = slot; i < end; i++) {
    bytes[area + (i >>> 3)] |= 1 << (i & 7);
    // Later slots of a name may hold what an earlier entry left.
    if (i > slot) view.setUint16(area + layout.entries + i * DIR_ENTRY_SIZE + DirEntry.offsets.nameLen, 0, true);
  }
}

/** First slot of `slots` free ones in a row, or -1. Source: f2fs_room_for_filename. */
export function findRoom(memory: Uint8Array, bitmap: number, slots: number, layout: DentryLayout): number {
  let run = 0;
  for (let slot = 0; slot < layout.slots; slot++) {
    if ((memory[bitmap + (slot >>> 3)] & (1 << (slot & 7))) !== 0) run = 0;
    else if (++run === slots) return slot - slots + 1;
  }
  return -1;
}
