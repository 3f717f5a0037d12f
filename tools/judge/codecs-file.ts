// One file's clusters on disk: their slots, headers and padding checked, their contents decompressed and hashed.
// A part of codecs.ts, which gathers what is found.

import { createHash, type Hash } from 'node:crypto';
import { ALGORITHM, ALGORITHM_NAMES, type Algorithm } from '../../src/compress/algorithms.ts';
import { COMPRESS_ADDR, NEW_ADDR, NULL_ADDR } from '../../src/format/constants.ts';
import { f2fsCrc } from '../../src/format/crc.ts';
import { viewOf } from '../../src/format/struct.ts';
import type { ImageFile, ImageFiles } from './image-files.ts';
import { zstdWindowBytes } from './reference-codecs.ts';
import { decompressLz4js } from './second-lz4.ts';

const HEADER_BYTES = 24;
/** Pages of a plain file that are read at once. */
const PLAIN_STEP = 64;
/** Bits of i_compress_flag that mean something: the checksum, and the level in the high byte. */
const KNOWN_FLAGS = 0xff01;
const CHECKSUM_FLAG = 1;
/** Larger files, which are holes for the most part, are not hashed: that would take hours. */
const MAX_HASHED_BYTES = 2 ** 36;
const zeros = new Uint8Array(1024 * 1024);

/** Decompresses all of `src` into `dst`, which has a cluster's size; the bytes written, or -1 for what is refused. */
export type Decompress = (src: Uint8Array, dst: Uint8Array) => number;

/** What there is of one algorithm and level. Pages are as large as blocks. */
export interface CodecTally {
  /** Name and version of the judge; null: the kernel alone can judge these. */
  library: string | null;
  /** Who else must find the same in each cluster. */
  second: string | null;
  files: number;
  releasedFiles: number;
  /** Compressed clusters. */
  clusters: number;
  /** Pages of the compressed clusters, and the blocks that they take. */
  pages: number;
  blocks: number;
  /** Bytes of the clusters' contents as they are stored. */
  storedBytes: number;
  /** Clusters of these files that are stored as they are. */
  rawClusters: number;
}

/** Who judges the whole image, and keeps what is found. */
export interface ImageJudge {
  readonly files: ImageFiles;
  readonly notes: Set<string>;
  readonly buffers: { cluster: Uint8Array; stored: Uint8Array; second: Uint8Array };
  tally(file: ImageFile): CodecTally;
  decompress(algorithm: Algorithm): Decompress | undefined;
  padding(say: (text: string) => void, where: string): void;
  finish(file: ImageFile, sha256: string | null, say: (text: string) => void): void;
}

/** Goes through one file, page by page and cluster by cluster. */
export class FileJudge {
  readonly #judge: ImageJudge;
  readonly #file: ImageFile;
  readonly #blockSize: number;
  readonly #say: (text: string) => void;
  readonly #hash: Hash = createHash('sha256');
  /** Bytes still to be hashed. */
  #left: number;
  /** False for a file that is too large, and once a cluster could not be decompressed. */
  #known: boolean;
  #usedSlots = 0;
  #savedBlocks = 0;

