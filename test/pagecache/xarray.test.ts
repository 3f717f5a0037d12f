import { describe, expect, test } from 'vitest';
import { MAX_INDEX, type Mark, PRESENT, XArray, XArrayArena } from '../../src/pagecache/xarray.ts';
import { type Random, random, seedOf } from '../random.ts';

/** The plain truth: index to frame and marks. */
type Model = Map<number, { pfn: number; marks: number }>;

/** An index near one of a few places, so that ranges meet and far places are visited too. */
function someIndex({ below }: Random): number {
  const places = [0, 0, 60, 4090, 262_140, 2 ** 24 - 30, 2 ** 30 - 10, 2 ** 31 - 70, 2 ** 31];
  return places[below(places.length)] + below(below(4) === 0 ? 5000 : 130);
}

function modelNext(model: Model, plane: Mark | typeof PRESENT, from: number, last: number): number {
  let best = -1;
  for (const [index, page] of model) {
    if (index < from || index > last || (best >= 0 && index > best)) continue;
    if (plane === PRESENT || (page.marks & (1 << plane)) !== 0) best = index;
  }
  return best;
}

function modelRunEnd(model: Model, plane: Mark | typeof PRESENT, from: number, last: number): number {
  let at = from;
  for (; at <= last; at++) {
    const page = model.get(at);
    if (page === undefined || (plane !== PRESENT && (page.marks & (1 << plane)) === 0)) break;
  }
  return at;
}

