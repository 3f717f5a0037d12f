// f2fs setfattr: extended attributes, one of several files or those of a dump.
import * as fs from 'node:fs';
import { hostError } from '../errors.ts';
import { checkXattrName, type FileSystem, joinPath } from '../index.ts';
import { type ChangeOptions, changeImage, forEachPath, Turns } from './change.ts';
import { asUsage, EXIT, UsageError } from './errors.ts';
import { escaped, volumePath } from './names.ts';
import { naming } from './naming.ts';
import { percentText } from './progress.ts';
import { assertStandardInput, standardInputOnce } from './replayed-input.ts';
import { atLine, type DumpedAttribute, type DumpedFile, readDump, xattrBytes } from './xattr-text.ts';

export interface SetfattrOptions extends ChangeOptions {
  name?: string;
  value?: string;
  remove?: string;
  raw?: boolean;
  create?: boolean;
  replace?: boolean;
  restore?: string;
  /** false with -h */
  dereference?: boolean;
  escaped?: boolean;
}

/** Stands for standard input. */
const STDIN = '-';

/**
 * Sets or removes one attribute of each path, or sets those of a dump. Throws EEXIST with `create`, ENODATA with `replace` and when it
 * is not there to remove, and what reading the dump throws.
 */
export async function setfattr(image: string, paths: readonly string[], options: SetfattrOptions): Promise<number> {
  const { name, remove, create, replace, raw, restore, dereference = true } = options;
  const chosen = [name, remove, restore].filter((one) => one !== undefined);
  if (chosen.length !== 1) throw new UsageError('give one of -n NAME, -x NAME and --restore FILE');
  if (create && replace) throw new UsageError('--create and --replace do not go together');
  if (name === undefined && (options.value !== undefined || create || replace || raw)) {
    throw new UsageError('-v, --raw, --create and --replace go with -n');
  }
  if (raw && options.value === undefined) throw new UsageError('--raw has no effect without -v');
  const targets = paths.map((path) => volumePath(path, options.escaped));
  if (restore !== undefined) return await restoreDump(image, restore, targets, options);
  if (targets.length === 0) throw new UsageError("missing required argument 'path'");
  asUsage(() => checkXattrName(name ?? remove ?? ''));
  const value = bytesOf(options);
  return changeImage('setfattr', image, options, async (volume, signal, progress) => {
    await forEachPath(targets, signal, progress, (path) => {
      using handle = volume.open(path, { follow: dereference });
      if (name !== undefined) handle.setXattr(name, value, { create, replace });
      else if (remove !== undefined) handle.removeXattr(remove);
    });
    return EXIT.ok;
  });
}

/** Throws UsageError for what is no value. */
function bytesOf({ value = '', raw }: SetfattrOptions): Uint8Array {
  const bytes = Buffer.from(value);
  return raw ? bytes : asUsage(() => xattrBytes(bytes.toString('latin1')));
}

/** Sets what `dump` says of files below the one path, which is the root unless given. */
async function restoreDump(
  image: string,
  dump: string,
  [directory = volumePath('/'), ...more]: readonly Uint8Array[],
  options: SetfattrOptions,
): Promise<number> {
  if (more.length > 0) throw new UsageError('--restore takes one path at most: the directory that the dump is of');
  const { dereference = true } = options;
  // All of it, since a change may be made twice, and a dump that is none costs no work on the image.
  const files: DumpedFile[] = [];
  for await (const file of readDump(piecesOf(dump))) files.push(file);
  return changeImage('setfattr', image, options, async (volume, signal, progress) => {
    const turns = new Turns(signal, progress);
    for (const [done, { path, attributes }] of files.entries()) {
      restoreFile(volume, joinPath(directory, path), attributes, dereference);
      await turns.pass(
        () => `${percentText((done + 1) / files.length)}  ${done + 1}/${files.length}  ${escaped(path)}`,
      );
    }
    return EXIT.ok;
  });
}

function restoreFile(
  volume: FileSystem,
  path: Uint8Array,
  attributes: readonly DumpedAttribute[],
  follow: boolean,
): void {
  naming(path, () => {
    using handle = volume.open(path, { follow });
    for (const { line, name, value } of attributes) {
      try {
        handle.setXattr(name, value);
      } catch (error) {
        throw atLine(line, error);
      }
    }
  });
}

/** Throws the host's code. */
async function* piecesOf(file: string): AsyncGenerator<Uint8Array, void, undefined> {
  if (file === STDIN) {
    assertStandardInput();
    yield* standardInputOnce();
    return;
  }
  try {
    for await (const piece of fs.createReadStream(file)) yield piece as Uint8Array;
  } catch (error) {
    throw hostError('cannot read the dump', error, { path: file });
  }
}
