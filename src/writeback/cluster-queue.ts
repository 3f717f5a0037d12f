// Clusters on their way through compression: posted in the order of the walk, and given blocks in that order, however long
// each one takes. Until then their pages are under writeback: nobody changes them, and they stay in the cache.

import { MAX_CLUSTER_PAGES } from '../compress/algorithms.ts';
import type { ClusterBuffers } from '../compress/cluster-buffers.ts';
import type { FrameRing } from '../compress/frame-ring.ts';
import { F2fsError } from '../errors.ts';
import type { Log } from '../format/constants.ts';
import { type AddressSpace, TAG } from '../pagecache/address-space.ts';
import { type ClusterRun, type FrameLender, IN_PLACE, type Ioends } from '../pagecache/ioend.ts';
import { ExtentList } from './extent-list.ts';
import type { ClusterOps, WritebackCounters, WritebackOps } from './ops.ts';

/** Clusters posted at the same time, at most; reading posts some too, and all together may be 256. */
const MAX_POSTED = 128;

interface Posted extends ClusterRun {
  ops: WritebackOps;
  clusters: ClusterOps;
  log: Log;
  ticket: number;
  /** First frame of the blocks. */
  pfn: number;
}

/**
 * How many clusters may be under way depends on the memory alone, never on how many threads work or how fast: so blocks are
 * allocated in the same order, and the image is the same.
 */
export class ClusterQueue implements FrameLender {
  readonly #buffers: ClusterBuffers;
  readonly #ioends: Ioends;
  readonly #counters: WritebackCounters;
  readonly #posted: Posted[] = [];
  readonly #pfns = new Uint32Array(MAX_CLUSTER_PAGES);
  readonly #extents = new ExtentList();
  #nrPages = 0;

  constructor(buffers: ClusterBuffers, ioends: Ioends, counters: WritebackCounters) {
    this.#buffers = buffers;
    this.#ioends = ioends;
    this.#counters = counters;
    ioends.lender = this;
  }

  /**
   * Sends the cluster at page `start`, whose pages are all in the cache and dirty, on its way. Throws ENOMEM when the page
   * cache is too small; what goes wrong later is left in the address space's `error`.
   */
  post(mapping: AddressSpace, ops: WritebackOps, clusters: ClusterOps, start: number, log: Log): void {
    const { nrPages } = clusters;
    const { ring } = this.#buffers;
    while (this.#posted.length === MAX_POSTED || this.#nrPages + nrPages > Math.max(nrPages, ring.nrFrames / 2)) {
      this.#commitOldest();
    }
    this.#posted.push(this.#post(mapping, ops, clusters, start, log));
    this.#nrPages += nrPages;
    markWriteback(mapping, start, nrPages);
  }

  /**
   * Compresses a cluster while the caller waits, as the kernel does; whether its pages count as dirty is all the same.
   * Returns the blocks sent, or 0 when compression would not save one. Then, and when it throws ENOMEM, EIO or ENOSPC,
   * nothing was changed. Source: f2fs_compress_pages, f2fs_write_compressed_pages.
   */
  writeNow(mapping: AddressSpace, ops: WritebackOps, clusters: ClusterOps, start: number, log: Log): number {
    this.drain();
    const posted = this.#post(mapping, ops, clusters, start, log);
    const nrBlocks = this.#allocate(posted);
    if (nrBlocks > 0) {
      markWriteback(mapping, start, posted.nrPages);
      this.#send(posted, nrBlocks);
    }
    return nrBlocks;
  }

  #post(mapping: AddressSpace, ops: WritebackOps, clusters: ClusterOps, index: number, log: Log): Posted {
    const { nrPages } = clusters;
    const { ring, codecJobs } = this.#buffers;
    const pfn = this.#borrow(ring, nrPages - 1);
    const { loan } = ring;
    for (let i = 0; i < nrPages; i++) this.#pfns[i] = mapping.find(index + i);
    const ticket = codecJobs.postCompress(clusters.codec, clusters.checksum, this.#pfns, nrPages, pfn);
    return { mapping, index, nrPages, loan, ops, clusters, log, ticket, pfn };
  }

  #borrow(ring: FrameRing, nrFrames: number): number {
    for (;;) {
      const pfn = ring.take(nrFrames);
      if (pfn >= 0) return pfn;
      if (!this.#ioends.settleOldest()) throw new Error('internal: compressed clusters hold frames that nobody writes');
    }
  }

  giveBack(loan: number): void {
    this.#buffers.ring.giveBack(loan);
  }

