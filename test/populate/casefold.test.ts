// Trees with directories that fold case: built at once and by the page cache, and put into them.
import * as fs from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openFileDevice } from '../../src/device/file-device.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import { type BuildReport, build } from '../../src/populate/build.ts';
import type { BuildOptions } from '../../src/populate/options.ts';
import { put } from '../../src/populate/put.ts';
import { fsck } from '../../tools/judge/fsck.ts';
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

test('a pattern that fits no directory is told', async () => {
  const { report } = await built('none.img', { casefold: ['nowhere/**'] });
  expect(report.notes).toContainEqual('no directory folds case: none fits nowhere/**');
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
