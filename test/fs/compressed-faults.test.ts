// Compressed files when things get tight or go wrong: little memory, many threads, no space, writes that fail, files that
// go away while their clusters are on their way; and where blocks are written over.

import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { BLKSIZE } from '../../src/device/device.ts';
import { F2fsError } from '../../src/errors.ts';
import type { Inode } from '../../src/file/inode/inode.ts';
import { COMPRESS_ADDR } from '../../src/format/constants.ts';
import type { FileSystem } from '../../src/fs/file-system.ts';
import type { MountOptions } from '../../src/fs/mount-options.ts';
import { copyOf } from '../devices.ts';
import { type Random, random, seedOf } from '../random.ts';
import {
  Audit,
  codeOf,
  compressing,
  during,
  errorOf,
  expectContents,
  expectSound,
  type FlakyDevice,
  freshDevice,
  fsckComplaints,
  MIB,
  mountOf,
  noise,
  pickOf,
  prose,
} from './compressed-volume.ts';

function hashOf(device: FlakyDevice): string {
  return createHash('sha256').update(device.bytes()).digest('hex');
}

/** Files and what they hold, changed at random; `files` goes along. */
class Program {
  readonly files: Record<string, Buffer> = {};
  readonly #rng: Random;

  constructor(seed: number) {
    this.#rng = random(seed);
  }

  step(fs: FileSystem): void {
    const rng = this.#rng;
    const path = `/f${rng.below(6)}`;
    const bytes = this.files[path];
    if (bytes === undefined) {
      this.files[path] = this.#contents(1 + rng.below(1_500_000));
      fs.writeFile(path, this.files[path]);
      return;
    }
    using file = fs.openFile(path);
    const at = rng.below(bytes.length + 200_000);
    switch (rng.below(8)) {
      case 0: {
        const size = pickOf(rng, [at, at - (at % BLKSIZE), at - (at % 65536), rng.below(100)]);
        file.truncate(size);
        this.files[path] = Buffer.alloc(size);
        bytes.copy(this.files[path], 0, 0, size);
        break;
      }
      case 1: {
        const length = pickOf(rng, [rng.below(5000), rng.below(400_000), 65536]);
        file.punch(at, length);
        if (at < bytes.length) bytes.fill(0, at, Math.min(bytes.length, at + length));
        break;
      }
      case 2:
        if (bytes.length > 0) {
          const into = Buffer.alloc(rng.below(300_000));
          const got = file.read(into, at);
          expect(Buffer.compare(into.subarray(0, got), bytes.subarray(at, at + into.length))).toBe(0);
        }
        break;
      case 3:
        if (rng.below(3) === 0) fs.sync();
        else fs.writeBack();
        break;
      case 4:
        if (rng.below(3) === 0) {
          file.close();
          fs.unlink(path);
          delete this.files[path];
        } else {
          const refusal = codeOf(() => file.releaseBlocks());
          if (refusal === 'EPERM') expect(file.stat().compression).toMatchObject({ savedBlocks: 0, released: false });
          else expect(file.reserveBlocks()).toBeGreaterThan(0);
        }
        break;
      default: {
        const patch = this.#contents(pickOf(rng, [rng.below(100), rng.below(9000), rng.below(600_000)]));
        file.write(patch, at);
        if (patch.length === 0) break;
        const after = Buffer.alloc(Math.max(bytes.length, at + patch.length));
        bytes.copy(after);
        patch.copy(after, at);
        this.files[path] = after;
      }
    }
  }

  #contents(length: number): Buffer {
    const rng = this.#rng;
    const kind = rng.below(4);
    if (kind === 0) return noise(length, rng.below(1000));
    if (kind === 1) return Buffer.alloc(length);
    return prose(length, rng.below(1000));
  }
}

