// Zstandard: the two calls that the module exports.
export { zstdDecompress } from './zstd-decode';
export { zstdCompress } from './zstd-encode';
