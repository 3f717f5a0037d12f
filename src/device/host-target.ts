// Opens what a path names on the host, and says clearly why not when it can't: sizes, locks and mounts of block devices.
import * as fs from 'node:fs';
import * as nodePath from 'node:path';
import { isText } from '../check.ts';
import { F2fsError, hostError } from '../errors.ts';
import { busy, lockFile, lockingFlags } from './lock.ts';

/** How an image file is made. */
export interface CreateOptions {
  /** Bytes. */
  sizeBytes: number;
  /** An existing file is emptied first. Default: false, and EEXIST. */
  overwrite?: boolean;
}

/** How a file or block device is opened. */
export interface OpenOptions {
  /** Default: false. */
  writable?: boolean;
  /** Makes an image file, all holes. Default: there must be one. */
  create?: CreateOptions;
  /** Bypass the host's page cache (O_DIRECT). */
  direct?: boolean;
  /** Refuse a block device that is mounted or held (O_EXCL). Default: when writable. Means nothing for image files. */
  exclusive?: boolean;
  /** Large writes that the writing thread is given ahead of their turn, at most 64; 0: there is no thread. Default 4. */
  queueDepth?: number;
}

export interface HostOpenOptions extends OpenOptions {
  writable: boolean;
}

export interface HostTarget {
  fd: number;
  sizeBytes: number;
  kind: 'file' | 'block';
  /** The file is one single hole. */
  fresh: boolean;
  /** Where a partition begins on its disk, in sectors of 512 bytes; 0 for all else. */
  startSector: number;
}

/** Symlinks that a path may lead through. Source: MAXSYMLINKS. */
const MAX_LINKS = 40;

/** `MAJ:MIN` of a device number as stat gives it. */
function deviceNumber(rdev: number): string {
  const dev = BigInt(rdev);
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n);
  const minor = (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}

