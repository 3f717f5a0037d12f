// Rules of the kernel that are easily missed: flags of inodes, what is left of a change that fails or is cut off, the limits of
// numbers, and what lies on another volume.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { BLKSIZE } from '../../src/device/device.ts';
import { openFileDevice } from '../../src/device/file-device.ts';
import type { MemoryDevice } from '../../src/device/memory-device.ts';
import { F2fsError } from '../../src/errors.ts';
import { I_FLAGS } from '../../src/format/inode.ts';
import { maxFileBlocks } from '../../src/format/node.ts';
import { Directory } from '../../src/fs/directory-handle.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import { mountAsync } from '../../src/fs/promises.ts';
import { format } from '../../src/mkfs/format.ts';
import { BLOCK } from '../blocks-of-4k.ts';
import { copyOf } from '../devices.ts';
import {
  codeOf,
  compressing,
  during,
  expectSound,
  FlakyDevice,
  freshDevice,
  fsckComplaints,
  MIB,
  mountOf,
  prose,
} from './compressed-volume.ts';

const FEATURES = ['extra_attr', 'inode_checksum', 'sb_checksum', 'inode_crtime', 'lost_found'];
const device64 = () => freshDevice(64, FEATURES);
const text = (fs: FileSystem, path: string) => Buffer.from(fs.readFile(path)).toString();

/** Sets an inode flag, as chattr does on Linux. */
function setFlag(fs: FileSystem, path: string, flag: number): void {
  using handle = fs.open(path);
  handle.inode.change().iFlags |= flag;
}

function attempt(call: () => void): void {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(F2fsError);
  }
}

function write(fs: FileSystem, path: string, contents: string, position: number): void {
  using file = fs.openFile(path);
  file.write(Buffer.from(contents), position);
}

describe('flags of inodes', () => {
  test('a file marked S is on stable storage after each write, and so is what is made in its directory', () => {
    const device = device64();
    during(device, {}, (fs) => {
      fs.mkdir('/d');
      setFlag(fs, '/d', I_FLAGS.SYNC);
      fs.writeFile('/d/inherits', Buffer.from('old'));
      fs.writeFile('/plain', Buffer.from('old'));
    });
    const fs = mountOf(device);
    fs.sync();
    write(fs, '/d/inherits', 'new', 0);
    write(fs, '/plain', 'new', 0);
    fs.abandon();
    during(device, {}, (again) => {
      expect(text(again, '/d/inherits')).toBe('new');
      expect(text(again, '/plain')).toBe('old');
    });
  });

  test.each([
    ['D', I_FLAGS.DIRSYNC],
    ['S', I_FLAGS.SYNC],
  ])('names in a directory marked %s are written at once, but not within one change', (_, flag) => {
    const device = device64();
    during(device, {}, (fs) => {
      fs.mkdir('/d');
      setFlag(fs, '/d', flag);
    });
    const change = (fs: FileSystem) => {
      fs.writeFile('/d/file', Buffer.from('contents'));
      fs.symlink('short', '/d/short');
      fs.symlink('l'.repeat(4000), '/d/long');
      fs.abandon();
    };
    change(mountOf(device, { checkpoints: 'explicit' }));
    during(device, {}, (fs) => expect(fs.readdir('/d')).toEqual([]));
    change(mountOf(device));
    during(device, {}, (fs) => {
      expect(Buffer.from(fs.readlink('/d/short')).toString()).toBe('short');
      expect(fs.readlink('/d/long').length).toBe(4000);
      fs.remove('/d');
    });
  });

  test('an append-only file keeps what it has, however it was opened', () => {
    const device = device64();
    during(device, {}, (fs) => {
      fs.writeFile('/log', Buffer.from('abc'));
      setFlag(fs, '/log', I_FLAGS.APPEND);
    });
    during(device, {}, (fs) => {
      expect(codeOf(() => write(fs, '/log', 'ZZ', 0))).toBe('EPERM');
      write(fs, '/log', 'def', 3);
      expect(text(fs, '/log')).toBe('abcdef');
    });
  });
});

