// What a judge must know of an image before a kernel gets it: the size of its blocks, its features, whether it was
// unmounted. Read by the format's declarations alone, as it may be a volume that the library does not mount.

import { closeSync, openSync, readSync } from 'node:fs';
import { BLKS_PER_SEG } from '../../src/format/block-size.ts';
import { Checkpoint, CP } from '../../src/format/checkpoint.ts';
import { F2FS_SUPER_MAGIC, FEATURES, SUPER_OFFSET } from '../../src/format/constants.ts';
import { viewOf } from '../../src/format/struct.ts';
import { Superblock } from '../../src/format/superblock.ts';
import type { UnpackedKernel } from './paths.js';

const BLOCK_SIZES = [4096, 8192, 16_384, 32_768, 65_536];

/** What an image's superblock and checkpoint say. */
export interface ImageFacts {
  /** Bytes. */
  readonly blockSize: number;
  readonly featureBits: number;
  /** Whether its last checkpoint is not that of an unmount. */
  readonly cutOff: boolean;
}

/** Those of an image; undefined when there is no superblock in any of the places where one may be. */
export function imageFacts(image: string): ImageFacts | undefined {
  const fd = openSync(image, 'r');
  try {
    // The second one is in block 1: that may be anywhere as long as the first is not read.
    for (const block of [0, ...BLOCK_SIZES]) {
      const sb = new Superblock(viewOf(readAt(fd, block + SUPER_OFFSET, Superblock.size)), 0);
      const blockSize = 2 ** sb.logBlocksize;
      if (sb.magic !== F2FS_SUPER_MAGIC || !BLOCK_SIZES.includes(blockSize)) continue;
      return { blockSize, featureBits: sb.feature, cutOff: isCutOff(fd, sb) };
    }
    return undefined;
  } finally {
    closeSync(fd);
  }
}

/** Whether the newer checkpoint is not that of an unmount. */
function isCutOff(fd: number, sb: Superblock): boolean {
  const blockSize = 2 ** sb.logBlocksize;
  let newest = -1n;
  let cutOff = false;
  for (const blkaddr of [sb.cpBlkaddr, sb.cpBlkaddr + BLKS_PER_SEG]) {
    const cp = new Checkpoint(viewOf(readAt(fd, blkaddr * blockSize, Checkpoint.size)), 0);
    const version = cp.dv.getBigUint64(0, true);
    // It stands at both ends of its pack, or the pack was begun only.
    const end = readAt(fd, (blkaddr + cp.cpPackTotalBlockCount - 1) * blockSize, 8);
    if (end.readBigUInt64LE(0) !== version || version <= newest) continue;
    newest = version;
    cutOff = (cp.ckptFlags & CP.UMOUNT) === 0;
  }
  return cutOff;
}

function readAt(fd: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  readSync(fd, bytes, 0, length, position);
  return bytes;
}

/** Features that an older kernel does not know and does not look for: it mounts the volume, and destroys it. */
const UNSEEN_FEATURES = [{ name: 'packed_ssa', since: [6, 19] }] as const;

/** Throws when one of the images has a feature for which that kernel would destroy it. */
export function refuseUnseenFeatures(kernel: UnpackedKernel, images: readonly string[]): void {
  const [major, minor] = kernel.version.split('.').map((part) => Number.parseInt(part, 10));
  for (const image of images) {
    const bits = imageFacts(image)?.featureBits ?? 0;
    for (const { name, since } of UNSEEN_FEATURES) {
      const known = major > since[0] || (major === since[0] && minor >= since[1]);
      if (known || (bits & FEATURES[name]) === 0) continue;
      throw new Error(
        `${image} has ${name}, which Linux ${kernel.version} does not know: it would destroy the volume; take ${since.join('.')} or newer`,
      );
    }
  }
}
