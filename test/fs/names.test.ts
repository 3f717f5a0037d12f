// Names: made, moved, removed and listed as Linux does it, with its errors; fsck.f2fs judges every volume.
import * as nodeFs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { F2fsError } from '../../src/errors.ts';
import { ADVISE, I_FLAGS } from '../../src/format/inode.ts';
import type { Directory } from '../../src/fs/directory-handle.ts';
import type { FileSystem } from '../../src/fs/file-system.ts';
import type { Handle } from '../../src/fs/handle.ts';
import { random, seedOf } from '../random.ts';
import {
  codeOf,
  during,
  errorOf,
  expectSound,
  type FlakyDevice,
  freshDevice,
  fsckComplaints,
  MIB,
  mountOf,
} from './compressed-volume.ts';

const FEATURES = ['extra_attr', 'inode_checksum', 'sb_checksum', 'inode_crtime', 'lost_found'];
const device64 = () => freshDevice(64, FEATURES);

function namesOf(fs: FileSystem, path: string): string[] {
  return fs
    .readdir(path)
    .map(({ name }) => Buffer.from(name).toString())
    .filter((name) => name !== 'lost+found')
    .sort();
}

/** One step of a script, on a directory of the host and on a volume; both must answer with the same error, or none. */
type Step = [what: string, ...args: string[]];

