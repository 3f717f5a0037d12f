// Pages of compressed clusters: read and decompressed, several clusters at a time, straight into the frames that they stay in.
import type { Algorithm } from '../../compress/algorithms.ts';
import { OUTCOME } from '../../compress/cluster.ts';
import { type ClusterBuffers, STAGING_FRAMES } from '../../compress/cluster-buffers.ts';
import { corrupt, F2fsError } from '../../errors.ts';
import { MAX_FOLIO_PAGES } from '../../pagecache/pool.ts';
import type { Volume } from '../../volume/volume.ts';
import type { Inode } from '../inode/inode.ts';
import { type ClusterMap, ClusterSlots } from './cluster-map.ts';
import { type FrameAllocator, FrameRun } from './frames.ts';

/** i_compress_flag: bit 0. Source: COMPRESS_CHKSUM. */
const COMPRESS_CHKSUM = 1;
/** Clusters of four pages that one reading takes. */
const MAX_CLUSTERS = STAGING_FRAMES / 4;

const FAULTS = {
  [OUTCOME.BAD_LENGTH]: 'cluster-length',
  [OUTCOME.BAD_CHECKSUM]: 'cluster-checksum',
  [OUTCOME.BAD_DATA]: 'cluster-data',
} as const;

/** Whether a compressed file's clusters carry a checksum. */
export function hasChecksum(inode: Inode): boolean {
  return (inode.loadExtra().iCompressFlag & COMPRESS_CHKSUM) !== 0;
}

/**
 * Looks at a cluster that is to be changed in part. Nothing is changed yet: when it is damaged, that is a matter of this
 * file, which may still be removed or replaced, and no reason to stop the volume. Throws EIO then.
 */
export function beforeChange<T>(inode: Inode, look: () => T): T {
  try {
    return look();
  } catch (error) {
    if (!(error instanceof F2fsError) || error.code !== 'EUCLEAN' || inode.clusterPages === 1) throw error;
    const { blkaddr, message } = error;
    throw new F2fsError('EIO', `cannot change a part of what can't be read: ${message}`, {
      ino: inode.ino,
      ...(blkaddr === undefined ? {} : { blkaddr }),
      cause: error,
    });
  }
}

export class ClusterPages {
  readonly #volume: Volume;
  readonly #blockSize: number;
  readonly #map: ClusterMap;
  readonly #slots = new ClusterSlots();
  readonly #frames: FrameAllocator;
  readonly #frameRun = new FrameRun();
  readonly #buffers: ClusterBuffers;
  /** The clusters being read: blocks of each, and where all the blocks lie. */
  readonly #nrBlocks = new Uint32Array(MAX_CLUSTERS);
  readonly #blkaddr = new Uint32Array(STAGING_FRAMES);
  readonly #tickets = new Uint32Array(MAX_CLUSTERS);
  /** The frame of each page, and the runs of frames that are new. */
  readonly #pfns = new Uint32Array(STAGING_FRAMES);
  readonly #runs: { index: number; pfn: number; count: number }[] = [];

  constructor(volume: Volume, map: ClusterMap, frames: FrameAllocator, buffers: ClusterBuffers) {
    this.#volume = volume;
    this.#blockSize = volume.layout.block.blockSize;
    this.#map = map;
    this.#frames = frames;
    this.#buffers = buffers;
  }

  /** Throws ENOMEM when the page cache is too small for compressed clusters. */
  prepare(): void {
    this.#buffers.assertReady();
  }

