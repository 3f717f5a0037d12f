// Files and directories of the host, or what is in a tar archive, into a volume that is mounted already, as a build would take them over.
// Nothing is undone here: who wants all or nothing abandons the mount when it throws, or when there are problems.
import * as fs from 'node:fs';
import * as path from 'node:path';
import { display, nameBytes } from '../bytes.ts';
import { checkSignal, F2fsError, hostError } from '../errors.ts';
import { checkName } from '../file/directory/directory.ts';
import { FEATURES } from '../format/constants.ts';
import { systemTime } from '../fs/clock.ts';
import { Directory } from '../fs/directory-handle.ts';
import type { FileSystem } from '../fs/file-system.ts';
import { namingRefused } from '../fs/refusals.ts';
import { joinPath } from '../fs/walk.ts';
import { type Host, thisHost } from '../host/host.ts';
import type { Problem } from '../problems.ts';
import { hostInodes, type ScanOptions } from '../source/host/scan.ts';
import type { HostTree } from '../source/host/tree.ts';
import type { Populated } from '../source/populated.ts';
import type { SourceTree } from '../source/source-tree.ts';
import type { TarSource } from '../source/tar/scan.ts';
import type { TarTree } from '../source/tar/tree.ts';
import { noSpaceFor } from '../volume/space.ts';
import { drive, driveScan, driveTars, INTERRUPTED, inTurns } from './drive.ts';
import { Estimate } from './estimate.ts';
import { checkPut } from './option-checks.ts';
import type { PutOptions, PutPlace } from './options.ts';
import { Populator, type PourTarget } from './populate.ts';
import { PutLinks } from './put-links.ts';

/** What `put` has made. */
export interface PutReport extends Populated {
  /** The first of each kind. */
  problems: Problem[];
  /** What the host could not tell, and entries left out on purpose. */
  notes: string[];
}

/** Blocks that an estimate counts for the root alone. */
const ROOT_BLOCKS = 2;

/** Blocks of a tree, or of the only file in it. */
async function neededBlocks(
  { volume }: FileSystem,
  tree: SourceTree,
  isDirectory: boolean,
  options: PutOptions,
): Promise<number> {
  const feature = volume.layout.sb.feature & ~FEATURES.lost_found;
  const blocks = await inTurns(new Estimate(tree, volume.layout.block, feature).blocks(), options);
  return isDirectory ? blocks : blocks - ROOT_BLOCKS;
}

/** ENOSPC that names the source, and what all of it needs when that is why. */
function withoutSpace(cause: F2fsError, source: string, neededBytes: number, freeBytes: number): F2fsError {
  const place = { path: source, cause };
  return neededBytes > freeBytes
    ? noSpaceFor(source, neededBytes, freeBytes, place)
    : new F2fsError('ENOSPC', cause.message, place);
}

/** Whether a source is put as the directory that it leads to: it is one, or is written as one. */
function isDirectorySource(source: string): boolean {
  const meansDirectory = /[/\\]$|(^|[/\\])\.{1,2}$/.test(source);
  return (meansDirectory ? statOf(source, fs.statSync) : statOf(source, fs.lstatSync)).isDirectory();
}

function statOf(source: string, stat: (path: string) => fs.Stats): fs.Stats {
  try {
    return stat(source);
  } catch (error) {
    throw hostError(`cannot read ${source}`, error, { path: source });
  }
}

/** What is put, whether as what is in it, and what of a directory it goes to is told of by it. */
interface PutTree {
  readonly tree: HostTree | TarTree;
  readonly isDirectory: boolean;
  readonly isRoot: boolean;
  /** For messages. */
  readonly name: string;
}

/**
 * Puts `source` (a file, a directory with all below it, a symlink or a special file) to its place, or with `tar` what is in an archive,
 * as a directory would be. Attributes, xattrs and hard links are kept, times but for atime too. A directory that is there already takes
 * what comes in addition, and its attributes. Throws what concerns the source as a whole or the volume (ENOSPC); what concerns one entry
 * is in the report's `problems`.
 * @param host for tests
 * @param links what several puts of one copy share
 */
