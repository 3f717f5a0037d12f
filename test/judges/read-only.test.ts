// Images that nobody ever writes (the feature ro): the same contents as usual ones, the layout of mkfs.f2fs -O ro, and nothing that Linux
// or fsck.f2fs has a word for.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuildOptions, build, F2fsError, mount, openFileDevice, parseCodec, volumeInfo } from '../../src/index.ts';
import { fsck, kernelIsThere, runInKernel } from '../../tools/judge/index.ts';
import { OLD_AND_NEW } from '../../tools/judge/kernels.ts';
import { blockSizeOf, type KernelName } from '../../tools/judge/paths.ts';
import { kernelLogComplaints } from '../../tools/judge/verdict.ts';
import { noise, prose } from '../fs/compressed-volume.ts';
import { makeTempDir } from '../host-fixture.ts';
import { lookInto } from '../look-into.ts';
import { manifestOfVolume } from './volume-manifest.ts';

const compress = { codec: parseCodec('lz4'), clusterPages: 4 };
const WAYS: Readonly<Record<string, BuildOptions>> = {
  plain: {},
  compressed: { compress },
  verity: { compress, verity: { globs: ['**'] } },
  poured: { engine: 'folios' },
  bare: { features: [] },
};

let work: string;
let tree: string;
beforeAll(() => {
  work = makeTempDir();
  tree = join(work, 'tree');
  fs.mkdirSync(join(tree, 'many'), { recursive: true });
  fs.writeFileSync(join(tree, 'empty'), '');
  fs.writeFileSync(join(tree, 'small'), prose(100, 1));
  fs.writeFileSync(join(tree, 'text.txt'), prose(3_000_001, 2));
  // More than fits beside the addresses of the inode, and of two direct nodes.
  fs.writeFileSync(join(tree, 'large.mp4'), noise(13 << 20, 3));
  fs.writeFileSync(join(tree, 'hole'), '');
  fs.truncateSync(join(tree, 'hole'), 60_000_000);
  fs.appendFileSync(join(tree, 'hole'), 'end');
  for (let i = 0; i < 400; i++) fs.writeFileSync(join(tree, 'many', `${'long'.repeat(i % 40)}-${i}`), prose(i * 7, i));
  fs.linkSync(join(tree, 'small'), join(tree, 'linked'));
  fs.symlinkSync('t'.repeat(4000), join(tree, 'link'));
});
afterAll(() => fs.rmSync(work, { recursive: true, force: true }));

async function made(name: string, options: BuildOptions): Promise<string> {
  const image = join(work, `${name}.img`);
  const { problems, freeBlocks } = await build(tree, image, { sourceDateEpoch: 1_700_000_000, ...options });
  expect(problems).toEqual([]);
  if (options.readOnly) expect(freeBlocks).toBe(0);
  return image;
}

function infoOf(image: string) {
  const device = openFileDevice(image, { writable: false });
  try {
    return volumeInfo(device);
  } finally {
    device.close();
  }
}

describe('an image that is never written', () => {
  it.each(Object.entries(WAYS))('%s: holds what a usual one does, and is smaller', async (name, options) => {
    const usual = await made(`${name}-usual`, { ...options, release: options.compress && true });
    const sealed = await made(name, { ...options, readOnly: true });
    const entries = (image: string) =>
      lookInto(image, (volume) =>
        manifestOfVolume(volume).entries.map((entry) => ({
          ...entry,
          blocks: volume.lstat(Buffer.from(`/${entry.path}`, 'latin1')).blocks,
        })),
      );
    expect(entries(sealed)).toEqual(entries(usual));
    expect(fs.statSync(sealed).size).toBeLessThan(fs.statSync(usual).size - (20 << 20));
    expect((await fsck(sealed)).complaints).toEqual([]);
    const device = openFileDevice(sealed, { writable: true });
    try {
      expect(() => mount(device)).toThrow(
        expect.objectContaining({ code: 'EOPNOTSUPP', message: expect.stringMatching(/\bro\b/) }),
      );
    } finally {
      device.close();
    }
    expect(await made(`${name}-again`, { ...options, readOnly: true, uuid: infoOf(sealed).uuid })).toBeDefined();
    expect(fs.readFileSync(join(work, `${name}-again.img`)).equals(fs.readFileSync(sealed))).toBe(true);
  });

  it('has the layout of mkfs.f2fs', async () => {
    const sealed = await made('layout', { readOnly: true });
    const theirs = join(work, 'theirs.img');
    fs.writeFileSync(theirs, '');
    fs.truncateSync(theirs, fs.statSync(sealed).size);
    execFileSync('mkfs.f2fs', ['-q', '-O', 'ro,extra_attr', theirs]);
    const layoutOf = (image: string) => {
      const { areas, segments, reservedSegments, overprovSegments } = infoOf(image) as never as Record<string, unknown>;
      return { areas, segments, reservedSegments, overprovSegments };
    };
    expect(layoutOf(sealed)).toEqual(layoutOf(theirs));
  });

  it('takes no size, and nothing that is of use to who writes', async () => {
    const packed = { blockSize: 16384, features: ['extra_attr', 'packed_ssa'] };
    const released = { compress: {}, release: true };
    const counted = { features: ['extra_attr', 'quota'] };
    const sized = [{ size: 100 << 20 }, { size: 'auto', freeBytes: 1 } as const, { tight: true }];
    for (const options of [...sized, packed, released, counted]) {
      await expect(made('sized', { readOnly: true, ...options })).rejects.toThrow(F2fsError);
    }
  });
});

const KERNELS: readonly KernelName[] = [...OLD_AND_NEW, 'qemu-16k-sid'];

describe.each(KERNELS)('with %s', { timeout: 600_000 }, (kernel) => {
  it.skipIf(!kernelIsThere(kernel))('is mounted, for reading alone, and read', async () => {
    const blockSize = blockSizeOf(kernel);
    const names = Object.keys(WAYS);
    const images: string[] = [];
    for (const name of names)
      images.push(await made(`${kernel}-${name}`, { ...WAYS[name], readOnly: true, blockSize }));
    const share = fs.mkdtempSync(join(work, 'share-'));
    const script = names
      .map(
        (name, i) => `mount -t f2fs -o ro "$DEV${i}" /mnt || exit 1
grep -q ' /mnt f2fs ro' /proc/mounts && ! touch /mnt/new 2> /dev/null || exit 2
(cd /mnt && find . -type f ! -name hole | xargs sha256sum; tail -c 3 hole; ls many | wc -l) > "$SHARE/${name}"
umount /mnt || exit 3`,
      )
      .join('\n');
    const guest = await runInKernel(kernel, { images, share, script });
    expect([guest.exitCode, guest.stderr]).toEqual([0, '']);
    const hash = (path: string) => createHash('sha256').update(fs.readFileSync(path)).digest('hex');
    const files = (fs.readdirSync(tree, { recursive: true }) as string[])
      .filter((path) => path !== 'hole' && fs.lstatSync(join(tree, path)).isFile())
      .map((path) => `${hash(join(tree, path))}  ./${path}`);
    for (const name of names) {
      const [last, ...lines] = fs.readFileSync(join(share, name), 'latin1').trimEnd().split('\n').reverse();
      expect(last, name).toBe('end400');
      expect(lines.sort(), name).toEqual(files.sort());
    }
    expect(
      kernelLogComplaints(
        guest.console.split('\n').filter((line) => /f2fs/i.test(line)),
        false,
      ),
    ).toEqual([]);
  });
});
