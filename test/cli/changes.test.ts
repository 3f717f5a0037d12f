// The commands that change an image: what they do, what they refuse, and that a refusal leaves the image as it was.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { report } from '../../src/cli/errors.ts';
import { Directories } from '../../src/file/directory/directory.ts';
import { I_FLAGS } from '../../src/format/inode.ts';
import { build, extract, F2fsError, type FileSystem, mount, openFileDevice, put } from '../../src/index.ts';
import { fsck } from '../../tools/judge/fsck.ts';
import { attachLoop, imageDirectory } from '../device/temporary.ts';
import { lookInto } from '../look-into.ts';
import { f2fs, makeImage } from './command.ts';
import { f2fsHere } from './in-process.ts';

const temporary = imageDirectory();
afterAll(temporary.remove);
const isRoot = process.geteuid?.() === 0;
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

let image: string;
let host: string;
let count = 0;

beforeEach(() => {
  image = makeImage(temporary.file(`${++count}.img`), (volume) => {
    volume.mkdir('/dir');
    volume.writeFile('/dir/file', Buffer.from('old contents'));
    volume.writeFile('/top', Buffer.from('top'));
    volume.symlink('dir', '/to-dir');
    volume.symlink('nowhere', '/broken');
  });
  host = temporary.file(`host-${count}`);
  fs.mkdirSync(host);
});

afterEach(async () => {
  const verdict = await fsck(image);
  expect(verdict.complaints).toEqual([]);
  expect(verdict.ok).toBe(true);
});

/** Runs a command that must do its work without a word on stderr. */
async function done(...args: string[]): Promise<string> {
  const said = await f2fsHere(...args);
  expect(said).toMatchObject({ code: 0, stderr: '' });
  return said.stdout;
}

/** Runs a command that must fail with one line, and leave every byte that a checkpoint knows: the listing and contents. */
async function refused(pattern: RegExp, ...args: string[]): Promise<void> {
  const before = contentsOf();
  const said = await f2fsHere(...args);
  expect(said.stderr).toMatch(pattern);
  expect(said).toMatchObject({ code: 1, stdout: '' });
  expect(contentsOf()).toEqual(before);
}

function look<T>(work: (volume: FileSystem) => T): T {
  return lookInto(image, work);
}

function change(work: (volume: FileSystem) => void): void {
  const device = openFileDevice(image, { writable: true });
  const volume = mount(device);
  work(volume);
  volume.close();
  device.close();
}

/** Every path with type, mode, owner and a hash of what it holds. */
function contentsOf(): Record<string, string> {
  return look((volume) => {
    const found: Record<string, string> = {};
    const walk = (path: string) => {
      for (const { name, type } of volume.readdir(path)) {
        const at = `${path === '/' ? '' : path}/${text(name)}`;
        const { mode, uid, gid, size, nlink } = volume.lstat(at);
        const bytes = type === 'file' ? volume.readFile(at) : type === 'symlink' ? volume.readlink(at) : Buffer.of();
        const hash = createHash('sha1').update(bytes).digest('hex').slice(0, 8);
        found[at] = `${type} ${mode.toString(8)} ${uid}:${gid} ${size} ${nlink} ${hash}`;
        if (type === 'directory') walk(at);
      }
    };
    walk('/');
    return found;
  });
}

const read = (path: string) => look((volume) => text(volume.readFile(path)));
const stat = (path: string) => look((volume) => volume.lstat(path));
const names = (path: string) =>
  look((volume) =>
    volume
      .readdir(path)
      .map(({ name }) => text(name))
      .sort(),
  );

