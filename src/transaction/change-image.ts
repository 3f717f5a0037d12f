// A change of an image that becomes true with one checkpoint, or with one rename, or not at all.
import * as fs from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { checkOptions, invalid, isBoolean, isFunction, isSignal, isText, type OptionChecks } from '../check.ts';
import { type FileDevice, openFileDevice, openNamed } from '../device/file-device.ts';
import { targetAt } from '../device/host-target.ts';
import { removeLeftParts } from '../device/new-image.ts';
import { checkSignal, F2fsError } from '../errors.ts';
import { cacheBytesFor } from '../fs/cache-size.ts';
import { type FileSystem, mount } from '../fs/file-system.ts';
import { checkMountOptions, type MountOptions } from '../fs/mount-options.ts';
import { HostRoom } from './host-room.ts';
import { type ByteRange, ImageCopy } from './image-copy.ts';

/**
 * What is done to the volume of an image: whatever it throws undoes all of it. It may be called a second time, on a copy of the volume as
 * it was at first, so it must not rely on what it did to anything else. `sync`, `fsync`, `clean`, `abandon` and `close` of the volume are
 * not for it: when what it does becomes true is decided here.
 */
export type ImageChange<T> = (volume: FileSystem) => T | Promise<T>;

/** A copy of the image is made for the change. */
export interface ChangeCopyProgress {
  /** That it is this. */
  stage: 'copy';
  /** Bytes that were copied. */
  bytes: number;
  /** Bytes that are to be copied, about. */
  totalBytes: number;
}

/** What the change did is written, which may take a while and tells nothing. */
export interface ChangeFinishProgress {
  /** That it is this. */
  stage: 'finish';
}

/** How far a change is. */
export type ChangeProgress = ChangeCopyProgress | ChangeFinishProgress;

/** What a change may be asked for. */
export interface ChangeImageOptions {
  /**
   * Checkpoints are written whenever the volume needs them, in place: there is no copy, and an interruption or failure leaves a part of the
   * change. Default: false.
   */
  inSteps?: boolean;
  /**
   * How the volume is mounted, but for `readonly` and `checkpoints`, which are decided here. Default: as `mount`, with `cacheBytes` of
   * 64 MiB (or 4,096 blocks of the volume), as a second mount may follow the first.
   */
  mount?: Omit<MountOptions, 'readonly' | 'checkpoints'>;
  /** Undoes the change with an AbortError (ECANCELED): it is heard before and after the change, and while the image is copied. */
  signal?: AbortSignal;
  /** Called every few MiB while the image is copied, and once before what was done is written. */
  onProgress?: (progress: ChangeProgress) => void;
  /** Called for each warning of the volume (see `FileSystem.warnings`), once. */
  onWarning?: (warning: F2fsError) => void;
  /** Called with a sentence for each file that a change which was killed had left beside the image: removed, or why not. */
  onNote?: (note: string) => void;
  /**
   * Runs what takes its time in one go and leaves nothing behind when the process ends meanwhile: opening, mounting, the checkpoint at the
   * end. For a program that listens to signals of the process, which can't be heard then: it may let them end it at once. Not used
   * from the first call of `onProgress` on that tells of a copy, as that would be left. Default: it is just run.
   */
  killable?: (step: () => void) => void;
}

/** Bytes of page cache: a second mount may follow while the first one's memory is still there. */
const CACHE_BYTES = 64 * 1024 * 1024;

const isMount = (value: unknown, what: string): void => {
  const options = value as MountOptions;
  checkMountOptions(options);
  for (const name of ['readonly', 'checkpoints'] as const)
    if (options[name] !== undefined) throw invalid(`${what}: ${name}`, options[name], 'none: changeImage decides it');
};
const OPTIONS: OptionChecks<ChangeImageOptions> = {
  inSteps: isBoolean,
  mount: isMount,
  signal: isSignal,
  onProgress: isFunction,
  onWarning: isFunction,
  onNote: isFunction,
  killable: isFunction,
};

