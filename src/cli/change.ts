// Mounts the image that a command changes: what the command does becomes true with one checkpoint, or with one rename, or not at all.

import * as fs from 'node:fs';
import { openNamed } from '../device/file-device.ts';
import { targetAt } from '../device/host-target.ts';
import { type ByteRange, ImageCopy } from '../device/image-copy.ts';
import { removeLeftParts } from '../device/new-image.ts';
import { checkSignal, F2fsError } from '../errors.ts';
import { BLKSIZE, type FileDevice, type FileSystem, type MountOptions, mount, openFileDevice } from '../index.ts';
import { usedRanges } from '../volume/used-ranges.ts';
import { complain, EXIT, Warnings } from './errors.ts';
import { HostRoom } from './host-room.ts';
import { assertThere } from './image.ts';
import { Interruption, killable } from './interrupt.ts';
import { escaped } from './names.ts';
import { naming } from './naming.ts';
import { isDone } from './output.ts';
import { Progress, percentText } from './progress.ts';
import { shortSize } from './sizes.ts';

/**
 * What a command does to a volume. Any exit code but 0 undoes it, as throwing does. It may be called a second time, on the volume as
 * it was at first. Whoever is told of its progress says it through `progress`.
 */
export type Change = (volume: FileSystem, signal: AbortSignal, progress: Progress) => Promise<number> | number;

export interface ChangeOptions {
  /** Checkpoints are written whenever the volume needs them: an interruption leaves a part of the change. Default: false. */
  inSteps?: boolean;
  quiet?: boolean;
}

/** Bytes of page cache: a second mount may follow while the first one's memory is still there. */
const CACHE_BYTES = 64 * 1024 * 1024;
/** Milliseconds of work between two turns of the event loop, in which signals arrive. */
const TURN_MS = 50;
const WRITING = 'writing the changes';

/**
 * Runs `work` on the volume of `image`, wholly or not at all. First with the one checkpoint that makes it true at its end: when it
 * fails, is interrupted, or the process dies, what was written lies in blocks that no checkpoint knows. Where that takes more than
 * what is free, since nothing that is replaced can be overwritten, `work` runs anew on a copy of the image, with as many
 * checkpoints as it takes, and the copy takes the image's place. Throws what failed.
 */
export async function changeImage(
  command: string,
  image: string,
  { inSteps = false, quiet = false }: ChangeOptions,
  work: Change,
): Promise<number> {
  assertThere(image);
  using interruption = new Interruption();
  const { signal } = interruption;
  const warnings = new Warnings(command, image);
  using progress = new Progress(quiet);
  /** Whether a part of the change may last. */
  let hasBegun = false;
  const device = killable(() => openFileDevice(image, { writable: true }));
  try {
    tellLeftParts(command, image, device, quiet);
    const room = new HostRoom(device);
    if (inSteps) {
      await turn(signal);
      hasBegun = true;
      return await changeInSteps(device, room, work, signal, warnings, progress);
    }
    const outcome = await attempt(device, room, 'explicit', work, signal, warnings, progress);
    if (typeof outcome === 'number') return told(outcome, image);
    interruption.mustCleanUp = true;
    const copy = await copyOf(image, device, outcome, signal, progress);
    try {
      return told(await changeCopy(image, copy, work, signal, warnings, progress), image);
    } finally {
      copy.discard();
    }
  } catch (error) {
    const canceled = error instanceof F2fsError && error.code === 'ECANCELED';
    const consequence = hasBegun ? `a part of the change is in ${image}` : `${image} is as it was`;
    const exitCode = canceled ? interruption.exitCode(command, consequence) : null;
    if (exitCode !== null) return exitCode;
    throw error;
  } finally {
    // What was written is flushed: the failure of a change says more than that of a close.
    closeQuietly(device);
  }
}

function told(exitCode: number, image: string): number {
  if (exitCode === EXIT.ok) isDone(`${image} is changed`);
  return exitCode;
}

/** Removes what an earlier command that was killed left beside the image. */
function tellLeftParts(command: string, image: string, { kind }: FileDevice, quiet: boolean): void {
  if (kind !== 'file') return;
  const notes = killable(() => removeLeftParts(targetAt(image).path));
  if (!quiet) for (const note of notes) complain(command, `note: ${note}`);
}

/** Why a change can't be made true by one checkpoint at its end. */
interface TakesMore {
  code: string;
  why: string;
}

const NO_ROOM: TakesMore = { code: 'ENOSPC', why: 'the change does not fit beside what it replaces' };
const IN_PLACE: TakesMore = { code: 'EOPNOTSUPP', why: 'the change overwrites a pinned file where it lies' };

/**
 * Runs `work` on a mount of `device`. Says why when that takes more than one checkpoint: nothing is changed then. What was written in
 * vain is given back to the host, unless `room` is null: the image is a copy then, which goes.
 */
