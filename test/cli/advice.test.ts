// Advice is followed: what a command refuses, saying what to do first, is done once that was done, by commands alone.
import * as fs from 'node:fs';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { FileSystem } from '../../src/index.ts';
import { fsck } from '../../tools/judge/fsck.ts';
import { imageDirectory } from '../device/temporary.ts';
import { noise, prose } from '../fs/compressed-volume.ts';
import { expectPlain } from '../messages.ts';
import { f2fs, makeImage, type Result } from './command.ts';
import { f2fsHere, type Said } from './in-process.ts';

const MIB = 2 ** 20;
const temporary = imageDirectory();
afterAll(temporary.remove);
const image = temporary.file('disk.img');
const other = temporary.file('other.img');
const small = temporary.file('small');
const large = temporary.file('large');
const link = temporary.file('link');
fs.writeFileSync(small, noise(100_000, 1));
fs.writeFileSync(large, noise(3 * MIB, 2));
fs.symlinkSync('small', link);

beforeEach(() => {
  fs.rmSync(other, { force: true });
  const fill = (volume: FileSystem) => {
    volume.mkdir('/dir');
    volume.writeFile('/released', prose(50 * 4096 + 5, 1), { compress: true });
    using released = volume.openFile('/released');
    released.releaseBlocks();
    using pinned = volume.openFile('/pinned', { flags: 'w+' });
    pinned.setPinned(true);
    pinned.allocate(0, 2 * MIB);
    pinned.write(noise(2 * MIB, 3), 0);
  };
  makeImage(image, fill, { mib: 128 });
});

/** `f2fs ...args` with a file for standard input where `-` is among them. */
async function run(args: string[]): Promise<Said | Result> {
  return args.includes('-') ? f2fs(args, { input: fs.readFileSync(large) }) : f2fsHere(...args);
}

async function checkpointOf(): Promise<Record<string, number>> {
  return JSON.parse((await run(['info', '--json', image])).stdout).checkpoint;
}

/** A command is refused as `said`, and done after `cures`, which are too. Returns what was said. */
async function followed(said: RegExp, args: string[], ...cures: string[][]): Promise<void> {
  const first = await run(args);
  expect(first.stderr).toMatch(said);
  expect(first.code).toBeGreaterThan(0);
  expectPlain(first.stderr);
  for (const cure of cures) expect([cure, await run(cure)]).toEqual([cure, expect.objectContaining({ code: 0 })]);
  expect(await run(args)).toMatchObject({ code: 0 });
  expect((await fsck(image)).complaints).toEqual([]);
}

describe('a pinned file', () => {
  it('is told apart from others', async () => {
    expect((await run(['stat', image, '/pinned'])).stdout).toMatch(/^pinned +to its blocks/m);
    expect(JSON.parse((await run(['stat', '--json', image, '/pinned'])).stdout).pinned).toBe(true);
    expect((await run(['stat', image, '/'])).stdout).not.toContain('pinned');
  });

  it.each<[string, RegExp, string[], ...string[][]]>([
    [
      'is too small for a file',
      /has 2097152 bytes, too few for 3145728: allocate more with fallocate, or remove it \(EFBIG\)/,
      ['put', image, large, '/pinned'],
      ['fallocate', '-l', '3M', image, '/pinned'],
    ],
    ['or goes', /or remove it \(EFBIG\)/, ['put', image, large, '/pinned'], ['rm', image, '/pinned']],
    [
      'ends before standard input',
      /has 2097152 bytes, too few for \d+ and what follows: allocate more with fallocate, or remove it \(EFBIG\)/,
      ['put', image, '-', '/pinned'],
      ['fallocate', '-l', '4M', image, '/pinned'],
    ],
    [
      'whose blocks lie past its end',
      /has 0 bytes, too few for \d+ and what follows: allocate more with fallocate/,
      ['put', image, '-', '/kept'],
      ['fallocate', '-l', '4M', image, '/kept'],
    ],
    [
      'is where a symlink is to go',
      /remove it first if nothing relies on them/,
      ['put', image, link, '/pinned'],
      ['rm', image, '/pinned'],
    ],
    [
      'is to be longer',
      /it grows by allocating blocks only \(fallocate\)/,
      ['truncate', '-s', '4M', image, '/pinned'],
      ['fallocate', '-l', '4M', image, '/pinned'],
    ],
    [
      'is pinned before it has blocks',
      /it has blocks already; pin it while it is empty/,
      ['fallocate', '--pin', '-l', '2M', image, '/large'],
      ['truncate', '-s', '0', image, '/large'],
    ],
  ])('%s', async (_, said, args, ...cures) => {
    expect(await run(['fallocate', '--pin', '-n', '-l', '4M', image, '/kept'])).toMatchObject({ code: 0 });
    expect(await run(['put', image, large, '/large'])).toMatchObject({ code: 0 });
    await followed(said, args, ...cures);
  });

  it('is written over where no copy can take the place of the image, with --in-steps', async () => {
    fs.linkSync(image, other);
    const said =
      /the change overwrites a pinned file where it lies, and a changed copy .* \(hard links\); --in-steps makes it in several steps \(EOPNOTSUPP\)/;
    const put = (...more: string[]) => ['put', ...more, image, small, '/pinned'];
    await followed(said, put(), put('--in-steps'), ['rm', image, '/pinned']);
  });

  it('for which sections must be cleaned gets them on a copy, or with --in-steps', async () => {
    const files = Array.from({ length: 48 }, (_, i) => {
      fs.writeFileSync(temporary.file(`part${i}`), noise(400_000, i));
      return temporary.file(`part${i}`);
    });
    expect(await run(['put', image, ...files, '/dir'])).toMatchObject({ code: 0 });
    const odd = files.filter((_, i) => i % 3 > 0).map((file) => `/dir/${file.split('/').at(-1)}`);
    expect(await run(['rm', image, ...odd])).toMatchObject({ code: 0 });
    const { freeSegments, reservedSegments } = await checkpointOf();
    const wanted = String((freeSegments - reservedSegments) * 2 * MIB);
    fs.linkSync(image, other);
    const allocate = (name: string, ...more: string[]) => ['fallocate', ...more, '--pin', '-l', wanted, image, name];
    const refused = await run(allocate('/first'));
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/--in-steps makes it in several steps/) });
    expect(await run(allocate('/first', '--in-steps'))).toMatchObject({ code: 0 });
    expect((await fsck(image)).complaints).toEqual([]);
    fs.rmSync(other);
  });
});

