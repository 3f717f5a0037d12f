// Calls of the host's C library that the model needs and node:fs does not have. Through koffi, as src/host/libc.ts.
import { createRequire } from 'node:module';
import { getSystemErrorName } from 'node:util';

type Koffi = typeof import('koffi');
type Call = (...args: unknown[]) => number;

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;

/** Flags of the calls, as Linux has them. */
export const RENAME = { NOREPLACE: 1, EXCHANGE: 2 } as const;
export const FALLOCATE = { KEEP_SIZE: 1, PUNCH_HOLE: 2, COLLAPSE: 8, ZERO: 16, INSERT: 32 } as const;
export const XATTR = { CREATE: 1, REPLACE: 2 } as const;

/** Each call throws an error with `code` as node:fs does. No call follows a last symlink. */
export class HostCalls {
  readonly #errno: () => number;
  readonly #renameat2: Call;
  readonly #fallocate: Call;
  readonly #mknodat: Call;
  readonly #utimensat: Call;
  readonly #futimens: Call;
  readonly #lsetxattr: Call;
  readonly #lgetxattr: Call;
  readonly #lremovexattr: Call;
  readonly #llistxattr: Call;
  readonly #scratch = Buffer.alloc(65536);
  readonly #times = Buffer.alloc(32);

  /** Throws where koffi or a call is missing: the model runs on Linux only. */
  constructor() {
    const koffi = createRequire(import.meta.url)('koffi') as Koffi;
    const library = koffi.load(null);
    const bind = (prototype: string) => library.func(prototype) as unknown as Call;
    this.#errno = () => koffi.errno();
    this.#renameat2 = bind('int renameat2(int, const char *, int, const char *, uint32_t)');
    this.#fallocate = bind('int fallocate(int, int, int64_t, int64_t)');
    this.#mknodat = bind('int mknodat(int, const char *, uint32_t, uint64_t)');
    this.#utimensat = bind('int utimensat(int, const char *, void *, int)');
    this.#futimens = bind('int futimens(int, void *)');
    this.#lsetxattr = bind('int lsetxattr(const char *, const char *, void *, size_t, int)');
    this.#lgetxattr = bind('intptr_t lgetxattr(const char *, const char *, void *, size_t)');
    this.#lremovexattr = bind('int lremovexattr(const char *, const char *)');
    this.#llistxattr = bind('intptr_t llistxattr(const char *, void *, size_t)');
  }

  rename(from: string, to: string, flags: number): void {
    this.#check(this.#renameat2(AT_FDCWD, from, AT_FDCWD, to, flags));
  }

  fallocate(fd: number, mode: number, offset: number, length: number): void {
    this.#check(this.#fallocate(fd, mode, offset, length));
  }

  /** `mode` with the type's bits. */
  mknod(path: string, mode: number, rdev: number): void {
    this.#check(this.#mknodat(AT_FDCWD, path, mode, rdev));
  }

  /** Nanoseconds since 1970. */
  utimes(path: string, atime: bigint, mtime: bigint): void {
    this.#check(this.#utimensat(AT_FDCWD, path, this.#timespecs(atime, mtime), AT_SYMLINK_NOFOLLOW));
  }

  futimes(fd: number, atime: bigint, mtime: bigint): void {
    this.#check(this.#futimens(fd, this.#timespecs(atime, mtime)));
  }

  setXattr(path: string, name: string, value: Uint8Array, flags: number): void {
    const bytes = value.length === 0 ? Buffer.alloc(1) : value;
    this.#check(this.#lsetxattr(path, name, bytes, value.length, flags));
  }

  removeXattr(path: string, name: string): void {
    this.#check(this.#lremovexattr(path, name));
  }

  /** A copy of the value. Throws ENODATA. */
  getXattr(path: string, name: string): Uint8Array {
    const size = this.#check(this.#lgetxattr(path, name, this.#scratch, this.#scratch.length));
    return Uint8Array.from(this.#scratch.subarray(0, size));
  }

  /** In byte order. */
  listXattrs(path: string): string[] {
    const size = this.#check(this.#llistxattr(path, this.#scratch, this.#scratch.length));
    if (size === 0) return [];
    return this.#scratch
      .toString('utf8', 0, size - 1)
      .split('\0')
      .sort();
  }

  #timespecs(atime: bigint, mtime: bigint): Buffer {
    this.#times.writeBigInt64LE(atime / 1_000_000_000n, 0);
    this.#times.writeBigInt64LE(atime % 1_000_000_000n, 8);
    this.#times.writeBigInt64LE(mtime / 1_000_000_000n, 16);
    this.#times.writeBigInt64LE(mtime % 1_000_000_000n, 24);
    return this.#times;
  }

  #check(result: number): number {
    if (result >= 0) return result;
    const name = getSystemErrorName(-this.#errno());
    // One number, two names.
    const code = name === 'ENOTSUP' ? 'EOPNOTSUPP' : name;
    throw Object.assign(new Error(code), { code });
  }
}
