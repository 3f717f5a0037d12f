// All recipes for damaged images: those that a reader meets, and those that only a writer does.
import type { Recipe } from './recipe.ts';
import { addressRecipes } from './recipes/address.ts';
import { chainRecipes } from './recipes/chain.ts';
import { checkpointRecipes } from './recipes/checkpoint.ts';
import { clusterRecipes } from './recipes/cluster.ts';
import { dentryRecipes } from './recipes/dentry.ts';
import { footerRecipes } from './recipes/footer.ts';
import { inodeRecipes } from './recipes/inode.ts';
import { natRecipes } from './recipes/nat.ts';
import { orphanRecipes } from './recipes/orphan.ts';
import { sitRecipes } from './recipes/sit.ts';
import { ssaRecipes } from './recipes/ssa.ts';
import { superblockRecipes } from './recipes/superblock.ts';
import { xattrRecipes } from './recipes/xattr.ts';

export const RECIPES: readonly Recipe[] = [
  ...superblockRecipes,
  ...checkpointRecipes,
  ...natRecipes,
  ...sitRecipes,
  ...footerRecipes,
  ...inodeRecipes,
  ...addressRecipes,
  ...clusterRecipes,
  ...dentryRecipes,
  ...xattrRecipes,
];

/** Met by a mount for writing that has to recover something, or by a cleaner. */
export const WRITING_RECIPES: readonly Recipe[] = [...chainRecipes, ...orphanRecipes, ...ssaRecipes];
