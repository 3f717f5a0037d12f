// Standard output that takes nothing, and standard input that is closed: neither passes for a command that did what it was asked.
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeProgram } from '../../src/cli/program.ts';
import { imageDirectory } from '../device/temporary.ts';
import { expectPlain } from '../messages.ts';
import { makeImage } from './command.ts';
import { f2fsHere } from './in-process.ts';

const MAIN = resolve(import.meta.dirname, '../../dist/cli/main.js');
const temporary = imageDirectory();
afterAll(() => temporary.remove());
const image = temporary.file('disk.img');
const source = temporary.file('source');
beforeAll(() => {
  fs.mkdirSync(source);
  fs.writeFileSync(`${source}/file`, 'contents');
  makeImage(image, (volume) => {
    volume.writeFile('/file', 'contents');
    volume.setXattr('/file', 'user.note', Buffer.from('kept'));
  });
});

let nrNew = 0;
const fresh = () => temporary.file(`fresh-${nrNew++}`);

/** The command with its streams as a shell makes them by `redirection`. */
function f2fsWith(redirection: string, args: readonly string[]) {
  return spawnSync('sh', ['-c', `"$0" "$@" ${redirection}`, process.execPath, MAIN, ...args], { encoding: 'utf8' });
}

/** What prints, by command. */
const PRINTING: Readonly<Record<string, () => string[]>> = {
  mkfs: () => ['mkfs', fresh(), '--size', '64M'],
  build: () => ['build', source, fresh()],
  ls: () => ['ls', image],
  stat: () => ['stat', image, '/file'],
  cat: () => ['cat', image, '/file'],
  getfattr: () => ['getfattr', '-d', image, '/file'],
  info: () => ['info', image],
  extract: () => ['extract', '--no-owner', image, fresh()],
  put: () => ['put', image, `${source}/file`, '/put'],
  clean: () => ['clean', image],
  bench: () => ['bench', fresh(), '--workloads', 'seq-write', '--size', '4K', '--repeat', '1', '--compress', 'none'],
  completion: () => ['completion', 'bash'],
};
const SILENT = [
  'mkdir',
  'rm',
  'mv',
  'ln',
  'chmod',
  'chown',
  'chattr',
  'setfattr',
  'truncate',
  'fallocate',
  'mkswap',
  'verity',
];
/** What makes or changes something says that this lasts. */
const MAKING = ['mkfs', 'build', 'extract', 'put', 'clean'];
const JSON_TOO = ['mkfs', 'build', 'ls', 'stat', 'info', 'extract', 'put', 'clean', 'bench'];

it('every command is known to print, or not to', () => {
  const names = makeProgram(() => Promise.resolve()).commands.map((command) => command.name());
  expect([...Object.keys(PRINTING), ...SILENT].sort()).toEqual(names.sort());
});

describe.runIf(fs.existsSync('/dev/full'))('what can not be printed ends with code 1 and one line', () => {
  it.each<[name: string, args: () => string[]]>([
    ...Object.entries(PRINTING),
    ...JSON_TOO.map((name): [string, () => string[]] => [`${name} --json`, () => [...PRINTING[name](), '--json']]),
    ['--version', () => ['--version']],
    ['--help', () => ['--help']],
    ['the help of a command', () => ['ls', '--help']],
    ['help of', () => ['help', 'ls']],
  ])('%s', (_, args) => {
    const { status, stderr } = f2fsWith('> /dev/full', args());
    const lines = stderr.trimEnd().split('\n');
    expect(lines.at(-1)).toMatch(/^f2fs: (\w+: )?cannot write to standard output: no space left on device \(ENOSPC\)/);
    expect({ status, lines: lines.length }).toEqual({ status: 1, lines: 1 });
    if (MAKING.includes(args()[0])) expect(stderr).toMatch(/; .* (is|has) .*: only the report of it is missing\n$/);
    expectPlain(stderr);
  });
});

it.each(MAKING.filter((name) => name !== 'mkfs'))('%s --quiet prints nothing', async (name) => {
  const [command, ...args] = PRINTING[name]();
  expect(await f2fsHere(command, '--quiet', ...args)).toEqual({ code: 0, stdout: '', stderr: '' });
});

it('a reader that went away ends help and version as it ends commands', () => {
  for (const args of ['--version', '--help', `ls ${image}`]) {
    const script = `{ sleep 1; "$0" "$1" ${args}; echo $? >&2; } | true`;
    const { stderr } = spawnSync('sh', ['-c', script, process.execPath, MAIN], { encoding: 'utf8' });
    expect({ args, stderr }).toEqual({ args, stderr: '141\n' });
  }
});

describe.skipIf(process.platform === 'win32')('standard input that is closed is no empty file', () => {
  it.each<[name: string, args: readonly string[]]>([
    ['put', ['put', image, '-', '/file']],
    ['put --in-steps', ['put', '--in-steps', image, '-', '/file']],
    ['put beside others', ['put', image, `${source}/file`, '-', '/none']],
    ['setfattr', ['setfattr', '--restore', '-', image]],
  ])('%s', async (_, args) => {
    for (const redirection of ['<&-', '<> /dev/null']) {
      const { status, stdout, stderr } = f2fsWith(redirection, args);
      expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
      expect(stderr).toMatch(
        /^f2fs: \w+: standard input is closed, .*'< \/dev\/null' stands for an empty file \(EBADF\)\n$/,
      );
      expectPlain(stderr);
    }
    expect((await f2fsHere('cat', image, '/file')).stdout).toBe('contents');
  });

  it('/dev/null is one', async () => {
    expect(f2fsWith('< /dev/null', ['put', '--quiet', image, '-', '/empty'])).toMatchObject({ status: 0, stderr: '' });
    expect(f2fsWith('< /dev/null', ['setfattr', '--restore', '-', image])).toMatchObject({ status: 0, stderr: '' });
    expect(JSON.parse((await f2fsHere('stat', '--json', image, '/empty')).stdout)).toMatchObject({ size: 0 });
  });

  it('what is not read may be closed', () => {
    expect(f2fsWith('<&-', ['put', '--quiet', image, `${source}/file`, '/file'])).toMatchObject({
      status: 0,
      stderr: '',
    });
  });
});
