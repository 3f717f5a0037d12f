// What fsync writes: nodes of the chain where roll-forward can bring the file back from them, else a checkpoint; never more
// than it must. That the files come back is held in recovery.test.ts, and by Linux in judges/recovery.test.ts.
import { describe, expect, test } from 'vitest';
import type { FileSystem } from '../../src/fs/file-system.ts';
import { compressing, type FlakyDevice, freshDevice, mountOf, noise, prose } from './compressed-volume.ts';

const FEATURES = ['extra_attr', 'inode_checksum', 'sb_checksum', 'inode_crtime', 'lost_found'];
const PAGE = 4096;

/** A volume that has a checkpoint of this mount, with a directory and two files in it. */
function prepared(options = {}, features = FEATURES): { device: FlakyDevice; fs: FileSystem } {
  const device = freshDevice(64, features);
  const fs = mountOf(device, options);
  fs.mkdir('/d');
  fs.writeFile('/d/old', noise(100 * PAGE, 1));
  fs.writeFile('/d/inline', Buffer.from('short'));
  fs.sync();
  return { device, fs };
}

/** What a change and its fsync cost: blocks written, flushes, checkpoints. */
function cost(device: FlakyDevice, fs: FileSystem, work: () => void) {
  const { counters } = device;
  const before = { blocks: counters.writeBytes, flushes: counters.flushes, version: fs.volume.pack.cp.checkpointVer };
  work();
  return {
    blocks: (counters.writeBytes - before.blocks) / PAGE,
    flushes: counters.flushes - before.flushes,
    checkpoints: fs.volume.pack.cp.checkpointVer - before.version,
  };
}

describe('fsync without a checkpoint', () => {
  test('of a page overwritten: the page in its place, and one flush; the inode too when its times changed', () => {
    const { device, fs } = prepared();
    using file = fs.openFile('/d/old');
    file.fsync();
    expect(
      cost(device, fs, () => {
        file.write(noise(PAGE, 2), 5 * PAGE);
        file.fdatasync();
      }),
    ).toEqual({ blocks: 1, flushes: 1, checkpoints: 0 });
    expect(
      cost(device, fs, () => {
        file.setAttributes({ mtime: { sec: 5, nsec: 5 } });
        file.fsync();
      }),
    ).toEqual({ blocks: 1, flushes: 1, checkpoints: 0 });
  });

  test('of bytes appended: page, inode and one flush, however often', () => {
    const { device, fs } = prepared();
    fs.writeFile('/d/log', noise(10_000, 3));
    using file = fs.openFile('/d/log');
    file.fsync();
    for (let at = 10_000; at < 60_000; at += 5000) {
      const { blocks, flushes, checkpoints } = cost(device, fs, () => {
        file.write(noise(5000, at), at);
        file.fsync();
      });
      expect({ flushes, checkpoints }).toEqual({ flushes: 1, checkpoints: 0 });
      expect(blocks).toBeLessThanOrEqual(4);
    }
  });

  test('of a new file in a directory that the checkpoint has', () => {
    const { device, fs } = prepared();
    expect(
      cost(device, fs, () => {
        fs.writeFile('/d/new', noise(3 * PAGE, 4));
        fs.fsync('/d/new');
      }),
    ).toEqual({ blocks: 4, flushes: 1, checkpoints: 0 });
    expect(
      cost(device, fs, () => {
        fs.writeFile('/d/small', Buffer.from('inline'));
        fs.fsync('/d/small');
      }),
    ).toEqual({ blocks: 1, flushes: 1, checkpoints: 0 });
  });

  test('of a file with nodes: they are down before the inode is sent', () => {
    const { device, fs } = prepared();
    fs.writeFile('/d/large', noise(1500 * PAGE, 5));
    expect(cost(device, fs, () => fs.fsync('/d/large'))).toMatchObject({ flushes: 2, checkpoints: 0 });
  });

  test('of many pages overwritten: they are down before the inode that leads to them', () => {
    const { device, fs } = prepared();
    using file = fs.openFile('/d/old');
    file.write(noise(20 * PAGE, 6), 0);
    expect(cost(device, fs, () => file.fsync())).toEqual({ blocks: 21, flushes: 2, checkpoints: 0 });
  });

  test('of nothing: a flush', () => {
    const { device, fs } = prepared();
    using file = fs.openFile('/d/old');
    for (let i = 0; i < 3; i++) {
      expect(cost(device, fs, () => file.fsync())).toEqual({ blocks: 0, flushes: 1, checkpoints: 0 });
      expect(cost(device, fs, () => file.fdatasync())).toEqual({ blocks: 0, flushes: 1, checkpoints: 0 });
    }
  });

  test('in a mount that only reads it does nothing', () => {
    const { device, fs } = prepared();
    fs.close();
    const reader = mountOf(device, { readonly: true });
    expect(cost(device, reader, () => reader.fsync('/d/old'))).toEqual({ blocks: 0, flushes: 0, checkpoints: 0 });
  });
});

