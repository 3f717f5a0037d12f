// f2fs truncate: the size of files.
import { type ChangeOptions, changeImage, forEachPath } from './change.ts';
import { typeAt } from './destination.ts';
import { EXIT } from './errors.ts';
import { volumePath } from './names.ts';
import type { SizeChange } from './sizes.ts';

export interface TruncateOptions extends ChangeOptions {
  size: SizeChange;
  create?: boolean;
  escaped?: boolean;
}

/** Sets the size of each file; what is new is a hole. A file that is missing is made, unless `create` is false. */
export function truncate(image: string, paths: readonly string[], options: TruncateOptions): Promise<number> {
  const { size, create = true, escaped } = options;
  const files = paths.map((path) => volumePath(path, escaped));
  return changeImage('truncate', image, options, async (volume, signal, progress) => {
    await forEachPath(files, signal, progress, (path) => {
      if (typeAt(volume, path) === null) {
        if (!create) return;
        volume.writeFile(path, new Uint8Array(0));
      }
      using file = volume.openFile(path);
      file.truncate(size(file.stat().size));
    });
    return EXIT.ok;
  });
}
