// Extended attributes of host files, by path, without following symlinks. Relies on host-libc.
import { F2fsError } from '../errors.ts';
import { type HostLibc, hostLibc } from './host-libc.ts';

/** One attribute. POSIX ACLs (`system.posix_acl_*`) are in the host's form: le32 version 2, {le16 tag, le16 perm, le32 id}... */
export interface HostXattr {
  readonly name: string;
  readonly value: Uint8Array;
}

/** Longest list of names, and longest value, on Linux. Source: XATTR_LIST_MAX, XATTR_SIZE_MAX. */
const MAX_SIZE = 65536;
const ACLS: readonly string[] = ['system.posix_acl_access', 'system.posix_acl_default'];
const PREFIXES: readonly string[] = ['user.', 'trusted.', 'security.'];

/** Whether F2FS can hold an attribute of this name; the caller reports the others. */
export function isStorableXattr(name: string): boolean {
  return ACLS.includes(name) || PREFIXES.some((prefix) => name.startsWith(prefix) && name.length > prefix.length);
}

/** Paths are bytes that end with a NUL (see hostPath). Errors carry the host's code; `path` in them is lossy UTF-8. */
export class HostXattrs {
  readonly #libc: HostLibc;
  readonly #utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
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
    const size = this.#libc.listxattr(path, this.#scratch, this.#scratch.length);
    return size > 0 ? size : size === 0 ? 0 : this.#listAgain(path);
  }

  /** Names in byte order. Throws the host's code, EILSEQ for a name that is not UTF-8. */
  list(path: Uint8Array): string[] {
    checkPath(path);
    const size = this.namesSize(path);
    if (size === 0) return [];
    const names: Uint8Array[] = [];
    for (let at = 0; at < size; ) {
      const end = this.#scratch.indexOf(0, at);
      const stop = end < 0 || end > size ? size : end;
      if (stop > at) names.push(this.#scratch.subarray(at, stop));
      at = stop + 1;
    }
    return names.sort(Buffer.compare).map((bytes) => this.#decode(bytes, path));
  }

  /** A copy of the value, or null when there is no such attribute. Throws the host's code. */
  get(path: Uint8Array, name: string): Uint8Array | null {
    checkPath(path);
    const key = Buffer.from(`${name}\0`);
    for (;;) {
      const size = this.#libc.getxattr(path, key, this.#scratch, this.#scratch.length);
      if (size >= 0) return new Uint8Array(this.#scratch.subarray(0, size));
      const code = this.#libc.errorCode();
      if (isNone(code) || code === 'ENODATA' || code === 'ENOATTR') return null;
      if (code !== 'ERANGE') throw failed('read', name, path, code);
      this.#grow(this.#libc.getxattr(path, key, this.#scratch, 0));
    }
  }

  /** Every attribute, in byte order of the names; one removed meanwhile is left out. Throws as list and get do. */
  all(path: Uint8Array): HostXattr[] {
    const found: HostXattr[] = [];
    for (const name of this.list(path)) {
      const value = this.get(path, name);
      if (value) found.push({ name, value });
    }
    return found;
  }

  /** Creates or replaces. Throws the host's code: EPERM, EOPNOTSUPP, ENOSPC, ERANGE. */
  set(path: Uint8Array, name: string, value: Uint8Array): void {
    checkPath(path);
    if (name.includes('\0')) throw failed('set', name, path, 'EINVAL');
    const key = Buffer.from(`${name}\0`);
    const bytes = value.length === 0 ? Buffer.alloc(1) : Buffer.from(value.buffer, value.byteOffset, value.length);
    if (this.#libc.setxattr(path, key, bytes, value.length) < 0) {
      throw failed('set', name, path, this.#libc.errorCode());
    }
  }

  #listAgain(path: Uint8Array): number {
    for (;;) {
      const code = this.#libc.errorCode();
      if (isNone(code)) return 0;
      if (code !== 'ERANGE') throw failed('list', 'names', path, code);
      this.#grow(this.#libc.listxattr(path, this.#scratch, 0));
      const size = this.#libc.listxattr(path, this.#scratch, this.#scratch.length);
      if (size >= 0) return size;
    }
  }

  #grow(size: number): void {
    this.#scratch = Buffer.alloc(Math.max(size, this.#scratch.length * 2));
  }

  #decode(bytes: Uint8Array, path: Uint8Array): string {
    try {
      return this.#utf8.decode(bytes);
    } catch {
      throw failed('list', JSON.stringify(Buffer.from(bytes).toString('latin1')), path, 'EILSEQ');
    }
  }
}

/** The file system holds no attributes. EOPNOTSUPP is what Linux calls ENOTSUP. */
function isNone(code: string): boolean {
  return code === 'ENOTSUP' || code === 'EOPNOTSUPP' || code === 'ENOSYS';
}

function checkPath(path: Uint8Array): void {
  if (path[path.length - 1] !== 0) throw new F2fsError('EINVAL', 'a host path must end with a NUL byte');
}

function failed(doing: string, name: string, path: Uint8Array, code: string): F2fsError {
  const end = path.indexOf(0);
  const text = Buffer.from(path.subarray(0, end < 0 ? path.length : end)).toString();
  const why = code === 'EILSEQ' ? 'its name is not UTF-8' : code;
  return new F2fsError(code, `${text}: cannot ${doing} extended attribute ${name}: ${why}`, { path: text });
}

let shared: HostXattrs | null | undefined;

/** null when the host can't tell extended attributes; the caller says so once. */
export function hostXattrs(): HostXattrs | null {
  if (shared === undefined) {
    const libc = hostLibc();
    shared = libc && new HostXattrs(libc);
  }
  return shared;
}
