// A volume as a tar archive: nothing is lost on the way to a directory by other tars, nor on the way back into an image.
import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFileDevice } from '../../src/device/file-device.ts';
import { extractTar } from '../../src/extract/tar.ts';
import type { InodeFlag } from '../../src/format/inode-flags.ts';
import type { FileHandle } from '../../src/fs/file-handle.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import { DEFAULT_FEATURES } from '../../src/mkfs/features.ts';
import { build } from '../../src/populate/build.ts';
import { manifestOfTree } from '../../tools/judge/index.ts';
import { compareManifests, type Manifest } from '../../tools/judge/manifest.ts';
import { makeImage } from '../cli/command.ts';
import { f2fsHere } from '../cli/in-process.ts';
import { noise } from '../fs/compressed-volume.ts';
import { canSetXattrs, makeTempDir, makeVariedTree, setXattr } from '../host-fixture.ts';
import { manifestOfVolume } from '../judges/volume-manifest.ts';

let work: string;
let image: string;
let wanted: Manifest;
const has = (program: string) => spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined;
const isGnuTar = /GNU tar/.test(spawnSync('tar', ['--version']).stdout?.toString() ?? '');

async function withImage<T>(path: string, look: (volume: FileSystem) => T | Promise<T>): Promise<T> {
  const device = openFileDevice(path, { writable: false });
  try {
    using volume = mount(device, { readonly: true });
    return await look(volume);
  } finally {
    device.close();
  }
}

async function archiveOf(volume: FileSystem, path = '/'): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const report = await extractTar(volume, path, (chunk) => void chunks.push(Buffer.from(chunk)));
  expect(report.problems).toEqual([]);
  return Buffer.concat(chunks);
}

beforeAll(async () => {
  work = makeTempDir();
  const tree = `${work}/tree`;
  fs.mkdirSync(tree);
  makeVariedTree(tree);
  fs.rmSync(`${tree}/socket`, { force: true });
  fs.truncateSync(`${tree}/empty`, 5_000_000);
  fs.writeFileSync(`${tree}/large`, noise(2_000_000, 5));
  const fd = fs.openSync(`${tree}/sparse`, 'w');
  for (const page of [3, 4, 90, 700]) fs.writeSync(fd, noise(4096, page), 0, 4096, page * 4096);
  fs.closeSync(fd);
  fs.mkdirSync(`${tree}/${'d'.repeat(120)}/${'e'.repeat(140)}`, { recursive: true });
  fs.writeFileSync(`${tree}/${'d'.repeat(120)}/${'e'.repeat(140)}/file`, 'far');
  fs.mkdirSync(`${tree}/${'p'.repeat(90)}/${'q'.repeat(90)}`, { recursive: true });
  fs.symlinkSync('t'.repeat(300), `${tree}/long-target`);
  if (canSetXattrs(tree)) {
    setXattr(`${tree}/large`, 'user.a=b%c', '0x00ff0a3d00');
    if (has('setfacl')) {
      execFileSync('setfacl', ['-m', 'u:1:rwx,u:12345:r,g:54321:rx,m:rwx', `${tree}/large`]);
      execFileSync('setfacl', ['-d', '-m', 'u:1:rx,g::r', `${tree}/dir`]);
    }
  }
  image = `${work}/image`;
  await build(tree, image);
  wanted = await withImage(image, manifestOfVolume);
});
afterAll(() => fs.rmSync(work, { recursive: true, force: true }));

it('built again it is the same tree, and the same archive', async () => {
  const first = await withImage(image, archiveOf);
  fs.writeFileSync(`${work}/first.tar`, first);
  const report = await build(`${work}/first.tar`, `${work}/again`, { force: true });
  expect(report.problems).toEqual([]);
  expect(report.holeBytes).toBeGreaterThan(5_000_000);
  expect(compareManifests(wanted, await withImage(`${work}/again`, manifestOfVolume)).differences).toEqual([]);
  expect((await withImage(`${work}/again`, archiveOf)).equals(first)).toBe(true);
});

/** What a tar makes of the archive in a new directory. */
async function unpackedBy(
  program: string,
  ...args: string[]
): Promise<{ manifest: Manifest; dir: string; stderr: string }> {
  const dir = `${work}/by-${program}`;
  fs.mkdirSync(dir);
  fs.writeFileSync(`${work}/archive.tar`, await withImage(image, archiveOf));
  // What a format gave the volume is no part of the tree.
  const { stderr } = spawnSync(program, ['--exclude=./lost+found', ...args], {
    cwd: dir,
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
  });
  return { manifest: await manifestOfTree(dir), dir, stderr: stderr.toString() };
}