describe('put', () => {
  beforeEach(() => {
    fs.mkdirSync(`${host}/tree/sub`, { recursive: true });
    fs.writeFileSync(`${host}/tree/file`, 'new contents', { mode: 0o640 });
    fs.linkSync(`${host}/tree/file`, `${host}/tree/sub/hard`);
    fs.symlinkSync('../file', `${host}/tree/sub/link`);
    fs.writeFileSync(`${host}/tree/large`, Buffer.alloc(3_000_000, 'large'));
    fs.utimesSync(`${host}/tree/file`, 1, 1_000_000_000.25);
  });

  it('copies files into a directory, with their attributes, and replaces what is there', async () => {
    const before = stat('/dir/file');
    await done('put', image, `${host}/tree/file`, `${host}/tree/sub/link`, '/dir');
    expect(read('/dir/file')).toBe('new contents');
    const after = stat('/dir/file');
    expect(after).toMatchObject({ mode: 0o100640, nlink: 1, mtime: { sec: 1_000_000_000, nsec: 250_000_000 } });
    expect(after.ino).not.toBe(before.ino);
    if (isRoot) expect(after).toMatchObject({ uid: 0, gid: 0 });
    expect(look((volume) => text(volume.readlink('/dir/link')))).toBe('../file');
  });

  it('copies a directory: into one that is there, under a new name, or what is in it', async () => {
    expect(await done('put', image, `${host}/tree`, '/to-dir')).toMatch(
      /entries +2 files, 2 directories, 1 symlink, 1 hard link/,
    );
    expect(names('/dir/tree')).toEqual(['file', 'large', 'sub']);
    expect(stat('/dir/tree/file').ino).toBe(stat('/dir/tree/sub/hard').ino);
    await done('put', image, `${host}/tree`, '/new');
    expect(names('/new')).toEqual(['file', 'large', 'sub']);
    fs.chmodSync(`${host}/tree`, 0o750);
    await done('put', '--quiet', image, `${host}/tree/.`, '/dir');
    expect(names('/dir')).toEqual(['file', 'large', 'sub', 'tree']);
    expect(read('/dir/file')).toBe('new contents');
    expect(stat('/dir').mode).toBe(0o40750);
    fs.chmodSync(`${host}/tree`, 0o700);
    await done('put', '-T', image, `${host}/tree`, '/');
    expect(stat('/').mode).toBe(0o40700);
    expect(names('/')).toContain('large');
    expect(read('/large')).toBe(fs.readFileSync(`${host}/tree/large`, 'utf8'));
    const report = JSON.parse(await done('put', '--json', image, `${host}/tree/sub`, '/new/')) as object;
    expect(report).toMatchObject({ directories: 1, files: 1, symlinks: 1, problems: [], image });
  });

  it('keeps hard links between what is given', async () => {
    expect(await done('put', image, `${host}/tree/file`, `${host}/tree/sub/hard`, '/dir')).toMatch(
      /entries +1 file, 1 hard link\n/,
    );
    expect(stat('/dir/file')).toMatchObject({ nlink: 2, ino: stat('/dir/hard').ino });
    fs.mkdirSync(`${host}/second/sub`, { recursive: true });
    fs.linkSync(`${host}/tree/file`, `${host}/second/third`);
    await done('put', image, `${host}/tree`, `${host}/second`, '/');
    const { ino } = stat('/tree/file');
    expect(stat('/tree/sub/hard').ino).toBe(ino);
    expect(stat('/second/third')).toMatchObject({ ino, nlink: 3 });
  });

  it('links no name to what a later source has replaced', async () => {
    for (const dir of ['one', 'two', 'three']) fs.mkdirSync(`${host}/${dir}`);
    fs.linkSync(`${host}/tree/file`, `${host}/one/file`);
    // Not the same file, though nothing tells it from that but its contents.
    fs.writeFileSync(`${host}/two/file`, 'NEW CONTENTS', { mode: 0o640 });
    fs.writeFileSync(`${host}/two/other`, 'other');
    fs.utimesSync(`${host}/two/file`, 1, 1_000_000_000.25);
    fs.linkSync(`${host}/tree/file`, `${host}/three/again`);
    fs.linkSync(`${host}/two/other`, `${host}/three/other`);
    await done('put', image, ...['one', 'two', 'three'].map((dir) => `${host}/${dir}/.`), '/dir');
    expect(names('/dir')).toEqual(['again', 'file', 'other']);
    expect(read('/dir/file')).toBe('NEW CONTENTS');
    expect(read('/dir/again')).toBe('new contents');
    for (const name of ['file', 'again', 'other']) expect([name, stat(`/dir/${name}`).nlink]).toEqual([name, 1]);
  });

  it('refuses as a whole when one entry cannot be put', async () => {
    await refused(
      /^f2fs: put: \S+\/tree\/file: it exists in the image \(EEXIST\)\nf2fs: put: nothing was put: \S+ is as it was\n$/,
      ...['put', '-n', image, `${host}/tree/large`, `${host}/tree/file`, '/dir'],
    );
    fs.mkdirSync(`${host}/other/top`, { recursive: true });
    fs.writeFileSync(`${host}/other/first`, 'first');
    await refused(/top: "top" exists already \(EEXIST\)/, 'put', image, `${host}/other/.`, '/');
    fs.writeFileSync(`${host}/dir`, 'a file');
    await refused(/dir: a directory of that name stands in the image \(EISDIR\)/, 'put', image, `${host}/dir`, '/');
    await refused(
      /nothing: no such file or directory \(ENOENT\)\n$/,
      'put',
      image,
      `${host}/tree/large`,
      `${host}/nothing`,
      '/dir',
    );
    await refused(/\/none is not a directory in the image \(ENOTDIR\)\n$/, 'put', image, host, host, '/none');
    await refused(/is the image itself/, 'put', image, image, '/dir');
    fs.writeFileSync(`${host}/huge`, Buffer.alloc(70 << 20, 'x'));
    await refused(/\(ENOSPC\)\n$/, 'put', image, `${host}/huge`, '/dir');
  });

  it('makes the directory that a new name with a slash at its end can only mean', async () => {
    await done('put', '--quiet', image, `${host}/tree`, '/new/');
    await done('put', '--quiet', image, `${host}/tree/.`, '/too//');
    expect(names('/new')).toEqual(names('/too'));
    expect(names('/new')).toContain('large');
    const no = /\/none\/ is not a directory in the image \(ENOTDIR\)\n$/;
    await refused(no, 'put', image, `${host}/tree/large`, '/none/');
    await refused(no, 'put', image, `${host}/tree`, `${host}/tree/large`, '/none/');
    await refused(/\/top\/ is not a directory \(ENOTDIR\)\n$/, 'put', image, `${host}/tree`, '/top/');
  });

  it('takes standard input for a file', async () => {
    const run = (...args: string[]) =>
      new Promise<number | null>((resolve) => {
        const [node, ...rest] = [process.execPath, '--import', 'tsx', 'src/cli/main.ts', 'put', ...args];
        const child = spawn(node, rest, { stdio: ['pipe', 'ignore', 'ignore'] });
        child.on('close', resolve);
        child.stdin.end('from a pipe');
      });
    const before = stat('/dir/file').ino;
    expect(await run(image, '-', '/dir/file')).toBe(0);
    expect(read('/dir/file')).toBe('from a pipe');
    expect(stat('/dir/file').ino).toBe(before);
    expect(await run('-n', image, '-', '/dir/file')).toBe(1);
    expect(await run(image, '-', '/dir')).toBe(2);
  });

  it.runIf(process.platform === 'linux')(
    'refuses the name of what is open: a symlink, but no file for the image',
    async () => {
      fs.symlinkSync('/proc/self/fd/0', `${host}/stdin`);
      for (const source of ['/dev/stdin', '/dev/fd/0', '/proc/self/fd/0', `/proc/${process.pid}/fd/1`])
        await refused(
          /stands for something that is open, .*standard input, which is - \(EINVAL\)\n$/,
          'put',
          image,
          source,
          '/x',
        );
      // One of a tree is what it is.
      expect((await f2fsHere('put', '--quiet', image, `${host}/stdin`, '/dir')).code).toBe(0);
      expect(look((volume) => Buffer.from(volume.readlink('/dir/stdin')).toString())).toBe('/proc/self/fd/0');
    },
  );

  /** Runs put with what is at `input` as standard input. */
  async function putFrom(input: string): Promise<{ code: number; stderr: string }> {
    const fd = fs.openSync(input, 'r');
    const args = ['--import', 'tsx', 'src/cli/main.ts', 'put', '--quiet', image, '-', '/dir/file'];
    const child = spawn(process.execPath, args, { stdio: [fd, 'ignore', 'pipe'] });
    fs.closeSync(fd);
    let stderr = '';
    child.stderr?.on('data', (chunk) => (stderr += chunk));
    return { code: await new Promise((resolve) => child.on('close', resolve)), stderr };
  }

  it('refuses a directory as standard input, and takes files', async () => {
    const { code, stderr } = await putFrom(host);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^f2fs: put: cannot read standard input; [^\n]*\(EISDIR\)\n$/);
    expect(read('/dir/file')).toBe('old contents');
    expect(await putFrom(`${host}/tree/file`)).toEqual({ code: 0, stderr: '' });
    expect(read('/dir/file')).toBe('new contents');
    expect(await putFrom('/dev/null')).toEqual({ code: 0, stderr: '' });
    expect(read('/dir/file')).toBe('');
  });

  it('takes a block device as standard input', async ({ skip }) => {
    const contents = Buffer.alloc(1 << 20, 'of a device ');
    fs.writeFileSync(`${host}/disk`, contents);
    const loop = attachLoop(`${host}/disk`, '--read-only');
    if (typeof loop === 'string') return skip(loop);
    try {
      expect(await putFrom(loop.device)).toEqual({ code: 0, stderr: '' });
    } finally {
      loop.detach();
    }
    expect(read('/dir/file')).toBe(contents.toString());
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('forgets what came from standard input when %s ends it', async (signal, code) => {
    const before = read('/dir/file');
    const args = ['--import', 'tsx', 'src/cli/main.ts', 'put', image, '-', '/dir/file'];
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'ignore', 'pipe'] });
    const ended = new Promise((resolve) => child.on('close', resolve));
    let stderr = '';
    child.stderr.on('data', (chunk) => (stderr += chunk));
    child.stdin.on('error', () => {});
    // More than a pipe holds: it has mounted the image and waits for more when the rest is taken.
    await new Promise((resolve) => child.stdin.write(Buffer.alloc(1 << 20, 'the first part of '), resolve));
    child.kill(signal);
    expect(await ended).toBe(code);
    expect(stderr).toMatch(new RegExp(`^f2fs: put: ended by ${signal}; \\S+ is as it was\n$`));
    expect(read('/dir/file')).toBe(before);
  });
});

