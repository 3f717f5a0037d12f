// What extraction does to the host: nobody else gets in before all is as in the image; paths of any length; a full disk; links that
// the host does not take; problems by the thousand.
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { hostLibc } from '../../src/host/libc.ts';
import {
  build,
  countProblems,
  type Directory,
  type ExtractNote,
  type ExtractOptions,
  extract,
  type FileSystem,
  format,
  MemoryDevice,
  mount,
  openFileDevice,
} from '../../src/index.ts';
import { makeImage } from '../cli/command.ts';
import { f2fsHere } from '../cli/in-process.ts';
import { slowHost } from '../cli/slow-host.ts';
import { asNobody, canSetXattrs, isRoot, makeTempDir } from '../host-fixture.ts';

const MIB = 2 ** 20;
const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

let dir: string;
let out: string;
beforeEach(() => {
  dir = makeTempDir();
  fs.chmodSync(dir, 0o755);
  out = `${dir}/out`;
});
afterEach(() => {
  // Deeper than fs.rm reaches.
  spawnSync('rm', ['-rf', dir]);
});

/** Bytes of a name. */
function name(text: string): Uint8Array {
  return Buffer.from(text);
}

function makeVolume(fill: (volume: FileSystem) => void): FileSystem {
  const device = new MemoryDevice((64 * MIB) / 4096);
  format(device);
  {
    using volume = mount(device);
    fill(volume);
  }
  return mount(device, { readonly: true });
}

/** What is told without the package koffi. */
const ROUNDED = /times are rounded/;
const told = (notes: readonly ExtractNote[]) => notes.filter(({ message }) => hostLibc() || !ROUNDED.test(message));

function modeOf(path: string): number {
  return fs.statSync(path).mode & 0o7777;
}

describe('a volume with a private root', () => {
  function fill(volume: FileSystem): void {
    volume.setAttributes('/', { mode: 0o700 });
    volume.mkdir('/open', { mode: 0o755 });
    volume.writeFile('/open/secret', name('secret'), { mode: 0o644 });
    volume.writeFile('/secret', name('secret'), { mode: 0o644 });
    for (let i = 0; i < 20; i++) volume.writeFile(`/f${i}`, name(`${i}`), { mode: 0o644 });
  }

  /** Modes of the target while it is filled; nobody else may read anything there. */
  async function watched(options: ExtractOptions = {}): Promise<Set<number>> {
    const modes = new Set<number>();
    const onProgress = () => {
      modes.add(modeOf(out));
      if (!isRoot) return;
      for (const path of ['secret', 'open/secret'])
        if (fs.existsSync(`${out}/${path}`))
          asNobody(() => expect(() => fs.readFileSync(`${out}/${path}`)).toThrow('EACCES'));
    };
    const report = await extract(makeVolume(fill), '/', out, { owner: isRoot, onProgress, ...options });
    expect(report.problems).toEqual([]);
    return modes;
  }

  test('is closed to others all the time, in a new directory', async () => {
    expect(await watched()).toEqual(new Set([0o700]));
    expect([modeOf(out), modeOf(`${out}/open`), modeOf(`${out}/secret`)]).toEqual([0o700, 0o755, 0o644]);
  });

  test('in an empty one that was open', async () => {
    fs.mkdirSync(out);
    fs.chmodSync(out, 0o777);
    expect(await watched()).toEqual(new Set([0o700]));
    expect(modeOf(out)).toBe(0o700);
  });

  test('in one that was in use', async () => {
    fs.mkdirSync(out);
    fs.chmodSync(out, 0o755);
    fs.writeFileSync(`${out}/there`, 'there');
    expect(await watched({ force: true })).toEqual(new Set([0o700]));
    expect(modeOf(out)).toBe(0o700);
    expect(fs.readFileSync(`${out}/there`, 'utf8')).toBe('there');
  });

  test('when the process is killed in the midst of it', () => {
    const image = makeImage(`${dir}/image`, fill);
    const host = slowHost(`${dir}/host`);
    const flags = isRoot ? [] : ['--no-owner'];
    const command = ['extract', ...flags, image, out];
    const { signal } = spawnSync(process.execPath, [...host.execArgv, MAIN, ...command], {
      env: host.env(40, 'SIGKILL', 0),
    });
    expect(signal).toBe('SIGKILL');
    expect(fs.readdirSync(out).length).toBeGreaterThan(3);
    expect(modeOf(out)).toBe(0o700);
  });
});

