// A signal ends every command soon, at any time, and the image is as it was: on a host whose calls are slow, no more than a few are
// made after it. Commands that make nothing they would clean up are ended by the signal itself.
import { type SpawnOptions, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeProgram } from '../../src/cli/program.ts';
import { build, DEFAULT_FEATURES, mount, openFileDevice } from '../../src/index.ts';
import { imageDirectory, run } from '../device/temporary.ts';
import { slowHost } from './slow-host.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const MIB = 2 ** 20;
/** Milliseconds that a call takes. */
const SLOW_MS = 10;
/** Calls after the signal: those of 50 ms, in which nothing is heard; those of a step; those that clean up. */
const MOST_AFTER = 24;
/** When the signal comes: after this part of all calls. */
const MOMENTS = [0.1, 0.6, 1];

const temporary = imageDirectory();
afterAll(temporary.remove);
const tree = temporary.file('tree');
const image = temporary.file('image');

/** The command line, and the host's calls that it must take at least: it is not over before a signal could come. */
interface Case {
  args: (image: string) => string[];
  calls: number;
  /** Standard input. */
  input?: string;
  /** Calls after the signal, where the end of a command is done in one go. */
  most?: number;
}

let nrOuts = 0;
const out = () => temporary.file(`out-${nrOuts++}`);

/** A random one would make each run another volume. */
const UUID = '3e9c1fd4-1111-4222-8333-444455556666';

const CASES: Readonly<Record<string, readonly Case[]>> = {
  mkfs: [{ args: (image) => ['mkfs', '--force', image], calls: 10 }],
  build: [
    { args: () => ['build', tree, out()], calls: 30, most: 40 },
    { args: () => ['build', '--compress', 'zstd:3', tree, out()], calls: 30, most: 40 },
  ],
  ls: [{ args: (image) => ['ls', '-lR', image], calls: 20 }],
  stat: [{ args: (image) => ['stat', image, '/large'], calls: 3 }],
  cat: [{ args: (image) => ['cat', image, '/large'], calls: 10 }],
  getfattr: [{ args: (image) => ['getfattr', '-R', '-m', '-', image, '/'], calls: 20 }],
  info: [{ args: (image) => ['info', image], calls: 3 }],
  extract: [{ args: (image) => ['extract', '--no-owner', image, out()], calls: 100 }],
  put: [
    { args: (image) => ['put', image, tree, '/put'], calls: 20 },
    { args: (image) => ['put', image, '-', '/large'], calls: 10, input: 'large' },
    { args: (image) => ['put', image, `${tree}/large`, '/large'], calls: 10 },
  ],
  mkdir: [{ args: (image) => ['mkdir', image, '/new'], calls: 10 }],
  rm: [{ args: (image) => ['rm', '-r', image, '/d0', '/d1', '/large'], calls: 20 }],
  mv: [{ args: (image) => ['mv', image, '/d0', '/d1', '/d2'], calls: 10 }],
  ln: [{ args: (image) => ['ln', image, '/large', '/link'], calls: 10 }],
  chmod: [{ args: (image) => ['chmod', image, '-R', '700', '/'], calls: 60 }],
  chown: [{ args: (image) => ['chown', image, '-R', '1:1', '/'], calls: 60 }],
  setfattr: [{ args: (image) => ['setfattr', image, '-n', 'user.a', '-v', 'b', '/large'], calls: 10 }],
  chattr: [{ args: (image) => ['chattr', image, '-R', '+d', '/'], calls: 60 }],
  fallocate: [{ args: (image) => ['fallocate', image, '-l', '1M', '/large'], calls: 10 }],
  mkswap: [{ args: (image) => ['mkswap', image, '-s', '2M', '-U', UUID, '/swap'], calls: 10 }],
  truncate: [{ args: (image) => ['truncate', image, '-s', '1', '/large'], calls: 10 }],
  verity: [{ args: (image) => ['verity', 'enable', image, '/large'], calls: 10 }],
  clean: [{ args: (image) => ['clean', image, '--sections', '5'], calls: 20 }],
  bench: [
    {
      args: () => ['bench', out(), '--size', '4M', '--files', '50', '--appends', '5', '--repeat', '1'],
      calls: 100,
      most: 90,
    },
  ],
};

