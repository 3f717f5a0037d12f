// The node address table (NAT): node number -> owner inode and block address; and the bits that speed its loading.
import { NAT_ENTRY_SIZE, NAT_JOURNAL_ENTRY_SIZE } from './block-size.ts';
import { struct, u8, u32 } from './struct.ts';

/** Source: struct f2fs_nat_entry. A blockAddr of 0 is free; NEW_ADDR is allocated but never written. */
export const NatEntry = struct('f2fs_nat_entry', NAT_ENTRY_SIZE, {
  version: u8,
  ino: u32,
  blockAddr: u32,
});
export { NAT_ENTRY_SIZE };

/** Source: struct nat_journal_entry. */
export const NatJournalEntry = struct('nat_journal_entry', NAT_JOURNAL_ENTRY_SIZE, {
  nid: u32,
  version: u8,
  ino: u32,
  blockAddr: u32,
});
