// Ranges of a file: allocated, punched, zeroed, taken out and put in; where data and holes are; what a handle was opened for.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MemoryDevice } from '../../src/device/memory-device.ts';
import { F2fsError } from '../../src/errors.ts';
import { ADVISE, I_FLAGS, INLINE } from '../../src/format/inode.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import type { MountOptions } from '../../src/fs/mount-options.ts';
import { format } from '../../src/mkfs/format.ts';
import { fsckDevice } from './fsck-device.ts';

const K4 = 4096;
const NOW = { sec: 1_700_000_000, nsec: 7 };

let device: MemoryDevice;
let fs: FileSystem;

function mountAgain(options: MountOptions = {}): void {
  fs = mount(device, { now: () => NOW, ...options });
}

beforeEach(() => {
  device = new MemoryDevice((64 << 20) / K4);
  format(device, {
    features: ['extra_attr', 'inode_checksum', 'flexible_inline_xattr', 'inode_crtime', 'compression'],
  });
  mountAgain();
});

afterEach(async () => {
  fs.close();
  expect((await fsckDevice(device)).complaints).toEqual([]);
});

/** Pages of text, each of another letter. */
function letters(pages: number, from = 0): Buffer {
  return Buffer.concat(Array.from({ length: pages }, (_, i) => Buffer.alloc(K4, 97 + ((from + i) % 26))));
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(F2fsError);
    return (error as F2fsError).code;
  }
  return 'none';
}

function setFlags(path: string, flags: number): void {
  using handle = fs.openFile(path);
  handle.inode.change().iFlags = flags;
}

describe('allocate', () => {
  test('reserves blocks that read as zeros, and the file grows', () => {
    using file = fs.openFile('/a', { flags: 'w+' });
    const { freeBlocks } = fs.statfs();
    file.allocate(0, 10 * K4 + 1);
    expect(file.stat()).toMatchObject({ size: 10 * K4 + 1, blocks: 12 });
    expect(fs.statfs().freeBlocks).toBe(freeBlocks - 11);
    fs.sync();
    expect(Buffer.from(fs.readFile('/a')).equals(Buffer.alloc(10 * K4 + 1))).toBe(true);
    expect(file.extents()).toEqual([{ logical: 0, physical: 0, length: 11 * K4, flags: ['unwritten', 'last'] }]);
    expect(codeOf(() => file.seekData(0))).toBe('ENXIO');
    expect(file.seekHole(0)).toBe(10 * K4 + 1);
  });

  test('past the end with keepSize: never exposed, freed by a truncate to the same size', () => {
    using file = fs.openFile('/a', { flags: 'w+' });
    file.write(letters(1).subarray(0, 100), 0);
    const { freeBlocks } = fs.statfs();
    file.allocate(0, 20 * K4, { keepSize: true });
    expect(file.stat().size).toBe(100);
    expect(file.inode.load().iAdvise & ADVISE.KEEP_SIZE).not.toBe(0);
    fs.close();
    mountAgain();
    using again = fs.openFile('/a');
    expect(again.stat().blocks).toBe(21);
    again.truncate(3 * K4);
    const expected = Buffer.alloc(3 * K4);
    expected.fill('a', 0, 100);
    expect(Buffer.from(fs.readFile('/a')).equals(expected)).toBe(true);
    expect(again.stat().blocks).toBe(21);
    again.truncate(3 * K4);
    expect(again.stat().blocks).toBe(4);
    again.truncate(0);
    expect(fs.statfs().freeBlocks).toBe(freeBlocks);
  });

  test('what the volume has no room for changes nothing', () => {
    using file = fs.openFile('/a', { flags: 'w+' });
    file.write(letters(2), 0);
    fs.sync();
    const before = { ...fs.statfs(), ...file.stat() };
    const { freeBlocks } = fs.statfs();
    expect(codeOf(() => file.allocate(0, (freeBlocks + 3) * K4))).toBe('ENOSPC');
    expect(codeOf(() => file.zeroRange(K4, (freeBlocks + 3) * K4))).toBe('ENOSPC');
    expect({ ...fs.statfs(), ...file.stat() }).toEqual(before);
    // To the last block: the nodes count too.
    let pages = freeBlocks;
    while (pages > 0 && codeOf(() => file.allocate(0, (2 + pages) * K4, { keepSize: true })) === 'ENOSPC') pages--;
    expect(fs.statfs().freeBlocks).toBeLessThan(1);
    expect(pages).toBeGreaterThan(freeBlocks - 20);
    file.truncate(2 * K4);
    expect(fs.statfs().freeBlocks).toBe(freeBlocks);
  });

  test('a file of holes to the end of the format', () => {
    using file = fs.openFile('/a', { flags: 'w+' });
    const most = 4_329_690_886_144;
    expect(codeOf(() => file.allocate(2 ** 43, 1))).toBe('EFBIG');
    expect(codeOf(() => file.truncate(2 ** 43))).toBe('EFBIG');
    expect(codeOf(() => file.write(Buffer.of(1), 2 ** 43))).toBe('EFBIG');
    file.truncate(most - (most % K4) - 2 ** 34);
    expect(codeOf(() => file.insertRange(0, 2 ** 40))).toBe('EFBIG');
    file.allocate(file.stat().size - 5 * K4, 2 * K4);
    expect(file.stat().blocks).toBe(1 + 3 + 2);
    expect(codeOf(() => file.allocate(0, file.stat().size))).toBe('ENOSPC');
    file.punch(0, file.stat().size);
    // A hole leaves the nodes; only truncating frees them. Source: f2fs_truncate_hole.
    expect(file.stat().blocks).toBe(4);
    file.truncate(0);
    expect(file.stat().blocks).toBe(1);
  });
});

