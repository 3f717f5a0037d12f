// fsck.f2fs on a volume in memory.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BLKSIZE } from '../../src/device/device.ts';
import type { MemoryDevice } from '../../src/device/memory-device.ts';
import { type FsckResult, fsck } from '../../tools/judge/fsck.ts';

export async function fsckDevice(device: MemoryDevice): Promise<FsckResult> {
  const work = mkdtempSync(join(tmpdir(), 'f2fs-fsck-'));
  try {
    const image = join(work, 'image');
    const bytes = new Uint8Array(device.nrBlocks * BLKSIZE);
    device.read(0, bytes);
    writeFileSync(image, bytes);
    return await fsck(image);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
