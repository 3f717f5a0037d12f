// Compressed files through a mount: every algorithm and cluster size, tails, overwrites, holes and truncates, with the slots
// and counts of each inode looked at by an audit that knows nothing of the code under test, and by fsck.f2fs.

import { describe, expect, test } from 'vitest';
import { ALGORITHM, parseCodec } from '../../src/compress/algorithms.ts';
import { BLKSIZE } from '../../src/device/device.ts';
import type { Inode } from '../../src/file/inode/inode.ts';
import { COMPRESS_ADDR, NEW_ADDR } from '../../src/format/constants.ts';
import { I_FLAGS, INLINE } from '../../src/format/inode.ts';
import type { FileHandle } from '../../src/fs/file-handle.ts';
import type { FileSystem } from '../../src/fs/file-system.ts';
import { random } from '../random.ts';
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
  prose,
} from './compressed-volume.ts';

/** Slots in short: C for COMPRESS_ADDR, R for reserved, d for a block, a dot for a hole. */
function shapeOf(device: FlakyDevice, path: string): string {
  const letter = (blkaddr: number) =>
    blkaddr === COMPRESS_ADDR ? 'C' : blkaddr === NEW_ADDR ? 'R' : blkaddr === 0 ? '.' : 'd';
  return Audit.slotsOf(device, path).slots.map(letter).join('');
}

describe('algorithms and cluster sizes', () => {
  const CODECS = ['lz4', 'lz4:9', 'zstd:1', 'zstd:3', 'lzo', 'lzo-rle'];
  test.each(CODECS)('%s, clusters of 4 to 256 pages', async (codec) => {
    const device = freshDevice(64);
    const files: Record<string, Buffer> = {};
    for (const checksum of [false, true]) {
      const sizes = checksum ? [4, 256] : [4, 8, 16, 32, 64, 128, 256];
      for (const clusterPages of sizes) {
        const name = `/${clusterPages}${checksum ? ' with checksums' : ''}`;
        const bytes = Buffer.concat([
          prose(clusterPages * BLKSIZE, clusterPages),
          noise(clusterPages * BLKSIZE, 1),
          Buffer.alloc(clusterPages * BLKSIZE, 7),
          prose(3 * BLKSIZE + 5, 2),
        ]);
        files[name] = bytes;
        during(device, { compress: compressing(codec, clusterPages, { checksum }) }, (fs) => {
          fs.writeFile(name, bytes);
          fs.sync();
          expect(fs.stat(name).compression).toMatchObject({
            algorithm: codec.split(':')[0],
            level: Number(codec.split(':')[1] ?? 0),
            clusterBytes: clusterPages * BLKSIZE,
            checksum,
            released: false,
          });
        });
        const { clusters, rawClusters, saved } = Audit.slotsOf(device, name);
        // The tail of four pages is a cluster too where those are one.
        expect([clusters, rawClusters]).toEqual(clusterPages === 4 ? [3, 1] : [2, 2]);
        expect(saved).toBeGreaterThanOrEqual(clusterPages);
      }
    }
    await expectSound(device);
    expectContents(device, files);
    // Rewritten in part, by another mount that knows nothing of how.
    const rng = random(5);
    during(device, {}, (fs) => {
      for (const [path, bytes] of Object.entries(files)) {
        using file = fs.openFile(path);
        for (let i = 0; i < 4; i++) {
          const patch = prose(1 + rng.below(9000), i);
          const at = rng.below(bytes.length - patch.length);
          file.write(patch, at);
          patch.copy(bytes, at);
        }
      }
    });
    await expectSound(device);
    expectContents(device, files);
  });
});

