// Every number of the format that follows from the size of a block, each by its formula: F2FS on Linux has blocks as large as a
// page. A volume's is told by its superblock, and known by its layout. Relies on nothing, so that the threads' programs may import it.

/** Blocks in a segment, whatever their size: a SIT entry has 64 bytes of map. */
export const BLKS_PER_SEG = 512;
export const LOG_BLKS_PER_SEG = 9;
/** Source: F2FS_MIN_SEGMENTS, F2FS_MAX_SEGMENT. */
export const MIN_SEGMENTS = 9;
export const MAX_SEGMENTS = 8 * 1024 * 1024;
/** Bytes of the unit that a host counts in, and log2 of the least sector that a superblock may tell. */
export const SECTOR_SIZE = 512;
export const MIN_LOG_SECTORSIZE = 9;
/** log2 of the smallest and the largest block of any kernel: a page of 4 to 64 KiB. */
export const MIN_LOG_BLKSIZE = 12;
export const MAX_LOG_BLKSIZE = 16;

/** Bytes of structures, the same in blocks of any size; their declarations are asserted against them. */
export const CHECKSUM_SIZE = 4;
export const CP_BITMAP_OFFSET = 192;
export const ORPHAN_FOOTER_SIZE = 16;
export const NAT_ENTRY_SIZE = 9;
export const NAT_JOURNAL_ENTRY_SIZE = 13;
export const SIT_ENTRY_SIZE = 74;
export const SIT_JOURNAL_ENTRY_SIZE = 78;
export const SUMMARY_ENTRY_SIZE = 7;
export const SUM_FOOTER_SIZE = 5;
/** The count that a journal begins with. */
export const JOURNAL_COUNT_SIZE = 2;
export const DIR_ENTRY_SIZE = 11;
/** Bytes of name in one slot; a longer name takes consecutive slots. */
export const SLOT_LEN = 8;
/** An inode up to i_addr. */
export const INODE_HEAD_SIZE = 360;
export const TOTAL_EXTRA_ISIZE = 36;
export const NODE_FOOTER_SIZE = 24;
/** Block addresses and node numbers. */
const ADDR_SIZE = 4;
/** Slots of i_nid. */
const NR_INODE_NIDS = 5;
/** u32 slots kept free before inline data; slot 0 stays zero so that an old kernel sees a hole. Source: DEF_INLINE_RESERVED_SIZE. */
export const INLINE_RESERVED_ADDRS = 1;
/** Source: MIN_INLINE_DENTRY_SIZE. */
const MIN_INLINE_DENTRY_SIZE = 40;
/** The most bytes of a file, where its nodes could address more. Source: max_file_blocks, F2FS_BYTES_TO_BLK(MAX_LFS_FILESIZE). */
const MAX_FILE_SIZE = 2 ** 44;
/** Bytes of a segment's summary on a volume with packed_ssa, in whatever blocks. */
const PACKED_SUMMARY_SIZE = 4096;

/** Where the parts of a dentry area stand, in bytes from the area's start. Bits of the bitmap count from the low bit. */
export interface DentryLayout {
  readonly slots: number;
  readonly bitmapBytes: number;
  readonly entries: number;
  readonly names: number;
  /** Bytes of the whole area. */
  readonly size: number;
}

