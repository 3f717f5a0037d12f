// The examples of README.md: run in order in a new directory, as a reader who pastes them would, they print what is shown there.
// What depends on when they run is made alike: uuids, durations, and times that no example sets.
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { EXIT_CODES, makeProgram } from '../../src/cli/program.ts';
import { imageDirectory } from '../device/temporary.ts';
import { type Block, commandsOf, README, readmeBlocks, type Shown } from './readme.ts';

const PACKAGE = path.resolve(import.meta.dirname, '../..');
const MAIN = path.join(PACKAGE, 'dist/cli/main.js');
/** That of the tree of the examples. */
const SET_TIME = '2026-01-31T12:00:00';

const temporary = imageDirectory();
afterAll(temporary.remove);
const place = temporary.file('reader');
const blocks = readmeBlocks();
const isShell = ({ language }: Block) => language === 'console' || language === 'sh';
const shown = blocks.filter((block) => isShell(block) && block.notRun === null).flatMap(commandsOf);

function alike(text: string): string {
  return text
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UUID')
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{9})?Z/g, (time) => (time.startsWith(SET_TIME) ? time : 'TIME'))
    .replace(/^(time +)[\d.]+ s$/gm, '$1SECONDS');
}

/** Runs the commands in one shell; output and exit code of each. */
function runAll(commands: readonly Shown[]): { output: string; code: number }[] {
  const bin = temporary.file('bin');
  fs.mkdirSync(bin);
  fs.writeFileSync(`${bin}/f2fs`, `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`, { mode: 0o755 });
  const mark = '\u001e';
  const script = commands.map(({ command }) => `${command}\nprintf '${mark}%s\\n' $?\n`);
  const { SOURCE_DATE_EPOCH, F2FS_DEBUG, ...env } = process.env;
  const { stdout, stderr, error } = spawnSync('bash', ['-c', `exec 2>&1; umask 022\n${script.join('')}`], {
    cwd: place,
    encoding: 'utf8',
    env: { ...env, PATH: `${bin}:${env['PATH']}`, NO_COLOR: '1', LC_ALL: 'C.UTF-8' },
    timeout: 300_000,
  });
  expect(error).toBeUndefined();
  expect(stderr).toBe('');
  const parts = stdout.split(new RegExp(`${mark}(\\d+)\\n`));
  return commands.map((_, i) => ({ output: parts[2 * i], code: Number(parts[2 * i + 1]) }));
}

let ran: { output: string; code: number }[] = [];

beforeAll(() => {
  fs.mkdirSync(place);
  expect(fs.existsSync(MAIN), 'npm run build comes first').toBe(true);
  ran = runAll(shown);
});

it('every block of commands is run, or says why it is not', () => {
  for (const { line, language, notRun, text } of blocks) {
    expect(['console', 'sh', 'ts', 'text'], `line ${line}`).toContain(language);
    expect(notRun === null || notRun.length > 10, `line ${line}`).toBe(true);
    if (language === 'console') expect(text, `line ${line}`).toMatch(/^\$ /);
  }
  expect(shown.length).toBeGreaterThan(20);
});

it.each(shown.map((one, i) => ({ ...one, i })))('line $line: $command', ({ i, output }) => {
  expect(ran[i].code, ran[i].output).toBe(0);
  expect(alike(ran[i].output)).toBe(alike(output ?? ''));
});

const BENCHMARKS = path.join(PACKAGE, 'docs/BENCHMARKS.md');
const unrun = [...blocks, ...readmeBlocks(BENCHMARKS)]
  .filter((block) => isShell(block) && block.notRun !== null)
  .flatMap(commandsOf)
  .filter(({ command }) => command.startsWith('f2fs '));

it.each(unrun)('line $line is a command that there is: $command', async ({ command }) => {
  const called: string[] = [];
  await makeProgram(async (name) => {
    called.push(name);
  }).parseAsync(command.split(' ').slice(1), { from: 'user' });
  expect(called).toHaveLength(1);
});

const programs = blocks.flatMap((block, i) => (block.language === 'ts' ? [{ ...block, expected: blocks[i + 1] }] : []));

it.each(programs)('the program of line $line prints what is shown', ({ line, text, expected }) => {
  const modules = `${place}/node_modules`;
  fs.mkdirSync(modules, { recursive: true });
  if (!fs.existsSync(`${modules}/f2fs`)) fs.symlinkSync(PACKAGE, `${modules}/f2fs`);
  const options = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext };
  fs.writeFileSync(`${place}/line-${line}.mjs`, ts.transpileModule(text, { compilerOptions: options }).outputText);
  const said = spawnSync(process.execPath, [`line-${line}.mjs`], { cwd: place, encoding: 'utf8' });
  expect(said).toMatchObject({ status: 0, stderr: '' });
  expect(expected.language).toBe('text');
  expect(said.stdout).toBe(expected.text);
});

it('names every command and every exit code', () => {
  const text = fs.readFileSync(README, 'utf8');
  const headings = text.split('\n').filter((line) => line.startsWith('#'));
  for (const command of makeProgram(() => Promise.resolve()).commands) {
    const name = command.name();
    const isNamed = text.includes(`f2fs ${name} `) || headings.some((line) => line.split(/[ ,:]+/).includes(name));
    expect(isNamed, name).toBe(true);
  }
  for (const [code] of EXIT_CODES) expect(text).toMatch(new RegExp(`^\\| [\\d, ]*${code}[\\d, ]* \\|`, 'm'));
});
