// The segment information table in memory: which blocks of each segment are in use, now and as of the last checkpoint.
// Blocks of the on-disk SIT are loaded on first touch and edited in place.
import type { QueuedDevice } from '../device/queued-device.ts';
import { corrupt, throwFault } from '../errors.ts';
import type { Report } from '../faults.ts';
import { BLKS_PER_SEG, NR_LOGS } from '../format/constants.ts';
import {
  SIT_ENTRY_SIZE,
  SIT_VBLOCK_MAP_SIZE,
  SIT_VBLOCKS_MASK,
  SIT_VBLOCKS_SHIFT,
  SitEntry,
  SitJournalEntry,
} from '../format/sit.ts';
import { viewOf } from '../format/struct.ts';
import { JOURNAL_ENTRIES_OFFSET } from '../format/summary.ts';
import type { VolumeLayout } from './layout.ts';
import { countBits, nextClear, nextSet, setBits } from './valid-map.ts';

const MAP = SitEntry.offsets.validMap;
const MTIME = SitEntry.offsets.mtime;

/** A segment of whose blocks none was taken or freed since the last checkpoint. */
const UNTOUCHED = 0xffff;

/** One SIT block in memory. */
interface SitBlock {
  readonly bytes: Uint8Array;
  readonly dv: DataView;
  /** A map for each segment: blocks in use as of the last checkpoint or at any time since. They must not be written again. */
  kept: Uint8Array | null;
  /** Bits of each map; UNTOUCHED where the map is not there, being what the valid map is. */
  readonly nrKept: Uint16Array;
}

/** Segment number -> valid blocks, type and age. */
export class SegmentTable {
  readonly #device: QueuedDevice;
  readonly #layout: VolumeLayout;
  readonly #entriesPerBlock: number;
  /** One bit for each SIT block: which of its two copies is current. Counted from the high bit of each byte. */
  readonly versionBitmap: Uint8Array;
  readonly #blocks: (SitBlock | undefined)[] = [];
  readonly #journal: Uint8Array;
  readonly #journalView: DataView;
  /** Segments whose entry on disk is out of date. */
  readonly #dirty = new Set<number>();
  /** SIT blocks that have segments which were touched since the last checkpoint. */
  readonly #touched = new Set<number>();

