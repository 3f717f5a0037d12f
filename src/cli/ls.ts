// f2fs ls: names, and with -l what stat knows of each.

import { F2fsError } from '../errors.ts';
import {
  type Directory,
  type DirectoryEntry,
  type FileStat,
  type FileSystem,
  sortedEntries,
  walkDirectories,
} from '../index.ts';
import { kindOfMessage, Problems } from '../problems.ts';
import { complain, EXIT, moreText, report } from './errors.ts';
import { type ReadOptions, ReadVolume } from './image.ts';
import { endsWithSlash, escaped, jsonName, volumePath } from './names.ts';
import { Lines } from './output.ts';
import { DirectoryPlace, EntryPlace, type Place } from './place.ts';
import { isoTime, modeString, sizeText } from './stat-text.ts';

export interface LsOptions extends ReadOptions {
  long?: boolean;
  recursive?: boolean;
  all?: boolean;
  json?: boolean;
  escaped?: boolean;
}

/** Rows whose columns are aligned with each other. */
const BATCH = 1000;
const DOT = 0x2e;

interface Row {
  readonly entry: DirectoryEntry;
  readonly place: Place;
  /** null when not asked for, or not to be read. */
  readonly stat: FileStat | null;
  readonly target: Uint8Array | null;
}

/** Lists `path` of `image`; returns the exit code. Throws what opening the image and the path throws. */
export async function ls(image: string, path: string, options: LsOptions): Promise<number> {
  using volume = await ReadVolume.open('ls', image, options);
  const listing = new Listing(volume.fs, options);
  await listing.show(volumePath(path, options.escaped));
  return listing.exitCode;
}

class Listing {
  exitCode: number = EXIT.ok;
  readonly #fs: FileSystem;
  readonly #options: LsOptions;
  readonly #out = new Lines();
  readonly #problems = new Problems();
  /** Widths of nlink, uid, gid and size: they only grow. */
  readonly #widths = [1, 1, 1, 1];
  #jsonRows = 0;

  constructor(fs: FileSystem, options: LsOptions) {
    this.#fs = fs;
    this.#options = options;
  }

  async show(path: Uint8Array): Promise<void> {
    const { recursive, json } = this.#options;
    const directory = this.#directoryAt(path);
    if (json) await this.#out.line('[');
    if (directory === null) {
      await this.#showFile(path);
    } else if (recursive) {
      await this.#showTree(directory, path);
    } else {
      await this.#showEntries({ path, directory }, sortedEntries(directory));
    }
    if (json) await this.#out.line(']');
    directory?.close();
    await this.#out.flush();
    for (const { path, more } of this.#problems.list) if (more !== undefined) complain('ls', moreText(more, path));
  }

  /** The directory that a path means; null when it means something else. A symlink is shown itself with -l. */
  #directoryAt(path: Uint8Array): Directory | null {
    const stat = this.#fs.lstat(path);
    if (stat.type === 'directory') return this.#fs.openDirectory(path);
    if (endsWithSlash(path)) return this.#fs.openDirectory(path);
    if (stat.type !== 'symlink' || this.#options.long) return null;
    try {
      return this.#fs.stat(path).type === 'directory' ? this.#fs.openDirectory(path) : null;
    } catch (error) {
      if (error instanceof F2fsError) return null;
      throw error;
    }
  }

  async #showFile(path: Uint8Array): Promise<void> {
    const stat = this.#fs.lstat(path);
    const entry: DirectoryEntry = { name: path, ino: stat.ino, type: stat.type };
    const place = { path };
    const target = stat.type === 'symlink' && !stat.encrypted ? this.#fs.readlink(path) : null;
    await this.#print([{ entry, place, stat, target }]);
  }