describe('tails', () => {
  const UNIT = 8;
  const bytesOfCluster = UNIT * BLKSIZE;

  test('sizes around each boundary', async () => {
    const device = freshDevice();
    const files: Record<string, Buffer> = {};
    const shapes: Record<string, [whole: number, tail: number]> = {};
    during(device, { compress: compressing('lz4', UNIT) }, (fs) => {
      for (const clusters of [0, 1, 2, 3]) {
        for (const off of [-BLKSIZE - 1, -BLKSIZE, -BLKSIZE + 1, -1, 0, 1, BLKSIZE - 1, BLKSIZE, BLKSIZE + 1]) {
          const size = clusters * bytesOfCluster + off;
          if (size < 0) continue;
          const path = `/${size}`;
          files[path] = prose(size, size);
          fs.writeFile(path, files[path]);
          // A last page that the end cuts counts: then the cluster is whole.
          const pages = Math.ceil(size / BLKSIZE);
          shapes[path] = [Math.floor(pages / UNIT), pages % UNIT];
        }
      }
    });
    await expectSound(device);
    expectContents(device, files);
    for (const [path, [whole, tail]] of Object.entries(shapes)) {
      expect([path, Audit.slotsOf(device, path).clusters]).toEqual([path, whole]);
      expect(shapeOf(device, path).slice(whole * UNIT)).toBe('d'.repeat(tail));
    }
  });

  test('appending over a tail that is still dirty compresses it', async () => {
    const device = freshDevice();
    const bytes = prose(3 * bytesOfCluster, 1);
    const shapes: string[] = [];
    during(device, { compress: compressing('lz4', UNIT) }, (fs) => {
      fs.writeFile('/log', Buffer.alloc(0));
      using file = fs.openFile('/log');
      for (let at = 0, step = 0; at < bytes.length; at += 5000, step++) {
        file.write(bytes.subarray(at, at + 5000), at);
        // The second cluster gets to disk in parts: it stays raw until all of it is written at once, as in the kernel.
        if (step !== 0 && step !== 6 && step !== 10) continue;
        fs.sync();
        shapes.push(shapeOf(device, '/log'));
        expect(Audit.of(device)).toEqual([]);
      }
      fs.sync();
      shapes.push(shapeOf(device, '/log'));
      file.write(bytes.subarray(bytesOfCluster, 2 * bytesOfCluster), bytesOfCluster);
    });
    shapes.push(shapeOf(device, '/log'));
    expect(shapes.map((shape) => shape.replace(/Cd+R*/g, (all) => '#'.repeat(all.length)))).toEqual([
      'dd',
      `dddddddd${'d'}`,
      `${'d'.repeat(14)}`,
      `${'d'.repeat(16)}${'#'.repeat(8)}`,
      `${'d'.repeat(8)}${'#'.repeat(16)}`,
    ]);
    await expectSound(device);
    expectContents(device, { '/log': bytes });
  });

  test('a cluster becomes compressed or raw as its bytes do', async () => {
    const device = freshDevice();
    const text = prose(2 * bytesOfCluster, 1);
    const dense = noise(2 * bytesOfCluster, 2);
    const counts: [number, number, number][] = [];
    during(device, { compress: compressing('zstd:1', UNIT) }, (fs) => {
      fs.writeFile('/turning', dense);
      using file = fs.openFile('/turning');
      for (const bytes of [dense, text, dense, text, dense]) {
        file.write(bytes, 0);
        fs.sync();
        const { clusters, saved, iBlocks } = Audit.slotsOf(device, '/turning');
        counts.push([clusters, saved > 0 ? 1 : 0, iBlocks]);
        expect(Audit.of(device)).toEqual([]);
      }
      file.write(text.subarray(0, bytesOfCluster), 0);
    });
    const blocks = 2 * UNIT + 1;
    expect(counts).toEqual([
      [0, 0, blocks],
      [2, 1, blocks],
      [0, 0, blocks],
      [2, 1, blocks],
      [0, 0, blocks],
    ]);
    await expectSound(device);
    expectContents(device, {
      '/turning': Buffer.concat([text.subarray(0, bytesOfCluster), dense.subarray(bytesOfCluster)]),
    });
    expect(Audit.slotsOf(device, '/turning')).toMatchObject({ clusters: 1, rawClusters: 1 });
  });
});

