// A change that does not fit beside what it replaces, in an image of the least size, is done all the same: on a copy that takes the
// image's place, so wholly or not at all; or in steps, where that is asked for.
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { build, type FileSystem } from '../../src/index.ts';
import { fsck } from '../../tools/judge/fsck.ts';
import { attachLoop, imageDirectory } from '../device/temporary.ts';
import { lookInto } from '../look-into.ts';
import { f2fs, interrupted } from './command.ts';
import { f2fsHere } from './in-process.ts';

const temporary = imageDirectory();
afterAll(temporary.remove);

const DIRECTORIES = 16;
const FILES = 700;
const LARGE = 8 << 20;
const ENTRIES = DIRECTORIES * (FILES + 1) + 1;

let pristine: string;
let image: string;
let count = 0;

beforeAll(async () => {
  const tree = temporary.file('tree');
  for (let d = 0; d < DIRECTORIES; d++) {
    fs.mkdirSync(`${tree}/d${d}`, { recursive: true });
    for (let i = 0; i < FILES; i++) fs.writeFileSync(`${tree}/d${d}/f${i}`, `${i}`);
  }
  fs.writeFileSync(`${tree}/large`, Buffer.alloc(LARGE, 'old '));
  pristine = temporary.file('pristine.img');
  await build(tree, pristine);
});

beforeEach(() => {
  image = temporary.file(`${++count}.img`);
  fs.copyFileSync(pristine, image);
  fs.chmodSync(image, 0o640);
});

function look<T>(work: (volume: FileSystem) => T, file = image): T {
  return lookInto(file, work);
}

/** How many entries have each value of `of`. */
function counts(of: (stat: ReturnType<FileSystem['lstat']>) => string): Record<string, number> {
  const found: Record<string, number> = {};
  const add = (stat: ReturnType<FileSystem['lstat']>) => {
    const key = of(stat);
    found[key] = (found[key] ?? 0) + 1;
  };
  look((volume) => {
    add(volume.lstat('/'));
    for (const { name, type } of volume.readdir('/')) {
      const path = `/${Buffer.from(name)}`;
      if (path === '/lost+found') continue;
      add(volume.lstat(path));
      if (type !== 'directory') continue;
      for (const entry of volume.readdir(path)) add(volume.lstat(`${path}/${Buffer.from(entry.name)}`));
    }
  });
  return found;
}

async function assertSound(file = image): Promise<void> {
  const verdict = await fsck(file);
  expect(verdict.complaints).toEqual([]);
  expect(verdict.ok).toBe(true);
}

/** Nothing but images lies beside the image. */
function assertTidy(): void {
  const names = fs.readdirSync(temporary.directory).filter((name) => name.includes('.part'));
  expect(names).toEqual([]);
}

async function done(...args: string[]): Promise<void> {
  expect(await f2fsHere(...args)).toMatchObject({ code: 0, stderr: '' });
  await assertSound();
  assertTidy();
}

const paths = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `/d${from + i}`);

