// On a terminal, work that takes long says how far it is, in one line that is gone before anything else is printed; elsewhere nothing.
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { build, mount, openFileDevice } from '../../src/index.ts';
import { imageDirectory } from '../device/temporary.ts';
import { f2fs } from './command.ts';

const DIRECTORIES = 60;
const FILES = 100;
const ERASE = '\r\u001b[K';
const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

const temporary = imageDirectory();
const image = temporary.file('many.img');
const tree = temporary.file('tree');
const paths = Array.from({ length: DIRECTORIES * FILES }, (_, i) => `/d${Math.floor(i / FILES)}/f${i}`);
const directories = Array.from({ length: DIRECTORIES }, (_, d) => `/d${d}`);
const hasTerminals = spawnSync('script', ['-qec', 'true', '/dev/null'], { stdio: 'ignore' }).status === 0;

beforeAll(async () => {
  for (let d = 0; d < DIRECTORIES; d++) {
    fs.mkdirSync(`${tree}/d${d}`, { recursive: true });
    for (let f = 0; f < FILES; f++) fs.writeFileSync(`${tree}/d${d}/f${d * FILES + f}`, 'contents');
  }
  await build(tree, image, { size: 128 * 2 ** 20 });
});
afterAll(() => temporary.remove());

/** A copy of the image, to be changed. */
function copied(name: string): string {
  const copy = temporary.file(`${name}.img`);
  fs.copyFileSync(image, copy);
  return copy;
}

/** One in which every other file is removed. */
function withHalf(name: string): string {
  const copy = copied(name);
  const device = openFileDevice(copy, { writable: true });
  const volume = mount(device, { cleaning: false });
  for (const path of paths.filter((_, i) => i % 2 === 0)) volume.unlink(path);
  volume.close();
  device.close();
  return copy;
}

/** What the command says on a terminal. */
function onTerminal(args: readonly string[], env: NodeJS.ProcessEnv = {}): { code: number | null; said: string } {
  const quoted = [process.execPath, '--import', TSX, MAIN, ...args].map((arg) => `'${arg}'`).join(' ');
  const { status, stdout } = spawnSync('script', ['-qec', quoted, '/dev/null'], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, TERM: 'xterm', NO_COLOR: '', SOURCE_DATE_EPOCH: '', ...env },
  });
  return { code: status, said: stdout };
}

describe.skipIf(!hasTerminals)('on a terminal', () => {
  const shown: [string, RegExp, () => string[]][] = [
    [
      'build',
      /scanning: \d+ entr.*\d+% {2}\d+\/6060 entries {2}.* of 46\.9 KiB/s,
      () => [tree, temporary.file('built.img')],
    ],
    ['put', /\d+% {2}\d+\/6060 entries {2}.* of 46\.9 KiB {2}d\d+/, () => [copied('put'), tree, '/new']],
    ['extract', /[ \d]\d% {2}\d+ entries {2}/, () => [image, temporary.file('out')]],
    ['rm', /\d+ removed {2}\/d\d+/, () => ['-r', copied('rm'), ...directories]],
    ['chmod', /\d+ entries {2}\/d\d+/, () => ['-R', copied('chmod'), 'u+x', '/']],
    ['chown', /\d+ entries {2}\/d\d+/, () => ['-R', copied('chown'), '1:1', '/']],
    ['chattr', /\d+ entries {2}\/d\d+/, () => ['-R', copied('chattr'), '+d', '/']],
    [
      'setfattr',
      /\d+% {2}\d+\/3000 {2}\/d\d+\/f\d+/,
      () => ['-n', 'user.x', copied('setfattr'), ...paths.slice(0, 3000)],
    ],
    ['mv', /\d+% {2}\d+\/3000 {2}\/d\d+\/f\d+/, () => [copied('mv'), ...paths.slice(0, 3000), '/d59']],
    ['clean', /\d+ sections? emptied {2}\d+ blocks? moved/, () => ['--sections', '24', withHalf('clean')]],
  ];

  it.each(shown)('%s says how far it is', (command, line, args) => {
    const { code, said } = onTerminal([command, ...args()]);
    expect(said).toMatch(line);
    expect(code).toBe(0);
    // What comes behind the last line of progress begins where that stood.
    expect(said.slice(said.lastIndexOf(ERASE) + ERASE.length)).not.toMatch(
      /\d entries {2}|\d removed {2}|\d%|\d sections? emptied/,
    );
  });

  it('its line is gone before an error is told', () => {
    const { code, said } = onTerminal(['rm', '-r', copied('error'), ...directories, '/missing']);
    expect(code).toBe(1);
    expect(said).toMatch(/\d+ removed {2}\/d\d+/);
    expect(said.split(ERASE).at(-1)).toMatch(/^f2fs: rm: \/missing: .*\(ENOENT\)\r\n$/);
  });

  it('nothing with --quiet, or on a terminal that is dumb', () => {
    for (const [args, env] of [
      [['chmod', '--quiet', '-R', copied('quiet'), 'u+x', '/'], {}],
      [['chmod', '-R', copied('dumb'), 'u+x', '/'], { TERM: 'dumb' }],
    ] as const) {
      expect(onTerminal(args, env)).toEqual({ code: 0, said: '' });
    }
  });

  it('no escape sequences where NO_COLOR is set', () => {
    const { code, said } = onTerminal(['chmod', '-R', copied('plain'), 'u+x', '/'], { NO_COLOR: '1' });
    expect(code).toBe(0);
    expect(said).toMatch(/\d+ entries {2}\//);
    expect(said).not.toContain('\u001b');
    expect(said).toMatch(/\r +\r$/);
  });
});

it('nothing where standard error is no terminal', async () => {
  const { code, stderr } = await f2fs(['chmod', '-R', copied('pipe'), 'u+x', '/']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});
