// One of the two superblocks, or of the two checkpoints, is bad: the other one is taken, that is told, and whoever writes mends it.

import { describe, expect, it } from 'vitest';
import { BLKSIZE } from '../../src/device/device.ts';
import { MemoryDevice } from '../../src/device/memory-device.ts';
import { F2fsError } from '../../src/errors.ts';
import { BLKS_PER_SEG, SUPER_OFFSET } from '../../src/format/constants.ts';
import { viewOf } from '../../src/format/struct.ts';
import { Superblock, superblockCrc } from '../../src/format/superblock.ts';
import { mount } from '../../src/fs/file-system.ts';
import { volumeInfo } from '../../src/inspect/info.ts';
import { format } from '../../src/mkfs/format.ts';
import { contentsOf } from '../../src/mkfs/probe.ts';
import { fsckDevice } from '../fs/fsck-device.ts';

const CACHE = { cacheBytes: 8 << 20 };

/** Notes where it is written, and can fail to read or write some of its blocks. */
class WatchedDevice extends MemoryDevice {
  readonly written = new Set<number>();
  readonly badToRead = new Set<number>();
  readonly badToWrite = new Set<number>();

  override read(blkaddr: number, into: Uint8Array): void {
    if (this.badToRead.has(blkaddr)) throw new F2fsError('EIO', `block ${blkaddr} can't be read`, { blkaddr });
    super.read(blkaddr, into);
  }

  override write(blkaddr: number, vectors: readonly Uint8Array[]): void {
    this.written.add(blkaddr);
    if (this.badToWrite.has(blkaddr)) {
      // What a power cut, or a dying disk, may leave.
      super.write(blkaddr, [new Uint8Array(BLKSIZE).fill(0xee)]);
      throw new F2fsError('EIO', `block ${blkaddr} can't be written`, { blkaddr });
    }
    super.write(blkaddr, vectors);
  }
}

function volumeWith(damage: (device: WatchedDevice) => void): WatchedDevice {
  const device = new WatchedDevice(16384);
  format(device, { label: 'both', timestamp: 1_700_000_000 });
  const fs = mount(device, CACHE);
  fs.writeFile('/before', 'before');
  fs.close();
  damage(device);
  device.written.clear();
  return device;
}

function change(device: WatchedDevice, blkaddr: number, edit: (block: Uint8Array) => void): void {
  const block = new Uint8Array(BLKSIZE);
  device.read(blkaddr, block);
  edit(block);
  device.write(blkaddr, [block]);
}

/** As wipefs -a does to the first one. */
const wipe = (copy: number) => (device: WatchedDevice) =>
  change(device, copy, (block) => block.fill(0, SUPER_OFFSET, SUPER_OFFSET + 4));

/** With one partition of Linux, from 100 MiB. */
function bootSector(): Uint8Array {
  const sector = new Uint8Array(512);
  sector.set([0, 0, 0, 0, 0x83, 0, 0, 0, 0, 0x20, 3, 0, 0, 0x20, 3, 0], 446);
  sector.set([0x55, 0xaa], 510);
  return sector;
}

/** As wipefs -a and a partition table leave it. */
const mbr = (block: Uint8Array) => {
  block.fill(0, SUPER_OFFSET, SUPER_OFFSET + 4);
  block.set(bootSector());
};

const relabel = (change: (sb: Superblock) => void) => (block: Uint8Array) => {
  const sb = new Superblock(viewOf(block), SUPER_OFFSET);
  change(sb);
  sb.crc = superblockCrc(sb);
};

function superblockOf(device: WatchedDevice, copy: number): Buffer {
  const block = new Uint8Array(BLKSIZE);
  device.read(copy, block);
  return Buffer.from(block.subarray(SUPER_OFFSET));
}

const messages = (given: { warnings: readonly F2fsError[] }) => given.warnings.map(({ message }) => message);

