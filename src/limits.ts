// Choices and bounds of what options can be: a part of the public face for those who offer them to others, without the rest of it.
export { clusterSizes, MAX_WORKERS } from './compress/algorithms.ts';
export { MAX_DEPTH as MAX_QUEUE_DEPTH } from './device/write-slots.ts';
export { BLOCK_SIZES } from './format/block-size.ts';
export { MAX_ID } from './format/constants.ts';
export { FLAG_LETTERS } from './format/inode-flags.ts';
export { VERITY_HASHES } from './format/verity.ts';
export { HOLE_POLICIES } from './source/hole-policy.ts';
export { CLEAN_POLICIES } from './volume/victims.ts';
export { ENGINES } from './writeback/engines.ts';
