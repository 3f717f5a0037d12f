// Makes src/format/casefold-table.ts: what F2FS folds names by, from the Unicode Character Database 12.1.0. Run it with tsx; a test holds
// the file against it. Foldings, ignorables and what was assigned come from a package of that version's data. Decompositions and combining
// classes are those of the Node.js at hand, which are the same for ever once a code point is assigned (Unicode's stability policies).
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ignorables from '@unicode/unicode-12.1.0/Binary_Property/Default_Ignorable_Code_Point/code-points.mjs';
import common from '@unicode/unicode-12.1.0/Case_Folding/C/code-points.mjs';
import full from '@unicode/unicode-12.1.0/Case_Folding/F/code-points.mjs';
import unassigned from '@unicode/unicode-12.1.0/General_Category/Unassigned/code-points.mjs';

const TABLE = join(import.meta.dirname, '../src/format/casefold-table.ts');
const LAST = 0x10ffff;
const [HANGUL_FIRST, HANGUL_LAST] = [0xac00, 0xd7a3];
/** Characters of a line of the table. */
const WIDTH = 120;

type Run = { start: number; count: number; step: number; target: readonly number[] };

const isUnassigned = new Uint8Array(LAST + 1);
for (const codePoint of unassigned) isUnassigned[codePoint] = 1;
const isIgnorable = new Set<number>(ignorables);

function isSurrogate(codePoint: number): boolean {
  return codePoint >= 0xd800 && codePoint <= 0xdfff;
}

function isHangul(codePoint: number): boolean {
  return codePoint >= HANGUL_FIRST && codePoint <= HANGUL_LAST;
}

function codePointsOf(text: string): number[] {
  return Array.from(text, (symbol) => symbol.codePointAt(0) as number);
}

function decomposed(codePoint: number): number[] {
  if (isUnassigned[codePoint] === 1) return [codePoint];
  return codePointsOf(String.fromCodePoint(codePoint).normalize('NFD'));
}

/** What a code point becomes, each part of which becomes nothing else. Source: nfdicf_decompose. */
function folded(codePoint: number): number[] {
  if (isIgnorable.has(codePoint)) return [];
  const to: number | readonly number[] | undefined = full.get(codePoint) ?? common.get(codePoint);
  const next = to === undefined ? decomposed(codePoint) : [to].flat();
  return next.length === 1 && next[0] === codePoint ? next : next.flatMap(folded);
}

/** Runs of code points that become others at the same distance, one by one or every second one; of nothing, or of several, one by one. */
function foldingRuns(): Run[] {
  const runs: Run[] = [];
  for (let codePoint = 0; codePoint <= LAST; codePoint++) {
    if (isSurrogate(codePoint) || isHangul(codePoint)) continue;
    const target = folded(codePoint);
    if (target.length === 1 && target[0] === codePoint) continue;
    const open = runs.slice(-2).find((run) => continues(run, codePoint, target));
    if (open === undefined) runs.push({ start: codePoint, count: 1, step: 1, target });
    else {
      open.step = (codePoint - open.start) / open.count;
      open.count++;
    }
  }
  return runs;
}

function continues({ start, count, step, target }: Run, codePoint: number, to: readonly number[]): boolean {
  if (to.length !== target.length || to.length > 1) return false;
  if (to.length === 1 && to[0] - codePoint !== target[0] - start) return false;
  return codePoint === start + step * count || (count === 1 && codePoint === start + 2);
}

/** Whether two marks change places in normal form: the first one's class is higher, and neither is 0. */
function changePlaces(first: string, second: string): boolean {
  const text = `a${first}${second}`;
  return text.normalize('NFD') !== text && first !== second;
}

/** Classes in their order, from 1 on: what they are called by does not matter. */
function classRuns(): { start: number; count: number; rank: number }[] {
  const lowest = '\u0334';
  const highest = '\u0345';
  const marks: number[] = [];
  for (let codePoint = 0; codePoint <= LAST; codePoint++) {
    if (isSurrogate(codePoint) || isUnassigned[codePoint] === 1 || decomposed(codePoint).length > 1) continue;
    if (decomposed(codePoint)[0] !== codePoint) continue;
    const mark = String.fromCodePoint(codePoint);
    if (changePlaces(mark, lowest) || changePlaces(highest, mark)) marks.push(codePoint);
    else if (mark === highest) marks.push(codePoint);
  }
  const classes: { mark: string; members: number[] }[] = [];
  for (const codePoint of marks) {
    const mark = String.fromCodePoint(codePoint);
    const at = classes.findIndex((one) => !changePlaces(mark, one.mark));
    if (at >= 0 && !changePlaces(classes[at].mark, mark)) classes[at].members.push(codePoint);
    else classes.splice(at < 0 ? classes.length : at, 0, { mark, members: [codePoint] });
  }
  const ranks = new Map(classes.flatMap(({ members }, i) => members.map((codePoint) => [codePoint, i + 1] as const)));
  const runs: { start: number; count: number; rank: number }[] = [];
  for (const [codePoint, rank] of [...ranks].sort(([a], [b]) => a - b)) {
    const last = runs.at(-1);
    if (last !== undefined && last.rank === rank && last.start + last.count === codePoint) last.count++;
    else runs.push({ start: codePoint, count: 1, rank });
  }
  return runs;
}

const inBase36 = (number: number) => number.toString(36);

/** Each start as its distance from the one before. */
function spelt<T extends { start: number }>(runs: readonly T[], rest: (run: T) => string): string[] {
  return runs.map((run, i) => `${inBase36(run.start - (i === 0 ? 0 : runs[i - 1].start))}${rest(run)}`);
}

function literal(name: string, comment: string, items: readonly string[]): string {
  const lines = [''];
  for (const item of items) {
    if (lines[lines.length - 1].length + item.length >= WIDTH - 6) lines.push('');
    lines[lines.length - 1] += `${item} `;
  }
  lines[lines.length - 1] = lines[lines.length - 1].trimEnd();
  return `/** ${comment} */\nexport const ${name} =\n${lines.map((line) => `  '${line}'`).join(' +\n')};\n`;
}

/** The text of the module. */
export function casefoldTable(): string {
  const foldings = spelt(foldingRuns(), ({ count, step, target }) => {
    const run = count === 1 ? '' : step === 1 ? `.${inBase36(count)}` : `.${inBase36(count)}.${inBase36(step)}`;
    return `${run}:${target.map(inBase36).join(',')}`;
  });
  const classes = spelt(
    classRuns(),
    ({ count, rank }) => `${count === 1 ? '' : `.${inBase36(count)}`}:${inBase36(rank)}`,
  );
  return `// Made by tools/casefold-table.ts from the Unicode Character Database 12.1.0, copyright 1991-2019 Unicode, Inc., which may be used under
// https://www.unicode.org/license.txt. All numbers are to base 36.
${literal('FOLDINGS', 'Of code points: distance from the start before[.count[.step]]:what the first becomes; the others likewise, as far away.', foldings)}
${literal('COMBINING_CLASSES', 'Of code points: distance from the start before[.count]:class, by its place among all classes but 0.', classes)}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(TABLE, casefoldTable());
