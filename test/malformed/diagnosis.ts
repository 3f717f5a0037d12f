// What each recipe must be told as stands in diagnoses.json: the code, what the error names, and the kind of fault. With
// F2FS_DIAGNOSES=write the tests note there what they find instead, to be read before it is kept.
import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { F2fsError } from '../../src/errors.ts';
import type { Recipe } from './recipe.ts';

const FILE = new URL('diagnoses.json', import.meta.url);
const WRITES = process.env.F2FS_DIAGNOSES === 'write';

const diagnoses: Record<string, string> = JSON.parse(readFileSync(FILE, 'utf8'));

function keyOf(recipe: Recipe): string {
  return `${recipe.class}/${recipe.base}/${recipe.name}`;
}

/** An error as a diagnosis: where it was met, its code, what it names, and the fault of a damaged image. */
function diagnosisOf(touch: string, error: F2fsError): string {
  const places = (['ino', 'nid', 'blkaddr', 'segno'] as const).filter((place) => error[place] !== undefined);
  const where = places.length > 0 ? ` (${places.join(', ')})` : '';
  return `${touch}: ${error.code}${where}${error.fault === undefined ? '' : ` ${error.fault}`}`;
}

/** Holds an error against the diagnosis of the recipe that led to it. */
export function expectDiagnosis(recipe: Recipe, error: F2fsError): void {
  const diagnosis = diagnosisOf(recipe.touch, error);
  if (WRITES) diagnoses[keyOf(recipe)] = diagnosis;
  else expect(diagnosis).toBe(diagnoses[keyOf(recipe)]);
  expect(error.fault !== undefined).toBe(error.code === 'EUCLEAN');
  // All but the errors of a mount name an inode, node, block or segment.
  if (recipe.touch !== 'mount') expect(diagnosis).toMatch(/ \((ino|nid|blkaddr|segno)/);
}

/** No two recipes may have one name, and each diagnosis must belong to one. */
export function expectNames(recipes: readonly Recipe[]): void {
  const names = new Set(recipes.map(keyOf));
  expect(names.size).toBe(recipes.length);
  const failing = recipes.filter(({ expect: expected }) => /^E[A-Z]+$/.test(expected)).map(keyOf);
  expect(Object.keys(diagnoses).sort()).toEqual(failing.sort());
}

/** To be called at the end of a file of tests. */
export function keepDiagnoses(): void {
  if (!WRITES) return;
  const now = JSON.parse(readFileSync(FILE, 'utf8')) as Record<string, string>;
  writeFileSync(FILE, `${JSON.stringify({ ...now, ...diagnoses }, null, 2)}\n`);
}
