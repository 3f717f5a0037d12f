// Extended attributes of a volume's entry by names that are text: what else there may be has none that the host or a dump takes.
import { F2fsError } from '../errors.ts';
import type { Xattr } from '../file/xattrs.ts';
import type { Handle } from '../fs/handle.ts';

/** Those that are wanted and whose names are UTF-8, and whether there are others. Throws what reading them throws. */
export function textXattrs(
  handle: Handle,
  isWanted: (name: string) => boolean = () => true,
): { found: Xattr[]; hasOthers: boolean } {
  const all = handle.xattrs().filter(({ name }) => isWanted(name));
  const found = all.filter(({ name }) => !name.includes('\ufffd') || has(handle, name));
  return { found, hasOthers: found.length < all.length };
}

/** The problem of an entry that has others. */
export function othersLeftOut(): F2fsError {
  return new F2fsError('EILSEQ', 'an extended attribute is left out: its name is not UTF-8');
}

/** Whether there is one of that very name. */
function has(handle: Handle, name: string): boolean {
  try {
    handle.getXattr(name);
    return true;
  } catch (error) {
    if (error instanceof F2fsError && error.code === 'ENODATA') return false;
    throw error;
  }
}
