// SHA-512 for those who can't wait: crypto.subtle answers by a promise.
import { sha512 as algorithm } from '@noble/hashes/sha2.js';

export function sha512(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = algorithm.create();
  for (const part of parts) hash.update(part);
  return hash.digest();
}