function onHost(root: string, [what, ...args]: Step): string {
  const at = (i: number) => `${root}${args[i]}`;
  try {
    switch (what) {
      case 'mkdir':
        nodeFs.mkdirSync(at(0));
        break;
      case 'file':
        nodeFs.closeSync(nodeFs.openSync(at(0), 'wx'));
        break;
      case 'symlink':
        nodeFs.symlinkSync(args[0], at(1));
        break;
      case 'link':
        nodeFs.linkSync(at(0), at(1));
        break;
      case 'unlink':
        nodeFs.unlinkSync(at(0));
        break;
      case 'rmdir':
        nodeFs.rmdirSync(at(0));
        break;
      case 'rename':
        nodeFs.renameSync(at(0), at(1));
        break;
      case 'readlink':
        nodeFs.readlinkSync(at(0));
        break;
      case 'stat':
        nodeFs.statSync(at(0));
        break;
    }
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
  return 'none';
}

function onVolume(fs: FileSystem, [what, ...args]: Step): string {
  return codeOf(() => {
    switch (what) {
      case 'mkdir':
        return fs.mkdir(args[0]);
      case 'file':
        return createFile(fs, args[0]);
      case 'symlink':
        return fs.symlink(args[0], args[1]);
      case 'link':
        return fs.link(args[0], args[1]);
      case 'unlink':
        return fs.unlink(args[0]);
      case 'rmdir':
        return fs.rmdir(args[0]);
      case 'rename':
        return fs.rename(args[0], args[1]);
      case 'readlink':
        return fs.readlink(args[0]);
      case 'stat':
        return fs.stat(args[0]);
    }
    throw new Error(`no step ${what}`);
  });
}

function createFile(fs: FileSystem, path: string): void {
  const at = path.lastIndexOf('/');
  using parent = fs.openDirectory(path.slice(0, at) || '/');
  parent.createFile(Buffer.from(path.slice(at + 1))).close();
}

const LONG = 'n'.repeat(255);

const SCRIPT: Step[] = [
  ['mkdir', '/d'],
  ['mkdir', '/d'],
  ['mkdir', '/d/sub/'],
  ['mkdir', '/none/sub'],
  ['file', '/f'],
  ['file', '/f'],
  ['mkdir', '/f'],
  ['mkdir', '/f/under'],
  ['mkdir', '/d/.'],
  ['mkdir', '/d/..'],
  ['file', `/${LONG}`],
  ['file', `/${LONG}n`],
  ['stat', `/${LONG}n`],
  ['unlink', `/${LONG}`],
  ['unlink', '/d'],
  ['unlink', '/none'],
  ['unlink', '/f/'],
  ['unlink', '/d/'],
  ['unlink', '/d/.'],
  ['unlink', '/f/under'],
  ['rmdir', '/d'],
  ['rmdir', '/f'],
  ['rmdir', '/none'],
  ['rmdir', '/d/.'],
  ['rmdir', '/d/sub/..'],
  ['symlink', 'f', '/s'],
  ['symlink', 'f', '/s'],
  ['symlink', 'f', '/new/'],
  ['symlink', 'f', '/d/'],
  ['symlink', 'loop', '/loop'],
  ['symlink', 'd', '/sd'],
  ['stat', '/loop'],
  ['stat', '/s/'],
  ['stat', '/sd/sub'],
  ['mkdir', '/sd/through'],
  ['rmdir', '/sd/through'],
  ['rmdir', '/sd'],
  ['readlink', '/s'],
  ['readlink', '/f'],
  ['readlink', '/sd/'],
  ['link', '/f', '/g'],
  ['link', '/f', '/g'],
  ['link', '/d', '/e'],
  ['link', '/d', '/g'],
  ['link', '/none', '/h'],
  ['link', '/f', '/none/h'],
  ['link', '/s', '/s2'],
  ['link', '/f', '/new/'],
  ['rename', '/f', '/g'],
  ['stat', '/f'],
  ['rename', '/f', '/f2'],
  ['rename', '/f2', '/d'],
  ['rename', '/d', '/f2'],
  ['rename', '/none', '/d'],
  ['rename', '/d', '/d'],
  ['rename', '/d', '/d/inside'],
  ['rename', '/d', '/d/sub/inside'],
  ['rename', '/d', '/d/sub'],
  ['rename', '/d/sub', '/d'],
  ['rename', '/f2', '/d/sub'],
  ['rename', '/d/.', '/x'],
  ['rename', '/d/sub', '/d/..'],
  ['rename', '/f2', '/x/'],
  ['rename', '/f2/', '/x'],
  ['rename', '/d/', '/dd/'],
  ['mkdir', '/d'],
  ['file', '/d/in'],
  ['rename', '/dd', '/d'],
  ['rename', '/d', '/dd/sub'],
  ['rename', '/d/in', '/in'],
  ['rename', '/d', '/dd/sub'],
  ['stat', '/dd/sub'],
  ['rename', '/in', '/dd/in'],
  ['rename', '/dd/sub', '/sub'],
  ['rmdir', '/sub'],
  ['rename', '/s', '/dd/s'],
  ['rename', '/dd/in', '/dd/s'],
  ['stat', '/dd/s'],
];

describe('the same steps as on the host', () => {
  test('have the same errors, and leave the same names', async () => {
    const root = nodeFs.mkdtempSync(join(tmpdir(), 'f2fs-names-'));
    const device = device64();
    try {
      during(device, {}, (fs) => {
        for (const step of SCRIPT) expect(`${step} ${onVolume(fs, step)}`).toBe(`${step} ${onHost(root, step)}`);
        for (const path of ['/', '/dd']) expect(namesOf(fs, path)).toEqual(nodeFs.readdirSync(`${root}${path}`).sort());
      });
    } finally {
      nodeFs.rmSync(root, { recursive: true });
    }
    await expectSound(device);
  });

  test('of the root have those that the kernel gives', () => {
    during(device64(), {}, (fs) => {
      fs.mkdir('/d');
      expect(codeOf(() => fs.rmdir('/'))).toBe('EBUSY');
      expect(codeOf(() => fs.unlink('/'))).toBe('EISDIR');
      expect(codeOf(() => fs.mkdir('/'))).toBe('EEXIST');
      expect(codeOf(() => fs.rename('/', '/d'))).toBe('EBUSY');
      expect(codeOf(() => fs.rename('/d', '/'))).toBe('EBUSY');
      expect(codeOf(() => fs.rename('/d', '/', { noReplace: true }))).toBe('EEXIST');
    });
  });
});

describe('rename', () => {
  test('moves a directory across parents: links, "..", times and the parent of the inode go along', async () => {
    const device = device64();
    let sec = 1000;
    during(device, { now: () => ({ sec, nsec: 5 }) }, (fs) => {
      for (const path of ['/a', '/b', '/a/moved', '/a/moved/in']) fs.mkdir(path);
      sec = 2000;
      fs.rename('/a/moved', '/b/here');
      expect(fs.stat('/a').nlink).toBe(2);
      expect(fs.stat('/b').nlink).toBe(3);
      for (const path of ['/a', '/b']) expect(fs.stat(path).mtime).toEqual({ sec: 2000, nsec: 5 });
      expect(fs.stat('/b/here').ctime.sec).toBe(2000);
      using moved = fs.openDirectory('/b/here');
      expect(moved.lookup(Buffer.from('..'))?.ino).toBe(fs.stat('/b').ino);
      expect(moved.inode.load().iPino).toBe(fs.stat('/b').ino);
      expect(moved.inode.load().iAdvise & ADVISE.LOST_PINO).toBe(0);
    });
    await expectSound(device);
  });

  test('of a file notes that its parent is not known for sure', () => {
    during(device64(), {}, (fs) => {
      fs.mkdir('/d');
      fs.writeFile('/f', Buffer.from('x'));
      fs.rename('/f', '/d/g');
      using file = fs.openFile('/d/g');
      expect(file.inode.load().iAdvise & ADVISE.LOST_PINO).not.toBe(0);
      expect(file.inode.load().iPino).toBe(fs.stat('/d').ino);
    });
  });

  test('over an open file leaves that to its holder; over an open directory too', async () => {
    const device = device64();
    during(device, {}, (fs) => {
      fs.writeFile('/old', Buffer.from('old'));
      fs.writeFile('/new', Buffer.from('new'));
      fs.mkdir('/dir');
      fs.mkdir('/other');
      using old = fs.openFile('/old');
      using dir = fs.openDirectory('/dir');
      fs.rename('/new', '/old');
      fs.rename('/other', '/dir');
      expect(Buffer.from(fs.readFile('/old')).toString()).toBe('new');
      const into = Buffer.alloc(3);
      old.read(into, 0);
      expect(into.toString()).toBe('old');
      expect([old.stat().nlink, dir.stat().nlink]).toEqual([0, 0]);
      expect(codeOf(() => dir.createFile(Buffer.from('x')))).toBe('ENOENT');
      expect(codeOf(() => dir.entries())).toBe('ENOENT');
      expect(codeOf(() => fs.root().rename(Buffer.from('old'), dir, Buffer.from('x')))).toBe('ENOENT');
      expect(codeOf(() => fs.root().link(Buffer.from('x'), old))).toBe('ENOENT');
      fs.sync();
      expect(fs.volume.orphans.size).toBe(2);
    });
    await expectSound(device);
  });

  test('with noReplace and exchange', async () => {
    const device = device64();
    during(device, {}, (fs) => {
      for (const path of ['/a', '/b', '/a/d', '/a/d/in']) fs.mkdir(path);
      fs.writeFile('/b/f', Buffer.from('file'));
      expect(codeOf(() => fs.rename('/b/f', '/a/d', { noReplace: true }))).toBe('EEXIST');
      expect(codeOf(() => fs.rename('/b/f', '/b/f', { noReplace: true }))).toBe('EEXIST');
      expect(codeOf(() => fs.rename('/b/f', '/b/g', { exchange: true }))).toBe('ENOENT');
      expect(codeOf(() => fs.rename('/b/f', '/a/d', { exchange: true, noReplace: true }))).toBe('EINVAL');
      expect(codeOf(() => fs.rename('/a/d', '/a', { exchange: true }))).toBe('EINVAL');
      expect(codeOf(() => fs.rename('/a', '/a/d/in', { exchange: true }))).toBe('EINVAL');
      fs.rename('/b/f', '/a/d', { exchange: true });
      expect(Buffer.from(fs.readFile('/a/d')).toString()).toBe('file');
      expect(namesOf(fs, '/b/f')).toEqual(['in']);
      expect([fs.stat('/a').nlink, fs.stat('/b').nlink]).toEqual([2, 3]);
      fs.mkdir('/a/e');
      fs.rename('/a/e', '/b/f', { exchange: true });
      expect(namesOf(fs, '/a/e')).toEqual(['in']);
      fs.rename('/a/e', '/a/d', { exchange: true });
      expect(namesOf(fs, '/a/d')).toEqual(['in']);
      fs.rename('/a/d', '/a/fresh', { noReplace: true });
      expect(namesOf(fs, '/a')).toEqual(['e', 'fresh']);
    });
    await expectSound(device);
  });

  test('in a full volume fails whole: nothing is changed', async () => {
    const device = freshDevice(56, FEATURES);
    const fs = mountOf(device);
    fs.mkdir('/a');
    fs.mkdir('/b');
    // 8 slots each: the inline area is nearly full.
    for (let i = 0; i < 22; i++) fs.writeFile(`/b/${'f'.repeat(60)}${i}`, new Uint8Array(0));
    fs.writeFile('/a/x', new Uint8Array(0));
    using filler = fs.openFile('/a/x');
    for (let at = 0, length = MIB; length >= 4096; ) {
      const code = codeOf(() => filler.write(Buffer.alloc(length, 1), at));
      if (code === 'none') at += length;
      else length /= 2;
    }
    fs.sync();
    expect(fs.statfs().freeBlocks).toBe(0);
    const before = namesOf(fs, '/b');
    expect(codeOf(() => fs.rename('/a/x', `/b/${'g'.repeat(200)}`))).toBe('ENOSPC');
    expect(namesOf(fs, '/b')).toEqual(before);
    expect(namesOf(fs, '/a')).toEqual(['x']);
    fs.rename('/a/x', '/y');
    fs.unlink('/y');
    filler.close();
    fs.close();
    await expectSound(device);
  });
});

describe('large directories', () => {
  /** Names of lengths from 1 slot to 10. */
  const nameOf = (i: number) => `${i}-${'x'.repeat((i * 7) % 75)}`;

  test('give their blocks back as they empty, and take new names where old ones were', async () => {
    const device = freshDevice(256, FEATURES);
    const seed = seedOf('names');
    const rng = random(seed);
    during(device, {}, (fs) => {
      fs.mkdir('/d');
      using dir = fs.openDirectory('/d');
      const there = new Set<number>();
      for (let i = 0; i < 3000; i++) {
        dir.createFile(Buffer.from(nameOf(i))).close();
        there.add(i);
      }
      const { blocks } = fs.stat('/d');
      expect(blocks).toBeGreaterThan(50);
      for (const i of [...there]) {
        if (rng.below(10) === 0) continue;
        dir.unlink(Buffer.from(nameOf(i)));
        there.delete(i);
      }
      for (let i = 3000; i < 3500; i++) {
        dir.createFile(Buffer.from(nameOf(i))).close();
        there.add(i);
      }
      expect(namesOf(fs, '/d')).toEqual([...there].map(nameOf).sort());
      fs.sync();
      for (const i of there) dir.unlink(Buffer.from(nameOf(i)));
      expect(fs.stat('/d').blocks).toBeLessThan(blocks / 5);
      expect(fs.readdir('/d')).toEqual([]);
    });
    during(device, {}, (fs) => {
      for (let i = 0; i < 500; i++) fs.writeFile(`/d/${nameOf(i)}`, new Uint8Array(0));
      expect(codeOf(() => fs.rmdir('/d'))).toBe('ENOTEMPTY');
      fs.remove('/d');
      expect(namesOf(fs, '/')).toEqual([]);
    });
    await expectSound(device);
  });

  test('are listed and changed with a cache smaller than they are', async () => {
    const device = freshDevice(128, FEATURES);
    during(device, {}, (fs) => {
      fs.mkdir('/d');
      using dir = fs.openDirectory('/d');
      using file = dir.createFile(Buffer.from('f'));
      // 25 slots or so a name, 8 names a block: more than 1250 blocks.
      for (let i = 0; i < 10_000; i++) dir.link(Buffer.from(`${i}${'y'.repeat(195)}`), file);
    });
    during(device, { cacheBytes: 5 * MIB }, (fs) => {
      expect(fs.readdir('/d').length).toBe(10_001);
      fs.unlink(`/d/7${'y'.repeat(195)}`);
      fs.writeFile('/d/new', Buffer.from('x'));
      expect(fs.readdir('/d').length).toBe(10_001);
      expect(codeOf(() => fs.rmdir('/d'))).toBe('ENOTEMPTY');
    });
    expect(await fsckComplaints(device)).toEqual([]);
  });

  test('are read in parts while they change: what is there all the time is seen once', async () => {
    const seed = seedOf('names');
    const device = freshDevice(256, FEATURES);
    during(device, {}, (fs) => {
      for (let round = 0; round < 24; round++) {
        const rng = random(seed + round);
        const path = `/d${round}`;
        fs.mkdir(path);
        using dir = fs.openDirectory(path);
        const staying = new Set<string>();
        const passing: string[] = [];
        const count = [8, 60, 400][round % 3];
        for (let i = 0; i < count; i++) {
          const name = `${rng.below(3) === 0 ? 'passing' : 'staying'}-${i}-${'z'.repeat(rng.below(40))}`;
          dir.createFile(Buffer.from(name)).close();
          if (name.startsWith('s')) staying.add(name);
          else passing.push(name);
        }
        const seen: string[] = [];
        for (let cursor = 0; ; ) {
          const part = dir.readEntries(cursor, 1 + rng.below(9));
          cursor = part.cursor;
          if (part.entries.length === 0) break;
          seen.push(...part.entries.map(({ name }) => Buffer.from(name).toString()));
          const gone = rng.below(2) === 0 ? passing.pop() : undefined;
          if (gone !== undefined) dir.unlink(Buffer.from(gone));
          if (seen.length < 2 * count)
            dir.createFile(Buffer.from(`more-${seen.length}-${'z'.repeat(rng.below(90))}`)).close();
        }
        const stayed = seen.filter((name) => name.startsWith('s'));
        expect(new Set(stayed).size, `F2FS_SEED=${seed}`).toBe(stayed.length);
        expect(new Set(stayed)).toEqual(staying);
      }
    });
    await expectSound(device);
  });
});

describe('what can not be read or written', () => {
  /** Fails the n-th read from now on; returns how many there were. */
  function failingReads(device: FlakyDevice, which: number): { reads: number; stop(): void } {
    const read = device.read.bind(device);
    const state = {
      reads: 0,
      stop: () => {
        device.read = read;
      },
    };
    device.read = (blkaddr, into) => {
      if (state.reads++ === which) throw new F2fsError('EIO', `the device does not give block ${blkaddr}`);
      read(blkaddr, into);
    };
    return state;
  }

  const steps: Record<string, (fs: FileSystem) => void> = {
    'rename over': (fs) => fs.rename('/a/dir', '/b/empty'),
    rename: (fs) => fs.rename('/a/dir', '/b/fresh'),
    exchange: (fs) => fs.rename('/a/dir', '/b/file', { exchange: true }),
    unlink: (fs) => fs.unlink('/b/file'),
    rmdir: (fs) => fs.rmdir('/b/empty'),
    link: (fs) => fs.link('/b/file', '/a/linked'),
    mkdir: (fs) => fs.mkdir('/big/made'),
  };

  for (const [what, step] of Object.entries(steps)) {
    test(`${what}: any read that fails leaves it undone, and a volume that fsck.f2fs takes`, async () => {
      const device = device64();
      during(device, {}, (fs) => {
        for (const path of ['/a', '/b', '/big', '/a/dir', '/a/dir/in', '/b/empty']) fs.mkdir(path);
        fs.writeFile('/b/file', Buffer.alloc(5_000_000, 1));
        for (let i = 0; i < 400; i++)
          for (const dir of ['/a', '/b', '/big']) fs.writeFile(`${dir}/${i}`, Buffer.alloc(0));
      });
      const bytes = device.bytes();
      for (let which = 0; which < 60; which++) {
        device.write(0, [bytes]);
        const fs = mountOf(device);
        const shape = () => ['/a', '/b', '/big'].map((path) => [fs.stat(path).nlink, namesOf(fs, path)]);
        const reads = failingReads(device, which);
        const error = errorOf(() => step(fs));
        reads.stop();
        if (error !== null) {
          expect(error.code).toBe('EIO');
          const after = shape();
          fs.abandon();
          during(device, { readonly: true }, (again) =>
            expect(after).toEqual(['/a', '/b', '/big'].map((path) => [again.stat(path).nlink, namesOf(again, path)])),
          );
          continue;
        }
        errorOf(() => fs.mkdir('/told'));
        fs.close();
        if (reads.reads <= which || which % 5 === 0) await expectSound(device);
        if (reads.reads <= which) return;
      }
      throw new Error('it never came to an end');
    });
  }
});

describe('inode flags', () => {
  function setFlags(handle: Handle, flags: number): void {
    handle.inode.change().iFlags |= flags;
  }

  test('immutable and append-only entries and directories refuse what the kernel refuses', () => {
    during(device64(), {}, (fs) => {
      fs.mkdir('/fixed');
      fs.writeFile('/fixed/f', Buffer.from('f'));
      fs.mkdir('/log');
      fs.writeFile('/log/f', Buffer.from('f'));
      fs.writeFile('/f', Buffer.from('f'));
      using fixed = fs.openDirectory('/fixed');
      using log: Directory = fs.openDirectory('/log');
      using file = fs.openFile('/f');
      setFlags(fixed, I_FLAGS.IMMUTABLE);
      setFlags(log, I_FLAGS.APPEND);
      setFlags(file, I_FLAGS.IMMUTABLE);
      expect(codeOf(() => fs.mkdir('/fixed/new'))).toBe('EPERM');
      expect(codeOf(() => fs.mkdir('/fixed/f'))).toBe('EEXIST');
      expect(codeOf(() => fs.unlink('/fixed/f'))).toBe('EPERM');
      expect(codeOf(() => fs.unlink('/fixed/none'))).toBe('ENOENT');
      expect(codeOf(() => fs.rename('/fixed/f', '/g'))).toBe('EPERM');
      expect(codeOf(() => fs.rename('/log/f', '/fixed/g'))).toBe('EPERM');
      fs.mkdir('/log/new');
      expect(codeOf(() => fs.rmdir('/log/new'))).toBe('EPERM');
      expect(codeOf(() => fs.rename('/log/f', '/log/g'))).toBe('EPERM');
      for (const call of [
        () => fs.unlink('/f'),
        () => fs.link('/f', '/g'),
        () => fs.rename('/f', '/g'),
        () => fs.rename('/log/f', '/f'),
        () => fs.setAttributes('/f', { mode: 0o600 }),
        () => fs.setXattr('/f', 'user.a', Buffer.from('x')),
      ])
        expect(codeOf(call)).toBe('EPERM');
      file.inode.change().iFlags &= ~I_FLAGS.IMMUTABLE;
      fs.rename('/f', '/log/moved');
    });
  });

  test('are inherited as far as the kernel does, unless told not to', () => {
    during(device64(), {}, (fs) => {
      fs.mkdir('/d');
      using dir = fs.openDirectory('/d');
      setFlags(dir, I_FLAGS.NODUMP | I_FLAGS.NOATIME | I_FLAGS.DIRSYNC | I_FLAGS.APPEND);
      using sub = dir.mkdir(Buffer.from('sub'));
      using file = dir.createFile(Buffer.from('file'));
      using plain = dir.createFile(Buffer.from('plain'), { inherit: false });
      expect(sub.inode.load().iFlags).toBe(I_FLAGS.NODUMP | I_FLAGS.NOATIME | I_FLAGS.DIRSYNC | I_FLAGS.INDEX);
      expect(file.inode.load().iFlags).toBe(I_FLAGS.NODUMP | I_FLAGS.NOATIME);
      expect(plain.inode.load().iFlags).toBe(0);
    });
  });
});

describe('statfs', () => {
  test('counts as the kernel does', () => {
    during(device64(), {}, (fs) => {
      const { layout, space } = fs.volume;
      const stat = fs.statfs();
      expect(stat.blocks).toBe(layout.sb.blockCount - layout.sb.segment0Blkaddr);
      expect(stat.freeBlocks).toBe(space.userBlockCount - space.validBlockCount);
      expect(stat.freeInodes).toBeLessThanOrEqual(stat.availableBlocks);
      expect(stat.nameBytes).toBe(255);
    });
  });
});
