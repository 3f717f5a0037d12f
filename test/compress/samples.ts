// What codecs are tried on: text, binaries, noise, nothing, and strings made to hit the corners of an LZ format.
import * as fs from 'node:fs';
import { type Random, random } from '../random.ts';

export interface Sample {
  name: string;
  bytes: Uint8Array;
}

const ROOT = new URL('../../', import.meta.url);

/** `size` bytes of this package's source, from wherever it says. */
export function text(size: number): Uint8Array {
  const files = fs.readdirSync(new URL('src/', ROOT), { recursive: true, encoding: 'utf8' }).sort();
  const parts: Buffer[] = [];
  for (let have = 0; have < size; ) {
    for (const file of files.filter((name) => name.endsWith('.ts'))) {
      const part = fs.readFileSync(new URL(`src/${file}`, ROOT));
      parts.push(part);
      if ((have += part.length) >= size) break;
    }
  }
  return Uint8Array.from(Buffer.concat(parts).subarray(0, size));
}

/** `size` bytes of node itself, from the place `part` of 16. */
export function binary(size: number, part: number): Uint8Array {
  const fd = fs.openSync(process.execPath, 'r');
  const into = new Uint8Array(size);
  fs.readSync(fd, into, 0, size, Math.floor((fs.fstatSync(fd).size / 16) * part));
  fs.closeSync(fd);
  return into;
}

export function noise(size: number, rng: Random): Uint8Array {
  return new Uint8Array(size).map(() => rng.below(256));
}

/** What repeats every `period` bytes. */
export function periodic(size: number, period: number, rng: Random): Uint8Array {
  const one = noise(period, rng);
  return new Uint8Array(size).map((_, i) => one[i % period] as number);
}

/**
 * Noise, then `literals` bytes of noise that occurs once, then `match` bytes from the beginning, then noise: one
 * sequence.
 */
export function oneSequence(literals: number, match: number, rng: Random): Uint8Array {
  const first = noise(match + 8, rng);
  return Uint8Array.from([...first, ...noise(literals, rng), ...first.subarray(0, match), ...noise(24, rng)]);
}

/** Pieces copied from anywhere before, fresh noise, and runs of zeros, at random. */
export function patchwork(size: number, rng: Random): Uint8Array {
  const into = new Uint8Array(size);
  for (let at = 0; at < size; ) {
    const length = Math.min(size - at, 1 + rng.below([8, 40, 300, 6000][rng.below(4)] as number));
    const kind = rng.below(4);
    if (kind === 0) into.set(noise(length, rng), at);
    else if (kind < 3 && at > 0) {
      const from = rng.below(3) === 0 ? at - 1 - rng.below(Math.min(at, 40)) : rng.below(at);
      for (let i = 0; i < length; i++) into[at + i] = into[from + i] as number;
    }
    at += length;
  }
  return into;
}

/** The samples of every codec's round trip, at most 1 MiB. */
export function samples(seed: number): Sample[] {
  const rng = random(seed);
  const all: Sample[] = [];
  const add = (name: string, bytes: Uint8Array) => all.push({ name, bytes });
  for (const size of [16384, 65536, 1 << 20]) {
    add(`text ${size}`, text(size));
    add(`zeros ${size}`, new Uint8Array(size));
    add(`noise ${size}`, noise(size, rng));
    add(`patchwork ${size}`, patchwork(size, rng));
  }
  for (let part = 0; part < 16; part++) add(`binary ${part}/16`, binary(part % 4 === 0 ? 262144 : 16384, part));
  for (let size = 0; size <= 40; size++) {
    add(`${size} zeros`, new Uint8Array(size));
    add(`${size} of text`, text(size));
    add(`${size} of noise`, noise(size, rng));
    add(
      `${size}, two values`,
      new Uint8Array(size).map(() => rng.below(2)),
    );
  }
  for (let period = 1; period <= 70; period++) {
    add(`period ${period}`, periodic(2000 + rng.below(100), period, rng));
    add(
      `period ${period}, seldom`,
      patchwork(3000, rng)
        .fill(7, 500, 500 + period)
        .fill(7, 1500, 1500 + period),
    );
  }
  for (const near of [14, 15, 16, 18, 19, 20, 33, 34, 238, 239, 255, 256, 270, 510, 525, 1020, 4096]) {
    for (const off of [-1, 0, 1, 4]) {
      add(`${near + off} literals`, oneSequence(near + off, 40, rng));
      add(`a match of ${near + off}`, oneSequence(30, near + off, rng));
    }
  }
  for (const distance of [
    1023, 1024, 2047, 2048, 2049, 3072, 16383, 16384, 16385, 32831, 49150, 49151, 49152, 65535, 65536,
  ]) {
    const bytes = noise(distance + 400, rng);
    for (const length of [262, 4, 9, 33]) {
      bytes.copyWithin(distance + 4, 4, 4 + length);
      add(`${length} from ${distance} back`, bytes.slice(0, distance + 4 + length + rng.below(60)));
    }
  }
  return all;
}
