// Which parts of a file become holes where it is copied to. Relies on check.ts.
import { checkChoice } from '../check.ts';

export const HOLE_POLICIES = ['source', 'zeros'] as const;
/** `source`: the holes of the source, and nothing more. `zeros`: its blocks of zeros become holes, too. */
export type HolePolicy = (typeof HOLE_POLICIES)[number];

/** Throws EINVAL for a policy that there is not. */
export function checkHoles(policy: HolePolicy = 'source'): HolePolicy {
  return checkChoice(HOLE_POLICIES, policy, 'holes');
}
