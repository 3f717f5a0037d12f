// What a tree of the host brings into an image and takes out of it, with koffi and without: attributes, flags, owners, features for
// other readers; and that nothing is lost in silence.
import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hostLibc } from '../../src/host/libc.ts';
import type { FileSystem } from '../../src/index.ts';
import { imageDirectory, run } from '../device/temporary.ts';
import { canSetXattrs, isRoot, setXattr } from '../host-fixture.ts';
import { lookInto } from '../look-into.ts';
import { f2fs, makeImage } from './command.ts';
import { f2fsHere } from './in-process.ts';

const temporary = imageDirectory();
afterAll(temporary.remove);
const tree = temporary.file('tree');
const image = temporary.file('disk.img');
const out = temporary.file('out');
/** What stands for a host without the commands that koffi is replaced by. */
const bare = temporary.file('bin');

beforeAll(() => {
  fs.mkdirSync(bare);
  fs.symlinkSync(process.execPath, `${bare}/node`);
});
beforeEach(() => fs.mkdirSync(tree));
afterEach(() => {
  for (const dir of [tree, out]) {
    if (!fs.existsSync(dir)) continue;
    spawnSync('chattr', ['-R', '-ia', dir]);
    spawnSync('rm', ['-rf', dir]);
  }
  fs.rmSync(image, { force: true });
});

const WITHOUT = { F2FS_NO_KOFFI: '1' };
const BARE = { ...WITHOUT, PATH: bare };
const WAYS: [string, NodeJS.ProcessEnv][] = hostLibc()
  ? [
      ['koffi', {}],
      ['commands', WITHOUT],
    ]
  : [['commands', WITHOUT]];

function look<T>(work: (volume: FileSystem) => T): T {
  return lookInto(image, work);
}

const xattrsOf = (path: string) =>
  look((volume) => {
    using handle = volume.open(path);
    return handle.xattrs().map(({ name, value }) => `${Buffer.from(name)}=${Buffer.from(value)}`);
  });
const flagsOf = (path: string) => look((volume) => volume.lstat(path).flags);

