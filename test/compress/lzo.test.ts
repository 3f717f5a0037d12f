// LZO1X-1 and LZO-RLE: the raw stream is read by liblzo2 and the other way round; LZO-RLE, which only the kernel has,
// obeys what its document says. Whatever stream or capacity they are given, the codecs touch no byte that they should
// not.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { random, seedOf } from '../random.ts';
import { compress, decompress, roomFor } from './arena.ts';
import { liblzo, need } from './reference.ts';
import { noise, patchwork, type Sample, samples, text } from './samples.ts';

const SEED = seedOf('lzo');
const SAMPLES = samples(SEED);
const NAMES = ['lzo', 'lzo-rle'] as const;
const END = [0x11, 0, 0];
/** An end marker with a length of more bytes, of which the last looks like the first of one that is in order. */
const LONG_END = /(^| )16( 0)* 17 [0-3] 0$/;

function same(a: Uint8Array | null, b: Uint8Array): boolean {
  return a !== null && Buffer.compare(a, b) === 0;
}

describe.each(NAMES)('%s', (codec) => {
  let packed: Uint8Array[] = [];
  const compressed = () => (packed = packed.length > 0 ? packed : SAMPLES.map(({ bytes }) => compress(codec, bytes)!));

  it('gives back what it was given', () => {
    for (const [i, block] of compressed().entries()) {
      const { name, bytes } = SAMPLES[i] as Sample;
      expect(same(decompress(codec, block, bytes.length), bytes), name).toBe(true);
    }
  });

  it('ends with the end marker, and grows by no more than the format must', () => {
    for (const [i, block] of compressed().entries()) {
      const { name, bytes } = SAMPLES[i] as Sample;
      expect([...block.slice(-3)], name).toEqual(END);
      expect(block.length, name).toBeLessThanOrEqual(bytes.length + (bytes.length >> 6) + 3 + 2 + 3);
    }
  });

  it('fits in as many bytes as it takes, and in no fewer', () => {
    const rng = random(SEED);
    const sources = [
      text(700),
      patchwork(900, rng),
      noise(300, rng),
      new Uint8Array(9000),
      new Uint8Array(0),
      text(1),
      text(4),
    ];
    for (const bytes of sources) {
      const whole = compress(codec, bytes)!;
      for (let capacity = 0; capacity < whole.length + 40; capacity++) {
        const result = compress(codec, bytes, 0, capacity);
        if (capacity < whole.length) expect(result).toBeNull();
        else expect(same(result, whole), `capacity ${capacity} for ${whole.length}`).toBe(true);
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
    const check = (bytes: Uint8Array) => same(decompress(codec, compress(codec, bytes)!, bytes.length), bytes);
    fc.assert(fc.property(strings, check), { numRuns: 100, seed: SEED });
  });

  it('refuses a stream that is cut, that goes on, or that does not fit', () => {
    for (const bytes of [text(600), patchwork(700, random(SEED)), new Uint8Array(500)]) {
      const block = compress(codec, bytes)!;
      for (let cut = 0; cut < block.length; cut++) {
        const result = decompress(codec, block.slice(0, cut), bytes.length);
        // Too short to have a version, 17 1 0 is an end marker, to the kernel too.
        if (cut === 3 && result !== null) expect([...block.slice(0, 3), result.length]).toEqual([17, 1, 0, 0]);
        else expect(result).toBeNull();
      }
      expect(decompress(codec, Uint8Array.from([...block, 0]), bytes.length)).toBeNull();
      for (let capacity = 0; capacity < bytes.length; capacity++) expect(decompress(codec, block, capacity)).toBeNull();
      expect(same(decompress(codec, block, roomFor(bytes.length)), bytes)).toBe(true);
    }
  });

  it('stays within its bounds whatever it reads', () => {
    const rng = random(SEED);
    const sources = SAMPLES.filter((sample) => sample.bytes.length < 20_000).map(({ bytes }) =>
      bytes.subarray(0, 3000),
    );
    for (let round = 0; round < 1500; round++) {
      const bytes = sources[rng.below(sources.length)] as Uint8Array;
      const block = compress(codec, bytes)!;
      for (let n = 1 + rng.below(4); n > 0; n--)
        block[rng.below(block.length)] = [0, 255, rng.below(256)][rng.below(3)]!;
      const cut = block.slice(0, rng.below(3) === 0 ? rng.below(block.length) : block.length);
      const capacity = rng.below(4) === 0 ? rng.below(4000) : bytes.length;
      const ours = decompress(codec, cut, capacity);
      // A first byte of 17 is a version to us, and to the kernel; liblzo2 knows of none.
      if (codec === 'lzo-rle' || liblzo.use === null || cut[0] === 17) continue;
      const theirs = liblzo.use.decompress(cut, capacity);
      // An end marker with another length than 3 is one to liblzo2; the kernel refuses it, and so do we.
      const ends = cut.at(-3) === END[0] && !LONG_END.test(cut.join(' '));
      if (ours === null && theirs !== null) expect(ends, `round ${round}`).toBe(false);
      else expect(ours === null, `round ${round}`).toBe(theirs === null);
      if (ours !== null && theirs !== null) expect(same(ours, theirs), `round ${round}`).toBe(true);
    }
  });
});

describe('lzo and liblzo2', () => {
  it('read each other', (test) => {
    const reference = need(test, liblzo);
    for (const { name, bytes } of SAMPLES) {
      expect(same(reference.decompress(compress('lzo', bytes)!, bytes.length), bytes), name).toBe(true);
      expect(same(decompress('lzo', reference.compress(bytes), bytes.length), bytes), name).toBe(true);
    }
  });

  it('compress as well as each other, within 2%', (test) => {
    const reference = need(test, liblzo);
    let ours = 0;
    let theirs = 0;
    for (const { bytes } of SAMPLES.filter((sample) => /^(text|binary)/.test(sample.name))) {
      ours += compress('lzo', bytes)!.length;
      theirs += reference.compress(bytes).length;
    }
    expect(ours / theirs).toBeLessThan(1.02);
  });
});

/** The kinds of instruction of an LZO-RLE stream, by lzo.rst and not by our decoder. */
function instructions(block: Uint8Array): {
  zeros: number[];
  far: { distance: number; length: number }[];
  size: number;
} {
  const zeros: number[] = [];
  const far: { distance: number; length: number }[] = [];
  let ip = 2;
  let size = 0;
  let run = 0;
  const byte = () => block[ip++] as number;
  const rest = (length: number, most: number) => {
    if (length !== 0) return length;
    let more = most;
    while (block[ip] === 0) {
      more += 255;
      ip++;
    }
    return more + byte();
  };
  const literals = (length: number) => {
    run = length;
    ip += length;
    size += length;
  };
  if ((block[ip] as number) > 17) literals(byte() - 17);
  for (;;) {
    const code = byte();
    if (code < 16 && run === 0) {
      literals(3 + rest(code, 15));
      continue;
    }
    let trailing: number;
    if (code >= 64 || code < 16) {
      ip++;
      size += code >= 64 ? (code >> 5) + 1 : run > 3 ? 3 : 2;
      trailing = code & 3;
    } else if (code >= 32) {
      size += 2 + rest(code & 31, 31);
      trailing = byte() & 3;
      ip++;
    } else {
      const start = ip;
      if ((code & 8) !== 0 && (block[ip] as number) >= 0xfc && block[ip + 1] === 0xff) {
        zeros.push(4 + ((code & 7) | ((block[ip + 2] as number) << 3)));
        size += zeros.at(-1) as number;
        trailing = byte() & 3;
        ip += 2;
      } else {
        const length = 2 + rest(code & 7, 7);
        const d = (block[ip] as number) | ((block[ip + 1] as number) << 8);
        ip += 2;
        trailing = d & 3;
        const distance = 16384 + ((code & 8) << 11) + (d >> 2);
        if (distance === 16384) return { zeros, far, size };
        if (start > ip) throw new Error('unreachable');
        far.push({ distance, length });
        size += length;
      }
    }
    literals(trailing);
  }
}

describe('lzo-rle', () => {
  it('begins with its version, an empty one too', () => {
    expect([...compress('lzo-rle', new Uint8Array(0))!]).toEqual([17, 1, ...END]);
    expect([...compress('lzo', new Uint8Array(0))!]).toEqual(END);
    for (const { bytes } of SAMPLES.slice(0, 40)) expect([...compress('lzo-rle', bytes)!.slice(0, 2)]).toEqual([17, 1]);
  });

  it('writes runs of zeros as such, 4 bytes for up to 2051', () => {
    const rng = random(SEED);
    for (const length of [40, 100, 2051, 2052, 2054, 2055, 2056, 4102, 16384, 65536]) {
      const bytes = Uint8Array.from([
        ...noise(50, rng).map((byte) => byte | 1),
        ...new Uint8Array(length),
        ...noise(50, rng),
      ]);
      const { zeros, size } = instructions(compress('lzo-rle', bytes)!);
      expect(size).toBe(bytes.length);
      expect(zeros.reduce((sum, run) => sum + run, 0)).toBeGreaterThan(length - 4);
      expect(zeros.length).toBeLessThanOrEqual(Math.ceil(length / 2051));
    }
    const all = compress('lzo-rle', new Uint8Array(65536))!;
    expect(instructions(all).zeros.length).toBe(32);
    expect(all.length).toBeLessThan(145);
  });

  it('writes no match that could be taken for zeros', () => {
    const rng = random(SEED);
    let nrFar = 0;
    // Distances whose low bits are all ones, the farthest one, and their neighbours; lengths about 261 to 264.
    for (const distance of [32768, 32831, 32832, 33023, 40959, 49150, 49151, 49152]) {
      for (let length = 255; length < 270; length++) {
        // Three literals behind the match: their count is part of the pattern.
        const first = noise(length, rng);
        const bytes = Uint8Array.from([
          ...first,
          ...noise(distance - length, rng),
          ...first,
          ...noise(3, rng),
          ...first,
          1,
          2,
          3,
        ]);
        const block = compress('lzo-rle', bytes)!;
        const { far, size } = instructions(block);
        nrFar += far.length;
        expect(size).toBe(bytes.length);
        expect(same(decompress('lzo-rle', block, bytes.length), bytes)).toBe(true);
        for (const match of far) {
          expect(match.distance).toBeLessThan(0xbfff);
          expect((match.distance & 0x803f) === 0x803f && match.length >= 261 && match.length <= 264).toBe(false);
        }
      }
    }
    expect(nrFar).toBeGreaterThan(50);
  });

  it('reads a raw stream too, but no later version', () => {
    const bytes = text(5000);
    expect(same(decompress('lzo-rle', compress('lzo', bytes)!, bytes.length), bytes)).toBe(true);
    const later = compress('lzo-rle', bytes)!;
    later[1] = 2;
    expect(decompress('lzo-rle', later, bytes.length)).toBeNull();
  });
});
