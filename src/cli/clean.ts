// f2fs clean: sections that are used in part are emptied ahead of need.
import * as fs from 'node:fs';
import { openFileDevice } from '../device/file-device.ts';
import { F2fsError } from '../errors.ts';
import { type CleanOptions, mount } from '../fs/file-system.ts';
import { EXIT, Warnings } from './errors.ts';
import { printJson, printTable } from './output.ts';
import { counted } from './sizes.ts';

export interface CleanCommandOptions extends CleanOptions {
  json?: boolean;
}

/** Cleans, and prints what was done. Throws what opening, mounting and cleaning throw. */
export async function clean(image: string, { policy, sections, json }: CleanCommandOptions): Promise<number> {
  if (!fs.existsSync(image)) throw new F2fsError('ENOENT', 'no such file', { path: image });
  const device = openFileDevice(image, { writable: true });
  try {
    const volume = mount(device);
    const warnings = new Warnings('clean', image);
    warnings.tell(volume);
    try {
      const done = volume.clean({ policy, sections });
      volume.close();
      warnings.tell(volume);
      if (json) await printJson(done);
      else {
        await printTable([
          ['emptied', counted(done.sections, 'section')],
          ['moved', counted(done.movedBlocks, 'block')],
        ]);
      }
    } catch (error) {
      volume.abandon();
      throw error;
    }
  } finally {
    device.close();
  }
  return EXIT.ok;
}
