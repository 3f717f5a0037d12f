// Damage at random to volumes made here.
import { BASE_NAMES, baseOf } from './base.ts';
import { describeFuzz } from './fuzz-suite.ts';

describeFuzz('volumes made here', () => BASE_NAMES.map(baseOf));
