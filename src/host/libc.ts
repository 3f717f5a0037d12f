// The calls of the host's C library that node:fs lacks: extended attributes, statx, exact times, device nodes. They come
// through koffi, an optional dependency with prebuilt binaries; without it (or on another host) hostLibc() is null.
import * as os from 'node:os';
import { getSystemErrorName } from 'node:util';
import { type Koffi, type KoffiLibrary, loadKoffi } from '../koffi.ts';

/** A path or name: bytes that hold a NUL. Memory that a call fills is passed the same way. */
type Pointer = Uint8Array;

/** Linux only. Each returns -1 on failure; see HostLibc.errorCode. */
export interface LinuxCalls {
  /** `name` is an address (see HostLibc.address), so that names inside a buffer need no view of their own. */
  statx(dirfd: number, name: number, flags: number, mask: number, into: Pointer): number;
  open(path: Pointer, flags: number): number;
  getdents64(fd: number, into: number, sizeBytes: number): number;
  close(fd: number): number;
  /** Bytes from the start of the file. */
  lseek(fd: number, offset: number, whence: number): number;
  fallocate(fd: number, mode: number, offset: number, sizeBytes: number): number;
  /** `into`: what the request reads and writes. */
  ioctl(fd: number, request: number, into: Pointer): number;
}

/** Calls return -1 on failure, or a count of bytes. No call follows a symlink that `path` ends with. */
export interface HostLibc {
  /** Errno name of the last failure. Ask at once: any other call may change it. */
  errorCode(): string;
  /** Address of the first byte. It holds as long as the memory is referenced. */
  address(memory: Uint8Array): number;
  listxattr(path: Pointer, into: Pointer, sizeBytes: number): number;
  getxattr(path: Pointer, name: Pointer, into: Pointer, sizeBytes: number): number;
  setxattr(path: Pointer, name: Pointer, value: Pointer, sizeBytes: number): number;
  /** `times`: 32 bytes, atime then mtime, each i64 seconds and i64 nanoseconds. */
  utimens(path: Pointer, times: Pointer): number;
  /** The same of an open file. */
  futimens(fd: number, times: Pointer): number;
  /** null where the C library does not export it. `dev` as Linux's makedev gives it. */
  readonly mknod: ((path: Pointer, mode: number, dev: number) => number) | null;
  readonly linux: LinuxCalls | null;
}

type Call = ReturnType<KoffiLibrary['func']>;

const XATTR_NOFOLLOW_DARWIN = 1;
const AT_FDCWD = process.platform === 'darwin' ? -2 : -100;
const AT_SYMLINK_NOFOLLOW = process.platform === 'darwin' ? 0x20 : 0x100;

/** The first of the prototypes whose symbol exists, or null. */
function find(library: KoffiLibrary, ...prototypes: string[]): Call | null {
  for (const prototype of prototypes) {
    try {
      return library.func(prototype);
    } catch {
      // The C library of this host does not export it.
    }
  }
  return null;
}

function need(library: KoffiLibrary, prototype: string): Call {
  return library.func(prototype);
}

function linuxCalls(library: KoffiLibrary): LinuxCalls | null {
  const statx = find(library, 'int statx(int, uintptr_t, int, uint32_t, void *)');
  const getdents64 = find(
    library,
    'intptr_t getdents64(int, uintptr_t, size_t)',
    'intptr_t getdents(int, uintptr_t, size_t)', // musl: the same call
  );
  const open = find(library, 'int open(void *, int)');
  const close = find(library, 'int close(int)');
  const lseek = find(library, 'int64_t lseek(int, int64_t, int)');
  const fallocate = find(library, 'int fallocate(int, int, int64_t, int64_t)');
  const ioctl = find(library, 'int ioctl(int, uintptr_t, void *)');
  if (!statx || !getdents64 || !open || !close || !lseek || !fallocate || !ioctl) return null;
  return { statx, getdents64, open, close, lseek, fallocate, ioctl };
}

/** Throws when a symbol is missing. */
function bind(koffi: Koffi): HostLibc {
  const library = koffi.load(null);
  const utimensat = need(library, 'int utimensat(int, void *, void *, int)');
  const common = {
    errorCode: () => getSystemErrorName(-koffi.errno()),
    address: (memory: Uint8Array) => Number(koffi.address(memory)),
    utimens: (path: Pointer, times: Pointer) => utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW),
    futimens: need(library, 'int futimens(int, void *)'),
  };
  if (process.platform === 'linux') {
    const mknodat = find(library, 'int mknodat(int, void *, uint32_t, uint64_t)');
    return {
      ...common,
      listxattr: need(library, 'intptr_t llistxattr(void *, void *, size_t)'),
      getxattr: need(library, 'intptr_t lgetxattr(void *, void *, void *, size_t)'),
      setxattr: (
        (call) => (path: Pointer, name: Pointer, value: Pointer, size: number) =>
          call(path, name, value, size, 0)
      )(need(library, 'int lsetxattr(void *, void *, void *, size_t, int)')),
      mknod: mknodat && ((path, mode, dev) => mknodat(AT_FDCWD, path, mode, dev)),
      linux: linuxCalls(library),
    };
  }
  const list = need(library, 'intptr_t listxattr(void *, void *, size_t, int)');
  const get = need(library, 'intptr_t getxattr(void *, void *, void *, size_t, uint32_t, int)');
  const set = need(library, 'int setxattr(void *, void *, void *, size_t, uint32_t, int)');
  return {
    ...common,
    listxattr: (path, into, size) => list(path, into, size, XATTR_NOFOLLOW_DARWIN),
    getxattr: (path, name, into, size) => get(path, name, into, size, 0, XATTR_NOFOLLOW_DARWIN),
    setxattr: (path, name, value, size) => set(path, name, value, size, 0, XATTR_NOFOLLOW_DARWIN),
    mknod: null,
    linux: null,
  };
}

let bound: HostLibc | null | undefined;

/** The C library, or null when it can't be called: koffi is not installed, a symbol is missing, or another host. */
export function hostLibc(): HostLibc | null {
  if (bound !== undefined) return bound;
  bound = null;
  if (process.platform !== 'linux' && process.platform !== 'darwin') return null;
  const koffi = loadKoffi();
  // The prototypes above and the layouts read elsewhere are those of 64-bit little-endian hosts.
  if (koffi === null || koffi.sizeof('void *') !== 8 || os.endianness() !== 'LE') return bound;
  try {
    bound = bind(koffi);
  } catch {
    // A symbol is missing. Who can't do without says so.
  }
  return bound;
}
