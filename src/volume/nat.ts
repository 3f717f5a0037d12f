// The node address table in memory: blocks of the on-disk NAT, loaded on first touch and edited in place; entries that
// differ from their block on disk wait for the next checkpoint, which puts them in the journal or writes their blocks.
import type { QueuedDevice } from '../device/queued-device.ts';
import { corrupt, F2fsError, throwFault } from '../errors.ts';
import type { Report } from '../faults.ts';
import { NEW_ADDR, NULL_ADDR } from '../format/constants.ts';
import { NAT_ENTRY_SIZE, NatEntry, NatJournalEntry } from '../format/nat.ts';
import { viewOf } from '../format/struct.ts';
import { JOURNAL_ENTRIES_OFFSET } from '../format/summary.ts';
import { RESERVED_NODES } from './checkpoint-pack.ts';
import type { VolumeLayout } from './layout.ts';

const INO = NatEntry.offsets.ino;
const BLOCK_ADDR = NatEntry.offsets.blockAddr;

/**
 * What became of a node since the last checkpoint, noted for fsync. But for NEW it stands with the inode's number. Source:
 * IS_CHECKPOINTED, HAS_FSYNCED_INODE, HAS_LAST_FSYNC in node.h; FI_APPEND_WRITE, FI_UPDATE_WRITE.
 */
export const SINCE = {
  /** The number was given away: no checkpoint has the node. */
  NEW: 0x01,
  /** The inode was written with the fsync mark. */
  FSYNCED: 0x02,
  /** The node of the inode's that was written last has no fsync mark. */
  UNMARKED: 0x04,
  /** The inode was changed in more than its times, and not fsynced. */
  CHANGED: 0x08,
  /** Data got new blocks, and was not fsynced. */
  MOVED: 0x10,
  /** New blocks took the place of ones with data. */
  REPLACED: 0x20,
  /** Data was written over its blocks. */
  OVERWRITTEN: 0x40,
  /** Roll-forward could not bring about what happened; of a directory, that its attributes changed. */
  NEEDS_CHECKPOINT: 0x80,
} as const;

/** Blocks that one reading takes where they are wanted one after the other. */
const READ_AHEAD = 32;

/** One NAT block in memory. */
interface NatBlock {
  readonly bytes: Uint8Array;
  readonly dv: DataView;
  /** Entries that may be allocated now. */
  free: number;
  /** One bit for each entry that the block on disk does not hold as it is here. */
  readonly dirty: Uint8Array;
  nrDirty: number;
  /** One bit for each entry that was freed since the last checkpoint: not to be used again before the next one. */
  readonly freed: Uint8Array;
  nrFreed: number;
  /** SINCE flags of each entry, once one has any. */
  since: Uint8Array | null;
}

/** Node number -> owner inode, block address and version. */
export class NodeTable {
  readonly #device: QueuedDevice;
  readonly #layout: VolumeLayout;
  readonly #blockSize: number;
  readonly #entriesPerBlock: number;
  /** One bit for each NAT block: which of its two copies is current. Counted from the high bit of each byte. */
  readonly versionBitmap: Uint8Array;
  readonly #blocks: (NatBlock | undefined)[] = [];
  readonly #journal: Uint8Array;
  readonly #journalView: DataView;
  /** Blocks with entries that were freed since the last checkpoint. */
  readonly #withFreed: NatBlock[] = [];
  /** Blocks with SINCE flags. */
  readonly #noted: NatBlock[] = [];
  /** What was read last, the block where it begins, and the last one read. */
  #ahead = new Uint8Array(0);
  #aheadBlkaddr = 0;
  #lastRead = 0;
  /** Where the search for a free nid goes on. */
  nextFreeNid: number;
  #nrDirty = 0;

