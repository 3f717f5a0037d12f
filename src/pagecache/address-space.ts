// The cached pages of one file (or of the metadata): page index to frame, and which pages are dirty, picked for writing, or
// being written. Relies on pool.ts for frames and folios and on xarray.ts for the tree. Source: struct address_space,
// mm/filemap.c, mm/page-writeback.c, mm/truncate.c.
import type { F2fsError } from '../errors.ts';
import type { FolioOwner, FramePool } from './pool.ts';
import { MAX_INDEX, type Mark, PRESENT, XArray } from './xarray.ts';

/** Tags of a page. Source: PAGECACHE_TAG_* in include/linux/fs.h. */
export const TAG = { DIRTY: 0, TOWRITE: 1, WRITEBACK: 2 } as const satisfies Record<string, Mark>;
export type Tag = (typeof TAG)[keyof typeof TAG];

/** Last index of a range whose end is exclusive and may be Infinity. */
function lastOf(end: number): number {
  return end > MAX_INDEX ? MAX_INDEX : end - 1;
}

/** Dirty pages of several address spaces together. */
export class DirtyCount {
  nrDirty = 0;
}

/**
 * Page indices are 0..2^32-1, counts are pages, ranges end exclusively. An empty one is a small object, unknown to the pool;
 * the pool holds on to it only while it has pages.
 */
export class AddressSpace implements FolioOwner {
  readonly #pool: FramePool;
  /** Pages held. */
  nrPages = 0;
  /** Pages tagged DIRTY. */
  nrDirty = 0;
  /** Whoever counts our dirty pages with those of others, besides the pool. To be set while there are none. */
  group: DirtyCount | null = null;
  /** Page index at which a cyclic walk goes on. */
  writebackIndex = 0;
  /** First failure of writeback that nobody has been told of. */
  error: F2fsError | null = null;
  readonly #tree: XArray;
  /** Our number with the pool; 0 while we hold no page. */
  #id = 0;

  /** @param owner inode number, or a number of the metadata's */
  constructor(
    pool: FramePool,
    readonly owner: number,
  ) {
    this.#pool = pool;
    this.#tree = new XArray(pool.arena);
  }

  /** Frame of a page, or -1; its folio counts as used. */
  find(index: number): number {
    const pfn = this.#tree.load(index);
    if (pfn >= 0) this.#pool.touch(pfn);
    return pfn;
  }

  /** Whether the page is here; does not count as use. */
  has(index: number): boolean {
    return this.#tree.load(index) >= 0;
  }

