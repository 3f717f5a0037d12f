// Volumes that others made and used: read whole as their maker saw them, changed, and judged by fsck.f2fs and a kernel after.
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SeededRandom } from '../../src/bench/random.ts';
import { openFileDevice } from '../../src/device/file-device.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import { fsck } from '../../tools/judge/fsck.ts';
import {
  judgeCodecs,
  judgeImages,
  KERNELS,
  type KernelName,
  kernelIsThere,
  listTree,
  runInKernel,
} from '../../tools/judge/index.ts';
import { manifestOfListing } from '../../tools/judge/listing.ts';
import { compareManifests, type Manifest } from '../../tools/judge/manifest.ts';
import { makeMixedTree } from '../../tools/judge/mixed-tree.ts';
import { runOrThrow } from '../../tools/judge/run.ts';
import { churnProgram, fullNamesProgram, wearProgram } from './churn.ts';
import { manifestOfVolume } from './volume-manifest.ts';

const SEED = Number(process.env.F2FS_SEED ?? 20_261_122);
const STEPS = Number(process.env.F2FS_CHURN ?? 1500);
const ALL = 'extra_attr,inode_checksum,inode_crtime,flexible_inline_xattr,sb_checksum,lost_found,quota,project_quota';

interface Maker {
  readonly name: string;
  /** Who uses it, and judges it after we have changed it. */
  readonly kernel: KernelName;
  readonly mib: number;
  /** Options of mkfs.f2fs. */
  readonly options: readonly string[];
  /** Further mount options. */
  readonly mountOptions?: string;
  /** Shell of the guest that uses the volume at /mnt; none: sload.f2fs fills it. */
  readonly use?: string;
}

const churn = (seed: number, steps = STEPS) => `perl $SHARE/churn.pl /mnt ${(SEED + seed) % 2 ** 31} ${steps}`;
/** QEMU takes its time. */
const churnInQemu = (seed: number) => churn(seed, Math.ceil(STEPS / 3));
/** From now on the kernel takes the gaps of used segments, and cleans. */
const urgent = 'echo 1 > /sys/fs/f2fs/$(basename $DEV)/gc_urgent';
const worn = 'perl $SHARE/wear.pl /mnt 3';
const wornInQemu = 'perl $SHARE/wear.pl /mnt 3 4';
const COMPRESSION = ['-O', 'extra_attr,compression'];
const MAKERS: readonly Maker[] = [
  { kernel: 'uml', name: 'default', mib: 300, options: [], use: churn(1) },
  { kernel: 'uml', name: 'all features', mib: 300, options: ['-O', ALL], use: churn(2) },
  {
    kernel: 'uml',
    name: 'large NAT, sections of two',
    mib: 400,
    options: ['-i', '-s', '2', '-O', 'extra_attr'],
    use: churn(3),
  },
  { kernel: 'uml', name: 'compression, unused', mib: 300, options: COMPRESSION, use: churn(4) },
  { kernel: 'uml', name: 'worn', mib: 64, options: [], use: 'perl $SHARE/wear.pl /mnt 6' },
  { kernel: 'uml', name: 'worn and used', mib: 100, options: ['-O', ALL], use: `${worn} && ${urgent} && ${churn(5)}` },
  { kernel: 'uml', name: 'names without room', mib: 128, options: [], use: 'perl $SHARE/full-names.pl /mnt' },
  { kernel: 'uml', name: 'Android', mib: 300, options: ['-g', 'android'], use: churn(13) },
  { kernel: 'uml', name: 'sload.f2fs', mib: 200, options: [] },
  {
    kernel: 'qemu',
    name: 'zstd, all features',
    mib: 300,
    options: ['-O', `${ALL},compression`],
    mountOptions: 'compress_algorithm=zstd:3,compress_log_size=3,compress_chksum,compress_extension=*',
    use: churnInQemu(6),
  },
  {
    kernel: 'qemu',
    name: 'lz4, used and worn',
    mib: 64,
    options: COMPRESSION,
    mountOptions: 'compress_algorithm=lz4,compress_extension=*',
    use: `${urgent} && ${churnInQemu(7)} && ${wornInQemu}`,
  },
  { kernel: 'qemu-6.12', name: 'all features', mib: 300, options: ['-O', ALL], use: churnInQemu(8) },
  {
    kernel: 'qemu-6.12',
    name: 'lzo-rle',
    mib: 300,
    options: ['-O', `${ALL},compression`],
    mountOptions: 'compress_algorithm=lzo-rle,compress_log_size=4,compress_extension=*',
    use: churnInQemu(9),
  },
  {
    kernel: 'qemu-6.12',
    name: 'lz4hc, used and worn',
    mib: 64,
    options: COMPRESSION,
    mountOptions: 'compress_algorithm=lz4:9,compress_extension=*',
    use: `${urgent} && ${churnInQemu(10)} && ${wornInQemu}`,
  },
  { kernel: 'qemu-sid', name: 'all features', mib: 300, options: ['-O', ALL], use: churnInQemu(11) },
  {
    kernel: 'qemu-sid',
    name: 'zstd, used and worn',
    mib: 64,
    options: COMPRESSION,
    mountOptions: 'compress_algorithm=zstd:3,compress_log_size=3,compress_chksum,compress_extension=*',
    use: `${urgent} && ${churnInQemu(12)} && ${wornInQemu}`,
  },
];
const makersOf = (kernel: KernelName) => MAKERS.filter((maker) => maker.kernel === kernel);

