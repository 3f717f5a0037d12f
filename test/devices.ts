// Devices as files, for judges that read images.
import * as fs from 'node:fs';
import type { BlockDevice } from '../src/device/device.ts';
import { BLKSIZE } from '../src/format/constants.ts';

const PIECE_BLOCKS = 256;

/** Writes what the device holds to the file `path`, with holes for zeros. */
export function writeImage(device: BlockDevice, path: string): void {
  const fd = fs.openSync(path, 'w');
  try {
    fs.ftruncateSync(fd, device.nrBlocks * BLKSIZE);
    const piece = Buffer.alloc(PIECE_BLOCKS * BLKSIZE);
    const zeros = Buffer.alloc(piece.length);
    for (let at = 0; at < device.nrBlocks; at += PIECE_BLOCKS) {
      const bytes = piece.subarray(0, Math.min(PIECE_BLOCKS, device.nrBlocks - at) * BLKSIZE);
      device.read(at, bytes);
      if (!bytes.equals(zeros.subarray(0, bytes.length))) fs.writeSync(fd, bytes, 0, bytes.length, at * BLKSIZE);
    }
  } finally {
    fs.closeSync(fd);
  }
}
