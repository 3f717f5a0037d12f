// Puts the members of one archive, or of several applied one on another, together to a tree: parents that are only implied, names that
// come again, hard links before what they are links of, whiteouts of layers. Each name is a row of a table, in the order of the archives.
import { randomInt } from 'node:crypto';
import { display } from '../../bytes.ts';
import { F2fsError } from '../../errors.ts';
import { S_IFDIR, S_IFMT } from '../../format/constants.ts';
import { kindOfMessage, Problems } from '../../problems.ts';
import { EntryStat, EntryTable, NO_TIME } from '../entry-table.ts';
import type { SourceProblem } from '../source-tree.ts';
import { MAP_HEADER, RANGE_NUMBERS } from './contents.ts';
import { grown } from './growing.ts';
import { OwnerNames } from './owner-names.ts';
import type { MemberProblem, MemberReceiver, TarMember } from './reader.ts';
import { MAX_MAP_NUMBERS, type SparseMap } from './sparse-map.ts';

/** Longest name that F2FS holds, in bytes. */
const MAX_NAME = 255;
const SLASH = 0x2f;
const DOT = 0x2e;
/** Mode of a directory that no member tells of. */
const IMPLIED_MODE = S_IFDIR | 0o755;
/** Bytes that all that is kept may take: more than an archive of a million members needs. */
const MAX_MEMORY = 176 * 2 ** 20;
/** Bytes that a row takes besides the table's: its slots in the index, places, targets and so on. */
const ROW_BYTES = 48;
/** Rows after which it is looked at. */
const CHECKED_ROWS = 1 << 14;

/** Of a row: its name has gone to another one, or nowhere; it is a hard link to what has not come yet. */
const DEAD = 1;
const PENDING = 2;
const NOT_THERE = -1;
const ROOT = 0;
/** Kinds of names that say something about others. Source: OCI image specification, "Image Layer Filesystem Changeset". */
const WHITEOUT = Buffer.from('.wh.');
const OPAQUE = Buffer.from('.wh..wh..opq');

export interface AssemblyOptions {
  /** Names that begin with `.wh.` remove what earlier archives have. */
  readonly whiteouts: boolean;
  readonly xattrs: boolean;
  /** Owner of every entry, instead of its own. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

export class TarAssembly implements MemberReceiver {
  readonly table = new EntryTable();
  readonly problems = new Problems();
  readonly skipped: SourceProblem[] = [];
  readonly owners = new OwnerNames();
  /** By row: where contents, or a symlink's target, begin; of a file with holes -1 less than where its map begins. */
  places = new Float64Array(0);
  /** By row: where the header with extended attributes begins, or -1. */
  xattrPlaces = new Float64Array(0);
  /** By row: 1 + the row that it is another name of, or 0. */
  targets = new Uint32Array(0);
  maps = new Float64Array(0);
  nrMapNumbers = 0;
  hasLinks = false;
  readonly #options: AssemblyOptions;
  #states = new Uint8Array(0);
  /** By row: the archive that made it, or anything in it, last. */
  #layers = new Uint16Array(0);
  #layer = 0;
  /** What the first byte of the archive at hand counts as. */
  #start = 0;
  /** What is older than this in a directory, at any depth, is hidden. */
  readonly #barriers = new Map<number, number>();
  /** Open-addressed set of names: 1 + row. */
  #index = new Uint32Array(1024);
  #nrIndexed = 0;
  /** Nobody can make names that all fall into one place. */
  readonly #seed = randomInt(2 ** 31) | 1;
  /** Hard links to what had not come, in order of their rows: the row, and where the path ends in `#pendingPaths`. */
  #pendingRows = new Uint32Array(0);
  #pendingEnds = new Uint32Array(0);
  #pendingPaths = new Uint8Array(0);
  #nrPending = 0;
  readonly #implied = new EntryStat();
  /** Whether a member tells of the root. */
  tellsRoot = false;
  /** The directory of the member before: most are followed by others of theirs. */
  #dirPath: Uint8Array = new Uint8Array(0);
  #dirRow = NOT_THERE;
  /** Range of a path's last name, after `#dirOf`. */
  #nameStart = 0;
  #nameEnd = 0;