let work: string;
const imageOf = ({ kernel, name }: Maker) => join(work, `${kernel}, ${name}.img`);
const made = new Map<Maker, Manifest>();

beforeAll(async () => {
  console.log(`others: F2FS_SEED=${SEED}`);
  work = mkdtempSync(join(tmpdir(), 'f2fs-others-'));
  for (const maker of MAKERS) {
    writeFileSync(imageOf(maker), '');
    truncateSync(imageOf(maker), maker.mib << 20);
    await runOrThrow('mkfs.f2fs', ['-q', ...maker.options, imageOf(maker)]);
  }
  const tree = join(work, 'tree');
  mkdirSync(tree);
  makeMixedTree(tree);
  const sload = MAKERS.find(({ use }) => use === undefined) as Maker;
  await runOrThrow('sload.f2fs', ['-f', tree, imageOf(sload)]);
  await Promise.all(KERNELS.filter(kernelIsThere).map(useVolumes));
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

/** Linux since 6.12 lets slots be allocated in a file that was released; fsck.f2fs counts them. */
const isNotOfLinux = (complaint: string) => !complaint.endsWith('has reserved slots, though the file is released');

/** Has a kernel use its volumes, all in one boot, and notes what it finds in them then. */
async function useVolumes(kernel: KernelName): Promise<void> {
  const makers = makersOf(kernel);
  const share = join(work, kernel);
  mkdirSync(share);
  writeFileSync(join(share, 'churn.pl'), churnProgram);
  writeFileSync(join(share, 'wear.pl'), wearProgram);
  writeFileSync(join(share, 'full-names.pl'), fullNamesProgram);
  const guest = await runInKernel(kernel, {
    images: makers.map(imageOf),
    share,
    script: `${listTree}
${makers
  .map(
    ({ use = ':', mountOptions = 'rw' }, i) => `
DEV=$DEV${i}
mount -t f2fs -o '${mountOptions}' $DEV /mnt && { ${use}; } && umount /mnt && mount -t f2fs -o ro $DEV /mnt || exit 1
mkdir $SHARE/${i} && list_tree /mnt $SHARE/${i} && umount /mnt || exit 2`,
  )
  .join('\n')}
`,
  });
  expect([kernel, guest.exitCode, guest.stderr]).toEqual([kernel, 0, '']);
  makers.forEach((maker, i) => {
    made.set(maker, manifestOfListing(join(share, String(i))));
  });
}

/** Changes every file and symlink that is there a little, or takes it away, and adds some. */
function change(fs: FileSystem, manifest: Manifest, random: SeededRandom): void {
  const bytes = Buffer.alloc(70_000, 'changed ');
  let nr = 0;
  for (const { path, type } of manifest.entries) {
    if (type === 'd' || nr++ > 3000) continue;
    const name = Buffer.from(`/${path}`, 'latin1');
    const dice = random.below(8);
    if (dice === 0) fs.unlink(name);
    else if (dice === 1) fs.link(name, `/link ${nr}`);
    else if (dice === 2) fs.setAttributes(name, type === 'l' ? { uid: nr } : { mode: 0o640, uid: nr });
    else if (dice === 3 && type === 'f') fs.setXattr(name, 'user.added', bytes.subarray(0, 100));
    else if (type === 'f') {
      using file = fs.openFile(name);
      const { size, compression } = file.stat();
      if (compression?.released) file.reserveBlocks();
      const at = random.below(size + 5000);
      if (dice === 4) file.write(bytes.subarray(0, 1 + random.below(bytes.length)), at);
      else if (dice === 5) file.truncate(at);
      else if (dice === 6) file.punch(at, 1 + random.below(20_000));
      else if (compression !== null) {
        // Releasing is refused where nothing is saved.
        if (compression.savedBlocks > 0) file.releaseBlocks();
      } else if (size > 8192) file.collapseRange(4096 * random.below(Math.floor(size / 4096) - 1), 4096);
    }
    if (nr % 500 === 0) fs.sync();
  }
  fs.mkdir('/added');
  for (let i = 0; i < 200; i++) fs.writeFile(`/added/name ${i}`, bytes.subarray(0, 100 * i));
}

describe.each(KERNELS)('volumes that others made and used, with %s', (kernel) => {
  const makers = makersOf(kernel);

  it.skipIf(!kernelIsThere(kernel)).each(makers)('$name is read whole', (maker) => {
    const device = openFileDevice(imageOf(maker), { writable: false });
    const fs = mount(device, { readonly: true });
    const found = manifestOfVolume(fs);
    const isWorn = fs.volume.logs.current.some(({ allocType }) => allocType === 1);
    device.close();
    // Else the volume is not what it is here for.
    if (/worn and used|used and worn/.test(maker.name)) expect(isWorn).toBe(true);
    const expected = made.get(maker) as Manifest;
    expect(compareManifests(expected, found).differences).toEqual([]);
    expect(found.entries.length).toBeGreaterThan(30);
    const { complaints, algorithms } = judgeCodecs(imageOf(maker), { source: expected });
    expect(complaints.filter(isNotOfLinux)).toEqual([]);
    const clusters = Object.values(algorithms).reduce((sum, tally) => sum + tally.clusters, 0);
    if (maker.mountOptions !== undefined) expect(clusters).toBeGreaterThan(5);
  });

  it.skipIf(!kernelIsThere(kernel))('they are changed, and fsck.f2fs and the kernel agree afterwards', async () => {
    const cases = [];
    for (const maker of makers) {
      const image = imageOf(maker);
      const device = openFileDevice(image, { writable: true });
      const fs = mount(device, { cacheBytes: 16 << 20, now: () => ({ sec: 1_700_000_000, nsec: 0 }) });
      change(fs, made.get(maker) as Manifest, new SeededRandom(SEED));
      fs.close();
      const again = mount(device, { readonly: true });
      cases.push({ image, source: manifestOfVolume(again) });
      device.close();
    }
    for (const { image, complaints } of await judgeImages(cases, { kernels: [kernel] })) {
      expect([image, complaints]).toEqual([image, []]);
    }
    for (const { image, source } of cases) {
      const { complaints } = judgeCodecs(image, { source });
      expect([image, complaints.filter(isNotOfLinux)]).toEqual([image, []]);
    }
  });
});

describe("Android's defaults", () => {
  it('are written to', async () => {
    const image = join(work, 'android.img');
    writeFileSync(image, '');
    truncateSync(image, 200 << 20);
    await runOrThrow('mkfs.f2fs', ['-g', 'android', image]);
    expect((await fsck(image)).complaints).toEqual([]);
    const device = openFileDevice(image, { writable: true });
    const fs = mount(device);
    expect(fs.readdir('/')).toEqual([]);
    fs.writeFile('/file', Buffer.alloc(100_000, 'file'), { uid: 10_123, gid: 10_123 });
    fs.close();
    device.close();
    expect((await fsck(image)).complaints).toEqual([]);
  });
});
