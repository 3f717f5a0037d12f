// The folio engine: walks an address space folio by folio, finds each run of dirty pages, maps the run in one call and
// hands it to the ioends; of compressed files each dirty cluster goes to the cluster queue, whether it is a part of a
// folio or lies across several. It knows folios, runs, clusters and blocks; what an inode is only its ops know.
import { type AddressSpace, TAG } from '../pagecache/address-space.ts';
import type { Ioends } from '../pagecache/ioend.ts';
import type { FramePool } from '../pagecache/pool.ts';
import { zero } from '../pagecache/zero.ts';
import { type ClusterQueue, sendPages } from './cluster-queue.ts';
import { WB_SYNC, type WritebackControl } from './control.ts';
import type { Engine, Walk } from './engines.ts';
import { ExtentList } from './extent-list.ts';
import type { ClusterOps, WritebackCounters, WritebackOps } from './ops.ts';

export class FolioEngine implements Engine {
  readonly #pool: FramePool;
  readonly #ioends: Ioends;
  readonly #queue: ClusterQueue;
  readonly #counters: WritebackCounters;
  /** Lists not in use: an ops that has another file written meanwhile takes another one. */
  readonly #extents: ExtentList[] = [];

  constructor(pool: FramePool, ioends: Ioends, queue: ClusterQueue, counters: WritebackCounters) {
    this.#pool = pool;
    this.#ioends = ioends;
    this.#queue = queue;
    this.#counters = counters;
  }

  /** Source: iomap_writepages; the rules of f2fs_write_cache_pages for where a walk begins and ends. */
  walk(mapping: AddressSpace, ops: WritebackOps, control: WritebackControl, isPreempted: () => boolean): void {
    const from = control.rangeCyclic ? mapping.writebackIndex : control.start;
    const walk: Walk = {
      mapping,
      ops,
      control,
      log: ops.temperature(mapping.nrDirty),
      tag: control.tagged ? TAG.TOWRITE : TAG.DIRTY,
      eof: Math.ceil(ops.sizeBytes / this.#pool.pageSize),
      doneIndex: from,
    };
    if (control.tagged) mapping.tagForWriteback(from, control.end);
    let isAtEnd = false;
    try {
      isAtEnd = this.#writeFolios(walk, isPreempted);
    } finally {
      if (control.rangeCyclic && isAtEnd) walk.doneIndex = 0;
      if (control.rangeCyclic || (control.isWholeRange && control.nrToWrite > 0)) {
        mapping.writebackIndex = walk.doneIndex;
      }
    }
  }

  /** Whether there is no folio left to write. */
  #writeFolios(walk: Walk, isPreempted: () => boolean): boolean {
    const { mapping, control, tag } = walk;
    let index = mapping.nextTagged(tag, walk.doneIndex, control.end);
    while (index >= 0) {
      if (control.syncMode === WB_SYNC.NONE && isPreempted()) return false;
      const pfn = mapping.find(index);
      const folio = index - (pfn - this.#pool.folioHead(pfn));
      const folioEnd = folio + (1 << this.#pool.folioOrder(pfn));
      walk.doneIndex = this.#writeSingleFolio(walk, index, Math.min(control.end, folioEnd));
      if (control.hasWrittenEnough) return false;
      index = mapping.nextTagged(tag, walk.doneIndex, control.end);
    }
    return true;
  }

  /**
   * Writes what is tagged in pages [start, end), which lie in one folio; a cluster that goes on past the
   * folio is written to its end. Returns the page after the last one looked at. Source: iomap_writepage_map.
   */
  #writeSingleFolio(walk: Walk, start: number, end: number): number {
    this.#counters.folios++;
    const { mapping, eof } = walk;
    if (end > eof) {
      // Pages that a truncate left dirty past the end of the file have nothing to say.
      const clamped = Math.max(start, eof);
      mapping.clearDirty(clamped, end - clamped);
      if (start >= eof) return end;
    }
    const last = Math.min(end, eof);
    if (last * this.#pool.pageSize > walk.ops.sizeBytes) zeroTail(this.#pool, mapping, walk.ops.sizeBytes);
    return walk.ops.clusters === null
      ? this.#writeRuns(walk, start, last)
      : this.#writeClusters(walk, walk.ops.clusters, start, last);
  }

  /** The tagged runs within pages [start, end) of one folio. */
  #writeRuns(walk: Walk, start: number, end: number): number {
    const { mapping, tag, control } = walk;
    for (let index = start; index >= 0 && index < end; index = mapping.nextTagged(tag, index, end)) {
      let runEnd = mapping.taggedRunEnd(tag, index, end);
      const busy = mapping.nextTagged(TAG.WRITEBACK, index, runEnd);
      if (busy >= 0) {
        if (control.syncMode === WB_SYNC.ALL) {
          this.#ioends.submit();
        } else if (busy === index) {
          index = mapping.taggedRunEnd(TAG.WRITEBACK, index, runEnd);
          if (index >= end) break;
          continue;
        } else {
          runEnd = busy;
        }
      }
      this.#writeRun(walk, index, runEnd - index);
      index = runEnd;
      if (index >= end || control.hasWrittenEnough) return index;
    }
    return end;
  }

  /** A run of pages, which of a cluster may lie in several folios: one mapping call. */
  #writeRun(walk: Walk, index: number, nrPages: number): void {
    const extents = this.#map(walk, index, nrPages);
    sendPages(this.#ioends, walk.mapping, index, walk.log, extents);
    this.#extents.push(extents);
  }

  /** Finds blocks for a run of pages, which are to be sent there: they count as clean. */
  #map(walk: Walk, index: number, nrPages: number): ExtentList {
    const { mapping, ops, log, control } = walk;
    const extents = this.#extents.pop() ?? new ExtentList();
    extents.clear();
    this.#counters.runs++;
    this.#counters.mapBlocksCalls++;
    // A cyclic walk does not hang on what can't be mapped.
    walk.doneIndex = index + nrPages;
    ops.mapBlocks(index, nrPages, log, extents);
    mapping.clearDirty(index, nrPages);
    this.#counters.pages += nrPages;
    control.nrToWrite -= nrPages;
    return extents;
  }