test('a directory that was in use stays as open as it was, where the volume keeps nobody out', async () => {
  const volume = makeVolume((made) => {
    made.setAttributes('/', { mode: 0o755 });
    for (let i = 0; i < 20; i++) made.writeFile(`/f${i}`, name(`${i}`));
  });
  for (const mode of [0o755, 0o700, 0o1777]) {
    const target = `${out}${mode}`;
    fs.mkdirSync(target);
    fs.writeFileSync(`${target}/there`, '');
    fs.chmodSync(target, mode);
    const modes = new Set<number>();
    const onProgress = () => void modes.add(modeOf(target));
    await extract(volume, '/', target, { owner: isRoot, force: true, onProgress });
    expect(modes).toEqual(new Set([mode]));
    expect(modeOf(target)).toBe(mode);
  }
});

describe('directories that are there, with force,', () => {
  function fill(volume: FileSystem): void {
    for (const path of ['/a', '/a/b', '/a/b/c', '/new', '/new/below']) volume.mkdir(path, { mode: 0o755 });
    for (const path of ['/first', '/a/there', '/a/b/c/file', '/new/below/file'])
      volume.writeFile(path, name(`new ${path}`), { mode: 0o644 });
    volume.link('/first', '/a/b/second');
    volume.symlink('file', '/a/b/c/link');
    for (const path of ['/a/b', '/new']) volume.setAttributes(path, { mtime: { sec: 1_600_000_000, nsec: 0 } });
  }

  /** Extracts over it. */
  const merge = (made = makeVolume(fill)) => extract(made, '/', out, { owner: isRoot, force: true });
  const read = (path: string) => fs.readFileSync(`${out}/${path}`, 'utf8');

  test('take what they lack, at any depth, and the attributes', async () => {
    fs.mkdirSync(`${out}/a/b/c`, { recursive: true });
    fs.mkdirSync(`${out}/a/own`);
    for (const path of ['a/there', 'a/b/own']) fs.writeFileSync(`${out}/${path}`, 'there');
    const report = await merge();
    expect(report.problems).toMatchObject([{ path: 'a/there', code: 'EEXIST' }]);
    // lost+found is the third.
    expect(report).toMatchObject({ directories: 3, files: 3, symlinks: 1, hardLinks: 1 });
    expect(['first', 'a/b/c/file', 'a/b/c/link', 'new/below/file'].map(read)).toEqual(
      ['/first', '/a/b/c/file', '/a/b/c/file', '/new/below/file'].map((path) => `new ${path}`),
    );
    expect(['a/there', 'a/b/own'].map(read)).toEqual(['there', 'there']);
    expect(fs.statSync(`${out}/a/b/second`).ino).toBe(fs.statSync(`${out}/first`).ino);
    for (const path of ['a/b', 'new']) expect(fs.statSync(`${out}/${path}`).mtimeMs).toBe(1_600_000_000_000);
    // Now all is there.
    const again = await merge();
    expect(again).toMatchObject({ directories: 0, files: 0, symlinks: 0, hardLinks: 0 });
    expect(again.problems.map(({ path, code }) => `${path} ${code}`).sort()).toEqual(
      ['a/b/c/file', 'a/b/c/link', 'a/b/second', 'a/there', 'first', 'new/below/file'].map((path) => `${path} EEXIST`),
    );
  });

  test('that are none, or symlinks to some, are left alone, and all below is left out, which is told', async () => {
    fs.mkdirSync(`${out}/elsewhere`, { recursive: true });
    fs.symlinkSync('elsewhere', `${out}/a`);
    fs.writeFileSync(`${out}/new`, 'a file');
    const report = await merge();
    const leftOut = /^(a|new): cannot make the directory: file already exists; what the image has in it is left out$/;
    expect(report.problems.map(({ path }) => path)).toEqual(['a', 'new']);
    for (const { code, message } of report.problems) {
      expect(code).toBe('EEXIST');
      expect(message).toMatch(leftOut);
    }
    expect(report).toMatchObject({ directories: 1, files: 1, hardLinks: 0 });
    expect(fs.readdirSync(`${out}/elsewhere`)).toEqual([]);
    expect(read('new')).toBe('a file');
  });

  test('are no more open than they were, nor than those of the volume, at any time', async () => {
    for (const path of ['a', 'new', 'empty']) fs.mkdirSync(`${out}/${path}`, { recursive: true });
    for (const path of ['a', 'new']) fs.writeFileSync(`${out}/${path}/own`, '');
    fs.chmodSync(`${out}/a`, 0o755);
    fs.chmodSync(`${out}/new`, 0o700);
    fs.chmodSync(`${out}/empty`, 0o755);
    const volume = makeVolume((made) => {
      fill(made);
      made.setAttributes('/a', { mode: 0o700 });
      made.mkdir('/empty', { mode: 0o711 });
      for (let i = 0; i < 5; i++) made.writeFile(`/empty/f${i}`, name('x'), { mode: 0o644 });
    });
    const seen = new Set<string>();
    const onProgress = ({ path }: { path: string }) => {
      const [top] = path.split('/');
      if (['a', 'new', 'empty'].includes(top) && path.includes('/'))
        seen.add(`${top} ${modeOf(`${out}/${top}`).toString(8)}`);
    };
    await extract(volume, '/', out, { owner: isRoot, force: true, onProgress });
    // The last entry that is told of may be in one that is done.
    expect([...seen].sort()).toEqual(['a 700', 'empty 700', 'new 700']);
    expect(['a', 'new', 'empty'].map((path) => modeOf(`${out}/${path}`))).toEqual([0o700, 0o700, 0o711]);
  });

  test.runIf(isRoot)('of another user that can not be closed to others take nothing', async () => {
    fs.mkdirSync(`${out}/a`, { recursive: true });
    fs.writeFileSync(`${out}/a/own`, '');
    for (const path of [out, `${out}/a`]) fs.chmodSync(path, 0o777);
    fs.chownSync(out, 65534, 65534);
    const volume = makeVolume((made) => {
      fill(made);
      made.setAttributes('/a', { mode: 0o700 });
    });
    const report = await asNobody(() => extract(volume, '/', out, { owner: false, force: true }));
    expect(report.problems).toMatchObject([
      { path: 'a', code: 'EPERM', message: expect.stringMatching(/keep others out .*left out$/) },
    ]);
    expect(fs.readdirSync(`${out}/a`)).toEqual(['own']);
  });
});

