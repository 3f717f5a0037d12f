// f2fs fallocate: blocks for files, of zeros; for pinned ones whole sections that stay where they are.
import { type ChangeOptions, changeImage, forEachPath } from './change.ts';
import { typeAt } from './destination.ts';
import { afterOthers, EXIT } from './errors.ts';
import { volumePath } from './names.ts';

export interface FallocateOptions extends ChangeOptions {
  /** Bytes; likewise the offset. */
  length: number;
  offset?: number;
  keepSize?: boolean;
  pin?: boolean;
  escaped?: boolean;
}

/** Gives each file blocks for the range. A file that is missing is made. */
export function fallocate(image: string, paths: readonly string[], options: FallocateOptions): Promise<number> {
  const { length, offset = 0, keepSize, pin = false, escaped } = options;
  const files = paths.map((path) => volumePath(path, escaped));
  return changeImage('fallocate', image, options, async (volume, signal, progress) => {
    let done = 0;
    await forEachPath(files, signal, progress, (path) => {
      if (typeAt(volume, path) === null) volume.writeFile(path, new Uint8Array(0));
      using file = volume.openFile(path);
      if (pin) file.setPinned(true);
      afterOthers(done++, () => file.allocate(offset, length, { keepSize }));
    });
    return EXIT.ok;
  });
}
