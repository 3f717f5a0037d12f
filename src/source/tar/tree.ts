// A tree that is in tar archives: what SourceTree says, of an assembly that is complete. Contents, targets and attributes are read from
// the archives when they are wanted.
import * as fs from 'node:fs';
import { display } from '../../bytes.ts';
import { S_IFDIR, S_IFMT } from '../../format/constants.ts';
import { joinNames } from '../../fs/path-names.ts';
import { type EntryXattrs, NO_XATTRS } from '../../host/xattrs.ts';
import type { Problem } from '../../problems.ts';
import { EntryStat, type SourceType, typeOf } from '../entry-table.ts';
import { pagesOf } from '../page-ranges.ts';
import type {
  ContentReader,
  SharedArchive,
  SharedArchives,
  SourceFile,
  SourceProblem,
  SourceTotals,
  SourceTree,
} from '../source-tree.ts';
import type { TarAssembly } from './assembly.ts';
import { ArchiveContents, changed, dataRangesOf } from './contents.ts';
import { FIELDS, isHeader, parseNumber, TAR_BLOCK } from './header.ts';
import { memberXattrs } from './member-xattrs.ts';
import { MAX_ACCOUNTS_BYTES } from './owner-names.ts';
import { MAX_EXTENSION } from './reader.ts';

const DOT = Buffer.from('.');
const ROOT = 0;

function sharedFloats(length: number): Float64Array {
  return new Float64Array(new SharedArrayBuffer(8 * length));
}

export class TarTree implements SourceTree, Disposable {
  readonly count: number;
  readonly totals: SourceTotals = { files: 0, dirs: 0, symlinks: 0, others: 0, bytes: 0 };
  readonly #assembly: TarAssembly;
  /** By index: the row with the name, and the one with the attributes. */
  readonly #names: Uint32Array;
  readonly #inodes: Uint32Array;
  readonly #parents: Uint32Array;
  /** By index: the first name of the same file, of one with several; null when there is none. */
  readonly #groups: Int32Array | null;
  readonly #shared: SharedArchives;
  readonly #contents: ArchiveContents;
  readonly #stat = new EntryStat();

