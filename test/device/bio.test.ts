// Bios: what merges, what is turned away, and how few writes and vectors come of it.
import { expect, test } from 'vitest';
import { Bio } from '../../src/device/bio.ts';
import { BLKSIZE, type BlockDevice } from '../../src/device/device.ts';
import { MemoryDevice } from '../../src/device/memory-device.ts';
import { F2fsError } from '../../src/errors.ts';

function numbered(count: number): Uint8Array {
  const memory = new Uint8Array(count * BLKSIZE);
  for (let i = 0; i < count; i++) memory.fill(i + 1, i * BLKSIZE, (i + 1) * BLKSIZE);
  return memory;
}

function firstBytes(device: BlockDevice, blkaddr: number, count: number): number[] {
  const into = new Uint8Array(count * BLKSIZE);
  device.read(blkaddr, into);
  return Array.from({ length: count }, (_, i) => into[i * BLKSIZE]);
}

test('adjacent blocks from anywhere in memory become one write, neighbours in memory one vector', () => {
  const device = new MemoryDevice(1000);
  const bio = new Bio(device, numbered(16));
  expect(bio.add(100, 4 * BLKSIZE, 2)).toBe(true);
  expect(bio.add(102, 6 * BLKSIZE, 1)).toBe(true);
  expect(bio.add(103, 0, 2)).toBe(true);
  expect([bio.blkaddr, bio.nrBlocks, bio.nrVectors]).toEqual([100, 5, 2]);
  bio.submit();
  expect(device.counters.writes).toBe(1);
  expect(firstBytes(device, 99, 7)).toEqual([0, 5, 6, 7, 1, 2, 0]);
  expect(bio.nrBlocks).toBe(0);
  bio.submit();
  expect(device.counters.writes).toBe(1);
});

test('what does not continue the bio, or would overfill it, is turned away and changes nothing', () => {
  const bio = new Bio(new MemoryDevice(1000), numbered(16), 4);
  expect(bio.add(10, 0, 3)).toBe(true);
  expect(bio.add(14, 0, 1)).toBe(false);
  expect(bio.add(12, 0, 1)).toBe(false);
  expect(bio.add(13, 0, 2)).toBe(false);
  expect(bio.add(13, 8 * BLKSIZE, 1)).toBe(true);
  expect(bio.add(14, 0, 1)).toBe(false);
  expect([bio.blkaddr, bio.nrBlocks, bio.nrVectors]).toEqual([10, 4, 2]);
  bio.reset();
  expect(bio.add(14, 0, 1)).toBe(true);
});

test('what no bio could take is an error, not an endless refusal', () => {
  const bio = new Bio(new MemoryDevice(1000), numbered(4), 2);
  for (const [offset, count] of [
    [0, 3],
    [0, 0],
    [3 * BLKSIZE, 2],
  ]) {
    expect(() => bio.add(0, offset, count)).toThrow(F2fsError);
  }
});

test('a failed submit keeps the blocks for another try', () => {
  const bio = new Bio(new MemoryDevice(4), numbered(4));
  bio.add(3, 0, 2);
  expect(() => bio.submit()).toThrow(/4 blocks/);
  expect(bio.nrBlocks).toBe(2);
});
