// Volumes that Linux and its tools made, to be damaged: the golden images, with what they have that ours have not.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { BLKSIZE } from '../../src/device/device.ts';
import { MemoryDevice } from '../../src/device/memory-device.ts';
import { projectRoot } from '../../tools/judge/paths.ts';
import { type Base, baseOn } from './base.ts';

/** Name -> how it is mounted. */
const IMAGES = {
  'kernel-plain': {},
  'kernel-features': {},
  'kernel-crashed': {},
  'kernel-compressed': { cacheBytes: 16 << 20 },
  'sload-compressed': { cacheBytes: 16 << 20 },
  'kernel-quota': {},
  'kernel-encrypted': {},
  'kernel-encrypted-cut': {},
} as const;
export type GoldenName = keyof typeof IMAGES;
export const GOLDEN_NAMES = Object.keys(IMAGES) as GoldenName[];

const made = new Map<GoldenName, Base>();

/** A golden image by its name, unpacked on first use. */
export function goldenBase(name: GoldenName): Base {
  const known = made.get(name);
  if (known !== undefined) return known;
  const { buffer, byteOffset, length } = gunzipSync(readFileSync(join(projectRoot, 'images', `${name}.img.gz`)));
  const bytes = new Uint8Array(buffer, byteOffset, length);
  const device = new BytesDevice(bytes);
  const base = baseOn(name, device, bytes, IMAGES[name]);
  made.set(name, base);
  return base;
}

/** Reads bytes that are there already. */
class BytesDevice extends MemoryDevice {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    super(bytes.length / BLKSIZE, { readonly: true });
    this.#bytes = bytes;
  }

  override read(blkaddr: number, into: Uint8Array): void {
    into.set(this.#bytes.subarray(blkaddr * BLKSIZE, blkaddr * BLKSIZE + into.length));
  }
}
