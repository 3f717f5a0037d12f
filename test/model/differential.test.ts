// A mounted volume does what a directory of the host does: random operations on both, F2FS_OPS of them (200,000 by default).
// Repeat a failure with F2FS_SEED; a million: F2FS_OPS=1000000 npx vitest run test/model

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BLKSIZE } from '../../src/device/device.ts';
import { MemoryDevice } from '../../src/device/memory-device.ts';
import { format } from '../../src/mkfs/format.ts';
import { fsck } from '../../tools/judge/fsck.ts';
import { writeImage } from '../devices.ts';
import { seedOf } from '../random.ts';
import { runDifferential } from './differential.ts';
import type { Kind } from './operation.ts';
import { MOUNTS } from './volume-side.ts';

const MIB = 2 ** 20;
const OPERATIONS = Number(process.env['F2FS_OPS'] ?? 200_000);
const WITHOUT = (process.env['F2FS_WITHOUT'] ?? '').split(',').filter((kind) => kind !== '') as Kind[];
/** Images that fsck.f2fs looks at. */
const NR_FSCK = 10;

let dir: string;
let umask: number;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'f2fs-model-'));
  umask = process.umask(0);
});
afterAll(() => {
  process.umask(umask);
  rmSync(dir, { recursive: true });
});

function newDevice(): MemoryDevice {
  const device = new MemoryDevice((256 * MIB) / BLKSIZE);
  format(device, {
    features: ['extra_attr', 'inode_checksum', 'sb_checksum', 'inode_crtime', 'flexible_inline_xattr'],
  });
  return device;
}

test(`${OPERATIONS} random operations, on a volume and on a directory of the host`, {
  timeout: 24 * 3600_000,
}, async () => {
  const seed = seedOf('model');
  const everyNth = Math.max(1, Math.floor(OPERATIONS / 5000 / NR_FSCK));
  const complaints: string[] = [];
  let remounts = 0;
  const report = await runDifferential({
    dir,
    seed,
    operations: OPERATIONS,
    newDevice,
    mounts: MOUNTS,
    without: WITHOUT,
    afterRemount: async (device, done) => {
      if (++remounts % everyNth !== 0 && done < OPERATIONS) return;
      const image = join(dir, 'image');
      writeImage(device, image);
      complaints.push(...(await fsck(image)).complaints);
      expect(complaints, `fsck.f2fs after operation ${done}`).toEqual([]);
    },
  });
  console.info(
    `model: ${report.operations} operations, ${report.comparisons} comparisons, ${report.remounts} remounts`,
  );
  if (process.env['F2FS_VERBOSE'] !== undefined) console.info(JSON.stringify(report.outcomes, null, 1));
  expect(report.operations).toBe(OPERATIONS);
});
