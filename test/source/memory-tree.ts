// A tree that is on no host: proof that whoever pours one needs nothing but what SourceTree says.
import { F2fsError } from '../../src/errors.ts';
import { S_IFDIR, S_IFLNK, S_IFREG } from '../../src/format/constants.ts';
import { type EntryXattrs, NO_XATTRS } from '../../src/host/xattrs.ts';
import { EntryStat, EntryTable, NO_TIME, type SourceType, typeOf } from '../../src/source/entry-table.ts';
import type { ContentReader, SourceFile, SourceTotals, SourceTree } from '../../src/source/source-tree.ts';

/** A directory by its entries; a file by its contents; a symlink by its target. */
export type MemoryNode = { readonly [name: string]: MemoryNode } | Uint8Array | string;

export class MemoryTree implements SourceTree, Disposable {
  readonly totals: SourceTotals = { files: 0, dirs: 0, symlinks: 0, others: 0, bytes: 0 };
  readonly problems = [];
  readonly skipped = [];
  readonly memoryBytes = 0;
  readonly #table = new EntryTable();
  readonly #nodes: MemoryNode[] = [];
  readonly #stat = new EntryStat();

  constructor(root: { readonly [name: string]: MemoryNode }) {
    this.#append(0, '', root);
    for (let dir = 0; dir < this.count; dir++) {
      const node = this.#nodes[dir];
      if (typeof node === 'string' || node instanceof Uint8Array) continue;
      const first = this.count;
      for (const name of Object.keys(node).sort()) this.#append(dir, name, node[name]);
      this.#table.setChildren(dir, first, this.count - first);
    }
  }

  #append(parent: number, name: string, node: MemoryNode): void {
    const stat = new EntryStat();
    const isFile = node instanceof Uint8Array;
    const isLink = typeof node === 'string';
    stat.mode = isFile ? S_IFREG | 0o640 : isLink ? S_IFLNK | 0o777 : S_IFDIR | 0o750;
    stat.nlink = 1;
    stat.sizeBytes = isFile || isLink ? node.length : 0;
    stat.nrSectors = 8 * Math.ceil(stat.sizeBytes / 4096);
    stat.inoLow = this.count + 1;
    stat.mtimeSec = 1_600_000_000 + this.count;
    stat.birthtimeNsec = NO_TIME;
    const bytes = Buffer.from(name);
    this.#table.append(parent, bytes, 0, bytes.length, stat);
    this.#nodes.push(node);
    if (isFile) this.totals.files++;
    else if (isLink) this.totals.symlinks++;
    else this.totals.dirs++;
    if (isFile) this.totals.bytes += stat.sizeBytes;
  }

  get count(): number {
    return this.#table.count;
  }

  type(index: number): SourceType {
    return typeOf(this.#table.mode(index));
  }

  stat(index: number): EntryStat {
    return this.#table.read(index, this.#stat);
  }

  flags(): number {
    return 0;
  }

  size(index: number): number {
    return this.#table.sizeBytes(index);
  }

  nameLength(index: number): number {
    return this.#table.nameLength(index);
  }

  name(index: number): Uint8Array {
    return this.#table.name(index);
  }

  path(index: number): string {
    return Buffer.from(this.pathBytes(index)).toString();
  }

  pathBytes(index: number): Uint8Array {
    const names: Uint8Array[] = [];
    for (let i = index; i !== 0; i = this.#table.parent(i)) names.unshift(this.#table.name(i));
    return Buffer.from(names.map((name) => Buffer.from(name).toString()).join('/') || '.');
  }

  parent(index: number): number {
    return this.#table.parent(index);
  }

  firstChild(dir: number): number {
    return this.#table.firstChild(dir);
  }

  nrChildren(index: number): number {
    return this.#table.nrChildren(index);
  }

  linkGroup(): number {
    return -1;
  }

  hasXattrs(): boolean {
    return false;
  }

  xattrs(): EntryXattrs {
    return NO_XATTRS;
  }

  readlink(index: number): Uint8Array {
    return Buffer.from(this.#nodes[index] as string);
  }

  *dataPages(index: number, pageSize: number): Generator<readonly [number, number]> {
    if (this.size(index) > 0) yield [0, Math.ceil(this.size(index) / pageSize)];
  }

  known(): null {
    return null;
  }

  share(): null {
    return null;
  }

  reader(): ContentReader {
    return { take: () => null, release: () => {}, close: () => {} };
  }

  open(index: number): SourceFile {
    const bytes = this.#nodes[index] as Uint8Array;
    return {
      data: () => ({ ranges: [[0, bytes.length]], areExact: true }),
      fill: (memory, offset, length, position) => {
        if (position + length > bytes.length) throw new F2fsError('ESTALE', 'it became shorter while it was read');
        memory.set(bytes.subarray(position, position + length), offset);
      },
      verify: () => {},
      close: () => {},
    };
  }

  [Symbol.dispose](): void {}
}
