// A tree written at once is the tree that the page cache would have written: the same entries, whatever fails on the way, and nothing
// that fsck.f2fs has a word for.

import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type LoadOptions, startFilling, TreeLoader } from '../../src/bulkload/tree-loader.ts';
import type { Bio } from '../../src/device/bio.ts';
import { BLKSIZE } from '../../src/device/device.ts';
import { F2fsError } from '../../src/errors.ts';
import { CompressPolicy } from '../../src/file/inode/compression.ts';
import { type FileSystem, format, MemoryDevice, mount } from '../../src/index.ts';
import { build } from '../../src/populate/build.ts';
import { Populator } from '../../src/populate/populate.ts';
import { scanHostTree } from '../../src/source/host/scan.ts';
import type { HostTree } from '../../src/source/host/tree.ts';
import type { SourceFile } from '../../src/source/source-tree.ts';
import { fsck } from '../../tools/judge/fsck.ts';
import { noise } from '../fs/compressed-volume.ts';
import { fsckDevice } from '../fs/fsck-device.ts';
import { makeTempDir } from '../host-fixture.ts';
import { manifestOfVolume } from '../judges/volume-manifest.ts';
import { random, seedOf } from '../random.ts';

const STAMP = { sec: 1_700_000_000, nsec: 5 };
const MIB = 1 << 20;

/** What is done to what a filling thread is started with. */
let sabotage: ((data: object) => object) | null = null;
vi.mock('../../src/platform/threads.ts', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/platform/threads.ts')>();
  const startThread: typeof original.startThread = (program, data) =>
    original.startThread(program, sabotage === null ? data : sabotage(data as object));
  return { ...original, startThread };
});

let dir: string;
beforeEach(() => {
  dir = makeTempDir();
});
afterEach(() => fs.rmSync(dir, { recursive: true, force: true }));

interface Written {
  device: MemoryDevice;
  volume: FileSystem;
  problems: string[];
  loader: TreeLoader;
}

function empty(sizeBytes: number, features?: string[]): { device: MemoryDevice; volume: FileSystem } {
  const device = new MemoryDevice({ sizeBytes });
  format(device, { features, timestamp: STAMP.sec });
  return { device, volume: mount(device, { now: () => STAMP }) };
}

const OPTIONS: LoadOptions = {
  stamp: STAMP,
  holes: 'source',
  compress: null,
  release: false,
  folded: null,
  verity: null,
};

function loaded(tree: HostTree, features?: string[], compress: LoadOptions['compress'] = null): Written {
  const { device, volume } = empty(128 * MIB, features);
  using threads = startFilling(tree, BLKSIZE, compress?.policy ?? null, null, 1);
  const loader = new TreeLoader(tree, volume.volume, threads, { ...OPTIONS, compress });
  try {
    for (const _ of loader.run());
  } finally {
    loader.close();
  }
  return writtenBy(loader, device, volume);
}

function writtenBy(loader: TreeLoader, device: MemoryDevice, volume: FileSystem): Written {
  return { device, volume, loader, problems: loader.problems.list.map(({ path, code }) => `${code} ${path}`) };
}

function poured(tree: HostTree, features?: string[]): { device: MemoryDevice; volume: FileSystem } {
  const { device, volume } = empty(128 * MIB, features);
  const populator = new Populator(tree, volume, STAMP, null);
  for (const _ of populator.run());
  populator.setFlags();
  populator.close();
  return { device, volume };
}

/** Every entry of a volume with all that is told of it, and the blocks of each; but for numbers and places. */
function entriesOf(volume: FileSystem): object {
  const manifest = manifestOfVolume(volume);
  const more = manifest.entries.map(({ path }) => {
    const { blocks, atime, ctime, crtime, flags, inline } = volume.lstat(Buffer.from(`/${path}`, 'latin1'));
    return { path, blocks, atime, ctime, crtime, flags, inline };
  });
  return { manifest, more };
}

