// Searches and changes in maps of 512 bits, against the plain way.
import { expect, it } from 'vitest';
import { countBits, nextClear, nextSet, setBits } from '../../src/volume/valid-map.ts';
import { random } from '../random.ts';

const BITS = 512;

it('finds, counts and sets bits as one by one would', () => {
  const rng = random(1);
  for (let round = 0; round < 300; round++) {
    const at = rng.below(3) * 64;
    const bytes = new Uint8Array(256);
    const model = new Array<boolean>(BITS).fill(false);
    for (let runs = rng.below(12); runs > 0; runs--) {
      const from = rng.below(BITS);
      const count = rng.below(rng.below(2) === 0 ? 9 : BITS - from + 1) % (BITS - from + 1);
      let added = 0;
      for (let bit = from; bit < from + count; bit++) {
        if (!model[bit]) added++;
        model[bit] = true;
      }
      expect(setBits(bytes, at, from, count)).toBe(added);
    }
    expect(countBits(bytes, at)).toBe(model.filter((bit) => bit).length);
    for (let from = 0; from <= BITS; from += 1 + rng.below(20)) {
      const first = (wanted: boolean) => {
        const found = model.indexOf(wanted, from);
        return found < 0 ? BITS : found;
      };
      expect(nextSet(bytes, at, from)).toBe(first(true));
      expect(nextClear(bytes, at, from)).toBe(first(false));
    }
    expect(
      bytes.subarray(0, at).every((byte) => byte === 0) && bytes.subarray(at + 64).every((byte) => byte === 0),
    ).toBe(true);
  }
});
