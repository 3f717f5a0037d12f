// docs/BENCHMARKS.md is true: it has every workload, column and case that there is, and no other.
import * as fs from 'node:fs';
import * as path from 'node:path';
import { expect, it } from 'vitest';
import { FIGURES } from '../../src/bench/measure.ts';
import { WORKLOAD_NAMES } from '../../src/bench/workload-names.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const page = fs.readFileSync(path.join(ROOT, 'docs/BENCHMARKS.md'), 'utf8');

/** The first cells of the table whose heading begins with `heading`. */
function firstCells(heading: string): string[] {
  const rows = page
    .slice(page.indexOf(`\n| ${heading} |`) + 1)
    .split('\n')
    .slice(2);
  return rows.slice(0, rows.indexOf('')).map((row) => row.split('|')[1].trim());
}

it('workloads', () => {
  expect(firstCells('workload').sort()).toEqual([...WORKLOAD_NAMES].sort());
});

it('columns', () => {
  const [range, ...columns] = firstCells('column').flatMap((cell) => cell.split(', '));
  expect(range).toBe('range');
  const headings = Object.values(FIGURES).map(({ heading }) => heading);
  expect(columns).toEqual(headings);
});

it('cases', () => {
  const cases = fs.readdirSync(path.join(ROOT, 'tools/bench/cases')).map((file) => path.basename(file, '.ts'));
  expect(firstCells('case').sort()).toEqual(cases.sort());
});
