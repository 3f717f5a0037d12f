// What is called in the wrong way ends with code 2 and one line, and has touched nothing: every option that takes a value with a bad
// one, arguments that are values, and options that contradict each other.
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Command, Option } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { usageText } from '../../src/cli/errors.ts';
import { makeProgram } from '../../src/cli/program.ts';
import { imageDirectory } from '../device/temporary.ts';
import { expectPlain } from '../messages.ts';
import { makeImage } from './command.ts';
import { f2fsHere } from './in-process.ts';

const temporary = imageDirectory();
const image = temporary.file('disk.img');
const source = temporary.file('source');
const fresh = temporary.file('fresh');
let before: Buffer;
beforeAll(() => {
  fs.mkdirSync(source);
  fs.writeFileSync(`${source}/file`, 'contents');
  makeImage(image, (volume) => volume.writeFile('/file', 'contents'));
  before = fs.readFileSync(image);
});
afterAll(() => temporary.remove());

/** What each command is given besides the option. */
const ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  mkfs: [fresh],
  build: [source, fresh],
  ls: [image],
  stat: [image, '/file'],
  cat: [image, '/file'],
  getfattr: [image, '/file'],
  info: [image],
  extract: [image, fresh],
  put: [image, `${source}/file`, '/new'],
  mkdir: [image, '/new'],
  rm: [image, '/file'],
  mv: [image, '/file', '/new'],
  ln: [image, '/file', '/new'],
  chmod: [image, '600', '/file'],
  chown: [image, '0', '/file'],
  chattr: [image, '+i', '/file'],
  setfattr: [image, '/file'],
  truncate: [image, '/new'],
  fallocate: [image, '/new'],
  mkswap: [image, '/new'],
  verity: ['enable', image, '/file'],
  clean: [image],
  bench: [fresh],
  completion: ['bash'],
};

const LZ4 = ['--compress', 'lz4'];
const SIZE = ['--size', '64M'];

