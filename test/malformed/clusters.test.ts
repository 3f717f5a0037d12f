// Damaged clusters: the error says which inode, and which block where it is known; every other file is as it was, and can be
// written; and whatever is done to the damaged file ends in an F2fsError or well, with nobody else's blocks touched.
import { describe, expect, test } from 'vitest';
import { BLKSIZE, type BlockDevice } from '../../src/device/device.ts';
import { F2fsError } from '../../src/errors.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import { baseOf, CLUSTER_FILES, pattern } from './base.ts';
import { DamagedImage } from './damaged-image.ts';
import type { Recipe } from './recipe.ts';
import { clusterRecipes } from './recipes/cluster.ts';

const OPTIONS = { cacheBytes: 16 << 20 };
/** Files to be looked at: those in clusters, and a few others. */
const PATHS = [...Object.keys(CLUSTER_FILES), '/direct', '/wide', '/noted', '/late'];

function attempt(call: () => void): F2fsError | null {
  try {
    call();
    return null;
  } catch (error) {
    if (error instanceof F2fsError) return error;
    throw error;
  }
}

function damagedBy({ damage }: Recipe): DamagedImage {
  const image = new DamagedImage(baseOf('compressed'));
  damage(image);
  return image;
}

/** Paths of PATHS that can't be read, with the error, or that hold something else than in the base. */
function faults(device: BlockDevice): Map<string, F2fsError | 'changed'> {
  const found = new Map<string, F2fsError | 'changed'>();
  using fs = mount(device, { ...OPTIONS, readonly: true });
  for (const path of PATHS) {
    const expected = baseOf('compressed').fs.readFile(path);
    const failure = attempt(() => {
      if (Buffer.compare(fs.readFile(path), expected) !== 0) found.set(path, 'changed');
    });
    if (failure !== null) found.set(path, failure);
  }
  return found;
}

test('the base has the clusters that the recipes count on', () => {
  const { fs, inos } = baseOf('compressed');
  for (const [path, { codec, checksum }] of Object.entries(CLUSTER_FILES)) {
    const { compression } = fs.stat(path);
    expect(compression).toMatchObject({
      algorithm: codec.split(':')[0],
      checksum,
      released: path === '/released',
      savedBlocks: path === '/released' ? 0 : 3,
    });
  }
  expect(inos.size).toBeGreaterThan(300);
  expect(faults(new DamagedImage(baseOf('compressed')).device())).toEqual(new Map());
});

const damaged = clusterRecipes.filter(({ expect: expected }) => expected === 'EUCLEAN');

test.each(damaged)('$name ($touch): told with its inode; all else can be read and written', (recipe) => {
  const image = damagedBy(recipe);
  const found = faults(image.device());
  const ino = baseOf('compressed').inos.get(recipe.touch);
  expect([...found.keys()]).toEqual([recipe.touch]);
  const error = found.get(recipe.touch) as F2fsError;
  expect([error.code, error.ino]).toEqual(['EUCLEAN', ino]);
  expect(error.message).toContain(`${ino}`);
  const isContent = /clen|a wrong checksum|no checksum|free|payload|: zeros|: all ones|: every byte|: a beginning/;
  if (isContent.test(recipe.name)) expect(error.blkaddr).toBeGreaterThanOrEqual(image.layout.mainBlkaddr);
  const device = image.device();
  using fs = mount(device, OPTIONS);
  fs.writeFile('/added', pattern(5000, 3));
  fs.writeFile('/late', pattern(70_000, 3));
  fs.unlink('/direct');
  fs.close();
  const after = faults(device);
  expect([...after].map(([path, fault]) => [path, fault === 'changed' ? fault : fault.code])).toEqual(
    expect.arrayContaining([
      ['/late', 'changed'],
      ['/direct', 'ENOENT'],
      [recipe.touch, 'EUCLEAN'],
    ]),
  );
  expect(after.size).toBe(3);
});

