// What chmod -R and chown -R do: a change of an entry and of all below it.
import { joinPath, walkDirectories } from '../build/volume-walk.ts';
import { Directory } from '../fs/directory-handle.ts';
import type { Handle } from '../fs/handle.ts';
import type { FileSystem } from '../index.ts';
import { naming, type Turns } from './change.ts';

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
  const damaged = (at: Uint8Array, error: Error) => {
    naming(at, () => {
      throw error;
    });
  };
  for (const step of walkDirectories(start, path, damaged)) {
    naming(step.path, () => work(step.directory));
    for (const { name, type } of step.entries) {
      if (type === 'directory') continue;
      naming(joinPath(step.path, name), () => {
        using handle = step.directory.open(name);
        work(handle);
      });
      await turns.pass();
    }
    await turns.pass();
  }
}
