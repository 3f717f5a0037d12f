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

/**
 * Throws EBUSY while another process changes the image file that is to be replaced, or a loop device is attached to it: what is written
 * there would be lost.
 */
export function refuseIfHeld(image: string): void {
  refuseLooped(image);
  try {
    fs.closeSync(openHostTarget(image, { writable: false }).fd);
  } catch (error) {
    if (error instanceof F2fsError && error.code === 'EBUSY') throw error;
  }
}
