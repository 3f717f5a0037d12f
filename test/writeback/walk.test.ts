// What a walk over a plain file's dirty pages promises, whichever engine does it.

import { describe, expect, it } from 'vitest';
import { BLKSIZE } from '../../src/device/device.ts';
import { F2fsError } from '../../src/errors.ts';
import { TAG } from '../../src/pagecache/address-space.ts';
import { WB_SYNC } from '../../src/writeback/control.ts';
import { ENGINES } from '../../src/writeback/engines.ts';
import { FakeFile, Machine, range } from './fixture.ts';

const { ALL, NONE } = WB_SYNC;
const noSpace = () => new F2fsError('ENOSPC', 'no space left');

describe.each(ENGINES)('the %s engine', (engine) => {
  const set = (folioPages = 512, nrPages = 0) => {
    const machine = new Machine(engine);
    const file = new FakeFile(machine);
    if (nrPages > 0) file.write(0, nrPages, 1, 'text', folioPages);
    return { machine, file };
  };

  describe('goes where it is asked to', () => {
    it('writes the dirty pages of a range and no others', () => {
      const { machine, file } = set(512, 64);
      machine.sync(file, { syncMode: ALL, start: 10, end: 20 });
      expect(file.dirty).toEqual([...range(0, 10), ...range(20, 64)]);
      expect(file.mapped).toEqual(range(10, 20));
      expect(file.wrong(range(10, 20))).toEqual([]);
      machine.sync(file);
      expect(file.dirty).toEqual([]);
      expect(file.wrong()).toEqual([]);
      expect(file.tagged(TAG.TOWRITE)).toEqual([]);
      expect(file.tagged(TAG.WRITEBACK)).toEqual([]);
    });

    it('leaves writebackIndex alone after a part of the file, and sets it after the whole', () => {
      const { machine, file } = set(8, 64);
      file.mapping.writebackIndex = 7;
      machine.sync(file, { syncMode: ALL, start: 10, end: 20 });
      expect(file.mapping.writebackIndex).toBe(7);
      machine.sync(file);
      expect(file.mapping.writebackIndex).toBeGreaterThanOrEqual(63);
    });

    it('a cyclic walk goes on where the last one stopped, and begins anew after the end', () => {
      const { machine, file } = set(8, 100);
      const request = { syncMode: NONE, rangeCyclic: true, nrToWrite: 30 };
      const { nrToWrite } = machine.sync(file, request);
      const first = file.mapped.length;
      // A walk ends with the run at hand: eight pages at most here.
      expect(first).toBeGreaterThanOrEqual(30);
      expect(first).toBeLessThan(38);
      expect(nrToWrite).toBe(30 - first);
      file.write(0, 4, 2);
      machine.sync(file, request);
      machine.sync(file, request);
      machine.sync(file, request);
      expect(file.mapped).toEqual(range(0, 100));
      expect(file.dirty).toEqual(range(0, 4));
      expect(file.mapping.writebackIndex).toBe(0);
      machine.sync(file, request);
      expect(file.dirty).toEqual([]);
      expect(file.wrong()).toEqual([]);
    });

    it('nrToWrite counts for ALL walks too, but does not end them', () => {
      const { machine, file } = set(8, 100);
      const { nrToWrite } = machine.sync(file, { syncMode: ALL, nrToWrite: 30 });
      expect(nrToWrite).toBe(-70);
      expect(file.dirty).toEqual([]);
    });

    it('asks for the log once, with the pages that are dirty when it begins', () => {
      const { machine, file } = set(1, 40);
      machine.sync(file);
      file.write(3, 2, 2);
      machine.sync(file);
      expect(file.dirtyAtStart).toEqual([40, 2]);
    });

    it('has nothing to do with a clean file', () => {
      const { machine, file } = set(8, 8);
      machine.sync(file);
      machine.sync(file);
      expect(file.calls.length).toBe(engine === 'pages' ? 8 : 1);
    });
  });

  describe('ends', () => {
    it.each([
      ['ALL', { syncMode: ALL }],
      ['tagged NONE', { syncMode: NONE, taggedWritepages: true }],
    ])('%s does not chase pages that are dirtied behind its back', (_, request) => {
      const { machine, file } = set(1, 8);
      file.write(1000, 20);
      machine.sync(file);
      file.write(0, 8, 2);
      file.calls.length = 0;
      file.onMap = (index) => file.write(1000 + index, 1, 2);
      machine.sync(file, request);
      expect(file.mapped).toEqual(range(0, 8));
      expect(file.dirty).toEqual(range(1000, 1008));
      file.onMap = () => undefined;
      machine.sync(file);
      expect(file.wrong()).toEqual([]);
    });

    it('a NONE walk without tags takes them along', () => {
      const { machine, file } = set(1, 8);
      file.write(1000, 4);
      machine.sync(file);
      file.write(0, 4, 2);
      file.onMap = (index) => index < 4 && file.write(1000 + index, 1, 2);
      machine.sync(file, { syncMode: NONE });
      expect(file.dirty).toEqual([]);
    });

    it('NONE leaves off between folios once somebody waits for an ALL walk, which does not', () => {
      const { machine, file } = set(4, 16);
      let waits = false;
      file.onMap = (index) => {
        waits = index >= 5;
      };
      machine.walkPreempted(file, { syncMode: NONE }, () => waits);
      expect(file.mapped.at(-1)).toBe(engine === 'pages' ? 5 : 11);
      file.onMap = () => undefined;
      machine.walkPreempted(file, { syncMode: ALL }, () => true);
      machine.ioends.submit();
      expect(file.dirty).toEqual([]);
      expect(file.wrong()).toEqual([]);
    });

    it('NONE begun within an ALL walk does nothing and says what it skipped', () => {
      const { machine, file } = set(4, 16);
      const other = new FakeFile(machine, 1, 6);
      other.write(0, 8);
      let skipped = 0;
      file.onMap = () => {
        skipped = machine.walk(other, { syncMode: NONE }).pagesSkipped;
      };
      machine.sync(file);
      expect(skipped).toBe(8);
      expect(other.calls).toEqual([]);
      machine.sync(other, { syncMode: NONE });
      expect(other.wrong()).toEqual([]);
    });

    it('an ALL walk of another file within a walk mixes nothing up', () => {
      const { machine, file } = set(4, 16);
      const other = new FakeFile(machine, 1, 6);
      other.write(0, 64, 1, 'text', 2);
      file.onMap = (index) => machine.walk(other, { syncMode: ALL, start: 0, end: 4 * index + 16 }) && undefined;
      machine.sync(file);
      machine.writeback.wait(other.mapping);
      expect(file.wrong()).toEqual([]);
      expect(other.wrong(range(0, 64).filter((page) => !other.dirty.includes(page)))).toEqual([]);
      expect(other.mapped.length).toBeGreaterThanOrEqual(16);
    });
  });

  describe('pages on their way', () => {
    it('are left by NONE and waited for by ALL', () => {
      const { machine, file } = set(16, 16);
      machine.walk(file, { syncMode: ALL, start: 4, end: 8 });
      file.mapping.setDirty(6, 6);
      file.calls.length = 0;
      machine.walk(file, { syncMode: NONE });
      expect(file.mapped).toEqual([...range(0, 4), ...range(8, 16)]);
      expect(file.dirty).toEqual([6, 7]);
      const blocks = { before: machine.ioends.blocks, atMapping: 0 };
      file.onMap = () => {
        blocks.atMapping = machine.ioends.blocks;
      };
      machine.walk(file);
      expect(file.dirty).toEqual([]);
      expect(file.mapped.slice(12)).toEqual([6, 7]);
      expect(blocks.atMapping - blocks.before).toBe(16);
      machine.ioends.submit();
      expect(file.wrong()).toEqual([]);
    });

    it('what is changed while its write is under way is written again', () => {
      const { machine, file } = set(16, 16);
      machine.walk(file);
      // The cache waits before it changes such a page; the device may have either content by then.
      machine.writeback.wait(file.mapping);
      file.write(3, 2, 2);
      machine.sync(file);
      expect(file.mapped).toEqual([...range(0, 16), 3, 4]);
      expect(file.wrong()).toEqual([]);
    });
  });

  describe('the end of the file', () => {
    it('drops pages past it, and clears what lies past it in the last page', () => {
      const { machine, file } = set(8, 16);
      file.sizeBytes = 5 * BLKSIZE + 100;
      machine.sync(file);
      expect(file.dirty).toEqual([]);
      expect(file.mapped).toEqual(range(0, 6));
      expect(file.wrong(range(0, 5))).toEqual([]);
      const tail = file.stored(5) as Buffer;
      expect(tail.subarray(0, 100)).toEqual((file.expected.get(5) as Buffer).subarray(0, 100));
      expect(tail.subarray(100).every((byte) => byte === 0)).toBe(true);
    });

    it('at the end of a page there is nothing to clear', () => {
      const { machine, file } = set(8, 8);
      file.sizeBytes = 4 * BLKSIZE;
      machine.sync(file);
      expect(file.mapped).toEqual(range(0, 4));
      expect(file.wrong(range(0, 4))).toEqual([]);
    });
  });

  describe('mapping', () => {
    it(engine === 'pages' ? 'is one call a page' : 'is one call for each dirty run of a folio', () => {
      const { machine, file } = set(16, 32);
      machine.sync(file);
      file.write(3, 4, 2);
      file.write(10, 12, 2);
      file.calls.length = 0;
      machine.counters.mapBlocksCalls = 0;
      machine.sync(file);
      const runs: [number, number][] = [
        [3, 4],
        [10, 6],
        [16, 6],
      ];
      const pages = [...range(3, 7), ...range(10, 22)].map((page) => [page, 1]);
      expect(file.calls).toEqual(engine === 'pages' ? pages : runs);
      expect(machine.counters.mapBlocksCalls).toBe(file.calls.length);
      expect(machine.counters.pages).toBe(48);
      expect(file.wrong()).toEqual([]);
    });

    it('blocks in place and new ones may take turns within a folio', () => {
      const { machine, file } = set(16, 16);
      machine.sync(file);
      const before = new Map(file.slots);
      file.write(0, 16, 2);
      file.inPlace = (page) => page % 3 === 0 || page > 12;
      machine.sync(file);
      for (const [page, blkaddr] of before) expect(file.slots.get(page) === blkaddr).toBe(file.inPlace(page));
      expect(file.wrong()).toEqual([]);
    });

    it('neighbours on disk become one write, in place and out of place apart', () => {
      const { machine, file } = set(4, 64);
      machine.sync(file);
      expect(machine.ioends.bios).toBe(1);
      file.write(0, 64, 2);
      file.inPlace = (page) => page >= 32;
      machine.sync(file);
      expect(machine.ioends.bios).toBe(3);
    });

    it('that fails leaves its pages dirty, and what came before on its way', () => {
      const { machine, file } = set(4, 24);
      file.onMap = (index) => {
        if (index >= 8 && index < 12) throw noSpace();
      };
      expect(() => machine.sync(file)).toThrow(expect.objectContaining({ code: 'ENOSPC' }));
      expect(file.dirty).toEqual(range(8, 24));
      expect(file.wrong(range(0, 8))).toEqual([]);
      file.onMap = () => undefined;
      machine.sync(file);
      expect(file.dirty).toEqual([]);
      expect(file.wrong()).toEqual([]);
    });

    it('that fails does not hold up a cyclic walk for ever', () => {
      const { machine, file } = set(4, 24);
      file.onMap = (index) => {
        if (index >= 8 && index < 12) throw noSpace();
      };
      const request = { syncMode: NONE, rangeCyclic: true };
      for (let walks = 0; walks < 8; walks++) {
        try {
          machine.sync(file, request);
        } catch (error) {
          expect(error).toMatchObject({ code: 'ENOSPC' });
        }
      }
      expect(file.dirty).toEqual(range(8, 12));
    });
  });

  describe('a write that fails', () => {
    it('makes its pages dirty again and tells the address space; neighbours are written', () => {
      const { machine, file } = set(4, 32);
      file.onMap = (index) => {
        // A gap between blocks makes another bio.
        if (index % 8 === 0) machine.nextBlkaddr += 10;
      };
      let bios = 0;
      machine.device.fails = () => ++bios === 2;
      machine.sync(file);
      expect(file.dirty).toEqual(range(8, 16));
      expect(file.mapping.error).toMatchObject({ code: 'EIO' });
      expect(machine.ioends.takeFailure()).toBe(true);
      expect(file.wrong([...range(0, 8), ...range(16, 32)])).toEqual([]);
      machine.device.fails = () => false;
      machine.sync(file);
      expect(file.dirty).toEqual([]);
      expect(file.wrong()).toEqual([]);
    });

    it('again and again still lets an ALL walk end', () => {
      const { machine, file } = set(4, 32);
      file.onMap = () => {
        machine.nextBlkaddr += 10;
      };
      machine.device.fails = () => true;
      machine.sync(file);
      expect(file.dirty).toEqual(range(0, 32));
      machine.sync(file);
      expect(file.dirty).toEqual(range(0, 32));
    });
  });
});

describe('the pages engine, after EAGAIN', () => {
  const set = (times: number) => {
    const machine = new Machine('pages');
    const file = new FakeFile(machine);
    file.write(0, 8);
    let left = times;
    file.onMap = (index) => {
      if (index === 3 && left-- > 0) throw new F2fsError('EAGAIN', 'not now');
    };
    return { machine, file };
  };

  it('tries the page again in an ALL walk', () => {
    const { machine, file } = set(3);
    machine.sync(file);
    expect(file.mapped).toEqual([0, 1, 2, 3, 3, 3, 3, 4, 5, 6, 7]);
    expect(file.wrong()).toEqual([]);
  });

  it('leaves the page in a NONE walk', () => {
    const { machine, file } = set(1);
    const { nrToWrite } = machine.sync(file, { syncMode: NONE, nrToWrite: 100 });
    expect(file.mapped).toEqual(range(0, 8));
    expect(nrToWrite).toBe(93);
    expect(file.dirty).toEqual([3]);
  });

  it('gives up in the end', () => {
    const { machine, file } = set(1000);
    expect(() => machine.sync(file)).toThrow(expect.objectContaining({ code: 'EAGAIN' }));
    expect(file.dirty).toEqual(range(3, 8));
  });
});
