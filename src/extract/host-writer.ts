// Writing a tree onto the host: the entries of an image that may be hostile, below one directory and nowhere else. Every directory
// is made here, or was there and is no symlink, so no path leads through one; every other entry is made new. Nobody else gets in
// before all of it is as it is to be: directories are made with mode 0700, files with 0600.
import * as fs from 'node:fs';
import { display } from '../bytes.ts';
import { corrupt, F2fsError, hostError } from '../errors.ts';
import type { InodeFlag } from '../format/inode-flags.ts';
import { type HostLibc, hostLibc } from '../host/libc.ts';
import { type HostNodeType, makeHostNode, NODE_NAMES } from '../host/node.ts';
import { HostDir, HostPlace, HostPlaces } from '../host/places.ts';
import { Problems, shortPath } from '../problems.ts';
import type { FileAttributes } from './file-jobs.ts';
import { NEW_FILE } from './file-maker.ts';
import { AttributeSetter, type HostAttributes } from './host-attributes.ts';
import type { ExtractNote } from './report.ts';
import { DirectoryBefore, openTarget } from './target.ts';

/** A file being written. The caller writes to `fd` (and sets the size of one that ends with a hole), then closeFile. */
export interface HostFile {
  readonly place: HostPlace;
  readonly fd: number;
}

export interface WriterOptions {
  /** Write into directories that are there already. Default: false; only into the target, and only where that is empty. */
  force?: boolean;
  /** Of a target that is made. Default: 0700, for one that gets attributes in the end. */
  mode?: number;
  /** Set owners. Default: when root. */
  owner?: boolean;
  /** Store extended attributes. Default: true. */
  xattrs?: boolean;
  /** For tests: the C library, or null to do without. */
  libc?: HostLibc | null;
}

const NAME_MAX = 255;
/** Bytes that end or split a name: NUL and slash, and on Windows the backslash and the colon too. */
const SEPARATORS: readonly number[] = process.platform === 'win32' ? [0x00, 0x2f, 0x5c, 0x3a] : [0x00, 0x2f];
/** What ends an extraction: nothing more can be made. */
const FULL: Readonly<Record<string, string>> = {
  ENOSPC: 'has no space left',
  EDQUOT: 'is at the limit of its quota',
  EROFS: 'is read-only',
};
/** Why a host does not give a file one more name: it has no links, or not so many, or not from there. */
const UNLINKABLE = new Set(['EMLINK', 'EPERM', 'EACCES', 'EXDEV', 'EOPNOTSUPP', 'ENOTSUP', 'ENOSYS']);

/** Of a directory that can't be filled. */
const LEFT_OUT = '; what the image has in it is left out';

/** null for what is no directory itself. */
function directoryBefore(path: Buffer): DirectoryBefore | null {
  return fs.lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ? new DirectoryBefore(path) : null;
}

/** Whether no directory may hold a name: it would lead elsewhere. */
function escapes(name: Uint8Array): boolean {
  return (
    name.length === 0 ||
    name.length > NAME_MAX ||
    (name[0] === 0x2e && (name.length === 1 || (name.length === 2 && name[1] === 0x2e))) ||
    SEPARATORS.some((byte) => name.includes(byte))
  );
}

/**
 * Creates entries below one directory. A failure of one entry does not throw: the method returns null or false, and `problems` has
 * it. Only a file system that is full is thrown: ENOSPC, EDQUOT, EROFS. What could not be restored on an entry that was made (owner,
 * attribute, exact time) is in `notes`.
 */
export class HostWriter {
  readonly root: HostDir;
  readonly problems = new Problems();
  readonly libc: HostLibc | null;
  readonly #force: boolean;
  /** Directories that were there. */
  readonly #before = new Map<HostDir, DirectoryBefore>();
  readonly #places: HostPlaces;
  readonly #attributes: AttributeSetter;
  /** What gets inode flags at the end: an immutable file, say, takes no further names. */
  readonly #flagged: { place: HostPlace; flags: readonly InodeFlag[] }[] = [];
  /** Directories that can't be searched once they have their mode: links to what is in them are made before. */
  readonly #closed: { place: HostDir; attributes: HostAttributes }[] = [];

