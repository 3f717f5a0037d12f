// The reference libraries that judge compressed clusters, and that the codecs' benchmark runs against: liblz4, liblzo2
// and libzstd, as Debian ships them, called in this process through koffi (an optional dependency).

import { createRequire } from 'node:module';
import { ALGORITHM, ALGORITHM_NAMES, type Algorithm } from '../../src/compress/algorithms.ts';

/**
 * A reference library's routines for one algorithm. Both take views on shared memory too. A `Uint8Array(0)` is a null
 * pointer to the library, a subarray of no bytes is none.
 */
export interface ReferenceCodec {
  /** The library's name and version. */
  readonly library: string;
  /** Decompresses all of `src` into `dst`; the bytes written, or -1 when the library refuses the input or `dst` is too small. */
  decompress(src: Uint8Array, dst: Uint8Array): number;
  /** Compresses `src` into `dst`; the bytes written, or 0 when they do not fit. Level 0 is lz4's fast variant; lzo has none. */
  compress(src: Uint8Array, dst: Uint8Array, level: number): number;
}

type Native = (...args: (Uint8Array | number | number[] | null | unknown)[]) => unknown;
interface Library {
  func(declaration: string): Native;
}
interface Koffi {
  load(name: string): Library;
}

const LIBZSTD = 'libzstd.so.1';
/** Of ZSTD_cParameter in zstd.h. */
const ZSTD_C_COMPRESSION_LEVEL = 100;
const ZSTD_C_CHECKSUM_FLAG = 201;

/** Bytes of work memory that lzo1x_1_compress wants: LZO1X_1_MEM_COMPRESS on 64-bit machines. */
const LZO_WORK_BYTES = 16384 * 8;
/** The most by which LZO may make its input larger. Source: the FAQ of LZO. */
const lzoBound = (length: number) => length + (length >>> 4) + 64 + 3;

const BINDINGS: ReadonlyMap<Algorithm, () => ReferenceCodec> = new Map([
  [ALGORITHM.LZ4, () => lz4(load('liblz4.so.1'))],
  [ALGORITHM.LZO, () => lzo(load('liblzo2.so.2'))],
  [ALGORITHM.ZSTD, () => zstd(load(LIBZSTD))],
]);

const loaded = new Map<Algorithm, ReferenceCodec>();

/** An algorithm's reference codec. Throws, saying what to install, when koffi or the library is missing. */
export function referenceCodec(algorithm: Algorithm): ReferenceCodec {
  let codec = loaded.get(algorithm);
  if (codec === undefined) {
    const bind = BINDINGS.get(algorithm);
    if (bind === undefined) throw new Error(`no library knows of ${ALGORITHM_NAMES[algorithm]}`);
    codec = bind();
    loaded.set(algorithm, codec);
  }
  return codec;
}

/**
 * The reference codecs by algorithm. lzo-rle has none: no library but the kernel's own code reads it. Throws, saying
 * what to install, when koffi or a library is missing.
 */
export function referenceCodecs(): ReadonlyMap<Algorithm, ReferenceCodec> {
  for (const algorithm of BINDINGS.keys()) referenceCodec(algorithm);
  return loaded;
}

/** Whether the reference codecs can be loaded here. */
export function referenceCodecsAreThere(): boolean {
  try {
    return referenceCodecs().size > 0;
  } catch {
    return false;
  }
}

function load(name: string): Library {
  let koffi: Koffi;
  try {
    koffi = createRequire(import.meta.url)('koffi') as Koffi;
  } catch (cause) {
    throw new Error('the reference codecs are called through koffi, which is not installed: npm ci', { cause });
  }
  try {
    return koffi.load(name);
  } catch (cause) {
    throw new Error(`${name} is missing: run tools/setup.sh`, { cause });
  }
}

function lz4(library: Library): ReferenceCodec {
  const version = library.func('const char *LZ4_versionString()');
  const decompress = library.func('int LZ4_decompress_safe(const void *src, void *dst, int length, int capacity)');
  const fast = library.func('int LZ4_compress_default(const void *src, void *dst, int length, int capacity)');
  const high = library.func('int LZ4_compress_HC(const void *src, void *dst, int length, int capacity, int level)');
  return {
    library: `liblz4 ${String(version())}`,
    decompress(src, dst) {
      const got = decompress(src, dst, src.length, dst.length) as number;
      return got < 0 ? -1 : got;
    },
    compress(src, dst, level) {
      const args = [src, dst, src.length, dst.length] as const;
      return (level === 0 ? fast(...args) : high(...args, level)) as number;
    },
  };
}

