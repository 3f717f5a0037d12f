// Holes: a file in the image has those of its source and nothing more, or its zeros too when they are asked for; whichever way it
// gets there. And what a tree takes is foretold to the block.

import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { blocksOf } from '../../src/format/node-count.ts';
import { mount, openFileDevice } from '../../src/index.ts';
import { featureBits } from '../../src/mkfs/features.ts';
import { build } from '../../src/populate/build.ts';
import { Estimate } from '../../src/populate/estimate.ts';
import type { BuildOptions } from '../../src/populate/options.ts';
import { put } from '../../src/populate/put.ts';
import type { HolePolicy } from '../../src/source/hole-policy.ts';
import { scanHostTree } from '../../src/source/host/scan.ts';
import { fsck } from '../../tools/judge/fsck.ts';
import { BLOCK } from '../blocks-of-4k.ts';
import { noise } from '../fs/compressed-volume.ts';
import { makeTempDir } from '../host-fixture.ts';
import { random, seedOf } from '../random.ts';

const K4 = 4096;
const f2fs = path.join(import.meta.dirname, '../../dist/cli/main.js');

/** Whether the C library, and with it lseek, can be called. */
let hasLibc = true;
vi.mock('../../src/host/libc.ts', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/host/libc.ts')>();
  return { ...original, hostLibc: () => (hasLibc ? original.hostLibc() : null) };
});

let work: string;
let tree: string;

/** Writes pages of a file; `zeros` are written as zeros, what is in neither list is a hole. */
function make(name: string, size: number, pages: readonly number[], zeros: readonly number[]): void {
  const fd = fs.openSync(path.join(tree, name), 'w');
  fs.ftruncateSync(fd, size);
  for (const page of pages) fs.writeSync(fd, noise(K4, page + 1), 0, Math.min(K4, size - page * K4), page * K4);
  for (const page of zeros) fs.writeSync(fd, Buffer.alloc(K4), 0, Math.min(K4, size - page * K4), page * K4);
  fs.closeSync(fd);
}

const range = (first: number, end: number) => Array.from({ length: end - first }, (_, i) => first + i);

beforeAll(() => {
  work = makeTempDir();
  tree = path.join(work, 'tree');
  fs.mkdirSync(tree);
  make('zeros', 40 * K4, [], range(0, 40));
  make('end', 20 * K4 + 100, range(0, 10), range(10, 21));
  make('mixed', 60 * K4, [0, 3, 59], [...range(1, 3), ...range(4, 20)]);
  make('hole', 50 * K4, [], []);
  make('tail', 30 * K4, [0], []);
  make('large', 2000 * K4, [0, 900, 1999], range(901, 1998));
  // A cluster that ends in zeros.
  make('cluster', 16 * K4, range(0, 4), range(4, 16));
});
afterAll(() => fs.rmSync(work, { recursive: true, force: true }));

/** The pages of each file of an image that have blocks, as `first-end`. */
function layout(image: string): Record<string, string> {
  const device = openFileDevice(image, { writable: false });
  const volume = mount(device, { readonly: true });
  const found: Record<string, string> = {};
  for (const { name, type } of volume.readdir('/')) {
    if (type !== 'file') continue;
    using file = volume.openFile(name, { flags: 'r' });
    const runs: [number, number][] = [];
    for (let at = 0; at < file.stat().size; ) {
      const { kind, end } = file.regionAt(at);
      const last = runs.at(-1);
      if (kind !== 'hole' && last?.[1] === at) last[1] = end;
      else if (kind !== 'hole') runs.push([at, end]);
      at = end;
    }
    found[Buffer.from(name).toString()] = runs.map(([from, to]) => `${from / K4}-${Math.ceil(to / K4)}`).join(' ');
  }
  device.close();
  return found;
}

const OF_SOURCE = {
  zeros: '0-40',
  end: '0-21',
  mixed: '0-20 59-60',
  hole: '',
  tail: '0-1',
  large: '0-1 900-1998 1999-2000',
  cluster: '0-16',
};
const BY_ZEROS = {
  zeros: '',
  end: '0-10',
  mixed: '0-1 3-4 59-60',
  hole: '',
  tail: '0-1',
  large: '0-1 900-901 1999-2000',
  cluster: '0-4',
};

