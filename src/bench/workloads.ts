// What a benchmark does to a mounted volume, through the same calls that any user of the library has. A workload is a generator
// that yields between two operations, so that the command stays interruptible.

import { BLKSIZE } from '../device/device.ts';
import { corrupt } from '../errors.ts';
import { Directory } from '../fs/directory-handle.ts';
import type { FileHandle } from '../fs/file-handle.ts';
import type { FileSystem } from '../fs/file-system.ts';
import type { FileStat } from '../fs/stat.ts';
import type { Bench, Sizes } from './bench.ts';
import type { Content } from './content.ts';
import { SEED, SeededRandom } from './random.ts';
import { checkRecovered, countRecovered, createAndDelete, fsyncFiles, smallFiles, statOf } from './small-files.ts';
import type { WorkloadName } from './workload-names.ts';

export interface Workload {
  readonly name: WorkloadName;
  /** Whether it reads; the others write. */
  readonly reads: boolean;
  /** Made before the measurement: the volume is unmounted cleanly and mounted anew in between. */
  prepare?: (bench: Bench) => Generator<void>;
  run: (bench: Bench) => Generator<void>;
  /** The mount in which it was prepared ends without a checkpoint, as in a crash; what is measured begins with the next mount. */
  crashes?: boolean;
  /** The part of the volume that is in use when it begins, filled up with a file that stays as it is. */
  fullTo?: number;
  /** After the measurement: throws EUCLEAN when the file does not hold what it must. */
  check?: (bench: Bench) => void;
  /** Bytes that are written at most, no block being used twice; `unitBytes`: of a page, or a cluster, which is written as a whole. */
  roomBytes: (sizes: Sizes, unitBytes: number) => number;
  /** Options of the command by which that becomes less. */
  lessBy: string;
}

/** Bytes of a sequential write or read: as many as the largest folio has. */
const CHUNK_BYTES = 2 * 1024 * 1024;
/** What a small file can take of a volume: data, inode, its part of a directory. */
const SMALL_ROOM = 24 * 1024;
/** Of the blocks for files. */
const NEARLY_FULL = 0.95;
/** Blocks that a sync can take besides data: nodes of the file and the directory. */
const SYNC_BLOCKS = 6;
const CHECKED_PLACES = 16;

function* writeAll(bench: Bench, version: number): Generator<number> {
  const { content, sizes } = bench;
  const source = content.source(version);
  using file = version === 0 ? createFile(bench) : bench.volume.openFile(bench.name);
  for (let at = 0; at < sizes.fileBytes; at += CHUNK_BYTES) {
    const length = Math.min(CHUNK_BYTES, sizes.fileBytes - at);
    file.writeFrom(source, at, length);
    yield length;
  }
}

function createFile({ volume, name }: Bench): FileHandle {
  using root = volume.root();
  return root.createFile(Buffer.from(name));
}

function* makeFile(bench: Bench): Generator<void> {
  for (const _ of writeAll(bench, 0)) yield;
}

/** Writes the whole file, front to back, and syncs. */
function* writeAndSync(bench: Bench, version: number): Generator<void> {
  for (const length of writeAll(bench, version)) {
    bench.bytes += length;
    bench.operations++;
    yield;
  }
  bench.sync();
}

function* randomWrites(bench: Bench): Generator<void> {
  const { fileBytes, blockBytes, writes } = bench.sizes;
  const random = new SeededRandom(SEED);
  const source = bench.content.source(1);
  const places = Math.max(1, Math.floor(fileBytes / blockBytes));
  using file = bench.volume.openFile(bench.name);
  for (let i = 0; i < writes; i++) {
    file.writeFrom(source, random.below(places) * blockBytes, blockBytes);
    bench.bytes += blockBytes;
    bench.operations++;
    yield;
  }
  bench.sync();
}

function* appends(bench: Bench): Generator<void> {
  const { blockBytes, appends } = bench.sizes;
  const source = bench.content.source(0);
  using file = createFile(bench);
  for (let i = 0; i < appends; i++) {
    file.writeFrom(source, i * blockBytes, blockBytes);
    bench.fsync(file);
    bench.bytes += blockBytes;
    bench.operations++;
    yield;
  }
}

function* readBack(bench: Bench): Generator<void> {
  using file = bench.volume.openFile(bench.name);
  const into = new Uint8Array(CHUNK_BYTES);
  for (let at = 0; at < bench.sizes.fileBytes; at += CHUNK_BYTES) {
    bench.bytes += file.read(into, at);
    bench.operations++;
    yield;
  }
}

