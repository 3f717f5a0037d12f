// Pinned files: what Linux allows and refuses of them, whole sections, and that nothing ever moves their blocks.

import { describe, expect, test } from 'vitest';
import { BLKSIZE } from '../../src/device/device.ts';
import type { MemoryDevice } from '../../src/device/memory-device.ts';
import type { FileHandle } from '../../src/fs/file-handle.ts';
import type { FileSystem } from '../../src/fs/file-system.ts';
import type { MountOptions } from '../../src/fs/mount-options.ts';
import { random, seedOf } from '../random.ts';
import { codeOf, expectSound, mounted, volumeOf } from './full-volume.ts';

const MIB = 1 << 20;

/** Pages and blocks of each extent, the blocks by their place in a section. */
function extentsOf(file: FileHandle): { page: number; place: number; count: number }[] {
  return file.extents().map(({ logical, physical, length }) => ({
    page: logical / BLKSIZE,
    place: (physical / BLKSIZE) % 512,
    count: length / BLKSIZE,
  }));
}

/** Where every page lies. */
function blocksOf(file: FileHandle): number[] {
  return file
    .extents()
    .flatMap(({ physical, length }) => Array.from({ length: length / BLKSIZE }, (_, i) => physical / BLKSIZE + i));
}

function pinnedFile(fs: FileSystem, name: string, bytes: number): FileHandle {
  const file = fs.openFile(name, { flags: 'w+' });
  file.setPinned(true);
  file.allocate(0, bytes);
  return file;
}

