// Many clusters at once: the same blocks however many threads work, in whatever order they are taken; and no hang when a
// thread does not do what it should.

import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ALGORITHM, type Algorithm, type Codec, MAX_CLUSTER_PAGES } from '../../src/compress/algorithms.ts';
import { OUTCOME } from '../../src/compress/cluster.ts';
import { CodecJobs, codecFrames } from '../../src/compress/codec-jobs.ts';
import { BLKSIZE } from '../../src/device/device.ts';
import { FramePool } from '../../src/pagecache/pool.ts';
import { type Random, random, seedOf } from '../random.ts';

const MIB = 1024 * 1024;
const LZ4: Codec = { algorithm: ALGORITHM.LZ4, level: 0 };
const SEED = seedOf('codec-jobs');

/** Threads that were started; `program` stands in for ours when set. */
const threads = vi.hoisted(() => ({ started: [] as Worker[], program: null as string | null }));
vi.mock('../../src/platform/threads.ts', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/platform/threads.ts')>();
  const start = (program: string, workerData: unknown) => {
    if (threads.program === 'none') throw new Error('no thread to be had');
    const other = threads.program;
    const worker = other === null ? original.startThread(program, workerData) : new Worker(other, { eval: true });
    worker.on('error', () => undefined);
    worker.unref();
    threads.started.push(worker);
    return worker;
  };
  return { ...original, startThread: start };
});

const open: CodecJobs[] = [];
function codecJobsOf(pool: FramePool, nrWorkers: number, patienceMs?: number): CodecJobs {
  const codecJobs = new CodecJobs(pool, nrWorkers, patienceMs);
  open.push(codecJobs);
  return codecJobs;
}
afterEach(() => {
  threads.started.length = 0;
  threads.program = null;
  for (const codecJobs of open.splice(0)) codecJobs.close();
});

interface Cluster {
  pfns: Uint32Array;
  nrPages: number;
  checksum: boolean;
  /** First of nrPages - 1 frames. */
  blocksPfn: number;
  content: Buffer;
}

const WORDS = ['inode', 'segment', 'checkpoint', 'node', 'the', 'of', 'block', 'address', '\n', 'summary'];

/** Text, or noise, or zeroes, or some of each: what compresses well, badly and not at all. */
function contentOf(size: number, rng: Random): Buffer {
  const content = Buffer.alloc(size);
  const noise = [0, 0, 1, 4][rng.below(4)];
  for (let page = 0; page < size; page += BLKSIZE) {
    if (rng.below(4) < noise) for (let i = 0; i < BLKSIZE; i++) content[page + i] = rng.below(256);
    else for (let i = 0; i < BLKSIZE - 16; ) i += content.write(`${WORDS[rng.below(10)]} `, page + i);
  }
  return content;
}

/** A cluster in frames of the pool: adjacent ones, or scattered over as many again and backwards. */
function place(pool: FramePool, nrPages: number, rng: Random): Cluster {
  const scattered = rng.below(2) === 1;
  const start = pool.allocRun(scattered ? 2 * nrPages : nrPages);
  const blocksPfn = pool.allocRun(nrPages - 1);
  expect(Math.min(start, blocksPfn)).toBeGreaterThanOrEqual(0);
  const pfns = new Uint32Array(MAX_CLUSTER_PAGES);
  for (let i = 0; i < nrPages; i++) pfns[i] = scattered ? start + 2 * (nrPages - 1 - i) : start + i;
  const content = contentOf(nrPages * BLKSIZE, rng);
  for (let i = 0; i < nrPages; i++) pool.page(pfns[i]).set(content.subarray(i * BLKSIZE, (i + 1) * BLKSIZE));
  return { pfns, nrPages, checksum: rng.below(2) === 1, blocksPfn, content };
}

/** The same clusters at every call, on a pool of `mib`. */
function clustersOn(mib: number, seed = SEED): { pool: FramePool; clusters: Cluster[] } {
  const pool = new FramePool(mib * MIB);
  const rng = random(seed);
  const clusters: Cluster[] = [];
  for (const nrPages of [4, 4, 16, 64, 4, 32, 8, 4, 16, 16, 4, 128, 4, 8]) clusters.push(place(pool, nrPages, rng));
  return { pool, clusters };
}