const text = (volume: FileSystem, path: string) => Buffer.from(volume.readFile(path)).toString();
const names = (volume: FileSystem, path = '/') => volume.readdir(path).map(({ name }) => Buffer.from(name).toString());

async function expectSound({ device, volume }: { device: MemoryDevice; volume: FileSystem }): Promise<void> {
  volume.close();
  expect((await fsckDevice(device)).complaints).toEqual([]);
}

/** A tree of everything at random. */
function plant(seed: number): void {
  const next = random(seed);
  const dirs = [dir];
  const files: string[] = [];
  const number = (most: number) => next.below(most);
  const sizes = [0, 1, 100, 3487, 3488, 3489, 4096, 5000, 65536, 65537, 300_000];
  for (let i = 0; i < 150; i++) {
    const parent = dirs[number(dirs.length)];
    const path = `${parent}/${'n'.repeat(number(60))}${i}${['', '.mp4', '.db', '.txt'][number(4)]}`;
    const kind = number(10);
    if (kind < 2) {
      fs.mkdirSync(path);
      dirs.push(path);
    } else if (kind === 2) fs.symlinkSync('t'.repeat(1 + number(4000)), path);
    else if (kind === 3 && files.length > 0) fs.linkSync(files[number(files.length)], path);
    else if (kind === 4) {
      const fd = fs.openSync(path, 'w');
      fs.ftruncateSync(fd, number(40) * 100_000);
      for (let j = number(4); j > 0; j--) fs.writeSync(fd, noise(4096, i + j), 0, 4096, number(900) * 4096);
      fs.closeSync(fd);
      files.push(path);
    } else {
      fs.writeFileSync(path, noise(sizes[number(sizes.length)], i));
      files.push(path);
    }
    if (kind !== 2 && kind !== 3) fs.chmodSync(path, 0o400 | number(0o1000));
    if (kind !== 2) fs.utimesSync(path, number(2 ** 31), number(2 ** 31));
  }
  for (let i = 0; i < 900; i++) fs.writeFileSync(`${dirs[dirs.length - 1]}/${'long'.repeat(i % 30)}-${i}`, '');
}

describe('the same tree as by the page cache', () => {
  const seed = seedOf('bulkload');
  it.each([seed, seed + 1, seed + 2])('a tree at random, seed %i', async (one) => {
    plant(one);
    using tree = scanHostTree(dir);
    const now = loaded(tree);
    expect(now.problems).toEqual([]);
    const before = poured(tree);
    expect(entriesOf(now.volume)).toEqual(entriesOf(before.volume));
    expect(now.volume.statfs()).toEqual(before.volume.statfs());
    await expectSound(now);
  });

  it.each([
    ['none', []],
    ['extra attributes alone', ['extra_attr']],
  ] as [string, string[]][])('features: %s', async (_, features) => {
    plant(5);
    using tree = scanHostTree(dir);
    const now = loaded(tree, features);
    expect(entriesOf(now.volume)).toEqual(entriesOf(poured(tree, features).volume));
    await expectSound(now);
  });

  it('blocks at the far end of a file, below all levels of nodes', async () => {
    const pages = [0, 922, 923, 1941, 2958, 2959, 1_039_000, 2_075_000, 2_080_000, 3_200_000];
    const fd = fs.openSync(`${dir}/far`, 'w');
    for (const page of pages) fs.writeSync(fd, noise(4096, page), 0, 4096, page * 4096);
    fs.closeSync(fd);
    using tree = scanHostTree(dir);
    const now = loaded(tree);
    using file = now.volume.openFile('/far');
    const bytes = new Uint8Array(4096);
    for (const page of pages) {
      file.read(bytes, page * 4096);
      expect(Buffer.compare(bytes, noise(4096, page))).toBe(0);
    }
    expect(now.volume.stat('/far')).toMatchObject({ blocks: poured(tree).volume.stat('/far').blocks });
    await expectSound(now);
  });
});

