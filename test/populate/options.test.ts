// What build, put and extract are asked that can't be done is refused before any work, and leaves nothing.
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { MemoryDevice } from '../../src/device/memory-device.ts';
import { F2fsError } from '../../src/errors.ts';
import { extract } from '../../src/extract/extract.ts';
import { mount } from '../../src/fs/file-system.ts';
import { format } from '../../src/mkfs/format.ts';
import { type BuildProgress, build } from '../../src/populate/build.ts';
import type { BuildOptions } from '../../src/populate/options.ts';
import { put } from '../../src/populate/put.ts';
import { fsck } from '../../tools/judge/fsck.ts';
import { makeTempDir } from '../host-fixture.ts';

let work: string;
let tree: string;

beforeAll(() => {
  work = makeTempDir();
  tree = path.join(work, 'tree');
  fs.mkdirSync(tree);
  for (let i = 0; i < 400; i++) fs.writeFileSync(path.join(tree, `file${i}`), Buffer.alloc(30_000, i));
});
afterAll(() => fs.rmSync(work, { recursive: true, force: true }));

const failure = (code: string) => expect.objectContaining({ name: 'F2fsError', code });
/** As Node's own calls fail, and still one of ours. */
const aborted = (signal: AbortSignal) =>
  expect.toSatisfy(
    (error) =>
      error instanceof F2fsError &&
      error.name === 'AbortError' &&
      error.code === 'ECANCELED' &&
      error.cause === signal.reason,
  );
const place = (name: string) => ({ directory: '/', name: Buffer.from(name) });

/** Makes each step as long as a slice: what runs in steps gives turns to others. */
function slices() {
  let now = 0;
  return vi.spyOn(performance, 'now').mockImplementation(() => (now += 60));
}

function volume() {
  const device = new MemoryDevice(32_768);
  format(device);
  return { device, volume: mount(device, { cacheBytes: 16 << 20 }) };
}

test('a size that is no whole blocks is the size of the image, as of one that mkfs makes', async () => {
  const image = path.join(work, 'odd-size.img');
  const report = await build(tree, image, { size: 80_000_001 });
  expect(report.imageBytes).toBe(80_000_001);
  expect(fs.statSync(image).size).toBe(80_000_001);
  expect((await fsck(image)).complaints).toEqual([]);
  fs.rmSync(image);
});

describe('a build', () => {
  test.each([
    ['no number of free bytes', { freeBytes: Number.NaN }, 'EINVAL'],
    ['free bytes below none', { freeBytes: -1 }, 'EINVAL'],
    ['an engine that is none', { engine: 'slow' as 'pages' }, 'EINVAL'],
    ['a level that lzo has not', { compress: { codec: { algorithm: 0, level: 2 } } }, 'EINVAL'],
    ['a level that lz4 has not', { compress: { codec: { algorithm: 1, level: 2 } } }, 'EINVAL'],
    ['a codec as text', { compress: { codec: 'lz4' as never } }, 'EINVAL'],
  ] as [string, BuildOptions, string][])('with %s', async (_, options, code) => {
    // What is there could not be scanned either.
    const missing = path.join(work, 'missing');
    await expect(build(missing, path.join(work, 'image'), options)).rejects.toEqual(failure(code));
    expect(fs.readdirSync(work)).toEqual(['tree']);
  });

  test.each([
    ['', 'ENOENT'],
    ['x\0y', 'EINVAL'],
  ])('to the image %j', async (image, code) => {
    await expect(build(path.join(work, 'missing'), image)).rejects.toEqual(failure(code));
  });

  test('of a small tree with a signal given before', async () => {
    const image = path.join(work, 'image');
    for (const reason of [undefined, new Error('the user went away'), 'text']) {
      const signal = AbortSignal.abort(reason);
      await expect(build(path.join(work, 'missing'), image, { signal })).rejects.toEqual(aborted(signal));
      await expect(build(tree, image, { signal })).rejects.toEqual(aborted(signal));
    }
    expect(fs.readdirSync(work)).toEqual(['tree']);
  });

  test('whose signal is given while it scans, or later', async () => {
    for (const stage of ['scan', 'write']) {
      const running = new AbortController();
      const clock = slices();
      const onProgress = (at: BuildProgress) => at.stage === stage && running.abort('enough');
      const ended = build(tree, path.join(work, 'image'), { signal: running.signal, onProgress });
      await expect(ended).rejects.toEqual(aborted(running.signal));
      clock.mockRestore();
    }
    expect(fs.readdirSync(work)).toEqual(['tree']);
  });

  test('from a path with a zero byte', async () => {
    await expect(build('x\0y', path.join(work, 'image'))).rejects.toEqual(failure('EINVAL'));
  });
});

test('what is there is replaced by an option that the caller can give', async () => {
  const image = path.join(work, 'tree/file0');
  await expect(build(tree, image)).rejects.toMatchObject({
    code: 'EEXIST',
    message: `${image} exists already; force: true replaces it`,
  });
  const { volume: from } = volume();
  await expect(extract(from, '/', tree)).rejects.toMatchObject({
    code: 'ENOTEMPTY',
    message: `${tree} is not empty; name a new or empty directory, or add to what is there with force: true`,
  });
  from.close();
});

describe('put and extract', () => {
  test('paths with a zero byte', async () => {
    const { volume: fs } = volume();
    await expect(put(fs, 'x\0y', place('x'))).rejects.toEqual(failure('EINVAL'));
    await expect(extract(fs, '/', 'x\0y')).rejects.toEqual(failure('EINVAL'));
    fs.close();
  });

  test('a signal given before', async () => {
    const { volume: image } = volume();
    const signal = AbortSignal.abort();
    await expect(put(image, tree, place('put'), { signal })).rejects.toEqual(aborted(signal));
    expect(image.readdir('/').map(({ name }) => `${name}`)).not.toContain('put');
    await expect(extract(image, '/', path.join(work, 'out'), { signal })).rejects.toEqual(aborted(signal));
    expect(fs.existsSync(path.join(work, 'out'))).toBe(false);
    image.close();
  });

  test.each(['close', 'abandon'] as const)('a put ends when its volume is lost by %s', async (how) => {
    const { device, volume: image } = volume();
    const clock = slices();
    const running = put(image, tree, place('put'));
    image[how]();
    const { writes } = device.counters;
    await expect(running).rejects.toEqual(failure('EBADF'));
    clock.mockRestore();
    expect(device.counters.writes).toBe(writes);
  });
});