  constructor(options: AssemblyOptions) {
    this.#options = options;
    this.#implied.mode = IMPLIED_MODE;
    this.#implied.nlink = 1;
    this.#implied.birthtimeNsec = NO_TIME;
    this.#own(this.#implied);
    this.#append(ROOT, new Uint8Array(0), 0, 0, this.#implied);
  }

  /** Begins the next archive, whose first byte counts as `start`. */
  beginArchive(start: number): void {
    this.#layer++;
    this.#start = start;
    this.#dirRow = NOT_THERE;
  }

  refuse(member: TarMember, { code, message }: MemberProblem): void {
    this.#problem(code, member, message);
  }

  /** Throws E2BIG when all that has come takes too much memory. */
  take(member: TarMember): void {
    const { path, stat } = member;
    this.owners.note(member.block, stat.uid, stat.gid);
    this.#own(stat);
    if (!this.#options.xattrs) stat.flags = 0;
    this.#implied.mtimeSec = stat.mtimeSec;
    this.#implied.mtimeNsec = stat.mtimeNsec;
    if (this.table.count === 1 && !this.tellsRoot) this.table.replaceDirectory(ROOT, this.#implied);
    const dir = this.#dirOf(path);
    if (typeof dir !== 'number') {
      this.#problem(dir.code, member, dir.message);
      return;
    }
    if (dir === NOT_THERE) {
      this.#takeRoot(member);
      return;
    }
    const nameStart = this.#nameStart;
    const nameEnd = this.#nameEnd;
    if (nameEnd - nameStart > MAX_NAME) {
      this.#problem('ENAMETOOLONG', member, `its name is longer than the ${MAX_NAME} bytes that F2FS holds`);
      return;
    }
    if (this.#options.whiteouts && startsWith(path, nameStart, nameEnd, WHITEOUT)) this.#whiteOut(dir, path);
    else if (member.linkTo !== null) this.#takeLink(dir, member, member.linkTo);
    else this.#takeEntry(dir, member);
  }

  get memoryBytes(): number {
    return this.table.memoryBytes + this.table.count * ROW_BYTES + 8 * this.maps.length + this.#pendingPaths.length;
  }

  isDead(row: number): boolean {
    return (this.#states[row] & DEAD) !== 0;
  }

  layer(row: number): number {
    return this.#layers[row];
  }

  get hasBarriers(): boolean {
    return this.#barriers.size > 0;
  }

  /** What is older than this below a directory is hidden. */
  barrier(row: number): number {
    return this.#barriers.get(row) ?? 0;
  }

  /** The row that has the attributes of a name. */
  inodeOf(row: number): number {
    const target = this.targets[row];
    return target === 0 ? row : target - 1;
  }

  /** Finds what the names are of that came before it. Of what is not there it is a problem, and the name is gone. */
  resolveLinks(): void {
    for (let first = 0; first < this.#nrPending; first++) {
      if (this.#states[this.#pendingRows[first]] !== PENDING) continue;
      // A link of a link that is not found yet: follow them to the end, then back.
      const chain: number[] = [];
      let found = this.#pendingRows[first];
      while (found !== NOT_THERE && this.#states[found] === PENDING) {
        this.#states[found] = 0;
        const at = this.#pendingAt(found);
        chain.push(at);
        found = this.find(this.#pendingPath(at));
      }
      // One that leads to itself has no target by now.
      const isThere = found !== NOT_THERE && !this.#isDirectory(found) && !this.#isIn(chain, found);
      for (const at of chain) {
        if (isThere) this.targets[this.#pendingRows[at]] = this.inodeOf(found) + 1;
        else this.#dropLink(at);
      }
    }
  }

  #isIn(chain: readonly number[], row: number): boolean {
    return chain.some((at) => this.#pendingRows[at] === row);
  }

  #dropLink(at: number): void {
    const row = this.#pendingRows[at];
    this.#states[row] = DEAD;
    this.problems.add('ENOENT', 'a hard link to what is not there', () => ({
      path: this.pathOf(row),
      message: `it is a hard link to "${display(this.#pendingPath(at))}", which is no file of the archive: left out`,
    }));
  }

  /** The number of a link by its row. */
  #pendingAt(row: number): number {
    let low = 0;
    for (let high = this.#nrPending - 1; low < high; ) {
      const middle = (low + high) >>> 1;
      if (this.#pendingRows[middle] < row) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #pendingPath(at: number): Uint8Array {
    return this.#pendingPaths.subarray(at === 0 ? 0 : this.#pendingEnds[at - 1], this.#pendingEnds[at]);
  }

  #addPending(row: number, path: Uint8Array): void {
    const at = this.#nrPending++;
    const start = at === 0 ? 0 : this.#pendingEnds[at - 1];
    this.#pendingRows = grown(this.#pendingRows, at + 1);
    this.#pendingEnds = grown(this.#pendingEnds, at + 1);
    this.#pendingPaths = grown(this.#pendingPaths, start + path.length);
    this.#pendingRows[at] = row;
    this.#pendingEnds[at] = start + path.length;
    this.#pendingPaths.set(path, start);
    this.#states[row] = PENDING;
    this.#checkMemory();
  }

  /** For messages. */
  pathOf(row: number): string {
    const names: string[] = [];
    for (let at = row; at !== ROOT; at = this.table.parent(at)) names.push(display(this.table.name(at)));
    return names.reverse().join('/') || '.';
  }

  #own(stat: EntryStat): void {
    const { owner } = this.#options;
    if (owner === undefined) return;
    stat.uid = owner.uid;
    stat.gid = owner.gid;
  }

  #problem(code: string, { path, at }: TarMember, message: string): void {
    this.problems.add(code, kindOfMessage(message), () => ({
      path: display(path),
      message: `at byte ${at} of the archive: ${message}; left out`,
    }));
  }

  #takeRoot(member: TarMember): void {
    if ((member.stat.mode & S_IFMT) !== S_IFDIR || member.linkTo !== null) {
      this.#problem('EISDIR', member, 'its path is that of the root, which is a directory');
      return;
    }
    this.tellsRoot = true;
    this.table.replaceDirectory(ROOT, member.stat);
    this.#note(ROOT, member);
  }

  #takeEntry(dir: number, member: TarMember): void {
    const { path, stat } = member;
    const slot = this.#slotOf(dir, path, this.#nameStart, this.#nameEnd);
    const there = this.#rowIn(slot, dir);
    if (there !== NOT_THERE && this.#isDirectory(there) && (stat.mode & S_IFMT) === S_IFDIR) {
      this.table.replaceDirectory(there, stat);
      this.#layers[there] = this.#layer;
      this.#note(there, member);
      return;
    }
    this.#note(this.#insert(slot, dir, path, this.#nameStart, this.#nameEnd, stat), member);
  }

  #takeLink(dir: number, member: TarMember, to: Uint8Array): void {
    const { path, stat } = member;
    const nameStart = this.#nameStart;
    const nameEnd = this.#nameEnd;
    const found = this.find(to);
    if (found !== NOT_THERE && this.#isDirectory(found)) {
      this.#problem('EPERM', member, 'it is a hard link to a directory');
      return;
    }
    const slot = this.#slotOf(dir, path, nameStart, nameEnd);
    // A name that is a link of itself is there already.
    if (found !== NOT_THERE && this.#rowIn(slot, dir) === found) return;
    const row = this.#insert(slot, dir, path, nameStart, nameEnd, stat);
    this.hasLinks = true;
    if (found !== NOT_THERE && this.#states[found] !== PENDING) this.targets[row] = this.inodeOf(found) + 1;
    else this.#addPending(row, to);
  }

  /** Hides what earlier archives have by a name, or in a directory. */
  #whiteOut(dir: number, path: Uint8Array): void {
    const nameStart = this.#nameStart;
    const nameEnd = this.#nameEnd;
    if (nameEnd - nameStart === OPAQUE.length && startsWith(path, nameStart, nameEnd, OPAQUE)) {
      this.#barriers.set(dir, this.#layer);
      this.#dirRow = NOT_THERE;
      return;
    }
    const start = nameStart + WHITEOUT.length;
    if (start === nameEnd) return;
    const row = this.#rowIn(this.#slotOf(dir, path, start, nameEnd), dir);
    if (row === NOT_THERE) return;
    if (this.#layers[row] < this.#layer) this.#states[row] |= DEAD;
    else if (this.#isDirectory(row)) this.#barriers.set(row, this.#layer);
    this.#dirRow = NOT_THERE;
  }

  /** Keeps what the table does not. */
  #note(row: number, { contentsAt, sparse, xattrsAt }: TarMember): void {
    this.places[row] = sparse === null ? this.#start + contentsAt : this.#addMap(sparse, contentsAt);
    this.xattrPlaces[row] = -1;
    if (xattrsAt < 0 || !this.#options.xattrs) return;
    this.xattrPlaces[row] = this.#start + xattrsAt;
    this.table.setHasXattrs(row);
  }

  #addMap({ ranges }: SparseMap, contentsAt: number): number {
    const at = this.nrMapNumbers;
    const nrRanges = ranges.length / 2;
    this.nrMapNumbers += MAP_HEADER + nrRanges * RANGE_NUMBERS;
    if (this.nrMapNumbers > 2 * MAX_MAP_NUMBERS) throw tooMuch('its sparse files have too many holes');
    this.maps = grown(this.maps, this.nrMapNumbers);
    this.maps[at] = nrRanges;
    let place = this.#start + contentsAt;
    for (let i = 0; i < nrRanges; i++) {
      const from = at + MAP_HEADER + i * RANGE_NUMBERS;
      this.maps[from] = ranges[2 * i];
      this.maps[from + 1] = ranges[2 * i] + ranges[2 * i + 1];
      this.maps[from + 2] = place;
      place += ranges[2 * i + 1];
    }
    this.#checkMemory();
    return -1 - at;
  }

  /**
   * The row of the directory that a path leads to, which is made where no member has told of it; the path's last name is in `#nameStart`
   * and `#nameEnd` then. NOT_THERE for the path of the root.
   */
  #dirOf(path: Uint8Array): number | MemberProblem {
    if (path.length === 0) return { code: 'ENOENT', message: 'it has no path' };
    let end = path.length;
    while (end > 0 && path[end - 1] === SLASH) end--;
    const dirEnd = path.lastIndexOf(SLASH, end - 1) + 1;
    const isOther = end === 0 || isDots(path, dirEnd, end);
    if (!isOther && this.#dirRow !== NOT_THERE && isSame(path, dirEnd, this.#dirPath)) {
      this.#nameStart = dirEnd;
      this.#nameEnd = end;
      return this.#dirRow;
    }
    let dir = ROOT;
    this.#nameStart = this.#nameEnd = 0;
    for (let from = 0; from < end; ) {
      while (from < end && path[from] === SLASH) from++;
      let to = from;
      while (to < end && path[to] !== SLASH) to++;
      if (to - from === 2 && path[from] === DOT && path[from + 1] === DOT)
        return { code: 'EINVAL', message: 'its path leads out of the root' };
      if (to > from && !(to - from === 1 && path[from] === DOT)) {
        if (this.#nameEnd > 0) {
          const next = this.#enter(dir, path, this.#nameStart, this.#nameEnd);
          if (typeof next !== 'number') return next;
          dir = next;
        }
        this.#nameStart = from;
        this.#nameEnd = to;
      }
      from = to;
    }
    if (this.#nameEnd === 0) return NOT_THERE;
    if (!isOther) {
      this.#dirPath = path.subarray(0, dirEnd);
      this.#dirRow = dir;
    }
    return dir;
  }

  #enter(dir: number, path: Uint8Array, start: number, end: number): number | MemberProblem {
    if (end - start > MAX_NAME)
      return {
        code: 'ENAMETOOLONG',
        message: `a directory's name is longer than the ${MAX_NAME} bytes that F2FS holds`,
      };
    const slot = this.#slotOf(dir, path, start, end);
    const row = this.#rowIn(slot, dir);
    if (row === NOT_THERE) {
      const made = this.#insert(slot, dir, path, start, end, this.#implied);
      this.xattrPlaces[made] = -1;
      return made;
    }
    if (!this.#isDirectory(row))
      return { code: 'ENOTDIR', message: `"${display(path.subarray(0, end))}" in the archive is no directory` };
    this.#layers[row] = this.#layer;
    return row;
  }

  /** The row that a path leads to, by names alone; -1 for none. */
  find(path: Uint8Array): number {
    let row = ROOT;
    for (let from = 0; from < path.length; ) {
      while (from < path.length && path[from] === SLASH) from++;
      let to = from;
      while (to < path.length && path[to] !== SLASH) to++;
      if (to > from && !(to - from === 1 && path[from] === DOT)) {
        if (to - from > MAX_NAME || !this.#isDirectory(row)) return NOT_THERE;
        row = this.#rowIn(this.#slotOf(row, path, from, to), row);
        if (row === NOT_THERE) return NOT_THERE;
      }
      from = to;
    }
    return row;
  }

  #isDirectory(row: number): boolean {
    return (this.table.mode(row) & S_IFMT) === S_IFDIR;
  }

  /** The row in a slot of the index; NOT_THERE when there is none, or it is hidden. */
  #rowIn(slot: number, dir: number): number {
    const row = this.#index[slot] - 1;
    if (row < 0 || this.isDead(row)) return NOT_THERE;
    if (this.#barriers.size > 0) {
      for (let at = dir; ; at = this.table.parent(at)) {
        if (this.#layers[row] < this.barrier(at)) return NOT_THERE;
        if (at === ROOT) break;
      }
    }
    return row;
  }

  /** Gives a name a row of its own; what had it has it no more. */
  #insert(slot: number, dir: number, path: Uint8Array, start: number, end: number, stat: EntryStat): number {
    const before = this.#index[slot];
    const row = this.#append(dir, path, start, end, stat);
    if (before !== 0) {
      this.#states[before - 1] |= DEAD;
      this.#index[slot] = row + 1;
      this.#dirRow = NOT_THERE;
    } else {
      this.#index[slot] = row + 1;
      if (++this.#nrIndexed * 2 > this.#index.length) this.#growIndex();
    }
    return row;
  }

  #append(dir: number, path: Uint8Array, start: number, end: number, stat: EntryStat): number {
    const row = this.table.append(dir, path, start, end, stat);
    const needed = row + 1;
    if (needed > this.places.length) {
      this.places = grown(this.places, needed);
      this.xattrPlaces = grown(this.xattrPlaces, needed);
      this.targets = grown(this.targets, needed);
      this.#states = grown(this.#states, needed);
      this.#layers = grown(this.#layers, needed);
    }
    if (row % CHECKED_ROWS === 0) this.#checkMemory();
    this.xattrPlaces[row] = -1;
    this.#layers[row] = this.#layer;
    return row;
  }

  #checkMemory(): void {
    if (this.memoryBytes > MAX_MEMORY) throw tooMuch(`it has ${this.table.count} members and more`);
  }

  #growIndex(): void {
    const old = this.#index;
    this.#index = new Uint32Array(old.length * 2);
    for (const one of old) {
      if (one === 0) continue;
      const name = this.table.name(one - 1);
      this.#index[this.#slotOf(this.table.parent(one - 1), name, 0, name.length)] = one;
    }
  }