describe('punch and zeroRange', () => {
  test.each(['punch', 'zeroRange'] as const)('%s at every place of a page', (operation) => {
    const content = letters(6);
    for (const [position, length] of [
      [0, 1],
      [1, K4 - 1],
      [1, K4],
      [K4 - 1, 2],
      [K4, K4],
      [100, 3 * K4],
      [2 * K4, 3 * K4 + 5],
      [5 * K4 + 1, K4 - 1],
      [0, 6 * K4],
    ]) {
      using file = fs.openFile('/a', { flags: 'w+' });
      file.write(content, 0);
      file[operation](position, length);
      const expected = Buffer.from(content);
      expected.fill(0, position, position + length);
      expect(Buffer.compare(fs.readFile('/a'), expected)).toBe(0);
      fs.sync();
      expect(Buffer.compare(fs.readFile('/a'), expected)).toBe(0);
    }
  });

  test('a hole past the end frees what was kept there; one that begins past it does nothing', () => {
    using file = fs.openFile('/a', { flags: 'w+' });
    file.write(letters(1).subarray(0, 10), 0);
    file.allocate(0, 8 * K4, { keepSize: true });
    file.punch(10, 100);
    expect(file.stat().blocks).toBe(9);
    file.punch(5, 5 * K4);
    expect(file.stat()).toMatchObject({ blocks: 5, size: 10 });
    expect(Buffer.from(fs.readFile('/a')).equals(Buffer.concat([Buffer.alloc(5, 'a'), Buffer.alloc(5)]))).toBe(true);
  });

  test('zeroed past the end with keepSize, synced, written: zeros in between', () => {
    using file = fs.openFile('/a', { flags: 'w+' });
    file.write(letters(1), 0);
    file.zeroRange(K4 - 96, 3 * K4, { keepSize: true });
    expect(file.stat()).toMatchObject({ size: K4, blocks: 5 });
    expect(file.inode.load().iAdvise & ADVISE.KEEP_SIZE).not.toBe(0);
    fs.sync();
    file.append(Buffer.from('z'));
    file.write(Buffer.from('y'), 3 * K4);
    const expected = Buffer.alloc(3 * K4 + 1);
    expected.fill('a', 0, K4 - 96);
    expected.write('z', K4);
    expected.write('y', 3 * K4);
    expect(Buffer.from(fs.readFile('/a')).equals(expected)).toBe(true);
  });

  test('zeroRange past the end grows the file, into reserved blocks', () => {
    using file = fs.openFile('/a', { flags: 'w+' });
    file.write(letters(1).subarray(0, 10), 0);
    file.zeroRange(5, 2 * K4);
    expect(file.stat()).toMatchObject({ size: 2 * K4 + 5, blocks: 4 });
    expect(fs.readFile('/a').every((byte, i) => byte === (i < 5 ? 97 : 0))).toBe(true);
  });

  test('inline contents leave the inode first, as on Linux', () => {
    for (const change of ['punch', 'zeroRange', 'allocate'] as const) {
      using inline = fs.openFile(`/${change}`, { flags: 'w+' });
      inline.write(Buffer.from('some text'), 0);
      expect(inline.inode.hasInline(INLINE.DATA)).toBe(true);
      inline[change](5, 2);
      expect(inline.inode.hasInline(INLINE.DATA)).toBe(false);
      expect(Buffer.from(fs.readFile(`/${change}`)).toString()).toBe(
        change === 'allocate' ? 'some text' : 'some \0\0xt',
      );
    }
    // Nor do they come back: not even to an empty file.
    using file = fs.openFile('/punch', { flags: 'w' });
    expect(file.inode.hasInline(INLINE.DATA)).toBe(false);
  });
});

