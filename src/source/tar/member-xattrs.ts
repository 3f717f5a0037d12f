// Extended attributes and ACLs of a member, from the records of its PAX header.
// Sources: "Extended File Attributes" of star(5), tar(5) of libarchive, xattrs.c of GNU tar for the escapes in keys.
import { F2fsError } from '../../errors.ts';
import type { EntryXattrs, HostXattr } from '../../host/xattrs.ts';
import { type IdLookup, isMinimalAcl, parseAclText } from './acl-text.ts';
import { readRecords } from './pax.ts';

const SCHILY = 'SCHILY.xattr.';
const LIBARCHIVE = 'LIBARCHIVE.xattr.';
const ACCESS = 'SCHILY.acl.access';
const ACLS: Readonly<Record<string, string>> = {
  [ACCESS]: 'system.posix_acl_access',
  'SCHILY.acl.default': 'system.posix_acl_default',
};
const SELINUX = 'RHT.security.selinux';

/** By the byte order of their names; of one that comes again, also in another form, the last counts. */
export function memberXattrs(records: Uint8Array, lookup: IdLookup): EntryXattrs {
  const found = new Map<string, HostXattr>();
  const failed: F2fsError[] = [];
  const add = (name: Buffer, value: Uint8Array) => found.set(name.toString('latin1'), { name, value });
  readRecords(records, (key, start, end) => {
    const value = Buffer.from(records.subarray(start, end));
    if (key.startsWith(SCHILY)) add(unescaped(key.slice(SCHILY.length)), value);
    else if (key.startsWith(LIBARCHIVE)) {
      add(unescaped(key.slice(LIBARCHIVE.length)), Buffer.from(value.toString('latin1'), 'base64'));
    } else if (key === SELINUX) add(Buffer.from('security.selinux'), Buffer.concat([value, Buffer.alloc(1)]));
    else if (ACLS[key] !== undefined && end > start) {
      try {
        const acl = parseAclText(value, lookup);
        if (key !== ACCESS || !isMinimalAcl(acl)) add(Buffer.from(ACLS[key]), acl);
      } catch (error) {
        if (!(error instanceof F2fsError)) throw error;
        failed.push(error);
      }
    }
  });
  return { found: [...found.values()].sort((a, b) => Buffer.compare(a.name, b.name)), failed };
}

/** A name whose `=`, `%` and other bytes may be written as %3D and the like. */
function unescaped(key: string): Buffer {
  return Buffer.from(
    key.replace(/%([0-9A-Fa-f]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16))),
    'latin1',
  );
}
