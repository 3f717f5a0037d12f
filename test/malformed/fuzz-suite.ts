// The tests that a set of bases goes through. F2FS_FUZZ=N tries N images over all sets, F2FS_FUZZ_SEED=S begins with seed S.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Base } from './base.ts';
import { damagedBy, tryImage } from './fuzz.ts';
import { collectGarbage } from './garbage.ts';
import { readEverything } from './walker.ts';
import { watch } from './watchdog.ts';

/** Sets of bases, each in a test file of its own: together they try F2FS_FUZZ images. */
const NR_SETS = 3;
const IMAGES = Number(process.env.F2FS_FUZZ ?? 10_000) / NR_SETS;
const FIRST_SEED = Number(process.env.F2FS_FUZZ_SEED ?? 1);
const BATCHES = 10;
const IMAGES_PER_GARBAGE = 100;
const TIMEOUT_MS = 3_600_000;
/** Images of which most must get past the mount, or the rest of the damage is never met. */
const SAMPLE = 200;

export function describeFuzz(title: string, basesOf: () => readonly Base[]): void {
  describe(`metadata damaged at random: ${title}`, () => {
    let bases: readonly Base[];
    let watchdog: ReturnType<typeof watch>;
    beforeAll(() => {
      bases = basesOf();
      watchdog = watch();
    });
    afterAll(() => watchdog.stop());

    test('most of the damage is past what a mount looks at, and is met', () => {
      let mounted = 0;
      let met = 0;
      for (let seed = FIRST_SEED; seed < FIRST_SEED + SAMPLE; seed++) {
        const { image } = damagedBy(seed, bases);
        const { failures } = readEverything(image.device(), { fileBytes: 4096, entries: 50 }, image.base);
        if (failures.every(({ path }) => path !== 'mount')) mounted++;
        if (failures.length > 0) met++;
      }
      expect(mounted).toBeGreaterThan(0.7 * SAMPLE);
      expect(met).toBeGreaterThan(0.25 * SAMPLE);
    });

    const perBatch = Math.ceil(IMAGES / BATCHES);
    test.each(Array.from({ length: BATCHES }, (_, batch) => FIRST_SEED + batch * perBatch))(
      'seeds from %i on',
      (first) => {
        for (let seed = first; seed < first + perBatch; seed++) {
          if (seed % IMAGES_PER_GARBAGE === 0) collectGarbage();
          tryImage(seed, bases);
        }
      },
      TIMEOUT_MS,
    );
  });
}
