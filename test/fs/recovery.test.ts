// Roll-forward: a volume that is cut off after fsync comes back with what was fsynced, is sound then, and nothing is lost when
// it is cut off again while it recovers.
import { describe, expect, test } from 'vitest';
import { BLKSIZE } from '../../src/format/constants.ts';
import type { MountOptions } from '../../src/fs/core.ts';
import type { FileSystem } from '../../src/fs/file-system.ts';
import { codeOf, FlakyDevice, freshDevice, fsckComplaints, mountOf, noise } from './compressed-volume.ts';

const FEATURES = ['extra_attr', 'inode_checksum', 'sb_checksum', 'inode_crtime', 'lost_found'];
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

/** A volume with a tree and a checkpoint of this mount. */
function prepared(options: MountOptions = {}, features = FEATURES): { device: FlakyDevice; fs: FileSystem } {
  const device = freshDevice(96, features);
  const fs = mountOf(device, options);
  fs.mkdir('/d');
  fs.mkdir('/e');
  fs.writeFile('/d/old', noise(100 * PAGE, 1));
  fs.writeFile('/d/inline', Buffer.from('short'));
  fs.writeFile('/d/large', noise(3000 * PAGE, 2));
  fs.writeFile('/d/noted', noise(PAGE, 3));
  fs.setXattr('/d/noted', 'user.long', noise(1500, 4));
  fs.setXattr('/d/inline', 'user.short', Buffer.from('v'));
  fs.sync();
  return { device, fs };
}

/** Each changes the prepared volume, and gives the paths that it fsynced. */
const CHANGES: Record<string, (fs: FileSystem) => string[]> = {
  'a new file': (fs) => {
    fs.writeFile('/d/new', noise(5 * PAGE + 17, 10), { mode: 0o640, uid: 1000 });
    fs.fsync('/d/new');
    return ['/d/new'];
  },
  'a new inline file': (fs) => {
    fs.writeFile('/e/new', Buffer.from('inline'));
    fs.fsync('/e/new');
    return ['/e/new'];
  },
  'an empty file': (fs) => {
    fs.writeFile('/e/empty', Buffer.alloc(0));
    fs.fsync('/e/empty');
    return ['/e/empty'];
  },
  'a new large file': (fs) => {
    fs.writeFile('/e/new', noise(2600 * PAGE + 1, 11));
    fs.fsync('/e/new');
    return ['/e/new'];
  },
  'pages overwritten, few and many': (fs) => {
    using file = fs.openFile('/d/old');
    file.write(noise(PAGE, 12), 7 * PAGE);
    file.fdatasync();
    file.write(noise(50 * PAGE, 13), 20 * PAGE);
    file.fsync();
    using large = fs.openFile('/d/large');
    large.write(noise(1000 * PAGE, 14), 1500 * PAGE + 5);
    large.fsync();
    return ['/d/old', '/d/large'];
  },
  'a file cut within its inode': (fs) => {
    using file = fs.openFile('/d/old');
    file.truncate(10 * PAGE + 100);
    file.fsync();
    return ['/d/old'];
  },
  'a file cut within a node, then grown': (fs) => {
    using file = fs.openFile('/d/large');
    file.truncate(2950 * PAGE + 100);
    file.truncate(3100 * PAGE);
    file.fsync();
    return ['/d/large'];
  },
  'nodes given back': (fs) => {
    using file = fs.openFile('/d/large');
    file.truncate(PAGE);
    file.fsync();
    return ['/d/large'];
  },
  holes: (fs) => {
    using file = fs.openFile('/d/large');
    file.punch(3 * PAGE, 20 * PAGE);
    file.punch(2000 * PAGE, 300 * PAGE);
    file.fsync();
    return ['/d/large'];
  },
  'inline contents changed': (fs) => {
    fs.writeFile('/d/inline', Buffer.from('something else'));
    fs.fsync('/d/inline');
    return ['/d/inline'];
  },
  'inline contents outgrown': (fs) => {
    using file = fs.openFile('/d/inline');
    file.write(noise(3 * PAGE, 15), 5);
    file.fsync();
    return ['/d/inline'];
  },
  'attributes and xattrs': (fs) => {
    fs.setXattr('/d/inline', 'user.short', Buffer.from('other'));
    fs.setXattr('/d/inline', 'user.more', noise(900, 16));
    fs.setXattr('/d/noted', 'user.long', noise(1800, 17));
    fs.setAttributes('/d/noted', { mode: 0o600, uid: 7, gid: 8, mtime: { sec: 9, nsec: 10 } });
    fs.fsync('/d/inline');
    fs.fsync('/d/noted');
    return ['/d/inline', '/d/noted'];
  },
  'an xattr node removed': (fs) => {
    fs.setXattr('/d/noted', 'user.long', null);
    fs.fsync('/d/noted');
    return ['/d/noted'];
  },
  'a name used again': (fs) => {
    fs.unlink('/d/old');
    fs.writeFile('/d/old', noise(3 * PAGE, 18));
    fs.fsync('/d/old');
    return ['/d/old'];
  },
  'a file fsynced, removed, and its name used again': (fs) => {
    using file = fs.openFile('/d/old');
    file.write(noise(20 * PAGE, 19), 0);
    file.fsync();
    file.close();
    fs.unlink('/d/old');
    fs.writeFile('/d/old', noise(30 * PAGE, 20));
    fs.fsync('/d/old');
    return ['/d/old'];
  },
  'a link': (fs) => {
    fs.link('/d/old', '/e/linked');
    fs.fsync('/d/old');
    return ['/d/old', '/e/linked'];
  },
  'a file in a new directory': (fs) => {
    fs.mkdir('/d/sub');
    fs.writeFile('/d/sub/file', noise(PAGE, 21));
    fs.fsync('/d/sub/file');
    return ['/d/sub/file'];
  },
  'bytes appended, again and again': (fs) => {
    fs.writeFile('/e/log', Buffer.alloc(0));
    using file = fs.openFile('/e/log');
    for (let at = 0; at < 200_000; at += 1777) {
      file.write(noise(1777, at), at);
      file.fsync();
    }
    return ['/e/log'];
  },
  'many files, more than the directory has room for inline': (fs) => {
    const paths = Array.from({ length: 600 }, (_, i) => `/e/a name that is not short ${i}`);
    for (const [i, path] of paths.entries()) {
      fs.writeFile(path, noise(i * 37, i));
      fs.fsync(path);
    }
    return paths;
  },
};

/** What is not fsynced: it may be there after a crash or not. */
function disturb(fs: FileSystem): void {
  fs.writeFile('/e/never', noise(20 * PAGE, 99));
  using file = fs.openFile('/d/noted');
  file.write(noise(300 * PAGE, 98), 0);
  fs.writeBack();
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
      reader.close();
      expect(device.counters.writes).toBe(writes);

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
