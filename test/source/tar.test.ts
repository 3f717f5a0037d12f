// Trees packed by real tars, built into images: nothing is lost that the format can hold.
import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFileDevice } from '../../src/device/file-device.ts';
import { mount } from '../../src/fs/file-system.ts';
import { type BuildReport, build } from '../../src/populate/build.ts';
import type { BuildOptions, BuildSource } from '../../src/populate/options.ts';
import { fsck, manifestOfTree } from '../../tools/judge/index.ts';
import { compareManifests, type Manifest, type ManifestEntry } from '../../tools/judge/manifest.ts';
import { noise } from '../fs/compressed-volume.ts';
import { canSetXattrs, makeTempDir, makeVariedTree, setXattr } from '../host-fixture.ts';
import { manifestOfVolume } from '../judges/volume-manifest.ts';

let work: string;
let tree: string;
let wanted: Manifest;

const has = (program: string) => spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined;
const isGnuTar = /GNU tar/.test(spawnSync('tar', ['--version']).stdout?.toString() ?? '');
const STAMP = 1_700_000_000;

/** Files with holes: at the start, in between, at the end, and nothing but one. */
function makeSparse(dir: string): void {
  fs.mkdirSync(dir);
  for (const [name, size, pages] of [
    ['middle', 400_000, [0, 40]],
    ['start', 300_001, [70]],
    ['end', 2_000_000, [0, 1]],
    ['all', 1_000_000, []],
    ['many', 4_000_000, Array.from({ length: 200 }, (_, i) => 4 * i)],
  ] as const) {
    const fd = fs.openSync(`${dir}/${name}`, 'w');
    for (const page of pages) fs.writeSync(fd, noise(4096, page + 1), 0, 4096, page * 4096);
    fs.ftruncateSync(fd, size);
    fs.closeSync(fd);
  }
}

beforeAll(async () => {
  work = makeTempDir();
  tree = `${work}/tree`;
  fs.mkdirSync(tree);
  makeVariedTree(tree);
  fs.rmSync(`${tree}/socket`, { force: true });
  // What takes 4 GiB without --sparse.
  fs.truncateSync(`${tree}/empty`, 0);
  makeSparse(`${tree}/sparse`);
  fs.writeFileSync(`${tree}/large`, noise(3_000_000, 5));
  fs.mkdirSync(`${tree}/${'d'.repeat(120)}/${'e'.repeat(140)}`, { recursive: true });
  fs.writeFileSync(`${tree}/${'d'.repeat(120)}/${'e'.repeat(140)}/file`, 'far');
  fs.symlinkSync('t'.repeat(300), `${tree}/long-target`);
  if (canSetXattrs(tree)) {
    setXattr(`${tree}/large`, 'user.a=b%c', '0x00ff0a3d00');
    setXattr(`${tree}/large`, 'user.long', `0x${'5a'.repeat(900)}`);
    if (has('setfacl')) {
      execFileSync('setfacl', ['-m', 'u:1:rwx,u:12345:r,g:54321:rx,m:rwx', `${tree}/large`]);
      execFileSync('setfacl', ['-d', '-m', 'u:1:rx,g::r', `${tree}/dir`]);
    }
  }
  for (const path of [tree, `${tree}/empty-dir`]) fs.utimesSync(path, STAMP, STAMP + 0.25);
  wanted = await manifestOfTree(tree);
});
afterAll(() => fs.rmSync(work, { recursive: true, force: true }));

const ARCHIVE = () => `${work}/archive.tar`;

/** Has a tar pack the tree; what it complains of is not ours. */
function pack(program: string, ...args: string[]): string {
  fs.rmSync(ARCHIVE(), { force: true });
  const env = { ...process.env, LC_ALL: 'C.UTF-8' };
  const { error } = spawnSync(program, args, { cwd: tree, env, stdio: 'ignore' });
  if (error !== undefined) throw error;
  return ARCHIVE();
}

