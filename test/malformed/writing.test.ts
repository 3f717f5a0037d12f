// Damage that only a writer meets: counts that would fall below zero, blocks with two owners, logs that stand on used
// blocks. The volume stops; what the last checkpoint says stays true.

import { describe, expect, test } from 'vitest';
import { BLKSIZE } from '../../src/device/device.ts';
import { F2fsError } from '../../src/errors.ts';
import { CP } from '../../src/format/checkpoint.ts';
import { LOG } from '../../src/format/constants.ts';
import { NODE_DIND, NODE_DIR1, NODE_IND1 } from '../../src/format/node.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import { logPosition, setLogPosition } from '../../src/volume/checkpoint-pack.ts';
import { DENTRY_BLOCK } from '../blocks-of-4k.ts';
import { baseOf, pattern, SPARSE_PAGES } from './base.ts';
import { DamagedImage } from './damaged-image.ts';
import { readEverything } from './walker.ts';
import { changeAll, changedPaths } from './writer.ts';

const LIMITS = { fileBytes: 1 << 20, entries: 20_000 };
const CACHE_BYTES = 16 << 20;

function damaged(damage: (image: DamagedImage) => void): DamagedImage {
  const image = new DamagedImage(baseOf('default'));
  damage(image);
  return image;
}

function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof F2fsError) return error.code;
    throw error;
  }
  return 'none';
}

describe('a writable mount refuses', () => {
  test.each([
    ['the error mark', CP.ERROR],
    ['a wanted check', CP.FSCK],
  ])('%s', (_, flag) => {
    const image = damaged((it) => it.checkpoint((cp) => (cp.ckptFlags |= flag)));
    expect(codeOf(() => mount(image.device(), { cacheBytes: CACHE_BYTES }))).toBe('EOPNOTSUPP');
    expect(readEverything(image.device(), LIMITS).failures).toEqual([]);
  });

  test.each([LOG.HOT_DATA, LOG.WARM_DATA, LOG.COLD_DATA, LOG.HOT_NODE, LOG.WARM_NODE, LOG.COLD_NODE])(
    'log %i at a block in use',
    (log) => {
      const image = damaged((it) =>
        it.checkpoint((cp) => {
          const { segno, allocType } = logPosition(cp, log);
          const used = it.base.fs.volume.layout.segnoOf(it.pageBlkaddr('/direct', 0));
          const other = [0, 1, 2, 3, 4, 5].find((other) => logPosition(cp, other).segno === used);
          if (other !== undefined && other !== log) setLogPosition(cp, other, 20, 0, 0);
          setLogPosition(cp, log, other === log ? segno : used, 0, allocType);
        }),
      );
      expect(codeOf(() => mount(image.device(), { cacheBytes: CACHE_BYTES }))).toBe('EUCLEAN');
    },
  );

  test('no volume whose resize was cut off, where all is as it should be: Linux ends that state, too, and fsck.f2fs does not', () => {
    const device = damaged((it) => it.checkpoint((cp) => (cp.ckptFlags |= CP.RESIZEFS))).device();
    const fs = mount(device, { cacheBytes: CACHE_BYTES });
    fs.writeFile('/more', pattern(10, 1));
    fs.close();
    const after = mount(device, { readonly: true, cacheBytes: CACHE_BYTES });
    expect(after.volume.pack.cp.ckptFlags & CP.RESIZEFS).toBe(0);
    expect(readEverything(device, LIMITS).failures).toEqual([]);
  });

  test('a root that is free: its number might be given away', () => {
    const image = damaged((it) => {
      it.nat(3).blockAddr = 0;
    });
    expect(codeOf(() => mount(image.device(), { cacheBytes: CACHE_BYTES }))).toBe('EUCLEAN');
  });
});

describe('damage met half way stops the volume', () => {
  const cases: [string, (image: DamagedImage) => void, (fs: FileSystem) => void][] = [
    [
      "an inode that counts fewer blocks than it has, one of which is another file's",
      (image) =>
        image.inode('/late', ({ inode, dv, addrs }) => {
          inode.iBlocks = 2;
          dv.setUint32(addrs + 4, image.pageBlkaddr('/direct', 0), true);
        }),
      (fs) => fs.writeFile('/late', pattern(10, 1)),
    ],
    [
      'a checkpoint that counts too few blocks',
      (image) => image.checkpoint((cp) => (cp.validBlockCount = 3)),
      (fs) => fs.writeFile('/direct', pattern(10, 1)),
    ],
    [
      'one block in two files',
      (image) => image.inode('/late', ({ dv, addrs }) => dv.setUint32(addrs, image.pageBlkaddr('/direct', 0), true)),
      (fs) => {
        fs.writeFile('/late', pattern(10, 1));
        fs.writeFile('/direct', pattern(10, 1));
      },
    ],
  ];
  test.each(cases)('%s', (_, damage, change) => {
    const device = damaged(damage).device();
    const before = readEverything(device, LIMITS).seen;
    const fs = mount(device, { cacheBytes: CACHE_BYTES });
    expect(codeOf(() => change(fs))).toBe('EUCLEAN');
    expect(codeOf(() => fs.writeFile('/more', pattern(10, 1)))).toBe('EROFS');
    expect(codeOf(() => fs.sync())).toBe('EROFS');
    fs.close();
    expect(readEverything(device, LIMITS).seen).toEqual(before);
  });
});