describe('collapseRange and insertRange', () => {
  const large = letters(1000);

  test.each([
    [0, 1, 2],
    [1, 1, 3],
    [3, 5, 9],
    [0, 300, 700],
    [7, 1, 1000],
    [900, 30, 1000],
  ])('blocks from %i on, %i of them, of %i', (at, count, pages) => {
    using file = fs.openFile('/a', { flags: 'w+' });
    const content = large.subarray(0, pages * K4 - 100);
    file.write(content, 0);
    file.collapseRange(at * K4, count * K4);
    const taken = Buffer.concat([content.subarray(0, at * K4), content.subarray((at + count) * K4)]);
    expect(Buffer.compare(fs.readFile('/a'), taken)).toBe(0);
    fs.sync();
    file.insertRange(at * K4, count * K4);
    const put = Buffer.from(content);
    put.fill(0, at * K4, (at + count) * K4);
    expect(Buffer.compare(fs.readFile('/a'), put)).toBe(0);
    expect(file.seekHole(at * K4)).toBe(at * K4);
    expect(file.stat().blocks).toBeLessThanOrEqual(1 + 2 + pages - count);
    fs.close();
    mountAgain();
    expect(Buffer.compare(fs.readFile('/a'), put)).toBe(0);
  });

  test('holes stay holes, and reserved blocks reserved ones', () => {
    using file = fs.openFile('/a', { flags: 'w+' });
    file.write(letters(4), 0);
    file.allocate(6 * K4, 2 * K4);
    file.write(letters(1), 9 * K4);
    file.collapseRange(K4, 2 * K4);
    const map = (): string[] => file.extents().map((e) => `${e.logical / K4}+${e.length / K4} ${e.flags.join()}`);
    expect(map()).toEqual(['0+1 ', '1+1 ', '4+2 unwritten', '7+1 last']);
    file.insertRange(0, 3 * K4);
    expect(map()).toEqual(['3+2 ', '7+2 unwritten', '10+1 last']);
    expect(file.stat().blocks).toBe(6);
  });

  test('a file of 2 TiB with little in it: its holes are passed by', () => {
    const far = 2 ** 41 - 5 * K4;
    using file = fs.openFile('/a', { flags: 'w+' });
    for (const at of [0, 900 * K4, 2 ** 35, far]) file.write(letters(3, at % 7), at);
    const start = process.cpuUsage();
    file.insertRange(K4, 7 * K4);
    file.insertRange(2 ** 30, 2 ** 30);
    file.collapseRange(K4, 7 * K4);
    const { user, system } = process.cpuUsage(start);
    expect((user + system) / 1e6).toBeLessThan(2);
    expect(file.stat().size).toBe(far + 3 * K4 + 2 ** 30);
    const into = Buffer.alloc(3 * K4);
    for (const [at, moved] of [
      [0, 0],
      [900 * K4, 0],
      [2 ** 35, 2 ** 30],
      [far, 2 ** 30],
    ]) {
      file.read(into, at + moved);
      expect(into.equals(letters(3, at % 7))).toBe(true);
    }
    expect(file.seekData(903 * K4)).toBe(2 ** 35 + 2 ** 30);
    expect(file.stat().blocks).toBeLessThan(40);
  });

  test('blocks kept past the end do not come to lie within it', () => {
    using file = fs.openFile('/a', { flags: 'w+' });
    file.write(letters(2), 0);
    file.allocate(0, 9 * K4, { keepSize: true });
    file.insertRange(K4, K4);
    expect(file.stat()).toMatchObject({ size: 3 * K4, blocks: 3 });
    file.allocate(0, 9 * K4, { keepSize: true });
    file.collapseRange(0, K4);
    expect(file.stat()).toMatchObject({ size: 2 * K4, blocks: 3 });
  });

  test('what moves is not written over what was there, whatever the policy: an fsync is one step', () => {
    using file = fs.openFile('/a', { flags: 'w+' });
    file.write(letters(40), 0);
    fs.sync();
    const { inPlaceBlocks } = fs.counters;
    file.collapseRange(0, 20 * K4);
    file.fdatasync();
    file.insertRange(0, 5 * K4);
    file.fsync();
    expect(fs.counters.inPlaceBlocks).toBe(inPlaceBlocks);
  });

  test('what is not whole blocks within the file is refused', () => {
    using file = fs.openFile('/a', { flags: 'w+' });
    file.write(letters(4), 0);
    expect(codeOf(() => file.collapseRange(1, K4))).toBe('EINVAL');
    expect(codeOf(() => file.collapseRange(0, K4 + 1))).toBe('EINVAL');
    expect(codeOf(() => file.collapseRange(0, 4 * K4))).toBe('EINVAL');
    expect(codeOf(() => file.collapseRange(3 * K4, K4))).toBe('EINVAL');
    expect(codeOf(() => file.insertRange(4 * K4, K4))).toBe('EINVAL');
    expect(codeOf(() => file.insertRange(K4, 5))).toBe('EINVAL');
    for (const operation of ['allocate', 'punch', 'zeroRange', 'collapseRange', 'insertRange'] as const) {
      expect(codeOf(() => file[operation](0, 0))).toBe('EINVAL');
      expect(codeOf(() => file[operation](-1, 5))).toBe('EINVAL');
    }
  });

  test('a full volume: refused before anything moves, or done', () => {
    using file = fs.openFile('/a', { flags: 'w+' });
    file.write(letters(300), 0);
    using filler = fs.openFile('/filler', { flags: 'w+' });
    fs.sync();
    filler.allocate(0, (fs.statfs().freeBlocks - 40) * K4);
    const before = fs.readFile('/a');
    expect(codeOf(() => file.insertRange(0, K4))).toBe('ENOSPC');
    expect(Buffer.compare(fs.readFile('/a'), before)).toBe(0);
    filler.truncate(filler.stat().size - 100 * K4);
    file.insertRange(0, K4);
    expect(Buffer.compare(fs.readFile('/a').subarray(K4), before)).toBe(0);
  });
});

