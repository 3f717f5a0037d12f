// Places below one directory of the host, however deep: each is known by its name and the directory above. What lies deeper than the
// longest path that a call takes is reached from an open directory on the way. Linux: through /proc/PID/fd.
import * as fs from 'node:fs';
import { display } from '../bytes.ts';
import { F2fsError } from '../errors.ts';
import { joinNames } from '../fs/path-names.ts';
import type { HostFs } from './host.ts';

/** Bytes of the longest path that a call takes, its NUL included. Source: limits.h. */
export const PATH_MAX = process.platform === 'darwin' ? 1024 : 4096;
/** Bytes from an open directory to one below it, at most: a name, and the directory's own path, come to that. */
const REACH = PATH_MAX - 320;
/** Directories that are kept open on the way. */
const MAX_OPEN = 64;
const { O_DIRECTORY = 0, O_NOFOLLOW = 0 } = fs.constants;
/** Of Linux: the directory need not be readable. */
export const O_PATH = process.platform === 'linux' ? 0o10000000 : 0;
const SLASH = Buffer.from('/');

let descriptors: string | undefined;

/** The directory of this process's open files, for its children too. Throws ENAMETOOLONG where there is none. */
function descriptorsPath(): string {
  try {
    descriptors ??= `/proc/${fs.readlinkSync('/proc/self')}/fd`;
    return descriptors;
  } catch (cause) {
    const message = `its path is longer than the ${PATH_MAX - 1} bytes that this host takes`;
    throw new F2fsError('ENAMETOOLONG', message, { cause });
  }
}

/** An entry below the root. */
export class HostPlace {
  /** null for the root alone. */
  readonly parent: HostDir | null;
  readonly name: Uint8Array;

  constructor(parent: HostDir | null, name: Uint8Array) {
    this.parent = parent;
    this.name = name;
  }

  /** For messages: relative to the root; `.` for the root itself. It is made anew each time. */
  get path(): string {
    const names: Uint8Array[] = [];
    for (let place: HostPlace = this; place.parent !== null; place = place.parent) names.push(place.name);
    return names.length === 0 ? '.' : display(joinNames(names.reverse()));
  }
}

/** A directory that entries can be made in. */
export class HostDir extends HostPlace {
  /** The directory that this one is reached from: the root, or one that is open then. */
  readonly from: HostDir;
  /** Bytes of the path from there. */
  readonly length: number;

  constructor(parent: HostDir | null, name: Uint8Array) {
    super(parent, name);
    if (parent === null) {
      this.from = this;
      this.length = 0;
    } else {
      const length = parent.length + 1 + name.length;
      const isFar = length + (parent.from.parent === null ? parent.from.name.length : 0) > REACH;
      this.from = isFar ? parent : parent.from;
      this.length = isFar ? 1 + name.length : length;
    }
  }
}

/** Finds the path by which a place can be reached with one call. */
export class HostPlaces {
  readonly root: HostDir;
  /** Open directories, those used last at the end. */
  readonly #open = new Map<HostDir, number>();
  /** The directory asked for last, and the path of it. */
  #dir: HostDir | null = null;
  #path: Buffer = SLASH;
  readonly #fs: Pick<HostFs, 'openSync' | 'closeSync'>;
  /** Called before an open directory is closed: paths that begin with it are of no use afterwards. */
  beforeClose: () => void = () => {};

  /** @param root absolute, and no symlink */
  constructor(root: Buffer, hostFs: Pick<HostFs, 'openSync' | 'closeSync'> = fs) {
    this.root = new HostDir(null, root);
    this.#fs = hostFs;
  }

  /** Good until the next call. Throws ENAMETOOLONG where the host has no way to what lies so deep; its errors for the way there. */
  of(place: HostPlace): Buffer {
    if (place.parent === null) return Buffer.from(place.name);
    return Buffer.concat([this.pathOf(place.parent), SLASH, place.name]);
  }

  close(): void {
    for (const fd of this.#open.values()) this.#close(fd);
    this.#open.clear();
    this.#dir = null;
  }

  /** What the paths of all that is in a directory begin with, before a slash. As `of`. */
  pathOf(dir: HostDir): Buffer {
    if (dir === this.#dir) return this.#path;
    const names: Uint8Array[] = [];
    for (let at = dir; at !== dir.from; at = at.parent as HostDir) names.push(at.name, SLASH);
    const { from } = dir;
    const base =
      from === this.root ? Buffer.from(from.name) : Buffer.from(`${descriptorsPath()}/${this.#descriptor(from)}`);
    this.#path = Buffer.concat([base, ...names.reverse()]);
    this.#dir = dir;
    return this.#path;
  }

  /** An open directory, by way of those above that are reached from each other. */
  #descriptor(dir: HostDir): number {
    const closed: HostDir[] = [];
    for (let at = dir; at !== this.root && !this.#open.has(at); at = at.from) closed.push(at);
    for (let at = closed.pop(); at !== undefined; at = closed.pop()) this.#keep(at, this.#openDirectory(at));
    const fd = this.#open.get(dir) as number;
    this.#keep(dir, fd);
    return fd;
  }

  #openDirectory(dir: HostDir): number {
    return this.#fs.openSync(this.pathOf(dir), O_PATH | O_DIRECTORY | O_NOFOLLOW);
  }

  /** Puts one to the end; closes that which was used longest ago when there are too many. */
  #keep(dir: HostDir, fd: number): void {
    this.#open.delete(dir);
    this.#open.set(dir, fd);
    if (this.#open.size <= MAX_OPEN) return;
    const [oldest] = this.#open;
    this.beforeClose();
    this.#open.delete(oldest[0]);
    this.#close(oldest[1]);
    if (this.#dir?.from === oldest[0]) this.#dir = null;
  }

  #close(fd: number): void {
    try {
      this.#fs.closeSync(fd);
    } catch {
      // It was a place to begin from, no more.
    }
  }
}
