// What our own reader finds in an image, in the judges' common language.
import { createHash } from 'node:crypto';
import { Directory } from '../../src/fs/directory-handle.ts';
import { FileHandle } from '../../src/fs/file-handle.ts';
import type { FileSystem } from '../../src/fs/file-system.ts';
import type { Handle } from '../../src/fs/handle.ts';
import type { FileType } from '../../src/fs/of-type.ts';
import { type EntryType, finishManifest, type Manifest, type RawEntry } from '../../tools/judge/manifest.ts';

const TYPES: Readonly<Record<FileType, EntryType>> = {
  directory: 'd',
  file: 'f',
  symlink: 'l',
  fifo: 'p',
  socket: 's',
  block: 'b',
  char: 'c',
};

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

/** SHA-256 of a file, read in pieces of 1 MiB. */
function sha256Of(file: FileHandle, size: number): string {
  const hash = createHash('sha256');
  const chunk = new Uint8Array(1 << 20);
  for (let at = 0; at < size; ) {
    const got = file.read(chunk, at);
    hash.update(chunk.subarray(0, got));
    at += got;
  }
  return hash.digest('hex');
}

/** Paths whose content is not read, and why. */
export type Unread = Map<string, unknown>;

/** Lists a mounted volume. A file that can't be read goes to `unread`, without a hash; so does one past `maxBytes`. */
export function manifestOfVolume(
  volume: FileSystem,
  unread: Unread = new Map(),
  maxBytes = Number.POSITIVE_INFINITY,
): Manifest {
  const entries: RawEntry[] = [];
  const add = (path: string, handle: Handle): void => {
    const stat = handle.stat();
    const { sec, nsec } = stat.mtime;
    const xattrs = handle
      .xattrs()
      .map(({ name, value }) => [latin1(Buffer.from(name)), Buffer.from(value).toString('hex')]);
    const entry: { -readonly [K in keyof RawEntry]: RawEntry[K] } = {
      path,
      type: TYPES[stat.type],
      mode: stat.mode & 0o7777,
      uid: stat.uid,
      gid: stat.gid,
      mtimeNs: String(BigInt(sec) * 1_000_000_000n + BigInt(nsec)),
      nlink: stat.nlink,
      inode: String(stat.ino),
    };
    if (xattrs.length > 0) entry.xattrs = Object.fromEntries(xattrs);
    if (stat.rdev !== null) Object.assign(entry, stat.rdev);
    if (stat.type === 'symlink') {
      entry.size = stat.size;
      entry.target = latin1(volume.readlink(Buffer.from(path, 'latin1')));
    }
    if (handle instanceof FileHandle) {
      entry.size = stat.size;
      try {
        if (stat.size <= maxBytes) entry.sha256 = sha256Of(handle, stat.size);
        else unread.set(path, 'too large');
      } catch (error) {
        unread.set(path, error);
      }
    }
    entries.push(entry);
    if (!(handle instanceof Directory)) return;
    for (const { name } of handle.entries()) {
      using child = handle.open(name);
      add(path === '' ? latin1(name) : `${path}/${latin1(name)}`, child);
    }
  };
  using root = volume.root();
  add('', root);
  return finishManifest(entries, { skipLostAndFound: true });
}
