// What we write never makes fsck.f2fs's list longer: whatever a damaged volume says of itself, a mount that changes it is refused, or
// leaves no more to complain of than it found. F2FS_FSCK_IMAGES=N tries N images, F2FS_FSCK_SEED=S begins with seed S.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BlockDevice } from '../../src/device/device.ts';
import { openFileDevice } from '../../src/device/file-device.ts';
import { CP } from '../../src/format/checkpoint.ts';
import { COMPRESS_ADDR } from '../../src/format/constants.ts';
import { NatJournalEntry } from '../../src/format/nat.ts';
import { NODE_DIR1 } from '../../src/format/node.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import { build, extract } from '../../src/index.ts';
import { fsck } from '../../tools/judge/fsck.ts';
import { run } from '../../tools/judge/run.ts';
import { writeImage } from '../devices.ts';
import { BASE_NAMES, type Base, baseOf, pattern } from './base.ts';
import { DamagedImage } from './damaged-image.ts';
import { goldenBase } from './golden-bases.ts';
import type { MetadataKind } from './metadata.ts';
import { mutateField } from './mutate.ts';
import { Random } from './random.ts';
import { codeOf } from './session.ts';
import { WORN_NAMES, wornBase } from './worn-bases.ts';

const IMAGES = Number(process.env.F2FS_FSCK_IMAGES ?? 50);
const FIRST_SEED = Number(process.env.F2FS_FSCK_SEED ?? 1);
/** The tables and the pack that leads to them; half of the damage is to the journals, which come first. */
const TABLES = ['summaries', 'summaries', 'summaries', 'nat', 'sit', 'checkpoint', 'orphans'] as const;
const ALL = [...TABLES, 'inode', 'dentry', 'dnode', 'ssa', 'indirect', 'xattr'] as const;
const CACHE_BYTES = 16 << 20;

let work: string;
beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'f2fs-malformed-'));
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

async function complaints(device: BlockDevice): Promise<string[]> {
  const image = join(work, 'image');
  writeImage(device, image);
  return (await fsck(image)).complaints;
}

/** Makes, replaces and removes something, and cleans, each as far as the volume allows; the code of what refused the mount. */
function change(device: BlockDevice, { inos }: Base): string | null {
  let fs: FileSystem | null = null;
  const refused = codeOf(() => {
    fs = mount(device, { cacheBytes: CACHE_BYTES, now: () => ({ sec: 1_700_000_100, nsec: 0 }) });
  });
  const mounted = fs as FileSystem | null;
  if (mounted === null) return refused;
  const [replaced, removed] = [...inos.keys()].filter((path) => /file|late|bb/.test(path));
  const changes: (() => void)[] = [
    () => mounted.writeFile('/fresh', pattern(700, 1)),
    () => mounted.writeFile('/fresh too', pattern(9 * 4096 + 100, 1)),
    () => mounted.writeFile(replaced, pattern(5000, 2)),
    () => mounted.unlink(removed),
    () => mounted.clean({ sections: 3 }),
    () => mounted.close(),
  ];
  for (const one of changes) codeOf(one);
  return null;
}

/** Which damaged images are tried, and what is done to each. */
interface Damage {
  readonly kinds: readonly MetadataKind[];
  /** Fields that are changed, at most. */
  readonly most: number;
}

/** Damages, changes, and holds what fsck.f2fs says before against what it says after. */
async function damageAtRandom({ kinds, most }: Damage): Promise<void> {
  const bases = [
    ...BASE_NAMES.map((name) => () => baseOf(name)),
    ...WORN_NAMES.map((name) => () => wornBase(name)),
    () => goldenBase('kernel-crashed'),
    () => goldenBase('kernel-features'),
  ];
  let [tried, changed] = [0, 0];
  for (let seed = FIRST_SEED; seed < FIRST_SEED + IMAGES; seed++) {
    const random = new Random(seed);
    const image = new DamagedImage(random.pick(bases)());
    const count = most === 1 ? 1 : 2 + random.below(most - 1);
    const what = Array.from({ length: count }, () => mutateField(image, random, kinds)).join(', ');
    const device = image.device();
    const before = await complaints(device);
    tried++;
    if (change(device, image.base) !== null) continue;
    changed++;
    const after = await complaints(device);
    const isLonger = after.length > before.length && isWhole(before) && !isOfFreeNumber(before, after);
    expect(isLonger ? { seed, what, before, after } : null).toBeNull();
  }
  expect(changed).toBeGreaterThan(tried / 2);
}

/** Whether fsck.f2fs came to its end: a list that it broke off is no measure. */
function isWhole(lines: readonly string[]): boolean {
  return !lines.includes('fsck.f2fs exits with 255');
}

