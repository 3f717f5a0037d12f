// Volumes that others made and used: read whole as their maker saw them, changed, and judged by fsck.f2fs and a kernel after.
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SeededRandom } from '../../src/bench/random.ts';
import { openFileDevice } from '../../src/device/file-device.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import { fsck } from '../../tools/judge/fsck.ts';
import { judgeImages, listTree, runInUml, umlIsThere } from '../../tools/judge/index.ts';
import { manifestOfListing } from '../../tools/judge/listing.ts';
import { compareManifests, type Manifest } from '../../tools/judge/manifest.ts';
import { makeMixedTree } from '../../tools/judge/mixed-tree.ts';
import { runOrThrow } from '../../tools/judge/run.ts';
import { churnProgram, wearProgram } from './churn.ts';
import { manifestOfVolume } from './volume-manifest.ts';

const SEED = Number(process.env.F2FS_SEED ?? 20_261_122);
const STEPS = Number(process.env.F2FS_CHURN ?? 1500);
const ALL = 'extra_attr,inode_checksum,inode_crtime,flexible_inline_xattr,sb_checksum,lost_found';

interface Maker {
  readonly name: string;
  readonly mib: number;
  /** Options of mkfs.f2fs. */
  readonly options: readonly string[];
  /** Shell of the guest that uses the volume at /mnt; none: sload.f2fs fills it. */
  readonly use?: string;
}

const churn = (seed: number) => `perl $SHARE/churn.pl /mnt ${(SEED + seed) % 2 ** 31} ${STEPS}`;
/** From now on the kernel takes the gaps of used segments, and cleans. */
const urgent = 'echo 1 > /sys/fs/f2fs/$(basename $DEV)/gc_urgent';
const MAKERS: readonly Maker[] = [
  { name: 'default', mib: 300, options: [], use: churn(1) },
  { name: 'all features', mib: 300, options: ['-O', ALL], use: churn(2) },
  { name: 'large NAT, sections of two', mib: 400, options: ['-i', '-s', '2', '-O', 'extra_attr'], use: churn(3) },
  { name: 'compression, unused', mib: 300, options: ['-O', 'extra_attr,compression'], use: churn(4) },
  { name: 'worn', mib: 64, options: [], use: 'perl $SHARE/wear.pl /mnt 6' },
  {
    name: 'worn and used',
    mib: 100,
    options: ['-O', ALL],
    use: `perl $SHARE/wear.pl /mnt 3 && ${urgent} && ${churn(5)}`,
  },
  { name: 'sload.f2fs', mib: 200, options: [] },
];

let work: string;
let share: string;
const imageOf = ({ name }: Maker) => join(work, `${name}.img`);
const made = new Map<Maker, Manifest>();

beforeAll(async () => {
  console.log(`others: F2FS_SEED=${SEED}`);
  work = mkdtempSync(join(tmpdir(), 'f2fs-others-'));
  share = join(work, 'share');
  mkdirSync(share);
  writeFileSync(join(share, 'churn.pl'), churnProgram);
  writeFileSync(join(share, 'wear.pl'), wearProgram);
  for (const maker of MAKERS) {
    writeFileSync(imageOf(maker), '');
    truncateSync(imageOf(maker), maker.mib << 20);
    await runOrThrow('mkfs.f2fs', ['-q', ...maker.options, imageOf(maker)]);
  }
  const tree = join(work, 'tree');
  mkdirSync(tree);
  makeMixedTree(tree);
  const sload = MAKERS[MAKERS.length - 1];
  await runOrThrow('sload.f2fs', ['-f', tree, imageOf(sload)]);
  if (!umlIsThere()) return;
  const guest = await runInUml({
    images: MAKERS.map(imageOf),
    share,
    script: `${listTree}
${MAKERS.map(
  ({ use = ':' }, i) => `
DEV=$DEV${i}
mount -t f2fs $DEV /mnt && { ${use}; } && umount /mnt && mount -t f2fs -o ro $DEV /mnt || exit 1
mkdir $SHARE/${i} && list_tree /mnt $SHARE/${i} && umount /mnt || exit 2`,
).join('\n')}
`,
  });
  expect([guest.exitCode, guest.stderr]).toEqual([0, '']);
  MAKERS.forEach((maker, i) => {
    made.set(maker, manifestOfListing(join(share, String(i))));
  });
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

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
      const { size } = file.stat();
      const at = random.below(size + 5000);
      if (dice === 4) file.write(bytes.subarray(0, 1 + random.below(bytes.length)), at);
      else if (dice === 5) file.truncate(at);
      else if (dice === 6) file.punch(at, 1 + random.below(20_000));
      else if (size > 8192) file.collapseRange(4096 * random.below(Math.floor(size / 4096) - 1), 4096);
    }
    if (nr % 500 === 0) fs.sync();
  }
  fs.mkdir('/added');
  for (let i = 0; i < 200; i++) fs.writeFile(`/added/name ${i}`, bytes.subarray(0, 100 * i));
}

describe.skipIf(!umlIsThere())('volumes that others made and used', () => {
  it.each(MAKERS)('$name is read whole', (maker) => {
    const device = openFileDevice(imageOf(maker), { writable: false });
    const fs = mount(device, { readonly: true });
    const found = manifestOfVolume(fs);
    const isWorn = fs.volume.logs.current.some(({ allocType }) => allocType === 1);
    device.close();
    // Else the volume is not what it is here for.
    if (maker.name === 'worn and used') expect(isWorn).toBe(true);
    const expected = made.get(maker) as Manifest;
    expect(compareManifests(expected, found).differences).toEqual([]);
    expect(found.entries.length).toBeGreaterThan(30);
  });

  it('they are changed, and fsck.f2fs and the kernel agree afterwards', async () => {
    const cases = [];
    for (const maker of MAKERS) {
      const image = imageOf(maker);
      const device = openFileDevice(image, { writable: true });
      const fs = mount(device, { cacheBytes: 16 << 20, now: () => ({ sec: 1_700_000_000, nsec: 0 }) });
      change(fs, made.get(maker) as Manifest, new SeededRandom(SEED));
      fs.close();
      const again = mount(device, { readonly: true });
      cases.push({ image, source: manifestOfVolume(again) });
      device.close();
    }
    for (const { image, complaints } of await judgeImages(cases, { kernels: ['uml'] })) {
      expect([image, complaints]).toEqual([image, []]);
    }
  });
});

describe("Android's defaults", () => {
  it('are read, and not written to: what forbids it is named', async () => {
    const image = join(work, 'android.img');
    writeFileSync(image, '');
    truncateSync(image, 200 << 20);
    await runOrThrow('mkfs.f2fs', ['-g', 'android', image]);
    expect((await fsck(image)).complaints).toEqual([]);
    const device = openFileDevice(image, { writable: true });
    expect(mount(device, { readonly: true }).readdir('/')).toEqual([]);
    expect(() => mount(device)).toThrow(/encrypt, project_quota, quota, verity/);
    device.close();
  });
});
