// The sound volumes that get damaged: small, varied trees on devices in memory, made once a run and never changed.
import { parseCodec } from '../../src/compress/algorithms.ts';
import { BLKSIZE, type BlockDevice } from '../../src/device/device.ts';
import { MemoryDevice } from '../../src/device/memory-device.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import type { MountOptions } from '../../src/fs/mount-options.ts';
import { type FormatOptions, format } from '../../src/mkfs/format.ts';

/** 64 MiB; sections of several segments need more. */
const NR_BLOCKS = 16384;
const NR_BLOCKS_OF_SECTIONS = 20480;
const TIMESTAMP = 1_700_000_000;
/** Names in `/hashed`: two slots each, so that level 0 (2 blocks of 214 slots) runs over into level 1. */
export const HASHED_NAMES = 300;
/** A page of `/sparse` under each way of reaching one: in the inode, by a direct node, by an indirect and by a double one. */
export const SPARSE_PAGES = [0, 1000, 3000, 3001, 20_000_000] as const;

/**
 * Files of three clusters of four pages and a tail of a page: the first two clusters are compressed, into two blocks and three; the
 * third is raw.
 */
export const CLUSTER_FILES = {
  '/lz4': { codec: 'lz4', checksum: false },
  '/lz4hc': { codec: 'lz4:9', checksum: false },
  '/zstd': { codec: 'zstd:1', checksum: false },
  '/lzo': { codec: 'lzo', checksum: false },
  '/lzo-rle': { codec: 'lzo-rle', checksum: false },
  '/checked': { codec: 'lz4', checksum: true },
  '/released': { codec: 'lz4', checksum: false },
} as const;

const BASES = {
  /** What `format` makes when nothing else is asked. */
  default: {},
  /** No checksums at all, and room for inline xattrs that each inode states. */
  flexible: { features: ['extra_attr', 'flexible_inline_xattr', 'lost_found'] },
  /** Inodes without extra attributes. */
  plain: { features: [] },
  /** The checkpoint's checksum stands before its version bitmaps. */
  large_nat: { largeNatBitmap: true },
  /** With files in compressed clusters, see CLUSTER_FILES. */
  compressed: {
    features: ['extra_attr', 'inode_checksum', 'sb_checksum', 'inode_crtime', 'compression', 'lost_found'],
  },
  /** Sections of two segments. */
  sections: { segsPerSec: 2 },
  /** With directories that fold case. */
  folded: { encoding: 'utf8' },
} satisfies Record<string, Partial<FormatOptions>>;
export type BaseName = keyof typeof BASES;
export const BASE_NAMES = Object.keys(BASES) as BaseName[];

/** A sound volume: its bytes, its mount, and the inode number of each path. */
export interface Base {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Mounted read-only, to find structures by. */
  readonly fs: FileSystem;
  readonly inos: ReadonlyMap<string, number>;
  /** Page cache that its mounts take. */
  readonly cacheBytes: number;
  /** Whether a sound copy of it can be mounted for writing. */
  readonly writable: boolean;
}

const made = new Map<BaseName, Base>();

/** A base by its name, made on first use. */
export function baseOf(name: BaseName): Base {
  const known = made.get(name);
  if (known !== undefined) return known;
  const nrBlocks = name === 'sections' ? NR_BLOCKS_OF_SECTIONS : NR_BLOCKS;
  const device = new MemoryDevice(nrBlocks);
  format(device, { uuid: 'b5b1a1f6-5d0e-4a43-9c0a-3c6cf2f52010', timestamp: TIMESTAMP, ...BASES[name] });
  const clock = { now: () => ({ sec: TIMESTAMP, nsec: 0 }), cacheBytes: 16 << 20 };
  {
    using fs = mount(device, clock);
    populate(fs);
  }
  if (name === 'compressed') addClusters(device, clock);
  if (name === 'folded') addFolded(device, clock);
  // What a second, short mount changes stands in the journals; the rest is in the tables.
  {
    using fs = mount(device, clock);
    fs.writeFile('/late', pattern(2 * BLKSIZE, 7));
    fs.setXattr('/late', 'user.late', pattern(10, 8));
  }
  const bytes = new Uint8Array(nrBlocks * BLKSIZE);
  device.read(0, bytes);
  const base = baseOn(name, device, bytes, { cacheBytes: name === 'compressed' ? 16 << 20 : SMALL_CACHE });
  made.set(name, base);
  return base;
}

/** `/Folds` has its names within its inode, `/Folds/Many` in blocks of two levels. */
function addFolded(device: MemoryDevice, options: MountOptions): void {
  using fs = mount(device, options);
  fs.mkdir('/Folds');
  using folds = fs.open('/Folds');
  folds.setFlags(['casefold']);
  fs.writeFile('/Folds/Straße', pattern(100, 9));
  fs.writeFile('/Folds/\u1fb7', pattern(5000, 10));
  fs.mkdir('/Folds/Many');
  for (let i = 0; i < HASHED_NAMES; i++) fs.link('/Folds/strasse', `/Folds/Many/\u00c4 folds ${i}`);
}