describe('changes within a file', () => {
  const UNIT = 4;
  const SIZE = 10 * UNIT * BLKSIZE;

  /** A file of ten clusters, two of them of noise, changed by `change` in the same mount and in one of its own. */
  async function changed(change: (file: FileHandle, bytes: Buffer) => Buffer, unit = UNIT): Promise<FlakyDevice> {
    let last: FlakyDevice | null = null;
    for (const isSynced of [false, true]) {
      const device = freshDevice();
      let bytes = prose(SIZE, 1);
      noise(2 * UNIT * BLKSIZE, 4).copy(bytes, 4 * UNIT * BLKSIZE);
      const options = { compress: compressing('lz4', unit) };
      const fs = mountOf(device, options);
      fs.writeFile('/file', bytes);
      if (isSynced) fs.close();
      const again = isSynced ? mountOf(device, options) : fs;
      {
        using file = again.openFile('/file');
        bytes = change(file, bytes);
      }
      expect(Buffer.compare(again.readFile('/file'), bytes)).toBe(0);
      again.close();
      expect(Audit.of(device)).toEqual([]);
      expectContents(device, { '/file': bytes });
      last = device;
    }
    expect(await fsckComplaints(last as FlakyDevice)).toEqual([]);
    return last as FlakyDevice;
  }

  test.each([
    ['a byte', 3 * BLKSIZE + 7, 1],
    ['a page within a cluster', 5 * BLKSIZE, BLKSIZE],
    ['pages of a raw cluster', 17 * BLKSIZE, 2 * BLKSIZE],
    ['across clusters', 6 * BLKSIZE + 100, 9 * BLKSIZE],
    ['whole clusters', 4 * BLKSIZE, 8 * BLKSIZE],
    ['across the end', SIZE - 100, 3 * BLKSIZE],
    ['past the end, with a gap', SIZE + 7 * BLKSIZE + 9, 9 * BLKSIZE],
  ])('overwriting %s', async (_, at, length) => {
    await changed((file, bytes) => {
      const patch = prose(length, 9);
      file.write(patch, at);
      const after = Buffer.alloc(Math.max(bytes.length, at + length));
      bytes.copy(after);
      patch.copy(after, at);
      return after;
    });
  });

  test.each([
    ['into a compressed cluster', 2 * BLKSIZE + 5],
    ['to a page within one', 6 * BLKSIZE],
    ['to the last page of one', 8 * BLKSIZE - 9],
    ['to a boundary', 8 * BLKSIZE],
    ['just past a boundary', 8 * BLKSIZE + 1],
    ['into a raw cluster', 18 * BLKSIZE + 3],
    ['to one byte', 1],
    ['to nothing', 0],
  ])('cutting %s, growing again', async (_, size) => {
    await changed((file, bytes) => {
      file.truncate(size);
      const grown = Buffer.alloc(size + 5 * BLKSIZE + 1);
      bytes.copy(grown, 0, 0, size);
      file.truncate(grown.length);
      return grown;
    });
    const device = await changed((file, bytes) => {
      file.truncate(size);
      return bytes.subarray(0, size);
    });
    const pages = Math.ceil(size / BLKSIZE);
    expect(Audit.slotsOf(device, '/file').slots.length).toBe(pages);
  });

  test.each([
    ['a whole compressed cluster', 4 * BLKSIZE, 4 * BLKSIZE, /^\.{4}$/],
    ['a part of one', 5 * BLKSIZE, BLKSIZE, /^Cd+R*$/],
    ['bytes of one', 4 * BLKSIZE + 10, 20, /^Cd+R*$/],
    ['a whole raw cluster', 16 * BLKSIZE, 4 * BLKSIZE, null],
    ['a page of a raw one', 17 * BLKSIZE, BLKSIZE, null],
    ['all but the edges', 100, SIZE - 200, /^\.{4}$/],
    ['all to the end', 3 * BLKSIZE + 1, SIZE, /^\.{4}$/],
  ])('a hole: %s', async (_, at, length, shape) => {
    const device = await changed((file, bytes) => {
      file.punch(at, length);
      return Buffer.from(bytes).fill(0, at, Math.min(bytes.length, at + length));
    });
    const second = shapeOf(device, '/file').padEnd(40, '.').slice(4, 8);
    if (shape !== null) expect(second).toMatch(shape);
    // The first cluster keeps its slots, what follows it has none.
    if (length === SIZE) expect(shapeOf(device, '/file')).toMatch(/^Cd+R*$/);
  });

  test('a raw cluster keeps its holes, and compresses when they are filled', async () => {
    const device = freshDevice();
    const bytes = Buffer.alloc(8 * UNIT * BLKSIZE);
    const put = (file: FileHandle, page: number, nrPages: number, seed: number) => {
      const patch = prose(nrPages * BLKSIZE, seed);
      file.write(patch, page * BLKSIZE);
      patch.copy(bytes, page * BLKSIZE);
    };
    const fs = mountOf(device, { compress: compressing('lz4', UNIT) });
    fs.writeFile('/sparse', Buffer.alloc(0));
    using file = fs.openFile('/sparse');
    file.truncate(bytes.length);
    put(file, 5, 1, 1);
    put(file, 9, 3, 2);
    put(file, 20, 4, 3);
    fs.sync();
    expect(shapeOf(device, '/sparse')).toMatch(/^\.{5}d\.{2}\.ddd\.{8}Cd+R*$/);
    put(file, 8, 1, 4);
    put(file, 4, 1, 4);
    fs.sync();
    expect(shapeOf(device, '/sparse')).toMatch(/^\.{4}dd\.{2}dddd\.{8}Cd+R*$/);
    // Whole and dirty: what was on disk before does not count.
    put(file, 8, 4, 6);
    put(file, 4, 4, 5);
    fs.sync();
    expect(shapeOf(device, '/sparse')).toMatch(/^\.{4}Cd+R*Cd+R*\.{8}Cd+R*$/);
    file.punch(9 * BLKSIZE, BLKSIZE);
    bytes.fill(0, 9 * BLKSIZE, 10 * BLKSIZE);
    fs.sync();
    expect(shapeOf(device, '/sparse')).toMatch(/^\.{4}Cd+R*Cd+R*\.{8}Cd+R*$/);
    file.close();
    fs.close();
    await expectSound(device);
    expectContents(device, { '/sparse': bytes });
  });

  test('a hole in a cluster that is on its way through compression', async () => {
    const device = freshDevice();
    const bytes = prose(512 * BLKSIZE, 3);
    const fs = mountOf(device, { compress: compressing('lz4', UNIT) });
    fs.writeFile('/first', Buffer.alloc(0));
    fs.writeFile('/file', Buffer.alloc(0));
    {
      using first = fs.openFile('/first');
      using file = fs.openFile('/file');
      first.write(prose(400 * BLKSIZE, 2), 0);
      file.write(bytes, 0);
      // More pages are dirty now than may be: this sends them on their way, and the last ones are still there.
      file.punch(509 * BLKSIZE, BLKSIZE);
    }
    bytes.fill(0, 509 * BLKSIZE, 510 * BLKSIZE);
    expect(Buffer.compare(fs.readFile('/file'), bytes)).toBe(0);
    fs.close();
    await expectSound(device);
    expectContents(device, { '/file': bytes });
  });

  test('pages under every level of the node tree', async () => {
    const device = freshDevice(64);
    const UNIT = 256;
    const patch = prose(UNIT * BLKSIZE, 1);
    // In the inode, the two direct nodes, the first and the second of an indirect one.
    const starts = [0, 512, 768, 1536, 3 * 768, 4 * 768];
    const fs = mountOf(device, { compress: compressing('lz4', UNIT) });
    fs.writeFile('/wide', Buffer.alloc(0));
    {
      using file = fs.openFile('/wide');
      for (const start of starts) file.write(patch, start * BLKSIZE);
      fs.sync();
      expect(Audit.of(device)).toEqual([]);
      const into = new Uint8Array(patch.length);
      for (const start of starts) {
        file.read(into, start * BLKSIZE);
        expect(Buffer.compare(into, patch)).toBe(0);
      }
      expect(fs.stat('/wide').compression?.savedBlocks).toBe(Audit.slotsOf(device, '/wide').saved);
      const before = fs.statfs().freeBlocks;
      const saved = fs.stat('/wide').compression?.savedBlocks ?? 0;
      expect(file.releaseBlocks()).toBe(saved);
      expect(fs.statfs().freeBlocks).toBe(before + saved);
      fs.sync();
      expect(Audit.of(device)).toEqual([]);
      expect(file.reserveBlocks()).toBe(saved);
      file.truncate(1540 * BLKSIZE);
    }
    fs.close();
    await expectSound(device);
    during(device, {}, (fs) => fs.unlink('/wide'));
    await expectSound(device);
  });
});

