// What every device promises: the same calls, the same bytes, counters and errors, in memory and in a file, cached or direct.

import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { BLKSIZE } from '../../src/device/device.ts';
import { openFileDevice } from '../../src/device/file-device.ts';
import { MemoryDevice } from '../../src/device/memory-device.ts';
import type { QueuedDevice } from '../../src/device/queued-device.ts';
import { F2fsError } from '../../src/errors.ts';
import { imageDirectory } from './temporary.ts';

const images = imageDirectory();
afterAll(images.remove);
const NR_BLOCKS = 4096;
const sizeBytes = NR_BLOCKS * BLKSIZE;

/** Whether the directory's file system has direct I/O. */
function hasDirect(): boolean {
  try {
    openFileDevice(images.file('probe.img'), {
      writable: true,
      direct: true,
      create: { sizeBytes, overwrite: true },
    }).close();
    return true;
  } catch {
    return false;
  }
}

function blocks(count: number, value: number): Uint8Array {
  const bytes = new Uint8Array(count * BLKSIZE);
  for (let i = 0; i < count; i++) bytes.fill(value + i, i * BLKSIZE, (i + 1) * BLKSIZE);
  return bytes;
}

function read(device: QueuedDevice, blkaddr: number, count: number): Uint8Array {
  const into = new Uint8Array(count * BLKSIZE).fill(0xee);
  device.read(blkaddr, into);
  return into;
}

function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(F2fsError);
    return (error as F2fsError).code;
  }
  return 'none';
}

const makers: [string, () => QueuedDevice][] = [
  ['memory', () => new MemoryDevice(NR_BLOCKS)],
  ['file', () => openFileDevice(images.file('c.img'), { writable: true, create: { sizeBytes, overwrite: true } })],
];
if (hasDirect()) {
  makers.push([
    'direct file',
    () =>
      openFileDevice(images.file('d.img'), { writable: true, direct: true, create: { sizeBytes, overwrite: true } }),
  ]);
}

describe.each(makers)('%s', (_, make) => {
  let device: QueuedDevice;
  beforeEach(() => {
    device = make();
    return () => device.close();
  });

  test('begins as zeros and reads back what is written', () => {
    expect(read(device, NR_BLOCKS - 2, 2)).toEqual(new Uint8Array(2 * BLKSIZE));
    device.write(510, [blocks(3, 1), blocks(2, 4)]);
    expect(read(device, 509, 7)).toEqual(new Uint8Array([...blocks(1, 0), ...blocks(5, 1), ...blocks(1, 0)]));
  });

  test('takes more vectors than one system call does', () => {
    const source = blocks(251, 1);
    const vectors = Array.from({ length: 2100 }, (_, i) =>
      source.subarray((i % 251) * BLKSIZE, ((i % 251) + 1) * BLKSIZE),
    );
    device.write(7, vectors);
    const all = read(device, 7, 2100);
    for (let i = 0; i < 2100; i++) expect(all[i * BLKSIZE + 4095]).toBe((i % 251) + 1);
  });

  test('takes vectors that are no whole blocks when their sum is', () => {
    const source = blocks(2, 9);
    device.write(3, [source.subarray(0, 100), source.subarray(100, 5000), source.subarray(5000)]);
    expect(read(device, 3, 2)).toEqual(source);
  });

  test('zeroes, also across chunks and in part', () => {
    device.write(0, [blocks(2048, 1)]);
    device.zero(100, 1000);
    expect(read(device, 99, 1)[0]).toBe(100);
    expect(read(device, 100, 1000).every((byte) => byte === 0)).toBe(true);
    expect(read(device, 1100, 1)[0]).toBe(1101 & 0xff);
    device.zero(0, 0);
    expect(read(device, 0, 1)[0]).toBe(1);
  });

  test('counts requests and bytes exactly', () => {
    device.write(0, [blocks(3, 1), blocks(1, 2)]);
    device.write(9, [blocks(1, 1)]);
    read(device, 0, 5);
    device.flush();
    const { reads, readBytes, writes, writeBytes, flushes } = device.counters;
    expect({ reads, readBytes, writes, writeBytes, flushes }).toEqual({
      reads: 1,
      readBytes: 5 * BLKSIZE,
      writes: 2,
      writeBytes: 5 * BLKSIZE,
      flushes: 1,
    });
  });

  test('refuses what is not on it, and what is not whole blocks', () => {
    const one = blocks(1, 1);
    expect(codeOf(() => device.read(NR_BLOCKS, one))).toBe('EIO');
    expect(codeOf(() => device.read(-1, one))).toBe('EIO');
    expect(codeOf(() => device.read(0.5, one))).toBe('EIO');
    expect(codeOf(() => device.write(NR_BLOCKS - 1, [one, one]))).toBe('EIO');
    expect(codeOf(() => device.write(Number.NaN, [one]))).toBe('EIO');
    expect(codeOf(() => device.zero(NR_BLOCKS - 1, 2))).toBe('EIO');
    expect(codeOf(() => device.zero(0, -1))).toBe('EIO');
    expect(codeOf(() => device.read(0, new Uint8Array(100)))).toBe('EINVAL');
    expect(codeOf(() => device.write(0, [new Uint8Array(4097)]))).toBe('EINVAL');
    expect(codeOf(() => device.write(0, []))).toBe('EINVAL');
    expect(codeOf(() => device.resize(0))).toBe('EINVAL');
    expect(device.counters.writes).toBe(0);
  });

  test('a discard of everything leaves a working device of the same size', () => {
    device.write(5, [blocks(4, 1)]);
    device.discard(0, NR_BLOCKS);
    expect(device.nrBlocks).toBe(NR_BLOCKS);
    expect(read(device, 0, NR_BLOCKS).every((byte) => byte === 0)).toBe(true);
    device.discard(0, NR_BLOCKS + 1);
    device.write(5, [blocks(4, 7)]);
    expect(read(device, 5, 1)[0]).toBe(7);
  });

  test('grows with zeros and shrinks for good', () => {
    device.write(NR_BLOCKS - 1, [blocks(1, 5)]);
    device.resize(NR_BLOCKS + 600);
    expect(read(device, NR_BLOCKS - 1, 2)).toEqual(new Uint8Array([...blocks(1, 5), ...blocks(1, 0)]));
    device.resize(1000);
    expect(codeOf(() => read(device, 1000, 1))).toBe('EIO');
    device.resize(NR_BLOCKS);
    device.zero(0, NR_BLOCKS);
    expect(read(device, NR_BLOCKS - 1, 1)[0]).toBe(0);
  });
});

test('memory and file hold the same after the same random calls', () => {
  let seed = 20260101;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
    return (seed >>> 8) % below;
  };
  const devices = makers.map(([, make]) => make());
  for (let round = 0; round < 300; round++) {
    const at = random(NR_BLOCKS - 300);
    const count = 1 + random(300);
    const kind = random(10);
    const pieces = Array.from({ length: 1 + random(3) }, () => blocks(1 + random(40), random(250)));
    for (const device of devices) {
      if (kind < 6) device.write(at, pieces);
      else device.zero(at, count);
    }
  }
  const [first, ...others] = devices.map((device) => read(device, 0, NR_BLOCKS));
  for (const other of others) expect(Buffer.compare(first, other)).toBe(0);
  for (const device of devices) device.close();
});
