// What a format promises beyond looking like mkfs.f2fs's: reproducible, nothing left of what was there, nothing half made.
import { describe, expect, test } from 'vitest';
import { BLKSIZE, type BlockDevice } from '../../src/device/device.ts';
import { openFileDevice } from '../../src/device/file-device.ts';
import { MemoryDevice } from '../../src/device/memory-device.ts';
import { F2fsError } from '../../src/errors.ts';
import { SUPER_OFFSET } from '../../src/format/constants.ts';
import { viewOf } from '../../src/format/struct.ts';
import { Superblock, superblockCrc, volumeLabel } from '../../src/format/superblock.ts';
import { COLD_EXTENSIONS } from '../../src/mkfs/extensions.ts';
import { type FormatOptions, format, planFormat } from '../../src/mkfs/format.ts';
import { probe } from '../../src/mkfs/probe.ts';
import { attachLoop, imageDirectory } from '../device/temporary.ts';
import { fsckComplaints, hasTool, TIMESTAMP, UUID } from './reference.ts';

const NR_BLOCKS = 16384;
const fixed: FormatOptions = { uuid: UUID, timestamp: TIMESTAMP };

function contents(device: BlockDevice): Buffer {
  const bytes = Buffer.alloc(device.nrBlocks * BLKSIZE);
  device.read(0, bytes);
  return bytes;
}

function errorOf(call: () => unknown): F2fsError {
  try {
    call();
  } catch (error) {
    if (error instanceof F2fsError) return error;
    throw error;
  }
  throw new Error('did not throw');
}

/** A device whose power is cut at write `cutAt`, counting writes and zeroings. */
class PowerCut extends MemoryDevice {
  cutAt = Number.POSITIVE_INFINITY;
  #step(): void {
    if (this.cutAt-- <= 0) throw new F2fsError('EIO', 'power cut');
  }
  override write(blkaddr: number, vectors: readonly Uint8Array[]): void {
    this.#step();
    super.write(blkaddr, vectors);
  }
  override zero(blkaddr: number, nrBlocks: number): void {
    this.#step();
    super.zero(blkaddr, nrBlocks);
  }
}

/** Whether either superblock would pass for one. */
function hasSuperblock(device: BlockDevice): boolean {
  return [0, 1].some((copy) => {
    const block = new Uint8Array(BLKSIZE);
    device.read(copy, block);
    const sb = new Superblock(viewOf(block), SUPER_OFFSET);
    return sb.magic === 0xf2f52010 && sb.crc === superblockCrc(sb);
  });
}

test('equal options make equal images', () => {
  const one = new MemoryDevice(NR_BLOCKS);
  const two = new MemoryDevice(NR_BLOCKS);
  format(one, fixed);
  format(two, fixed);
  expect(contents(one).equals(contents(two))).toBe(true);
  format(two, { ...fixed, uuid: UUID.replace('1', '2') });
  expect(contents(one).equals(contents(two))).toBe(false);
});

test('a used device formats to the same image as a new one', () => {
  const fresh = new MemoryDevice(NR_BLOCKS);
  format(fresh, fixed);
  const used = new MemoryDevice(NR_BLOCKS);
  used.write(0, [new Uint8Array(NR_BLOCKS * BLKSIZE).fill(0xa5)]);
  format(used, fixed);
  expect(contents(used).equals(contents(fresh))).toBe(true);
});

test('an image file formats to the same image as memory, new or used', () => {
  const images = imageDirectory();
  try {
    const memory = new MemoryDevice(NR_BLOCKS);
    format(memory, fixed);
    const path = images.file('a.img');
    const file = openFileDevice(path, { writable: true, create: { sizeBytes: NR_BLOCKS * BLKSIZE, overwrite: false } });
    format(file, fixed);
    expect(contents(file).equals(contents(memory))).toBe(true);
    file.write(0, [new Uint8Array(NR_BLOCKS * BLKSIZE).fill(0xa5)]);
    file.close();
    const used = openFileDevice(path, { writable: true });
    format(used, fixed);
    expect(contents(used).equals(contents(memory))).toBe(true);
    used.close();
  } finally {
    images.remove();
  }
});

