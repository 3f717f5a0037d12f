// Which files may be changed, and how large they may get: what the flags of an inode forbid everyone, root too.
import { F2fsError } from '../../errors.ts';
import { ADVISE, I_FLAGS, INLINE } from '../../format/inode.ts';
import { assertReadable } from './encryption.ts';
import type { Inode } from './inode.ts';

/** What makes a file whose blocks were released one that can be changed: a command, and a call. */
export const RESERVE_FIRST = 'reserve them first with reserveBlocks';

/**
 * Throws EPERM for a file that is immutable or protected by verity, ENOKEY for an encrypted one. Source: f2fs_setattr,
 * fsverity_file_open, fscrypt_file_open.
 */
export function assertMutable(inode: Inode): void {
  const { iFlags, iAdvise } = inode.load();
  if ((iFlags & I_FLAGS.IMMUTABLE) !== 0) {
    throw refused('EPERM', inode, flagged('immutable'));
  }
  if ((iAdvise & ADVISE.VERITY) !== 0) throw refused('EPERM', inode, 'is protected by verity: it never changes');
  assertReadable(inode);
}

/** Throws what `assertMutable` does, and EPERM for a file whose spare blocks were released. Source: f2fs_write_checks. */
export function assertChangeable(inode: Inode): void {
  assertMutable(inode);
  if (inode.isReleased) {
    throw refused('EPERM', inode, `had its compressed blocks released: ${RESERVE_FIRST}`);
  }
}

/** Throws EPERM for an append-only file: bytes that it has must stay. Source: vfs_fallocate, do_truncate. */
export function assertNotAppendOnly(inode: Inode): void {
  if ((inode.load().iFlags & I_FLAGS.APPEND) !== 0) {
    throw refused('EPERM', inode, flagged('append-only'));
  }
}

/** Throws EFBIG for a size in bytes that a file can't have. Source: inode_newsize_ok, generic_write_checks. */
export function assertSizeFits(inode: Inode, sizeBytes: number): void {
  if (sizeBytes > inode.block.maxFileBytes) throw tooLarge(inode, sizeBytes);
}

/**
 * Throws when a file can't be written up to byte `end`: EFBIG past the largest file, E2BIG where it is the nodes of a compressed file
 * that do not reach as far. Source: generic_write_checks, get_node_path.
 */
export function assertWritableUpTo(inode: Inode, end: number): void {
  if (end <= inode.maxWrittenBytes) return;
  const { maxFileBytes } = inode.block;
  if (end > maxFileBytes || inode.maxWrittenBytes === maxFileBytes) throw tooLarge(inode, end);
  const message = `a compressed file can't be written past byte ${inode.maxWrittenBytes} with clusters of this size`;
  throw new F2fsError('E2BIG', message, { ino: inode.ino });
}

function tooLarge(inode: Inode, sizeBytes: number): F2fsError {
  const message = `the file would be too large with ${sizeBytes} bytes: it can have ${inode.block.maxFileBytes}`;
  return new F2fsError('EFBIG', message, { ino: inode.ino });
}

/** Throws EOPNOTSUPP for a pinned file, whose blocks are to stay where they are. Source: f2fs_fallocate. */
export function assertNotPinned(inode: Inode, operation: string): void {
  if (!inode.hasInline(INLINE.PIN_FILE)) return;
  throw refused(
    'EOPNOTSUPP',
    inode,
    `is pinned to its blocks, which ${operation} would move; unpin it first (setPinned)`,
  );
}

/** Throws EOPNOTSUPP for a compressed file. Source: f2fs_fallocate. */
export function assertNotCompressed(inode: Inode, operation: string): void {
  if (inode.clusterPages === 1) return;
  throw refused('EOPNOTSUPP', inode, `is a compressed file: ${operation} does not work on clusters`);
}

/** What is said of an inode that a flag protects, behind what it is called. */
export function flagged(flag: 'immutable' | 'append-only'): string {
  return `is ${flag}: clear that flag with setFlags`;
}

function refused(code: string, inode: Inode, why: string): F2fsError {
  return new F2fsError(code, `the file ${why}`, { ino: inode.ino });
}
