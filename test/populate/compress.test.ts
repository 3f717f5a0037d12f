// Builds with compressed files: the same image for any number of threads, exact counts, the size that was foretold, files chosen
// by name, and builds that fail.

import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { parseCodec } from '../../src/compress/algorithms.ts';
import { BLKSIZE } from '../../src/device/device.ts';
import { MemoryDevice } from '../../src/device/memory-device.ts';
import type { F2fsError } from '../../src/errors.ts';
import { mount } from '../../src/fs/file-system.ts';
import { type BuildReport, build } from '../../src/populate/build.ts';
import type { BuildOptions } from '../../src/populate/options.ts';
import { fsck } from '../../tools/judge/fsck.ts';
import { Audit, MIB, noise, prose, UUID } from '../fs/compressed-volume.ts';
import { makeTempDir } from '../host-fixture.ts';

/** What the next threads are started with, in place of what they should be; null: nothing is wrong. */
let sabotage: ((workerData: object) => object) | null = null;

vi.mock('../../src/platform/threads.ts', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/platform/threads.ts')>();
  return {
    ...original,
    startThread: (program: string, workerData: object) =>
      original.startThread(
        program,
        program === 'compress/codec-worker' && sabotage !== null ? sabotage(workerData) : workerData,
      ),
  };
});

let work: string;
let tree: string;

function put(name: string, bytes: Uint8Array): void {
  const file = path.join(tree, name);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, bytes);
}

beforeAll(() => {
  work = makeTempDir();
  tree = path.join(work, 'tree');
  fs.mkdirSync(tree);
  put('a.txt', prose(700_001, 1));
  put('usr/lib/b.so', Buffer.concat([prose(100_000, 2), noise(100_000, 2), Buffer.alloc(200_000), prose(50_000, 3)]));
  put('usr/share/c.TXT', prose(16 * BLKSIZE, 4));
  put('usr/share/photo.jpg', noise(300_000, 5));
  put('usr/share/deep/er/d.txt', prose(15 * BLKSIZE + 1, 6));
  put('small.txt', prose(15 * BLKSIZE, 7));
  put('tiny.txt', prose(50, 8));
  put('empty.txt', Buffer.alloc(0));
  put('zeros.bin', Buffer.alloc(400_000));
  put('large.log', prose(5 * MIB, 9));
  for (let i = 0; i < 150; i++) put(`many/dir${i % 15}/file${i}.txt`, prose(((i * 7919) % 90_000) + 1, i));
  fs.linkSync(path.join(tree, 'a.txt'), path.join(tree, 'usr/linked'));
  fs.symlinkSync('a.txt', path.join(tree, 'link'));
  // Data in one page of each cluster: such clusters keep their holes.
  const fd = fs.openSync(path.join(tree, 'sparse.img'), 'w');
  fs.ftruncateSync(fd, 3 * MIB);
  for (let page = 5; page < 768; page += 16) fs.writeSync(fd, prose(BLKSIZE, page), 0, BLKSIZE, page * BLKSIZE);
  fs.closeSync(fd);
});

afterAll(() => fs.rmSync(work, { recursive: true, force: true }));

let counter = 0;

async function built(options: BuildOptions): Promise<{ image: string; report: BuildReport }> {
  const image = path.join(work, `${counter++}.img`);
  const report = await build(tree, image, { uuid: UUID, sourceDateEpoch: 1_700_000_000, ...options });
  return { image, report };
}

function deviceOf(image: string): MemoryDevice {
  const bytes = fs.readFileSync(image);
  const device = new MemoryDevice(bytes.length / BLKSIZE);
  for (let at = 0; at < bytes.length; at += MIB) device.write(at / BLKSIZE, [bytes.subarray(at, at + MIB)]);
  return device;
}

function hashOf(image: string): string {
  return createHash('sha256').update(fs.readFileSync(image)).digest('hex');
}

/** Files of the tree, by path. */
function hostFiles(): string[] {
  return fs
    .readdirSync(tree, { recursive: true, encoding: 'utf8' })
    .filter((name) => fs.lstatSync(path.join(tree, name)).isFile())
    .sort();
}

/** Compares all contents, and what the report says with what the slots are; returns the compressed files' paths. */
async function expectFaithful(image: string, report: BuildReport): Promise<string[]> {
  expect(report.problems).toEqual([]);
  expect((await fsck(image)).complaints).toEqual([]);
  const device = deviceOf(image);
  expect(Audit.of(device)).toEqual([]);
  const volume = mount(device, { readonly: true });
  const compressed: string[] = [];
  let saved = 0;
  let clusters = 0;
  const seen = new Set<number>();
  for (const name of hostFiles()) {
    const same = Buffer.compare(volume.readFile(name), fs.readFileSync(path.join(tree, name)));
    expect(same, `${name} reads otherwise`).toBe(0);
    const { ino, compression } = volume.stat(name);
    if (compression === null) continue;
    compressed.push(name);
    if (seen.has(ino)) continue;
    seen.add(ino);
    const slots = Audit.slotsOf(device, `/${name}`);
    saved += slots.saved;
    clusters += slots.clusters;
  }
  const { compression } = report;
  expect(compression?.clusters ?? 0).toBe(clusters);
  if (compression !== null) expect(compression.savedBlocks - compression.releasedBlocks).toBe(saved);
  return compressed;
}

