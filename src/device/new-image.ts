// An image file in the making: it gets its name when it is whole, so what ends the process leaves nothing behind that could be taken
// for an image. Where the host has nameless files (O_TMPFILE) it has no name before; else one that says what it is.
import * as fs from 'node:fs';
import * as nodePath from 'node:path';
import { getSystemErrorName } from 'node:util';
import { errnoText, F2fsError, hostError } from '../errors.ts';
import { type Koffi, loadKoffi } from '../koffi.ts';
import { copyAttributes } from './file-attributes.ts';
import { FileDevice, openNamed } from './file-device.ts';
import { makeHole, type OpenOptions, refuseLooped } from './host-target.ts';
import { tryLock } from './lock.ts';

const PART = /\.f2fs-\d+\.part$/;
/** Milliseconds without a write after which an unlocked one counts as left behind: making and locking it are two calls. */
const PART_IDLE_MS = 60_000;
const { O_RDWR, O_DIRECTORY, O_DIRECT } = fs.constants;
/** Source: asm-generic/fcntl.h: __O_TMPFILE. */
const O_TMPFILE = 0o20000000 | O_DIRECTORY;
// Source: linux/fcntl.h.
const AT_FDCWD = -100;
const AT_SYMLINK_FOLLOW = 0x400;

/** The name that a file has until it can be called `path`: `disk.img.f2fs-1234.part`, made by process 1234. */
export function partPath(path: string): string {
  return `${path}.f2fs-${process.pid}.part`;
}

/** A new name is lasting once its directory is. Where a directory can't be opened, or flushed, there is nothing to be done. */
export function flushDirectory(path: string): void {
  let fd: number;
  try {
    fd = fs.openSync(path, 'r');
  } catch {
    return;
  }
  try {
    fs.fsyncSync(fd);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EIO') throw error;
  } finally {
    fs.closeSync(fd);
  }
}

/**
 * Gives a file that is whole the name `path` instead of the one that it has. `replace`: in the place of what has that name, and with its
 * mode, owner and attributes. Throws EEXIST without, and what the host says.
 */
export function givePartItsName(part: string, path: string, replace: boolean): void {
  if (replace && fs.existsSync(path)) replaceBy(part, path);
  else publishNew(part, path);
}

function replaceBy(part: string, path: string): void {
  copyAttributes(path, part);
  fs.renameSync(part, path);
}

