// How large an image becomes, and whether what `canGrow` promises is what resize.f2fs then finds: against a model of the tool.
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BLKS_PER_SEG, NR_LOGS } from '../../src/format/constants.ts';
import { mount, openFileDevice } from '../../src/index.ts';
import { build } from '../../src/populate/build.ts';
import { canGrow } from '../../src/populate/image-size.ts';
import type { BuildOptions } from '../../src/populate/options.ts';
import { fsck } from '../../tools/judge/fsck.ts';
import { noise, prose } from '../fs/compressed-volume.ts';
import { makeTempDir } from '../host-fixture.ts';
import { type Random, random, seedOf } from '../random.ts';

interface Segments {
  valid: number[];
  types: number[];
}

const tableOf = ({ valid, types }: Segments) => ({
  validBlocks: (segno: number) => valid[segno],
  typeOf: (segno: number) => types[segno],
});

/**
 * What resize.f2fs does with a main area whose last six segments are the logs', when its first `k` segments have to go.
 * Source: f2fs_defragment, find_next_free_block, move_one_curseg_info of f2fs-tools 1.16.
 */
function grow(segments: Segments, reserved: number, k: number): 'grown' | 'moved whole' | 'given up' {
  const valid = [...segments.valid, ...new Array<number>(NR_LOGS).fill(0)];
  const types = [...segments.types, ...new Array<number>(NR_LOGS).fill(0)];
  const current = Array.from({ length: NR_LOGS }, (_, log) => segments.valid.length + log);
  const nrFree = () => valid.filter((blocks, segno) => blocks === 0 && !current.includes(segno)).length;
  const find = (type: number) => {
    const mayTakeFree = nrFree() > reserved + 1;
    for (let segno = k; segno < valid.length; segno++) {
      if (current.includes(segno)) continue;
      if (valid[segno] === 0 ? mayTakeFree : valid[segno] < BLKS_PER_SEG && types[segno] === type) return segno;
    }
    return -1;
  };
  for (let from = 0; from < Math.min(k, valid.length); from++) {
    while (valid[from] > 0) {
      const to = find(types[from]);
      if (to < 0) return 'moved whole';
      // The next blocks go there, too: it has become the first that will do.
      const nrBlocks = Math.min(valid[from], BLKS_PER_SEG - valid[to]);
      types[to] = types[from];
      valid[to] += nrBlocks;
      valid[from] -= nrBlocks;
    }
  }
  for (let log = 0; log < NR_LOGS; log++) {
    const to = find(log);
    if (to < 0) return 'given up';
    current[log] = to;
    types[to] = log;
  }
  return 'grown';
}

/** Segments of logs that begin in the first six segments, full ones, holes and free ones as a build leaves them. */
function someSegments(dice: Random): Segments {
  const used = 6 + dice.below(20);
  const free = dice.below(24);
  const valid: number[] = [];
  const types: number[] = [];
  for (let segno = 0; segno < used + free; segno++) {
    const kind = dice.below(10);
    const some = kind < 3 ? dice.below(4) : kind < 5 ? BLKS_PER_SEG - dice.below(3) : BLKS_PER_SEG;
    valid.push(segno < used ? some : 0);
    types.push(segno < 6 ? (segno + 3) % 6 : dice.below(10) < 6 ? 1 : dice.below(6));
  }
  return { valid, types };
}

describe('room for growth', () => {
  test('where an image is said to be growable, the tool comes through whatever the tables grow by', () => {
    const dice = random(seedOf('growth'));
    let growable = 0;
    for (let round = 0; round < 800; round++) {
      const segments = someSegments(dice);
      const end = segments.valid.length;
      const reserved = dice.below(14);
      const used = segments.valid.findLastIndex((valid) => valid > 0) + 1;
      expect(canGrow(tableOf(segments), end, reserved, used)).toBe(canGrow(tableOf(segments), end, reserved));
      if (!canGrow(tableOf(segments), end, reserved)) continue;
      growable++;
      for (let k = 0; k <= end + NR_LOGS; k++)
        expect([JSON.stringify(segments), reserved, k, grow(segments, reserved, k)]).not.toContain('given up');
    }
    expect(growable).toBeGreaterThan(200);
  });

  test('it is not said of what the tool gives up on', () => {
    // Full segments of one log each, and hardly a free one: nothing can be taken.
    const full = { valid: new Array<number>(12).fill(BLKS_PER_SEG), types: new Array<number>(12).fill(1) };
    const segments = { valid: [...full.valid, 0, 0], types: [...full.types, 0, 0] };
    expect(grow(segments, 2, 0)).toBe('given up');
    expect(canGrow(tableOf(segments), segments.valid.length, 2)).toBe(false);
    // Two of them moved, nothing is left for the logs.
    expect(grow(segments, 0, 2)).toBe('given up');
    expect(canGrow(tableOf(segments), segments.valid.length, 0)).toBe(false);
    // With a hole in a segment of the first log there is.
    const holed = { valid: [...segments.valid, 9], types: [...segments.types, 0] };
    expect(canGrow(tableOf(holed), holed.valid.length, 0)).toBe(true);
  });
});

describe('the size of an image', () => {
  let work: string;
  beforeAll(() => {
    work = makeTempDir();
    fs.mkdirSync(path.join(work, 'tree'));
    fs.writeFileSync(path.join(work, 'tree/noise'), noise(9_000_000, 1));
    fs.writeFileSync(path.join(work, 'tree/prose'), prose(30_000_000, 2));
  });
  afterAll(() => fs.rmSync(work, { recursive: true, force: true }));

  const make = async (name: string, options: BuildOptions = {}) => {
    const image = path.join(work, name);
    const report = await build(path.join(work, 'tree'), image, options);
    expect(report.problems).toEqual([]);
    expect((await fsck(image)).complaints).toEqual([]);
    return { image, report };
  };

  test('tight is the least that holds the tree; else some segments more, and the logs lie at the end', async () => {
    const tight = await make('tight.img', { tight: true });
    const { image, report } = await make('usual.img');
    expect(report.imageBytes).toBeGreaterThan(tight.report.imageBytes);
    expect(report.imageBytes - tight.report.imageBytes).toBeLessThanOrEqual(16 << 20);
    const device = openFileDevice(image, { writable: false });
    const { layout, logs, sit } = mount(device, { readonly: true }).volume;
    expect(logs.current.map(({ segno }) => layout.nrMainSegments - segno)).toEqual([6, 5, 4, 3, 2, 1]);
    expect(logs.current.map(({ segno }) => sit.validBlocks(segno))).toEqual([0, 0, 0, 0, 0, 0]);
    device.close();
    // A segment less is none that is still growable.
    await expect(
      build(path.join(work, 'tree'), image, { size: tight.report.imageBytes - (2 << 20), force: true }),
    ).rejects.toThrow(/needs|too small/);
  });

  test('what compression gives back may leave tables for a larger image: the report says what must not be done', async () => {
    const { report } = await make('released.img', {
      compress: { codec: { algorithm: 2, level: 1 } },
      release: true,
      freeBytes: 860 << 20,
    });
    expect(report.notes).toEqual([expect.stringMatching(/resize.f2fs must not grow the image to less than \d+ bytes/)]);
  });

  test('tight says nothing of an image with a size of its own', async () => {
    const image = path.join(work, 'sized.img');
    const options: BuildOptions = { tight: true, size: 100 << 20 };
    await expect(build(path.join(work, 'tree'), image, options)).rejects.toMatchObject({ code: 'EINVAL' });
  });
});