describe('a mixed tree', () => {
  test.each([
    ['lz4', 16, {}],
    ['zstd:3', 64, { checksum: true }],
    ['lzo-rle', 4, {}],
  ])('%s, clusters of %i pages: the same image for any number of threads', async (codec, clusterPages, more) => {
    const compress = { codec: parseCodec(codec), clusterPages, ...more };
    const hashes: string[] = [];
    let last: { image: string; report: BuildReport } | null = null;
    for (const workers of codec === 'lz4' ? [0, 1, 2, 8] : [0, 2]) {
      last = await built({ compress, workers });
      hashes.push(hashOf(last.image));
    }
    expect(new Set(hashes).size).toBe(1);
    const { image, report } = last as { image: string; report: BuildReport };
    const compressed = await expectFaithful(image, report);
    expect(compressed).toContain('a.txt');
    expect(compressed).toContain('usr/linked');
    expect(report.compression).toMatchObject({
      algorithm: codec.split(':')[0],
      clusterBytes: clusterPages * BLKSIZE,
      releasedBlocks: 0,
    });
    expect(report.compression?.ratio).toBeGreaterThan(1.2);
  });

  test('the cache changes nothing as long as all nodes fit in it', async () => {
    const compress = { codec: parseCodec('lz4'), clusterPages: 16 };
    const images = [];
    for (const mib of [32, 64, 128])
      images.push((await built({ compress, workers: 1, engine: 'folios', cacheBytes: mib * MIB })).image);
    for (const image of images) expect((await fsck(image)).complaints).toEqual([]);
    const volumes = images.map((image) => mount(deviceOf(image), { readonly: true }));
    for (const name of hostFiles()) {
      expect(new Set(volumes.map((volume) => JSON.stringify(volume.stat(name)))).size).toBe(1);
    }
  });

  test('by an engine, or at once: the same volume but for the places', async () => {
    const compress = { codec: parseCodec('lz4'), clusterPages: 16 };
    const images = [];
    for (const engine of ['folios', 'pages', undefined] as const) {
      const { image, report } = await built({ compress, engine });
      await expectFaithful(image, report);
      images.push({ image, report: { ...report, image: '', seconds: 0 } });
    }
    const volumes = images.map(({ image }) => mount(deviceOf(image), { readonly: true }));
    for (const name of hostFiles()) {
      const stats = volumes.map((volume) => ({ ...volume.stat(name), ino: 0, generation: 0, dev: 0 }));
      expect(stats[1]).toEqual(stats[0]);
      expect(stats[2]).toEqual(stats[0]);
    }
    expect(images[1].report).toEqual(images[0].report);
    expect(images[2].report).toEqual(images[0].report);
  });

  test('released, the image is smaller, and says so', async () => {
    const compress = { codec: parseCodec('lz4'), clusterPages: 16 };
    const kept = await built({ compress });
    const released = await built({ compress, release: true, workers: 2 });
    const again = await built({ compress, release: true, workers: 0 });
    expect(hashOf(released.image)).toBe(hashOf(again.image));
    await expectFaithful(released.image, released.report);
    const saved = kept.report.compression?.savedBlocks ?? 0;
    expect(released.report.compression).toMatchObject({ savedBlocks: saved, releasedBlocks: saved });
    expect(released.report.usedBlocks).toBe(kept.report.usedBlocks - saved);
    expect(released.report.imageBytes).toBeLessThanOrEqual(kept.report.imageBytes);
    const volume = mount(deviceOf(released.image), { readonly: true });
    expect(volume.stat('/a.txt').compression).toMatchObject({ released: true, savedBlocks: 0 });
    expect(volume.stat('/usr/share/photo.jpg').compression?.released).toBe(false);
  });

  test('both engines hold the same', async () => {
    const compress = { codec: parseCodec('lz4'), clusterPages: 16 };
    const { image, report } = await built({ compress, engine: 'pages', workers: 0 });
    await expectFaithful(image, report);
  });

  test('no more blocks are used than were foretold, and a fixed size that is enough is enough', async () => {
    for (const clusterPages of [4, 256]) {
      const compress = { codec: parseCodec('lz4'), clusterPages };
      const { report } = await built({ compress });
      const failure = await built({ compress, size: 53 * MIB }).catch((error: F2fsError) => error);
      if (failure instanceof Error) expect((failure as F2fsError).code).toBe('ENOSPC');
      const { report: fixed } = await built({ compress, size: 96 * MIB });
      expect(fixed.usedBlocks).toBe(report.usedBlocks);
      expect(fixed.imageBytes).toBe(96 * MIB);
    }
  });
});