describe('mkdir', () => {
  it('makes directories, with what is missing above them when asked', async () => {
    await done('mkdir', image, '/one', '/one/two');
    expect(stat('/one/two')).toMatchObject({ type: 'directory', mode: 0o40755 });
    await done('mkdir', '-p', '-m', '2700', image, '/one', '/a/b/../b/c', '/to-dir/x');
    expect(stat('/a').mode).toBe(0o40755);
    expect(stat('/a/b/c').mode).toBe(0o42700);
    expect(stat('/dir/x').mode).toBe(0o42700);
    await done('mkdir', '-m', 'g-rwx,o=', '-e', image, '/odd\\x0a');
    expect(look((volume) => volume.lstat('/odd\n').mode)).toBe(0o40700);
  });

  it('looks up each name of a deep path once', async () => {
    const deep = '/d'.repeat(2000);
    const lookups = vi.spyOn(Directories.prototype, 'lookup');
    await done('mkdir', '-p', image, deep);
    expect(lookups.mock.calls.length).toBeLessThan(3 * 2000);
    lookups.mockRestore();
    expect(stat(deep).type).toBe('directory');
  });

  it('makes none when one cannot be made', async () => {
    await refused(/^f2fs: mkdir: \/dir: [^\n]*exists already \(EEXIST\)\n$/, 'mkdir', image, '/fine', '/dir');
    await refused(/^f2fs: mkdir: \/no does not exist \(ENOENT\)\n$/, 'mkdir', image, '/fine', '/no/where');
    await done('ln', '-s', image, '/nowhere', '/dangling');
    await refused(/\/dangling is a symlink that leads nowhere \(EEXIST\)\n$/, 'mkdir', '-p', image, '/dangling/x');
    await refused(/\/top is not a directory \(ENOTDIR\)\n$/, 'mkdir', '-p', image, '/fine', '/top/x');
    await refused(/^f2fs: mkdir: [^\n]*no such file \(ENOENT\)\n$/, 'mkdir', `${image}x`, '/fine');
  });
});

describe('rm', () => {
  it('removes files, symlinks themselves, empty directories and trees', async () => {
    await done('rm', image, '/top', '/to-dir');
    expect(names('/')).toEqual(['broken', 'dir', 'lost+found']);
    await done('rm', '-f', image, '/none', '/broken');
    await done('mkdir', '-p', image, '/dir/deep/er', '/empty');
    await done('rm', '-d', image, '/empty');
    await done('rm', '-r', image, '/dir');
    expect(names('/')).toEqual(['lost+found']);
  });

  it('removes nothing when one cannot be removed, from a directory whose changes are written at once either', async () => {
    change((volume) => {
      for (const path of ['/dir', '/']) {
        using directory = volume.open(path);
        directory.inode.change().iFlags |= I_FLAGS.DIRSYNC;
      }
    });
    await refused(/^f2fs: rm: \/none[ :][^\n]*does not exist \(ENOENT\)\n$/, 'rm', image, '/top', '/none');
    await refused(/^f2fs: rm: \/dir: [^\n]*\(EISDIR\)\n$/, 'rm', image, '/top', '/dir');
    await refused(/\(ENOTEMPTY\)\n$/, 'rm', '-d', image, '/top', '/dir');
    await refused(/^f2fs: rm: [^\n]*root[^\n]*\n$/, 'rm', '-r', image, '/top', '/');
  });
});

