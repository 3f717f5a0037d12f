/**
 * Consecutive blocks that a call finds or gives. Whoever calls owns it, and nobody else fills it: what it says stays until that one
 * calls again.
 */
export class BlockRun {
  blkaddr = 0;
  count = 0;
}