describe.each(WAYS)('through %s', (_, env) => {
  it('extended attributes and capabilities come into the image and out again', async ({ skip }) => {
    fs.writeFileSync(`${tree}/file`, 'contents');
    if (!canSetXattrs(tree)) return skip('the host has no user attributes here');
    setXattr(`${tree}/file`, 'user.note', '0x666f6f');
    if (isRoot) setXattr(`${tree}/file`, 'security.capability', '0x0100000200200000000000000000000000000000');
    expect(await f2fs(['build', '--quiet', tree, image], { env })).toMatchObject({ code: 0, stderr: '' });
    expect(xattrsOf('/file')).toContain('user.note=foo');
    if (isRoot) expect(xattrsOf('/file').join()).toContain('security.capability=');
    // Times are exact with koffi alone.
    const taken = await f2fs(['extract', '--quiet', image, out], { env });
    expect(taken.stderr.replace(/.*times are rounded.*\n/, '')).toBe('');
    const told = execFileSync('getfattr', ['--only-values', '-n', 'user.note', `${out}/file`]);
    expect(told.toString()).toBe('foo');
  });

  it.runIf(fs.existsSync('/proc/sys/kernel'))('files that tell no size come whole', async () => {
    const dir = '/proc/sys/kernel';
    const built = await f2fs(['build', '--quiet', '--no-xattrs', dir, image], { env });
    // Some can't be read, whoever asks.
    expect(built.stderr).not.toMatch(/note:|shorter|changed/);
    const found = ['/proc/cpuinfo', '/sys/kernel/notes', '/proc/config.gz'].filter((file) => fs.existsSync(file));
    expect(await f2fs(['put', '--quiet', image, ...found, '/'], { env })).toMatchObject({ code: 0, stderr: '' });
    look((volume) => {
      for (const file of found)
        expect(Buffer.compare(volume.readFile(`/${path.basename(file)}`), fs.readFileSync(file))).toBe(0);
      for (const name of ['ostype', 'version', 'pid_max'])
        expect(Buffer.from(volume.readFile(`/${name}`)).toString()).toBe(fs.readFileSync(`${dir}/${name}`, 'utf8'));
    });
  });

  it.runIf(isRoot)('flags come into the image and out again, and are left when asked', async ({ skip }) => {
    fs.mkdirSync(`${tree}/dir`);
    for (const name of ['immutable', 'append', 'nodump', 'dir/below', 'two']) fs.writeFileSync(`${tree}/${name}`, 'x');
    fs.linkSync(`${tree}/two`, `${tree}/second`);
    const flags = { immutable: 'i', append: 'a', nodump: 'd', dir: 'i', two: 'i' };
    for (const [name, letter] of Object.entries(flags)) {
      const set = run('chattr', [`+${letter}`, `${tree}/${name}`]);
      if (!set.ok) return skip(set.out);
    }
    expect(await f2fs(['build', '--quiet', tree, image], { env })).toMatchObject({ code: 0, stderr: '' });
    expect(flagsOf('/immutable')).toEqual(['immutable']);
    expect(flagsOf('/append')).toEqual(['append']);
    expect(flagsOf('/nodump')).toEqual(['nodump']);
    expect(flagsOf('/dir')).toEqual(['immutable']);
    const taken = await f2fs(['extract', '--quiet', image, out], { env });
    expect(taken.stderr.replace(/.*times are rounded.*\n/, '')).toBe('');
    for (const [name, letter] of Object.entries({ ...flags, second: 'i' })) {
      expect(run('lsattr', ['-d', `${out}/${name}`]).out.split(' ')[0]).toContain(letter);
    }
    const second = temporary.file('without');
    const left = await f2fs(['extract', '--quiet', '--no-xattrs', image, second], { env });
    expect(left.stderr.replace(/.*times are rounded.*\n/, '')).toBe('');
    // None is left to forbid it.
    fs.rmSync(second, { recursive: true });
    expect((await f2fs(['build', '--quiet', '--force', '--no-xattrs', tree, image], { env })).code).toBe(0);
    expect(flagsOf('/immutable')).toEqual([]);
  });

  it.runIf(isRoot)('what an ordinary user may not read is named, and the rest is built', async () => {
    const user = temporary.file('user');
    fs.mkdirSync(user);
    fs.chmodSync(temporary.directory, 0o755);
    try {
      fs.mkdirSync(`${user}/tree/unlisted`, { recursive: true });
      fs.writeFileSync(`${user}/tree/good`, 'good');
      fs.writeFileSync(`${user}/tree/closed`, 'closed', { mode: 0 });
      fs.writeFileSync(`${user}/tree/write-only`, 'write-only', { mode: 0o200 });
      fs.writeFileSync(`${user}/tree/unlisted/file`, 'file');
      if (canSetXattrs(user)) for (const name of ['good', 'closed']) setXattr(`${user}/tree/${name}`, 'user.k', '0x76');
      execFileSync('chown', ['-R', '65534:65534', user]);
      fs.chmodSync(`${user}/tree/unlisted`, 0o311);
      const main = new URL('../../dist/cli/main.js', import.meta.url).pathname;
      const built = spawnSync(process.execPath, [main, 'build', `${user}/tree`, `${user}/disk.img`], {
        uid: 65534,
        gid: 65534,
        env: { ...process.env, ...env },
        encoding: 'utf8',
      });
      expect(built.status).toBe(1);
      for (const name of ['closed', 'write-only', 'unlisted']) {
        expect(built.stderr.split('\n').filter((line) => line.includes(`: ${name}: `))).not.toEqual([]);
      }
      expect(built.stderr).not.toContain('good');
      fs.copyFileSync(`${user}/disk.img`, image);
      expect(look((volume) => Buffer.from(volume.readFile('/good')).toString())).toBe('good');
    } finally {
      fs.rmSync(user, { recursive: true });
    }
  });
});

describe('without koffi, and without the commands that stand in for it', () => {
  it('what can not be told is said once, with what to install, and exits 1 unless it is not wanted', async () => {
    for (const name of ['one', 'two', 'three']) fs.writeFileSync(`${tree}/${name}`, name);
    const built = await f2fs(['build', '--quiet', tree, image], { env: BARE });
    expect(built.code).toBe(1);
    expect(built.stderr.match(/koffi/g)?.length).toBeGreaterThan(0);
    expect(built.stderr.trimEnd().split('\n').length).toBeLessThanOrEqual(2);
    expect(look((volume) => Buffer.from(volume.readFile('/two')).toString())).toBe('two');
    const asked = await f2fs(['build', '--quiet', '--force', '--no-xattrs', tree, image], { env: BARE });
    expect(asked).toMatchObject({ code: 0, stderr: '' });
  });

  it('extraction says what it did not restore', async () => {
    makeImage(image, (volume) => {
      volume.writeFile('/file', 'x');
      volume.setXattr('/file', 'user.a', Buffer.from('b'));
      volume.open('/file').setFlags(['nodump']);
    });
    const taken = await f2fs(['extract', '--quiet', image, out], { env: BARE });
    expect(taken.code).toBe(1);
    expect(taken.stderr).toMatch(/extended attributes are not restored: that takes the package koffi, or setfattr/);
    expect(taken.stderr).toMatch(/inode flags are not restored: that takes the package koffi, or chattr/);
  });
});