async function built(
  source: BuildSource,
  options: BuildOptions = {},
): Promise<{ report: BuildReport; manifest: Manifest }> {
  const image = `${work}/image`;
  const report = await build(source, image, { force: true, ...options });
  expect((await fsck(image)).complaints).toEqual([]);
  return { report, manifest: manifestOf(image) };
}

function manifestOf(image: string): Manifest {
  const device = openFileDevice(image, { writable: false });
  try {
    using volume = mount(device, { readonly: true });
    return manifestOfVolume(volume);
  } finally {
    device.close();
  }
}

/** What a format can't hold is left out of what is wanted, and of what is found; null: the entry. */
type Loss = (entry: ManifestEntry) => ManifestEntry | null;

const xattrs: Loss = ({ xattrs: _, ...entry }) => entry;
/** GNU tar and Python store each name of a device for itself. */
const deviceLinks: Loss = ({ link, ...entry }) =>
  entry.type === 'c' || entry.type === 'b' ? { ...entry, nlink: 1 } : { ...entry, link };
const timesFinerThan =
  (nanoseconds: bigint): Loss =>
  (entry) => {
    const time = BigInt(entry.mtimeNs);
    return { ...entry, mtimeNs: String(time - (((time % nanoseconds) + nanoseconds) % nanoseconds)) };
  };
const partsOfSeconds = timesFinerThan(10n ** 9n);
const timesBefore1970: Loss = (entry) => (entry.mtimeNs.startsWith('-') ? { ...entry, mtimeNs: '0' } : entry);
const uids: Loss = (entry) => ({ ...entry, uid: 0 });
const modeOfAcl: Loss = (entry) => (entry.path === 'large' ? { ...entry, mode: 0 } : entry);
/** What was not given to the tar, as its format would not hold it. */
const left =
  (paths: readonly string[]): Loss =>
  (entry) => {
    if (entry.path === '') return { ...entry, nlink: 0 };
    return paths.some((path) => entry.path === path || entry.path.startsWith(`${path}/`)) ? null : entry;
  };

const apply = ({ entries }: Manifest, losses: readonly Loss[]): Manifest => ({
  version: 1,
  entries: entries.flatMap((entry) => {
    const kept = losses.reduce<ManifestEntry | null>((one, loss) => one && loss(one), entry);
    return kept === null ? [] : [kept];
  }),
});

async function expectTree(archive: string, ...losses: Loss[]): Promise<void> {
  const { report, manifest } = await built(archive);
  expect(report.problems).toEqual([]);
  expect(compareManifests(apply(wanted, losses), apply(manifest, losses)).differences).toEqual([]);
}

const pathsOf = (fits: (entry: ManifestEntry) => boolean) => wanted.entries.filter(fits).map(({ path }) => path);
/** Past 100 bytes of a path and a prefix of 155 at a slash, or in a number of 8 or 12 octal digits. */
const isPastUstar = ({ path, target = '', mtimeNs, uid, major = 0 }: ManifestEntry) =>
  path.startsWith('ddd') ||
  path.length > 200 ||
  target.length > 100 ||
  mtimeNs.startsWith('-') ||
  uid > 0o7777777 ||
  major > 255;
const asBytes = (path: string) => Buffer.from(path, 'latin1').toString();
const exclude = (paths: readonly string[]) => paths.map((path) => `--exclude=./${asBytes(path)}`);
const POSIX = ['--format=posix', '--xattrs', '--xattrs-include=*', '--acls'];

