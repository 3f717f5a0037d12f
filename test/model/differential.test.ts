// A mounted volume does what a directory of the host does: random operations on both, F2FS_OPS of them (200,000 by default).
// Repeat a failure with F2FS_SEED; a million: F2FS_OPS=1000000 npx vitest run test/model

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BLKSIZE, type BlockDevice } from '../../src/device/device.ts';
import { MemoryDevice } from '../../src/device/memory-device.ts';
import type { FileSystem } from '../../src/fs/file-system.ts';
import { format } from '../../src/mkfs/format.ts';
import { fsck } from '../../tools/judge/fsck.ts';
import { censusFaults } from '../crash/tree.ts';
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

function newDevice(blockSize: number): MemoryDevice {
  const device = new MemoryDevice({ sizeBytes: (256 * MIB * blockSize) / BLKSIZE });
  format(device, {
    blockSize,
    features: ['extra_attr', 'inode_checksum', 'sb_checksum', 'inode_crtime', 'flexible_inline_xattr', 'quota'],
  });
  return device;
}

/** What is wrong with a volume: fsck.f2fs says so of the usual blocks, of others the census. */
async function complaintsOf(device: BlockDevice, volume: FileSystem): Promise<string[]> {
  if (volume.statfs().blockBytes === BLKSIZE) {
    const image = join(dir, 'image');
    writeImage(device, image);
    return (await fsck(image)).complaints;
  }
  return censusFaults(volume);
}

test.each([
  [OPERATIONS, BLKSIZE],
  [Math.ceil(OPERATIONS / 10), 4 * BLKSIZE],
])(
  '%i random operations, on a volume with blocks of %i bytes and on a directory of the host',
  {
    timeout: 24 * 3600_000,
  },
  async (operations, blockSize) => {
    const seed = seedOf('model');
    const everyNth = Math.max(1, Math.floor(operations / 5000 / NR_FSCK));
    const complaints: string[] = [];
    let remounts = 0;
    const report = await runDifferential({
      dir,
      seed,
      operations,
      blockSize,
      newDevice: () => newDevice(blockSize),
      mounts: MOUNTS.map((options) => ({ ...options, cacheBytes: ((options.cacheBytes ?? 0) * blockSize) / BLKSIZE })),
      without: WITHOUT,
      afterRemount: async (device, done, volume) => {
        if (++remounts % everyNth !== 0 && done < operations) return;
        complaints.push(...(await complaintsOf(device, volume)));
        expect(complaints, `after operation ${done}`).toEqual([]);
      },
    });
    console.info(
      `model: ${report.operations} operations, ${report.comparisons} comparisons, ${report.remounts} remounts`,
    );
    if (process.env['F2FS_VERBOSE'] !== undefined) console.info(JSON.stringify(report.outcomes, null, 1));
    expect(report.operations).toBe(operations);
  },
);
