// All recipes for damaged images. Recovery chains and summaries (SSA) are not among them yet.
import type { Recipe } from './recipe.ts';
import { addressRecipes } from './recipes/address.ts';
import { checkpointRecipes } from './recipes/checkpoint.ts';
import { clusterRecipes } from './recipes/cluster.ts';
import { dentryRecipes } from './recipes/dentry.ts';
import { footerRecipes } from './recipes/footer.ts';
import { inodeRecipes } from './recipes/inode.ts';
import { natRecipes } from './recipes/nat.ts';
import { sitRecipes } from './recipes/sit.ts';
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
