// Segment summaries (SSA): who owns each block of a segment; and the journals that ride in their spare space.
import { BLKS_PER_SEG, JOURNAL_COUNT_SIZE, SUM_FOOTER_SIZE, SUMMARY_ENTRY_SIZE } from './block-size.ts';
import { struct, u8, u16, u32 } from './struct.ts';

/** Source: struct f2fs_summary. For a data block nid is its dnode's; for a node block its own, the rest 0. */
export const SummaryEntry = struct('f2fs_summary', SUMMARY_ENTRY_SIZE, {
  nid: u32,
  /** The NAT version of the dnode when the block was written; 0 for node blocks. */
  version: u8,
  /** Index of the address within the dnode. */
  ofsInNode: u16,
});
export type SummaryEntry = InstanceType<typeof SummaryEntry>;
export { SUMMARY_ENTRY_SIZE };
/** Bytes of a segment's entries. */
export const SUM_ENTRIES_SIZE = SUMMARY_ENTRY_SIZE * BLKS_PER_SEG;

/** Source: struct summary_footer. checkSum is not used by the kernel. */
export const SummaryFooter = struct('summary_footer', SUM_FOOTER_SIZE, {
  entryType: u8,
  checkSum: u32,
});
export const SUM_TYPE = { DATA: 0, NODE: 1 } as const;

/** Byte offset of the first entry in a journal, after its u16 count. */
export const JOURNAL_ENTRIES_OFFSET = JOURNAL_COUNT_SIZE;
