// Zstandard, for clusters of up to 1 MiB: the two calls that the module exports.
export { zstdDecompress } from './zstd-decode';
export function zstdCompress(src: usize, length: u32, dst: usize, capacity: u32, level: u32, work: usize): u32 {
  return 0;
}
