// One cluster: its header, its padding, what stays raw, and what a damaged one is called. With a codec that is easy to
// foresee (it leaves trailing zeroes out), as the promises do not depend on the algorithm.
import { describe, expect, it } from 'vitest';
import { ALGORITHM } from '../../src/compress/algorithms.ts';
import {
  type ClusterJob,
  CodecContext,
  compressCluster,
  decompressCluster,
  OUTCOME,
} from '../../src/compress/cluster.ts';
import { ClusterHeader, clusterCapacity } from '../../src/format/cluster.ts';
import { f2fsCrc } from '../../src/format/crc.ts';

const BLOCK = 4096;
/** Frames of the memory: pages from 0 or scattered, blocks from 32, scratch from 48. */
const NR_FRAMES = 64;
const BLOCKS = 32;
const SCRATCH = 48;

interface Fixture {
  context: CodecContext;
  bytes: Uint8Array;
  /** Where the codec read from or wrote to, call by call. */
  places: number[];
}

function fixture(): Fixture {
  const bytes = new Uint8Array(new SharedArrayBuffer(NR_FRAMES * BLOCK)).fill(0xee);
  const places: number[] = [];
  const codecs = {
    compress(_algorithm: number, _level: number, src: number, length: number, dst: number, capacity: number) {
      places.push(src);
      let used = length;
      while (used > 0 && bytes[src + used - 1] === 0) used--;
      if (used > capacity) return 0;
      bytes.copyWithin(dst, src, src + used);
      return used;
    },
    decompress(_algorithm: number, src: number, length: number, dst: number, size: number) {
      places.push(dst);
      if (length > size || bytes[src + length - 1] === 0) return false;
      bytes.copyWithin(dst, src, src + length);
      bytes.fill(0, dst + length, dst + size);
      return true;
    },
  };
  return { context: new CodecContext(codecs, bytes, SCRATCH * BLOCK, BLOCK), bytes, places };
}

function jobOf(pfns: number[], changes: Partial<ClusterJob> = {}): ClusterJob {
  return {
    algorithm: ALGORITHM.LZ4,
    level: 0,
    checksum: false,
    // Longer than the cluster, as the caller's array may be.
    pfns: Uint32Array.from([...pfns, 63, 62]),
    nrPages: pfns.length,
    at: BLOCKS * BLOCK,
    nrBlocks: 0,
    ...changes,
  };
}

/** Gives the pages `used` bytes 1, 2 .. 251, 1 .., then zeroes; returns them all. */
function fill(bytes: Uint8Array, pfns: number[], used: number): Uint8Array {
  const content = Uint8Array.from({ length: pfns.length * BLOCK }, (_, i) => (i < used ? (i % 251) + 1 : 0));
  pfns.forEach((pfn, i) => {
    bytes.set(content.subarray(i * BLOCK, (i + 1) * BLOCK), pfn * BLOCK);
  });
  return content;
}

function pagesOf(bytes: Uint8Array, pfns: number[]): Uint8Array {
  return Uint8Array.from(pfns.flatMap((pfn) => [...bytes.subarray(pfn * BLOCK, (pfn + 1) * BLOCK)]));
}

const ADJACENT = [4, 5, 6, 7];
const SCATTERED = [9, 3, 4, 20];

