// Volumes with blocks of 16 and 64 KiB that Linux made, in the hands of the kernels that judge such: each finds what the one that
// made it found, and writes.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type BuildOptions,
  build,
  DEFAULT_FEATURES,
  format,
  mount,
  openFileDevice,
  parseCodec,
} from '../../src/index.ts';
import { imageFacts } from '../../tools/judge/image-facts.ts';
import { judgeCodecs, judgeImage, judgeImages, referenceCodecsAreThere } from '../../tools/judge/index.ts';
import { kernelIsThere, kernelsHere, LARGE_BLOCK_KERNELS, runInKernel } from '../../tools/judge/kernels.ts';
import { makeMixedTree } from '../../tools/judge/mixed-tree.ts';
import { blockSizeOf, type KernelName } from '../../tools/judge/paths.ts';
import { kernelLogComplaints } from '../../tools/judge/verdict.ts';
import { linesOfListing, listLines } from '../../tools/judge/volume-lines.ts';
import { censusFaults } from '../crash/tree.ts';
import { goldenImage, goldenLines } from '../golden-volumes.ts';
import { churnProgram, overwriteProgram, wearProgram } from './churn.ts';

/** The golden volumes, and who gets them: 6.12 would destroy the one with packed_ssa. */
const VOLUMES: Readonly<Record<string, readonly KernelName[]>> = {
  'f2fs-16k-unpacked-clean-linux6.12': ['qemu-16k-6.12', 'qemu-16k-sid'],
  'f2fs-16k-nofeatures-clean-linux6.12': ['qemu-16k-6.12'],
  'f2fs-16k-unpacked-cut-linux6.12': ['qemu-16k-6.12', 'qemu-16k-sid'],
  'f2fs-16k-packedssa-clean-linux7.2': ['qemu-16k-sid'],
  'f2fs-64k-unpacked-clean-linux7.2': ['qemu-64k-sid'],
};
const PACKED = 'f2fs-16k-packedssa-clean-linux7.2';
const isCut = (name: string) => name.includes('-cut-');
const volumesOf = (kernel: KernelName) => Object.keys(VOLUMES).filter((name) => VOLUMES[name].includes(kernel));

let work: string;
beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'f2fs-large-blocks-'));
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

function unpack(name: string, folder: string): string {
  const image = join(folder, `${name}.img`);
  writeFileSync(image, goldenImage(name));
  return image;
}

/** Lines by path; without the times of directories in which names were recovered. */
function byPath(lines: readonly string[], name: string): Map<string, string> {
  const timeless = (line: string) => (isCut(name) ? line.replace(/^(\.|cut) (d.*) \d+\.\d{9} /, '$1 $2 ') : line);
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(' ')), timeless(line)]));
}

/** What differs, at most some of it. */
function differences(expected: readonly string[], found: readonly string[], name: string): string[] {
  const rest = byPath(found, name);
  const differing: string[] = [];
  for (const [path, line] of byPath(expected, name)) {
    if (rest.get(path) !== line) differing.push(`${line.slice(0, 300)} | ${rest.get(path)?.slice(0, 300)}`);
    rest.delete(path);
  }
  return [...differing, ...[...rest.keys()].map((path) => `${path}: should not be there`)].slice(0, 20);
}

describe.each(LARGE_BLOCK_KERNELS)('volumes with larger blocks, with %s', (kernel) => {
  it.skipIf(!kernelIsThere(kernel))('are found as they were when they were made, and written to', async () => {
    const names = volumesOf(kernel);
    const share = mkdtempSync(join(work, `${kernel}-`));
    const images = names.map((name) => unpack(name, share));
    const facts = images.map((image) => imageFacts(image));
    expect(facts.map((it) => it?.blockSize)).toEqual(names.map(() => blockSizeOf(kernel)));
    expect(facts.map((it) => it?.cutOff)).toEqual(names.map(isCut));
    for (const name of names)
      for (const when of ['before', 'after']) mkdirSync(join(share, name, when), { recursive: true });
    const script = `${listLines}
dmesg -c > /dev/null
${names
  .map(
    (name, i) => `
mount -t f2fs -o noatime "$DEV${i}" /mnt && list_lines /mnt "$SHARE/${name}/before" || exit 1
echo $((40 + 2)) > /mnt/written && head -c 3000000 /dev/urandom > /mnt/large && rm /mnt/large && umount /mnt || exit 2
mount -t f2fs -o ro "$DEV${i}" /mnt && [ "$(cat /mnt/written)" = 42 ] || exit 3
${isCut(name) ? `list_lines /mnt "$SHARE/${name}/after" || exit 4` : ''}
umount /mnt || exit 5
dmesg -c > "$SHARE/${name}/dmesg"`,
  )
  .join('\n')}
mount -t f2fs "$DEV${names.length}" /mnt 2> /dev/null && exit 6
dmesg | grep -q 'Invalid log_blocksize'
`;
    // Volumes with other blocks are refused.
    const other = Object.keys(VOLUMES).find((name) => !name.includes(`-${blockSizeOf(kernel) / 1024}k-`)) as string;
    const guest = await runInKernel(kernel, { images: [...images, unpack(other, share)], share, script });
    expect([guest.exitCode, guest.stderr]).toEqual([0, '']);
    for (const [i, name] of names.entries()) {
      const expected = goldenLines(name);
      expect(differences(expected, linesOfListing(join(share, name, 'before')), name), name).toEqual([]);
      if (isCut(name)) {
        const after = linesOfListing(join(share, name, 'after'));
        const rest = after.filter((line) => !line.startsWith('written '));
        expect(differences(expected, rest, name), name).toEqual([]);
        expect(after.length).toBe(rest.length + 1);
      }
      const dmesg = readFileSync(join(share, name, 'dmesg'), 'latin1').split('\n');
      expect(kernelLogComplaints(dmesg, isCut(name)), name).toEqual([]);
      expect(imageFacts(images[i])?.cutOff).toBe(false);
    }
  });
});

