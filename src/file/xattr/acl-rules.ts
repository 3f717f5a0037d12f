// How a POSIX ACL and the permission bits of a mode go together. Source: the kernel's posix_acl.c, f2fs/acl.c.
import { F2fsError } from '../../errors.ts';
import { ACL_TAG, type Acl, type AclEntry } from './acl.ts';

const RWX = 7;

/** A mode, and the ACL that is needed besides; null when the mode says it all. */
export interface ModeAndAcl {
  mode: number;
  acl: Acl | null;
}

/**
 * Throws EINVAL unless the entries are owner, named users, owning group, named groups, mask, others: in this order, with a mask if
 * anyone is named. Source: posix_acl_valid.
 */
export function checkAcl(acl: Acl): void {
  const order: number[] = [
    ACL_TAG.USER_OBJ,
    ACL_TAG.USER,
    ACL_TAG.GROUP_OBJ,
    ACL_TAG.GROUP,
    ACL_TAG.MASK,
    ACL_TAG.OTHER,
  ];
  const count = (tag: number) => acl.filter((entry) => entry.tag === tag).length;
  const isOrdered = acl.every((entry, i) => i === 0 || order.indexOf(acl[i - 1].tag) <= order.indexOf(entry.tag));
  const isNamed = count(ACL_TAG.USER) + count(ACL_TAG.GROUP) > 0;
  if (
    isOrdered &&
    acl.every(({ perm }) => (perm & ~RWX) === 0) &&
    [ACL_TAG.USER_OBJ, ACL_TAG.GROUP_OBJ, ACL_TAG.OTHER].every((tag) => count(tag) === 1) &&
    count(ACL_TAG.MASK) <= 1 &&
    (count(ACL_TAG.MASK) === 1 || !isNamed)
  )
    return;
  throw new F2fsError(
    'EINVAL',
    'a POSIX ACL has owner, named users, owning group, named groups, mask and others, in this order, and a mask if anyone is named',
  );
}

/** The mode of an inode that gets this access ACL. Source: posix_acl_update_mode. */
export function modeOfAcl(acl: Acl, mode: number): ModeAndAcl {
  let permissions = 0;
  let isMode = true;
  for (const { tag, perm } of acl) {
    if (tag === ACL_TAG.USER_OBJ) permissions |= perm << 6;
    else if (tag === ACL_TAG.GROUP_OBJ) permissions |= perm << 3;
    else if (tag === ACL_TAG.OTHER) permissions |= perm;
    else isMode = false;
    if (tag === ACL_TAG.MASK) permissions = (permissions & ~(RWX << 3)) | (perm << 3);
  }
  return { mode: (mode & ~0o777) | permissions, acl: isMode ? null : acl };
}

/** The access ACL of an inode whose mode becomes `mode`. Source: __posix_acl_chmod_masq. */
export function aclAfterChmod(acl: Acl, mode: number): Acl {
  return withClasses(acl, (_perm, bits) => bits, mode);
}

/**
 * Mode and access ACL of a new inode in a directory with a default ACL: what is asked for, as far as the ACL allows.
 * Source: f2fs_acl_create_masq.
 */
export function aclOfNew(defaultAcl: Acl, mode: number): ModeAndAcl {
  const acl = withClasses(defaultAcl, (perm, bits) => perm & bits, mode);
  return modeOfAcl(acl, mode);
}

/** The entries that stand for owner, group class (the mask, if there is one) and others, made new from the bits of a mode. */
function withClasses(acl: Acl, change: (perm: number, bits: number) => number, mode: number): Acl {
  const group = acl.some(({ tag }) => tag === ACL_TAG.MASK) ? ACL_TAG.MASK : ACL_TAG.GROUP_OBJ;
  return acl.map((entry): AclEntry => {
    if (entry.tag === ACL_TAG.USER_OBJ) return { ...entry, perm: change(entry.perm, (mode >> 6) & RWX) };
    if (entry.tag === group) return { ...entry, perm: change(entry.perm, (mode >> 3) & RWX) };
    if (entry.tag === ACL_TAG.OTHER) return { ...entry, perm: change(entry.perm, mode & RWX) };
    return entry;
  });
}
