export function zstdCompress(src: usize, length: u32, dst: usize, capacity: u32, level: u32, work: usize): u32 {
  return 0;
}
export function zstdDecompress(src: usize, length: u32, dst: usize, capacity: u32, work: usize): i32 {
  return -1;
}