function postAll(codecJobs: CodecJobs, clusters: Cluster[]): number[] {
  return clusters.map((c) => codecJobs.postCompress(LZ4, c.checksum, c.pfns, c.nrPages, c.blocksPfn));
}

function blocksOf(pool: FramePool, cluster: Cluster, nrBlocks: number): Buffer {
  const start = cluster.blocksPfn * BLKSIZE;
  return Buffer.from(pool.bytes.slice(start, start + nrBlocks * BLKSIZE));
}

function compressAll(nrWorkers: number): { used: number[]; blocks: Buffer[]; nrThreads: number } {
  const { pool, clusters } = clustersOn(16);
  const codecJobs = codecJobsOf(pool, nrWorkers);
  const used = postAll(codecJobs, clusters).map((ticket) => codecJobs.take(ticket));
  return { used, blocks: clusters.map((c, i) => blocksOf(pool, c, used[i])), nrThreads: codecJobs.nrThreads };
}

describe('compressing', () => {
  it('gives the same blocks with any number of threads, and fewer threads when the pool has no room', () => {
    const alone = compressAll(0);
    expect(alone.nrThreads).toBe(0);
    expect(alone.used.some((used) => used > 0)).toBe(true);
    for (const [nrWorkers, nrThreads] of [
      [1, 1],
      [2, 2],
      [8, 4],
    ]) {
      const made = compressAll(nrWorkers);
      expect(made.used).toEqual(alone.used);
      expect(made.blocks.every((blocks, i) => blocks.equals(alone.blocks[i]))).toBe(true);
      expect(made.nrThreads).toBeLessThanOrEqual(nrThreads);
      expect(made.nrThreads).toBeGreaterThan(0);
    }
  });

  it.each([0, 2])('noise stays raw, zeroes take one block (%i threads)', (nrWorkers) => {
    const pool = new FramePool(8 * MIB);
    const codecJobs = codecJobsOf(pool, nrWorkers);
    const rng = random(SEED);
    const noise = place(pool, 16, rng);
    for (let i = 0; i < 16; i++) for (let k = 0; k < BLKSIZE; k++) pool.page(noise.pfns[i])[k] = rng.below(256);
    const zeroes = place(pool, 16, rng);
    for (let i = 0; i < 16; i++) pool.zero(zeroes.pfns[i], 1);
    const [first, second] = postAll(codecJobs, [noise, zeroes]);
    expect(codecJobs.take(first)).toBe(0);
    expect(codecJobs.take(second)).toBe(1);
  });
});

describe('decompressing', () => {
  it.each([0, 1, 2])('gives back what was compressed, taken in another order (%i threads)', (nrWorkers) => {
    const { pool, clusters } = clustersOn(16);
    const codecJobs = codecJobsOf(pool, nrWorkers);
    const order = clusters.map((_, i) => (i * 5 + 3) % clusters.length);
    const tickets = postAll(codecJobs, clusters);
    const used: number[] = [];
    for (const i of order) used[i] = codecJobs.take(tickets[i]);
    for (const c of clusters)
      for (let i = 0; i < c.nrPages; i++) if (used[clusters.indexOf(c)] > 0) pool.zero(c.pfns[i], 1);
    const compressed = order.filter((i) => used[i] > 0);
    for (const i of compressed) {
      const c = clusters[i];
      tickets[i] = codecJobs.postDecompress(ALGORITHM.LZ4, c.checksum, c.blocksPfn, used[i], c.pfns, c.nrPages);
    }
    for (const i of compressed.reverse()) expect(codecJobs.take(tickets[i])).toBe(OUTCOME.OK);
    for (const c of clusters) {
      for (let i = 0; i < c.nrPages; i++) {
        const page = c.content.subarray(i * BLKSIZE, (i + 1) * BLKSIZE);
        expect(Buffer.compare(pool.page(c.pfns[i]), page)).toBe(0);
      }
    }
  });

  it.each([0, 2])('names each kind of damage (%i threads)', (nrWorkers) => {
    const pool = new FramePool(8 * MIB);
    const codecJobs = codecJobsOf(pool, nrWorkers);
    const c = place(pool, 16, random(SEED));
    for (let i = 0; i < 16; i++) pool.page(c.pfns[i]).fill(i);
    const used = codecJobs.take(codecJobs.postCompress(LZ4, true, c.pfns, c.nrPages, c.blocksPfn));
    expect(used).toBe(1);
    const at = c.blocksPfn * BLKSIZE;
    const decompress = (checksum: boolean) =>
      codecJobs.take(codecJobs.postDecompress(ALGORITHM.LZ4, checksum, c.blocksPfn, used, c.pfns, c.nrPages));
    const clen = pool.view.getUint32(at, true);
    expect(decompress(true)).toBe(OUTCOME.OK);
    // One byte less: another checksum, and not a cluster's worth.
    pool.view.setUint32(at, clen - 1, true);
    expect(decompress(true)).toBe(OUTCOME.BAD_CHECKSUM);
    expect(decompress(false)).toBe(OUTCOME.BAD_DATA);
    pool.view.setUint32(at, 0, true);
    expect(decompress(true)).toBe(OUTCOME.BAD_LENGTH);
    pool.view.setUint32(at, BLKSIZE - 23, true);
    expect(decompress(true)).toBe(OUTCOME.BAD_LENGTH);
    pool.view.setUint32(at, clen, true);
    expect(decompress(true)).toBe(OUTCOME.OK);
  });
});

