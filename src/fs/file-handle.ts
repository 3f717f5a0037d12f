// An open regular file: its contents.
import { F2fsError } from '../errors.ts';
import type { ByteSource, WriteOptions } from '../file/file-data.ts';
import { Handle } from './handle.ts';

/** An open regular file. */
export class FileHandle extends Handle {
  /** Reads into `into` from byte `position` on; returns the bytes read, fewer only at the end of the file. */
  read(into: Uint8Array, position: number): number {
    checkOffset('position', position);
    return this.core.data.read(this.inode, position, into);
  }

  /** Writes all of `bytes` at byte `position`. Throws ENOSPC, EFBIG. */
  write(bytes: Uint8Array, position: number): void {
    this.writeFrom(
      {
        fill: (memory, offset, length, at) => memory.set(bytes.subarray(at - position, at - position + length), offset),
      },
      position,
      bytes.length,
    );
  }

  /** Writes `length` bytes that the source puts straight into page frames. Times are the caller's to set. */
  writeFrom(source: ByteSource, position: number, length: number, options?: WriteOptions): void {
    checkOffset('position', position);
    checkOffset('length', length);
    this.core.volume.assertWritable();
    this.core.data.write(this.inode, position, length, source, options);
  }

  /** Sets the size in bytes: frees what lies past it, or adds a hole. */
  truncate(sizeBytes: number): void {
    checkOffset('size', sizeBytes);
    this.core.volume.assertWritable();
    // What fails in the background is not told here: truncating may be the cure.
    this.core.balance();
    this.core.settle(this.inode);
    this.core.stopOnDamage(() => this.core.data.truncate(this.inode, sizeBytes));
  }

  /** Makes `length` bytes from `position` on a hole; the size stays. Source: fallocate with FALLOC_FL_PUNCH_HOLE. */
  punch(position: number, length: number): void {
    checkOffset('position', position);
    checkOffset('length', length);
    this.core.volume.assertWritable();
    this.core.settle(this.inode);
    this.core.stopOnDamage(() => this.core.data.punch(this.inode, position, length));
  }

  /**
   * Says whether the contents are to be compressed, by the mount's options; only for a file without blocks. Throws EINVAL
   * otherwise, EOPNOTSUPP on a volume without compression. Source: FS_IOC_SETFLAGS.
   */
  setCompressed(compressed: boolean): void {
    this.core.throttle();
    this.core.compression.set(this.inode, compressed);
  }

  /**
   * Gives back the blocks that compression saves: the volume has them free, and the file can't be changed until
   * `reserveBlocks`. Returns how many. Throws EINVAL for a file that is not compressed, or released before; EBUSY while it is
   * open elsewhere. Source: F2FS_IOC_RELEASE_COMPRESS_BLOCKS.
   */
  releaseBlocks(): number {
    this.core.throttle();
    return this.core.compression.release(this.inode);
  }

  /** Takes the blocks again that `releaseBlocks` gave back. Throws ENOSPC. Source: F2FS_IOC_RESERVE_COMPRESS_BLOCKS. */
  reserveBlocks(): number {
    this.core.throttle();
    return this.core.compression.reserve(this.inode);
  }

  /** Compresses what is written raw, in a mount whose mode is `user`. Source: F2FS_IOC_COMPRESS_FILE. */
  compress(): void {
    this.core.throttle();
    this.core.compression.rewrite(this.inode, true);
  }

  /** Writes everything raw, in a mount whose mode is `user`. Source: F2FS_IOC_DECOMPRESS_FILE. */
  decompress(): void {
    this.core.throttle();
    this.core.compression.rewrite(this.inode, false);
  }
}

/** Throws EINVAL for what is no byte count. */
function checkOffset(what: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new F2fsError('EINVAL', `the ${what} ${value} is not a whole number from 0 on`);
}