describe('mv', () => {
  it('renames, replaces, moves into directories and exchanges', async () => {
    await done('mv', image, '/top', '/dir/file');
    expect(read('/dir/file')).toBe('top');
    await done('mkdir', image, '/into');
    await done('mv', image, '/dir', '/broken', '/into');
    expect(names('/into')).toEqual(['broken', 'dir']);
    await done('mv', image, '/into/dir/file', '/file');
    await done('mv', '-T', image, '/into/dir', '/renamed');
    await done('mv', '--exchange', image, '/file', '/renamed');
    expect(stat('/file').type).toBe('directory');
    expect(read('/renamed')).toBe('top');
  });

  it('gives a directory a new name that ends with a slash, and nothing else', async () => {
    await done('mv', image, '/dir/', '/new/');
    await done('mv', image, '/new', 'newer//');
    expect(names('/')).toEqual(['broken', 'lost+found', 'newer', 'to-dir', 'top']);
    for (const source of ['/top', '/broken', '/to-dir'])
      await refused(/\/none\/ is not a directory in the image \(ENOTDIR\)\n$/, 'mv', image, source, '/none/');
    await refused(/\(ENOTDIR\)\n$/, 'mv', image, '/newer', '/top/');
    await refused(/\(ENOTDIR\)\n$/, 'mv', image, '/newer', '/broken/');
    await refused(/\(EINVAL\)\n$/, 'mv', image, '/newer', '/newer/none/');
    await refused(/\/none\/ is not a directory in the image \(ENOTDIR\)\n$/, 'mv', image, '/newer', '/top', '/none/');
    await refused(/\/gone does not exist \(ENOENT\)\n$/, 'mv', image, '/gone', '/none/');
    await refused(/\(ENOENT\)\n$/, 'mv', image, '/newer', '/no/where/');
  });

  it('moves nothing when one cannot be moved', async () => {
    await refused(/\(EEXIST\)\n$/, 'mv', '-n', image, '/top', '/to-dir/file');
    await refused(/\(EEXIST\)\n$/, 'mv', '-n', image, '/top', '/dir/file');
    await refused(/\(EINVAL\)\n$/, 'mv', image, '/broken', '/dir', '/dir');
    await refused(/\/none does not exist \(ENOENT\)\n$/, 'mv', image, '/broken', '/none', '/dir');
    expect((await f2fsHere('mv', image, '/top')).code).toBe(2);
    expect((await f2fsHere('mv', '--exchange', image, '/a', '/b', '/c')).code).toBe(2);
  });
});

describe('ln', () => {
  it('gives files names, and makes symlinks', async () => {
    await done('ln', image, '/top', '/dir');
    expect(stat('/dir/top')).toMatchObject({ ino: stat('/top').ino, nlink: 2 });
    await done('ln', '-s', image, '../any where', '/dir/link');
    expect(look((volume) => text(volume.readlink('/dir/link')))).toBe('../any where');
    await done('ln', '-sfT', image, 'other', '/to-dir');
    expect(look((volume) => text(volume.readlink('/to-dir')))).toBe('other');
    await done('ln', '-f', image, '/top', '/dir/file');
    expect(stat('/top').nlink).toBe(3);
  });

  it('refuses what there is, directories and what is missing', async () => {
    await refused(/^f2fs: ln: \/dir\/file: [^\n]*\(EEXIST\)\n$/, 'ln', image, '/top', '/dir/file');
    await refused(/\(EPERM\)\n$/, 'ln', image, '/dir', '/again');
    await refused(/\(EISDIR\)\n$/, 'ln', '-fT', image, '/top', '/dir');
    await refused(/same file already \(EEXIST\)\n$/, 'ln', '-f', image, '/top', '/top');
    await refused(/\/none does not exist \(ENOENT\)\n$/, 'ln', '-f', image, '/none', '/dir/file');
  });
});

describe('chmod and chown', () => {
  it('change what paths lead to, and all below', async () => {
    await done('chmod', image, '4711', '/top', '/to-dir');
    expect(stat('/top').mode).toBe(0o104711);
    expect(stat('/dir').mode).toBe(0o44711);
    await done('chmod', '-R', image, 'u=rwX,go=', '/dir');
    expect(stat('/dir').mode).toBe(0o44700);
    expect(stat('/dir/file').mode).toBe(0o100600);
    await done('chmod', image, '--', '-r', '/dir/file');
    expect(stat('/dir/file').mode).toBe(0o100200);
    await done('mv', image, '/broken', '/dir/link');
    await done('chown', '-R', image, '1000:100', '/dir');
    for (const path of ['/dir', '/dir/file', '/dir/link']) expect(stat(path)).toMatchObject({ uid: 1000, gid: 100 });
    await done('chown', image, ':7', '/dir/file');
    await done('chown', '--no-dereference', image, '5', '/to-dir');
    expect(stat('/dir/file')).toMatchObject({ uid: 1000, gid: 7 });
    expect(stat('/to-dir')).toMatchObject({ uid: 5, gid: 0 });
    expect(stat('/dir')).toMatchObject({ uid: 1000, gid: 100 });
  });

  it('refuse what is missing, and what is no mode or owner', async () => {
    await refused(/\/none does not exist \(ENOENT\)\n$/, 'chmod', image, '600', '/top', '/none');
    await refused(
      /\/broken leads through a symlink to what does not exist \(ENOENT\)\n$/,
      'chown',
      image,
      '1:1',
      '/top',
      '/broken',
    );
    for (const mode of ['8', 'u+q', '77777', 'u', ''])
      expect((await f2fsHere('chmod', image, mode, '/top')).code).toBe(2);
    for (const owner of [':', '', '1:2:3', '4294967296']) {
      expect((await f2fsHere('chown', image, owner, '/top')).code, owner).toBe(2);
    }
  });
});

