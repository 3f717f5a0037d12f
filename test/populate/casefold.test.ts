// Trees with directories that fold case: built at once and by the page cache, and put into them.
import * as fs from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openFileDevice } from '../../src/device/file-device.ts';
import { blockGeometry } from '../../src/format/block-size.ts';
import { CaseFolding, parseEncoding } from '../../src/format/casefold.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import { DEFAULT_FEATURES, featureBits, quotaTypes } from '../../src/mkfs/features.ts';
import { type BuildReport, build } from '../../src/populate/build.ts';
import { CasefoldChoice } from '../../src/populate/casefold-choice.ts';
import { Estimate } from '../../src/populate/estimate.ts';
import type { BuildOptions } from '../../src/populate/options.ts';
import { put } from '../../src/populate/put.ts';
import { quotaBlocks } from '../../src/populate/quota-blocks.ts';
import { scanHostTree } from '../../src/source/host/scan.ts';
import { fsck } from '../../tools/judge/fsck.ts';
import { quotaComplaints } from '../fs/quota-usage.ts';
import { bytesPath, makeTempDir } from '../host-fixture.ts';

let work: string;
let tree: string;
beforeAll(() => {
  work = makeTempDir();
  tree = join(work, 'tree');
  fs.mkdirSync(join(tree, 'media/Photos'), { recursive: true });
  fs.mkdirSync(join(tree, 'media/photos/lost'), { recursive: true });
  fs.mkdirSync(join(tree, 'media/many'));
  fs.mkdirSync(join(tree, 'other'));
  for (const name of ['a', 'A']) fs.writeFileSync(join(tree, 'other', name), name);
  fs.writeFileSync(join(tree, 'media/README'), 'README');
  fs.writeFileSync(join(tree, 'media/ReadMe'), 'ReadMe');
  fs.linkSync(join(tree, 'media/ReadMe'), join(tree, 'other/read'));
  fs.linkSync(join(tree, 'media/README'), join(tree, 'media/Linked'));
  fs.linkSync(join(tree, 'media/README'), join(tree, 'media/readme'));
  fs.writeFileSync(join(tree, 'media/Photos/Straße.jpg'), 'photo');
  fs.writeFileSync(join(tree, 'media/photos/lost/file'), 'lost');
  fs.writeFileSync(bytesPath(tree, 'media', Uint8Array.of(0x4e, 0xff)), 'no text');
  for (let i = 0; i < 2000; i++) fs.writeFileSync(join(tree, `media/many/\u00c4-Name-of-several-slots-${i}`), '');
});
afterAll(() => fs.rmSync(work, { recursive: true, force: true }));

const BUILD: BuildOptions = {
  force: true,
  sourceDateEpoch: 1_700_000_000,
  uuid: '00000000-0000-4000-8000-000000000000',
};

async function built(name: string, options: BuildOptions): Promise<{ image: string; report: BuildReport }> {
  const image = join(work, name);
  return { image, report: await build(tree, image, { ...BUILD, ...options }) };
}

async function withVolume(image: string, writable: boolean, use: (volume: FileSystem) => unknown): Promise<void> {
  const device = openFileDevice(image, { writable });
  try {
    const volume = mount(device, { readonly: !writable, cacheBytes: 16 << 20 });
    await use(volume);
    volume.close();
  } finally {
    device.close();
  }
}

const told = ({ problems }: Pick<BuildReport, 'problems'>) => problems.map(({ code, path }) => [code, path]).sort();
const text = (volume: FileSystem, path: string) => Buffer.from(volume.readFile(path)).toString();