/** Bad values of each option, with what else must be given; null for an option that takes any text. */
const BAD: Readonly<Record<string, readonly (readonly string[])[] | null>> = {
  'mkfs --size': [['0'], ['3K'], ['51M'], ['2GB'], ['-1'], ['17T'], ['99999999T'], ['auto']],
  'mkfs --label': [['x'.repeat(512), ...SIZE]],
  'mkfs --uuid': [
    ['x', ...SIZE],
    ['', ...SIZE],
  ],
  'mkfs --encoding': [
    ['utf16', ...SIZE],
    ['', ...SIZE],
    ['utf8', '-O', 'default', ...SIZE],
  ],
  'mkfs --features': [
    ['nope', ...SIZE],
    ['ro', ...SIZE],
    ['compression', ...SIZE],
    ['', ...SIZE],
    [',', ...SIZE],
  ],
  'mkfs --segs-per-sec': [
    ['0', ...SIZE],
    ['x', ...SIZE],
    ['4000', ...SIZE],
    ['16', ...SIZE],
  ],
  'mkfs --secs-per-zone': [
    ['0', ...SIZE],
    ['1.5', ...SIZE],
    ['4000', ...SIZE],
    ['16', ...SIZE],
  ],
  'mkfs --overprovision': [
    ['0', ...SIZE],
    ['100', ...SIZE],
    ['x', ...SIZE],
    ['0.001', ...SIZE],
  ],
  'mkfs --cold-ext': [
    ['', ...SIZE],
    ['longerthan8', ...SIZE],
    ['db', ...SIZE],
  ],
  'mkfs --hot-ext': [
    ['', ...SIZE],
    ['GIF', ...SIZE],
  ],
  'mkfs --root-owner': [
    ['root', ...SIZE],
    ['0', ...SIZE],
    ['4294967295:0', ...SIZE],
    ['0:9999999999', ...SIZE],
  ],
  'mkfs --block-size': [
    ['12K', ...SIZE],
    ['2K', ...SIZE],
    ['128K', ...SIZE],
    ['x', ...SIZE],
    ['16K', ...SIZE, '--for', 'pi5'],
  ],
  'mkfs --for': [
    ['toaster', ...SIZE],
    ['', ...SIZE],
  ],
  'build --block-size': [['12K'], ['2K'], ['128K'], ['x']],
  'build --for': [['toaster'], ['']],
  'build --size': [['0'], ['100'], ['x'], ['17T']],
  'build --free': [['x'], ['17T'], ['-1']],
  'build --uuid': [['x'], ['']],
  'build --label': [['x'.repeat(512)]],
  'build --features': [['nope'], ['ro'], ['compression'], ['']],
  'build --encoding': [['utf16'], ['utf8:lax'], [''], ['utf8', '-O', 'default']],
  'build --casefold': [[''], ['media', '-O', 'default,verity']],
  'build --holes': [['none']],
  'build --compress': [['gzip'], ['lz4:99'], ['zstd:0'], ['zstd:99'], ['lzo:1'], ['lz4:'], ['']],
  'build --cluster': [
    ['5K', ...LZ4],
    ['8K', ...LZ4],
    ['2M', ...LZ4],
    ['x', ...LZ4],
  ],
  'build --compress-ext': [
    ['', ...LZ4],
    ['longerthan8', ...LZ4],
  ],
  'build --compress-glob': [['', ...LZ4]],
  'build --no-compress-ext': [
    ['', ...LZ4],
    ['longerthan8', ...LZ4],
  ],
  'build --cold-ext': [[''], ['longerthan8'], ['db']],
  'build --hot-ext': [[''], ['longerthan8'], ['gz']],
  'build --immutable': [['']],
  'build --verity': [['']],
  'build --verity-hash': [['md5', '--verity', '*']],
  'build --verity-block': [
    ['x', '--verity', '*'],
    ['8K', '--verity', '*'],
  ],
  'build --verity-salt': [
    ['x', '--verity', '*'],
    ['0', '--verity', '*'],
  ],
  'build --workers': [
    ['-1', ...LZ4],
    ['65', ...LZ4],
    ['x', ...LZ4],
  ],
  'build --engine': [['fast']],
  'getfattr --name': [['odd'], ['user.'], [''], [`user.${'x'.repeat(256)}`]],
  'getfattr --match': [['('], ['[[:nope:]]']],
  'getfattr --encoding': [['octal', '-d']],
  'extract --holes': [['none']],
  'extract --tar': [[''], [fresh, '/etc'], ['-', '--json']],
  'put --holes': [['none']],
  'mkdir --mode': [['99999'], ['rwx'], ['']],
  'setfattr --name': [['odd'], ['user.'], [''], [`user.${'x'.repeat(256)}`]],
  'setfattr --value': [
    ['0xz', '-n', 'user.a'],
    ['0s!', '-n', 'user.a'],
  ],
  'setfattr --remove': [['odd'], ['user.'], ['']],
  // What can't be read is no wrong usage.
  'setfattr --restore': null,
  'truncate --size': [['x'], ['++1'], [''], ['99999999T']],
  'fallocate --length': [['0'], ['x'], ['-1']],
  'fallocate --offset': [
    ['x', '-l', '1'],
    ['-1', '-l', '1'],
  ],
  'mkswap --size': [['0'], ['x']],
  'mkswap --label': [['x'.repeat(16), '-s', '2M']],
  'mkswap --uuid': [
    ['x', '-s', '2M'],
    ['', '-s', '2M'],
  ],
  'clean --sections': [['0'], ['x'], ['1.5']],
  'chattr --project': [['-1'], ['4294967295'], ['x'], ['']],
  'clean --policy': [['newest']],
  'bench --workloads': [['none'], ['']],
  'bench --engine': [['fast']],
  'bench --size': [['0'], ['4095'], ['x'], ['99T']],
  'bench --block': [['0'], ['1G'], ['x']],
  'bench --writes': [['0'], ['x']],
  'bench --appends': [['0'], ['x']],
  'verity --hash-alg': [['md5'], ['']],
  'verity --block-size': [['x'], ['']],
  'verity --salt': [['x'], ['0'], ['00'.repeat(33)]],
  'bench --files': [['0'], ['x'], ['99999999999']],
  'bench --compress': [['gzip'], ['lz4:99'], ['none,'], ['']],
  'bench --cluster': [['5K'], ['2M'], ['x']],
  'bench --workers': [['65'], ['x'], ['-1']],
  'bench --folio': [['0'], ['3'], ['1024']],
  'bench --queue': [['65'], ['x']],
  'bench --cache': [['1M'], ['8G'], ['x']],
  'bench --repeat': [['0'], ['x']],
  'bench --svg': [[''], [fresh], ['-']],
};

