// Writes to a damaged volume, as a user would who does not know: it may be refused, it must not break what was sound.
import { BLKSIZE, type BlockDevice } from '../../src/device/device.ts';
import { F2fsError } from '../../src/errors.ts';
import type { FileHandle } from '../../src/fs/file-handle.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import { pattern } from './base.ts';
import type { DamagedImage } from './damaged-image.ts';
import type { Recipe } from './recipe.ts';
import { readEverything, type WalkLimits } from './walker.ts';

export interface Written {
  /** What refused or stopped the writing; null when all of it went well. */
  readonly error: F2fsError | null;
  /** Paths that read well before, and read otherwise now. */
  readonly spoilt: string[];
}

/** Names that the writer uses; what stands there is its own. */
const NAMES = ['added', 'added directory', 'hashed/added', 'few/added', 'added directory/file'];

/**
 * Mounts for writing, makes files in several directories, syncs and closes. Then reads everything again: what `seen` (a
 * walk's report from before) has must be as it was, unless the writing was refused before the first checkpoint.
 */
export function writeBeside(image: DamagedImage, seen: ReadonlyMap<string, string>, limits: WalkLimits): Written {
  const device = image.device();
  const { error, isMounted } = change(image, device, (fs) => [
    () => fs.writeFile('/added', pattern(100_000, 1)),
    () => fs.mkdir('/added directory'),
    () => fs.writeFile('/added directory/file', pattern(10, 2)),
    () => fs.writeFile('/hashed/added', pattern(5000, 3)),
    () => fs.writeFile('/few/added', pattern(20, 4)),
    () => fs.sync(),
    () => fs.writeFile('/added', pattern(50_000, 5)),
  ]);
  return {
    error,
    spoilt: spoiltBy(image, device, seen, limits, {
      isChanged: (path) => NAMES.includes(path.slice(1)),
      isRefused: !isMounted,
    }),
  };
}

/**
 * Mounts for writing and changes what stands at `path` in many ways, and its directory; a path that is none changes the
 * root. What is elsewhere must be as it was.
 */
export function changeNear(
  image: DamagedImage,
  { touch, robs = [] }: Pick<Recipe, 'touch' | 'robs'>,
  seen: ReadonlyMap<string, string>,
  limits: WalkLimits,
): Written {
  const path = touch.startsWith('/') ? touch : '/';
  const parent = path.slice(0, path.lastIndexOf('/'));
  const device = image.device();
  const { error, isMounted } = change(image, device, (fs) => [
    () => fs.writeFile(`${parent}/added`, pattern(5000, 1)),
    () => fs.writeFile(`${path}/added`, pattern(100, 2)),
    () => withFile(fs, path, (file) => file.write(pattern(100, 3), 2 * BLKSIZE + 5)),
    () => fs.setXattr(path, 'user.added', pattern(1000, 4)),
    () => fs.link(path, `${parent}/added too`),
    () => fs.rename(path, `${parent}/added elsewhere`),
    () => fs.rename(`${parent}/added elsewhere`, path),
    () => withFile(fs, path, (file) => file.fsync()),
    () => fs.writeBack(),
    () => fs.sync(),
    () => void fs.clean({ sections: 2 }),
    () => withFile(fs, path, (file) => file.truncate(3 * BLKSIZE + 1)),
    () => fs.unlink(path),
    () => fs.unlink(`${parent}/added too`),
    () => fs.unlink(`${parent}/added`),
    () => fs.writeFile('/added', pattern(50_000, 5)),
  ]);
  // The root's inode is everybody's; a file that was linked has other names.
  const others = new Set([...seen].filter(([, words]) => words === seen.get(path)).map(([name]) => name));
  const isNear = (name: string) => name === path || name.includes('/added') || others.has(name);
  return {
    error,
    spoilt: spoiltBy(image, device, seen, limits, { isChanged: isNear, robbed: robs, isRefused: !isMounted }),
  };
}

/** What became of changes: the first failure, or null; whether there was a mount, which recovers what was fsynced. */
interface Outcome {
  readonly error: F2fsError | null;
  readonly isMounted: boolean;
}

