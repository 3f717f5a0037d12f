// Which extended attributes of an entry a volume takes, and how it is told of those that it does not.
import { display } from '../bytes.ts';
import { F2fsError } from '../errors.ts';
import { type HostXattr, isStorableXattr } from '../host/xattrs.ts';

/** Codes by which the volume refuses an extended attribute of one entry; any other failure of it ends the work. */
const REFUSALS: readonly string[] = ['EINVAL', 'EOPNOTSUPP', 'ERANGE', 'E2BIG', 'EPERM', 'EACCES', 'ENAMETOOLONG'];

/** Those for which F2FS has a place; `tell` hears of the others. */
export function storableXattrs(found: readonly HostXattr[], tell: (error: F2fsError) => void): HostXattr[] {
  return found.filter(({ name }) => {
    if (isStorableXattr(name)) return true;
    tell(new F2fsError('EOPNOTSUPP', `F2FS has no place for the extended attribute ${display(name)}`));
    return false;
  });
}

/** The refusal of an attribute as a problem of its entry. Throws what is another failure. */
export function xattrRefusal(error: unknown, { name }: HostXattr): F2fsError {
  if (!(error instanceof F2fsError) || !REFUSALS.includes(error.code)) throw error;
  return new F2fsError(error.code, `the extended attribute ${display(name)} can't be stored: ${error.message}`);
}
