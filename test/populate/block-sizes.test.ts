// Images with blocks of other sizes, both ways that a tree gets into one, plain and compressed: each holds the tree, and is changed.
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuildOptions, build, changeImage, extract, mount, openFileDevice, parseCodec } from '../../src/index.ts';
import { censusFaults } from '../crash/tree.ts';
import { noise, prose } from '../fs/compressed-volume.ts';
import { makeTempDir } from '../host-fixture.ts';

const KIB = 1024;
const COMPRESSED = { codec: parseCodec('zstd:3'), clusterPages: 4 };

let work: string;
let tree: string;

beforeAll(() => {
  work = makeTempDir();
  tree = path.join(work, 'tree');
  for (let i = 0; i < 300; i++) {
    const folder = path.join(tree, `directory-${i % 7}`);
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(folder, `${i}-${'n'.repeat(i % 200)}`), prose((i * 7919) % 90_000, i));
  }
  fs.writeFileSync(path.join(tree, 'text'), prose(1_500_000, 1));
  fs.writeFileSync(path.join(tree, 'noise'), noise(700_000, 2));
  fs.writeFileSync(path.join(tree, 'holes'), '');
  fs.truncateSync(path.join(tree, 'holes'), 3_000_000);
  fs.linkSync(path.join(tree, 'text'), path.join(tree, 'linked'));
  fs.symlinkSync('text', path.join(tree, 'link'));
});
afterAll(() => fs.rmSync(work, { recursive: true, force: true }));

/** Contents by path, of a directory of the host. */
function contentsBelow(root: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const entry of fs.readdirSync(root, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    if (entry.name === 'lost+found') continue;
    const told = entry.isFile()
      ? fs.readFileSync(file, 'latin1')
      : entry.isSymbolicLink()
        ? fs.readlinkSync(file)
        : '/';
    found.set(path.relative(root, file), told);
  }
  return found;
}

function faultsOf(image: string): string[] {
  const device = openFileDevice(image);
  const volume = mount(device, { readonly: true });
  const faults = censusFaults(volume);
  volume.close();
  device.close();
  return faults;
}

describe.each([16, 64])('blocks of %i KiB', (kib) => {
  it.each<[string, BuildOptions]>([
    ['at once', {}],
    ['at once, compressed', { compress: COMPRESSED, workers: 1 }],
    ['by the page cache', { engine: 'folios' }],
    ['by the page cache, compressed', { engine: 'pages', compress: COMPRESSED, workers: 1 }],
  ])('%s', async (_how, options) => {
    const image = path.join(work, 'image.img');
    const out = path.join(work, 'out');
    const report = await build(tree, image, { ...options, blockSize: kib * KIB, force: true, freeBytes: 8 << 20 });
    expect(report).toMatchObject({ blockBytes: kib * KIB, problems: [], notes: [] });
    if (options.compress !== undefined) expect(report.compression?.savedBlocks).toBeGreaterThan(5);
    expect(faultsOf(image)).toEqual([]);
    const made = openFileDevice(image);
    const built = mount(made, { readonly: true });
    await extract(built, '/', out);
    built.close();
    made.close();
    expect(contentsBelow(out)).toEqual(contentsBelow(tree));
    fs.rmSync(out, { recursive: true });

    await changeImage(image, (volume) => {
      using file = volume.openFile('/text');
      file.write(Buffer.from('changed'), 100_000);
      volume.writeFile('/new', 'new');
    });
    expect(faultsOf(image)).toEqual([]);
    const device = openFileDevice(image);
    const volume = mount(device, { readonly: true });
    const expected = fs.readFileSync(path.join(tree, 'text'));
    expected.set(Buffer.from('changed'), 100_000);
    expect(Buffer.compare(volume.readFile('/text'), expected)).toBe(0);
    expect(Buffer.from(volume.readFile('/new')).toString()).toBe('new');
    volume.close();
    device.close();
  });
});
