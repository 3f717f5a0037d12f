// What the writeback engines ask of one inode.
import { ALGORITHM, type Algorithm, type Codec } from '../../compress/algorithms.ts';
import { LOG, type Log } from '../../format/constants.ts';
import type { ExtentList } from '../../writeback/extent-list.ts';
import type { ClusterOps, WritebackOps } from '../../writeback/ops.ts';
import type { BlockMap } from '../data/block-map.ts';
import { type ClusterMap, ClusterSlots } from '../data/cluster-map.ts';
import { beforeChange, type ClusterPages, hasChecksum } from '../data/cluster-pages.ts';
import type { Inode } from './inode.ts';
import { logOfFile } from './temperature.ts';

/** Levels past the last are the last. */
const MAX_LEVEL: Partial<Record<Algorithm, number>> = { [ALGORITHM.LZ4]: 16, [ALGORITHM.ZSTD]: 22 };

export class InodeOps implements WritebackOps {
  readonly sizeBytes: number;
  readonly clusters: ClusterOps | null;
  readonly #inode: Inode;
  readonly #map: BlockMap;
  readonly #inPlace: boolean;

  constructor(inode: Inode, map: BlockMap, clusterMap: ClusterMap, pages: ClusterPages, inPlace: boolean) {
    this.#inode = inode;
    this.#map = map;
    this.#inPlace = inPlace;
    this.sizeBytes = Math.max(inode.size, inode.writtenEnd);
    this.clusters = inode.clusterPages > 1 ? new InodeClusterOps(inode, clusterMap, pages) : null;
  }

  temperature(nrDirty: number): Log {
    const inode = this.#inode;
    if (inode.isDirectory) return LOG.HOT_DATA;
    return logOfFile(inode.load().iAdvise, this.clusters?.wanted === true, nrDirty);
  }

  mapBlocks(index: number, nrPages: number, log: Log, extents: ExtentList): void {
    this.#map.allocate(this.#inode, index, nrPages, log, extents, this.#inPlace);
  }
}

class InodeClusterOps implements ClusterOps {
  /** Of no use beyond the call that fills it; ops are made too often for one each. */
  static readonly #slots = new ClusterSlots();
  readonly nrPages: number;
  readonly codec: Codec;
  readonly checksum: boolean;
  readonly wanted: boolean;
  readonly #inode: Inode;
  readonly #map: ClusterMap;
  readonly #pages: ClusterPages;

  constructor(inode: Inode, map: ClusterMap, pages: ClusterPages) {
    this.#inode = inode;
    this.#map = map;
    this.#pages = pages;
    this.nrPages = inode.clusterPages;
    this.codec = codecOf(inode);
    this.checksum = hasChecksum(inode);
    this.wanted = inode.compressOnWrite;
  }

  isCompressed(start: number): boolean {
    beforeChange(this.#inode, () => this.#map.lookup(this.#inode, start, InodeClusterOps.#slots));
    return InodeClusterOps.#slots.nrBlocks > 0;
  }

  isReserved(start: number): boolean {
    this.#map.lookup(this.#inode, start, InodeClusterOps.#slots);
    return InodeClusterOps.#slots.isReserved;
  }

  makeWhole(start: number): void {
    beforeChange(this.#inode, () => this.#pages.read(this.#inode, start, start + this.nrPages));
  }

  allocate(start: number, nrBlocks: number, log: Log, extents: ExtentList): void {
    this.#map.allocate(this.#inode, start, nrBlocks, log, extents);
  }

  dissolve(start: number): void {
    this.#map.dissolve(this.#inode, start);
  }
}

/** A compressed file's algorithm and level. Source: f2fs_inode's i_compress_algorithm and the high byte of i_compress_flag. */
export function codecOf(inode: Inode): Codec {
  const extra = inode.loadExtra();
  const algorithm = extra.iCompressAlgorithm as Algorithm;
  const level = extra.iCompressFlag >>> 8;
  const most = MAX_LEVEL[algorithm] ?? 0;
  // Files of old kernels say no level where there must be one.
  return {
    algorithm,
    level: algorithm === ALGORITHM.ZSTD ? Math.min(Math.max(level, 1), most) : Math.min(level, most),
  };
}
