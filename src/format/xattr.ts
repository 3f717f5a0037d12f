// Extended attributes: one list of entries that begins in the inode and goes on in a node block of its own.
import { struct, u8, u16, u32 } from './struct.ts';

export const XATTR_MAGIC = 0xf2f52011;

/** Source: struct f2fs_xattr_header: at the start of the list, wherever that is. */
export const XattrHeader = struct('f2fs_xattr_header', 24, {
  magic: u32,
  refcount: u32,
  reserved0: u32,
  reserved1: u32,
  reserved2: u32,
  reserved3: u32,
});

/** Source: struct f2fs_xattr_entry; the name, then the value, follow; the whole is padded to 4 bytes. */
export const XattrEntry = struct('f2fs_xattr_entry', 4, {
  nameIndex: u8,
  nameLen: u8,
  valueSize: u16,
});

/** e_name_index: which prefix the stored name lost. Source: F2FS_XATTR_INDEX_*. */
export const XATTR_INDEX = {
  USER: 1,
  POSIX_ACL_ACCESS: 2,
  POSIX_ACL_DEFAULT: 3,
  TRUSTED: 4,
  LUSTRE: 5,
  SECURITY: 6,
  ADVISE: 7,
  ENCRYPTION: 9,
  VERITY: 11,
} as const;

/** Full names of the attributes that stand under a prefix; an entry with an exact name has an empty stored name. */
export const XATTR_PREFIXES: readonly { index: number; prefix: string; exact: boolean }[] = [
  { index: XATTR_INDEX.USER, prefix: 'user.', exact: false },
  { index: XATTR_INDEX.POSIX_ACL_ACCESS, prefix: 'system.posix_acl_access', exact: true },
  { index: XATTR_INDEX.POSIX_ACL_DEFAULT, prefix: 'system.posix_acl_default', exact: true },
  { index: XATTR_INDEX.TRUSTED, prefix: 'trusted.', exact: false },
  { index: XATTR_INDEX.SECURITY, prefix: 'security.', exact: false },
];

/** Bytes that an entry takes. */
export function xattrEntrySize(nameLen: number, valueSize: number): number {
  return (XattrEntry.size + nameLen + valueSize + 3) & ~3;
}