/** What follows from the size of a block. Sizes and offsets in bytes, offsets from the block's start unless told otherwise. */
export interface BlockGeometry {
  readonly blockSize: number;
  readonly logBlockSize: number;
  readonly sectorsPerBlock: number;
  readonly segmentSize: number;
  readonly maxVolumeSize: number;
  /** Where a checkpoint block's CRC stands unless it tells otherwise. Source: CP_CHKSUM_OFFSET. */
  readonly cpChecksumOffset: number;
  /** Room for both version bitmaps in the checkpoint block. Source: MAX_BITMAP_SIZE_IN_CKPT. */
  readonly maxBitmapSizeInCp: number;
  /** Source: F2FS_ORPHANS_PER_BLOCK. */
  readonly orphansPerBlock: number;
  /** Source: NAT_ENTRY_PER_BLOCK. */
  readonly natEntriesPerBlock: number;
  /** Source: SIT_ENTRY_PER_BLOCK. */
  readonly sitEntriesPerBlock: number;
  /** u32 slots from i_addr to i_nid. Source: DEF_ADDRS_PER_INODE. */
  readonly addrsPerInode: number;
  readonly inodeNidsOffset: number;
  readonly nodeFooterOffset: number;
  /** Addresses in a direct node, and node numbers in an indirect one. Source: DEF_ADDRS_PER_BLOCK, NIDS_PER_BLOCK. */
  readonly addrsPerNode: number;
  /** Of each slot of i_nid: the levels of nodes under it (1: a direct node), and its node's offset in the inode's tree. */
  readonly nodeSlots: readonly { readonly level: number; readonly offset: number }[];
  /** Most blocks of a file, not counting those that its inode addresses. Source: max_file_blocks. */
  readonly maxFileBlocks: number;
  /** Bytes of the largest file of any kind: what is addressed within the inode does not count. Source: s_maxbytes. */
  readonly maxFileBytes: number;
  /** Most u32 slots of inline xattrs. Source: MAX_INLINE_XATTR_SIZE. */
  readonly maxInlineXattrAddrs: number;
  /** Bytes of entries in an xattr node. Source: VALID_XATTR_BLOCK_SIZE. */
  readonly xattrBlockSize: number;
  /** Source: NR_DENTRY_IN_BLOCK. */
  readonly dentriesPerBlock: number;
  /** A dentry block. Source: struct f2fs_dentry_block. */
  readonly dentryBlock: DentryLayout;
  /** Bytes of a segment's summary: those of a block, or of a part of one. */
  readonly summarySize: number;
  readonly summariesPerBlock: number;
  /** Where a summary block's journal stands, behind room for entries that may be more than a segment's. Source: SUM_ENTRY_SIZE. */
  readonly journalOffset: number;
  readonly journalSize: number;
  readonly natJournalEntries: number;
  readonly sitJournalEntries: number;
  readonly summaryFooterOffset: number;
  /** A compact summary block: NAT journal, SIT journal, entries; later ones hold entries only. */
  readonly compactSitJournalOffset: number;
  readonly compactEntriesOffset: number;
  readonly compactEntriesFirst: number;
  readonly compactEntriesNext: number;
  /** Where entries in a compact summary block end at the latest. */
  readonly compactEnd: number;
}

/**
 * A dentry area of `size` bytes: each slot takes a bit, an entry and a piece of name, and what is left over stands behind the bitmap.
 * Source: NR_INLINE_DENTRY, make_dentry_ptr_inline.
 */
export function dentryLayout(size: number): DentryLayout {
  const slots = Math.floor((size * 8) / ((DIR_ENTRY_SIZE + SLOT_LEN) * 8 + 1));
  const names = size - slots * SLOT_LEN;
  return { slots, bitmapBytes: (slots + 7) >>> 3, entries: names - slots * DIR_ENTRY_SIZE, names, size };
}

function entriesIn(size: number, entrySize: number): number {
  return Math.floor(size / entrySize);
}

/** Bytes of a block unless told otherwise: a page of nearly all kernels. */
export const DEFAULT_BLOCK_SIZE = 4096;
/** Bytes of the blocks that there may be. */
export const BLOCK_SIZES: readonly number[] = Array.from(
  { length: MAX_LOG_BLKSIZE - MIN_LOG_BLKSIZE + 1 },
  (_, i) => 2 ** (MIN_LOG_BLKSIZE + i),
);

const known = new Map<number, BlockGeometry>();

/** All that follows from blocks of `blockSize` bytes, a power of two from 4096 to 65536. One object for each. */
export function blockGeometry(blockSize: number, packedSsa = false): BlockGeometry {
  const key = packedSsa ? -blockSize : blockSize;
  let geometry = known.get(key);
  if (geometry === undefined) {
    geometry = computed(blockSize, packedSsa);
    known.set(key, geometry);
  }
  return geometry;
}