describe('which files are compressed', () => {
  const compressedNames = (fs: FileSystem, names: string[]) =>
    names.filter((name) => {
      fs.writeFile(`/${name}`, new Uint8Array(0));
      return fs.stat(`/${name}`).compression !== null;
    });

  test('extensions, excluded ones, hot ones', () => {
    const names = ['a.txt', 'a.TXT', 'a.txt.bak', 'txt', '.txt', 'b.so', 'c.db', 'd.jpg', 'e'];
    during(freshDevice(), { compress: { extensions: ['txt', 'so', 'db'] } }, (fs) => {
      // db is among the hot extensions of a new volume.
      expect(compressedNames(fs, names)).toEqual(['a.txt', 'a.TXT', 'b.so']);
    });
    during(freshDevice(), { compress: { extensions: ['*'], noExtensions: ['JPG', 'so'] } }, (fs) => {
      expect(compressedNames(fs, names)).toEqual(['a.txt', 'a.TXT', 'a.txt.bak', 'txt', '.txt', 'e']);
    });
    during(freshDevice(), { compress: {} }, (fs) => expect(compressedNames(fs, names)).toEqual([]));
  });

  test('what a mount can not be asked', () => {
    const device = freshDevice();
    const many = Array.from({ length: 17 }, (_, i) => `e${i}`);
    for (const compress of [
      { extensions: ['txt'], noExtensions: ['TXT'] },
      { noExtensions: ['*'] },
      { extensions: [''] },
      { extensions: ['12345678'] },
      { extensions: many },
      { noExtensions: many },
      { clusterPages: 2 },
      { clusterPages: 512 },
      { clusterPages: 12 },
      { codec: 'lz4' as never },
      { codec: { algorithm: 'lz4' as never, level: 0 } },
      { codec: { algorithm: 9 as never, level: 0 } },
      { codec: { algorithm: ALGORITHM.LZO, level: 1 } },
      { codec: { algorithm: ALGORITHM.LZORLE, level: 1 } },
      ...[1, 2, 17, 3.5, -1, Number.NaN].map((level) => ({ codec: { algorithm: ALGORITHM.LZ4, level } })),
      ...[0, 23, 1.5, -3, Number.NaN].map((level) => ({ codec: { algorithm: ALGORITHM.ZSTD, level } })),
      { mode: 'none' as 'fs' },
    ]) {
      expect([compress, codeOf(() => mountOf(device, { compress }))]).toEqual([compress, 'EINVAL']);
    }
    for (const codec of ['lz4', 'lz4:3', 'lz4:5', 'lz4:16', 'zstd', 'zstd:22', 'lzo', 'lzo-rle'])
      mountOf(device, { compress: { codec: parseCodec(codec) } }).abandon();
    expect(codeOf(() => mountOf(device, { engine: 'none' as 'pages' }))).toBe('EINVAL');
    expect(codeOf(() => mountOf(device, { ipuPolicies: ['fsync', 'never' as 'fsync'] }))).toBe('EINVAL');
    expect(codeOf(() => mountOf(device, { workers: -1 }))).toBe('EINVAL');
    expect(codeOf(() => mountOf(device, { maxFolioPages: 3 }))).toBe('EINVAL');
  });

  test('directories hand their flags on', async () => {
    const device = freshDevice();
    during(device, { compress: { noExtensions: ['zip'] } }, (fs) => {
      fs.mkdir('/yes', { compress: true });
      fs.mkdir('/yes/below');
      fs.mkdir('/yes/never');
      {
        using never = fs.openDirectory('/yes/never');
        const raw = never.inode.change();
        raw.iFlags = (raw.iFlags & ~I_FLAGS.COMPR) | I_FLAGS.NOCOMP;
      }
      fs.mkdir('/yes/never/below');
      fs.mkdir('/no');
      expect(
        compressedNames(fs, [
          'yes/a',
          'yes/below/b',
          'yes/a.zip',
          'yes/a.db',
          'yes/never/c',
          'yes/never/below/d',
          'no/e',
          'f',
        ]),
      ).toEqual(['yes/a', 'yes/below/b']);
      using file = fs.openFile('/yes/never/below/d');
      expect(file.inode.load().iFlags & (I_FLAGS.NOCOMP | I_FLAGS.COMPR)).toBe(I_FLAGS.NOCOMP);
      fs.writeFile('/yes/unlike', new Uint8Array(0), { compress: false });
      expect(fs.stat('/yes/unlike').compression).toBeNull();
      fs.writeFile('/no/unlike', prose(100_000, 1), { compress: true });
    });
    await expectSound(device);
    expect(Audit.slotsOf(device, '/no/unlike').clusters).toBe(6);
  });

  test('setCompressed, on empty files only', async () => {
    const device = freshDevice();
    during(device, { compress: { clusterPages: 8 } }, (fs) => {
      fs.writeFile('/inline', prose(50, 1));
      fs.writeFile('/blocks', prose(50_000, 1));
      fs.writeFile('/empty', new Uint8Array(0));
      fs.writeFile('/noted', new Uint8Array(0));
      fs.setXattr('/noted', 'user.large', noise(1000, 1));
      for (const path of ['/inline', '/blocks']) {
        using file = fs.openFile(path);
        expect(codeOf(() => file.setCompressed(true))).toBe('EINVAL');
        file.setCompressed(false);
      }
      for (const path of ['/empty', '/noted']) {
        using file = fs.openFile(path);
        file.setCompressed(true);
        file.setCompressed(true);
        expect(file.stat().compression?.clusterBytes).toBe(8 * BLKSIZE);
        file.setCompressed(false);
        expect(file.stat().compression).toBeNull();
        file.setCompressed(true);
        file.write(prose(100_000, 2), 0);
        expect(codeOf(() => file.setCompressed(false))).toBe('EINVAL');
      }
    });
    await expectSound(device);
    expectContents(device, { '/empty': prose(100_000, 2), '/noted': prose(100_000, 2) });
  });

  test('a volume without the feature', () => {
    const device = freshDevice(64, []);
    during(device, { compress: compressing('lz4', 4) }, (fs) => {
      fs.writeFile('/plain', prose(100_000, 1));
      expect(fs.stat('/plain').compression).toBeNull();
      fs.writeFile('/empty', new Uint8Array(0));
      const before = fs.statfs();
      expect(codeOf(() => fs.writeFile('/asked', new Uint8Array(0), { compress: true }))).toBe('EOPNOTSUPP');
      expect(codeOf(() => fs.mkdir('/asked', { compress: true }))).toBe('EOPNOTSUPP');
      expect(fs.statfs()).toEqual(before);
      using file = fs.openFile('/empty');
      expect(codeOf(() => file.setCompressed(true))).toBe('EOPNOTSUPP');
      expect(codeOf(() => file.releaseBlocks())).toBe('EINVAL');
    });
    expect(Audit.of(device)).toEqual([]);
  });
});