describe.each([
  ['at once', undefined],
  ['by the page cache', 'folios'],
] as const)('a tree written %s', (_, engine) => {
  test('folds case where it was told to, and lacks what has no name there', async () => {
    const { image, report } = await built('media.img', { casefold: ['media'], engine });
    expect(told(report)).toEqual([
      ['EEXIST', 'media/ReadMe'],
      ['EEXIST', 'media/photos'],
      ['EEXIST', 'media/readme'],
    ]);
    expect(report.problems[0].message).toMatch(/folds case, and "README" is the same name there/);
    await withVolume(image, false, (volume) => {
      expect(volume.stat('/media').flags).toEqual(['casefold']);
      expect(volume.stat('/media/PHOTOS').flags).toEqual(['casefold']);
      expect(volume.stat('/other').flags).toEqual([]);
      expect(text(volume, '/media/readme')).toBe('README');
      expect(text(volume, '/other/read')).toBe('ReadMe');
      expect([volume.stat('/other/read').nlink, volume.stat('/media/LINKED').nlink]).toEqual([1, 2]);
      expect(text(volume, '/media/photos/STRASSE.JPG')).toBe('photo');
      expect([text(volume, '/other/a'), text(volume, '/other/A')]).toEqual(['a', 'A']);
      for (let i = 0; i < 2000; i++) volume.stat(`/media/MANY/a\u0308-name-of-several-slots-${i}`);
      expect(volume.readdir('/media/many')).toHaveLength(2000);
      expect(volume.stat('/media').nlink).toBe(4);
    });
    expect((await fsck(image)).complaints).toEqual([]);
  });

  test('is refused its names that are no text by a strict volume', async () => {
    const { image, report } = await built('strict.img', {
      casefold: ['media'],
      encoding: 'utf8:strict:hashonly',
      engine,
    });
    expect(told(report)).toContainEqual(['EINVAL', 'media/N\\xff']);
    await withVolume(image, false, (volume) => {
      expect(
        volume
          .readdir('/media')
          .map(({ name }) => Buffer.from(name).toString())
          .sort(),
      ).toEqual(['Linked', 'Photos', 'README', 'many'].sort());
    });
    expect((await fsck(image)).complaints).toEqual([]);
  });
});

test('what was estimated for the tree is what it takes', async () => {
  const folded = await built('estimate.img', { casefold: ['media/many'], size: 64 << 20 });
  expect(folded.report.problems).toEqual([]);
  expect((await built('auto.img', { casefold: ['media/many'] })).report.notes).toEqual([]);
});

describe('what lies below a directory that is left out', () => {
  let source: string;
  beforeAll(() => {
    source = join(work, 'left-out');
    for (const dir of ['g/AB', 'g/ab/deep', 'z']) fs.mkdirSync(join(source, dir), { recursive: true });
    fs.writeFileSync(join(source, 'k'), 'k');
    fs.linkSync(join(source, 'k'), join(source, 'g/ab/deep/h'));
    fs.linkSync(join(source, 'k'), join(source, 'z/k'));
    fs.writeFileSync(join(source, 'g/ab/deep/first'), Buffer.alloc(100_000, 'f'));
    fs.linkSync(join(source, 'g/ab/deep/first'), join(source, 'g/ab/second'));
    fs.linkSync(join(source, 'g/ab/second'), join(source, 'z/further-down'));
    fs.linkSync(join(source, 'g/ab/second'), join(source, 'z/last'));
    fs.mkdirSync(join(source, 'z/z/z'), { recursive: true });
    fs.linkSync(join(source, 'g/ab/second'), join(source, 'z/z/z/last'));
    fs.writeFileSync(join(source, 'g/ab/large'), Buffer.alloc(24 << 20, 'l'));
    fs.linkSync(join(source, 'g/ab/large'), join(source, 'g/ab/deep/large'));
    // Half of them fit into the inode of their directory, all would not.
    fs.mkdirSync(join(source, 'g/names'));
    for (const letter of ['a', 'A'])
      for (let i = 0; i < 6; i++) fs.writeFileSync(join(source, 'g/names', letter.repeat(200 + i)), '');
    for (let i = 0; i < 300; i++) {
      const file = join(source, 'g/ab/deep', `owned-${i}`);
      fs.writeFileSync(file, '');
      if (process.geteuid?.() === 0) fs.chownSync(file, i * 70_001, i * 70_001);
    }
  });

  test('has no part in links, sizes and owners, whichever way the image is made', async () => {
    const features = [...DEFAULT_FEATURES, 'casefold', 'quota'];
    const options: BuildOptions = { ...BUILD, casefold: ['g'], size: 64 << 20, features };
    const links: [string, number][] = [
      ['/k', 2],
      ['/z/k', 2],
      ['/z/last', 3],
      ['/z/further-down', 3],
    ];
    const reports: BuildReport[] = [];
    for (const engine of [undefined, 'folios'] as const) {
      const image = join(work, `left-out-${engine}.img`);
      reports.push(await build(source, image, { ...options, engine }));
      await withVolume(image, false, (volume) => {
        expect(links.map(([path]) => [path, volume.stat(path).nlink])).toEqual(links);
        expect(quotaComplaints(volume)).toEqual([]);
      });
      expect((await fsck(image)).complaints).toEqual([]);
    }
    const [atOnce, poured] = reports.map(({ image, seconds, problems, ...rest }) => rest);
    expect(atOnce).toEqual(poured);
    for (const { problems } of reports)
      expect(problems.map(({ code, path }) => [code, path])).toContainEqual(['EEXIST', 'g/ab']);
  });

  test('is not counted by the estimate', async () => {
    const features = [...DEFAULT_FEATURES, 'casefold', 'quota'];
    const { usedBlocks } = await build(source, join(work, 'left-out.img'), { ...BUILD, casefold: ['g'], features });
    const folding = new CaseFolding(parseEncoding('utf8'));
    const block = blockGeometry(4096);
    using tree = scanHostTree(source);
    const folded = new CasefoldChoice(tree, ['g'], folding);
    const steps = new Estimate(tree, block, featureBits(features), null, 1, folded).blocks();
    let step = steps.next();
    while (step.done !== true) step = steps.next();
    expect(usedBlocks).toBe(step.value + quotaBlocks(tree, quotaTypes(features), block, folded));
  });
});

