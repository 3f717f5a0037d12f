// The tree of one quota file: an id's entry found, or made. Blocks are those of the tree, of 1 KiB. Source: fs/quota/quota_tree.c.
import { corrupt } from '../../errors.ts';
import {
  QT_BLOCK_SIZE,
  QT_DEPTH,
  QT_ENTRIES,
  QT_ROOT,
  QUOTA_MAGICS,
  QUOTA_VERSION,
  QuotaBlockHeader,
  QuotaEntry,
  QuotaHeader,
  type QuotaType,
  referenceAt,
} from '../../format/quota.ts';

/** The blocks of a quota file in memory. */
export interface QuotaBlocks {
  readonly ino: number;
  readonly view: DataView;
  /** Bytes of the file. */
  readonly size: number;
  /** Byte offset in the view of a block; valid until the operation ends. */
  at(blk: number): number;
  /** The same, about to be changed. Throws nothing where `at` did not. */
  change(blk: number): number;
  /** Has room for blocks up to `end`, zeros where they are new. Throws ENOSPC, having changed nothing that counts. */
  grow(end: number): void;
}

export class QuotaTree {
  readonly #blocks: QuotaBlocks;

  /** Throws EUCLEAN for what is no quota file of this type. Source: v2_check_quota_file, v2_read_file_info. */
  constructor(blocks: QuotaBlocks, type: QuotaType) {
    this.#blocks = blocks;
    const { ino, size } = blocks;
    if (size < (QT_ROOT + 1) * QT_BLOCK_SIZE) throw corrupt('quota-size', { ino }, size);
    const { magic, version, blocks: nrBlocks } = this.#header;
    if (magic !== QUOTA_MAGICS[type] || version !== QUOTA_VERSION)
      throw corrupt('quota-magic', { ino }, magic, version);
    if (nrBlocks <= QT_ROOT || nrBlocks * QT_BLOCK_SIZE > size) throw corrupt('quota-blocks', { ino }, nrBlocks, size);
  }

  get #header(): QuotaHeader {
    return new QuotaHeader(this.#blocks.view, this.#blocks.at(0));
  }

  #headerForChange(): QuotaHeader {
    return new QuotaHeader(this.#blocks.view, this.#blocks.change(0));
  }

