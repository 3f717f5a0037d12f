// SHA-512 by Node, of parts that follow one another.
import { createHash } from 'node:crypto';

export function sha512(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha512');
  for (const part of parts) hash.update(part);
  return hash.digest();
}
