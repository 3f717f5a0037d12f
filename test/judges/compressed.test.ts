// Compressed files between us and Linux, in all algorithms, levels and cluster sizes: each reads and rewrites what the other
// wrote, and fsck.f2fs and the reference libraries agree. F2FS_JUDGE_ALL=1 takes all combinations, else a fifth of them.
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseCodec } from '../../src/compress/algorithms.ts';
import { build } from '../../src/populate/build.ts';
import type { BuildCompression } from '../../src/populate/compress-choice.ts';
import type { BuildOptions } from '../../src/populate/options.ts';
import { judgeCodecs } from '../../tools/judge/codecs.ts';
import { fsck } from '../../tools/judge/fsck.ts';
import { manifestOfTree } from '../../tools/judge/hosttree.ts';
import { judgeInKernel, type KernelJudgement } from '../../tools/judge/kernel-compress.ts';
import { compareManifests, type Manifest } from '../../tools/judge/manifest.ts';
import { projectRoot } from '../../tools/judge/paths.ts';
import { qemuIsThere } from '../../tools/judge/qemu.ts';
import { referenceCodecsAreThere } from '../../tools/judge/reference-codecs.ts';
import { type Target, targetsOf, usualRewrites } from '../../tools/judge/rewrites.ts';
import { allVariants, kernelVariant, nameOfVariant, someVariants } from '../../tools/judge/variants.ts';
import {
  formatCompressed,
  hashesBelow,
  hashesOf,
  MixedTrees,
  readHere,
  rewriteHere,
  sha256,
  withVolume,
  writeVariant,
} from './compressed-volumes.ts';

const variants = process.env.F2FS_JUDGE_ALL === '1' ? allVariants() : someVariants();
const MINUTES = 60_000;
const IMAGE_BYTES = 1 << 30;
let work: string;
let trees: MixedTrees;

beforeAll(() => {
  work = fs.mkdtempSync(join(tmpdir(), 'f2fs-compressed-'));
  trees = new MixedTrees(work);
});

afterAll(() => fs.rmSync(work, { recursive: true, force: true }));

/** The files of an image that are there to be rewritten, each in a way of its own. */
function planFor(image: string) {
  const forThis = ({ path }: Target) => path.includes('/.rewritten/');
  return usualRewrites(targetsOf(image).filter(forThis), Number.POSITIVE_INFINITY);
}

/** Whether a build's options choose a path, whatever its size. */
function isChosen(path: string, { extensions, noExtensions, globs }: Partial<BuildCompression>): boolean {
  const extension = path.slice(path.lastIndexOf('.') + 1);
  if (noExtensions?.includes(extension)) return false;
  if (extensions === undefined && globs === undefined) return true;
  if (extensions?.includes(extension)) return true;
  // The two patterns that the test uses.
  return globs !== undefined && (path.startsWith('binary/') || /^[^/]*\.dat$/.test(path));
}

/** What is wrong with an image, by fsck.f2fs and the reference libraries. */
async function complaintsOf(image: string, source: Manifest, dirtyPadding = false): Promise<string[]> {
  const { complaints } = judgeCodecs(image, { source, dirtyPadding });
  return [...(await fsck(image)).complaints, ...complaints];
}

/** Rewrites an image here, and checks what we read of it afterwards. */
function rewritten(image: string, options = {}): Manifest {
  const plan = planFor(image);
  expect(plan.length).toBeGreaterThan(0);
  const wanted = withVolume(image, options, (volume) => rewriteHere(volume, plan));
  const found = readHere(image);
  const hashes = new Map(found.entries.map(({ path, sha256 }) => [path, sha256]));
  for (const [path, bytes] of wanted) expect([path, hashes.get(path)]).toEqual([path, sha256(bytes)]);
  return found;
}

function unzip(name: string): Buffer {
  return Buffer.from(gunzipSync(fs.readFileSync(join(projectRoot, 'images', name))));
}

function manifestOf(name: string): Manifest {
  return JSON.parse(unzip(`${name}.manifest.json.gz`).toString()) as Manifest;
}