test('a symlink is there with its target in every checkpoint', () => {
  const device = freshDevice(52, FEATURES);
  const fs = mountOf(device);
  let nr = 0;
  for (let code = 'none'; code === 'none'; nr++) {
    code = codeOf(() => fs.symlink('t'.repeat(4000), `/${nr}`));
    if (nr % 500 !== 0) continue;
    fs.sync();
    during(copyOf(device), { readonly: true }, (seen) => {
      for (const { name, type } of seen.readdir('/'))
        if (type === 'symlink') expect(seen.readlink(`/${Buffer.from(name)}`).length).toBe(4000);
    });
  }
  expect(nr).toBeGreaterThan(500);
  expect(codeOf(() => fs.readlink(`/${nr - 1}`))).toBe('ENOENT');
  fs.close();
  during(device, {}, (again) => expect(again.readdir('/').length).toBe(nr));
});

test('one that Linux left without a target is seen, leads nowhere and can be removed', async () => {
  const device = device64();
  during(device, {}, (fs) => {
    fs.symlink('target', '/l');
    using link = fs.open('/l', { follow: false });
    link.inode.change().iSize = 0;
  });
  during(device, {}, (fs) => {
    expect(fs.lstat('/l')).toMatchObject({ type: 'symlink', size: 0 });
    expect(codeOf(() => fs.readlink('/l'))).toBe('ENOENT');
    expect(codeOf(() => fs.stat('/l'))).toBe('ENOENT');
    fs.unlink('/l');
  });
  await expectSound(device);
});

describe('a write that finds no room', () => {
  test('leaves what there was room for, and nothing allocated past the end', async () => {
    const device = device64();
    const fs = mountOf(device);
    const page = Buffer.alloc(BLKSIZE, 7);
    fs.writeFile('/file', Buffer.alloc(512 * BLKSIZE, 7));
    using file = fs.openFile('/file');
    fs.writeFile('/filler', new Uint8Array(0));
    using filler = fs.openFile('/filler');
    for (let at = 0; fs.statfs().freeBlocks > 400; at += BLKSIZE) filler.write(page, at);
    // Past the addresses of the inode: the write needs a node, too.
    expect(codeOf(() => file.write(Buffer.alloc(512 * BLKSIZE, 8), 512 * BLKSIZE))).toBe('ENOSPC');
    const { size, blocks } = file.stat();
    expect(fs.statfs().freeBlocks).toBe(0);
    expect(size).toBe((512 + 399) * BLKSIZE);
    expect(blocks).toBe(2 + 512 + 399);
    const whole = Buffer.from(fs.readFile('/file'));
    expect(whole.subarray(512 * BLKSIZE).every((byte) => byte === 8)).toBe(true);
    fs.close();
    expect(await fsckComplaints(device)).toEqual([]);
  });

  test('leaves contents within the inode where they are', () => {
    const device = device64();
    const fs = mountOf(device);
    fs.writeFile('/filler', new Uint8Array(0));
    fs.writeFile('/inline', Buffer.alloc(3000, 'i'));
    using filler = fs.openFile('/filler');
    for (let at = 0; fs.statfs().freeBlocks > 0; at += BLKSIZE) filler.write(Buffer.alloc(BLKSIZE, 1), at);
    expect(codeOf(() => write(fs, '/inline', 'x'.repeat(10_000), 3000))).toBe('ENOSPC');
    expect(fs.stat('/inline')).toMatchObject({ size: 3000, blocks: 1, inline: true });
    fs.close();
    during(device, {}, (again) => expect(text(again, '/inline')).toBe('i'.repeat(3000)));
  });

  test('far past the end keeps no nodes', () => {
    const fs = mountOf(device64());
    fs.writeFile('/filler', new Uint8Array(0));
    fs.writeFile('/file', Buffer.alloc(BLKSIZE * 2, 1));
    using filler = fs.openFile('/filler');
    for (let at = 0; fs.statfs().freeBlocks > 2; at += BLKSIZE) filler.write(Buffer.alloc(BLKSIZE, 1), at);
    const before = fs.statfs().freeBlocks;
    expect(codeOf(() => write(fs, '/file', 'x', 2 ** 40))).toBe('ENOSPC');
    expect(fs.statfs().freeBlocks).toBe(before);
    expect(fs.stat('/file')).toMatchObject({ size: 2 * BLKSIZE, blocks: 3 });
  });
});