describe('what is stored', () => {
  it.runIf(isRoot)('--all-root gives everything to root, and changes nothing else', async () => {
    fs.writeFileSync(`${tree}/file`, 'x', { mode: 0o640 });
    fs.symlinkSync('file', `${tree}/link`);
    for (const name of ['file', 'link', '.']) fs.lchownSync(`${tree}/${name}`, 1234, 5678);
    expect((await f2fsHere('build', '--quiet', '--all-root', tree, image)).code).toBe(0);
    look((volume) => {
      for (const path of ['/', '/file', '/link']) expect(volume.lstat(path)).toMatchObject({ uid: 0, gid: 0 });
      expect(volume.lstat('/file').mode & 0o7777).toBe(0o640);
    });
    expect((await f2fsHere('build', '--quiet', '--force', tree, image)).code).toBe(0);
    look((volume) => expect(volume.lstat('/link')).toMatchObject({ uid: 1234, gid: 5678 }));
  });

  it('what fakeroot says of owners is in the image', async ({ skip }) => {
    fs.writeFileSync(`${tree}/file`, 'x');
    const main = new URL('../../dist/cli/main.js', import.meta.url).pathname;
    const script = `chown 12:34 '${tree}/file' && '${process.execPath}' '${main}' build --quiet --no-xattrs '${tree}' '${image}'`;
    const ran = run('fakeroot', ['sh', '-c', script]);
    if (/ENOENT/.test(ran.out)) return skip('fakeroot is not installed');
    if (hostLibc() === null) {
      expect(ran.out).toMatch(/owners and devices are the real ones: to see those of fakeroot takes the package koffi/);
      return;
    }
    expect(ran).toEqual({ ok: true, out: '' });
    look((volume) => expect(volume.lstat('/file')).toMatchObject({ uid: 12, gid: 34 }));
  });

  it('owners that a user namespace does not have are told as that', async ({ skip }) => {
    makeImage(image, (volume) => volume.writeFile('/file', 'x', { uid: 12, gid: 34 }));
    const main = new URL('../../dist/cli/main.js', import.meta.url).pathname;
    const ran = run('unshare', ['-r', process.execPath, main, 'extract', '--quiet', image, out]);
    if (/ENOENT|^unshare:/m.test(ran.out)) return skip('no user namespaces here');
    expect(ran.ok).toBe(false);
    expect(ran.out.split('\n')).toContain(
      'f2fs: extract: owners are not restored: this user namespace has no such numbers (EINVAL): 1 entry, the first is file',
    );
  });

  it('GRUB reads a volume without extra attributes, and none with them', async ({ skip }) => {
    fs.mkdirSync(`${tree}/boot`);
    fs.writeFileSync(`${tree}/boot/grub.cfg`, 'menuentry\n');
    const cat = () => run('grub-fstest', [image, 'cat', '/boot/grub.cfg']);
    expect((await f2fsHere('build', '--quiet', '-O', 'none', tree, image)).code).toBe(0);
    const plain = cat();
    if (/ENOENT/.test(plain.out)) return skip('grub-fstest is not installed');
    expect(plain).toEqual({ ok: true, out: 'menuentry' });
    expect((await f2fsHere('build', '--quiet', '--force', tree, image)).code).toBe(0);
    expect(cat().ok).toBe(false);
  });

  it('a label that is no UTF-8 is refused, not changed', () => {
    const main = new URL('../../dist/cli/main.js', import.meta.url).pathname;
    const node = `'${process.execPath}' '${main}'`;
    for (const command of [`build '${tree}' '${image}'`, `mkfs --size 64M '${image}'`]) {
      const ran = run('sh', ['-c', `${node} ${command} --label "$(printf 'a\\351b')"`]);
      expect(ran.ok).toBe(false);
      expect(ran.out).toMatch(/UTF-8/);
      expect(ran.out.split('\n')).toHaveLength(1);
    }
    expect(fs.existsSync(image)).toBe(false);
  });

  it('entries with longer paths than a call takes are in the image', async () => {
    const name = 'n'.repeat(250);
    // 20 levels of 250 bytes.
    execFileSync('sh', [
      '-c',
      `cd '${tree}'; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do mkdir ${name} && cd -P ${name}; done; echo deep > file; ln -s file link`,
    ]);
    for (const env of [{}, WITHOUT]) {
      const built = await f2fs(['build', '--quiet', '--force', tree, image], { env });
      expect(built).toMatchObject({ code: 0, stderr: '' });
      const path = `${`/${name}`.repeat(20)}/file`;
      expect(path.length).toBeGreaterThan(4096);
      expect(look((volume) => Buffer.from(volume.readFile(path)).toString())).toBe('deep\n');
    }
  });
});
