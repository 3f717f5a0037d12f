// What follows from blocks of 4 KiB, which most volumes of the tests have, by the names of include/linux/f2fs_fs.h.
import { blockGeometry, DEFAULT_BLOCK_SIZE } from '../src/format/block-size.ts';
import { OrphanFooter } from '../src/format/checkpoint.ts';
import { bytes, struct, u16, u32 } from '../src/format/struct.ts';

export const BLOCK = blockGeometry(DEFAULT_BLOCK_SIZE);

export const CP_CHECKSUM_OFFSET = BLOCK.cpChecksumOffset;
export const MAX_BITMAP_SIZE_IN_CKPT = BLOCK.maxBitmapSizeInCp;
export const ORPHANS_PER_BLOCK = BLOCK.orphansPerBlock;
export const NAT_ENTRIES_PER_BLOCK = BLOCK.natEntriesPerBlock;
export const SIT_ENTRIES_PER_BLOCK = BLOCK.sitEntriesPerBlock;
export const I_NID_OFFSET = BLOCK.inodeNidsOffset;
export const NODE_FOOTER_OFFSET = BLOCK.nodeFooterOffset;
export const ADDRS_PER_BLOCK = BLOCK.addrsPerNode;
export const NIDS_PER_BLOCK = BLOCK.addrsPerNode;
export const XATTR_BLOCK_SIZE = BLOCK.xattrBlockSize;
export const DENTRY_BLOCK = BLOCK.dentryBlock;
export const SUM_FOOTER_OFFSET = BLOCK.summaryFooterOffset;
export const SUM_JOURNAL_OFFSET = BLOCK.journalOffset;
export const SUM_JOURNAL_SIZE = BLOCK.journalSize;
export const NAT_JOURNAL_ENTRIES = BLOCK.natJournalEntries;
export const SIT_JOURNAL_ENTRIES = BLOCK.sitJournalEntries;
export const COMPACT_SIT_JOURNAL_OFFSET = BLOCK.compactSitJournalOffset;
export const COMPACT_ENTRIES_OFFSET = BLOCK.compactEntriesOffset;
export const COMPACT_ENTRIES_FIRST = BLOCK.compactEntriesFirst;
export const COMPACT_ENTRIES_NEXT = BLOCK.compactEntriesNext;

/** A whole orphan block. */
export const OrphanBlock = struct('f2fs_orphan_block', BLOCK.blockSize, {
  /** ORPHANS_PER_BLOCK x u32. */
  ino: bytes(BLOCK.blockSize - OrphanFooter.size),
  reserved: u32,
  blkAddr: u16,
  blkCount: u16,
  entryCount: u32,
  checkSum: u32,
});
export type OrphanBlock = InstanceType<typeof OrphanBlock>;