describe('the mode user', () => {
  test('compresses and decompresses when it is told to', async () => {
    const device = freshDevice();
    const bytes = prose(100_000, 1);
    noise(4 * BLKSIZE, 2).copy(bytes, 8 * BLKSIZE);
    const options = { compress: compressing('zstd:1', 4, { mode: 'user' }) };
    const shape = () => Audit.slotsOf(device, '/file');
    const fs = mountOf(device, options);
    fs.writeFile('/file', bytes);
    fs.writeFile('/plain', bytes, { compress: false });
    fs.sync();
    expect(shape()).toMatchObject({ clusters: 0, saved: 0 });
    {
      using file = fs.openFile('/file');
      file.compress();
      fs.sync();
      expect(shape()).toMatchObject({ clusters: 5 });
      expect(Audit.of(device)).toEqual([]);
      // Half of it written anew is raw, until it is compressed again.
      file.write(bytes.subarray(0, 6 * BLKSIZE), 0);
      fs.sync();
      expect(shape()).toMatchObject({ clusters: 3 });
      expect(Audit.of(device)).toEqual([]);
      file.compress();
      fs.sync();
      expect(shape()).toMatchObject({ clusters: 5 });
      file.decompress();
      fs.sync();
      expect(shape()).toMatchObject({ clusters: 0, saved: 0 });
      file.compress();
      file.releaseBlocks();
      expect(codeOf(() => file.compress())).toBe('EINVAL');
      expect(codeOf(() => file.decompress())).toBe('EINVAL');
      using plain = fs.openFile('/plain');
      expect(codeOf(() => plain.compress())).toBe('EINVAL');
    }
    fs.close();
    await expectSound(device);
    expectContents(device, { '/file': bytes });
  });

  test('a file larger than the cache', () => {
    const device = freshDevice(128);
    const bytes = prose(20 * MIB, 1);
    during(device, { compress: compressing('lz4', 64, { mode: 'user' }) }, (fs) => {
      fs.writeFile('/file', bytes);
      using file = fs.openFile('/file');
      file.compress();
      expect(file.stat().compression?.savedBlocks).toBeGreaterThan(2500);
      file.decompress();
      expect(file.stat().compression?.savedBlocks).toBe(0);
      file.compress();
    });
    expect(Audit.of(device)).toEqual([]);
    expectContents(device, { '/file': bytes });
  });

  test('the mode fs refuses both', () => {
    during(freshDevice(), { compress: compressing('lz4', 4) }, (fs) => {
      fs.writeFile('/file', prose(50_000, 1));
      using file = fs.openFile('/file');
      expect(codeOf(() => file.compress())).toBe('EOPNOTSUPP');
      expect(codeOf(() => file.decompress())).toBe('EOPNOTSUPP');
    });
  });
});