describe('seekData, seekHole and extents', () => {
  test('dirty pages are data, reserved ones are not, and none is a hole', () => {
    using file = fs.openFile('/a', { flags: 'w+' });
    file.truncate(5000 * K4);
    expect(codeOf(() => file.seekData(0))).toBe('ENXIO');
    expect(file.seekHole(77)).toBe(77);
    file.allocate(10 * K4, 4 * K4);
    file.write(letters(1), 12 * K4);
    file.write(letters(2), 4000 * K4 + 5);
    for (const _ of ['dirty', 'written']) {
      expect(file.seekData(0)).toBe(12 * K4);
      expect(file.seekData(12 * K4 + 9)).toBe(12 * K4 + 9);
      expect(file.seekHole(10 * K4 + 9)).toBe(14 * K4);
      expect(file.seekData(13 * K4)).toBe(4000 * K4);
      expect(file.seekHole(4000 * K4)).toBe(4003 * K4);
      expect(codeOf(() => file.seekData(4003 * K4))).toBe('ENXIO');
      expect(codeOf(() => file.seekHole(5000 * K4))).toBe('ENXIO');
      fs.sync();
    }
  });

  test('inline contents are data to their end', () => {
    using file = fs.openFile('/a', { flags: 'w+' });
    file.write(Buffer.from('text'), 0);
    expect(file.seekData(2)).toBe(2);
    expect(file.seekHole(2)).toBe(4);
    expect(codeOf(() => file.seekHole(4))).toBe('ENXIO');
    expect(file.extents()[0]).toMatchObject({
      physical: 0,
      flags: ['inline', 'not-aligned', 'last', 'delalloc', 'unknown'],
    });
    fs.sync();
    const [extent] = file.extents();
    expect(extent).toMatchObject({ logical: 0, length: 4, flags: ['inline', 'not-aligned', 'last'] });
    const block = new Uint8Array(K4);
    device.read(Math.floor(extent.physical / K4), block);
    expect(Buffer.from(block.subarray(extent.physical % K4)).toString('latin1', 0, 4)).toBe('text');
  });

  test('extents lie where they say', () => {
    using file = fs.openFile('/a', { flags: 'w+' });
    file.write(letters(3), 0);
    file.write(letters(2, 5), 1500 * K4);
    const extents = file.extents();
    expect(extents.map(({ logical, length }) => [logical / K4, length / K4])).toEqual([
      [0, 3],
      [1500, 2],
    ]);
    expect(extents[1].flags).toEqual(['last']);
    const block = new Uint8Array(K4);
    device.read(extents[1].physical / K4 + 1, block);
    expect(Buffer.from(block).equals(letters(1, 6))).toBe(true);
    expect(file.extents(K4, K4)).toMatchObject([{ logical: K4, length: K4, flags: [] }]);
    expect(file.extents(5 * K4, K4)).toEqual([]);
    expect(codeOf(() => file.extents(2 ** 44))).toBe('EFBIG');
  });

  test('compressed clusters are data throughout, and encoded extents', () => {
    fs.close();
    mountAgain();
    using file = fs.openFile('/c', { flags: 'w+' });
    file.setCompressed(true);
    file.write(letters(4), 0);
    file.write(letters(4), 8 * K4);
    const extents = file.extents();
    expect(extents.map(({ logical, length, flags }) => [logical / K4, length / K4, flags.join()])).toEqual([
      [0, 4, 'encoded'],
      [8, 4, 'encoded,last'],
    ]);
    expect(file.seekData(5)).toBe(5);
    expect(file.seekHole(5)).toBe(4 * K4);
    expect(file.seekData(4 * K4)).toBe(8 * K4);
    expect(codeOf(() => file.zeroRange(0, K4))).toBe('EOPNOTSUPP');
    expect(codeOf(() => file.collapseRange(0, K4))).toBe('EOPNOTSUPP');
    expect(codeOf(() => file.insertRange(0, K4))).toBe('EOPNOTSUPP');
    file.allocate(2 * K4, 20 * K4);
    expect(Buffer.from(fs.readFile('/c').subarray(0, 4 * K4)).equals(letters(4))).toBe(true);
    expect(file.stat().size).toBe(22 * K4);
  });
});

