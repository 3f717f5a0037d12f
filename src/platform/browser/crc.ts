// CRC-32 where there is no zlib.
import CRC32 from 'crc-32';

export function crc32(bytes: Uint8Array, value: number): number {
  return CRC32.buf(bytes, value | 0) >>> 0;
}