describe.each(LARGE_BLOCK_KERNELS)('images of ours, with %s', (kernel) => {
  const blockSize = blockSizeOf(kernel);
  const ways: readonly BuildOptions[] = [
    {},
    { engine: 'folios' },
    ...(kernel === 'qemu-16k-6.12' ? [] : [{ features: [...DEFAULT_FEATURES, 'packed_ssa'] }]),
    ...['lz4', 'zstd:3', 'lzo', 'lzo-rle'].map((codec, i) => ({
      compress: { codec: parseCodec(codec), clusterPages: 4 << (i % 2), checksum: i > 1 },
      workers: 1,
    })),
  ];

  it.skipIf(!kernelIsThere(kernel))('hold what they were made of, and can be written to', async () => {
    const folder = mkdtempSync(join(work, `${kernel}-ours-`));
    const tree = join(folder, 'tree');
    mkdirSync(tree);
    makeMixedTree(tree, 4 * blockSize);
    const cases = await Promise.all(
      ways.map(async (options, i) => {
        const image = join(folder, `${i}.img`);
        const { problems } = await build(tree, image, { ...options, blockSize, freeBytes: 64 << 20 });
        expect(problems).toEqual([]);
        return { image, source: tree };
      }),
    );
    const judgements = await judgeImages(cases, { kernels: [kernel] });
    expect(judgements.map(({ complaints }) => complaints)).toEqual(ways.map(() => []));
    if (!referenceCodecsAreThere()) return;
    for (const { image } of cases.slice(-4)) expect(judgeCodecs(image).complaints, image).toEqual([]);
  });
});

describe.each(LARGE_BLOCK_KERNELS)('what little a small volume keeps back, with %s', (kernel) => {
  const blockSize = blockSizeOf(kernel);
  // The least of all, and the one of 24 segments, of which mkfs.f2fs keeps 14.
  const sizes = [20, 32].map((segments) => segments * 512 * blockSize);

  it.skipIf(!kernelIsThere(kernel))('is enough for a full one that is written over, filled, and churned', async () => {
    const share = mkdtempSync(join(work, `${kernel}-full-`));
    writeFileSync(join(share, 'overwrite.pl'), overwriteProgram);
    writeFileSync(join(share, 'wear.pl'), wearProgram);
    writeFileSync(join(share, 'churn.pl'), churnProgram);
    const images = sizes.map((sizeBytes) => {
      const image = join(share, `${sizeBytes}.img`);
      writeFileSync(image, '');
      truncateSync(image, sizeBytes);
      const device = openFileDevice(image, { writable: true });
      format(device, { blockSize });
      device.close();
      return image;
    });
    const guest = await runInKernel(kernel, {
      images,
      share,
      script: images
        .map(
          (_, i) => `
mount -t f2fs -o noatime $DEV${i} /mnt || exit 1
perl $SHARE/overwrite.pl /mnt 97 2 ${blockSize} && rm /mnt/file0 || exit 2
perl $SHARE/wear.pl /mnt 2 ${blockSize / 4096} && perl $SHARE/churn.pl /mnt 5 1000 || exit 3
umount /mnt || exit 4`,
        )
        .join('\n'),
    });
    expect([guest.exitCode, guest.stderr]).toEqual([0, '']);
    expect(guest.stdout.trim().split('\n')).toEqual(sizes.map(() => '0 failed, 0 wrong'));
    for (const image of images) {
      const device = openFileDevice(image, { writable: true });
      const fs = mount(device);
      expect(censusFaults(fs)).toEqual([]);
      for (const { name } of fs.readdir('/'))
        if (`${Buffer.from(name)}` !== 'lost+found') fs.remove(`/${Buffer.from(name)}`);
      expect(fs.statfs().freeBlocks).toBeGreaterThan(fs.volume.space.userBlockCount - 10);
      fs.close();
      device.close();
    }
  });
});

describe('who judges what', () => {
  it.skipIf(!kernelIsThere('qemu-16k-6.12'))('a kernel never gets a volume that it would destroy', async () => {
    const image = unpack(PACKED, work);
    const share = mkdtempSync(join(work, 'share-'));
    await expect(runInKernel('qemu-16k-6.12', { images: [image], script: 'true', share })).rejects.toThrow(
      /has packed_ssa, which Linux 6\.12\.\S+ does not know: it would destroy the volume/,
    );
  });

  it('tests of 4 KiB get kernels of 4 KiB only', () => {
    expect(kernelsHere().filter((kernel) => blockSizeOf(kernel) !== 4096)).toEqual([]);
    expect(kernelsHere(16_384).filter((kernel) => blockSizeOf(kernel) !== 16_384)).toEqual([]);
    expect(kernelsHere(8192)).toEqual([]);
  });

  it.skipIf(kernelsHere(16_384).length === 0)('a volume cut off goes to a kernel for its blocks', async () => {
    const image = unpack('f2fs-16k-unpacked-cut-linux6.12', work);
    const judgement = await judgeImage(image, undefined);
    expect(judgement.complaints).toEqual([]);
    expect(judgement.fsck.notes.join()).toMatch(/knows no blocks of 16384 bytes/);
    expect(judgement.kernels.map(({ kernel }) => kernel)).toEqual(kernelsHere(16_384).slice(0, 1));
  });
});
