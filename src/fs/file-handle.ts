// An open regular file: its contents.
import { type Contents, contentBytes, type OwnBytes } from '../bytes.ts';
import {
  type Check,
  checkBytes,
  checkIndex,
  checkObject,
  checkOptions,
  invalid,
  isBoolean,
  isFunction,
  type OptionChecks,
} from '../check.ts';
import { F2fsError } from '../errors.ts';
import type { AllocateOptions } from '../file/data/fallocate.ts';
import type { ByteSource, WriteOptions } from '../file/data/file-data.ts';
import type { Extent, Region } from '../file/data/file-extents.ts';
import { isPinned } from '../file/data/pinned.ts';
import { assertChangeable, assertWritableUpTo } from '../file/inode/change-rules.ts';
import { assertReadable } from '../file/inode/encryption.ts';
import type { Inode } from '../file/inode/inode.ts';
import type { VerityOptions } from '../file/verity/options.ts';
import type { VerityMeasurement } from '../file/verity/verity-tree.ts';
import { dropCapabilities } from './attributes.ts';
import { isTimestamp } from './clock.ts';
import type { Core } from './core.ts';
import { Handle } from './handle.ts';
import { type Access, READ_WRITE } from './open-flags.ts';
import { setPinned } from './pin.ts';
import { enableVerity } from './verity.ts';

/** What node:fs's readFile takes, too. */
const MAX_READ_FILE = 2 ** 31 - 1;
/** Pages that are freed at a time, where it may be in steps: 64 nodes have their addresses. */
const STEP_PAGES = 65536;

/** How the extents of a file are told. */
export interface ExtentsOptions {
  /** Whether dirty pages are written first. Default: true. */
  sync?: boolean;
}

const WRITE_OPTIONS: OptionChecks<WriteOptions> = { sparse: isBoolean, time: isTimestamp };
const ALLOCATE_OPTIONS: OptionChecks<AllocateOptions> = { keepSize: isBoolean };
const EXTENTS_OPTIONS: OptionChecks<ExtentsOptions> = { sync: isBoolean };

/** An open regular file. What it was not opened for throws EBADF, and what calls for the contents of an encrypted one ENOKEY. */
export class FileHandle extends Handle {
  readonly #access: Access;

  /** @internal */
  constructor(core: Core, inode: Inode, access: Access = READ_WRITE) {
    super(core, inode, access.write);
    this.#access = access;
  }

  /** @internal Whether every write goes to the end. */
  get appends(): boolean {
    return this.#access.append;
  }

  /** Reads into `into` from byte `position` on; returns the bytes read, fewer only at the end of the file. */
  read(into: Uint8Array, position: number): number {
    checkBytes(into, 'buffer');
    checkIndex(position, 'position');
    if (!this.#access.read) throw notOpenFor('EBADF', 'reading', 'r+, w+ or a+', this.ino);
    return this.core.data.read(this.inode, position, into);
  }

  /**
   * Writes all of `contents` at byte `position`; of a file opened for appending at its end, wherever that is. Sets mtime and
   * ctime, and takes away the attribute security.capability. Throws ENOSPC, EFBIG and, of a compressed file, E2BIG (what was written before stays), EPERM.
   * Source: f2fs_file_write_iter.
   */
  write(contents: Contents, position: number): void {
    const bytes = contentBytes(contents, 'contents');
    checkIndex(position, 'position');
    this.#assertWritable();
    const at = this.#access.append ? this.inode.size : position;
    if (bytes.length > 0 && !this.inode.hasNoCapabilities) {
      // What is refused costs nothing; what fails half way has changed the contents.
      assertChangeable(this.inode);
      assertWritableUpTo(this.inode, at + 1);
      dropCapabilities(this.core, this.inode);
    }
    // Of memory that grows meanwhile it is what there is now.
    const part = bytes.subarray(0, bytes.length);
    this.#write(at, part.length, new Bytes(part, at), { time: this.core.clock.now() });
  }

  /** Writes all of `contents` at the end of the file; returns where that was. */
  append(contents: Contents): number {
    const position = this.inode.size;
    this.write(contents, position);
    return position;
  }

  /**
   * Writes `length` bytes that the source puts straight into page frames, at `position` whatever the file was opened for. Times
   * are the caller's to set, afterwards or with `time`; capabilities stay.
   */
  writeFrom(source: ByteSource, position: number, length: number, options?: WriteOptions): void {
    isSource(source, 'source');
    checkIndex(position, 'position');
    checkIndex(length, 'length');
    if (options !== undefined) checkOptions('writeFrom', options, WRITE_OPTIONS);
    this.#assertWritable();
    this.#write(position, length, source, options);
  }

  #write(position: number, length: number, source: ByteSource, options?: WriteOptions): void {
    try {
      this.core.data.write(this.inode, position, length, source, options);
    } catch (error) {
      if (error instanceof F2fsError && error.code === 'ENOSPC') this.#freePastEnd(position + length);
      throw error;
    }
    // A file may be marked to be written at once (chattr +S). Source: generic_write_sync.
    if (this.inode.isSync && this.core.reclaim.mayCheckpoint) this.fsync();
  }

