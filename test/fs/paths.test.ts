// Calls by path that fail: with the code that the kernel gives, and without anything left behind.
import { expect, test } from 'vitest';
import { MemoryDevice } from '../../src/device/memory-device.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import { format } from '../../src/mkfs/format.ts';
import { codeOf } from './compressed-volume.ts';

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