describe('on an image of the least size', () => {
  it('the volume has less free than all its nodes take', () => {
    look((volume) => expect(volume.statfs().freeBlocks).toBeLessThan(ENTRIES / 2));
  });

  it('every owner is changed', async () => {
    await done('chown', image, '-R', '7:8', '/');
    const found = counts(({ uid, gid }) => `${uid}:${gid}`);
    expect(found).toEqual({ '7:8': ENTRIES + 1 });
  });

  it('every mode is changed, and the image file keeps its own mode, size and attributes', async () => {
    const given = spawnSync('setfattr', ['-n', 'user.note', '-v', 'kept', image]).status === 0;
    const before = fs.statSync(image);
    await done('chmod', image, '-R', 'a=rX', '/');
    expect(Object.keys(counts(({ mode }) => (mode & 0o7777).toString(8))).sort()).toEqual(['444', '555']);
    const after = fs.statSync(image);
    expect([after.mode, after.size]).toEqual([before.mode, before.size]);
    expect(after.blocks).toBeLessThanOrEqual(before.blocks * 1.05);
    const note = spawnSync('getfattr', ['--only-values', '-n', 'user.note', image], { encoding: 'utf8' });
    if (given) expect(note.stdout).toBe('kept');
  });

  it('attributes are set on every file of several directories', async () => {
    const files = paths(0, 6).flatMap((path) => Array.from({ length: FILES }, (_, i) => `${path}/f${i}`));
    await done('setfattr', image, '-n', 'user.note', '-v', 'seen', ...files);
    look((volume) => {
      for (const path of files) expect(Buffer.from(volume.getXattr(path, 'user.note')).toString()).toBe('seen');
    });
  });

  it('all is removed', async () => {
    await done('rm', image, '-r', ...paths(0, DIRECTORIES), '/large');
    look((volume) => expect(volume.readdir('/').map(({ name }) => `${Buffer.from(name)}`)).toEqual(['lost+found']));
  });

  it('every file is moved', async () => {
    const files = paths(0, DIRECTORIES).flatMap((path) => Array.from({ length: FILES }, (_, i) => `${path}/f${i}`));
    const back = DIRECTORIES / 4;
    await done('mkdir', image, '/all');
    for (let d = 0; d < DIRECTORIES; d++) {
      const names = files.slice(d * FILES, (d + 1) * FILES);
      if (d % 4 === 0) await done('mv', image, ...names, '/all');
      else await done('mv', image, `/d${d}`, '/all');
      if (d % 4 === 0) await done('mv', image, ...names.map((path) => path.replace(/.*[/]/, '/all/')), `/d${d}`);
    }
    look((volume) => expect(volume.readdir('/all').length).toBe(DIRECTORIES - back));
    expect(counts(({ type }) => type).file).toBe(back * FILES + 1);
  });

  it('a file takes the place of one that is as large', async () => {
    const file = temporary.file('large');
    fs.writeFileSync(file, Buffer.alloc(LARGE, 'new '));
    await done('put', '--quiet', image, file, '/large');
    look((volume) => expect(Buffer.compare(volume.readFile('/large'), fs.readFileSync(file))).toBe(0));
  });

  it('so does standard input, which is read once', async () => {
    const fresh = Buffer.alloc(LARGE, 'from a pipe ');
    const { code, stderr } = await f2fs(['put', image, '-', '/large'], { input: fresh });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    await assertSound();
    look((volume) => expect(Buffer.compare(volume.readFile('/large'), fresh)).toBe(0));
  });

  it('a tree takes the place of what is there', async () => {
    const tree = temporary.file('tree-2');
    for (let d = 0; d < DIRECTORIES; d++) {
      fs.mkdirSync(`${tree}/d${d}`, { recursive: true });
      for (let i = 0; i < FILES; i++) fs.writeFileSync(`${tree}/d${d}/f${i}`, `new ${i}`);
    }
    await done('put', '--quiet', image, `${tree}/.`, '/');
    look((volume) => expect(Buffer.from(volume.readFile('/d3/f17')).toString()).toBe('new 17'));
    expect(counts(({ type }) => type)).toEqual({ directory: DIRECTORIES + 1, file: DIRECTORIES * FILES + 1 });
  });

  it('what does not fit at all is refused, and nothing is changed', async () => {
    const before = fs.readFileSync(image);
    const file = temporary.file('huge');
    fs.writeFileSync(file, Buffer.alloc(64 << 20, 'new '));
    const { code, stderr } = await f2fsHere('put', '--quiet', image, file, '/huge');
    expect({ code, lines: stderr.split('\n').length }).toEqual({ code: 1, lines: 2 });
    expect(stderr).toMatch(/ENOSPC/);
    look((volume) => expect(volume.readdir('/').length).toBe(DIRECTORIES + 2));
    expect(fs.statSync(image).size).toBe(before.length);
    assertTidy();
    await assertSound();
  });
});

