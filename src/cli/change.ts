// Mounts the image that a command changes: what the command does becomes true with one checkpoint at the end, or not at all.
import * as fs from 'node:fs';
import { type FileDevice, openFileDevice } from '../device/file-device.ts';
import { F2fsError } from '../errors.ts';
import { type FileSystem, mount } from '../fs/file-system.ts';
import { EXIT } from './errors.ts';
import { Interruption } from './interrupt.ts';
import { escaped } from './names.ts';

/** What a command does to a volume. Any exit code but 0 undoes it, as throwing does. */
export type Change = (volume: FileSystem, signal: AbortSignal) => Promise<number> | number;

/** Milliseconds of work between two turns of the event loop, in which signals arrive. */
const TURN_MS = 50;

/**
 * Runs `work` on the volume of `image`, and writes the one checkpoint that makes it true. When `work` fails, is interrupted, or the
 * process dies, the image is as it was: what was written meanwhile lies in blocks that no checkpoint knows. Throws what failed.
 */
export async function changeImage(command: string, image: string, work: Change): Promise<number> {
  if (!fs.existsSync(image)) throw new F2fsError('ENOENT', 'no such file', { path: image });
  using interruption = new Interruption();
  const device = openFileDevice(image, { writable: true });
  let volume: FileSystem | null = null;
  try {
    volume = mount(device, { checkpoints: 'explicit' });
    const exitCode = await work(volume, interruption.signal);
    // A signal that came in the last turn is heard now; one that comes later finds the change done.
    await new Promise<void>((resolve) => setImmediate(resolve));
    if (interruption.signal.aborted) throw new F2fsError('ECANCELED', 'interrupted');
    if (exitCode === EXIT.ok) volume.close();
    else volume.abandon();
    device.close();
    return exitCode;
  } catch (error) {
    volume?.abandon();
    closeQuietly(device);
    const canceled = error instanceof F2fsError && error.code === 'ECANCELED';
    const exitCode = canceled ? interruption.exitCode(command, `${image} is as it was`) : null;
    if (exitCode !== null) return exitCode;
    throw error;
  }
}

/** Does `work` for each path in turn, and lets signals arrive. What it throws names the path. */
export async function forEachPath(
  paths: readonly Uint8Array[],
  signal: AbortSignal,
  work: (path: Uint8Array) => void,
): Promise<void> {
  const turn = new Turns(signal);
  for (const path of paths) {
    naming(path, () => work(path));
    await turn.pass();
  }
}

/** To be asked between two steps of something long. */
export class Turns {
  readonly #signal: AbortSignal;
  #last = performance.now();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** Throws ECANCELED when a signal has come. */
  async pass(): Promise<void> {
    if (performance.now() - this.#last < TURN_MS) return;
    await new Promise<void>((resolve) => setImmediate(resolve));
    if (this.#signal.aborted) throw new F2fsError('ECANCELED', 'interrupted');
    this.#last = performance.now();
  }
}

/** Runs `work`; what it throws names `path`, unless it names one already. */
export function naming<T>(path: Uint8Array, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof F2fsError) || error.path !== undefined) throw error;
    throw new F2fsError(error.code, error.message, { ino: error.ino, path: escaped(path), cause: error });
  }
}

function closeQuietly(device: FileDevice): void {
  try {
    device.close();
  } catch {
    // The failure that led here says more.
  }
}
