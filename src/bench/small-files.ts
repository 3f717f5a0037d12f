// Workloads of many small files.
import { corrupt } from '../errors.ts';
import type { FileHandle } from '../fs/file-handle.ts';
import type { FileSystem } from '../fs/file-system.ts';
import type { FileStat } from '../fs/stat.ts';
import type { Bench } from './bench.ts';
import { SEED, SeededRandom } from './random.ts';

/** Small files have from 512 bytes to 32 KiB, small ones more often, 7.8 KB on average. */
const SMALL_LEAST = 512;
const SMALL_RANGE = 64;
const FILES_PER_DIRECTORY = 200;
/** Of a file that is recovered: too many for its inode. */
const RECOVERED_BYTES = 4096;

/** Makes files in directories of some hundred each. */
function* makeFiles(bench: Bench, use: (file: FileHandle) => void): Generator<void> {
  const { volume, sizes } = bench;
  for (let made = 0; made < sizes.files; ) {
    using directory = volume.openDirectory(directoryName(bench, made));
    for (let i = 0; i < FILES_PER_DIRECTORY && made < sizes.files; i++, made++) {
      using file = directory.createFile(Buffer.from(`file-${i}.txt`));
      use(file);
      yield;
    }
  }
}

/** Where a small file lies. */
function directoryName({ name }: Bench, file: number): string {
  return `${name}-${Math.floor(file / FILES_PER_DIRECTORY)}`;
}

function makeDirectories(bench: Bench): void {
  for (let at = 0; at < bench.sizes.files; at += FILES_PER_DIRECTORY) bench.volume.mkdir(directoryName(bench, at));
}

function* writeSmallFiles(bench: Bench): Generator<void> {
  const random = new SeededRandom(SEED);
  const source = bench.content.source(0);
  makeDirectories(bench);
  yield* makeFiles(bench, (file) => {
    const length = Math.floor(SMALL_LEAST * SMALL_RANGE ** random.fraction());
    file.writeFrom(source, 0, length);
    bench.bytes += length;
    bench.operations++;
  });
}

export function* smallFiles(bench: Bench): Generator<void> {
  yield* writeSmallFiles(bench);
  bench.sync();
}

/** Files that live shortly: written, and removed before anything was synced. */
export function* createAndDelete(bench: Bench): Generator<void> {
  const { volume, sizes } = bench;
  yield* writeSmallFiles(bench);
  for (let gone = 0; gone < sizes.files; ) {
    using directory = volume.openDirectory(directoryName(bench, gone));
    for (let i = 0; i < FILES_PER_DIRECTORY && gone < sizes.files; i++, gone++) {
      directory.unlink(Buffer.from(`file-${i}.txt`));
      bench.operations++;
      yield;
    }
  }
  bench.sync();
}

/** Files of a block, each fsynced; then the power fails. */
export function* fsyncFiles(bench: Bench): Generator<void> {
  const source = bench.content.source(0);
  makeDirectories(bench);
  bench.volume.sync();
  yield* makeFiles(bench, (file) => {
    file.writeFrom(source, 0, RECOVERED_BYTES);
    file.fsync();
  });
}

/** The mount has done the work. */
export function* countRecovered(bench: Bench): Generator<void> {
  bench.operations = bench.sizes.files;
  bench.bytes = bench.sizes.files * RECOVERED_BYTES;
  yield;
}

/** Throws EUCLEAN when a file that was fsynced is not there, or not whole. */
export function checkRecovered(bench: Bench): void {
  const { volume, sizes } = bench;
  let whole = 0;
  for (let at = 0; at < sizes.files; at += FILES_PER_DIRECTORY) {
    const entries = volume.readdir(directoryName(bench, at));
    whole += entries.filter(({ ino }) => statOf(volume, ino).size === RECOVERED_BYTES).length;
  }
  if (whole === sizes.files) return;
  throw corrupt('bench-recovered', {}, sizes.files, whole);
}

export function statOf(volume: FileSystem, ino: number): FileStat {
  using handle = volume.openInode(ino);
  return handle.stat();
}
