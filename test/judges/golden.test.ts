// Images made by mkfs.f2fs, sload.f2fs and Linux, read back whole: every entry as Linux itself finds it.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FileDevice, openFileDevice } from '../../src/device/file-device.ts';
import { mount } from '../../src/fs/file-system.ts';
import { fsck } from '../../tools/judge/fsck.ts';
import { compareManifests, type Manifest } from '../../tools/judge/manifest.ts';
import { projectRoot } from '../../tools/judge/paths.ts';
import { manifestOfVolume, type Unread } from './volume-manifest.ts';

let work: string;

beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'f2fs-golden-'));
});

afterAll(() => rmSync(work, { recursive: true, force: true }));

function unpack(name: string): { path: string; expected: Manifest } {
  const path = join(work, `${name}.img`);
  writeFileSync(path, gunzipSync(readFileSync(join(projectRoot, 'images', `${name}.img.gz`))));
  const manifest = gunzipSync(readFileSync(join(projectRoot, 'images', `${name}.manifest.json.gz`)));
  return { path, expected: JSON.parse(Buffer.from(manifest).toString()) as Manifest };
}

function withDevice<T>(path: string, writable: boolean, use: (device: FileDevice) => T): T {
  const device = openFileDevice(path, { writable });
  try {
    return use(device);
  } finally {
    device.close();
  }
}

function read(path: string, unread?: Unread): Manifest {
  return withDevice(path, false, (device) => manifestOfVolume(mount(device, { readonly: true }), unread, 2 ** 31));
}

/** The expectation without the contents that were not read. */
function without(manifest: Manifest, unread: Unread): Manifest {
  return {
    ...manifest,
    entries: manifest.entries.map((entry) => (unread.has(entry.path) ? { ...entry, sha256: undefined } : entry)),
  };
}

describe('images made by others are read back whole', () => {
  it.each([
    'mkfs-default',
    'mkfs-features',
    'mkfs-large-nat',
    'sload',
    'kernel-features',
    'kernel-quota',
    'kernel-compressed',
    'kernel-disabled',
  ])('%s', (name) => {
    const { path, expected } = unpack(name);
    expect(compareManifests(expected, read(path)).differences).toEqual([]);
  });

  it('kernel-plain, but for its 9 GB of holes, of which the two ends are read', () => {
    const { path, expected } = unpack('kernel-plain');
    const unread: Unread = new Map();
    const found = read(path, unread);
    expect([...unread.keys()]).toEqual(['far']);
    expect(compareManifests(without(expected, unread), found).differences).toEqual([]);
    withDevice(path, false, (device) => {
      const volume = mount(device, { readonly: true });
      using far = volume.openFile('/far');
      const tail = new Uint8Array(8192);
      expect(far.read(tail, far.stat().size - 8192)).toBe(8192);
      expect(tail.some((byte) => byte !== 0)).toBe(true);
    });
  });

  it('kernel-crashed comes up with what was fsynced, as Linux finds it after its recovery', async () => {
    const { path, expected } = unpack('kernel-crashed');
    // The root got a name when it was recovered: its time is of then.
    const differences = (found: Manifest) =>
      compareManifests(expected, found).differences.filter((line) => !/^"\/": [mc]time/.test(line));
    expect(differences(read(path))).toEqual([]);
    const before = withDevice(path, false, (device) => {
      const volume = mount(device, { readonly: true, recovery: false });
      return volume.readdir('/').map(({ name }) => Buffer.from(name).toString());
    });
    expect(before).toContain('synced');
    expect(before).not.toContain('fsynced');
    withDevice(path, true, (device) => mount(device).close());
    expect((await fsck(path)).complaints).toEqual([]);
    expect(differences(read(path))).toEqual([]);
  });
});

describe('images made by others are changed', () => {
  it.each([
    'mkfs-default',
    'mkfs-features',
    'sload',
    'kernel-plain',
    'kernel-features',
    'kernel-quota',
    'kernel-compressed',
    'kernel-disabled',
  ])('%s', async (name) => {
    const { path, expected } = unpack(name);
    const content = Buffer.alloc(3_000_000, 'changed');
    withDevice(path, true, (device) => {
      const volume = mount(device, { now: () => ({ sec: 1_700_000_000, nsec: 5 }) });
      volume.mkdir('/added');
      volume.writeFile('/added/file', content);
      for (let i = 0; i < 300; i++) volume.writeFile(`/added/name ${i}`, Buffer.from(`${i}`));
      volume.setXattr('/added/file', 'user.note', Buffer.alloc(700, 'x'));
      volume.close();
    });
    const { complaints } = await fsck(path);
    expect(complaints).toEqual([]);
    const unread: Unread = new Map();
    const found = read(path, unread);
    const old: Manifest = { ...found, entries: found.entries.filter((entry) => !entry.path.startsWith('added')) };
    const differences = compareManifests(without(expected, unread), old).differences.filter(
      (line) => !line.startsWith('"/":'),
    );
    expect(differences).toEqual([]);
    withDevice(path, false, (device) => {
      const volume = mount(device, { readonly: true });
      expect(Buffer.from(volume.readFile('/added/file')).equals(content)).toBe(true);
      expect(volume.readdir('/added')).toHaveLength(301);
    });
  });
});
