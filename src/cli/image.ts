// Opens the image that a command reads, and refuses names that what it makes can't have.

import * as fs from 'node:fs';
import { F2fsError, hostError } from '../errors.ts';
import { type FileDevice, type FileSystem, mount, openFileDevice } from '../index.ts';
import { UsageError, Warnings } from './errors.ts';

/** Opens an image or block device for reading. Throws ENOENT and whatever the device throws. */
export function openImage(image: string): FileDevice {
  assertThere(image);
  return openFileDevice(image, { writable: false });
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

  /**
   * Throws what opening and mounting throw; nothing stays open then. What is wrong with the volume otherwise is told.
   * @param command who reads
   * @param workers threads that decompress; started when a compressed file turns up
   */
  constructor(command: string, image: string, { recovery }: ReadOptions, workers = 0) {
    this.#device = openImage(image);
    try {
      this.fs = mount(this.#device, { readonly: true, recovery, workers });
      new Warnings(command, image).tell(this.fs);
    } catch (error) {
      this.#device.close();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.fs.close();
    this.#device.close();
  }
}