describe('the copy', () => {
  it('is left out where the change fits: the image stays the same file', async () => {
    const { ino } = fs.statSync(image);
    await done('chown', image, '-R', '7:8', '/d1');
    expect(fs.statSync(image).ino).toBe(ino);
  });

  it('takes the place that a symlink leads to', async () => {
    const link = temporary.file('link.img');
    fs.symlinkSync(image, link);
    await done('chown', link, '-R', '7:8', '/');
    expect(fs.lstatSync(link).isSymbolicLink()).toBe(true);
    expect(counts(({ uid }) => `${uid}`)).toEqual({ 7: ENTRIES + 1 });
  });

  it('keeps what lies behind the volume in the file', async () => {
    const mark = Buffer.from('behind the volume');
    const { size } = fs.statSync(image);
    const fd = fs.openSync(image, 'r+');
    fs.writeSync(fd, mark, 0, mark.length, size + 12_345);
    fs.closeSync(fd);
    await done('chown', image, '-R', '7:8', '/');
    const after = fs.readFileSync(image);
    expect(after.length).toBe(size + 12_345 + mark.length);
    expect(after.subarray(size + 12_345)).toEqual(mark);
  });

  it('is refused for an image with another name, which would keep the old contents', async () => {
    const other = temporary.file('other.img');
    fs.linkSync(image, other);
    const said = await f2fsHere('chown', image, '-R', '7:8', '/');
    expect(said).toEqual({
      code: 1,
      stdout: '',
      stderr: `f2fs: chown: the change does not fit beside what it replaces, and a changed copy can't take the place of ${image}: it has 2 names (hard links); --in-steps makes it in several steps (ENOSPC)\n`,
    });
    expect(counts(({ uid }) => `${uid}`)).toEqual({ 0: ENTRIES + 1 });
    assertTidy();
    fs.rmSync(other);
  });

  it('is not made of a block device, where --in-steps does without', async () => {
    const loop = attachLoop(image);
    if (typeof loop === 'string') return expect(loop).toMatch(/no loop device/);
    try {
      const said = await f2fsHere('chown', loop.device, '-R', '7:8', '/');
      expect(said.stderr).toMatch(/it is a block device; --in-steps makes it in several steps/);
      expect(await f2fsHere('chown', '--in-steps', loop.device, '-R', '7:8', '/')).toMatchObject({
        code: 0,
        stderr: '',
      });
    } finally {
      loop.detach();
    }
    expect(counts(({ uid }) => `${uid}`)).toEqual({ 7: ENTRIES + 1 });
    await assertSound();
  });
});

describe('in steps', () => {
  it('the image stays the same file', async () => {
    const { ino } = fs.statSync(image);
    await done('chown', '--in-steps', image, '-R', '7:8', '/');
    expect(fs.statSync(image).ino).toBe(ino);
    expect(counts(({ uid }) => `${uid}`)).toEqual({ 7: ENTRIES + 1 });
  });

  it('what was done before a failure stays', async () => {
    const said = await f2fsHere('rm', '--in-steps', image, '/d0/f0', '/nowhere');
    expect(said).toMatchObject({ code: 1 });
    look((volume) => expect(volume.readdir('/d0').length).toBe(FILES - 1));
    await assertSound();
  });
});

it('killed at any time, it leaves the image as it was or as it is to be', async () => {
  const command = ['chown', image, '-R', '7:8', '/'];
  const started = performance.now();
  expect(await interrupted(command, 200_000, 'SIGKILL')).toEqual({ ended: 0, stderr: '' });
  const duration = performance.now() - started;
  for (const fraction of [0.4, 0.6, 0.75, 0.85, 0.95]) {
    fs.copyFileSync(pristine, image);
    await interrupted(command, duration * fraction, 'SIGKILL');
    expect([{ 0: ENTRIES + 1 }, { 7: ENTRIES + 1 }]).toContainEqual(counts(({ uid }) => `${uid}`));
    await assertSound();
  }
});
