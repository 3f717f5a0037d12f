// Zstandard: what our encoder writes is read by libzstd, which the kernel's decoder is, and the other way round at every level; and
// whatever frame or capacity they are given, neither touches a byte that it should not.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { random, seedOf } from '../random.ts';
import * as arena from './arena.ts';
import { libzstd, libzstdWithChecksums, need } from './reference.ts';
import { binary, noise, patchwork, periodic, type Sample, samples, text } from './samples.ts';

const SEED = seedOf('zstd');
const SAMPLES = samples(SEED);
const LEVELS = [1, 2, 3, 4, 6, 9, 12, 13, 16, 19, 22];

/** toEqual takes seconds on a megabyte. */
function same(a: Uint8Array | null, b: Uint8Array): boolean {
  return a !== null && Buffer.compare(a, b) === 0;
}

/** Compresses to a frame; null when it is larger than `capacity`. */
function compress(source: Uint8Array, level: number, capacity = source.length + 64): Uint8Array | null {
  return arena.compress('zstd', source, level, capacity);
}

/** Decompresses a frame; null when it is refused. */
function decompress(packed: Uint8Array, capacity: number): Uint8Array | null {
  return arena.decompress('zstd', packed, capacity);
}

/** The samples that are tried at a level: the higher ones take too long for the large. */
function samplesOf(level: number): Sample[] {
  if (level < 6) return SAMPLES;
  const most = level < 13 ? 262_144 : 20_000;
  return SAMPLES.filter(({ bytes }, i) => bytes.length <= most && (level < 13 || i % 3 === level % 3));
}

/** By level, the samples' frames. */
const packedAt: Uint8Array[][] = [];

describe.each(LEVELS)('level %i', (level) => {
  const compressed = () => (packedAt[level] ??= samplesOf(level).map(({ bytes }) => compress(bytes, level)!));

  it('gives back what it was given', () => {
    for (const [i, packed] of compressed().entries()) {
      const { name, bytes } = samplesOf(level)[i] as Sample;
      expect(same(decompress(packed, bytes.length), bytes), name).toBe(true);
    }
  });

  it('is read by libzstd', (test) => {
    const reference = need(test, libzstd);
    for (const [i, packed] of compressed().entries()) {
      const { name, bytes } = samplesOf(level)[i] as Sample;
      expect(same(reference.decompress(packed, bytes.length), bytes), name).toBe(true);
    }
  });

  it('makes one segment without a checksum, so that a window of the cluster is enough', () => {
    for (const [i, packed] of compressed().entries()) {
      const { name, bytes } = samplesOf(level)[i] as Sample;
      const descriptor = packed[4] as number;
      expect(descriptor & 0x3f, name).toBe(0x20);
      expect(packed.length, name).toBeLessThanOrEqual(bytes.length + 9 + 3 * Math.ceil((bytes.length + 1) / 131_072));
    }
  });

  it('fits in as many bytes as it takes, and in no fewer', () => {
    const rng = random(SEED);
    for (const bytes of [text(700), patchwork(900, rng), noise(300, rng), new Uint8Array(5000), new Uint8Array(7)]) {
      const packed = compress(bytes, level)!;
      for (let capacity = 0; capacity < packed.length + 20; capacity += 1 + (capacity & 3)) {
        const result = compress(bytes, level, capacity);
        if (capacity < packed.length) expect(result).toBeNull();
        else expect(same(result, packed), `capacity ${capacity}`).toBe(true);
      }
      expect(compress(bytes, level, packed.length - 1)).toBeNull();
      expect(same(compress(bytes, level, packed.length), packed)).toBe(true);
    }
  });

  it('stays in its workspace where two of the latest distances have as long a match', () => {
    // The first flaw has the match of one period followed by that of two; behind the second both go on to the third.
    const [size, period, flaws] =
      level < 13 ? [32_000, 9500, [14_250, 23_800]] : [262_144, 60_000, [90_000, 151_200, 205_000]];
    const bytes = periodic(size, period, random(SEED));
    for (const at of flaws) bytes[at] ^= 0xff;
    expect(same(decompress(compress(bytes, level)!, size), bytes)).toBe(true);
  });

  it('gives back any string', () => {
    const piece = fc.tuple(fc.uint8Array({ maxLength: 40 }), fc.integer({ min: 1, max: 30 }));
    const strings = fc.array(piece, { maxLength: 12 }).map((pieces) => {
      return Uint8Array.from(
        pieces.flatMap(([bytes, times]) => Array.from({ length: times }, () => [...bytes]).flat()),
      );
    });
    const check = (bytes: Uint8Array) => same(decompress(compress(bytes, level)!, bytes.length), bytes);
    fc.assert(fc.property(strings, check), { numRuns: 30, seed: SEED });
  });
});

describe('the levels', () => {
  const CLUSTERS = [text(65536), text(16384), binary(65536, 5), binary(16384, 7), binary(16384, 9)];

  it('come within 3% of libzstd, in bytes', (test) => {
    const reference = need(test, libzstd);
    for (const level of LEVELS) {
      let ours = 0;
      let theirs = 0;
      for (const bytes of CLUSTERS) {
        ours += compress(bytes, level)!.length;
        theirs += reference.compress(bytes, level).length;
      }
      expect(ours / theirs, `level ${level}`).toBeLessThan(1.03);
    }
  });

  it('do no worse the higher they are', () => {
    let before = Number.POSITIVE_INFINITY;
    for (const level of LEVELS) {
      const total = CLUSTERS.reduce((sum, bytes) => sum + compress(bytes, level)!.length, 0);
      expect(total, `level ${level}`).toBeLessThan(before * 1.002);
      before = total;
    }
  });
});

