// Segment summaries (SSA): who owns each block of a segment; and the journals that ride in their spare space.
import { BLKS_PER_SEG, BLKSIZE } from './constants.ts';
import { NatJournalEntry } from './nat.ts';
import { SitJournalEntry } from './sit.ts';
import { struct, u8, u16, u32 } from './struct.ts';

/** Source: struct f2fs_summary. For a data block nid is its dnode's; for a node block its own, the rest 0. */
export const SummaryEntry = struct('f2fs_summary', 7, {
  nid: u32,
  /** The NAT version of the dnode when the block was written; 0 for node blocks. */
  version: u8,
  /** Index of the address within the dnode. */
  ofsInNode: u16,
});
export type SummaryEntry = InstanceType<typeof SummaryEntry>;
export const SUMMARY_ENTRY_SIZE = SummaryEntry.size;
export const SUM_ENTRIES_SIZE = SUMMARY_ENTRY_SIZE * BLKS_PER_SEG;

/** Source: struct summary_footer. checkSum is not used by the kernel. */
export const SummaryFooter = struct('summary_footer', 5, {
  entryType: u8,
  checkSum: u32,
});
export const SUM_FOOTER_SIZE = SummaryFooter.size;
export const SUM_FOOTER_OFFSET = BLKSIZE - SUM_FOOTER_SIZE;
export const SUM_TYPE = { DATA: 0, NODE: 1 } as const;

/** A summary block: 512 entries, then a journal, then the footer. */
export const SUM_JOURNAL_OFFSET = SUM_ENTRIES_SIZE;
export const SUM_JOURNAL_SIZE = BLKSIZE - SUM_FOOTER_SIZE - SUM_ENTRIES_SIZE;
/** Byte offset of the first entry in a journal, after its u16 count. */
export const JOURNAL_ENTRIES_OFFSET = 2;
export const NAT_JOURNAL_ENTRIES = Math.floor((SUM_JOURNAL_SIZE - 2) / NatJournalEntry.size);
export const SIT_JOURNAL_ENTRIES = Math.floor((SUM_JOURNAL_SIZE - 2) / SitJournalEntry.size);

/** A compact summary block: NAT journal, SIT journal, then entries of the data logs; later blocks hold entries only. */
export const COMPACT_SIT_JOURNAL_OFFSET = SUM_JOURNAL_SIZE;
export const COMPACT_ENTRIES_OFFSET = 2 * SUM_JOURNAL_SIZE;
export const COMPACT_ENTRIES_FIRST = Math.floor(
  (BLKSIZE - 2 * SUM_JOURNAL_SIZE - SUM_FOOTER_SIZE) / SUMMARY_ENTRY_SIZE,
);
export const COMPACT_ENTRIES_NEXT = Math.floor((BLKSIZE - SUM_FOOTER_SIZE) / SUMMARY_ENTRY_SIZE);