describe('what a format made', () => {
  it('lost+found of the source becomes the one that is there', async () => {
    fs.mkdirSync(`${dir}/lost+found`, { mode: 0o711 });
    for (let i = 0; i < 300; i++) fs.writeFileSync(`${dir}/lost+found/${i}`, `${i}`);
    using tree = scanHostTree(dir);
    const now = loaded(tree);
    expect(now.problems).toEqual([]);
    expect(entriesOf(now.volume)).toEqual(entriesOf(poured(tree).volume));
    expect(text(now.volume, '/lost+found/299')).toBe('299');
    await expectSound(now);
  });

  it('a file of that name is named, and left out', async () => {
    fs.writeFileSync(`${dir}/lost+found`, '');
    fs.writeFileSync(`${dir}/other`, 'other');
    using tree = scanHostTree(dir);
    const now = loaded(tree);
    expect(now.problems).toEqual(['EEXIST lost+found']);
    expect(names(now.volume)).toEqual(['lost+found', 'other']);
    await expectSound(now);
  });
});

describe('files that fail', () => {
  it.each(['data', 'fill', 'verify'] as const)(
    'one whose %s fails is named, and nothing of it is left',
    async (call) => {
      // Of several jobs, and with nodes below the inode.
      const fd = fs.openSync(`${dir}/a`, 'w');
      fs.writeSync(fd, noise(9 * MIB, 1));
      if (call === 'data') fs.ftruncateSync(fd, 20 * MIB);
      fs.closeSync(fd);
      fs.writeFileSync(`${dir}/b`, 'b');
      using tree = scanHostTree(dir);
      const open = tree.open.bind(tree);
      let calls = 0;
      tree.share = () => null;
      tree.open = (index) => {
        const file: SourceFile = open(index);
        if (tree.path(index) !== 'a' || (call !== 'data' && ++calls < 3)) return file;
        file[call] = () => {
          throw new F2fsError('EIO', 'the archive is cut off');
        };
        return file;
      };
      const { free } = empty(128 * MIB).volume.statfs() as unknown as { free: number };
      const now = loaded(tree);
      expect(now.problems).toEqual(['EIO a']);
      expect(names(now.volume)).toEqual(['lost+found', 'b']);
      expect(text(now.volume, '/b')).toBe('b');
      expect((now.volume.statfs() as unknown as { free: number }).free).toBe(free);
      await expectSound(now);
    },
  );

  it('what vanished, or changed, since the scan is named', async () => {
    for (let i = 0; i < 200; i++) fs.writeFileSync(`${dir}/${i}`, noise(i % 2 === 0 ? 100 : 9000, i));
    fs.writeFileSync(`${dir}/large`, noise(6 * MIB, 1));
    fs.symlinkSync('target', `${dir}/link`);
    using tree = scanHostTree(dir);
    fs.rmSync(`${dir}/20`);
    fs.writeFileSync(`${dir}/21`, 'shorter');
    fs.appendFileSync(`${dir}/large`, 'more');
    fs.rmSync(`${dir}/link`);
    const now = loaded(tree);
    expect(now.problems.sort()).toEqual(['ENOENT 20', 'ENOENT link', 'ESTALE 21', 'ESTALE large']);
    expect(names(now.volume)).toHaveLength(1 + 198);
    await expectSound(now);
  });

  it('one with blocks where nodes of whole clusters do not reach is named', async () => {
    const fd = fs.openSync(`${dir}/far`, 'w');
    for (const page of [0, 850_000_000]) fs.writeSync(fd, noise(4096, 1), 0, 4096, page * 4096);
    fs.closeSync(fd);
    fs.writeFileSync(`${dir}/other`, noise(2 * MIB, 2));
    using tree = scanHostTree(dir);
    const now = loaded(tree, undefined, { policy: new CompressPolicy({ clusterPages: 256 }), has: () => true });
    expect(now.problems).toEqual(['E2BIG far']);
    expect(names(now.volume)).toEqual(['lost+found', 'other']);
    await expectSound(now);
  });

  it('a file whose first name vanished is there by the others', async () => {
    fs.writeFileSync(`${dir}/a`, 'several names');
    fs.mkdirSync(`${dir}/d`);
    for (const name of ['b', 'd/c']) fs.linkSync(`${dir}/a`, `${dir}/${name}`);
    const image = `${makeTempDir()}/image`;
    let isGone = false;
    const onProgress = () => {
      if (!isGone) fs.rmSync(`${dir}/a`);
      isGone = true;
    };
    for (let i = 0; i < 20_000; i++) fs.writeFileSync(`${dir}/d/${i}`, '');
    const report = await build(dir, image, { onProgress });
    expect(report.problems).toMatchObject([{ code: 'ENOENT', path: 'a' }]);
    expect((await fsck(image)).complaints).toEqual([]);
    expect(report).toMatchObject({ files: 20_001, hardLinks: 1 });
    fs.rmSync(image);
  });
});

