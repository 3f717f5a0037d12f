// The directory that an extraction writes into: made, or there before and then no more open than it was.
import * as fs from 'node:fs';
import * as path from 'node:path';
import { F2fsError, hostError } from '../errors.ts';
import type { HostAttributes } from './host-attributes.ts';

/** Lets list a directory, and reach what is in it: of one class of users. */
const READABLE = 0o5;

export class ExtractTarget {
  /** Absolute, and no symlink. */
  readonly path: Buffer;
  /** What it was; null when it was made here. */
  readonly #before: { mode: number; gid: number } | null;
  /** Whether something lay in it. */
  readonly #isUsed: boolean;

  /**
   * Makes the directory with `mode`, if it is missing. Throws ENOENT for an empty path, ENOTEMPTY when it is not empty and `force` is
   * not given, ENOTDIR, and the host's errors.
   */
  constructor(target: string | Uint8Array, { force, mode }: { force: boolean; mode: number }) {
    const text = typeof target === 'string' ? target : Buffer.from(target).toString();
    if (target.length === 0)
      throw new F2fsError('ENOENT', 'the path of the target directory is empty: name one', { path: text });
    try {
      const given = typeof target === 'string' ? Buffer.from(path.resolve(target)) : Buffer.from(target);
      const isMade = makeDirectory(given, mode);
      this.path = fs.realpathSync.native(given, 'buffer');
      const stat = fs.statSync(this.path);
      if (!stat.isDirectory()) throw new F2fsError('ENOTDIR', `${text} is not a directory`, { path: text });
      this.#before = isMade ? null : { mode: stat.mode & 0o7777, gid: stat.gid };
      this.#isUsed = !isMade && !isEmpty(this.path);
    } catch (error) {
      throw hostError(`cannot write into ${text}`, error, { path: text });
    }
    if (!this.#isUsed || force) return;
    const message = `${text} is not empty; name a new or empty directory, or add to what is there with force: true`;
    throw new F2fsError('ENOTEMPTY', message, { path: text });
  }

  /**
   * Until it gets `attributes`, a directory that was there is open to nobody whom they keep out; an empty one, to its owner alone.
   * Throws EPERM where it is another's.
   */
  restrict({ mode, gid }: HostAttributes): void {
    const before = this.#before;
    if (before === null) return;
    const { mode: had } = before;
    // Another group than that of the volume is as anybody else.
    const asked = before.gid === gid ? mode : (mode & ~0o070) | ((mode & 0o007) << 3);
    const most = narrowed(had, asked | 0o700);
    const wanted = this.#isUsed ? most : had & 0o7700;
    if (wanted === had) return;
    try {
      fs.chmodSync(this.path, wanted);
    } catch (error) {
      if (most === had) return;
      const text = this.path.toString();
      throw hostError(`cannot keep others out of ${text}, as the volume does: name a directory of yours`, error, {
        path: text,
      });
    }
  }

  /** The attributes that it gets in the end: one that was in use lets in nobody whom it kept out, and none whom `mode` does. */
  allowed(attributes: HostAttributes): HostAttributes {
    const before = this.#before;
    if (before === null || !this.#isUsed) return attributes;
    return { ...attributes, mode: narrowed(before.mode, attributes.mode) };
  }
}

/** Permissions `had`, but for a class of users that could see more by them than by `mode`: it gets what both give it. */
function narrowed(had: number, mode: number): number {
  let permissions = had & 0o7000;
  for (const shift of [6, 3, 0]) {
    const own = (had >> shift) & 0o7;
    const asked = (mode >> shift) & 0o7;
    permissions |= ((own & ~asked & READABLE) === 0 ? own : own & asked) << shift;
  }
  return permissions;
}

/** Whether it was made; false when something is there. */
function makeDirectory(directory: Buffer, mode: number): boolean {
  try {
    fs.mkdirSync(directory, mode);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function isEmpty(directory: Buffer): boolean {
  const entries = fs.opendirSync(directory, { encoding: 'buffer' as BufferEncoding });
  try {
    return entries.readSync() === null;
  } finally {
    entries.closeSync();
  }
}
