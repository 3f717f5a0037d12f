// Data pages of one inode in the page cache: reads them from their blocks, and is the writeback engine's ops for them.
import { corrupt, F2fsError } from '../errors.ts';
import { BLKSIZE, COMPRESS_ADDR, LOG, type Log, NEW_ADDR, NULL_ADDR } from '../format/constants.ts';
import { ADVISE } from '../format/inode.ts';
import { TAG } from '../pagecache/address-space.ts';
import { MAX_FOLIO_PAGES } from '../pagecache/pool.ts';
import type { Volume } from '../volume/volume.ts';
import type { ExtentList } from '../writeback/extent-list.ts';
import type { WritebackOps } from '../writeback/folio-engine.ts';
import type { BlockMap } from './block-map.ts';
import type { Inode } from './inode.ts';

/** Up to this many dirty pages a file counts as hot. Source: DEF_MIN_HOT_BLOCKS. */
const MIN_HOT_BLOCKS = 16;

export class FilePages {
  /** Inodes that may have dirty pages, oldest first. */
  readonly dirty = new Set<Inode>();
  readonly #volume: Volume;
  readonly #map: BlockMap;

  constructor(volume: Volume, map: BlockMap) {
    this.#volume = volume;
    this.#map = map;
  }

  /**
   * Frames for up to `nrPages` pages from `index` on, contents undefined: as many as lie in a row and make folios that
   * are aligned in the file; `count` says how many. Throws ENOMEM when the cache has none.
   */
  allocate(index: number, nrPages: number): number {
    const { pool } = this.#volume;
    let count = alignedCount(index, nrPages);
    let pfn = pool.allocRun(count);
    if (pfn < 0 && pool.largestRun > 0) {
      count = alignedCount(index, Math.min(count, pool.largestRun));
      pfn = pool.allocRun(count);
    }
    if (pfn < 0) throw new F2fsError('ENOMEM', 'the page cache has no free frame; give it a larger budget');
    this.count = count;
    return pfn;
  }

  /**
   * Brings pages from `index` on into the cache, at most `max`, stopping at the end of their folio or block run. Returns
   * the frame of the first; `count` says how many follow it in memory too. A hole reads as zeros.
   */
  read(inode: Inode, index: number, max: number): number {
    const { pages } = inode;
    const cached = pages.find(index);
    if (cached >= 0) {
      this.count = pages.contiguous(index, max);
      return cached;
    }
    const { pool } = this.#volume;
    let limit = Math.min(max, MAX_FOLIO_PAGES - (index % MAX_FOLIO_PAGES));
    const next = pages.nextPresent(index, index + limit);
    if (next >= 0) limit = next - index;
    const cluster = inode.clusterPages;
    if (cluster > 1) {
      this.#refuseCompressed(inode, index - (index % cluster));
      limit = Math.min(limit, cluster - (index % cluster));
    }
    this.#map.lookup(inode, index, limit);
    const { blkaddr } = this.#map;
    if (blkaddr === COMPRESS_ADDR) {
      throw corrupt(`page ${index} of inode ${inode.ino} is marked as a compressed cluster, which can't begin there`, {
        ino: inode.ino,
      });
    }
    const pfn = this.allocate(index, this.#validRun(inode, index, blkaddr, this.#map.count));
    const { count } = this;
    if (blkaddr === NULL_ADDR || blkaddr === NEW_ADDR) {
      pool.zero(pfn, count);
    } else {
      try {
        this.#volume.device.read(blkaddr, pool.bytes.subarray(pfn * BLKSIZE, (pfn + count) * BLKSIZE));
      } catch (error) {
        this.discard(pfn, count);
        throw error;
      }
    }
    pages.insertRun(index, pfn, count);
    return pfn;
  }

  /** Throws EOPNOTSUPP when the cluster that begins at page `start` is compressed. */
  #refuseCompressed(inode: Inode, start: number): void {
    this.#map.lookup(inode, start, 1);
    if (this.#map.blkaddr !== COMPRESS_ADDR) return;
    throw new F2fsError(
      'EOPNOTSUPP',
      `inode ${inode.ino} has a compressed cluster at page ${start}, which is not read here`,
      { ino: inode.ino },
    );
  }

  /**
   * Of a run of blocks, those up to the first that the SIT has free: nobody knows what that one holds. Throws EUCLEAN
   * when it is the first. Source: f2fs_is_valid_blkaddr with DATA_GENERIC_ENHANCE_READ.
   */
  #validRun(inode: Inode, index: number, blkaddr: number, nrPages: number): number {
    if (blkaddr === NULL_ADDR || blkaddr === NEW_ADDR) return nrPages;
    const valid = this.#volume.sit.validRun(blkaddr, nrPages);
    if (valid > 0) return valid;
    throw corrupt(`page ${index} of inode ${inode.ino} is at block ${blkaddr}, which the SIT has free`, {
      ino: inode.ino,
      blkaddr,
    });
  }