async function attempt(
  device: FileDevice,
  room: HostRoom | null,
  checkpoints: MountOptions['checkpoints'],
  work: Change,
  signal: AbortSignal,
  warnings: Warnings,
  progress: Progress,
): Promise<number | TakesMore> {
  // What came before `killable` stops listening would be lost.
  await turn(signal);
  const volume = killable(() => mount(device, { checkpoints, cacheBytes: CACHE_BYTES }));
  warnings.tell(volume);
  try {
    const exitCode = await work(volume, signal, progress);
    // A signal that came in the last turn is heard now; one that comes later finds the change done.
    await turn(signal);
    if (exitCode === EXIT.ok) {
      progress.announce(WRITING);
      killable(() => volume.close());
    } else {
      const { exceedsCheckpoint } = volume;
      volume.abandon();
      room?.giveBack(volume, null);
      // A lack of room is thrown; what is told of single entries is that.
      if (exceedsCheckpoint) return IN_PLACE;
    }
    warnings.tell(volume);
    return exitCode;
  } catch (error) {
    const { exceedsCheckpoint } = volume;
    volume.abandon();
    room?.giveBack(volume, error);
    const reason = [NO_ROOM, IN_PLACE].find(({ code }) => error instanceof F2fsError && error.code === code);
    if (exceedsCheckpoint && reason !== undefined) return reason;
    throw error;
  }
}

/** Whatever becomes of `work`: what it did lasts. */
async function changeInSteps(
  device: FileDevice,
  room: HostRoom,
  work: Change,
  signal: AbortSignal,
  warnings: Warnings,
  progress: Progress,
): Promise<number> {
  const volume = killable(() => mount(device, { cacheBytes: CACHE_BYTES }));
  warnings.tell(volume);
  try {
    return await work(volume, signal, progress);
  } finally {
    progress.announce(WRITING);
    closeOrGiveBack(volume, room);
    warnings.tell(volume);
  }
}

function closeOrGiveBack(volume: FileSystem, room: HostRoom): void {
  try {
    killable(() => volume.close());
  } catch (error) {
    volume.abandon();
    room.giveBack(volume, error);
    throw error;
  }
}

/** The image as its last checkpoint has it, in a file of its own. */
async function copyOf(
  image: string,
  device: FileDevice,
  { code, why }: TakesMore,
  signal: AbortSignal,
  progress: Progress,
): Promise<ImageCopy> {
  using found = mount(device, { readonly: true, cacheBytes: CACHE_BYTES });
  const { volume } = found;
  const total = volume.space.validBlockCount * BLKSIZE;
  try {
    return await ImageCopy.make(image, copiedRanges(volume, fs.statSync(image).size), {
      signal,
      onProgress: (bytes) => progress.show(() => `copying the image  ${shortSize(bytes)} of ${shortSize(total)}`),
    });
  } catch (error) {
    if (!(error instanceof F2fsError) || error.code === 'ECANCELED') throw error;
    const message = `${why}, and ${error.message}; --in-steps makes it in several steps`;
    throw new F2fsError(code, message, { path: image, cause: error });
  }
}

/** What the volume needs, and what lies behind it in the file. */
function* copiedRanges(volume: FileSystem['volume'], sizeBytes: number): Generator<ByteRange> {
  for (const { blkaddr, nrBlocks } of usedRanges(volume))
    yield { start: blkaddr * BLKSIZE, end: (blkaddr + nrBlocks) * BLKSIZE };
  yield { start: volume.layout.mainEnd * BLKSIZE, end: sizeBytes };
}

async function changeCopy(
  image: string,
  copy: ImageCopy,
  work: Change,
  signal: AbortSignal,
  warnings: Warnings,
  progress: Progress,
): Promise<number> {
  const device = openNamed(image, copy.path, { writable: true });
  let exitCode: number;
  try {
    // With checkpoints as they are needed nothing takes more.
    exitCode = (await attempt(device, null, 'auto', work, signal, warnings, progress)) as number;
  } finally {
    device.close();
  }
  if (exitCode === EXIT.ok) {
    await turn(signal);
    copy.commit();
  }
  return exitCode;
}

/** Lets signals arrive. Throws ECANCELED when one has come. */
async function turn(signal: AbortSignal): Promise<void> {
  // Two turns: between the end of a call of the host, where the work may stand, and the first one nothing is heard.
  for (let i = 0; i < 2; i++) await new Promise<void>((resolve) => setImmediate(resolve));
  checkSignal(signal, 'interrupted');
}

/** Does `work` for each path in turn, tells how many are done, and lets signals arrive. What it throws names the path. */
export async function forEachPath(
  paths: readonly Uint8Array[],
  signal: AbortSignal,
  progress: Progress,
  work: (path: Uint8Array) => void,
): Promise<void> {
  const turns = new Turns(signal, progress);
  for (const [done, path] of paths.entries()) {
    naming(path, () => killable(() => work(path)));
    await turns.pass(() => `${percentText((done + 1) / paths.length)}  ${done + 1}/${paths.length}  ${escaped(path)}`);
  }
}

/** To be asked between two steps of something long. */
export class Turns {
  readonly #signal: AbortSignal;
  readonly #progress: Progress;
  #last = performance.now();

  constructor(signal: AbortSignal, progress: Progress) {
    this.#signal = signal;
    this.#progress = progress;
  }

  /** Tells how far the work is. Throws ECANCELED when a signal has come. */
  async pass(text: () => string): Promise<void> {
    if (performance.now() - this.#last < TURN_MS) return;
    this.#progress.show(text);
    await turn(this.#signal);
    this.#last = performance.now();
  }
}

function closeQuietly(device: FileDevice): void {
  try {
    device.close();
  } catch {
    // The failure that led here says more.
  }
}