describe('fsync that must be a checkpoint', () => {
  const isCheckpoint = (device: FlakyDevice, fs: FileSystem, work: () => void) =>
    expect(cost(device, fs, work).checkpoints).toBe(1);

  test('the first of a mount: what follows its checkpoint on disk may be of another', () => {
    const { device, fs } = prepared();
    fs.close();
    const next = mountOf(device);
    isCheckpoint(device, next, () => {
      next.writeFile('/d/new', noise(PAGE, 7));
      next.fsync('/d/new');
    });
    expect(
      cost(device, next, () => {
        next.writeFile('/d/newer', noise(PAGE, 8));
        next.fsync('/d/newer');
      }).checkpoints,
    ).toBe(0);
  });

  test.each<[string, (fs: FileSystem) => string]>([
    [
      'a directory',
      (fs) => {
        fs.mkdir('/d/sub');
        return '/d/sub';
      },
    ],
    [
      'what leads to a directory',
      (fs) => {
        fs.symlink('d', '/d/l');
        return '/d';
      },
    ],
    [
      'a file with two names',
      (fs) => {
        fs.link('/d/old', '/d/other');
        return '/d/old';
      },
    ],
    [
      'a file that lost one of two names',
      (fs) => {
        fs.link('/d/old', '/d/other');
        fs.sync();
        fs.unlink('/d/old');
        return '/d/other';
      },
    ],
    [
      'a file in a new directory',
      (fs) => {
        fs.mkdir('/d/sub');
        fs.writeFile('/d/sub/file', noise(PAGE, 1));
        return '/d/sub/file';
      },
    ],
    [
      "a file whose directory's attributes changed",
      (fs) => {
        fs.setXattr('/d', 'user.note', Buffer.from('x'));
        fs.writeFile('/d/file', noise(PAGE, 1));
        return '/d/file';
      },
    ],
    [
      'a file that lost nodes',
      (fs) => {
        fs.writeFile('/d/large', noise(3000 * PAGE, 1));
        fs.sync();
        using file = fs.openFile('/d/large');
        file.truncate(PAGE);
        return '/d/large';
      },
    ],
    [
      'a file that lost its xattr node',
      (fs) => {
        fs.setXattr('/d/old', 'user.long', noise(2000, 1));
        fs.sync();
        fs.setXattr('/d/old', 'user.long', null);
        return '/d/old';
      },
    ],
  ])('%s', (_what, change) => {
    const { device, fs } = prepared();
    const path = change(fs);
    isCheckpoint(device, fs, () => fs.fsync(path));
    // Nothing of a file is left to be written; directories are not asked.
    expect(cost(device, fs, () => fs.fsync(path)).checkpoints).toBe(fs.stat(path).type === 'directory' ? 1 : 0);
  });

  test('a file that was renamed, once', () => {
    const { device, fs } = prepared();
    fs.writeFile('/d/new', noise(PAGE, 1));
    fs.fsync('/d/new');
    fs.rename('/d/new', '/d/old');
    isCheckpoint(device, fs, () => fs.fsync('/d/old'));
    using file = fs.openFile('/d/old');
    for (const at of [1, 2]) {
      const { checkpoints } = cost(device, fs, () => {
        file.write(noise(PAGE, at), at * PAGE);
        file.fsync();
      });
      expect(checkpoints).toBe(0);
    }
  });

  test('a file that is no longer compressed, for the nodes sent before', () => {
    const { device, fs } = prepared({ compress: compressing('lz4', 4) }, [...FEATURES, 'compression']);
    fs.writeFile('/d/synced', new Uint8Array(0));
    fs.sync();
    fs.writeFile('/d/new', new Uint8Array(0));
    fs.writeBack();
    fs.volume.writeNodes(true);
    for (const path of ['/d/synced', '/d/new']) {
      using file = fs.openFile(path);
      file.setCompressed(false);
      file.write(noise(5 * PAGE, 1), 0);
      isCheckpoint(device, fs, () => file.fsync());
    }
    fs.abandon();
    const again = mountOf(device);
    for (const path of ['/d/synced', '/d/new']) expect(again.stat(path).size).toBe(5 * PAGE);
    again.close();
  });

  test('a name in a slot that another one left, where recovery would need a block for it', () => {
    const { device, fs } = prepared();
    const name = (i: number) => `/d/n${String(i).padStart(7, '0')}`;
    // Two dentry blocks, with what is there full.
    for (let i = 0; i < 424; i++) fs.writeFile(name(i), new Uint8Array(0));
    fs.sync();
    expect(fs.stat('/d').size).toBe(2 * PAGE);
    fs.writeFile('/big', new Uint8Array(0));
    using big = fs.openFile('/big');
    big.allocate(0, (fs.volume.space.freeBlocks - 40) * PAGE);
    const spare = fs.volume.space.freeBlocks - 8;
    big.allocate(big.stat().size, spare * PAGE);
    fs.sync();
    for (let i = 0; i < 8; i++) fs.unlink(name(i));
    fs.writeFile(name(1000), new Uint8Array(0));
    isCheckpoint(device, fs, () => fs.fsync(name(1000)));
  });

  test('what would make the chain so long that Linux takes it for a loop', () => {
    const device = freshDevice(256, FEATURES);
    const fs = mountOf(device);
    fs.mkdir('/d');
    fs.writeFile('/d/old', noise(PAGE, 1));
    fs.writeFile('/big', new Uint8Array(0));
    using big = fs.openFile('/big');
    big.allocate(0, (fs.volume.space.freeBlocks - 100) * PAGE);
    fs.sync();
    const { layout, space, pack } = fs.volume;
    const most = layout.nrMainSegments * 512 - space.validBlockCount;
    const version = pack.cp.checkpointVer;
    let longest = 0;
    for (let i = 0; i < most + 10 && fs.volume.pack.cp.checkpointVer === version; i++) {
      fs.setAttributes('/d/old', { mode: 0o600 + (i % 64) });
      fs.fsync('/d/old');
      longest = Math.max(longest, fs.volume.nodes.chainLength);
    }
    expect(longest).toBeGreaterThan(most / 2);
    expect(longest).toBeLessThan(most);
    // Nor by what is written behind it.
    fs.fsync('/d/old');
    const { mode } = fs.stat('/d/old');
    fs.abandon();
    const again = mountOf(device);
    expect(again.stat('/d/old').mode).toBe(mode);
    again.close();
  });

  test('a compressed file', () => {
    const { device, fs } = prepared({ compress: compressing('lz4', 4) }, [...FEATURES, 'compression']);
    using file = fs.openFile('/d/old');
    file.write(prose(4 * PAGE, 9), 0);
    isCheckpoint(device, fs, () => file.fsync());
  });
});