test('a file is empty when it has no blocks, not when it counts none: only then its contents may become compressed, or pinned', () => {
  const image = new DamagedImage(baseOf('compressed'));
  image.inode('/direct', ({ inode }) => (inode.iBlocks = 1));
  const fs = mount(image.device(), { cacheBytes: CACHE_BYTES });
  using file = fs.openFile('/direct');
  expect(codeOf(() => file.setCompressed(true))).toBe('EINVAL');
  expect(codeOf(() => file.setPinned(true))).toBe('EFBIG');
  expect(Buffer.from(fs.readFile('/direct')).equals(pattern(20 * BLKSIZE + 5, 2))).toBe(true);
});

describe('counts of free segments that lie', () => {
  test.each([0, 24])('%i of them', (freeSegmentCount) => {
    const image = damaged((it) => it.checkpoint((cp) => (cp.freeSegmentCount = freeSegmentCount)));
    const device = image.device();
    const { seen } = readEverything(device, LIMITS);
    const start = process.cpuUsage();
    const fs = mount(device, { cacheBytes: CACHE_BYTES });
    const code = codeOf(() => {
      for (let i = 0; ; i++) {
        fs.writeFile(`/fill${i}`, pattern(1 << 20, i));
        fs.sync();
      }
    });
    expect(code).toBe('ENOSPC');
    expect(process.cpuUsage(start).user / 1000).toBeLessThan(4000);
    fs.abandon();
    const after = readEverything(device, LIMITS).seen;
    for (const [path, words] of seen) if (path !== '/') expect(after.get(path)).toBe(words);
  });
});

describe('sizes and depths that a reader could drown in', () => {
  test('a file of 2 TiB is not read into one buffer', () => {
    const image = damaged((it) => it.inode('/direct', ({ inode }) => (inode.iSize = 2 ** 41)));
    const fs = mount(image.device(), { readonly: true, cacheBytes: CACHE_BYTES });
    expect(codeOf(() => fs.readFile('/direct'))).toBe('EFBIG');
  });

  test('symlinks that lead in a circle', () => {
    const { fs } = baseOf('default');
    expect(codeOf(() => fs.stat('/loop'))).toBe('ELOOP');
  });

  test('a directory whose blocks lie 80 GB apart', () => {
    const image = damaged((it) => {
      const [, near, , , far] = SPARSE_PAGES;
      const empty = (blkaddr: number) => it.block(blkaddr).fill(0);
      const dots = it.block(it.pageBlkaddr('/hashed', 0)).slice();
      it.inode('/sparse', ({ inode, dv, addrs, footer }) => {
        Object.assign(inode, { iMode: 0o040755, iLinks: 2, iCurrentDepth: 24, iSize: (far + 1) * BLKSIZE });
        const block = empty(dv.getUint32(addrs, true));
        block[0] = 3;
        block.set(dots.subarray(DENTRY_BLOCK.entries, DENTRY_BLOCK.entries + 22), DENTRY_BLOCK.entries);
        block.set(dots.subarray(DENTRY_BLOCK.names, DENTRY_BLOCK.names + 16), DENTRY_BLOCK.names);
        new DataView(block.buffer, block.byteOffset).setUint32(DENTRY_BLOCK.entries + 4, footer.ino, true);
      });
      const at = (nid: number, index: number) => it.peek(nid, () => 4 * index);
      empty(at(it.nidOf('/sparse', NODE_DIR1), near - 864));
      const third = at(it.nidOf('/sparse', NODE_IND1), 0);
      for (const index of [100, 101]) empty(at(third, index));
      const rest = far - 864 - 2 * 1018 - 2 * 1018 ** 2;
      const double = at(it.nidOf('/sparse', NODE_DIND), Math.floor(rest / 1018 ** 2));
      empty(at(at(double, Math.floor(rest / 1018) % 1018), rest % 1018));
    });
    const device = image.device();
    const start = process.cpuUsage();
    const fs = mount(device, { cacheBytes: CACHE_BYTES });
    expect(fs.readdir('/sparse')).toEqual([]);
    const before = process.memoryUsage().external;
    for (let i = 0; i < 300; i++) fs.writeFile(`/sparse/a rather long name ${i}`, pattern(i, i));
    expect(process.memoryUsage().external - before).toBeLessThan(64 << 20);
    fs.close();
    expect(process.cpuUsage(start).user / 1000).toBeLessThan(2000);
    const after = mount(device, { readonly: true, cacheBytes: CACHE_BYTES });
    for (let i = 0; i < 300; i++) expect(after.readFile(`/sparse/a rather long name ${i}`)).toEqual(pattern(i, i));
  });
});

test('a sound image takes all the changes that the fuzzer makes', () => {
  const { inos } = baseOf('default');
  const image = new DamagedImage(baseOf('default'));
  const device = image.device();
  expect(changeAll(image, device, changedPaths(inos.keys()))?.code).toMatch(/EISDIR|EINVAL/);
  const { failures, seen } = readEverything(device, LIMITS);
  expect(failures).toEqual([]);
  expect(seen.size).toBeGreaterThan(300);
});