describe('many jobs', () => {
  it.each([0, 1, 2])('3000 of them, 256 at once, in random order (%i threads)', (nrWorkers) => {
    const pool = new FramePool(16 * MIB);
    const codecJobs = codecJobsOf(pool, nrWorkers);
    const rng = random(SEED);
    const clusters = Array.from({ length: 256 }, () => place(pool, 4, rng));
    const expected = postAll(codecJobs, clusters).map((ticket) => codecJobs.take(ticket));
    const blocks = clusters.map((c, i) => blocksOf(pool, c, expected[i]));
    const idle = clusters.map((_, i) => i);
    const under: { i: number; ticket: number }[] = [];
    const takeAny = () => {
      const [{ i, ticket }] = under.splice(rng.below(under.length), 1);
      idle.push(i);
      const c = clusters[i];
      if (codecJobs.take(ticket) !== expected[i] || !blocksOf(pool, c, expected[i]).equals(blocks[i])) {
        throw new Error(`cluster ${i} came out another way`);
      }
    };
    for (let posted = 0; posted < 3000; posted++) {
      if (codecJobs.isFull) for (let n = 1 + rng.below(256); n > 0; n--) takeAny();
      const i = idle.shift()!;
      const c = clusters[i];
      pool.bytes.fill(0xaa, c.blocksPfn * BLKSIZE, (c.blocksPfn + 3) * BLKSIZE);
      under.push({ i, ticket: codecJobs.postCompress(LZ4, c.checksum, c.pfns, c.nrPages, c.blocksPfn) });
    }
    while (under.length > 0) takeAny();
    expect(codecJobs.isFull).toBe(false);
  });
});

describe('frames', () => {
  it.each([0, 1, 2])(
    'none before the first job, at most codecFrames, all back at the end (%i threads)',
    (nrWorkers) => {
      const pool = new FramePool(16 * MIB);
      const codecJobs = codecJobsOf(pool, nrWorkers);
      expect(pool.freeFrames).toBe(pool.nrFrames);
      codecJobs.start();
      expect(pool.nrFrames - pool.freeFrames).toBe(codecFrames(nrWorkers, BLKSIZE));
      codecJobs.close();
      expect(pool.freeFrames).toBe(pool.nrFrames);
    },
  );

  it('close while jobs are under way leaves the frames to nobody else', () => {
    const { pool, clusters } = clustersOn(16);
    const codecJobs = codecJobsOf(pool, 2);
    const before = pool.freeFrames;
    postAll(codecJobs, clusters);
    codecJobs.close();
    expect(pool.freeFrames).toBe(before);
  });

  it.each([0, 2])('a pool without room is ENOMEM, and can be tried again (%i threads)', (nrWorkers) => {
    const pool = new FramePool(4 * MIB);
    const codecJobs = codecJobsOf(pool, nrWorkers);
    const taken = pool.allocRun(512);
    expect(() => codecJobs.start()).toThrow(expect.objectContaining({ code: 'ENOMEM' }));
    expect(pool.freeFrames).toBe(512);
    pool.freeFolio(taken);
    const c = place(pool, 4, random(SEED));
    for (let i = 0; i < 4; i++) pool.zero(c.pfns[i], 1);
    expect(codecJobs.take(postAll(codecJobs, [c])[0])).toBe(1);
    expect(codecJobs.nrThreads).toBe(Math.min(nrWorkers, 1));
  });
});

