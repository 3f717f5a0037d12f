// Writing a tree onto the host: the entries of an image that may be hostile, below one directory and nowhere else. Every
// directory is made here (mode 0700 until finish), so no path leads through a symlink; every other entry is made new.
import * as fs from 'node:fs';
import * as path from 'node:path';
import { F2fsError, hostError } from '../errors.ts';
import { AttributeSetter, type HostAttributes, type HostNote } from './host-attributes.ts';
import type { HostProblem } from './host-entry.ts';
import { type HostLibc, hostLibc } from './host-libc.ts';
import { type HostNodeType, makeHostNode } from './host-node.ts';

/** A path made by a HostWriter: the only kind that it takes back as a parent or as the target of a link. */
export class HostPlace {
  /** Absolute, on the host. */
  readonly hostPath: Buffer;
  /** For messages: relative to the target directory, lossy UTF-8; `.` for that directory itself. */
  readonly path: string;

  constructor(hostPath: Buffer, relative: string) {
    this.hostPath = hostPath;
    this.path = relative;
  }
}

/** A directory that entries can be made in. */
export class HostDir extends HostPlace {
  readonly type = 'dir';
}

/** A file being written. The caller writes to `fd` (and sets the size of one that ends with a hole), then closeFile. */
export interface HostFile {
  readonly place: HostPlace;
  readonly fd: number;
}

export interface WriterOptions {
  /** Set owners. Default: when root. */
  owner?: boolean;
  /** Store extended attributes. Default: true. */
  xattrs?: boolean;
  /** For tests: the C library, or null to do without. */
  libc?: HostLibc | null;
}

const NAME_MAX = 255;
const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW = 0 } = fs.constants;
/** Bytes that end or split a name: NUL and slash, and on Windows the backslash and the colon too. */
const SEPARATORS: readonly number[] = process.platform === 'win32' ? [0x00, 0x2f, 0x5c, 0x3a] : [0x00, 0x2f];

/** Throws EUCLEAN for a name that no directory may hold: it would lead elsewhere. */
function checkName(name: Uint8Array, parent: string): void {
  const bad =
    name.length === 0 ||
    name.length > NAME_MAX ||
    (name[0] === 0x2e && (name.length === 1 || (name.length === 2 && name[1] === 0x2e))) ||
    SEPARATORS.some((byte) => name.includes(byte));
  if (!bad) return;
  const text = JSON.stringify(Buffer.from(name).toString());
  throw new F2fsError('EUCLEAN', `the image is damaged: the name ${text} would lead elsewhere`, { path: parent });
}

/**
 * Creates entries below one directory. A failure of one entry does not throw: the method returns null or false and
 * `problems` tells. What could not be restored on an entry that was made (owner, attribute, exact time) is in `notes`.
 */
export class HostWriter {
  readonly root: HostDir;
  readonly problems: HostProblem[] = [];
  readonly #libc: HostLibc | null;
  readonly #attributes: AttributeSetter;
  /** Directories wait for theirs until nothing more is written below them. */
  readonly #dirs: { place: HostDir; attributes: HostAttributes }[] = [];