  /** The clusters that have a tagged page in [start, end); the last may go on past `end`. */
  #writeClusters(walk: Walk, clusters: ClusterOps, start: number, end: number): number {
    const { mapping, tag, control } = walk;
    for (let index = start; index >= 0 && index < end; index = mapping.nextTagged(tag, index, end)) {
      const first = index - (index % clusters.nrPages);
      this.#writeCluster(walk, clusters, first);
      index = first + clusters.nrPages;
      if (index >= end || control.hasWrittenEnough) return index;
    }
    return end;
  }

  /**
   * Writes the dirty pages of one cluster: compressed when all of it is, and lies in the file; a compressed one of which a
   * part is dirty is made whole first, here and once, without another walk. Source: f2fs_write_multi_pages.
   */
  #writeCluster(walk: Walk, clusters: ClusterOps, first: number): void {
    const { mapping, ops, eof, control, log } = walk;
    const { nrPages } = clusters;
    const end = Math.min(first + nrPages, eof);
    // Waited for by NONE walks too: what is written must not depend on how fast the disk is.
    if (mapping.nextTagged(TAG.WRITEBACK, first, end) >= 0) {
      if (this.#queue.holds(mapping, first, end)) this.#queue.drain();
      this.#ioends.submit();
    }
    const compressed = clusters.isCompressed(first);
    if (compressed && mapping.taggedRunEnd(TAG.DIRTY, first, end) < end) {
      if (!mapping.hasAll(first, end)) {
        control.reclaimFrames();
        clusters.makeWhole(first);
        this.#counters.clusterReads++;
      }
      mapping.setDirty(first, end - first);
    }
    const isWhole = end === first + nrPages && mapping.taggedRunEnd(TAG.DIRTY, first, end) === end;
    if (isWhole && clusters.wanted && clusters.isReserved(first)) {
      this.#queue.post(mapping, ops, clusters, first, log);
      control.nrToWrite -= nrPages;
      return;
    }
    if (compressed) clusters.dissolve(first);
    for (let index = first; index >= 0 && index < end; index = mapping.nextTagged(TAG.DIRTY, index, end)) {
      const runEnd = mapping.taggedRunEnd(TAG.DIRTY, index, end);
      if (runEnd > index) this.#writeRun(walk, index, runEnd - index);
      index = runEnd;
      if (index >= end) break;
    }
  }
}

/** Clears what lies past the last byte in the last page, so that nothing of an earlier use of the frame gets out. */
export function zeroTail(pool: FramePool, mapping: AddressSpace, sizeBytes: number): void {
  const { pageSize } = pool;
  const tail = sizeBytes % pageSize;
  if (tail === 0) return;
  const pfn = mapping.find(Math.floor(sizeBytes / pageSize));
  if (pfn >= 0) zero(pool.bytes, pfn * pageSize + tail, (pfn + 1) * pageSize);
}
