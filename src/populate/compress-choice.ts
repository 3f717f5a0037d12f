// Which files of a tree become compressed ones.
import { type CompressOptions, checkExtensions } from '../file/inode/compression.ts';
import { ExtensionSet } from '../file/inode/temperature.ts';
import type { SourceTree } from '../source/source-tree.ts';
import { matcher } from './file-choice.ts';

/** How an image is compressed, and which of its files. */
export interface BuildCompression extends Omit<CompressOptions, 'mode'> {
  /** Paths below the source that are compressed, as patterns: `usr/**`, `*.txt`. With extensions too, either is enough. */
  globs?: readonly string[];
}

/** Why nothing is compressed: no file fits the choice, or none that does holds a whole cluster of data. */
export type NoneCompressed = 'unfit' | 'small';

/** Without extensions and globs every file is chosen, but for those with an excluded extension. */
export class CompressChoice {
  readonly #tree: SourceTree;
  readonly #pageSize: number;
  readonly #clusterPages: number;
  readonly #extensions: ExtensionSet;
  readonly #noExtensions: ExtensionSet;
  readonly #isLimited: boolean;
  readonly #globs: ((path: string) => boolean) | null;

  /** Throws as checkChoice does. */
  constructor(tree: SourceTree, clusterPages: number, pageSize: number, options: BuildCompression) {
    this.#tree = tree;
    this.#pageSize = pageSize;
    this.#clusterPages = clusterPages;
    const extensions = checkExtensions(options.extensions ?? []);
    this.#extensions = new ExtensionSet(extensions);
    this.#noExtensions = new ExtensionSet(checkExtensions(options.noExtensions ?? []));
    this.#globs = options.globs === undefined ? null : matcher(options.globs);
    this.#isLimited = extensions.length > 0 || this.#globs !== null;
  }

  /**
   * Whether entry `i`, a regular file, is to be compressed. One that is too small for a cluster is not: it would not be
   * smaller, and could not lie within its inode.
   */
  has(i: number): boolean {
    return Math.ceil(this.#tree.size(i) / this.#pageSize) >= this.#clusterPages && this.#fits(i);
  }

  /** Of a tree in which nothing was to be compressed in the end. */
  whyNone(): NoneCompressed {
    for (let i = 0; i < this.#tree.count; i++) if (this.#tree.type(i) === 'file' && this.#fits(i)) return 'small';
    return 'unfit';
  }

  #fits(i: number): boolean {
    const name = this.#tree.name(i);
    if (this.#noExtensions.fits(name, false)) return false;
    if (!this.#isLimited || this.#extensions.fits(name, false)) return true;
    return this.#globs?.(Buffer.from(this.#tree.pathBytes(i)).toString()) ?? false;
  }
}

/** Throws EINVAL for a pattern or an extension that is none. */
export function checkChoice({ extensions = [], noExtensions = [], globs = [] }: BuildCompression): void {
  checkExtensions(extensions);
  checkExtensions(noExtensions);
  matcher(globs);
}
