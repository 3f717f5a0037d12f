// Where a file has data, as tar tells it: what lseek says.
import * as fs from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hostLibc } from '../../src/host/libc.ts';
import { mount, openFileDevice } from '../../src/index.ts';
import { build } from '../../src/populate/build.ts';
import { dataRanges } from '../../src/source/host/extents.ts';
import { parseMap, rangesByTar } from '../../src/source/host/tar-holes.ts';
import { asNobody, isRoot, makeTempDir } from '../host-fixture.ts';
import { random, seedOf } from '../random.ts';

const K4 = 4096;
let work: string;
beforeAll(() => {
  work = makeTempDir();
});
afterAll(() => fs.rmSync(work, { recursive: true, force: true }));

/** A file of `size` bytes with data at some pages. */
function make(name: string, size: number, pages: readonly number[]): string {
  const path = `${work}/${name}`;
  const fd = fs.openSync(path, 'w');
  fs.ftruncateSync(fd, size);
  for (const page of pages) fs.writeSync(fd, Buffer.alloc(K4, 1), 0, Math.min(K4, size - page * K4), page * K4);
  fs.closeSync(fd);
  return path;
}

function withOpen<T>(path: string, work: (fd: number) => T): T {
  const fd = fs.openSync(path, 'r');
  try {
    return work(fd);
  } finally {
    fs.closeSync(fd);
  }
}

describe.runIf(process.platform === 'linux')('tar tells what lseek tells', () => {
  test.runIf(hostLibc())('of files with holes anywhere', () => {
    const dice = random(seedOf('tar'));
    for (let round = 0; round < 20; round++) {
      const size = 1 + dice.below(3000 * K4);
      const nrPages = Math.ceil(size / K4);
      const pages = Array.from({ length: dice.below(8) }, () => dice.below(nrPages));
      withOpen(make('some', size, pages), (fd) => {
        if (fs.fstatSync(fd).blocks * 512 >= size) return;
        expect(rangesByTar(fd, size)).toEqual([...dataRanges(fd, size, 0).ranges]);
      });
    }
  });

  test('of 3 TiB with a page in them, at once', () => {
    const size = 3 * 2 ** 40;
    withOpen(make('huge', size, [2 ** 28]), (fd) => expect(rangesByTar(fd, size)).toEqual([[2 ** 40, 2 ** 40 + K4]]));
    withOpen(make('hole', size, []), (fd) => expect(rangesByTar(fd, size)).toEqual([]));
  });
});

test('what is no map, or is cut off, is none', () => {
  expect(parseMap(Buffer.alloc(0), 5)).toBeNull();
  expect(parseMap(Buffer.alloc(2048), 5)).toBeNull();
  const archive = Buffer.alloc(2048);
  archive.write('x', 156);
  archive.write('00000000054\0', 124);
  archive.write('22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n', 512);
  expect(parseMap(archive, 5)).toBeNull();
  archive.write('1\n0\n5\n', 1536);
  expect(parseMap(archive, 5)).toEqual([[0, 5]]);
  expect(parseMap(archive.subarray(0, 1540), 5)).toBeNull();
  archive.write('9\n0\n5\n', 1536);
  expect(parseMap(archive, 5)).toBeNull();
});

test('a build of a large hole takes its data, not its size', async () => {
  const tree = `${work}/tree`;
  fs.mkdirSync(tree);
  fs.renameSync(make('sparse', 100 * 2 ** 30, [5, 20_000_000]), `${tree}/sparse`);
  const report = await build(tree, `${work}/image`, { tight: true });
  expect(report.problems).toEqual([]);
  expect(report.imageBytes).toBe(52 << 20);
  const device = openFileDevice(`${work}/image`, { writable: false });
  using volume = mount(device, { readonly: true });
  expect(volume.stat('/sparse')).toMatchObject({ size: 100 * 2 ** 30 });
  expect(volume.openFile('/sparse').seekData(6 * K4)).toBe(20_000_000 * K4);
});

test.runIf(isRoot)('files that can not be read make no image larger', async () => {
  const tree = `${work}/closed`;
  fs.mkdirSync(tree);
  fs.writeFileSync(`${tree}/good`, 'good');
  fs.renameSync(make('sparse', 100 * 2 ** 30, []), `${tree}/sparse`);
  fs.writeFileSync(`${tree}/plain`, Buffer.alloc(80 << 20, 1));
  for (const name of ['sparse', 'plain']) fs.chmodSync(`${tree}/${name}`, 0);
  fs.chmodSync(work, 0o777);
  const report = await asNobody(() => build(tree, `${work}/closed.img`));
  expect(report.problems.map(({ path, code }) => `${path} ${code}`).sort()).toEqual(['plain EACCES', 'sparse EACCES']);
  expect(report.imageBytes).toBeLessThan(64 << 20);
});