describe('a file whose blocks were released', () => {
  const RESERVE = /reserve them first with 'f2fs fallocate --reserve'/;
  it.each([
    ['allocated', ['fallocate', '-l', '4M', image, '/released']],
    ['cut within a cluster', ['truncate', '-s', '5000', image, '/released']],
    ['made longer', ['truncate', '-s', '4M', image, '/released']],
  ])('is %s', async (_, args) => {
    await followed(RESERVE, args, ['fallocate', '--reserve', image, '/released']);
  });

  it('is replaced, as Linux does it, and released again', async () => {
    expect(await run(['put', image, '-', '/released'])).toMatchObject({ code: 0 });
    expect((await fsck(image)).complaints).toEqual([]);
    const said = /compression saves none/;
    expect((await run(['fallocate', '--release', image, '/released'])).stderr).toMatch(said);
  });

  it('takes --release after --reserve, and each once', async () => {
    const change = (how: string) => run(['fallocate', how, image, '/released']);
    expect((await change('--release')).stderr).toMatch(/blocks were released before \(EINVAL\)/);
    const free = async () => (await checkpointOf()).freeBlocks;
    const before = await free();
    expect(await change('--reserve')).toMatchObject({ code: 0 });
    expect(await free()).toBeLessThan(before);
    expect((await change('--reserve')).stderr).toMatch(/no blocks of the file were released \(EINVAL\)/);
    expect(await change('--release')).toMatchObject({ code: 0 });
    expect(await free()).toBe(before);
    expect((await fsck(image)).complaints).toEqual([]);
  });

  it.each([
    [[], /give the bytes with -l, or --release or --reserve/],
    [['--reserve', '--release'], /--release and --reserve do not go together/],
    [['--reserve', '-l', '5'], /-l has no effect with --reserve/],
    [['--release', '-n'], /-n has no effect with --release/],
    [['--release', '--pin'], /--pin has no effect with --release/],
  ])('fallocate %j', async (options, said) => {
    expect(await run(['fallocate', ...options, image, '/released'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(said),
    });
  });
});

describe('flags, sizes and names', () => {
  it.each<[RegExp, string[], ...string[][]]>([
    [
      /clear the flag with chattr IMAGE -- -i/,
      ['rm', image, '/immutable'],
      ['chattr', image, '--', '-i', '/immutable'],
    ],
    [
      /clear the flag with chattr IMAGE -- -a/,
      ['put', image, '-', '/appended'],
      ['chattr', image, '--', '-a', '/appended'],
    ],
  ])('%s', async (said, args, ...cures) => {
    for (const [flag, name] of [
      ['+i', '/immutable'],
      ['+a', '/appended'],
    ]) {
      expect(await run(['truncate', '-s', '5', image, name])).toMatchObject({ code: 0 });
      expect(await run(['chattr', image, flag, name])).toMatchObject({ code: 0 });
    }
    await followed(said, args, ...cures);
  });

  it.each([
    ['1', []],
    ['1025K', []],
    ['1027M', ['--segs-per-sec', '3']],
  ])('mkswap of %s tells a size that it takes', async (size, options) => {
    expect(await run(['mkfs', other, '--size', '3G', ...options])).toMatchObject({ code: 0 });
    const { stderr } = await run(['mkswap', other, '-s', size, '/swap']);
    const told = /expected whole sections of \d MiB, as in --size (\d+M) \(EINVAL\)/.exec(stderr)?.[1] ?? '';
    expect(await run(['mkswap', other, '-s', told, '/swap'])).toMatchObject({ code: 0 });
    expect((await fsck(other)).complaints).toEqual([]);
  });
});
