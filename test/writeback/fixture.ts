// What the engines' tests walk over: a page cache on a device that can fail, and files whose slots are kept in maps here, so
// that a test can say what is mapped where, and look at what got to the device.

import { ALGORITHM } from '../../src/compress/algorithms.ts';
import { OUTCOME } from '../../src/compress/cluster.ts';
import { ClusterBuffers } from '../../src/compress/cluster-buffers.ts';
import { BLKSIZE } from '../../src/device/device.ts';
import { MemoryDevice } from '../../src/device/memory-device.ts';
import { F2fsError } from '../../src/errors.ts';
import { LOG, type Log } from '../../src/format/constants.ts';
import { AddressSpace, TAG } from '../../src/pagecache/address-space.ts';
import { Ioends } from '../../src/pagecache/ioend.ts';
import { FramePool } from '../../src/pagecache/pool.ts';
import { WB_SYNC, WritebackControl, type WritebackRequest } from '../../src/writeback/control.ts';
import type { EngineName } from '../../src/writeback/engines.ts';
import type { ExtentList } from '../../src/writeback/extent-list.ts';
import { FolioEngine } from '../../src/writeback/folio-engine.ts';
import type { ClusterOps, WritebackOps } from '../../src/writeback/ops.ts';
import { PageEngine } from '../../src/writeback/page-engine.ts';
import { Writeback } from '../../src/writeback/writeback.ts';

const NR_BLOCKS = 1 << 18;
const FIRST_BLKADDR = 1000;

/** Throws EIO for writes that `fails` says yes to. */
export class FlakyDevice extends MemoryDevice {
  fails: (vectors: readonly Uint8Array[]) => boolean = () => false;

  override write(blkaddr: number, vectors: readonly Uint8Array[]): void {
    if (this.fails(vectors)) throw new F2fsError('EIO', `the device refuses block ${blkaddr}`);
    super.write(blkaddr, vectors);
  }
}

/** A page cache with one engine over it. */
export class Machine {
  readonly pool: FramePool;
  readonly device = new FlakyDevice(NR_BLOCKS);
  readonly ioends: Ioends;
  readonly buffers: ClusterBuffers;
  readonly writeback: Writeback;
  readonly #engine: EngineName;
  nextBlkaddr = FIRST_BLKADDR;

  constructor(engine: EngineName, mib = 8, nrWorkers = 0) {
    this.#engine = engine;
    this.pool = new FramePool(mib << 20);
    this.ioends = new Ioends(this.device, this.pool);
    this.buffers = new ClusterBuffers(this.pool, nrWorkers);
    this.writeback = new Writeback(this.pool, this.ioends, this.buffers, engine);
  }

  get counters() {
    return this.writeback.counters;
  }

  /** Walks, and leaves what it sent on its way. */
  walk(file: FakeFile, request: WritebackRequest = { syncMode: WB_SYNC.ALL }): WritebackControl {
    return this.writeback.writePages(file.mapping, file, request);
  }

  /** Walks, and waits. */
  sync(file: FakeFile, request?: WritebackRequest): WritebackControl {
    try {
      return this.walk(file, request);
    } finally {
      this.writeback.wait(file.mapping);
    }
  }

  /** Walks with a say in whether somebody waits for an ALL walk. */
  walkPreempted(file: FakeFile, request: WritebackRequest, isPreempted: () => boolean): void {
    const Engine = this.#engine === 'pages' ? PageEngine : FolioEngine;
    const engine = new Engine(this.pool, this.ioends, this.writeback.queue, this.counters);
    engine.walk(file.mapping, file, new WritebackControl(request), isPreempted);
  }

  /** Begins anew with an empty device, for another program. */
  forget(): void {
    this.device.discard(0, NR_BLOCKS);
    this.nextBlkaddr = FIRST_BLKADDR;
  }

  close(): void {
    this.buffers.close();
  }
}

