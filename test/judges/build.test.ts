// The main job, judged: trees built into images, read by real kernels, byte for byte; and twice the same image.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fsExtra from 'fs-extra';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFileDevice } from '../../src/device/file-device.ts';
import { mount } from '../../src/fs/file-system.ts';
import { build } from '../../src/populate/build.ts';
import type { BuildOptions } from '../../src/populate/options.ts';
import { fsck, judgeImages, kernelsHere, manifestOfTree, runInUml, umlIsThere } from '../../tools/judge/index.ts';
import { compareManifests } from '../../tools/judge/manifest.ts';
import { asNobody, isRoot, makeVariedTree } from '../host-fixture.ts';
import { manifestOfVolume } from './volume-manifest.ts';

const { outputFileSync, removeSync } = fsExtra;
const UUID = '3e9c1fd4-1111-4222-8333-444455556666';
let work: string;
const trees: Record<string, string> = {};

/** Bytes that do not repeat and depend on nothing but the seed. */
function noise(size: number, seed: number): Buffer {
  const bytes = Buffer.alloc(size);
  let state = seed >>> 0 || 1;
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** Every size at which the layout of a file changes. */
function makeSizes(root: string): void {
  const sizes = [
    0,
    1,
    3451,
    3452,
    3453,
    4095,
    4096,
    4097,
    8191,
    65_536,
    65_537,
    864 * 4096,
    865 * 4096,
    (864 + 1018) * 4096 + 5,
  ];
  for (const size of sizes) fs.writeFileSync(`${root}/${size}`, noise(size, size));
  fs.writeFileSync(`${root}/zeros`, Buffer.alloc(3_000_000));
  const mixed = noise(1_000_000, 7);
  mixed.fill(0, 100_000, 500_000);
  fs.writeFileSync(`${root}/mixed`, mixed);
  writePages(`${root}/sparse`, [0, 863, 864, 1881, 1882, 2899, 2900, 5000]);
}

/** Pages on both sides of the edges of the indirect nodes and the double-indirect one: holes of 12 GB between. */
const FAR_PAGES = [0, 1_039_223, 1_039_224, 2_075_547, 2_075_548, 2_075_549, 3_000_000];

function writePages(path: string, pages: readonly number[]): void {
  const fd = fs.openSync(path, 'w');
  for (const page of pages) fs.writeSync(fd, noise(5000, page + 1), 0, 5000, page * 4096 + 17);
  fs.closeSync(fd);
}

function makeNames(root: string): void {
  fs.mkdirSync(`${root}/wide`);
  for (let i = 0; i < 4000; i++) fs.writeFileSync(`${root}/wide/${'n'.repeat(i % 200)}${i}`, `${i}`);
  const deep = Array.from({ length: 40 }, (_, i) => `level-${i}`);
  outputFileSync(join(root, ...deep, 'bottom'), 'here');
  fs.mkdirSync(`${root}/just-inline`);
  for (let i = 0; i < 178; i++) fs.writeFileSync(`${root}/just-inline/${i}`, '');
  fs.mkdirSync(`${root}/just-not`);
  for (let i = 0; i < 179; i++) fs.writeFileSync(`${root}/just-not/${i}`, '');
}

/** Attributes that need root and the attr tools. */
function makeAttributes(root: string): void {
  const script = `
    cd "$1"
    for i in a b c d e; do echo $i > $i; done
    mkdir dir; ln -s nowhere dangling
    setfattr -n user.small -v value a
    setfattr -n user.large -v "$(head -c 2500 /dev/zero | tr '\\0' x)" a
    setfattr -n user.empty b
    setfattr -h -n trusted.link -v on-a-symlink dangling
    setfattr -n security.test -v s c
    setfattr -n trusted.edge -v "$(head -c 150 /dev/zero | tr '\\0' y)" d
    setfacl -m u:12345:rwx,g:4000000000:r,m::rx e
    setfacl -d -m u:7:rw dir
    chmod 7755 d; chmod 1777 dir; chown 70000:4294967290 c
    touch -d '1960-01-02 03:04:05.678901234' b; touch -d '2200-01-01 00:00:00.1' c
  `;
  execFileSync('sh', ['-euc', script, 'sh', root]);
}

beforeAll(() => {
  work = fs.mkdtempSync(join(tmpdir(), 'f2fs-build-'));
  const makers: Record<string, (root: string) => void> = { sizes: makeSizes, names: makeNames, varied: makeVariedTree };
  if (isRoot) makers.attributes = makeAttributes;
  for (const [name, make] of Object.entries(makers)) {
    trees[name] = join(work, name);
    fs.mkdirSync(trees[name]);
    make(trees[name]);
  }
  // Its 21 GB of holes would be hashed by each judge.
  fs.truncateSync(`${trees.varied}/empty`, 5_000_000);
});

afterAll(() => removeSync(work));

function sha256(path: string): string {
  return createHash('sha256').update(fs.readFileSync(path)).digest('hex');
}

describe('build', () => {
  it('makes images in which the kernel finds every entry as the source has it', async () => {
    const cases: { image: string; source: string }[] = [];
    const make = async (tree: string, name: string, options: BuildOptions = {}) => {
      const image = join(work, `${name}.img`);
      const report = await build(trees[tree], image, { freeBytes: 8 << 20, ...options });
      expect(report.problems).toEqual([]);
      cases.push({ image, source: trees[tree] });
    };
    for (const name of Object.keys(trees)) await make(name, name);
    const features = [
      'extra_attr',
      'inode_checksum',
      'sb_checksum',
      'inode_crtime',
      'flexible_inline_xattr',
      'lost_found',
    ];
    await make('varied', 'flexible', { features, label: 'flexible ü' });
    await make('names', 'plain', { features: [] });
    for (const { image, source } of cases) {
      const device = openFileDevice(image, { writable: false });
      const found = manifestOfVolume(mount(device, { readonly: true }));
      device.close();
      expect(compareManifests(await manifestOfTree(source), found).differences).toEqual([]);
    }
    const kernels = kernelsHere();
    expect(kernels).not.toEqual([]);
    // Thousands of names take long in QEMU: once is enough.
    const few = cases.filter(({ source }) => source !== trees.names);
    const judgements = await Promise.all(
      kernels.map((kernel) => judgeImages(/^(uml|qemu)$/.test(kernel) ? cases : few, { kernels: [kernel] })),
    );
    for (const judgement of judgements.flat()) expect(judgement.complaints).toEqual([]);
  });

  it.runIf(umlIsThere())('puts pages at the far ends of the node tree where the kernel finds them', async () => {
    const source = join(work, 'far');
    fs.mkdirSync(source);
    writePages(`${source}/far`, FAR_PAGES);
    const image = join(work, 'far.img');
    const report = await build(source, image, { freeBytes: 8 << 20 });
    expect(report.usedBlocks).toBeLessThan(40);
    expect((await fsck(image)).complaints).toEqual([]);
    const read = (file: string) =>
      FAR_PAGES.map((page) => `dd if=${file} bs=4096 skip=${page} count=2 2>/dev/null`).join('; ');
    const share = fs.mkdtempSync(join(work, 'share-'));
    const script = `mount -t f2fs "$DEV0" /mnt && { ${read('/mnt/far')}; } | sha256sum; umount /mnt`;
    const { stdout } = await runInUml({ images: [image], script, share });
    expect(stdout.toString().slice(0, 64)).toBe(
      execFileSync('sh', ['-c', `{ ${read(`${source}/far`)}; } | sha256sum`])
        .toString()
        .slice(0, 64),
    );
  });

  it('makes the same image twice, whatever the memory, from a copy of the tree', async () => {
    const options = { uuid: UUID, sourceDateEpoch: 1_700_000_000 };
    const copy = join(work, 'copy');
    execFileSync('cp', ['-a', trees.names, copy]);
    const [one, two] = [join(work, 'one.img'), join(work, 'two.img')];
    await build(trees.names, one, options);
    await build(copy, two, options);
    expect(sha256(two)).toBe(sha256(one));
  });

  it('says what it could not read, keeps the rest, and drops nothing in silence', async () => {
    const source = join(work, 'unreadable');
    fs.mkdirSync(source);
    fs.writeFileSync(`${source}/good`, 'good');
    fs.writeFileSync(`${source}/secret`, 'secret', { mode: 0 });
    fs.mkdirSync(`${source}/closed`, { mode: 0 });
    if (isRoot) {
      fs.chmodSync(work, 0o777);
      fs.chmodSync(source, 0o755);
    }
    const image = join(work, 'unreadable.img');
    const report = await asNobody(() => build(source, image));
    expect(report.problems.map(({ path, code }) => `${path} ${code}`).sort()).toEqual([
      'closed EACCES',
      'secret EACCES',
    ]);
  });

  it('needs the space it says: the size it names fits, a segment less does not', async () => {
    const image = join(work, 'fit.img');
    await expect(build(trees.names, image, { size: 55 << 20, freeBytes: 100 << 20 })).rejects.toMatchObject({
      code: 'ENOSPC',
    });
    expect(fs.existsSync(image)).toBe(false);
    const { imageBytes } = await build(trees.names, image, { tight: true });
    await build(trees.names, image, { size: imageBytes, force: true });
    await expect(build(trees.names, image, { size: imageBytes - (2 << 20), force: true })).rejects.toThrow(
      /needs|too small/,
    );
  });

  it('leaves an image that exists alone without force, and when it is interrupted', async () => {
    const image = join(work, 'kept.img');
    fs.writeFileSync(image, 'precious');
    await expect(build(trees.names, image)).rejects.toMatchObject({ code: 'EEXIST' });
    const signal = AbortSignal.abort();
    await expect(build(trees.names, image, { force: true, signal })).rejects.toMatchObject({ code: 'ECANCELED' });
    expect(fs.readFileSync(image, 'utf8')).toBe('precious');
    expect(fs.readdirSync(work).filter((name) => name.endsWith('.part'))).toEqual([]);
  });
});
