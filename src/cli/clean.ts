// f2fs clean: sections that are used in part are emptied ahead of need.

import { type CleanOptions, type CleanReport, type FileSystem, mount, openFileDevice } from '../index.ts';
import { EXIT, Warnings } from './errors.ts';
import { assertThere } from './image.ts';
import { isDone, printJson, printTable } from './output.ts';
import { Progress } from './progress.ts';
import { counted } from './sizes.ts';

export interface CleanCommandOptions extends CleanOptions {
  json?: boolean;
  quiet?: boolean;
}

/** Sections that are emptied between two lines of progress: each time takes two checkpoints. */
const AT_A_TIME = 8;

/** Cleans, and prints what was done. Throws what opening, mounting and cleaning throw. */
export async function clean(image: string, options: CleanCommandOptions): Promise<number> {
  assertThere(image);
  const device = openFileDevice(image, { writable: true });
  try {
    const volume = mount(device);
    const warnings = new Warnings('clean', image);
    warnings.tell(volume.warnings);
    let done: CleanReport;
    try {
      done = cleanInParts(volume, options);
      volume.close();
      warnings.tell(volume.warnings);
    } catch (error) {
      volume.abandon();
      throw error;
    }
    isDone(`${image} is changed`);
    if (options.json) await printJson(done);
    else if (!options.quiet) {
      await printTable([
        ['emptied', counted(done.sections, 'section')],
        ['moved', counted(done.movedBlocks, 'block')],
      ]);
    }
  } finally {
    device.close();
  }
  return EXIT.ok;
}

function cleanInParts(volume: FileSystem, { policy, sections = 1, quiet }: CleanCommandOptions): CleanReport {
  using progress = new Progress(quiet === true);
  const done = { sections: 0, movedBlocks: 0 };
  for (;;) {
    const wanted = Math.min(AT_A_TIME, sections - done.sections);
    const part = volume.clean({ policy, sections: wanted });
    done.sections += part.sections;
    done.movedBlocks += part.movedBlocks;
    if (part.sections < wanted || done.sections >= sections) return done;
    progress.show(() => `${counted(done.sections, 'section')} emptied  ${counted(done.movedBlocks, 'block')} moved`);
  }
}
