// Volumes with blocks of 16 and 64 KiB that Linux made: read whole, recovered where the power was cut, and changed.
import { createHash, type Hash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { CensusInode, CensusName } from '../../src/fsck/census.ts';
import { type FileHandle, type FileStat, type FileSystem, MemoryDevice, mount } from '../../src/index.ts';
import { escaped } from '../../tools/judge/volume-lines.ts';
import { censusFaults } from '../crash/tree.ts';
import { goldenImage, goldenLines } from '../golden-volumes.ts';

/** Each with the bytes of its blocks. */
const VOLUMES: readonly (readonly [name: string, blockSize: number])[] = [
  ['f2fs-16k-unpacked-clean-linux6.12', 16384],
  ['f2fs-16k-nofeatures-clean-linux6.12', 16384],
  ['f2fs-16k-unpacked-cut-linux6.12', 16384],
  ['f2fs-16k-packedssa-clean-linux7.2', 16384],
  ['f2fs-64k-unpacked-clean-linux7.2', 65536],
];
const CUT = 'f2fs-16k-unpacked-cut-linux6.12';
/** Of larger files the lists have the data alone, and where it lies. */
const WHOLE_BYTES = 64 * 2 ** 20;
const LETTERS: Partial<Record<FileStat['type'], string>> = {
  file: 'f',
  directory: 'd',
  symlink: 'l',
  char: 'c',
  block: 'b',
  fifo: 'p',
  socket: 's',
};

function unpack(name: string): MemoryDevice {
  const bytes = goldenImage(name);
  const device = new MemoryDevice({ sizeBytes: bytes.length });
  for (let at = 0; at < bytes.length; at += 1 << 20) {
    const piece = bytes.subarray(at, at + (1 << 20));
    if (piece.some((byte) => byte !== 0)) device.write(at / 4096, [piece]);
  }
  return device;
}

const sha1 = (bytes: Uint8Array) => createHash('sha1').update(bytes).digest('hex');

function hashRange(file: FileHandle, from: number, to: number, hash: Hash): void {
  const buffer = new Uint8Array(1 << 20);
  for (let at = from; at < to; ) {
    const got = file.read(buffer.subarray(0, Math.min(buffer.length, to - at)), at);
    hash.update(buffer.subarray(0, got));
    at += got;
  }
}

function sumOf(file: FileHandle, size: number): string {
  const hash = createHash('sha1');
  if (size <= WHOLE_BYTES) {
    hashRange(file, 0, size, hash);
    return hash.digest('hex');
  }
  let runs = '';
  for (let at = 0; at < size; ) {
    let data: number;
    try {
      data = file.seekData(at);
    } catch {
      break;
    }
    const end = Math.min(file.seekHole(data), size);
    const run = `[${data}+${end - data}]`;
    runs += run;
    hash.update(run);
    hashRange(file, data, end, hash);
    at = end;
  }
  return `${runs}sparse:${hash.digest('hex')}`;
}

/** What Linux tells as st_blocks. Source: f2fs_getattr. */
function sectorsOf({ blocks, inline, size }: FileStat, blockBytes: number): number {
  return ((blocks - 1) * blockBytes) / 512 + (inline ? Math.ceil(size / 512) : 0);
}

function contentOf(volume: FileSystem, path: Uint8Array, stat: FileStat): string {
  if (stat.type === 'symlink') return sha1(Buffer.from(volume.readlink(path)));
  if (stat.rdev !== null) return `${stat.rdev.major}:${stat.rdev.minor}`;
  if (stat.type !== 'file') return '-';
  using file = volume.openFile(path, { flags: 'r' });
  const { compression } = stat;
  const algorithms = ['lzo', 'lz4', 'zstd', 'lzo-rle'];
  const { blockBytes } = volume.statfs();
  const clusters =
    compression === null
      ? ''
      : ` comp:alg=${algorithms.indexOf(compression.algorithm)},log=${Math.log2(compression.clusterBytes / blockBytes)},saved=${compression.savedBlocks}`;
  return `${sumOf(file, stat.size)}${clusters} blocks=${sectorsOf(stat, blockBytes)}`;
}

/** All that is there: a line each by path, and what a census takes. */
function look(volume: FileSystem) {
  const lines = new Map<string, string>();
  const inodes = new Map<number, CensusInode>();
  const names: CensusName[] = [];
  const waiting = [''];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    const path = Buffer.from(`/${at}`, 'latin1');
    const stat = volume.lstat(path);
    inodes.set(stat.ino, { isDirectory: stat.type === 'directory', nlink: stat.nlink });
    const xattrs = volume
      .xattrs(path)
      .map(({ name, value }) => ` x:${name}=${value.length}:${sha1(value)}`)
      .sort();
    const time = `${stat.mtime.sec}.${String(stat.mtime.nsec).padStart(9, '0')}`;
    const size = stat.type === 'directory' ? -1 : stat.size;
    const mode = (stat.mode & 0o7777).toString(8);
    const shown = at === '' ? '.' : escaped(at);
    const attributes = `${LETTERS[stat.type]} ${mode} ${stat.uid} ${stat.gid} ${size} ${time} ${stat.nlink}`;
    lines.set(shown, `${shown} ${attributes} ${contentOf(volume, path, stat)}${xattrs.join('')}`);
    if (stat.type !== 'directory') continue;
    for (const { name, ino } of volume.readdir(path)) {
      names.push({ parent: stat.ino, ino });
      const child = Buffer.from(name).toString('latin1');
      waiting.push(at === '' ? child : `${at}/${child}`);
    }
  }
  return { lines, tree: { inodes, names } };
}

