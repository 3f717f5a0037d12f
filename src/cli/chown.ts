// f2fs chown: owners, by number or by the names that the image has.
import { type ChangeOptions, changeImage, Turns } from './change.ts';
import { EXIT } from './errors.ts';
import { volumePath } from './names.ts';
import { type OwnerSpec, resolveOwner } from './owner.ts';
import { forTree } from './tree.ts';

export interface ChownOptions extends ChangeOptions {
  recursive?: boolean;
  /** false with -h */
  dereference?: boolean;
  escaped?: boolean;
}

/** Changes the owner of what each path leads to; of all below it too with `recursive`, where symlinks themselves are changed. */
export function chown(
  image: string,
  owner: OwnerSpec,
  paths: readonly string[],
  options: ChownOptions,
): Promise<number> {
  const { recursive = false, dereference = true } = options;
  const targets = paths.map((path) => volumePath(path, options.escaped));
  return changeImage('chown', image, options, async (volume, signal, progress) => {
    const turns = new Turns(signal, progress);
    const how = { follow: dereference && !recursive, recursive };
    const change = resolveOwner(volume, owner);
    for (const path of targets) await forTree(volume, path, how, turns, (handle) => handle.setAttributes(change));
    return EXIT.ok;
  });
}