/**
 * Changes the volume of `image`, a file or block device, wholly or not at all, and resolves to what `change` gave. First in place, with the
 * one checkpoint that makes the change true at its end: when it fails, is aborted, or the process dies or the power fails, what was
 * written lies in blocks that no checkpoint knows, and is given back to the host where that can be. Where the change takes more
 * than what is free, since nothing that is replaced can be overwritten, it runs anew on a copy of the image file beside it,
 * with as many checkpoints as it takes, and the copy takes the image's place. The image is locked meanwhile. Throws what opening,
 * mounting and `change` throw; ENOSPC, or EOPNOTSUPP for a pinned file that was to be overwritten, where the copy can't be made or can't
 * take the image's place: with `inSteps` it goes without.
 */
export async function changeImage<T>(
  image: string,
  change: ImageChange<T>,
  options: ChangeImageOptions = {},
): Promise<T> {
  isText(image, 'image');
  isFunction(change, 'change');
  checkOptions('changeImage', options, OPTIONS);
  return await new Transaction(image, change, options).run();
}

/** Why a change can't be made true by one checkpoint at its end. */
interface TakesMore {
  code: string;
  why: string;
}

const NO_ROOM: TakesMore = { code: 'ENOSPC', why: 'the change does not fit beside what it replaces' };
const IN_PLACE: TakesMore = { code: 'EOPNOTSUPP', why: 'the change overwrites a pinned file where it lies' };

type Outcome<T> = { done: T } | { takesMore: TakesMore };

class Transaction<T> {
  readonly #image: string;
  readonly #change: ImageChange<T>;
  readonly #options: ChangeImageOptions;
  readonly #warned = new Set<string>();
  /** Whether there is a copy, which would be left behind if the process ended. */
  #hasCopy = false;

  constructor(image: string, change: ImageChange<T>, options: ChangeImageOptions) {
    this.#image = image;
    this.#change = change;
    this.#options = options;
  }

  async run(): Promise<T> {
    const { path, kind } = targetAt(this.#image);
    if (kind === null)
      throw new F2fsError('ENOENT', `${this.#image} does not exist: there is nothing to change`, { path: this.#image });
    const device = this.#killable(() => openFileDevice(this.#image, { writable: true }));
    try {
      if (kind === 'file') this.#removeLeftParts(path);
      const room = new HostRoom(device);
      if (this.#options.inSteps) return await this.#inSteps(device, room);
      const outcome = await this.#attempt(device, room, 'explicit');
      if ('done' in outcome) return outcome.done;
      return await this.#onCopy(device, outcome.takesMore);
    } finally {
      // What was written is flushed: the failure of a change says more than that of a close.
      closeQuietly(device);
    }
  }

  #killable<R>(step: () => R): R {
    const { killable } = this.#options;
    if (killable === undefined || this.#hasCopy) return step();
    const results: R[] = [];
    killable(() => void results.push(step()));
    if (results.length === 0) throw new F2fsError('EINVAL', 'killable did not run what it was given');
    return results[0];
  }

  /** Removes what an earlier change that was killed left beside the image. */
  #removeLeftParts(path: string): void {
    const notes = this.#killable(() => removeLeftParts(path));
    for (const note of notes) this.#options.onNote?.(note);
  }

  #mount(device: FileDevice, checkpoints: MountOptions['checkpoints']): FileSystem {
    const volume = this.#killable(() => {
      const cacheBytes = cacheBytesFor(device, CACHE_BYTES);
      return mount(device, { cacheBytes, ...this.#options.mount, checkpoints });
    });
    this.#warn(volume);
    return volume;
  }

  #warn({ warnings }: FileSystem): void {
    for (const warning of warnings) {
      if (this.#warned.has(warning.message)) continue;
      this.#warned.add(warning.message);
      this.#options.onWarning?.(warning);
    }
  }

  #close(volume: FileSystem): void {
    this.#options.onProgress?.({ stage: 'finish' });
    this.#killable(() => volume.close());
  }

  /**
   * Makes the change on a mount of `device`. Says why when that takes more than one checkpoint: nothing is changed then. What was written
   * in vain is given back to the host, unless `room` is null: the image is a copy then, which goes.
   */
  async #attempt(
    device: FileDevice,
    room: HostRoom | null,
    checkpoints: MountOptions['checkpoints'],
  ): Promise<Outcome<T>> {
    const { signal } = this.#options;
    // What came before `killable` lets signals end the process would be lost.
    await turn(signal);
    const volume = this.#mount(device, checkpoints);
    try {
      const done = await this.#change(volume);
      // A signal that came in the last turn is heard now; one that comes later finds the change done.
      await turn(signal);
      if (volume.isClosed)
        throw new F2fsError('EINVAL', 'the change closed or abandoned the volume: leave that out of it');
      this.#close(volume);
      this.#warn(volume);
      return { done };
    } catch (error) {
      const { exceedsCheckpoint } = volume;
      volume.abandon();
      room?.giveBack(volume, error);
      this.#warn(volume);
      const takesMore = exceedsCheckpoint ? reasonOf(error) : null;
      if (takesMore === null) throw error;
      return { takesMore };
    }
  }