test('casefold is added to no features that are named', async () => {
  const features = DEFAULT_FEATURES;
  const refused = { code: 'EOPNOTSUPP', message: "directories that fold case need the feature 'casefold': add it" };
  await expect(built('named.img', { casefold: ['media'], features })).rejects.toMatchObject(refused);
  await expect(built('named.img', { encoding: 'utf8', features })).rejects.toMatchObject(refused);
  const { image } = await built('unnamed.img', { encoding: 'utf8:strict', verity: { globs: ['other/a'] } });
  await withVolume(image, false, ({ volume }) => {
    expect([volume.hasFeature('casefold'), volume.hasFeature('verity')]).toEqual([true, true]);
  });
});

test('patterns that fit nothing are told', async () => {
  const globs = ['nowhere/**', 'other/none'];
  // A directory is no file, and a file no directory.
  const { report } = await built('none.img', {
    casefold: [...globs, 'other/a'],
    immutable: [...globs, 'media'],
    verity: { globs },
    compress: { codec: { algorithm: 1, level: 0 }, globs, extensions: ['jpg'] },
  });
  expect(report.notes).toEqual([
    'no directory folds case: none fits nowhere/**, other/none, other/a',
    'no file is made immutable: none fits nowhere/**, other/none, media',
    'no file is put under verity: none fits nowhere/**, other/none',
    'no file is compressed for its path: none fits nowhere/**, other/none',
  ]);
  const fitting = await built('some.img', {
    casefold: ['media', 'nowhere'],
    immutable: ['nowhere', 'other/*'],
    verity: { globs: ['other/a'] },
  });
  expect(fitting.report.notes).toEqual([]);
  await expect(built('wrong.img', { casefold: [''] })).rejects.toThrow(expect.objectContaining({ code: 'EINVAL' }));
});

test('what is put into a directory that folds case goes over what has the same name there, but not over itself', async () => {
  const { image } = await built('put.img', { casefold: ['media'] });
  const source = join(work, 'source');
  fs.mkdirSync(join(source, 'PHOTOS/New'), { recursive: true });
  fs.writeFileSync(join(source, 'readme'), 'put');
  fs.writeFileSync(join(source, 'PHOTOS/new.jpg'), 'new');
  for (const name of ['twice', 'Twice']) fs.writeFileSync(join(source, name), name);
  await withVolume(image, true, async (volume) => {
    const report = await put(volume, source, { directory: '/media', name: null });
    expect(told(report)).toEqual([['EEXIST', join(source, 'twice')]]);
    expect(text(volume, '/media/Readme')).toBe('put');
    expect(text(volume, '/media/photos/NEW.JPG')).toBe('new');
    expect(volume.stat('/media/photos/new').flags).toEqual(['casefold']);
    expect(text(volume, '/media/TWICE')).toBe('Twice');
    expect(text(volume, '/media/photos/strasse.jpg')).toBe('photo');
    await put(volume, join(source, 'PHOTOS'), { directory: '/other', name: 'plain' });
    expect(volume.stat('/other/plain').flags).toEqual([]);
  });
  expect((await fsck(image)).complaints).toEqual([]);
});