/** Lines that differ; without the times of directories in which names were recovered. */
function differences(name: string, { lines: found }: ReturnType<typeof look>): string[] {
  const timeless = (line: string) => (name === CUT ? line.replace(/^(\.|cut) (d.*) \d+\.\d{9} /, '$1 $2 ') : line);
  const differing: string[] = [];
  for (const line of goldenLines(name)) {
    const path = line.slice(0, line.indexOf(' '));
    const seen = found.get(path);
    if (seen === undefined || timeless(seen) !== timeless(line)) differing.push(`${line} | ${seen}`);
    found.delete(path);
  }
  return [...differing, ...found.keys()].slice(0, 10);
}

const PAGES = 4096;

describe.each(VOLUMES)('%s', (name, blockSize) => {
  const options = { cacheBytes: PAGES * blockSize };

  it('is found as it was by the kernel that made it, and nothing is wrong with it', () => {
    const device = unpack(name);
    // What was fsynced, and no checkpoint has, is recovered where it can be written.
    const volume = mount(device, { ...options, readonly: name !== CUT });
    expect(volume.statfs().blockBytes).toBe(blockSize);
    const seen = look(volume);
    expect(differences(name, seen)).toEqual([]);
    if (name === CUT) volume.sync();
    expect(censusFaults(volume, seen.tree)).toEqual([]);
    volume.close();
  });

  it('is changed, cleaned, and read again', () => {
    const device = unpack(name);
    const volume = mount(device, options);
    const top = volume.readdir('/').map((entry) => Buffer.from(entry.name).toString('latin1'));
    for (const gone of top.slice(0, Math.floor(top.length / 2)))
      if (gone !== 'lost+found') volume.remove(Buffer.from(gone, 'latin1'));
    volume.mkdir('/new');
    for (let i = 0; i < 1500; i++) volume.writeFile(`/new/${i}-${'x'.repeat(i % 200)}`, String(i));
    const bytes = Uint8Array.from({ length: 5 * blockSize + 7 }, (_, i) => i * (i >>> 8));
    volume.writeFile('/new/large', bytes);
    volume.setXattr('/new/large', 'user.value', bytes.subarray(0, blockSize / 2));
    volume.clean({ sections: 2 });
    volume.close();
    const again = mount(device, { ...options, readonly: true });
    expect(censusFaults(again, look(again).tree)).toEqual([]);
    for (let i = 0; i < 1500; i++)
      expect(Buffer.from(again.readFile(`/new/${i}-${'x'.repeat(i % 200)}`)).toString()).toBe(String(i));
    expect(Buffer.compare(again.readFile('/new/large'), bytes)).toBe(0);
    expect(again.getXattr('/new/large', 'user.value')).toEqual(bytes.slice(0, blockSize / 2));
    again.close();
  });
});
