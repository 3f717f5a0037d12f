// The C libraries as judges of our codecs: liblz4, liblzo2, libzstd. Where one can't be loaded, its tests are skipped, and
// the reason says why.
import { ALGORITHM } from '../../src/compress/algorithms.ts';
import { type ReferenceCodec, referenceCodec, zstdWithChecksums } from '../../tools/judge/reference-codecs.ts';

/** A library's compressor and decompressor. */
interface Reference {
  /** Returns the whole result, however large. Levels are the library's own; 0 means its fast or default one. */
  compress(source: Uint8Array, level?: number): Uint8Array;
  /** Returns the bytes that it wrote, at most `capacity`, or null when it refuses the block. */
  decompress(packed: Uint8Array, capacity: number): Uint8Array | null;
}

type MaybeReference = { use: Reference; missing: null } | { use: null; missing: string };

/** Room for `length` bytes, and never a null pointer, even for none (LZ4_compress_HC crashes on one). */
function room(length: number): Uint8Array {
  return new Uint8Array(length + 1).subarray(0, length);
}

function owned(bytes: Uint8Array): Uint8Array {
  const copy = room(bytes.length);
  copy.set(bytes);
  return copy;
}

function referenceOf(load: () => ReferenceCodec): MaybeReference {
  let codec: ReferenceCodec;
  try {
    codec = load();
  } catch (error) {
    return { use: null, missing: (error as Error).message };
  }
  const use: Reference = {
    compress(source, level = 0) {
      // More than any of the three may need.
      const into = room(source.length + (source.length >>> 4) + 512);
      const length = codec.compress(owned(source), into, level);
      if (length <= 0) throw new Error(`${codec.library} could not compress ${source.length} bytes at level ${level}`);
      return into.slice(0, length);
    },
    decompress(packed, capacity) {
      const into = room(capacity);
      const length = codec.decompress(owned(packed), into);
      return length < 0 ? null : into.slice(0, length);
    },
  };
  return { use, missing: null };
}

/** The reference, or the test that asks ends as skipped, with the reason. */
export function need(test: { skip: (reason: string) => never }, reference: MaybeReference): Reference {
  return reference.use ?? test.skip(reference.missing ?? '');
}

/** Raw blocks. Level 0 is LZ4_compress_default, 3 and more LZ4_compress_HC. */
export const liblz4 = referenceOf(() => referenceCodec(ALGORITHM.LZ4));

/** LZO1X-1; there is one level. The stream as the kernel's `lzo` has it; of lzo-rle no library knows. */
export const liblzo = referenceOf(() => referenceCodec(ALGORITHM.LZO));

/** One frame. Level 0 is the library's default, 3. */
export const libzstd = referenceOf(() => referenceCodec(ALGORITHM.ZSTD));

export const libzstdWithChecksums = referenceOf(zstdWithChecksums);
