// The page engine: the kernel's own algorithm, a batch of pages at a time and one mapping a page, to test and to measure
// the folio engine against. Source: f2fs_write_cache_pages in fs/f2fs/data.c, f2fs_write_multi_pages in compress.c.
import { F2fsError } from '../errors.ts';
import { type AddressSpace, TAG } from '../pagecache/address-space.ts';
import { IN_PLACE, type Ioends } from '../pagecache/ioend.ts';
import type { FramePool } from '../pagecache/pool.ts';
import { ClusterContext } from './cluster-context.ts';
import type { ClusterQueue } from './cluster-queue.ts';
import { WB_SYNC, type WritebackControl } from './control.ts';
import type { Engine, Walk } from './engines.ts';
import { ExtentList } from './extent-list.ts';
import { zeroTail } from './folio-engine.ts';
import type { ClusterOps, WritebackCounters, WritebackOps } from './ops.ts';

/** Pages looked up at a time, or a cluster's if those are more. Source: F2FS_ONSTACK_PAGES. */
const BATCH_PAGES = 16;
/** Times that a page is tried again after EAGAIN: the kernel does so for ever, but there others make way meanwhile. */
const MAX_RETRIES = 16;

/** What all walks of an engine share. */
interface Parts {
  pool: FramePool;
  ioends: Ioends;
  queue: ClusterQueue;
  counters: WritebackCounters;
}

export class PageEngine implements Engine {
  readonly #parts: Parts;

  constructor(pool: FramePool, ioends: Ioends, queue: ClusterQueue, counters: WritebackCounters) {
    this.#parts = { pool, ioends, queue, counters };
  }

