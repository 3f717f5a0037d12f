// A source is what SourceTree says: one whose calls fail costs the entries that they are about, and what a tree tells is all that counts.
import * as fs from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { F2fsError } from '../../src/errors.ts';
import { systemTime } from '../../src/fs/clock.ts';
import { type Host, thisHost } from '../../src/host/host.ts';
import { type FileSystem, format, MemoryDevice, mount, openFileDevice } from '../../src/index.ts';
import { buildFrom } from '../../src/populate/build.ts';
import { Populator } from '../../src/populate/populate.ts';
import { PutLinks } from '../../src/populate/put-links.ts';
import { scanHostTree } from '../../src/source/host/scan.ts';
import { PourOrder } from '../../src/source/pour-order.ts';
import type { SourceFile } from '../../src/source/source-tree.ts';
import { fsck } from '../../tools/judge/fsck.ts';
import { noise } from '../fs/compressed-volume.ts';
import { fsckDevice } from '../fs/fsck-device.ts';
import { makeTempDir } from '../host-fixture.ts';
import { MemoryTree } from '../source/memory-tree.ts';

let dir: string;
let device: MemoryDevice;
let volume: FileSystem;
beforeEach(() => {
  dir = makeTempDir();
  device = new MemoryDevice({ sizeBytes: 64 << 20 });
  format(device);
  volume = mount(device);
});
afterEach(() => fs.rmSync(dir, { recursive: true, force: true }));

function pour(populator: Populator): { path: string; code: string }[] {
  for (const _ of populator.run());
  populator.close();
  return populator.problems.list.map(({ path, code }) => ({ path, code }));
}

const contents = (path: string) => Buffer.from(volume.readFile(path)).toString();

it.each(['data', 'fill', 'verify'] as const)(
  'a file whose %s fails is named, and nothing of it is left',
  async (call) => {
    fs.writeFileSync(`${dir}/a`, 'a'.repeat(300_000));
    fs.writeFileSync(`${dir}/b`, 'b');
    using tree = scanHostTree(dir, { xattrs: false });
    const open = tree.open.bind(tree);
    tree.open = (index) => {
      const file: SourceFile = open(index);
      if (tree.path(index) === 'a')
        file[call] = () => {
          throw new F2fsError('EIO', 'the archive is cut off');
        };
      return file;
    };
    expect(pour(new Populator(tree, volume, systemTime(), null))).toEqual([{ path: 'a', code: 'EIO' }]);
    expect(volume.readdir('/').map(({ name }) => Buffer.from(name).toString())).not.toContain('a');
    expect(contents('/b')).toBe('b');
    volume.close();
    expect((await fsckDevice(device)).complaints).toEqual([]);
  },
);

it('a file whose size only reading tells has it by each of its names', () => {
  fs.writeFileSync(`${dir}/a`, 'hello');
  fs.linkSync(`${dir}/a`, `${dir}/b`);
  // As a file of /proc: no size, no blocks, and no block device.
  const untold = (stat: fs.BigIntStats) =>
    stat.isFile() ? Object.assign(stat, { size: 0n, blocks: 0n, dev: 5n }) : stat;
  const real = thisHost(null);
  const host = {
    ...real,
    fs: {
      ...fs,
      lstatSync: (path: fs.PathLike) => untold(fs.lstatSync(path, { bigint: true })),
      fstatSync: (fd: number) => untold(fs.fstatSync(fd, { bigint: true })),
    },
  } as unknown as Host;
  using tree = scanHostTree(dir, { host, xattrs: false });
  volume.mkdir('/a');
  const target = { directory: volume.root(), isRoot: false, replace: true, links: new PutLinks() };
  expect(pour(new Populator(tree, volume, systemTime(), null, target))).toEqual([{ path: 'a', code: 'EISDIR' }]);
  expect(contents('/b')).toBe('hello');
  volume.close();
});

it.each([
  ['alone', [9000], ['a', 'E2BIG']],
  ['beside others', [9000, 5], ['a', 'E2BIG']],
  ['with another that is', [9000, 9001], ['a', 'E2BIG', 'a', 'E2BIG']],
])('an attribute that is refused is named once: %s', (_, sizes, told) => {
  fs.writeFileSync(`${dir}/a`, '');
  using tree = scanHostTree(dir, { xattrs: false });
  const found = sizes.map((size) => ({ name: Buffer.from(`user.of-${size}`), value: Buffer.alloc(size) }));
  tree.hasXattrs = (index) => tree.path(index) === 'a';
  tree.xattrs = () => ({ found, failed: [] });
  const problems = pour(new Populator(tree, volume, systemTime(), null));
  expect(problems.flatMap(({ path, code }) => [path, code])).toEqual(told);
  expect(volume.xattrs('/a').map(({ value }) => value.length)).toEqual(sizes.filter((size) => size < 4000));
  volume.close();
});

it('is poured a directory at a time: its entries, then each of its directories, whose parts can be passed over', () => {
  for (const sub of ['a/c', 'a/b/x', 'd']) fs.mkdirSync(`${dir}/${sub}`, { recursive: true });
  for (const file of ['z', 'a/y', 'a/b/x/f', 'd/g']) fs.writeFileSync(`${dir}/${file}`, '');
  using tree = scanHostTree(dir, { xattrs: false });
  const walk = (skipped: string) => {
    const seen: string[] = [];
    const order = new PourOrder(tree);
    for (let step = order.next(); step !== 'end'; step = order.next()) {
      const path = tree.path(order.index);
      seen.push(`${step} ${path}`);
      if (step === 'enter' && path === skipped) order.skip();
    }
    return seen;
  };
  const ofB = ['enter a/b/x', 'entry a/b/x/f', 'leave a/b/x', 'leave a/b'];
  const all = ['entry z', 'enter a', 'entry a/y', 'enter a/b', ...ofB, 'enter a/c', 'leave a/c', 'leave a'];
  all.push('enter d', 'entry d/g', 'leave d', 'leave .');
  expect(walk('')).toEqual(all);
  expect(walk('a/b')).toEqual(all.filter((step) => !ofB.includes(step)));
  expect(walk('d')).toEqual(all.filter((step) => !['entry d/g', 'leave d'].includes(step)));
});

it.each([undefined, 'folios', 'pages'] as const)(
  'an image of a tree that is on no host, by engine %s',
  async (engine) => {
    const large = noise(9 << 20, 1);
    const image = `${dir}/image`;
    const tree = new MemoryTree({ empty: {}, usr: { bin: { large, small: Buffer.from('small') }, link: 'bin/large' } });
    const report = await buildFrom(async () => tree, image, { engine, compress: { clusterPages: 16 } });
    expect(report).toMatchObject({
      files: 2,
      directories: 3,
      symlinks: 1,
      problems: [],
      contentBytes: large.length + 5,
    });
    expect((await fsck(image)).complaints).toEqual([]);
    const opened = openFileDevice(image, { writable: false });
    using fromImage = mount(opened, { readonly: true });
    expect(Buffer.compare(fromImage.readFile('/usr/link'), large)).toBe(0);
    expect(fromImage.stat('/usr/bin/small')).toMatchObject({ size: 5, mode: 0o100640 });
    fromImage.close();
    opened.close();
  },
);
