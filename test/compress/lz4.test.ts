// LZ4: what our encoder writes is read by liblz4, which the kernel's decoder is, and by lz4js, and what liblz4 writes by ours;
// and whatever block or capacity they are given, neither touches a byte that it should not.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decompressLz4js, lz4Shape } from '../../tools/judge/second-lz4.ts';
import { random, seedOf } from '../random.ts';
import { compress, decompress, roomFor } from './arena.ts';
import { liblz4, need } from './reference.ts';
import { patchwork, type Sample, samples, text } from './samples.ts';

const SEED = seedOf('lz4');
const SAMPLES = samples(SEED);
const LEVELS = [0, 3, 6, 9, 10, 12, 16];

/** toEqual takes seconds on a megabyte. */
function same(a: Uint8Array | null, b: Uint8Array): boolean {
  return a !== null && Buffer.compare(a, b) === 0;
}

/** The samples that are tried at a level: the higher ones take too long for the large. */
function samplesOf(level: number): Sample[] {
  return level < 9 ? SAMPLES : SAMPLES.filter((sample) => sample.bytes.length <= 65536);
}

/** By level, the samples' blocks. */
const packedAt: Uint8Array[][] = [];

describe.each(LEVELS)('level %i', (level) => {
  const compressed = () => (packedAt[level] ??= samplesOf(level).map(({ bytes }) => compress('lz4', bytes, level)!));

  it('gives back what it was given', () => {
    for (const [i, packed] of compressed().entries()) {
      const { name, bytes } = samplesOf(level)[i] as Sample;
      expect(same(decompress('lz4', packed, bytes.length), bytes), name).toBe(true);
    }
  });

  it('is read by liblz4', (test) => {
    const reference = need(test, liblz4);
    for (const [i, packed] of compressed().entries()) {
      const { name, bytes } = samplesOf(level)[i] as Sample;
      expect(same(reference.decompress(packed, bytes.length), bytes), name).toBe(true);
    }
  });

  // It is a second opinion, of somebody who did not read liblz4, and is there where no C library is.
  it('is read by lz4js', () => {
    for (const [i, packed] of compressed().entries()) {
      const { name, bytes } = samplesOf(level)[i] as Sample;
      const into = new Uint8Array(bytes.length);
      expect(decompressLz4js(packed, into), name).toBe(bytes.length);
      expect(same(into, bytes), name).toBe(true);
    }
  });

  it('ends as the format wants it: 5 literals, no match within 12 bytes', () => {
    for (const [i, packed] of compressed().entries()) {
      const { name, bytes } = samplesOf(level)[i] as Sample;
      const { begins, ends, size } = lz4Shape(packed)!;
      expect(size, name).toBe(bytes.length);
      if (ends > 0) expect([bytes.length - begins >= 12, bytes.length - ends >= 5], name).toEqual([true, true]);
    }
  });

  it('fits in as many bytes as it takes, and in no fewer', () => {
    const rng = random(SEED);
    for (const bytes of [
      text(700),
      patchwork(900, rng),
      patchwork(300, rng),
      new Uint8Array(5000),
      new Uint8Array(7),
    ]) {
      const packed = compress('lz4', bytes, level)!;
      for (let capacity = 0; capacity < packed.length + 40; capacity++) {
        const result = compress('lz4', bytes, level, capacity);
        if (capacity < packed.length) expect(result).toBeNull();
        else expect(same(result, packed), `capacity ${capacity}`).toBe(true);
      }
    }
  });

  it('gives back any string', () => {
    const piece = fc.tuple(fc.uint8Array({ maxLength: 40 }), fc.integer({ min: 1, max: 30 }));
    const strings = fc.array(piece, { maxLength: 12 }).map((pieces) => {
      return Uint8Array.from(
        pieces.flatMap(([bytes, times]) => Array.from({ length: times }, () => [...bytes]).flat()),
      );
    });
    const check = (bytes: Uint8Array) => same(decompress('lz4', compress('lz4', bytes, level)!, bytes.length), bytes);
    fc.assert(fc.property(strings, check), { numRuns: 30, seed: SEED });
  });
});

describe('the levels', () => {
  it('come within 2% of liblz4, in bytes', (test) => {
    const reference = need(test, liblz4);
    for (const level of [0, 9, 12]) {
      let ours = 0;
      let theirs = 0;
      for (const { bytes } of samplesOf(9).filter((sample) => /^(text|binary)/.test(sample.name))) {
        ours += compress('lz4', bytes, level)!.length;
        theirs += reference.compress(bytes, level).length;
      }
      expect(ours / theirs, `level ${level}`).toBeLessThan(1.02);
    }
  });

  it('do better the higher they are', () => {
    const bytes = text(65536);
    const lengths = [0, 3, 6, 9, 10, 12].map((level) => compress('lz4', bytes, level)!.length);
    expect(lengths).toEqual([...lengths].sort((a, b) => b - a));
  });
});

