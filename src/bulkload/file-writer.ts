// The blocks of one file, given addresses piece after piece as they come, in the order of its pages.
import { COMPRESS_ADDR, type Log, NEW_ADDR } from '../format/constants.ts';
import { BlockRun } from '../volume/block-run.ts';
import type { Volume } from '../volume/volume.ts';
import type { BlockWriter } from './block-writer.ts';
import { type FillSlots, PAGE, STATUS } from './fill-slots.ts';
import type { NodeWriter } from './node-writer.ts';

/** What the blocks of a file come to. */
export interface FileBlocks {
  /** Blocks that the inode counts: data, and what a compressed cluster has besides. */
  blocks: number;
  /** Pages that are no hole. */
  pages: number;
  clusters: number;
  rawClusters: number;
  /** Pages of the compressed clusters, and the blocks that they take. */
  clusterPages: number;
  clusterBlocks: number;
}

export class FileWriter {
  readonly #volume: Volume;
  readonly #blockSize: number;
  readonly #nodes: NodeWriter;
  readonly #writer: BlockWriter;
  readonly #run = new BlockRun();
  readonly #log: Log;
  /** Start and length of each run of blocks, should the file be taken back. */
  readonly #runs: number[] = [];
  #clusterPages = 1;
  #keepsSaved = true;
  readonly file: FileBlocks = { blocks: 0, pages: 0, clusters: 0, rawClusters: 0, clusterPages: 0, clusterBlocks: 0 };

  constructor(volume: Volume, nodes: NodeWriter, writer: BlockWriter, log: Log) {
    this.#volume = volume;
    this.#blockSize = volume.layout.block.blockSize;
    this.#nodes = nodes;
    this.#writer = writer;
    this.#log = log;
  }

  /** Begins a file, whose nodes have begun. `keepsSaved`: what its clusters save stays reserved. */
  begin(clusterPages: number, keepsSaved: boolean): void {
    const { file } = this;
    file.blocks = file.pages = file.clusters = file.rawClusters = file.clusterPages = file.clusterBlocks = 0;
    this.#runs.length = 0;
    this.#clusterPages = clusterPages;
    this.#keepsSaved = keepsSaved;
  }

  /** Gives a piece of a job its blocks, and writes them. Throws ENOSPC. */
  add(slots: FillSlots, slot: number, piece: number): void {
    const first = slots.first(slot, piece);
    const base = slots.at(slot, piece);
    const nrPages = slots.length(slot, piece);
    const from = slots.bufferOf(slot) + base * this.#blockSize;
    if (slots.status(slot, piece) === STATUS.WHOLE) {
      this.addRun(slot, first, nrPages, from);
      return;
    }
    const kinds = slots.kinds[slot];
    this.file.rawClusters += slots.rawClusters(slot, piece);
    let nrBlocks = 0;
    for (let page = 0; page < nrPages; ) {
      const kind = kinds[base + page];
      let end = page + 1;
      if (kind !== PAGE.CLUSTER) while (end < nrPages && kinds[base + end] === kind) end++;
      if (kind === PAGE.BLOCK) {
        this.addRun(slot, first + page, end - page, from + nrBlocks * this.#blockSize);
        nrBlocks += end - page;
      } else if (kind === PAGE.CLUSTER) {
        this.#mark(first + page, 1, COMPRESS_ADDR);
        this.#countCluster(kinds, base + page);
      } else if (kind === PAGE.SAVED && this.#keepsSaved) {
        this.#mark(first + page, end - page, NEW_ADDR);
      }
      page = end;
    }
  }

  /** Counts the compressed cluster that begins at `at`; its blocks count for themselves. */
  #countCluster(kinds: Uint8Array, at: number): void {
    const { file } = this;
    const nrPages = this.#clusterPages;
    let nrBlocks = 0;
    for (let i = 1; i < nrPages; i++) if (kinds[at + i] === PAGE.BLOCK) nrBlocks++;
    const saved = nrPages - nrBlocks;
    file.clusters++;
    file.clusterPages += nrPages;
    file.clusterBlocks += nrBlocks;
    file.pages += saved;
    if (!this.#keepsSaved) return;
    this.#volume.space.reserveBlocks(saved);
    file.blocks += saved;
  }

  /** Writes `nrPages` adjacent pages from byte `offset` of the memory on. Throws ENOSPC. */
  addRun(slot: number, first: number, nrPages: number, offset: number): void {
    const { logs, space } = this.#volume;
    const nodes = this.#nodes;
    space.reserveBlocks(nrPages);
    this.file.blocks += nrPages;
    this.file.pages += nrPages;
    for (let done = 0; done < nrPages; ) {
      nodes.seek(first + done);
      logs.allocate(this.#log, Math.min(nrPages - done, nodes.room), nodes.nid, 0, nodes.ofsInNode, this.#run);
      const { blkaddr, count } = this.#run;
      const { view, at } = nodes;
      for (let i = 0; i < count; i++) view.setUint32(at + 4 * i, blkaddr + i, true);
      this.#writer.putOfJob(slot, blkaddr, offset + done * this.#blockSize, count);
      this.#runs.push(blkaddr, count);
      done += count;
    }
  }

  /** Writes what is behind the end of the file, from page `first` on, filled up with zeros. It counts as no page. Throws ENOSPC, EFBIG. */
  addBehindEnd(first: number, bytes: Uint8Array): void {
    const { logs, space } = this.#volume;
    const nodes = this.#nodes;
    const nrPages = Math.ceil(bytes.length / this.#blockSize);
    space.reserveBlocks(nrPages);
    this.file.blocks += nrPages;
    const block = new Uint8Array(this.#blockSize);
    for (let page = 0; page < nrPages; page++) {
      nodes.seek(first + page);
      logs.allocate(this.#log, 1, nodes.nid, 0, nodes.ofsInNode, this.#run);
      const { blkaddr } = this.#run;
      nodes.view.setUint32(nodes.at, blkaddr, true);
      const part = bytes.subarray(page * this.#blockSize, (page + 1) * this.#blockSize);
      block.fill(0, part.length);
      block.set(part);
      this.#writer.put(this.#log, blkaddr, block);
      this.#runs.push(blkaddr, 1);
    }
  }

  /** Pages whose addresses say what they are. */
  #mark(first: number, count: number, address: number): void {
    const nodes = this.#nodes;
    for (let i = 0; i < count; i++) {
      nodes.seek(first + i);
      nodes.view.setUint32(nodes.at, address, true);
    }
  }

  /** Gives all blocks of the file back. */
  takeBack(): void {
    const { logs, space } = this.#volume;
    for (let i = 0; i < this.#runs.length; i += 2) {
      for (let j = 0; j < this.#runs[i + 1]; j++) logs.invalidate(this.#runs[i] + j);
    }
    space.releaseBlocks(this.file.blocks);
    this.#runs.length = 0;
  }
}
