// The golden image with encrypted directories, and what Linux shows of it without the key. How they were made: images/README.md.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect } from 'vitest';
import { Directory, type FileSystem } from '../../src/index.ts';
import { projectRoot } from '../../tools/judge/paths.ts';

const read = (name: string) => gunzipSync(readFileSync(join(projectRoot, 'images', `kernel-encrypted${name}.gz`)));
const linesOf = (list: Buffer) => list.toString().trimEnd().split('\n');
export const IMAGE = read('.img');
/** What Linux 6.12 listed: type, inode, links and path, a line each. */
export const LISTED = linesOf(read('.list'));
/** One that was cut off, and what Linux listed once it had recovered it. */
export const CUT_IMAGE = read('-cut.img');
export const CUT_LISTED = linesOf(read('-cut.list'));

/** Every entry, in the form of LISTED. */
export function listingOf(fs: FileSystem): string[] {
  const letters: Record<string, string> = { directory: 'd', file: 'f', symlink: 'l', fifo: 'p' };
  const lines: string[] = [];
  const walk = (directory: Directory, path: string) => {
    for (const { name, ino, type } of directory.entries()) {
      const below = `${path}${Buffer.from(name)}`;
      // By the name that was shown.
      using handle = directory.open(name);
      expect(handle.ino).toBe(ino);
      lines.push(`${letters[type]} ${ino} ${handle.stat().nlink} ${below}`);
      if (handle instanceof Directory) walk(handle, `${below}/`);
    }
  };
  using root = fs.root();
  walk(root, '');
  return lines.sort();
}
