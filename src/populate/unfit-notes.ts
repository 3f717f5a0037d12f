// Patterns of a build that fit nothing: no fault, but hardly what was meant.
import type { SourceTree } from '../source/source-tree.ts';
import type { BuildOptions } from './options.ts';
import { pathMatcher } from './path-matcher.ts';

/** A note for each option none of whose patterns fits an entry of its type. */
export function unfitNotes(tree: SourceTree, { casefold, immutable, verity, compress }: BuildOptions): string[] {
  const asked = [
    ['no directory folds case', 'dir', casefold],
    ['no file is made immutable', 'file', immutable],
    ['no file is put under verity', 'file', verity?.globs],
    ['no file is compressed for its path', 'file', compress?.globs],
  ] as const;
  return asked.flatMap(([what, type, globs = []]) =>
    globs.length === 0 || isFit(tree, type, globs) ? [] : [`${what}: none fits ${globs.join(', ')}`],
  );
}

function isFit(tree: SourceTree, type: 'dir' | 'file', globs: readonly string[]): boolean {
  const fits = pathMatcher(globs);
  for (let i = 1; i < tree.count; i++)
    if (tree.type(i) === type && fits(Buffer.from(tree.pathBytes(i)).toString())) return true;
  return false;
}