beforeAll(async () => {
  for (let d = 0; d < 4; d++) {
    fs.mkdirSync(`${tree}/d${d}`, { recursive: true });
    for (let i = 0; i < 25; i++) fs.writeFileSync(`${tree}/d${d}/f${i}`, Buffer.alloc(37 * i * (d + 1), i));
  }
  fs.writeFileSync(`${tree}/large`, Buffer.alloc(6 * MIB, 'large'));
  await build(tree, image, { freeBytes: 16 * MIB, features: [...DEFAULT_FEATURES, 'verity'] });
  // Something to clean.
  const device = openFileDevice(image, { writable: true });
  const volume = mount(device);
  volume.remove('/d3');
  volume.close();
  device.close();
});

/** Those that leave no image that was there as it was, or do so in any case. */
const READERS = new Set(['mkfs', 'build', 'ls', 'stat', 'cat', 'getfattr', 'info', 'extract', 'bench']);

function copySparse(from: string, to: string): void {
  expect(run('cp', ['--sparse=always', from, to])).toEqual({ ok: true, out: '' });
}

interface Ended {
  /** Code, or the signal that ended the process. */
  how: number | NodeJS.Signals | null;
  stderr: string;
}

function command(args: string[], { input, ...options }: SpawnOptions & { input?: string }, execArgv: string[]) {
  const stdin = input === undefined ? 'ignore' : fs.openSync(`${tree}/${input}`, 'r');
  const child = spawn(process.execPath, [...execArgv, MAIN, ...args], { stdio: [stdin, 'ignore', 'pipe'], ...options });
  let stderr = '';
  child.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  return new Promise<Ended>((resolve) => {
    child.on('close', (code, signal) => {
      if (typeof stdin === 'number') fs.closeSync(stdin);
      resolve({ how: signal ?? code, stderr });
    });
  });
}

/** What the volume holds, as one hash. */
function contentsOf(file: string): string {
  const device = openFileDevice(file, { writable: false });
  const volume = mount(device, { readonly: true });
  const hash = createHash('sha256');
  const walk = (path: string) => {
    for (const { name, ino, type } of volume.readdir(path || '/')) {
      const at = `${path}/${Buffer.from(name)}`;
      const { mode, uid, size } = volume.lstat(at);
      hash.update(`${at} ${ino} ${type} ${mode} ${uid} ${type === 'file' ? size : ''}\n`);
      if (type === 'file') hash.update(volume.readFile(at));
      if (type === 'directory') walk(at);
    }
  };
  walk('');
  device.close();
  return hash.digest('hex');
}

it('every command is among the cases', async () => {
  const program = makeProgram(() => Promise.resolve());
  // Completion opens nothing, and is over at once.
  const names = program.commands.map((command) => command.name()).filter((name) => name !== 'completion');
  expect(Object.keys(CASES).sort()).toEqual(names.sort());
});

const rows = Object.entries(CASES).flatMap(([name, cases]) => cases.map((one, i) => ({ ...one, name, number: i + 1 })));

it.concurrent.each(rows)('$name ($number)', async ({ name, number, args, calls, input, most = MOST_AFTER }) => {
  const host = slowHost(temporary.file(`${name}-${number}`));
  const mine = temporary.file(`${name}-${number}.img`);
  copySparse(image, mine);
  const isRead = READERS.has(name);
  const before = isRead ? '' : contentsOf(mine);
  const whole = await command(args(mine), { input, env: host.env(0, 'SIGINT', 0) }, host.execArgv);
  expect(whole).toEqual({ how: 0, stderr: expect.not.stringMatching(/ended by/) });
  const { all } = host.calls();
  expect(all).toBeGreaterThanOrEqual(calls);
  const after = isRead ? '' : contentsOf(mine);
  for (const [i, part] of MOMENTS.entries()) {
    if (!isRead) copySparse(image, mine);
    const signal = i % 2 === 0 ? 'SIGINT' : 'SIGTERM';
    const at = Math.max(1, Math.floor(all * part));
    const { how, stderr } = await command(args(mine), { input, env: host.env(at, signal, SLOW_MS) }, host.execArgv);
    const made = host.calls();
    const seen = { how, part, at, ...made, stderr };
    expect(made.after, JSON.stringify(seen)).toBeLessThanOrEqual(most);
    // It may be over before: another thread has some of the calls.
    if (how === 0) expect(part, JSON.stringify(seen)).toBeGreaterThan(0.5);
    else expect([signal, signal === 'SIGINT' ? 130 : 143], JSON.stringify(seen)).toContain(how);
    if (typeof how === 'number' && how > 0) expect(stderr).toMatch(new RegExp(`^f2fs: ${name}: ended by ${signal};`));
    if (isRead) continue;
    const found = contentsOf(mine);
    if (how === 0) expect(found).toBe(after);
    else if (typeof how === 'number') expect(found).toBe(before);
    else expect([before, after]).toContain(found);
  }
});