test('the source of a write does not use the mount that is written to', () => {
  const fs = mountOf(freshDevice(64));
  fs.writeFile('/from', Buffer.alloc(300_000, 7));
  fs.writeFile('/to', Buffer.alloc(300_000, 8));
  using from = fs.openFile('/from');
  using to = fs.openFile('/to', { flags: 'r+' });
  const uses: ((part: Uint8Array, position: number) => unknown)[] = [
    (part, position) => from.read(part, position),
    () => fs.writeFile('/other', Buffer.alloc(5)),
    () => fs.unlink('/to'),
    () => to.truncate(0),
    () => fs.sync(),
    () => fs.close(),
  ];
  for (const use of uses) {
    const fill = (memory: Uint8Array, offset: number, length: number, position: number) => {
      use(memory.subarray(offset, offset + length), position);
    };
    expect(codeOf(() => to.writeFrom({ fill }, 100, 10_000))).toBe('EBUSY');
  }
  expect(Buffer.compare(fs.readFile('/to'), Buffer.alloc(300_000, 8))).toBe(0);
  fs.close();
});

describe('the largest file', () => {
  const most = maxFileBlocks(0, 1018, BLOCK) * BLKSIZE;

  test('is as large as on Linux: what lies in the inode itself does not count', () => {
    during(device64(), {}, (fs) => {
      fs.writeFile('/f', Buffer.from('x'));
      using file = fs.openFile('/f');
      file.truncate(most);
      expect(codeOf(() => file.truncate(most + 1))).toBe('EFBIG');
      expect(codeOf(() => file.write(Buffer.from('past'), most))).toBe('EFBIG');
      // What lies before the limit is written.
      expect(codeOf(() => file.write(Buffer.alloc(2 * BLKSIZE, 'y'), most - BLKSIZE))).toBe('EFBIG');
      const last = Buffer.alloc(BLKSIZE);
      expect(file.read(last, most - BLKSIZE)).toBe(BLKSIZE);
      expect(last.every((byte) => byte === 'y'.charCodeAt(0))).toBe(true);
      expect(file.stat().size).toBe(most);
    });
  });

  test('of clusters is written as far as whole ones reach, and E2BIG past that', () => {
    during(freshDevice(64), { compress: compressing('lz4', 256) }, (fs) => {
      fs.writeFile('/f', Buffer.from('x'));
      using file = fs.openFile('/f');
      const reach = file.inode.maxPages * BLKSIZE;
      expect(reach).toBeLessThan(most);
      expect(codeOf(() => file.write(Buffer.from('past'), reach))).toBe('E2BIG');
      expect(codeOf(() => file.allocate(reach - BLKSIZE, BLKSIZE + 1))).toBe('E2BIG');
      expect(codeOf(() => file.write(Buffer.from('past'), most))).toBe('EFBIG');
      expect(file.stat().size).toBe(1);
      expect(codeOf(() => file.write(Buffer.alloc(2 * BLKSIZE, 'y'), reach - BLKSIZE))).toBe('E2BIG');
      const last = Buffer.alloc(BLKSIZE);
      expect(file.read(last, reach - BLKSIZE)).toBe(BLKSIZE);
      expect(last.every((byte) => byte === 'y'.charCodeAt(0))).toBe(true);
      expect(file.stat().size).toBe(reach);
    });
  });

  test('of clusters may have any size: what its nodes can not reach is a hole, and it can be cut and removed', async () => {
    const device = freshDevice(64);
    during(device, { compress: compressing('lz4', 256) }, (fs) => {
      fs.writeFile('/f', Buffer.alloc(2_000_000, 'text '));
      using file = fs.openFile('/f');
      file.truncate(most);
      expect(codeOf(() => file.truncate(most + 1))).toBe('EFBIG');
      fs.sync();
    });
    during(device, { compress: compressing('lz4', 256) }, (fs) => {
      using file = fs.openFile('/f');
      const reach = file.inode.maxPages * BLKSIZE;
      expect(fs.stat('/f').size).toBe(most);
      const bytes = Buffer.alloc(3 * BLKSIZE, 1);
      for (const position of [reach - BLKSIZE - 1, reach - 1, reach, most - bytes.length]) {
        expect(file.read(bytes, position)).toBe(bytes.length);
        expect(bytes.every((byte) => byte === 0)).toBe(true);
      }
      expect([file.seekHole(0), file.seekHole(reach), file.regionAt(reach)]).toEqual([
        2_002_944,
        reach,
        { kind: 'hole', end: most },
      ]);
      expect(codeOf(() => file.seekData(reach - 1))).toBe('ENXIO');
      expect(file.extents().at(-1)?.flags).toContain('last');
      for (const position of [reach, most - 1]) {
        expect(codeOf(() => file.write(Buffer.from('past'), position))).toBe('E2BIG');
        expect(codeOf(() => file.allocate(position, 1))).toBe('E2BIG');
        file.punch(position, 1);
      }
      expect(codeOf(() => file.append(Buffer.from('past')))).toBe('EFBIG');
      file.truncate(most - 1);
      file.truncate(reach + BLKSIZE);
      file.truncate(reach + 1);
      file.releaseBlocks();
      file.reserveBlocks();
      fs.rename('/f', '/g');
      fs.link('/g', '/other');
      file.fsync();
    });
    expect(await fsckComplaints(device)).toEqual([]);
    during(device, { compress: { ...compressing('lz4', 256), mode: 'user' } }, (fs) => {
      using file = fs.openFile('/g');
      // A sparse file takes time by its data.
      file.decompress();
      file.compress();
      file.truncate(most);
      file.truncate(1_999_999);
      expect(Buffer.compare(fs.readFile('/g'), Buffer.alloc(1_999_999, 'text '))).toBe(0);
      file.truncate(most);
      fs.writeFile('/new', Buffer.alloc(400_000, 'text '));
      fs.truncate('/new', most);
      fs.unlink('/new');
      fs.remove('/g');
      fs.remove('/other');
    });
    expect(await fsckComplaints(device)).toEqual([]);
  });

  test('a hole that goes past it is refused before anything is changed', () => {
    during(device64(), {}, (fs) => {
      fs.writeFile('/f', Buffer.alloc(10_000, 1));
      using file = fs.openFile('/f');
      expect(codeOf(() => file.punch(4096, Number.MAX_SAFE_INTEGER))).toBe('EFBIG');
      expect(fs.readFile('/f').every((byte) => byte === 1)).toBe(true);
    });
  });
});