function readText(path: string): string {
  try {
    return fs.readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function listNames(path: string): string[] {
  try {
    return fs.readdirSync(path);
  } catch {
    return [];
  }
}

/** Bytes of a block device. Throws EIO when the kernel does not tell. */
function blockDeviceSize(path: string, rdev: number): number {
  const sectors = Number.parseInt(readText(`/sys/dev/block/${deviceNumber(rdev)}/size`), 10);
  if (Number.isSafeInteger(sectors)) return sectors * 512;
  const message = `${path}: its size is not known: /sys/dev/block/${deviceNumber(rdev)}/size cannot be read; is /sys mounted?`;
  throw new F2fsError('EIO', message, { path });
}

/** Where a partition begins on its disk, in sectors of 512 bytes; 0 for a whole disk. */
function partitionStart(rdev: number): number {
  const start = Number.parseInt(readText(`/sys/dev/block/${deviceNumber(rdev)}/start`), 10);
  return Number.isSafeInteger(start) ? start : 0;
}

/** Who keeps a block device (or a partition of it) busy, as far as can be known. */
export function describeBusy(rdev: number): string {
  const sys = `/sys/dev/block/${deviceNumber(rdev)}`;
  const numbers = new Set([deviceNumber(rdev)]);
  for (const name of listNames(sys)) {
    const number = readText(`${sys}/${name}/dev`).trim();
    if (number !== '') numbers.add(number);
  }
  for (const line of readText('/proc/self/mountinfo').split('\n')) {
    const fields = line.split(' ');
    if (!numbers.has(fields[2])) continue;
    const at = fields[4].replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
    return `it is mounted on ${at}; unmount it first`;
  }
  const holders = listNames(`${sys}/holders`);
  if (holders.length > 0) return `it is held by ${holders.join(', ')}; release that first`;
  return 'it is in use (mounted elsewhere, swapped on, or open exclusively in another program); release it first';
}

/** The loop device that a file or block device is attached to (and may be mounted through), or null. */
function loopOf(stats: fs.Stats): string | null {
  for (const name of listNames('/sys/block')) {
    if (!name.startsWith('loop')) continue;
    // By what is there, not by its name: it may have several.
    const backing = readText(`/sys/block/${name}/loop/backing_file`).replace(/\n$/, '');
    const there = backing === '' ? null : statOrNull(backing);
    if (there === null) continue;
    const isSame = stats.isBlockDevice()
      ? there.rdev === stats.rdev
      : there.ino === stats.ino && there.dev === stats.dev;
    if (isSame && there.isBlockDevice() === stats.isBlockDevice()) return `/dev/${name}`;
  }
  return null;
}

/** null also for what can't be looked at: it is somebody else's, or was removed. */
function statOrNull(path: string): fs.Stats | null {
  try {
    return fs.statSync(path);
  } catch {
    return null;
  }
}

/** Throws EBUSY for what is attached to a loop device: who uses that would not see what becomes of it, or would be harmed by it. */
export function refuseLooped(path: string, stats: fs.Stats | null = statIfThere(path)): void {
  const loop = stats === null ? null : loopOf(stats);
  if (loop === null) return;
  throw new F2fsError('EBUSY', `${path} is in use: ${loop} is attached to it; detach that first (losetup -d ${loop})`, {
    path,
  });
}

/** A directory of devices, but for what is mounted in it or is made for files. */
const DEVICES = '/dev';
const FILES_IN_DEVICES = '/dev/shm';

/** Throws ENODEV for a new file among the devices: it would fill memory, and was meant to be a device. */
export function refuseAmongDevices(path: string): void {
  let directory: string;
  try {
    directory = fs.realpathSync(nodePath.dirname(path));
    const isInside = (of: string) => directory === of || directory.startsWith(`${of}/`);
    if (!isInside(DEVICES) || isInside(FILES_IN_DEVICES)) return;
    if (fs.statSync(directory).dev !== fs.statSync(DEVICES).dev) return;
  } catch {
    // Opening it meets the same failure, and says so.
    return;
  }
  throw new F2fsError('ENODEV', `there is no device ${path}, and no file is made among devices: name one that exists`, {
    path,
  });
}

function kindOf(path: string, stats: fs.Stats): 'file' | 'block' {
  if (stats.isFile()) return 'file';
  if (stats.isBlockDevice()) return 'block';
  if (stats.isDirectory()) {
    throw new F2fsError('EISDIR', `${path} is a directory; name an image file or a block device`, { path });
  }
  const what = stats.isFIFO() ? 'a fifo' : stats.isSocket() ? 'a socket' : 'a character device';
  throw new F2fsError('ENOTBLK', `${path} is ${what}; name an image file or a block device`, { path });
}

function statIfThere(path: string): fs.Stats | null {
  try {
    return fs.statSync(path, { throwIfNoEntry: false }) ?? null;
  } catch (error) {
    throw hostError(`cannot open ${path}`, error, { path });
  }
}

/** What stands where an image is to go. */
export interface TargetPlace {
  /** Symlinks followed: what is made or renamed to it stands where they lead, though nothing be there yet. */
  path: string;
  /** null: nothing is there. */
  kind: 'file' | 'block' | null;
  /** Of a file. */
  sizeBytes: number;
}

/**
 * Looks at the place of an image that is to be made, replaced or changed. Throws ENOENT for an empty path, EISDIR, ENOTBLK for what is neither file nor block device, ENODEV for a missing device, ELOOP, and
 * what the host says of the path.
 */
export function targetAt(path: string): TargetPlace {
  isText(path, 'path');
  if (path === '') throw new F2fsError('ENOENT', 'the image has no name: give a path for it');
  const stats = statIfThere(path);
  const kind = stats === null ? null : kindOf(path, stats);
  const end = followed(path);
  if (kind === null) refuseAmongDevices(end);
  return { path: end, kind, sizeBytes: stats?.size ?? 0 };
}

/** Follows the symlinks that a path ends in, by hand: realpath knows no path to what is not there. */
export function followed(path: string): string {
  let at = path;
  for (let hops = 0; hops < MAX_LINKS; hops++) {
    let link: string;
    try {
      link = fs.readlinkSync(at);
    } catch {
      return at;
    }
    at = nodePath.isAbsolute(link) ? link : `${nodePath.dirname(at)}/${link}`;
  }
  throw new F2fsError('ELOOP', `${path} leads through too many symlinks: name the image itself`, { path });
}

function openError(
  path: string,
  kind: 'file' | 'block',
  before: fs.Stats | null,
  options: HostOpenOptions,
  error: unknown,
) {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'EBUSY' && kind === 'block' && before !== null) {
    return new F2fsError('EBUSY', `cannot open ${path}: ${describeBusy(before.rdev)}`, { path, cause: error });
  }
  if (kind === 'file' && (code === 'EBUSY' || code === 'EAGAIN')) return busy(path, options.writable);
  if (code === 'EEXIST') {
    return new F2fsError('EEXIST', `${path} exists already; overwrite: true replaces it`, { path, cause: error });
  }
  if (code === 'EINVAL' && options.direct === true) {
    const message = `cannot open ${path} for direct I/O: the file system that holds it has none; open it without`;
    return new F2fsError('EINVAL', message, { path, cause: error });
  }
  return hostError(`cannot open ${path}`, error, { path });
}

function flagsFor(kind: 'file' | 'block', options: HostOpenOptions): number {
  const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_DIRECT } = fs.constants;
  let flags = options.writable ? O_RDWR : O_RDONLY;
  if (options.direct) {
    if (O_DIRECT === undefined) {
      throw new F2fsError('EOPNOTSUPP', 'direct I/O is not known on this operating system; open without it');
    }
    flags |= O_DIRECT;
  }
  if (kind === 'block') return (options.exclusive ?? options.writable) ? flags | O_EXCL : flags;
  if (options.create !== undefined) flags |= options.create.overwrite ? O_CREAT : O_CREAT | O_EXCL;
  return flags | lockingFlags(options.writable);
}

