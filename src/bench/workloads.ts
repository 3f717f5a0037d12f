// What a benchmark does to a mounted volume, through the same calls that any user of the library has. A workload is a generator
// that yields between two operations, so that the command stays interruptible.
import { F2fsError } from '../errors.ts';
import { BLKSIZE } from '../format/constants.ts';
import { Directory } from '../fs/directory-handle.ts';
import type { FileHandle } from '../fs/file-handle.ts';
import type { FileSystem } from '../fs/file-system.ts';
import type { FileStat } from '../fs/stat.ts';
import type { Content } from './content.ts';
import { SeededRandom } from './random.ts';

/** How much the workloads do. */
export interface Sizes {
  /** Bytes of the file. */
  fileBytes: number;
  /** Bytes of a random write, and of an append. */
  blockBytes: number;
  /** Random writes. */
  writes: number;
  /** Appends, each with a sync. */
  appends: number;
  /** Small files. */
  files: number;
}

/** What a workload works with, and where it keeps its accounts. */
export interface Bench {
  readonly volume: FileSystem;
  readonly content: Content;
  readonly sizes: Sizes;
  /** Of the file, and what names of directories begin with. */
  readonly name: string;
  /** User's bytes that were written, or read. */
  bytes: number;
  /** Writes, appends, reads or files. */
  operations: number;
  /** Writes a checkpoint and notes how long that took. */
  sync(): void;
}

export interface Workload {
  readonly name: WorkloadName;
  /** Whether it reads; the others write. */
  readonly reads: boolean;
  /** Made before the measurement: the volume is unmounted cleanly and mounted anew in between. */
  prepare?: (bench: Bench) => Generator<void>;
  run: (bench: Bench) => Generator<void>;
  /** After the measurement: throws EUCLEAN when the file does not hold what it must. */
  check?: (bench: Bench) => void;
  /** Bytes that are written at most, no block being used twice; `unitBytes`: of a page, or a cluster, which is written as a whole. */
  roomBytes: (sizes: Sizes, unitBytes: number) => number;
}

export const WORKLOAD_NAMES = [
  'seq-write',
  'overwrite',
  'rand-write',
  'append-sync',
  'small-files',
  'read-back',
] as const;
export type WorkloadName = (typeof WORKLOAD_NAMES)[number];

/** Bytes of a sequential write or read: as many as the largest folio has. */
const CHUNK_BYTES = 2 * 1024 * 1024;
/** Small files have from 512 bytes to 32 KiB, small ones more often, 7.8 KB on average. */
const SMALL_LEAST = 512;
const SMALL_RANGE = 64;
/** What a small file can take of a volume: data, inode, its part of a directory. */
const SMALL_ROOM = 24 * 1024;
const FILES_PER_DIRECTORY = 200;
/** Blocks that a sync can take besides data: nodes of the file and the directory. */
const SYNC_BLOCKS = 6;
const CHECKED_PLACES = 16;
const SEED = 0x5eed;

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
    bench.sync();
    bench.bytes += blockBytes;
    bench.operations++;
    yield;
  }
}

function* smallFiles(bench: Bench): Generator<void> {
  const { volume, content, sizes, name } = bench;
  const random = new SeededRandom(SEED);
  const source = content.source(0);
  using root = volume.root();
  for (let made = 0; made < sizes.files; ) {
    using directory = root.mkdir(Buffer.from(`${name}-${made / FILES_PER_DIRECTORY}`));
    for (let i = 0; i < FILES_PER_DIRECTORY && made < sizes.files; i++, made++) {
      using file = directory.createFile(Buffer.from(`file-${i}.txt`));
      const length = Math.floor(SMALL_LEAST * SMALL_RANGE ** random.fraction());
      file.writeFrom(source, 0, length);
      bench.bytes += length;
      bench.operations++;
      yield;
    }
  }
  bench.sync();
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
    throw new F2fsError('EUCLEAN', `the benchmark's file does not read as it was written, at byte ${at}`, {
      path: name,
      ino: file.ino,
    });
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

function statOf(volume: FileSystem, ino: number): FileStat {
  using handle = volume.openInode(ino);
  return handle.stat();
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
  },
  overwrite: {
    reads: false,
    prepare: makeFile,
    run: (bench) => writeAndSync(bench, 1),
    check: (bench) => checkPlaces(bench, 1),
    roomBytes: ({ fileBytes }) => 2 * fileBytes,
  },
  'rand-write': {
    reads: false,
    prepare: makeFile,
    run: randomWrites,
    roomBytes: ({ fileBytes, blockBytes, writes }, unit) => fileBytes + writes * wholeUnits(blockBytes, unit),
  },
  'append-sync': {
    reads: false,
    run: appends,
    roomBytes: ({ blockBytes, appends }, unit) => appends * (wholeUnits(blockBytes, unit) + SYNC_BLOCKS * BLKSIZE),
  },
  'small-files': { reads: false, run: smallFiles, roomBytes: ({ files }) => files * SMALL_ROOM },
  'read-back': {
    reads: true,
    prepare: makeFile,
    run: readBack,
    check: (bench) => checkPlaces(bench, 0),
    roomBytes: ({ fileBytes }) => fileBytes,
  },
};

export function workloadOf(name: WorkloadName): Workload {
  return { name, ...WORKLOADS[name] };
}
