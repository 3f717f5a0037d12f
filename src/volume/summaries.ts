// Reads and writes what a checkpoint pack says of the logs' segments: their summaries, compact or whole, and the
// journals that ride in them.
import type { QueuedDevice } from '../device/queued-device.ts';
import { corrupt } from '../errors.ts';
import type { BlockGeometry } from '../format/block-size.ts';
import { CP } from '../format/checkpoint.ts';
import { BLKS_PER_SEG, LOG, type Log, NR_DATA_LOGS, NR_LOGS } from '../format/constants.ts';
import { viewOf } from '../format/struct.ts';
import { SUM_ENTRIES_SIZE, SUM_TYPE, SUMMARY_ENTRY_SIZE } from '../format/summary.ts';
import { type CheckpointPack, logPosition } from './checkpoint-pack.ts';
import { ALLOC, type CurrentSegment } from './current-segment.ts';
import type { VolumeLayout } from './layout.ts';
import { emptySummary } from './logs.ts';

/** Journals of a pack, `journalSize` bytes each. */
export interface Journals {
  readonly nat: Uint8Array;
  readonly sit: Uint8Array;
  /** KiB written over the volume's life, in the hot node log's journal. */
  kbytesWritten: number;
}

/** Entries of a data log's summary that a pack holds. */
function entriesOf(segment: CurrentSegment): number {
  return segment.allocType === ALLOC.SSR ? BLKS_PER_SEG : segment.blkoff;
}

/** Reads the logs and journals that a checkpoint names. Source: restore_curseg_summaries. */
export function readSummaries(
  device: QueuedDevice,
  layout: VolumeLayout,
  pack: CheckpointPack,
): { logs: CurrentSegment[]; journals: Journals } {
  const { cp } = pack;
  const { blockSize, journalOffset, journalSize } = layout.block;
  const logs: CurrentSegment[] = [];
  for (let log = 0; log < NR_LOGS; log++) {
    const { segno, blkoff, allocType } = logPosition(cp, log);
    if (allocType !== ALLOC.LFS && allocType !== ALLOC.SSR) {
      throw corrupt('log-allocation-type', { segno }, log, allocType);
    }
    logs.push({ log: log as Log, segno, blkoff, allocType, summary: emptySummary(log as Log, layout.block) });
  }
  const journals: Journals = {
    nat: new Uint8Array(journalSize),
    sit: new Uint8Array(journalSize),
    kbytesWritten: 0,
  };
  const block = new Uint8Array(blockSize);
  let blkaddr = pack.blkaddr + cp.cpPackStartSum;
  // The pack's last block is the checkpoint block again.
  const end = pack.blkaddr + cp.cpPackTotalBlockCount - 1;
  const next = (): void => {
    if (blkaddr >= end) throw corrupt('checkpoint-summaries-end', { blkaddr });
    device.read(blkaddr++, block);
  };
  if ((cp.ckptFlags & CP.COMPACT_SUM) !== 0) {
    readCompact(logs, journals, layout.block, block, next);
  } else {
    for (let log = 0; log < NR_DATA_LOGS; log++) {
      next();
      logs[log].summary.set(block.subarray(0, SUM_ENTRIES_SIZE));
      if (log === LOG.HOT_DATA) journals.nat.set(block.subarray(journalOffset, journalOffset + journalSize));
      if (log === LOG.COLD_DATA) journals.sit.set(block.subarray(journalOffset, journalOffset + journalSize));
    }
  }
  for (let log = NR_DATA_LOGS; log < NR_LOGS; log++) {
    if ((cp.ckptFlags & (CP.UMOUNT | CP.FASTBOOT)) !== 0) {
      next();
      logs[log].summary.set(block.subarray(0, SUM_ENTRIES_SIZE));
      if (log === LOG.HOT_NODE) journals.kbytesWritten = viewOf(block).getUint32(journalOffset, true);
    } else {
      restoreNodeSummary(device, layout, logs[log]);
    }
  }
  return { logs, journals };
}

