// One process at a time holds an image, many may read it: whoever else wants it is told who has it.
import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { afterAll, afterEach, expect, test } from 'vitest';
import { openFileDevice } from '../../src/device/file-device.ts';
import { F2fsError } from '../../src/errors.ts';
import { loadKoffi } from '../../src/koffi.ts';
import { build } from '../../src/populate/build.ts';
import { attachLoop, imageDirectory } from './temporary.ts';

const images = imageDirectory();
const { PATH } = process.env;
const children: ChildProcess[] = [];
afterAll(images.remove);
afterEach(() => {
  process.env.PATH = PATH;
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

const MIB = 2 ** 20;
const READ = { writable: false };
const WRITE = { writable: true };

function image(name: string): string {
  fs.writeFileSync(images.file(name), Buffer.alloc(MIB, 7));
  return images.file(name);
}

function errorOf(call: () => unknown): F2fsError {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(F2fsError);
    return error as F2fsError;
  }
  throw new Error('did not throw');
}

/** Another process that holds the image. */
async function holder(path: string, how: '-x' | '-s'): Promise<ChildProcess> {
  const child = spawn('flock', [how, '--no-fork', path, 'sh', '-c', 'echo held; exec sleep 60'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  await new Promise((resolve) => child.stdout?.once('data', resolve));
  return child;
}

for (const way of ['the command', 'the library'] as const) {
  test.runIf(way === 'the command' || loadKoffi())(`one writer, or many readers, by ${way}`, () => {
    if (way === 'the library') process.env.PATH = images.directory;
    const path = image(`${way}.img`);
    const writer = openFileDevice(path, WRITE);
    for (const options of [READ, WRITE, { ...WRITE, create: { sizeBytes: MIB, overwrite: true } }]) {
      const error = errorOf(() => openFileDevice(path, options));
      expect(error).toMatchObject({ code: 'EBUSY', path });
      expect(error.message).toMatch(/ is in use by this process, which has it open already: /);
    }
    writer.close();
    // Nor did the attempt to make it anew empty it.
    expect(fs.readFileSync(path).every((byte) => byte === 7)).toBe(true);
    const first = openFileDevice(path, READ);
    const second = openFileDevice(path, READ);
    expect(errorOf(() => openFileDevice(path, WRITE)).code).toBe('EBUSY');
    first.close();
    expect(errorOf(() => openFileDevice(path, WRITE)).code).toBe('EBUSY');
    second.close();
    openFileDevice(path, WRITE).close();
  });
}

test('a writer whose writing thread runs keeps others out until it is closed', () => {
  const path = image('thread.img');
  const writer = openFileDevice(path, WRITE);
  writer.queue(new SharedArrayBuffer(65536));
  expect(errorOf(() => openFileDevice(path, WRITE)).code).toBe('EBUSY');
  writer.close();
  openFileDevice(path, WRITE).close();
});

test('another process is named, and its death frees the image', async () => {
  const path = image('other.img');
  const other = await holder(path, '-x');
  const error = errorOf(() => openFileDevice(path, READ));
  expect(error.code).toBe('EBUSY');
  expect(error.message).toContain(` is in use by process ${other.pid} (`);
  const ended = new Promise((resolve) => other.once('exit', resolve));
  other.kill('SIGKILL');
  await ended;
  openFileDevice(path, WRITE).close();
  await holder(path, '-s');
  openFileDevice(path, READ).close();
  expect(errorOf(() => openFileDevice(path, WRITE)).code).toBe('EBUSY');
});

test.runIf(loadKoffi())('a command that fails for another reason is no answer: the library is asked', () => {
  const path = image('free.img');
  const bin = images.file('bin');
  fs.mkdirSync(bin);
  fs.writeFileSync(`${bin}/flock`, '#!/bin/sh\necho "flock: no locks here" >&2\nexit 1\n', { mode: 0o755 });
  process.env.PATH = `${bin}:${PATH}`;
  const writer = openFileDevice(path, WRITE);
  expect(errorOf(() => openFileDevice(path, READ)).code).toBe('EBUSY');
  writer.close();
});

test('a build does not replace an image that is being changed', async () => {
  const path = image('built.img');
  const source = images.file('source');
  fs.mkdirSync(source);
  const writer = openFileDevice(path, WRITE);
  await expect(build(source, path, { force: true })).rejects.toMatchObject({ code: 'EBUSY' });
  writer.close();
  const reader = openFileDevice(path, READ);
  await build(source, path, { force: true });
  reader.close();
  expect(fs.readdirSync(images.directory).filter((name) => name.endsWith('.part'))).toEqual([]);
});

test('an image without a name is opened by its descriptor', () => {
  const path = image('nameless.img');
  const fd = fs.openSync(path, 'r');
  fs.rmSync(path);
  openFileDevice(`/dev/fd/${fd}`, READ).close();
  fs.closeSync(fd);
});

test('a block device is read by many, or written by one', (context) => {
  const path = images.file('loop.img');
  fs.writeFileSync(path, Buffer.alloc(MIB));
  const loop = attachLoop(path);
  if (typeof loop === 'string') return context.skip(loop);
  try {
    const one = openFileDevice(loop.device, READ);
    openFileDevice(loop.device, READ).close();
    expect(errorOf(() => openFileDevice(loop.device, WRITE)).code).toBe('EBUSY');
    one.close();
    const writer = openFileDevice(loop.device, WRITE);
    expect(errorOf(() => openFileDevice(loop.device, READ)).code).toBe('EBUSY');
    writer.close();
  } finally {
    loop.detach();
  }
});