describe.skipIf(!hasTool('fsck.f2fs'))('judged', () => {
  test('a used block device is clean', ({ skip }) => {
    const images = imageDirectory();
    try {
      const path = images.file('loop.img');
      const size = { sizeBytes: NR_BLOCKS * BLKSIZE, overwrite: false };
      const file = openFileDevice(path, { writable: true, create: size });
      file.write(0, [new Uint8Array(NR_BLOCKS * BLKSIZE).fill(0xa5)]);
      file.close();
      const loop = attachLoop(path);
      if (typeof loop === 'string') return skip(loop);
      try {
        for (const discard of [false, true]) {
          const device = openFileDevice(loop.device, { writable: true });
          format(device, { discard, startSector: device.startSector });
          device.close();
          expect(fsckComplaints(loop.device, '-f')).toEqual([]);
        }
      } finally {
        loop.detach();
      }
    } finally {
      images.remove();
    }
  });

  test('a used device without discard is clean', () => {
    const images = imageDirectory();
    try {
      const path = images.file('a.img');
      const size = { sizeBytes: NR_BLOCKS * BLKSIZE, overwrite: false };
      const device = openFileDevice(path, { writable: true, create: size });
      device.write(0, [new Uint8Array(NR_BLOCKS * BLKSIZE).fill(0xa5)]);
      format(device, { discard: false });
      device.close();
      expect(fsckComplaints(path, '-f')).toEqual([]);
    } finally {
      images.remove();
    }
  });
});

test('a format that is cut anywhere before its last write leaves nothing that mounts', () => {
  let cut = 0;
  for (let done = false; !done; cut++) {
    const device = new PowerCut(NR_BLOCKS);
    format(device, { ...fixed, label: 'old' });
    expect(hasSuperblock(device)).toBe(true);
    device.cutAt = cut;
    try {
      format(device, { ...fixed, label: 'new' });
      done = true;
    } catch (error) {
      expect((error as F2fsError).message).toBe('power cut');
    }
    device.cutAt = Number.POSITIVE_INFINITY;
    // Cut before the first write, the old volume is whole; later there is none; in the end there is the new one.
    expect(hasSuperblock(device), `cut at ${cut}`).toBe(cut === 0 || done);
  }
  expect(cut).toBeGreaterThan(10);
});

