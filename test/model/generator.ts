// Draws the next operation. It knows roughly what is there, so that most operations find something to do, and many of the
// others fail in an interesting way.
import { BLKSIZE } from '../../src/device/device.ts';
import type { Random } from '../random.ts';
import { type AllocateMode, type Kind, type NodeType, type OpenFlags, type Operation, SLOTS } from './operation.ts';

type Type = 'file' | 'directory' | 'symlink' | 'other';

interface Known {
  path: string;
  type: Type;
  /** Where it stands in the list. */
  index: number;
}

/** How often each kind is drawn. */
const WEIGHTS: Record<Kind, number> = {
  open: 90,
  close: 30,
  write: 120,
  append: 50,
  read: 70,
  resize: 35,
  allocate: 45,
  fstat: 20,
  fchmod: 8,
  fchown: 6,
  futimes: 8,
  fsync: 20,
  mkdir: 40,
  rmdir: 25,
  unlink: 70,
  rename: 90,
  link: 35,
  symlink: 20,
  readlink: 10,
  mknod: 12,
  chmod: 20,
  chown: 20,
  utimes: 25,
  truncate: 25,
  setXattr: 45,
  removeXattr: 20,
  getXattr: 20,
  stat: 50,
  readdir: 15,
  sync: 2,
  remount: 0,
};

const FULL = 330;
const NAMES = [
  ...'abcdefghijklmnop',
  'film.mp4',
  'log.db',
  'name with space',
  'é',
  'n'.repeat(64),
  'x'.repeat(200),
  'l'.repeat(255),
];
/** A directory of many entries, so that it grows through its levels and shrinks again. */
const LARGE = 'large';
const LARGE_NAMES = 700;
const SIZES = [0, 1, 3451, 3452, 3453, 3600, 3688, 3692, 4095, 4096, 4097, 8192, 65536];
const IDS = [0, 1, 1000, 65534, 70_000, 4_000_000_000];
/**
 * None is sticky and writable for the group or others: there hosts refuse even root what O_CREAT opens of another owner,
 * devices and sockets always, the rest by fs.protected_fifos and its kin (may_create_in_sticky).
 */
const MODES = [0o644, 0o755, 0o600, 0o777, 0, 0o4755, 0o2755, 0o2644, 0o6777, 0o1755, 0o7755];
const FLAGS: readonly OpenFlags[] = ['r', 'r+', 'r+', 'r+', 'w', 'w+', 'w+', 'wx', 'wx+', 'wx+', 'a', 'a+', 'a+', 'ax'];
const NODES: readonly NodeType[] = ['fifo', 'fifo', 'socket', 'char', 'block'];
const ALLOCATE: readonly AllocateMode[] = [
  'plain',
  'plain',
  'keep',
  'punch',
  'punch',
  'zero',
  'zero-keep',
  'collapse',
  'insert',
];
const XATTRS = ['user.a', 'user.b', 'user.longer-name', 'trusted.t', 'security.capability-like', 'user.', 'nonsense'];
const ACLS = ['system.posix_acl_access', 'system.posix_acl_default'];
const TAG = { USER_OBJ: 1, USER: 2, GROUP_OBJ: 4, GROUP: 8, MASK: 16, OTHER: 32 };
const NO_ID = 0xffffffff;

export class Generator {
  readonly #rng: Random;
  readonly #blockSize: number;
  readonly #kinds: Kind[] = [];
  readonly #known = new Map<string, Known>();
  readonly #list: Known[] = [];

  /** @param blockSize bytes that ranges are moved by */
  constructor(rng: Random, without: readonly Kind[] = [], blockSize = BLKSIZE) {
    this.#rng = rng;
    this.#blockSize = blockSize;
    for (const [kind, weight] of Object.entries(WEIGHTS)) {
      if (!without.includes(kind as Kind)) for (let i = 0; i < weight; i++) this.#kinds.push(kind as Kind);
    }
  }

