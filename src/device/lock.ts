// The advisory lock that lets one process write an image, or many read it. It belongs to the open file: it ends with its descriptor,
// however the process ends.
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { getSystemErrorName } from 'node:util';
import { F2fsError } from '../errors.ts';
import { loadKoffi } from '../koffi.ts';

/** `unknown`: this host has no way to lock, or the file system that holds the image takes none. */
type Outcome = 'locked' | 'held' | 'unknown';
type Flock = (fd: number, exclusive: boolean) => Outcome;

// Source: sys/file.h
const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
/** Flags of open() that lock. Source: fcntl.h of macOS; O_NONBLOCK: fail at once. */
const DARWIN_SHARED = 0x10 | 0x4;
const DARWIN_EXCLUSIVE = 0x20 | 0x4;
/** Open with no sharing: others that have the file open are refused, and refuse. Source: UV_FS_O_EXLOCK of libuv. */
const WINDOWS_EXCLUSIVE = 0x10000000;
/** Milliseconds that a block device is waited for: udev locks one that was written to, while it looks what it holds now. */
const DEVICE_PATIENCE_MS = 1000;
const RETRY_MS = 50;

/** What makes open() itself take the lock, where the host can: it fails with EAGAIN or EBUSY when another has it. */
export function lockingFlags(exclusive: boolean): number {
  if (process.platform === 'darwin') return exclusive ? DARWIN_EXCLUSIVE : DARWIN_SHARED;
  return process.platform === 'win32' && exclusive ? WINDOWS_EXCLUSIVE : 0;
}

/**
 * Locks an open file, exclusively or shared with other readers, unless open() has done so. Throws EBUSY when another process, or
 * another descriptor of this one, has it. Where locks are not to be had nothing is locked.
 */
export function lockFile(path: string, fd: number, kind: 'file' | 'block', exclusive: boolean): void {
  if (lockingFlags(exclusive) !== 0 || process.platform === 'win32') return;
  const deadline = performance.now() + (kind === 'block' ? DEVICE_PATIENCE_MS : 0);
  while (flock(fd, exclusive) === 'held') {
    if (performance.now() >= deadline) throw busy(path, exclusive, holderOf(fd));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
  }
}

/** Locks an open file exclusively, if that can be done at once. `unknown`: this host has no way to lock. */
export function tryLock(fd: number): Outcome {
  return lockingFlags(true) !== 0 || process.platform === 'win32' ? 'unknown' : flock(fd, true);
}

/** `holder`: who has the lock, as far as it is known. */
export function busy(path: string, exclusive: boolean, holder = 'another process'): F2fsError {
  const how = exclusive ? 'it can be changed by one at a time' : 'it is being changed';
  return new F2fsError('EBUSY', `${path} is in use by ${holder}: ${how}; try again when that is done`, { path });
}

/** The command costs 2 ms, loading koffi 10: the library is for hosts without the command. */
function flock(fd: number, exclusive: boolean): Outcome {
  const byCommand = flockCommand(fd, exclusive);
  if (byCommand !== 'unknown') return byCommand;
  libraryFlock ??= loadFlock();
  return libraryFlock(fd, exclusive);
}

/** The child inherits the open file as its descriptor 3, and with it the lock is ours. */
function flockCommand(fd: number, exclusive: boolean): Outcome {
  const { status, stderr, error } = spawnSync('flock', ['-n', exclusive ? '-x' : '-s', '3'], {
    stdio: ['ignore', 'ignore', 'pipe', fd],
  });
  if (error !== undefined) return 'unknown';
  if (status === 0) return 'locked';
  // Other failures have the same status in busybox, but are told.
  return status === 1 && stderr.length === 0 ? 'held' : 'unknown';
}

let libraryFlock: Flock | undefined;

function loadFlock(): Flock {
  const koffi = loadKoffi();
  if (koffi === null) return () => 'unknown';
  try {
    const call = koffi.load(null).func('int flock(int, int)');
    return (fd, exclusive) => {
      if (call(fd, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB) === 0) return 'locked';
      return getSystemErrorName(-koffi.errno()) === 'EAGAIN' ? 'held' : 'unknown';
    };
  } catch {
    return () => 'unknown';
  }
}

/** Whoever has the file open with a lock on it. /proc/locks names the process that took the lock, which has ended. */
function holderOf(fd: number): string | undefined {
  const { ino } = fs.fstatSync(fd, { bigint: true });
  const lock = new RegExp(`^lock:.* FLOCK .*:${ino} `, 'm');
  for (const pid of namesIn('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    for (const one of namesIn(`/proc/${pid}/fdinfo`)) {
      if (!lock.test(textOf(`/proc/${pid}/fdinfo/${one}`))) continue;
      if (Number(pid) === process.pid) return 'this process, which has it open already';
      return `process ${pid} (${textOf(`/proc/${pid}/comm`).trim()})`;
    }
  }
  return undefined;
}

function namesIn(directory: string): string[] {
  try {
    return fs.readdirSync(directory);
  } catch {
    // It ended meanwhile, or is another user's.
    return [];
  }
}

function textOf(path: string): string {
  try {
    return fs.readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
