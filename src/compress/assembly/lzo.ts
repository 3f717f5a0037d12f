export function lzoCompress(src: usize, length: u32, dst: usize, capacity: u32, work: usize): u32 {
  return 0;
}
export function lzoRleCompress(src: usize, length: u32, dst: usize, capacity: u32, work: usize): u32 {
  return 0;
}
export function lzoDecompress(src: usize, length: u32, dst: usize, capacity: u32): i32 {
  return -1;
}