test('a single file comes into a directory as others are made', async () => {
  const volume = makeVolume((made) => made.writeFile('/file', name('x'), { mode: 0o640 }));
  fs.mkdirSync(`${dir}/other`);
  await extract(volume, '/file', out, { owner: false });
  expect(modeOf(out)).toBe(modeOf(`${dir}/other`));
  expect(modeOf(`${out}/file`)).toBe(0o640);
});

describe('a tree deeper than the longest path', () => {
  const DEPTH = 60;
  const NAME = 'n'.repeat(200);

  function fill(volume: FileSystem): void {
    volume.writeFile('/first', name('first'));
    using first = volume.openFile('/first');
    let at: Directory = volume.root();
    for (let i = 0; i < DEPTH; i++) {
      const below = at.mkdir(name(NAME), { mode: 0o750 });
      below.createFile(name('file'), { mode: 0o640, mtime: { sec: 1_600_000_000 + i, nsec: 5 } }).close();
      below.symlink(name('symlink'), name('file')).close();
      below.link(name('link'), first);
      at.close();
      at = below;
    }
    at.close();
  }

  test('comes out whole', async () => {
    const report = await extract(makeVolume(fill), '/', out, { owner: false });
    expect(report).toMatchObject({ problems: [], files: DEPTH + 1, symlinks: DEPTH, hardLinks: DEPTH });
    expect(told(report.notes)).toEqual([]);
    const find = (...args: string[]) => spawnSync('find', [out, ...args], { encoding: 'utf8' }).stdout;
    const directories = find('-type', 'd', '-name', 'n*', '-printf', '%d %m\n').trim().split('\n');
    expect(directories).toEqual(Array.from({ length: DEPTH }, (_, i) => `${i + 1} 750`));
    const files = find('-name', 'file', '-printf', '%d %m %T@\n').trim().split('\n');
    expect(files).toEqual(
      Array.from({ length: DEPTH }, (_, i) => `${i + 2} 640 ${1_600_000_000 + i}.000000${hostLibc() ? '005' : '000'}0`),
    );
    expect(find('-name', 'symlink', '-printf', '%l\n')).toBe('file\n'.repeat(DEPTH));
    expect(new Set(find('-name', 'link', '-printf', '%i %n\n').trim().split('\n'))).toEqual(
      new Set([`${fs.statSync(`${out}/first`).ino} ${DEPTH + 1}`]),
    );
  });

  test('a path is made for those problems that are told, and is not longer than it helps', async () => {
    fs.mkdirSync(out);
    const volume = makeVolume((made) => {
      let at: Directory = made.root();
      for (let i = 0; i < DEPTH; i++) {
        const below = at.mkdir(name(NAME));
        at.close();
        at = below;
      }
      for (let i = 0; i < 30; i++) at.mknod(name(`device${i}`), 'char', {}, { major: 1, minor: 3 }).close();
      at.close();
    });
    fs.chmodSync(dir, 0o777);
    fs.chmodSync(out, 0o777);
    if (isRoot) {
      process.setegid!(65534);
      process.seteuid!(65534);
    }
    try {
      const { problems } = await extract(volume, '/', `${out}/out`, { owner: false });
      expect(problems).toHaveLength(10);
      expect(countProblems(problems)).toBe(30);
      for (const { path, code } of problems) {
        expect(code).toBe('EPERM');
        expect(path.length).toBeLessThan(4096);
        expect(path).toMatch(/^n+\/n+.*\/device\d$/);
      }
    } finally {
      if (isRoot) {
        process.seteuid!(0);
        process.setegid!(0);
      }
    }
  });
});