/** Gives a file `sizeBytes` bytes of nothing but hole. */
export function makeHole(fd: number, sizeBytes: number): void {
  fs.ftruncateSync(fd, 0);
  fs.ftruncateSync(fd, sizeBytes);
}

/**
 * Opens `path`, with the flags that lock it if the host has such; and without where the file system that holds it takes no
 * locks.
 */
function openFd(path: string, flags: number, writable: boolean): number {
  const locking = lockingFlags(writable);
  try {
    return fs.openSync(path, flags, 0o666);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if ((flags & locking) === 0 || (code !== 'ENOTSUP' && code !== 'EOPNOTSUPP')) throw error;
    return fs.openSync(path, flags & ~locking, 0o666);
  }
}

/** Throws EAGAIN when the path meanwhile means another file: a lock on what was replaced keeps nobody out. */
function checkSame(path: string, kind: 'file' | 'block', stats: fs.Stats): void {
  const now = statIfThere(path);
  if (kindOf(path, stats) === kind && now?.ino === stats.ino && now.dev === stats.dev) return;
  throw new F2fsError('EAGAIN', `${path} changed while it was opened; try again`, { path });
}

/**
 * Opens an image file or a block device, and locks it: shared for reading, else exclusively.
 * Throws ENOENT, EACCES, EISDIR, ENOTBLK (neither file nor block device), EEXIST, EBUSY (in use by another process, naming it or
 * the mount point when known; attached to a loop device), ENODEV (no such device), EROFS (read-only device) and EINVAL, each with the
 * cure in its message.
 */
export function openHostTarget(path: string, options: HostOpenOptions): HostTarget {
  const { create } = options;
  const before = statIfThere(path);
  if (before === null && create === undefined) {
    throw new F2fsError('ENOENT', `${path} does not exist${options.writable ? '; give a size to create it' : ''}`, {
      path,
    });
  }
  const kind = before === null ? 'file' : kindOf(path, before);
  if (create !== undefined) {
    if (!options.writable) throw new F2fsError('EINVAL', `cannot create ${path} for reading only`, { path });
    if (kind === 'block') {
      throw new F2fsError('EINVAL', `${path} is a block device: its size is fixed, give none`, { path });
    }
  }
  if (kind === 'block' && before !== null && options.writable) {
    if (readText(`/sys/dev/block/${deviceNumber(before.rdev)}/ro`).trim() === '1') {
      const message = `${path} is a read-only device; open it for reading or clear its read-only flag`;
      throw new F2fsError('EROFS', message, { path });
    }
  }
  if (options.writable) {
    if (before === null) refuseAmongDevices(path);
    else refuseLooped(path, before);
  }
  let fd: number;
  try {
    fd = openFd(path, flagsFor(kind, options), options.writable);
  } catch (error) {
    throw openError(path, kind, before, options, error);
  }
  try {
    lockFile(path, fd, kind, options.writable);
    const stats = fs.fstatSync(fd);
    checkSame(path, kind, stats);
    if (kind === 'block') {
      const sizeBytes = blockDeviceSize(path, stats.rdev);
      return { fd, sizeBytes, kind, fresh: false, startSector: partitionStart(stats.rdev) };
    }
    if (create === undefined) return { fd, sizeBytes: stats.size, kind, fresh: false, startSector: 0 };
    makeHole(fd, create.sizeBytes);
    return { fd, sizeBytes: create.sizeBytes, kind, fresh: true, startSector: 0 };
  } catch (error) {
    fs.closeSync(fd);
    // Someone else who has it made it, too.
    const isOurs = before === null && !(error instanceof F2fsError && ['EBUSY', 'EAGAIN'].includes(error.code));
    if (isOurs) fs.rmSync(path, { force: true });
    throw hostError(`cannot prepare ${path}`, error, { path });
  }
}