describe('random programs', () => {
  const seed = seedOf('compressed');

  /** Runs a program on a fresh volume; the bytes are checked as it goes and at the end. */
  function run(seed: number, steps: number, options: MountOptions): FlakyDevice {
    const device = freshDevice(64);
    const program = new Program(seed);
    during(device, options, (fs) => {
      for (let i = 0; i < steps; i++) program.step(fs);
      for (const [path, bytes] of Object.entries(program.files)) {
        expect(Buffer.compare(fs.readFile(path), bytes), `${path} reads otherwise`).toBe(0);
      }
    });
    expect(Audit.of(device)).toEqual([]);
    expectContents(device, program.files);
    return device;
  }

  test.each([
    ['lz4', 4],
    ['lz4', 16],
    ['zstd:1', 64],
    ['lzo-rle', 256],
  ])('%s, clusters of %i pages', async (codec, clusterPages) => {
    const device = run(seed + clusterPages, 60, { compress: compressing(codec, clusterPages, { checksum: true }) });
    expect(await fsckComplaints(device)).toEqual([]);
  });

  test('the image is the same for any number of threads', () => {
    const hashes = [0, 1, 2, 8].map((workers) => hashOf(run(seed, 50, { compress: compressing('lz4', 16), workers })));
    expect(new Set(hashes).size).toBe(1);
    // With a cache of many threads' worth too.
    const large = [0, 8].map((workers) =>
      hashOf(run(seed, 50, { compress: compressing('lz4', 16), workers, cacheBytes: 64 * MIB })),
    );
    expect(new Set(large).size).toBe(1);
  });

  test('also when directories and nodes leave little of the cache', () => {
    const text = prose(256 * BLKSIZE, 1);
    const hashes = [0, 2, 8].map((workers) => {
      const device = freshDevice(64);
      during(device, { compress: compressing('lz4', 16), workers }, (fs) => {
        for (let i = 0; i < 1400; i++) {
          fs.mkdir(`/dir${i}`);
          if (i % 200 === 0) fs.writeFile(`/dir${i}/file`, text);
        }
      });
      return hashOf(device);
    });
    expect(new Set(hashes).size).toBe(1);
  });

  test.each([1, 4, 64])('folios of %i pages at most', async (maxFolioPages) => {
    run(seed + 1, 40, { compress: compressing('lz4', 64), maxFolioPages });
  });
});

