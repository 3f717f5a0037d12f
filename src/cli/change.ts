// What the commands that change an image share: signals, progress and exit codes of a change that is made wholly or not at all.

import { checkSignal, F2fsError } from '../errors.ts';
import { type ChangeProgress, changeImage as changeWhole, type FileSystem } from '../index.ts';
import { complain, EXIT, Warnings } from './errors.ts';
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

/** Milliseconds of work between two turns of the event loop, in which signals arrive. */
const TURN_MS = 50;

/** Undoes a change whose problems were told one by one. */
class Undone extends Error {
  readonly exitCode: number;

  constructor(exitCode: number) {
    super('undone');
    this.exitCode = exitCode;
  }
}

/** Runs `work` on the volume of `image`, wholly or not at all unless in steps. Throws what failed. */
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
  const attempt = async (volume: FileSystem) => {
    hasBegun = inSteps;
    const exitCode = await work(volume, signal, progress);
    if (exitCode !== EXIT.ok) throw new Undone(exitCode);
  };
  const onProgress = (at: ChangeProgress) => {
    // A copy would be left.
    if (at.stage === 'copy') interruption.mustCleanUp = true;
    tell(progress, at);
  };
  try {
    await changeWhole(image, attempt, {
      inSteps,
      signal,
      killable,
      onProgress,
      onWarning: (warning) => warnings.tell([warning]),
      onNote: (note) => quiet || complain(command, `note: ${note}`),
    });
    if (!inSteps) isDone(`${image} is changed`);
    return EXIT.ok;
  } catch (error) {
    if (error instanceof Undone) return error.exitCode;
    const canceled = error instanceof F2fsError && error.code === 'ECANCELED';
    const consequence = hasBegun ? `a part of the change is in ${image}` : `${image} is as it was`;
    const exitCode = canceled ? interruption.exitCode(command, consequence) : null;
    if (exitCode !== null) return exitCode;
    throw error;
  }
}

function tell(progress: Progress, at: ChangeProgress): void {
  if (at.stage === 'finish') progress.announce('writing the changes');
  else if (at.bytes > 0)
    progress.show(() => `copying the image  ${shortSize(at.bytes)} of ${shortSize(at.totalBytes)}`);
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