/** A name led to a free inode number, and a new file got that: see DESIGN.md, "Reading what others wrote". */
function isOfFreeNumber(before: readonly string[], after: readonly string[]): boolean {
  const free = before.flatMap((line) => /nid\[(0x[0-9a-f]+)\] ino is 0$/.exec(line)?.[1] ?? []);
  return free.some((nid) => after.some((line) => line.includes(`[${nid}] needs more i_links`)));
}

test('damage at random to journals, tables and checkpoint', { timeout: 3_600_000 }, () =>
  damageAtRandom({ kinds: TABLES, most: 1 }),
);

test('damage at random to several fields of any metadata', { timeout: 3_600_000 }, () =>
  damageAtRandom({ kinds: ALL, most: 4 }),
);

describe('an entry of the NAT journal that puts its node nowhere', () => {
  const places: [string, (image: DamagedImage) => number][] = [
    ['before the main area', ({ layout }) => layout.mainBlkaddr - 1],
    ['behind it', ({ layout }) => layout.mainEnd],
    ['at the address of a compressed cluster', () => COMPRESS_ADDR],
  ];
  // fsck.f2fs drops it with all entries behind it: those of nodes that we write would be among them.
  test.each(places)('%s: read, but not written to before fsck.f2fs has mended it', async (_, blkaddrIn) => {
    const image = new DamagedImage(baseOf('default'));
    const journal = image.journal('nat');
    const count = journal.dv.getUint16(journal.at, true);
    expect(count).toBeGreaterThan(0);
    new NatJournalEntry(journal.dv, image.journalEntry(journal, count - 1)).blockAddr = blkaddrIn(image);
    const device = image.device();
    const before = await complaints(device);
    expect(before.length).toBeGreaterThan(0);
    expect(() => mount(device, { cacheBytes: CACHE_BYTES })).toThrow(
      expect.objectContaining({
        code: 'EUCLEAN',
        message: expect.stringMatching(/^the NAT journal .*run fsck\.f2fs -f$/),
      }),
    );
    expect(await complaints(device)).toEqual(before);
    const fs = mount(device, { readonly: true, cacheBytes: CACHE_BYTES });
    expect(fs.readFile('/inline')).toEqual(pattern(100, 1));

    const mended = join(work, 'image');
    await run('fsck.f2fs', ['-f', mended], { timeoutMs: 60_000 });
    const file = openFileDevice(mended, { writable: true });
    const volume = mount(file, { cacheBytes: CACHE_BYTES });
    volume.writeFile('/fresh', pattern(700, 1));
    volume.close();
    file.close();
    expect((await fsck(mended)).complaints).toEqual([]);
  });
});

describe("what is refused with the words 'run fsck.f2fs -f' is done after that", () => {
  const withFlag = (flag: number) => {
    const image = new DamagedImage(baseOf('default'));
    image.checkpoint((cp) => (cp.ckptFlags |= flag));
    return image;
  };
  const cases: [string, () => DamagedImage][] = [
    ['a checkpoint that asks for a check', () => withFlag(CP.FSCK)],
    [
      'a checkpoint with the error mark, and damage',
      () => {
        const image = withFlag(CP.ERROR);
        image.inode('/late', ({ inode }) => (inode.iBlocks = 2));
        return image;
      },
    ],
    [
      "an inode that counts fewer blocks than it has, one of which is another file's",
      () => {
        const image = new DamagedImage(baseOf('default'));
        image.inode('/direct', ({ inode, dv, addrs }) => {
          inode.iBlocks = 2;
          dv.setUint32(addrs + 4, image.pageBlkaddr('/late', 0), true);
        });
        return image;
      },
    ],
    [
      'an inode without a name that has one',
      () => {
        const image = new DamagedImage(wornBase('orphans'));
        const [ino] = image.base.fs.volume.orphans;
        image.node(ino, ({ inode }) => (inode.iLinks = 1));
        return image;
      },
    ],
  ];
  test.each(cases)('%s', async (_, damaged) => {
    const image = join(work, 'image');
    writeImage(damaged().device(), image);
    const remove = () => {
      const device = openFileDevice(image, { writable: true });
      try {
        const fs = mount(device, { cacheBytes: CACHE_BYTES });
        for (const { name, type } of fs.readdir('/')) if (type === 'file') fs.unlink(name);
        fs.close();
      } finally {
        device.close();
      }
    };
    expect(remove).toThrow(/run fsck\.f2fs -f/);
    await run('fsck.f2fs', ['-f', image], { timeoutMs: 60_000 });
    remove();
    expect((await fsck(image)).complaints).toEqual([]);
  });

  test('but for an error mark without damage, which it leaves: the files are read and make a new image', async () => {
    const image = join(work, 'image');
    const [out, anew] = [join(work, 'out'), join(work, 'anew')];
    writeImage(withFlag(CP.ERROR).device(), image);
    await run('fsck.f2fs', ['-f', image], { timeoutMs: 60_000 });
    const device = openFileDevice(image, { writable: true });
    expect(() => mount(device, { cacheBytes: CACHE_BYTES })).toThrow(/extract the files and build a new image/);
    const files = mount(device, { readonly: true, cacheBytes: CACHE_BYTES });
    expect((await extract(files, '/', out, { owner: false, xattrs: false })).problems).toEqual([]);
    device.close();
    expect((await build(out, anew)).problems).toEqual([]);
    expect((await fsck(anew)).complaints).toEqual([]);
  });
});

