// Pins files to their blocks, and lets go of them. Source: f2fs_ioc_set_pin_file.
import { F2fsError } from '../errors.ts';
import { isPinned } from '../file/data/pinned.ts';
import type { Inode } from '../file/inode/inode.ts';
import { INLINE } from '../format/inode.ts';
import type { Parts } from './core.ts';

/** See FileHandle.setPinned. */
export function setPinned(
  core: Parts<'mode' | 'map' | 'compression' | 'data' | 'clock'>,
  inode: Inode,
  pinned: boolean,
): void {
  if (pinned === isPinned(inode)) return;
  if (pinned) {
    if (core.mode === 'lfs') throw invalid('EINVAL', inode, 'in the mode lfs blocks are not overwritten');
    if (!core.map.isEmpty(inode)) throw invalid('EFBIG', inode, 'it has blocks already; pin it while it is empty');
    if (inode.isCompressed) core.compression.set(inode, false);
    core.data.convertInline(inode);
    inode.change().iInline |= INLINE.PIN_FILE;
  } else {
    const raw = inode.change();
    raw.iInline &= ~INLINE.PIN_FILE;
    // The times that cleaning failed for its sake.
    raw.iCurrentDepth = 0;
  }
  core.clock.stampChange(inode);
}

function invalid(code: string, inode: Inode, why: string): F2fsError {
  return new F2fsError(code, `the file can't be pinned: ${why}`, { ino: inode.ino });
}