describe('on a host without extended attributes', () => {
  let isMounted = false;
  beforeEach(({ skip }) => {
    fs.mkdirSync(out);
    const { status, stderr } = spawnSync('mount', ['-t', 'ramfs', 'ramfs', out], { encoding: 'utf8' });
    isMounted = status === 0;
    if (!isMounted) skip(`no ramfs can be mounted here: ${stderr}`);
  });
  afterEach(() => {
    if (isMounted) spawnSync('umount', [out]);
  });

  test('that is told once of each kind of them, in words that are not about sockets', async () => {
    const volume = makeVolume((made) => {
      for (const file of ['/a', '/b']) {
        made.writeFile(file, '');
        for (const name of ['user.a', 'user.b', 'security.c']) made.setXattr(file, name, 'value');
      }
    });
    const { notes } = await extract(volume, '/', `${out}/in`, { owner: false });
    const lost = (kind: string) =>
      expect.stringMatching(
        new RegExp(`^extended attributes ${kind}\\.\\* are not restored: operation not supported \\(E`),
      );
    expect(notes.filter(({ message }) => message.startsWith('extended'))).toEqual([
      { message: lost('user'), count: 2, path: 'a' },
      { message: lost('security'), count: 2, path: 'a' },
    ]);
  });
});

describe('on a disk that becomes full', () => {
  let isMounted = false;
  beforeEach(({ skip }) => {
    fs.mkdirSync(out);
    const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', out], { encoding: 'utf8' });
    isMounted = status === 0;
    if (!isMounted) skip(`no tmpfs can be mounted here: ${stderr}`);
  });
  afterEach(() => {
    if (isMounted) spawnSync('umount', [out]);
  });

  function fill(volume: FileSystem): void {
    for (let i = 0; i < 300; i++) volume.writeFile(`/f${i}`, Buffer.alloc(20_000, 1));
  }

  test('it ends at once, with what fits', async () => {
    const entries: number[] = [];
    const onProgress = (at: { entries: number }) => void entries.push(at.entries);
    const running = extract(makeVolume(fill), '/', `${out}/in`, { owner: false, onProgress });
    await expect(running).rejects.toMatchObject({ code: 'ENOSPC', message: expect.stringMatching(/up to f\d+$/) });
    const made = fs.readdirSync(`${out}/in`);
    expect(made.length).toBeGreaterThan(50);
    expect(made.length).toBeLessThan(110);
    for (const file of made.filter((one) => one.startsWith('f')))
      expect(fs.statSync(`${out}/in/${file}`).size).toBe(20_000);
    expect(entries.at(-1)).toBeLessThanOrEqual(made.length + 1);
  });

  test('the command says so in one line', async () => {
    const image = makeImage(`${dir}/image`, fill);
    const { code, stdout, stderr } = await f2fsHere('extract', ...(isRoot ? [] : ['--no-owner']), image, `${out}/in`);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^f2fs: extract: the file system of [^\n]* has no space left: [^\n]* \(ENOSPC\)\n$/);
  });
});