  /** Gives every cluster under way its blocks, and hands it to the ioends. */
  drain(): void {
    while (this.#posted.length > 0) this.#commitOldest();
  }

  /** Whether a page of [start, end) is in a cluster that has no blocks yet. */
  holds(mapping: AddressSpace, start: number, end: number): boolean {
    return this.#posted.some((it) => it.mapping === mapping && it.index < end && it.index + it.nrPages > start);
  }

  #commitOldest(): void {
    const posted = this.#posted.shift() as Posted;
    this.#nrPages -= posted.nrPages;
    try {
      this.#commit(posted);
    } catch (error) {
      if (!(error instanceof F2fsError)) throw error;
      unmarkWriteback(posted);
      this.#ioends.noteFailure(posted.mapping, error);
      if (error.code !== 'EUCLEAN') return;
      // Damage is no matter of this cluster alone.
      this.abandon();
      throw error;
    }
  }

  /** Nothing more gets blocks: what is under way is dirty again. */
  abandon(): void {
    for (const posted of this.#posted.splice(0)) {
      try {
        this.#buffers.codecJobs.take(posted.ticket);
      } catch (error) {
        if (!(error instanceof F2fsError)) throw error;
      }
      this.giveBack(posted.loan);
      unmarkWriteback(posted);
    }
    this.#nrPages = 0;
  }

  #commit(posted: Posted): void {
    const nrBlocks = this.#allocate(posted);
    if (nrBlocks > 0) this.#send(posted, nrBlocks);
    else this.#writeRaw(posted);
  }

  /** Blocks that the cluster needs, and has in `#extents` now; 0 when it stays raw. Its loan ends then, or on failure. */
  #allocate({ index, clusters, log, ticket, loan }: Posted): number {
    this.#extents.clear();
    let nrBlocks = 0;
    try {
      nrBlocks = this.#buffers.codecJobs.take(ticket);
      if (nrBlocks > 0) clusters.allocate(index, nrBlocks, log, this.#extents);
    } catch (error) {
      this.giveBack(loan);
      throw error;
    }
    if (nrBlocks === 0) {
      this.giveBack(loan);
      this.#counters.rawClusters++;
    }
    return nrBlocks;
  }

  /** Hands a cluster that has its blocks to the ioends. */
  #send(posted: Posted, nrBlocks: number): void {
    const extents = this.#extents;
    this.#counters.clusters++;
    this.#counters.mapBlocksCalls++;
    this.#counters.clusterPages += posted.nrPages;
    this.#counters.clusterBlocks += nrBlocks;
    this.#counters.pages += posted.nrPages;
    for (let i = 0, pfn = posted.pfn; i < extents.length; i++) {
      const count = extents.count[i];
      this.#ioends.addCluster(posted.log, posted, pfn, count, extents.blkaddr[i], i === extents.length - 1);
      pfn += count;
    }
  }

  /** A cluster that compression would not save a block of. */
  #writeRaw({ mapping, index, nrPages, ops, clusters, log }: Posted): void {
    const extents = this.#extents;
    if (clusters.isCompressed(index)) clusters.dissolve(index);
    this.#counters.mapBlocksCalls++;
    ops.mapBlocks(index, nrPages, log, extents);
    this.#counters.pages += nrPages;
    sendPages(this.#ioends, mapping, index, log, extents);
  }
}

function markWriteback(mapping: AddressSpace, index: number, nrPages: number): void {
  mapping.clearDirty(index, nrPages);
  mapping.setTag(TAG.WRITEBACK, index, nrPages);
}

function unmarkWriteback({ mapping, index, nrPages }: ClusterRun): void {
  mapping.clearTag(TAG.WRITEBACK, index, nrPages);
  mapping.setDirty(index, nrPages);
}

/** Hands pages from `index` on, wherever they lie in memory, to the blocks that were found for them. */
export function sendPages(
  ioends: Ioends,
  mapping: AddressSpace,
  index: number,
  log: Log,
  { length, blkaddr, count, inPlace }: ExtentList,
): void {
  let page = index;
  for (let i = 0; i < length; i++) {
    for (let done = 0; done < count[i]; ) {
      const left = count[i] - done;
      const nrPages = left === 1 ? 1 : mapping.contiguous(page, left);
      const stream = inPlace[i] === 1 ? IN_PLACE : log;
      ioends.add(stream, mapping, page, mapping.find(page), nrPages, blkaddr[i] + done);
      page += nrPages;
      done += nrPages;
    }
  }
}
