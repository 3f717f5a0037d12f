// What a mount does before anybody sees the volume: inodes without a name go, what was fsynced comes back.
import { F2fsError } from '../errors.ts';
import { CP } from '../format/checkpoint.ts';
import type { Volume } from '../volume/volume.ts';
import type { Parts } from './core.ts';

/**
 * Brings a volume that was cut off to the state that it promised. A read-only mount does so in memory; its orphans stay. Throws
 * EINVAL when there is something to bring back, and a writable mount was told not to; EUCLEAN for what is damaged; ENOSPC;
 * ENOMEM. The device then is as it was. Source: f2fs_fill_super.
 */
export function recover({ volume, recovery, sync }: Parts<'volume' | 'recovery' | 'sync'>, rollForward: boolean): void {
  // Nothing written under checkpoint=disable was meant to last, fsynced or not.
  const hasChain = (volume.pack.cp.ckptFlags & CP.DISABLED) === 0;
  const isCutOff = hasChain && (rollForward || !volume.readonly) && recovery.prepare();
  if (isCutOff && !rollForward) {
    throw new F2fsError(
      'EINVAL',
      'the volume has fsynced files to recover: mount it read-only to leave them out, or let it recover them',
      { path: volume.device.name },
    );
  }
  const hasOrphans = volume.orphans.size > 0;
  if (!volume.readonly) recovery.removeOrphans();
  if (isCutOff) recovery.run();
  if (volume.readonly) checkMemory(volume);
  else if (hasOrphans || isCutOff) sync.volume(false);
}

/** What was recovered in memory can't leave it: reading must be possible besides. */
function checkMemory(volume: Volume): void {
  const { nrDirty, nrFrames } = volume.pool;
  if (nrDirty <= nrFrames / 2) return;
  throw new F2fsError(
    'ENOMEM',
    `recovering fsynced files takes ${nrDirty} of the ${nrFrames} pages of the cache in a read-only mount: mount it for writing once, leave them out with recovery: false, or give it more cacheBytes`,
    { path: volume.device.name },
  );
}
