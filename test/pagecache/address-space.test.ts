import { describe, expect, test } from 'vitest';
import { AddressSpace, TAG } from '../../src/pagecache/address-space.ts';
import { FramePool } from '../../src/pagecache/pool.ts';
import { random, seedOf } from '../random.ts';

const MIB = 1024 * 1024;

function spaceWith(pool: FramePool, index: number, nrPages: number): AddressSpace {
  const space = new AddressSpace(pool, 5);
  space.insertRun(index, pool.allocRun(nrPages), nrPages);
  return space;
}

describe('tags', () => {
  test('dirty pages are counted exactly, here and in the pool, whatever is tagged twice', () => {
    const pool = new FramePool(4 * MIB);
    const space = spaceWith(pool, 512, 512);
    const other = spaceWith(pool, 0, 1);
    other.setDirty(0, 1);
    space.setDirty(600, 100);
    space.setDirty(650, 100);
    space.setTag(TAG.DIRTY, 650, 1);
    expect([space.nrDirty, pool.nrDirty]).toEqual([150, 151]);
    space.clearDirty(512, 100);
    expect([space.nrDirty, pool.nrDirty]).toEqual([138, 139]);
    space.truncate(700, Infinity);
    expect([space.nrDirty, pool.nrDirty]).toEqual([88, 89]);
    other.destroy();
    space.destroy();
    expect([pool.nrDirty, pool.freeFrames]).toEqual([0, pool.nrFrames]);
  });

  test('a walk over dirty runs sees each once, by page, within one folio', () => {
    const pool = new FramePool(4 * MIB);
    const space = spaceWith(pool, 0, 512);
    space.setDirty(3, 2);
    space.setDirty(60, 10);
    space.setDirty(511, 1);
    const runs: [number, number][] = [];
    for (let at = space.nextTagged(TAG.DIRTY, 0, Infinity); at >= 0; at = space.nextTagged(TAG.DIRTY, at, Infinity)) {
      const end = space.taggedRunEnd(TAG.DIRTY, at, Infinity);
      runs.push([at, end]);
      at = end;
    }
    expect(runs).toEqual([
      [3, 5],
      [60, 70],
      [511, 512],
    ]);
    expect(space.nextTagged(TAG.DIRTY, 5, 60)).toBe(-1);
    expect(space.taggedRunEnd(TAG.DIRTY, 60, 66)).toBe(66);
    expect(space.taggedRunEnd(TAG.DIRTY, 5, 66)).toBe(5);
  });

  test('TOWRITE is what was dirty when asked, and goes with DIRTY', () => {
    const pool = new FramePool(4 * MIB);
    const space = spaceWith(pool, 0, 512);
    space.setDirty(10, 100);
    space.tagForWriteback(50, 200);
    space.setDirty(110, 10);
    expect(space.nextTagged(TAG.TOWRITE, 0, Infinity)).toBe(50);
    expect(space.taggedRunEnd(TAG.TOWRITE, 50, Infinity)).toBe(110);
    space.clearDirty(50, 30);
    space.setTag(TAG.WRITEBACK, 50, 30);
    expect(space.nextTagged(TAG.TOWRITE, 0, Infinity)).toBe(80);
    expect(space.isTagged(TAG.WRITEBACK, 79)).toBe(true);
    expect(space.nrDirty).toBe(80);
    space.clearTag(TAG.WRITEBACK, 0, 512);
    expect(space.nextTagged(TAG.WRITEBACK, 0, Infinity)).toBe(-1);
  });

  test('only pages that are here can be tagged', () => {
    const pool = new FramePool(4 * MIB);
    const space = spaceWith(pool, 0, 1);
    expect(() => space.setDirty(1, 1)).toThrow(/internal/);
    expect(() => space.setDirty(0, 2)).toThrow(/internal/);
    expect(() => new AddressSpace(pool, 6).setDirty(0, 1)).toThrow(/internal/);
  });
});