describe.skipIf(!referenceCodecsAreThere() || !qemuIsThere())('the kernel as the judge of compressed files', () => {
  it(
    'sees one flipped bit of a cluster, a hash that is another and a rewrite that is not refused as it should be',
    async () => {
      const source = manifestOf('kernel-compressed');
      const [sound, damaged] = [join(work, 'sound.img'), join(work, 'damaged.img')];
      const bytes = unzip('kernel-compressed.img.gz');
      fs.writeFileSync(sound, bytes);
      const at = bytes.indexOf('seed whole, line 1');
      expect(at).toBeGreaterThan(0);
      bytes[at + 30] ^= 1;
      fs.writeFileSync(damaged, bytes);
      const path = 'lz4-16k/zeros';
      const entries = source.entries.map((entry) => (entry.path === path ? { ...entry, sha256: 'another' } : entry));
      const judgements = await judgeInKernel([
        {
          image: sound,
          source: { ...source, entries },
          rewrites: [
            { path: 'lz4-16k/tail', op: 'write', at: 5, length: 5, kind: 'text', refusedWith: 22 },
            { path: 'lz4-16k/released', op: 'write', at: 5, length: 5, kind: 'text' },
          ],
        },
        { image: damaged, source },
      ]);
      expect(judgements.map(({ complaints }) => complaints)).toEqual([
        [
          expect.stringMatching(/lz4-16k\/tail.*errno 0, should be 22/),
          expect.stringMatching(/lz4-16k\/released.*errno 1, should be 0/),
          expect.stringMatching(/^"lz4-16k\/zeros": content differs .* should be another/),
        ],
        [expect.stringMatching(/^"lz4-16k\/whole-clusters": content differs/)],
      ]);
    },
    5 * MINUTES,
  );
});

