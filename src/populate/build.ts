// A directory of the host, or tar archives, made into an image: format, mount, fill, checkpoint. Nothing here writes a block itself.
import * as fs from 'node:fs';
import { startFilling } from '../bulkload/tree-loader.ts';
import { defaultWorkers, MIN_CLUSTER_FRAMES } from '../compress/cluster-buffers.ts';
import type { FileDevice } from '../device/file-device.ts';
import { type TargetPlace, targetAt } from '../device/host-target.ts';
import { NewImage, openAroundCache, removeLeftParts } from '../device/new-image.ts';
import { checkSignal, F2fsError } from '../errors.ts';
import type { CompressPolicy } from '../file/inode/compression.ts';
import type { Timestamp } from '../file/inode/inode.ts';
import { I_FLAGS } from '../format/inode.ts';
import { formatUuid } from '../format/superblock.ts';
import { systemTime } from '../fs/clock.ts';
import { type FileSystem, mount } from '../fs/file-system.ts';
import type { MountOptions } from '../fs/mount-options.ts';
import { type Host, thisHost } from '../host/host.ts';
import { featureBits, quotaTypes } from '../mkfs/features.ts';
import { format, planSize } from '../mkfs/format.ts';
import { type Geometry, smallestGeometry } from '../mkfs/geometry.ts';
import { contentsOf } from '../mkfs/probe.ts';
import { MIN_PAGES } from '../pagecache/pool.ts';
import type { Problem } from '../problems.ts';
import { hostInodes } from '../source/host/scan.ts';
import type { Populated } from '../source/populated.ts';
import type { SourceTree } from '../source/source-tree.ts';
import type { TarSource } from '../source/tar/scan.ts';
import { sealReadOnly } from '../volume/seal.ts';
import {
  blockOf,
  casefoldOf,
  checkBuildOptions,
  compressionPolicy,
  featuresOf,
  formatOptions,
  isAutoSized,
  shapeOf,
  sizeRules,
  verityOf,
} from './build-options.ts';
import { CasefoldChoice } from './casefold-choice.ts';
import { CompressChoice } from './compress-choice.ts';
import { driveScan, driveTars, INTERRUPTED, inTurnsOfScan, turn } from './drive.ts';
import { Estimate } from './estimate.ts';
import { addFlag, FileChoice } from './file-choice.ts';
import { closeAtItsSize, closeAtLeastSize, firstGeometry } from './image-size.ts';
import { checkBuild } from './option-checks.ts';
import type { BuildOptions, BuildSource } from './options.ts';
import { quotaBlocks } from './quota-blocks.ts';
import { ReplacedImage, replacedNotes } from './replaced.ts';
import { unfitNotes } from './unfit-notes.ts';
import { type BuildCompressionReport, load, pour, type WrittenTree } from './write-tree.ts';

export type { Populated } from '../source/populated.ts';
export type { BuildProgress } from './drive.ts';
export type { BuildCompressionReport } from './write-tree.ts';

/** What `build` has made. */
export interface BuildReport extends Populated {
  /** Path of the image, as it was given. */
  image: string;
  /** As 8-4-4-4-12 hexadecimal digits. */
  uuid: string;
  /** Bytes of the image. */
  imageBytes: number;
  /** Bytes of content that are holes in the image. */
  holeBytes: number;
  /** The first of each kind. */
  problems: Problem[];
  /** What the host could not tell, and entries left out on purpose. */
  notes: string[];
  /** Time that it took. */
  seconds: number;
  /** What compression did; null when it was not asked for. */
  compression: BuildCompressionReport | null;
  /** Files that are under verity. */
  verityFiles: number;
  /** Bytes of a block. */
  blockBytes: number;
  /** Blocks that are in use or promised. */
  usedBlocks: number;
  /** Blocks that files may still take. */
  freeBlocks: number;
}

