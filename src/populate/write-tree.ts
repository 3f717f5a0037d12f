// A tree put into the volume of a new image: written at once, or through the page cache and one of its engines.
import type { FillThreads } from '../bulkload/fill-threads.ts';
import { TreeLoader } from '../bulkload/tree-loader.ts';
import { ALGORITHM_NAMES, type AlgorithmName } from '../compress/algorithms.ts';
import type { CompressPolicy } from '../file/inode/compression.ts';
import type { Timestamp } from '../file/inode/inode.ts';
import { flagNames } from '../format/inode-flags.ts';
import type { FileHandle } from '../fs/file-handle.ts';
import type { FileSystem } from '../fs/file-system.ts';
import type { Problem } from '../problems.ts';
import type { FoldedDirectories } from '../source/folded-names.ts';
import type { Populated } from '../source/populated.ts';
import type { SourceTree } from '../source/source-tree.ts';
import type { CompressChoice, NoneCompressed } from './compress-choice.ts';
import { drive, inTurns } from './drive.ts';
import type { Verity } from './estimate.ts';
import type { BuildOptions } from './options.ts';
import { Populator } from './populate.ts';

/** What compression did. */
export interface BuildCompressionReport {
  /** As asked for. */
  algorithm: AlgorithmName;
  /** 0: the algorithm has none, or for lz4 the fast variant. */
  level: number;
  /** Bytes of a cluster. */
  clusterBytes: number;
  /** Files that have a compressed cluster. */
  files: number;
  /** Compressed clusters. */
  clusters: number;
  /** Whole clusters that stay raw: compression would not save a block. */
  rawClusters: number;
  /** Blocks that these save. */
  savedBlocks: number;
  /** Pages of all these clusters for each block that they take; 1 when there are none. */
  ratio: number;
  /** Blocks that were given back. */
  releasedBlocks: number;
  /** Why there was no cluster: no file fits the choice, or none that does holds one of data. Else null. */
  none: NoneCompressed | null;
}

/** How files are compressed, and which. */
interface Compression {
  policy: CompressPolicy;
  choice: CompressChoice;
}

/** What was put into the volume. */
export interface WrittenTree {
  done: Populated;
  /** Bytes of content that are holes. */
  holeBytes: number;
  problems: readonly Problem[];
  /** Null when it was not asked for. */
  compression: BuildCompressionReport | null;
  /** Files that are under verity. */
  verityFiles: number;
}

/** Writes the tree to its places at once, filled by `threads`; by the ordinary way only what found no place so. Throws what concerns the volume. */
export async function load(
  tree: SourceTree,
  volume: FileSystem,
  threads: FillThreads,
  stamp: Timestamp,
  compression: Compression | null,
  folded: FoldedDirectories | null,
  verity: Verity | null,
  options: BuildOptions,
): Promise<WrittenTree> {
  const { holes = 'source', release = false } = options;
  const loader = new TreeLoader(tree, volume.volume, threads, {
    stamp,
    holes,
    compress: compression && { policy: compression.policy, has: (index) => compression.choice.has(index) },
    release,
    folded,
    verity: verity && { format: verity.format, has: (index) => verity.choice.has(index) },
  });
  try {
    await drive(loader, tree, options);
  } finally {
    loader.close();
  }
  const { done, holeBytes, problems, clusters, late } = loader;
  const written: WrittenTree = {
    done,
    holeBytes,
    problems: problems.list,
    compression: null,
    verityFiles: loader.nrVerity,
  };
  if (late.length > 0) await addLate(loader, tree, volume, stamp, verity, written, options);
  await inTurns(enableVerity(volume, loader.unhashed.keys(), verity), options);
  for (const [ino, flags] of loader.unhashed) {
    using handle = volume.openInode(ino);
    handle.setFlags(flagNames(flags));
  }
  if (compression === null) return written;
  const savedBlocks = clusters.pages - clusters.blocks;
  written.compression = reportOf(volume, compression, clusters, release ? savedBlocks : 0);
  return written;
}