  /** Where the entry of an id is, as a byte of the file; -1: it has none. Throws EUCLEAN. Source: find_dqentry. */
  find(id: number): number {
    const { view } = this.#blocks;
    let blk = QT_ROOT;
    for (let level = 0; level < QT_DEPTH; level++) {
      blk = this.#reference(blk, this.#blocks.at(blk) + referenceAt(id, level));
      if (blk === 0) return -1;
    }
    const at = this.#blocks.at(blk);
    for (let i = 0; i < QT_ENTRIES; i++) {
      const entry = QuotaBlockHeader.size + i * QuotaEntry.size;
      if (view.getUint32(at + entry, true) === id && !isFree(view, at + entry)) return blk * QT_BLOCK_SIZE + entry;
    }
    throw corrupt('quota-entry', { ino: this.#blocks.ino }, id, blk);
  }

  /** A block that another one names: 0, or one of the tree. */
  #reference(from: number, at: number): number {
    const blk = this.#blocks.view.getUint32(at, true);
    if (blk !== 0 && (blk <= QT_ROOT || blk >= this.#header.blocks))
      throw corrupt('quota-reference', { ino: this.#blocks.ino }, from, blk);
    return blk;
  }

  /**
   * Makes the entry of an id that has none, and says where. Throws ENOSPC and EUCLEAN, before anything is changed. Source: do_insert_tree,
   * find_free_dqentry.
   */
  insert(id: number): number {
    const blocks = this.#blocks;
    const { view, ino } = blocks;
    const { blocks: end, freeEntry } = this.#header;
    // What can fail comes first: the way as far as it goes, the lists, and room.
    let level = 0;
    let blk = QT_ROOT;
    for (; level < QT_DEPTH - 1; level++) {
      const next = this.#reference(blk, blocks.at(blk) + referenceAt(id, level));
      if (next === 0) break;
      blk = next;
    }
    if (freeEntry !== 0) this.#checkFreeEntry(freeEntry);
    const wanted = QT_DEPTH - 1 - level + (freeEntry === 0 ? 1 : 0);
    const { taken, nextFree } = this.#freeBlocks(wanted);
    const nrNew = wanted - taken.length;
    blocks.grow(end + nrNew);
    const header = this.#headerForChange();
    header.freeBlk = nextFree;
    header.blocks = end + nrNew;
    for (let i = 0; i < nrNew; i++) taken.push(end + i);
    for (const blk of taken) this.#clear(blk);

    const target = freeEntry === 0 ? (taken.pop() as number) : freeEntry;
    for (; level < QT_DEPTH - 1; level++) {
      const next = taken.shift() as number;
      view.setUint32(blocks.change(blk) + referenceAt(id, level), next, true);
      blk = next;
    }
    view.setUint32(blocks.change(blk) + referenceAt(id, level), target, true);
    if (freeEntry === 0) this.#headerForChange().freeEntry = target;
    const at = blocks.change(target);
    const head = new QuotaBlockHeader(view, at);
    if (head.entries + 1 === QT_ENTRIES) this.#unlist(target);
    head.entries++;
    for (let i = 0; i < QT_ENTRIES; i++) {
      const offset = QuotaBlockHeader.size + i * QuotaEntry.size;
      if (!isFree(view, at + offset)) continue;
      const entry = new QuotaEntry(view, at + offset);
      entry.id = id;
      keepInUse(entry);
      return target * QT_BLOCK_SIZE + offset;
    }
    throw corrupt('quota-free-entry', { ino }, target);
  }

  /** Throws EUCLEAN unless a block is one of entries with a free one, and its neighbours in the list are blocks of the tree. */
  #checkFreeEntry(blk: number): void {
    const { view, ino } = this.#blocks;
    if (blk <= QT_ROOT || blk >= this.#header.blocks) throw corrupt('quota-reference', { ino }, 0, blk);
    const at = this.#blocks.at(blk);
    const { entries } = new QuotaBlockHeader(view, at);
    let nrFree = 0;
    for (let i = 0; i < QT_ENTRIES; i++) {
      if (isFree(view, at + QuotaBlockHeader.size + i * QuotaEntry.size)) nrFree++;
    }
    if (nrFree === 0 || entries !== QT_ENTRIES - nrFree) throw corrupt('quota-free-entry', { ino }, blk);
    for (const field of [QuotaBlockHeader.offsets.nextFree, QuotaBlockHeader.offsets.prevFree]) {
      const neighbour = this.#reference(blk, at + field);
      if (neighbour === blk) throw corrupt('quota-reference', { ino }, blk, neighbour);
      if (neighbour !== 0) this.#blocks.at(neighbour);
    }
  }

  /** The first of the list of free blocks, at most `wanted`, and the one behind them. Throws EUCLEAN. Source: get_free_dqblk. */
  #freeBlocks(wanted: number): { taken: number[]; nextFree: number } {
    const { view, ino } = this.#blocks;
    const { blocks: end, freeBlk } = this.#header;
    const taken: number[] = [];
    let next = freeBlk;
    while (next !== 0 && taken.length < wanted) {
      if (next <= QT_ROOT || next >= end || taken.includes(next)) {
        throw corrupt('quota-reference', { ino }, taken.at(-1) ?? 0, next);
      }
      taken.push(next);
      next = new QuotaBlockHeader(view, this.#blocks.at(next)).nextFree;
    }
    return { taken, nextFree: next };
  }

  #clear(blk: number): void {
    const at = this.#blocks.change(blk);
    for (let i = 0; i < QT_BLOCK_SIZE; i += 4) this.#blocks.view.setUint32(at + i, 0, true);
  }

  /** Takes a block that becomes full, the first of them, off the list of those with a free entry. Source: remove_free_dqentry. */
  #unlist(blk: number): void {
    const { view } = this.#blocks;
    const head = new QuotaBlockHeader(view, this.#blocks.change(blk));
    const { nextFree, prevFree } = head;
    head.nextFree = 0;
    head.prevFree = 0;
    if (nextFree !== 0) new QuotaBlockHeader(view, this.#blocks.change(nextFree)).prevFree = prevFree;
    if (prevFree !== 0) new QuotaBlockHeader(view, this.#blocks.change(prevFree)).nextFree = nextFree;
    else this.#headerForChange().freeEntry = nextFree;
  }

  /** The entry at a byte of the file, about to be changed. */
  entryForChange(offset: number): QuotaEntry {
    const at = this.#blocks.change(Math.floor(offset / QT_BLOCK_SIZE));
    return new QuotaEntry(this.#blocks.view, at + (offset % QT_BLOCK_SIZE));
  }
}

/** Source: qtree_entry_unused. */
function isFree(view: DataView, at: number): boolean {
  for (let i = 0; i < QuotaEntry.size; i += 4) if (view.getUint32(at + i, true) !== 0) return false;
  return true;
}

/** An entry of zeros alone is a free one: that of id 0 has a time of 1 where it would be so. Source: v2r1_mem2diskdqb. */
export function keepInUse(entry: QuotaEntry): void {
  if (isFree(entry.dv, entry.base)) entry.itime = 1;
}

/** Takes that time away, as it means nothing. Source: v2r1_disk2memdqb. */
export function endKept(entry: QuotaEntry): void {
  if (entry.id !== 0 || entry.itime !== 1) return;
  entry.itime = 0;
  if (!isFree(entry.dv, entry.base)) entry.itime = 1;
}
