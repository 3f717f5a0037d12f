// CRC-32 by zlib, in every Node that package.json admits.
import * as zlib from 'node:zlib';

/** CRC-32 as zlib has it (reflected, polynomial 0xEDB88320, inverted on the way in and out), continued from `value`. Both unsigned. */
export function crc32(bytes: Uint8Array, value: number): number {
  return zlib.crc32(bytes, value);
}