/** Other names of files that could not be read by the one that came first. */
async function addLate(
  loader: TreeLoader,
  tree: SourceTree,
  volume: FileSystem,
  stamp: Timestamp,
  verity: Verity | null,
  written: WrittenTree,
  options: BuildOptions,
): Promise<void> {
  const populator = new Populator(tree, volume, stamp, null, null, options.holes, null, verity?.choice);
  try {
    for (const index of loader.late) {
      await inTurns(populator.addLate(index, loader.inoOf(tree.parent(index))), options);
    }
    await inTurns(enableVerity(volume, populator.verity, verity), options);
    populator.setFlags();
  } finally {
    populator.close();
  }
  for (const key of Object.keys(written.done) as (keyof Populated)[]) written.done[key] += populator.done[key];
  written.verityFiles += populator.verity.length;
  written.holeBytes += populator.holeBytes;
  written.problems = [...written.problems, ...populator.problems.list];
}

/** Pours the tree through the page cache. Throws what concerns the volume. */
export async function pour(
  tree: SourceTree,
  volume: FileSystem,
  stamp: Timestamp,
  compression: Compression | null,
  folded: FoldedDirectories | null,
  verity: Verity | null,
  options: BuildOptions,
): Promise<WrittenTree> {
  const choice = compression?.choice ?? null;
  const populator = new Populator(tree, volume, stamp, choice, null, options.holes, folded, verity?.choice);
  try {
    await drive(populator, tree, options);
  } finally {
    populator.close();
  }
  const report =
    compression &&
    (await inTurns(finishCompression(volume, populator, compression, options.release === true), options));
  await inTurns(enableVerity(volume, populator.verity, verity), options);
  populator.setFlags();
  const { done, holeBytes, problems } = populator;
  const verityFiles = populator.verity.length;
  return { done, holeBytes, problems: problems.list, compression: report, verityFiles };
}

/** Puts files under verity that are there. */
function* enableVerity(volume: FileSystem, inos: Iterable<number>, verity: Verity | null): Generator<void> {
  for (const ino of inos) {
    using handle = volume.openInode(ino) as FileHandle;
    yield* handle.enableVerityInSteps(verity?.format);
  }
}

/** Waits for the last clusters, gives back what they save if asked, and counts. */
function* finishCompression(
  volume: FileSystem,
  populator: Populator,
  compression: Compression,
  release: boolean,
): Generator<void, BuildCompressionReport> {
  volume.writeBack();
  let files = 0;
  let releasedBlocks = 0;
  for (const ino of populator.compressed) {
    using handle = volume.openInode(ino) as FileHandle;
    if ((handle.stat().compression?.savedBlocks ?? 0) === 0) continue;
    files++;
    if (release) releasedBlocks += handle.releaseBlocks();
    yield;
  }
  const { clusters, rawClusters, clusterPages: pages, clusterBlocks: blocks } = volume.writebackCounters;
  return reportOf(volume, compression, { files, clusters, rawClusters, pages, blocks }, releasedBlocks);
}

function reportOf(
  volume: FileSystem,
  { policy, choice }: Compression,
  { files, clusters, rawClusters, pages, blocks }: TreeLoader['clusters'],
  releasedBlocks: number,
): BuildCompressionReport {
  const rawPages = rawClusters * policy.clusterPages;
  const isNone = clusters + rawClusters === 0;
  return {
    algorithm: ALGORITHM_NAMES[policy.codec.algorithm],
    level: policy.codec.level,
    clusterBytes: policy.clusterPages * volume.statfs().blockBytes,
    files,
    clusters,
    rawClusters,
    savedBlocks: pages - blocks,
    ratio: isNone ? 1 : (pages + rawPages) / (blocks + rawPages),
    releasedBlocks,
    none: isNone ? choice.whyNone() : null,
  };
}