/** What a page holds: text that compresses well, or noise that does not. */
export function pageOf(index: number, version: number, kind: 'text' | 'noise' = 'text'): Buffer {
  const page = Buffer.alloc(BLKSIZE);
  if (kind === 'text') {
    page.fill(`page ${index} version ${version}; `);
    return page;
  }
  let state = (index + 1) * 2654435761 + version * 40503;
  for (let i = 0; i < BLKSIZE; i += 4) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9;
    page.writeUInt32LE((state ^ (state >>> 13)) >>> 0, i);
  }
  return page;
}

/** An inode's place is taken by maps: page to block, cluster to blocks. */
export class FakeFile implements WritebackOps, ClusterOps {
  readonly machine: Machine;
  readonly mapping: AddressSpace;
  sizeBytes = 2 ** 40;
  /** Pages of a cluster; 1 for a plain file. */
  readonly nrPages: number;
  readonly codec = { algorithm: ALGORITHM.LZ4, level: 0 };
  readonly checksum = true;
  wanted = true;
  isReserved: (start: number) => boolean = () => true;
  /** Pages that keep the block they have. */
  inPlace: (page: number) => boolean = () => false;
  /** Called by mapBlocks and by allocate, before anything changes; may throw. */
  onMap: (index: number, nrPages: number) => void = () => undefined;
  onAllocate: (start: number) => void = () => undefined;
  /** What mapBlocks was asked, what temperature was, and the clusters made whole. */
  readonly calls: [index: number, nrPages: number][] = [];
  readonly dirtyAtStart: number[] = [];
  readonly madeWhole: number[] = [];
  readonly slots = new Map<number, number>();
  readonly compressed = new Map<number, number[]>();
  /** What each page should hold. */
  readonly expected = new Map<number, Buffer>();

  constructor(machine: Machine, clusterPages = 1, owner = 5) {
    this.machine = machine;
    this.mapping = new AddressSpace(machine.pool, owner);
    this.nrPages = clusterPages;
  }

  get clusters(): ClusterOps | null {
    return this.nrPages === 1 ? null : this;
  }

  /** Writes pages into the cache; those that are missing come in folios of at most `folioPages`. */
  write(index: number, nrPages: number, version = 1, kind: 'text' | 'noise' = 'text', folioPages = 512): void {
    for (let at = index; at < index + nrPages; at++) {
      if (!this.mapping.has(at)) this.#insert(at, index + nrPages, folioPages);
      const content = pageOf(at, version, kind);
      this.expected.set(at, content);
      this.machine.pool.page(this.mapping.find(at)).set(content);
    }
    this.mapping.setDirty(index, nrPages);
  }