  /** Pages that the last `read` or `allocate` gave, adjacent in the file and in memory. */
  count = 0;

  /** The frame of a directory's page, or -1 for a hole, which no bucket has entries in. */
  readDirectoryPage(inode: Inode, index: number): number {
    const cached = inode.pages.find(index);
    if (cached >= 0) return cached;
    this.#map.lookup(inode, index, 1);
    if (this.#map.blkaddr === NULL_ADDR) return -1;
    if (this.#map.blkaddr >= COMPRESS_ADDR) {
      throw corrupt(`page ${index} of directory ${inode.ino} was never written`, { ino: inode.ino });
    }
    return this.read(inode, index, 1);
  }

  /**
   * To be called before cached pages are changed: waits for a write of their old contents. Source:
   * f2fs_wait_on_page_writeback.
   */
  waitStable(inode: Inode, index: number, nrPages: number): void {
    if (inode.pages.nextTagged(TAG.WRITEBACK, index, index + nrPages) >= 0) this.#volume.ioends.submit();
  }

  /** Pages that are in the cache, and reserved on disk, are to be written. */
  setDirty(inode: Inode, index: number, nrPages: number): void {
    inode.pages.setDirty(index, nrPages);
    this.dirty.add(inode);
  }

  /** Throws away a run of frames that never made it into an address space. */
  discard(pfn: number, nrPages: number): void {
    for (let at = pfn; at < pfn + nrPages; ) {
      const size = 1 << this.#volume.pool.folioOrder(at);
      this.#volume.pool.freeFolio(at);
      at += size;
    }
  }

  /** The engine's view of one inode. */
  opsOf(inode: Inode): WritebackOps {
    const map = this.#map;
    const sizeBytes = inode.size;
    return {
      sizeBytes,
      temperature: (nrDirty) => temperature(inode, nrDirty),
      mapBlocks: (index: number, nrPages: number, log: Log, extents: ExtentList) => {
        map.allocate(inode, index, nrPages, log, extents);
      },
    };
  }
}

/**
 * Pages that a run beginning at `index` can have so that its folios are aligned in the file: no more than the alignment
 * of its first page.
 */
function alignedCount(index: number, count: number): number {
  if (index === 0) return Math.min(count, MAX_FOLIO_PAGES);
  const alignment = Math.min(MAX_FOLIO_PAGES, index & -index);
  return Math.min(count, alignment);
}

/** The data log for a walk that begins with `nrDirty` dirty pages. Source: __get_segment_type_6. */
function temperature(inode: Inode, nrDirty: number): Log {
  const { iAdvise } = inode.load();
  if ((iAdvise & ADVISE.COLD) !== 0 || inode.isCompressed) return LOG.COLD_DATA;
  if (inode.isDirectory || (iAdvise & ADVISE.HOT) !== 0 || nrDirty <= MIN_HOT_BLOCKS) return LOG.HOT_DATA;
  return LOG.WARM_DATA;
}
