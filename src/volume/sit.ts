// The segment information table in memory: which blocks of each segment are in use, now and as of the last checkpoint.
// Blocks of the on-disk SIT are loaded on first touch and edited in place.
import type { BlockDevice } from '../device/device.ts';
import { corrupt } from '../errors.ts';
import { BLKS_PER_SEG, BLKSIZE, NR_LOGS } from '../format/constants.ts';
import {
  SIT_ENTRIES_PER_BLOCK,
  SIT_ENTRY_SIZE,
  SIT_VBLOCK_MAP_SIZE,
  SIT_VBLOCKS_MASK,
  SIT_VBLOCKS_SHIFT,
  SitEntry,
  SitJournalEntry,
} from '../format/sit.ts';
import { viewOf } from '../format/struct.ts';
import { JOURNAL_ENTRIES_OFFSET, SIT_JOURNAL_ENTRIES } from '../format/summary.ts';
import type { VolumeLayout } from './layout.ts';

const MAP = SitEntry.offsets.validMap;
const MTIME = SitEntry.offsets.mtime;

const BITS_IN_BYTE = Uint8Array.from({ length: 256 }, (_, byte) => {
  let bits = 0;
  for (let rest = byte; rest !== 0; rest &= rest - 1) bits++;
  return bits;
});

/** One SIT block in memory. */
interface SitBlock {
  readonly bytes: Uint8Array;
  readonly dv: DataView;
}

/** Segment number -> valid blocks, type and age. */
export class SegmentTable {
  readonly #device: BlockDevice;
  readonly #layout: VolumeLayout;
  /** One bit for each SIT block: which of its two copies is current. Counted from the high bit of each byte. */
  readonly versionBitmap: Uint8Array;
  readonly #blocks: (SitBlock | undefined)[] = [];
  readonly #journal: Uint8Array;
  readonly #journalView: DataView;
  /** Segments whose entry on disk is out of date. */
  readonly #dirty = new Set<number>();
  /** Segments that became empty since the last checkpoint, which still needs them. */
  readonly #prefree = new Set<number>();

  /** `journal` is the SIT journal of the cold data log's summary. */
  constructor(device: BlockDevice, layout: VolumeLayout, versionBitmap: Uint8Array, journal: Uint8Array) {
    this.#device = device;
    this.#layout = layout;
    this.versionBitmap = versionBitmap;
    this.#journal = journal;
    this.#journalView = viewOf(journal);
    const count = this.#journalView.getUint16(0, true);
    if (count > SIT_JOURNAL_ENTRIES)
      throw corrupt(`the SIT journal has ${count} entries, of ${SIT_JOURNAL_ENTRIES} at most`);
    const seen = new Set<number>();
    for (let i = 0; i < count; i++) {
      const segno = this.#journalView.getUint32(JOURNAL_ENTRIES_OFFSET + i * SitJournalEntry.size, true);
      if (segno >= layout.nrMainSegments) throw corrupt(`the SIT journal names segment ${segno}`, { segno });
      if (seen.has(segno)) throw corrupt(`the SIT journal has segment ${segno} twice`, { segno });
      seen.add(segno);
    }
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
    let at = blkaddr;
    const end = blkaddr + nrBlocks;
    while (at < end) {
      const segno = this.#layout.segnoOf(at);
      const start = this.#layout.segmentStart(segno);
      const { bytes } = this.#blockOf(segno);
      const map = this.#entry(segno) + MAP;
      for (const segmentEnd = Math.min(end, start + BLKS_PER_SEG); at < segmentEnd; ) {
        const blkoff = at - start;
        const byte = bytes[map + (blkoff >>> 3)];
        if (byte === 0xff) at += 8 - (blkoff & 7);
        else if ((byte & (0x80 >>> (blkoff & 7))) !== 0) at++;
        else return at - blkaddr;
      }
    }
    return nrBlocks;
  }

  /** Whether no block of a segment is in use, now or in the last checkpoint. Says nothing of the logs' own segments. */
  isFree(segno: number): boolean {
    return this.validBlocks(segno) === 0 && !this.#prefree.has(segno);
  }

  /** Marks `nrBlocks` blocks of one segment as in use, written by log `type` at `mtime` (seconds of mounted time). */
  setValid(segno: number, blkoff: number, nrBlocks: number, type: number, mtime: number): void {
    const { dv, bytes } = this.#change(segno);
    const entry = this.#entry(segno);
    for (let at = blkoff; at < blkoff + nrBlocks; ) {
      if ((at & 7) === 0 && blkoff + nrBlocks - at >= 8) {
        bytes[entry + MAP + (at >>> 3)] = 0xff;
        at += 8;
      } else {
        bytes[entry + MAP + (at >>> 3)] |= 0x80 >>> (at & 7);
        at++;
      }
    }
    const valid = (dv.getUint16(entry, true) & SIT_VBLOCKS_MASK) + nrBlocks;
    dv.setUint16(entry, (type << SIT_VBLOCKS_SHIFT) | valid, true);
    dv.setUint32(entry + MTIME, mtime, true);
  }