  /** The largest folio that fits between here and what is there already. */
  #insert(index: number, end: number, folioPages: number): void {
    const next = this.mapping.nextPresent(index, end);
    let nrPages = folioPages;
    while (index % nrPages !== 0 || index + nrPages > (next < 0 ? end : next)) nrPages /= 2;
    this.mapping.insert(index, this.machine.pool.allocRun(nrPages));
  }

  temperature(nrDirty: number): Log {
    this.dirtyAtStart.push(nrDirty);
    return nrDirty <= 16 ? LOG.HOT_DATA : LOG.WARM_DATA;
  }

  mapBlocks(index: number, nrPages: number, _log: Log, extents: ExtentList): void {
    this.calls.push([index, nrPages]);
    this.onMap(index, nrPages);
    for (let page = index; page < index + nrPages; page++) {
      if (this.compressed.has(this.#firstOf(page))) throw new Error(`raw page ${page} in a compressed cluster`);
      const old = this.slots.get(page);
      const keeps = old !== undefined && this.inPlace(page);
      const blkaddr = keeps ? old : this.machine.nextBlkaddr++;
      this.slots.set(page, blkaddr);
      extents.add(blkaddr, 1, keeps);
    }
  }

  #firstOf(page: number): number {
    return page - (page % this.nrPages);
  }

  isCompressed(start: number): boolean {
    return this.compressed.has(start);
  }

  allocate(start: number, nrBlocks: number, _log: Log, extents: ExtentList): void {
    this.onAllocate(start);
    const blocks: number[] = [];
    for (let i = 0; i < nrBlocks; i++) {
      blocks.push(this.machine.nextBlkaddr);
      extents.add(this.machine.nextBlkaddr++, 1);
    }
    this.compressed.set(start, blocks);
    for (let i = 0; i < this.nrPages; i++) this.slots.delete(start + i);
  }

  dissolve(start: number): void {
    if (!this.compressed.delete(start)) throw new Error(`the cluster at ${start} is not compressed`);
    for (let page = start; page < Math.min(start + this.nrPages, this.nrFilePages); page++) {
      const isBusy = this.mapping.isTagged(TAG.DIRTY, page) || this.mapping.isTagged(TAG.WRITEBACK, page);
      if (!isBusy) throw new Error(`page ${page} of a dissolved cluster is not to be written`);
    }
  }

  makeWhole(start: number): void {
    this.madeWhole.push(start);
    const content = this.#decompress(start);
    for (let i = 0; i < this.nrPages && start + i < this.nrFilePages; i++) {
      if (this.mapping.has(start + i)) continue;
      this.#insert(start + i, start + i + 1, 1);
      this.machine.pool.page(this.mapping.find(start + i)).set(content.subarray(i * BLKSIZE, (i + 1) * BLKSIZE));
    }
  }

  get nrFilePages(): number {
    return Math.ceil(this.sizeBytes / BLKSIZE);
  }

  #decompress(start: number): Buffer {
    const { buffers, device, pool } = this.machine;
    const blocks = this.compressed.get(start) as number[];
    const { codecJobs, staging } = buffers;
    blocks.forEach((blkaddr, i) => {
      device.read(blkaddr, pool.page(staging + i));
    });
    const pfns = Uint32Array.from({ length: this.nrPages }, () => pool.allocRun(1));
    const ticket = codecJobs.postDecompress(ALGORITHM.LZ4, true, staging, blocks.length, pfns, this.nrPages);
    const outcome = codecJobs.take(ticket);
    if (outcome !== OUTCOME.OK) throw new Error(`the cluster at ${start} does not decompress: ${outcome}`);
    const content = Buffer.concat(Array.from(pfns, (pfn) => Buffer.from(pool.page(pfn))));
    for (const pfn of pfns) pool.freeFolio(pfn);
    return content;
  }

  /** What the device holds for a page; null for one without a block. */
  stored(page: number): Buffer | null {
    const first = this.#firstOf(page);
    if (this.compressed.has(first)) {
      const at = (page - first) * BLKSIZE;
      return this.#decompress(first).subarray(at, at + BLKSIZE);
    }
    const blkaddr = this.slots.get(page);
    if (blkaddr === undefined) return null;
    const block = Buffer.alloc(BLKSIZE);
    this.machine.device.read(blkaddr, block);
    return block;
  }

  /** Pages of those given that the device does not hold as they should be. */
  wrong(pages: Iterable<number> = this.expected.keys()): number[] {
    return [...pages].filter((page) => {
      const stored = this.stored(page);
      return stored === null || !stored.equals(this.expected.get(page) as Buffer);
    });
  }

  tagged(tag: (typeof TAG)[keyof typeof TAG]): number[] {
    const pages: number[] = [];
    const { mapping } = this;
    for (let at = mapping.nextTagged(tag, 0, Infinity); at >= 0; at = mapping.nextTagged(tag, at + 1, Infinity)) {
      pages.push(at);
    }
    return pages;
  }

  get dirty(): number[] {
    return this.tagged(TAG.DIRTY);
  }

  /** Pages that mapBlocks was asked for, in order. */
  get mapped(): number[] {
    return this.calls.flatMap(([index, nrPages]) => range(index, index + nrPages));
  }

  /** Pages that are clean leave the cache, as under reclaim. */
  evictClean(): void {
    for (const page of this.expected.keys()) {
      const isBusy = this.mapping.isTagged(TAG.DIRTY, page) || this.mapping.isTagged(TAG.WRITEBACK, page);
      if (!isBusy) this.mapping.truncate(page, page + 1);
    }
  }
}

/** The integers from start to end, which is left out. */
export function range(start: number, end: number): number[] {
  return Array.from({ length: Math.max(0, end - start) }, (_, i) => start + i);
}
