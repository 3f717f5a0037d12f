// Commands that read take an image that is compressed with gzip as it is; those that change one say what to do.
import * as fs from 'node:fs';
import * as zlib from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imageDirectory } from '../device/temporary.ts';
import { makeImage } from './command.ts';
import { f2fsHere } from './in-process.ts';

const temporary = imageDirectory();
afterAll(temporary.remove);
let plain: string;
let gzipped: string;

beforeAll(() => {
  plain = makeImage(temporary.file('disk.img'), (volume) => {
    volume.mkdir('/etc');
    volume.writeFile('/etc/hostname', 'demo\n');
    volume.setXattr('/etc/hostname', 'user.note', 'first');
    volume.symlink('hostname', '/etc/name');
    volume.writeFile('/large', Buffer.alloc(300_000, 'text '));
  });
  gzipped = temporary.file('disk.img.gz');
  fs.writeFileSync(gzipped, zlib.gzipSync(fs.readFileSync(plain)));
});

describe('is read as it is without', () => {
  it.each([
    [['ls', '-lR']],
    [['ls', '--json'], ['/etc']],
    [['stat'], ['/etc/hostname']],
    [['cat'], ['/etc/name']],
    [['getfattr', '-d'], ['/etc/hostname']],
    [['info']],
    [['info', '--json']],
  ])('%j', async (args, paths: string[] = []) => {
    const want = await f2fsHere(...args, plain, ...paths);
    const got = await f2fsHere(...args, gzipped, ...paths);
    expect(want.code).toBe(0);
    expect(got).toEqual({ ...want, stdout: want.stdout.replaceAll(plain, gzipped) });
  });

  it('by extract', async () => {
    const out = temporary.file('out');
    const { code } = await f2fsHere('extract', '--no-owner', '--quiet', gzipped, out);
    expect(code).toBe(0);
    expect(fs.readFileSync(`${out}/etc/hostname`, 'utf8')).toBe('demo\n');
  });
});

it.each([
  [['chmod'], ['600', '/large']],
  [['rm'], ['/large']],
  [['put'], [import.meta.filename, '/']],
  [['clean'], []],
])('is not changed by %j', async (args, rest) => {
  const before = fs.readFileSync(gzipped);
  const { code, stderr } = await f2fsHere(...args, gzipped, ...rest);
  expect(code).toBe(1);
  expect(stderr).toBe(
    `f2fs: ${args[0]}: ${gzipped} is compressed with gzip, not an F2FS volume: decompress it first ('gzip -d') (EINVAL)\n`,
  );
  expect(fs.readFileSync(gzipped).equals(before)).toBe(true);
});

it('what is cut short is told', async () => {
  const cut = temporary.file('cut.img.gz');
  fs.writeFileSync(cut, fs.readFileSync(gzipped).subarray(0, 20_000));
  const { code, stderr } = await f2fsHere('ls', cut);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^f2fs: ls: \S+ is compressed with gzip, and damaged or not all there: [^\n]* \(EBADMSG\)\n$/);
});
