// f2fs cat: contents of files to stdout, a piece at a time.
import { F2fsError } from '../errors.ts';
import type { FileSystem } from '../index.ts';
import { EXIT, report } from './errors.ts';
import { type ReadOptions, ReadVolume } from './image.ts';
import { volumePath } from './names.ts';
import { writeOut } from './output.ts';

export interface CatOptions extends ReadOptions {
  escaped?: boolean;
}

const CHUNK_SIZE = 1 << 20;

/** Writes the files one after the other; one that can't be read is told, and the exit code is 1. */
export async function cat(image: string, paths: readonly string[], options: CatOptions): Promise<number> {
  using volume = await ReadVolume.open('cat', image, options);
  const files = paths.map((path) => volumePath(path, options.escaped));
  const chunk = new Uint8Array(CHUNK_SIZE);
  let exitCode: number = EXIT.ok;
  for (const [i, file] of files.entries()) {
    try {
      await writeFile(volume.fs, file, chunk);
    } catch (error) {
      if (!(error instanceof F2fsError)) throw error;
      exitCode = report('cat', error, paths[i]);
    }
  }
  return exitCode;
}

async function writeFile(fs: FileSystem, path: Uint8Array, chunk: Uint8Array): Promise<void> {
  using file = fs.openFile(path);
  for (let position = 0; ; ) {
    const length = file.read(chunk, position);
    if (length === 0) return;
    await writeOut(chunk.subarray(0, length));
    position += length;
  }
}
