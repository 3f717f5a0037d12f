// Builds the first checkpoint pack: what a volume holds before anyone has mounted it. Source: f2fs_write_check_point_pack.
import { Checkpoint, CP, CP_BITMAP_OFFSET, checkpointCrc, MAX_ACTIVE_LOGS_EACH } from '../format/checkpoint.ts';
import { BLKS_PER_SEG, LOG, type Log, NR_DATA_LOGS, NR_LOGS } from '../format/constants.ts';
import { NatJournalEntry } from '../format/nat.ts';
import { SIT_VBLOCKS_SHIFT, SitJournalEntry } from '../format/sit.ts';
import { viewOf } from '../format/struct.ts';
import { JOURNAL_ENTRIES_OFFSET, SUM_TYPE, SUMMARY_ENTRY_SIZE, SummaryEntry } from '../format/summary.ts';
import { blockOf, dataBlockOwners, type FormatPlan, inodeBlkaddr, nrInodes, ROOT_INO } from './plan.ts';

/** Blocks of a pack besides its payload: two checkpoint blocks, one of data summaries, three of node summaries. */
const PACK_BLOCKS = 6;

/** Blocks at the end of the pack's segment that the NAT bits take. */
function natBitsBlocks(plan: FormatPlan): number {
  return Math.ceil((2 * plan.geometry.natBitmapBytes + 8) / plan.geometry.blockSize);
}

/** NAT bits are written when the pack leaves room for them. */
export function hasNatBits(plan: FormatPlan): boolean {
  return PACK_BLOCKS + plan.geometry.cpPayload <= BLKS_PER_SEG - natBitsBlocks(plan);
}

/** Blocks that each log has used: inodes are hot nodes, their dentries and quota files hot data. */
function usedBlocks(plan: FormatPlan, log: Log): number {
  if (log === LOG.HOT_DATA) return dataBlockOwners(plan).length;
  return log === LOG.HOT_NODE ? nrInodes(plan) : 0;
}

function fillLogs(plan: FormatPlan, cp: Checkpoint, dv: DataView): void {
  const { offsets } = Checkpoint;
  for (let i = 0; i < MAX_ACTIVE_LOGS_EACH; i++) {
    const unused = i >= NR_DATA_LOGS;
    const dataLog = i as Log;
    const nodeLog = (i + NR_DATA_LOGS) as Log;
    const segno = (log: Log): number => (unused ? 0xffffffff : plan.geometry.curSegno[log]);
    const blkoff = (log: Log): number => (unused ? 0 : usedBlocks(plan, log));
    dv.setUint32(cp.base + offsets.curDataSegno + 4 * i, segno(dataLog), true);
    dv.setUint16(cp.base + offsets.curDataBlkoff + 2 * i, blkoff(dataLog), true);
    dv.setUint32(cp.base + offsets.curNodeSegno + 4 * i, segno(nodeLog), true);
    dv.setUint16(cp.base + offsets.curNodeBlkoff + 2 * i, blkoff(nodeLog), true);
  }
}

/** A checkpoint block of version `checkpointVer`, with its checksum. */
export function checkpointBlock(plan: FormatPlan, checkpointVer: number): Uint8Array {
  const block = new Uint8Array(plan.geometry.blockSize);
  const dv = viewOf(block);
  const cp = new Checkpoint(dv);
  const { geometry } = plan;
  cp.checkpointVer = checkpointVer;
  cp.userBlockCount = geometry.userBlockCount;
  cp.validBlockCount = usedBlocks(plan, LOG.HOT_NODE) + usedBlocks(plan, LOG.HOT_DATA);
  cp.rsvdSegmentCount = geometry.reservedSegments;
  cp.overprovSegmentCount = geometry.overprovSegments;
  cp.freeSegmentCount = geometry.freeSegments;
  fillLogs(plan, cp, dv);
  cp.ckptFlags =
    CP.UMOUNT |
    CP.COMPACT_SUM |
    (hasNatBits(plan) ? CP.NAT_BITS : 0) |
    (plan.discarded ? CP.TRIMMED : 0) |
    (geometry.largeNatBitmap ? CP.LARGE_NAT_BITMAP : 0);
  cp.cpPackTotalBlockCount = PACK_BLOCKS + geometry.cpPayload;
  cp.cpPackStartSum = 1 + geometry.cpPayload;
  cp.validNodeCount = nrInodes(plan);
  cp.validInodeCount = nrInodes(plan);
  cp.nextFreeNid = ROOT_INO + nrInodes(plan);
  cp.sitVerBitmapBytesize = geometry.sitBitmapBytes;
  cp.natVerBitmapBytesize = geometry.natBitmapBytes;
  cp.checksumOffset = geometry.largeNatBitmap ? CP_BITMAP_OFFSET : blockOf(plan).cpChecksumOffset;
  dv.setUint32(cp.checksumOffset, checkpointCrc(block, cp.checksumOffset), true);
  return block;
}

