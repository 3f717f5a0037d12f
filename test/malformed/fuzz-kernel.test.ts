// Damage at random to volumes made by Linux and its tools.

import { describeFuzz } from './fuzz-suite.ts';
import { GOLDEN_NAMES, goldenBase } from './golden-bases.ts';

describeFuzz('volumes made by Linux and its tools', () => GOLDEN_NAMES.map(goldenBase));