test('addresses and nodes that an inline inode has no use for do not become its own when its contents leave it', async () => {
  const base = baseOf('default');
  const image = new DamagedImage(base);
  const wide = base.fs.stat('/wide');
  const others = image.nidOf('/wide', NODE_DIR1);
  for (const path of ['/inline', '/few']) {
    expect(base.fs.stat(path).inline).toBe(true);
    image.inode(path, ({ dv, addrs, nids, inode }) => {
      dv.setUint32(addrs, image.pageBlkaddr('/wide', 0), true);
      for (const [slot, nid] of [others, 0xfffffffe, 5, 1].entries()) dv.setUint32(nids + 4 * slot, nid, true);
      // A directory that is hashed anew when it leaves its inode.
      if (path === '/few') inode.iDirLevel = 1;
    });
  }
  const device = image.device();
  const before = await complaints(device);
  const fs = mount(device, { cacheBytes: CACHE_BYTES });
  fs.writeFile('/inline', pattern(5_000_000, 1));
  for (let i = 0; i < 300; i++) fs.writeFile(`/few/${i}`, 'x');
  fs.truncate('/inline', 100_000);
  fs.close();
  expect((await complaints(device)).length).toBeLessThanOrEqual(before.length);
  const after = mount(device, { readonly: true, cacheBytes: CACHE_BYTES });
  const isSame = (path: string, bytes: Uint8Array) => Buffer.compare(after.readFile(path), bytes) === 0;
  expect(isSame('/inline', pattern(5_000_000, 1).subarray(0, 100_000))).toBe(true);
  expect(after.stat('/wide')).toEqual(wide);
  expect(isSame('/wide', base.fs.readFile('/wide'))).toBe(true);
});

describe('an inode that counts other blocks than it has', () => {
  const PATHS = ['/inline', '/direct', '/late', '/wide', '/sparse', '/long'];
  const isFile = (fs: FileSystem, path: string) => fs.lstat(path).type === 'file';

  // What can be read, and what is to be freed, is what its addresses name.
  test.each<[string, () => number]>([
    ['none', () => 0],
    ['one', () => 1],
    ['more than the volume has', () => 100_000_000],
  ])('%s: it is read, changed and removed all the same', async (_, countOf) => {
    const base = baseOf('default');
    const damage = () => {
      const image = new DamagedImage(base);
      for (const path of PATHS) image.inode(path, ({ inode }) => (inode.iBlocks = countOf()));
      return image.device();
    };
    const changed = damage();
    const before = await complaints(changed);
    const fs = mount(changed, { cacheBytes: CACHE_BYTES });
    for (const path of PATHS) {
      if (!isFile(fs, path)) expect(fs.readlink(path)).toEqual(base.fs.readlink(path));
      else if (fs.lstat(path).size < 2 ** 26) expect(fs.readFile(path)).toEqual(base.fs.readFile(path));
      fs.setXattr(path, 'trusted.large', pattern(2000, 4));
    }
    fs.truncate('/wide', 3 * 4096 + 1);
    fs.truncate('/direct', 100_000);
    fs.writeFile('/late', pattern(9 * 4096, 3));
    fs.close();
    expect((await complaints(changed)).length).toBeLessThanOrEqual(before.length);

    const removed = damage();
    const remover = mount(removed, { cacheBytes: CACHE_BYTES });
    const inos = new Set(PATHS.map((path) => base.inos.get(path)));
    for (const [path, ino] of base.inos) if (inos.has(ino)) remover.unlink(path);
    remover.close();
    expect(await complaints(removed)).toEqual([]);
  });

  test('a compressed file goes, too', async () => {
    const image = new DamagedImage(baseOf('compressed'));
    image.inode('/lz4', ({ inode }) => (inode.iBlocks = 1));
    const device = image.device();
    const fs = mount(device, { cacheBytes: CACHE_BYTES });
    expect(fs.readFile('/lz4')).toEqual(image.base.fs.readFile('/lz4'));
    fs.unlink('/lz4');
    fs.close();
    expect(await complaints(device)).toEqual([]);
  });
});