test('options that cannot be met are refused before anything is written', () => {
  const detached = new Uint8Array(16);
  structuredClone(detached, { transfer: [detached.buffer] });
  const table: [FormatOptions, string, RegExp][] = [
    [{ features: ['extra_attr', 'nonsense'] }, 'EINVAL', /'nonsense'.*extra_attr, inode_checksum/],
    [{ features: ['toString'] }, 'EINVAL', /toString/],
    [{ features: ['inode_checksum'] }, 'EINVAL', /'inode_checksum' needs 'extra_attr'/],
    [{ features: ['inode_crtime'] }, 'EINVAL', /needs 'extra_attr'/],
    [{ features: ['compression'] }, 'EINVAL', /needs 'extra_attr'/],
    [{ features: ['project_quota'] }, 'EINVAL', /needs 'extra_attr'/],
    [{ features: ['flexible_inline_xattr'] }, 'EINVAL', /needs 'extra_attr'/],
    ...['encrypt', 'blkzoned', 'ro', 'device_alias'].map((name): [FormatOptions, string, RegExp] => [
      { features: [name] },
      'EOPNOTSUPP',
      new RegExp(`'${name}'`),
    ]),
    [{ encoding: 'utf9' }, 'EINVAL', /invalid encoding 'utf9': expected utf8, with :strict and :hashonly/],
    [{ encoding: 'utf8:loose' }, 'EINVAL', /invalid encoding/],
    [{ encoding: 'utf8', features: ['lost_found'] }, 'EOPNOTSUPP', /need the feature 'casefold': add it/],
    [{ label: 'x'.repeat(512) }, 'EINVAL', /expected 511 at most/],
    [{ label: 'a\0b' }, 'EINVAL', /NUL/],
    [{ uuid: 'not-a-uuid' }, 'EINVAL', /invalid uuid 'not-a-uuid'/],
    [{ uuid: new Uint8Array(15) }, 'EINVAL', /invalid uuid.*16 bytes/],
    [{ uuid: detached }, 'EINVAL', /its memory was transferred/],
    [{ version: 'x'.repeat(256) }, 'EINVAL', /invalid version of 256 bytes: expected 255 at most/],
    [{ rootUid: -1 }, 'EINVAL', /rootUid/],
    [{ rootUid: 2 ** 32 - 1 }, 'EINVAL', /rootUid/],
    [{ rootGid: 2 ** 32 - 1 }, 'EINVAL', /rootGid/],
    [{ timestamp: 1.5 }, 'EINVAL', /timestamp/],
    [{ checkpointVer: 0 }, 'EINVAL', /checkpointVer/],
    [{ coldExtensions: ['12345678'] }, 'EINVAL', /invalid extension/],
    [{ coldExtensions: [''] }, 'EINVAL', /invalid extension/],
    [{ hotExtensions: ['gz'] }, 'EINVAL', /in one list only/],
    [{ hotExtensions: ['GZ'] }, 'EINVAL', /in one list only/],
    [{ hotExtensions: Array.from({ length: 30 }, (_, i) => `h${i}`) }, 'EINVAL', /64/],
    [{ segsPerSec: 64 }, 'ENOSPC', /it needs \d+ bytes/],
    [{ overprovision: 120 }, 'EINVAL', /overprovision/],
  ];
  for (const [options, code, message] of table) {
    const device = new MemoryDevice(NR_BLOCKS);
    const error = errorOf(() => format(device, options));
    expect(error.code, JSON.stringify(options)).toBe(code);
    expect(error.message).toMatch(message);
    expect(device.counters.writes).toBe(0);
  }
  expect(errorOf(() => format(new MemoryDevice(NR_BLOCKS, { readonly: true }))).code).toBe('EROFS');
});

test('the longest label, the fullest extension list and times before 1970 fit', () => {
  const device = new MemoryDevice(NR_BLOCKS);
  const label = '日'.repeat(511);
  const coldExtensions = Array.from({ length: 60 - COLD_EXTENSIONS.length }, (_, i) => `e${i}`);
  format(device, { label, coldExtensions, timestamp: -5 });
  const block = new Uint8Array(BLKSIZE);
  device.read(0, block);
  const sb = new Superblock(viewOf(block), SUPER_OFFSET);
  expect(volumeLabel(sb)).toBe(label);
  expect(sb.extensionCount + sb.hotExtCount).toBe(64);
  expect(sb.crc).toBe(superblockCrc(sb));
});

test('a random uuid is a version 4 one, and the version string never the host', () => {
  const plan = planFormat(NR_BLOCKS);
  expect(plan.uuid[6] >>> 4).toBe(4);
  expect(plan.uuid[8] >>> 6).toBe(2);
  expect(Buffer.from(plan.version).toString()).toMatch(/^f2fs-ts /);
  expect(Buffer.from(planFormat(NR_BLOCKS).uuid).equals(Buffer.from(plan.uuid))).toBe(false);
  expect(plan.checkpointVer % 2).toBe(1);
});

test('probe tells f2fs, anything else, and nothing', () => {
  const device = new MemoryDevice(NR_BLOCKS);
  expect(probe(device)).toBe('empty');
  device.write(255, [new Uint8Array(BLKSIZE).fill(1)]);
  expect(probe(device)).toBe('other');
  format(device);
  expect(probe(device)).toBe('f2fs');
  device.zero(0, 1);
  expect(probe(device)).toBe('f2fs');
  device.zero(1, 1);
  expect(probe(device)).toBe('empty');
  const tiny = new MemoryDevice(1);
  expect(probe(tiny)).toBe('empty');
});

test('a sparse format writes kilobytes, whatever the size', () => {
  const device = new MemoryDevice({ sizeBytes: 2 ** 43 });
  format(device, fixed);
  expect(device.counters.writeBytes).toBeLessThan(256 * 1024);
  expect(device.allocatedBytes).toBeLessThan(20 * 2 ** 20);
});