describe('one superblock is bad', () => {
  const cases: [string, number, (device: WatchedDevice) => void, RegExp][] = [
    ['the first, its magic wiped', 0, wipe(0), /^superblock 1 is damaged \(its magic is 0x0.*superblock 2 is used/],
    ['the second', 1, wipe(1), /^superblock 2 is damaged .*superblock 1 is used/],
    [
      'the first, a bit of it flipped',
      0,
      (device) => change(device, 0, (block) => (block[SUPER_OFFSET + 200] ^= 4)),
      /^superblock 1 is damaged \(its checksum is wrong\)/,
    ],
    [
      'the second has another label',
      1,
      (device) =>
        change(
          device,
          1,
          relabel((sb) => (sb.volumeName = Uint8Array.of(0x41, 0))),
        ),
      /^the two superblocks differ, the first is used/,
    ],
  ];

  it.each(cases)('%s: told, and written anew with the next checkpoint', async (_, bad, damage, message) => {
    const device = volumeWith(damage);
    expect(volumeInfo(device)).toMatchObject({
      superblocksAgree: false,
      problems: [expect.objectContaining({ code: 'EUCLEAN', message: expect.stringMatching(message) })],
    });
    const reader = mount(device, { ...CACHE, readonly: true });
    expect(messages(reader)).toEqual([expect.stringMatching(message)]);
    reader.close();
    expect(device.written).toEqual(new Set());

    const boot = new Uint8Array(SUPER_OFFSET).fill(0xb0);
    change(device, bad, (block) => block.set(boot));
    device.written.clear();
    const fs = mount(device, CACHE);
    expect(messages(fs)).toEqual([expect.stringMatching(message)]);
    fs.writeFile('/after', 'after');
    // Nothing of it is lasting yet.
    expect(device.written.has(bad)).toBe(false);
    fs.close();
    expect(device.written.has(bad)).toBe(true);
    expect(device.written.has(1 - bad)).toBe(false);
    expect(superblockOf(device, 0).equals(superblockOf(device, 1))).toBe(true);
    const block = new Uint8Array(BLKSIZE);
    device.read(bad, block);
    expect(Buffer.from(block.subarray(0, SUPER_OFFSET)).equals(boot)).toBe(true);
    expect(volumeInfo(device)).toMatchObject({ superblocksAgree: true, problems: [], label: 'both' });
    expect((await fsckDevice(device)).complaints).toEqual([]);
  });

  it('a change that is let go of leaves it as it was', () => {
    const device = volumeWith(wipe(0));
    const fs = mount(device, { ...CACHE, checkpoints: 'explicit' });
    fs.writeFile('/after', 'after');
    fs.abandon();
    expect(device.written.has(0)).toBe(false);
  });

  it('a block that can not be read is the bad one; where neither can, that is EIO', () => {
    const device = volumeWith(({ badToRead }) => badToRead.add(0));
    const fs = mount(device, { ...CACHE, readonly: true });
    expect(messages(fs)).toEqual([expect.stringMatching(/^superblock 1 is damaged \(block 0 can't be read\)/)]);
    fs.close();
    device.badToRead.add(1);
    expect(() => mount(device, CACHE)).toThrow(expect.objectContaining({ code: 'EIO' }));
  });

  it('what fails half way while it is written anew is told; the other one, and the change, are whole', () => {
    const device = volumeWith(wipe(0));
    device.badToWrite.add(0);
    const fs = mount(device, CACHE);
    fs.writeFile('/after', 'after');
    fs.close();
    expect(messages(fs)[1]).toMatch(/^superblock 1 could not be written anew: block 0 can't be written/);
    expect(device.written.has(1)).toBe(false);
    const again = mount(device, { ...CACHE, readonly: true });
    expect(Buffer.from(again.readFile('/after')).toString()).toBe('after');
    expect(messages(again)).toEqual([expect.stringMatching(/^superblock 1 is damaged/)]);
  });

  it('two volumes are not made one', () => {
    const device = volumeWith((it) =>
      change(
        it,
        1,
        relabel((sb) => (sb.uuid = new Uint8Array(16).fill(7))),
      ),
    );
    const fs = mount(device, CACHE);
    expect(messages(fs)).toEqual(['the two superblocks differ, and belong to two volumes: the first is used']);
    fs.writeFile('/after', 'after');
    fs.close();
    expect(device.written.has(1)).toBe(false);
  });

  it.each([
    ['swap space', (block: Uint8Array) => block.fill(0).set(Buffer.from('SWAPSPACE2'), BLKSIZE - 10)],
    [
      'an ext2 file system',
      (block: Uint8Array) => {
        block.fill(0).set([0x53, 0xef], 1024 + 56);
        // Inodes and blocks.
        block.set([1, 0, 0, 0, 1], 1024);
      },
    ],
    ['a disk with MBR partitions', mbr],
    [
      'a disk with GPT partitions',
      (block: Uint8Array) => {
        mbr(block);
        block.set(Buffer.from('EFI PART'), 512);
      },
    ],
    [
      'F2FS with blocks of 16384 bytes',
      relabel((sb) => Object.assign(sb, { logBlocksize: 14, logSectorsPerBlock: 5 })),
    ],
  ])('where the device seems to be %s now, nothing is written to it', (foreign, become) => {
    const device = volumeWith((it) => change(it, 0, become));
    expect(() => mount(device, CACHE)).toThrow(
      expect.objectContaining({ code: 'EINVAL', message: expect.stringContaining(`seems to be ${foreign} now`) }),
    );
    expect(device.written).toEqual(new Set());
    expect(messages(mount(device, { ...CACHE, readonly: true }))).toEqual([
      expect.stringMatching(`for reading alone, as the device seems to be ${foreign} now$`),
    ]);
  });
});

describe('a partition table', () => {
  it('stands before a superblock that is good, as any boot sector may', () => {
    const device = volumeWith((it) => change(it, 0, (block) => block.set(bootSector())));
    const fs = mount(device, CACHE);
    fs.writeFile('/after', 'after');
    fs.close();
    expect(messages(fs)).toEqual([]);
  });

  it('is named where its partitions have taken the checkpoints, or superblock 2, away', () => {
    const device = volumeWith((it) => change(it, 0, mbr));
    for (const pack of [1, 2]) change(device, pack * BLKS_PER_SEG, (block) => block.fill(0));
    const named = (start: string) =>
      expect.objectContaining({
        code: 'EUCLEAN',
        message: expect.stringMatching(`^${start}.*seems to be a disk with MBR partitions now: name the device of its`),
      });
    for (const readonly of [true, false])
      expect(() => mount(device, { ...CACHE, readonly })).toThrow(named('neither checkpoint pack is whole'));
    expect(volumeInfo(device).problems).toContainEqual(named('neither checkpoint pack is whole'));
    change(device, 1, (block) => (block[SUPER_OFFSET + 200] ^= 4));
    expect(() => mount(device, CACHE)).toThrow(named("superblock 1 can't be used"));
  });

  it('or whatever has come since is what stands there for who makes a volume anew', () => {
    const device = volumeWith((it) => change(it, 0, mbr));
    expect(contentsOf(device)).toMatchObject({ kind: 'other', now: 'is a disk with MBR partitions' });
    change(device, 0, (block) => block.fill(0).set(Buffer.from('SWAPSPACE2'), BLKSIZE - 10));
    expect(contentsOf(device)).toMatchObject({ kind: 'other', before: 'was swap space' });
    change(device, 0, (block) => block.fill(0));
    expect(contentsOf(device)).toMatchObject({ kind: 'f2fs', now: 'holds an F2FS volume' });
    const good = volumeWith((it) => change(it, 0, (block) => block.set(bootSector())));
    expect(contentsOf(good)).toMatchObject({ kind: 'f2fs' });
  });
});

describe('one checkpoint is not whole', () => {
  it('is told with what is seen instead, until the next one takes its place', async () => {
    const device = volumeWith(() => {});
    const { version, blkaddr } = volumeInfo(device).checkpoint as { version: number; blkaddr: number };
    change(device, blkaddr, (block) => (block[100] ^= 1));
    const message = new RegExp(
      `^checkpoint ${(blkaddr / BLKS_PER_SEG) % 2 === 1 ? 1 : 2} is not whole, .*version ${version - 1}$`,
    );
    expect(volumeInfo(device).problems.map((problem) => problem.message)).toEqual([expect.stringMatching(message)]);
    const fs = mount(device, CACHE);
    expect(messages(fs)).toEqual([expect.stringMatching(message)]);
    fs.writeFile('/after', 'after');
    fs.close();
    expect(volumeInfo(device).problems).toEqual([]);
    expect((await fsckDevice(device)).complaints).toEqual([]);
  });
});
