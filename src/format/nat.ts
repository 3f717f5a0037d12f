// The node address table (NAT): node number -> owner inode and block address; and the bits that speed its loading.
import { BLKSIZE } from './constants.ts';
import { struct, u8, u32 } from './struct.ts';

/** Source: struct f2fs_nat_entry. A blockAddr of 0 is free; NEW_ADDR is allocated but never written. */
export const NatEntry = struct('f2fs_nat_entry', 9, {
  version: u8,
  ino: u32,
  blockAddr: u32,
});
export const NAT_ENTRY_SIZE = NatEntry.size;
export const NAT_ENTRIES_PER_BLOCK = Math.floor(BLKSIZE / NAT_ENTRY_SIZE);

/** Source: struct nat_journal_entry. */
export const NatJournalEntry = struct('nat_journal_entry', 13, {
  nid: u32,
  version: u8,
  ino: u32,
  blockAddr: u32,
});
