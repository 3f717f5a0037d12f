// The order in which a tree is made, for those who make it and those who read ahead of them.
import type { SourceTree } from './source-tree.ts';

/** A directory, before what is in it; an entry that is none; a directory, after all that is in it. */
export type PourStep = 'enter' | 'entry' | 'leave' | 'end';

/**
 * From the root, which is left but not entered: a directory's entries that are none, then each of its directories in turn with all that
 * is in it, so that what is written of a directory is written once. No object a step.
 */
export class PourOrder {
  readonly #tree: SourceTree;
  /** The directories that have been entered, and the next child to look at in each. */
  readonly #dirs: number[] = [];
  readonly #next: number[] = [];
  /** Whether the entries of the last one are done, so that its directories follow. */
  #atDirectories = false;
  /** What the last step is about. */
  index = 0;

  constructor(tree: SourceTree) {
    this.#tree = tree;
    this.#enter(0);
  }

  next(): PourStep {
    while (this.#dirs.length > 0) {
      const top = this.#dirs.length - 1;
      const dir = this.#dirs[top];
      const end = this.#tree.firstChild(dir) + this.#tree.nrChildren(dir);
      for (let child = this.#next[top]; child < end; child++) {
        const isDirectory = this.#tree.type(child) === 'dir';
        if (isDirectory !== this.#atDirectories) continue;
        this.#next[top] = child + 1;
        this.index = child;
        if (!isDirectory) return 'entry';
        this.#enter(child);
        return 'enter';
      }
      if (this.#atDirectories) {
        this.index = dir;
        this.skip();
        return 'leave';
      }
      this.#atDirectories = true;
      this.#next[top] = this.#tree.firstChild(dir);
    }
    return 'end';
  }

  /** Passes over what is in the directory that the last step entered: it is not left either. */
  skip(): void {
    this.#dirs.pop();
    this.#next.pop();
    this.#atDirectories = true;
  }

  #enter(dir: number): void {
    this.#dirs.push(dir);
    this.#next.push(this.#tree.firstChild(dir));
    this.#atDirectories = false;
  }
}
