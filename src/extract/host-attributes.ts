// Owner, extended attributes, mode and times of entries made on the host, in the order that keeps each of them.
import * as fs from 'node:fs';
import { display } from '../bytes.ts';
import { errnoText, F2fsError } from '../errors.ts';
import type { InodeFlag } from '../format/inode-flags.ts';
import { CommandXattrWriter } from '../host/commands.ts';
import { type FlagSetter, flagSetter } from '../host/flags.ts';
import { thisHost } from '../host/host.ts';
import type { HostLibc } from '../host/libc.ts';
import { type HostXattr, HostXattrs, type XattrWriter } from '../host/xattrs.ts';
import { type EntryTimes, type FileAttributes, putTimes } from './file-jobs.ts';
import { type NotedPlace, Notes } from './notes.ts';
import type { ExtractNote } from './report.ts';

export interface HostAttributes extends EntryTimes {
  /** The low 12 bits are used. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** POSIX ACLs in the host's form. */
  readonly xattrs?: readonly HostXattr[];
  /** Of a file or directory. */
  readonly flags?: readonly InodeFlag[];
  /** Messages of notes on what no host has. */
  readonly lost?: readonly string[];
}

const S_ISUID_ISGID = 0o6000;
const S_IRWXG = 0o070;
const NEEDED = "the package koffi, or setfattr of Debian's attr";
const IS_ACL = /^system\.posix_acl_/;

export class AttributeSetter {
  readonly #libc: HostLibc | null;
  readonly #xattrs: XattrWriter;
  readonly #flags: FlagSetter;
  readonly #owner: boolean;
  readonly #storeXattrs: boolean;
  readonly #notes = new Notes();
  /** Two struct timespec. */
  readonly #times = new Uint32Array(8);
  readonly #timesBytes = new Uint8Array(this.#times.buffer);

  constructor(libc: HostLibc | null, options: { owner: boolean; xattrs: boolean }) {
    this.#libc = libc;
    this.#xattrs = libc === null ? new CommandXattrWriter(thisHost(null)) : new HostXattrs(libc);
    this.#flags = flagSetter(libc);
    this.#owner = options.owner;
    this.#storeXattrs = options.xattrs;
  }

  get notes(): ExtractNote[] {
    return this.#notes.list;
  }

  /**
   * `hostPath` must be an entry that we made, in a directory that we made. Changing the owner clears the set-id bits and
   * file capabilities, attributes need a mode that lets us write, and a new mode changes an ACL's mask: hence the order
   * owner, attributes, mode, ACLs, times. The group, whose bits are the mask of an ACL, gets none before that is there. Throws the
   * host's error for mode and times; the others become notes.
   */
  set(hostPath: Buffer, place: NotedPlace, wanted: HostAttributes, isSymlink: boolean): void {
    const pathZ = Buffer.concat([hostPath, Buffer.alloc(1)]);
    const isOwned = this.#setOwner(hostPath, place, wanted);
    const xattrs = wanted.xattrs ?? [];
    this.#setXattrs(pathZ, place, xattrs, false);
    if (!isSymlink) {
      const mode = wanted.mode & 0o7777;
      if (!isOwned && (mode & S_ISUID_ISGID) !== 0) {
        this.note('set-id bits are dropped where the owner was not restored', place);
      }
      const allowed = isOwned ? mode : mode & ~S_ISUID_ISGID;
      const hasAcls = xattrs.some(({ name }) => IS_ACL.test(display(name)));
      fs.chmodSync(hostPath, hasAcls ? allowed & ~S_IRWXG : allowed);
      if (hasAcls) {
        this.#setXattrs(pathZ, place, xattrs, true);
        fs.chmodSync(hostPath, allowed);
      }
    }
    this.#setTimes(hostPath, pathZ, place, wanted);
    this.#checkTimes(hostPath, place, wanted);
  }

