// Data pages of one inode in the page cache: found, read from their blocks, and sent to writeback.
import type { ClusterBuffers } from '../../compress/cluster-buffers.ts';
import { corrupt } from '../../errors.ts';
import { COMPRESS_ADDR, NEW_ADDR, NULL_ADDR } from '../../format/constants.ts';
import { TAG } from '../../pagecache/address-space.ts';
import { MAX_FOLIO_PAGES } from '../../pagecache/pool.ts';
import { BlockRun } from '../../volume/block-run.ts';
import type { Volume } from '../../volume/volume.ts';
import type { WritebackOps } from '../../writeback/ops.ts';
import type { Writeback } from '../../writeback/writeback.ts';
import type { Inode } from '../inode/inode.ts';
import { InodeOps } from '../inode/inode-ops.ts';
import { VerityReader } from '../verity/verity-reader.ts';
import type { Xattrs } from '../xattr/xattrs.ts';
import type { BlockMap } from './block-map.ts';
import { ClusterMap } from './cluster-map.ts';
import { ClusterPages } from './cluster-pages.ts';
import { type FrameAllocator, FrameRun } from './frames.ts';
import type { InPlacePolicy, WriteReason } from './in-place.ts';

export class FilePages {
  /** Inodes that may have dirty pages, oldest first. */
  readonly dirty = new Set<Inode>();
  readonly clusterMap: ClusterMap;
  readonly clusters: ClusterPages;
  readonly verity: VerityReader;
  readonly #volume: Volume;
  readonly #blockSize: number;
  readonly #map: BlockMap;
  readonly #run = new BlockRun();
  readonly #frame = new FrameRun();
  readonly #frames: FrameAllocator;
  readonly #writeback: Writeback;
  readonly #inPlace: InPlacePolicy;

  constructor(
    volume: Volume,
    map: BlockMap,
    frames: FrameAllocator,
    buffers: ClusterBuffers,
    writeback: Writeback,
    inPlace: InPlacePolicy,
    xattrs: Xattrs,
  ) {
    this.#volume = volume;
    this.#blockSize = volume.layout.block.blockSize;
    this.#map = map;
    this.#frames = frames;
    this.#writeback = writeback;
    this.#inPlace = inPlace;
    this.clusterMap = new ClusterMap(volume, map);
    this.clusters = new ClusterPages(volume, this.clusterMap, frames, buffers);
    this.verity = new VerityReader(volume, xattrs, {
      readAsIs: (inode, index) => this.#read(inode, index, 1, this.#frame),
      blkaddrOf: (inode, index) => this.#blkaddrOf(inode, index),
    });
  }

  /** See FrameAllocator. */
  allocate(index: number, nrPages: number, run: FrameRun): number {
    return this.#frames.allocate(index, nrPages, run);
  }

  /** The frame of page `index` when it is in the cache, else -1; `run` says how many pages, at most `max`, follow in memory too. */
  cached(inode: Inode, index: number, max: number, run: FrameRun): number {
    const pfn = inode.pages.find(index);
    if (pfn >= 0) run.count = max === 1 ? 1 : inode.pages.contiguous(index, max);
    return pfn;
  }

  /**
   * Brings pages from `index` on into the cache, at most `max`, stopping at the end of their folio or block run. Returns
   * the frame of the first; `run` says how many follow in memory too. A hole reads as zeros. Of a file under verity only those come that
   * agree with their hashes: throws EIO where the first does not.
   */
  read(inode: Inode, index: number, max: number, run: FrameRun): number {
    return inode.isVerity ? this.#readVerified(inode, index, max, run) : this.#read(inode, index, max, run);
  }

