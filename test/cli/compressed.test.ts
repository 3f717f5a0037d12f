// Compression on the command line: `build --compress` and the options that go with it, and what `stat` says of the files.
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mount, openFileDevice } from '../../src/index.ts';
import { imageDirectory } from '../device/temporary.ts';
import { noise, prose } from '../fs/compressed-volume.ts';
import { f2fs, type Result } from './command.ts';
import { f2fsHere } from './in-process.ts';

const temporary = imageDirectory();
const UUID = '12345678-9abc-def0-1234-56789abcdef0';
const KIB = 1024;
let tree: string;

beforeAll(() => {
  tree = temporary.file('tree');
  fs.mkdirSync(path.join(tree, 'usr/share'), { recursive: true });
  fs.writeFileSync(path.join(tree, 'text.txt'), prose(300 * KIB, 1));
  fs.writeFileSync(path.join(tree, 'usr/library.so'), prose(200 * KIB, 2));
  fs.writeFileSync(path.join(tree, 'usr/share/photo.jpg'), noise(200 * KIB, 3));
  fs.writeFileSync(path.join(tree, 'small'), prose(15 * KIB, 4));
});

afterAll(() => temporary.remove());

interface FileCompression {
  algorithm: string;
  level: number;
  clusterBytes: number;
  checksum: boolean;
  savedBlocks: number;
  released: boolean;
}

let counter = 0;

/** Builds the tree; `report` is what --json printed. */
async function build(...args: string[]): Promise<Result & { image: string; report: Record<string, never> | null }> {
  const image = temporary.file(`${counter++}.img`);
  const result = await f2fs(['build', tree, image, '--json', ...args], { env: { SOURCE_DATE_EPOCH: '1700000000' } });
  return { ...result, image, report: result.code === 0 ? JSON.parse(result.stdout) : null };
}

async function compressionOf(image: string, file: string): Promise<FileCompression | null> {
  const { stdout } = await f2fs(['stat', '--json', image, file]);
  return JSON.parse(stdout).compression;
}

