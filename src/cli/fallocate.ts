// f2fs fallocate: blocks for files, of zeros; for pinned ones whole sections that stay where they are; and those that compressed
// files save, given back and taken again.
import type { FileHandle } from '../index.ts';
import { type ChangeOptions, changeImage, forEachPath } from './change.ts';
import { typeAt } from './destination.ts';
import { afterOthers, EXIT, UsageError } from './errors.ts';
import { volumePath } from './names.ts';

export interface FallocateOptions extends ChangeOptions {
  /** Bytes; likewise the offset. */
  length?: number;
  offset?: number;
  keepSize?: boolean;
  pin?: boolean;
  release?: boolean;
  reserve?: boolean;
  escaped?: boolean;
}

/** Gives each file blocks for the range, and makes one that is missing; or changes what a compressed file keeps reserved. */
export function fallocate(image: string, paths: readonly string[], options: FallocateOptions): Promise<number> {
  const files = paths.map((path) => volumePath(path, options.escaped));
  const { makes, work } = workOf(options);
  return changeImage('fallocate', image, options, async (volume, signal, progress) => {
    let done = 0;
    await forEachPath(files, signal, progress, (path) => {
      if (makes && typeAt(volume, path) === null) volume.writeFile(path, new Uint8Array(0));
      using file = volume.openFile(path);
      afterOthers(done++, () => work(file));
    });
    return EXIT.ok;
  });
}

/** What is done to each file, and whether it is made where it is missing. Throws UsageError for what does not go together. */
function workOf(options: FallocateOptions): { makes: boolean; work: (file: FileHandle) => void } {
  const { length, offset = 0, keepSize, pin = false, release, reserve } = options;
  if (release === undefined && reserve === undefined) {
    if (length === undefined) throw new UsageError('give the bytes with -l, or --release or --reserve');
    return {
      makes: true,
      work: (file) => {
        if (pin) file.setPinned(true);
        file.allocate(offset, length, { keepSize });
      },
    };
  }
  if (release && reserve) throw new UsageError('--release and --reserve do not go together');
  const given = (['length', 'offset', 'keepSize', 'pin'] as const).find((name) => options[name] !== undefined);
  if (given !== undefined) {
    const flag = { length: '-l', offset: '-o', keepSize: '-n', pin: '--pin' }[given];
    throw new UsageError(`${flag} has no effect with ${release ? '--release' : '--reserve'}`);
  }
  return { makes: false, work: (file) => (release ? file.releaseBlocks() : file.reserveBlocks()) };
}
