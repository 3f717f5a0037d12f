// Files that lose their last name while somebody holds them: they live on until the last handle closes, and a checkpoint
// in between lists them.

import { describe, expect, test } from 'vitest';
import { F2fsError } from '../../src/errors.ts';
import { CP } from '../../src/format/checkpoint.ts';
import { BLKS_PER_SEG, NR_LOGS } from '../../src/format/constants.ts';
import type { FileSystem } from '../../src/fs/file-system.ts';
import { ORPHANS_PER_BLOCK } from '../blocks-of-4k.ts';
import { codeOf, during, type FlakyDevice, freshDevice, fsckComplaints, mountOf, noise } from './compressed-volume.ts';

const FEATURES = ['extra_attr', 'inode_checksum', 'sb_checksum', 'inode_crtime', 'lost_found'];

/** Free space of a volume with one file of each kind that unlink has to free, and after all of it is gone. */
function fill(device: FlakyDevice): void {
  during(device, {}, (fs) => {
    fs.writeFile('/inline', Buffer.from('short'));
    fs.writeFile('/large', noise(6_000_000, 1));
    fs.setXattr('/large', 'user.long', noise(2000, 2));
    fs.writeFile('/kept', noise(9000, 3));
  });
}

function readAt(fs: FileSystem, path: string, position: number, length: number): Buffer {
  using file = fs.openFile(path, { flags: 'r' });
  const into = Buffer.alloc(length);
  expect(file.read(into, position)).toBe(length);
  return into;
}

describe('a file unlinked while it is open', () => {
  test('can be read, written and stated until its last handle closes; then its space is free', async () => {
    const device = freshDevice(64, FEATURES);
    fill(device);
    const before = during(device, { readonly: true }, (fs) => fs.statfs());
    during(device, {}, (fs) => {
      const inline = fs.openFile('/inline');
      const large = fs.openFile('/large');
      const again = fs.openFile('/large');
      fs.unlink('/inline');
      fs.unlink('/large');
      expect(codeOf(() => fs.stat('/large'))).toBe('ENOENT');
      expect(large.stat().nlink).toBe(0);
      large.write(Buffer.from('tail'), 6_000_000);
      const into = new Uint8Array(8);
      expect(again.read(into, 5_999_996)).toBe(8);
      expect(Buffer.from(into.subarray(4)).toString()).toBe('tail');
      expect(fs.volume.orphans.size).toBe(2);
      expect(fs.statfs().usedInodes).toBe(before.usedInodes);
      inline.close();
      large.close();
      expect(fs.volume.orphans.size).toBe(1);
      again.close();
      expect(fs.volume.orphans.size).toBe(0);
      expect(fs.statfs().usedInodes).toBe(before.usedInodes - 2);
      expect(fs.statfs().freeBlocks).toBeGreaterThan(before.freeBlocks + 1464);
    });
    expect(await fsckComplaints(device)).toEqual([]);
  });

  test('a large one is freed in steps, and what a crash in between leaves is an orphan', async () => {
    const device = freshDevice(64, FEATURES);
    const apart = 300 * 2 ** 20;
    during(device, {}, (fs) => {
      fs.mkdir('/dir');
      for (const name of ['large', 'linked']) {
        using file = fs.openFile(`/dir/${name}`, { flags: 'w' });
        for (let i = 0; i < 8; i++) file.write(noise(9000, i), i * apart);
      }
      fs.link('/dir/linked', '/kept');
    });
    const before = during(device, { readonly: true }, (fs) => fs.statfs());
    const fs = mountOf(device);
    const free: number[] = [];
    for (const _ of fs.removeInSteps('/dir')) {
      free.push(fs.statfs().freeBlocks);
      if (free.length === 4) fs.sync();
      if (free.length === 6) break;
    }
    expect(free).toEqual([...new Set(free)].sort((a, b) => a - b));
    fs.abandon();
    expect(await fsckComplaints(device)).toEqual([]);
    during(device, {}, (again) => {
      again.remove('/dir');
      expect(again.statfs().usedInodes).toBe(before.usedInodes - 2);
      expect(again.stat('/kept')).toMatchObject({ nlink: 1, size: 7 * apart + 9000 });
      expect(Buffer.from(noise(9000, 7)).equals(readAt(again, '/kept', 7 * apart, 9000))).toBe(true);
    });
    expect(await fsckComplaints(device)).toEqual([]);
  });

  test('is in the checkpoints of the meantime, and fsck.f2fs takes them', async () => {
    const device = freshDevice(64, FEATURES);
    fill(device);
    const fs = mountOf(device);
    const large = fs.openFile('/large');
    fs.openFile('/inline');
    fs.unlink('/large');
    fs.unlink('/inline');
    fs.sync();
    large.write(noise(100_000, 4), 0);
    fs.sync();
    const { ino } = large;
    fs.abandon();
    const found = mountOf(device, { readonly: true });
    expect(found.volume.orphans.has(ino)).toBe(true);
    expect(found.volume.orphans.size).toBe(2);
    expect(found.volume.pack.cp.ckptFlags & CP.ORPHAN_PRESENT).not.toBe(0);
    found.close();
    expect(await fsckComplaints(device)).toEqual([]);
  });

  test('is gone after an unmount, even when its handle is still open', async () => {
    const device = freshDevice(64, FEATURES);
    fill(device);
    const fs = mountOf(device);
    const large = fs.openFile('/large');
    fs.unlink('/large');
    fs.sync();
    fs.close();
    expect(codeOf(() => large.stat())).toBe('EBADF');
    large.close();
    during(device, {}, (again) => {
      expect(again.volume.orphans.size).toBe(0);
      expect(again.readdir('/').map((entry) => Buffer.from(entry.name).toString())).toContain('kept');
    });
    expect(await fsckComplaints(device)).toEqual([]);
  });

  test('is refused with ENOSPC where no checkpoint could list it', () => {
    const device = freshDevice(64, FEATURES);
    fill(device);
    const fs = mountOf(device);
    const limit = (BLKS_PER_SEG - 2 - NR_LOGS) * ORPHANS_PER_BLOCK;
    for (let i = 0; i < limit; i++) fs.volume.orphans.add(1e6 + i);
    using _file = fs.openFile('/kept');
    expect(codeOf(() => fs.unlink('/kept'))).toBe('ENOSPC');
    expect(fs.stat('/kept').nlink).toBe(1);
    fs.abandon();
  });

  test('stays an orphan when it can not be freed, and what failed is told to the next writer', async () => {
    const device = freshDevice(64, FEATURES);
    fill(device);
    const fs = mountOf(device);
    fs.stat('/large');
    const read = device.read.bind(device);
    let left = 1;
    // The node of its addresses can be read, that of its xattrs can not.
    device.read = (blkaddr, into) => {
      if (left-- === 0) throw new F2fsError('EIO', 'the device does not give the block');
      read(blkaddr, into);
    };
    fs.unlink('/large');
    expect(fs.volume.orphans.size).toBe(1);
    expect(codeOf(() => fs.mkdir('/told'))).toBe('EIO');
    fs.mkdir('/told');
    fs.sync();
    expect(await fsckComplaints(device)).toEqual([]);
    fs.close();
    expect(fs.volume.orphans.size).toBe(0);
    expect(await fsckComplaints(device)).toEqual([]);
  });
});