  /** What a file gets where that is all, besides its times; null where it takes more, or only trying tells what the host takes. */
  plain(wanted: HostAttributes): FileAttributes | null {
    const { uid, gid, mode, atimeSec, mtimeSec, xattrs = [] } = wanted;
    if (this.#libc === null || xattrs.length > 0 || !isHeldAnywhere(atimeSec) || !isHeldAnywhere(mtimeSec)) return null;
    if (this.#owner) return { mode: mode & 0o7777, owner: { uid, gid } };
    return (mode & S_ISUID_ISGID) === 0 || isOurs(wanted) ? { mode: mode & 0o7777, owner: null } : null;
  }

  /** Tells of an owner that is not even tried. */
  noteOwner(place: NotedPlace, wanted: HostAttributes): void {
    if (!this.#owner && !isOurs(wanted)) this.note('owners are not restored: that needs root', place);
  }

  /** Sets the flags, some of which forbid whatever else is done with the entry: when nothing is. What fails becomes a note. */
  setFlags(hostPath: Buffer, place: NotedPlace, flags: readonly InodeFlag[]): void {
    const code = this.#flags(hostPath, flags);
    if (code === 'ENOSYS')
      this.note("inode flags are not restored: that takes the package koffi, or chattr of Debian's e2fsprogs", place);
    else if (code !== null)
      this.note(`inode flags (${flags.join(', ')}) are not restored: ${errnoText(code)} (${code})`, place);
  }

  /** Whether the entry has its owner now. */
  #setOwner(hostPath: Buffer, place: NotedPlace, wanted: HostAttributes): boolean {
    if (!this.#owner) {
      this.noteOwner(place, wanted);
      return isOurs(wanted);
    }
    try {
      fs.lchownSync(hostPath, wanted.uid, wanted.gid);
      return true;
    } catch (error) {
      const code = codeOf(error);
      // Source: chown_common.
      const why = code === 'EINVAL' ? 'this user namespace has no such numbers' : errnoText(code);
      this.note(`owners are not restored: ${why} (${code})`, place);
      return false;
    }
  }

  #setXattrs(pathZ: Buffer, place: NotedPlace, xattrs: readonly HostXattr[], acls: boolean): void {
    const wanted = xattrs.filter(({ name }) => IS_ACL.test(display(name)) === acls);
    if (wanted.length === 0) return;
    if (!this.#storeXattrs) {
      for (const _ of wanted) this.note('extended attributes are left out, as asked', place);
      return;
    }
    const messages = this.#xattrs.set(pathZ, wanted).map(({ name, code }) => {
      if (code === 'ENOSYS') return `extended attributes are not restored: that takes ${NEEDED}`;
      return `${notRestored(name, code)}: ${errnoText(code)} (${code})`;
    });
    // What befell several attributes of an entry befell one entry.
    for (const message of new Set(messages)) this.note(message, place);
  }

  #setTimes(hostPath: Buffer, pathZ: Buffer, place: NotedPlace, wanted: HostAttributes): void {
    if (this.#libc) {
      putTimes(this.#times, 0, wanted);
      if (this.#libc.utimens(pathZ, this.#timesBytes) === 0) return;
      const code = this.#libc.errorCode();
      throw new F2fsError(code, `cannot set the times: ${errnoText(code)}`);
    }
    const atime = roughTime(wanted.atimeSec, wanted.atimeNsec);
    fs.lutimesSync(hostPath, atime, roughTime(wanted.mtimeSec, wanted.mtimeNsec));
    if (wanted.atimeNsec !== 0 || wanted.mtimeNsec !== 0) {
      this.note('times are rounded (the package koffi makes them exact)', place);
    }
  }

  /**
   * A file system that can't hold a time sets the nearest that it can, without a word. Only times that some can't hold are looked
   * at: it costs a call.
   */
  #checkTimes(hostPath: Buffer, place: NotedPlace, { atimeSec, mtimeSec }: HostAttributes): void {
    if (isHeldAnywhere(atimeSec) && isHeldAnywhere(mtimeSec)) return;
    const { atimeNs, mtimeNs } = fs.lstatSync(hostPath, { bigint: true });
    if (isNear(atimeNs, atimeSec) && isNear(mtimeNs, mtimeSec)) return;
    this.note("times are not restored: the host's file system can't hold them, and took the nearest", place);
  }

  /** Tells once of what befell several entries. */
  note(message: string, place: NotedPlace): void {
    this.#notes.add(message, place);
  }
}

/** Whether what we make has this owner anyway. */
function isOurs({ uid, gid }: HostAttributes): boolean {
  return uid === process.geteuid?.() && gid === process.getegid?.();
}

/** Where a host's file system has no attributes of a kind, that is told once of all of them. */
function notRestored(name: string, code: string): string {
  const kind = /^(?:user|trusted|security)\./.exec(name)?.[0];
  const isOfAll = kind !== undefined && (code === 'ENOTSUP' || code === 'EOPNOTSUPP');
  return isOfAll ? `extended attributes ${kind}* are not restored` : `extended attribute ${name} is not restored`;
}

/** A time for node:fs: about 0.24 us exact, or 1 ms before 1970, where Node takes a negative number for "now". */
function roughTime(sec: number, nsec: number): number | Date {
  return sec < 0 ? new Date(sec * 1000 + Math.floor(nsec / 1e6)) : sec + nsec / 1e9;
}

/** From 1970 to 2038. */
function isHeldAnywhere(sec: number): boolean {
  return sec >= 0 && sec < 2 ** 31;
}

/** Whether a time is within the second wanted: what is lost of that is told by those who round. */
function isNear(ns: bigint, sec: number): boolean {
  const off = ns - BigInt(sec) * 1_000_000_000n;
  return off >= 0 && off < 1_000_000_000n;
}

function codeOf(error: unknown): string {
  return (error as { code?: string } | undefined)?.code ?? 'EIO';
}