  /** The slot that holds a name of a directory, or the empty one where it belongs. */
  #slotOf(dir: number, bytes: Uint8Array, start: number, end: number): number {
    let hash = Math.imul(dir + 1, 0x9e3779b1) ^ this.#seed;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i], this.#seed);
    hash ^= hash >>> 15;
    hash = Math.imul(hash, 0x85ebca6b);
    const mask = this.#index.length - 1;
    for (let slot = (hash ^ (hash >>> 13)) & mask; ; slot = (slot + 1) & mask) {
      const row = this.#index[slot] - 1;
      if (row < 0) return slot;
      if (
        this.table.parent(row) === dir &&
        this.table.nameLength(row) === end - start &&
        this.#hasName(row, bytes, start)
      )
        return slot;
    }
  }

  #hasName(row: number, bytes: Uint8Array, start: number): boolean {
    const name = this.table.name(row);
    for (let i = 0; i < name.length; i++) if (name[i] !== bytes[start + i]) return false;
    return true;
  }
}

function tooMuch(what: string): F2fsError {
  const message = `the archive takes more than ${MAX_MEMORY / 2 ** 20} MiB of memory, as ${what}: unpack it, and build from the directory`;
  return new F2fsError('E2BIG', message);
}

/** Whether a name is `.` or `..`. */
function isDots(path: Uint8Array, start: number, end: number): boolean {
  return path[start] === DOT && (end - start === 1 || (end - start === 2 && path[start + 1] === DOT));
}

function isSame(path: Uint8Array, length: number, other: Uint8Array): boolean {
  if (length !== other.length) return false;
  for (let i = length - 1; i >= 0; i--) if (path[i] !== other[i]) return false;
  return true;
}

function startsWith(path: Uint8Array, start: number, end: number, prefix: Uint8Array): boolean {
  if (end - start < prefix.length) return false;
  for (let i = 0; i < prefix.length; i++) if (path[start + i] !== prefix[i]) return false;
  return true;
}
