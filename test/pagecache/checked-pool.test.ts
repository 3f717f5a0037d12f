// The pool of F2FS_STRESS_FRAMES: each breach of the rule on frame numbers fails, and what keeps to it works.

import { afterEach, describe, expect, it, vi } from 'vitest';
import { BLKSIZE } from '../../src/device/device.ts';
import { AddressSpace } from '../../src/pagecache/address-space.ts';
import { CheckedFramePool, framePool } from '../../src/pagecache/checked-pool.ts';
import { FramePool } from '../../src/pagecache/pool.ts';

const BUDGET = 4 * 2 ** 20;
const RESERVE = 16;

/** A pool at the beginning of a step, and a file of it with one clean page. */
function stepBegun() {
  const pool = new CheckedFramePool(BUDGET);
  pool.beginStep(RESERVE);
  const file = new AddressSpace(pool, 1);
  const pfn = pool.allocRun(1);
  pool.zero(pfn, 1);
  file.insert(0, pfn);
  return { pool, file, pfn };
}

describe('a frame number kept over the beginning of a step', () => {
  it.each([
    ['page', (pool: FramePool, pfn: number) => pool.page(pfn)],
    ['folioOrder', (pool: FramePool, pfn: number) => pool.folioOrder(pfn)],
    ['folioHead', (pool: FramePool, pfn: number) => pool.folioHead(pfn)],
    ['folioIndex', (pool: FramePool, pfn: number) => pool.folioIndex(pfn)],
    ['touch', (pool: FramePool, pfn: number) => pool.touch(pfn)],
    ['zero', (pool: FramePool, pfn: number) => pool.zero(pfn, 1)],
    ['splitAt', (pool: FramePool, pfn: number) => pool.splitAt(pfn)],
    ['freeFolio', (pool: FramePool, pfn: number) => pool.freeFolio(pfn)],
    ['insert', (pool: FramePool, pfn: number) => new AddressSpace(pool, 2).insert(0, pfn)],
  ])('is found when %s is asked', (_, use) => {
    const { pool, pfn } = stepBegun();
    pool.beginStep(RESERVE);
    expect(() => use(pool, pfn)).toThrow(`internal: frame ${pfn} is free`);
  });

  it('is found one step later when it was written through', () => {
    const { pool, pfn } = stepBegun();
    pool.beginStep(RESERVE);
    pool.bytes[pfn * BLKSIZE + 100] = 1;
    expect(() => pool.beginStep(RESERVE)).toThrow(`internal: frame ${pfn} was written to after it was given back`);
  });

  it('gives poison when it is read through', () => {
    const { pool, pfn } = stepBegun();
    pool.beginStep(RESERVE);
    expect(pool.bytes.subarray(pfn * BLKSIZE, (pfn + 1) * BLKSIZE).every((byte) => byte === 0xa5)).toBe(true);
  });

  it('names no other page in that step', () => {
    const { pool, pfn } = stepBegun();
    pool.beginStep(RESERVE);
    for (let i = 0; i < RESERVE; i++) expect(pool.allocRun(1)).not.toBe(pfn);
  });
});

describe('a step', () => {
  it('may take what is kept free for it, and no more', () => {
    const { pool } = stepBegun();
    for (let i = 1; i < RESERVE; i++) pool.allocRun(1);
    pool.beginStep(RESERVE);
    for (let i = 0; i <= RESERVE; i++) pool.allocRun(1);
    expect(() => pool.beginStep(RESERVE)).toThrow(`internal: ${RESERVE + 1} frames were taken in one step`);
  });

  it('takes away what is clean, and leaves what is dirty or being written', () => {
    const { pool, file } = stepBegun();
    file.insertRun(4, pool.allocRun(2), 2);
    file.setDirty(4, 1);
    file.setTag(2, 5, 1);
    pool.beginStep(RESERVE);
    expect([0, 4, 5].map((index) => file.has(index))).toEqual([false, true, true]);
  });

  it('has every frame that is free, those given back in it too', () => {
    const { pool } = stepBegun();
    pool.beginStep(pool.nrFrames);
    const runs = Array.from({ length: pool.nrFrames / 512 }, () => pool.allocRun(512));
    expect(pool.freeFrames).toBe(0);
    pool.freeFolio(runs[0]);
    expect(pool.freeFrames).toBe(512);
    expect(pool.largestRun).toBe(512);
    expect(pool.allocRun(512)).toBe(runs[0]);
  });
});

describe('F2FS_STRESS_FRAMES', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('makes the pool of a mount a checked one', () => {
    vi.stubEnv('F2FS_STRESS_FRAMES', '1');
    expect(framePool(BUDGET)).toBeInstanceOf(CheckedFramePool);
    vi.stubEnv('F2FS_STRESS_FRAMES', '');
    expect(framePool(BUDGET)).not.toBeInstanceOf(CheckedFramePool);
    expect(framePool(BUDGET)).toBeInstanceOf(FramePool);
  });
});