test('attributes whose names are not UTF-8 come out of an image, and back into one, by their bytes', async ({
  skip,
}) => {
  if (!canSetXattrs(dir)) return skip('the host has no user attributes here');
  const names = [Buffer.from('user.a\xff', 'latin1'), Buffer.from('user.\ufffd')];
  const volume = makeVolume((made) => {
    made.writeFile('/file', name('x'));
    for (const [i, one] of names.entries()) made.setXattr('/file', one, name(String(i)));
  });
  const { problems } = await extract(volume, '/', out, { owner: false });
  expect(problems).toEqual([]);
  const shown = () => {
    using built = mount(openFileDevice(image), { readonly: true });
    return built.xattrs('/file').map(({ nameBytes, value }) => [Buffer.from(nameBytes), Buffer.from(value).toString()]);
  };
  const image = `${dir}/again`;
  expect((await build(out, image)).problems).toEqual([]);
  expect(shown()).toEqual(names.map((one, i) => [one, String(i)]));
});

test('a file that has more names than the host allows comes out in several, which is told', async () => {
  const LINKS = 50;
  const MOST = 20;
  const volume = makeVolume((made) => {
    made.writeFile('/name0', name('contents'));
    for (let i = 1; i < LINKS; i++) made.link('/name0', `/name${i}`);
  });
  const node = createRequire(import.meta.url)('node:fs') as typeof fs;
  const real = node.linkSync;
  const refuse = vi.spyOn(node, 'linkSync').mockImplementation((from, to) => {
    if (fs.statSync(from).nlink < MOST) return real(from, to);
    throw Object.assign(new Error('EMLINK: too many links'), { code: 'EMLINK', syscall: 'link' });
  });
  syncBuiltinESMExports();
  try {
    const report = await extract(volume, '/', out, { owner: false });
    expect(report).toMatchObject({ problems: [], files: 3, hardLinks: LINKS - 3 });
    expect(told(report.notes)).toMatchObject([
      { count: 2, message: expect.stringMatching(/hard links became copies.*EMLINK/) },
    ]);
  } finally {
    refuse.mockRestore();
    syncBuiltinESMExports();
  }
  const inodes = new Set<number>();
  for (let i = 0; i < LINKS; i++) {
    expect(fs.readFileSync(`${out}/name${i}`, 'utf8')).toBe('contents');
    inodes.add(fs.statSync(`${out}/name${i}`).ino);
  }
  expect(inodes.size).toBe(3);
});

test('problems of a kind are told some times, then counted', async () => {
  const image = makeImage(`${dir}/image`, (volume) => {
    for (let i = 0; i < 1234; i++) volume.writeFile(`/f${i}`, name('x'));
  });
  fs.mkdirSync(out);
  for (let i = 0; i < 1234; i++) fs.writeFileSync(`${out}/f${i}`, 'there');
  const said = await f2fsHere('extract', '--force', ...(isRoot ? [] : ['--no-owner']), image, out);
  expect(said.code).toBe(1);
  const lines = said.stderr
    .trimEnd()
    .split('\n')
    .filter((line) => !ROUNDED.test(line));
  expect(lines).toHaveLength(11);
  for (const line of lines.slice(0, 10))
    expect(line).toMatch(/^f2fs: extract: f\d+: cannot create the file: .*\(EEXIST\)$/);
  expect(lines[10]).toBe('f2fs: extract: ... and 1,224 more like it');
  expect(said.stdout).toMatch(/not made +1234 entries, see above/);
});
