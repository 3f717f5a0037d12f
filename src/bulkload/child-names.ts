// The names that a directory of the tree gets in the volume.
import type { CaseFolding } from '../format/casefold.ts';
import { FT } from '../format/dentry.ts';
import { nameHash } from '../format/hash.ts';
import { LOST_FOUND_NAME } from '../mkfs/first-nodes.ts';
import { utf8Bytes } from '../platform/bytes.ts';
import type { SourceType } from '../source/entry-table.ts';
import type { SourceTree } from '../source/source-tree.ts';
import type { NewDentries } from './directory-writer.ts';

export const LOST_FOUND = utf8Bytes(LOST_FOUND_NAME);

const FILE_TYPES: Readonly<Record<SourceType, number>> = {
  file: FT.REG_FILE,
  dir: FT.DIR,
  symlink: FT.SYMLINK,
  fifo: FT.FIFO,
  socket: FT.SOCK,
  char: FT.CHRDEV,
  block: FT.BLKDEV,
};

/** The names of one directory, reused for the next. */
export class ChildNames implements NewDentries {
  readonly #tree: SourceTree;
  readonly #children: number[] = [];
  readonly #inos: number[] = [];
  count = 0;
  nrDirectories = 0;
  /** How the directory folds case; null: it does not. */
  folding: CaseFolding | null = null;

  constructor(tree: SourceTree) {
    this.#tree = tree;
  }

  clear(): void {
    this.count = 0;
    this.nrDirectories = 0;
  }

  add(child: number, ino: number): void {
    this.#children[this.count] = child;
    this.#inos[this.count++] = ino;
    if (this.#tree.type(child) === 'dir') this.nrDirectories++;
  }

  /** The directory of that name that a format makes. */
  addLostFound(ino: number): void {
    this.#children[this.count] = -1;
    this.#inos[this.count++] = ino;
    this.nrDirectories++;
  }

  nameLength(i: number): number {
    const child = this.#children[i];
    return child < 0 ? LOST_FOUND.length : this.#tree.nameLength(child);
  }

  name(i: number): Uint8Array {
    const child = this.#children[i];
    return child < 0 ? LOST_FOUND : this.#tree.name(child);
  }

  hash(name: Uint8Array): number {
    return this.folding === null ? nameHash(name) : this.folding.hash(name);
  }

  ino(i: number): number {
    return this.#inos[i];
  }

  fileType(i: number): number {
    const child = this.#children[i];
    return child < 0 ? FT.DIR : FILE_TYPES[this.#tree.type(child)];
  }
}