  /** `journal` is the NAT journal of the hot data log's summary; `nextFreeNid` the checkpoint's hint. */
  constructor(
    device: QueuedDevice,
    layout: VolumeLayout,
    versionBitmap: Uint8Array,
    journal: Uint8Array,
    nextFreeNid: number,
  ) {
    this.#device = device;
    this.#layout = layout;
    this.#blockSize = layout.block.blockSize;
    this.#entriesPerBlock = layout.block.natEntriesPerBlock;
    this.versionBitmap = versionBitmap;
    this.#journal = journal;
    this.#journalView = viewOf(journal);
    this.nextFreeNid = nextFreeNid >= RESERVED_NODES && nextFreeNid < layout.maxNid ? nextFreeNid : RESERVED_NODES;
    checkNatJournal(this.#journalView, layout, throwFault);
  }

  /** Throws EUCLEAN for a nid that can't be one. */
  check(nid: number): void {
    checkNid(nid, this.#layout, throwFault);
  }

  /**
   * Throws EUCLEAN for an entry of the journal that puts its node nowhere. fsck.f2fs drops such an entry, but for NEW_ADDR,
   * with all that stand behind it in the journal: those of nodes written now would be among them. Source:
   * f2fs_init_nid_bitmap of fsck.f2fs.
   */
  checkJournal(): void {
    const count = this.#journalView.getUint16(0, true);
    for (let i = 0; i < count; i++) {
      const at = JOURNAL_ENTRIES_OFFSET + i * NatJournalEntry.size;
      const { nid, blockAddr: blkaddr } = new NatJournalEntry(this.#journalView, at);
      if (blkaddr === NULL_ADDR || blkaddr === NEW_ADDR || this.#layout.inMain(blkaddr)) continue;
      throw corrupt('nat-journal-address', { nid, blkaddr, path: this.#device.name });
    }
  }

  /** Address of a node's block: NULL_ADDR when free, NEW_ADDR when never written, else within the main area. */
  blkaddrOf(nid: number): number {
    const blkaddr = this.entryOf(nid);
    checkNatAddress(nid, blkaddr, this.#layout, throwFault);
    return blkaddr;
  }

  /** The same as the entry has it, whatever that is. */
  entryOf(nid: number): number {
    return this.#blockOf(nid).dv.getUint32(this.#entry(nid) + BLOCK_ADDR, true);
  }

  inoOf(nid: number): number {
    return this.#blockOf(nid).dv.getUint32(this.#entry(nid) + INO, true);
  }

  versionOf(nid: number): number {
    return this.#blockOf(nid).bytes[this.#entry(nid)];
  }

  /** Takes a free nid for a node of `ino` (0: the node is that inode itself). Throws ENOSPC when none is free. */
  allocate(ino: number): number {
    const { maxNid } = this.#layout;
    let nid = this.nextFreeNid;
    for (let left = maxNid; left > 0; ) {
      if (nid >= maxNid) nid = RESERVED_NODES;
      const block = this.#blockOf(nid);
      const offset = nid % this.#entriesPerBlock;
      const rest = this.#entriesPerBlock - offset;
      if (block.free > 0) {
        for (let i = 0; i < rest; i++, nid++) {
          const free = block.dv.getUint32((offset + i) * NAT_ENTRY_SIZE + BLOCK_ADDR, true) === NULL_ADDR;
          if (!free || nid < RESERVED_NODES || isMarked(block.freed, offset + i)) continue;
          this.nextFreeNid = nid + 1;
          block.free--;
          this.#store(nid, ino === 0 ? nid : ino, NEW_ADDR);
          this.note(nid, SINCE.NEW);
          return nid;
        }
      } else {
        nid += rest;
      }
      left -= rest;
    }
    throw new F2fsError('ENOSPC', `all ${maxNid - RESERVED_NODES} node numbers of the volume are in use`);
  }

  /** Takes a certain number for an inode. Throws EUCLEAN when it is not free, as one that roll-forward found may be. */
  claim(ino: number): void {
    const block = this.#blockOf(ino);
    if (this.blkaddrOf(ino) !== NULL_ADDR || isMarked(block.freed, ino % this.#entriesPerBlock)) {
      throw corrupt('fsynced-number', { ino });
    }
    block.free--;
    this.#store(ino, ino, NEW_ADDR);
    this.note(ino, SINCE.NEW);
  }

  /** SINCE flags of a node. */
  since(nid: number): number {
    return this.#blockOf(nid).since?.[nid % this.#entriesPerBlock] ?? 0;
  }

  /** Adds SINCE flags to a node; all are gone with the next checkpoint. */
  note(nid: number, flags: number): void {
    const block = this.#blockOf(nid);
    if (block.since === null) {
      block.since = new Uint8Array(this.#entriesPerBlock);
      this.#noted.push(block);
    }
    block.since[nid % this.#entriesPerBlock] |= flags;
  }

  /** Takes SINCE flags off a node. */
  unnote(nid: number, flags: number): void {
    const { since } = this.#blockOf(nid);
    if (since !== null) since[nid % this.#entriesPerBlock] &= ~flags;
  }

  /** Records where an allocated node's block now is. */
  setBlkaddr(nid: number, blkaddr: number): void {
    const block = this.#blockOf(nid);
    block.dv.setUint32(this.#entry(nid) + BLOCK_ADDR, blkaddr, true);
    this.#markDirty(nid, block);
  }

  /** Frees a node number; it can be allocated again after the next checkpoint. Source: set_node_addr. */
  release(nid: number): void {
    const block = this.#blockOf(nid);
    const entry = this.#entry(nid);
    // A node that was never written did not exist for any summary: its version stays.
    if (block.dv.getUint32(entry + BLOCK_ADDR, true) !== NEW_ADDR) block.bytes[entry]++;
    this.#store(nid, 0, NULL_ADDR);
    this.unnote(nid, 0xff);
    const i = nid % this.#entriesPerBlock;
    block.freed[i >>> 3] |= 1 << (i & 7);
    if (block.nrFreed++ === 0) this.#withFreed.push(block);
  }

  /**
   * Hands over all entries that changed: into `journal` (`journalSize` bytes) when they fit, else every block that
   * holds one is passed to `write` with its new address, and the version bits are turned. The caller makes both part of
   * the checkpoint under way. Source: f2fs_flush_nat_entries.
   */
  flush(journal: Uint8Array, write: (blkaddr: number, block: Uint8Array) => void): void {
    this.#loadJournalled();
    const dv = viewOf(journal);
    journal.fill(0);
    const toJournal = this.#nrDirty <= this.#layout.block.natJournalEntries;
    let count = 0;
    this.#blocks.forEach((block, index) => {
      if (block === undefined || block.nrDirty === 0) return;
      if (!toJournal) {
        write(this.#turn(index), block.bytes);
        block.dirty.fill(0);
        block.nrDirty = 0;
        return;
      }
      for (let i = 0; i < this.#entriesPerBlock; i++) {
        if (!isMarked(block.dirty, i)) continue;
        const at = JOURNAL_ENTRIES_OFFSET + count++ * NatJournalEntry.size;
        dv.setUint32(at, index * this.#entriesPerBlock + i, true);
        journal.set(block.bytes.subarray(i * NAT_ENTRY_SIZE, (i + 1) * NAT_ENTRY_SIZE), at + 4);
      }
    });
    dv.setUint16(0, count, true);
    this.#journal.set(journal);
    if (!toJournal) this.#nrDirty = 0;
  }

  /** To be called once the checkpoint is down: nids freed before it may be used again. */
  checkpointed(): void {
    for (const block of this.#withFreed) {
      block.free += block.nrFreed;
      block.freed.fill(0);
      block.nrFreed = 0;
    }
    this.#withFreed.length = 0;
    for (const block of this.#noted) block.since = null;
    this.#noted.length = 0;
  }

  /** Turns a block's version bit and returns the address that is now current. */
  #turn(index: number): number {
    this.versionBitmap[index >>> 3] ^= 0x80 >>> (index & 7);
    return this.#layout.natBlock(index, this.#isSecond(index));
  }

  #isSecond(index: number): boolean {
    return (this.versionBitmap[index >>> 3] & (0x80 >>> (index & 7))) !== 0;
  }

  #entry(nid: number): number {
    return (nid % this.#entriesPerBlock) * NAT_ENTRY_SIZE;
  }

  #store(nid: number, ino: number, blkaddr: number): void {
    const block = this.#blockOf(nid);
    const entry = this.#entry(nid);
    block.dv.setUint32(entry + INO, ino, true);
    block.dv.setUint32(entry + BLOCK_ADDR, blkaddr, true);
    this.#markDirty(nid, block);
  }

  #markDirty(nid: number, block: NatBlock): void {
    const i = nid % this.#entriesPerBlock;
    if (isMarked(block.dirty, i)) return;
    block.dirty[i >>> 3] |= 1 << (i & 7);
    block.nrDirty++;
    this.#nrDirty++;
  }

  #blockOf(nid: number): NatBlock {
    const index = Math.floor(nid / this.#entriesPerBlock);
    return this.#blocks[index] ?? this.#load(index);
  }

  /**
   * Reads a block of the table. One that follows on the last one read brings some more: whoever makes many nodes wants them one after the
   * other. What is read ahead stays as it is on disk: only blocks that were loaded are written.
   */
  #read(blkaddr: number): Uint8Array {
    const ahead = this.#ahead;
    const at = (blkaddr - this.#aheadBlkaddr) * this.#blockSize;
    if (at >= 0 && at < ahead.length) return ahead.slice(at, at + this.#blockSize);
    const { natBlkaddr, nrNatBlocks } = this.#layout;
    const isNext = blkaddr === this.#lastRead + 1;
    const nrBlocks = isNext ? Math.min(READ_AHEAD, natBlkaddr + 2 * nrNatBlocks - blkaddr) : 1;
    this.#ahead = new Uint8Array(nrBlocks * this.#blockSize);
    this.#device.read(blkaddr, this.#ahead);
    this.#aheadBlkaddr = blkaddr;
    this.#lastRead = blkaddr + nrBlocks - 1;
    return this.#ahead.slice(0, this.#blockSize);
  }

  #load(index: number): NatBlock {
    const bytes = this.#read(this.#layout.natBlock(index, this.#isSecond(index)));
    const dv = viewOf(bytes);
    const block: NatBlock = {
      bytes,
      dv,
      free: 0,
      dirty: newMarks(this.#entriesPerBlock),
      nrDirty: 0,
      freed: newMarks(this.#entriesPerBlock),
      nrFreed: 0,
      since: null,
    };
    this.#blocks[index] = block;
    const count = this.#journalView.getUint16(0, true);
    for (let i = 0; i < count; i++) {
      const at = JOURNAL_ENTRIES_OFFSET + i * NatJournalEntry.size;
      const nid = this.#journalView.getUint32(at, true);
      if (Math.floor(nid / this.#entriesPerBlock) !== index) continue;
      bytes.set(this.#journal.subarray(at + 4, at + 4 + NAT_ENTRY_SIZE), this.#entry(nid));
      this.#markDirty(nid, block);
    }
    for (let i = 0; i < this.#entriesPerBlock; i++) {
      const nid = index * this.#entriesPerBlock + i;
      if (nid >= RESERVED_NODES && block.dv.getUint32(i * NAT_ENTRY_SIZE + BLOCK_ADDR, true) === NULL_ADDR)
        block.free++;
    }
    return block;
  }

  /** Loads every block that the journal has entries for, so that they count as dirty. */
  #loadJournalled(): void {
    const count = this.#journalView.getUint16(0, true);
    for (let i = 0; i < count; i++) {
      this.#blockOf(this.#journalView.getUint32(JOURNAL_ENTRIES_OFFSET + i * NatJournalEntry.size, true));
    }
  }
}

/** Tells of a number that no node can have; whether one can. */
export function checkNid(nid: number, { maxNid }: VolumeLayout, report: Report): boolean {
  if (nid >= RESERVED_NODES && nid < maxNid) return true;
  report('node-range', { nid }, RESERVED_NODES, maxNid - 1);
  return false;
}

/** Tells of an address that no node can have; whether one can. */
export function checkNatAddress(nid: number, blkaddr: number, layout: VolumeLayout, report: Report): boolean {
  if (blkaddr === NULL_ADDR || blkaddr === NEW_ADDR || layout.inMain(blkaddr)) return true;
  report('nat-address', { nid, blkaddr });
  return false;
}

/** Tells what is wrong with the entries of a NAT journal, each of which names a node. */
export function checkNatJournal(journal: DataView, layout: VolumeLayout, report: Report): void {
  const count = journal.getUint16(0, true);
  const { natJournalEntries } = layout.block;
  if (count > natJournalEntries) report('nat-journal-count', {}, count, natJournalEntries);
  const seen = new Set<number>();
  for (let i = 0; i < Math.min(count, natJournalEntries); i++) {
    const nid = journal.getUint32(JOURNAL_ENTRIES_OFFSET + i * NatJournalEntry.size, true);
    if (checkNid(nid, layout, report) && seen.has(nid)) report('nat-journal-twice', { nid });
    seen.add(nid);
  }
}

/** A bit for each of `nrEntries` entries. */
function newMarks(nrEntries: number): Uint8Array {
  return new Uint8Array((nrEntries + 7) >>> 3);
}

function isMarked(marks: Uint8Array, i: number): boolean {
  return (marks[i >>> 3] & (1 << (i & 7))) !== 0;
}