/** What came there meanwhile stays, where the host has links to tell it by. */
function publishNew(part: string, path: string): void {
  try {
    fs.linkSync(part, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw linkError('EEXIST', path);
    fs.renameSync(part, path);
    return;
  }
  fs.rmSync(part);
}

function linkError(code: string, path: string): F2fsError {
  const message =
    code === 'EEXIST' ? `${path} exists by now; force: true replaces it` : `cannot make ${path}: ${errnoText(code)}`;
  return new F2fsError(code, message, { path });
}

/** Links an open file without a name to a path; returns an errno name when that fails. */
type LinkOpenFile = (fd: number, path: string) => string | null;

export class NewImage {
  readonly device: FileDevice;
  readonly #path: string;
  /** Its name until it is whole; null: it has none. */
  readonly #part: string | null;
  readonly #link: LinkOpenFile | null;
  /** Keeps a file without a name. */
  #fd: number;

  private constructor(device: FileDevice, path: string, part: string | null, link: LinkOpenFile | null, fd: number) {
    this.device = device;
    this.#path = path;
    this.#part = part;
    this.#link = link;
    this.#fd = fd;
    if (part !== null) process.on('exit', this.#removePart);
  }

  /**
   * Makes an image of `sizeBytes` bytes, all hole, that is to be at `path` (see targetAt). Where a file is there already nobody else
   * may open the new one before it has that one's mode. See openAroundCache. Throws what the host says.
   */
  static create(path: string, sizeBytes: number): NewImage {
    const mode = fs.existsSync(path) ? 0o600 : 0o666;
    return NewImage.#nameless(path, sizeBytes, mode) ?? NewImage.#named(path, sizeBytes, mode);
  }

  /** Null where the host or its file system has no such files; why else it can't be made is told by making one with a name. */
  static #nameless(path: string, sizeBytes: number, mode: number): NewImage | null {
    const link = linkOpenFile();
    if (link === null) return null;
    for (const direct of [true, false]) {
      let fd: number;
      try {
        fd = fs.openSync(nodePath.dirname(path), O_TMPFILE | O_RDWR | (direct ? O_DIRECT : 0), mode);
      } catch (error) {
        // EINVAL: no direct I/O there.
        if (direct && (error as NodeJS.ErrnoException).code === 'EINVAL') continue;
        return null;
      }
      try {
        makeHole(fd, sizeBytes);
        const target = { fd, sizeBytes, kind: 'file', fresh: true, startSector: 0 } as const;
        const device = new FileDevice(path, target, { writable: true, direct });
        return new NewImage(device, path, null, link, fs.openSync(`/proc/self/fd/${fd}`, 'r'));
      } catch (error) {
        fs.closeSync(fd);
        throw hostError(`cannot make ${path}`, error, { path });
      }
    }
    return null;
  }

  static #named(path: string, sizeBytes: number, mode: number): NewImage {
    const part = partPath(path);
    try {
      fs.rmSync(part, { force: true });
      fs.closeSync(fs.openSync(part, 'wx', mode));
    } catch (error) {
      throw hostError(`cannot open ${path}`, error, { path });
    }
    try {
      const device = openAroundCache(part, { sizeBytes, overwrite: true }, path);
      return new NewImage(device, path, part, null, -1);
    } catch (error) {
      fs.rmSync(part, { force: true });
      throw error;
    }
  }

  /**
   * Gives it its name; the device must be closed. `replace`: what has that name is replaced, in one step, and leaves it its mode, owner
   * and attributes. Throws EEXIST without, EBUSY where that is attached to a loop device, and what the host says.
   */
  publish(replace: boolean): void {
    refuseLooped(this.#path);
    try {
      if (this.#link !== null) this.#publishNameless(this.#link, replace);
      else givePartItsName(this.#part!, this.#path, replace);
      flushDirectory(nodePath.dirname(this.#path));
    } catch (error) {
      throw hostError(`cannot put the image to ${this.#path}`, error, { path: this.#path });
    }
    this.#forget();
  }

  /** Gives it up; the device must be closed. */
  discard(): void {
    this.#removePart();
    this.#forget();
  }

  #publishNameless(link: LinkOpenFile, replace: boolean): void {
    const failed = link(this.#fd, this.#path);
    if (failed === null) return;
    if (failed !== 'EEXIST' || !replace) throw linkError(failed, this.#path);
    const part = partPath(this.#path);
    fs.rmSync(part, { force: true });
    const failedToo = link(this.#fd, part);
    if (failedToo !== null) throw linkError(failedToo, this.#path);
    try {
      replaceBy(part, this.#path);
    } catch (error) {
      fs.rmSync(part, { force: true });
      throw error;
    }
  }

  readonly #removePart = (): void => {
    if (this.#part !== null) fs.rmSync(this.#part, { force: true });
  };

  #forget(): void {
    process.off('exit', this.#removePart);
    if (this.#fd >= 0) fs.closeSync(this.#fd);
    this.#fd = -1;
  }
}

/**
 * Opens for writing, around the host's page cache where that can be: all of it is written once, in long runs, and flushed at the end
 * in any case.
 */
export function openAroundCache(path: string, create?: OpenOptions['create'], name = path): FileDevice {
  try {
    return openNamed(name, path, { writable: true, create, direct: true });
  } catch (error) {
    if (!(error instanceof F2fsError) || !['EINVAL', 'EOPNOTSUPP'].includes(error.code)) throw error;
    return openNamed(name, path, { writable: true, create });
  }
}

/** Null where there is no linkat to call, or no /proc, by which it finds an open file. */
function linkOpenFile(): LinkOpenFile | null {
  const koffi = process.platform === 'linux' && fs.existsSync('/proc/self/fd') ? loadKoffi() : null;
  return koffi && bindLinkat(koffi);
}

function bindLinkat(koffi: Koffi): LinkOpenFile | null {
  try {
    const linkat = koffi.load(null).func('int linkat(int, const char *, int, const char *, int)');
    return (fd, path) => {
      const failed = linkat(AT_FDCWD, `/proc/self/fd/${fd}`, AT_FDCWD, path, AT_SYMLINK_FOLLOW) !== 0;
      return failed ? getSystemErrorName(-koffi.errno()) : null;
    };
  } catch {
    return null;
  }
}

/**
 * Removes what commands that were killed left in the directory of `path`: files with the name of one in the making, written by nobody
 * for a while, and locked by nobody. Tells what it did, and what it left since it can't be known to be in nobody's use.
 */
export function removeLeftParts(path: string): string[] {
  const notes: string[] = [];
  const directory = nodePath.dirname(path);
  for (const name of namesIn(directory)) {
    const part = nodePath.join(directory, name);
    const stats = fs.lstatSync(part, { throwIfNoEntry: false });
    if (!stats?.isFile() || Date.now() - stats.mtimeMs < PART_IDLE_MS) continue;
    const what = `${part} (${Math.ceil(stats.blocks / 2048)} MiB on disk), which a command that was killed left`;
    const outcome = tryRemove(part);
    if (outcome === 'removed') notes.push(`removed ${what}`);
    else if (outcome !== 'in use') notes.push(`there is ${what}: it can be removed (${outcome})`);
  }
  return notes;
}

/** An errno name tells why it is still there. */
function tryRemove(part: string): string {
  try {
    refuseLooped(part);
    const fd = fs.openSync(part, 'r');
    try {
      const locked = tryLock(fd);
      if (locked === 'held') return 'in use';
      if (locked === 'unknown') return 'EOPNOTSUPP';
      fs.unlinkSync(part);
      return 'removed';
    } finally {
      fs.closeSync(fd);
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'EBUSY' ? 'in use' : (code ?? 'EIO');
  }
}

function namesIn(directory: string): string[] {
  try {
    return fs.readdirSync(directory).filter((name) => PART.test(name));
  } catch {
    // Who writes there meets the same failure, and says so.
    return [];
  }
}
