// The segment information table (SIT): which blocks of each main-area segment are in use.
import { BLKS_PER_SEG, SIT_ENTRY_SIZE, SIT_JOURNAL_ENTRY_SIZE } from './block-size.ts';
import { bytes, struct, u16, u32, u64 } from './struct.ts';

export const SIT_VBLOCK_MAP_SIZE = BLKS_PER_SEG / 8;
/** vblocks holds the count of valid blocks in its low 10 bits, the log type above. */
export const SIT_VBLOCKS_SHIFT = 10;
export const SIT_VBLOCKS_MASK = (1 << SIT_VBLOCKS_SHIFT) - 1;

/** Source: struct f2fs_sit_entry. Bits of validMap count from the high bit of each byte. */
export const SitEntry = struct('f2fs_sit_entry', SIT_ENTRY_SIZE, {
  vblocks: u16,
  validMap: bytes(SIT_VBLOCK_MAP_SIZE),
  /** Seconds of mounted time at the segment's last change. */
  mtime: u64,
});
export { SIT_ENTRY_SIZE };

/** Source: struct sit_journal_entry. */
export const SitJournalEntry = struct('sit_journal_entry', SIT_JOURNAL_ENTRY_SIZE, {
  segno: u32,
  vblocks: u16,
  validMap: bytes(SIT_VBLOCK_MAP_SIZE),
  mtime: u64,
});