export async function put(
  volume: FileSystem,
  source: TarSource,
  place: PutPlace,
  options: PutOptions = {},
  host: Host = thisHost(),
  links = new PutLinks(),
): Promise<PutReport> {
  checkPut(volume, source, place, options, host);
  checkSignal(options.signal, INTERRUPTED);
  checkPlace(place);
  if (options.tar === true) {
    const { xattrs, owner } = options;
    using tree = await driveTars([source], { xattrs, owner }, options);
    const name = typeof source === 'string' ? source : 'the archive';
    const one: PutTree = { tree, isDirectory: true, isRoot: tree.tellsRoot, name };
    // Numbers of its own inodes say nothing about those of others.
    return await putTree(volume, one, place, options, new PutLinks(), (relative) => relative);
  }
  const from = source as string;
  const isDirectory = isDirectorySource(from);
  if (!isDirectory && place.name === null) throw new F2fsError('ENOTDIR', `${from} is not a directory`);
  const parts = path.parse(from);
  const scan: ScanOptions = {
    exclude: options.exclude === undefined ? [] : hostInodes(options.exclude),
    xattrs: options.xattrs,
    owner: options.owner,
    host,
  };
  using tree = isDirectory
    ? await driveScan(from, scan, options)
    : await driveScan(parts.dir || '.', { ...scan, only: Buffer.from(parts.base) }, options);
  if (!isDirectory && tree.count === 1) throw missing(from, tree);
  const hostPath = (relative: string) => (isDirectory ? path.join(from, relative) : from);
  return await putTree(volume, { tree, isDirectory, isRoot: isDirectory, name: from }, place, options, links, hostPath);
}

/** @param pathOf of an entry, for messages, by the one in the tree */
async function putTree(
  volume: FileSystem,
  { tree, isDirectory, isRoot, name }: PutTree,
  place: PutPlace,
  options: PutOptions,
  links: PutLinks,
  pathOf: (relative: string) => string,
): Promise<PutReport> {
  const { holes = 'source' } = options;
  const target: PourTarget = {
    directory: isDirectory ? directoryAt(volume, place) : volume.openDirectory(place.directory),
    isRoot,
    name: isDirectory || place.name === null ? undefined : nameBytes(place.name, 'name'),
    replace: options.replace ?? true,
    links,
  };
  const { freeBlocks, blockBytes } = volume.statfs();
  const populator = new Populator(tree, volume, systemTime(), null, target, holes);
  try {
    await drive(populator, tree, options);
    populator.setFlags();
  } catch (error) {
    if (!(error instanceof F2fsError) || error.code !== 'ENOSPC') throw error;
    const needed = holes === 'zeros' ? 0 : await neededBlocks(volume, tree, isDirectory, options);
    throw withoutSpace(error, name, needed * blockBytes, (freeBlocks + populator.freedBlocks) * blockBytes);
  } finally {
    populator.close();
    target.directory.close();
  }
  return {
    ...populator.done,
    directories: populator.done.directories + (isDirectory && place.name !== null ? 1 : 0),
    problems: [...tree.problems, ...populator.problems.list].map((one) => ({ ...one, path: pathOf(one.path) })),
    notes: tree.skipped.map(({ path, message }) => `${path} ${message}`),
  };
}

/** Throws ENAMETOOLONG and EINVAL for what is no name. */
function checkPlace({ directory, name }: PutPlace): void {
  if (name === null) return;
  const bytes = nameBytes(name, 'name');
  namingRefused(
    joinPath(directory, bytes),
    () => [],
    () => checkName(bytes),
  );
}

/** The directory that a tree's root becomes: made when it is not there. Throws ENOTDIR. */
function directoryAt(volume: FileSystem, { directory, name }: PutPlace): Directory {
  if (name === null) return volume.openDirectory(directory);
  using parent = volume.openDirectory(directory);
  const there = parent.lookup(name);
  if (there === null) {
    const at = nameBytes(directory, 'directory');
    return namingRefused(
      at,
      () => [],
      () => parent.mkdir(name),
    );
  }
  const handle = parent.open(name);
  if (handle instanceof Directory) return handle;
  handle.close();
  throw new F2fsError('ENOTDIR', `"${display(name)}" in the image is not a directory`);
}

/** The scan came to nothing: the one entry is the image itself, or can't be read. */
function missing(source: string, { problems, skipped }: HostTree): F2fsError {
  const [why] = [...problems, ...skipped];
  return new F2fsError(why?.code ?? 'ENOENT', `${source} ${why?.message ?? 'does not exist'}`, { path: source });
}