describe('the decoder', () => {
  it('reads what liblz4 writes', (test) => {
    const reference = need(test, liblz4);
    for (const { name, bytes } of SAMPLES) {
      for (const level of [0, 3, 12]) {
        expect(same(decompress('lz4', reference.compress(bytes, level), bytes.length), bytes), name).toBe(true);
      }
    }
  });

  it('refuses a block whose end is missing, and what does not fit', () => {
    for (const bytes of [text(600), patchwork(700, random(SEED))]) {
      const packed = compress('lz4', bytes)!;
      // Cut after the literals of a sequence, a block is whole, and shorter.
      for (let cut = 0; cut < packed.length; cut++) {
        const result = decompress('lz4', packed.slice(0, cut), bytes.length);
        if (result !== null)
          expect(same(result, bytes.slice(0, result.length)) && result.length < bytes.length).toBe(true);
      }
      for (let capacity = 0; capacity < bytes.length; capacity++)
        expect(decompress('lz4', packed, capacity)).toBeNull();
      expect(same(decompress('lz4', packed, roomFor(bytes.length)), bytes)).toBe(true);
    }
  });

  it('knows the empty block, and that nothing at all is none', () => {
    expect(decompress('lz4', Uint8Array.of(0), 0)).toEqual(new Uint8Array(0));
    expect(decompress('lz4', new Uint8Array(0), 100)).toBeNull();
  });

  it('stays within its bounds whatever it reads, and judges as liblz4 does', () => {
    const rng = random(SEED);
    const blocks = SAMPLES.filter((sample) => sample.bytes.length < 20_000).map(({ bytes }) => bytes);
    for (let round = 0; round < 1500; round++) {
      const bytes = blocks[rng.below(blocks.length)] as Uint8Array;
      const packed = compress('lz4', bytes.subarray(0, 3000))!;
      for (let n = 1 + rng.below(4); n > 0; n--)
        packed[rng.below(packed.length)] = [0, 255, rng.below(256)][rng.below(3)]!;
      const cut = rng.below(3) === 0 ? rng.below(packed.length) : packed.length;
      const block = packed.slice(0, cut);
      const capacity = rng.below(4) === 0 ? rng.below(4000) : Math.min(bytes.length, 3000);
      const ours = decompress('lz4', block, capacity);
      if (liblz4.use === null || ours === null) continue;
      const theirs = liblz4.use.decompress(block, capacity);
      // liblz4 is stricter about the last bytes, as the kernel is; what both read is the same.
      if (theirs !== null) expect(same(ours, theirs), `round ${round}`).toBe(true);
    }
  });
});

describe('lz4js, which checks nothing, is given no block that', () => {
  const bytes = text(4096);
  const packed = compress('lz4', bytes, 0)!;
  /** Ten literals, then a match of them that ends where the block does, or `literals` before. */
  const blockOf = (offset: number, length: number, literals: number) =>
    Uint8Array.of(
      0xa0 | (length - 4),
      ...bytes.subarray(0, 10),
      offset,
      0,
      literals << 4,
      ...bytes.subarray(0, literals),
    );

  it.each<[string, Uint8Array]>([
    ['is empty', new Uint8Array(0)],
    ['is cut', packed.subarray(0, packed.length - 1)],
    ['ends in a length', Uint8Array.of(0xf0, 0xff, 0xff)],
    ['ends in an offset', Uint8Array.of(0x10, 1, 1)],
    ['has a match of nothing', blockOf(0, 8, 12)],
    ['has a match before the beginning', blockOf(11, 8, 12)],
    ['has its last match too near the end', blockOf(10, 5, 6)],
    ['has too few literals at the end', blockOf(10, 12, 4)],
  ])('%s', (_, block) => {
    expect(decompressLz4js(block, new Uint8Array(8192))).toBe(-1);
  });

  it('does not fit', () => {
    expect(decompressLz4js(packed, new Uint8Array(4095))).toBe(-1);
    expect(decompressLz4js(blockOf(10, 8, 12), new Uint8Array(30))).toBe(30);
  });

  it('liblz4 finds other bytes in', (test) => {
    const reference = need(test, liblz4);
    const rng = random(SEED);
    for (let i = 0; i < 2000; i++) {
      const damaged = packed.slice();
      damaged[rng.below(damaged.length)] ^= 1 << rng.below(8);
      const into = new Uint8Array(bytes.length);
      const got = decompressLz4js(damaged, into);
      if (got >= 0) expect(same(reference.decompress(damaged, bytes.length), into.subarray(0, got)), `${i}`).toBe(true);
    }
  });
});