  /** No page stays in the cache that was not found good. */
  #readVerified(inode: Inode, index: number, max: number, run: FrameRun): number {
    const cached = this.cached(inode, index, max, run);
    if (cached >= 0) return cached;
    const { pages, clusterPages, size, blockSize } = inode;
    if (clusterPages > 1) return this.#readVerifiedCluster(inode, index, run);
    const limit = Math.min(max, Math.ceil(size / blockSize) - index);
    const pfn = this.#read(inode, index, limit, run);
    const { count } = run;
    let good = 0;
    try {
      good = this.verity.verify(inode, index, pfn, count);
    } finally {
      if (good < count) pages.truncate(index + good, index + count);
    }
    run.count = good;
    return pfn;
  }

  /** Of a compressed file a cluster at a time: all pages that come are looked at, and the one at `index` alone is told of. */
  #readVerifiedCluster(inode: Inode, index: number, run: FrameRun): number {
    const { pages, clusterPages, size, blockSize } = inode;
    const start = index - (index % clusterPages);
    const end = Math.min(start + clusterPages, Math.ceil(size / blockSize));
    const missing: number[] = [];
    for (let page = start; page < end; page++) if (page !== index && !pages.has(page)) missing.push(page);
    this.#read(inode, index, 1, run);
    for (const page of [...missing.filter((page) => pages.has(page)), index]) {
      try {
        this.verity.verify(inode, page, pages.find(page), 1);
      } catch (error) {
        pages.truncate(page, page + 1);
        if (page === index) throw error;
      }
    }
    run.count = 1;
    return pages.find(index);
  }

  /** Where a page lies, if it has a block of its own. */
  #blkaddrOf(inode: Inode, index: number): number | undefined {
    this.#map.lookup(inode, index, 1, this.#run);
    const { blkaddr } = this.#run;
    return blkaddr === NULL_ADDR || blkaddr === NEW_ADDR || blkaddr === COMPRESS_ADDR ? undefined : blkaddr;
  }

  #read(inode: Inode, index: number, max: number, run: FrameRun): number {
    const cached = this.cached(inode, index, max, run);
    if (cached >= 0) return cached;
    const { pages } = inode;
    const { pool } = this.#volume;
    let limit = Math.min(max, MAX_FOLIO_PAGES - (index % MAX_FOLIO_PAGES));
    const next = pages.nextPresent(index, index + limit);
    if (next >= 0) limit = next - index;
    const cluster = inode.clusterPages;
    if (cluster > 1) {
      if (this.clusters.read(inode, index, index + limit)) {
        run.count = pages.contiguous(index, max);
        return pages.find(index);
      }
      limit = Math.min(limit, cluster - (index % cluster));
    }
    this.#map.lookup(inode, index, limit, this.#run);
    const { blkaddr } = this.#run;
    if (blkaddr === COMPRESS_ADDR) {
      throw corrupt('page-cluster-mark', { ino: inode.ino }, index);
    }
    const pfn = this.allocate(index, this.#validRun(inode, index, blkaddr, this.#run.count), run);
    const { count } = run;
    if (blkaddr === NULL_ADDR || blkaddr === NEW_ADDR) {
      pool.zero(pfn, count);
    } else {
      try {
        this.#volume.device.read(blkaddr, pool.bytes.subarray(pfn * this.#blockSize, (pfn + count) * this.#blockSize));
      } catch (error) {
        this.discard(pfn, count);
        throw error;
      }
    }
    pages.insertRun(index, pfn, count);
    return pfn;
  }

  /**
   * Of a run of blocks, those up to the first that the SIT has free: nobody knows what that one holds. Throws EUCLEAN
   * when it is the first. Source: f2fs_is_valid_blkaddr with DATA_GENERIC_ENHANCE_READ.
   */
  #validRun(inode: Inode, index: number, blkaddr: number, nrPages: number): number {
    if (blkaddr === NULL_ADDR || blkaddr === NEW_ADDR) return nrPages;
    const valid = this.#volume.sit.validRun(blkaddr, nrPages);
    if (valid > 0) return valid;
    throw corrupt('page-block-free', { ino: inode.ino, blkaddr }, index);
  }

  /**
   * The frame of a directory's page, or -1 for a hole, which no bucket has entries in. One that is reserved and was never written,
   * as the kernel leaves it when it found no room for the inode, has none either; the first one is never so.
   */
  readDirectoryPage(inode: Inode, index: number): number {
    const cached = inode.pages.find(index);
    if (cached >= 0) return cached;
    this.#map.lookup(inode, index, 1, this.#run);
    if (this.#run.blkaddr === NULL_ADDR) return -1;
    if (this.#run.blkaddr === COMPRESS_ADDR || (this.#run.blkaddr === NEW_ADDR && index === 0)) {
      throw corrupt('directory-page-unwritten', { ino: inode.ino }, index);
    }
    return this.read(inode, index, 1, this.#frame);
  }

  /**
   * To be called before cached pages are changed: waits for a write of their old contents. Source:
   * f2fs_wait_on_page_writeback.
   */
  waitStable(inode: Inode, index: number, nrPages: number): void {
    const end = index + nrPages;
    if (inode.pages.nextTagged(TAG.WRITEBACK, index, end) >= 0) this.#writeback.wait(inode.pages, index, end);
  }

  /** Pages that are in the cache, and reserved on disk, are to be written. */
  setDirty(inode: Inode, index: number, nrPages: number): void {
    inode.pages.setDirty(index, nrPages);
    this.dirty.add(inode);
  }

  /** Throws away a run of frames that never made it into an address space. */
  discard(pfn: number, nrPages: number): void {
    this.#frames.discard(pfn, nrPages);
  }

  /** The engine's view of one inode. */
  opsOf(inode: Inode, reason: WriteReason): WritebackOps {
    return new InodeOps(inode, this.#map, this.clusterMap, this.clusters, this.#inPlace.applies(inode, reason));
  }
}
