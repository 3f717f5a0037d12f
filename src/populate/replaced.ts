// What a new volume replaces: not what is in use, and not without a word.
import * as fs from 'node:fs';
import { openFileDevice } from '../device/file-device.ts';
import { openHostTarget, refuseLooped } from '../device/host-target.ts';
import { F2fsError } from '../errors.ts';
import { contentsOf } from '../mkfs/probe.ts';

/** What stands in an image or on a block device that is to be replaced, if it is worth a word: an image file of ours is not. */
export function replacedNotes(path: string): string[] {
  try {
    const device = openFileDevice(path, { writable: false });
    try {
      const contents = contentsOf(device);
      const isUsual = contents === null || (contents.kind === 'f2fs' && device.kind === 'file');
      return isUsual ? [] : [`${path} ${contents.before}, which is replaced`];
    } finally {
      device.close();
    }
  } catch {
    // Too small for an image, or not to be read: who writes to it says what is wrong.
    return [];
  }
}

/** The image file that is to be replaced: until then others may read it, and nobody changes it. */
export class ReplacedImage {
  readonly #path: string;
  /** Keeps the lock; -1: the file can't be opened, so that there is none. */
  readonly #fd: number;
  readonly #ino: bigint;

  /** Throws EBUSY while another process changes the file, or a loop device is attached to it: what is written there would be lost. */
  constructor(path: string) {
    refuseLooped(path);
    this.#path = path;
    this.#ino = inodeOf(path);
    this.#fd = openShared(path);
  }

  /** To be called before it is replaced. Throws EBUSY when another file has its name by now, or as the constructor does. */
  assertSame(): void {
    refuseLooped(this.#path);
    if (inodeOf(this.#path) === this.#ino) return;
    const message = `${this.#path} was replaced by another process meanwhile: look which one is to stay, and build again`;
    throw new F2fsError('EBUSY', message, { path: this.#path });
  }

  [Symbol.dispose](): void {
    if (this.#fd >= 0) fs.closeSync(this.#fd);
  }
}

function inodeOf(path: string): bigint {
  return fs.statSync(path, { bigint: true, throwIfNoEntry: false })?.ino ?? -1n;
}

function openShared(path: string): number {
  try {
    const { fd } = openHostTarget(path, { writable: false });
    if (process.platform !== 'win32') return fd;
    // There an open file can't be replaced.
    fs.closeSync(fd);
    return -1;
  } catch (error) {
    if (error instanceof F2fsError && error.code === 'EBUSY') throw error;
    return -1;
  }
}
