// The C libraries as judges of our codecs, through koffi: liblz4, liblzo2, libzstd. Where one can't be loaded, its
// tests are skipped, and the reason says why. Sources are copied first: koffi takes no view of a shared memory.
import { createRequire } from 'node:module';

/** A library's compressor and decompressor. */
export interface Reference {
  /** Returns the whole result, however large. Levels are the library's own; 0 means its fast or default one. */
  compress(source: Uint8Array, level?: number): Uint8Array;
  /** Returns the bytes that it wrote, at most `capacity`, or null when it refuses the block. */
  decompress(packed: Uint8Array, capacity: number): Uint8Array | null;
}

export type MaybeReference = { use: Reference; missing: null } | { use: null; missing: string };

type Koffi = typeof import('koffi');
type Library = ReturnType<Koffi['load']>;

const require = createRequire(import.meta.url);

/** A copy that C may have: not shared, and never a null pointer, even for no bytes (LZ4_compress_HC crashes on one). */
function owned(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(Math.max(bytes.length, 1));
  copy.set(bytes);
  return copy;
}

function load(soname: string, bind: (library: Library) => Reference): MaybeReference {
  try {
    const koffi = require('koffi') as Koffi;
    return { use: bind(koffi.load(soname)), missing: null };
  } catch (error) {
    return { use: null, missing: `${soname} can't be used: ${(error as Error).message}` };
  }
}

/** The reference, or the test that asks ends as skipped, with the reason. */
export function need(test: { skip: (reason: string) => never }, reference: MaybeReference): Reference {
  return reference.use ?? test.skip(reference.missing ?? '');
}

/** Raw blocks. Level 0 is LZ4_compress_default, 3 and more LZ4_compress_HC. */
export const liblz4 = load('liblz4.so.1', (library) => {
  const fast = library.func('int LZ4_compress_default(void *, void *, int, int)');
  const slow = library.func('int LZ4_compress_HC(void *, void *, int, int, int)');
  const inflate = library.func('int LZ4_decompress_safe(void *, void *, int, int)');
  return {
    compress(source, level = 0) {
      const into = new Uint8Array(source.length + (source.length >>> 7) + 64);
      const from = owned(source);
      const length: number =
        level === 0
          ? fast(from, into, source.length, into.length)
          : slow(from, into, source.length, into.length, level);
      if (length <= 0) throw new Error(`liblz4 could not compress ${source.length} bytes`);
      return into.slice(0, length);
    },
    decompress(packed, capacity) {
      const into = new Uint8Array(Math.max(capacity, 1));
      const length: number = inflate(owned(packed), into, packed.length, capacity);
      return length < 0 ? null : into.slice(0, length);
    },
  };
});

/** LZO1X-1; there is one level. The stream as the kernel's `lzo` has it; of lzo-rle no library knows. */
export const liblzo = load('liblzo2.so.2', (library) => {
  const deflate = library.func('int lzo1x_1_compress(void *, size_t, void *, void *, void *)');
  const inflate = library.func('int lzo1x_decompress_safe(void *, size_t, void *, void *, void *)');
  const work = new Uint8Array(16384 * 8);
  return {
    compress(source) {
      const into = new Uint8Array(source.length + (source.length >>> 4) + 67);
      const length = new BigUint64Array([BigInt(into.length)]);
      const status: number = deflate(owned(source), source.length, into, length, work);
      if (status !== 0) throw new Error(`lzo1x_1_compress returned ${status}`);
      return into.slice(0, Number(length[0]));
    },
    decompress(packed, capacity) {
      const into = new Uint8Array(Math.max(capacity, 1));
      const length = new BigUint64Array([BigInt(capacity)]);
      const status: number = inflate(owned(packed), packed.length, into, length, null);
      return status === 0 ? into.slice(0, Number(length[0])) : null;
    },
  };
});

/** One frame. Level 0 is the library's default, 3. */
export const libzstd = load('libzstd.so.1', (library) => {
  const deflate = library.func('size_t ZSTD_compress(void *, size_t, void *, size_t, int)');
  const inflate = library.func('size_t ZSTD_decompress(void *, size_t, void *, size_t)');
  const isError = library.func('unsigned int ZSTD_isError(size_t)');
  const bound = library.func('size_t ZSTD_compressBound(size_t)');
  return {
    compress(source, level = 0) {
      const into = new Uint8Array(Number(bound(source.length)));
      const result: number | bigint = deflate(into, into.length, owned(source), source.length, level);
      if (isError(result)) throw new Error(`libzstd could not compress ${source.length} bytes at level ${level}`);
      return into.slice(0, Number(result));
    },
    decompress(packed, capacity) {
      const into = new Uint8Array(Math.max(capacity, 1));
      const result: number | bigint = inflate(into, capacity, owned(packed), packed.length);
      return isError(result) ? null : into.slice(0, Number(result));
    },
  };
});