/** Writes of the device are under way until somebody must wait for one. */
function late(device: MemoryDevice): MemoryDevice {
  const posted: Bio[] = [];
  return Object.assign(device, {
    queue: () => ({
      isReady: false,
      get isFull() {
        return posted.length === 4;
      },
      post: (bio: Bio) => void posted.push(bio),
    }),
    finishWrite(bio: Bio) {
      expect(posted.shift()).toBe(bio);
      bio.submit();
    },
  } as object);
}

describe('threads', () => {
  it('neither whether there are any nor how fast the device is changes a byte', () => {
    // More than all buffers hold, with nodes below inodes in between.
    for (let i = 0; i < 12; i++) {
      fs.mkdirSync(`${dir}/${i}`);
      fs.writeFileSync(`${dir}/${i}/large`, noise(5 * MIB, i));
      for (let j = 0; j < 200; j++) fs.writeFileSync(`${dir}/${i}/${j}`, noise(j * 40, j));
    }
    using tree = scanHostTree(dir);
    const hashes = [];
    for (const make of [() => new MemoryDevice(65536), () => late(new MemoryDevice(65536))]) {
      for (const share of [() => null, tree.share.bind(tree)]) {
        tree.share = share;
        const device = make();
        format(device, { timestamp: STAMP.sec, uuid: '01234567-89ab-cdef-0123-456789abcdef' });
        const volume = mount(device, { now: () => STAMP });
        using threads = startFilling(tree, BLKSIZE, null, null, 1);
        const loader = new TreeLoader(tree, volume.volume, threads, OPTIONS);
        for (const _ of loader.run());
        loader.close();
        volume.close();
        const bytes = new Uint8Array(device.nrBlocks * 4096);
        device.read(0, bytes);
        hashes.push(createHash('sha1').update(bytes).digest('hex'));
      }
    }
    expect(new Set(hashes).size).toBe(1);
  });

  it('those that die leave their work to the caller', async () => {
    plant(7);
    using tree = scanHostTree(dir);
    const sound = entriesOf(loaded(tree).volume);
    sabotage = (data) => ({ ...data, files: { root: null, entries: null } });
    try {
      const { device, volume } = empty(128 * MIB);
      using threads = startFilling(tree, BLKSIZE, null, null, 1);
      const loader = new TreeLoader(tree, volume.volume, threads, OPTIONS);
      // That a thread ends is heard in between.
      for (const _ of loader.run()) await new Promise((resolve) => setImmediate(resolve));
      loader.close();
      const now = writtenBy(loader, device, volume);
      expect(now.problems).toEqual([]);
      expect(entriesOf(now.volume)).toEqual(sound);
    } finally {
      sabotage = null;
    }
  });
});