describe('the decoder', () => {
  it.each([-5, -1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 15, 17, 19, 22])('reads libzstd at level %i', (level) => {
    if (libzstd.use === null) return;
    for (const { name, bytes } of SAMPLES.filter(({ bytes }, i) => bytes.length < 300_000 || i % 2 === (level & 1))) {
      expect(same(decompress(libzstd.use.compress(bytes, level), bytes.length), bytes), name).toBe(true);
    }
  });

  it('verifies the checksum of a frame that has one', (test) => {
    const reference = need(test, libzstdWithChecksums);
    for (const { name, bytes } of SAMPLES.filter(({ bytes }) => bytes.length <= 65536)) {
      const packed = reference.compress(bytes, 1);
      expect(same(decompress(packed, bytes.length), bytes), name).toBe(true);
      packed[packed.length - 2]! ^= 4;
      expect(decompress(packed, bytes.length), name).toBeNull();
    }
  });

  it('knows frames without a content size, and refuses dictionaries, reserved bits and other magics', () => {
    const block = [0x05, 0, 0];
    const raw = (...header: number[]) => Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, ...header);
    expect(decompress(raw(0x00, 0x00, 0x19, 0, 0, 97, 98, 99), 10)).toEqual(Uint8Array.of(97, 98, 99));
    expect(decompress(raw(0x00, 0x00, 0x1b, 0, 0, 97), 10)).toEqual(Uint8Array.of(97, 97, 97));
    expect(decompress(raw(0x20, 0x00, 0x01, 0, 0), 0)).toEqual(new Uint8Array(0));
    expect(decompress(raw(0x20, 0x03, 0x1b, 0, 0, 97), 2)).toBeNull();
    expect(decompress(raw(0x20, 0x02, 0x1b, 0, 0, 97), 9)).toBeNull();
    expect(decompress(raw(0x01, 0x00, 0x07, 0x1b, 0, 0, 97), 10)).toBeNull();
    expect(decompress(raw(0x08, 0x00, 0x1b, 0, 0, 97), 10)).toBeNull();
    expect(decompress(raw(0x00, 0x00, 0x1f, 0, 0, 97), 10)).toBeNull();
    expect(decompress(raw(0x00, 0x00, 0x1b, 0, 0, 97, 0), 10)).toBeNull();
    expect(decompress(raw(0x00, 0x00, ...block), 10)).toBeNull();
    expect(decompress(Uint8Array.of(0x27, 0xb5, 0x2f, 0xfd, 0, 0, 0x1b, 0, 0, 97), 10)).toBeNull();
    expect(decompress(new Uint8Array(0), 10)).toBeNull();
  });

  it('refuses a frame whose end is missing, and what does not fit', () => {
    for (const bytes of [text(3000), patchwork(700, random(SEED)), periodic(2000, 9, random(SEED))]) {
      const packed = compress(bytes, 3)!;
      for (let cut = 0; cut < packed.length; cut++) expect(decompress(packed.slice(0, cut), bytes.length)).toBeNull();
      for (let capacity = 0; capacity < bytes.length; capacity += 7) expect(decompress(packed, capacity)).toBeNull();
      expect(same(decompress(packed, bytes.length + 100), bytes)).toBe(true);
    }
  });

  it('stays within its bounds whatever it reads, and judges as libzstd does', () => {
    const rng = random(SEED);
    const sources = [text(3000), text(16384), binary(3000, 3), binary(16384, 8), patchwork(3000, rng)];
    const frames = sources.flatMap((bytes) =>
      [1, 5, 19].flatMap((level) => [
        compress(bytes, level)!,
        ...(libzstd.use ? [libzstd.use.compress(bytes, level)] : []),
      ]),
    );
    for (let round = 0; round < 3000; round++) {
      const packed = (frames[rng.below(frames.length)] as Uint8Array).slice();
      // Most damage hits where headers and tables are.
      for (let n = 1 + rng.below(3); n > 0; n--) {
        const where = rng.below(2) === 0 ? rng.below(packed.length) : 5 + rng.below(Math.min(120, packed.length - 5));
        packed[where] = [0, 255, rng.below(256), packed[where]! ^ (1 << rng.below(8))][rng.below(4)]!;
      }
      const frame = packed.subarray(0, rng.below(4) === 0 ? rng.below(packed.length) : packed.length);
      const capacity = rng.below(4) === 0 ? rng.below(20_000) : 16_384;
      const ours = decompress(frame, capacity);
      if (ours === null || libzstd.use === null) continue;
      const theirs = libzstd.use.decompress(frame, capacity);
      if (theirs !== null) expect(same(ours, theirs), `round ${round}`).toBe(true);
    }
    for (let round = 0; round < 500; round++) {
      const frame = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x60, 0x00, 0x3f, ...noise(rng.below(600), rng));
      frame.set([0x05 | ((frame.length - 10) << 3), (frame.length - 10) >> 5, 0].slice(0, frame.length - 7), 7);
      decompress(frame, 16_640);
    }
  });
});