describe('numbers and names that Linux has no place for', () => {
  test('are refused', () => {
    during(device64(), {}, (fs) => {
      fs.writeFile('/f', Buffer.from('x'));
      expect(codeOf(() => fs.setAttributes('/f', { uid: 0xffffffff }))).toBe('EINVAL');
      expect(codeOf(() => fs.setAttributes('/f', { gid: 0xffffffff }))).toBe('EINVAL');
      fs.setAttributes('/f', { uid: 0xfffffffe, gid: 0xfffffffe });
      expect(codeOf(() => fs.setXattr('/f', 'user.a\0b', Buffer.from('x')))).toBe('EINVAL');
      expect(codeOf(() => fs.mknod('/n', 'char', {}, { major: 4096, minor: 0 }))).toBe('EINVAL');
      expect(codeOf(() => fs.mknod('/n', 'char', {}, { major: 0, minor: 1 << 20 }))).toBe('EINVAL');
      fs.mknod('/n', 'char', {}, { major: 4095, minor: (1 << 20) - 1 });
      expect(fs.stat('/n').rdev).toEqual({ major: 4095, minor: (1 << 20) - 1 });
      for (const rdev of [
        { major: 2 ** 32 + 8, minor: 2 ** 32 },
        { major: -1, minor: 0 },
        { major: 8, minor: 0.5 },
      ])
        expect(codeOf(() => fs.mknod('/m', 'block', {}, rdev))).toBe('EINVAL');
    });
  });

  test('mknod makes fifos, sockets and devices, nothing else', () => {
    during(device64(), {}, (fs) => {
      for (const type of ['bogus', 'file', 'directory', 'symlink', undefined])
        expect(codeOf(() => fs.mknod('/n', type as 'fifo'))).toBe('EINVAL');
      expect(fs.readdir('/').map(({ name }) => `${Buffer.from(name)}`)).toEqual(['lost+found']);
    });
  });

  test('modes that are none are refused, and change nothing', () => {
    during(device64(), {}, (fs) => {
      fs.writeFile('/f', Buffer.from('text'), { mode: 0o640 });
      for (const mode of [Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, 2 ** 16, -1, 0.5]) {
        expect(codeOf(() => fs.setAttributes('/f', { mode }))).toBe('EINVAL');
        expect(codeOf(() => fs.writeFile('/f', Buffer.from('other'), { mode }))).toBe('EINVAL');
        expect(codeOf(() => fs.mkdir('/d', { mode }))).toBe('EINVAL');
      }
      expect([fs.stat('/f').mode, text(fs, '/f')]).toEqual([0o100640, 'text']);
      // The type in it is the inode's own.
      fs.setAttributes('/f', { mode: 0o040600 });
      expect(fs.stat('/f').mode).toBe(0o100600);
    });
  });
});