describe('a thread that fails', () => {
  /** Frames that are not there: the codecs trap. */
  const NOWHERE = Uint32Array.from({ length: 4 }, (_, i) => 2 ** 20 - 8 + i);

  it.each([0, 1, 2])('its error is thrown by take, at once and from then on (%i threads)', (nrWorkers) => {
    const pool = new FramePool(8 * MIB);
    const codecJobs = codecJobsOf(pool, nrWorkers);
    const good = place(pool, 4, random(SEED));
    const before = pool.freeFrames;
    codecJobs.take(postAll(codecJobs, [good])[0]);
    const bad = codecJobs.postCompress(LZ4, false, NOWHERE, 4, good.blocksPfn);
    const cause = expect.objectContaining({ code: 'EIO', message: expect.stringContaining('RuntimeError') });
    expect(() => codecJobs.take(bad)).toThrow(cause);
    expect(() => codecJobs.take(postAll(codecJobs, [good])[0])).toThrow(cause);
    codecJobs.close();
    expect(pool.freeFrames).toBe(before);
  });

  it('one that says no word is waited for as long as patience lasts, and not again', () => {
    threads.program = 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)';
    const pool = new FramePool(8 * MIB);
    const codecJobs = codecJobsOf(pool, 1, 200);
    const c = place(pool, 4, random(SEED));
    const tickets = postAll(codecJobs, [c, c]);
    const start = performance.now();
    const cause = expect.objectContaining({ code: 'EIO', message: expect.stringContaining('do not answer') });
    expect(() => codecJobs.take(tickets[0])).toThrow(cause);
    expect(performance.now() - start).toBeGreaterThan(150);
    const again = performance.now();
    expect(() => codecJobs.take(tickets[1])).toThrow(cause);
    codecJobs.close();
    expect(performance.now() - again).toBeLessThan(100);
  });

  it('one that ends by itself is noticed between jobs', async () => {
    for (const [program, why] of [
      ['process.exit(3)', 'ended with code 3'],
      ['throw new Error("no such thing")', 'no such thing'],
    ]) {
      threads.program = program;
      const pool = new FramePool(8 * MIB);
      const codecJobs = codecJobsOf(pool, 1);
      const ticket = postAll(codecJobs, [place(pool, 4, random(SEED))])[0];
      await new Promise((resolve) => threads.started.at(-1)!.on('exit', resolve));
      expect(() => codecJobs.take(ticket)).toThrow(why);
    }
  });

  it('one that is killed is an error too', async () => {
    const pool = new FramePool(16 * MIB);
    const codecJobs = codecJobsOf(pool, 2);
    const c = place(pool, 4, random(SEED));
    codecJobs.take(postAll(codecJobs, [c])[0]);
    await threads.started[1].terminate();
    expect(() => codecJobs.take(postAll(codecJobs, [c])[0])).toThrow('ended with code 1');
  });

  it('when none can be started the caller does the work', () => {
    threads.program = 'none';
    const pool = new FramePool(8 * MIB);
    const codecJobs = codecJobsOf(pool, 2);
    const c = place(pool, 4, random(SEED));
    for (let i = 0; i < 4; i++) pool.zero(c.pfns[i], 1);
    expect(codecJobs.take(postAll(codecJobs, [c])[0])).toBe(1);
    expect(codecJobs.nrThreads).toBe(0);
  });

  it('an algorithm that is not known is named', () => {
    const pool = new FramePool(8 * MIB);
    const codecJobs = codecJobsOf(pool, 1);
    const c = place(pool, 4, random(SEED));
    pool.view.setUint32(c.blocksPfn * BLKSIZE, 9, true);
    const ticket = codecJobs.postDecompress(7 as Algorithm, false, c.blocksPfn, 1, c.pfns, 4);
    expect(() => codecJobs.take(ticket)).toThrow('unknown compression algorithm 7');
  });
});
