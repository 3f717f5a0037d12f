// Two ways to list a host directory and to stat what is in it: through the C library (fast) and through node:fs (anywhere).
// Both fill the same DirNames and EntryStat, and must tell the same.
import * as fs from 'node:fs';
import { devMajor, devMinor, makeDev } from '../../host/device-numbers.ts';
import type { Host, HostFs } from '../../host/host.ts';
import type { HostLibc, LinuxCalls } from '../../host/libc.ts';
import { O_PATH, PATH_MAX } from '../../host/places.ts';
import { EntryStat, KEPT_FLAGS, NO_TIME } from '../entry-table.ts';
import { DirNames } from './dir-names.ts';

/** One directory at a time. A string is a failure: the errno name. */
export interface HostSource {
  readonly method: 'libc' | 'node';
  /** Whether `stat` has the inode flags, where the file system has any. */
  readonly tellsFlags: boolean;
  readonly names: DirNames;
  /** What stat fills. */
  readonly stat: EntryStat;
  /** Opens the directory itself, no symlink, and fills `stat`. `path` ends with a NUL. One not to be listed need not be readable. */
  open(path: Buffer, toList?: boolean): string | null;
  /** Fills `names`, in no order. */
  list(): string | null;
  /** Fills `stat` for the name at this offset of `names.bytes`. */
  statName(start: number): string | null;
  close(): void;
  /** Fills `stat` for an open file. Throws the host's error. */
  statOpen(fd: number): void;
}

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NOATIME = 0 } = fs.constants;
const O_CLOEXEC = 0o2000000;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_NO_AUTOMOUNT = 0x800;
const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS_AND_BTIME = 0xfff;
const STATX_BTIME = 0x800;
const GETDENTS_SIZE = 1 << 16;
const TWO32 = 2 ** 32;

/** Linux: openat-like walk with getdents64 and statx, no string or object an entry. */
class LibcSource implements HostSource {
  readonly method = 'libc';
  readonly tellsFlags = true;
  readonly names = new DirNames();
  readonly stat = new EntryStat();
  readonly #libc: HostLibc;
  readonly #calls: LinuxCalls;
  /** struct statx, as words. */
  readonly #statx = new Uint8Array(256);
  readonly #words = new Uint32Array(this.#statx.buffer);
  readonly #signed = new Int32Array(this.#statx.buffer);
  readonly #dents = Buffer.from(new ArrayBuffer(GETDENTS_SIZE));
  readonly #dentsAddress: number;
  readonly #empty = new Uint8Array(128);
  readonly #emptyAddress: number;
  /** Names whose address is known. */
  #named: Uint8Array | null = null;
  #namesAddress = 0;
  #fd = -1;

  constructor(libc: HostLibc, calls: LinuxCalls) {
    this.#libc = libc;
    this.#calls = calls;
    this.#dentsAddress = libc.address(this.#dents);
    this.#emptyAddress = libc.address(this.#empty);
  }