/** Compares some places of the file with what was written there last. */
function checkPlaces({ volume, content, sizes, name }: Bench, version: number): void {
  const random = new SeededRandom(SEED);
  using file = volume.openFile(name);
  const found = Buffer.alloc(65536);
  const wanted = Buffer.alloc(found.length);
  for (let i = 0; i < CHECKED_PLACES; i++) {
    const at = random.below(sizes.fileBytes);
    const length = Math.min(found.length, sizes.fileBytes - at);
    content.copy(wanted, 0, length, at, version);
    const count = file.read(found.subarray(0, length), at);
    if (count === length && found.subarray(0, length).equals(wanted.subarray(0, length))) continue;
    throw corrupt('bench-contents', { path: name, ino: file.ino }, at);
  }
}

/** Writes a file until `part` of the volume's blocks for files are in use. */
export function* fill(volume: FileSystem, content: Content, part: number): Generator<void> {
  const source = content.source(0);
  using root = volume.root();
  using file = root.createFile(Buffer.from('filler'));
  const left = Math.ceil(volume.statfs().blocks * (1 - part));
  for (let at = 0; ; at += CHUNK_BYTES) {
    const spare = (volume.statfs().freeBlocks - left) * BLKSIZE;
    if (spare <= 0) return;
    file.writeFrom(source, at, Math.min(CHUNK_BYTES, spare));
    yield;
  }
}

/** Pages of all files that a workload made, and the blocks that hold them: what compression saved is not among them. */
export function pagesAndBlocks(volume: FileSystem, name: string): { pages: number; blocks: number } {
  const sum = { pages: 0, blocks: 0 };
  const add = ({ size, compression }: FileStat) => {
    const pages = Math.ceil(size / BLKSIZE);
    sum.pages += pages;
    sum.blocks += pages - (compression?.savedBlocks ?? 0);
  };
  for (const entry of volume.readdir('/')) {
    if (!Buffer.from(entry.name).toString().startsWith(name)) continue;
    using handle = volume.openInode(entry.ino);
    if (!(handle instanceof Directory)) add(handle.stat());
    else for (const { ino } of handle.entries()) add(statOf(volume, ino));
  }
  return sum;
}

/** Bytes of the pages or clusters that a write of `blockBytes` bytes, at a multiple of that, is a write of. */
function wholeUnits(blockBytes: number, unitBytes: number): number {
  const straddles = unitBytes % blockBytes !== 0 && blockBytes % unitBytes !== 0;
  return (Math.ceil(blockBytes / unitBytes) + (straddles ? 1 : 0)) * unitBytes;
}

const WORKLOADS: Record<WorkloadName, Omit<Workload, 'name'>> = {
  'seq-write': {
    reads: false,
    run: (bench) => writeAndSync(bench, 0),
    check: (bench) => checkPlaces(bench, 0),
    roomBytes: ({ fileBytes }) => fileBytes,
    lessBy: '--size',
  },
  overwrite: {
    reads: false,
    prepare: makeFile,
    run: (bench) => writeAndSync(bench, 1),
    check: (bench) => checkPlaces(bench, 1),
    roomBytes: ({ fileBytes }) => 2 * fileBytes,
    lessBy: '--size',
  },
  'rand-write': {
    reads: false,
    prepare: makeFile,
    run: randomWrites,
    roomBytes: ({ fileBytes, blockBytes, writes }, unit) => fileBytes + writes * wholeUnits(blockBytes, unit),
    lessBy: '--size or --writes',
  },
  'append-fsync': {
    reads: false,
    run: appends,
    roomBytes: ({ blockBytes, appends }, unit) => appends * (wholeUnits(blockBytes, unit) + SYNC_BLOCKS * BLKSIZE),
    lessBy: '--appends or --block',
  },
  'small-files': { reads: false, run: smallFiles, roomBytes: ({ files }) => files * SMALL_ROOM, lessBy: '--files' },
  'create-delete': {
    reads: false,
    run: createAndDelete,
    roomBytes: ({ files }) => files * SMALL_ROOM,
    lessBy: '--files',
  },
  recovery: {
    reads: false,
    prepare: fsyncFiles,
    crashes: true,
    run: countRecovered,
    check: checkRecovered,
    roomBytes: ({ files }) => files * SMALL_ROOM,
    lessBy: '--files',
  },
  'nearly-full': {
    reads: false,
    prepare: makeFile,
    fullTo: NEARLY_FULL,
    run: randomWrites,
    roomBytes: ({ fileBytes }) => fileBytes,
    lessBy: '--size',
  },
  'read-back': {
    reads: true,
    prepare: makeFile,
    run: readBack,
    check: (bench) => checkPlaces(bench, 0),
    roomBytes: ({ fileBytes }) => fileBytes,
    lessBy: '--size',
  },
};

export function workloadOf(name: WorkloadName): Workload {
  return { name, ...WORKLOADS[name] };
}
