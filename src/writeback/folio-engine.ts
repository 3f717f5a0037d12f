// The folio engine: walks an address space folio by folio, finds each run of dirty pages, maps the run in one call and
// hands it to the ioends. It knows folios, runs and blocks; what an inode is only its ops know.
import { BLKSIZE, type Log } from '../format/constants.ts';
import { type AddressSpace, TAG } from '../pagecache/address-space.ts';
import type { Ioends } from '../pagecache/ioend.ts';
import type { FramePool } from '../pagecache/pool.ts';
import { ExtentList } from './extent-list.ts';

/** What the engine asks of whoever owns the pages. Source: struct iomap_writeback_ops. */
export interface WritebackOps {
  /** Bytes in the file; pages past the last byte are not written. */
  readonly sizeBytes: number;
  /** The log that this walk's blocks come from, by the number of dirty pages it begins with. */
  temperature(nrDirty: number): Log;
  /** Gives the dirty pages [index, index + nrPages) blocks of `log` and lists them in `extents`. Throws ENOSPC. */
  mapBlocks(index: number, nrPages: number, log: Log, extents: ExtentList): void;
}

/** What a walk did, for whoever counts. */
export class WritebackCounters {
  pages = 0;
  /** Runs of dirty pages found; each is one mapBlocks call. */
  runs = 0;
  mapBlocksCalls = 0;
  folios = 0;
}

export class FolioEngine {
  readonly #pool: FramePool;
  readonly #ioends: Ioends;
  readonly #extents = new ExtentList();
  readonly counters = new WritebackCounters();

  constructor(pool: FramePool, ioends: Ioends) {
    this.#pool = pool;
    this.#ioends = ioends;
  }

  /**
   * Sends every dirty page of [start, end) on its way; they are written when the ioends are submitted. When mapping a
   * run fails its pages stay dirty and the error is thrown; the runs before it are on their way.
   */
  writePages(mapping: AddressSpace, ops: WritebackOps, start = 0, end = Number.POSITIVE_INFINITY): void {
    if (mapping.nrDirty === 0) return;
    const log = ops.temperature(mapping.nrDirty);
    const eof = Math.ceil(ops.sizeBytes / BLKSIZE);
    let index = mapping.nextTagged(TAG.DIRTY, start, end);
    while (index >= 0) {
      const pfn = mapping.find(index);
      const head = this.#pool.folioHead(pfn);
      const first = index - (pfn - head);
      const folioEnd = Math.min(end, first + (1 << this.#pool.folioOrder(pfn)));
      this.#writeSingleFolio(mapping, ops, head, first, index, folioEnd, log, eof);
      index = folioEnd < end ? mapping.nextTagged(TAG.DIRTY, folioEnd, end) : -1;
    }
  }

  /** Writes the dirty runs within pages [start, end) of the folio whose page `first` is in frame `head`. */
  #writeSingleFolio(
    mapping: AddressSpace,
    ops: WritebackOps,
    head: number,
    first: number,
    start: number,
    end: number,
    log: Log,
    eof: number,
  ): void {
    this.counters.folios++;
    // Pages that a truncate left dirty past the end of the file have nothing to say.
    if (end > eof) {
      const clamped = Math.max(start, eof);
      mapping.clearDirty(clamped, end - clamped);
      end = clamped;
      if (start >= end) return;
    }
    if (end * BLKSIZE > ops.sizeBytes) this.#zeroTail(head, first, ops.sizeBytes);
    for (let index = start; index >= 0 && index < end; index = mapping.nextTagged(TAG.DIRTY, index, end)) {
      const runEnd = mapping.taggedRunEnd(TAG.DIRTY, index, end);
      this.#writeRun(mapping, ops, head + (index - first), index, runEnd - index, log);
      index = runEnd;
      if (index >= end) break;
    }
  }

  #writeRun(mapping: AddressSpace, ops: WritebackOps, pfn: number, index: number, nrPages: number, log: Log): void {
    const extents = this.#extents;
    extents.clear();
    this.counters.runs++;
    this.counters.mapBlocksCalls++;
    ops.mapBlocks(index, nrPages, log, extents);
    mapping.clearDirty(index, nrPages);
    this.counters.pages += nrPages;
    for (let i = 0, done = 0; i < extents.length; i++) {
      this.#ioends.add(log, mapping, index + done, pfn + done, extents.count[i], extents.blkaddr[i]);
      done += extents.count[i];
    }
  }

  /** Clears what lies past the last byte in the last page, so that nothing of an earlier use of the frame gets out. */
  #zeroTail(head: number, first: number, sizeBytes: number): void {
    const tail = sizeBytes % BLKSIZE;
    if (tail === 0) return;
    const base = (head + Math.floor(sizeBytes / BLKSIZE) - first) * BLKSIZE;
    this.#pool.bytes.fill(0, base + tail, base + BLKSIZE);
  }
}