describe('a pinned file', () => {
  // The results are those of Linux 6.12.117.
  test('is given whole sections, written where it has blocks, and cut to whole sections', async () => {
    const { device, fs } = volumeOf(200);
    const file = fs.openFile('/a', { flags: 'w+' });
    expect(file.pinned).toBe(false);
    file.setPinned(true);
    expect(file.pinned).toBe(true);
    file.allocate(0, 4 * MIB);
    const start = file.extents()[0].physical / BLKSIZE;
    expect(start % 512).toBe(0);
    expect(file.extents()).toEqual([expect.objectContaining({ length: 4 * MIB, flags: ['last'] })]);
    expect(file.stat()).toMatchObject({ size: 4 * MIB, blocks: 1026 });
    file.write(Buffer.alloc(10_000, 65), 5000);
    file.fsync();
    expect(blocksOf(file)[0]).toBe(start);
    const ten = Buffer.alloc(BLKSIZE, 66);
    expect(codeOf(() => file.write(ten, 4 * MIB))).toBe('EIO');
    expect(codeOf(() => file.write(ten, 4 * MIB - 100))).toBe('EIO');
    for (const size of [3_000_000, 5_000_000, 8 * MIB]) expect(codeOf(() => file.truncate(size))).toBe('EINVAL');
    file.truncate(4 * MIB);
    file.truncate(2 * MIB);
    expect(file.stat()).toMatchObject({ size: 2 * MIB, blocks: 513 });
    file.allocate(3 * MIB, MIB);
    expect(file.stat()).toMatchObject({ size: 4 * MIB, blocks: 1026 });
    expect(extentsOf(file).map(({ page, place }) => [page, place])).toEqual(
      file.extents().length === 1
        ? [[0, 0]]
        : [
            [0, 0],
            [512, 0],
          ],
    );
    file.allocate(8 * MIB, 2 * MIB, { keepSize: true });
    expect(file.stat()).toMatchObject({ size: 4 * MIB, blocks: 1539 });
    expect(codeOf(() => file.write(ten, 9 * MIB))).toBe('EIO');
    for (const what of ['punch', 'zeroRange', 'collapseRange', 'insertRange'] as const) {
      expect([what, codeOf(() => file[what](0, BLKSIZE))]).toEqual([what, 'EOPNOTSUPP']);
    }
    expect(messageOf(() => file.write(ten, 9 * MIB))).toMatch(/ends at byte 4194304/);
    // What Linux does to it, who empties it first.
    expect(codeOf(() => fs.writeFile('/a', ten))).toBe('EOPNOTSUPP');
    expect(file.stat().size).toBe(4 * MIB);
    file.truncate(0);
    expect(codeOf(() => file.write(ten, 0))).toBe('EIO');
    file.setPinned(false);
    file.write(ten, 0);
    expect(codeOf(() => file.setPinned(true))).toBe('EFBIG');
    file.close();
    fs.close();
    await expectSound(device);
  });

  test('that asks for less than a section has the rest of it past its end', async () => {
    const { device, fs } = volumeOf(100);
    using file = pinnedFile(fs, '/a', 5000);
    expect(file.stat()).toMatchObject({ size: 5000, blocks: 513 });
    fs.sync();
    file.allocate(700_000, MIB);
    expect(file.stat()).toMatchObject({ size: 700_000 + MIB, blocks: 513 });
    file.write(Buffer.from('end'), 700_000 + MIB - 3);
    expect(codeOf(() => file.write(Buffer.from('past'), 700_000 + MIB))).toBe('EIO');
    fs.sync();
    await expectSound(device);
    fs.abandon();
    using again = mounted(device).openFile('/a');
    expect(Buffer.from(readAll(again)).subarray(-3).toString()).toBe('end');
  });

  test('reads as zeros where others had their contents', () => {
    const { device, fs } = volumeOf(100);
    fs.writeFile('/old', Buffer.alloc(20 * MIB, 77));
    fs.sync();
    fs.remove('/old');
    fs.sync();
    using file = pinnedFile(fs, '/a', 12 * MIB);
    const blocks = blocksOf(file);
    expect(readAll(file).every((byte) => byte === 0)).toBe(true);
    fs.sync();
    fs.abandon();
    const page = new Uint8Array(BLKSIZE);
    for (const blkaddr of blocks) {
      device.read(blkaddr, page);
      expect(page.every((byte) => byte === 0)).toBe(true);
    }
  });

  /** A volume of which no section is free though many blocks are: `large` has `percent` of it, in every other 100 pages. */
  function worn(percent: number, options: { mount?: MountOptions } = {}): { device: MemoryDevice; fs: FileSystem } {
    const { device, fs } = volumeOf(100);
    using large = fs.openFile('/large', { flags: 'w+' });
    const pages = Math.floor((fs.statfs().freeBlocks * percent) / 100);
    large.write(Buffer.alloc(pages * BLKSIZE, 1), 0);
    for (let page = 0; page < pages; page += 200) large.punch(page * BLKSIZE, 100 * BLKSIZE);
    fs.close();
    return { device, fs: mounted(device, options.mount) };
  }

  test('that does not fit changes nothing', async () => {
    const { device, fs } = volumeOf(100);
    const { freeBlocks } = fs.statfs();
    using file = fs.openFile('/a', { flags: 'w+' });
    file.setPinned(true);
    expect(codeOf(() => file.allocate(0, 400 * MIB))).toBe('ENOSPC');
    expect(file.stat()).toMatchObject({ size: 0, blocks: 1 });
    expect(fs.statfs().freeBlocks).toBe(freeBlocks - 1);
    file.close();
    fs.close();
    await expectSound(device);
  });

  test('is given sections that are cleaned for it, when it takes more than are free', async () => {
    const { device, fs } = worn(90);
    const before = fs.readFile('/large');
    const left = fs.statfs().freeBlocks;
    const sections = Math.floor(left / 2 / 512);
    expect(fs.volume.logs.free.sections - fs.volume.logs.reservedSections).toBeLessThan(sections);
    using file = pinnedFile(fs, '/a', sections * 512 * BLKSIZE);
    expect(fs.statfs().freeBlocks).toBeLessThanOrEqual(left - sections * 512);
    expect(Buffer.from(fs.readFile('/large')).equals(before)).toBe(true);
    expect(readAll(file).every((byte) => byte === 0)).toBe(true);
    file.close();
    fs.close();
    await expectSound(device);
  });

  test.each([
    ['cleaning: false', { cleaning: false }, false],
    ["checkpoints: 'explicit'", { checkpoints: 'explicit' }, true],
  ] as const)('is not with %s', async (_, mount, exceeds) => {
    const { device, fs } = worn(90, { mount });
    const { freeBlocks } = fs.statfs();
    using file = fs.openFile('/a', { flags: 'w+' });
    file.setPinned(true);
    const sections = Math.floor(freeBlocks / 2 / 512);
    const message = messageOf(() => file.allocate(0, sections * 2 * MIB));
    const [, needed, had] = /it needs (\d+) MiB of them; (\d+) MiB can be had$/.exec(message) ?? [];
    expect(Number(needed)).toBe(sections * 2);
    expect(fs.exceedsCheckpoint).toBe(exceeds);
    expect(file.stat()).toMatchObject({ size: 0, blocks: 1 });
    // It is true, and no more can be.
    expect(messageOf(() => file.allocate(0, Number(had) * MIB + 1))).toBe(
      message.replace(` ${needed} `, ` ${Number(had) + 2} `),
    );
    if (Number(had) > 0) file.allocate(0, Number(had) * MIB);
    file.close();
    fs.close();
    await expectSound(device);
  });

  test('is refused where it can not be one', () => {
    const { fs } = volumeOf(100, { mount: { mode: 'lfs' } });
    using file = fs.openFile('/a', { flags: 'w+' });
    expect(codeOf(() => file.setPinned(true))).toBe('EINVAL');
    fs.abandon();
  });

  test('whose contents are inline gets a block for them', async () => {
    const { device, fs } = volumeOf(100);
    using file = fs.openFile('/a', { flags: 'w+' });
    file.write(Buffer.from('inline'), 0);
    file.setPinned(true);
    expect(file.stat()).toMatchObject({ size: 6, blocks: 2, inline: false });
    fs.sync();
    const [block] = blocksOf(file);
    file.write(Buffer.from('INLINE'), 0);
    fs.sync();
    expect(blocksOf(file)).toEqual([block]);
    await expectSound(device);
    fs.abandon();
  });
});

