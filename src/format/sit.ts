// The segment information table (SIT): which blocks of each main-area segment are in use.
import { BLKSIZE } from './constants.ts';
import { bytes, struct, u16, u32, u64 } from './struct.ts';

export const SIT_VBLOCK_MAP_SIZE = 64;
/** vblocks holds the count of valid blocks in its low 10 bits, the log type above. */
export const SIT_VBLOCKS_SHIFT = 10;
export const SIT_VBLOCKS_MASK = (1 << SIT_VBLOCKS_SHIFT) - 1;

/** Source: struct f2fs_sit_entry. Bits of validMap count from the high bit of each byte. */
export const SitEntry = struct('f2fs_sit_entry', 74, {
  vblocks: u16,
  validMap: bytes(SIT_VBLOCK_MAP_SIZE),
  /** Seconds of mounted time at the segment's last change. */
  mtime: u64,
});
export const SIT_ENTRY_SIZE = SitEntry.size;
export const SIT_ENTRIES_PER_BLOCK = Math.floor(BLKSIZE / SIT_ENTRY_SIZE);

/** Source: struct sit_journal_entry. */
export const SitJournalEntry = struct('sit_journal_entry', 78, {
  segno: u32,
  vblocks: u16,
  validMap: bytes(SIT_VBLOCK_MAP_SIZE),
  mtime: u64,
});
