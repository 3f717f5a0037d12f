// What a volume holds, as its users see it: names, and what stands behind them.

import { faultText } from '../../src/faults.ts';
import { FileHandle } from '../../src/fs/file-handle.ts';
import type { FileSystem } from '../../src/fs/file-system.ts';
import type { FileType } from '../../src/fs/of-type.ts';
import { type CensusTree, census } from '../../src/fsck/census.ts';

/** An inode. */
export interface Entity {
  readonly ino: number;
  readonly type: FileType;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly nlink: number;
  readonly rdev: string;
  readonly mtime: string;
  /** Of a file or symlink; 0 of others. */
  readonly size: number;
  /** i_blocks of a file, else 0. */
  readonly blocks: number;
  readonly xattrs: string;
  /** Contents of a file, target of a symlink. */
  readonly bytes: Buffer;
}

/** Paths (latin1, without a leading slash; the root is '') to inode numbers, and those to inodes. Not changed once made. */
export interface Tree {
  readonly names: ReadonlyMap<string, number>;
  readonly inodes: ReadonlyMap<number, Entity>;
}

const NOTHING = Buffer.alloc(0);

function readEntity(fs: FileSystem, path: string, ino: number): Entity {
  using handle = fs.openInode(ino);
  const { type, mode, uid, gid, nlink, rdev, mtime, size, blocks } = handle.stat();
  const xattrs = handle
    .xattrs()
    .map(({ name, value }) => `${Buffer.from(name).toString('latin1')}=${Buffer.from(value).toString('hex')}`)
    .sort()
    .join();
  let bytes = NOTHING;
  if (type === 'symlink') bytes = Buffer.from(fs.readlink(Buffer.from(path, 'latin1')));
  if (handle instanceof FileHandle) {
    bytes = Buffer.alloc(size);
    const got = handle.read(bytes, 0);
    if (got !== size) throw new Error(`/${path}: ${got} bytes could be read of ${size}`);
  }
  return {
    ino,
    type,
    mode,
    uid,
    gid,
    nlink,
    rdev: rdev === null ? '' : `${rdev.major}:${rdev.minor}`,
    mtime: `${mtime.sec}.${mtime.nsec}`,
    size: type === 'file' || type === 'symlink' ? size : 0,
    blocks: type === 'file' ? blocks : 0,
    xattrs,
    bytes,
  };
}

/** Adds what stands at `path` and below. */
function addBelow(fs: FileSystem, path: string, ino: number, names: Map<string, number>, fresh: Map<number, Entity>) {
  const waiting = [{ path, ino }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    names.set(next.path, next.ino);
    let entity = fresh.get(next.ino);
    if (entity === undefined) {
      entity = readEntity(fs, next.path, next.ino);
      fresh.set(next.ino, entity);
    }
    if (entity.type !== 'directory') continue;
    for (const { name, ino } of fs.readdir(Buffer.from(`/${next.path}`, 'latin1'))) {
      const child = Buffer.from(name).toString('latin1');
      waiting.push({ path: next.path === '' ? child : `${next.path}/${child}`, ino });
    }
  }
}

/** Reads everything. */
export function readTree(fs: FileSystem): Tree {
  const names = new Map<string, number>();
  const inodes = new Map<number, Entity>();
  using root = fs.root();
  addBelow(fs, '', root.ino, names, inodes);
  return { names, inodes };
}

/** The same for a census. */
export function censusTree({ names, inodes }: Tree): CensusTree {
  const below = [...names].filter(([path]) => path !== '');
  return {
    inodes: new Map([...inodes].map(([ino, { type, nlink }]) => [ino, { isDirectory: type === 'directory', nlink }])),
    names: below.map(([path, ino]) => ({ ino, parent: names.get(parentOf(path)) as number })),
  };
}

/** What the census finds wrong with a mounted volume, a line each. */
export function censusFaults(fs: FileSystem, tree = censusTree(readTree(fs))): string[] {
  const faults: string[] = [];
  census(fs.volume, tree, (kind, ...what) => faults.push(faultText(kind, ...what)));
  return faults;
}

export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

/** The inode number at a path, or null; a last symlink is not followed. */
function inoAt(fs: FileSystem, path: string): number | null {
  using parent = fs.openDirectory(Buffer.from(`/${parentOf(path)}`, 'latin1'));
  const name = Buffer.from(path.slice(path.lastIndexOf('/') + 1), 'latin1');
  return parent.lookup(name)?.ino ?? null;
}

/** `before`, with what stands at the paths of `touched`, and all that their inodes are named, read anew. */
export function readAgain(fs: FileSystem, before: Tree, touched: readonly string[]): Tree {
  const names = new Map(before.names);
  const fresh = new Map<number, Entity>();
  const stale = new Set<number>();
  for (const path of touched) {
    if (path === '') continue;
    for (const [name, ino] of before.names) {
      if (name !== path && !name.startsWith(`${path}/`)) continue;
      stale.add(ino);
      names.delete(name);
    }
  }
  for (const path of touched) {
    const parent = parentOf(path);
    const parentIno = names.get(parent);
    if (parentIno !== undefined) fresh.set(parentIno, readEntity(fs, parent, parentIno));
    const ino = path === '' || parentIno === undefined ? null : inoAt(fs, path);
    if (ino !== null) addBelow(fs, path, ino, names, fresh);
  }
  for (const [name, ino] of names) if (stale.has(ino) && !fresh.has(ino)) fresh.set(ino, readEntity(fs, name, ino));
  const inodes = new Map<number, Entity>();
  for (const ino of new Set(names.values())) {
    const old = before.inodes.get(ino);
    const now = fresh.get(ino) ?? (old as Entity);
    inodes.set(ino, old !== undefined && sameEntity(old, now) ? old : now);
  }
  return { names, inodes };
}

export const ATTRIBUTES = ['type', 'mode', 'uid', 'gid', 'nlink', 'rdev', 'mtime', 'size', 'blocks', 'xattrs'] as const;

export function sameEntity(a: Entity, b: Entity): boolean {
  return a === b || (ATTRIBUTES.every((name) => a[name] === b[name]) && a.bytes.equals(b.bytes));
}

/** What differs between two trees, in words; at most a few. */
export function treeDifferences(wanted: Tree, found: Tree): string[] {
  const lines: string[] = [];
  for (const [path, ino] of wanted.names) {
    const there = found.names.get(path);
    if (there !== ino) lines.push(`/${path} is ${there === undefined ? 'missing' : `inode ${there}, not ${ino}`}`);
  }
  for (const path of found.names.keys()) if (!wanted.names.has(path)) lines.push(`/${path} should not be there`);
  for (const [ino, entity] of wanted.inodes) {
    const other = found.inodes.get(ino);
    if (other === undefined || sameEntity(entity, other)) continue;
    const which = ATTRIBUTES.filter((name) => entity[name] !== other[name]).map(
      (name) => `${name} ${other[name]} not ${entity[name]}`,
    );
    lines.push(`inode ${ino}: ${which.join(', ') || 'other bytes'}`);
  }
  return lines.slice(0, 8);
}

/** Recovery stamps the directories that it changes with its own time. */
export function withoutDirectoryTimes({ names, inodes }: Tree): Tree {
  const same = [...inodes].map(([ino, it]) => [ino, it.type === 'directory' ? { ...it, mtime: '' } : it] as const);
  return { names, inodes: new Map(same) };
}