  /** After a write up to byte `end` that found no room: blocks and nodes were promised for it. Source: f2fs_write_failed. */
  #freePastEnd(end: number): void {
    const { core, inode } = this;
    if (end > inode.size) core.volume.stopOnDamage(() => core.data.freePastEnd(inode));
  }

  /**
   * Sets the size in bytes: frees what lies past it, or adds a hole. Blocks that were allocated past the end are freed unless
   * the file grows. Sets mtime and ctime, even when the size is the same. Throws EFBIG, EPERM. Source: ftruncate.
   */
  truncate(sizeBytes: number): void {
    checkIndex(sizeBytes, 'size');
    if (!this.#access.write) throw notOpenFor('EINVAL', 'writing', 'r+, w or a', this.ino);
    this.#assertWritable();
    this.core.memory.balanceChange();
    this.core.sync.settle(this.inode);
    this.core.volume.stopOnDamage(() => this.core.data.truncate(this.inode, sizeBytes));
    dropCapabilities(this.core, this.inode);
    this.core.clock.touch(this.inode);
  }

  /**
   * @internal Frees the blocks of a large file that has no name any more, the last ones first, some at a time: what is left goes when
   * it is closed. Nothing to do for another.
   */
  *freeInSteps(): Generator<void> {
    const { core, inode } = this;
    const nrPages = Math.min(Math.ceil(inode.size / inode.blockSize), inode.maxPages);
    for (let page = nrPages - STEP_PAGES; page > 0 && inode.load().iLinks === 0; page -= STEP_PAGES) {
      core.memory.balanceChange();
      core.sync.settle(inode);
      core.volume.stopOnDamage(() => core.data.freePastEnd(inode, page));
      yield;
    }
  }

  /**
   * Reserves blocks for `length` bytes from `position` on: they read as zeros where nothing was written, and writing there will
   * find room. The file grows to their end, or with `keepSize` has them past its end. A pinned file gets whole sections. Throws
   * ENOSPC, having changed nothing; EFBIG, EPERM. Source: fallocate.
   */
  allocate(position: number, length: number, options: AllocateOptions = {}): void {
    checkOptions('allocate', options, ALLOCATE_OPTIONS);
    this.#changeRange(position, length, (inode) => this.core.fallocate.allocate(inode, position, length, options));
  }

  /**
   * Makes `length` bytes from `position` on a hole; the size stays. Throws EPERM; EOPNOTSUPP for a pinned file. Source:
   * fallocate with FALLOC_FL_PUNCH_HOLE.
   */
  punch(position: number, length: number): void {
    this.#changeRange(position, length, (inode) => this.core.fallocate.punch(inode, position, length));
  }

  /**
   * Makes `length` bytes from `position` on zeros, with blocks reserved for them; as for size, see `allocate`. Throws ENOSPC,
   * EFBIG, EPERM; EOPNOTSUPP for a compressed or pinned file. Source: fallocate with FALLOC_FL_ZERO_RANGE.
   */
  zeroRange(position: number, length: number, options: AllocateOptions = {}): void {
    checkOptions('zeroRange', options, ALLOCATE_OPTIONS);
    this.#changeRange(position, length, (inode) => this.core.fallocate.zeroRange(inode, position, length, options));
  }

  /**
   * Takes `length` bytes from `position` on out of the file, whole blocks that end before it does. Throws EINVAL for others, EPERM,
   * ENOSPC; EOPNOTSUPP for a compressed or pinned file. Source: fallocate with FALLOC_FL_COLLAPSE_RANGE.
   */
  collapseRange(position: number, length: number): void {
    this.#changeRange(position, length, (inode) =>
      this.core.shift.collapse(inode, position, length, () => this.core.sync.inode(inode)),
    );
  }

  /**
   * Puts a hole of `length` bytes into the file at `position`, whole blocks within its size. Throws EINVAL for others, EFBIG,
   * EPERM, ENOSPC; EOPNOTSUPP for a compressed or pinned file. Source: fallocate with FALLOC_FL_INSERT_RANGE.
   */
  insertRange(position: number, length: number): void {
    this.#changeRange(position, length, (inode) =>
      this.core.shift.insert(inode, position, length, () => this.core.sync.inode(inode)),
    );
  }

  /** The first byte from `position` on that is data. Throws ENXIO when there is none. Source: lseek with SEEK_DATA. */
  seekData(position: number): number {
    return this.#seek(position, 'data');
  }

  /** The first byte from `position` on that is in a hole; the end of the file is one. Throws ENXIO past it. Source: SEEK_HOLE. */
  seekHole(position: number): number {
    return this.#seek(position, 'hole');
  }

  /** What bytes from `position` on are, and for how long. Throws ENXIO at or past the end of the file. */
  regionAt(position: number): Region {
    checkIndex(position, 'position');
    this.core.memory.balance();
    return this.core.extents.regionAt(this.inode, position);
  }

  #seek(position: number, what: 'data' | 'hole'): number {
    if (!Number.isSafeInteger(position)) throw invalid('position', position, 'a whole number');
    this.core.memory.balance();
    return this.core.extents.seek(this.inode, position, what);
  }

  /**
   * Where bytes [position, position + length) lie on the device, in order; holes are left out, blocks past the end are not.
   * Dirty pages are written first, unless `sync` is false. Throws EFBIG. Source: FS_IOC_FIEMAP with FIEMAP_FLAG_SYNC.
   */
  extents(position = 0, length = Number.MAX_SAFE_INTEGER, options: ExtentsOptions = {}): Extent[] {
    checkIndex(position, 'position');
    checkLength(length);
    checkOptions('extents', options, EXTENTS_OPTIONS);
    const { sync = true } = options;
    const { inode } = this;
    this.core.memory.balance();
    if (sync && inode.pages.nrDirty > 0) this.core.sync.inode(inode);
    this.core.sync.settle(inode);
    return this.core.extents.list(inode, position, length);
  }

  /** Whether the blocks stay where they are; see `setPinned`. */
  get pinned(): boolean {
    this.core.memory.balance();
    return isPinned(this.inode);
  }

  /**
   * Pins a file without blocks, so that those which `allocate` then gives it are whole sections that stay where they are: what has
   * blocks is overwritten in place, all else of its contents can't be changed (EIO, EOPNOTSUPP), and its size only be cut to whole
   * sections. With explicit checkpoints nothing of it can be overwritten. Or lets go of a pinned one. Throws EFBIG for a file that
   * has blocks, EINVAL in the mode `lfs`. Source: F2FS_IOC_SET_PIN_FILE.
   */
  setPinned(pinned: boolean): void {
    isBoolean(pinned, 'pinned');
    this.#assertWritable();
    this.core.memory.throttle();
    setPinned(this.core, this.inode, pinned);
  }

  /**
   * Puts the file under verity: its contents never change again (EPERM), and each page is verified as it is read, here and by Linux (EIO).
   * What stands for them all is told by `measureVerity`. Throws EEXIST for one that is, ETXTBSY while it is open for writing elsewhere,
   * EPERM for an immutable or append-only one, EOPNOTSUPP for a pinned one and on a volume without the feature, EFBIG, ENOSPC; it is as it
   * was then. Source: FS_IOC_ENABLE_VERITY.
   */
  enableVerity(options: VerityOptions = {}): void {
    for (const _ of this.enableVerityInSteps(options));
  }

  /** The same, a piece of the file at a time. Nobody else may write it meanwhile. */
  *enableVerityInSteps(options: VerityOptions = {}): Generator<void> {
    const { core, inode } = this;
    core.volume.assertOpen();
    core.volume.assertWritable();
    assertReadable(inode);
    core.memory.throttle();
    core.sync.settle(inode);
    yield* enableVerity(core, inode, options, this.#access.write ? 1 : 0);
  }

  /**
   * What stands for the contents of a file under verity; null for another. Throws EUCLEAN where what is behind its end is damaged. Source:
   * FS_IOC_MEASURE_VERITY.
   */
  measureVerity(): VerityMeasurement | null {
    this.core.memory.balance();
    return this.inode.isVerity ? this.core.data.measure(this.inode) : null;
  }

  #changeRange(position: number, length: number, change: (inode: Inode) => void): void {
    checkIndex(position, 'position');
    checkLength(length);
    this.#assertWritable();
    const { inode, core } = this;
    core.memory.throttle();
    core.sync.settle(inode);
    core.volume.stopOnDamage(() => change(inode));
    dropCapabilities(core, inode);
    core.clock.touch(inode);
  }

  #assertWritable(): void {
    this.core.volume.assertOpen();
    if (!this.#access.write) throw notOpenFor('EBADF', 'writing', 'r+, w or a', this.ino);
    this.core.volume.assertWritable();
    assertReadable(this.inode);
  }

  /**
   * Says whether the contents are to be compressed, by the mount's options; only for a file without blocks. Throws EINVAL
   * otherwise, EOPNOTSUPP on a volume without compression. Source: FS_IOC_SETFLAGS.
   */
  setCompressed(compressed: boolean): void {
    isBoolean(compressed, 'compressed');
    this.#assertWritable();
    this.core.memory.throttle();
    this.core.compression.set(this.inode, compressed);
  }

  /**
   * Gives back the blocks that compression saves: the volume has them free, and the file can't be changed until
   * `reserveBlocks`. Returns how many. Throws EINVAL for a file that is not compressed, or released before; EPERM for one of which
   * compression saves nothing; EBUSY while it is open for writing elsewhere. Source: F2FS_IOC_RELEASE_COMPRESS_BLOCKS.
   */
  releaseBlocks(): number {
    this.#assertWritable();
    this.core.memory.throttle();
    return this.core.compression.release(this.inode);
  }

  /** Takes the blocks again that `releaseBlocks` gave back. Throws ENOSPC. Source: F2FS_IOC_RESERVE_COMPRESS_BLOCKS. */
  reserveBlocks(): number {
    this.#assertWritable();
    this.core.memory.throttle();
    return this.core.compression.reserve(this.inode);
  }

  /** Compresses what is written raw, in a mount whose mode is `user`. Source: F2FS_IOC_COMPRESS_FILE. */
  compress(): void {
    this.#assertWritable();
    this.core.memory.throttle();
    this.core.compression.rewrite(this.inode, true);
  }

  /** Writes everything raw, in a mount whose mode is `user`. Source: F2FS_IOC_DECOMPRESS_FILE. */
  decompress(): void {
    this.#assertWritable();
    this.core.memory.throttle();
    this.core.compression.rewrite(this.inode, false);
  }
}