describe('truncate', () => {
  test('splits the folios that lie across its bounds, in place', () => {
    const pool = new FramePool(4 * MIB);
    const space = spaceWith(pool, 512, 512);
    const first = space.find(512);
    pool.page(first + 99)[0] = 42;
    space.setDirty(612, 1);
    space.truncate(612, 815);
    expect(space.nrPages).toBe(512 - 203);
    expect(pool.freeFrames).toBe(pool.nrFrames - space.nrPages);
    expect(space.nrDirty).toBe(0);
    expect([space.has(611), space.has(612), space.has(814), space.has(815)]).toEqual([true, false, false, true]);
    expect(space.contiguous(512, 1000)).toBe(100);
    expect(space.contiguous(815, 1000)).toBe(209);
    expect(space.find(611)).toBe(first + 99);
    expect(pool.page(space.find(611))[0]).toBe(42);
    // 100 pages are 64 + 32 + 4, from the left.
    expect([512, 576, 608].map((at) => pool.folioOrder(space.find(at)))).toEqual([6, 5, 2]);
    for (let at = space.nextPresent(0, Infinity); at >= 0; at = space.nextPresent(at + 1, Infinity)) {
      const pfn = space.find(at);
      expect(pool.folioIndex(pfn)).toBe(at - (pfn - pool.folioHead(pfn)));
    }
    expect(pool.reclaim(pool.nrFrames)).toBe(true);
    expect(space.nrPages).toBe(0);
  });

  test('refuses pages under writeback and then changes nothing', () => {
    const pool = new FramePool(4 * MIB);
    const space = spaceWith(pool, 0, 64);
    space.setTag(TAG.WRITEBACK, 40, 1);
    expect(() => space.truncate(8, Infinity)).toThrow(/under writeback/);
    expect(space.nrPages).toBe(64);
    space.truncate(41, Infinity);
    expect(space.nrPages).toBe(41);
  });

  test('a bound before the first page or at an empty range does nothing', () => {
    const pool = new FramePool(4 * MIB);
    const space = spaceWith(pool, 8, 8);
    space.truncate(0, 8);
    space.truncate(10, 10);
    space.truncate(0, 0);
    space.truncate(16, Infinity);
    expect(space.nrPages).toBe(8);
  });

  test('random inserts, tags, truncations and reclaims agree with a map', () => {
    const { below } = random(seedOf('address space'));
    const pool = new FramePool(8 * MIB);
    const files = [1, 2, 3, 4].map((ino) => ({
      space: new AddressSpace(pool, ino),
      model: new Map<number, boolean>(),
    }));
    for (let step = 0; step < 6000; step++) {
      const { space, model } = files[below(4)];
      const order = below(10);
      const index = below(3) === 0 ? below(4) * 2 ** order : below(below(2) === 0 ? 3000 : 2 ** 31);
      switch (below(5)) {
        case 0:
        case 1: {
          const start = index - (index % 2 ** order);
          if (space.nextPresent(start, start + 2 ** order) >= 0) break;
          const pfn = pool.allocRun(2 ** order);
          if (pfn < 0) {
            pool.reclaim(Math.min(pool.nrFrames, pool.freeFrames + 512));
            for (const file of files) {
              for (const [at, dirty] of file.model) {
                if (dirty) expect(file.space.has(at)).toBe(true);
                else if (!file.space.has(at)) file.model.delete(at);
              }
            }
            break;
          }
          space.insert(start, pfn);
          for (let at = start; at < start + 2 ** order; at++) model.set(at, false);
          break;
        }
        case 2: {
          const from = space.nextPresent(index, Infinity);
          if (from < 0) break;
          const run = space.contiguous(from, 1 + below(100));
          space.setDirty(from, run);
          for (let at = from; at < from + run; at++) model.set(at, true);
          break;
        }
        case 3: {
          const many = below(3) === 0 ? Infinity : below(600);
          space.clearDirty(index, many);
          for (const at of model.keys()) if (at >= index && at < index + many) model.set(at, false);
          break;
        }
        default: {
          const end = below(8) === 0 ? Infinity : index + below(700);
          space.truncate(index, end);
          for (const at of model.keys()) if (at >= index && at < end) model.delete(at);
        }
      }
      expect(space.nrPages).toBe(model.size);
      if (step % 100 !== 0) continue;
      const inUse = files.reduce((sum, file) => sum + file.space.nrPages, 0);
      const frames = new Set<number>();
      let dirty = 0;
      for (const file of files) {
        for (const [at, isDirty] of file.model) {
          frames.add(file.space.find(at));
          if (isDirty) dirty++;
          if (file.space.isTagged(TAG.DIRTY, at) !== isDirty) throw new Error(`page ${at}: dirty is not ${isDirty}`);
        }
      }
      expect([frames.size, pool.nrFrames - pool.freeFrames, pool.nrDirty]).toEqual([inUse, inUse, dirty]);
      expect(frames.has(-1)).toBe(false);
    }
    for (const { space } of files) space.destroy();
    expect([pool.freeFrames, pool.nrDirty, pool.arena.nrNodes]).toEqual([pool.nrFrames, 0, 0]);
  });
});
