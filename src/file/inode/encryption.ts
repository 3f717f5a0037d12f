// What an encrypted inode does not let one do without its key, and keys are never here: all that is not ciphertext, such as sizes,
// owners, times and xattrs, can be read and changed. Relies on inode.ts. Source: fs/crypto/hooks.c.
import { F2fsError } from '../../errors.ts';
import type { Inode } from './inode.ts';

/** ENOKEY; `what` can't be done, as a sentence that goes on with "without the key". */
export function withoutKey(what: string, ino: number): F2fsError {
  return new F2fsError('ENOKEY', `${what} without the key`, { ino });
}

/** Throws ENOKEY for encrypted contents, which can be neither read nor changed; the target of a symlink too. Source: fscrypt_file_open. */
export function assertReadable(inode: Inode): void {
  if (!inode.isEncrypted) return;
  throw withoutKey('the contents are encrypted: they can be neither read nor changed', inode.ino);
}