/** Source: read_compacted_summaries. */
function readCompact(
  logs: CurrentSegment[],
  journals: Journals,
  { journalSize, compactSitJournalOffset, compactEntriesOffset, compactEnd }: BlockGeometry,
  block: Uint8Array,
  next: () => void,
): void {
  next();
  journals.nat.set(block.subarray(0, journalSize));
  journals.sit.set(block.subarray(compactSitJournalOffset, compactEntriesOffset));
  let offset = compactEntriesOffset;
  for (let log = 0; log < NR_DATA_LOGS; log++) {
    const count = entriesOf(logs[log]);
    for (let i = 0; i < count; i++) {
      if (offset + SUMMARY_ENTRY_SIZE > compactEnd) {
        next();
        offset = 0;
      }
      logs[log].summary.set(block.subarray(offset, offset + SUMMARY_ENTRY_SIZE), i * SUMMARY_ENTRY_SIZE);
      offset += SUMMARY_ENTRY_SIZE;
    }
  }
}

/** Rebuilds a node log's summary from the footers in its segment. Source: f2fs_restore_node_summary. */
function restoreNodeSummary(device: QueuedDevice, layout: VolumeLayout, segment: CurrentSegment): void {
  const count = entriesOf(segment);
  if (count === 0) return;
  const { blockSize, nodeFooterOffset } = layout.block;
  const blocks = new Uint8Array(count * blockSize);
  device.read(layout.segmentStart(segment.segno), blocks);
  for (let i = 0; i < count; i++) {
    const footer = i * blockSize + nodeFooterOffset;
    segment.summary.set(blocks.subarray(footer, footer + 4), i * SUMMARY_ENTRY_SIZE);
  }
}

/** Blocks that the data logs' summaries take in a pack: 1 or 2 compact ones, else 3. Source: f2fs_npages_for_summary_flush. */
export function dataSummaryBlocks(
  logs: readonly CurrentSegment[],
  { compactEntriesFirst, compactEntriesNext }: BlockGeometry,
): number {
  let count = 0;
  for (let log = 0; log < NR_DATA_LOGS; log++) count += entriesOf(logs[log]);
  if (count <= compactEntriesFirst) return 1;
  return count - compactEntriesFirst <= compactEntriesNext ? 2 : NR_DATA_LOGS;
}

/** Fills `into` with the data logs' summaries, in as many blocks as dataSummaryBlocks said. */
export function writeDataSummaries(
  logs: readonly CurrentSegment[],
  journals: Journals,
  geometry: BlockGeometry,
  into: Uint8Array,
): void {
  const { blockSize, journalOffset } = geometry;
  if (into.length < NR_DATA_LOGS * blockSize) {
    writeCompact(logs, journals, geometry, into);
    return;
  }
  for (let log = 0; log < NR_DATA_LOGS; log++) {
    const at = log * blockSize;
    into.set(logs[log].summary, at);
    if (log === LOG.HOT_DATA) into.set(journals.nat, at + journalOffset);
    if (log === LOG.COLD_DATA) into.set(journals.sit, at + journalOffset);
  }
}

/** Source: write_compacted_summaries. */
function writeCompact(
  logs: readonly CurrentSegment[],
  journals: Journals,
  { blockSize, compactSitJournalOffset, compactEntriesOffset, compactEnd }: BlockGeometry,
  into: Uint8Array,
): void {
  into.set(journals.nat, 0);
  into.set(journals.sit, compactSitJournalOffset);
  let start = 0;
  let offset = compactEntriesOffset;
  for (let log = 0; log < NR_DATA_LOGS; log++) {
    const count = entriesOf(logs[log]);
    for (let i = 0; i < count; i++) {
      if (offset + SUMMARY_ENTRY_SIZE > compactEnd) {
        start += blockSize;
        offset = 0;
      }
      into.set(logs[log].summary.subarray(i * SUMMARY_ENTRY_SIZE, (i + 1) * SUMMARY_ENTRY_SIZE), start + offset);
      offset += SUMMARY_ENTRY_SIZE;
    }
  }
}

/** Fills `into` (3 blocks) with the node logs' summaries. */
export function writeNodeSummaries(
  logs: readonly CurrentSegment[],
  journals: Journals,
  { blockSize, journalOffset, summaryFooterOffset }: BlockGeometry,
  into: Uint8Array,
): void {
  for (let log = NR_DATA_LOGS; log < NR_LOGS; log++) {
    const at = (log - NR_DATA_LOGS) * blockSize;
    into.set(logs[log].summary, at);
    into[at + summaryFooterOffset] = SUM_TYPE.NODE;
    if (log === LOG.HOT_NODE) viewOf(into).setUint32(at + journalOffset, journals.kbytesWritten, true);
  }
}