describe('memory', () => {
  const BYTES = prose(3 * MIB, 1);

  test('a cache that is too small says so before anything is dirty', () => {
    const device = freshDevice(128);
    during(device, { compress: compressing('lz4', 4) }, (fs) => fs.writeFile('/there', BYTES));
    during(device, { compress: compressing('lz4', 4), cacheBytes: 8 * MIB }, (fs) => {
      const plain = noise(20 * MIB, 1);
      fs.writeFile('/plain', plain, { compress: false });
      for (const call of [
        () => fs.writeFile('/new', BYTES),
        () => fs.readFile('/there'),
        () => fs.openFile('/there').write(Buffer.from('x'), 5),
        () => fs.openFile('/there').punch(0, 5),
        () => fs.openFile('/there').truncate(5000),
      ]) {
        const failure = errorOf(call);
        expect([failure?.code, failure?.message]).toEqual(['ENOMEM', expect.stringMatching(/16 MiB/)]);
      }
      fs.sync();
      fs.unlink('/new');
      expect(Buffer.compare(fs.readFile('/plain'), plain)).toBe(0);
    });
    expect(Audit.of(device)).toEqual([]);
    expectContents(device, { '/there': BYTES });
    during(device, { cacheBytes: 8 * MIB }, (fs) => fs.unlink('/there'));
    expect(Audit.of(device)).toEqual([]);
  });

  test.each([0, 8])('16 MiB are enough for clusters of 256 pages, with %i threads', (workers) => {
    const device = freshDevice(128);
    const files = Object.fromEntries([1, 2, 3, 4, 5, 6].map((i) => [`/f${i}`, prose(3 * MIB + i, i)]));
    during(device, { compress: compressing('lz4', 256), workers }, (fs) => {
      for (const [path, bytes] of Object.entries(files)) fs.writeFile(path, bytes);
      for (const [path, bytes] of Object.entries(files)) {
        expect(Buffer.compare(fs.readFile(path), bytes)).toBe(0);
        using file = fs.openFile(path);
        for (const at of [5, MIB + 5, 2 * MIB - 3]) {
          file.write(Buffer.from('changed'), at);
          bytes.write('changed', at);
        }
      }
    });
    expect(Audit.of(device)).toEqual([]);
    expectContents(device, files);
  });

  test('a cache full of dirty plain pages when the first compressed file turns up', () => {
    const device = freshDevice(128);
    during(device, { compress: compressing('lz4', 256) }, (fs) => fs.writeFile('/there', BYTES));
    during(device, {}, (fs) => {
      fs.writeFile('/plain', Buffer.alloc(0));
      using file = fs.openFile('/plain');
      for (let i = 0; i < 9; i++) file.write(noise(400 * BLKSIZE, i), i * 512 * BLKSIZE);
      expect(Buffer.compare(fs.readFile('/there'), BYTES)).toBe(0);
    });
    expect(Audit.of(device)).toEqual([]);
  });

  test.each(['truncate', 'write', 'punch', 'read'])('%s as the first call, in a full cache', (call) => {
    const device = freshDevice(128);
    during(device, { compress: compressing('lz4', 256) }, (fs) => {
      fs.writeFile('/there', BYTES);
      fs.writeFile('/plain', noise(20 * MIB, 1), { compress: false });
    });
    const bytes = Buffer.from(BYTES);
    during(device, {}, (fs) => {
      fs.readFile('/plain');
      using file = fs.openFile('/there');
      if (call === 'truncate') file.truncate(bytes.length - 5000);
      if (call === 'write') file.write(Buffer.from('x'), bytes.length - 5000);
      if (call === 'punch') file.punch(bytes.length - 9000, 5000);
      fs.readFile('/plain');
      file.read(new Uint8Array(5), 0);
    });
    expect(Audit.of(device)).toEqual([]);
    if (call === 'truncate') expectContents(device, { '/there': bytes.subarray(0, bytes.length - 5000) });
    if (call === 'write') bytes.write('x', bytes.length - 5000);
    if (call === 'punch') bytes.fill(0, bytes.length - 9000, bytes.length - 4000);
    if (call !== 'truncate') expectContents(device, { '/there': bytes });
  });
});

