// Volumes that are nearly full, for the tests of space: filled, written over at random, churned, and compared with a model.

import * as nodeFs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { BLKSIZE } from '../../src/device/device.ts';
import { MemoryDevice } from '../../src/device/memory-device.ts';
import { F2fsError } from '../../src/errors.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import type { MountOptions } from '../../src/fs/mount-options.ts';
import { volumeInfo } from '../../src/inspect/info.ts';
import { type FormatOptions, format } from '../../src/mkfs/format.ts';
import { fsck } from '../../tools/judge/fsck.ts';
import { censusFaults } from '../crash/tree.ts';
import type { Random } from '../random.ts';
import { MIB } from './compressed-volume.ts';

/** A formatted volume in memory, and its file system. */
export function volumeOf(
  sizeMib: number,
  options: { format?: FormatOptions; mount?: MountOptions } = {},
): { device: MemoryDevice; fs: FileSystem } {
  const device = new MemoryDevice({ sizeBytes: sizeMib * MIB });
  format(device, { timestamp: 1, ...options.format });
  return { device, fs: mounted(device, options.mount) };
}

export function mounted(device: MemoryDevice, options: MountOptions = {}): FileSystem {
  return mount(device, { cacheBytes: 16 * MIB, now: () => ({ sec: 1, nsec: 0 }), ...options });
}

/** Pages that each carry one number, in files of the same size: `value` is what each page has. */
export class PageModel {
  readonly #pages: number;
  readonly #values: Uint32Array;
  readonly #page: Buffer;
  readonly #words: Uint32Array;

  constructor(
    readonly nrFiles: number,
    pages: number,
    pageBytes = BLKSIZE,
  ) {
    this.#pages = pages;
    this.#page = Buffer.alloc(pageBytes);
    this.#words = new Uint32Array(this.#page.buffer, this.#page.byteOffset, pageBytes / 4);
    this.#values = new Uint32Array(nrFiles * pages);
  }

  /** Makes the files, each page written once. */
  fill(fs: FileSystem): void {
    for (let nr = 0; nr < this.nrFiles; nr++) fs.writeFile(`file ${nr}`, new Uint8Array(0));
    this.#eachFile(fs, (file, nr) => {
      for (let page = 0; page < this.#pages; page++) this.#write(file, nr, page, nr * this.#pages + page + 1);
    });
  }

  /** Writes `count` pages over, anywhere. */
  overwrite(fs: FileSystem, rng: Random, count: number): void {
    const files = Array.from({ length: this.nrFiles }, (_, nr) => fs.openFile(`file ${nr}`));
    for (let i = 0; i < count; i++) {
      const nr = rng.below(this.nrFiles);
      this.#write(files[nr], nr, rng.below(this.#pages), rng.below(2 ** 31) + 1);
    }
    for (const file of files) file.close();
  }

  verify(fs: FileSystem): void {
    this.#eachFile(fs, (file, nr) => {
      for (let page = 0; page < this.#pages; page++) {
        file.read(this.#page, page * this.#page.length);
        const value = this.#values[nr * this.#pages + page];
        if (!this.#words.every((word) => word === value)) expect.fail(`file ${nr}, page ${page} is not ${value}`);
      }
    });
  }

  #write(file: ReturnType<FileSystem['openFile']>, nr: number, page: number, value: number): void {
    this.#words.fill(value);
    file.write(this.#page, page * this.#page.length);
    this.#values[nr * this.#pages + page] = value;
  }

  #eachFile(fs: FileSystem, visit: (file: ReturnType<FileSystem['openFile']>, nr: number) => void): void {
    for (let nr = 0; nr < this.nrFiles; nr++) {
      using file = fs.openFile(`file ${nr}`);
      visit(file, nr);
    }
  }
}

/** Pages that each of `nrFiles` files may have so that `percent` of the volume are in use, nodes too. */
export function pagesFor(fs: FileSystem, percent: number, nrFiles: number): number {
  const { freeBlocks } = fs.statfs();
  const each = Math.floor((freeBlocks * percent) / 100 / nrFiles);
  return each - Math.ceil(each / 1000) - 4;
}

/** The code of what an operation throws, or null. */
export function codeOf(operation: () => void): string | null {
  try {
    operation();
    return null;
  } catch (error) {
    if (error instanceof F2fsError) return error.code;
    throw error;
  }
}

/** Writes a device's blocks to an image file, its zeros as holes. Returns the path. */
export function imageOf(device: MemoryDevice, path: string): string {
  const fd = nodeFs.openSync(path, 'w');
  const piece = Buffer.alloc(MIB);
  for (let blkaddr = 0; blkaddr < device.nrBlocks; blkaddr += MIB / BLKSIZE) {
    device.read(blkaddr, piece);
    if (piece.some((byte) => byte !== 0)) nodeFs.writeSync(fd, piece, 0, MIB, blkaddr * BLKSIZE);
  }
  nodeFs.ftruncateSync(fd, device.nrBlocks * BLKSIZE);
  nodeFs.closeSync(fd);
  return path;
}

/** fsck.f2fs has nothing to say to a device, or to the image at a path; of blocks that it does not know, the census. */
export async function expectSound(volume: MemoryDevice | string): Promise<void> {
  if (typeof volume === 'string') {
    expect((await fsck(volume)).complaints).toEqual([]);
    return;
  }
  if (volumeInfo(volume).blockBytes !== BLKSIZE) {
    const fs = mounted(volume, { readonly: true });
    expect(censusFaults(fs)).toEqual([]);
    fs.close();
    return;
  }
  const dir = nodeFs.mkdtempSync(join(tmpdir(), 'f2fs-full-'));
  try {
    await expectSound(imageOf(volume, join(dir, 'image')));
  } finally {
    nodeFs.rmSync(dir, { recursive: true });
  }
}