/** NAT entries of the inodes, at the start of the compact summary. */
function fillNatJournal(plan: FormatPlan, dv: DataView): void {
  dv.setUint16(0, nrInodes(plan), true);
  for (let i = 0; i < nrInodes(plan); i++) {
    const entry = new NatJournalEntry(dv, JOURNAL_ENTRIES_OFFSET + i * NatJournalEntry.size);
    entry.nid = ROOT_INO + i;
    entry.ino = ROOT_INO + i;
    entry.blockAddr = inodeBlkaddr(plan, ROOT_INO + i);
  }
}

/** SIT entries of the six logs' segments. */
function fillSitJournal(plan: FormatPlan, dv: DataView): void {
  const order = [LOG.HOT_NODE, LOG.WARM_NODE, LOG.COLD_NODE, LOG.HOT_DATA, LOG.WARM_DATA, LOG.COLD_DATA];
  const { compactSitJournalOffset } = blockOf(plan);
  dv.setUint16(compactSitJournalOffset, NR_LOGS, true);
  order.forEach((log, i) => {
    const base = compactSitJournalOffset + JOURNAL_ENTRIES_OFFSET + i * SitJournalEntry.size;
    const entry = new SitJournalEntry(dv, base);
    const used = usedBlocks(plan, log);
    entry.segno = plan.geometry.curSegno[log];
    entry.vblocks = (log << SIT_VBLOCKS_SHIFT) | used;
    for (let block = 0; block < used; block++) entry.validMap[block >>> 3] |= 0x80 >>> (block & 7);
  });
}

/** Owners of the data blocks. */
function fillDataSummaries(plan: FormatPlan, dv: DataView, offset: number): void {
  dataBlockOwners(plan).forEach(({ ino, ofsInNode }, i) => {
    const entry = new SummaryEntry(dv, offset + i * SUMMARY_ENTRY_SIZE);
    entry.nid = ino;
    entry.ofsInNode = ofsInNode;
  });
}

/** Owners of the node blocks: each is an inode. */
function fillNodeSummaries(plan: FormatPlan, dv: DataView): void {
  for (let i = 0; i < nrInodes(plan); i++) new SummaryEntry(dv, i * SUMMARY_ENTRY_SIZE).nid = ROOT_INO + i;
}

function compactSummaryBlock(plan: FormatPlan): Uint8Array {
  const block = new Uint8Array(plan.geometry.blockSize);
  const dv = viewOf(block);
  fillNatJournal(plan, dv);
  fillSitJournal(plan, dv);
  fillDataSummaries(plan, dv, blockOf(plan).compactEntriesOffset);
  return block;
}

function nodeSummaryBlock(plan: FormatPlan, log: Log): Uint8Array {
  const block = new Uint8Array(plan.geometry.blockSize);
  if (log === LOG.HOT_NODE) fillNodeSummaries(plan, viewOf(block));
  block[blockOf(plan).summaryFooterOffset] = SUM_TYPE.NODE;
  return block;
}

/** Every block of the first pack, in order; the payload, a version bitmap of zeros, is one vector. */
export function firstPack(plan: FormatPlan): Uint8Array[] {
  const cp = checkpointBlock(plan, plan.checkpointVer);
  const payload =
    plan.geometry.cpPayload === 0 ? [] : [new Uint8Array(plan.geometry.cpPayload * plan.geometry.blockSize)];
  const nodes = [LOG.HOT_NODE, LOG.WARM_NODE, LOG.COLD_NODE].map((log) => nodeSummaryBlock(plan, log));
  return [cp, ...payload, compactSummaryBlock(plan), ...nodes, cp];
}

/**
 * The NAT bits, which stand at the end of the first pack's segment: the checkpoint's version and CRC, then a bit for each
 * NAT block that is full (none), then for each that is empty (all but the first).
 */
export function natBits(plan: FormatPlan): Uint8Array {
  const bits = new Uint8Array(natBitsBlocks(plan) * plan.geometry.blockSize);
  const dv = viewOf(bits);
  const cp = checkpointBlock(plan, plan.checkpointVer);
  const cpView = viewOf(cp);
  const { checksumOffset } = new Checkpoint(cpView);
  dv.setUint32(0, plan.checkpointVer, true);
  dv.setUint32(4, cpView.getUint32(checksumOffset, true), true);
  const empty = 8 + plan.geometry.natBitmapBytes;
  bits.fill(0xff, empty, empty + plan.geometry.natBitmapBytes);
  bits[empty] = 0xfe;
  return bits;
}
