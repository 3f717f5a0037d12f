// Paths of a scanned tree's entries, as bytes in one buffer: no object an entry. Those too long for the host come from host/places.ts.
import type { HostFs } from '../../host/host.ts';
import { HostDir, HostPlaces, PATH_MAX } from '../../host/places.ts';
import type { EntryTable } from '../entry-table.ts';

const MAX_NAME = 255;
/** Longest path of a directory whose children are reached by it: a slash, a name and a NUL follow. */
const MAX_DIR_PATH = PATH_MAX - MAX_NAME - 2;
const SLASH = 0x2f;

export class TreePaths {
  readonly #root: Buffer;
  readonly #table: EntryTable;
  readonly #far: HostPlaces;
  /** Directories below which paths are too long, and those above these. */
  readonly #farDirs: Map<number, HostDir>;
  /** The path of `#dir` with a slash behind it, then the name that was asked for last. */
  readonly #path = Buffer.alloc(2 * PATH_MAX);
  #dir = -1;
  #dirEnd = 0;

  constructor(root: Buffer, table: EntryTable, hostFs: HostFs) {
    this.#root = root;
    this.#table = table;
    this.#far = new HostPlaces(root, hostFs);
    this.#farDirs = new Map([[0, this.#far.root]]);
  }

  /** See HostPlaces. */
  set beforeClose(call: () => void) {
    this.#far.beforeClose = () => {
      this.#dir = -1;
      call();
    };
  }

  /**
   * A path that leads to the entry, ended by a NUL: a view that the next call overwrites. Throws ENAMETOOLONG where the host has no
   * way to it, and the host's errors for the way there.
   */
  pathZ(index: number): Buffer {
    if (index === 0) {
      this.#dir = -1;
      return this.#end(this.#root.copy(this.#path));
    }
    this.#enter(this.#table.parent(index));
    const name = this.#table.name(index);
    this.#path.set(name, this.#dirEnd);
    return this.#end(this.#dirEnd + name.length);
  }

  close(): void {
    this.#far.close();
    this.#dir = -1;
  }

  #end(length: number): Buffer {
    this.#path[length] = 0;
    return this.#path.subarray(0, length + 1);
  }

  /** Puts the directory's path into #path. */
  #enter(dir: number): void {
    if (dir === this.#dir) return;
    this.#dir = -1;
    const steps = this.#stepsTo(dir);
    let end = this.#append(0, steps === null ? this.#far.pathOf(this.#farDir(dir)) : this.#root);
    if (end > 1 && this.#path[end - 2] === SLASH) end--;
    for (const step of steps?.reverse() ?? []) end = this.#append(end, this.#table.name(step));
    this.#dirEnd = end;
    this.#dir = dir;
  }

  /** Adds a name and a slash; returns where they end. */
  #append(at: number, name: Uint8Array): number {
    this.#path.set(name, at);
    this.#path[at + name.length] = SLASH;
    return at + name.length + 1;
  }

  /** The directories from `dir` up to the root, without the root; null when that is too long for a path. */
  #stepsTo(dir: number): number[] | null {
    const steps: number[] = [];
    let length = this.#root.length;
    for (let at = dir; at !== 0; at = this.#table.parent(at)) {
      if (length > MAX_DIR_PATH || (this.#farDirs.size > 1 && this.#isKnownFar(at))) return null;
      steps.push(at);
      length += this.#table.name(at).length + 1;
    }
    return length > MAX_DIR_PATH ? null : steps;
  }

  #isKnownFar(dir: number): boolean {
    const known = this.#farDirs.get(dir);
    return known !== undefined && known.from !== this.#far.root;
  }

  #farDir(dir: number): HostDir {
    const missing: number[] = [];
    let at = dir;
    for (; !this.#farDirs.has(at); at = this.#table.parent(at)) missing.push(at);
    let known = this.#farDirs.get(at) as HostDir;
    for (const one of missing.reverse()) {
      known = new HostDir(known, this.#table.name(one));
      this.#farDirs.set(one, known);
    }
    return known;
  }
}
