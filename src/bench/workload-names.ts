// What `f2fs bench` can measure.

export const WORKLOAD_NAMES = [
  'seq-write',
  'overwrite',
  'rand-write',
  'append-fsync',
  'small-files',
  'create-delete',
  'read-back',
  'recovery',
  'nearly-full',
] as const;
export type WorkloadName = (typeof WORKLOAD_NAMES)[number];

/** What runs unless asked otherwise: not those that want a volume of their own. */
export const USUAL_WORKLOADS: readonly WorkloadName[] = WORKLOAD_NAMES.filter(
  (name) => name !== 'recovery' && name !== 'nearly-full',
);