describe('setfattr', () => {
  const value = (path: string, name: string) =>
    look((volume) => volume.xattrs(path).find((one) => one.name === name)?.value);

  it('sets attributes in text, hex and base64, and removes them', async () => {
    await done('setfattr', '-n', 'user.a', '-v', 'text', image, '/top', '/to-dir');
    await done('setfattr', '-n', 'user.b', '-v', '0x00ff', image, '/top');
    await done('setfattr', '-n', 'user.c', '-v', '0sAAE=', '--create', image, '/top');
    await done('setfattr', '-n', 'user.a', '--replace', image, '/top');
    await done('setfattr', '--no-dereference', '-n', 'trusted.t', '-v', 'x', image, '/broken');
    expect(value('/top', 'user.a')).toEqual(new Uint8Array(0));
    expect(value('/top', 'user.b')).toEqual(Uint8Array.of(0, 255));
    expect(value('/top', 'user.c')).toEqual(Uint8Array.of(0, 1));
    expect(text(value('/dir', 'user.a') ?? Buffer.of())).toBe('text');
    expect(value('/broken', 'trusted.t')).toBeDefined();
    await done('setfattr', '-x', 'user.a', image, '/top');
    expect(value('/top', 'user.a')).toBeUndefined();
  });

  it('refuses as setxattr does', async () => {
    await refused(/\(ENODATA\)\n$/, 'setfattr', '-x', 'user.none', image, '/top');
    await refused(/\(ENODATA\)\n$/, 'setfattr', '-n', 'user.none', '--replace', image, '/top');
    await done('setfattr', '-n', 'user.a', image, '/top');
    await refused(/\(EEXIST\)\n$/, 'setfattr', '-n', 'user.a', '-v', 'x', '--create', image, '/dir', '/top');
    for (const args of [
      [],
      ['-n', 'nonsense.a'],
      ['-n', 'user.a', '-x', 'user.a'],
      ['-x', 'user.a', '-v', '1'],
      ['-n', 'user.a', '-v', '0x1'],
    ]) {
      expect((await f2fsHere('setfattr', ...args, image, '/top')).code).toBe(2);
    }
  });
});

describe('truncate', () => {
  it('sets, adds and takes away', async () => {
    await done('truncate', '-s', '3', image, '/dir/file', '/new');
    expect(read('/dir/file')).toBe('old');
    expect(stat('/new').size).toBe(3);
    await done('truncate', '-s', '+1M', image, '/dir/file');
    expect(stat('/dir/file').size).toBe((1 << 20) + 3);
    expect(read('/dir/file').slice(0, 6)).toBe('old\0\0\0');
    await done('truncate', '-s', '-2M', image, '/dir/file');
    expect(stat('/dir/file').size).toBe(0);
    await done('truncate', '-c', '-s', '5', image, '/none');
    expect(names('/')).not.toContain('none');
  });

  it('refuses directories and sizes that there are not', async () => {
    await refused(/\(EISDIR\)\n$/, 'truncate', '-s', '0', image, '/top', '/dir');
    await refused(/\(EFBIG\)\n$/, 'truncate', '-s', '8T', image, '/top');
    expect((await f2fsHere('truncate', '-s', '--1', image, '/top')).code).toBe(2);
    expect((await f2fsHere('truncate', image, '/top')).code).toBe(2);
  });
});

it('takes an empty path for nothing that there is: neither the current directory nor the root', async () => {
  fs.writeFileSync(`${host}/file`, 'x');
  const commands: string[][] = [
    ['build', '', `${host}/new.img`],
    ['build', host, ''],
    ['mkfs', '', '--size', '64M'],
    ['extract', image, ''],
    ['extract', image, `${host}/out`, ''],
    ['ls', ''],
    ['ls', image, ''],
    ['stat', image, ''],
    ['cat', image, '/top', ''],
    ['info', ''],
    ['put', image, `${host}/file`, ''],
    ['put', image, '', '/dir'],
    ['put', '', `${host}/file`, '/dir'],
    ['mkdir', '-p', image, ''],
    ['rm', '-rf', image, ''],
    ['mv', image, '/top', ''],
    ['ln', '-s', image, '', '/link'],
    ['chmod', '-R', image, '0', '/top', ''],
    ['chown', '-R', image, '1:1', ''],
    ['setfattr', '-n', 'user.a', image, ''],
    ['truncate', '-s', '0', image, ''],
    ['clean', ''],
  ];
  for (const args of commands) {
    await refused(new RegExp(`^f2fs: ${args[0]}: argument \\d is empty, [^\n]*\\(ENOENT\\)\n$`), ...args);
  }
  expect(fs.readdirSync(host)).toEqual(['file']);
  const place = { directory: '/dir', name: Buffer.from('new') };
  const calls = look((volume) => [put(volume, '', place), extract(volume, '/', ''), build('', `${host}/new.img`)]);
  for (const one of await Promise.allSettled(calls)) expect(one).toMatchObject({ reason: { code: 'ENOENT' } });
});

it('prints an error whose path is empty', async () => {
  const printed: string[] = [];
  const write = vi.spyOn(process.stderr, 'write').mockImplementation((text) => printed.push(String(text)) > 0);
  report('ls', new F2fsError('ENOENT', 'no such file', { path: '' }));
  write.mockRestore();
  expect(printed).toEqual(['f2fs: ls: no such file (ENOENT)\n']);
});