  next(): Operation {
    const rng = this.#rng;
    let kind = this.#pick(this.#kinds);
    // Too many entries: some of what would make one removes one.
    const isFull = this.#list.length > FULL;
    if (isFull && (kind === 'mkdir' || kind === 'link' || kind === 'symlink' || kind === 'mknod'))
      kind = rng.below(3) === 0 ? 'rmdir' : 'unlink';
    const slot = rng.below(SLOTS);
    switch (kind) {
      case 'open': {
        const flags = this.#pick(FLAGS);
        const creates = flags !== 'r' && flags !== 'r+';
        const path = creates && !(isFull && rng.below(3) > 0) ? this.#newOrOld() : this.#existing('file');
        return { kind, slot, path, flags, mode: this.#pick(MODES) };
      }
      case 'write':
        return { kind, slot, at: this.#position(), length: this.#length(), fill: this.#fill() };
      case 'append':
        return { kind, slot, length: rng.below(3) === 0 ? this.#length() : rng.below(300), fill: this.#fill() };
      case 'read':
        return { kind, slot, at: this.#position(), length: 1 + rng.below(rng.below(10) === 0 ? 200_000 : 9000) };
      case 'resize':
        return { kind, slot, size: this.#position() };
      case 'allocate':
        return this.#allocate(slot);
      case 'fchmod':
        return { kind, slot, mode: this.#pick(MODES) };
      case 'fchown':
        return { kind, slot, uid: this.#pick(IDS), gid: this.#pick(IDS) };
      case 'futimes':
        return { kind, slot, atime: this.#time(), mtime: this.#time() };
      case 'fsync':
        return { kind, slot, dataOnly: rng.below(2) === 0 };
      case 'close':
      case 'fstat':
        return { kind, slot };
      default:
        return this.#onPath(kind);
    }
  }

  #onPath(kind: Kind): Operation {
    const rng = this.#rng;
    switch (kind) {
      case 'mkdir':
        return { kind, path: this.#newOrOld(), mode: this.#pick(MODES) & 0o1777 };
      case 'rmdir':
        return { kind, path: this.#existing('directory') };
      case 'unlink':
        return { kind, path: this.#existing(rng.below(8) === 0 ? undefined : 'file') };
      case 'rename': {
        const type = this.#pick(['file', 'file', 'directory', undefined] as const);
        const from = this.#existing(type);
        const to = rng.below(3) === 0 ? this.#existing(type) : this.#newOrOld();
        return { kind, from, to, how: this.#pick(['replace', 'replace', 'replace', 'noReplace', 'exchange'] as const) };
      }
      case 'link':
        return { kind, from: this.#existing(rng.below(6) === 0 ? undefined : 'file'), to: this.#newOrOld() };
      case 'symlink':
        return { kind, target: this.#target(), path: this.#newOrOld() };
      case 'readlink':
        return { kind, path: this.#existing('symlink') };
      case 'mknod': {
        const type = this.#pick(NODES);
        const [major, minor] = type === 'fifo' || type === 'socket' ? [0, 0] : [250, rng.below(256)];
        return { kind, path: this.#newOrOld(), type, mode: this.#pick(MODES), major, minor };
      }
      case 'chmod':
        return { kind, path: this.#existing(), mode: this.#pick(MODES) };
      case 'chown':
        return { kind, path: this.#existing(), uid: this.#pick(IDS), gid: this.#pick(IDS) };
      case 'utimes':
        return { kind, path: this.#existing(), atime: this.#time(), mtime: this.#time() };
      case 'truncate':
        return { kind, path: this.#existing('file'), size: this.#position() };
      case 'setXattr': {
        if (rng.below(5) === 0)
          return { kind, path: this.#existing(), name: this.#pick(ACLS), value: this.#acl(), how: 'any' };
        const length = this.#pick([0, 1, 10, 60, 200, rng.below(500)]);
        const value = Buffer.alloc(length, rng.below(256)).toString('base64');
        const how = this.#pick(['any', 'any', 'create', 'replace'] as const);
        return { kind, path: this.#existing(), name: this.#pick(XATTRS), value, how };
      }
      case 'removeXattr':
      case 'getXattr':
        return { kind, path: this.#existing(), name: this.#pick(rng.below(4) === 0 ? ACLS : XATTRS) };
      case 'stat':
        return { kind, path: rng.below(4) === 0 ? this.#newOrOld() : this.#existing(), follow: rng.below(2) === 0 };
      case 'readdir':
        return { kind, path: this.#existing('directory') };
      default:
        return { kind: 'sync' };
    }
  }

  #allocate(slot: number): Operation {
    const rng = this.#rng;
    const mode = this.#pick(ALLOCATE);
    const aligned = mode === 'collapse' || mode === 'insert' ? rng.below(8) > 0 : rng.below(3) === 0;
    const at = rng.below(2) === 0 ? rng.below(20_000) : rng.below(400_000);
    const length = rng.below(3) === 0 ? rng.below(200_000) : rng.below(20_000);
    const round = (value: number) => (aligned ? value - (value % this.#blockSize) : value);
    return { kind: 'allocate', slot, mode, at: round(at), length: round(length), time: this.#time() };
  }

  /** Keeps what is known in step with an operation that went well. */
  learn(op: Operation): void {
    switch (op.kind) {
      case 'open':
        if (op.flags !== 'r' && op.flags !== 'r+') this.#add(op.path, 'file');
        break;
      case 'mkdir':
        this.#add(op.path, 'directory');
        break;
      case 'symlink':
        this.#add(op.path, 'symlink');
        break;
      case 'mknod':
        this.#add(op.path, 'other');
        break;
      case 'link':
        this.#add(op.to, this.#known.get(op.from)?.type ?? 'file');
        break;
      case 'unlink':
      case 'rmdir':
        this.#remove(op.path);
        break;
      case 'rename':
        this.#move(op.from, op.to, op.how === 'exchange');
    }
  }

  #add(path: string, type: Type): void {
    // Of several ways to write a path one will do; and what begins with a dot must not be gone up from.
    if (this.#known.has(path) || /(^|\/)\.|\/\//.test(path)) return;
    const known = { path, type, index: this.#list.length };
    this.#known.set(path, known);
    this.#list.push(known);
  }

  #remove(path: string): void {
    const known = this.#known.get(path);
    if (known === undefined) return;
    this.#known.delete(path);
    const last = this.#list.pop() as Known;
    if (last === known) return;
    this.#list[known.index] = last;
    last.index = known.index;
  }

  #move(from: string, to: string, exchange: boolean): void {
    if (from === to) return;
    const below = (path: string) =>
      this.#list.filter((known) => known.path === path || known.path.startsWith(`${path}/`));
    const moved = below(from);
    const other = below(to);
    for (const { path } of [...moved, ...other]) this.#remove(path);
    for (const { path, type } of moved) this.#add(to + path.slice(from.length), type);
    if (exchange) for (const { path, type } of other) this.#add(from + path.slice(to.length), type);
  }

  #pick<T>(values: readonly T[]): T {
    return values[this.#rng.below(values.length)] as T;
  }

  #knownOf(type: Type | undefined): Known | undefined {
    for (let i = 0; i < 12 && this.#list.length > 0; i++) {
      const known = this.#pick(this.#list);
      if (type === undefined || known.type === type) return known;
    }
    return undefined;
  }

  /** A path that is likely there, and likely of the type. Never the root, which on the host is no root. */
  #existing(type?: Type): string {
    const chance = this.#rng.below(40);
    if (chance === 0) return this.#newOrOld();
    if (chance === 1) return this.#odd(this.#knownOf(type)?.path ?? 'missing');
    if (chance === 2) return this.#knownOf(undefined)?.path ?? 'missing';
    return this.#knownOf(type)?.path ?? this.#newOrOld();
  }

  /** A path that may or may not be there, in a directory that likely is. */
  #newOrOld(): string {
    const rng = this.#rng;
    const chance = rng.below(60);
    if (chance < 12) {
      const name = `f${rng.below(LARGE_NAMES)}`;
      return this.#known.get(LARGE)?.type === 'directory' ? `${LARGE}/${name}` : LARGE;
    }
    const parent = chance < 14 ? this.#knownOf(undefined) : this.#knownOf(chance < 18 ? 'symlink' : 'directory');
    const base = parent === undefined || depthOf(parent.path) > 5 || rng.below(5) === 0 ? '' : parent.path;
    const name = chance === 18 ? 'z'.repeat(256) : chance === 19 ? 'missing/name' : this.#pick(NAMES);
    const path = base === '' ? name : `${base}/${name}`;
    return chance === 20 ? this.#odd(path) : path;
  }

  /** The same path, written in another way; or a path below what may be a file. */
  #odd(path: string): string {
    switch (this.#rng.below(4)) {
      case 0:
        return `./${path}`;
      case 1:
        return path.replaceAll('/', '//');
      case 2: {
        const dir = this.#knownOf('directory')?.path ?? 'missing';
        // Only up from the first level: it must not lead out of the host's directory.
        return `${dir.split('/')[0]}/../${path}`;
      }
      default:
        return `${path}/${this.#pick(NAMES)}`;
    }
  }

  /** Of a symlink: below its own directory, so that it never leads out of the root. */
  #target(): string {
    const rng = this.#rng;
    if (rng.below(10) === 0) return 't'.repeat(1 + rng.below(4000));
    return rng.below(3) === 0 ? `${this.#pick(NAMES)}/${this.#pick(NAMES)}` : this.#pick(NAMES);
  }

  /** Byte positions and sizes crowd around the edges: inline data, pages, direct nodes. */
  #position(): number {
    const rng = this.#rng;
    const chance = rng.below(100);
    if (chance < 20) return this.#pick(SIZES);
    if (chance < 60) return rng.below(12_000);
    if (chance < 88) return rng.below(120_000);
    if (chance < 97) return rng.below(1_500_000);
    return rng.below(9_000_000);
  }

  #length(): number {
    const rng = this.#rng;
    const chance = rng.below(100);
    if (chance < 50) return rng.below(600);
    if (chance < 85) return rng.below(9000);
    if (chance < 98) return rng.below(60_000);
    return rng.below(500_000);
  }

  #fill(): number {
    return this.#rng.below(12) === 0 ? 0 : 1 + this.#rng.below(100_000);
  }

  /** An ACL in the host's form, mostly one that is in order. */
  #acl(): string {
    const rng = this.#rng;
    const entries = [[TAG.USER_OBJ, NO_ID]];
    if (rng.below(2) === 0) entries.push([TAG.USER, 1000]);
    if (rng.below(4) === 0) entries.push([TAG.USER, 70_000]);
    entries.push([TAG.GROUP_OBJ, NO_ID]);
    if (rng.below(3) === 0) entries.push([TAG.GROUP, 5]);
    // Without a mask named entries are refused.
    if (entries.length > 2 ? rng.below(10) > 0 : rng.below(3) === 0) entries.push([TAG.MASK, NO_ID]);
    if (rng.below(20) > 0) entries.push([TAG.OTHER, NO_ID]);
    const value = Buffer.alloc(4 + 8 * entries.length);
    value.writeUInt32LE(2, 0);
    for (const [i, [tag, id]] of entries.entries()) {
      value.writeUInt16LE(tag, 4 + 8 * i);
      // These are the mode of a directory that may be sticky: see MODES.
      const isMode = tag === TAG.GROUP_OBJ || tag === TAG.MASK || tag === TAG.OTHER;
      value.writeUInt16LE(rng.below(8) & (isMode ? ~2 : 7), 6 + 8 * i);
      value.writeUInt32LE(id, 8 + 8 * i);
    }
    return value.toString('base64');
  }

  /** Nanoseconds since 1970, before what a clock shows. */
  #time(): string {
    const sec = 1 + this.#rng.below(1_499_999_998);
    return `${sec}${String(this.#rng.below(1_000_000_000)).padStart(9, '0')}`;
  }
}

function depthOf(path: string): number {
  return path.split('/').length;
}
