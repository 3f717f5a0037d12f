// The manifest of a directory on this machine: what an image of it must hold.

import { createHash } from 'node:crypto';
import { type BigIntStats, closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import { parseXattrs } from './listing.js';
import { type EntryType, finishManifest, type Manifest, type RawEntry } from './manifest.js';
import { runOrThrow } from './run.js';

const chunk = Buffer.allocUnsafe(1 << 20);

/**
 * Lists a directory tree: all of it, with contents hashed and xattrs read (as root also trusted.* and security.*).
 * Access times move. Rejects when an entry cannot be read.
 */
export async function manifestOfTree(directory: string): Promise<Manifest> {
  const xattrsRead = readXattrs(directory);
  const root = Buffer.from(directory);
  const found: RawEntry[] = [];
  const hashes = new Map<string, string>();
  const pending = [''];
  while (pending.length > 0) {
    const path = pending.pop()!;
    const absolute = path === '' ? root : Buffer.concat([root, Buffer.from(`/${path}`, 'latin1')]);
    const stat = lstatSync(absolute, { bigint: true });
    found.push(describe(path, absolute, stat, hashes));
    if (!stat.isDirectory()) continue;
    for (const name of readdirSync(absolute, { encoding: 'buffer' })) {
      const child = name.toString('latin1');
      pending.push(path === '' ? child : `${path}/${child}`);
    }
  }
  const xattrs = await xattrsRead;
  return finishManifest(found.map((entry) => ({ ...entry, xattrs: xattrs.get(entry.path) })));
}

/** Reads every xattr below a directory with getfattr, which prints only the entries that have some. */
async function readXattrs(directory: string): Promise<Map<string, Record<string, string>>> {
  const output = await runOrThrow('getfattr', ['-R', '-h', '-d', '-m', '-', '-e', 'hex', '.'], { cwd: directory });
  return parseXattrs(output);
}

function describe(path: string, absolute: Buffer, stat: BigIntStats, hashes: Map<string, string>): RawEntry {
  const type = typeOf(stat);
  const inode = `${stat.dev}:${stat.ino}`;
  const common = {
    path,
    type,
    mode: Number(stat.mode & 0o7777n),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    mtimeNs: String(stat.mtimeNs),
    inode,
  };
  switch (type) {
    case 'f': {
      let sha256 = hashes.get(inode);
      if (sha256 === undefined) {
        sha256 = hashFile(absolute);
        if (stat.nlink > 1n) hashes.set(inode, sha256);
      }
      return { ...common, size: Number(stat.size), sha256 };
    }
    case 'l':
      return {
        ...common,
        size: Number(stat.size),
        target: readlinkSync(absolute, { encoding: 'buffer' }).toString('latin1'),
      };
    case 'b':
    case 'c':
      return { ...common, major: majorOf(stat.rdev), minor: minorOf(stat.rdev) };
    default:
      return common;
  }
}

function typeOf(stat: BigIntStats): EntryType {
  if (stat.isFile()) return 'f';
  if (stat.isDirectory()) return 'd';
  if (stat.isSymbolicLink()) return 'l';
  if (stat.isFIFO()) return 'p';
  if (stat.isSocket()) return 's';
  return stat.isBlockDevice() ? 'b' : 'c';
}

// glibc's dev_t: the major's high bits and the minor's lie around each other.
function majorOf(rdev: bigint): number {
  return Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n));
}

function minorOf(rdev: bigint): number {
  return Number((rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n));
}

function hashFile(path: Buffer): string {
  const hash = createHash('sha256');
  const fd = openSync(path, 'r');
  try {
    for (let got: number; (got = readSync(fd, chunk, 0, chunk.length, null)) > 0; ) hash.update(chunk.subarray(0, got));
  } finally {
    closeSync(fd);
  }
  return hash.digest('hex');
}
