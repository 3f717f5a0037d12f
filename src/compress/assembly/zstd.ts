// Zstandard: the calls that the module exports.
export { zstdBegin, zstdBlock, zstdDecompress } from './zstd-decode';
export { zstdCompress } from './zstd-encode';