it('clean makes sections free, and leaves what is in them', async () => {
  // Every other file of a segment or more goes: what is left of them is worth moving.
  for (let i = 0; i < 8; i++) fs.writeFileSync(`${host}/${i}`, Buffer.alloc(1 << 20, `${i}`));
  await done('put', '--quiet', image, host, '/many');
  await done('rm', image, ...[0, 2, 4, 6].map((i) => `/many/${i}`));
  const before = contentsOf();
  expect(await done('clean', image, '--sections', '3')).toMatch(/^emptied +\d+ sections?\nmoved +\d+ blocks?\n$/);
  const report = JSON.parse(await done('clean', image, '--policy', 'cost-benefit', '--json')) as object;
  expect(report).toEqual({ sections: expect.any(Number), movedBlocks: expect.any(Number) });
  expect(contentsOf()).toEqual(before);
  expect((await f2fsHere('clean', `${image}x`)).stderr).toMatch(/no such file \(ENOENT\)\n$/);
});

it('what was fsynced before a crash is read, unless --no-recovery, and stays when the image is changed', async () => {
  const device = openFileDevice(image, { writable: true });
  const volume = mount(device);
  // The first fsync of a mount is a checkpoint unless there was one.
  volume.sync();
  volume.writeFile('/kept', Buffer.from('fsynced'));
  using file = volume.openFile('/kept');
  file.fsync();
  volume.abandon();
  device.close();
  expect(await done('ls', image)).toContain('kept');
  expect(await done('cat', image, '/kept')).toBe('fsynced');
  expect(await done('ls', '--no-recovery', image)).not.toContain('kept');
  await done('mkdir', image, '/after');
  expect(await done('ls', '--no-recovery', image)).toContain('kept');
});

it('refuses an image that another process has, in one line', async () => {
  const device = openFileDevice(image, { writable: true });
  const [ls, rm] = await Promise.all([f2fs(['ls', image]), f2fs(['rm', image, '/top'])]);
  device.close();
  for (const said of [ls, rm]) {
    expect(said).toMatchObject({ code: 1, stdout: '' });
    expect(said.stderr).toMatch(
      new RegExp(`^f2fs: \\w+: \\S+ is in use by process ${process.pid} [^\\n]*\\(EBUSY\\)\\n$`),
    );
  }
});

describe('a refusal names the entry that it is about', () => {
  beforeEach(() => {
    change((volume) => {
      volume.mkdir('/sub');
      volume.mkdir('/sub/deep');
      volume.mkdir('/log');
      for (const [path, flag] of [
        ['/imm', 'immutable'],
        ['/sub/deep/app', 'append'],
        ['/log', 'append'],
      ] as const) {
        if (path !== '/log') volume.writeFile(path, 'it');
        else volume.writeFile('/log/entry', 'it');
        using handle = volume.open(path);
        handle.setFlags([flag]);
      }
    });
  });

  const IMMUTABLE = 'it is immutable: clear the flag with chattr IMAGE -- -i \\(EPERM\\)\n';
  const APPENDED = 'it is append-only: clear the flag with chattr IMAGE -- -a \\(EPERM\\)\n';
  const DIRECTORY = 'the directory is append-only: clear the flag with chattr IMAGE -- -a \\(EPERM\\)\n';

  it.each([
    ['rm', ['/imm'], `/imm: ${IMMUTABLE}`],
    ['rm', ['-r', '/sub'], `/sub/deep/app: ${APPENDED}`],
    ['rm', ['-r', 'sub/'], `sub/deep/app: ${APPENDED}`],
    ['rm', ['-r', '/log'], `/log: ${DIRECTORY}`],
    ['rm', ['/log/entry'], `/log: ${DIRECTORY}`],
    ['rm', ['/dir'], '/dir: "dir" is a directory \\(EISDIR\\)\n'],
    ['rm', ['-d', '/dir'], '/dir: the directory "dir" is not empty \\(ENOTEMPTY\\)\n'],
    ['mv', ['/imm', '/x'], `/imm: ${IMMUTABLE}`],
    ['mv', ['/top', '/imm'], `/imm: ${IMMUTABLE}`],
    ['mv', ['-T', '/sub', '/dir'], '/dir: the directory "dir" is not empty \\(ENOTEMPTY\\)\n'],
    ['mv', ['-T', '/top', '/dir'], '/dir: "dir" is a directory \\(EISDIR\\)\n'],
    ['mv', ['/log/entry', '/x'], `/log: ${DIRECTORY}`],
    ['ln', ['/imm', '/y'], `/imm: ${IMMUTABLE}`],
    ['ln', ['-f', '/top', '/imm'], `/imm: ${IMMUTABLE}`],
    ['ln', ['/dir', '/y'], '/dir: a directory can have one name only \\(EPERM\\)\n'],
  ])('%s %j', (command, args, said) => refused(new RegExp(`^f2fs: ${command}: ${said}$`), command, image, ...args));

  it('in a directory that is immutable: the directory', async () => {
    await done('chattr', image, '+i', '/dir');
    const said = '/dir: the directory is immutable: clear the flag with chattr IMAGE -- -i \\(EPERM\\)\n';
    for (const [command, ...args] of [
      ['mkdir', '/dir/new'],
      ['mkdir', '-p', '/dir/new/below'],
      ['ln', '/top', '/dir/new'],
      ['ln', '-s', 'x', '/dir/new'],
      ['mv', '/top', '/dir/new'],
      ['truncate', '-s', '1', '/dir/new'],
    ]) {
      const at = command === 'truncate' ? [...args.slice(0, 2), image, args[2]] : [image, ...args];
      await refused(new RegExp(`^f2fs: ${command}: ${said}$`), command, ...at);
    }
    await refused(new RegExp(said), 'put', '--quiet', image, host, '/dir/new');
  });

  it('put: each of the source that the image refuses', async () => {
    fs.mkdirSync(`${host}/sub/deep`, { recursive: true });
    fs.mkdirSync(`${host}/log`);
    fs.writeFileSync(`${host}/imm`, 'new');
    fs.writeFileSync(`${host}/sub/deep/app`, 'new');
    const before = contentsOf();
    const { code, stderr } = await f2fsHere('put', '--quiet', image, `${host}/.`, '/');
    expect(code).toBe(1);
    expect(stderr.trimEnd().split('\n')).toEqual([
      `f2fs: put: ${host}/imm: the image refuses it: it is immutable: clear the flag with chattr IMAGE -- -i (EPERM)`,
      `f2fs: put: ${host}/log: the image refuses it: it is append-only: clear the flag with chattr IMAGE -- -a (EPERM)`,
      `f2fs: put: ${host}/sub/deep/app: the image refuses it: it is append-only: clear the flag with chattr IMAGE -- -a (EPERM)`,
      `f2fs: put: nothing was put: ${image} is as it was`,
    ]);
    expect(contentsOf()).toEqual(before);
    // The one that is named, though its bytes are no text.
    await done('mkdir', image, '--escaped', '/a\\xff', '/a\\xff/b');
    const unnamed = await f2fsHere('rm', '-d', '--escaped', image, '/a\\xff');
    expect(unnamed).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^f2fs: rm: \/a\\xff: .*\(ENOTEMPTY\)\n$/),
    });
  });

  it('in the library too, as its path', () => {
    const device = openFileDevice(image, { writable: true });
    const volume = mount(device);
    const at = (path: string) => expect.objectContaining({ code: 'EPERM', path, ino: expect.any(Number) });
    for (const [path, call] of [
      ['/imm', () => volume.unlink('/imm')],
      ['/imm', () => volume.rename('/imm', '/x')],
      ['/imm', () => volume.link('/imm', '/x')],
      ['/imm', () => volume.writeFile('/imm', 'x')],
      ['/imm', () => volume.truncate('/imm', 1)],
      ['/imm', () => volume.openFile('/imm', { flags: 'r+' })],
      ['/imm', () => volume.setAttributes('/imm', { mode: 0o600 })],
      ['/imm', () => volume.setXattr('/imm', 'user.x', 'x')],
      ['/sub/deep/app', () => volume.remove('/sub')],
      ['/log', () => volume.remove('/log/entry')],
    ] as const) {
      expect(call).toThrow(at(path));
    }
    volume.abandon();
    device.close();
  });
});