  /**
   * Brings the compressed cluster of page `index` into the cache, and those after it as far as page `end`, while none of
   * their pages is there and memory allows. False when the cluster is not compressed. Throws EUCLEAN for a damaged
   * one. Source: f2fs_read_multi_pages.
   */
  read(inode: Inode, index: number, end: number): boolean {
    const start = index - (index % inode.clusterPages);
    if (this.#gather(inode, start, end) === 0) return false;
    // What is in the cache may be all there is: its last write may have failed. A page past the end of the file is asked for
    // where another writer left a cluster there.
    const fileEnd = Math.max(index + 1, Math.ceil(inode.size / this.#blockSize));
    if (inode.pages.hasAll(start, Math.min(start + inode.clusterPages, fileEnd))) return true;
    if (this.#load(inode, start)) return true;
    // What is wrong with a cluster is told to who wants that one.
    this.#gather(inode, start, start + 1);
    this.#load(inode, start);
    return true;
  }

  /** The clusters from page `start` on that are to be read together, the first in any case; returns how many. */
  #gather(inode: Inode, start: number, end: number): number {
    const { clusterPages, pages, size } = inode;
    const folioEnd = start - (start % MAX_FOLIO_PAGES) + MAX_FOLIO_PAGES;
    const limit = Math.min(end, start + STAGING_FRAMES, folioEnd, Math.ceil(size / this.#blockSize));
    this.#nrClusters = 0;
    this.#map.lookup(inode, start, this.#slots);
    for (let first = start, nrBlocks = 0; ; ) {
      const more = this.#slots.nrBlocks;
      // The last staging frame is a spare one.
      if (more === 0 || nrBlocks + more >= STAGING_FRAMES) break;
      this.#blkaddr.set(this.#slots.blkaddr.subarray(0, more), nrBlocks);
      nrBlocks += more;
      this.#nrBlocks[this.#nrClusters++] = more;
      first += clusterPages;
      if (first >= limit || first + clusterPages > start + STAGING_FRAMES) break;
      if (pages.nextPresent(first, first + clusterPages) >= 0 || !this.#lookup(inode, first)) break;
    }
    return this.#nrClusters;
  }
  #nrClusters = 0;

  /** False for a damaged cluster, which nobody has asked for yet. */
  #lookup(inode: Inode, start: number): boolean {
    try {
      this.#map.lookup(inode, start, this.#slots);
      return true;
    } catch (error) {
      if (error instanceof F2fsError) return false;
      throw error;
    }
  }

  /** Reads and decompresses what was gathered. False when there was something wrong, but not with a single cluster. */
  #load(inode: Inode, start: number): boolean {
    const { pages, clusterPages } = inode;
    const nrClusters = this.#nrClusters;
    const nrPages = nrClusters * clusterPages;
    const { staging } = this.#buffers;
    this.#runs.length = 0;
    let fault: Error | null = null;
    try {
      this.#allocate(inode, start, nrPages, staging + STAGING_FRAMES - 1);
      this.#readBlocks(staging);
      fault = this.#decompress(inode, start, staging);
    } catch (error) {
      fault = error as Error;
    }
    if (fault !== null) {
      for (const { pfn, count } of this.#runs) this.#frames.discard(pfn, count);
      if (nrClusters > 1) return false;
      throw fault;
    }
    for (const { index, pfn, count } of this.#runs) pages.insertRun(index, pfn, count);
    return true;
  }

  /** Frames for the pages that are not in the cache; those that are there are decompressed to the frame `spare`, for nobody. */
  #allocate(inode: Inode, start: number, nrPages: number, spare: number): void {
    const { pages } = inode;
    const end = start + nrPages;
    for (let index = start; index < end; ) {
      if (pages.has(index)) {
        this.#pfns[index++ - start] = spare;
        continue;
      }
      const present = pages.nextPresent(index, end);
      const pfn = this.#frames.allocate(index, (present < 0 ? end : present) - index, this.#frameRun);
      const { count } = this.#frameRun;
      this.#runs.push({ index, pfn, count });
      for (let i = 0; i < count; i++) this.#pfns[index - start + i] = pfn + i;
      index += count;
    }
  }

  /** Neighbours on disk are read together, across clusters. */
  #readBlocks(staging: number): void {
    const { pool, device } = this.#volume;
    let nrBlocks = 0;
    for (let i = 0; i < this.#nrClusters; i++) nrBlocks += this.#nrBlocks[i];
    for (let i = 0; i < nrBlocks; ) {
      let end = i + 1;
      while (end < nrBlocks && this.#blkaddr[end] === this.#blkaddr[i] + end - i) end++;
      device.read(
        this.#blkaddr[i],
        pool.bytes.subarray((staging + i) * this.#blockSize, (staging + end) * this.#blockSize),
      );
      i = end;
    }
  }

  #decompress(inode: Inode, start: number, staging: number): Error | null {
    const { clusterPages } = inode;
    const algorithm = inode.loadExtra().iCompressAlgorithm as Algorithm;
    const checksum = hasChecksum(inode);
    const { codecJobs } = this.#buffers;
    for (let i = 0, block = 0; i < this.#nrClusters; block += this.#nrBlocks[i++]) {
      const pfns = this.#pfns.subarray(i * clusterPages, (i + 1) * clusterPages);
      this.#tickets[i] = codecJobs.postDecompress(
        algorithm,
        checksum,
        staging + block,
        this.#nrBlocks[i],
        pfns,
        clusterPages,
      );
    }
    let fault: Error | null = null;
    for (let i = 0, block = 0; i < this.#nrClusters; block += this.#nrBlocks[i++]) {
      // Every job is waited for: its frames must not be given away before.
      try {
        const outcome = codecJobs.take(this.#tickets[i]);
        if (outcome !== OUTCOME.OK) {
          const kind = FAULTS[outcome as keyof typeof FAULTS];
          const place = { ino: inode.ino, blkaddr: this.#blkaddr[block] };
          fault ??= corrupt(kind, place, start + i * clusterPages);
        }
      } catch (error) {
        fault ??= error as Error;
      }
    }
    return fault;
  }
}