const takesValue = (option: Option) => option.required || option.optional;
const nameOf = (command: Command, option: Option) => `${command.name()} ${option.long}`;
const { commands } = makeProgram(() => Promise.resolve());
const valued = commands.flatMap((command) =>
  command.options.filter(takesValue).map((option) => ({ command, option, name: nameOf(command, option) })),
);

/** Runs a command that is called in the wrong way. */
async function expectRefused(args: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await f2fsHere(...args);
  const line = usageText(stderr.trimEnd());
  expect({ args, code, stdout, lines: line.split('\n').length }).toEqual({ args, code: 2, stdout: '', lines: 1 });
  expect(line).not.toMatch(/\(E[A-Z]+\)/);
  expectPlain(line);
  expect(fs.existsSync(fresh)).toBe(false);
}

it('every option that takes a value has bad ones here', () => {
  expect(Object.keys(BAD).sort()).toEqual(valued.map(({ name }) => name).sort());
  expect(Object.keys(ARGUMENTS).sort()).toEqual(commands.map((command) => command.name()).sort());
});

describe('a bad value', () => {
  it.each(valued.filter(({ name }) => BAD[name] !== null))('of $name', async ({ command, option, name }) => {
    for (const [value, ...others] of BAD[name] ?? []) {
      const given = option.long as string;
      await expectRefused([command.name(), ...ARGUMENTS[command.name()], `${given}=${value}`, ...others]);
    }
    expect(fs.readFileSync(image).equals(before)).toBe(true);
  });

  it.each<[label: string, args: string[]]>([
    ['a mode', ['chmod', image, '99999', '/file']],
    ['a mode of letters', ['chmod', image, 'rwx', '/file']],
    ['an owner of nobody', ['chown', image, ':', '/file']],
    ['an owner with two colons', ['chown', image, 'a:b:c', '/file']],
    ['a user past the last', ['chown', image, '4294967295', '/file']],
    ['a group past the last', ['chown', image, '0:4294967295', '/file']],
    ['flags without a sign', ['chattr', image, 'i', '/file']],
    ['flags that there are not', ['chattr', image, '+z', '/file']],
    ['a shell', ['completion', 'tcsh']],
    ['a name in escapes', ['rm', '-e', image, '/a\\q']],
  ])('as an argument: %s', async (_, args) => {
    await expectRefused(args);
    expect(fs.readFileSync(image).equals(before)).toBe(true);
  });
});

describe('what does not go together', () => {
  it.each<[args: string[]]>([
    [['build', source, fresh, ...SIZE, '--tight']],
    [['build', source, fresh, '--release']],
    [['build', source, fresh, '--cluster', '64K']],
    [['build', source, fresh, ...LZ4, '-O', 'none']],
    [['build', source, fresh, ...SIZE, ...SIZE]],
    [['build', source, '-']],
    [['mkfs', fresh]],
    [['extract', image, '-']],
    [['getfattr', '-n', 'user.a', '-m', '-', image, '/file']],
    [['getfattr', '-e', 'hex', image, '/file']],
    [['getfattr', '--only-values', '--absolute-names', image, '/file']],
    [['setfattr', image, '/file']],
    [['setfattr', '-n', 'user.a', '-x', 'user.b', image, '/file']],
    [['setfattr', '-n', 'user.a', '--create', '--replace', image, '/file']],
    [['setfattr', '-x', 'user.a', '--create', image, '/file']],
    [['setfattr', '-n', 'user.a', '--raw', image, '/file']],
    [['setfattr', '-n', 'user.a', image]],
    [['setfattr', '--restore', '-', image, '/a', '/b']],
    [['mv', '--exchange', '-n', image, '/file', '/b']],
    [['mv', '--exchange', image, '/file', '/b', '/c']],
    [['mv', '-T', image, '/file', '/b', '/c']],
    [['mv', image, '/file']],
    [['put', image, '/file']],
    [['put', '-T', image, source, `${source}/file`, '/']],
    [['put', image, '-', '/']],
    [['rm', image]],
    [['truncate', image, '/file']],
    [['bench', fresh, '--svg', fresh]],
    [['bench', fresh, '--svg', '-']],
    [['ls', image, '--nonsense']],
    [['nonsense']],
  ])('%j', async (args) => {
    await expectRefused(args);
    expect(fs.readFileSync(image).equals(before)).toBe(true);
  });
});