  /** @param files in order, each with the start that the assembly was told; the tree closes them */
  constructor(assembly: TarAssembly, files: readonly SharedArchive[]) {
    assembly.resolveLinks();
    this.#assembly = assembly;
    const { names, parents } = inOrder(assembly);
    this.#names = names;
    this.#parents = parents;
    this.count = names.length;
    this.#inodes = assembly.hasLinks ? names.map((row) => assembly.inodeOf(row)) : names;
    this.#groups = assembly.hasLinks ? groupsOf(this.#inodes, assembly.table.count) : null;
    const places = sharedFloats(this.count);
    const sizes = sharedFloats(this.count);
    for (let i = 0; i < this.count; i++) {
      places[i] = assembly.places[this.#inodes[i]];
      sizes[i] = assembly.table.sizeBytes(this.#inodes[i]);
      this.#add(i, sizes[i]);
    }
    const maps = sharedFloats(assembly.nrMapNumbers);
    maps.set(assembly.maps.subarray(0, assembly.nrMapNumbers));
    this.#shared = { kind: 'archives', files, places, sizes, maps };
    this.#contents = new ArchiveContents(this.#shared);
  }

  #add(index: number, bytes: number): void {
    const { totals } = this;
    const type = this.type(index);
    if (type === 'file') {
      totals.files++;
      const group = this.linkGroup(index);
      if (group < 0 || group === index) totals.bytes += bytes;
    } else if (type === 'dir') totals.dirs++;
    else if (type === 'symlink') totals.symlinks++;
    else totals.others++;
  }

  /** Whether a member tells of the root. */
  get tellsRoot(): boolean {
    return this.#assembly.tellsRoot;
  }

  get problems(): Problem[] {
    return this.#assembly.problems.list;
  }

  get skipped(): SourceProblem[] {
    return this.#assembly.skipped;
  }

  get memoryBytes(): number {
    const { places, sizes, maps } = this.#shared;
    const own = this.#names.byteLength * 3 + places.byteLength + sizes.byteLength + maps.byteLength;
    return this.#assembly.memoryBytes + own;
  }

  type(index: number): SourceType {
    return typeOf(this.#assembly.table.mode(this.#inodes[index]));
  }

  stat(index: number): EntryStat {
    const row = this.#inodes[index];
    const stat = this.#assembly.table.read(row, this.#stat);
    // Nothing else has this number, but for the other names of the same file.
    stat.inoLow = row;
    return stat;
  }

  flags(index: number): number {
    return this.#assembly.table.flags(this.#inodes[index]);
  }

  size(index: number): number {
    return this.#shared.sizes[index];
  }

  nameLength(index: number): number {
    return this.#assembly.table.nameLength(this.#names[index]);
  }

  name(index: number): Uint8Array {
    return this.#assembly.table.name(this.#names[index]);
  }

  path(index: number): string {
    return display(this.pathBytes(index));
  }

  pathBytes(index: number): Uint8Array {
    const names: Uint8Array[] = [];
    for (let i = index; i !== ROOT; i = this.#parents[i]) names.push(this.name(i));
    return names.length === 0 ? DOT : joinNames(names.reverse());
  }

  parent(index: number): number {
    return this.#parents[index];
  }

  firstChild(dir: number): number {
    return this.#assembly.table.firstChild(this.#names[dir]);
  }

  nrChildren(index: number): number {
    return this.#assembly.table.nrChildren(this.#names[index]);
  }

  linkGroup(index: number): number {
    return this.#groups === null ? -1 : this.#groups[index];
  }

  hasXattrs(index: number): boolean {
    return this.#assembly.table.hasXattrs(this.#inodes[index]);
  }

  xattrs(index: number): EntryXattrs {
    if (!this.hasXattrs(index)) return NO_XATTRS;
    const { owners } = this.#assembly;
    const records = this.#recordsAt(this.#assembly.xattrPlaces[this.#inodes[index]]);
    const { fromHost } = owners;
    const known = fromHost.size;
    const xattrs = memberXattrs(records, (kind, name) => owners.find(kind, name, (path) => this.#smallFile(path)));
    for (const what of [...fromHost].slice(known)) {
      const message = `no file of the archive tells the number of the ${what} in an ACL: it is this host's`;
      this.skipped.push({ path: this.path(index), code: 'ENOENT', message });
    }
    return xattrs;
  }

  /** The records of the PAX header that begins at a place. */
  #recordsAt(place: number): Uint8Array {
    const header = Buffer.alloc(TAR_BLOCK);
    this.#contents.read(header, 0, TAR_BLOCK, place);
    const size = parseNumber(header, FIELDS.SIZE);
    if (!isHeader(header) || !(size >= 0 && size <= MAX_EXTENSION)) throw changed();
    const records = Buffer.alloc(size);
    this.#contents.read(records, 0, size, place + TAR_BLOCK);
    return records;
  }

  /** What a file holds that is as small as lists of users are; null when there is none. */
  #smallFile(path: string): Uint8Array | null {
    const { table } = this.#assembly;
    const found = this.#assembly.find(Buffer.from(path));
    if (found < 0) return null;
    const row = this.#assembly.inodeOf(found);
    const place = this.#assembly.places[row];
    const size = table.sizeBytes(row);
    if (typeOf(table.mode(row)) !== 'file' || size > MAX_ACCOUNTS_BYTES || place < 0) return null;
    const bytes = Buffer.alloc(size);
    this.#contents.read(bytes, 0, size, place);
    return bytes;
  }

  readlink(index: number): Uint8Array {
    const target = Buffer.alloc(this.size(index));
    this.#contents.open(index).fill(target, 0, target.length, 0);
    return target;
  }

  *dataPages(index: number, pageSize: number): Generator<readonly [first: number, end: number]> {
    yield* pagesOf(dataRangesOf(this.#shared, index), pageSize);
  }

  known(): null {
    return null;
  }

  share(): SharedArchives {
    return this.#shared;
  }

  reader(): ContentReader {
    return { take: () => null, release: () => {}, close: () => {} };
  }

  open(index: number): SourceFile {
    return new ArchiveContents(this.#shared).open(index);
  }

  /** Closes the archives. */
  [Symbol.dispose](): void {
    for (const { fd } of this.#shared.files) {
      try {
        fs.closeSync(fd);
      } catch {
        // What was read of it is there all the same.
      }
    }
  }
}

/** The rows of all names that are there: directory after directory, each one's in byte order. And the index of each one's directory. */
function inOrder(assembly: TarAssembly): { names: Uint32Array; parents: Uint32Array } {
  const { table } = assembly;
  const nrRows = table.count;
  // Rows by their directories.
  const starts = new Uint32Array(nrRows + 1);
  let nrAlive = 1;
  for (let row = 1; row < nrRows; row++) {
    if (assembly.isDead(row)) continue;
    starts[table.parent(row) + 1]++;
    nrAlive++;
  }
  for (let row = 0; row < nrRows; row++) starts[row + 1] += starts[row];
  const children = new Uint32Array(nrAlive - 1);
  const next = starts.slice();
  for (let row = 1; row < nrRows; row++) if (!assembly.isDead(row)) children[next[table.parent(row)]++] = row;
  const names = new Uint32Array(nrAlive);
  const parents = new Uint32Array(nrAlive);
  const barriers = assembly.hasBarriers ? new Uint16Array(nrAlive) : null;
  if (barriers !== null) barriers[ROOT] = assembly.barrier(ROOT);
  let count = 1;
  for (let index = 0; index < count; index++) {
    const dir = names[index];
    if ((table.mode(dir) & S_IFMT) !== S_IFDIR) continue;
    const found = sorted(children.subarray(starts[dir], starts[dir + 1]), assembly);
    const first = count;
    for (const row of found) {
      if (barriers !== null) {
        if (assembly.layer(row) < barriers[index]) continue;
        barriers[count] = Math.max(barriers[index], assembly.barrier(row));
      }
      names[count] = row;
      parents[count++] = index;
    }
    table.setChildren(dir, first, count - first);
  }
  // What lies below a name that is gone was counted, too.
  return { names: names.subarray(0, count), parents: parents.subarray(0, count) };
}

/** By byte order of the names, in place. */
function sorted(rows: Uint32Array, { table }: TarAssembly): Uint32Array {
  for (let i = 1; i < rows.length; i++) {
    if (Buffer.compare(table.name(rows[i - 1]), table.name(rows[i])) < 0) continue;
    return rows.sort((a, b) => Buffer.compare(table.name(a), table.name(b)));
  }
  return rows;
}

function groupsOf(inodes: Uint32Array, nrRows: number): Int32Array {
  const firsts = new Int32Array(nrRows).fill(-1);
  const counts = new Uint32Array(nrRows);
  for (let i = 0; i < inodes.length; i++) {
    if (counts[inodes[i]]++ === 0) firsts[inodes[i]] = i;
  }
  return Int32Array.from(inodes, (row) => (counts[row] > 1 ? firsts[row] : -1));
}