  open(path: Buffer, toList = true): string | null {
    this.close();
    const flags = (toList ? O_RDONLY : O_PATH) | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    this.#fd = this.#calls.open(path, toList ? flags | O_NOATIME : flags);
    // Listing without a trace is the owner's and root's.
    if (this.#fd < 0 && this.#libc.errorCode() === 'EPERM') this.#fd = this.#calls.open(path, flags);
    return this.#fd < 0 ? this.#libc.errorCode() : this.#statAt(this.#fd, this.#emptyAddress, AT_EMPTY_PATH);
  }

  list(): string | null {
    const { names } = this;
    const dents = this.#dents;
    names.count = 0;
    let end = 0;
    for (;;) {
      const size = this.#calls.getdents64(this.#fd, this.#dentsAddress, GETDENTS_SIZE);
      if (size < 0) return this.#libc.errorCode();
      if (size === 0) break;
      names.reserve(end + size);
      const { bytes } = names;
      // struct linux_dirent64: u64 ino, s64 off, u16 reclen, u8 type, name
      for (let at = 0; at < size; at += dents[at + 16] | (dents[at + 17] << 8)) {
        let from = at + 19;
        if (dents[from] === 0x2e && (dents[from + 1] === 0 || (dents[from + 1] === 0x2e && dents[from + 2] === 0))) {
          continue;
        }
        names.push(end);
        while ((bytes[end++] = dents[from++]) !== 0);
      }
    }
    return null;
  }

  statName(start: number): string | null {
    if (this.names.bytes !== this.#named) {
      this.#named = this.names.bytes;
      this.#namesAddress = this.#libc.address(this.#named);
    }
    return this.#statAt(this.#fd, this.#namesAddress + start, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT);
  }

  statOpen(fd: number): void {
    const code = this.#statAt(fd, this.#emptyAddress, AT_EMPTY_PATH);
    if (code) throw Object.assign(new Error(`statx: ${code}`), { code });
  }

  close(): void {
    if (this.#fd >= 0) this.#calls.close(this.#fd);
    this.#fd = -1;
  }

  /** Offsets: struct statx of linux/stat.h, in words. */
  #statAt(dirfd: number, name: number, flags: number): string | null {
    if (this.#calls.statx(dirfd, name, flags, STATX_BASIC_STATS_AND_BTIME, this.#statx) < 0) {
      return this.#libc.errorCode();
    }
    const words = this.#words;
    const signed = this.#signed;
    const { stat } = this;
    // stx_attributes: these three are the bits that FS_IOC_GETFLAGS has, too.
    stat.flags = words[2] & KEPT_FLAGS;
    stat.nlink = words[4];
    stat.uid = words[5];
    stat.gid = words[6];
    stat.mode = words[7] & 0xffff;
    stat.inoLow = words[8];
    stat.inoHigh = words[9];
    stat.sizeBytes = words[11] * TWO32 + words[10];
    stat.nrSectors = words[13] * TWO32 + words[12];
    stat.atimeSec = signed[17] * TWO32 + words[16];
    stat.atimeNsec = words[18];
    const hasBirthtime = (words[0] & STATX_BTIME) !== 0 && (words[20] | words[21] | words[22]) !== 0;
    stat.birthtimeSec = hasBirthtime ? signed[21] * TWO32 + words[20] : 0;
    stat.birthtimeNsec = hasBirthtime ? words[22] : NO_TIME;
    stat.ctimeSec = signed[25] * TWO32 + words[24];
    stat.ctimeNsec = words[26];
    stat.mtimeSec = signed[29] * TWO32 + words[28];
    stat.mtimeNsec = words[30];
    stat.rdevMajor = words[32];
    stat.rdevMinor = words[33];
    stat.dev = makeDev(words[34], words[35]);
    return null;
  }
}

/** Whole seconds, rounded down, of nanoseconds since 1970. */
function wholeSeconds(ns: bigint): number {
  const sec = ns / 1_000_000_000n;
  return Number(sec * 1_000_000_000n > ns ? sec - 1n : sec);
}

function partSeconds(ns: bigint): number {
  const part = Number(ns % 1_000_000_000n);
  return part < 0 ? part + 1_000_000_000 : part;
}

/** Any host. Paths are strings while all names are UTF-8, and Buffers below a name that is not. */
class NodeSource implements HostSource {
  readonly method = 'node';
  readonly tellsFlags = false;
  readonly names = new DirNames();
  readonly stat = new EntryStat();
  readonly #fs: HostFs;
  #dir: Buffer = Buffer.alloc(0);
  /** The directory's path, null when it is not UTF-8. */
  #text: string | null = null;
  /** Whether all names of the directory are UTF-8. */
  #clean = true;
  /** Of a directory whose children's paths would be too long. */
  #fd = -1;

  constructor(fs: HostFs) {
    this.#fs = fs;
  }

