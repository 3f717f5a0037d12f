// Reading the files of a scanned tree: opened without following symlinks, and checked against the scan.
import * as fs from 'node:fs';
import { F2fsError } from '../../errors.ts';
import { type Host, hostFailure } from '../../host/host.ts';
import { type EntryStat, type EntryTable, storedBytes } from '../entry-table.ts';
import type { DataRanges, SourceFile } from '../source-tree.ts';
import { dataRanges } from './extents.ts';
import type { HostSource } from './lister.ts';

// Some hosts lack some of these; O_NONBLOCK keeps a fifo put in a file's place from blocking us.
const { O_RDONLY, O_NOFOLLOW = 0, O_NOATIME = 0, O_NONBLOCK = 0 } = fs.constants;
const OPEN_FLAGS = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;

/** What it takes to open a file of a scanned tree. */
export interface ScannedFiles {
  readonly host: Host;
  readonly source: HostSource;
  readonly table: EntryTable;
  /** Path on the host, and for messages. */
  hostPath(index: number): Buffer;
  path(index: number): string;
  /** Bytes, as the host states them. */
  size(index: number): number;
  /** One object, which the next call fills anew. */
  stat(index: number): EntryStat;
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

/** A regular file of the tree, open for reading. */
export class HostFile implements SourceFile {
  readonly #tree: ScannedFiles;
  readonly #index: number;
  readonly #fd: number;

  /** Throws as openHostFile does. */
  constructor(tree: ScannedFiles, index: number) {
    this.#tree = tree;
    this.#index = index;
    this.#fd = openHostFile(tree, index);
  }

  data(): DataRanges {
    const stat = this.#tree.stat(this.#index);
    const { sizeBytes } = stat;
    const stored = storedBytes(stat);
    if (stored >= sizeBytes) return { ranges: [[0, sizeBytes]], areExact: true };
    return dataRanges(this.#fd, sizeBytes, stored, this.#tree.host.libc);
  }

  fill(memory: Uint8Array, offset: number, length: number, position: number): void {
    for (let done = 0; done < length; ) {
      const got = this.#read(memory, offset + done, length - done, position + done);
      if (got === 0) throw new F2fsError('ESTALE', 'it became shorter while it was read');
      done += got;
    }
  }

  #read(memory: Uint8Array, offset: number, length: number, position: number): number {
    try {
      return this.#tree.host.fs.readSync(this.#fd, memory, offset, length, position);
    } catch (error) {
      throw hostFailure('cannot be read', error);
    }
  }

  verify(): void {
    verifyUnchanged(this.#tree, this.#fd, this.#index);
  }

  close(): void {
    closeHostFile(this.#tree, this.#fd);
  }
}
