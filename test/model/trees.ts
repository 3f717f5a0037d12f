// Whole trees of both sides, brought to one form and compared: names, types, attributes, links, xattrs, contents.
import * as fs from 'node:fs';
import { quotaInos } from '../../src/format/superblock.ts';
import type { Directory } from '../../src/fs/directory-handle.ts';
import type { FileHandle } from '../../src/fs/file-handle.ts';
import type { FileSystem } from '../../src/fs/file-system.ts';
import { type HostSide, statText as hostStatText } from './host-side.ts';
import { statText as volumeStatText } from './volume-side.ts';

/** Times before this (2017) were set by an operation, later ones are those of a clock: seconds since 1970. */
export const CLOCK_TIMES = 1_500_000_000;
const PIECE = 1 << 20;
/** Of the host's xattrs those that F2FS can hold. */
const XATTRS = /^(user|trusted|security|system\.posix_acl_access$|system\.posix_acl_default$)/;

interface Entry {
  /** All that must be the same. */
  text: string;
  ino: number;
  isFile: boolean;
  size: number;
  /** Of the host: ms since 1970. */
  ctimeMs: number;
}

type Tree = Map<string, Entry>;

/** The first path of each inode: two names of one file must be so on both sides. */
class Links {
  readonly #first = new Map<number, string>();

  note(ino: number, path: string): string {
    const first = this.#first.get(ino);
    if (first !== undefined) return ` same as ${first}`;
    this.#first.set(ino, path);
    return '';
  }
}

function timeText(sec: number, ns: number): string {
  return sec < CLOCK_TIMES ? ` mtime ${sec}.${ns}` : ' mtime by clock';
}

function xattrText(xattrs: { name: string; value: Uint8Array }[]): string {
  if (xattrs.length === 0) return '';
  const texts = xattrs.map(({ name, value }) => `${name}=${Buffer.from(value).toString('base64')}`);
  return ` xattrs ${texts.sort().join(' ')}`;
}

function hostTree(host: HostSide): Tree {
  const tree: Tree = new Map();
  const links = new Links();
  const visit = (path: string) => {
    const full = host.pathOf(path);
    const stat = fs.lstatSync(full, { bigint: true });
    const plain = fs.lstatSync(full);
    const names = host.calls.listXattrs(full).filter((name) => XATTRS.test(name));
    const xattrs = names.map((name) => ({ name, value: host.calls.getXattr(full, name) }));
    const target = plain.isSymbolicLink() ? ` -> ${fs.readlinkSync(full)}` : '';
    const mtime = timeText(Number(stat.mtimeNs / 1_000_000_000n), Number(stat.mtimeNs % 1_000_000_000n));
    tree.set(path, {
      text: `${hostStatText(plain)}${mtime}${links.note(plain.ino, path)}${target}${xattrText(xattrs)}`,
      ino: plain.ino,
      isFile: plain.isFile(),
      size: plain.size,
      ctimeMs: plain.ctimeMs,
    });
    if (!plain.isDirectory()) return;
    for (const name of fs.readdirSync(full).sort()) visit(path === '' ? name : `${path}/${name}`);
  };
  visit('');
  return tree;
}

function volumeTree(volume: FileSystem): { tree: Tree; blocks: number; inodes: number } {
  const tree: Tree = new Map();
  const links = new Links();
  let blocks = 0;
  let inodes = 0;
  const visit = (path: string, parent: Directory | null, name: Uint8Array) => {
    using handle = parent === null ? volume.root() : parent.open(name);
    const stat = handle.stat();
    const target = stat.type === 'symlink' ? ` -> ${Buffer.from(volume.readlink(path)).toString()}` : '';
    const link = links.note(stat.ino, path);
    if (link === '') {
      blocks += stat.blocks;
      inodes++;
    }
    tree.set(path, {
      text: `${volumeStatText(stat)}${timeText(stat.mtime.sec, stat.mtime.nsec)}${link}${target}${xattrText(handle.xattrs())}`,
      ino: stat.ino,
      isFile: stat.type === 'file',
      size: stat.size,
      ctimeMs: 0,
    });
    if (stat.type !== 'directory') return;
    const dir = handle as Directory;
    const entries = dir.entries().map((entry) => ({ entry, text: Buffer.from(entry.name).toString() }));
    entries.sort((a, b) => (a.text < b.text ? -1 : 1));
    for (const { entry, text } of entries) visit(path === '' ? text : `${path}/${text}`, dir, entry.name);
  };
  visit('', null, new Uint8Array(0));
  return { tree, blocks, inodes };
}

const hostBytes = Buffer.alloc(PIECE);
const volumeBytes = Buffer.alloc(PIECE);

/** Where the contents begin to differ, or null. */
function contentDifference(host: HostSide, path: string, file: FileHandle, size: number): string | null {
  const fd = fs.openSync(host.pathOf(path), fs.constants.O_RDONLY | fs.constants.O_NOATIME);
  try {
    for (let at = 0; at < size; at += PIECE) {
      const wanted = fs.readSync(fd, hostBytes, 0, PIECE, at);
      const got = file.read(volumeBytes, at);
      if (hostBytes.subarray(0, wanted).equals(volumeBytes.subarray(0, got))) continue;
      let i = 0;
      while (i < wanted && i < got && hostBytes[i] === volumeBytes[i]) i++;
      return `byte ${at + i} of ${size}: ${volumeBytes[i]} instead of ${hostBytes[i]} (${got} of ${wanted} bytes read)`;
    }
    return null;
  } finally {
    fs.closeSync(fd);
  }
}

/**
 * What differs between the trees, a few of it. Contents are read of files that changed since `sinceMs` by the host's
 * clock; 0: of all. With `exactSpace` the volume's count of blocks and inodes must be what the tree takes, no more.
 */
export function differences(host: HostSide, volume: FileSystem, sinceMs: number, exactSpace: boolean): string[] {
  const found: string[] = [];
  const expected = hostTree(host);
  const { tree, blocks, inodes } = volumeTree(volume);
  for (const [path, entry] of expected) {
    const other = tree.get(path);
    if (other === undefined) found.push(`"${path}" is missing: ${entry.text}`);
    else if (other.text !== entry.text) found.push(`"${path}" is\n    ${other.text} instead of\n    ${entry.text}`);
    else if (entry.isFile && entry.ctimeMs >= sinceMs) {
      using file = volume.openInode(other.ino) as FileHandle;
      const difference = contentDifference(host, path, file, entry.size);
      if (difference !== null) found.push(`"${path}" differs at ${difference}`);
    }
    if (found.length > 10) return found;
  }
  for (const [path, entry] of tree) if (!expected.has(path)) found.push(`"${path}" is there: ${entry.text}`);
  const space = volume.statfs();
  if (space.freeBlocks < 0 || space.freeBlocks > space.blocks) found.push(`statfs: ${JSON.stringify(space)}`);
  const { validBlockCount, validInodeCount } = volume.volume.space;
  const files = quotaInos(volume.volume.layout.sb);
  const ofQuotas = files.reduce((sum, ino) => {
    using file = volume.openInode(ino);
    return sum + file.stat().blocks;
  }, 0);
  if (exactSpace && validBlockCount !== blocks + ofQuotas)
    found.push(`${validBlockCount} blocks are in use, the tree has ${blocks}, its quota files ${ofQuotas}`);
  if (exactSpace && validInodeCount !== inodes + files.length)
    found.push(`${validInodeCount} inodes are in use, the tree has ${inodes}, and ${files.length} quota files`);
  return found;
}
