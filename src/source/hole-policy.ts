// Which parts of a file become holes where it is copied to.
/** What `holes` can be. */
export const HOLE_POLICIES = ['source', 'zeros'] as const;
/** `source`: the holes of the source, and nothing more. `zeros`: its blocks of zeros become holes, too. */
export type HolePolicy = (typeof HOLE_POLICIES)[number];