  /** Marks one block as not in use. EUCLEAN when it was not: two owners, or none. Returns the segment's valid blocks. */
  clearValid(blkaddr: number, mtime: number): number {
    const segno = this.#layout.segnoOf(blkaddr);
    const blkoff = (blkaddr - this.#layout.mainBlkaddr) & (BLKS_PER_SEG - 1);
    const { dv, bytes } = this.#change(segno);
    const entry = this.#entry(segno);
    const at = entry + MAP + (blkoff >>> 3);
    const bit = 0x80 >>> (blkoff & 7);
    if ((bytes[at] & bit) === 0) {
      throw corrupt(`block ${blkaddr} is freed, but the SIT has it free already: it has two owners`, {
        blkaddr,
        segno,
      });
    }
    bytes[at] ^= bit;
    const vblocks = dv.getUint16(entry, true) - 1;
    dv.setUint16(entry, vblocks, true);
    dv.setUint32(entry + MTIME, mtime, true);
    return vblocks & SIT_VBLOCKS_MASK;
  }

  /** A segment other than a log's own lost its last valid block: it is free once a checkpoint says so. */
  setPrefree(segno: number): void {
    this.#prefree.add(segno);
  }

  /** Sets the type of an empty segment that a log takes. */
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
    if (segments.length <= SIT_JOURNAL_ENTRIES) {
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
        const index = Math.floor(segno / SIT_ENTRIES_PER_BLOCK);
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
    this.#prefree.clear();
  }

  /** A segment's block, about to be changed: notes the segment. */
  #change(segno: number): SitBlock {
    this.#dirty.add(segno);
    return this.#blockOf(segno);
  }

  #isSecond(index: number): boolean {
    return (this.versionBitmap[index >>> 3] & (0x80 >>> (index & 7))) !== 0;
  }

  #entry(segno: number): number {
    return (segno % SIT_ENTRIES_PER_BLOCK) * SIT_ENTRY_SIZE;
  }

  #blockOf(segno: number): SitBlock {
    const index = Math.floor(segno / SIT_ENTRIES_PER_BLOCK);
    return this.#blocks[index] ?? this.#load(index);
  }

  #load(index: number): SitBlock {
    const bytes = new Uint8Array(BLKSIZE);
    this.#device.read(this.#layout.sitBlock(index, this.#isSecond(index)), bytes);
    const block: SitBlock = { bytes, dv: viewOf(bytes) };
    const count = this.#journalView.getUint16(0, true);
    for (let i = 0; i < count; i++) {
      const at = JOURNAL_ENTRIES_OFFSET + i * SitJournalEntry.size;
      const segno = this.#journalView.getUint32(at, true);
      if (Math.floor(segno / SIT_ENTRIES_PER_BLOCK) !== index) continue;
      bytes.set(this.#journal.subarray(at + 4, at + 4 + SIT_ENTRY_SIZE), this.#entry(segno));
      this.#dirty.add(segno);
    }
    const first = index * SIT_ENTRIES_PER_BLOCK;
    const end = Math.min(first + SIT_ENTRIES_PER_BLOCK, this.#layout.nrMainSegments);
    for (let segno = first; segno < end; segno++) this.#check(block, segno);
    this.#blocks[index] = block;
    return block;
  }

  /** Source: check_block_count. */
  #check(block: SitBlock, segno: number): void {
    const entry = this.#entry(segno);
    const vblocks = block.dv.getUint16(entry, true);
    let bits = 0;
    for (let i = 0; i < SIT_VBLOCK_MAP_SIZE; i++) bits += BITS_IN_BYTE[block.bytes[entry + MAP + i]];
    if (bits !== (vblocks & SIT_VBLOCKS_MASK)) {
      throw corrupt(
        `the SIT counts ${vblocks & SIT_VBLOCKS_MASK} valid blocks in segment ${segno}, its map has ${bits}`,
        { segno },
      );
    }
    if (vblocks >>> SIT_VBLOCKS_SHIFT >= NR_LOGS) {
      throw corrupt(`the SIT gives segment ${segno} the type ${vblocks >>> SIT_VBLOCKS_SHIFT}`, { segno });
    }
  }

  #loadJournalled(): void {
    const count = this.#journalView.getUint16(0, true);
    for (let i = 0; i < count; i++) {
      this.#blockOf(this.#journalView.getUint32(JOURNAL_ENTRIES_OFFSET + i * SitJournalEntry.size, true));
    }
  }
}