describe('compressCluster', () => {
  it.each([
    { used: 1, nrBlocks: 1 },
    { used: clusterCapacity(1, BLOCK), nrBlocks: 1 },
    { used: clusterCapacity(1, BLOCK) + 1, nrBlocks: 2 },
    { used: clusterCapacity(3, BLOCK), nrBlocks: 3 },
  ])('$used bytes take $nrBlocks blocks: header, bytes, zeroes to the end of the block and no further', (c) => {
    const { context, bytes } = fixture();
    const content = fill(bytes, ADJACENT, c.used);
    expect(compressCluster(context, jobOf(ADJACENT))).toBe(c.nrBlocks);
    const expected = new Uint8Array(c.nrBlocks * BLOCK);
    new DataView(expected.buffer).setUint32(0, c.used, true);
    expected.set(content.subarray(0, c.used), 24);
    const start = BLOCKS * BLOCK;
    expect(Buffer.compare(bytes.subarray(start, start + expected.length), expected)).toBe(0);
    expect(bytes[start + expected.length]).toBe(0xee);
    expect(bytes[start - 1]).toBe(0xee);
  });

  it('a cluster that would save no block stays raw', () => {
    const { context, bytes } = fixture();
    fill(bytes, ADJACENT, clusterCapacity(3, BLOCK) + 1);
    expect(compressCluster(context, jobOf(ADJACENT))).toBe(0);
    expect(bytes[(BLOCKS + 3) * BLOCK]).toBe(0xee);
  });

  it('the checksum is of the compressed bytes, and 0 when not asked for', () => {
    const { context, bytes } = fixture();
    const content = fill(bytes, ADJACENT, 5000);
    const header = new ClusterHeader(new DataView(bytes.buffer), BLOCKS * BLOCK);
    compressCluster(context, jobOf(ADJACENT, { checksum: true }));
    expect(header.chksum).toBe(f2fsCrc(content.subarray(0, 5000)));
    compressCluster(context, jobOf(ADJACENT));
    expect(header.chksum).toBe(0);
  });

  it('adjacent pages are read in place, others gathered; the blocks are the same', () => {
    const near = fixture();
    const far = fixture();
    fill(near.bytes, ADJACENT, 9000);
    fill(far.bytes, SCATTERED, 9000);
    expect(compressCluster(near.context, jobOf(ADJACENT))).toBe(3);
    expect(compressCluster(far.context, jobOf(SCATTERED))).toBe(3);
    expect(near.places).toEqual([4 * BLOCK]);
    expect(far.places).toEqual([SCRATCH * BLOCK]);
    const start = BLOCKS * BLOCK;
    const end = start + 3 * BLOCK;
    expect(Buffer.compare(near.bytes.subarray(start, end), far.bytes.subarray(start, end))).toBe(0);
  });
});

describe('decompressCluster', () => {
  /** Blocks of SCATTERED pages with 9000 bytes, and what decompresses them. */
  function compressed(changes: Partial<ClusterJob> = {}): Fixture & { content: Uint8Array; job: ClusterJob } {
    const made = fixture();
    const content = fill(made.bytes, SCATTERED, 9000);
    const job = jobOf(SCATTERED, changes);
    job.nrBlocks = compressCluster(made.context, job);
    for (const pfn of SCATTERED) made.bytes.fill(0xdd, pfn * BLOCK, (pfn + 1) * BLOCK);
    made.places.length = 0;
    return { ...made, content, job };
  }

  it.each([
    { pfns: SCATTERED, place: SCRATCH * BLOCK },
    { pfns: ADJACENT, place: 4 * BLOCK },
  ])('gives back pages $pfns', ({ pfns, place }) => {
    for (const checksum of [false, true]) {
      const { context, bytes, content, job, places } = compressed({ checksum });
      job.pfns = Uint32Array.from(pfns);
      expect(decompressCluster(context, job)).toBe(OUTCOME.OK);
      expect(places).toEqual([place]);
      expect(Buffer.compare(pagesOf(bytes, pfns), content)).toBe(0);
    }
  });

  it('refuses a length of 0, and one that the blocks do not hold', () => {
    const { context, bytes, job, places } = compressed();
    const header = new ClusterHeader(new DataView(bytes.buffer), job.at);
    for (const clen of [0, clusterCapacity(3, BLOCK) + 1, 0xffff_ffff]) {
      header.clen = clen;
      expect(decompressCluster(context, job)).toBe(OUTCOME.BAD_LENGTH);
    }
    header.clen = 9000;
    expect(decompressCluster(context, { ...job, nrBlocks: 2 })).toBe(OUTCOME.BAD_LENGTH);
    expect(places).toEqual([]);
  });

  it('finds a changed byte by the checksum, before the codec sees it; padding does not count', () => {
    const { context, bytes, job, places } = compressed({ checksum: true });
    bytes[job.at + 24 + 8999] ^= 1;
    expect(decompressCluster(context, job)).toBe(OUTCOME.BAD_CHECKSUM);
    expect(places).toEqual([]);
    expect(decompressCluster(context, { ...job, checksum: false })).toBe(OUTCOME.OK);
    bytes[job.at + 24 + 8999] ^= 1;
    bytes[job.at + 24 + 9000] ^= 1;
    expect(decompressCluster(context, job)).toBe(OUTCOME.OK);
  });

  it('says so when the codec refuses, and leaves scattered pages alone', () => {
    const { context, bytes, job } = compressed();
    bytes[job.at + 24 + 8999] = 0;
    expect(decompressCluster(context, job)).toBe(OUTCOME.BAD_DATA);
    expect(pagesOf(bytes, SCATTERED).every((byte) => byte === 0xdd)).toBe(true);
  });
});
