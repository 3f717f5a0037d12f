// Files of a tree that patterns of paths choose.
import type { SourceTree } from '../source/source-tree.ts';
import { pathMatcher } from './path-matcher.ts';

/** A file with several names is chosen by any of them. */
export class FileChoice {
  readonly #tree: SourceTree;
  readonly #fits: (path: string) => boolean;
  /** Of files with several names, those that are chosen, by their groups. */
  readonly #groups = new Set<number>();

  /** Throws as pathMatcher does. */
  constructor(tree: SourceTree, globs: readonly string[]) {
    this.#tree = tree;
    this.#fits = pathMatcher(globs);
    for (let i = 0; i < tree.count; i++) {
      const group = tree.linkGroup(i);
      if (group >= 0 && this.#fitsPath(i)) this.#groups.add(group);
    }
  }

  /** Of entry `i`, a regular file. */
  has(i: number): boolean {
    const group = this.#tree.linkGroup(i);
    return group >= 0 ? this.#groups.has(group) : this.#fitsPath(i);
  }

  #fitsPath(i: number): boolean {
    return this.#fits(Buffer.from(this.#tree.pathBytes(i)).toString());
  }
}

/** Has the tree tell an inode flag of the files that are chosen, besides those that they have. */
export function addFlag(tree: SourceTree, choice: FileChoice, flag: number): void {
  const flags = tree.flags.bind(tree);
  tree.flags = (index) => flags(index) | (tree.type(index) === 'file' && choice.has(index) ? flag : 0);
}
