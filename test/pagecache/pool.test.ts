import { describe, expect, test } from 'vitest';
import { F2fsError } from '../../src/errors.ts';
import { AddressSpace, TAG } from '../../src/pagecache/address-space.ts';
import { Buddy, MAX_ORDER } from '../../src/pagecache/buddy.ts';
import { FramePool, MAX_FOLIO_PAGES } from '../../src/pagecache/pool.ts';
import { random, seedOf } from '../random.ts';

const MIB = 1024 * 1024;

/** Checks that free blocks are aligned, apart, complete, and that no two buddies lie free side by side. */
function checkFree(buddy: Buddy, nrFrames: number): Uint8Array {
  const free = new Uint8Array(nrFrames);
  const blocks = new Map<number, number>();
  buddy.forEachFree((pfn, order) => {
    if (pfn % 2 ** order !== 0) throw new Error(`block ${pfn} of order ${order} is not aligned`);
    blocks.set(pfn, order);
    for (let at = pfn; at < pfn + 2 ** order; at++) {
      if (free[at] !== 0) throw new Error(`frame ${at} is free twice`);
      free[at] = 1;
    }
  });
  for (const [pfn, order] of blocks) {
    if (order < MAX_ORDER && blocks.get(pfn ^ (1 << order)) === order) throw new Error(`buddies at ${pfn} not joined`);
  }
  expect(free.reduce((sum, one) => sum + one, 0)).toBe(buddy.nrFree);
  return free;
}

describe('buddy allocator', () => {
  test('random allocations are aligned, never overlap, and come together again', () => {
    const { below } = random(seedOf('buddy'));
    const nrFrames = 8 * 512;
    const buddy = new Buddy(nrFrames);
    const used = new Uint8Array(nrFrames);
    const held: { pfn: number; order: number }[] = [];
    for (let step = 0; step < 20_000; step++) {
      // Swings between nearly full and nearly empty.
      const wantAlloc = below(100) < (Math.floor(step / 2000) % 2 === 0 ? 70 : 30);
      if (wantAlloc) {
        const order = Math.min(below(MAX_ORDER + 1), below(MAX_ORDER + 1));
        const pfn = buddy.alloc(order);
        if (pfn < 0) continue;
        expect(pfn % 2 ** order).toBe(0);
        for (let at = pfn; at < pfn + 2 ** order; at++) {
          if (used[at] !== 0) throw new Error(`step ${step}: frame ${at} handed out twice`);
          used[at] = 1;
        }
        held.push({ pfn, order });
      } else if (held.length > 0) {
        const [block] = held.splice(below(held.length), 1);
        used.fill(0, block.pfn, block.pfn + 2 ** block.order);
        buddy.free(block.pfn, block.order);
      }
      if (step % 250 !== 0) continue;
      const free = checkFree(buddy, nrFrames);
      for (let at = 0; at < nrFrames; at++) if (free[at] === used[at]) throw new Error(`frame ${at} lost or shared`);
    }
    for (const { pfn, order } of held) buddy.free(pfn, order);
    expect(buddy.nrFree).toBe(nrFrames);
    let whole = 0;
    buddy.forEachFree((_, order) => {
      expect(order).toBe(MAX_ORDER);
      whole++;
    });
    expect(whole).toBe(8);
  });
});

