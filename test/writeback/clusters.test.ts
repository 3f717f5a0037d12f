// What a walk over the clusters of a compressed file promises, whichever engine does it.

import { afterEach, describe, expect, it } from 'vitest';
import { BLKSIZE } from '../../src/device/device.ts';
import { F2fsError } from '../../src/errors.ts';
import { TAG } from '../../src/pagecache/address-space.ts';
import { WB_SYNC } from '../../src/writeback/control.ts';
import { ENGINES, type EngineName } from '../../src/writeback/engines.ts';
import { FakeFile, Machine, range } from './fixture.ts';

const { ALL, NONE } = WB_SYNC;

const open: Machine[] = [];
afterEach(() => {
  for (const machine of open.splice(0)) machine.close();
});

function fileOn(engine: EngineName, clusterPages: number, nrWorkers = 0): { machine: Machine; file: FakeFile } {
  const machine = new Machine(engine, 32, nrWorkers);
  open.push(machine);
  return { machine, file: new FakeFile(machine, clusterPages) };
}

function expectClean(file: FakeFile): void {
  expect(file.dirty).toEqual([]);
  expect(file.tagged(TAG.WRITEBACK)).toEqual([]);
  expect(file.tagged(TAG.TOWRITE)).toEqual([]);
  expect(file.wrong()).toEqual([]);
}

/** First pages of the clusters that are compressed. */
const compressed = (file: FakeFile) => [...file.compressed.keys()].sort((a, b) => a - b);