  /** Whether every page of [index, end) is here; does not count as use. */
  hasAll(index: number, end: number): boolean {
    for (let at = index; at < end; at++) if (this.#tree.load(at) < 0) return false;
    return true;
  }

  /** Takes over the folio that begins at frame pfn; its pages are neither dirty nor zeroed. */
  insert(index: number, pfn: number): void {
    this.insertRun(index, pfn, this.#pool.unownedPages(pfn));
  }

  /**
   * Takes over the folios that lie in nrPages frames from pfn on, as allocRun carved them. Each must be aligned in the file
   * as it is in memory.
   */
  insertRun(index: number, pfn: number, nrPages: number): void {
    const pool = this.#pool;
    for (let nr = 0; nr < nrPages; ) {
      const size = pool.unownedPages(pfn + nr);
      if (((index + nr) & (size - 1)) !== 0 || nr + size > nrPages) {
        throw new Error(`internal: a folio of ${size} pages at frame ${pfn + nr} does not fit page ${index + nr}`);
      }
      nr += size;
    }
    this.#tree.store(index, nrPages, pfn);
    if (this.#id === 0) this.#id = pool.register(this);
    this.nrPages += nrPages;
    for (let nr = 0; nr < nrPages; nr += 1 << pool.folioOrder(pfn + nr)) pool.map(pfn + nr, this.#id, index + nr);
  }

  /** Pages from index on that are here and adjacent in memory (pfn, pfn + 1 ..), at most max; 0 if index is not here. */
  contiguous(index: number, max: number): number {
    return this.#tree.adjacent(index, max);
  }

  /** First page in [index, end), or -1. */
  nextPresent(index: number, end: number): number {
    return this.#tree.next(PRESENT, index, lastOf(end));
  }

  /** Tags pages DIRTY; they must be here. */
  setDirty(index: number, nrPages: number): void {
    const changed = this.#tree.mark(TAG.DIRTY, index, nrPages);
    this.#countDirty(changed);
  }

  /** Clears DIRTY and with it TOWRITE: whoever calls this writes the pages, or drops them. */
  clearDirty(index: number, nrPages: number): void {
    const changed = this.#tree.unmark(TAG.DIRTY, index, nrPages);
    this.#countDirty(-changed);
    this.#tree.unmark(TAG.TOWRITE, index, nrPages);
  }

  /** Tags pages, which must be here. */
  setTag(tag: Tag, index: number, nrPages: number): void {
    if (tag === TAG.DIRTY) this.setDirty(index, nrPages);
    else this.#tree.mark(tag, index, nrPages);
  }

  clearTag(tag: Tag, index: number, nrPages: number): void {
    if (tag === TAG.DIRTY) this.clearDirty(index, nrPages);
    else this.#tree.unmark(tag, index, nrPages);
  }

  isTagged(tag: Tag, index: number): boolean {
    return this.#tree.test(tag, index);
  }

  /** First page in [index, end) with the tag, or -1; end may be Infinity. */
  nextTagged(tag: Tag, index: number, end: number): number {
    return this.#tree.next(tag, index, lastOf(end));
  }

  /** End (exclusive, at most `end`) of the run of pages with the tag that begins at index; index itself if it has it not. */
  taggedRunEnd(tag: Tag, index: number, end: number): number {
    return this.#tree.runEnd(tag, index, lastOf(end));
  }

  /**
   * Tags TOWRITE what is DIRTY in [index, end), so that a walk that writes everything is not kept busy by pages that are
   * dirtied behind it. Source: tag_pages_for_writeback.
   */
  tagForWriteback(index: number, end: number): void {
    this.#tree.copyMark(TAG.DIRTY, TAG.TOWRITE, index, lastOf(end));
  }

  /**
   * Drops the pages in [index, end), dirty or not, and frees their frames. A folio across a bound is split in place, so that
   * exactly the range goes. No page of it may be under writeback.
   */
  truncate(index: number, end: number): void {
    const pool = this.#pool;
    const tree = this.#tree;
    const last = lastOf(end);
    const busy = tree.next(TAG.WRITEBACK, index, last);
    if (busy >= 0) throw new Error(`internal: truncating page ${busy} of ${this.owner}, which is under writeback`);
    for (let at = tree.next(PRESENT, index, last); at >= 0; at = tree.next(PRESENT, at, last)) {
      const pfn = tree.load(at);
      pool.splitAt(pfn);
      let nr = 1 << pool.folioOrder(pfn);
      if (at + nr - 1 > last) {
        pool.splitAt(pfn + (last - at) + 1);
        nr = 1 << pool.folioOrder(pfn);
      }
      this.forget(at, nr);
      pool.unmap(pfn);
      pool.freeFolio(pfn);
      at += nr;
    }
  }

  /** Drops everything. The object must not be used any more. */
  destroy(): void {
    this.truncate(0, Infinity);
  }

  /** For the pool's reclaim. */
  isDirty(index: number, nrPages: number): boolean {
    return this.#tree.next(TAG.DIRTY, index, index + nrPages - 1) >= 0;
  }

  underWriteback(index: number, nrPages: number): boolean {
    return this.#tree.next(TAG.WRITEBACK, index, index + nrPages - 1) >= 0;
  }

  /** For the pool's reclaim: takes pages that are here out of the tree; their frames are the caller's. */
  forget(index: number, nrPages: number): void {
    const dirty = this.nrDirty === 0 ? 0 : this.#tree.unmark(TAG.DIRTY, index, nrPages);
    this.#countDirty(-dirty);
    this.#tree.erase(index, nrPages);
    this.nrPages -= nrPages;
    if (this.nrPages === 0) {
      this.#pool.unregister(this.#id);
      this.#id = 0;
    }
  }

  #countDirty(change: number): void {
    // A change of -0 would make doubles of the counts, and all code that was compiled for them useless.
    if (change === 0) return;
    this.nrDirty += change;
    this.#pool.nrDirty += change;
    if (this.group !== null) this.group.nrDirty += change;
  }
}