  /**
   * `target` is made when missing. Throws ENOTEMPTY when it is not empty and `force` is not given; ENOTDIR, EACCES, ENOENT (its
   * parent is missing).
   */
  constructor(target: string | Uint8Array, options: WriterOptions = {}) {
    this.libc = options.libc === undefined ? hostLibc() : options.libc;
    this.#force = options.force ?? false;
    const { path, before } = openTarget(target, this.#force, options.mode ?? 0o700);
    this.#places = new HostPlaces(path);
    this.root = this.#places.root;
    if (before !== null) this.#before.set(this.root, before);
    this.#attributes = new AttributeSetter(this.libc, {
      owner: options.owner ?? process.geteuid?.() === 0,
      xattrs: options.xattrs ?? true,
    });
  }

  /** What was not restored, by kind. */
  get notes(): ExtractNote[] {
    return this.#attributes.notes;
  }

  /**
   * Says what a directory will get: until then it is open to nobody whom that keeps out. False where that fails, which is a problem.
   * Throws EPERM for the target itself.
   */
  restrict(dir: HostDir, attributes: HostAttributes): boolean {
    const before = this.#before.get(dir);
    if (before === undefined) return true;
    try {
      before.restrict(this.#places.of(dir), attributes);
      return true;
    } catch (error) {
      if (dir !== this.root) {
        this.#problem(dir, 'keep others out of the directory, as the volume does', error, LEFT_OUT);
        return false;
      }
      const path = display(dir.name);
      const doing = `cannot keep others out of ${path}, as the volume does: name a directory of yours`;
      throw hostError(doing, error, { path });
    }
  }

  /**
   * A directory that is made is open to its owner alone until closeDir. One that is there is taken with `force`. null when there can be
   * none: leave its children out then.
   */
  makeDir(parent: HostDir, name: Uint8Array): HostDir | null {
    let before: DirectoryBefore | null = null;
    const make = (path: Buffer) => {
      try {
        fs.mkdirSync(path, 0o700);
      } catch (error) {
        before = this.#force ? directoryBefore(path) : null;
        if (before === null) throw error;
      }
    };
    const dir = this.#make(new HostDir(parent, name), 'make the directory', make, LEFT_OUT);
    if (dir !== null && before !== null) this.#before.set(dir, before);
    return dir;
  }

  /** Whether a directory was there before. */
  wasThere(dir: HostDir): boolean {
    return this.#before.has(dir);
  }

  /** Sets the attributes of a directory; nothing may be made in it afterwards. */
  closeDir(dir: HostDir, wanted: HostAttributes): void {
    const attributes = this.#before.get(dir)?.allowed(wanted) ?? wanted;
    this.#before.delete(dir);
    if (dir !== this.root && (attributes.mode & 0o100) === 0) this.#closed.push({ place: dir, attributes });
    else this.#setAttributes(dir, attributes, 'dir');
  }

  openFile(parent: HostDir, name: Uint8Array): HostFile | null {
    let fd = -1;
    const place = this.#make(new HostPlace(parent, name), 'create the file', (path) => {
      fd = fs.openSync(path, NEW_FILE.flags, NEW_FILE.mode);
    });
    return place && { fd, place };
  }

  /** Sets its attributes and closes it. False when the host refused (EIO). */
  closeFile(file: HostFile, attributes: HostAttributes): boolean {
    let failed = !this.#setAttributes(file.place, attributes, 'file');
    try {
      fs.closeSync(file.fd);
    } catch (error) {
      failed = true;
      this.#problem(file.place, 'close the file', error);
    }
    return !failed;
  }

  /**
   * How a file is made that takes no more than its path, contents, owner, mode and times; null where it takes more, or can't be made. It
   * is told to `noteMade` then.
   */
  plainFile(parent: HostDir, name: Uint8Array, wanted: HostAttributes): { path: Buffer; given: FileAttributes } | null {
    // Where the way there leads through open directories, these may be closed before it is made.
    const given = parent.from === this.root && !escapes(name) ? this.#attributes.plain(wanted) : null;
    return given && { path: this.#places.of(new HostPlace(parent, name)), given };
  }

  noteMade(place: HostPlace, wanted: HostAttributes): void {
    this.#attributes.noteOwner(place, wanted);
    this.#noteFlags(place, wanted);
  }

  #noteFlags(place: HostPlace, { flags = [], lost = [] }: HostAttributes): void {
    for (const message of lost) this.#attributes.note(message, place);
    if (flags.length > 0) this.#flagged.push({ place, flags });
  }

  /** Closes a file whose content could not be written, and removes it. The caller reports why. */
  discardFile(file: HostFile): void {
    try {
      fs.closeSync(file.fd);
      fs.unlinkSync(this.#places.of(file.place));
    } catch (error) {
      this.#problem(file.place, 'remove the file', error);
    }
  }

  makeSymlink(parent: HostDir, name: Uint8Array, target: Uint8Array, attributes: HostAttributes): HostPlace | null {
    const place = this.#make(new HostPlace(parent, name), 'make the symlink', (path) => {
      if (target.includes(0)) throw corrupt('symlink-zero', {});
      fs.symlinkSync(Buffer.from(target), path);
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
    const place = this.#make(new HostPlace(parent, name), `make the ${NODE_NAMES[type]}`, (path) =>
      makeHostNode(this.libc, path, type, rdevMajor, rdevMinor),
    );
    if (place) this.#setAttributes(place, attributes, type);
    return place;
  }

  /**
   * Another name for an entry made before; only where that has all its attributes already. `copy`, which is told as a note, when the
   * host has no links for it: make the entry anew then.
   */
  makeLink(parent: HostDir, name: Uint8Array, existing: HostPlace): HostPlace | 'copy' | null {
    let refused: string | undefined;
    const place = this.#make(new HostPlace(parent, name), 'make the link', (path) => {
      const from = this.#places.of(existing);
      try {
        fs.linkSync(from, path);
      } catch (error) {
        refused = (error as NodeJS.ErrnoException).code;
        if (refused === undefined || !UNLINKABLE.has(refused)) throw error;
      }
    });
    if (place === null || refused === undefined) return place;
    this.#attributes.note(`hard links became copies: the host gives no more names to one file (${refused})`, place);
    return 'copy';
  }

  /** Lets go of what is held. Nothing may be made afterwards. */
  finish(): void {
    for (const { place, attributes } of this.#closed) this.#setAttributes(place, attributes, 'dir');
    this.#closed.length = 0;
    for (const { place, flags } of this.#flagged) {
      try {
        this.#attributes.setFlags(this.#places.of(place), place, flags);
      } catch (error) {
        this.#problem(place, 'set its inode flags', error);
      }
    }
    this.#flagged.length = 0;
    this.#places.close();
  }

  #make<T extends HostPlace>(place: T, doing: string, make: (path: Buffer) => void, consequence = ''): T | null {
    try {
      if (escapes(place.name)) throw corrupt('name-escapes', {}, display(place.name));
      make(this.#places.of(place));
      return place;
    } catch (error) {
      this.#problem(place, doing, error, consequence);
      return null;
    }
  }

  #setAttributes(
    place: HostPlace,
    attributes: HostAttributes,
    type: 'file' | 'dir' | 'symlink' | HostNodeType,
  ): boolean {
    try {
      this.#attributes.set(this.#places.of(place), place, attributes, type === 'symlink');
      this.#noteFlags(place, attributes);
      return true;
    } catch (error) {
      this.#problem(place, 'set its attributes', error);
      return false;
    }
  }

  #problem(place: HostPlace, doing: string, error: unknown, consequence = ''): void {
    this.failIfFull(place, error);
    const { code, message } = hostError('', error);
    const reason = message.replace(/^: /, '');
    this.problems.add(code, doing, () => {
      const { path } = place;
      return { path, message: `${path}: cannot ${doing}: ${reason}${consequence}` };
    });
  }

  /** Throws what an error means for all that is still to be made, if it does: the target can hold no more. */
  failIfFull(place: HostPlace, cause: unknown): void {
    const { code } = cause as { code?: string };
    const why = code === undefined ? undefined : FULL[code];
    if (code === undefined || why === undefined) return;
    const target = display(this.root.name);
    const message = `the file system of ${target} ${why}: it holds a part of the volume, up to ${shortPath(place.path)}`;
    throw new F2fsError(code, message, { path: target, cause });
  }
}
