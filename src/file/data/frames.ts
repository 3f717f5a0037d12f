// Frames for pages of files: runs that make folios aligned in the file as they are in memory.
import { F2fsError } from '../../errors.ts';
import { type FramePool, MAX_FOLIO_PAGES } from '../../pagecache/pool.ts';

/** Pages that a call gives with the frame of the first, adjacent in the file and in memory. Whoever calls owns it. */
export class FrameRun {
  count = 0;
}

export class FrameAllocator {
  readonly #pool: FramePool;
  readonly #maxFolioPages: number;

  /** @param maxFolioPages pages of the largest folio to make: a power of two */
  constructor(pool: FramePool, maxFolioPages = MAX_FOLIO_PAGES) {
    this.#pool = pool;
    this.#maxFolioPages = maxFolioPages;
  }

  /**
   * Frames for up to `nrPages` pages from `index` on, contents undefined: as many as lie in a row and make folios that
   * are aligned in the file; `run` says how many. Throws ENOMEM when the cache has none.
   */
  allocate(index: number, nrPages: number, run: FrameRun): number {
    const pool = this.#pool;
    let count = this.#alignedCount(index, nrPages);
    let pfn = pool.allocRun(count);
    if (pfn < 0 && pool.largestRun > 0) {
      count = this.#alignedCount(index, Math.min(count, pool.largestRun));
      pfn = pool.allocRun(count);
    }
    if (pfn < 0) throw new F2fsError('ENOMEM', 'the page cache has no page left: mount with more cacheBytes');
    run.count = count;
    return pfn;
  }

  /** Throws away a run of frames that never made it into an address space. */
  discard(pfn: number, nrPages: number): void {
    for (let at = pfn; at < pfn + nrPages; ) {
      const size = 1 << this.#pool.folioOrder(at);
      this.#pool.freeFolio(at);
      at += size;
    }
  }

  /**
   * Pages that a run beginning at `index` can have so that its folios are aligned in the file: no more than the alignment
   * of its first page.
   */
  #alignedCount(index: number, count: number): number {
    if (index === 0) return Math.min(count, this.#maxFolioPages);
    const alignment = Math.min(this.#maxFolioPages, index & -index);
    return Math.min(count, alignment);
  }
}
