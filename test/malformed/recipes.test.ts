// Each known kind of damage, done to a sound image: reading it says what is wrong, fast, and writing beside it spoils
// nothing that could be read.
import { describe, expect, test } from 'vitest';
import { F2fsError } from '../../src/errors.ts';
import { BASE_NAMES, baseOf } from './base.ts';
import { DamagedImage } from './damaged-image.ts';
import { RECIPES } from './recipes.ts';
import { type Failure, readEverything } from './walker.ts';
import { writeBeside } from './writer.ts';

const LIMITS = { fileBytes: 12 << 20, entries: 20_000 };
const MAX_MS = 2000;

function summary(failures: readonly Failure[]): string[] {
  return failures.map(({ path, error }) => `${path}: ${error.code} ${error.message}`);
}

function isPlaced({ ino, nid, blkaddr, segno }: F2fsError): boolean {
  return [ino, nid, blkaddr, segno].some((value) => value !== undefined);
}

describe.each(BASE_NAMES)('the sound image %s', (name) => {
  test('reads without a complaint, and is written without one', () => {
    const image = new DamagedImage(baseOf(name));
    const { failures, seen } = readEverything(image.device(), LIMITS);
    expect(summary(failures)).toEqual([]);
    expect(seen.size).toBeGreaterThan(300);
    const written = writeBeside(image.device(), seen, LIMITS);
    expect(written.error).toBeNull();
    expect(written.spoilt).toEqual([]);
  });
});

test('no two recipes have one name, and there are enough', () => {
  const names = RECIPES.map((recipe) => `${recipe.class}/${recipe.base}/${recipe.name}`);
  expect(new Set(names).size).toBe(names.length);
  expect(names.length).toBeGreaterThanOrEqual(120);
});

const CLASSES = [...new Set(RECIPES.map((recipe) => recipe.class))];

describe.each(CLASSES)('%s', (kind) => {
  test.each(RECIPES.filter((recipe) => recipe.class === kind))(
    '$base: $name',
    ({ base, damage, touch, expect: expected }) => {
      const image = new DamagedImage(baseOf(base));
      damage(image);
      const start = performance.now();
      const { failures, seen } = readEverything(image.device(), LIMITS);
      expect(performance.now() - start).toBeLessThan(MAX_MS);
      const atTouch = failures.filter(({ path }) => path === touch);
      if (expected === 'readable') {
        expect(summary(failures.filter(({ path }) => path === touch || path === 'mount'))).toEqual([]);
      } else {
        expect(
          atTouch.map(({ error }) => error.code),
          summary(failures).slice(0, 5).join('\n'),
        ).toContain(expected);
        for (const { path, error } of atTouch) if (path !== 'mount') expect(isPlaced(error), error.message).toBe(true);
      }
      const written = writeBeside(image.device(), seen, LIMITS);
      expect(written.error === null || written.error instanceof F2fsError).toBe(true);
      expect(written.spoilt).toEqual([]);
      expect(performance.now() - start).toBeLessThan(2 * MAX_MS);
    },
  );
});