const MIB = 1024 * 1024;
/** Page cache, where the table of the tree leaves as much: a million entries, whose table has 96 MiB, are built within 350 MiB. */
const DEFAULT_CACHE = 64 * MIB;
const LEAST_CACHE = 32 * MIB;
const CACHE_AND_TABLE = 140 * MIB;
/** Clusters under way and the threads' tables come to the pages. */
const COMPRESSION_CACHE = 128 * MIB;

/**
 * Makes `image` (a file or a block device) from a directory, or from tar archives, each applied on those before it. An image file is
 * written beside its name and moved there when it is whole, so a build that fails leaves what was there; a symlink stays, and leads to the
 * image.
 * Throws EEXIST without `force` when the target is not empty, ENOTBLK when it is neither file nor block device, ENOSPC with
 * the size that is needed, ECANCELED when the signal ends it; what concerns single entries is in the report's `problems`.
 * @param host for tests
 */
export async function build(
  source: BuildSource,
  image: string,
  options: BuildOptions = {},
  host: Host = thisHost(),
): Promise<BuildReport> {
  checkBuild(source, image, options, host);
  return buildFrom(() => scanSource(source, image, options, host), image, options);
}

async function scanSource(
  source: BuildSource,
  image: string,
  options: BuildOptions,
  host: Host,
): Promise<SourceTree & Disposable> {
  const { xattrs, owner, ociWhiteouts: whiteouts } = options;
  const sources = isSeveral(source) ? source : [source];
  const directory = sources.find((one) => typeof one === 'string' && !isTarPath(one));
  if (directory === undefined) return await driveTars(sources, { xattrs, owner, whiteouts }, options);
  const path = directory as string;
  if (sources.length > 1) {
    const message = `${path} is no file: several sources must be tar archives`;
    throw new F2fsError('EINVAL', message, { path });
  }
  if (whiteouts === true)
    throw new F2fsError('EINVAL', "without a tar archive 'ociWhiteouts' has no effect: leave it out");
  return await driveScan(path, { exclude: hostInodes(image), xattrs, owner, host }, options);
}

function isSeveral(source: BuildSource): source is readonly TarSource[] {
  return Array.isArray(source);
}

