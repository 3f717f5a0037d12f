// Damage at random to volumes with a past: cut off, or full of holes.
import { describeFuzz } from './fuzz-suite.ts';
import { WORN_NAMES, wornBase } from './worn-bases.ts';

describeFuzz('volumes with a past', () => WORN_NAMES.map(wornBase));
