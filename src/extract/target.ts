// Directories that an extraction writes into and that were there before: no more open than they were.
import * as fs from 'node:fs';
import { display } from '../bytes.ts';
import { F2fsError, hostError } from '../errors.ts';
import type { HostAttributes } from './host-attributes.ts';

/** Lets list a directory, and reach what is in it: of one class of users. */
const READABLE = 0o5;

/** A directory that was there before: what is put into it is open to nobody whom the volume keeps out. */
export class DirectoryBefore {
  readonly #mode: number;
  readonly #gid: number;
  /** Whether something lay in it. */
  readonly #isUsed: boolean;

  /** Throws ENOTDIR for what is no directory itself, and the host's errors. */
  constructor(directory: Buffer) {
    const stat = fs.lstatSync(directory);
    if (!stat.isDirectory()) throw new F2fsError('ENOTDIR', 'not a directory');
    this.#mode = stat.mode & 0o7777;
    this.#gid = stat.gid;
    this.#isUsed = !isEmpty(directory);
  }

  get isUsed(): boolean {
    return this.#isUsed;
  }

  /**
   * Until it gets `attributes`, it is open to nobody whom they keep out; an empty one, to its owner alone. Throws EPERM where it is
   * another's.
   */
  restrict(directory: Buffer, { mode, gid }: HostAttributes): void {
    const had = this.#mode;
    // Another group than that of the volume is as anybody else.
    const asked = this.#gid === gid ? mode : (mode & ~0o070) | ((mode & 0o007) << 3);
    const most = narrowed(had, asked | 0o700);
    const wanted = this.#isUsed ? most : had & 0o7700;
    if (wanted === had) return;
    try {
      fs.chmodSync(directory, wanted);
    } catch (error) {
      if (most !== had) throw error;
    }
  }

  /** The attributes that it gets in the end: one that was in use lets in nobody whom it kept out, and none whom `mode` does. */
  allowed(attributes: HostAttributes): HostAttributes {
    if (!this.#isUsed) return attributes;
    return { ...attributes, mode: narrowed(this.#mode, attributes.mode) };
  }
}

/** The directory that an extraction writes into. */
export interface ExtractTarget {
  /** Absolute, and no symlink. */
  readonly path: Buffer;
  /** null when it was made here. */
  readonly before: DirectoryBefore | null;
}

/**
 * Makes the directory with `mode`, if it is missing. Throws ENOENT for an empty path, ENOTEMPTY when it is not empty and `force` is
 * not given, ENOTDIR, and the host's errors.
 */
export function openTarget(target: string | Uint8Array, force: boolean, mode: number): ExtractTarget {
  const text = display(target);
  if (target.length === 0)
    throw new F2fsError('ENOENT', 'the path of the target directory is empty: name one', { path: text });
  let opened: ExtractTarget;
  try {
    const given = Buffer.from(target);
    const isMade = makeDirectory(given, mode);
    const real = fs.realpathSync.native(given, 'buffer');
    if (!fs.statSync(real).isDirectory()) throw new F2fsError('ENOTDIR', `${text} is not a directory`, { path: text });
    opened = { path: real, before: isMade ? null : new DirectoryBefore(real) };
  } catch (error) {
    throw hostError(`cannot write into ${text}`, error, { path: text });
  }
  if (!opened.before?.isUsed || force) return opened;
  const message = `${text} is not empty; name a new or empty directory, or add to what is there with force: true`;
  throw new F2fsError('ENOTEMPTY', message, { path: text });
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
