// Which directories of a tree fold case in the volume, and the entries that can't have their names there.
import { display } from '../bytes.ts';
import { F2fsError } from '../errors.ts';
import type { CaseFolding } from '../format/casefold.ts';
import { latin1Text } from '../platform/bytes.ts';
import type { SourceTree } from './source-tree.ts';

/** What whoever plans or fills a volume must know of the directories that fold case. */
export interface FoldedDirectories {
  readonly folding: CaseFolding;
  /** Entries to be left out, and why. */
  readonly refused: ReadonlyMap<number, F2fsError>;
  /** Whether an entry, or a directory that it lies below, is refused. */
  isLeftOut(index: number): boolean;
  /** Whether a directory folds case. */
  has(dir: number): boolean;
}

/** Adds the children of a directory that folds case which can't have their names, beside those that come before them. */
export function refuseNames(
  tree: SourceTree,
  dir: number,
  folding: CaseFolding,
  refused: Map<number, F2fsError>,
): void {
  const first = tree.firstChild(dir);
  const end = first + tree.nrChildren(dir);
  const taken = new Map<string, number>();
  for (let child = first; child < end; child++) {
    const name = tree.name(child);
    const folded = folding.fold(name);
    if (folded === null && folding.isStrict) {
      refused.set(child, new F2fsError('EINVAL', "its name can't be folded, and the volume folds case strictly"));
      continue;
    }
    const key = latin1Text(folded ?? name);
    const other = taken.get(key);
    if (other === undefined) taken.set(key, child);
    else
      refused.set(
        child,
        new F2fsError('EEXIST', `its directory folds case, and "${display(tree.name(other))}" is the same name there`),
      );
  }
}