describe('unpacked', () => {
  it.skipIf(!isGnuTar)('by GNU tar nothing is lost, and holes are holes', async () => {
    const options = ['--xattrs', '--xattrs-include=*', '--acls', '--numeric-owner', '--warning=no-timestamp'];
    const { manifest, dir, stderr } = await unpackedBy('tar', ...options, '-xpf', '../archive.tar');
    expect(stderr).toBe('');
    expect(compareManifests(wanted, manifest).differences).toEqual([]);
    expect(fs.statSync(`${dir}/sparse`).blocks * 512).toBeLessThan(100_000);
  });

  it.skipIf(!has('bsdtar'))(
    'by bsdtar nothing is lost but what it reads in its own way: times before 1970, and = and % in names of attributes',
    async () => {
      const { manifest } = await unpackedBy(
        'bsdtar',
        '--acls',
        '--xattrs',
        '--numeric-owner',
        '-xpf',
        '../archive.tar',
      );
      const apart = ({ entries }: Manifest): Manifest => ({
        version: 1,
        entries: entries.map(({ xattrs: { 'user.a=b%c': _, 'user.a%3Db%25c': __, ...xattrs } = {}, ...entry }) => ({
          ...entry,
          xattrs,
          // It leaves the time of a root that is there.
          mtimeNs: entry.mtimeNs.startsWith('-') || entry.path === '' ? '0' : entry.mtimeNs,
        })),
      });
      expect(compareManifests(apart(wanted), apart(manifest)).differences).toEqual([]);
    },
  );

  it.skipIf(!has('python3'))('Python finds every entry, its size and its owner', async () => {
    fs.writeFileSync(`${work}/archive.tar`, await withImage(image, archiveOf));
    const script = `import tarfile, sys, os
with tarfile.open(sys.argv[1], encoding='utf-8', errors='surrogateescape') as t:
  for m in t: print(os.fsencode(m.name).hex(), m.size if m.isfile() else 0, m.uid, m.gid, oct(m.mode))`;
    const lines = execFileSync('python3', ['-c', script, `${work}/archive.tar`])
      .toString()
      .trim()
      .split('\n');
    const hexOf = (path: string) => Buffer.from(path === '' ? '.' : `./${path}`, 'latin1').toString('hex');
    const names = lines.map((line) => line.split(' ')[0]);
    const found = names.filter((name) => name !== hexOf('lost+found')).sort();
    expect(found).toEqual(wanted.entries.map(({ path }) => hexOf(path)).sort());
    const large = lines.find((line) => line.startsWith(`${hexOf('sparse')} `));
    expect(large?.split(' ')[1]).toBe(String(701 * 4096));
  });
});

it('a part of a volume, and a single file', async () => {
  await withImage(image, async (volume) => {
    const names = (bytes: Buffer) =>
      execFileSync('tar', ['-tf', '-'], { input: bytes, stdio: ['pipe', 'pipe', 'ignore'] })
        .toString()
        .split('\n')
        .filter(Boolean);
    expect(names(await archiveOf(volume, '/plain'))).toEqual(['./plain']);
    expect(names(await archiveOf(volume, '/dir'))).toContain('./symlink');
  });
});

describe('inode flags', () => {
  const EACH: readonly InodeFlag[] = ['immutable', 'append', 'nodump', 'noatime', 'sync', 'dirsync', 'projinherit'];
  const folding = 'that a directory folds case is not restored: 2 entries, the first is';
  const verified = 'that a file is under verity is not restored: 1 entry, the first is';
  let flagged: string;
  beforeAll(() => {
    flagged = `${work}/flagged`;
    const features = [...DEFAULT_FEATURES, 'verity', 'casefold', 'quota', 'project_quota'] as const;
    makeImage(
      flagged,
      (volume) => {
        volume.mkdir('/flags');
        volume.mkdir('/lost');
        for (const flag of EACH) {
          volume.mkdir(`/flags/${flag}`);
          using directory = volume.open(`/flags/${flag}`);
          if (flag === 'projinherit') directory.setProjectId(7);
          directory.setFlags([flag]);
        }
        volume.mkdir('/lost/fold');
        using directory = volume.open('/lost/fold');
        directory.setFlags(['casefold']);
        volume.mkdir('/lost/fold/sub');
        volume.writeFile('/lost/verified', 'x');
        using file = volume.open('/lost/verified') as FileHandle;
        file.enableVerity();
      },
      { features },
    );
  });

  it.skipIf(!has('bsdtar'))('bsdtar has the same names for those that have one', async () => {
    fs.writeFileSync(`${work}/flagged.tar`, await withImage(flagged, archiveOf));
    const args = ['-cf', '-', '--format=mtree', '--options=!all,flags', '@flagged.tar'];
    const lines = execFileSync('bsdtar', args, { cwd: work }).toString().split('\n');
    const flags = lines.flatMap((line) => /^\.\/flags\/(\w+)\/? .*flags=(\S+)/.exec(line)?.slice(1, 3).join(' ') ?? []);
    expect(flags.sort()).toEqual([
      'append sappnd',
      'dirsync dirsync',
      'immutable schg',
      'noatime noatime',
      'nodump nodump',
      'projinherit projinherit',
      'sync sync',
    ]);
  });

  it('what is lost is told of an archive as of a directory, and ends with code 1; it is not where flags are left out', async () => {
    const file = `${work}/lost.tar`;
    const said = await f2fsHere('extract', flagged, '--tar', file);
    expect(said).toMatchObject({
      code: 1,
      stderr: `f2fs: extract: ${folding} ./lost/fold/\nf2fs: extract: ${verified} ./lost/verified\n`,
      stdout: expect.stringMatching(/^not restored +3 attributes, see above$/m),
    });
    const toDir = await f2fsHere('extract', flagged, `${work}/lost`, '/lost', '--quiet');
    expect(toDir.code).toBe(1);
    expect(toDir.stderr).toContain(`f2fs: extract: ${folding} fold/sub\n`);
    expect(toDir.stderr).toContain(`f2fs: extract: ${verified} verified\n`);
    const without = await f2fsHere('extract', flagged, '--tar', file, '--force', '--no-xattrs');
    expect(without).toMatchObject({ code: 0, stderr: '' });
    const { notes } = await withImage(flagged, (volume) => extractTar(volume, '/', () => undefined));
    expect(notes.map(({ count }) => count)).toEqual([2, 1]);
  });
});