describe('xarray', () => {
  test('agrees with a map under random stores, erasures and marks at sparse indices', () => {
    const rand = random(seedOf('xarray'));
    const arena = new XArrayArena();
    const trees = [0, 1, 2].map(() => ({ tree: new XArray(arena), model: new Map() as Model }));
    for (let step = 0; step < 12_000; step++) {
      const { tree, model } = trees[rand.below(3)];
      const index = someIndex(rand);
      const nrPages = 1 + rand.below(rand.below(3) === 0 ? 512 : 9);
      const mark = rand.below(3) as Mark;
      const pages = Array.from({ length: nrPages }, (_, nr) => index + nr);
      switch (rand.below(6)) {
        case 0: {
          const pfn = rand.below(1_000_000);
          if (pages.some((at) => model.has(at))) expect(() => tree.store(index, nrPages, pfn)).toThrow(/EEXIST/);
          else {
            tree.store(index, nrPages, pfn);
            for (const at of pages) model.set(at, { pfn: pfn + at - index, marks: 0 });
          }
          break;
        }
        case 1: {
          // Erase more than was stored at times, or the trees only fill up.
          const many = rand.below(4) === 0 ? nrPages * 8 : nrPages;
          tree.erase(index, many);
          for (let at = index; at < index + many; at++) model.delete(at);
          break;
        }
        case 2: {
          const from = modelNext(model, PRESENT, index, Infinity);
          if (from < 0) break;
          const run = modelRunEnd(model, PRESENT, from, from + nrPages - 1) - from;
          let changed = 0;
          for (let at = from; at < from + run; at++) {
            const page = model.get(at)!;
            if ((page.marks & (1 << mark)) === 0) changed++;
            page.marks |= 1 << mark;
          }
          expect(tree.mark(mark, from, run)).toBe(changed);
          if (!model.has(from + run)) expect(() => tree.mark(mark, from + run, 1)).toThrow(/not all in the tree/);
          break;
        }
        case 3: {
          let changed = 0;
          for (const at of pages) {
            const page = model.get(at);
            if (page === undefined || (page.marks & (1 << mark)) === 0) continue;
            changed++;
            page.marks &= ~(1 << mark);
          }
          expect(tree.unmark(mark, index, nrPages)).toBe(changed);
          break;
        }
        case 4: {
          const to = ((mark + 1) % 3) as Mark;
          const last = rand.below(2) === 0 ? MAX_INDEX : index + nrPages - 1;
          tree.copyMark(mark, to, index, last);
          for (const [at, page] of model) {
            if (at >= index && at <= last && (page.marks & (1 << mark)) !== 0) page.marks |= 1 << to;
          }
          break;
        }
        default: {
          const plane = rand.below(4) as Mark | typeof PRESENT;
          const last = rand.below(2) === 0 ? MAX_INDEX : index + rand.below(10_000);
          const next = modelNext(model, plane, index, last);
          expect(tree.next(plane, index, last)).toBe(next);
          expect(tree.runEnd(plane, index, last)).toBe(modelRunEnd(model, plane, index, last));
          if (next < 0) break;
          expect(tree.runEnd(plane, next, last)).toBe(modelRunEnd(model, plane, next, last));
          const first = model.get(next)!.pfn;
          let run = 0;
          while (run < nrPages && model.get(next + run)?.pfn === first + run) run++;
          expect(tree.adjacent(next, nrPages)).toBe(run);
        }
      }
      expect(tree.load(index)).toBe(model.get(index)?.pfn ?? -1);
      expect(tree.test(mark, index)).toBe(((model.get(index)?.marks ?? 0) & (1 << mark)) !== 0);
      expect(tree.empty).toBe(model.size === 0);
      if (step % 500 !== 0) continue;
      for (const plane of [0, 1, 2, PRESENT] as const) {
        const got: number[] = [];
        for (let at = tree.next(plane, 0, MAX_INDEX); at >= 0; at = tree.next(plane, at + 1, MAX_INDEX)) got.push(at);
        const want = [...model].filter(([, page]) => plane === PRESENT || (page.marks & (1 << plane)) !== 0);
        expect(got).toEqual(want.map(([at]) => at).sort((a, b) => a - b));
      }
    }
    for (const { tree, model } of trees) {
      for (const index of model.keys()) tree.erase(index, 1);
      expect(tree.empty).toBe(true);
    }
    expect(arena.nrNodes).toBe(0);
    expect(arena.slots.every((slot) => slot === 0)).toBe(true);
    expect(arena.bits.every((word) => word === 0)).toBe(true);
  });

  test('a page at index 0 alone needs no node, and a tree shrinks back to that, marks and all', () => {
    const arena = new XArrayArena();
    const tree = new XArray(arena);
    tree.store(0, 1, 0);
    tree.mark(1, 0, 1);
    expect(arena.nrNodes).toBe(0);
    tree.store(1_000_000, 1, 7);
    expect(arena.nrNodes).toBeGreaterThan(3);
    expect([tree.load(0), tree.load(1_000_000), tree.test(1, 0), tree.test(0, 0)]).toEqual([0, 7, true, false]);
    tree.erase(1_000_000, 1);
    expect(arena.nrNodes).toBe(0);
    expect([tree.load(0), tree.test(1, 0), tree.test(0, 0)]).toEqual([0, true, false]);
  });

  test('the last indices work, and none beyond', () => {
    const tree = new XArray(new XArrayArena());
    tree.store(MAX_INDEX - 1, 2, 40);
    tree.mark(2, MAX_INDEX - 1, 2);
    expect(tree.next(2, 0, MAX_INDEX)).toBe(MAX_INDEX - 1);
    expect(tree.next(2, MAX_INDEX, MAX_INDEX)).toBe(MAX_INDEX);
    expect(tree.next(2, MAX_INDEX + 1, MAX_INDEX + 5)).toBe(-1);
    expect(tree.runEnd(2, MAX_INDEX - 1, MAX_INDEX)).toBe(MAX_INDEX + 1);
    expect(tree.adjacent(MAX_INDEX - 1, 64)).toBe(2);
    expect(tree.unmark(2, 0, Infinity)).toBe(2);
    expect(() => tree.store(MAX_INDEX + 1, 1, 0)).toThrow(/out of range/);
    expect(() => tree.store(-1, 1, 0)).toThrow(/out of range/);
  });
});
