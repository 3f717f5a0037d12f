// Images that end too soon: told at mount, by readers and writers alike.
import { describe, expect, test } from 'vitest';
import { baseOf } from './base.ts';
import { DamagedImage } from './damaged-image.ts';
import { readEverything } from './walker.ts';
import { writeBeside } from './writer.ts';

const LIMITS = { fileBytes: 64 << 10, entries: 2000 };

describe('an image cut short', () => {
  const { layout } = new DamagedImage(baseOf('default'));
  const inAreas = [
    layout.cpBlkaddr,
    layout.sitBlkaddr,
    layout.natBlkaddr,
    layout.ssaBlkaddr,
    layout.mainBlkaddr,
  ].flatMap((blkaddr) => [blkaddr - 1, blkaddr, blkaddr + 1, blkaddr + 511]);
  const even = Array.from({ length: 31 }, (_, i) => 1 + 512 * (i + 1));
  const nearEnd = [layout.mainEnd - 513, layout.mainEnd - 512, layout.mainEnd - 1];
  test.each([1, 2, 3, 511, ...new Set([...inAreas, ...even, ...nearEnd])])('to %i blocks', (nrBlocks) => {
    const image = new DamagedImage(baseOf('default'));
    image.truncate(nrBlocks);
    const { failures, seen } = readEverything(image.device(), LIMITS);
    expect(failures.map(({ path, error }) => `${path} ${error.code}`)).toEqual([
      `mount ${nrBlocks < 2 ? 'EINVAL' : 'EUCLEAN'}`,
    ]);
    expect(seen.size).toBe(0);
    expect(writeBeside(image, seen, LIMITS).error?.code).toBe(nrBlocks < 2 ? 'EINVAL' : 'EUCLEAN');
  });

  test('to the end of its main area is not cut', () => {
    const image = new DamagedImage(baseOf('default'));
    image.truncate(layout.mainEnd);
    expect(readEverything(image.device(), LIMITS).failures).toEqual([]);
  });
});