describe.concurrent('build --compress', () => {
  it('makes clusters of 64 KiB by default', async () => {
    const { code, stderr, report, image } = await build('--compress', 'lz4');
    expect([code, stderr]).toEqual([0, '']);
    expect(report).toMatchObject({
      compression: { algorithm: 'lz4', level: 0, clusterBytes: 64 * KIB, files: 2, releasedBlocks: 0 },
    });
    expect(await compressionOf(image, '/text.txt')).toMatchObject({
      algorithm: 'lz4',
      level: 0,
      clusterBytes: 64 * KIB,
      checksum: false,
      released: false,
    });
    expect(await compressionOf(image, '/small')).toBeNull();
    const { stdout } = await f2fs(['stat', image, '/text.txt']);
    expect(stdout).toMatch(/^compression +lz4 in clusters of 64 KiB, \d+ blocks saved$/m);
    expect((await f2fs(['stat', image, '/small'])).stdout).not.toContain('compression');
    const { bytes } = await f2fs(['cat', image, '/text.txt']);
    expect(Buffer.compare(bytes, fs.readFileSync(path.join(tree, 'text.txt')))).toBe(0);
  });

  it('takes level, cluster size, checksum, threads and engine', async () => {
    const { code, stderr, report, image } = await build(
      ...['--compress', 'zstd:3', '--cluster', '256K', '--compress-checksum', '--workers', '2', '--engine', 'pages'],
    );
    expect([code, stderr]).toEqual([0, '']);
    expect(report).toMatchObject({ compression: { algorithm: 'zstd', level: 3, clusterBytes: 256 * KIB } });
    const { stdout } = await f2fs(['stat', image, '/text.txt']);
    expect(stdout).toMatch(/^compression +zstd:3 in clusters of 256 KiB with checksums, \d+ blocks saved$/m);
  });

  it('gives back what is saved with --release', async () => {
    const { code, report, image } = await build('--compress', 'lz4:9', '--cluster', '16K', '--release');
    expect(code).toBe(0);
    const { savedBlocks, releasedBlocks } = (report as never as { compression: Record<string, number> }).compression;
    expect(savedBlocks).toBeGreaterThan(50);
    expect(releasedBlocks).toBe(savedBlocks);
    expect(await compressionOf(image, '/text.txt')).toMatchObject({ level: 9, released: true, savedBlocks: 0 });
    expect((await f2fs(['stat', image, '/text.txt'])).stdout).toMatch(
      /^compression +lz4:9 in clusters of 16 KiB, released$/m,
    );
    const { bytes } = await f2fs(['cat', image, '/usr/library.so']);
    expect(Buffer.compare(bytes, fs.readFileSync(path.join(tree, 'usr/library.so')))).toBe(0);
  });

  it('chooses files by extension, path, and what is excluded', async () => {
    const chosen = async (...args: string[]) => {
      const { image, stderr, code } = await build('--compress', 'lzo-rle', '--workers', '0', ...args);
      expect([code, stderr]).toEqual([0, '']);
      const files = ['/text.txt', '/usr/library.so', '/usr/share/photo.jpg'];
      const device = openFileDevice(image, { writable: false });
      using volume = mount(device, { readonly: true });
      const found = files.filter((file) => volume.stat(file).compression !== null);
      device.close();
      return found;
    };
    expect(await chosen('--compress-ext', 'txt,so')).toEqual(['/text.txt', '/usr/library.so']);
    expect(await chosen('--no-compress-ext', 'jpg,zip')).toEqual(['/text.txt', '/usr/library.so']);
    expect(await chosen('--compress-glob', 'usr/**', '--compress-glob', '*.txt')).toEqual([
      '/text.txt',
      '/usr/library.so',
      '/usr/share/photo.jpg',
    ]);
    expect(await chosen('--compress-glob', 'usr/*')).toEqual(['/usr/library.so']);
  });

  it('says in its summary what it did', async () => {
    const image = temporary.file('summary.img');
    const kept = await f2fs(['build', tree, image, '--compress', 'lz4', '--cluster', '16K']);
    expect([kept.code, kept.stderr]).toEqual([0, '']);
    expect(kept.stdout).toMatch(
      /^compressed +3 files, \d+ clusters of 16 KiB \(\d+ stay raw\) by lz4, \d+ blocks saved, ratio \d\.\d\d in pages$/m,
    );
    const released = await f2fs(['build', tree, image, '--compress', 'zstd:1', '--release', '--force']);
    expect(released.stdout).toMatch(/^compressed .* by zstd:1, \d+ blocks saved and released, ratio/m);
    const plain = await f2fs(['build', tree, image, '--force']);
    expect(plain.stdout).not.toContain('compressed');
  });

  it('says why when nothing was compressed, and nothing of a ratio', async () => {
    const noise = temporary.file('noise');
    fs.mkdirSync(noise);
    fs.writeFileSync(`${noise}/noise`, randomBytes(200_000));
    const line = async (...args: string[]) => {
      const { stdout } = await f2fsHere(
        'build',
        noise,
        temporary.file('noise.img'),
        '--force',
        '--compress',
        'lz4',
        ...args,
      );
      return /^compressed +(.*)$/m.exec(stdout)?.[1];
    };
    expect(await line()).toBe('nothing: lz4 would save no block in 3 clusters of 64 KiB');
    expect(await line('--compress-ext', 'txt')).toBe('nothing: --compress-ext leaves no file');
    expect(await line('--compress-glob', '*.txt', '--no-compress-ext', 'jpg')).toBe(
      'nothing: --compress-glob and --no-compress-ext leave no file',
    );
    expect(await line('--compress-glob', 'no*', '--cluster', '1M')).toBe(
      'nothing: none of the files that --compress-glob leaves holds a whole cluster of data, 1 MiB',
    );
    expect(await line('--cluster', '1M')).toBe('nothing: no file holds a whole cluster of data, 1 MiB');
    fs.truncateSync(`${noise}/noise`, 0);
    fs.truncateSync(`${noise}/noise`, 200_000);
    expect(await line()).toBe('nothing: no file holds a whole cluster of data, 64 KiB');
    fs.rmSync(`${noise}/noise`);
    expect(await line()).toBe('nothing: there is no file');
    fs.writeFileSync(`${noise}/noise`, randomBytes(200_000));
    const { stdout } = await f2fs([
      'build',
      noise,
      temporary.file('noise.img'),
      '--force',
      '--compress',
      'lz4',
      '--cluster',
      '1M',
      '--json',
    ]);
    expect(JSON.parse(stdout).compression).toMatchObject({ files: 0, clusters: 0, ratio: 1, none: 'small' });
  });

  it('makes the same image with any number of threads', async () => {
    const images = await Promise.all(
      ['0', '1', '8'].map((workers) => build('--compress', 'lz4', '--workers', workers, '--uuid', UUID)),
    );
    const [first, ...others] = images.map(({ image }) => fs.readFileSync(image));
    for (const other of others) expect(Buffer.compare(first, other)).toBe(0);
  });
});

