// Calls by path that fail: with the code that the kernel gives, and without anything left behind.
import * as nodeFs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { MemoryDevice } from '../../src/device/memory-device.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import { format } from '../../src/mkfs/format.ts';

/** Of a failure of the volume, or of the host. */
function codeOf(call: () => unknown): string {
  try {
    call();
    return 'none';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

function fresh(): FileSystem {
  const device = new MemoryDevice(16384);
  format(device);
  return mount(device, { cacheBytes: 8 << 20 });
}

test('an open that is refused holds nothing: what it met can be removed for good', () => {
  using fs = fresh();
  const { freeBlocks } = fs.statfs();
  fs.mknod('/fifo', 'fifo');
  fs.writeFile('/file', Buffer.from('text'));
  expect(codeOf(() => fs.openFile('/fifo'))).toBe('EINVAL');
  expect(codeOf(() => fs.openDirectory('/file'))).toBe('ENOTDIR');
  fs.unlink('/fifo');
  fs.unlink('/file');
  expect(fs.statfs().freeBlocks).toBe(freeBlocks);
});

test('a name that is too long is so before it is looked for', () => {
  using fs = fresh();
  expect(codeOf(() => fs.stat(`/${'n'.repeat(256)}`))).toBe('ENAMETOOLONG');
  expect(codeOf(() => fs.stat(`/missing/${'n'.repeat(256)}`))).toBe('ENOENT');
});

test('a directory is not linked, least of all to a name that is taken', () => {
  using fs = fresh();
  fs.mkdir('/dir');
  fs.writeFile('/file', Buffer.from('text'));
  expect(codeOf(() => fs.link('/dir', '/file'))).toBe('EEXIST');
  expect(codeOf(() => fs.link('/dir', '/other'))).toBe('EPERM');
});

test('the old name of a rename, and both parents, are looked for before the new name is found too long', () => {
  using fs = fresh();
  const long = 'n'.repeat(256);
  expect(codeOf(() => fs.rename('/missing', `/${long}`))).toBe('ENOENT');
  expect(codeOf(() => fs.rename('/missing', `/${long}`, { exchange: true }))).toBe('ENOENT');
  expect(codeOf(() => fs.rename(`/${long}`, '/missing/name'))).toBe('ENOENT');
  fs.mkdir('/dir');
  expect(codeOf(() => fs.rename('/dir', `/${long}`))).toBe('ENAMETOOLONG');
});

test('a file opened for reading is not cut: EINVAL, as ftruncate says', () => {
  using fs = fresh();
  fs.writeFile('/file', Buffer.from('text'));
  using file = fs.openFile('/file', { flags: 'r' });
  expect(codeOf(() => file.truncate(1))).toBe('EINVAL');
  expect(codeOf(() => file.write(Buffer.from('x'), 0))).toBe('EBADF');
});

test('what can have no user attributes has none, whatever the name', () => {
  using fs = fresh();
  fs.mknod('/fifo', 'fifo');
  expect(codeOf(() => fs.getXattr('/fifo', 'user.'))).toBe('ENODATA');
  expect(codeOf(() => fs.getXattr('/', 'user.'))).toBe('EINVAL');
});

test('a number that is no inode, or none any more, is no damage', () => {
  using fs = fresh();
  fs.writeFile('/large', Buffer.alloc(3000 * 4096, 1));
  fs.writeFile('/gone', Buffer.from('text'));
  using open = fs.openFile('/gone');
  const { ino } = open;
  fs.unlink('/gone');
  fs.sync();
  expect(fs.openInode(ino).ino).toBe(ino);
  const node = fs.stat('/large').ino + 2;
  for (const number of [0, 1, 2, node, 5000, 2 ** 32 + 3, fs.volume.layout.maxNid])
    expect([number, codeOf(() => fs.openInode(number))]).toEqual([number, 'ESTALE']);
  for (const number of [Number.NaN, 3.5, -3, '3' as never, undefined as never])
    expect([number, codeOf(() => fs.openInode(number))]).toEqual([number, 'EINVAL']);
  expect(fs.volume.stopped).toBe(false);
});

test('an orphan that nobody holds is not opened by its number', () => {
  const device = new MemoryDevice(16384);
  format(device);
  const fs = mount(device, { cacheBytes: 8 << 20 });
  fs.writeFile('/gone', Buffer.from('text'));
  const { ino } = fs.openFile('/gone');
  fs.unlink('/gone');
  fs.sync();
  fs.abandon();
  using reader = mount(device, { readonly: true });
  expect(codeOf(() => reader.openInode(ino))).toBe('ESTALE');
});

test('bytes whose memory is gone are refused before anything is changed', () => {
  using fs = fresh();
  fs.writeFile('/file', Buffer.from('text'));
  fs.setXattr('/file', 'user.a', Buffer.from('value'));
  const detached = new Uint8Array(100);
  structuredClone(detached, { transfer: [detached.buffer] });
  using file = fs.openFile('/file');
  for (const bytes of [
    detached,
    new ArrayBuffer(4),
    new Uint16Array(4),
    new DataView(new ArrayBuffer(4)),
    4,
    undefined,
  ])
    for (const call of [
      () => file.read(bytes as Uint8Array, 0),
      () => file.write(bytes as Uint8Array, 0),
      () => file.append(bytes as Uint8Array),
      () => fs.writeFile('/file', bytes as Uint8Array),
      () => fs.setXattr('/file', 'user.a', bytes as Uint8Array),
      () => fs.setXattr('/file', 'user.b', bytes as Uint8Array),
      () => fs.setXattr('/file', 'system.posix_acl_access', bytes as Uint8Array),
      () => fs.stat(bytes as Uint8Array),
      () => fs.symlink(bytes as Uint8Array, '/link'),
      () => fs.mkdir(bytes as Uint8Array),
    ])
      expect([String(call), codeOf(call)]).toEqual([String(call), 'EINVAL']);
  expect(Buffer.from(fs.readFile('/file')).toString()).toBe('text');
  expect(Buffer.from(fs.getXattr('/file', 'user.a')).toString()).toBe('value');
  expect(fs.readdir('/').length).toBe(2);
});

test('a path of half a million names is walked in one go, with the cache of a small mount', () => {
  using fs = fresh();
  fs.mkdir('/a');
  fs.mkdir('/a/b');
  fs.symlink('../a/./b', '/a/link');
  fs.writeFile('/a/b/file', Buffer.from('text'));
  const many = 500_000;
  const dots = '/.'.repeat(many);
  for (const path of [`${'/a/..'.repeat(many / 2)}/a/b/file`, `${'/a/b/../..'.repeat(many / 4)}/a/link/../b/file`])
    expect(fs.stat(path).size).toBe(4);
  const path = `${dots}//a/link/file`;
  expect(fs.stat(path).size).toBe(4);
  fs.writeFile(`${path}2`, Buffer.from('more'));
  fs.rename(`${path}2`, `${path}3`);
  expect(fs.stat('/a/b/file3').size).toBe(4);
  fs.unlink(`${path}3`);
  expect(codeOf(() => fs.stat(`${dots}/missing`))).toBe('ENOENT');
  expect(codeOf(() => fs.stat(`/a/b/file${dots}`))).toBe('ENOTDIR');
});

test('a path through more directories than the cache has room for', () => {
  using fs = fresh();
  const depth = 3500;
  let at = fs.root();
  for (let i = 0; i < depth; i++) {
    const below = at.mkdir(Buffer.from('d'));
    at.close();
    at = below;
  }
  at.close();
  fs.sync();
  const path = '/d'.repeat(depth);
  expect(fs.stat(`${path}/${'../'.repeat(depth)}`).ino).toBe(fs.stat('/').ino);
  expect(fs.stat(`${path}/../d`).ino).toBe(fs.stat(path).ino);
});

test.each([
  ['/', '.', 'a/..', 'a/b/../..', 'a/b/../../..', 'loop/..'],
  ['/a', 'a', '/a/', '//a//', '/./a/.', 'a/b/..', 'a/up/a', 'root/a', 'a/up/./root//a'],
  ['/a/b', '/a//b/', 'a/./b', 'a/b/../b', 'root/a/b', 'a/up/root/a/b/.'],
])('ways that lead to %s', (...paths) => {
  using fs = fresh();
  fs.mkdir('/a');
  fs.mkdir('/a/b');
  fs.mkdir('/loop');
  fs.symlink('..', '/a/up');
  fs.symlink('/', '/root');
  const { ino } = fs.stat(paths[0]);
  for (const path of paths) expect([path, fs.stat(path).ino]).toEqual([path, ino]);
});

/** What is called on the volume and on the host alike, by the path of a directory and a path in it. */
type Call = (fs: FileSystem | null, root: string, path: string) => unknown;
const opening =
  (flags: 'r' | 'r+' | 'w' | 'wx' | 'a' | 'a+' | 'ax'): Call =>
  (fs, root, path) =>
    fs === null ? nodeFs.closeSync(nodeFs.openSync(root + path, flags)) : fs.openFile(root + path, { flags }).close();

/** A file, a directory, and links to these and to nothing, by targets that end with a slash, too. */
function populate(fs: FileSystem | null, root: string): void {
  (fs?.mkdir.bind(fs) ?? nodeFs.mkdirSync)(root);
  (fs?.mkdir.bind(fs) ?? nodeFs.mkdirSync)(`${root}/dir`);
  (fs?.writeFile.bind(fs) ?? nodeFs.writeFileSync)(`${root}/file`, 'text');
  for (const target of ['file', 'dir', 'none', 'file/', 'dir/', 'none/', 'to-file/'])
    (fs?.symlink.bind(fs) ?? nodeFs.symlinkSync)(target, `${root}/to-${target.replace('/', '-slash')}`);
}

test.each<[string, Call]>([
  ...(['r', 'r+', 'w', 'wx', 'a', 'a+', 'ax'] as const).map((flags): [string, Call] => [flags, opening(flags)]),
  ['writeFile', (fs, root, path) => (fs?.writeFile.bind(fs) ?? nodeFs.writeFileSync)(root + path, 'text')],
  ['truncate', (fs, root, path) => (fs?.truncate.bind(fs) ?? nodeFs.truncateSync)(root + path, 1)],
  ['stat', (fs, root, path) => (fs?.stat.bind(fs) ?? nodeFs.statSync)(root + path)],
  ['lstat', (fs, root, path) => (fs?.lstat.bind(fs) ?? nodeFs.lstatSync)(root + path)],
  ['readlink', (fs, root, path) => (fs?.readlink.bind(fs) ?? nodeFs.readlinkSync)(root + path)],
  ['readdir', (fs, root, path) => (fs?.readdir.bind(fs) ?? nodeFs.readdirSync)(root + path)],
  ['mkdir', (fs, root, path) => (fs?.mkdir.bind(fs) ?? nodeFs.mkdirSync)(root + path)],
  ['symlink', (fs, root, path) => (fs?.symlink.bind(fs) ?? nodeFs.symlinkSync)('target', root + path)],
  ['link', (fs, root, path) => (fs?.link.bind(fs) ?? nodeFs.linkSync)(`${root}/file`, root + path)],
  ['unlink', (fs, root, path) => (fs?.unlink.bind(fs) ?? nodeFs.unlinkSync)(root + path)],
])('paths with a slash at the end, or a target that has one, fail as on Linux: %s', (call, run) => {
  using fs = fresh();
  const host = nodeFs.mkdtempSync(join(tmpdir(), 'f2fs-paths-'));
  const links = ['file', 'dir', 'none', 'file-slash', 'dir-slash', 'none-slash', 'to-file-slash'];
  const names = ['new', 'file', 'dir', 'none/new', 'file/x', 'dir/.', 'dir/..', 'new/.', 'file/.'];
  let count = 0;
  for (const name of [...names, ...links.map((to) => `to-${to}`)]) {
    for (const path of [`/${name}`, `/${name}/`, `/${name}//`]) {
      const root = `/${count++}`;
      populate(fs, root);
      populate(null, host + root);
      // A directory can be opened on Linux, to be listed.
      const opensDirectory = call === 'r' && codeOf(() => nodeFs.readdirSync(host + root + path)) === 'none';
      const expected = opensDirectory ? 'EISDIR' : codeOf(() => run(null, host + root, path));
      expect([path, codeOf(() => run(fs, root, path))]).toEqual([path, expected]);
    }
  }
  nodeFs.rmSync(host, { recursive: true });
});

test('a slash at the end is named, where it is what is wrong', () => {
  using fs = fresh();
  fs.mkdir('/dir');
  fs.writeFile('/file', 'text');
  const slash = 'ends with a slash, as only the path of a directory does: leave that out';
  const calls: [() => unknown, string, string][] = [
    [() => fs.writeFile('/new/', ''), 'EISDIR', `/new/ ${slash}`],
    [() => fs.writeFile('/file/', ''), 'EISDIR', `/file/ ${slash}`],
    [() => fs.writeFile('/dir/', ''), 'EISDIR', '/dir/ is a directory'],
    [() => fs.writeFile('/', ''), 'EISDIR', '/ is a directory'],
    [() => fs.openFile('/new/', { flags: 'w' }), 'EISDIR', `/new/ ${slash}`],
    [() => fs.openFile('/file/', { flags: 'a' }), 'EISDIR', `/file/ ${slash}`],
    [() => fs.symlink('file', '/new/'), 'ENOENT', `/new/ ${slash}`],
    [() => fs.link('/file', '/new/'), 'ENOENT', `/new/ ${slash}`],
    [() => fs.mknod('/new/', 'fifo'), 'ENOENT', `/new/ ${slash}`],
  ];
  for (const [call, code, message] of calls) expect(call).toThrow(expect.objectContaining({ code, message }));
});

test('an empty path leads nowhere', () => {
  using fs = fresh();
  expect(() => fs.stat('')).toThrow(expect.objectContaining({ code: 'ENOENT' }));
});