describe('writes that fail', () => {
  const UNIT = 16;
  const NAMES = ['/a', '/b', '/c'];
  const first = Object.fromEntries(NAMES.map((path, i) => [path, prose(10 * UNIT * BLKSIZE, i)]));
  const second = Object.fromEntries(NAMES.map((path, i) => [path, prose(10 * UNIT * BLKSIZE, i + 10)]));

  function prepared(): FlakyDevice {
    const device = freshDevice();
    during(device, { compress: compressing('lz4', UNIT) }, (fs) => {
      for (const path of NAMES) fs.writeFile(path, first[path]);
    });
    return device;
  }

  function overwrite(fs: FileSystem): void {
    for (const path of NAMES) {
      using file = fs.openFile(path);
      file.write(second[path], 0);
    }
  }

  test.each([0, 1, 2, 3])('the sync says so once, another after write %i writes what is missing', async (nth) => {
    const device = prepared();
    const fs = mountOf(device, { compress: compressing('lz4', UNIT), workers: nth % 2 });
    overwrite(fs);
    const failAt = device.nrWrites + nth;
    device.fails = () => device.nrWrites > failAt;
    const failure = errorOf(() => fs.sync());
    expect(failure?.code).toBe('EIO');
    expect(failure?.message).toMatch(/^inode \d+ could not be written|device refuses/);
    if (fs.volume.stopped) {
      // It was metadata: the last checkpoint is the truth.
      fs.abandon();
      device.fails = () => false;
      expect(Audit.of(device)).toEqual([]);
      expectContents(device, first);
      return;
    }
    for (const path of NAMES) expect(Buffer.compare(fs.readFile(path), second[path])).toBe(0);
    // A copy of the device as it is: the last checkpoint is whole.
    const copy = copyOf(device);
    expect(Audit.of(copy)).toEqual([]);
    expectContents(copy, first);
    expect(codeOf(() => fs.sync())).toBe('EIO');
    device.fails = () => false;
    fs.sync();
    fs.close();
    await expectSound(device);
    expectContents(device, second);
  });

  test('once only: after it was told, and the device heals, nothing is told any more', () => {
    const device = prepared();
    const fs = mountOf(device, { compress: compressing('lz4', UNIT) });
    overwrite(fs);
    device.fails = () => true;
    expect(codeOf(() => fs.writeBack())).toBe('EIO');
    device.fails = () => false;
    fs.writeFile('/other', prose(5000, 1));
    fs.writeBack();
    fs.close();
    expectContents(device, second);
  });

  test('what never got to disk is cut, punched, overwritten, unlinked', async () => {
    const device = freshDevice();
    const fs = mountOf(device, { compress: compressing('lz4', UNIT) });
    const files = structuredClone({ ...second, '/d': second['/a'], '/e': second['/b'] }) as Record<string, Buffer>;
    for (const path of Object.keys(files)) {
      files[path] = Buffer.from(files[path]);
      fs.writeFile(path, files[path]);
    }
    device.fails = () => true;
    expect(codeOf(() => fs.sync())).toBe('EIO');
    device.fails = () => false;
    {
      using a = fs.openFile('/a');
      a.truncate(5 * BLKSIZE + 1);
      files['/a'] = files['/a'].subarray(0, 5 * BLKSIZE + 1);
      using b = fs.openFile('/b');
      b.punch(BLKSIZE + 1, 20 * BLKSIZE);
      files['/b'].fill(0, BLKSIZE + 1, 21 * BLKSIZE + 1);
      using c = fs.openFile('/c');
      c.write(Buffer.from('anew'), 40 * BLKSIZE);
      files['/c'].write('anew', 40 * BLKSIZE);
    }
    fs.unlink('/d');
    delete files['/d'];
    expect(Buffer.compare(fs.readFile('/e'), files['/e'])).toBe(0);
    fs.close();
    await expectSound(device);
    expectContents(device, files);
  });
});

describe('no space', () => {
  test('a write finds none, what was written before stays', async () => {
    const device = freshDevice(56);
    const bytes = prose(30 * MIB, 1);
    const fs = mountOf(device, { compress: compressing('lz4', 16), workers: 1 });
    fs.writeFile('/some', bytes.subarray(0, 2 * MIB));
    fs.writeFile('/large', Buffer.alloc(0));
    {
      using file = fs.openFile('/large');
      expect(codeOf(() => file.write(bytes, 0))).toBe('ENOSPC');
      const { size } = file.stat();
      expect(size).toBeGreaterThan(MIB);
      const got = Buffer.alloc(size);
      file.read(got, 0);
      expect(Buffer.compare(got, bytes.subarray(0, size))).toBe(0);
      fs.sync();
      expect(Audit.of(device)).toEqual([]);
      // Compressed blocks stay reserved until they are released.
      const saved = file.stat().compression?.savedBlocks ?? 0;
      expect(file.releaseBlocks()).toBe(saved);
      fs.sync();
      fs.writeFile('/more', bytes.subarray(0, Math.floor((saved * BLKSIZE) / 2)));
    }
    fs.unlink('/large');
    fs.close();
    await expectSound(device);
  });

  test('the log has no segment for clusters that are on their way', async () => {
    const device = freshDevice(64);
    const fs = mountOf(device, { compress: compressing('lz4', 16), workers: 1 });
    const bytes = prose(400 * BLKSIZE, 1);
    fs.writeFile('/kept', bytes);
    fs.writeFile('/new', Buffer.alloc(0));
    fs.sync();
    const { logs } = fs.volume;
    const allocate = logs.allocate.bind(logs);
    // As it is when every segment is in use by a block or two.
    logs.allocate = () => {
      throw new F2fsError('ENOSPC', 'no free segment');
    };
    {
      using file = fs.openFile('/new');
      file.write(bytes, 0);
      expect(errorOf(() => fs.sync())).toMatchObject({ code: 'ENOSPC', ino: file.ino });
      expect(Buffer.compare(fs.readFile('/new'), bytes)).toBe(0);
      expect(Audit.of(device)).toEqual([]);
    }
    logs.allocate = allocate;
    fs.sync();
    fs.close();
    expect(Audit.of(device)).toEqual([]);
    expectContents(device, { '/kept': bytes, '/new': bytes });
  });
});

