// The room that an image file takes on its host: what a change wrote in vain is given back, so that the next finds it.

import * as fs from 'node:fs';
import type { FileDevice } from '../device/file-device.ts';
import { F2fsError } from '../errors.ts';
import { type FileSystem, mount } from '../fs/file-system.ts';
import type { BlockRange } from '../volume/used-ranges.ts';

/** Ranges that are given back, the longest ones: each costs a child process. */
const MAX_RANGES = 1024;
/** Bytes of one of `blocks` in what stat(2) tells. */
const SECTOR = 512;
const CACHE_BYTES = 64 * 1024 * 1024;

/** To be made before an image is changed. */
export class HostRoom {
  readonly #device: FileDevice;
  readonly #usedAtFirst: number;
  readonly #sizeBytes: number;

  constructor(device: FileDevice) {
    this.#device = device;
    const { usedBytes, sizeBytes } = this.#look();
    this.#usedAtFirst = usedBytes;
    this.#sizeBytes = sizeBytes;
  }

  /**
   * Makes holes of what an abandoned mount wrote, if it wrote where holes were: of all blocks that no checkpoint and no fsynced file
   * needs. Where the host is full, that may be what changes before left. A block device, and an image whose room was reserved in
   * advance, stay as they are. Nothing fails: the image is whole with its holes or without.
   */
  giveBack({ checkpointVersion }: FileSystem, error: unknown): void {
    if (this.#device.kind === 'block' || this.#usedAtFirst >= this.#sizeBytes) return;
    const isFull = error instanceof F2fsError && error.code === 'ENOSPC';
    if (!isFull && this.#look().usedBytes <= this.#usedAtFirst) return;
    try {
      using found = mount(this.#device, { readonly: true, cacheBytes: CACHE_BYTES });
      // A checkpoint that was written, though the host failed to flush it, may be gone with the next crash: both are needed.
      if (found.checkpointVersion === checkpointVersion) this.#punch(found);
    } catch (cause) {
      if (!(cause instanceof F2fsError)) throw cause;
    }
  }

  #punch(volume: FileSystem): void {
    let ranges: BlockRange[] = [];
    for (const range of volume.unneededRanges()) {
      ranges.push(range);
      if (ranges.length === 16 * MAX_RANGES) ranges = longest(ranges);
    }
    for (const { blkaddr, nrBlocks } of longest(ranges)) this.#device.discard(blkaddr, nrBlocks);
  }

  #look(): { usedBytes: number; sizeBytes: number } {
    const { blocks, size } = fs.statSync(this.#device.name);
    return { usedBytes: blocks * SECTOR, sizeBytes: size };
  }
}

function longest(ranges: BlockRange[]): BlockRange[] {
  return ranges.sort((a, b) => b.nrBlocks - a.nrBlocks || a.blkaddr - b.blkaddr).slice(0, MAX_RANGES);
}
