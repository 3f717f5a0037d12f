// Roll-forward: a volume that is cut off after fsync comes back with what was fsynced, is sound then, and nothing is lost when
// it is cut off again while it recovers.

import { describe, expect, test } from 'vitest';
import { BLKSIZE } from '../../src/device/device.ts';
import type { FileSystem } from '../../src/fs/file-system.ts';
import { SINCE } from '../../src/volume/nat.ts';
import { unneededRanges } from '../../src/volume/used-ranges.ts';
import { random } from '../random.ts';
import { codeOf, compressing, FlakyDevice, fsckComplaints, mountOf, noise } from './compressed-volume.ts';
import { CHANGES, disturb, FEATURES, prepared } from './fsync-changes.ts';

const PAGE = 4096;

/** What a path leads to, as far as fsync promises it. */
interface Found {
  sha: string;
  size: number;
  mode: number;
  xattrs: string;
}

function lookAt(fs: FileSystem, path: string): Found {
  const { size, mode } = fs.lstat(path);
  const xattrs = fs.xattrs(path).map(({ name, value }) => `${name}=${Buffer.from(value).toString('hex')}`);
  return { sha: Buffer.from(fs.readFile(path)).toString('latin1'), size, mode, xattrs: xattrs.sort().join() };
}

function copyOf(device: FlakyDevice): FlakyDevice {
  const copy = new FlakyDevice(device.nrBlocks);
  const run = new Uint8Array(64 * BLKSIZE);
  const zeros = Buffer.alloc(run.length);
  for (let blkaddr = 0; blkaddr < device.nrBlocks; blkaddr += 64) {
    device.read(blkaddr, run);
    if (!zeros.equals(run)) copy.write(blkaddr, [run]);
  }
  return copy;
}

describe('a volume cut off after fsync', () => {
  describe.each([
    ['with checksums', FEATURES],
    ['plain', []],
  ])('%s', (_kind, features) => {
    test.each(Object.keys(CHANGES))('%s', async (name) => {
      const { device, fs } = prepared({}, features);
      const paths = (CHANGES[name] as (fs: FileSystem) => string[])(fs);
      const expected = paths.map((path) => lookAt(fs, path));
      if (!paths.includes('/d/noted')) disturb(fs);
      fs.abandon();

      const { writes } = device.counters;
      const reader = mountOf(device, { readonly: true, cacheBytes: 32 << 20 });
      expect(paths.map((path) => lookAt(reader, path))).toEqual(expected);
      const unneeded = [...unneededRanges(reader.volume)];
      reader.close();
      expect(device.counters.writes).toBe(writes);

      // What the host may have back holds none of it, nor of the way to it.
      expect(unneeded.length).toBeGreaterThan(0);
      for (const { blkaddr, nrBlocks } of unneeded) device.zero(blkaddr, nrBlocks);

      const writer = mountOf(device);
      expect(paths.map((path) => lookAt(writer, path))).toEqual(expected);
      writer.writeFile('/after', noise(700 * PAGE, 40));
      writer.close();
      expect(await fsckComplaints(device)).toEqual([]);
      const last = mountOf(device, { readonly: true });
      expect(paths.map((path) => lookAt(last, path))).toEqual(expected);
      last.close();
    });
  });
});

describe('recovery cut off itself', () => {
  test('at any write: the next mount brings back the same', () => {
    const { device, fs } = prepared();
    const paths = ['a new file', 'pages overwritten, few and many', 'a name used again', 'holes'].flatMap((name) =>
      (CHANGES[name] as (fs: FileSystem) => string[])(fs),
    );
    const expected = paths.map((path) => lookAt(fs, path));
    disturb(fs);
    fs.abandon();
    for (let writes = 0, isThrough = false; !isThrough; writes++) {
      const copy = copyOf(device);
      let left = writes;
      copy.fails = () => left-- <= 0;
      try {
        mountOf(copy).abandon();
        isThrough = true;
      } catch {
        isThrough = false;
      }
      copy.fails = () => false;
      const next = mountOf(copy);
      expect(paths.map((path) => lookAt(next, path))).toEqual(expected);
      next.abandon();
      if (writes > 200) throw new Error('the mount never gets through');
    }
  });
});