describe.skipIf(!isGnuTar)('GNU tar', () => {
  it.each([
    ['whole', []],
    ['sparse 0.0', ['--sparse', '--sparse-version=0.0']],
    ['sparse 0.1', ['--sparse', '--sparse-version=0.1']],
    ['sparse 1.0', ['--sparse', '--sparse-version=1.0']],
  ])('posix, %s: all that the directory has', async (_, options) => {
    await expectTree(pack('tar', ...POSIX, ...options, '-cf', ARCHIVE(), '.'), deviceLinks);
  });

  it.each([
    ['gnu', []],
    ['gnu', ['--sparse']],
    ['oldgnu', ['--sparse']],
  ])('%s %s: all but attributes and parts of seconds', async (format, options) => {
    await expectTree(
      pack('tar', `--format=${format}`, ...options, '-cf', ARCHIVE(), '.'),
      deviceLinks,
      xattrs,
      partsOfSeconds,
    );
  });

  it.each(['ustar', 'v7'])('%s: what it has room for', async (format) => {
    const paths = pathsOf((entry) => isPastUstar(entry) || (format === 'v7' && 'pcb'.includes(entry.type)));
    const archive = pack('tar', `--format=${format}`, ...exclude(paths), '-cf', ARCHIVE(), '.');
    await expectTree(archive, left(paths), deviceLinks, xattrs, partsOfSeconds);
  });
});

// Without koffi it is not known before a directory's files are read where they have holes: the room foretold for them is another.
const tellsHoles = process.env['F2FS_NO_KOFFI'] !== '1';

it.skipIf(!isGnuTar || !tellsHoles)(
  'the image is that of the directory, byte for byte, for any number of threads',
  async () => {
    const archive = pack('tar', ...POSIX, '--sparse', '-cf', ARCHIVE(), '.');
    const apart = `${work}/apart`;
    fs.mkdirSync(apart);
    // Devices of several names come as several devices.
    execFileSync('tar', [...POSIX, '--numeric-owner', '-xpf', archive], { cwd: apart, stdio: 'ignore' });
    const options = { uuid: '3e9c1fd4-1111-4222-8333-444455556666', sourceDateEpoch: 1_700_000_000, force: true };
    const compress = { clusterPages: 4 };
    for (const more of [{}, { compress, workers: 0 }, { compress, workers: 2 }]) {
      await build(apart, `${work}/of-directory`, { ...options, ...more });
      await build(archive, `${work}/of-archive`, { ...options, ...more });
      expect(fs.readFileSync(`${work}/of-archive`).equals(fs.readFileSync(`${work}/of-directory`))).toBe(true);
    }
  },
);

describe.skipIf(!has('bsdtar'))('bsdtar', () => {
  // It writes the seconds below 1970 and the nanoseconds above them one behind the other, which means another time.
  const times = [timesBefore1970];
  it('pax: all that the directory has', async () => {
    await expectTree(
      pack('bsdtar', '--format=pax', '--acls', '--xattrs', '-cf', ARCHIVE(), '.'),
      ...times,
      deviceLinks,
    );
  });

  it('restricted pax: all but some parts of seconds', async () => {
    await expectTree(
      pack('bsdtar', '--acls', '--xattrs', '-cf', ARCHIVE(), '.'),
      ...times,
      deviceLinks,
      partsOfSeconds,
    );
  });

  it('gnutar: all but attributes and parts of seconds', async () => {
    const archive = pack('bsdtar', '--format=gnutar', '-cf', ARCHIVE(), '.');
    await expectTree(archive, ...times, deviceLinks, xattrs, modeOfAcl, partsOfSeconds);
  });
});

it.skipIf(!has('busybox'))(
  'busybox tar: all but attributes, parts of seconds, and numbers past its digits',
  async () => {
    await expectTree(pack('busybox', 'tar', '-cf', ARCHIVE(), '.'), timesBefore1970, uids, xattrs, partsOfSeconds);
  },
);

describe.skipIf(!has('python3'))('tarfile of Python', () => {
  const script = (format: string) =>
    `import tarfile, sys
with tarfile.open(sys.argv[1], 'w', format=tarfile.${format}_FORMAT, encoding='utf-8', errors='surrogateescape') as t: t.add('.')`;

  it('pax: all but attributes, and times to the microsecond', async () => {
    await expectTree(pack('python3', '-c', script('PAX'), ARCHIVE()), deviceLinks, xattrs, timesFinerThan(10n ** 6n));
  });

  it('gnu: all but attributes and parts of seconds', async () => {
    const archive = pack('python3', '-c', script('GNU'), ARCHIVE());
    await expectTree(archive, timesBefore1970, deviceLinks, xattrs, partsOfSeconds);
  });
});