describe('who may change what', () => {
  test('immutable, append-only and pinned files', () => {
    fs.writeFile('/a', letters(4));
    setFlags('/a', I_FLAGS.IMMUTABLE);
    using file = fs.openFile('/a');
    const all = {
      write: () => file.write(Buffer.of(1), 0),
      truncate: () => file.truncate(5),
      allocate: () => file.allocate(0, K4),
      punch: () => file.punch(0, K4),
      zeroRange: () => file.zeroRange(0, K4),
      collapseRange: () => file.collapseRange(0, K4),
      insertRange: () => file.insertRange(0, K4),
    };
    for (const [name, operation] of Object.entries(all)) expect([name, codeOf(operation)]).toEqual([name, 'EPERM']);
    expect(codeOf(() => fs.openFile('/a', { flags: 'a' }))).toBe('EPERM');
    setFlags('/a', I_FLAGS.APPEND);
    expect(codeOf(() => fs.openFile('/a', { flags: 'r+' }))).toBe('EPERM');
    expect(codeOf(() => fs.openFile('/a', { flags: 'w' }))).toBe('EPERM');
    using append = fs.openFile('/a', { flags: 'a' });
    append.write(Buffer.from('end'), 0);
    expect(fs.readFile('/a').length).toBe(4 * K4 + 3);
    append.allocate(0, 9 * K4);
    for (const name of ['truncate', 'punch', 'zeroRange', 'collapseRange', 'insertRange'] as const) {
      expect([name, codeOf(all[name])]).toEqual([name, 'EPERM']);
    }
    setFlags('/a', 0);
    file.inode.change().iInline |= INLINE.PIN_FILE;
    for (const name of ['punch', 'zeroRange', 'collapseRange', 'insertRange'] as const) {
      expect([name, codeOf(all[name])]).toEqual([name, 'EOPNOTSUPP']);
    }
    file.inode.change().iInline &= ~INLINE.PIN_FILE;
  });

  test('a handle does what it was opened for', () => {
    expect(codeOf(() => fs.openFile('/a', { flags: 'r' }))).toBe('ENOENT');
    expect(codeOf(() => fs.openFile('/a', { flags: 'r+' }))).toBe('ENOENT');
    expect(codeOf(() => fs.openFile('/a', { flags: 'q' as 'r' }))).toBe('EINVAL');
    {
      using made = fs.openFile('/a', { flags: 'wx', attributes: { mode: 0o600 } });
      expect(made.stat().mode & 0o777).toBe(0o600);
      made.write(Buffer.from('0123456789'), 0);
      expect(codeOf(() => made.read(new Uint8Array(1), 0))).toBe('EBADF');
    }
    expect(codeOf(() => fs.openFile('/a', { flags: 'wx' }))).toBe('EEXIST');
    expect(codeOf(() => fs.openFile('/a', { flags: 'ax+' }))).toBe('EEXIST');
    using reader = fs.openFile('/a', { flags: 'r' });
    expect(reader.read(new Uint8Array(99), 0)).toBe(10);
    for (const change of [
      () => reader.write(Buffer.of(1), 0),
      () => reader.append(Buffer.of(1)),
      () => reader.allocate(0, 1),
      () => reader.punch(0, 1),
      () => reader.setCompressed(true),
      () => reader.releaseBlocks(),
      () => reader.reserveBlocks(),
      () => reader.compress(),
      () => reader.decompress(),
    ]) {
      expect(codeOf(change)).toBe('EBADF');
    }
    expect(codeOf(() => reader.truncate(0))).toBe('EINVAL');
    using appender = fs.openFile('/a', { flags: 'a+' });
    expect(appender.append(Buffer.from('ab'))).toBe(10);
    appender.write(Buffer.from('cd'), 3);
    expect(Buffer.from(fs.readFile('/a')).toString()).toBe('0123456789abcd');
    fs.openFile('/a', { flags: 'w' }).close();
    expect(fs.readFile('/a').length).toBe(0);
    fs.mkdir('/dir');
    for (const flags of ['r', 'w', 'a'] as const) expect(codeOf(() => fs.openFile('/dir', { flags }))).toBe('EISDIR');
    fs.mknod('/pipe', 'fifo');
    expect(codeOf(() => fs.openFile('/pipe', { flags: 'w' }))).toBe('EINVAL');
  });

  test('a file is made where a symlink leads, but not with x', () => {
    fs.mkdir('/dir');
    fs.symlink('dir/there', '/link');
    fs.symlink('../loop', '/dir/loop');
    fs.symlink('dir/loop', '/loop');
    expect(codeOf(() => fs.openFile('/link', { flags: 'wx' }))).toBe('EEXIST');
    fs.openFile('/link', { flags: 'a' }).close();
    expect(fs.lstat('/dir/there').size).toBe(0);
    expect(codeOf(() => fs.openFile('/loop', { flags: 'w' }))).toBe('ELOOP');
  });

  test('changes of the contents set mtime and ctime; writeFrom and reads do not', () => {
    const old = { sec: 1_000_000_000, nsec: 0 };
    fs.writeFile('/a', letters(4), { mtime: old, ctime: old });
    using file = fs.openFile('/a');
    const stamped = (change: () => void): boolean => {
      file.setAttributes({ mtime: old, ctime: old });
      change();
      const { mtime, ctime } = file.stat();
      expect(mtime).toEqual(ctime);
      return mtime.sec === NOW.sec && mtime.nsec === NOW.nsec;
    };
    expect(file.stat().mtime).toEqual(old);
    expect(stamped(() => file.read(new Uint8Array(5), 0))).toBe(false);
    expect(stamped(() => file.write(new Uint8Array(0), 0))).toBe(false);
    expect(stamped(() => file.writeFrom({ fill: () => {} }, 0, 5))).toBe(false);
    expect(stamped(() => file.writeFrom({ fill: () => {} }, 0, 5, { time: NOW }))).toBe(true);
    expect(stamped(() => file.write(Buffer.of(1), 0))).toBe(true);
    expect(stamped(() => file.truncate(file.stat().size))).toBe(true);
    expect(stamped(() => file.allocate(0, 1))).toBe(true);
    expect(stamped(() => file.punch(0, 1))).toBe(true);
    expect(stamped(() => file.zeroRange(0, 1))).toBe(true);
    expect(stamped(() => file.insertRange(0, K4))).toBe(true);
    expect(stamped(() => file.collapseRange(0, K4))).toBe(true);
    expect(stamped(() => expect(codeOf(() => file.collapseRange(1, K4))).toBe('EINVAL'))).toBe(false);
  });
});
