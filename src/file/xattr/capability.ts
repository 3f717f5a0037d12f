// File capabilities, the value of security.capability, by the kernel's rules. Source: cap_convert_nscap, cap_inode_getsecurity.
import { F2fsError } from '../../errors.ts';
import { viewOf } from '../../format/struct.ts';

export const CAPABILITY = 'security.capability';

// Source: linux/capability.h: vfs_cap_data, vfs_ns_cap_data.
const REVISION_2 = 0x02000000;
const REVISION_3 = 0x03000000;
const FLAG_EFFECTIVE = 1;
const SIZE_2 = 20;
const SIZE_3 = 24;
/** Of revision 3: the user that is root in the namespace that the capabilities are for. */
const ROOT_ID = 20;
const NO_ID = 0xffffffff;

/** Throws EINVAL for what is no capability of revision 2 or 3. Those of revision 1 are read by Linux, but not set. None may be empty. */
export function checkCapability(value: Uint8Array): void {
  const view = viewOf(value);
  if (value.length === SIZE_2 && revisionOf(view) === REVISION_2) return;
  if (value.length === SIZE_3 && revisionOf(view) === REVISION_3 && view.getUint32(ROOT_ID, true) !== NO_ID) return;
  const message = `invalid ${CAPABILITY} of ${value.length} bytes: expected ${SIZE_2} of revision 2, or ${SIZE_3} of revision 3`;
  throw new F2fsError('EINVAL', message);
}

/** As root reads one: that of its own namespace is of revision 2, however it is stored. */
export function shownCapability(value: Uint8Array): Uint8Array {
  const view = viewOf(value);
  const isOfRoot = value.length === SIZE_3 && revisionOf(view) === REVISION_3 && view.getUint32(ROOT_ID, true) === 0;
  if (!isOfRoot) return value;
  const shown = value.slice(0, SIZE_2);
  viewOf(shown).setUint32(0, REVISION_2 | (view.getUint32(0, true) & FLAG_EFFECTIVE), true);
  return shown;
}

/** Which revision it says it is of; with flags that there are not, none. */
function revisionOf(view: DataView): number {
  return (view.getUint32(0, true) & ~FLAG_EFFECTIVE) >>> 0;
}
