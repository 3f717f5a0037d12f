// The codecs' WebAssembly module: AssemblyScript on the page frames in place. It has no memory of its own and no static
// data (the memory that it imports is the page cache); tables live in the workspace that each call is given.
export { lz4Compress, lz4Decompress, lz4DecompressAfter } from './lz4';
export { lzoCompress, lzoDecompress, lzoRleCompress } from './lzo';
export { zstdBegin, zstdBlock, zstdCompress, zstdDecompress } from './zstd';
export { xxh64Begin, xxh64End, xxh64Update } from './zstd-xxhash';