  async #showTree(start: Directory, path: Uint8Array): Promise<void> {
    const problem = (place: Place, error: F2fsError) => this.#problem(place, error);
    let first = true;
    for (const step of walkDirectories(start, path, problem, ({ name }) => this.#wanted(name))) {
      if (!this.#options.json && !first) await this.#out.line('');
      if (!this.#options.json) await this.#out.line(`${escaped(step.path)}:`);
      first = false;
      await this.#showEntries(step, step.entries);
    }
  }

  async #showEntries(step: Place & { directory: Directory }, entries: readonly DirectoryEntry[]): Promise<void> {
    const { long } = this.#options;
    const directory = new DirectoryPlace(step);
    let batch: Row[] = [];
    for (const entry of entries) {
      if (!this.#wanted(entry.name)) continue;
      const place = new EntryPlace(directory, entry.name);
      batch.push(long ? this.#stat(step.directory, entry, place) : { entry, place, stat: null, target: null });
      if (batch.length < BATCH) continue;
      await this.#print(batch);
      batch = [];
    }
    await this.#print(batch);
  }

  #wanted(name: Uint8Array): boolean {
    return this.#options.all === true || name[0] !== DOT;
  }

  #stat(directory: Directory, entry: DirectoryEntry, place: Place): Row {
    let stat: FileStat | null = null;
    let target: Uint8Array | null = null;
    try {
      using handle = directory.open(entry.name);
      stat = handle.stat();
      if (stat.type === 'symlink' && !stat.encrypted) target = handle.readlink();
    } catch (error) {
      if (!(error instanceof F2fsError)) throw error;
      this.#problem(place, error);
    }
    return { entry, place, stat, target };
  }

  async #print(rows: readonly Row[]): Promise<void> {
    if (this.#options.json) {
      for (const row of rows) await this.#printJson(row);
      return;
    }
    if (!this.#options.long) {
      for (const { entry } of rows) await this.#out.line(escaped(entry.name));
      return;
    }
    const columns = rows.map(({ stat }) =>
      stat === null ? ['?', '?', '?', '?'] : [String(stat.nlink), String(stat.uid), String(stat.gid), sizeText(stat)],
    );
    for (const row of columns) {
      row.forEach((text, i) => {
        this.#widths[i] = Math.max(this.#widths[i], text.length);
      });
    }
    for (const [i, row] of rows.entries()) {
      const numbers = columns[i].map((text, column) => text.padStart(this.#widths[column])).join(' ');
      await this.#out.line(this.#longLine(row, numbers));
    }
  }

  #longLine({ entry, stat, target }: Row, numbers: string): string {
    const mode = stat === null ? '??????????' : modeString(stat.type, stat.mode);
    const time = stat === null ? '?'.padEnd(20) : isoTime(stat.mtime).padEnd(20);
    const arrow = target === null ? '' : ` -> ${escaped(target)}`;
    return `${mode} ${numbers} ${time} ${escaped(entry.name)}${arrow}`;
  }

  async #printJson({ entry, place, stat, target }: Row): Promise<void> {
    const value = {
      ...jsonName('name', entry.name),
      ...jsonName('path', place.path),
      type: entry.type,
      ino: entry.ino,
      ...(this.#options.long && stat !== null ? jsonStat(stat) : {}),
      ...(this.#options.long && target !== null ? jsonName('target', target) : {}),
    };
    // A comma before each row but the first: rows come without knowing whether one is the last.
    await this.#out.json(value, this.#jsonRows++ > 0 ? ',' : '');
  }

  #problem(place: Place, error: F2fsError): void {
    const { code, message } = error;
    const told = this.#problems.add(code, kindOfMessage(message), () => ({ path: escaped(place.path), message }));
    this.exitCode = told === null ? EXIT.failed : report('ls', error, told.path);
  }
}

function jsonStat({ mode, nlink, uid, gid, size, rdev, mtime, encrypted }: FileStat): object {
  return {
    ...{ mode, nlink, uid, gid, size },
    ...(rdev === null ? {} : { rdev }),
    ...(encrypted ? { encrypted } : {}),
    mtime: { ...mtime, iso: isoTime(mtime) },
  };
}
