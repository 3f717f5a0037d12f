// The command: npm run build && npm run bench [-- CASE...]
// Exit codes: 0 everything ran, whatever the figures; 1 something failed to run; 2 called in the wrong way.
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { codecsCase } from './bench/cases/codecs.ts';
import { compressCase } from './bench/cases/compress.ts';
import { engineCase } from './bench/cases/engine.ts';
import { fileCase } from './bench/cases/file.ts';
import { mkfsCase } from './bench/cases/mkfs.ts';
import { mountCase } from './bench/cases/mount.ts';
import { namesCase } from './bench/cases/names.ts';
import { treeCase } from './bench/cases/tree.ts';
import { writeCase } from './bench/cases/write.ts';
import type { Case, Context } from './bench/contest.ts';
import { type Figure, tableOf } from './bench/figure.ts';
import { machineOf, machineText } from './bench/machine.ts';
import { Workspace } from './bench/workspace.ts';

const CASES: readonly Case[] = [
  treeCase,
  fileCase,
  mkfsCase,
  mountCase,
  namesCase,
  engineCase,
  writeCase,
  codecsCase,
  compressCase,
];

const usage = `npm run bench                            every case
npm run bench -- tree mkfs --runs 9      two of them, 9 runs each
npm run bench -- --quick                 all of them on small inputs: proves that they run, and nothing else

usage: bench [CASE...] [options]
${CASES.map(({ name, summary }) => `  ${name.padEnd(8)} ${summary}`).join('\n')}
  --runs N        measured runs of each contestant (5, quick: 1)
  --slow-runs N   of those that take tens of seconds: sload.f2fs, a million names (1)
  --tree DIR      the directory that the case tree builds (/usr/share)
  --big           the case file with 8 GiB too, for its memory
  --quick         small inputs
  --dir DIR       where images go (the system's temporary directory)
  --dist DIR      the compiled package to measure (dist)
  --json FILE     write everything that was measured, - for stdout instead of the table

Run npm run build first, and tools/setup.sh --bench for the peers. Our side is the compiled command, Node's start included.`;

class UsageError extends Error {}

interface Settings extends Pick<Context, 'runs' | 'slowRuns' | 'quick' | 'big' | 'tree' | 'dist'> {
  cases: readonly Case[];
  dir: string;
  json: string | null;
}

function settingsOf(): Settings | null {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      runs: { type: 'string' },
      'slow-runs': { type: 'string' },
      tree: { type: 'string' },
      big: { type: 'boolean' },
      quick: { type: 'boolean' },
      dir: { type: 'string' },
      dist: { type: 'string' },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return null;
  const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
  const quick = values.quick === true;
  const runs = countOf('--runs', values.runs ?? (quick ? '1' : '5'));
  return {
    cases: positionals.length === 0 ? CASES : positionals.map(caseOf),
    runs,
    slowRuns: Math.min(runs, countOf('--slow-runs', values['slow-runs'] ?? '1')),
    quick,
    big: values.big === true,
    tree: values.tree === undefined ? null : path.resolve(values.tree),
    dir: values.dir ?? os.tmpdir(),
    dist: path.resolve(values.dist ?? path.join(root, 'dist')),
    json: values.json ?? null,
  };
}

function countOf(option: string, text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new UsageError(`${option} is '${text}': it must be a whole number from 1 to 9999`);
}

function caseOf(name: string): Case {
  const found = CASES.find((one) => one.name === name);
  if (found !== undefined) return found;
  throw new UsageError(`no case is named '${name}'; there are ${CASES.map((one) => one.name).join(', ')}`);
}

interface CaseReport {
  name: string;
  notes: string[];
  failures: string[];
  figures: Figure[];
}

async function runCase(one: Case, settings: Settings, workspace: Workspace): Promise<CaseReport> {
  const report: CaseReport = { name: one.name, notes: [], failures: [], figures: [] };
  const context: Context = {
    ...settings,
    workspace,
    f2fs: [process.execPath, path.join(settings.dist, 'cli', 'main.js')],
    note: (text) => void report.notes.push(text),
    failed: (text) => void report.failures.push(text),
  };
  try {
    report.figures = await one.run(context);
  } catch (error) {
    context.failed(error instanceof Error ? error.message : String(error));
  }
  return report;
}

async function main(): Promise<number> {
  const settings = settingsOf();
  if (settings === null) {
    process.stderr.write(`${usage}\n`);
    return 0;
  }
  const { dist, dir, runs, quick, json } = settings;
  if (!fs.existsSync(path.join(dist, 'cli', 'main.js'))) {
    throw new Error(`${dist} has no cli/main.js: run npm run build first`);
  }
  if (!fs.existsSync(dir)) throw new UsageError(`${dir} does not exist`);
  const machine = machineOf(dir);
  const say = (text: string) => void (json === '-' ? process.stderr : process.stdout).write(`${text}\n`);
  say(machineText(machine));
  say(`medians of ${runs} runs (least to greatest) after one that does not count, ours and peers in turn`);
  if (quick) say('QUICK: small inputs, where starting Node is most of the time; the verdicts mean nothing');
  const workspace = new Workspace(dir);
  const reports: CaseReport[] = [];
  for (const one of settings.cases) {
    process.stderr.write(`bench: ${one.name}\n`);
    const report = await runCase(one, settings, workspace);
    reports.push(report);
    say(`\n${one.name}: ${one.summary}`);
    for (const note of report.notes) say(`  ${note}`);
    for (const failure of report.failures) say(`  FAILED ${failure}`);
    if (report.figures.length > 0) say(tableOf(report.figures));
  }
  workspace.close();
  if (json !== null) {
    const text = `${JSON.stringify({ machine, runs, slowRuns: settings.slowRuns, quick, cases: reports }, null, 2)}\n`;
    if (json === '-') process.stdout.write(text);
    else fs.writeFileSync(json, text);
  }
  return reports.some(({ failures }) => failures.length > 0) ? 1 : 0;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    const wrongCall = error instanceof UsageError || (error instanceof TypeError && 'code' in error);
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = wrongCall ? 2 : 1;
  },
);