  /** `journal` is the SIT journal of the cold data log's summary. */
  constructor(device: QueuedDevice, layout: VolumeLayout, versionBitmap: Uint8Array, journal: Uint8Array) {
    this.#device = device;
    this.#layout = layout;
    this.#entriesPerBlock = layout.block.sitEntriesPerBlock;
    this.versionBitmap = versionBitmap;
    this.#journal = journal;
    this.#journalView = viewOf(journal);
    checkSitJournal(this.#journalView, layout, throwFault);
  }

  /** Blocks in use in a segment. */
  validBlocks(segno: number): number {
    return this.#blockOf(segno).dv.getUint16(this.#entry(segno), true) & SIT_VBLOCKS_MASK;
  }

  isValid(blkaddr: number): boolean {
    const segno = this.#layout.segnoOf(blkaddr);
    const blkoff = (blkaddr - this.#layout.mainBlkaddr) & (BLKS_PER_SEG - 1);
    return (this.#blockOf(segno).bytes[this.#entry(segno) + MAP + (blkoff >>> 3)] & (0x80 >>> (blkoff & 7))) !== 0;
  }

  /** Of a run of main-area blocks: how many, from its start on, are in use. */
  validRun(blkaddr: number, nrBlocks: number): number {
    const end = blkaddr + nrBlocks;
    for (let at = blkaddr; at < end; ) {
      const segno = this.#layout.segnoOf(at);
      const start = this.#layout.segmentStart(segno);
      const invalid = start + this.nextInvalid(segno, at - start);
      if (invalid >= end) break;
      if (invalid < start + BLKS_PER_SEG) return invalid - blkaddr;
      at = invalid;
    }
    return nrBlocks;
  }

  /** The log that wrote a segment last. */
  typeOf(segno: number): number {
    return this.#blockOf(segno).dv.getUint16(this.#entry(segno), true) >>> SIT_VBLOCKS_SHIFT;
  }

  /** Seconds of mounted time at a segment's last change. */
  mtimeOf(segno: number): number {
    return this.#blockOf(segno).dv.getUint32(this.#entry(segno) + MTIME, true);
  }

  /** First block of a segment from `blkoff` on that is in use; 512 when there is none. */
  nextValid(segno: number, blkoff: number): number {
    return nextSet(this.#blockOf(segno).bytes, this.#entry(segno) + MAP, blkoff);
  }

  /** First block of a segment from `blkoff` on that is not in use; 512 when there is none. */
  nextInvalid(segno: number, blkoff: number): number {
    return nextClear(this.#blockOf(segno).bytes, this.#entry(segno) + MAP, blkoff);
  }

  /** Blocks of a segment that must not be written before the next checkpoint. Source: ckpt_valid_blocks. */
  keptBlocks(segno: number): number {
    const { nrKept } = this.#blockOf(segno);
    const count = nrKept[segno % this.#entriesPerBlock];
    return count === UNTOUCHED ? this.validBlocks(segno) : count;
  }

  /** First block of a segment from `blkoff` on that may be written; 512 when there is none. Source: __next_free_blkoff. */
  nextWritable(segno: number, blkoff: number): number {
    const block = this.#blockOf(segno);
    return this.#isTouched(block, segno)
      ? nextClear(block.kept as Uint8Array, this.#keptAt(segno), blkoff)
      : nextClear(block.bytes, this.#entry(segno) + MAP, blkoff);
  }

  /** First block of a segment from `blkoff` on that must not be written; 512 when there is none. */
  nextKept(segno: number, blkoff: number): number {
    const block = this.#blockOf(segno);
    return this.#isTouched(block, segno)
      ? nextSet(block.kept as Uint8Array, this.#keptAt(segno), blkoff)
      : nextSet(block.bytes, this.#entry(segno) + MAP, blkoff);
  }

  /** Blocks of a segment from `blkoff` on that may be written. */
  writableFrom(segno: number, blkoff: number): number {
    let count = 0;
    for (let at = this.nextWritable(segno, blkoff); at < BLKS_PER_SEG; ) {
      const end = this.nextKept(segno, at);
      count += end - at;
      at = this.nextWritable(segno, end);
    }
    return count;
  }

  /** Whether every block of a segment may be written. Says nothing of the logs' own segments. */
  isFree(segno: number): boolean {
    return this.keptBlocks(segno) === 0;
  }

  /** Keeps a whole segment from being written before the next checkpoint, whatever is in use of it. */
  hold(segno: number): void {
    const block = this.#touch(segno);
    block.kept?.fill(0xff, this.#keptAt(segno), this.#keptAt(segno) + SIT_VBLOCK_MAP_SIZE);
    block.nrKept[segno % this.#entriesPerBlock] = BLKS_PER_SEG;
  }

  /** Segments without a block in use, which must not be written before the next checkpoint. Source: dirty_segmap[PRE]. */
  emptied(): number[] {
    const segments: number[] = [];
    for (const index of this.#touched) {
      const first = index * this.#entriesPerBlock;
      const { nrKept } = this.#blocks[index] as SitBlock;
      for (let i = 0; i < this.#entriesPerBlock; i++) {
        if (nrKept[i] !== UNTOUCHED && nrKept[i] > 0 && this.validBlocks(first + i) === 0) segments.push(first + i);
      }
    }
    return segments.sort((a, b) => a - b);
  }

  /** Marks `nrBlocks` blocks of one segment as in use, written by log `type` at `mtime` (seconds of mounted time). */
  setValid(segno: number, blkoff: number, nrBlocks: number, type: number, mtime: number): void {
    const block = this.#touch(segno);
    const { dv, bytes } = block;
    const entry = this.#entry(segno);
    if (setBits(bytes, entry + MAP, blkoff, nrBlocks) < nrBlocks) {
      const blkaddr = this.#layout.segmentStart(segno) + blkoff;
      throw corrupt('block-in-use', { blkaddr, segno });
    }
    block.nrKept[segno % this.#entriesPerBlock] += setBits(
      block.kept as Uint8Array,
      this.#keptAt(segno),
      blkoff,
      nrBlocks,
    );
    const valid = (dv.getUint16(entry, true) & SIT_VBLOCKS_MASK) + nrBlocks;
    dv.setUint16(entry, (type << SIT_VBLOCKS_SHIFT) | valid, true);
    dv.setUint32(entry + MTIME, mtime, true);
  }

  /** Marks one block as not in use. EUCLEAN when it was not: two owners, or none. Returns the segment's valid blocks. */
  clearValid(blkaddr: number, mtime: number): number {
    const segno = this.#layout.segnoOf(blkaddr);
    const blkoff = (blkaddr - this.#layout.mainBlkaddr) & (BLKS_PER_SEG - 1);
    const { dv, bytes } = this.#touch(segno);
    const entry = this.#entry(segno);
    const at = entry + MAP + (blkoff >>> 3);
    const bit = 0x80 >>> (blkoff & 7);
    if ((bytes[at] & bit) === 0) {
      throw corrupt('block-freed-twice', { blkaddr, segno });
    }
    bytes[at] ^= bit;
    const vblocks = dv.getUint16(entry, true) - 1;
    dv.setUint16(entry, vblocks, true);
    dv.setUint32(entry + MTIME, mtime, true);
    return vblocks & SIT_VBLOCKS_MASK;
  }

  /** Sets the type of a segment that a log takes. */
  setType(segno: number, type: number): void {
    const { dv } = this.#change(segno);
    dv.setUint16(this.#entry(segno), (type << SIT_VBLOCKS_SHIFT) | this.validBlocks(segno), true);
  }

  /**
   * Hands over all segments whose entry changed: into `journal` when they fit, else every block that holds one is passed
   * to `write` with its new address, and the version bits are turned. Source: f2fs_flush_sit_entries.
   */
  flush(journal: Uint8Array, write: (blkaddr: number, block: Uint8Array) => void): void {
    this.#loadJournalled();
    journal.fill(0);
    const dv = viewOf(journal);
    const segments = [...this.#dirty].sort((a, b) => a - b);
    if (segments.length <= this.#layout.block.sitJournalEntries) {
      segments.forEach((segno, i) => {
        const at = JOURNAL_ENTRIES_OFFSET + i * SitJournalEntry.size;
        const entry = this.#entry(segno);
        dv.setUint32(at, segno, true);
        journal.set(this.#blockOf(segno).bytes.subarray(entry, entry + SIT_ENTRY_SIZE), at + 4);
      });
      dv.setUint16(0, segments.length, true);
    } else {
      let last = -1;
      for (const segno of segments) {
        const index = Math.floor(segno / this.#entriesPerBlock);
        if (index === last) continue;
        last = index;
        this.versionBitmap[index >>> 3] ^= 0x80 >>> (index & 7);
        write(this.#layout.sitBlock(index, this.#isSecond(index)), this.#blockOf(segno).bytes);
      }
      this.#dirty.clear();
    }
    this.#journal.set(journal);
  }

  /** To be called once the checkpoint is down: what it holds free may be used again. */
  checkpointed(): void {
    for (const index of this.#touched) this.#blocks[index]?.nrKept.fill(UNTOUCHED);
    this.#touched.clear();
  }

  /** A segment's block, about to be changed: notes the segment. */
  #change(segno: number): SitBlock {
    this.#dirty.add(segno);
    return this.#blockOf(segno);
  }

  /** The same, of whose blocks some are about to be taken or freed: what it was at the last checkpoint is remembered. */
  #touch(segno: number): SitBlock {
    const touched = this.#blockOf(segno);
    if (this.#isTouched(touched, segno)) return touched;
    const block = this.#change(segno);
    const entry = this.#entry(segno);
    block.kept ??= new Uint8Array(this.#entriesPerBlock * SIT_VBLOCK_MAP_SIZE);
    block.kept.set(block.bytes.subarray(entry + MAP, entry + MAP + SIT_VBLOCK_MAP_SIZE), this.#keptAt(segno));
    block.nrKept[segno % this.#entriesPerBlock] = block.dv.getUint16(entry, true) & SIT_VBLOCKS_MASK;
    this.#touched.add(Math.floor(segno / this.#entriesPerBlock));
    return block;
  }

  #isTouched(block: SitBlock, segno: number): boolean {
    return block.nrKept[segno % this.#entriesPerBlock] !== UNTOUCHED;
  }

  #keptAt(segno: number): number {
    return (segno % this.#entriesPerBlock) * SIT_VBLOCK_MAP_SIZE;
  }

  #isSecond(index: number): boolean {
    return (this.versionBitmap[index >>> 3] & (0x80 >>> (index & 7))) !== 0;
  }

  #entry(segno: number): number {
    return (segno % this.#entriesPerBlock) * SIT_ENTRY_SIZE;
  }

  #blockOf(segno: number): SitBlock {
    const index = Math.floor(segno / this.#entriesPerBlock);
    return this.#blocks[index] ?? this.#load(index);
  }

  #load(index: number): SitBlock {
    const bytes = new Uint8Array(this.#layout.block.blockSize);
    this.#device.read(this.#layout.sitBlock(index, this.#isSecond(index)), bytes);
    const nrKept = new Uint16Array(this.#entriesPerBlock).fill(UNTOUCHED);
    const block: SitBlock = { bytes, dv: viewOf(bytes), kept: null, nrKept };
    const count = this.#journalView.getUint16(0, true);
    for (let i = 0; i < count; i++) {
      const at = JOURNAL_ENTRIES_OFFSET + i * SitJournalEntry.size;
      const segno = this.#journalView.getUint32(at, true);
      if (Math.floor(segno / this.#entriesPerBlock) !== index) continue;
      bytes.set(this.#journal.subarray(at + 4, at + 4 + SIT_ENTRY_SIZE), this.#entry(segno));
      this.#dirty.add(segno);
    }
    const first = index * this.#entriesPerBlock;
    const end = Math.min(first + this.#entriesPerBlock, this.#layout.nrMainSegments);
    for (let segno = first; segno < end; segno++) checkSitEntry(bytes, this.#entry(segno), segno, throwFault);
    this.#blocks[index] = block;
    return block;
  }

  #loadJournalled(): void {
    const count = this.#journalView.getUint16(0, true);
    for (let i = 0; i < count; i++) {
      this.#blockOf(this.#journalView.getUint32(JOURNAL_ENTRIES_OFFSET + i * SitJournalEntry.size, true));
    }
  }
}

/** Tells what is wrong with a segment's entry, at byte `at` of its block. Source: check_block_count. */
export function checkSitEntry(bytes: Uint8Array, at: number, segno: number, report: Report): void {
  const vblocks = bytes[at] | (bytes[at + 1] << 8);
  const counted = vblocks & SIT_VBLOCKS_MASK;
  const found = countBits(bytes, at + MAP);
  if (found !== counted) report('sit-valid-blocks', { segno }, counted, found);
  if (vblocks >>> SIT_VBLOCKS_SHIFT >= NR_LOGS) report('sit-type', { segno }, vblocks >>> SIT_VBLOCKS_SHIFT);
}

/** Tells what is wrong with the entries of a SIT journal, each of which names a segment; what is in them is checked with the table. */
export function checkSitJournal(journal: DataView, layout: VolumeLayout, report: Report): void {
  const count = journal.getUint16(0, true);
  const { sitJournalEntries } = layout.block;
  if (count > sitJournalEntries) report('sit-journal-count', {}, count, sitJournalEntries);
  const seen = new Set<number>();
  for (let i = 0; i < Math.min(count, sitJournalEntries); i++) {
    const segno = journal.getUint32(JOURNAL_ENTRIES_OFFSET + i * SitJournalEntry.size, true);
    if (segno >= layout.nrMainSegments) report('sit-journal-segment', { segno });
    else if (seen.has(segno)) report('sit-journal-twice', { segno });
    seen.add(segno);
  }
}