describe('which files', () => {
  const names = async (compress: BuildOptions['compress']) => {
    const { image } = await built({ compress, workers: 0 });
    const volume = mount(deviceOf(image), { readonly: true });
    return hostFiles().filter((name) => !name.startsWith('many/') && volume.stat(name).compression !== null);
  };
  const ALL = [
    'a.txt',
    'large.log',
    'sparse.img',
    'usr/lib/b.so',
    'usr/linked',
    'usr/share/c.TXT',
    'usr/share/deep/er/d.txt',
    'usr/share/photo.jpg',
    'zeros.bin',
  ];

  test('all that fill a cluster, when nothing else is said', async () => {
    expect(await names({ clusterPages: 16 })).toEqual(ALL);
    expect(await names({ clusterPages: 256 })).toEqual(['large.log', 'sparse.img']);
  });

  test('by extension, by path, and what is excluded', async () => {
    // A file with two names goes by the first of them that the scan meets.
    expect(await names({ clusterPages: 16, extensions: ['txt'] })).toEqual([
      'a.txt',
      'usr/linked',
      'usr/share/c.TXT',
      'usr/share/deep/er/d.txt',
    ]);
    expect(await names({ clusterPages: 16, noExtensions: ['txt', 'JPG'] })).toEqual([
      'large.log',
      'sparse.img',
      'usr/lib/b.so',
      'zeros.bin',
    ]);
    put('usr/new\nline', prose(MIB / 8, 9));
    expect(await names({ clusterPages: 16, globs: ['usr/new*'] })).toEqual(['usr/new\nline']);
    fs.rmSync(`${tree}/usr/new\nline`);
    expect(await names({ clusterPages: 16, globs: ['usr/**'] })).toEqual([
      'usr/lib/b.so',
      'usr/share/c.TXT',
      'usr/share/deep/er/d.txt',
      'usr/share/photo.jpg',
    ]);
    expect(await names({ clusterPages: 16, globs: ['*.log', '**/*.{so,jpg}'], noExtensions: ['jpg'] })).toEqual([
      'large.log',
      'usr/lib/b.so',
    ]);
    expect(await names({ clusterPages: 16, globs: ['usr/lib/*'], extensions: ['log'] })).toEqual([
      'large.log',
      'usr/lib/b.so',
    ]);
  });
});

describe('builds that fail', () => {
  const left = () => fs.readdirSync(work).filter((name) => name.startsWith('failed'));

  test.each([
    ['a pattern that is none', { compress: { globs: [''] } }, 'EINVAL'],
    ['an extension that is none', { compress: { extensions: ['toolongone'] } }, 'EINVAL'],
    ['a cluster size that is none', { compress: { clusterPages: 3 } }, 'EINVAL'],
    ['release without compression', { release: true }, 'EINVAL'],
    ['features without compression', { compress: {}, features: ['extra_attr'] }, 'EOPNOTSUPP'],
    ['a cache that is too small', { compress: { clusterPages: 16 }, engine: 'folios', cacheBytes: 8 * MIB }, 'ENOMEM'],
    ['a cache without an engine', { cacheBytes: 8 * MIB }, 'EINVAL'],
    ['an image that is too small', { compress: { clusterPages: 16 }, size: 56 * MIB, freeBytes: 60 * MIB }, 'ENOSPC'],
  ] as [string, BuildOptions, string][])('%s', async (_, options, code) => {
    await expect(build(tree, path.join(work, 'failed.img'), options)).rejects.toMatchObject({ code });
    expect(left()).toEqual([]);
  });

  test('a thread that can not do its work is named, and nothing is left', async () => {
    sabotage = (workerData) => ({ ...workerData, memory: { buffer: new SharedArrayBuffer(4096) } });
    try {
      fs.writeFileSync(path.join(work, 'failed.img'), 'what was there');
      const started = performance.now();
      const failure: F2fsError = await build(tree, path.join(work, 'failed.img'), {
        force: true,
        workers: 2,
        engine: 'folios',
        compress: { clusterPages: 16 },
      }).then(
        () => expect.fail('it was built'),
        (error) => error,
      );
      expect(failure.code).toBe('EIO');
      expect(failure.message).toMatch(/compress.*(Import|memory|Memory)/);
      expect(failure.message).not.toContain('\n');
      expect(performance.now() - started).toBeLessThan(60_000);
      expect(left()).toEqual(['failed.img']);
      expect(fs.readFileSync(path.join(work, 'failed.img'), 'utf8')).toBe('what was there');
    } finally {
      sabotage = null;
      fs.rmSync(path.join(work, 'failed.img'), { force: true });
    }
  });

  test('interrupted, nothing is left', async () => {
    const controller = new AbortController();
    setImmediate(() => controller.abort());
    const slow = build(tree, path.join(work, 'failed.img'), {
      signal: controller.signal,
      workers: 1,
      compress: { codec: parseCodec('lz4:16'), clusterPages: 256 },
    });
    const outcome = await slow.then(
      () => 'built',
      (error: F2fsError) => error.code,
    );
    // Where all of it was done before anybody looked it is whole.
    expect(['built', 'ECANCELED']).toContain(outcome);
    expect(left()).toEqual(outcome === 'built' ? ['failed.img'] : []);
    fs.rmSync(path.join(work, 'failed.img'), { force: true });
  });
});
