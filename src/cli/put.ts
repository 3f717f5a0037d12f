// f2fs put: files and directories of the host, or what is in tar archives, into an image that exists.

import * as fs from 'node:fs';
import * as path from 'node:path';
import { F2fsError } from '../errors.ts';
import {
  type BuildProgress,
  type ByteSource,
  type FileSystem,
  type HolePolicy,
  type PutPlace,
  type PutReport,
  put as putSource,
  splitPath,
  type Timestamp,
} from '../index.ts';
import { assertFitsPinned, clearRest } from '../populate/pinned-target.ts';
import { PutLinks } from '../populate/put-links.ts';
import { type ChangeOptions, changeImage } from './change.ts';
import { reportInCommandWords } from './command-words.ts';
import { Destination, hostName, typeAt } from './destination.ts';
import { afterOthers, complain, complainOf, EXIT, UsageError } from './errors.ts';
import { endsWithSlash, printable, volumePath } from './names.ts';
import { naming } from './naming.ts';
import { printJson, printTable } from './output.ts';
import type { Progress } from './progress.ts';
import { assertStandardInput, ReplayedInput } from './replayed-input.ts';
import { countedEntries, longSize, shortSize } from './sizes.ts';

export interface PutCommandOptions extends ChangeOptions {
  /** -T */
  targetDirectory?: boolean;
  tar?: boolean;
  replace?: boolean;
  holes?: HolePolicy;
  allRoot?: boolean;
  xattrs?: boolean;
  escaped?: boolean;
  json?: boolean;
}

/** What was put of all sources. */
interface Total extends PutReport {
  image: string;
  freeBlocks: number;
  blockBytes: number;
}

/** Bytes of standard input that are written at a time, at least. */
const PIECE_BYTES = 256 * 1024;
/** Stands for standard input. */
const STDIN = '-';

/** Puts each source to `to`; a problem with any entry of them leaves the image as it was. Throws what put throws. */
export async function put(image: string, sources: string[], to: string, options: PutCommandOptions): Promise<number> {
  let total: Total = { ...nothing(), image, freeBlocks: 0, blockBytes: 0 };
  if (sources.includes(STDIN)) assertStandardInput();
  if (options.tar !== true) for (const source of sources) refuseDescriptor(source);
  else if (options.targetDirectory === false) throw new UsageError('-T has no effect with --tar');
  using input = new ReplayedInput();
  const target = volumePath(to, options.escaped);
  const exitCode = await changeImage('put', image, options, async (volume, signal, progress) => {
    total = { ...nothing(), image, freeBlocks: 0, blockBytes: 0 };
    const { replace, holes, xattrs, tar } = options;
    const owner = options.allRoot ? { uid: 0, gid: 0 } : undefined;
    const onProgress = (at: BuildProgress) => progress.tree(at);
    const wanted = { replace, holes, owner, xattrs, tar, signal, onProgress };
    if (tar === true) {
      for (const [index, source] of sources.entries()) {
        const from = source === STDIN ? input.chunks(signal) : source;
        add(total, await afterOthers(index, () => putSource(volume, from, unpackingPlace(volume, target), wanted)));
      }
    } else {
      const nameItself = options.targetDirectory === false || isNewDirectory(volume, sources, target);
      const destination = new Destination(volume, target, sources.length, nameItself);
      const links = new PutLinks();
      for (const [index, source] of sources.entries()) {
        if (source === STDIN) {
          await putStdin(volume, destination, options, input.chunks(signal), total, progress);
          continue;
        }
        const one = await afterOthers(index, () =>
          putSource(volume, source, placeOf(source, destination), { ...wanted, exclude: image }, undefined, links),
        );
        add(total, one);
      }
    }
    ({ freeBlocks: total.freeBlocks, blockBytes: total.blockBytes } = volume.statfs());
    return total.problems.length > 0 ? EXIT.failed : EXIT.ok;
  });
  complainOf('put', total.problems);
  if (total.problems.length > 0) {
    complain('put', options.inSteps ? 'what is above was not put' : `nothing was put: ${image} is as it was`);
  }
  if (exitCode !== EXIT.ok) return exitCode;
  for (const note of total.notes) if (!options.quiet) complain('put', `note: ${note}`);
  if (options.json) await printJson(reportInCommandWords(total));
  else if (!options.quiet) await printTable(summary(total));
  return exitCode;
}

/**
 * Throws EINVAL for the name of something that is open, which a shell makes of `<(command)`: on Linux a symlink that says nothing anywhere
 * else, and put would take it for one.
 */