describe('no segment, for good', () => {
  test.each(['compressed', 'plain'])('%s files can be removed and cut all the same', (kind) => {
    const device = freshDevice(64);
    const fs = mountOf(device, kind === 'plain' ? {} : { compress: compressing('lz4', 16) });
    const bytes = prose(400 * BLKSIZE, 1);
    for (const path of ['/a', '/b', '/c', '/kept']) fs.writeFile(path, Buffer.alloc(0));
    fs.sync();
    const { logs } = fs.volume;
    const allocate = logs.allocate.bind(logs);
    logs.allocate = () => {
      throw new F2fsError('ENOSPC', 'no free segment');
    };
    const codes = ['/a', '/b', '/c'].map((path) => {
      using file = fs.openFile(path);
      return codeOf(() => file.write(bytes, 0));
    });
    expect(codes).toContain('ENOSPC');
    {
      using file = fs.openFile('/b');
      file.truncate(0);
    }
    fs.unlink('/a');
    expect(fs.readdir('/').map(({ name }) => `${Buffer.from(name)}`)).not.toContain('a');
    logs.allocate = allocate;
    // Told once, by whoever syncs next, even though all goes well now.
    codeOf(() => fs.sync());
    fs.close();
    expect(Audit.of(device)).toEqual([]);
  });
});

describe('files whose clusters are on their way', () => {
  const BYTES = prose(600 * BLKSIZE, 5);

  /** A mount in which clusters of /file have been sent on their way, and are not there yet. */
  function underWay(workers: number): { device: FlakyDevice; fs: FileSystem } {
    const device = freshDevice();
    const fs = mountOf(device, { compress: compressing('lz4', 4), workers });
    fs.writeFile('/file', Buffer.alloc(0));
    {
      using file = fs.openFile('/file');
      file.write(BYTES, 0);
      file.stat();
    }
    return { device, fs };
  }

  test.each([0, 2])('are closed, cut, removed, written, released (%i threads)', async (workers) => {
    const calls: [string, (fs: FileSystem) => void, Buffer | null][] = [
      ['close', () => undefined, BYTES],
      ['unlink', (fs) => fs.unlink('/file'), null],
      ['truncate', (fs) => fs.openFile('/file').truncate(1001), BYTES.subarray(0, 1001)],
      ['cut', (fs) => fs.openFile('/file').truncate(590 * BLKSIZE), BYTES.subarray(0, 590 * BLKSIZE)],
      ['replace', (fs) => fs.writeFile('/file', BYTES.subarray(7)), BYTES.subarray(7)],
      [
        'overwrite',
        (fs) => fs.openFile('/file').write(Buffer.from('over'), 511 * BLKSIZE),
        Buffer.concat([BYTES.subarray(0, 511 * BLKSIZE), Buffer.from('over'), BYTES.subarray(511 * BLKSIZE + 4)]),
      ],
      ['release', (fs) => fs.openFile('/file').releaseBlocks(), BYTES],
    ];
    for (const [what, call, bytes] of calls) {
      const { device, fs } = underWay(workers);
      call(fs);
      fs.sync();
      expect([what, Audit.of(device)]).toEqual([what, []]);
      fs.close();
      expect([what, await fsckComplaints(device)]).toEqual([what, []]);
      if (bytes !== null) expectContents(device, { '/file': bytes });
      else expect(codeOf(() => during(device, {}, (fs) => fs.stat('/file')))).toBe('ENOENT');
    }
  });

  test('an abandoned mount leaves the last checkpoint', () => {
    const { device, fs } = underWay(2);
    fs.abandon();
    expect(Audit.of(device)).toEqual([]);
    during(device, {}, (fs) => expect(fs.readdir('/').map(({ name }) => `${name}`)).not.toContain('file'));
  });
});

