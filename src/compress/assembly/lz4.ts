export function lz4Compress(src: usize, length: u32, dst: usize, capacity: u32, level: u32, work: usize): u32 {
  return 0;
}
export function lz4Decompress(src: usize, length: u32, dst: usize, capacity: u32): i32 {
  return -1;
}
