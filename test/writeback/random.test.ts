// Random programs of writes, walks and failing writes on one fake file, plain or of clusters, over odd folios: whatever a
// walk was asked to do and whatever failed, a last sync leaves the device with what was written last, by either engine.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BLKSIZE } from '../../src/device/device.ts';
import { F2fsError } from '../../src/errors.ts';
import { TAG } from '../../src/pagecache/address-space.ts';
import { WB_SYNC } from '../../src/writeback/control.ts';
import { ENGINES } from '../../src/writeback/engines.ts';
import { seedOf } from '../random.ts';
import { FakeFile, Machine, range } from './fixture.ts';

const SEED = seedOf('writeback');
const MAX_PAGES = 192;
const NR_RUNS = 60;

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      index: fc.nat(MAX_PAGES - 1),
      nrPages: fc.oneof(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: MAX_PAGES })),
      noise: fc.integer({ min: 0, max: 3 }).map((n) => n === 0),
      folioPages: fc.constantFrom(1, 2, 8, 64),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('walk' as const),
      request: fc.record({
        syncMode: fc.constantFrom(WB_SYNC.ALL, WB_SYNC.NONE),
        start: fc.option(fc.nat(MAX_PAGES), { nil: undefined }),
        end: fc.option(fc.nat(MAX_PAGES), { nil: undefined }),
        nrToWrite: fc.option(fc.nat(40), { nil: undefined }),
        rangeCyclic: fc.boolean(),
        taggedWritepages: fc.boolean(),
      }),
      wait: fc.boolean(),
      /** The how manieth mapping, and the how manieth bio, fail; 0: none. */
      failMap: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 5 })),
      failBio: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 3 })),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('evict' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('policy' as const), inPlace: fc.nat(3) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

class Program {
  readonly machine: Machine;
  readonly file: FakeFile;
  /** Frames that nobody has before the file has any. */
  readonly #free: number;
  #version = 1;

  constructor(machine: Machine, clusterPages: number) {
    this.machine = machine;
    machine.buffers.assertReady();
    this.#free = machine.pool.freeFrames;
    this.file = new FakeFile(machine, clusterPages);
    this.file.sizeBytes = MAX_PAGES * BLKSIZE;
  }

  run(todo: Step): void {
    const { file, machine } = this;
    switch (todo.kind) {
      case 'write': {
        const end = Math.min(todo.index + todo.nrPages, MAX_PAGES);
        // As the cache does: pages on their way are waited for, and what is missing of a page's surroundings stays so.
        machine.writeback.wait(file.mapping, todo.index, end);
        file.write(todo.index, end - todo.index, this.#version++, todo.noise ? 'noise' : 'text', todo.folioPages);
        return;
      }
      case 'walk':
        this.#fail(todo.failMap, todo.failBio);
        try {
          machine.walk(file, { ...todo.request, reclaimFrames: () => file.evictClean() });
        } catch (error) {
          expect(error).toMatchObject({ code: 'ENOSPC' });
        }
        if (todo.wait) machine.writeback.wait(file.mapping);
        return;
      case 'evict':
        file.evictClean();
        return;
      case 'policy':
        file.inPlace = (page) => page % 4 < todo.inPlace;
    }
  }

  #fail(failMap: number, failBio: number): void {
    const { file, machine } = this;
    let mappings = 0;
    const onMap = () => {
      if (++mappings === failMap) throw new F2fsError('ENOSPC', 'no space left');
    };
    file.onMap = onMap;
    file.onAllocate = onMap;
    let bios = 0;
    machine.device.fails = () => ++bios === failBio;
  }

  finish(): void {
    const { file, machine } = this;
    this.#fail(0, 0);
    machine.writeback.wait(file.mapping);
    machine.sync(file, { syncMode: WB_SYNC.ALL, reclaimFrames: () => file.evictClean() });
    expect([file.dirty, file.tagged(TAG.WRITEBACK), file.tagged(TAG.TOWRITE)]).toEqual([[], [], []]);
    expect(file.wrong()).toEqual([]);
    file.mapping.destroy();
    expect([machine.pool.freeFrames, machine.pool.nrDirty]).toEqual([this.#free, 0]);
    machine.forget();
  }
}

describe.each([1, 4, 16, 64])('clusters of %i pages', (clusterPages) => {
  it.each(ENGINES)('%s', (engine) => {
    const machine = new Machine(engine, 32);
    try {
      fc.assert(
        fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
          const program = new Program(machine, clusterPages);
          try {
            for (const todo of steps) program.run(todo);
            program.finish();
          } finally {
            program.machine.device.fails = () => false;
          }
        }),
        { seed: SEED, numRuns: NR_RUNS },
      );
    } finally {
      machine.close();
    }
  });
});

describe('both engines', () => {
  it.each([1, 4, 16])('clusters of %i pages: the same clusters are compressed after a sync', (clusterPages) => {
    const machines = ENGINES.map((engine) => new Machine(engine, 32));
    try {
      fc.assert(
        fc.property(fc.array(step, { minLength: 1, maxLength: 20 }), (steps) => {
          const files = machines.map((machine) => {
            const program = new Program(machine, clusterPages);
            for (const todo of steps) {
              if (todo.kind === 'write') program.run(todo);
              else machine.sync(program.file);
            }
            machine.sync(program.file);
            return program.file;
          });
          const shapes = files.map((file) => [...file.compressed.keys()].sort((a, b) => a - b));
          expect(shapes[0]).toEqual(shapes[1]);
          for (const page of range(0, MAX_PAGES)) {
            expect(files[0].slots.has(page)).toBe(files[1].slots.has(page));
          }
          for (const file of files) {
            file.mapping.destroy();
            file.machine.forget();
          }
        }),
        { seed: SEED, numRuns: NR_RUNS / 2 },
      );
    } finally {
      for (const machine of machines) machine.close();
    }
  });
});
