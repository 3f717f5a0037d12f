// The F2FS checksum: CRC-32 (reflected, polynomial 0xEDB88320) with a caller's seed and no final inversion.
// The one that platforms have inverts its value on the way in and out; undoing that gives F2FS's.
import { crc32 as invertedCrc32 } from '../platform/crc.ts';
import { F2FS_SUPER_MAGIC } from './constants.ts';

/** CRC of `bytes` continued from `seed`. Source: the kernel's __f2fs_crc32. */
export function crc32(seed: number, bytes: Uint8Array): number {
  return ~invertedCrc32(bytes, ~seed >>> 0) >>> 0;
}

/** CRC of `bytes` with the seed that superblocks, checkpoints and clusters use. Source: f2fs_crc32. */
export function f2fsCrc(bytes: Uint8Array): number {
  return crc32(F2FS_SUPER_MAGIC, bytes);
}
