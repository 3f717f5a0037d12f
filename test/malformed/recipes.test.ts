// Each known kind of damage, done to a sound image: reading it says what is wrong and where, fast, and writing beside it spoils
// nothing that could be read. What each recipe must be told as stands in diagnoses.json, its numbers left out;
// F2FS_DIAGNOSES=write writes that file anew, to be read before it is kept.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { F2fsError } from '../../src/errors.ts';
import { BLKSIZE } from '../../src/format/constants.ts';
import { BASE_NAMES, baseOf } from './base.ts';
import { DamagedImage } from './damaged-image.ts';
import type { Recipe } from './recipe.ts';
import { RECIPES } from './recipes.ts';
import { type Failure, readEverything } from './walker.ts';
import { changeNear, writeBeside } from './writer.ts';

const LIMITS = {
  fileBytes: 256 << 10,
  probes: [850, 866, 882, 1000, 3000].map((page) => page * BLKSIZE),
  entries: 20_000,
};
const MAX_CPU_MS = 2000;
const FILE = new URL('diagnoses.json', import.meta.url);
const WRITES = process.env.F2FS_DIAGNOSES === 'write';

const diagnoses: Record<string, string> = existsSync(FILE) && !WRITES ? JSON.parse(readFileSync(FILE, 'utf8')) : {};

afterAll(() => {
  if (WRITES) writeFileSync(FILE, `${JSON.stringify(diagnoses, null, 2)}\n`);
});

function keyOf(recipe: Recipe): string {
  return `${recipe.class}/${recipe.base}/${recipe.name}`;
}

function summary(failures: readonly Failure[]): string[] {
  return failures.map(({ path, error }) => `${path}: ${error.code} ${error.message}`);
}

/** An error as a diagnosis: where it was met, its code, what it names, and what it says without its numbers. */
function diagnosisOf({ path, error }: Failure): string {
  const places = (['ino', 'nid', 'blkaddr', 'segno'] as const).filter((place) => error[place] !== undefined);
  const words = error.message.split('; nor ')[0].replace(/\b(0x[0-9a-f]+|\d+)\b/g, '#');
  return `${path}: ${error.code}${places.length > 0 ? ` (${places.join(', ')})` : ''} ${words}`;
}

/** CPU milliseconds of this process. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function damagedBy({ base, damage }: Recipe): DamagedImage {
  const image = new DamagedImage(baseOf(base));
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
  const names = RECIPES.map(keyOf);
  expect(new Set(names).size).toBe(names.length);
  expect(names.length).toBeGreaterThanOrEqual(300);
  expect(Object.keys(diagnoses).filter((name) => !names.includes(name))).toEqual([]);
});

const CLASSES = [...new Set(RECIPES.map((recipe) => recipe.class))];

describe.each(CLASSES)('%s', (kind) => {
  test.each(RECIPES.filter((recipe) => recipe.class === kind))('$base: $name', (recipe) => {
    const { touch, expect: expected } = recipe;
    const image = damagedBy(recipe);
    const start = cpuMs();
    const { failures, seen } = readEverything(image.device(), LIMITS, image.base);
    expect(cpuMs() - start).toBeLessThan(MAX_CPU_MS);
    if (expected === 'readable') {
      expect(summary(failures.filter(({ path }) => path === touch || path === 'mount'))).toEqual([]);
    } else {
      const failure = failures.find(({ path, error }) => path === touch && error.code === expected);
      expect(failure, summary(failures).slice(0, 5).join('\n')).toBeDefined();
      const diagnosis = diagnosisOf(failure as Failure);
      if (WRITES) diagnoses[keyOf(recipe)] = diagnosis;
      else expect(diagnosis).toBe(diagnoses[keyOf(recipe)]);
      // A path's error names the inode, node or block.
      if (touch !== 'mount') expect(diagnosis).toMatch(/ \((ino|nid|blkaddr|segno)/);
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