describe.skipIf(!referenceCodecsAreThere() || !qemuIsThere())('compressed files', () => {
  it(
    'that we wrote are read and rewritten by Linux, and read by us again',
    async () => {
      const image = join(work, 'ours.img');
      formatCompressed(image, IMAGE_BYTES);
      for (const variant of variants) writeVariant(image, variant, trees.of(variant));
      const source = readHere(image);
      for (const variant of variants) {
        expect(hashesBelow(source, nameOfVariant(variant))).toEqual(hashesOf(trees.of(variant)));
      }
      expect(await complaintsOf(image, source)).toEqual([]);
      const rewrites = planFor(image);
      const [{ complaints, rewritten, after }] = await judgeInKernel([{ image, source, rewrites }], { keepIn: work });
      expect(complaints).toEqual([]);
      expect(compareManifests(after!.manifest, readHere(rewritten!)).differences).toEqual([]);
    },
    20 * MINUTES,
  );

  it(
    'that Linux wrote are read and rewritten by us, and read by Linux again',
    async () => {
      const image = join(work, 'empty.img');
      formatCompressed(image, IMAGE_BYTES);
      const directories = variants.map((variant) => kernelVariant(variant, trees.of(variant)));
      const [made] = await judgeInKernel([{ image, variants: directories }], { keepIn: work });
      expect(made.complaints).toEqual([]);
      expect(compareManifests(made.before!.manifest, readHere(made.rewritten!)).differences).toEqual([]);
      const images = (['folios', 'pages'] as const).map((engine) => {
        const copy = join(work, `${engine}.img`);
        fs.copyFileSync(made.rewritten!, copy);
        return { image: copy, source: rewritten(copy, { engine }) };
      });
      for (const { image, source } of images) expect(await complaintsOf(image, source)).toEqual([]);
      for (const { complaints } of await judgeInKernel(images)) expect(complaints).toEqual([]);
    },
    20 * MINUTES,
  );

  it(
    'that build made are what the source is, to us, to the libraries and to Linux, which rewrites them',
    async () => {
      const builds: [codec: string, pages: number, more: Partial<BuildCompression>, options: BuildOptions][] = [
        ['lz4', 4, {}, {}],
        ['lz4:16', 16, { checksum: true }, { workers: 2 }],
        ['zstd:22', 32, {}, { workers: 1 }],
        ['lzo', 8, { checksum: true }, { engine: 'pages' }],
        ['lzo-rle', 256, {}, { workers: 8 }],
        ['zstd:3', 16, { extensions: ['txt', 'so'] }, {}],
        ['lz4', 64, { noExtensions: ['jpg', 'txt'] }, { workers: 0 }],
        ['lz4', 16, { globs: ['binary/**', '*.dat'], extensions: ['jpg'] }, {}],
        ['lz4', 16, {}, { release: true }],
        ['zstd:1', 128, { checksum: true }, { release: true, workers: 2 }],
      ];
      const cases = [];
      for (const [i, [name, clusterPages, more, options]] of builds.entries()) {
        const codec = parseCodec(name);
        const tree = trees.of({ codec: name, logClusterSize: Math.log2(clusterPages), checksum: false });
        const image = join(work, `build-${i}.img`);
        const compress = { codec, clusterPages, ...more };
        const report = await build(tree, image, { freeBytes: 48 << 20, ...options, compress });
        expect(report.problems).toEqual([]);
        const source = await manifestOfTree(tree);
        expect(await complaintsOf(image, source)).toEqual([]);
        expect(compareManifests(source, readHere(image)).differences).toEqual([]);
        const targets = targetsOf(image);
        for (const { path, compressed, released, sizeBytes, clusterBytes } of targets.filter((it) => it.compressed)) {
          expect([path, clusterBytes, isChosen(path, more)]).toEqual([path, clusterPages * 4096, compressed]);
          expect(sizeBytes).toBeGreaterThan(clusterBytes - 4096);
          if (released) expect(options.release).toBe(true);
        }
        const left = targets.filter(({ path, compressed }) => !compressed && isChosen(path, more));
        for (const { sizeBytes } of left) expect(sizeBytes).toBeLessThanOrEqual((clusterPages - 1) * 4096);
        expect(targets.some(({ released }) => released)).toBe(options.release === true);
        cases.push({ image, source, rewrites: usualRewrites(targets) });
      }
      const judgements = await judgeInKernel(cases, { keepIn: work });
      expect(judgements.map(({ image, complaints }) => [image, complaints])).toEqual(
        cases.map(({ image }) => [image, []]),
      );
      // Newer kernels have some of them, too: an algorithm that they may drop, and all at once.
      const some = cases.filter((_, i) => builds[i][0] === 'lzo' || (builds[i][2].checksum && builds[i][3].release));
      const newer = (['qemu-6.12', 'qemu-sid'] as const).filter((kernel) => qemuIsThere(kernel));
      const later: KernelJudgement[] = [];
      for (const kernel of newer) {
        later.push(...(await judgeInKernel(some, { kernel, keepIn: fs.mkdtempSync(join(work, `${kernel}-`)) })));
      }
      for (const { image, complaints } of later) expect([image, complaints]).toEqual([image, []]);
      for (const { rewritten, after } of [...judgements, ...later]) {
        expect(compareManifests(after!.manifest, readHere(rewritten!)).differences).toEqual([]);
      }
    },
    20 * MINUTES,
  );

  it(
    'that sload.f2fs wrote are read and rewritten by us, and read by Linux',
    async () => {
      const image = join(work, 'sload.img');
      fs.writeFileSync(image, unzip('sload-compressed.img.gz'));
      expect(compareManifests(manifestOf('sload-compressed'), readHere(image)).differences).toEqual([]);
      const plan = usualRewrites(targetsOf(image));
      withVolume(image, {}, (volume) => rewriteHere(volume, plan));
      const source = readHere(image);
      expect(await complaintsOf(image, source, true)).toEqual([]);
      const [{ complaints }] = await judgeInKernel([{ image, source }], { codecs: { dirtyPadding: true } });
      expect(complaints).toEqual([]);
    },
    5 * MINUTES,
  );
});
