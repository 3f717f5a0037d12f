// f2fs mv: other names and places.
import { display } from '../bytes.ts';
import { F2fsError } from '../errors.ts';
import { type FileSystem, splitPath } from '../index.ts';
import { type ChangeOptions, changeImage, forEachPath } from './change.ts';
import { Destination, inodeAt, lastName, typeAt } from './destination.ts';
import { EXIT, UsageError } from './errors.ts';
import { endsWithSlash, volumePath } from './names.ts';
import { naming } from './naming.ts';

export interface MvOptions extends ChangeOptions {
  /** false with -n */
  replace?: boolean;
  /** -T */
  targetDirectory?: boolean;
  exchange?: boolean;
  escaped?: boolean;
}

/**
 * Renames each source to `to`, or into it. A file that is there is replaced, as is an empty directory by a directory. Throws EEXIST
 * instead without `replace`, ENOENT, ENOTEMPTY, EINVAL for a directory into itself.
 */
export function mv(image: string, sources: readonly string[], to: string, options: MvOptions): Promise<number> {
  const { replace = true, exchange = false } = options;
  if (exchange && sources.length > 1) throw new UsageError('--exchange takes two paths');
  if (exchange && !replace) throw new UsageError('--exchange and -n do not go together');
  const from = sources.map((path) => volumePath(path, options.escaped));
  const path = volumePath(to, options.escaped);
  return changeImage('mv', image, options, async (volume, signal, progress) => {
    const nameItself = exchange || options.targetDirectory === false || isNewDirectory(volume, from, path);
    const destination = new Destination(volume, path, from.length, nameItself);
    await forEachPath(from, signal, progress, (source) => {
      const { ino } = volume.lstat(source);
      const target = destination.isDirectory ? destination.pathOf(lastName(source)) : path;
      if (!exchange && replace && inodeAt(volume, target) === ino) throw sameFile(volume, source, target);
      naming(target, () => volume.rename(source, target, { noReplace: !replace, exchange }));
    });
    return EXIT.ok;
  });
}

/** rename(2) would do nothing, and both names stay: not what was asked for. */
function sameFile(volume: FileSystem, source: Uint8Array, target: Uint8Array): F2fsError {
  const [from, to] = [source, target].map((path) => display(path));
  let message = `${from} and ${to} are two names of one file: remove one with rm`;
  if (isSameName(volume, source, target)) message = `${from} has that name already: there is nothing to move`;
  else if (isOtherSpelling(volume, target)) {
    message = `${from} has that name already, as its directory folds case: give it another name first to change how it is spelt`;
  }
  return new F2fsError('EINVAL', message, { path: from });
}

/** Whether a directory that folds case has a name only as it is spelt otherwise. */
function isOtherSpelling(volume: FileSystem, path: Uint8Array): boolean {
  const { name, directory } = splitPath(path);
  if (name === null || !volume.stat(directory).flags.includes('casefold')) return false;
  return !volume.readdir(directory).some((entry) => Buffer.compare(entry.name, name) === 0);
}

/** Whether two paths of one inode are one name of one directory, however they are written. */
function isSameName(volume: FileSystem, one: Uint8Array, other: Uint8Array): boolean {
  const [{ name, directory }, there] = [splitPath(one), splitPath(other)];
  if (name === null || there.name === null) return true;
  return Buffer.compare(name, there.name) === 0 && volume.stat(directory).ino === volume.stat(there.directory).ino;
}

/** Whether a directory gets a name that ends with a slash and that nothing has: allowed, as it can only mean a directory. */
function isNewDirectory(volume: FileSystem, [source, ...others]: readonly Uint8Array[], to: Uint8Array): boolean {
  if (others.length > 0 || !endsWithSlash(to) || typeAt(volume, to) !== null) return false;
  return naming(source, () => volume.lstat(source)).type === 'directory';
}