  open(path: Buffer): string | null {
    this.close();
    this.#setDir(Buffer.from(path.subarray(0, path.indexOf(0))));
    const failed = this.#lstat(this.#text ?? this.#dir);
    if (failed !== null || this.#dir.length + 1 + 255 < PATH_MAX) return failed;
    try {
      this.#fd = this.#fs.openSync(this.#dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    } catch (error) {
      return errorCode(error);
    }
    this.#setDir(Buffer.from(`/proc/self/fd/${this.#fd}`));
    return null;
  }

  #setDir(dir: Buffer): void {
    this.#dir = dir;
    const text = dir.toString();
    this.#text = text.includes('\ufffd') ? null : text;
  }

  list(): string | null {
    try {
      const texts = this.#text === null ? null : this.#fs.readdirSync(this.#text);
      this.#clean = texts !== null && !texts.some((name) => name.includes('\ufffd'));
      this.#store(this.#clean ? texts! : this.#fs.readdirSync(this.#dir, 'buffer'));
      return null;
    } catch (error) {
      return errorCode(error);
    }
  }

  #store(all: string[] | Buffer[]): void {
    const { names } = this;
    names.count = 0;
    let end = 0;
    for (const name of all) {
      const length = typeof name === 'string' ? name.length * 3 : name.length;
      names.reserve(end + length + 1);
      const bytes = Buffer.from(names.bytes.buffer);
      names.push(end);
      end += typeof name === 'string' ? bytes.write(name, end) : name.copy(bytes, end);
      bytes[end++] = 0;
    }
  }

  statName(start: number): string | null {
    const { bytes } = this.names;
    const name = Buffer.from(bytes.buffer, start, this.names.end(start) - start);
    if (this.#clean) return this.#lstat(`${this.#text}/${name.toString()}`);
    return this.#lstat(Buffer.concat([this.#dir, Buffer.from('/'), name]));
  }

  statOpen(fd: number): void {
    this.#fill(this.#fs.fstatSync(fd, { bigint: true }));
  }

  close(): void {
    if (this.#fd < 0) return;
    try {
      this.#fs.closeSync(this.#fd);
    } catch {
      // Nothing that was read is lost.
    }
    this.#fd = -1;
  }

  #lstat(path: string | Buffer): string | null {
    try {
      this.#fill(this.#fs.lstatSync(path, { bigint: true }));
      return null;
    } catch (error) {
      return errorCode(error);
    }
  }

  #fill(from: fs.BigIntStats): void {
    const { stat } = this;
    stat.mode = Number(from.mode & 0xffffn);
    stat.uid = Number(from.uid);
    stat.gid = Number(from.gid);
    stat.nlink = Number(from.nlink);
    stat.sizeBytes = Number(from.size);
    stat.nrSectors = Number(from.blocks ?? 0n);
    stat.rdevMajor = devMajor(from.rdev);
    stat.rdevMinor = devMinor(from.rdev);
    stat.dev = Number(from.dev);
    stat.inoHigh = Number(BigInt.asUintN(32, from.ino >> 32n));
    stat.inoLow = Number(BigInt.asUintN(32, from.ino));
    stat.atimeSec = wholeSeconds(from.atimeNs);
    stat.atimeNsec = partSeconds(from.atimeNs);
    stat.mtimeSec = wholeSeconds(from.mtimeNs);
    stat.mtimeNsec = partSeconds(from.mtimeNs);
    stat.ctimeSec = wholeSeconds(from.ctimeNs);
    stat.ctimeNsec = partSeconds(from.ctimeNs);
    const hasBirthtime = from.birthtimeNs !== 0n;
    stat.birthtimeSec = hasBirthtime ? wholeSeconds(from.birthtimeNs) : 0;
    stat.birthtimeNsec = hasBirthtime ? partSeconds(from.birthtimeNs) : NO_TIME;
  }
}

function errorCode(error: unknown): string {
  return (error as NodeJS.ErrnoException | undefined)?.code ?? 'EIO';
}

export function hostSource({ libc, fs }: Host): HostSource {
  return libc?.linux ? new LibcSource(libc, libc.linux) : new NodeSource(fs);
}
