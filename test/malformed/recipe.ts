// What a recipe for a damaged image is, and the words that the tables of recipes are written in.
import type { BaseName } from './base.ts';
import type { DamagedImage, NodeParts } from './damaged-image.ts';
import type { WornName } from './worn-bases.ts';

/** The classes of FACTS, "Malformed images that have hurt others". */
export type DamageClass =
  | 'superblock'
  | 'checkpoint'
  | 'nat'
  | 'sit'
  | 'footer'
  | 'inode'
  | 'address'
  | 'cluster'
  | 'chain'
  | 'orphan'
  | 'ssa'
  | 'dentry'
  | 'xattr';

export interface Recipe {
  readonly class: DamageClass;
  readonly name: string;
  readonly base: BaseName | WornName;
  /**
   * Where the damage must show: `mount`, or a path; `recovery`, which is a mount for writing of a volume that was cut off;
   * `cleaning`.
   */
  readonly touch: string;
  /**
   * The error that this must give; or `readable` when the damage is none that a reader could know of, `recovers` when
   * recovery passes by it, `cleans` when a cleaner does.
   */
  readonly expect: string;
  readonly damage: (image: DamagedImage) => void;
  /** Sound files that the damaged one claims blocks of: freed by it, they are lost to them, which is then told. */
  readonly robs?: readonly string[];
}

/** Sets of recipes in short: `[name, touch, expect, damage, robs?]`, all of one class and base. */
export type Row = readonly [
  name: string,
  touch: string,
  expect: string,
  damage: (image: DamagedImage) => void,
  robs?: readonly string[],
];

export function recipes(kind: DamageClass, base: BaseName, rows: readonly Row[]): Recipe[] {
  return rows.map(([name, touch, expect, damage, robs]) => ({ class: kind, name, base, touch, expect, damage, robs }));
}

/** Rows that change the inode of a path, which is also what is read. */
export function inodeRows(
  path: string,
  rows: readonly (readonly [name: string, expect: string, change: (node: NodeParts) => void])[],
): Row[] {
  return rows.map(([name, expect, change]) => [
    `${path}: ${name}`,
    path,
    expect,
    (image: DamagedImage) => image.inode(path, change),
  ]);
}

/** Numbers that no count, size or address on a small volume can be. */
export const HUGE = 0xffffffff;

/** Sets a 64-bit field to 2^62. */
export function setImmense(dv: DataView, at: number): void {
  dv.setUint32(at, 0, true);
  dv.setUint32(at + 4, 0x4000_0000, true);
}