/** Whether a path leads to what is no directory. What there is not is told when it is read as one. */
function isTarPath(path: string): boolean {
  try {
    return path !== '' && !fs.statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** The same from any tree, which `scan` gives once it is known that it can go to the image. */
export async function buildFrom(
  scan: () => Promise<SourceTree & Disposable>,
  image: string,
  wanted: BuildOptions,
): Promise<BuildReport> {
  const started = performance.now();
  checkBuildOptions(wanted);
  const options = wanted.readOnly === true ? neverWritten(wanted) : wanted;
  checkSignal(options.signal, INTERRUPTED);
  const target = targetAt(image);
  const isDevice = target.kind === 'block';
  if (target.kind === 'file' && options.force !== true) {
    throw new F2fsError('EEXIST', `${image} exists already; force: true replaces it`, { path: image });
  }
  using replaced = target.kind === 'file' ? new ReplacedImage(image) : null;
  const notes = isDevice ? [] : removeLeftParts(target.path);
  if (target.kind !== null) notes.push(...replacedNotes(image));
  const policy = options.compress === undefined ? null : compressionPolicy(options);
  using tree = await scan();
  if (options.immutable !== undefined) addFlag(tree, new FileChoice(tree, options.immutable), I_FLAGS.IMMUTABLE);
  // They start while it is counted what the tree takes.
  const workers = options.workers ?? defaultWorkers();
  const block = blockOf(options);
  const hashing = verityOf(options);
  using threads = options.engine === undefined ? startFilling(tree, block.blockSize, policy, hashing, workers) : null;
  const now = stamp(options);
  const choice = policy && new CompressChoice(tree, policy.clusterPages, block.blockSize, options.compress ?? {});
  const feature = featureBits(featuresOf(options));
  const folding = casefoldOf(options);
  const folded = folding && new CasefoldChoice(tree, options.casefold ?? [], folding);
  notes.push(...unfitNotes(tree, options));
  const verity = hashing && { format: hashing, choice: new FileChoice(tree, options.verity!.globs) };
  const estimated = await inTurnsOfScan(
    new Estimate(tree, block, feature, choice, policy?.clusterPages ?? 1, folded, verity).blocks(),
    tree,
    options,
  );
  const needed = estimated + quotaBlocks(tree, quotaTypes(featuresOf(options)), block, folded);
  const made = isDevice ? openDevice(image, needed, options) : newImage(target, needed, options);
  const { device } = made;
  let report: BuildReport;
  let volume: FileSystem | null = null;
  try {
    await turn(options);
    const { uuid } = format(device, { ...formatOptions(options, now), startSector: device.startSector });
    await turn(options);
    volume = mount(device, mountOptions(options, now, policy, block.blockSize, tree.memoryBytes));
    const compression = policy && choice && { policy, choice };
    const written =
      threads === null
        ? await pour(tree, volume, now, compression, folded, verity, options)
        : await load(tree, volume, threads, now, compression, folded, verity, options);
    await turn(options);
    if (isDevice) {
      volume.close();
    } else if (!isAutoSized(options)) {
      closeAtItsSize(volume);
    } else {
      const rules = sizeRules(options);
      const { sizeBytes, canGrow, growthBound } = closeAtLeastSize(volume, rules, needed);
      device.resize(sizeBytes / device.blockSize);
      if (growthBound !== null) notes.push(boundText(growthBound));
      if (!canGrow && !rules.tight) notes.push(FIXED_SIZE);
    }
    if (options.readOnly === true) {
      const nrBlocks = seal(device, block.blockSize);
      if (!isDevice) device.resize(nrBlocks);
    }
    const imageBytes = typeof options.size === 'number' ? options.size : device.nrBlocks * device.blockSize;
    report = reportOf(image, imageBytes, formatUuid(uuid), tree, written, volume);
    if (options.readOnly === true) report.freeBlocks = 0;
    report.notes.unshift(...notes);
    device.close();
    replaced?.assertSame();
    made.publish(options.force === true);
  } catch (error) {
    volume?.abandon();
    closeQuietly(device);
    made.discard();
    throw error;
  }
  report.seconds = (performance.now() - started) / 1000;
  return report;
}

/** Nothing keeps what compression saves where nothing is written. */
function neverWritten(options: BuildOptions): BuildOptions {
  return { ...options, release: options.compress === undefined ? undefined : true };
}

/** Makes it of a volume that was closed. Returns the device's blocks that it takes. */
function seal(device: FileDevice, blockSize: number): number {
  const volume = mount(device, { readonly: true, cacheBytes: Math.max(LEAST_CACHE, MIN_PAGES * blockSize) });
  try {
    return (sealReadOnly(volume.volume) * blockSize) / device.blockSize;
  } finally {
    volume.abandon();
  }
}

function mountOptions(
  options: BuildOptions,
  now: Timestamp,
  policy: CompressPolicy | null,
  blockSize: number,
  tableBytes: number,
): MountOptions {
  const { engine } = options;
  // The volume has what the tree takes and is written once: there is nothing to clean.
  const common: MountOptions = { now: () => now, engine, cleaning: false, discard: false };
  if (policy === null) {
    const left = Math.min(DEFAULT_CACHE, CACHE_AND_TABLE - tableBytes);
    return { ...common, cacheBytes: options.cacheBytes ?? Math.max(LEAST_CACHE, MIN_PAGES * blockSize, left) };
  }
  return {
    ...common,
    cacheBytes: options.cacheBytes ?? Math.max(COMPRESSION_CACHE, MIN_CLUSTER_FRAMES * blockSize),
    // Without an engine clusters are compressed where files are read.
    workers: engine === undefined ? 0 : (options.workers ?? defaultWorkers()),
    compress: { codec: policy.codec, clusterPages: policy.clusterPages, checksum: policy.checksum },
  };
}

function stamp({ sourceDateEpoch }: BuildOptions): Timestamp {
  return sourceDateEpoch === undefined ? systemTime() : { sec: sourceDateEpoch, nsec: 0 };
}

const FIXED_SIZE =
  'resize.f2fs may fail to grow the image to some sizes, and lose it: where it is to be larger, give it that size at once';

function boundText(bytes: number): string {
  return `the contents took less than was to be expected; resize.f2fs must not grow the image to less than ${bytes} bytes (${bytes / 2 ** 20} MiB), which would destroy it`;
}

/** Where the tree goes. */
type Target = Pick<NewImage, 'device' | 'publish' | 'discard'>;

/** An image file of the least size, or of the size asked for once that is known to be large enough. */
function newImage({ path }: TargetPlace, needed: number, options: BuildOptions): Target {
  const rules = sizeRules(options);
  const { size = 'auto' } = options;
  if (size !== 'auto') checkRoom(path, size, needed + rules.freeBlocks, options);
  return NewImage.create(path, size === 'auto' ? leastBytes(firstGeometry(needed, rules, shapeOf(options))) : size);
}

/** A block device, once it is known to be large enough. What it holds is replaced with `force` only. */
function openDevice(path: string, needed: number, options: BuildOptions): Target {
  if (!isAutoSized(options)) {
    throw new F2fsError('EINVAL', `${path} is a block device: it has its own size; leave the size out`, { path });
  }
  if (options.tight) {
    throw new F2fsError('EINVAL', `${path} is a block device: it has its own size; leave 'tight' out`, { path });
  }
  const device = openAroundCache(path);
  try {
    const contents = options.force === true ? null : contentsOf(device);
    if (contents !== null) {
      throw new F2fsError('EEXIST', `${path} ${contents.now}; force: true replaces that`, { path });
    }
    checkRoom(path, device.nrBlocks * device.blockSize, needed + sizeRules(options).freeBlocks, options);
  } catch (error) {
    device.close();
    throw error;
  }
  return { device, publish: () => undefined, discard: () => undefined };
}

function leastBytes({ blockCount, blockSize }: Geometry): number {
  return blockCount * blockSize;
}

/** Throws ENOSPC, naming the size that would do, when the tree can't fit. */
function checkRoom(path: string, sizeBytes: number, wanted: number, options: BuildOptions): void {
  const { geometry } = planSize(sizeBytes, formatOptions(options, { sec: 0, nsec: 0 }));
  if (geometry.userBlockCount >= wanted) return;
  const least = leastBytes(smallestGeometry(shapeOf(options), wanted));
  throw new F2fsError(
    'ENOSPC',
    `the tree does not fit: it needs an image of ${least} bytes (${Math.ceil(least / 2 ** 20)} MiB), the target has ${sizeBytes}`,
    { path },
  );
}

function reportOf(
  image: string,
  imageBytes: number,
  uuid: string,
  tree: SourceTree,
  written: WrittenTree,
  { volume }: FileSystem,
): BuildReport {
  const notes = tree.skipped.map(({ path, message }) => `${path} ${message}`);
  return {
    image,
    uuid,
    imageBytes,
    ...written.done,
    holeBytes: written.holeBytes,
    problems: [...tree.problems, ...written.problems],
    notes,
    seconds: 0,
    compression: written.compression,
    verityFiles: written.verityFiles,
    blockBytes: volume.layout.block.blockSize,
    usedBlocks: volume.space.validBlockCount,
    freeBlocks: volume.space.freeBlocks,
  };
}

function closeQuietly(device: FileDevice): void {
  try {
    device.close();
  } catch {
    // The failure that led here says more.
  }
}
