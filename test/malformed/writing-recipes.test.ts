// Damage that a mount for writing meets when it recovers a volume that was cut off, or a cleaner when it looks for owners: it is
// passed by or told, and nothing that was sound is lost by it.
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { BLKSIZE, type BlockDevice } from '../../src/device/device.ts';
import { F2fsError } from '../../src/errors.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import { DamagedImage } from './damaged-image.ts';
import { expectDiagnosis, keepDiagnoses } from './diagnosis.ts';
import { collectGarbage } from './garbage.ts';
import type { Recipe } from './recipe.ts';
import { WRITING_RECIPES } from './recipes.ts';
import { readEverything } from './walker.ts';
import { FSYNCED, type WornName, wornBase } from './worn-bases.ts';
import { spoiltBy, writeBeside } from './writer.ts';

const LIMITS = { fileBytes: 256 << 10, probes: [1000 * BLKSIZE, 1950 * BLKSIZE], entries: 20_000 };
const MAX_CPU_MS = 4000;
const CACHE_BYTES = 6 << 20;

let nrTests = 0;
afterEach(() => {
  if (++nrTests % 50 === 0) collectGarbage();
});
afterAll(keepDiagnoses);

function damagedBy({ base, damage }: Recipe): DamagedImage {
  const image = new DamagedImage(wornBase(base as WornName));
  damage(image);
  return image;
}

/** Runs `call`; returns the F2fsError that it threw. Anything else that is thrown is a bug, and goes on. */
function attempt(call: () => void): F2fsError | null {
  try {
    call();
    return null;
  } catch (error) {
    if (error instanceof F2fsError) return error;
    throw error;
  }
}

/** Mounts for writing, cleans if the recipe is about that, and closes. */
function work(device: BlockDevice, { touch }: Recipe): F2fsError | null {
  let fs: FileSystem | null = null;
  const refused = attempt(() => {
    fs = mount(device, { cacheBytes: CACHE_BYTES });
    if (touch === 'cleaning') (fs as FileSystem).clean({ sections: 24 });
  });
  const closed = attempt(() => (fs as FileSystem | null)?.close());
  return refused ?? closed;
}

describe.each(['chain', 'orphan', 'ssa'] as const)('%s', (kind) => {
  test.each(WRITING_RECIPES.filter((recipe) => recipe.class === kind))('$name', (recipe) => {
    const image = damagedBy(recipe);
    const start = process.cpuUsage();
    const { seen } = readEverything(image.device(), LIMITS, { cacheBytes: CACHE_BYTES, recovery: false });
    const device = image.device();
    const error = work(device, recipe);
    if (/^E[A-Z]+$/.test(recipe.expect)) {
      expect(error?.code, error?.message).toBe(recipe.expect);
      expectDiagnosis(recipe, error as F2fsError);
    } else {
      expect(error).toBeNull();
    }
    // What fsync left may be there as it was before or after, or be told of as damaged.
    const isChanged = (path: string) =>
      path === '/' ||
      (kind === 'chain' && (path === '/kept' || (FSYNCED as readonly string[]).includes(path))) ||
      (recipe.robs ?? []).some((robbed) => path === robbed || path.startsWith(`${robbed}/`));
    expect(spoiltBy(image, device, seen, LIMITS, { isChanged })).toEqual([]);
    const { spoilt } = writeBeside(image, seen, LIMITS);
    expect(spoilt.filter((line) => !isChanged(line.slice(0, line.indexOf(': '))))).toEqual([]);
    const { user, system } = process.cpuUsage(start);
    expect((user + system) / 1000).toBeLessThan(MAX_CPU_MS);
  });
});