describe('a count of saved blocks that is too low', () => {
  const UNIT = 16;
  const BYTES = prose(2500 * BLKSIZE, 1);

  /** A volume with a file of several nodes, whose inode says that it saves `count` blocks of `saved`. */
  function miscounted(count: (saved: number) => number): FlakyDevice {
    const device = freshDevice();
    during(device, { compress: compressing('lz4', UNIT) }, (fs) => {
      fs.writeFile('/file', BYTES);
      using file = fs.openFile('/file');
      const saved = file.stat().compression?.savedBlocks ?? 0;
      const { inode } = file as unknown as { inode: Inode };
      inode.change();
      inode.loadExtra().iComprBlocks = count(saved);
    });
    return device;
  }

  const kindOf = (complaint: string) => complaint.replace(/0x[0-9a-f]+/g, 'N');
  const changes: [string, (fs: FileSystem) => void, Buffer | null][] = [
    ['removed', (fs) => fs.unlink('/file'), null],
    ['cut to nothing', (fs) => fs.truncate('/file', 0), Buffer.alloc(0)],
    ['replaced', (fs) => fs.writeFile('/file', BYTES.subarray(9)), BYTES.subarray(9)],
    [
      'cut within a cluster, again and again',
      (fs) => {
        for (const page of [2001, 1205, 303, 7]) fs.truncate('/file', page * BLKSIZE + 5);
      },
      BYTES.subarray(0, 7 * BLKSIZE + 5),
    ],
    ['written', (fs) => fs.openFile('/file').write(noise(BYTES.length, 1), 0), noise(BYTES.length, 1)],
    ['punched', (fs) => fs.openFile('/file').punch(0, BYTES.length), Buffer.alloc(BYTES.length)],
    [
      'released, cut and reserved',
      (fs) => {
        using file = fs.openFile('/file');
        expect(file.releaseBlocks()).toBeGreaterThan(100);
        file.truncate(100 * UNIT * BLKSIZE);
        file.reserveBlocks();
      },
      BYTES.subarray(0, 100 * UNIT * BLKSIZE),
    ],
  ];
  test.each([
    ['1', () => 1],
    ['a half', (saved: number) => Math.floor(saved / 2)],
    ['one less', (saved: number) => saved - 1],
  ])('%s: the file can be changed and removed, and all else is counted', async (_, count) => {
    const before = await fsckComplaints(miscounted(count));
    for (const [what, change, bytes] of changes) {
      const device = miscounted(count);
      during(device, {}, change);
      if (bytes !== null) expectContents(device, { '/file': bytes });
      // What is left of the file may have the wrong count still.
      const after = await fsckComplaints(device);
      if (after.length > 0) expect([what, after.map(kindOf)]).toEqual([what, before.map(kindOf)]);
      expect([what, Audit.of(device).filter((one) => !/i_compr_blocks/.test(one))]).toEqual([what, []]);
      during(device, { compress: compressing('lz4', UNIT) }, (fs) => fs.writeFile('/file', BYTES));
      expect([what, Audit.of(device)]).toEqual([what, []]);
    }
  });
});