describe('the command', () => {
  it('writes a file, which is not replaced without --force', async () => {
    const file = `${work}/out.tar`;
    expect(await f2fsHere('extract', '--tar', file, image)).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringContaining('archive   '),
    });
    expect(fs.readFileSync(file).equals(await withImage(image, archiveOf))).toBe(true);
    expect(await f2fsHere('extract', '--tar', file, image)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('EEXIST'),
    });
    expect(await f2fsHere('extract', '--tar', file, image, '/dir', '--force', '--quiet')).toMatchObject({
      code: 0,
      stdout: '',
    });
  });

  it('replaces a file once the archive is whole, and leaves it its mode; what fails leaves it as it was', async () => {
    const file = `${work}/kept.tar`;
    fs.writeFileSync(file, 'before');
    fs.chmodSync(file, 0o640);
    fs.symlinkSync('kept.tar', `${work}/link.tar`);
    const extract = (path: string) => f2fsHere('extract', '--tar', `${work}/link.tar`, image, path, '--force');
    expect(await extract('/missing')).toMatchObject({ code: 1, stderr: expect.stringContaining('ENOENT') });
    expect(fs.readFileSync(file, 'latin1')).toBe('before');
    expect(await extract('/')).toMatchObject({ code: 0, stderr: '' });
    expect(fs.readFileSync(file).equals(await withImage(image, archiveOf))).toBe(true);
    expect(fs.statSync(file).mode & 0o7777).toBe(0o640);
    expect(fs.readlinkSync(`${work}/link.tar`)).toBe('kept.tar');
    expect(fs.readdirSync(work).filter((name) => name.endsWith('.part'))).toEqual([]);
    expect(await f2fsHere('extract', '--tar', '/dev/null', image, '--force', '--quiet')).toMatchObject({ code: 0 });
    expect(fs.statSync('/dev/null').isCharacterDevice()).toBe(true);
  });

  it('leaves nothing of a new file that is not whole', async () => {
    const said = await f2fsHere('extract', '--tar', `${work}/new.tar`, image, '/missing');
    expect(said).toMatchObject({ code: 1, stderr: expect.stringContaining('ENOENT') });
    expect(fs.readdirSync(work).filter((name) => name.startsWith('new.tar'))).toEqual([]);
  });

  it.each<[string, string[], RegExp]>([
    ['a directory too', ['--tar', 'x', 'dir', '/path'], /there is no directory/],
    ['owners', ['--tar', 'x', '--no-owner'], /--no-owner has no effect/],
    ['holes of zeros', ['--tar', 'x', '--holes', 'zeros'], /--holes zeros has no effect/],
    ['JSON among the archive', ['--tar', '-', '--json'], /--json needs a file/],
    ['no directory and no --tar', [], /missing required argument 'dir'/],
  ])('refuses %s', async (_, args, message) => {
    expect(await f2fsHere('extract', image, ...args)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(message),
    });
  });

  it('names a socket, which no tar holds, and ends with code 1', async () => {
    const file = `${work}/socket.img`;
    fs.copyFileSync(image, file);
    const writable = openFileDevice(file, { writable: true });
    const volume = mount(writable);
    volume.root().mknod('sock', 'socket', {}, undefined);
    volume.close();
    writable.close();
    const said = await f2fsHere('extract', file, '--tar', `${work}/socket.tar`);
    expect(said).toMatchObject({
      code: 1,
      stderr: 'f2fs: extract: ./sock: a tar archive has no place for a socket (EOPNOTSUPP)\n',
    });
  });
});
