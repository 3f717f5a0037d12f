// One cluster compressed into blocks, or decompressed from them. All of it lies in the memory of the page frames; whoever calls
// names frames and a codec, and gets a number back. Nothing is remembered from one call to the next.
import { ClusterHeader, clusterCapacity } from '../format/cluster.ts';
import { f2fsCrc } from '../format/crc.ts';
import { viewOf } from '../format/struct.ts';
import { zero } from '../pagecache/zero.ts';
import type { Algorithm } from './algorithms.ts';
import type { Codecs } from './codecs.ts';

/** What became of a cluster that was to be decompressed. */
export const OUTCOME = {
  OK: 0,
  /** clen is 0, or more than the blocks hold. */
  BAD_LENGTH: 1,
  /** The compressed bytes are not those that the checksum was made of. */
  BAD_CHECKSUM: 2,
  /** The bytes are not the algorithm's, or not a cluster's worth. */
  BAD_DATA: 3,
} as const;
export type Outcome = (typeof OUTCOME)[keyof typeof OUTCOME];

/** One thread's tools: codecs, the memory that they work on, and MAX_CLUSTER_PAGES frames of it for pages that lie apart. */
export class CodecContext {
  readonly codecs: Pick<Codecs, 'compress' | 'decompress'>;
  readonly bytes: Uint8Array;
  /** Byte offset of the frames for pages that lie apart. */
  readonly scratch: number;
  readonly pageSize: number;
  readonly header: ClusterHeader;

  constructor(codecs: Pick<Codecs, 'compress' | 'decompress'>, bytes: Uint8Array, scratch: number, pageSize: number) {
    this.codecs = codecs;
    this.bytes = bytes;
    this.scratch = scratch;
    this.pageSize = pageSize;
    this.header = new ClusterHeader(viewOf(bytes));
  }
}

/** A cluster's two shapes, and how one is made of the other. */
export interface ClusterJob {
  algorithm: Algorithm;
  /** Of the algorithm; only compressing asks for it. */
  level: number;
  /** Whether the header has a checksum. */
  checksum: boolean;
  /** The frame of each page, in the order of the file; there may be more entries than pages. */
  pfns: Uint32Array;
  nrPages: number;
  /** Byte offset of adjacent frames: of the compressed blocks. */
  at: number;
  /** Compressed blocks; compressing does not ask: it may use nrPages - 1. */
  nrBlocks: number;
}

/**
 * Compresses the pages to `at`: header, bytes, zeroes to the end of the last block. Returns the blocks used (1 .. nrPages - 1),
 * or 0 when that would not save a block: then the cluster stays raw, and what lies at `at` is undefined.
 */
export function compressCluster(context: CodecContext, job: ClusterJob): number {
  const { codecs, bytes, header, scratch, pageSize } = context;
  const { pfns, nrPages, at } = job;
  let src = pfns[0] * pageSize;
  if (!areAdjacent(pfns, nrPages)) {
    src = scratch;
    for (let i = 0; i < nrPages; i++) {
      bytes.copyWithin(scratch + i * pageSize, pfns[i] * pageSize, (pfns[i] + 1) * pageSize);
    }
  }
  const dst = at + ClusterHeader.size;
  const clen = codecs.compress(
    job.algorithm,
    job.level,
    src,
    nrPages * pageSize,
    dst,
    clusterCapacity(nrPages - 1, pageSize),
  );
  if (clen === 0) return 0;
  zero(bytes, at, dst);
  header.base = at;
  header.clen = clen;
  if (job.checksum) header.chksum = f2fsCrc(bytes.subarray(dst, dst + clen));
  const nrBlocks = Math.ceil((ClusterHeader.size + clen) / pageSize);
  zero(bytes, dst + clen, at + nrBlocks * pageSize);
  return nrBlocks;
}

/**
 * Decompresses the blocks at `at` into the pages. The blocks are the disk's: any content is survived. What the pages hold is
 * undefined unless the outcome is OK. The kernel only warns of a wrong checksum; here it is damage.
 */
export function decompressCluster(context: CodecContext, job: ClusterJob): Outcome {
  const { codecs, bytes, header, scratch, pageSize } = context;
  const { pfns, nrPages, at } = job;
  header.base = at;
  const clen = header.clen;
  if (clen === 0 || clen > clusterCapacity(job.nrBlocks, pageSize)) return OUTCOME.BAD_LENGTH;
  const src = at + ClusterHeader.size;
  if (job.checksum && header.chksum !== f2fsCrc(bytes.subarray(src, src + clen))) return OUTCOME.BAD_CHECKSUM;
  const inPlace = areAdjacent(pfns, nrPages);
  const dst = inPlace ? pfns[0] * pageSize : scratch;
  if (!codecs.decompress(job.algorithm, src, clen, dst, nrPages * pageSize)) return OUTCOME.BAD_DATA;
  if (inPlace) return OUTCOME.OK;
  for (let i = 0; i < nrPages; i++) {
    bytes.copyWithin(pfns[i] * pageSize, scratch + i * pageSize, scratch + (i + 1) * pageSize);
  }
  return OUTCOME.OK;
}

function areAdjacent(pfns: Uint32Array, nrPages: number): boolean {
  const first = pfns[0];
  for (let i = 1; i < nrPages; i++) if (pfns[i] !== first + i) return false;
  return true;
}
