// f2fs chown: owners, by their numbers.
import { InvalidArgumentError } from 'commander';
import { type ChangeOptions, changeImage, Turns } from './change.ts';
import { EXIT } from './errors.ts';
import { volumePath } from './names.ts';
import { forTree } from './tree.ts';

export interface ChownOptions extends ChangeOptions {
  recursive?: boolean;
  /** false with -h */
  dereference?: boolean;
  escaped?: boolean;
}

/** What is left out stays. */
export interface OwnerChange {
  uid?: number;
  gid?: number;
}

/** `1000`, `1000:100`, `:100`. Throws commander's error: an image has no table of names. */
export function parseOwnerChange(text: string): OwnerChange {
  const [, user, , group] = /^(\d{1,10})?(:(\d{1,10})?)?$/.exec(text) ?? [];
  const change = {
    uid: user === undefined ? undefined : Number(user),
    gid: group === undefined ? undefined : Number(group),
  };
  if (change.uid !== undefined || change.gid !== undefined) return change;
  throw new InvalidArgumentError('Expected numbers: 1000, 1000:100 or :100.');
}

/** Changes the owner of what each path leads to; of all below it too with `recursive`, where symlinks themselves are changed. */
export function chown(
  image: string,
  change: OwnerChange,
  paths: readonly string[],
  options: ChownOptions,
): Promise<number> {
  const { recursive = false, dereference = true } = options;
  const targets = paths.map((path) => volumePath(path, options.escaped));
  return changeImage('chown', image, options, async (volume, signal, progress) => {
    const turns = new Turns(signal, progress);
    const how = { follow: dereference && !recursive, recursive };
    for (const path of targets) await forTree(volume, path, how, turns, (handle) => handle.setAttributes(change));
    return EXIT.ok;
  });
}
