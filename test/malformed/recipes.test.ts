// Each known kind of damage, done to a sound image: reading it says what is wrong and where, fast, and writing beside it spoils
// nothing that could be read.

import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { BLKSIZE } from '../../src/device/device.ts';
import { F2fsError } from '../../src/errors.ts';
import { BASE_NAMES, type BaseName, baseOf } from './base.ts';
import { DamagedImage } from './damaged-image.ts';
import { expectDiagnosis, expectNames, keepDiagnoses } from './diagnosis.ts';
import { collectGarbage } from './garbage.ts';
import type { Recipe } from './recipe.ts';
import { RECIPES, WRITING_RECIPES } from './recipes.ts';
import { type Failure, readEverything } from './walker.ts';
import { changeNear, writeBeside } from './writer.ts';

const LIMITS = {
  fileBytes: 256 << 10,
  probes: [850, 866, 882, 1000, 3000].map((page) => page * BLKSIZE),
  entries: 20_000,
};
const MAX_CPU_MS = 2000;
afterAll(keepDiagnoses);

let nrTests = 0;
afterEach(() => {
  if (++nrTests % 50 === 0) collectGarbage();
});

function summary(failures: readonly Failure[]): string[] {
  return failures.map(({ path, error }) => `${path}: ${error.code} ${error.message}`);
}

/** CPU milliseconds of this process. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function damagedBy({ base, damage }: Recipe): DamagedImage {
  const image = new DamagedImage(baseOf(base as BaseName));
  damage(image);
  return image;
}

describe.each(BASE_NAMES)('the sound image %s', (name) => {
  test('reads without a complaint, and is written without one', () => {
    const image = new DamagedImage(baseOf(name));
    const { failures, seen } = readEverything(image.device(), LIMITS, image.base);
    expect(summary(failures)).toEqual([]);
    expect(seen.size).toBeGreaterThan(300);
    const written = writeBeside(image, seen, LIMITS);
    expect(written.error).toBeNull();
    expect(written.spoilt).toEqual([]);
  });
});

test('no two recipes have one name, there are enough, and every diagnosis belongs to one', () => {
  expect(RECIPES.length).toBeGreaterThanOrEqual(300);
  expect(WRITING_RECIPES.length).toBeGreaterThanOrEqual(150);
  expectNames([...RECIPES, ...WRITING_RECIPES]);
});

const CLASSES = [...new Set(RECIPES.map((recipe) => recipe.class))];

describe.each(CLASSES)('%s', (kind) => {
  test.each(RECIPES.filter((recipe) => recipe.class === kind))('$base: $name', (recipe) => {
    const { touch, expect: expected } = recipe;
    const image = damagedBy(recipe);
    const start = cpuMs();
    const { failures, seen } = readEverything(image.device(), LIMITS, image.base);
    expect(cpuMs() - start).toBeLessThan(MAX_CPU_MS);
    for (const { error } of failures) expect(error.fault !== undefined, error.message).toBe(error.code === 'EUCLEAN');
    if (expected === 'readable') {
      expect(summary(failures.filter(({ path }) => path === touch || path === 'mount'))).toEqual([]);
    } else {
      const failure = failures.find(({ path, error }) => path === touch && error.code === expected);
      expect(failure, summary(failures).slice(0, 5).join('\n')).toBeDefined();
      expectDiagnosis(recipe, (failure as Failure).error);
    }
    const beside = writeBeside(image, seen, LIMITS);
    expect(beside.error === null || beside.error instanceof F2fsError).toBe(true);
    expect(beside.spoilt).toEqual([]);
    const near = changeNear(image, recipe, seen, LIMITS);
    expect(near.error === null || near.error instanceof F2fsError).toBe(true);
    expect(near.spoilt).toEqual([]);
    expect(cpuMs() - start).toBeLessThan(2 * MAX_CPU_MS);
  });
});