test('the clusters before and after a damaged one are read', () => {
  const recipe = clusterRecipes.find(({ name }) => name === 'clen 0') as Recipe;
  using fs = mount(damagedBy(recipe).device(), { ...OPTIONS, readonly: true });
  const expected = baseOf('compressed').fs.readFile('/lz4');
  using file = fs.openFile('/lz4');
  const into = new Uint8Array(4 * BLKSIZE);
  for (const cluster of [0, 2]) {
    expect(file.read(into, cluster * into.length)).toBe(into.length);
    const part = expected.subarray(cluster * into.length, (cluster + 1) * into.length);
    expect(Buffer.compare(into, part)).toBe(0);
  }
  expect(attempt(() => file.read(into, into.length))?.code).toBe('EUCLEAN');
  expect(attempt(() => file.read(new Uint8Array(13 * BLKSIZE), 0))?.code).toBe('EUCLEAN');
});

describe.each(['folios', 'pages'] as const)('a page of a damaged cluster written anew, engine %s', (engine) => {
  const isCluster = /clen|checksum|^COMPRESS_ADDR in slot|gap|hole|no data block|free$|: zeros/;
  const recipes = damaged.filter(({ name }) => isCluster.test(name) && !/says|with a|pages/.test(name));

  test.each(recipes)('$name ($touch): the file can be removed, all else is written', (recipe) => {
    const device = damagedBy(recipe).device();
    const fs = mount(device, { ...OPTIONS, engine });
    const written = attempt(() => {
      using file = fs.openFile(recipe.touch);
      file.write(pattern(BLKSIZE, 5), 2 * BLKSIZE);
      file.write(pattern(BLKSIZE, 5), 6 * BLKSIZE);
    });
    attempt(() => fs.writeFile('/late', pattern(70_000, 3)));
    const synced = attempt(() => fs.sync());
    if (recipe.touch === '/released') expect(written?.code).toBe('EPERM');
    else if (written === null)
      expect([synced?.code, synced?.ino]).toEqual(['EIO', baseOf('compressed').inos.get(recipe.touch)]);
    expect(fs.volume.stopped).toBe(false);
    const removed = attempt(() => fs.unlink(recipe.touch));
    // Slots that can't be trusted, or do not fit the inode's counts, can't be freed either.
    if (/clen|checksum|zeros/.test(recipe.name)) expect(removed).toBeNull();
    if (removed !== null) return;
    fs.writeFile('/late', pattern(70_000, 3));
    fs.sync();
    fs.close();
    const after = faults(device);
    expect([...after.keys()].sort()).toEqual(['/late', recipe.touch].sort());
  });
});

describe('changing a damaged file', () => {
  const CHANGES: Record<string, (fs: FileSystem, path: string) => void> = {
    unlink: (fs, path) => fs.unlink(path),
    replace: (fs, path) => fs.writeFile(path, pattern(60_000, 3)),
    cut: (fs, path) => fs.openFile(path).truncate(5 * BLKSIZE + 7),
    'cut to a cluster': (fs, path) => fs.openFile(path).truncate(4 * BLKSIZE),
    'write a page': (fs, path) => fs.openFile(path).write(pattern(BLKSIZE, 5), 6 * BLKSIZE),
    'write bytes': (fs, path) => fs.openFile(path).write(pattern(50, 5), 5 * BLKSIZE + 9),
    'write all': (fs, path) => fs.openFile(path).write(pattern(13 * BLKSIZE, 5), 0),
    punch: (fs, path) => fs.openFile(path).punch(3 * BLKSIZE, 5 * BLKSIZE),
    release: (fs, path) => fs.openFile(path).releaseBlocks(),
    reserve: (fs, path) => fs.openFile(path).reserveBlocks(),
  };
  /** Of what is wrong with payloads one of each algorithm is enough here; blocks that recipes gave to two files are no one's. */
  const recipes = clusterRecipes.filter(({ name }) => !/: (every|all|a begin)|blocks? of a|block more/.test(name));

  test.each(Object.entries(CHANGES))('%s', (_, change) => {
    for (const recipe of recipes) {
      const device = damagedBy(recipe).device();
      const fs = mount(device, OPTIONS);
      attempt(() => change(fs, recipe.touch));
      attempt(() => fs.writeFile('/added', pattern(5000, 3)));
      const synced = attempt(() => fs.sync());
      attempt(() => fs.close());
      fs.abandon();
      const others = faults(device);
      others.delete(recipe.touch);
      expect([recipe.name, others]).toEqual([recipe.name, new Map()]);
      if (synced === null) {
        using fs = mount(device, { ...OPTIONS, readonly: true });
        expect(fs.readFile('/added').length).toBe(5000);
      }
    }
  });
});