describe('what does not fit', () => {
  const MIB = 2 ** 20;
  /** Free for files, as the message tells it. */
  const FREE = '\\d+(\\.\\d)? MiB are free for files';

  beforeEach(() => fs.writeFileSync(`${host}/large`, Buffer.alloc(70 * MIB, 'large ')));

  it('is told with what all of it needs, and what was free before', async () => {
    const large = `${host}/large`;
    const free = look((volume) => volume.statfs().freeBlocks) * 4096;
    const told = new RegExp(
      `no space left: ${large} needs 70\\.1 MiB, ${(free / MIB).toFixed(1)} MiB are free for files`,
    );
    await refused(told, 'put', image, large, '/new');
    await refused(new RegExp(`: ${host} needs 70\\.1 MiB, ${FREE} \\(ENOSPC`), 'put', image, host, '/new');
    await refused(new RegExp(`/new: .* it needs 1\\.0 GiB, ${FREE} \\(`), 'fallocate', '-l', '1G', image, '/new');
    await refused(new RegExp(`/top: .* it needs 1\\.0 GiB, ${FREE} \\(`), 'fallocate', '-l', '1G', image, '/top');
    // In few steps, however much it is.
    await refused(/it needs 3\.8 TiB/, 'fallocate', '-l', '3900G', image, '/new');
  });

  it('counts what it replaces as free', async () => {
    const room = look((volume) => volume.statfs().freeBlocks) * 4096;
    await done('fallocate', '-l', '6M', image, '/dir/large');
    await refused(
      new RegExp(`70\\.1 MiB, ${(room / MIB).toFixed(1)} MiB are free`),
      'put',
      image,
      `${host}/large`,
      '/dir',
    );
  });

  it('beside what the same command puts there before says so', async () => {
    const said =
      /\/b: no space left: it needs \S+ MiB, \S+ MiB are free for files, beside what comes before it \(ENOSPC\)/;
    const half = Math.ceil(look((volume) => volume.statfs().freeBlocks) * 0.6) * 4096;
    await refused(said, 'fallocate', '-l', String(half), image, '/a', '/b');
  });

  it('is told without numbers that nobody knows', async () => {
    const said = await f2fs(['put', '--quiet', image, '-', '/new'], { input: Buffer.alloc(70 * MIB, 'large ') });
    expect(said).toMatchObject({ code: 1, stderr: 'f2fs: put: /new: no space left on the volume (ENOSPC)\n' });
    await refused(
      new RegExp(`${host}/large: no space left`),
      'put',
      '--holes',
      'zeros',
      image,
      `${host}/large`,
      '/new',
    );
  });
});

