// Reading the files of a scanned tree: opened without following symlinks, and checked against the scan.
import * as fs from 'node:fs';
import { F2fsError } from '../../errors.ts';
import { type Host, hostFailure } from '../../host/host.ts';
import type { HostTable } from '../entry-table.ts';
import type { HostSource } from './lister.ts';

// Some hosts lack some of these; O_NONBLOCK keeps a fifo put in a file's place from blocking us.
const { O_RDONLY, O_NOFOLLOW = 0, O_NOATIME = 0, O_NONBLOCK = 0 } = fs.constants;
const OPEN_FLAGS = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;

/** What it takes to open a file of a scanned tree. */
export interface ScannedFiles {
  readonly host: Host;
  readonly source: HostSource;
  readonly table: HostTable;
  /** Path on the host, and for messages. */
  hostPath(index: number): Buffer;
  path(index: number): string;
  /** Bytes, as the host states them. */
  size(index: number): number;
}

/** Whether O_NOATIME was refused to us once (it is the owner's and root's): then it is not tried again. */
const noAtimeRefused = new WeakSet<ScannedFiles>();

function openForReading(tree: ScannedFiles, hostPath: Buffer): number {
  if (O_NOATIME !== 0 && !noAtimeRefused.has(tree)) {
    try {
      return tree.host.fs.openSync(hostPath, OPEN_FLAGS | O_NOATIME);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
      noAtimeRefused.add(tree);
    }
  }
  return tree.host.fs.openSync(hostPath, OPEN_FLAGS);
}

/**
 * Opens a regular file of the tree for reading and returns its descriptor, which the caller closes. Reading leaves its
 * access time alone where the host allows that. Throws ESTALE when it is not what the scan saw, ENOENT when it vanished,
 * EACCES, EMFILE and so on.
 */
export function openHostFile(tree: ScannedFiles, index: number): number {
  let fd: number;
  try {
    fd = openForReading(tree, tree.hostPath(index));
  } catch (error) {
    // O_NOFOLLOW: a symlink took the file's place.
    if ((error as NodeJS.ErrnoException).code === 'ELOOP') throw changed(tree, index);
    throw hostFailure('cannot be opened', error, tree.path(index));
  }
  try {
    verifyUnchanged(tree, fd, index);
    return fd;
  } catch (error) {
    closeHostFile(tree, fd);
    throw error;
  }
}

/**
 * Checks that an open file still is the inode that the scan saw, with its size and mtime: to be asked after reading
 * (0.3 us). Throws ESTALE.
 */
export function verifyUnchanged(tree: ScannedFiles, fd: number, index: number): void {
  try {
    tree.source.statOpen(fd);
  } catch (error) {
    throw hostFailure('cannot be looked at again', error, tree.path(index));
  }
  if (!tree.table.isUnchanged(index, tree.source.stat)) throw changed(tree, index);
}

/** Closes a file that was read. */
export function closeHostFile(tree: ScannedFiles, fd: number): void {
  try {
    tree.host.fs.closeSync(fd);
  } catch {
    // What was read is there all the same.
  }
}

function changed(tree: ScannedFiles, index: number): F2fsError {
  const message = 'changed under us: it is not what it was when the tree was scanned';
  return new F2fsError('ESTALE', message, { path: tree.path(index) });
}
