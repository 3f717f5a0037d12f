// What chmod -R and chown -R do: a change of an entry and of all below it.

import { Directory, type FileSystem, type Handle, walkTree } from '../index.ts';
import type { Turns } from './change.ts';
import { escaped } from './names.ts';
import { naming } from './naming.ts';
import { EntryPlace, type Place } from './place.ts';

/** Runs `work` on what `path` leads to, the entry of a symlink itself unless `follow`, and with `recursive` on all below it. */
export async function forTree(
  volume: FileSystem,
  path: Uint8Array,
  { follow, recursive }: { follow: boolean; recursive: boolean },
  turns: Turns,
  work: (handle: Handle) => void,
): Promise<void> {
  using start = naming(path, () => volume.open(path, { follow }));
  if (!recursive || !(start instanceof Directory)) {
    naming(path, () => work(start));
    return;
  }
  const damaged = (place: Place, error: Error) => {
    at(place, () => {
      throw error;
    });
  };
  let done = 0;
  for (const event of walkTree(start, path, damaged)) {
    const { step } = event;
    if (event.at !== 'leave') done++;
    if (event.at === 'enter') at(step, () => work(step.directory));
    if (event.at === 'entry') {
      at(new EntryPlace(step, event.entry.name), () => {
        using handle = step.directory.open(event.entry.name);
        work(handle);
      });
    }
    await turns.pass(() => `${done} entries  ${escaped(step.path)}`);
  }
}

/** As `naming`; the path is made when it is wanted. */
function at(place: Place, work: () => void): void {
  try {
    work();
  } catch (error) {
    naming(place.path, () => {
      throw error;
    });
  }
}
