// Opens the image that a command reads, and refuses names that what it makes can't have.

import * as fs from 'node:fs';
import { F2fsError, hostError } from '../errors.ts';
import { type FileDevice, type FileSystem, isGzipped, mount, openFileDevice, openGzipped } from '../index.ts';
import { UsageError, Warnings } from './errors.ts';

/** Opens an image, also one that is compressed with gzip, or a block device for reading. Throws ENOENT and whatever the device throws. */
export async function openImage(image: string): Promise<FileDevice> {
  assertThere(image);
  return isGzipped(image) ? await openGzipped(image) : openFileDevice(image, { writable: false });
}

/** Throws what keeps the host from finding `image`: ENOENT, EACCES, ELOOP. */
export function assertThere(image: string): void {
  try {
    fs.statSync(image);
  } catch (error) {
    const found = hostError(`cannot open ${image}`, error, { path: image });
    throw found.code === 'ENOENT' ? new F2fsError('ENOENT', 'no such file', { path: image }) : found;
  }
}

/** Throws UsageError for `-`, which elsewhere means standard output. `what` is made at `path`: "an image". */
export function refuseDash(path: string, what: string): void {
  if (path !== '-') return;
  throw new UsageError(`writing ${what} to standard output is not supported: give a name; ./- for one of that name`);
}

export interface ReadOptions {
  /** false with --no-recovery: the last checkpoint, without what was fsynced after it. */
  recovery?: boolean;
}

/** A volume mounted for reading, and its image; `using` closes both. */
export class ReadVolume {
  readonly fs: FileSystem;
  readonly #device: FileDevice;

  private constructor(fs: FileSystem, device: FileDevice) {
    this.fs = fs;
    this.#device = device;
  }

  /**
   * Throws what opening and mounting throw; nothing stays open then. What is wrong with the volume otherwise is told.
   * @param command who reads
   * @param workers threads that decompress; started when a compressed file turns up
   */
  static async open(command: string, image: string, { recovery }: ReadOptions, workers = 0): Promise<ReadVolume> {
    const device = await openImage(image);
    try {
      const fs = mount(device, { readonly: true, recovery, workers });
      new Warnings(command, image).tell(fs.warnings);
      return new ReadVolume(fs, device);
    } catch (error) {
      device.close();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.fs.close();
    this.#device.close();
  }
}