describe('what the command loads to parse its arguments', () => {
  /** Files of src/ that are loaded with one, those that are loaded later left out. */
  function loadedWith(file: string, loaded = new Set<string>()): Set<string> {
    if (loaded.has(file)) return loaded;
    loaded.add(file);
    const text = fs.readFileSync(file, 'utf8').replace(/^(?:import|export) type [^;]*;/gm, '');
    for (const [, names, from] of text.matchAll(/^(?:import|export) ([^;]*?)from '(\.[^']+)';/gm)) {
      const isTypes = /^\{(?:\s*type \w+( as \w+)?,?)+\s*\}\s*$/.test(names);
      if (!isTypes) loadedWith(resolve(dirname(file), from), loaded);
    }
    return loaded;
  }

  it('is its grammar: no volume, device, page cache or thread', () => {
    const src = resolve(import.meta.dirname, '../../src');
    const rooms = [...loadedWith(`${src}/cli/main.ts`)].map((file) => file.slice(src.length + 1));
    expect(rooms.length).toBeGreaterThan(20);
    expect(
      rooms.filter((file) => /^(fs|file|device|pagecache|populate|extract|source\/host|host|mkfs)\//.test(file)),
    ).toEqual(['device/write-slots.ts']);
  });
});

describe('bench', () => {
  it.each([
    [['--workloads', 'read-back', '--files', '5'], '--files has no effect on read-back'],
    [['--workloads', 'seq-write,overwrite', '--appends', '5'], '--appends has no effect on seq-write, overwrite'],
    [['--workloads', 'small-files', '--size', '8M'], '--size has no effect on small-files'],
    [['--workloads', 'seq-write', '--block', '8K'], '--block has no effect on seq-write'],
    [['--compress', 'none', '--cluster', '128K'], '--cluster has no effect without compression'],
    [['--compress', 'none', '--workers', '2'], '--workers has no effect without compression'],
    [['--compress', 'lz4,lz4'], "invalid --compress 'lz4,lz4': expected each once"],
    [['--workloads', 'seq-write,seq-write'], 'xpected each name once'],
  ])('%j has no effect', async (options, said) => {
    const { code, stderr, stdout } = await f2fsHere('bench', fresh, ...options);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(said);
    expect(fs.existsSync(fresh)).toBe(false);
  });
});

it('a size that is too large is not taken for one in another unit', async () => {
  const { code, stderr } = await f2fsHere('mkfs', fresh, '--size', '99999TiB');
  expect(code).toBe(2);
  expect(stderr).not.toContain('did you mean');
  expect(stderr).toContain('16 TiB');
});

it.runIf(fs.existsSync('/dev/full'))(
  'a report that can not be written is told apart from a change that failed',
  async () => {
    const changed = temporary.file('changed.img');
    makeImage(changed, () => {});
    fs.writeFileSync(`${source}/file`, 'contents');
    const MAIN = resolve(import.meta.dirname, '../../dist/cli/main.js');
    const said = spawnSync(
      'sh',
      ['-c', '"$0" "$@" > /dev/full', process.execPath, MAIN, 'put', changed, `${source}/file`, '/new'],
      {
        encoding: 'utf8',
      },
    );
    expect(said.status).toBe(1);
    expect(said.stderr).toMatch(
      /cannot write to standard output: .*; .*changed.img is changed: only the report of it is missing/,
    );
    expect((await f2fsHere('cat', changed, '/new')).stdout).toBe('contents');
  },
);

it.each([
  ['/file', '/file', 'has that name already'],
  ['/file', '/', 'has that name already'],
  ['/file', '/./file', 'has that name already'],
])('mv %s %s names no second file to remove', async (from, to, words) => {
  const { code, stderr } = await f2fsHere('mv', image, from, to);
  expect(code).toBe(1);
  expect(stderr).toContain(words);
  expect(stderr).not.toContain('rm');
});