describe('a pinned file in a change that must be done wholly or not at all', () => {
  test('keeps its blocks and contents, or the change is refused', async () => {
    const { device, fs: first } = volumeOf(200);
    const made = pinnedFile(first, '/a', 6 * MIB);
    made.write(Buffer.alloc(6 * MIB, 65), 0);
    const blocks = blocksOf(made);
    made.close();
    first.close();
    const fs = mounted(device, { checkpoints: 'explicit' });
    {
      using file = fs.openFile('/a');
      expect(fs.exceedsCheckpoint).toBe(false);
      expect(codeOf(() => file.write(Buffer.from('new'), 100))).toBe('EOPNOTSUPP');
      expect(fs.exceedsCheckpoint).toBe(true);
      for (const size of [4_300_000, 6 * MIB + 1, 8 * MIB]) expect(codeOf(() => file.truncate(size))).toBe('EINVAL');
      file.truncate(4 * MIB);
      file.setAttributes({ mode: 0o600 });
      file.allocate(4 * MIB, MIB);
      // What this change gave it can be written in this change.
      file.write(Buffer.from('new'), 4 * MIB + 5);
      expect(codeOf(() => file.write(Buffer.from('new'), 4 * MIB - 1))).toBe('EOPNOTSUPP');
    }
    fs.rename('/a', '/b');
    fs.close();
    const after = mounted(device, { readonly: true });
    using file = after.openFile('/b', { flags: 'r' });
    expect(blocksOf(file).slice(0, 1024)).toEqual(blocks.slice(0, 1024));
    expect(
      readAll(file)
        .subarray(0, 4 * MIB)
        .every((byte) => byte === 65),
    ).toBe(true);
    expect(
      Buffer.from(readAll(file))
        .subarray(4 * MIB, 4 * MIB + 9)
        .toString('latin1'),
    ).toBe('\0\0\0\0\0new\0');
    await expectSound(device);
  });

  test('an abandoned one leaves it as it was', () => {
    const { device, fs: first } = volumeOf(200);
    pinnedFile(first, '/a', 2 * MIB).close();
    first.close();
    const before = imageOf(device);
    const fs = mounted(device, { checkpoints: 'explicit' });
    const file = pinnedFile(fs, '/b', 4 * MIB);
    file.write(Buffer.alloc(4 * MIB, 66), 0);
    fs.writeBack();
    fs.abandon();
    const after = mounted(device, { readonly: true });
    expect(after.readdir('/').map(({ name }) => Buffer.from(name).toString())).not.toContain('b');
    using old = after.openFile('/a', { flags: 'r' });
    const now = imageOf(device);
    for (const blkaddr of blocksOf(old)) {
      const at = blkaddr * BLKSIZE;
      expect(now.subarray(at, at + BLKSIZE).equals(before.subarray(at, at + BLKSIZE))).toBe(true);
    }
  });
});

