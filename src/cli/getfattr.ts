// f2fs getfattr: extended attributes, in the format of getfattr(1).

import { F2fsError } from '../errors.ts';
import { checkXattrName, Directory, type FileSystem, type Handle, walkDirectories, type Xattr } from '../index.ts';
import { kindOfMessage, Problems } from '../problems.ts';
import { asUsage, complain, EXIT, moreText, report, UsageError } from './errors.ts';
import { type ReadOptions, ReadVolume } from './image.ts';
import { escaped, volumePath } from './names.ts';
import { naming } from './naming.ts';
import { Lines, writeOut } from './output.ts';
import { DirectoryPlace, EntryPlace, type Place } from './place.ts';
import { namePattern } from './xattr-pattern.ts';
import { fileLine, type XattrEncoding, xattrName, xattrValue } from './xattr-text.ts';

export interface GetfattrOptions extends ReadOptions {
  name?: string[];
  dump?: boolean;
  match?: string;
  recursive?: boolean;
  encoding?: XattrEncoding;
  onlyValues?: boolean;
  absoluteNames?: boolean;
  /** false with -h */
  dereference?: boolean;
  escaped?: boolean;
}

/** What getfattr shows unless told otherwise. */
const DEFAULT_PATTERN = '^user\\.';
const SLASH = 0x2f;

/** Prints attributes of each path; exit code 1 when one could not be read. Throws what opening the image throws. */
export async function getfattr(image: string, paths: readonly string[], options: GetfattrOptions): Promise<number> {
  const { name, dump, match, encoding, onlyValues, absoluteNames } = options;
  if (name !== undefined && match !== undefined) throw new UsageError('-m has no effect with -n');
  if (encoding !== undefined && onlyValues) throw new UsageError('-e has no effect with --only-values');
  if (absoluteNames && onlyValues) throw new UsageError('--absolute-names has no effect with --only-values');
  if (encoding !== undefined && !dump && name === undefined) throw new UsageError('-e goes with -d or -n');
  for (const one of name ?? []) asUsage(() => checkXattrName(one));
  const shown = new Shown(options);
  using volume = await ReadVolume.open('getfattr', image, options);
  for (const path of paths) await shown.path(volume.fs, volumePath(path, options.escaped));
  return await shown.end();
}

class Shown {
  readonly #options: GetfattrOptions;
  readonly #isWanted: (name: string) => boolean;
  readonly #out = new Lines();
  readonly #problems = new Problems();
  #exitCode: number = EXIT.ok;

  constructor(options: GetfattrOptions) {
    this.#options = options;
    this.#isWanted = namePattern(options.match ?? DEFAULT_PATTERN);
  }

  async path(volume: FileSystem, path: Uint8Array): Promise<void> {
    const { recursive, dereference = true } = this.#options;
    const follow = dereference;
    const root = { path };
    const start = this.#attempt(root, () => naming(path, () => volume.open(path, { follow })));
    if (start === null) return;
    try {
      await this.#show(root, start);
      if (!recursive || !(start instanceof Directory)) return;
      for (const step of walkDirectories(start, path, (place, error) => this.#problem(place, error))) {
        const directory = new DirectoryPlace(step);
        for (const { name, type } of step.entries) {
          const at = new EntryPlace(directory, name);
          const handle = this.#attempt(at, () => step.directory.open(name, { follow: follow && type === 'symlink' }));
          if (handle === null) continue;
          using closed = handle;
          await this.#show(at, closed);
        }
      }
    } finally {
      start.close();
    }
  }

  async end(): Promise<number> {
    await this.#out.flush();
    for (const { path, more } of this.#problems.list)
      if (more !== undefined) complain('getfattr', moreText(more, path));
    return this.#exitCode;
  }

  async #show(place: Place, handle: Handle): Promise<void> {
    const { name: names, dump, encoding, onlyValues, absoluteNames } = this.#options;
    const found = this.#attempt(place, () =>
      names === undefined ? this.#matching(handle) : this.#named(place, handle, names),
    );
    if (found === null || found.length === 0) return;
    if (onlyValues) {
      for (const { value } of found) await writeOut(value);
      return;
    }
    await this.#out.line(fileLine(absoluteNames ? place.path : relative(place.path)));
    const valued = dump || names !== undefined;
    for (const { nameBytes, value } of found)
      await this.#out.line(valued ? `${xattrName(nameBytes)}=${xattrValue(value, encoding)}` : xattrName(nameBytes));
    await this.#out.line('');
  }

  /** In byte order of the names. */
  #matching(handle: Handle): Xattr[] {
    const found = handle.xattrs().filter(({ name }) => this.#isWanted(name));
    return found.sort((a, b) => Buffer.compare(a.nameBytes, b.nameBytes));
  }

  /** In the order asked for. With -R what has none of a name is passed over. */
  #named(place: Place, handle: Handle, names: readonly string[]): Xattr[] {
    const found: Xattr[] = [];
    for (const name of names) {
      try {
        found.push({ name, nameBytes: Buffer.from(name), value: handle.getXattr(name) });
      } catch (error) {
        if (!(error instanceof F2fsError)) throw error;
        if (error.code !== 'ENODATA') this.#problem(place, error);
        else if (!this.#options.recursive) {
          this.#problem(place, new F2fsError('ENODATA', `no extended attribute ${name}`));
        }
      }
    }
    return found;
  }

  #attempt<T>(place: Place, read: () => T): T | null {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof F2fsError)) throw error;
      this.#problem(place, error);
      return null;
    }
  }

  #problem(place: Place, error: F2fsError): void {
    const { code, message } = error;
    this.#exitCode = EXIT.failed;
    const told = this.#problems.add(code, kindOfMessage(message), () => ({ path: escaped(place.path), message }));
    if (told !== null) report('getfattr', error, told.path);
  }
}

/** A path as a dump has it, that it can be restored anywhere; `.` for the root. */
function relative(path: Uint8Array): Uint8Array {
  const start = path.findIndex((byte) => byte !== SLASH);
  return start < 0 ? Buffer.from('.') : path.subarray(start);
}
