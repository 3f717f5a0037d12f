// f2fs verity: puts files under verity, and tells what stands for their contents.
import { F2fsError } from '../errors.ts';
import type { VerityHash, VerityOptions } from '../index.ts';
import { type ChangeOptions, changeImage, Turns } from './change.ts';
import { afterOthers, EXIT, report, UsageError } from './errors.ts';
import { ReadVolume } from './image.ts';
import { killable } from './interrupt.ts';
import { escaped, volumePath } from './names.ts';
import { naming } from './naming.ts';
import { Lines } from './output.ts';
import { measurementText } from './verity-text.ts';

/** What `f2fs verity` does. */
export type VerityAction = 'enable' | 'measure';

export interface VerityCommandOptions extends ChangeOptions {
  hashAlg?: VerityHash;
  /** Bytes. */
  blockSize?: number;
  salt?: Uint8Array;
  escaped?: boolean;
}

/** Enables verity of each file, or prints what each measures. */
export function verity(
  action: VerityAction,
  image: string,
  paths: readonly string[],
  options: VerityCommandOptions,
): Promise<number> {
  const files = paths.map((path) => volumePath(path, options.escaped));
  return action === 'enable' ? enable(image, files, options) : measure(image, files, options);
}

function enable(image: string, files: readonly Uint8Array[], options: VerityCommandOptions): Promise<number> {
  const { hashAlg: algorithm, blockSize, salt } = options;
  const how: VerityOptions = { algorithm, blockSize, salt };
  return changeImage('verity', image, options, async (volume, signal, progress) => {
    const turns = new Turns(signal, progress);
    for (const [done, path] of files.entries()) {
      using file = naming(path, () => volume.openFile(path));
      const steps = file.enableVerityInSteps(how);
      const step = () => naming(path, () => killable(() => afterOthers(done, () => steps.next())));
      while (step().done !== true) await turns.pass(() => `${done + 1}/${files.length}  ${escaped(path)}`);
    }
    return EXIT.ok;
  });
}

/** In the form of fsverity(1): one that is not under verity is told, and the exit code is 1. */
async function measure(image: string, files: readonly Uint8Array[], options: VerityCommandOptions): Promise<number> {
  const flags = {
    hashAlg: '--hash-alg',
    blockSize: '--block-size',
    salt: '--salt',
    inSteps: '--in-steps',
    quiet: '--quiet',
  };
  for (const [name, flag] of Object.entries(flags)) {
    if (options[name as keyof typeof flags] !== undefined) throw new UsageError(`${flag} has no effect with measure`);
  }
  using volume = await ReadVolume.open('verity', image, {});
  const out = new Lines();
  let exitCode: number = EXIT.ok;
  for (const path of files) {
    try {
      using file = volume.fs.openFile(path);
      const measurement = file.measureVerity();
      if (measurement === null) throw new F2fsError('ENODATA', 'the file is not under verity');
      await out.line(`${measurementText(measurement)} ${escaped(path)}`);
    } catch (error) {
      if (!(error instanceof F2fsError)) throw error;
      exitCode = report('verity', error, escaped(path));
    }
  }
  await out.flush();
  return exitCode;
}