describe('without recovery', () => {
  test('a reader sees the last checkpoint, a writer is refused', () => {
    const { device, fs } = prepared();
    fs.writeFile('/d/new', noise(PAGE, 10));
    fs.fsync('/d/new');
    fs.abandon();
    const reader = mountOf(device, { readonly: true, recovery: false });
    expect(codeOf(() => reader.stat('/d/new'))).toBe('ENOENT');
    reader.close();
    expect(codeOf(() => mountOf(device, { recovery: false }))).toBe('EINVAL');
    const writer = mountOf(device);
    expect(writer.stat('/d/new').size).toBe(PAGE);
    writer.close();
    mountOf(device, { recovery: false }).close();
  });

  test('a file that Linux wrote as a plain one, no longer compressed, comes back as that', async () => {
    const { device, fs } = prepared({ compress: compressing('lz4', 4) }, [...FEATURES, 'compression']);
    fs.writeFile('/d/synced', new Uint8Array(0));
    fs.sync();
    fs.writeFile('/d/new', new Uint8Array(0));
    fs.volume.writeNodes(true);
    for (const path of ['/d/synced', '/d/new']) {
      using file = fs.openFile(path);
      file.setCompressed(false);
      // Linux goes on with the chain.
      fs.volume.nat.unnote(file.inode.ino, SINCE.NEEDS_CHECKPOINT);
      file.write(noise(5 * PAGE, 41), 0);
      const { checkpointVer } = fs.volume.pack.cp;
      file.fsync();
      expect(fs.volume.pack.cp.checkpointVer).toBe(checkpointVer);
    }
    fs.abandon();
    const writer = mountOf(device);
    for (const path of ['/d/synced', '/d/new']) {
      expect(Buffer.compare(writer.readFile(path), noise(5 * PAGE, 41))).toBe(0);
      expect(writer.openFile(path).inode.isCompressed).toBe(false);
    }
    writer.close();
    expect(await fsckComplaints(device)).toEqual([]);
  });

  test('behind what was fsynced, so much else was written that the volume was full', async () => {
    const { device, fs } = prepared();
    for (let i = 0; i < 2500; i++) fs.writeFile(`/d/f${i}`, Buffer.alloc(100, i));
    fs.close();
    const full = mountOf(device, { cleaning: false, cacheBytes: 4 << 20 });
    full.sync();
    full.writeFile('/d/new', noise(5000, 42));
    full.fsync('/d/new');
    const rng = random(5);
    const chmod = (i: number) => full.setAttributes(`/d/f${rng.below(2500)}`, { mode: 0o600 + (i % 64) });
    expect(codeOf(() => Array.from({ length: 40_000 }, (_, i) => chmod(i)))).toBe('EROFS');
    full.abandon();
    const writer = mountOf(device);
    expect(Buffer.compare(writer.readFile('/d/new'), noise(5000, 42))).toBe(0);
    writer.close();
    expect(await fsckComplaints(device)).toEqual([]);
  });

  test('what an earlier mount left behind the checkpoint does not come back', () => {
    const { device, fs } = prepared();
    fs.writeFile('/d/new', noise(PAGE, 10));
    fs.writeBack();
    fs.abandon();
    const version = fs.volume.pack.cp.checkpointVer;
    const next = mountOf(device);
    expect(next.volume.pack.cp.checkpointVer).toBe(version);
    expect(codeOf(() => next.stat('/d/new'))).toBe('ENOENT');
    next.close();
  });
});

describe('orphans', () => {
  test('are removed by a mount that writes, and left alone by one that reads', async () => {
    const { device, fs } = prepared();
    fs.openFile('/d/large');
    fs.openFile('/d/noted');
    fs.unlink('/d/large');
    fs.unlink('/d/noted');
    fs.sync();
    const { usedInodes } = fs.statfs();
    fs.abandon();
    const reader = mountOf(device, { readonly: true });
    expect(reader.statfs().usedInodes).toBe(usedInodes);
    reader.close();
    const writer = mountOf(device);
    expect(writer.statfs().usedInodes).toBe(usedInodes - 2);
    expect(writer.volume.orphans.size).toBe(0);
    writer.abandon();
    expect(await fsckComplaints(device)).toEqual([]);
  });
});
