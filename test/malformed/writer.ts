// Writes to a damaged volume, as a user would who does not know: it may be refused, it must not break what was sound.
import type { BlockDevice } from '../../src/device/device.ts';
import { F2fsError } from '../../src/errors.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import { pattern } from './base.ts';
import { readEverything, type WalkLimits } from './walker.ts';

export interface Written {
  /** What refused or stopped the writing; null when all of it went well. */
  readonly error: F2fsError | null;
  /** Paths that read well before, and read otherwise now. */
  readonly spoilt: string[];
}

/** Names that the writer uses; what stands there is its own. */
const NAMES = ['added', 'added directory', 'hashed/added', 'few/added', 'added directory/file'];
const CACHE_BYTES = 16 << 20;

/**
 * Mounts for writing, makes files in several directories, syncs and closes. Then reads everything again: what `seen` (a
 * walk's report from before) has must be as it was, unless the writing was refused before the first checkpoint.
 */
export function writeBeside(device: BlockDevice, seen: ReadonlyMap<string, string>, limits: WalkLimits): Written {
  let error: F2fsError | null = null;
  try {
    const fs = mount(device, { cacheBytes: CACHE_BYTES });
    const failed = [
      () => fs.writeFile('/added', pattern(100_000, 1)),
      () => fs.mkdir('/added directory'),
      () => fs.writeFile('/added directory/file', pattern(10, 2)),
      () => fs.writeFile('/hashed/added', pattern(5000, 3)),
      () => fs.writeFile('/few/added', pattern(20, 4)),
      () => fs.sync(),
      () => fs.writeFile('/added', pattern(50_000, 5)),
      () => fs.close(),
    ].map(attempt);
    error = failed.find((failure) => failure !== null) ?? null;
  } catch (thrown) {
    error = asError(thrown);
  }
  const after = readEverything(device, limits);
  const spoilt: string[] = [];
  for (const [path, words] of seen) {
    if (NAMES.includes(path.slice(1))) continue;
    if (after.seen.get(path) !== words) {
      const why = after.failures.find((failure) => failure.path === path)?.error.message ?? after.seen.get(path);
      spoilt.push(`${path}: ${words} -> ${why}`);
    }
  }
  return { error, spoilt };
}

function unlink(fs: FileSystem, path: string): void {
  const slash = path.lastIndexOf('/');
  using parent = fs.openDirectory(path.slice(0, slash));
  parent.unlink(Buffer.from(path.slice(slash + 1)));
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
export function changeAll(device: BlockDevice, paths: Iterable<string>): F2fsError | null {
  let error: F2fsError | null = null;
  try {
    const fs = mount(device, { cacheBytes: CACHE_BYTES });
    const changes: (() => void)[] = [];
    let i = 0;
    for (const path of paths) {
      const kind = i++ % 4;
      if (kind === 0) changes.push(() => unlink(fs, path));
      else if (kind === 1) changes.push(() => fs.openFile(path).truncate(5000));
      else if (kind === 2) changes.push(() => fs.setXattr(path, 'user.added', pattern(300, 1)));
      else changes.push(() => fs.writeFile(path, pattern(9000, 2)));
    }
    changes.push(
      () => fs.sync(),
      () => fs.writeFile('/added', pattern(5000, 3)),
      () => fs.close(),
    );
    for (const change of changes) {
      const failure = attempt(change);
      error ??= failure;
    }
  } catch (thrown) {
    error = asError(thrown);
  }
  return error;
}

/** Of a walk's paths those that `changeAll` is to change: all, but few of a directory with many. */
export function changedPaths(paths: Iterable<string>): string[] {
  return [...paths].filter((path) => path !== '/' && !/[1-9]\d$/.test(path));
}
