// What is wrong with the root of a volume, though it can be mounted: one of two copies, and what the last writer left undone.
import type { QueuedDevice } from '../device/queued-device.ts';
import { corrupt, corruptAs, F2fsError } from '../errors.ts';
import { CP } from '../format/checkpoint.ts';
import type { CheckpointPack } from './checkpoint-pack.ts';
import type { SpareSuperblock } from './superblocks.ts';

/** All of it, for people, the worst first. */
export function metadataWarnings(
  { name: path }: QueuedDevice,
  spare: SpareSuperblock | null,
  pack: CheckpointPack | null,
): F2fsError[] {
  const warnings: F2fsError[] = [];
  if (spare !== null) warnings.push(corruptAs(spare.fault, spare.message, { path, blkaddr: spare.blkaddr }));
  if (pack !== null && !pack.hasWholeSpare) {
    const { cp, blkaddr } = pack;
    const [used, other] = [pack.pack + 1, 2 - pack.pack];
    warnings.push(corrupt('checkpoint-spare', { path, blkaddr }, other, used, cp.checkpointVer));
  }
  if (pack !== null && (pack.cp.ckptFlags & CP.DISABLED) !== 0) {
    const message =
      'the volume was last mounted with checkpoint=disable: it is as it was before that, and what was written since is lost, as it is in Linux; a change of the volume ends that state';
    warnings.push(new F2fsError('ENODATA', message, { path, blkaddr: pack.blkaddr }));
  }
  if (pack !== null && (pack.cp.ckptFlags & CP.QUOTA_NEED_FSCK) !== 0) {
    const message =
      'the quota files are marked as wrong: they are left as they are, as Linux leaves them; fsck.f2fs makes them right';
    warnings.push(new F2fsError('ENODATA', message, { path, blkaddr: pack.blkaddr }));
  }
  return warnings;
}