/**
 * @internal All bytes of a file from byte `position` on; it was opened by `path` if that is known. Throws EFBIG for 2 GiB or more,
 * ENOMEM.
 */
export function readWhole(file: FileHandle, path?: string, position = 0): OwnBytes {
  const size = Math.max(0, file.stat().size - position);
  const name = path ?? `inode ${file.ino}`;
  const place = { path, ino: file.ino };
  if (size > MAX_READ_FILE) {
    const message = `${name} has ${size} bytes, too many for one buffer: open it and read it in parts`;
    throw new F2fsError('EFBIG', message, place);
  }
  let bytes: OwnBytes;
  try {
    bytes = new Uint8Array(size);
  } catch (cause) {
    const message = `there is no memory for the ${size} bytes of ${name}: open it and read it in parts`;
    throw new F2fsError('ENOMEM', message, { ...place, cause });
  }
  try {
    file.read(bytes, position);
  } catch (error) {
    throw atPath(error, path);
  }
  return bytes;
}

/** What verity found, with the path of the file; anything else as it is. */
function atPath(error: unknown, path: string | undefined): unknown {
  if (!(error instanceof F2fsError) || error.code !== 'EIO' || error.fault === undefined) return error;
  const { code, message, ino, blkaddr, fault } = error;
  return new F2fsError(code, message, { path, ino, blkaddr, fault, cause: error });
}

/** Bytes in memory that belong at byte `position` of a file. */
class Bytes implements ByteSource {
  readonly #bytes: Uint8Array;
  readonly #position: number;

  constructor(bytes: Uint8Array, position: number) {
    this.#bytes = bytes;
    this.#position = position;
  }

  fill(memory: Uint8Array, offset: number, length: number, position: number): void {
    const from = position - this.#position;
    const isAll = length === this.#bytes.length;
    memory.set(isAll ? this.#bytes : this.#bytes.subarray(from, from + length), offset);
  }
}

function notOpenFor(code: string, what: string, flags: string, ino: number): F2fsError {
  return new F2fsError(code, `the file is not open for ${what}: open it with ${flags}`, { ino });
}

const isSource: Check = (source, what) => {
  // An array has such a function, too, and would fill itself.
  checkObject(source, what);
  isFunction((source as ByteSource).fill, `${what}.fill`);
};

/** Throws EINVAL for what is no length of a range. */
function checkLength(length: number): void {
  checkIndex(length, 'length');
  if (length === 0) throw new F2fsError('EINVAL', 'invalid length 0: expected 1 byte or more');
}