function lzo(library: Library): ReferenceCodec {
  const version = library.func('const char *lzo_version_string()');
  const decompress = library.func(
    'int lzo1x_decompress_safe(const void *src, size_t length, void *dst, _Inout_ size_t *written, void *work)',
  );
  const compress = library.func(
    'int lzo1x_1_compress(const void *src, size_t length, void *dst, _Out_ size_t *written, void *work)',
  );
  const work = new Uint8Array(LZO_WORK_BYTES);
  let unbounded = new Uint8Array(0);
  return {
    library: `liblzo2 ${String(version())}`,
    decompress(src, dst) {
      const written = [dst.length];
      return decompress(src, src.length, dst, written, null) === 0 ? written[0] : -1;
    },
    compress(src, dst) {
      // The library knows no bound on its output: one that may be too small is not given to it.
      const bound = lzoBound(src.length);
      if (dst.length < bound && unbounded.length < bound) unbounded = new Uint8Array(bound);
      const into = dst.length < bound ? unbounded : dst;
      const written = [0];
      if (compress(src, src.length, into, written, work) !== 0 || written[0] > dst.length) return 0;
      if (into !== dst) dst.set(into.subarray(0, written[0]));
      return written[0];
    },
  };
}

function zstd(library: Library): ReferenceCodec {
  const version = library.func('const char *ZSTD_versionString()');
  const isError = library.func('unsigned int ZSTD_isError(size_t code)');
  const frameSize = library.func('size_t ZSTD_findFrameCompressedSize(const void *src, size_t length)');
  const decompress = library.func(
    'size_t ZSTD_decompressDCtx(void *ctx, void *dst, size_t capacity, const void *src, size_t length)',
  );
  const compress = library.func(
    'size_t ZSTD_compressCCtx(void *ctx, void *dst, size_t capacity, const void *src, size_t length, int level)',
  );
  // They live as long as the process.
  const decompressor = library.func('void *ZSTD_createDCtx()')();
  const codecJobs = library.func('void *ZSTD_createCCtx()')();
  return {
    library: `libzstd ${String(version())}`,
    decompress(src, dst) {
      const got = decompress(decompressor, dst, dst.length, src, src.length);
      // One frame and nothing behind it: the library itself would take several.
      if (isError(got) !== 0 || frameSize(src, src.length) !== src.length) return -1;
      return got as number;
    },
    compress(src, dst, level) {
      const got = compress(codecJobs, dst, dst.length, src, src.length, level);
      return isError(got) !== 0 ? 0 : (got as number);
    },
  };
}

/** libzstd, with a checksum at the end of each frame that it makes. */
export function zstdWithChecksums(): ReferenceCodec {
  const library = load(LIBZSTD);
  const isError = library.func('unsigned int ZSTD_isError(size_t code)');
  const set = library.func('size_t ZSTD_CCtx_setParameter(void *ctx, int parameter, int value)');
  const compress = library.func(
    'size_t ZSTD_compress2(void *ctx, void *dst, size_t capacity, const void *src, size_t length)',
  );
  const codecJobs = library.func('void *ZSTD_createCCtx()')();
  set(codecJobs, ZSTD_C_CHECKSUM_FLAG, 1);
  return {
    ...referenceCodec(ALGORITHM.ZSTD),
    compress(src, dst, level) {
      set(codecJobs, ZSTD_C_COMPRESSION_LEVEL, level);
      const got = compress(codecJobs, dst, dst.length, src, src.length);
      return isError(got) !== 0 ? 0 : (got as number);
    },
  };
}

/**
 * Bytes of the window that a zstd frame asks its reader for, or null when it does not begin as one. The kernel keeps a
 * window of one cluster and refuses more. Source: RFC 8878, 3.1.1.1.
 */
export function zstdWindowBytes(frame: Uint8Array): number | null {
  if (frame.length < 6 || Buffer.from(frame.subarray(0, 4)).readUInt32LE() !== 0xfd2fb528) return null;
  const descriptor = frame[4];
  if ((descriptor & 0x20) === 0) {
    const base = 2 ** (10 + (frame[5] >>> 3));
    return base + (base / 8) * (frame[5] & 7);
  }
  // A single segment: the window is the content, whose size follows the dictionary's id.
  const at = 5 + [0, 1, 2, 4][descriptor & 3];
  const width = [1, 2, 4, 8][descriptor >>> 6];
  if (frame.length < at + width) return null;
  const size = Buffer.from(frame.subarray(at, at + width)).readUIntLE(0, Math.min(width, 6));
  return width === 2 ? size + 256 : size;
}