describe('written over their old blocks', () => {
  const addresses = (device: FlakyDevice, path: string) => Audit.slotsOf(device, path).slots;

  /** Addresses of a file before and after its first ten pages were written anew. */
  function rewritten(path: string, options: MountOptions, compressed = false): [number[], number[]] {
    const device = freshDevice();
    const bytes = noise(40 * BLKSIZE, 1);
    during(device, options, (fs) => fs.writeFile(path, bytes, { compress: compressed }));
    const before = addresses(device, path);
    const patch = noise(10 * BLKSIZE, 2);
    during(device, options, (fs) => {
      using file = fs.openFile(path);
      file.write(patch, 0);
    });
    expectContents(device, { [path]: Buffer.concat([patch, bytes.subarray(patch.length)]) });
    expect(Audit.of(device)).toEqual([]);
    return [before, addresses(device, path)];
  }

  test('cold files in the mode adaptive, not in lfs', () => {
    const [before, after] = rewritten('/film.mp4', {});
    expect(after).toEqual(before);
    const [old, now] = rewritten('/film.mp4', { mode: 'lfs' });
    expect(now.slice(0, 10).filter((blkaddr) => old.includes(blkaddr))).toEqual([]);
    expect(now.slice(10)).toEqual(old.slice(10));
  });

  test('other files by policy', () => {
    const [old, now] = rewritten('/file', {});
    expect(now.slice(0, 10).filter((blkaddr) => old.includes(blkaddr))).toEqual([]);
    const [before, after] = rewritten('/file', { ipuPolicies: ['force'] });
    expect(after).toEqual(before);
    const [old2, now2] = rewritten('/file', { ipuPolicies: ['force'], mode: 'lfs' });
    expect(now2[0]).not.toBe(old2[0]);
    const [old3, now3] = rewritten('/file', { ipuPolicies: ['util'] });
    expect(now3[0]).not.toBe(old3[0]);
  });

  test('raw clusters of compressed files too; what becomes compressed moves', () => {
    const force: MountOptions = { ipuPolicies: ['force'], compress: compressing('lz4', 8) };
    const [before, after] = rewritten('/file', force, true);
    expect(after).toEqual(before);
    const device = freshDevice();
    const text = prose(16 * BLKSIZE, 1);
    during(device, force, (fs) => fs.writeFile('/file', noise(16 * BLKSIZE, 1)));
    const raw = addresses(device, '/file');
    during(device, force, (fs) => {
      using file = fs.openFile('/file');
      file.write(text, 0);
    });
    const compressed = addresses(device, '/file');
    expect(compressed.filter((blkaddr) => blkaddr < COMPRESS_ADDR && raw.includes(blkaddr))).toEqual([]);
    expect(Audit.slotsOf(device, '/file').clusters).toBe(2);
    expect(Audit.of(device)).toEqual([]);
    expectContents(device, { '/file': text });
  });

  test('a file with old and new pages in one write', () => {
    const device = freshDevice();
    const bytes = noise(40 * BLKSIZE, 1);
    during(device, {}, (fs) => {
      fs.writeFile('/film.mp4', Buffer.alloc(0));
      using file = fs.openFile('/film.mp4');
      for (let page = 0; page < 40; page += 3) {
        file.write(bytes.subarray(page * BLKSIZE, (page + 1) * BLKSIZE), page * BLKSIZE);
      }
    });
    const before = addresses(device, '/film.mp4');
    during(device, {}, (fs) => {
      using file = fs.openFile('/film.mp4');
      file.write(bytes, 0);
    });
    const after = addresses(device, '/film.mp4');
    before.forEach((blkaddr, page) => {
      if (blkaddr !== 0) expect(after[page]).toBe(blkaddr);
    });
    expect(after.every((blkaddr) => blkaddr !== 0)).toBe(true);
    expect(Audit.of(device)).toEqual([]);
    expectContents(device, { '/film.mp4': bytes });
  });
});

test('a file that finds no block does not hold back the ones after it', () => {
  const device = freshDevice(64);
  const fs = mountOf(device, {});
  fs.writeFile('/first', Buffer.alloc(0));
  fs.writeFile('/second', Buffer.alloc(0));
  fs.sync();
  const bytes = prose(40 * BLKSIZE, 1);
  const { logs } = fs.volume;
  const allocate = logs.allocate.bind(logs);
  {
    using first = fs.openFile('/first');
    using second = fs.openFile('/second');
    first.write(bytes, 0);
    second.write(bytes, 0);
    let fails = true;
    logs.allocate = (...args) => {
      if (!fails) return allocate(...args);
      fails = false;
      throw new F2fsError('ENOSPC', 'no free segment');
    };
    const before = fs.writebackCounters.pages;
    expect(errorOf(() => fs.sync())).toMatchObject({ code: 'ENOSPC' });
    expect(fs.writebackCounters.pages - before).toBeGreaterThanOrEqual(40);
  }
  fs.sync();
  fs.close();
  expect(Audit.of(device)).toEqual([]);
  expectContents(device, { '/first': bytes, '/second': bytes });
});
