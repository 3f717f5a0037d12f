// The promise of the folio engine: each run of dirty pages within a folio is mapped by one call, whatever its length.

import { expect, test, vi } from 'vitest';
import { BLKSIZE } from '../../src/device/device.ts';
import { BlockMap } from '../../src/file/data/block-map.ts';
import { GIB, MIB, memoryVolume, mounted, writePieces } from './volumes.ts';

/** Pages that fit a folio. */
const FOLIO_PAGES = 512;

/** What writing `ranges` ([first page, count]) over a clean file of 16 MiB, then a sync, made the engine do. */
function overwrite(ranges: readonly (readonly [number, number])[]): {
  runs: number;
  mapBlocksCalls: number;
  pages: number;
  allocations: number;
} {
  const volume = mounted(memoryVolume(GIB));
  using file = volume.root().createFile(Buffer.from('file'));
  writePieces(file, 16 * MIB);
  volume.sync();
  const before = { ...volume.writebackCounters };
  for (const [first, count] of ranges) file.write(new Uint8Array(count * BLKSIZE).fill(1), first * BLKSIZE);
  // The engine's own counts, and beside them the calls that reached the block map.
  const allocate = vi.spyOn(BlockMap.prototype, 'allocate');
  volume.sync();
  const allocations = allocate.mock.calls.length;
  allocate.mockRestore();
  const { runs, mapBlocksCalls, pages } = volume.writebackCounters;
  return {
    runs: runs - before.runs,
    mapBlocksCalls: mapBlocksCalls - before.mapBlocksCalls,
    pages: pages - before.pages,
    allocations,
  };
}

function expectRuns(ranges: readonly (readonly [number, number])[], runs: number): void {
  const pages = ranges.reduce((sum, [, count]) => sum + count, 0);
  expect(overwrite(ranges)).toEqual({ runs, mapBlocksCalls: runs, pages, allocations: runs });
}

test('a run within a folio is one call', () => {
  expectRuns([[3, 100]], 1);
});

test('runs with clean pages between them are one call each', () => {
  expectRuns(
    [
      [0, 10],
      [20, 10],
      [100, 1],
      [511, 1],
    ],
    4,
  );
});

test('writes that touch make one run', () => {
  expectRuns(
    [
      [64, 8],
      [72, 8],
      [56, 8],
    ],
    1,
  );
});

test('every other page of a folio is as many calls as pages', () => {
  expectRuns(
    Array.from({ length: FOLIO_PAGES / 2 }, (_, i) => [2 * i, 1] as const),
    FOLIO_PAGES / 2,
  );
});

test('a run that spans folios is one call for each', () => {
  expectRuns([[FOLIO_PAGES - 5, 10]], 2);
  expectRuns([[0, 4 * FOLIO_PAGES]], 4);
});

test('a run whose addresses lie in two nodes is still one call', () => {
  // An inode holds some 920 addresses, its first direct node the next 1018; each run lies within one folio.
  expectRuns([[600, 400]], 1);
  expectRuns([[1600, 400]], 1);
});

test('a file written from end to end takes a call for each 2 MiB', () => {
  const volume = mounted(memoryVolume(GIB));
  using file = volume.root().createFile(Buffer.from('file'));
  volume.sync();
  const before = { ...volume.writebackCounters };
  const allocate = vi.spyOn(BlockMap.prototype, 'allocate');
  writePieces(file, 128 * MIB);
  volume.sync();
  const calls = allocate.mock.calls.length;
  allocate.mockRestore();
  const { mapBlocksCalls, pages, runs } = volume.writebackCounters;
  expect(pages - before.pages).toBe((128 * MIB) / BLKSIZE);
  expect(runs - before.runs).toBe(64);
  expect(mapBlocksCalls - before.mapBlocksCalls).toBe(64);
  expect(calls).toBe(64);
});
