// A small tree of everything that a compressor or a cluster's layout could stumble over: text of every kind of tail,
// programs, noise, zeros, holes, and what makes matches as long and as far as a format allows.

import * as fs from 'node:fs';
import { dirname, join } from 'node:path';

const PAGE = 4096;
const KIB = 1024;
/** Clusters of more are met by fewer files. */
const LARGE = 256 * KIB;

/** Numbers from 0 to 2^32 that depend on nothing but the seed. */
export function numbersOf(seed: number): () => number {
  let state = (seed ^ 0x9e3779b9) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
}

/** Bytes that do not compress. */
export function noise(sizeBytes: number, seed: number): Buffer {
  const next = numbersOf(seed);
  const bytes = Buffer.alloc(Math.ceil(sizeBytes / 4) * 4);
  for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE(next(), at);
  return bytes.subarray(0, sizeBytes);
}

const WORDS =
  'the block of a cluster is kept as it was when nothing would be saved by writing less than that many pages to it'.split(
    ' ',
  );

/** Prose that compresses by a factor of about three. */
export function prose(sizeBytes: number, seed: number): Buffer {
  const next = numbersOf(seed);
  const parts: string[] = [];
  for (let length = 0; length < sizeBytes; ) {
    const random = next();
    const word = random % 7 === 0 ? random.toString(36) : WORDS[(random >>> 8) % WORDS.length];
    const part = `${word}${random % 11 === 0 ? ',\n' : ' '}`;
    parts.push(part);
    length += part.length;
  }
  return Buffer.from(parts.join('')).subarray(0, sizeBytes);
}

/** The start of this very program's text segment: machine code and tables. */
function machineCode(sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  const fd = fs.openSync(process.execPath, 'r');
  try {
    const position = Math.floor(fs.fstatSync(fd).size / 2);
    fs.readSync(fd, bytes, 0, sizeBytes, position);
  } finally {
    fs.closeSync(fd);
  }
  return bytes;
}

/** Runs and matches at the edges of what the formats can say. */
function adversarial(): Buffer {
  const parts: Buffer[] = [];
  // Literal runs and matches of every short length, then of those where lengths take another byte.
  for (const length of [...Array(40).keys(), 254, 255, 256, 269, 270, 271, 525, 526, 2047, 2048, 2049, 16383, 16384]) {
    const piece = noise(8, length + 1);
    parts.push(noise(length, 1000 + length), piece, Buffer.alloc(length, piece), piece);
  }
  // The farthest matches: 2 KiB, 16 KiB, 48 KiB (lzo), 64 KiB - 1 (lz4).
  for (const distance of [2048, 2049, 16384, 49151, 49152, 65535, 65536]) {
    const piece = noise(64, distance);
    parts.push(piece, noise(distance - 64, distance + 1), piece);
  }
  // Runs of zeros among noise, as lzo-rle looks for them.
  for (const length of [4, 5, 18, 19, 20, 2050, 2051, 2052, 5000]) parts.push(noise(9, length), Buffer.alloc(length));
  // One byte changed in each page.
  const page = prose(PAGE, 77);
  for (let i = 0; i < 32; i++) {
    page[(i * 131) % PAGE] = i;
    parts.push(Buffer.from(page));
  }
  return Buffer.concat(parts);
}

/**
 * What a compressor may trip over, at random: runs of literals, matches of any length from any distance (their own bytes
 * among them), zeros, noise, small alphabets.
 */
export function adversarialStream(sizeBytes: number, seed: number): Buffer {
  const next = numbersOf(seed);
  const bytes = Buffer.alloc(sizeBytes);
  /** Mostly short, now and then long. */
  const lengthOf = () => 1 + (next() >>> (14 + (next() % 18)));
  for (let at = 0; at < sizeBytes; ) {
    const end = Math.min(sizeBytes, at + lengthOf());
    switch (next() % 8) {
      case 0:
        at = end;
        break;
      case 1:
      case 2: {
        const letters = 1 + (next() % 255);
        for (; at < end; at++) bytes[at] = next() % letters;
        break;
      }
      default: {
        const distance = 1 + (next() >>> (16 + (next() % 16)));
        if (distance > at) bytes[at++] = next();
        else for (; at < end; at++) bytes[at] = bytes[at - distance];
      }
    }
  }
  return bytes;
}

function writeSparse(path: string, sizeBytes: number, pages: readonly number[]): void {
  const fd = fs.openSync(path, 'w');
  for (const page of pages) fs.writeSync(fd, prose(PAGE, page + 1), 0, PAGE, page * PAGE);
  fs.ftruncateSync(fd, sizeBytes);
  fs.closeSync(fd);
}

/** Sizes of prose: around the edges of pages, of a cluster and of its last page, and of two clusters. */
function tailSizes(clusterBytes: number): number[] {
  const c = clusterBytes;
  const sizes = [0, 1, 100, 3600, PAGE - 1, PAGE, PAGE + 1, c - PAGE, c - PAGE + 1];
  if (c > LARGE) return sizes;
  sizes.push(c - PAGE - 1, c - 1, c, c + 1, c + PAGE, 2 * c - PAGE, 2 * c - 1, 2 * c, 2 * c + 5000, 3 * c + PAGE + 1);
  return sizes;
}

/**
 * Fills a directory, which must exist, with some 50 files whose sizes lie around those of clusters of `clusterBytes`: 2 MiB
 * in all for 16 KiB, 13 MiB for 1 MiB. The same every time (programs aside). Names end in `.txt`, `.bin` and others,
 * for extension lists.
 */
export function makeMixedTree(directory: string, clusterBytes = 64 * KIB): void {
  const c = clusterBytes;
  const put = (name: string, bytes: Uint8Array): void => {
    const path = join(directory, name);
    fs.mkdirSync(dirname(path), { recursive: true });
    fs.writeFileSync(path, bytes);
  };
  for (const bytes of tailSizes(c)) put(`text/${bytes}.txt`, prose(bytes, bytes));
  put('binary/program.so', machineCode(Math.max(c + 5, 200 * KIB)));
  put('binary/part.bin', machineCode(Math.min(c - 7, 90_000)));
  put('noise/large.jpg', noise(c + 3 * PAGE, 1));
  put('noise/small.jpg', noise(20_000, 2));
  put('zeros/large', Buffer.alloc(c));
  put('zeros/cut', Buffer.alloc(c + 17));
  put('adversarial.bin', adversarial());
  const pieces = Array.from({ length: 5 }, (_, i) => (i % 3 === 1 ? noise : prose)(Math.floor(c / 2) + i, i));
  put('mixed.dat', Buffer.concat(pieces));
  fs.mkdirSync(join(directory, 'sparse'));
  const last = c / PAGE;
  const far = [0, 1, 2, last - 1, last + 1, 3 * last, 3 * last + 1, 5 * last - 1];
  writeSparse(join(directory, 'sparse/far'), 6 * c - 100, far);
  writeSparse(join(directory, 'sparse/hole'), 2 * c + 100, []);
  // To be written to: two clusters and a short tail. Sorted by name they are the first large ones.
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l'].slice(0, c > LARGE ? 2 : 12);
  for (const [i, name] of names.entries()) put(`.rewritten/${name}.txt`, prose(2 * c + 777, 50 + i));
  if (c <= LARGE) put('.rewritten/m.bin', noise(2 * c + PAGE, 3));
}
