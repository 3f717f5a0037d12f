// Metadata with bytes changed at random: whatever is read or written, the answer is an F2fsError or nothing, and soon.
// F2FS_FUZZ=N tries N images, F2FS_FUZZ_SEED=S begins with seed S.
import { describe, expect, test } from 'vitest';
import { baseOf } from './base.ts';
import { DamagedImage } from './damaged-image.ts';
import { fuzz } from './fuzz.ts';
import { readEverything } from './walker.ts';
import { changeAll, changedPaths, writeBeside } from './writer.ts';

const IMAGES = Number(process.env.F2FS_FUZZ ?? 1500);
const FIRST_SEED = Number(process.env.F2FS_FUZZ_SEED ?? 1);
const BATCHES = 10;
const LIMITS = { fileBytes: 64 << 10, entries: 2000 };
const MAX_MS = 2000;
const MAX_BYTES = 256 << 20;
/** Of so many images one has files added, and one has everything changed that is there. */
const WRITTEN = 3;

function memory(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

describe('metadata damaged at random', () => {
  const perBatch = Math.ceil(IMAGES / BATCHES);
  test.each(Array.from({ length: BATCHES }, (_, batch) => FIRST_SEED + batch * perBatch))(
    'seeds from %i on',
    (first) => {
      for (let seed = first; seed < first + perBatch; seed++) {
        const { image, what } = fuzz(seed);
        const where = `seed ${seed}: ${what}`;
        const before = memory();
        const start = performance.now();
        try {
          const { seen } = readEverything(image.device(), LIMITS);
          if (seed % WRITTEN === 0) expect(writeBeside(image.device(), seen, LIMITS).spoilt).toEqual([]);
          if (seed % WRITTEN === 1) {
            const device = image.device();
            changeAll(device, changedPaths(image.base.inos.keys()));
            readEverything(device, LIMITS);
          }
        } catch (cause) {
          throw new Error(where, { cause });
        }
        expect(performance.now() - start, where).toBeLessThan(MAX_MS);
        expect(memory() - before, where).toBeLessThan(MAX_BYTES);
      }
    },
  );
});

describe('an image cut short', () => {
  const { layout } = new DamagedImage(baseOf('default'));
  const inAreas = [
    layout.cpBlkaddr,
    layout.sitBlkaddr,
    layout.natBlkaddr,
    layout.ssaBlkaddr,
    layout.mainBlkaddr,
  ].flatMap((blkaddr) => [blkaddr - 1, blkaddr, blkaddr + 1, blkaddr + 511]);
  const even = Array.from({ length: 31 }, (_, i) => 1 + 512 * (i + 1));
  const nearEnd = [layout.mainEnd - 513, layout.mainEnd - 512, layout.mainEnd - 1];
  test.each([1, 2, 3, 511, ...new Set([...inAreas, ...even, ...nearEnd])])('to %i blocks', (nrBlocks) => {
    const image = new DamagedImage(baseOf('default'));
    image.truncate(nrBlocks);
    const { failures, seen } = readEverything(image.device(), LIMITS);
    expect(failures.map(({ path, error }) => `${path} ${error.code}`)).toEqual([
      `mount ${nrBlocks < 2 ? 'EINVAL' : 'EUCLEAN'}`,
    ]);
    expect(seen.size).toBe(0);
    expect(writeBeside(image.device(), seen, LIMITS).error?.code).toBe(nrBlocks < 2 ? 'EINVAL' : 'EUCLEAN');
  });

  test('to the end of its main area is not cut', () => {
    const image = new DamagedImage(baseOf('default'));
    image.truncate(layout.mainEnd);
    expect(readEverything(image.device(), LIMITS).failures).toEqual([]);
  });
});
