// The codecs, in WebAssembly, on the page frames in place: their memory is the pool's. Built from assembly/ by `npm run build`.
import { F2fsError } from '../errors.ts';
import type { SharedMemory } from '../pagecache/pool.ts';
import { codecBytes } from '../platform/codec-bytes.ts';
import { ALGORITHM, type Algorithm } from './algorithms.ts';

/** Bytes that one instance needs for its tables; 8-aligned, contents undefined before and after each call. */
export const WORKSPACE_BYTES = 2 * 1024 * 1024;

/**
 * What assembly/ exports. Addresses are byte offsets in the memory. Compressors return the bytes that they wrote, at most
 * `capacity`, or 0 when the result would not fit; decompressors the bytes that they wrote, at most `capacity`, or -1 for
 * data that is damaged.
 */
export interface CodecExports {
  lz4Compress(src: number, length: number, dst: number, capacity: number, level: number, work: number): number;
  lz4Decompress(src: number, length: number, dst: number, capacity: number): number;
  /** Matches may begin at `base` or behind it. */
  lz4DecompressAfter(src: number, length: number, base: number, dst: number, capacity: number): number;
  lzoCompress(src: number, length: number, dst: number, capacity: number, work: number): number;
  lzoRleCompress(src: number, length: number, dst: number, capacity: number, work: number): number;
  lzoDecompress(src: number, length: number, dst: number, capacity: number): number;
  zstdCompress(src: number, length: number, dst: number, capacity: number, level: number, work: number): number;
  zstdDecompress(src: number, length: number, dst: number, capacity: number, work: number): number;
  /** Begins a frame whose compressed blocks are given one by one. */
  zstdBegin(work: number): void;
  zstdBlock(src: number, length: number, base: number, dst: number, limit: number, work: number): number;
  /** The hash of what comes in parts, with 72 bytes of state. */
  xxh64Begin(state: number): void;
  xxh64Update(state: number, src: number, length: number): void;
  /** Its lower half, as an int. */
  xxh64End(state: number): number;
}

interface WebAssemblyApi {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: { env: { memory: SharedMemory } }) => { exports: unknown };
}

/** The module's functions over a memory. */
export function codecExports(memory: SharedMemory): CodecExports {
  const api = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;
  return new api.Instance(codecsModule(api), { env: { memory } }).exports as CodecExports;
}

let compiled: object | null = null;

/** Compiled once a thread. */
function codecsModule(api: WebAssemblyApi): object {
  compiled ??= new api.Module(codecBytes());
  return compiled;
}

/** One thread's codecs over a memory. */
export class Codecs {
  readonly #wasm: CodecExports;
  readonly #work: number;

  /** @param work byte offset of WORKSPACE_BYTES bytes of the memory that are this instance's alone */
  constructor(memory: SharedMemory, work: number) {
    this.#wasm = codecExports(memory);
    this.#work = work;
  }

  /** Compresses `length` bytes at `src` into at most `capacity` at `dst`; returns how many, 0 when they do not fit. */
  compress(algorithm: Algorithm, level: number, src: number, length: number, dst: number, capacity: number): number {
    const wasm = this.#wasm;
    switch (algorithm) {
      case ALGORITHM.LZ4:
        return wasm.lz4Compress(src, length, dst, capacity, level, this.#work);
      case ALGORITHM.ZSTD:
        return wasm.zstdCompress(src, length, dst, capacity, level, this.#work);
      case ALGORITHM.LZO:
        return wasm.lzoCompress(src, length, dst, capacity, this.#work);
      case ALGORITHM.LZORLE:
        return wasm.lzoRleCompress(src, length, dst, capacity, this.#work);
    }
  }

  /** Decompresses `length` bytes at `src` to exactly `size` bytes at `dst`; false when they are no such thing. Writes nothing past them. */
  decompress(algorithm: Algorithm, src: number, length: number, dst: number, size: number): boolean {
    const wasm = this.#wasm;
    switch (algorithm) {
      case ALGORITHM.LZ4:
        return wasm.lz4Decompress(src, length, dst, size) === size;
      case ALGORITHM.ZSTD:
        return wasm.zstdDecompress(src, length, dst, size, this.#work) === size;
      case ALGORITHM.LZO:
      case ALGORITHM.LZORLE:
        return wasm.lzoDecompress(src, length, dst, size) === size;
      default:
        throw new F2fsError('EOPNOTSUPP', `unknown compression algorithm ${algorithm}`);
    }
  }
}
