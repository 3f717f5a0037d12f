// Devices copied: to files, for judges that read images, and in memory, to be looked at beside a mount.
import * as fs from 'node:fs';
import { BLKSIZE, type BlockDevice } from '../src/device/device.ts';
import { MemoryDevice } from '../src/device/memory-device.ts';

const PIECE_BLOCKS = 256;

/** Another device that holds what this one does now. */
export function copyOf(device: BlockDevice): MemoryDevice {
  const copy = new MemoryDevice(device.nrBlocks);
  for (const [at, bytes] of pieces(device)) copy.write(at, [bytes]);
  return copy;
}

/** Writes what the device holds to the file `path`, with holes for zeros. */
export function writeImage(device: BlockDevice, path: string): void {
  const fd = fs.openSync(path, 'w');
  try {
    fs.ftruncateSync(fd, device.nrBlocks * BLKSIZE);
    for (const [at, bytes] of pieces(device)) fs.writeSync(fd, bytes, 0, bytes.length, at * BLKSIZE);
  } finally {
    fs.closeSync(fd);
  }
}

/** Where something else than zeros stands, and what; the bytes are good until the next. */
function* pieces(device: BlockDevice): Generator<[blkaddr: number, bytes: Uint8Array]> {
  const piece = Buffer.alloc(PIECE_BLOCKS * BLKSIZE);
  const zeros = Buffer.alloc(piece.length);
  for (let at = 0; at < device.nrBlocks; at += PIECE_BLOCKS) {
    const bytes = piece.subarray(0, Math.min(PIECE_BLOCKS, device.nrBlocks - at) * BLKSIZE);
    device.read(at, bytes);
    if (!bytes.equals(zeros.subarray(0, bytes.length))) yield [at, bytes];
  }
}
