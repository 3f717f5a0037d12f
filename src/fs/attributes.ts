// What may be set on an inode and what follows from it: owners and modes, extended attributes, ACLs and the mode that goes with
// them. The caller counts as root, as the kernel treats it.
import { type Contents, contentBytes, display, type Name, nameBytes } from '../bytes.ts';
import { type Check, checkOptions, invalid, isBoolean, isWhole, type OptionChecks } from '../check.ts';
import { F2fsError } from '../errors.ts';
import { flagged } from '../file/inode/change-rules.ts';
import type { Inode, Timestamp } from '../file/inode/inode.ts';
import type { QuotaFiles } from '../file/quota/quota-files.ts';
import { aclFromXattr, aclToXattr } from '../file/xattr/acl.ts';
import { aclAfterChmod, aclOfNew, checkAcl, modeOfAcl } from '../file/xattr/acl-rules.ts';
import { CAPABILITY, checkCapability } from '../file/xattr/capability.ts';
import { checkXattrName, missing, type XattrChange as StoredChange, type Xattrs } from '../file/xattr/xattrs.ts';
import { MAX_ID, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../format/constants.ts';
import { I_FLAGS } from '../format/inode.ts';
import { type Clock, isTimestamp } from './clock.ts';

const S_ISUID = 0o4000;
const S_ISGID = 0o2000;
const S_IXGRP = 0o010;

const ACCESS_ACL = 'system.posix_acl_access';
const DEFAULT_ACL = 'system.posix_acl_default';

/** What may be set on an inode; what is left out stays, or on a new one gets its default. */
export interface Attributes {
  /** Permission bits, suid, sgid and sticky: the low 12. Default: 0755 for directories, else 0644. */
  mode?: number;
  /** Owner, 0 to 4294967294. Default of a new inode: 0. */
  uid?: number;
  /** Default of a new inode: 0, or the group of its directory when that has the set-group-id bit. */
  gid?: number;
  /** When it was last read. Default of a new inode, as of the other times: now. */
  atime?: Timestamp;
  /** When its contents last changed. */
  mtime?: Timestamp;
  /** When it last changed itself. Default: now, for each change of the others. */
  ctime?: Timestamp;
}

/** What a new inode may be given. */
export interface NewAttributes extends Attributes {
  /** When it was made. Default: now. */
  crtime?: Timestamp;
  /** Whether the contents are to be compressed. Default: as the mount's options and the directory say. */
  compress?: boolean;
  /**
   * Whether the directory's set-group-id bit, default ACL and inode flags count for what is made in it, as in the kernel. Default
   * true; without, attributes are just what is given here.
   */
  inherit?: boolean;
}

/** What setting attributes takes of a mount. */
export interface AttributeParts {
  readonly xattrs: Xattrs;
  readonly clock: Clock;
  readonly quotas: QuotaFiles;
}

const isId = isWhole(0, MAX_ID);

/** The type that a stat's mode has in it too does no harm. */
export const isMode: Check = (mode, what) => {
  if (Number.isInteger(mode) && (mode as number) >= 0 && (mode as number) <= 0xffff) return;
  throw invalid(what, mode, '0 to 07777, as a number');
};

const ATTRIBUTES: OptionChecks<Attributes> = {
  mode: isMode,
  uid: isId,
  gid: isId,
  atime: isTimestamp,
  mtime: isTimestamp,
  ctime: isTimestamp,
};
const NEW_ATTRIBUTES: OptionChecks<NewAttributes> = {
  ...ATTRIBUTES,
  crtime: isTimestamp,
  compress: isBoolean,
  inherit: isBoolean,
};

/** Throws EINVAL for what an inode has no room for. */
export function checkAttributes(attributes: Attributes): void {
  checkOptions('attributes', attributes, ATTRIBUTES);
}

/** The same of an inode that is to be made. */
export function checkNewAttributes(attributes: NewAttributes): void {
  checkOptions('attributes', attributes, NEW_ATTRIBUTES);
}

/** Throws EPERM for an inode that must not be changed, or only by appending. @param what it is called */
export function assertNotFixed(inode: Inode, what = 'it'): void {
  const { iFlags } = inode.load();
  if ((iFlags & (I_FLAGS.IMMUTABLE | I_FLAGS.APPEND)) === 0) return;
  const flag = (iFlags & I_FLAGS.IMMUTABLE) !== 0 ? 'immutable' : 'append-only';
  throw new F2fsError('EPERM', `${what} ${flagged(flag)}`, { ino: inode.ino });
}

/**
 * Changes attributes; sets ctime to now unless it is given. A new owner costs a file its suid bit, the sgid bit of a group that may
 * execute it, and its capabilities; a new mode goes into the access ACL. Throws EPERM for immutable and append-only inodes,
 * EOPNOTSUPP for the mode of a symlink. Source: chown_common, notify_change, f2fs_setattr.
 */
export function setAttributes(core: AttributeParts, inode: Inode, attributes: Attributes): void {
  checkAttributes(attributes);
  assertNotFixed(inode);
  const type = inode.mode & S_IFMT;
  if (attributes.mode !== undefined && type === S_IFLNK)
    throw new F2fsError('EOPNOTSUPP', 'a symlink has no permissions that could be changed', { ino: inode.ino });
  const changesOwner = (attributes.uid !== undefined || attributes.gid !== undefined) && type !== S_IFDIR;
  const changes: StoredChange[] = changesOwner ? [{ name: CAPABILITY, value: null }] : [];
  let { mode } = attributes;
  if (mode === undefined && changesOwner) mode = withoutSetIds(inode.mode);
  if (mode !== undefined) {
    const acl = core.xattrs.get(inode, ACCESS_ACL);
    if (acl !== null) changes.push(accessAcl(aclAfterChmod(aclFromXattr(acl) ?? [], mode)));
  }
  const { iUid, iGid } = inode.load();
  const { uid = iUid, gid = iGid } = attributes;
  const isTransferred = uid !== iUid || gid !== iGid;
  if (isTransferred) core.quotas.prepare(uid, gid, inode.projectId);
  core.xattrs.set(inode, changes);
  if (isTransferred) inode.countForOwners(-1);
  const raw = inode.change();
  if (mode !== undefined) raw.iMode = type | (mode & 0o7777);
  raw.iUid = uid;
  raw.iGid = gid;
  if (isTransferred) inode.countForOwners(1);
  const { atime, mtime, ctime = core.clock.now() } = attributes;
  if (atime !== undefined) {
    raw.iAtime = atime.sec;
    raw.iAtimeNsec = atime.nsec;
  }
  if (mtime !== undefined) {
    raw.iMtime = mtime.sec;
    raw.iMtimeNsec = mtime.nsec;
  }
  raw.iCtime = ctime.sec;
  raw.iCtimeNsec = ctime.nsec;
}

/** Source: setattr_should_drop_sgid. */
function withoutSetIds(mode: number): number {
  const group = (mode & S_IXGRP) !== 0 ? S_ISGID : 0;
  return mode & ~(S_ISUID | group);
}

/** The change that gives an inode an access ACL, or none where the mode says the same. */
function accessAcl(acl: Parameters<typeof modeOfAcl>[0]): StoredChange {
  const needed = modeOfAcl(acl, 0).acl;
  return { name: ACCESS_ACL, value: needed === null ? null : aclToXattr(needed) };
}

/** What becomes of one extended attribute. */
export interface XattrChange {
  /** With its prefix. */
  readonly name: Name;
  /** Null removes it. Text is taken as UTF-8. */
  readonly value: Contents | null;
  /** It must not be there before: EEXIST. */
  readonly create?: boolean;
  /** It must be there before: ENODATA. */
  readonly replace?: boolean;
}

/** Whether an attribute that is set must be new, or be there. */
export type XattrFlags = Pick<XattrChange, 'create' | 'replace'>;

const XATTR_FLAGS: OptionChecks<XattrFlags> = { create: isBoolean, replace: isBoolean };
// What is no name or value is found when it is made bytes.
const XATTR_CHANGE: OptionChecks<XattrChange> = { name: () => {}, value: () => {}, ...XATTR_FLAGS };

/** A change with its name as text and its value as bytes. Throws EINVAL for what is none. */
function checkedChange(change: XattrChange): { change: XattrChange; name: string; value: Uint8Array | null } {
  checkOptions('a change', change, XATTR_CHANGE);
  const name = display(nameBytes(change.name, 'name of an attribute'));
  const value = change.value === null ? null : contentBytes(change.value, 'value of an attribute');
  if (name === CAPABILITY && value !== null) checkCapability(value);
  return { change, name, value };
}

/** Throws EINVAL for flags that there are not. */
export function checkXattrFlags(flags: XattrFlags): void {
  checkOptions('setXattr', flags, XATTR_FLAGS);
}

/** One attribute by its name. Throws ENODATA, EOPNOTSUPP. Source: vfs_getxattr. */
export function getXattr(core: Pick<AttributeParts, 'xattrs'>, inode: Inode, wanted: Name): Uint8Array {
  const name = display(nameBytes(wanted, 'name of an attribute'));
  const type = inode.mode & S_IFMT;
  if (name.startsWith('user.') && type !== S_IFREG && type !== S_IFDIR) throw missing(inode.ino, name);
  checkXattrName(wanted);
  if (isAcl(name) && type === S_IFLNK) throw noAcls(inode.ino);
  const value = core.xattrs.get(inode, wanted);
  if (value === null) throw missing(inode.ino, name);
  return value;
}

/**
 * Sets attributes as setxattr(2) does, all of them or none: an access ACL changes the mode, and is not kept where the mode says the
 * same. Throws EPERM for immutable and append-only inodes, and for user.* of others than files and directories; EACCES for a default
 * ACL of no directory; EINVAL for what is no ACL, and no capability; and what Xattrs.set does.
 */
export function setXattrs(core: Omit<AttributeParts, 'quotas'>, inode: Inode, changes: readonly XattrChange[]): void {
  if (!Array.isArray(changes)) throw invalid('changes', changes, 'an array');
  assertNotFixed(inode);
  const { mode, stored } = xattrsToStore(changes, inode.mode, inode.ino);
  if (stored.length === 0) return;
  core.xattrs.set(inode, stored);
  inode.change().iMode = mode;
  core.clock.stampChange(inode);
}

/** What an inode of some mode stores of attributes that it gets, and the mode that it has then. Throws as `setXattrs` does. */
export function xattrsToStore(
  changes: readonly XattrChange[],
  before: number,
  ino: number,
): { mode: number; stored: StoredChange[] } {
  let mode = before;
  const type = mode & S_IFMT;
  const stored: StoredChange[] = [];
  for (const { change, name, value } of changes.map(checkedChange)) {
    if (name.startsWith('user.') && type !== S_IFREG && type !== S_IFDIR) {
      throw new F2fsError('EPERM', 'only files and directories can have user.* attributes', { ino });
    }
    checkXattrName(change.name);
    if (!isAcl(name)) {
      stored.push({ ...change, value });
      continue;
    }
    if (type === S_IFLNK) throw noAcls(ino);
    const acl = value === null ? null : aclFromXattr(value);
    if (name === DEFAULT_ACL && type !== S_IFDIR) {
      if (acl === null) continue;
      throw new F2fsError('EACCES', 'only a directory can have a default ACL', { ino });
    }
    if (acl === null) {
      stored.push({ name, value: null });
      continue;
    }
    checkAcl(acl);
    if (name === ACCESS_ACL) {
      mode = modeOfAcl(acl, mode).mode;
      stored.push(accessAcl(acl));
    } else {
      stored.push({ name: DEFAULT_ACL, value: aclToXattr(acl) });
    }
  }
  return { mode, stored };
}

/**
 * When the contents of a file change: that costs it its capabilities. Set-id bits stay, as root changes it. Source:
 * file_remove_privs, cap_inode_need_killpriv.
 */
export function dropCapabilities(core: Pick<AttributeParts, 'xattrs'>, inode: Inode): void {
  if (inode.hasNoCapabilities) return;
  if (core.xattrs.get(inode, CAPABILITY) !== null) core.xattrs.set(inode, [{ name: CAPABILITY, value: null }]);
  inode.hasNoCapabilities = true;
}

function isAcl(name: string): boolean {
  return name === ACCESS_ACL || name === DEFAULT_ACL;
}

function noAcls(ino: number): F2fsError {
  return new F2fsError('EOPNOTSUPP', 'a symlink can have no ACL', { ino });
}

/** What a new inode gets from its directory. Source: inode_init_owner, f2fs_init_acl. */
export interface Inherited {
  mode: number;
  gid: number;
  xattrs: StoredChange[];
}

/** What an inode of `mode` that is made in `parent` inherits; `gid` as asked for. */
export function inheritedFrom(
  core: Pick<AttributeParts, 'xattrs'>,
  parent: Inode,
  mode: number,
  gid: number | undefined,
): Inherited {
  const { iMode, iGid } = parent.load();
  const type = mode & S_IFMT;
  const hasGroup = (iMode & S_ISGID) !== 0;
  const inherited: Inherited = { mode, gid: gid ?? (hasGroup ? iGid : 0), xattrs: [] };
  if (hasGroup && type === S_IFDIR) inherited.mode |= S_ISGID;
  const value = type === S_IFLNK ? null : core.xattrs.get(parent, DEFAULT_ACL);
  const defaultAcl = value === null ? null : aclFromXattr(value);
  if (value === null || defaultAcl === null) return inherited;
  const { mode: masked, acl } = aclOfNew(defaultAcl, inherited.mode);
  inherited.mode = masked;
  if (type === S_IFDIR) inherited.xattrs.push({ name: DEFAULT_ACL, value });
  if (acl !== null) inherited.xattrs.push({ name: ACCESS_ACL, value: aclToXattr(acl) });
  return inherited;
}