describe.each(ENGINES)('the %s engine', (engine) => {
  it.each([
    ['several clusters in one folio', 4, 64, 64],
    ['one cluster across many folios', 16, 64, 1],
    ['clusters and folios of one size', 8, 64, 8],
    ['a cluster that is larger than a batch', 64, 256, 16],
    ['the largest clusters', 256, 512, 512],
    ['odd folios', 32, 128, 4],
  ])('writes %s', (_, clusterPages, nrPages, folioPages) => {
    const { machine, file } = fileOn(engine, clusterPages);
    file.write(0, nrPages, 1, 'text', folioPages);
    machine.sync(file);
    expectClean(file);
    expect(compressed(file)).toEqual(range(0, nrPages / clusterPages).map((i) => i * clusterPages));
    const { counters } = machine;
    expect([counters.clusters, counters.clusterPages, counters.clusterReads]).toEqual([
      nrPages / clusterPages,
      nrPages,
      0,
    ]);
    expect(counters.pages).toBe(nrPages);
    expect(file.calls).toEqual([]);
  });

  it.each([0, 2])('gives the same blocks with %i workers', (nrWorkers) => {
    const { machine, file } = fileOn(engine, 4, nrWorkers);
    file.write(0, 400, 1, 'text', 64);
    for (let page = 0; page < 400; page += 20) file.write(page, 4, 1, 'noise');
    machine.sync(file);
    expectClean(file);
    const places = [...file.compressed, ...file.slots].flat(2);
    expect(places.at(-1)).toBe(file.slots.get(383));
    expect([file.compressed.size, file.slots.size]).toEqual([80, 80]);
    expect(file.compressed.get(4)?.[0]).toBe(1004);
  });

  it('keeps a cluster raw when it would not save a block, and compresses it when it does again', () => {
    const { machine, file } = fileOn(engine, 4);
    file.write(0, 12, 1, 'text', 4);
    file.write(4, 4, 1, 'noise');
    machine.sync(file);
    expectClean(file);
    expect(compressed(file)).toEqual([0, 8]);
    expect(machine.counters.rawClusters).toBe(1);
    expect(file.calls).toEqual(engine === 'pages' ? [4, 5, 6, 7].map((page) => [page, 1]) : [[4, 4]]);
    file.write(4, 4, 2);
    file.write(8, 4, 2, 'noise');
    machine.sync(file);
    expectClean(file);
    expect(compressed(file)).toEqual([0, 4]);
  });

  it('keeps raw what is not all dirty, what the end of the file cuts, and what has no blocks promised', () => {
    const { machine, file } = fileOn(engine, 4);
    file.sizeBytes = 14 * BLKSIZE - 1000;
    file.isReserved = (start) => start !== 8;
    file.write(1, 3);
    file.write(4, 10);
    machine.sync(file);
    expect(file.dirty).toEqual([]);
    expect(compressed(file)).toEqual([4]);
    expect(file.wrong([...range(1, 13)])).toEqual([]);
    expect(file.mapped).toEqual([1, 2, 3, ...range(8, 14)]);
    // The end of the file within the last page cuts nothing.
    file.sizeBytes = 16 * BLKSIZE - 1000;
    file.write(12, 4, 2);
    machine.sync(file);
    expect(compressed(file)).toEqual([4, 12]);
    expect(file.wrong(range(12, 15))).toEqual([]);
  });

  it('compresses only when it is wanted', () => {
    const { machine, file } = fileOn(engine, 4);
    file.write(0, 8);
    machine.sync(file);
    file.wanted = false;
    file.write(0, 2, 2);
    machine.sync(file);
    expectClean(file);
    expect(compressed(file)).toEqual([4]);
    expect(file.slots.size).toBe(4);
  });

  it('reads what is missing of a compressed cluster of which a part is dirty, and writes it as a whole', () => {
    const { machine, file } = fileOn(engine, 4);
    file.write(0, 40, 1, 'text', 8);
    machine.sync(file);
    file.evictClean();
    file.write(1, 1, 2);
    file.write(10, 3, 2);
    file.write(24, 4, 2);
    file.write(39, 1, 2);
    expect(file.mapping.nrPages).toBe(9);
    const { counters } = machine;
    counters.folios = 0;
    counters.clusters = 0;
    machine.sync(file);
    expectClean(file);
    expect(file.madeWhole).toEqual([0, 8, 12, 36]);
    expect([counters.clusterReads, counters.clusters, compressed(file).length]).toEqual([4, 5, 10]);
    // The kernel begins anew after each of the four.
    if (engine === 'folios') expect(counters.folios).toBe(5);
    else expect(counters.folios).toBeGreaterThanOrEqual(20);
  });

  it('asks for room before it reads', () => {
    const { machine, file } = fileOn(engine, 4);
    file.write(0, 12, 1, 'text', 1);
    machine.sync(file);
    file.evictClean();
    file.write(1, 1, 2);
    file.write(4, 4, 2);
    file.write(9, 1, 2);
    // All that is clean goes: what is on its way must not.
    const madeBefore: number[] = [];
    const reclaimFrames = () => {
      madeBefore.push(file.madeWhole.length);
      file.evictClean();
    };
    machine.sync(file, { syncMode: ALL, reclaimFrames });
    expectClean(file);
    expect(file.madeWhole).toEqual([0, 8]);
    expect(madeBefore).toEqual([0, 1]);
  });

  it('writes a compressed cluster as a whole, however little of it the range covers', () => {
    const { machine, file } = fileOn(engine, 4);
    file.write(0, 16);
    machine.sync(file);
    file.write(4, 4, 2);
    machine.sync(file, { syncMode: ALL, start: 5, end: 6 });
    expectClean(file);
    expect(compressed(file)).toEqual([0, 4, 8, 12]);
  });

  it('makes a compressed cluster raw that the end of the file cuts now', () => {
    const { machine, file } = fileOn(engine, 4);
    file.write(0, 8);
    machine.sync(file);
    file.sizeBytes = 6 * BLKSIZE;
    file.write(5, 1, 2);
    machine.sync(file);
    expect(file.dirty).toEqual([]);
    expect(compressed(file)).toEqual([0]);
    expect(file.wrong(range(0, 6))).toEqual([]);
    expect([...file.slots.keys()]).toEqual([4, 5]);
  });

  it('waits for a compressed cluster on its way before it is made whole, in NONE walks too', () => {
    const { machine, file } = fileOn(engine, 4);
    file.write(0, 8);
    machine.walk(file);
    file.mapping.setDirty(5, 1);
    machine.walk(file, { syncMode: NONE });
    machine.writeback.wait(file.mapping);
    expectClean(file);
    // All of it is in the cache: there is nothing to read.
    expect(file.madeWhole).toEqual([]);
    expect(machine.counters.clusters).toBe(3);
  });

  it('goes on from cluster to cluster in cyclic walks of a few pages', () => {
    const { machine, file } = fileOn(engine, 4);
    file.write(0, 80, 1, 'text', 16);
    const request = { syncMode: NONE, rangeCyclic: true, nrToWrite: 5 };
    let walks = 0;
    while (file.dirty.length > 0) {
      const before = file.dirty.length;
      machine.sync(file, request);
      expect(file.dirty.length).toBeLessThan(before);
      walks++;
    }
    expectClean(file);
    expect(walks).toBeGreaterThan(3);
    expect(file.compressed.size).toBe(20);
  });

  it('leaves a cluster without blocks dirty, and tells; those before it are written', () => {
    const { machine, file } = fileOn(engine, 4);
    file.write(0, 16);
    file.onAllocate = (start) => {
      if (start === 8) throw new F2fsError('ENOSPC', 'no space left');
    };
    let thrown: unknown = null;
    try {
      machine.sync(file);
    } catch (error) {
      thrown = error;
    }
    expect(thrown ?? file.mapping.error).toMatchObject({ code: 'ENOSPC' });
    expect(file.dirty).toEqual(engine === 'pages' ? range(8, 16) : range(8, 12));
    expect(file.wrong(range(0, 8))).toEqual([]);
    file.onAllocate = () => undefined;
    machine.sync(file);
    expectClean(file);
    expect(compressed(file)).toEqual([0, 4, 8, 12]);
  });

  it('damage is thrown', () => {
    const { machine, file } = fileOn(engine, 4);
    file.write(0, 8);
    file.onAllocate = () => {
      throw new F2fsError('EUCLEAN', 'two owners of a block');
    };
    expect(() => machine.sync(file)).toThrow(expect.objectContaining({ code: 'EUCLEAN' }));
    expect(file.dirty).toEqual(range(0, 8));
    expect(file.tagged(TAG.WRITEBACK)).toEqual([]);
    file.onAllocate = () => undefined;
    machine.sync(file);
    expectClean(file);
  });

  it('a page of a raw cluster that can not be mapped stays dirty, and its cluster raw', () => {
    const { machine, file } = fileOn(engine, 4);
    file.write(0, 4);
    machine.sync(file);
    file.write(0, 4, 2, 'noise');
    file.onMap = () => {
      throw new F2fsError('ENOSPC', 'no space left');
    };
    let thrown: unknown = null;
    try {
      machine.sync(file);
    } catch (error) {
      thrown = error;
    }
    expect(thrown ?? file.mapping.error).toMatchObject({ code: 'ENOSPC' });
    expect(file.dirty).toEqual(range(0, 4));
    file.onMap = () => undefined;
    machine.sync(file);
    expectClean(file);
    expect(file.compressed.size).toBe(0);
  });

  it('a write that fails makes the whole cluster dirty again; its neighbours are written', () => {
    const { machine, file } = fileOn(engine, 16);
    file.write(0, 64);
    file.onAllocate = () => {
      machine.nextBlkaddr += 10;
    };
    let bios = 0;
    machine.device.fails = () => ++bios === 2;
    machine.sync(file);
    expect(file.dirty).toEqual(range(16, 32));
    expect(file.mapping.error).toMatchObject({ code: 'EIO' });
    expect(file.wrong([...range(0, 16), ...range(32, 64)])).toEqual([]);
    machine.device.fails = () => false;
    machine.sync(file);
    expectClean(file);
  });

  it('ends although a page before a compressed cluster can never be written', () => {
    const { machine, file } = fileOn(engine, 16);
    file.write(16, 96);
    machine.sync(file);
    file.write(2, 3, 1, 'noise');
    for (const page of [17, 40, 50, 70, 100]) file.write(page, 1, 2);
    // Whatever is sent fails at once.
    file.onMap = (index) => {
      machine.nextBlkaddr += 10;
      machine.device.fails = () => index < 16;
    };
    machine.sync(file);
    expect(file.dirty.filter((page) => page < 16)).toEqual([2, 3, 4]);
    machine.device.fails = () => false;
    file.onMap = () => undefined;
    machine.sync(file);
    expectClean(file);
  });

  it('fails with ENOMEM when the page cache is too small for compression, and loses nothing', () => {
    const machine = new Machine(engine, 8);
    open.push(machine);
    const file = new FakeFile(machine, 4);
    file.write(0, 8);
    expect(() => machine.sync(file)).toThrow(expect.objectContaining({ code: 'ENOMEM' }));
    expect(file.dirty).toEqual(range(0, 8));
    file.wanted = false;
    machine.sync(file);
    expectClean(file);
  });
});
