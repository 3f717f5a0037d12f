// Paths as node:fs joins them.
import { posix } from 'node:path';

/** Both paths as one, without `.`, `..` and doubled slashes, as far as they go. */
export function joinPaths(one: string, other: string): string {
  return posix.join(one, other);
}