describe('put to a pinned file', () => {
  const MIB = 2 ** 20;
  const contents = Buffer.alloc(MIB + 5, 'new contents ');
  const pinned = () =>
    look((volume) => {
      using file = volume.openFile('/pinned');
      return { blocks: file.extents().map(({ physical }) => physical), bytes: Buffer.from(volume.readFile('/pinned')) };
    });
  let before: ReturnType<typeof pinned>;

  beforeEach(() => {
    change((volume) => {
      using file = volume.openFile('/pinned', { flags: 'w+' });
      file.setPinned(true);
      file.allocate(0, 3 * MIB);
      file.write(Buffer.alloc(3 * MIB, 'old'), 0);
    });
    before = pinned();
    fs.writeFileSync(`${host}/new`, contents, { mode: 0o640 });
    fs.writeFileSync(`${host}/pinned`, contents, { mode: 0o640 });
    fs.utimesSync(`${host}/pinned`, 1000, 2000);
  });

  /** It lies where it did, with its size; behind the new contents are zeros. */
  function expectInPlace(): void {
    const { blocks, bytes } = pinned();
    expect(blocks).toEqual(before.blocks);
    expect(bytes.length).toBe(3 * MIB);
    expect(bytes.subarray(0, contents.length).equals(contents)).toBe(true);
    expect(bytes.subarray(contents.length).every((byte) => byte === 0)).toBe(true);
  }

  it.each([[[]], [['--in-steps']], [['--holes', 'zeros']]])('writes it over where it lies (%j)', async (options) => {
    await done('put', '--quiet', ...options, image, `${host}/new`, '/pinned');
    expectInPlace();
    look((volume) => expect(volume.stat('/pinned')).toMatchObject({ mode: 0o100640, nlink: 1 }));
  });

  it('amid a tree, with the attributes of its source', async () => {
    await done('put', '--quiet', image, `${host}/.`, '/');
    expectInPlace();
    look((volume) => expect(volume.stat('/pinned').mtime).toEqual({ sec: 2000, nsec: 0 }));
  });

  it.each([[[]], [['--in-steps']], [['--holes', 'zeros']]])('from standard input (%j)', async (options) => {
    const said = await f2fs(['put', '--quiet', ...options, image, '-', '/pinned'], { input: contents });
    expect(said).toMatchObject({ code: 0, stderr: '' });
    expectInPlace();
  });

  it.runIf(process.platform === 'linux')('from a file whose size only reading tells', async () => {
    await done('put', '--quiet', image, '/proc/sys/kernel/ostype', '/pinned');
    const { blocks, bytes } = pinned();
    expect(blocks).toEqual(before.blocks);
    expect(bytes.subarray(0, 7).toString()).toBe('Linux\n\0');
  });

  it('nothing of it is written when it does not fit, or a hard link would take its place', async () => {
    fs.writeFileSync(`${host}/large`, Buffer.alloc(3 * MIB + 1));
    await refused(/has 3145728 bytes, too few for 3145729/, 'put', image, `${host}/large`, '/pinned');
    await refused(/exists in the image/, 'put', '-n', image, `${host}/new`, '/pinned');
    fs.rmSync(`${host}/pinned`);
    fs.linkSync(`${host}/new`, `${host}/pinned`);
    await refused(/is pinned to its blocks: remove it first/, 'put', image, `${host}/.`, '/');
    expect(pinned().blocks).toEqual(before.blocks);
    expect(pinned().bytes.equals(before.bytes)).toBe(true);
  });
});

describe.each([
  ['in a circle', '/circle', 'circle'],
  ['through a file', '/through', 'top/x'],
  ['nowhere', '/gone', 'none'],
])('a symlink that leads %s', (_, link, target) => {
  beforeEach(async () => {
    await done('ln', '-s', image, target, link);
    fs.writeFileSync(`${host}/one`, 'one');
  });

  it('is replaced itself by what gets its name', async () => {
    await done('mv', image, '/top', link);
    expect(stat(link).type).toBe('file');
    await done('ln', '-sfT', image, target, link);
    await done('ln', '-f', image, '/dir/file', link);
    expect(stat(link).ino).toBe(stat('/dir/file').ino);
    await done('ln', '-sf', image, target, link);
    await done('put', '--quiet', image, `${host}/one`, link);
    expect(read(link)).toBe('one');
  });

  it('is the same name when it is moved to itself', async () => {
    await refused(/has that name already: there is nothing to move \(EINVAL\)\n$/, 'mv', image, link, link);
    await refused(/\((ELOOP|ENOTDIR)\)\n$/, 'mv', image, '/top', `${link}/`);
  });
});

it('never puts two of what is given under one name', async () => {
  fs.mkdirSync(`${host}/first`, { recursive: true });
  fs.mkdirSync(`${host}/second`, { recursive: true });
  for (const dir of ['first', 'second']) fs.writeFileSync(`${host}/${dir}/same`, dir);
  await done('mkdir', image, '/one', '/two', '/three');
  await done('put', '--quiet', image, `${host}/first/same`, '/one');
  await done('put', '--quiet', image, `${host}/second/same`, '/two');
  await refused(
    /three\/same: two of what is given have this name.*\(EEXIST\)\n$/,
    'mv',
    image,
    '/one/same',
    '/two/same',
    '/three',
  );
  await refused(
    /three\/same: two of what is given have this name/,
    'put',
    image,
    `${host}/first/same`,
    `${host}/second/same`,
    '/three',
  );
  expect([read('/one/same'), read('/two/same')]).toEqual(['first', 'second']);
});

it('passes over what is not there with rm -f, whatever stands in its way', async () => {
  await done('rm', '-f', image, '/none', '/none/x', '/top/x', '/top/x/y', '/top/', '/top/.');
  await refused(/ENOTDIR/, 'rm', image, '/top/x');
});

it('refuses an option that takes one value when it is given again, and two that contradict each other', async () => {
  const both = await f2fsHere('setfattr', '-n', 'user.a', '--create', '--replace', image, '/top');
  expect([both.code, both.stderr]).toEqual([2, expect.stringMatching(/--create and --replace do not go together/)]);
  for (const args of [
    ['setfattr', image, '-n', 'user.a', '-v', '1', '-n', 'user.b', '/top'],
    ['setfattr', image, '-x', 'user.a', '-x', 'user.b', '/top'],
    ['mkfs', '--label', 'a', '--label', 'b', image],
  ]) {
    const said = await f2fsHere(...args);
    expect([said.code, said.stderr]).toEqual([2, expect.stringMatching(/takes one value, and is given twice/)]);
  }
});