/** Mounts for writing, makes changes, each whatever became of those before, and closes. */
function change(
  { base: { cacheBytes } }: DamagedImage,
  device: BlockDevice,
  changes: (fs: FileSystem) => readonly (() => void)[],
): Outcome {
  let error: F2fsError | null = null;
  let isMounted = false;
  try {
    const fs = mount(device, { cacheBytes });
    isMounted = true;
    for (const step of [...changes(fs), () => fs.close()]) {
      const failure = attempt(step);
      error ??= failure;
    }
  } catch (thrown) {
    error = asError(thrown);
  }
  return { error, isMounted };
}

/** What may read otherwise after changes. */
interface Allowed {
  readonly isChanged: (path: string) => boolean;
  /** Files that lost blocks to others by the damage: they may not be readable any more, but not read otherwise. */
  readonly robbed?: readonly string[];
  /** No writer was let in, nor recovered what was fsynced: `seen` may be from before that or from after. */
  readonly isRefused?: boolean;
}

/** Paths of `seen` that do not read as they did, but for what is allowed. */
export function spoiltBy(
  image: DamagedImage,
  device: BlockDevice,
  seen: ReadonlyMap<string, string>,
  limits: WalkLimits,
  allowed: Allowed,
): string[] {
  const spoilt = differences(image, device, seen, limits, allowed, false);
  return spoilt.length > 0 && allowed.isRefused ? differences(image, device, seen, limits, allowed, true) : spoilt;
}

function differences(
  { base: { cacheBytes } }: DamagedImage,
  device: BlockDevice,
  seen: ReadonlyMap<string, string>,
  limits: WalkLimits,
  { isChanged, robbed = [] }: Allowed,
  recovery: boolean,
): string[] {
  const after = readEverything(device, limits, { cacheBytes, recovery });
  const spoilt: string[] = [];
  for (const [path, words] of seen) {
    if (isChanged(path) || after.seen.get(path) === words) continue;
    const now = after.seen.get(path);
    if (now === undefined && robbed.includes(path)) continue;
    const error = after.failures.find((failure) => failure.path === path)?.error;
    spoilt.push(`${path}: ${words} -> ${error?.message ?? now}`);
  }
  return spoilt;
}

function unlink(fs: FileSystem, path: string): void {
  const slash = path.lastIndexOf('/');
  using parent = fs.openDirectory(path.slice(0, slash) || '/');
  parent.unlink(Buffer.from(path.slice(slash + 1)));
}

function withFile(fs: FileSystem, path: string, use: (file: FileHandle) => void): void {
  using file = fs.openFile(path);
  use(file);
}

function attempt(write: () => void): F2fsError | null {
  try {
    write();
    return null;
  } catch (thrown) {
    return asError(thrown);
  }
}

function asError(thrown: unknown): F2fsError {
  if (thrown instanceof F2fsError) return thrown;
  throw new Error('writing: not an F2fsError', { cause: thrown });
}

/**
 * Mounts for writing and changes what is there: every name that the walk saw has its contents, attributes or name
 * changed, so that blocks and nodes are freed too. Each failure must be an F2fsError; returns the first, or null.
 */
export function changeAll(image: DamagedImage, device: BlockDevice, paths: Iterable<string>): F2fsError | null {
  return change(image, device, (fs) => {
    const changes: (() => void)[] = [];
    let i = 0;
    for (const path of paths) {
      const kind = i++ % 4;
      if (kind === 0) changes.push(() => unlink(fs, path));
      else if (kind === 1) changes.push(() => withFile(fs, path, (file) => file.truncate(5000)));
      else if (kind === 2) changes.push(() => fs.setXattr(path, 'user.added', pattern(300, 1)));
      else changes.push(() => fs.writeFile(path, pattern(9000, 2)));
    }
    return [...changes, () => fs.sync(), () => fs.writeFile('/added', pattern(5000, 3))];
  }).error;
}

/** Of a walk's paths those that `changeAll` is to change: all, but few of a directory with many. */
export function changedPaths(paths: Iterable<string>): string[] {
  return [...paths].filter((path) => path !== '/' && !/[1-9]\d$/.test(path));
}