describe('holes', () => {
  const expectContents = (image: string) => {
    const device = openFileDevice(image, { writable: false });
    const volume = mount(device, { readonly: true });
    for (const name of Object.keys(OF_SOURCE)) {
      expect(Buffer.from(volume.readFile(`/${name}`)).equals(fs.readFileSync(path.join(tree, name))), name).toBe(true);
    }
    device.close();
  };
  const buildTo = async (name: string, options: BuildOptions) => {
    const image = path.join(work, name);
    const report = await build(tree, image, { force: true, ...options });
    expect(report.problems).toEqual([]);
    expect((await fsck(image)).complaints).toEqual([]);
    expectContents(image);
    return { image, report };
  };

  test.each([
    ['source', OF_SOURCE],
    ['zeros', BY_ZEROS],
  ] as const)('by %s, of a build, of put, and of put from a stream', async (holes, wanted) => {
    const { image } = await buildTo('built.img', { holes });
    expect(layout(image)).toEqual(wanted);
    const other = path.join(work, 'put.img');
    fs.mkdirSync(path.join(work, 'nothing'), { recursive: true });
    await build(path.join(work, 'nothing'), other, { force: true, freeBytes: 40 << 20 });
    const device = openFileDevice(other, { writable: true });
    const volume = mount(device);
    await put(volume, tree, { directory: '/', name: null }, { holes });
    volume.close();
    device.close();
    expect(layout(other)).toEqual(wanted);
    // A stream has no holes: all of it is stored, or by zeros.
    for (const name of Object.keys(OF_SOURCE)) {
      const input = fs.readFileSync(path.join(tree, name));
      const { status, stderr } = spawnSync(process.execPath, [f2fs, 'put', '--holes', holes, other, '-', `/${name}`], {
        input,
      });
      expect([status, stderr.toString()]).toEqual([0, '']);
    }
    const all = Object.entries({ ...OF_SOURCE, hole: '0-50', tail: '0-30', mixed: '0-60', large: '0-2000' });
    expect(layout(other)).toEqual(holes === 'source' ? Object.fromEntries(all) : BY_ZEROS);
    expectContents(other);
  });

  test('the default is those of the source; another policy is refused', async () => {
    const { image } = await buildTo('default.img', {});
    expect(layout(image)).toEqual(OF_SOURCE);
    const options = { holes: 'all' as HolePolicy, force: true };
    await expect(build(tree, image, options)).rejects.toMatchObject({ code: 'EINVAL' });
  });

  test('of compressed files: the zeros that end a cluster are compressed with it', async () => {
    const compress = { codec: { algorithm: 1 as const, level: 0 }, clusterPages: 16 };
    const { image } = await buildTo('compressed.img', { compress });
    expect(layout(image)).toEqual({ ...OF_SOURCE, mixed: '0-20 59-60' });
    const { image: other } = await buildTo('compressed-zeros.img', { compress, holes: 'zeros' });
    // A cluster is a hole as a whole or not at all.
    expect(layout(other)).toMatchObject({ zeros: '', cluster: '0-16', end: '0-16' });
  });

  test('where the host can not tell holes a sparse file gets them from its zeros, and no other file does', async () => {
    hasLibc = false;
    try {
      const { image, report } = await buildTo('without.img', { xattrs: false } as BuildOptions);
      expect(layout(image)).toEqual({ ...OF_SOURCE, mixed: BY_ZEROS.mixed, large: BY_ZEROS.large });
      expect(report.usedBlocks).toBeLessThan(200);
    } finally {
      hasLibc = true;
    }
  });

  test('one hole of the largest size takes an inode, and the image is the least', async () => {
    const huge = path.join(work, 'huge');
    fs.mkdirSync(huge);
    fs.writeFileSync(path.join(huge, 'file'), 'x');
    fs.truncateSync(path.join(huge, 'file'), 3900 * 2 ** 30);
    const image = path.join(work, 'huge.img');
    const report = await build(huge, image, { tight: true });
    expect(report.imageBytes).toBe(52 << 20);
    expect(report.usedBlocks).toBe(6);
  });
});

describe('the blocks of a tree are foretold', () => {
  test('of files with holes anywhere, directories of all sizes, links and symlinks', async () => {
    const dice = random(seedOf('estimate'));
    const source = path.join(work, 'random');
    fs.mkdirSync(source);
    tree = source;
    const size = () => [1, 3452, 3453, 50_000, 900 * K4, 3000 * K4, 2_100_000 * K4][dice.below(7)];
    for (let i = 0; i < 40; i++) {
      const bytes = size();
      const nrPages = Math.ceil(bytes / K4);
      const pages = Array.from({ length: dice.below(6) }, () => dice.below(nrPages));
      make(
        `file${i}`,
        bytes,
        pages,
        Array.from({ length: dice.below(6) }, () => dice.below(nrPages)),
      );
    }
    for (const count of [1, 170, 400, 5000]) {
      fs.mkdirSync(path.join(source, `dir${count}`));
      for (let i = 0; i < count; i++)
        fs.symlinkSync('x'.repeat(1 + (i % 60)), path.join(source, `dir${count}/${'n'.repeat(i % 40)}${i}`));
    }
    fs.symlinkSync('y'.repeat(4000), path.join(source, 'long'));
    fs.linkSync(path.join(source, 'file1'), path.join(source, 'other'));
    for (const compress of [undefined, { codec: { algorithm: 1 as const, level: 0 }, clusterPages: 16 }]) {
      const report = await build(source, path.join(work, 'random.img'), { force: true, compress });
      expect(report.problems).toEqual([]);
      if (compress === undefined) {
        const steps = new Estimate(scanHostTree(source), BLOCK, featureBits('default')).blocks();
        let step = steps.next();
        while (!step.done) step = steps.next();
        expect(step.value).toBe(report.usedBlocks);
      }
    }
  });

  test('nodes are counted where there are pages', () => {
    const nodes = (...runs: [number, number][]) =>
      blocksOf(runs, 864, BLOCK) - runs.reduce((sum, [a, b]) => sum + b - a, 0);
    expect(nodes()).toBe(0);
    expect(nodes([0, 864])).toBe(0);
    expect(nodes([0, 865])).toBe(1);
    expect(nodes([0, 864 + 2 * 1018])).toBe(2);
    expect(nodes([0, 864 + 2 * 1018 + 1])).toBe(4);
    expect(nodes([864 + 5 * 1018, 864 + 5 * 1018 + 1])).toBe(2);
    expect(nodes([864, 865], [866, 867], [1882, 1883])).toBe(2);
    const double = 864 + (2 + 2 * 1018) * 1018;
    expect(nodes([double, double + 1])).toBe(3);
    expect(nodes([0, 1], [double, double + 1], [double + 1018 ** 2, double + 1018 ** 2 + 1])).toBe(5);
    // Without a hole, as many as the tree has.
    expect(nodes([0, double + 1])).toBe(2 + 2 * 1018 + 2 + 3);
  });
});