  /** Whatever becomes of the change: what it did lasts. */
  async #inSteps(device: FileDevice, room: HostRoom): Promise<T> {
    await turn(this.#options.signal);
    const volume = this.#mount(device, 'auto');
    try {
      return await this.#change(volume);
    } finally {
      this.#closeOrGiveBack(volume, room);
      this.#warn(volume);
    }
  }

  #closeOrGiveBack(volume: FileSystem, room: HostRoom): void {
    try {
      this.#close(volume);
    } catch (error) {
      volume.abandon();
      room.giveBack(volume, error);
      throw error;
    }
  }

  async #onCopy(device: FileDevice, takesMore: TakesMore): Promise<T> {
    const copy = await this.#copy(device, takesMore);
    try {
      const copied = openNamed(this.#image, copy.path, { writable: true });
      let outcome: Outcome<T>;
      try {
        outcome = await this.#attempt(copied, null, 'auto');
      } finally {
        copied.close();
      }
      // With checkpoints as they are needed nothing takes more.
      const { done } = outcome as { done: T };
      await turn(this.#options.signal);
      copy.commit();
      return done;
    } finally {
      copy.discard();
    }
  }

  /** The image as its last checkpoint has it, in a file of its own. */
  async #copy(device: FileDevice, { code, why }: TakesMore): Promise<ImageCopy> {
    const { signal, onProgress } = this.#options;
    this.#hasCopy = true;
    using found = mount(device, { readonly: true, cacheBytes: CACHE_BYTES });
    const { usedBlocks, blockBytes } = found.statfs();
    const totalBytes = usedBlocks * blockBytes;
    const tell = (bytes: number) => onProgress?.({ stage: 'copy', bytes, totalBytes });
    tell(0);
    try {
      const ranges = copiedRanges(found, fs.statSync(this.#image).size);
      return await ImageCopy.make(this.#image, ranges, { signal, onProgress: tell });
    } catch (error) {
      if (!(error instanceof F2fsError) || error.code === 'ECANCELED') throw error;
      const message = `${why}, and ${error.message}; inSteps: true makes it in several steps`;
      throw new F2fsError(code, message, { path: this.#image, cause: error });
    }
  }
}

/**
 * Why what failed, where some of it was refused for want of a checkpoint, may be possible with one; null where it would fail again. What
 * the caller throws of its own, as for entries that could not be made, may be for that.
 */
function reasonOf(error: unknown): TakesMore | null {
  if (!(error instanceof F2fsError)) return IN_PLACE;
  return [NO_ROOM, IN_PLACE].find(({ code }) => error.code === code) ?? null;
}

/** What the volume needs, and what lies behind it in the file. */
function* copiedRanges(volume: FileSystem, sizeBytes: number): Generator<ByteRange> {
  const { ranges, endBlkaddr } = volume.usedRanges();
  const { blockBytes: bytes } = volume.statfs();
  for (const { blkaddr, nrBlocks } of ranges) yield { start: blkaddr * bytes, end: (blkaddr + nrBlocks) * bytes };
  yield { start: endBlkaddr * bytes, end: sizeBytes };
}

/** Lets signals arrive. Throws ECANCELED when one has come. */
async function turn(signal: AbortSignal | undefined): Promise<void> {
  // Two turns: between the end of a call of the host, where the change may stand, and the first one nothing is heard.
  for (let i = 0; i < 2; i++) await setImmediate();
  checkSignal(signal, 'interrupted');
}

function closeQuietly(device: FileDevice): void {
  try {
    device.close();
  } catch {
    // The failure that led here says more.
  }
}