  walk(mapping: AddressSpace, ops: WritebackOps, control: WritebackControl, isPreempted: () => boolean): void {
    const walk: Walk = {
      mapping,
      ops,
      control,
      log: ops.temperature(mapping.nrDirty),
      tag: control.tagged ? TAG.TOWRITE : TAG.DIRTY,
      eof: Math.ceil(ops.sizeBytes / this.#parts.pool.pageSize),
      doneIndex: 0,
    };
    new PageWalk(this.#parts, walk, isPreempted).run();
  }
}

/**
 * One walk. The kernel's page locks and references have no counterpart: in a single thread a page that was looked up stays
 * what it is until someone is called. Those calls are mapBlocks, which may dirty and even write other pages, and reclaimFrames.
 */
class PageWalk {
  readonly #parts: Parts;
  readonly #walk: Walk;
  readonly #isPreempted: () => boolean;
  readonly #extents = new ExtentList();
  readonly #batch: Float64Array;
  readonly #context: ClusterContext | null;
  #isDone = false;
  /** Page at which the walk begins anew, or -1. */
  #restartAt = -1;
  /** The last cluster that had the walk begin anew at the first page. */
  #restartedFor = -1;
  #failure: F2fsError | null = null;

  constructor(parts: Parts, walk: Walk, isPreempted: () => boolean) {
    const { clusters } = walk.ops;
    this.#parts = parts;
    this.#walk = walk;
    this.#isPreempted = isPreempted;
    this.#context = clusters === null ? null : new ClusterContext(clusters.nrPages);
    this.#batch = new Float64Array(Math.max(BATCH_PAGES, clusters?.nrPages ?? 0));
  }

  run(): void {
    const { mapping, control } = this.#walk;
    let index = control.rangeCyclic ? mapping.writebackIndex : control.start;
    let { end } = control;
    for (;;) {
      this.#restartAt = -1;
      if (control.tagged) mapping.tagForWriteback(index, end);
      this.#walk.doneIndex = index;
      this.#writeRange(index, end);
      // The rest of the last cluster.
      this.#flush();
      if (this.#restartAt < 0 || this.#failure !== null) break;
      index = this.#restartAt;
      end = Number.POSITIVE_INFINITY;
    }
    if (control.rangeCyclic && !this.#isDone) this.#walk.doneIndex = 0;
    if (control.rangeCyclic || (control.isWholeRange && control.nrToWrite > 0)) {
      mapping.writebackIndex = this.#walk.doneIndex;
    }
    if (this.#failure !== null) throw this.#failure;
  }

  #writeRange(start: number, end: number): void {
    const batch = this.#batch;
    for (let index = start; index < end && !this.#isOver; ) {
      const nrPages = this.#lookUp(index, end);
      if (nrPages === 0) return;
      for (let i = 0; i < nrPages && !this.#isOver; i++) {
        if (this.#mayWrite(i, nrPages)) this.#writePage(batch[i]);
      }
      index = batch[nrPages - 1] + 1;
    }
  }

  get #isOver(): boolean {
    return this.#isDone || this.#restartAt >= 0;
  }

  /** Fills the batch with tagged pages of [index, end); returns how many. Source: filemap_get_folios_tag. */
  #lookUp(index: number, end: number): number {
    const { mapping, tag } = this.#walk;
    const batch = this.#batch;
    let nrPages = 0;
    for (let at = index; nrPages < batch.length; at++) {
      at = mapping.nextTagged(tag, at, end);
      if (at < 0) break;
      batch[nrPages++] = at;
    }
    return nrPages;
  }

  /** What is to be done before page `i` of the batch is looked at; false when it is not its turn, now or in this walk. */
  #mayWrite(i: number, nrPages: number): boolean {
    const context = this.#context;
    if (context !== null && this.#batch[i] < this.#walk.eof) {
      if (!context.canMerge(this.#batch[i])) {
        this.#flush();
        if (this.#walk.control.hasWrittenEnough) this.#isDone = true;
        if (this.#isDone) return false;
        // The page comes again, to an empty context: the kernel's `readd`.
      }
      if (!context.isEmpty || this.#isClusterReady(context, i, nrPages)) return true;
      if (!this.#isOverwritable(context, this.#batch[i])) return false;
    }
    if (this.#walk.control.syncMode === WB_SYNC.NONE && this.#isPreempted()) this.#isDone = true;
    return !this.#isDone;
  }

  /** Whether a whole cluster stands in the batch from entry `i` on. Source: f2fs_all_cluster_page_ready. */
  #isClusterReady(context: ClusterContext, i: number, nrPages: number): boolean {
    const first = this.#batch[i];
    if (context.firstOf(first) !== first) return false;
    // Of a cluster that the end of the file cuts we have no pages past it; the kernel has.
    const want = Math.min(context.nrPages, this.#walk.eof - first);
    return i + want <= nrPages && this.#batch[i + want - 1] === first + want - 1;
  }

  /**
   * Before the first page of a cluster that is not all in the batch: when it is compressed on disk it is read, dirtied as a
   * whole, and the walk begins anew; then it stands in one batch. Source: prepare_compress_overwrite, f2fs_compress_write_end.
   */
  #isOverwritable(context: ClusterContext, index: number): boolean {
    const { mapping, ops, control, eof } = this.#walk;
    const clusters = ops.clusters as ClusterOps;
    const first = context.firstOf(index);
    const end = Math.min(first + context.nrPages, eof);
    try {
      if (!clusters.isCompressed(first)) return true;
      if (mapping.nextTagged(TAG.WRITEBACK, first, end) >= 0) this.#parts.ioends.submit();
      if (!mapping.hasAll(first, end)) {
        control.reclaimFrames();
        clusters.makeWhole(first);
        this.#parts.counters.clusterReads++;
      }
    } catch (error) {
      this.#fail(error);
      return false;
    }
    mapping.setDirty(first, end - first);
    // The kernel begins at page 0 every time, and trusts that what comes before the cluster is written by then. A page that
    // can't be would keep us from ever getting further, so the second time for a cluster the walk begins with it.
    this.#restartAt = first > this.#restartedFor ? 0 : first;
    this.#restartedFor = Math.max(this.#restartedFor, first);
    return false;
  }

  /** Looks at one page again and writes it, or leaves it to its cluster. */
  #writePage(index: number): void {
    const { mapping, control, eof } = this.#walk;
    this.#parts.counters.folios++;
    this.#walk.doneIndex = index;
    if (!this.#isWritable(index)) return;
    if (index >= eof || this.#context !== null) {
      mapping.clearDirty(index, 1);
      // Past the end of the file it has nothing to say.
      if (index < eof) this.#context?.add(index);
      return;
    }
    const mayLeave = control.syncMode === WB_SYNC.NONE;
    const failure = this.#writeOrRetry(index, mayLeave ? 0 : MAX_RETRIES);
    if (failure !== null) {
      if (failure.code !== 'EAGAIN' || !mayLeave) this.#fail(failure, index + 1);
    } else if (control.hasWrittenEnough) {
      this.#isDone = true;
    }
  }

  /** Whether the page is still here and dirty; one on its way to disk is waited for by ALL, left by NONE. */
  #isWritable(index: number): boolean {
    const { mapping, control } = this.#walk;
    if (!mapping.isTagged(TAG.DIRTY, index)) return false;
    if (!mapping.isTagged(TAG.WRITEBACK, index)) return true;
    if (control.syncMode === WB_SYNC.NONE) return false;
    this.#parts.ioends.submit();
    return true;
  }

  /** Writes a page, and after EAGAIN tries again, `retries` times at most. */
  #writeOrRetry(index: number, retries: number): F2fsError | null {
    const { mapping, control } = this.#walk;
    for (let left = retries; ; left--) {
      mapping.clearDirty(index, 1);
      const failure = this.#writeSingle(index);
      if (failure === null) control.nrToWrite--;
      if (failure?.code !== 'EAGAIN' || left === 0) return failure;
      this.#parts.ioends.settleOldest();
      if (!this.#isWritable(index)) return null;
    }
  }

  /** Maps one page and sends it on its way; dirty again when that fails. Source: f2fs_write_single_data_page. */
  #writeSingle(index: number): F2fsError | null {
    const { mapping, ops, log } = this.#walk;
    const { pool, ioends, counters } = this.#parts;
    const extents = this.#extents;
    if ((index + 1) * pool.pageSize > ops.sizeBytes) zeroTail(pool, mapping, ops.sizeBytes);
    extents.clear();
    counters.mapBlocksCalls++;
    try {
      ops.mapBlocks(index, 1, log, extents);
    } catch (error) {
      mapping.setDirty(index, 1);
      if (error instanceof F2fsError) return error;
      throw error;
    }
    counters.pages++;
    ioends.add(extents.inPlace[0] === 1 ? IN_PLACE : log, mapping, index, mapping.find(index), 1, extents.blkaddr[0]);
    return null;
  }

  /** Writes what the context has gathered: compressed, or else its pages one by one. Source: f2fs_write_multi_pages. */
  #flush(): void {
    const context = this.#context;
    if (context === null || context.isEmpty) return;
    const { mapping, ops, control, log, eof } = this.#walk;
    const clusters = ops.clusters as ClusterOps;
    const { first } = context;
    const mayCompress = context.isFull(eof) && clusters.wanted;
    const isWhole = context.isWhole(eof);
    const pages = context.take();
    try {
      if (mayCompress && clusters.isReserved(first)) {
        const nrBlocks = this.#parts.queue.writeNow(mapping, ops, clusters, first, log);
        if (nrBlocks > 0) {
          control.nrToWrite -= nrBlocks;
          return;
        }
      }
      for (const index of pages) mapping.setDirty(index, 1);
      if (clusters.isCompressed(first)) {
        if (!isWhole) throw new Error(`internal: a part of the compressed cluster at page ${first} is made raw`);
        clusters.dissolve(first);
      }
    } catch (error) {
      for (const index of pages) mapping.setDirty(index, 1);
      this.#fail(error);
      return;
    }
    this.#writeRaw(pages);
  }

  /** Source: f2fs_write_raw_pages, which tries again after EAGAIN whatever the mode. */
  #writeRaw(pages: readonly number[]): void {
    for (const index of pages) {
      if (!this.#isWritable(index)) continue;
      const failure = this.#writeOrRetry(index, MAX_RETRIES);
      if (failure === null) continue;
      this.#fail(failure);
      return;
    }
  }

  /** The walk ends here; the first failure is thrown at its end. A cyclic one goes on past the page, not to hang on it. */
  #fail(error: unknown, doneIndex = this.#walk.doneIndex): void {
    if (!(error instanceof F2fsError)) throw error;
    this.#failure ??= error;
    this.#walk.doneIndex = doneIndex;
    this.#isDone = true;
  }
}