describe('frame pool', () => {
  test('refuses budgets it cannot keep', () => {
    for (const budget of [0, 4 * MIB - 1, 4096 * MIB + 1, Number.NaN, -1]) {
      expect(() => new FramePool(budget)).toThrow(F2fsError);
      expect(() => new FramePool(budget)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    }
    expect(new FramePool(5 * MIB).nrFrames).toBe(1024);
  });

  test('carves a run into folios of descending powers of two and keeps the tail', () => {
    const pool = new FramePool(4 * MIB);
    for (let nrPages = 1; nrPages <= MAX_FOLIO_PAGES; nrPages++) {
      const first = pool.allocRun(nrPages);
      expect(pool.freeFrames).toBe(pool.nrFrames - nrPages);
      let at = first;
      for (let order = MAX_ORDER; order >= 0; order--) {
        if ((nrPages & (1 << order)) === 0) continue;
        expect(at % 2 ** order).toBe(0);
        for (const pfn of [at, at + 2 ** order - 1]) {
          expect(pool.folioOrder(pfn)).toBe(order);
          expect(pool.folioHead(pfn)).toBe(at);
        }
        at += 2 ** order;
      }
      expect(at).toBe(first + nrPages);
      for (at = first; at < first + nrPages; ) {
        const size = 2 ** pool.folioOrder(at);
        pool.freeFolio(at);
        at += size;
      }
      expect(pool.freeFrames).toBe(pool.nrFrames);
    }
  });

  test('successive runs are adjacent and ascend', () => {
    const pool = new FramePool(16 * MIB);
    for (let nr = 0; nr < 1024; nr++) expect(pool.allocRun(1)).toBe(nr);
    for (let nr = 1024; nr < 2048; nr += 16) expect(pool.allocRun(16)).toBe(nr);
    for (let nr = 2048; nr < 4096; nr += 512) expect(pool.allocRun(512)).toBe(nr);
    expect(pool.allocRun(1)).toBe(-1);
  });

  test('largestRun tells what can be had when the free frames lie scattered', () => {
    const pool = new FramePool(4 * MIB);
    expect(pool.largestRun).toBe(512);
    for (let nr = 0; nr < 256; nr++) expect(pool.allocRun(3)).toBe(4 * nr);
    expect([pool.freeFrames, pool.largestRun, pool.allocRun(2)]).toEqual([256, 1, -1]);
    while (pool.largestRun > 0) expect(pool.allocRun(pool.largestRun)).toBeGreaterThan(0);
    expect(pool.freeFrames).toBe(0);
  });

  test('a file that is appended to in odd pieces, each aligned as the file asks, stays in one run', () => {
    const pool = new FramePool(4 * MIB);
    const space = new AddressSpace(pool, 4);
    space.insertRun(0, pool.allocRun(5), 5);
    space.insertRun(5, pool.allocRun(1), 1);
    space.insertRun(6, pool.allocRun(2), 2);
    space.insertRun(8, pool.allocRun(8), 8);
    expect(space.contiguous(0, 100)).toBe(16);
    expect(space.contiguous(3, 4)).toBe(4);
    expect(space.contiguous(16, 4)).toBe(0);
  });

  test('wrong use of folios is caught', () => {
    const pool = new FramePool(4 * MIB);
    const space = new AddressSpace(pool, 4);
    const run = pool.allocRun(4);
    expect(() => pool.freeFolio(run + 1)).toThrow(/not the first/);
    expect(() => space.insert(2, run)).toThrow(/does not fit/);
    space.insert(4, run);
    expect(() => pool.freeFolio(run)).toThrow(/in an address space/);
    expect(() => space.insert(8, run)).toThrow(/in an address space/);
    expect(() => space.insert(6, pool.allocRun(1))).toThrow(/EEXIST/);
    const single = pool.allocRun(1);
    pool.freeFolio(single);
    expect(() => pool.freeFolio(single)).toThrow(/not the first/);
    expect(() => pool.allocRun(513)).toThrow(/internal/);
    expect(() => pool.allocRun(0)).toThrow(/internal/);
  });

  test('page() is one view per frame onto bytes', () => {
    const pool = new FramePool(4 * MIB);
    const page = pool.page(7);
    expect(pool.page(7)).toBe(page);
    page.fill(0xa5);
    expect(pool.bytes[7 * 4096 - 1]).toBe(0);
    expect(pool.bytes[7 * 4096]).toBe(0xa5);
    expect(pool.view.getUint8(8 * 4096 - 1)).toBe(0xa5);
    expect(pool.bytes[8 * 4096]).toBe(0);
    pool.zero(7, 1);
    expect(page.every((byte) => byte === 0)).toBe(true);
    expect(pool.memory.buffer).toBeInstanceOf(SharedArrayBuffer);
  });
});

describe('reclaim', () => {
  function filled(pool: FramePool, pages: number): AddressSpace {
    const space = new AddressSpace(pool, 9);
    for (let index = 0; index < pages; index++) space.insert(index, pool.allocRun(1));
    return space;
  }

  test('evicts the least recently used first and stops at the target', () => {
    const pool = new FramePool(4 * MIB);
    const space = filled(pool, 1024);
    expect(pool.freeFrames).toBe(0);
    expect(pool.reclaim(10)).toBe(true);
    expect(pool.freeFrames).toBe(10);
    expect(space.nextPresent(0, Infinity)).toBe(10);
  });

  test('gives found pages a second chance, but not a third', () => {
    const pool = new FramePool(4 * MIB);
    const space = filled(pool, 1024);
    for (let index = 0; index < 100; index++) space.find(index);
    expect(space.has(100)).toBe(true);
    expect(pool.reclaim(50)).toBe(true);
    expect([space.has(0), space.has(99), space.has(100), space.has(149), space.has(150)]).toEqual([
      true,
      true,
      false,
      false,
      true,
    ]);
    expect(pool.reclaim(1024)).toBe(true);
    expect(space.nrPages).toBe(0);
    expect(pool.arena.nrNodes).toBe(0);
  });

  test('never evicts dirty pages or pages under writeback, nor the clean rest of their folio', () => {
    const { below } = random(seedOf('reclaim'));
    const pool = new FramePool(8 * MIB);
    const spaces = [1, 2, 3].map((owner) => new AddressSpace(pool, owner));
    const kept = new Set<string>();
    let keptPages = 0;
    for (let index = 0; ; index += 512) {
      const nrPages = 2 ** below(8);
      const pfn = pool.allocRun(nrPages);
      if (pfn < 0) break;
      const which = below(3);
      spaces[which].insert(index, pfn);
      const page = index + below(nrPages);
      const fate = below(3);
      if (fate === 0) spaces[which].setDirty(page, 1);
      else if (fate === 1) spaces[which].setTag(TAG.WRITEBACK, page, 1);
      else continue;
      kept.add(`${which} ${index} ${nrPages} ${page}`);
      keptPages += nrPages;
    }
    expect(pool.reclaim(pool.nrFrames)).toBe(false);
    expect(pool.freeFrames).toBe(pool.nrFrames - keptPages);
    for (const entry of kept) {
      const [which, index, nrPages, page] = entry.split(' ').map(Number);
      expect(spaces[which].contiguous(index, 1000)).toBe(nrPages);
      expect(spaces[which].isTagged(TAG.DIRTY, page) || spaces[which].isTagged(TAG.WRITEBACK, page)).toBe(true);
    }
    for (const space of spaces) {
      space.clearDirty(0, Infinity);
      space.clearTag(TAG.WRITEBACK, 0, Infinity);
    }
    expect(pool.reclaim(pool.nrFrames)).toBe(true);
    expect([pool.nrDirty, pool.arena.nrNodes]).toEqual([0, 0]);
  });

  test('an address space emptied by reclaim can be filled again, and its number serves others', () => {
    const pool = new FramePool(4 * MIB);
    const first = filled(pool, 3);
    pool.reclaim(pool.nrFrames);
    const second = filled(pool, 2);
    first.insert(5, pool.allocRun(1));
    pool.reclaim(pool.nrFrames);
    expect([first.nrPages, second.nrPages]).toEqual([0, 0]);
  });
});