/** A page cache that is quickly made, and large enough for what has no compressed clusters. */
const SMALL_CACHE = 6 << 20;

/** A base of the volume on `device`, whose bytes are `bytes`: as its last checkpoint has it. */
export function baseOn(
  name: string,
  device: BlockDevice,
  bytes: Uint8Array,
  { cacheBytes = SMALL_CACHE, writable = true } = {},
): Base {
  const fs = mount(device, { readonly: true, recovery: false, cacheBytes: 16 << 20 });
  return { name, bytes, fs, inos: listInos(fs), cacheBytes, writable };
}

/** `length` bytes that differ from page to page. */
export function pattern(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => 1 + ((i * 7 + (i >>> 12) * 31 + seed * 13) % 251));
}

function populate(fs: FileSystem): void {
  fs.writeFile('/inline', pattern(100, 1));
  fs.writeFile('/direct', pattern(20 * BLKSIZE + 5, 2));
  fs.writeFile('/sparse', new Uint8Array(0));
  {
    using file = fs.openFile('/sparse');
    for (const page of SPARSE_PAGES) file.write(pattern(BLKSIZE, page), page * BLKSIZE);
  }
  fs.writeFile('/wide', new Uint8Array(0));
  {
    using file = fs.openFile('/wide');
    file.write(pattern(40 * BLKSIZE, 3), 850 * BLKSIZE);
  }
  fs.mkdir('/few');
  for (const name of ['a', 'bb', 'a name of two slots']) fs.writeFile(`/few/${name}`, pattern(50, name.length));
  fs.mkdir('/few/deeper');
  fs.writeFile('/few/deeper/file', pattern(3 * BLKSIZE, 9));
  fs.mkdir('/hashed');
  fs.writeFile('/hashed/first', pattern(30, 4));
  for (let i = 0; i < HASHED_NAMES; i++) fs.link('/hashed/first', `/hashed/name-${String(i).padStart(4, '0')}`);
  for (let i = 0; i < 60; i++) fs.writeFile(`/few/deeper/n${i}`, pattern(i, i));
  fs.symlink('few/a', '/short');
  fs.symlink(`few/${'./'.repeat(2000)}a`, '/long');
  fs.symlink('loop', '/loop');
  fs.mknod('/char', 'char', {}, { major: 5, minor: 1 });
  fs.mknod('/block', 'block', {}, { major: 259, minor: 300 });
  fs.mknod('/fifo', 'fifo');
  fs.mknod('/socket', 'socket');
  fs.link('/direct', '/second');
  fs.writeFile('/noted', pattern(60, 5));
  fs.setXattr('/noted', 'user.note', pattern(20, 5));
  fs.setXattr('/noted', 'security.label', pattern(30, 6));
  fs.writeFile('/loaded', pattern(70, 6));
  fs.setXattr('/loaded', 'user.small', pattern(20, 7));
  fs.setXattr('/loaded', 'user.large', pattern(2000, 8));
  fs.writeFile('/guarded', pattern(80, 7));
  const acl = new Uint8Array(4 + 4 * 8);
  const view = new DataView(acl.buffer);
  view.setUint32(0, 2, true);
  [1, 4, 16, 32].forEach((tag, i) => {
    view.setUint16(4 + 8 * i, tag, true);
    view.setUint16(6 + 8 * i, 6, true);
    view.setUint32(8 + 8 * i, 0xffffffff, true);
  });
  fs.setXattr('/guarded', 'system.posix_acl_access', acl);
}

function addClusters(device: MemoryDevice, options: MountOptions): void {
  const text = (nrPages: number) => pattern(nrPages * BLKSIZE, 1);
  const dense = (nrPages: number, seed: number) => {
    let state = seed;
    return Uint8Array.from({ length: nrPages * BLKSIZE }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state >>> 24;
    });
  };
  const contents = Buffer.concat([text(3), dense(1, 1), text(2), dense(2, 2), dense(4, 3), text(1)]);
  for (const [path, { codec, checksum }] of Object.entries(CLUSTER_FILES)) {
    const compress = { codec: parseCodec(codec), clusterPages: 4, checksum };
    using fs = mount(device, { ...options, compress });
    fs.writeFile(path, contents, { compress: true });
    if (path !== '/released') continue;
    using file = fs.openFile(path);
    file.releaseBlocks();
  }
}

function listInos(fs: FileSystem): Map<string, number> {
  const inos = new Map([['/', fs.root().ino]]);
  const visit = (path: string): void => {
    for (const { name, ino, type } of fs.readdir(path === '' ? '/' : path)) {
      const child = `${path}/${Buffer.from(name).toString()}`;
      inos.set(child, ino);
      if (type === 'directory') visit(child);
    }
  };
  visit('');
  return inos;
}
