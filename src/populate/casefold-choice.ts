// Which directories of a tree fold case: those whose paths fit a pattern, and all below them.
import type { F2fsError } from '../errors.ts';
import type { CaseFolding } from '../format/casefold.ts';
import { type FoldedDirectories, refuseNames } from '../source/folded-names.ts';
import type { SourceTree } from '../source/source-tree.ts';
import { pathMatcher } from './path-matcher.ts';

export class CasefoldChoice implements FoldedDirectories {
  readonly folding: CaseFolding;
  readonly refused = new Map<number, F2fsError>();
  readonly #has: Uint8Array;
  readonly #leftOut: Uint8Array;

  /** Throws EINVAL for a pattern that is none. The root is no choice: a format has made something in it. */
  constructor(tree: SourceTree, globs: readonly string[], folding: CaseFolding) {
    this.folding = folding;
    this.#has = new Uint8Array(tree.count);
    this.#leftOut = new Uint8Array(tree.count);
    const fits = pathMatcher(globs);
    for (let i = 1; i < tree.count; i++) {
      // What is below a directory comes after it.
      const parent = tree.parent(i);
      if (this.isLeftOut(parent) || this.refused.has(i)) {
        this.#leftOut[i] = 1;
        continue;
      }
      if (tree.type(i) !== 'dir') continue;
      if (!this.has(parent) && !fits(Buffer.from(tree.pathBytes(i)).toString())) continue;
      this.#has[i] = 1;
      refuseNames(tree, i, folding, this.refused);
    }
  }

  isLeftOut(index: number): boolean {
    return this.#leftOut[index] === 1;
  }

  has(dir: number): boolean {
    return this.#has[dir] === 1;
  }
}