function computed(blockSize: number, packedSsa: boolean): BlockGeometry {
  const logBlockSize = Math.log2(blockSize);
  const segmentSize = BLKS_PER_SEG * blockSize;
  const cpChecksumOffset = blockSize - CHECKSUM_SIZE;
  const nodeFooterOffset = blockSize - NODE_FOOTER_SIZE;
  const inodeNidsOffset = nodeFooterOffset - NR_INODE_NIDS * ADDR_SIZE;
  const addrsPerInode = entriesIn(inodeNidsOffset - INODE_HEAD_SIZE, ADDR_SIZE);
  const addrsPerNode = entriesIn(nodeFooterOffset, ADDR_SIZE);
  const nodeBlocks = addrsPerNode * (2 + 2 * addrsPerNode + addrsPerNode ** 2);
  const maxFileBlocks = Math.min(nodeBlocks, MAX_FILE_SIZE / blockSize);
  const dentryBlock = dentryLayout(blockSize);
  const inlineKept = TOTAL_EXTRA_ISIZE + MIN_INLINE_DENTRY_SIZE;
  // As many entries as there are eighths of its bytes, though a segment has no more than 512. Source: ENTRIES_IN_SUM.
  const summarySize = packedSsa ? PACKED_SUMMARY_SIZE : blockSize;
  const journalOffset = SUMMARY_ENTRY_SIZE * (summarySize / 8);
  const summaryFooterOffset = summarySize - SUM_FOOTER_SIZE;
  const journalSize = summaryFooterOffset - journalOffset;
  const journalRoom = journalSize - JOURNAL_COUNT_SIZE;
  const compactEnd = blockSize - SUM_FOOTER_SIZE;
  return {
    blockSize,
    logBlockSize,
    sectorsPerBlock: blockSize / SECTOR_SIZE,
    segmentSize,
    maxVolumeSize: MAX_SEGMENTS * segmentSize,
    cpChecksumOffset,
    maxBitmapSizeInCp: cpChecksumOffset - CP_BITMAP_OFFSET,
    orphansPerBlock: entriesIn(blockSize - ORPHAN_FOOTER_SIZE, ADDR_SIZE),
    natEntriesPerBlock: entriesIn(blockSize, NAT_ENTRY_SIZE),
    sitEntriesPerBlock: entriesIn(blockSize, SIT_ENTRY_SIZE),
    addrsPerInode,
    inodeNidsOffset,
    nodeFooterOffset,
    addrsPerNode,
    nodeSlots: [
      { level: 1, offset: 1 },
      { level: 1, offset: 2 },
      { level: 2, offset: 3 },
      { level: 2, offset: 4 + addrsPerNode },
      { level: 3, offset: 5 + 2 * addrsPerNode },
    ],
    maxFileBlocks,
    maxFileBytes: maxFileBlocks * blockSize,
    maxInlineXattrAddrs: addrsPerInode - INLINE_RESERVED_ADDRS - inlineKept / ADDR_SIZE,
    xattrBlockSize: nodeFooterOffset,
    dentriesPerBlock: dentryBlock.slots,
    dentryBlock,
    summarySize,
    summariesPerBlock: blockSize / summarySize,
    journalOffset,
    journalSize,
    natJournalEntries: entriesIn(journalRoom, NAT_JOURNAL_ENTRY_SIZE),
    sitJournalEntries: entriesIn(journalRoom, SIT_JOURNAL_ENTRY_SIZE),
    summaryFooterOffset,
    compactSitJournalOffset: journalSize,
    compactEntriesOffset: 2 * journalSize,
    compactEntriesFirst: entriesIn(compactEnd - 2 * journalSize, SUMMARY_ENTRY_SIZE),
    compactEntriesNext: entriesIn(compactEnd, SUMMARY_ENTRY_SIZE),
    compactEnd,
  };
}
