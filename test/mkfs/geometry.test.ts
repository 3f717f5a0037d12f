// Layouts: what is accepted, what is refused and how, and the search for the smallest volume.

import { afterAll, describe, expect, test } from 'vitest';
import { BLKSIZE } from '../../src/device/device.ts';
import { type GeometryRequest, geometryFor, smallestGeometry, userBlocks } from '../../src/mkfs/geometry.ts';
import { imageDirectory } from '../device/temporary.ts';
import { hasTool, mkfsAccepts } from './reference.ts';

const images = imageDirectory();
afterAll(images.remove);

function accepts(request: GeometryRequest): boolean {
  try {
    geometryFor(request);
    return true;
  } catch {
    return false;
  }
}

function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'none';
}

const shapes: { segsPerSec?: number; secsPerZone?: number; overprovision?: number; largeNatBitmap?: boolean }[] = [
  {},
  { segsPerSec: 2 },
  { secsPerZone: 3 },
  { segsPerSec: 3, secsPerZone: 2 },
  { segsPerSec: 8 },
  { segsPerSec: 4, secsPerZone: 4 },
  { segsPerSec: 64 },
  { overprovision: 5 },
  { overprovision: 0.5 },
  { overprovision: 60 },
  { segsPerSec: 2, secsPerZone: 2, overprovision: 20 },
  { largeNatBitmap: true },
];

function argsFor({ segsPerSec, secsPerZone, overprovision, largeNatBitmap }: (typeof shapes)[number]): string[] {
  const args = ['-s', String(segsPerSec ?? 1), '-z', String(secsPerZone ?? 1)];
  if (overprovision !== undefined) args.push('-o', String(overprovision));
  if (largeNatBitmap) args.push('-i');
  return args;
}

describe.skipIf(!hasTool('mkfs.f2fs'))('mkfs.f2fs 1.15 accepts and refuses the same sizes in whole zones', () => {
  test.each(shapes)('%o', (shape) => {
    const image = images.file('size.img');
    const zone = (shape.segsPerSec ?? 1) * (shape.secsPerZone ?? 1) * 512;
    const least = smallestGeometry(shape, 0).blockCount;
    const sizes = new Set([least, least + 1, least + zone, least - zone, least - zone + 511]);
    const step = zone * Math.max(Math.ceil(least / zone / 20), 1);
    for (let nrBlocks = 2 * zone; nrBlocks < least * 1.5; nrBlocks += step) sizes.add(nrBlocks + (nrBlocks % 7) * 60);
    for (const nrBlocks of sizes) {
      const theirs = mkfsAccepts(image, nrBlocks * BLKSIZE, argsFor(shape));
      expect(accepts({ ...shape, nrBlocks }), `${nrBlocks} blocks`).toBe(theirs);
    }
  });
});

test('too small a device is refused with the least size that works, which does work', () => {
  for (const shape of shapes) {
    const least = smallestGeometry(shape, 0).blockCount;
    expect(geometryFor({ ...shape, nrBlocks: least }).blockCount).toBe(least);
    expect(() => geometryFor({ ...shape, nrBlocks: least - 1 })).toThrow(`it needs ${least * BLKSIZE} bytes`);
    expect(codeOf(() => geometryFor({ ...shape, nrBlocks: least - 1 }))).toBe('ENOSPC');
    expect(codeOf(() => geometryFor({ ...shape, nrBlocks: 1 }))).toBe('ENOSPC');
  }
});

test('requests that make no sense are EINVAL, more than 16 TiB are EFBIG', () => {
  const nrBlocks = 2 ** 18;
  const bad: GeometryRequest[] = [
    { nrBlocks: 0 },
    { nrBlocks: 1.5 },
    { nrBlocks: Number.NaN },
    { nrBlocks, segsPerSec: 0 },
    { nrBlocks, segsPerSec: -1 },
    { nrBlocks, secsPerZone: 1.5 },
    { nrBlocks, segsPerSec: 2048 },
    { nrBlocks, overprovision: 100 },
    { nrBlocks, overprovision: -1 },
    { nrBlocks, overprovision: Number.NaN },
    { nrBlocks, startSector: 63 },
  ];
  for (const request of bad)
    expect(
      codeOf(() => geometryFor(request)),
      JSON.stringify(request),
    ).toBe('EINVAL');
  expect(codeOf(() => geometryFor({ nrBlocks: 2 ** 32 + 1 }))).toBe('EFBIG');
  expect(accepts({ nrBlocks: 2 ** 32 })).toBe(true);
});

test('a large NAT bitmap that fsck.f2fs could not read is EFBIG', () => {
  const request = { nrBlocks: 2 ** 29, largeNatBitmap: true };
  expect(codeOf(() => geometryFor(request))).toBe('EFBIG');
  expect(codeOf(() => smallestGeometry(request, 2 ** 29))).toBe('EFBIG');
  expect(accepts({ nrBlocks: 2 ** 29 })).toBe(true);
});

test('areas follow one another without overlap, for every size up to 4 GiB', () => {
  for (let nrBlocks = 13312; nrBlocks < 2 ** 20; nrBlocks += 4093) {
    const it = geometryFor({ nrBlocks });
    expect(it.sitBlkaddr).toBe(it.cpBlkaddr + it.segmentCountCkpt * 512);
    expect(it.natBlkaddr).toBe(it.sitBlkaddr + it.segmentCountSit * 512);
    expect(it.ssaBlkaddr).toBe(it.natBlkaddr + it.segmentCountNat * 512);
    expect(it.mainBlkaddr).toBe(it.ssaBlkaddr + it.segmentCountSsa * 512);
    expect(it.mainBlkaddr + it.segmentCountMain * 512).toBeLessThanOrEqual(nrBlocks);
    expect(new Set(it.curSegno).size).toBe(6);
    expect(Math.max(...it.curSegno)).toBeLessThan(it.segmentCountMain);
  }
});

test('areas are aligned on the disk, not on the partition', () => {
  expect(geometryFor({ nrBlocks: 2 ** 18, startSector: 2048 }).segment0Blkaddr).toBe(256);
  expect(geometryFor({ nrBlocks: 2 ** 18, startSector: 4096 }).segment0Blkaddr).toBe(512);
});

test('the smallest volume for a need holds it, and one zone less does not', () => {
  for (const shape of [{}, { segsPerSec: 4 }, { secsPerZone: 3 }, { overprovision: 3 }, { largeNatBitmap: true }]) {
    const zone = (shape as { segsPerSec?: number }).segsPerSec ?? (shape as { secsPerZone?: number }).secsPerZone ?? 1;
    for (const needed of [0, 1, 1000, 65_536, 100_000, 110_000, 1_000_000, 33_333_333]) {
      const geometry = smallestGeometry(shape, needed);
      expect(userBlocks(geometry)).toBeGreaterThanOrEqual(needed);
      const less = { ...shape, nrBlocks: geometry.blockCount - zone * 512 };
      expect(!accepts(less) || userBlocks(geometryFor(less)) < needed, `${needed}`).toBe(true);
      expect(geometryFor({ ...shape, nrBlocks: geometry.blockCount })).toEqual(geometry);
    }
  }
  expect(codeOf(() => smallestGeometry({}, 2 ** 32))).toBe('EFBIG');
});