describe('two volumes', () => {
  test('names and links do not cross them', async () => {
    const devices = [device64(), device64()];
    const [a, b] = devices.map((device) => mountOf(device)) as [FileSystem, FileSystem];
    a.writeFile('/f', Buffer.from('of a'));
    using rootA = a.root();
    using rootB = b.root();
    using file = a.open('/f');
    expect(codeOf(() => rootB.link(Buffer.from('linked'), file))).toBe('EXDEV');
    expect(codeOf(() => rootA.rename(Buffer.from('f'), rootB, Buffer.from('moved')))).toBe('EXDEV');
    expect(rootB).toBeInstanceOf(Directory);
    expect(file.stat().nlink).toBe(1);
    for (const fs of [a, b]) fs.close();
    for (const device of devices) await expectSound(device);
  });

  const READ = { readonly: true };
  /** All that takes a device as a whole. */
  const takers: [string, (device: MemoryDevice) => unknown, beside: 'nobody' | 'readers'][] = [
    ['a mount for writing', (device) => mountOf(device), 'nobody'],
    ['a mount for reading', (device) => mountOf(device, READ), 'readers'],
    ['format', (device) => format(device), 'nobody'],
    ['resize', (device) => device.resize(device.nrBlocks - 512), 'nobody'],
  ];

  test.each(takers)('a device is mounted by one who writes, or by several who read: %s', (_, take, beside) => {
    const device = device64();
    const busy = (how: string) =>
      expect.objectContaining({
        code: 'EBUSY',
        path: 'memory',
        message: expect.stringMatching(
          `^cannot \\w+ memory: it is mounted for ${how}; close or abandon that mount first$`,
        ),
      });
    const writer = mountOf(device);
    writer.writeFile('/f', Buffer.from('kept'));
    expect(() => take(device)).toThrow(busy('writing'));
    writer.close();
    const readers = [mountOf(device, READ), mountOf(device, READ)];
    for (const reader of readers) {
      if (beside === 'nobody') expect(() => take(device)).toThrow(busy('reading'));
      expect(text(reader, '/f')).toBe('kept');
      reader.close();
    }
    const next = mountOf(device);
    expect(() => take(device)).toThrow(busy('writing'));
    next.abandon();
    during(device, READ, (again) => expect(text(again, '/f')).toBe('kept'));
    take(device);
  });

  test('a mount that could not be, and one that a failure stopped, keep nobody from the device', () => {
    const device = new FlakyDevice((MIB / 4096) * 64);
    expect(codeOf(() => mountOf(device))).toBe('EINVAL');
    format(device);
    const stopped = mountOf(device);
    stopped.writeFile('/f', Buffer.from('lost'));
    const { cpBlkaddr, sitBlkaddr } = stopped.volume.layout.sb;
    device.fails = (blkaddr) => blkaddr >= cpBlkaddr && blkaddr < sitBlkaddr;
    expect(codeOf(() => stopped.sync())).toBe('EIO');
    expect(text(stopped, '/f')).toBe('lost');
    device.fails = () => false;
    const next = mountOf(device);
    next.writeFile('/f', Buffer.from('kept'));
    // What it remembers is not so any more.
    expect(codeOf(() => stopped.stat('/f'))).toBe('EBADF');
    stopped.close();
    expect(codeOf(() => mountOf(device))).toBe('EBUSY');
    next.close();
    during(device, READ, (again) => expect(text(again, '/f')).toBe('kept'));
  });

  test.each([
    ['plain pages', undefined],
    ['clusters on their way', compressing('lz4', 4)],
  ])('an abandoned mount writes nothing any more, and takes no change: %s', async (_, compress) => {
    const device = freshDevice(64);
    const fs = mountOf(device, { compress, cacheBytes: 16 * MIB });
    fs.writeFile('/kept', prose(3 * MIB, 1));
    fs.sync();
    fs.writeFile('/lost', prose(11 * MIB, 2));
    const file = fs.openFile('/lost');
    const directory = fs.root();
    const open = fs.openFile('/kept');
    fs.unlink('/kept');
    const { writes } = device.counters;
    fs.abandon();
    expect(device.counters.writes).toBe(writes);
    const next = mountOf(device);
    next.writeFile('/next', prose(5 * MIB, 3));
    next.sync();
    const after = device.counters.writes;
    for (const change of [
      () => fs.writeFile('/late', prose(MIB, 4)),
      () => fs.mkdir('/late'),
      () => fs.unlink('/lost'),
      () => fs.setAttributes('/lost', { mode: 0o600 }),
      () => fs.fsync('/lost'),
      () => fs.sync(),
      () => fs.writeBack(),
      () => fs.clean(),
      () => file.write(Buffer.from('late'), 0),
      () => file.truncate(0),
      () => file.fsync(),
      () => file.extents(),
      () => file.releaseBlocks(),
      () => directory.createFile(Buffer.from('late')),
    ])
      expect([String(change), codeOf(change)]).toEqual([String(change), 'EBADF']);
    // Reading needs room in memory, for which nothing may be written; what the next mount wrote over may be met.
    for (const handle of [file, open]) attempt(() => handle.read(Buffer.alloc(11 * MIB), 0));
    for (const handle of [file, open, directory]) handle.close();
    fs.close();
    expect(device.counters.writes).toBe(after);
    next.close();
    await expectSound(device);
    during(device, {}, (again) => expect(prose(5 * MIB, 3).equals(again.readFile('/next'))).toBe(true));
  });

  test('abandon waits for what another thread is writing already', () => {
    const directory = mkdtempSync(join(tmpdir(), 'f2fs-abandon-'));
    const path = join(directory, 'image');
    try {
      for (const closed of [false, true]) {
        const device = openFileDevice(path, { writable: true, create: { sizeBytes: 256 * MIB, overwrite: true } });
        format(device);
        const fs = mount(device);
        fs.writeFile('/f', Buffer.alloc(64 * MIB, 1));
        if (closed) device.close();
        fs.abandon();
        const { writes } = device.counters;
        expect(codeOf(() => fs.sync())).toBe('EBADF');
        expect(device.counters.writes).toBe(writes);
        device.close();
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

test.each(['release', 'reserve'] as const)('a checkpoint during %s has the counts of a whole file', async (which) => {
  const device = freshDevice(96);
  const options = { compress: compressing('lz4', 4), cacheBytes: 16 * MIB };
  during(device, options, (fs) => {
    fs.writeFile('/f', prose(20 * MIB, 1));
    fs.sync();
    using file = fs.openFile('/f');
    if (which === 'reserve') file.releaseBlocks();
  });
  const fs = mountOf(device, options);
  // From the time on when the change has begun it is as if there were no free section left.
  const { free } = fs.volume.logs;
  const sections = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(free), 'sections')?.get as () => number;
  let looks = 0;
  Object.defineProperty(free, 'sections', { get: () => (++looks <= 6 ? sections.call(free) : 0) });
  using file = fs.openFile('/f');
  expect(which === 'release' ? file.releaseBlocks() : file.reserveBlocks()).toBeGreaterThan(1000);
  expect(fs.counters.checkpoints).toBe(0);
  fs.abandon();
  expect(await fsckComplaints(device)).toEqual([]);
});

describe('a dangling symlink', () => {
  test('leads to where writeFile makes the file', () => {
    during(device64(), {}, (fs) => {
      fs.mkdir('/dir');
      fs.symlink('dir/target', '/l');
      fs.writeFile('/l', Buffer.from('through'), { mode: 0o600 });
      expect(text(fs, '/dir/target')).toBe('through');
      expect(fs.stat('/l').mode & 0o777).toBe(0o600);
      fs.writeFile('/l', Buffer.from('again'));
      expect(text(fs, '/dir/target')).toBe('again');
      expect(fs.lstat('/l').type).toBe('symlink');
    });
  });
});

test('the promise API writes and reads what lies within the buffer, or nothing', async () => {
  const fs = await mountAsync(device64());
  const file = await fs.open('/f', 'w+');
  const codeOfCall = (call: Promise<unknown>) => call.then(() => null).catch((error: { code: string }) => error.code);
  expect(await codeOfCall(file.write(Buffer.from('abc'), 0, 10, null))).toBe('EINVAL');
  expect(await codeOfCall(file.write(Buffer.from('abc'), -1, 2, 0))).toBe('EINVAL');
  expect(await codeOfCall(file.read(Buffer.alloc(3), 2, 2, 0))).toBe('EINVAL');
  expect((await file.write(Buffer.from('abc'), 1, 2, null)).bytesWritten).toBe(2);
  expect(await fs.readFile('/f', 'utf8')).toBe('bc');
  await file.close();
  await fs.close();
});