describe.concurrent('what can not be asked', () => {
  const wrong: [args: string[], code: number, text: RegExp][] = [
    [['--compress', 'gzip'], 2, /invalid compression algorithm 'gzip': expected .*lz4.*--help\)/],
    [['--compress', 'lz4:2'], 2, /invalid level '2' of lz4: expected 3 to 16 /],
    [['--compress', 'zstd:23'], 2, /1 to 22/],
    [['--compress', 'lzo:1'], 2, /invalid level '1': lzo has none/],
    [['--compress', 'lz4:'], 2, /3 to 16/],
    [['--compress', 'lz4', '--cluster', '8K'], 2, /invalid --cluster '8K': expected 16K, .* or 1M/],
    [['--compress', 'lz4', '--cluster', '48K'], 2, /invalid --cluster '48K': expected 16K/],
    [['--compress', 'lz4', '--cluster', 'big'], 2, /cluster/],
    [['--compress', 'lz4', '--workers', '-1'], 2, /workers/],
    [['--compress', 'lz4', '--workers', '100'], 2, /invalid --workers '100': expected a whole number from 0 to 64/],
    [['--compress', 'lz4', '--compress-ext', 'muchtoolong'], 2, /muchtoolong.*--help\)/],
    [['--compress'], 2, /compress/],
    [['--cluster', '64K'], 2, /--cluster has no effect without --compress/],
    [['--no-compress-ext', 'jpg'], 2, /--no-compress-ext has no effect without --compress/],
    [['--release'], 2, /--release has no effect without --compress/],
    [['--workers', '2'], 2, /--workers has no effect without --compress/],
  ];

  it('is told in one line, with the exit code for it, and leaves nothing', async () => {
    const before = fs.readdirSync(path.dirname(tree)).length;
    // Two at a time: each is a process of its own.
    for (let i = 0; i < wrong.length; i += 2) {
      await Promise.all(
        wrong.slice(i, i + 2).map(async ([args, code, text]) => {
          const image = temporary.file('wrong.img');
          const result = await f2fs(['build', tree, image, ...args]);
          expect([args, result.code, result.stdout]).toEqual([args, code, '']);
          expect([args, result.stderr]).toEqual([args, expect.stringMatching(text)]);
          expect([args, result.stderr.trimEnd().split('\n').length]).toEqual([args, 1]);
          expect(result.stderr).toMatch(/^f2fs: build: /);
        }),
      );
    }
    expect(before).toBeGreaterThan(0);
    expect(fs.readdirSync(path.dirname(tree)).filter((name) => name.startsWith('wrong'))).toEqual([]);
  });
});