function refuseDescriptor(source: string): void {
  if (source === STDIN) return;
  let directory: string;
  try {
    directory = fs.realpathSync(path.dirname(source));
  } catch {
    return;
  }
  const isStream = directory === '/dev' && /^std(in|out|err)$/.test(path.basename(source));
  if (!isStream && !/^\/dev\/fd$|^\/proc\/\d+(\/task\/\d+)?\/fd$/.test(directory)) return;
  const message =
    'it stands for something that is open, not for a file of its own: give it to standard input, which is -';
  throw new F2fsError('EINVAL', message, { path: source });
}

/** Whether a directory gets a name that ends with a slash and that nothing has: allowed, as it can only mean a directory. */
function isNewDirectory(volume: FileSystem, [source, ...others]: readonly string[], to: Uint8Array): boolean {
  if (others.length > 0 || !endsWithSlash(to) || typeAt(volume, to) !== null) return false;
  return source !== STDIN && fs.lstatSync(source, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** `dir/.` means what is in it; else a source keeps its name in a directory. */
function placeOf(source: string, destination: Destination): { directory: Uint8Array; name: Uint8Array | null } {
  const name = hostName(source);
  if (name === null && destination.isDirectory) return { directory: destination.path, name };
  return destination.placeOf(name ?? new Uint8Array(0));
}

/** What is in an archive goes into a directory, which is made where there is none of that name. */
function unpackingPlace(volume: FileSystem, to: Uint8Array): PutPlace {
  return typeAt(volume, to) === 'directory' ? { directory: to, name: null } : splitPath(to);
}

/** A file that is there keeps its attributes, as with the shell's `>`; a pinned one its size and place, too. */
async function putStdin(
  volume: FileSystem,
  { path, isDirectory }: Destination,
  { replace = true, holes }: PutCommandOptions,
  input: AsyncIterable<Uint8Array>,
  total: Total,
  progress: Progress,
): Promise<void> {
  if (isDirectory) throw new UsageError('standard input needs the name of a file');
  naming(path, () => {
    if (!replace && exists(volume, path)) throw new F2fsError('EEXIST', 'it exists in the image');
    if (!isPinned(volume, path)) volume.writeFile(path, new Uint8Array(0));
  });
  using file = volume.openFile(path);
  const sparse = holes === 'zeros' && !file.pinned;
  let size = 0;
  for await (const chunk of inBlocks(input, volume.statfs().blockBytes)) {
    if (file.pinned) naming(path, () => assertFitsPinned(file, size + chunk.length, true));
    const fill: ByteSource['fill'] = (memory, offset, length, position) =>
      memory.set(chunk.subarray(position - size, position - size + length), offset);
    // A stream has no holes of its own.
    naming(path, () => file.writeFrom({ fill }, size, chunk.length, { sparse, time: now() }));
    size += chunk.length;
    progress.show(() => `standard input  ${shortSize(size)}`);
  }
  if (file.pinned) naming(path, () => [...clearRest(file, size)]);
  total.files++;
  total.contentBytes += size;
}

function now(): Timestamp {
  const ms = Date.now();
  return { sec: Math.floor(ms / 1000), nsec: (ms % 1000) * 1_000_000 };
}

function isPinned(volume: FileSystem, path: Uint8Array): boolean {
  if (typeAt(volume, path) !== 'file') return false;
  using file = volume.openFile(path);
  return file.pinned;
}

/** The same bytes in pieces of whole blocks, but for the last one: only a whole block of zeros can become a hole. */
async function* inBlocks(input: AsyncIterable<Uint8Array>, blockBytes: number): AsyncGenerator<Uint8Array> {
  let waiting: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of input) {
    waiting.push(chunk);
    length += chunk.length;
    if (length < PIECE_BYTES) continue;
    const bytes = Buffer.concat(waiting, length);
    const whole = length - (length % blockBytes);
    yield bytes.subarray(0, whole);
    waiting = [bytes.subarray(whole)];
    length -= whole;
  }
  if (length > 0) yield Buffer.concat(waiting, length);
}

function exists(volume: FileSystem, path: Uint8Array): boolean {
  try {
    volume.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof F2fsError && error.code === 'ENOENT') return false;
    throw error;
  }
}

function nothing(): PutReport {
  const counts = { files: 0, directories: 0, symlinks: 0, special: 0, hardLinks: 0, contentBytes: 0, xattrs: 0 };
  return { ...counts, problems: [], notes: [] };
}

function add(total: PutReport, one: PutReport): void {
  const { problems, notes, ...counts } = one;
  for (const name of Object.keys(counts) as (keyof typeof counts)[]) total[name] += counts[name];
  total.problems.push(...problems);
  total.notes.push(...notes);
}

function summary(total: Total): [string, string | null][] {
  return [
    ['image', printable(total.image)],
    ['entries', countedEntries(total).join(', ') || 'none'],
    ['contents', longSize(total.contentBytes)],
    ['xattrs', total.xattrs > 0 ? String(total.xattrs) : null],
    ['free', shortSize(total.freeBlocks * total.blockBytes)],
  ];
}
