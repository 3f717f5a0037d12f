// What an entry has besides contents, owner, mode and times: extended attributes, and inode flags. It stays without what can't be read
// or stored of them, which is told.
import type { F2fsError } from '../errors.ts';
import { flagNames } from '../format/inode-flags.ts';
import type { FileSystem } from '../fs/file-system.ts';
import type { Handle } from '../fs/handle.ts';
import type { HostXattr } from '../host/xattrs.ts';
import { storableXattrs, xattrRefusal } from '../source/entry-xattrs.ts';
import type { SourceTree } from '../source/source-tree.ts';

export class EntryExtras {
  readonly #tree: SourceTree;
  readonly #volume: FileSystem;
  readonly #problem: (index: number, error: F2fsError) => void;
  /** Inodes that are to get flags, and their entries. */
  readonly #flagged = new Map<number, number>();
  readonly #done: { xattrs: number };

  /** @param done counts the attributes that were stored */
  constructor(
    tree: SourceTree,
    volume: FileSystem,
    done: { xattrs: number },
    problem: (index: number, error: F2fsError) => void,
  ) {
    this.#tree = tree;
    this.#volume = volume;
    this.#done = done;
    this.#problem = problem;
  }

  /** Stores the attributes of an entry, and notes its flags. */
  set(index: number, handle: Handle): void {
    const type = this.#tree.type(index);
    if (this.#tree.flags(index) !== 0 && (type === 'file' || type === 'dir')) {
      this.#flagged.set(handle.ino, index);
    }
    if (!this.#tree.hasXattrs(index)) return;
    const { found, failed } = this.#tree.xattrs(index);
    for (const error of failed) this.#problem(index, error);
    const known = storableXattrs(found, (error) => this.#problem(index, error));
    // All at once where that can be; else one that is refused costs none of the others.
    if (known.length > 1 && this.#store(index, handle, known, false)) return;
    for (const one of known) this.#store(index, handle, [one], true);
  }

  /** Gives inodes their flags, some of which forbid all that is done with them before: when everything else is done. */
  setFlags(): void {
    for (const [ino, index] of this.#flagged) {
      using handle = this.#volume.openInode(ino);
      // Whose project it is, and whether it folds case, is not the source's to say.
      const kept = handle.stat().flags.filter((flag) => flag === 'projinherit' || flag === 'casefold');
      handle.setFlags([...flagNames(this.#tree.flags(index)), ...kept]);
    }
  }

  /** False when the volume refused; a problem of the entry then, if `tell`. */
  #store(index: number, handle: Handle, xattrs: readonly HostXattr[], tell: boolean): boolean {
    try {
      handle.setXattrs(xattrs);
      this.#done.xattrs += xattrs.length;
      return true;
    } catch (error) {
      const refusal = xattrRefusal(error, xattrs[0]);
      if (tell) this.#problem(index, refusal);
      return false;
    }
  }
}