  /** `target` is made when missing. Throws ENOTDIR, EACCES, ENOENT (its parent is missing). */
  constructor(target: string | Uint8Array, options: WriterOptions = {}) {
    this.#libc = options.libc === undefined ? hostLibc() : options.libc;
    this.root = new HostDir(openTarget(target), '.');
    this.#attributes = new AttributeSetter(this.#libc, {
      owner: options.owner ?? process.geteuid?.() === 0,
      xattrs: options.xattrs ?? true,
    });
  }

  /** What was not restored, by kind. */
  get notes(): readonly HostNote[] {
    return this.#attributes.notes;
  }

  /** The target directory's own attributes, set by finish. */
  setRootAttributes(attributes: HostAttributes): void {
    this.#dirs.push({ place: this.root, attributes });
  }

  /** Its attributes are set by finish. null when it can't be made (EEXIST too): leave its children out then. */
  makeDir(parent: HostDir, name: Uint8Array, attributes: HostAttributes): HostDir | null {
    const place = this.#make(parent, name, 'make the directory', (hostPath, relative) => {
      fs.mkdirSync(hostPath, 0o700);
      return new HostDir(hostPath, relative);
    });
    if (place) this.#dirs.push({ place, attributes });
    return place;
  }

  openFile(parent: HostDir, name: Uint8Array): HostFile | null {
    return this.#make(parent, name, 'create the file', (hostPath, relative) => ({
      fd: fs.openSync(hostPath, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600),
      place: new HostPlace(hostPath, relative),
    }));
  }

  /** Sets its attributes and closes it. False when the host refused (ENOSPC, EIO). */
  closeFile(file: HostFile, attributes: HostAttributes): boolean {
    let failed = !this.#setAttributes(file.place, attributes, 'file');
    try {
      fs.closeSync(file.fd);
    } catch (error) {
      failed = true;
      this.#problem(file.place.path, 'close the file', error);
    }
    return !failed;
  }

  /** Closes a file whose content could not be written, and removes it. The caller reports why. */
  discardFile(file: HostFile): void {
    try {
      fs.closeSync(file.fd);
      fs.unlinkSync(file.place.hostPath);
    } catch (error) {
      this.#problem(file.place.path, 'remove the file', error);
    }
  }

  makeSymlink(parent: HostDir, name: Uint8Array, target: Uint8Array, attributes: HostAttributes): HostPlace | null {
    const place = this.#make(parent, name, 'make the symlink', (hostPath, relative) => {
      if (target.includes(0)) throw new F2fsError('EUCLEAN', 'its target holds a NUL');
      fs.symlinkSync(Buffer.from(target), hostPath);
      return new HostPlace(hostPath, relative);
    });
    if (place) this.#setAttributes(place, attributes, 'symlink');
    return place;
  }

  /** Devices need root. `rdevMajor` and `rdevMinor` mean something for them alone. */
  makeNode(
    parent: HostDir,
    name: Uint8Array,
    type: HostNodeType,
    attributes: HostAttributes,
    rdevMajor = 0,
    rdevMinor = 0,
  ): HostPlace | null {
    const place = this.#make(parent, name, `make the ${type}`, (hostPath, relative) => {
      makeHostNode(this.#libc, hostPath, type, rdevMajor, rdevMinor);
      return new HostPlace(hostPath, relative);
    });
    if (place) this.#setAttributes(place, attributes, type);
    return place;
  }

  /** Another name for an entry made before. Only where it has all its attributes already, or is still being written. */
  makeLink(parent: HostDir, name: Uint8Array, existing: HostPlace): HostPlace | null {
    return this.#make(parent, name, `make a link to ${existing.path}`, (hostPath, relative) => {
      fs.linkSync(existing.hostPath, hostPath);
      return new HostPlace(hostPath, relative);
    });
  }

  /** Sets the attributes of the directories, the deepest first. Nothing may be made afterwards. */
  finish(): void {
    for (let one = this.#dirs.pop(); one; one = this.#dirs.pop()) this.#setAttributes(one.place, one.attributes, 'dir');
  }

  #make<T>(
    parent: HostDir,
    name: Uint8Array,
    doing: string,
    make: (hostPath: Buffer, relative: string) => T,
  ): T | null {
    let relative = parent.path;
    try {
      checkName(name, parent.path);
      const text = Buffer.from(name).toString();
      relative = parent === this.root ? text : `${parent.path}/${text}`;
      return make(Buffer.concat([parent.hostPath, Buffer.from('/'), name]), relative);
    } catch (error) {
      this.#problem(relative, doing, error);
      return null;
    }
  }

  #setAttributes(
    place: HostPlace,
    attributes: HostAttributes,
    type: 'file' | 'dir' | 'symlink' | HostNodeType,
  ): boolean {
    try {
      this.#attributes.set(place.hostPath, place.path, attributes, type === 'symlink');
      return true;
    } catch (error) {
      this.#problem(place.path, 'set its attributes', error);
      return false;
    }
  }

  #problem(place: string, doing: string, error: unknown): void {
    const { code, message } = hostError('', error);
    const reason = message.replace(/^: /, '');
    this.problems.push({ path: place, code, message: `${place}: cannot ${doing}: ${reason}` });
  }
}

/** The real path of the target directory. */
function openTarget(target: string | Uint8Array): Buffer {
  const text = typeof target === 'string' ? target : Buffer.from(target).toString();
  try {
    const given = typeof target === 'string' ? Buffer.from(path.resolve(target)) : Buffer.from(target);
    try {
      fs.mkdirSync(given, 0o700);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const real = fs.realpathSync.native(given, 'buffer');
    if (!fs.statSync(real).isDirectory()) throw new F2fsError('ENOTDIR', `${text} is not a directory`, { path: text });
    return real;
  } catch (error) {
    throw hostError(`cannot write into ${text}`, error, { path: text });
  }
}