describe('release and reserve', () => {
  const UNIT = 4;
  /** Text, then clusters of which one block alone is saved, noise, and a tail. */
  const BYTES = Buffer.concat([
    prose(8 * UNIT * BLKSIZE, 1),
    ...[1, 2, 3].flatMap((i) => [prose(2 * BLKSIZE, i), noise(2 * BLKSIZE, i)]),
    noise(UNIT * BLKSIZE, 9),
    prose(BLKSIZE + 1, 3),
  ]);

  function released(): { device: FlakyDevice; saved: number } {
    const device = freshDevice();
    during(device, { compress: compressing('lz4', UNIT) }, (fs) => {
      fs.writeFile('/file', BYTES);
      fs.writeFile('/other', BYTES);
    });
    const { saved, clusters } = Audit.slotsOf(device, '/file');
    expect(clusters).toBe(11);
    expect(shapeOf(device, '/file')).toContain('Cddd');
    during(device, {}, (fs) => {
      const before = fs.stat('/file').blocks;
      const free = fs.statfs().freeBlocks;
      using file = fs.openFile('/file');
      expect(file.releaseBlocks()).toBe(saved);
      expect(file.stat().blocks).toBe(before - saved);
      expect(file.stat().compression).toMatchObject({ released: true, savedBlocks: 0 });
      expect(fs.statfs().freeBlocks).toBe(free + saved);
    });
    return { device, saved };
  }

  test('a released file can be read, not written', async () => {
    const { device } = released();
    await expectSound(device);
    expectContents(device, { '/file': BYTES });
    during(device, {}, (fs) => {
      using file = fs.openFile('/file');
      expect(codeOf(() => file.write(Buffer.from('x'), 0))).toBe('EPERM');
      expect(codeOf(() => file.write(Buffer.from('x'), BYTES.length))).toBe('EPERM');
      expect(codeOf(() => file.punch(0, BLKSIZE))).toBe('EPERM');
      expect(codeOf(() => file.truncate(5 * BLKSIZE))).toBe('EINVAL');
      expect(codeOf(() => file.truncate(BYTES.length + 1))).toBe('EINVAL');
      expect(codeOf(() => file.releaseBlocks())).toBe('EINVAL');
      file.setAttributes({ mode: 0o600 });
      expect(fs.stat('/file').size).toBe(BYTES.length);
    });
  });

  test('it can be emptied, and then written, as > does on Linux', async () => {
    const { device } = released();
    during(device, { compress: compressing('lz4', UNIT) }, (fs) => {
      fs.writeFile('/file', BYTES.subarray(7));
      using file = fs.openFile('/file', { flags: 'r+' });
      expect(file.stat().compression).toMatchObject({ released: false });
      file.write(Buffer.from('x'), 5);
    });
    await expectSound(device);
    expectContents(device, { '/file': Buffer.concat([BYTES.subarray(7, 12), Buffer.from('x'), BYTES.subarray(13)]) });
  });

  test('cut to whole clusters, counts stay exact', async () => {
    const { device } = released();
    during(device, {}, (fs) => {
      using file = fs.openFile('/file');
      for (const clusters of [10, 7, 3]) {
        file.truncate(clusters * UNIT * BLKSIZE);
        fs.sync();
        expect(Audit.of(device)).toEqual([]);
      }
    });
    await expectSound(device);
    expectContents(device, { '/file': BYTES.subarray(0, 3 * UNIT * BLKSIZE) });
    during(device, {}, (fs) => {
      using file = fs.openFile('/file');
      file.reserveBlocks();
      file.write(Buffer.from('written'), 5);
    });
    await expectSound(device);
  });

  test('unlinked, counts stay exact', async () => {
    const { device } = released();
    during(device, {}, (fs) => fs.unlink('/file'));
    await expectSound(device);
  });

  test('reserved again it is as it was', async () => {
    const { device, saved } = released();
    during(device, {}, (fs) => {
      using file = fs.openFile('/file');
      expect(file.reserveBlocks()).toBe(saved);
      expect(codeOf(() => file.reserveBlocks())).toBe('EINVAL');
    });
    await expectSound(device);
    expect(Audit.slotsOf(device, '/file')).toEqual({
      ...Audit.slotsOf(device, '/other'),
      slots: Audit.slotsOf(device, '/file').slots,
    });
    during(device, {}, (fs) => {
      using file = fs.openFile('/file');
      file.write(BYTES.subarray(0, 100), 8 * UNIT * BLKSIZE);
      file.punch(0, UNIT * BLKSIZE);
    });
    await expectSound(device);
  });

  test.each([
    ['some', 5 * BLKSIZE],
    ['all', BYTES.length],
  ])('%s slots that Linux 6.12 allocated in a released file are reserved once', async (_, length) => {
    const { device, saved } = released();
    during(device, {}, (fs) => {
      using file = fs.openFile('/file');
      // Here that is EPERM: for as long as it takes the file is none that was released.
      const { inode } = file as unknown as { inode: Inode };
      inode.change().iInline &= ~INLINE.COMPRESS_RELEASED;
      file.allocate(0, length, { keepSize: true });
      inode.change().iInline |= INLINE.COMPRESS_RELEASED;
    });
    const allocated = Audit.slotsOf(device, '/file');
    expect(allocated).toMatchObject({ released: true, iComprBlocks: 0 });
    during(device, {}, (fs) => {
      const { blocks } = fs.stat('/other');
      using file = fs.openFile('/file');
      expect(file.reserveBlocks()).toBe(blocks - allocated.iBlocks);
      expect(file.stat()).toMatchObject({ blocks, compression: { savedBlocks: saved, released: false } });
    });
    await expectSound(device);
    during(device, {}, (fs) => fs.unlink('/file'));
    await expectSound(device);
  });

  test('ENOSPC changes nothing', async () => {
    const { device, saved } = released();
    during(device, {}, (fs) => {
      const room = fs.statfs().freeBlocks;
      fs.writeFile('/filler', noise((room - saved) * BLKSIZE, 1), { compress: false });
      using file = fs.openFile('/file');
      const before = file.stat();
      const failure = errorOf(() => file.reserveBlocks());
      expect(failure?.code).toBe('ENOSPC');
      expect(failure?.message).toContain(`it needs ${4 * saved} KiB`);
      expect(file.stat()).toEqual(before);
      expect(codeOf(() => file.write(Buffer.from('x'), 0))).toBe('EPERM');
    });
    await expectSound(device);
    during(device, {}, (fs) => {
      fs.unlink('/filler');
      using file = fs.openFile('/file');
      expect(file.reserveBlocks()).toBe(saved);
    });
    await expectSound(device);
  });

  test('EBUSY while it is open elsewhere, EINVAL for what is not compressed', () => {
    const device = freshDevice();
    during(device, { compress: compressing('lz4', UNIT) }, (fs) => {
      fs.writeFile('/file', BYTES);
      fs.writeFile('/plain', BYTES, { compress: false });
      using file = fs.openFile('/file');
      {
        using other = fs.openFile('/file');
        expect(codeOf(() => other.releaseBlocks())).toBe('EBUSY');
      }
      using plain = fs.openFile('/plain');
      expect(codeOf(() => plain.releaseBlocks())).toBe('EINVAL');
      expect(codeOf(() => plain.reserveBlocks())).toBe('EINVAL');
      expect(codeOf(() => file.reserveBlocks())).toBe('EINVAL');
      // What is dirty is written first.
      expect(file.releaseBlocks()).toBeGreaterThan(10);
    });
    expect(Audit.of(device)).toEqual([]);
  });
});