describe('nothing moves the blocks of a pinned file', () => {
  test.each([
    ['folios', 'adaptive'],
    ['pages', 'adaptive'],
    ['folios', 'lfs'],
  ] as const)('engine %s, mode %s: writes, cleaning, full segments, remounts', async (engine, mode) => {
    const dice = random(seedOf('pinned'));
    const { device, fs: first } = volumeOf(100);
    const made = pinnedFile(first, '/pinned', 6 * MIB);
    const contents = Buffer.alloc(6 * MIB);
    const blocks = blocksOf(made);
    made.close();
    first.close();
    let fs = mounted(device, { engine, mode });
    for (let round = 0; round < 400; round++) {
      const dicing = dice.below(100);
      if (dicing < 30) {
        using file = fs.openFile('/pinned');
        const bytes = Buffer.alloc(1 + dice.below(20_000), dice.below(256));
        const at = dice.below(contents.length - bytes.length);
        file.write(bytes, at);
        bytes.copy(contents, at);
      } else if (dicing < 80) {
        const name = `/other${dice.below(24)}`;
        try {
          if (dice.below(4) === 0) fs.writeFile(name, Buffer.alloc(dice.below(3 * MIB), round));
          else {
            using file = fs.openFile(name, { flags: 'a+' });
            file.write(Buffer.alloc(1 + dice.below(60_000), round), 0);
          }
        } catch (error) {
          if ((error as { code: string }).code !== 'ENOSPC') throw error;
          fs.remove(name);
        }
      } else if (dicing < 88) fs.sync();
      else if (dicing < 92) fs.clean({ policy: dice.below(2) === 0 ? 'greedy' : 'cost-benefit', sections: 3 });
      else if (dicing < 97) fs.fsync('/pinned');
      else {
        // Half of the time what was not synced is lost, but for what the pinned file was fsynced of.
        if (dice.below(2) === 0) fs.close();
        else {
          fs.fsync('/pinned');
          fs.abandon();
        }
        fs = mounted(device, { engine, mode });
      }
    }
    using file = fs.openFile('/pinned');
    expect(blocksOf(file)).toEqual(blocks);
    expect(Buffer.from(readAll(file)).equals(contents)).toBe(true);
    file.close();
    fs.close();
    await expectSound(device);
  });
});

function messageOf(call: () => void): string {
  try {
    call();
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

function readAll(file: FileHandle): Uint8Array {
  const bytes = new Uint8Array(file.stat().size);
  file.read(bytes, 0);
  return bytes;
}

function imageOf(device: MemoryDevice): Buffer {
  const bytes = new Uint8Array(device.nrBlocks * BLKSIZE);
  device.read(0, bytes);
  return Buffer.from(bytes.buffer);
}
