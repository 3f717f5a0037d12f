// What an engine asks of whoever owns the pages, and counts of what it did.
import type { Codec } from '../compress/algorithms.ts';
import type { Log } from '../format/constants.ts';
import type { ExtentList } from './extent-list.ts';

/** Source: struct iomap_writeback_ops. */
export interface WritebackOps {
  /** Bytes in the file; pages past the last byte are not written. */
  readonly sizeBytes: number;
  /** Of a file whose contents may lie in compressed clusters, else null. */
  readonly clusters: ClusterOps | null;
  /** The log that this walk's blocks come from, by the number of dirty pages it begins with. */
  temperature(nrDirty: number): Log;
  /**
   * Finds blocks for the dirty pages [index, index + nrPages) and lists them in `extents`: new ones of `log`, or those that
   * the pages have where they may be written in place. Throws ENOSPC.
   */
  mapBlocks(index: number, nrPages: number, log: Log, extents: ExtentList): void;
}

/** Clusters are named by their first page. */
export interface ClusterOps {
  /** Pages of a cluster. */
  readonly nrPages: number;
  readonly codec: Codec;
  readonly checksum: boolean;
  /** Whether dirty clusters are to be compressed: always, or when the user asked for it. Source: f2fs_need_compress_data. */
  readonly wanted: boolean;
  /** Whether the cluster is compressed on disk. */
  isCompressed(start: number): boolean;
  /** Whether all its slots have blocks promised. */
  isReserved(start: number): boolean;
  /** Brings the missing pages of a compressed cluster into the cache. Source: f2fs_prepare_compress_overwrite. */
  makeWhole(start: number): void;
  /** Gives the cluster `nrBlocks` new blocks of `log` for its compressed form. Throws ENOSPC, having changed nothing. */
  allocate(start: number, nrBlocks: number, log: Log, extents: ExtentList): void;
  /** Makes a compressed cluster a raw one without data yet: all its pages in the file are dirty. */
  dissolve(start: number): void;
}

/** What the engines did, for whoever counts. */
export class WritebackCounters {
  pages = 0;
  /** Runs of dirty pages found; each is one mapBlocks call in the folio engine. */
  runs = 0;
  mapBlocksCalls = 0;
  folios = 0;
  /** Clusters that were written compressed, and that stayed raw because compression would not save a block. */
  clusters = 0;
  rawClusters = 0;
  /** Pages of the clusters compressed, and the blocks that they took. */
  clusterPages = 0;
  clusterBlocks = 0;
  /** Compressed clusters that had to be read, since a part of them was dirty. */
  clusterReads = 0;
}
