// Extended attributes of host files through the C library, by path, without following symlinks. Relies on libc.ts.
import { display } from '../bytes.ts';
import { errnoText, F2fsError } from '../errors.ts';
import type { HostLibc } from './libc.ts';

/** One attribute. POSIX ACLs (`system.posix_acl_*`) are in the host's form: le32 version 2, {le16 tag, le16 perm, le32 id}... */
export interface HostXattr {
  readonly name: Uint8Array;
  readonly value: Uint8Array;
}

/** The attributes of one entry, and what could not be read of them. */
export interface EntryXattrs {
  readonly found: readonly HostXattr[];
  readonly failed: readonly F2fsError[];
}

export const NO_XATTRS: EntryXattrs = { found: [], failed: [] };

/** An attribute that the host did not take, its name for a message, and its errno name; ENOSYS: it has no way to set any. */
export interface XattrRefusal {
  readonly name: string;
  readonly code: string;
}

export interface XattrWriter {
  /** Creates or replaces attributes of an entry; `path` ends with a NUL. Returns those that were refused. */
  set(path: Uint8Array, xattrs: readonly HostXattr[]): XattrRefusal[];
}

/** Longest list of names, and longest value, on Linux. Source: XATTR_LIST_MAX, XATTR_SIZE_MAX. */
const MAX_SIZE = 65536;
/** How often a list or a value may have grown between the question for its size and the one for itself. */
const MAX_TRIES = 8;
/** What is read, in a message. */
export const ALL_XATTRS = 'its extended attributes';
const NUL = Buffer.alloc(1);
const ACLS: readonly string[] = ['system.posix_acl_access', 'system.posix_acl_default'];
const PREFIXES: readonly string[] = ['user.', 'trusted.', 'security.'];

/** Whether F2FS can hold an attribute of this name; the caller reports the others. */
export function isStorableXattr(bytes: Uint8Array): boolean {
  const name = display(bytes);
  return ACLS.includes(name) || PREFIXES.some((prefix) => name.startsWith(prefix) && name.length > prefix.length);
}

/** Paths are bytes that end with a NUL (see HostTree.hostPathZ). Errors carry the host's code, and name no path. */
export class HostXattrs implements XattrWriter {
  readonly #libc: HostLibc;
  /** Receives names and values; reused by every call. Grows only on hosts without a limit. */
  #scratch = Buffer.alloc(MAX_SIZE);

  constructor(libc: HostLibc) {
    this.#libc = libc;
  }

  /**
   * Bytes that the attributes' names take, 0 when there are none or the file system has no attributes: the cheapest
   * question (0.5 us). `path` may be longer than the path it holds: it ends at its first NUL. Throws the host's code.
   */
  namesSize(path: Uint8Array): number {
    // Of no size: the kernel makes no room for an answer then.
    const size = this.#libc.listxattr(path, this.#scratch, 0);
    return size >= 0 ? size : (this.#list(path) ?? 0);
  }

  /** A copy of the value. Throws the host's code: ENODATA when there is no such attribute. */
  get(path: Uint8Array, bytes: Uint8Array): Uint8Array {
    checkPath(path);
    const name = display(bytes);
    const key = Buffer.concat([bytes, NUL]);
    const size = this.#fill('read', name, (into, most) => this.#libc.getxattr(path, key, into, most));
    if (size === null) throw xattrFailure('read', name, 'EOPNOTSUPP');
    return new Uint8Array(this.#scratch.subarray(0, size));
  }

  /** Every attribute, in byte order of the names. One that can't be read costs none of the others. */
  read(path: Uint8Array): EntryXattrs {
    const found: HostXattr[] = [];
    const failed: F2fsError[] = [];
    const attempt = <T>(work: () => T): T | null => {
      try {
        return work();
      } catch (error) {
        if (!(error instanceof F2fsError)) throw error;
        failed.push(error);
        return null;
      }
    };
    for (const name of attempt(() => this.#names(path)) ?? []) {
      const value = attempt(() => this.get(path, name));
      if (value !== null) found.push({ name, value });
    }
    return { found, failed };
  }

  set(path: Uint8Array, xattrs: readonly HostXattr[]): XattrRefusal[] {
    checkPath(path);
    const refused: XattrRefusal[] = [];
    for (const { name: bytes, value: stored } of xattrs) {
      const name = display(bytes);
      const key = Buffer.concat([bytes, NUL]);
      const value = stored.length === 0 ? NUL : Buffer.from(stored.buffer, stored.byteOffset, stored.length);
      if (bytes.includes(0)) refused.push({ name, code: 'EINVAL' });
      else if (this.#libc.setxattr(path, key, value, stored.length) < 0) {
        refused.push({ name, code: this.#libc.errorCode() });
      }
    }
    return refused;
  }

  /** In byte order. */
  #names(path: Uint8Array): Uint8Array[] {
    checkPath(path);
    const size = this.#list(path);
    if (size === null) throw xattrFailure('read', ALL_XATTRS, 'EOPNOTSUPP');
    const list = Buffer.from(this.#scratch.subarray(0, size));
    const names: Uint8Array[] = [];
    for (let at = 0; at < list.length; ) {
      const end = list.indexOf(0, at);
      const stop = end < 0 ? list.length : end;
      if (stop > at) names.push(list.subarray(at, stop));
      at = stop + 1;
    }
    return names.sort(Buffer.compare);
  }

  #list(path: Uint8Array): number | null {
    return this.#fill('read', ALL_XATTRS, (into, size) => this.#libc.listxattr(path, into, size));
  }

  /** Has a call fill the scratch memory, which grows to what it needs. Returns bytes; null: the file system has no attributes. */
  #fill(doing: string, what: string, call: (into: Buffer, sizeBytes: number) => number): number | null {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const size = call(this.#scratch, this.#scratch.length);
      if (size >= 0) return size;
      const code = this.#libc.errorCode();
      if (code === 'ENOTSUP' || code === 'EOPNOTSUPP') return null;
      if (code !== 'ERANGE') throw xattrFailure(doing, what, code);
      const needed = call(this.#scratch, 0);
      if (needed > this.#scratch.length) this.#scratch = Buffer.alloc(Math.max(needed, this.#scratch.length * 2));
    }
    throw xattrFailure(doing, what, 'ERANGE');
  }
}

function checkPath(path: Uint8Array): void {
  if (path[path.length - 1] !== 0) throw new F2fsError('EINVAL', 'a host path must end with a NUL byte');
}

const REASONS: Readonly<Record<string, string>> = {
  ENODATA: 'it went away meanwhile',
  ENOATTR: 'it went away meanwhile',
  ERANGE: 'its size changes again and again',
};

/** `what`: an attribute's name, or all of them. `reason`: the host's own words, where the code does not tell. */
export function xattrFailure(doing: string, what: string, code: string, reason = REASONS[code]): F2fsError {
  const named = what === ALL_XATTRS ? what : `the extended attribute ${what}`;
  return new F2fsError(code, `cannot ${doing} ${named}: ${reason ?? errnoText(code)}`);
}
