// Writeback of dirty pages, by one engine or the other: who may walk now, and what is under way.
import type { ClusterBuffers } from '../compress/cluster-buffers.ts';
import type { AddressSpace } from '../pagecache/address-space.ts';
import type { Ioends } from '../pagecache/ioend.ts';
import type { FramePool } from '../pagecache/pool.ts';
import { ClusterQueue } from './cluster-queue.ts';
import { WB_SYNC, WritebackControl, type WritebackRequest } from './control.ts';
import type { Engine, EngineName } from './engines.ts';
import { FolioEngine } from './folio-engine.ts';
import { WritebackCounters, type WritebackOps } from './ops.ts';
import { PageEngine } from './page-engine.ts';

export class Writeback {
  readonly counters = new WritebackCounters();
  readonly queue: ClusterQueue;
  readonly #engine: Engine;
  readonly #ioends: Ioends;
  /** ALL walks under way. Source: wb_sync_req in struct f2fs_sb_info. */
  #nrSync = 0;

  constructor(pool: FramePool, ioends: Ioends, buffers: ClusterBuffers, engine: EngineName) {
    this.#ioends = ioends;
    this.queue = new ClusterQueue(buffers, ioends, this.counters);
    const Chosen = engine === 'pages' ? PageEngine : FolioEngine;
    this.#engine = new Chosen(pool, ioends, this.queue, this.counters);
  }

  /**
   * Writes dirty pages as asked; see Engine. A NONE walk gives way to an ALL one, before it begins and between folios.
   * Source: __f2fs_write_data_pages.
   */
  writePages(mapping: AddressSpace, ops: WritebackOps, request: WritebackRequest): WritebackControl {
    const control = new WritebackControl(request);
    if (mapping.nrDirty === 0) return control;
    if (control.syncMode === WB_SYNC.NONE && this.#nrSync > 0) {
      control.pagesSkipped += mapping.nrDirty;
      return control;
    }
    const isSync = control.syncMode === WB_SYNC.ALL;
    if (isSync) this.#nrSync++;
    try {
      this.#engine.walk(mapping, ops, control, () => this.#nrSync > 0);
    } finally {
      if (isSync) this.#nrSync--;
    }
    return control;
  }

  /** Waits until no page of [start, end) is on its way. Source: filemap_fdatawait_range. */
  wait(mapping: AddressSpace, start = 0, end = Number.POSITIVE_INFINITY): void {
    if (this.queue.holds(mapping, start, end)) this.queue.drain();
    this.#ioends.submit();
  }
}
