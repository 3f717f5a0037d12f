// The commands on an encrypted volume without its key: each says which entry it can't read or write, and does the rest.
import * as fs from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { imageDirectory } from '../device/temporary.ts';
import { IMAGE, LISTED } from '../fs/encrypted-volume.ts';
import { f2fs } from './command.ts';

const temporary = imageDirectory();
const image = temporary.file('encrypted.img');
beforeEach(() => fs.writeFileSync(image, IMAGE));
afterAll(() => temporary.remove());

const names = LISTED.map((line) => line.split(' ')[3]);
const few = LISTED.filter((line) => /^. \d+ \d+ few\/[^/]+$/.test(line)).map((line) => line.split(' '));
const pathOf = (type: string) => `/${few.find(([letter]) => letter === type)?.[3]}`;
const FILE = pathOf('f');
const LINK = pathOf('l');

test('ls and stat show the names, and what is encrypted', async () => {
  const plain = await f2fs(['ls', image, '/few']);
  expect([plain.code, plain.stderr]).toEqual([0, '']);
  expect(plain.stdout.trimEnd().split('\n')).toEqual(few.map(([, , , path]) => path.slice('few/'.length)).sort());
  const long = await f2fs(['ls', '-lR', image]);
  expect([long.code, long.stderr]).toEqual([0, '']);
  expect(long.stdout).not.toContain('->');
  const rows = JSON.parse((await f2fs(['ls', '-R', '-l', '--json', image])).stdout) as { path: string }[];
  expect(rows.map(({ path }) => path.slice(1)).sort()).toEqual([...names].sort());
  expect(rows.find(({ path }) => path === FILE)).toMatchObject({ encrypted: true, type: 'file' });
  expect((await f2fs(['stat', image, LINK])).stdout).toMatch(/^encrypted +target, for which the key is needed$/m);
  expect((await f2fs(['stat', image, '/few'])).stdout).toMatch(/^encrypted +names, /m);
  expect(JSON.parse((await f2fs(['stat', '--json', image, FILE])).stdout)).toMatchObject({ encrypted: true });
});

test('cat, truncate, put, mv, ln and mkdir say ENOKEY and the path', async () => {
  for (const args of [
    ['cat', image, FILE],
    ['truncate', image, '-s', '0', FILE],
    ['mv', image, '/plain/file', '/few/new'],
    ['mv', image, FILE, '/new'],
    ['ln', image, '/plain/file', '/few/new'],
    ['ln', image, '-s', 'target', '/few/new'],
    ['mkdir', image, '/few/new'],
    ['put', image, import.meta.filename, '/few/new'],
  ]) {
    const { code, stderr } = await f2fs(args);
    expect([args, code, stderr]).toEqual([
      args,
      1,
      expect.stringMatching(/^f2fs: .*without the key \(ENOKEY\)\n(f2fs: put: nothing was put.*\n)?$/),
    ]);
    expect(stderr).toContain(args.at(args[0] === 'put' ? 2 : -1));
  }
  expect(fs.readFileSync(image).equals(IMAGE)).toBe(true);
});

test('extract takes what can be read, names the rest, and ends with 1', async () => {
  const out = temporary.file('out');
  const { code, stderr } = await f2fs(['extract', image, out, '--no-owner']);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^f2fs: extract: few\/[\w-]+: the contents are encrypted: .*\(ENOKEY\)$/m);
  expect(stderr).toMatch(/^f2fs: extract: \.\.\. and [\d,]+ more like it$/m);
  expect(fs.readFileSync(join(out, 'plain/file'), 'utf8')).toBe('plain\n');
  expect(fs.readdirSync(join(out, 'many'))).toEqual([]);
  expect(fs.readdirSync(join(out, 'few')).map((name) => `/few/${name}`)).toEqual([pathOf('p'), pathOf('d')].sort());
});

test('rm, chmod, chattr and ln to elsewhere work', async () => {
  for (const args of [
    ['chmod', image, '600', FILE],
    ['chattr', image, '+d', FILE],
    ['ln', image, FILE, '/plain/linked'],
    ['rm', image, FILE, LINK],
    ['rm', image, '-r', '/many', pathOf('d')],
    ['mv', image, '/few', '/plain/few'],
  ]) {
    const { code, stderr } = await f2fs(args);
    expect([args, code, stderr]).toEqual([args, 0, '']);
  }
  const { stdout } = await f2fs(['stat', image, '/plain/linked']);
  expect(stdout).toMatch(/^mode +0600/m);
  expect(stdout).toMatch(/^flags +nodump$/m);
  expect((await f2fs(['ls', image, '/plain/few'])).stdout.trimEnd().split('\n')).toHaveLength(few.length - 3);
});