  constructor(judge: ImageJudge, file: ImageFile, say: (text: string) => void) {
    this.#judge = judge;
    this.#file = file;
    this.#blockSize = judge.files.block.blockSize;
    this.#say = say;
    this.#left = file.sizeBytes;
    this.#known = file.sizeBytes <= MAX_HASHED_BYTES;
    if (!this.#known) judge.notes.add(`files of more than ${MAX_HASHED_BYTES} bytes are not hashed`);
  }

  run(): void {
    const { inline, runs, compressed, clusterPages } = this.#file;
    if (compressed && !this.#attributes()) return;
    if (inline !== null) {
      if (compressed) this.#say('is compressed and inline');
      this.#feed(inline);
    }
    const step = compressed ? clusterPages : PLAIN_STEP;
    let page = 0;
    for (const { index, addrs } of runs) {
      this.#feedZeros((index - page) * this.#blockSize);
      for (let at = 0; at < addrs.length; at += step) {
        const slots = addrs.subarray(at, Math.min(at + step, addrs.length));
        if (compressed && slots[0] === COMPRESS_ADDR) this.#compressed(slots, index + at);
        else this.#raw(slots, index + at);
      }
      page = index + addrs.length;
    }
    this.#feedZeros(this.#left);
    if (inline === null) this.#counts();
    this.#judge.finish(this.#file, this.#known ? this.#hash.digest('hex') : null, this.#say);
  }

  /** False when the file can't be read by them. */
  #attributes(): boolean {
    const { algorithm, logClusterSize, compressFlag, released, comprBlocks } = this.#file;
    if (algorithm >= ALGORITHM_NAMES.length) {
      this.#say(`compression algorithm ${algorithm} does not exist`);
      return false;
    }
    if (logClusterSize < 2 || logClusterSize > 8) {
      this.#say(`has clusters of 2^${logClusterSize} pages`);
      return false;
    }
    if ((compressFlag & ~KNOWN_FLAGS) !== 0) this.#say(`i_compress_flag is 0x${compressFlag.toString(16)}`);
    if (released && comprBlocks !== 0) this.#say(`is released, but i_compr_blocks is ${comprBlocks}`);
    const tally = this.#judge.tally(this.#file);
    tally.files++;
    if (released) tally.releasedFiles++;
    return true;
  }

  #feed(bytes: Uint8Array): void {
    const part = bytes.length > this.#left ? bytes.subarray(0, this.#left) : bytes;
    this.#left -= part.length;
    if (this.#known) this.#hash.update(part);
  }

  #feedZeros(nrBytes: number): void {
    if (!this.#known) {
      this.#left -= Math.min(nrBytes, this.#left);
      return;
    }
    for (let left = Math.min(nrBytes, this.#left); left > 0; left -= zeros.length) {
      this.#feed(left < zeros.length ? zeros.subarray(0, left) : zeros);
    }
  }

  /** Pages that are stored as they are, holes among them. */
  #raw(slots: Uint32Array, page: number): void {
    const { files, buffers } = this.#judge;
    const bytes = buffers.cluster.subarray(0, slots.length * this.#blockSize);
    let any = false;
    for (let i = 0; i < slots.length; ) {
      const addr = slots[i];
      const hole = addr === NULL_ADDR || addr >= COMPRESS_ADDR;
      if (addr === COMPRESS_ADDR) this.#say(`page ${page + i} has COMPRESS_ADDR where no cluster begins`);
      if (addr !== NULL_ADDR) this.#usedSlots++;
      let count = 1;
      if (hole) {
        bytes.fill(0, i * this.#blockSize, (i + 1) * this.#blockSize);
      } else {
        any = true;
        while (i + count < slots.length && slots[i + count] === addr + count) count++;
        files.read(addr, count, bytes.subarray(i * this.#blockSize));
        this.#usedSlots += count - 1;
      }
      i += count;
    }
    if (any && this.#file.compressed) this.#judge.tally(this.#file).rawClusters++;
    this.#feed(bytes);
  }

  /** A cluster whose slot 0 is COMPRESS_ADDR. */
  #compressed(slots: Uint32Array, page: number): void {
    const { algorithm, released, sizeBytes } = this.#file;
    const { files, buffers } = this.#judge;
    const where = `the cluster at page ${page}`;
    const size = slots.length * this.#blockSize;
    let nrBlocks = 0;
    while (nrBlocks + 1 < slots.length && isBlock(slots[nrBlocks + 1])) nrBlocks++;
    this.#slotsAfter(slots, nrBlocks, where);
    if (page + slots.length > Math.ceil(sizeBytes / this.#blockSize)) this.#say(`${where} reaches past the file's end`);
    this.#savedBlocks += released ? 0 : slots.length - nrBlocks;
    const tally = this.#judge.tally(this.#file);
    tally.clusters++;
    tally.pages += slots.length;
    tally.blocks += nrBlocks;
    const cluster = buffers.cluster.subarray(0, size);
    let decompressed = false;
    if (nrBlocks === 0) this.#say(`${where} has no blocks`);
    else {
      for (let i = 0; i < nrBlocks; i++) files.read(slots[i + 1], 1, buffers.stored.subarray(i * this.#blockSize));
      const stored = buffers.stored.subarray(0, nrBlocks * this.#blockSize);
      const body = this.#body(stored, where);
      tally.storedBytes += body?.length ?? 0;
      const decompress = this.#judge.decompress(algorithm as Algorithm);
      if (body !== null && decompress !== undefined) {
        const got = decompress(body, cluster);
        decompressed = got === size;
        if (got === -1) this.#say(`${where}: ${tally.library} refuses its ${body.length} bytes`);
        else if (!decompressed) this.#say(`${where} decompresses to ${got} bytes, not to ${size}`);
        else if (tally.second !== null) this.#secondOpinion(body, cluster, where);
      }
    }
    if (!decompressed) {
      this.#known = false;
      this.#left -= Math.min(this.#left, size);
      return;
    }
    if (this.#left < size && cluster.subarray(this.#left).some((byte) => byte !== 0)) {
      this.#say(`${where} has bytes past the file's end that are not zero`);
    }
    this.#feed(cluster);
  }

  /** lz4js must find in a block what the reference library did. */
  #secondOpinion(body: Uint8Array, cluster: Uint8Array, where: string): void {
    const second = this.#judge.buffers.second.subarray(0, cluster.length);
    const got = decompressLz4js(body, second);
    if (got !== cluster.length) this.#say(`${where}: lz4js finds ${got < 0 ? 'no block' : `${got} bytes`} in it`);
    else if (Buffer.compare(second, cluster) !== 0) this.#say(`${where}: lz4js finds other bytes in it`);
  }

  /** What follows a cluster's blocks: nothing valid, all reserved or, once released, nothing at all. */
  #slotsAfter(slots: Uint32Array, nrBlocks: number, where: string): void {
    const { released } = this.#file;
    const rest = slots.subarray(nrBlocks + 1);
    if (rest.includes(COMPRESS_ADDR)) this.#say(`${where} has COMPRESS_ADDR twice`);
    if (rest.some(isBlock)) this.#say(`${where} has a block behind a gap`);
    if (!released && rest.includes(NULL_ADDR)) this.#say(`${where} has slots that are not reserved`);
    if (released && rest.includes(NEW_ADDR)) this.#say(`${where} has reserved slots, though the file is released`);
    this.#usedSlots += nrBlocks + (released ? 0 : 1) + rest.filter((addr) => addr !== NULL_ADDR).length;
  }

  /** The compressed bytes of a cluster's blocks, their header and padding checked; null when there are none. */
  #body(stored: Uint8Array, where: string): Uint8Array | null {
    const { compressFlag, algorithm, clusterPages } = this.#file;
    const dv = viewOf(stored);
    const clen = dv.getUint32(0, true);
    const checksum = dv.getUint32(4, true);
    if (clen === 0 || clen > stored.length - HEADER_BYTES) {
      this.#say(`${where} says it has ${clen} bytes, in ${stored.length / this.#blockSize} blocks`);
      return null;
    }
    const body = stored.subarray(HEADER_BYTES, HEADER_BYTES + clen);
    if (clen + HEADER_BYTES <= stored.length - this.#blockSize) {
      this.#say(`${where} has ${stored.length / this.#blockSize} blocks for ${clen} bytes`);
    }
    if (stored.subarray(8, HEADER_BYTES).some((byte) => byte !== 0)) this.#say(`${where}: its header is not zero`);
    if (stored.subarray(HEADER_BYTES + clen).some((byte) => byte !== 0)) this.#judge.padding(this.#say, where);
    if ((compressFlag & CHECKSUM_FLAG) !== 0) {
      const is = f2fsCrc(body);
      if (is !== checksum) this.#say(`${where} has checksum ${checksum.toString(16)}, should be ${is.toString(16)}`);
    }
    if (algorithm === ALGORITHM.ZSTD) {
      const window = zstdWindowBytes(body);
      if (window === null) this.#say(`${where} does not begin a zstd frame`);
      else if (window > clusterPages * this.#blockSize) this.#say(`${where} wants a window of ${window} bytes`);
    }
    return body;
  }

  /** i_blocks and i_compr_blocks against what was found. */
  #counts(): void {
    const { iBlocks, nrNodes, compressed, comprBlocks } = this.#file;
    const blocks = nrNodes + this.#usedSlots;
    if (iBlocks !== blocks) this.#say(`i_blocks is ${iBlocks}, should be ${blocks}`);
    if (compressed && comprBlocks !== this.#savedBlocks) {
      this.#say(`i_compr_blocks is ${comprBlocks}, should be ${this.#savedBlocks}`);
    }
  }
}

function isBlock(addr: number): boolean {
  return addr !== NULL_ADDR && addr < COMPRESS_ADDR;
}
