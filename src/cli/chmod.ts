// f2fs chmod: permission bits.
import { type ChangeOptions, changeImage, Turns } from './change.ts';
import { EXIT } from './errors.ts';
import type { ModeChange } from './mode.ts';
import { volumePath } from './names.ts';
import { forTree } from './tree.ts';

export interface ChmodOptions extends ChangeOptions {
  recursive?: boolean;
  escaped?: boolean;
}

/** Changes the mode of what each path leads to; of all below it too with `recursive`, where symlinks are passed over. */
export function chmod(
  image: string,
  change: ModeChange,
  paths: readonly string[],
  options: ChmodOptions,
): Promise<number> {
  const targets = paths.map((path) => volumePath(path, options.escaped));
  const how = { follow: true, recursive: options.recursive ?? false };
  return changeImage('chmod', image, options, async (volume, signal, progress) => {
    const turns = new Turns(signal, progress);
    for (const path of targets) {
      await forTree(volume, path, how, turns, (handle) => {
        const { type, mode } = handle.stat();
        if (type !== 'symlink') handle.setAttributes({ mode: change(mode, type === 'directory') });
      });
    }
    return EXIT.ok;
  });
}
