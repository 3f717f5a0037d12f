// The engines' names, for those who choose one.

/** `folios` is ours, with all features; `pages` is the kernel's algorithm, to test and to measure against. */
export const ENGINES = ['folios', 'pages'] as const;
export type EngineName = (typeof ENGINES)[number];
