// The model: a directory of the host, through node:fs and the C library.
import * as fs from 'node:fs';
import { basename, dirname } from 'node:path';
import { FALLOCATE, HostCalls, RENAME, XATTR } from './host-calls.ts';
import { type AllocateMode, bytesOf, type NodeType, type Operation, type Outcome, SLOTS } from './operation.ts';

const { O_NOATIME, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY, O_CREAT, O_EXCL, O_TRUNC, O_APPEND } = fs.constants;

const OPEN_FLAGS = {
  r: O_RDONLY,
  'r+': O_RDWR,
  w: O_WRONLY | O_CREAT | O_TRUNC,
  'w+': O_RDWR | O_CREAT | O_TRUNC,
  wx: O_WRONLY | O_CREAT | O_EXCL,
  'wx+': O_RDWR | O_CREAT | O_EXCL,
  a: O_WRONLY | O_CREAT | O_APPEND,
  'a+': O_RDWR | O_CREAT | O_APPEND,
  ax: O_WRONLY | O_CREAT | O_EXCL | O_APPEND,
};
const NODE_TYPES: Record<NodeType, number> = { fifo: 0o010000, socket: 0o140000, char: 0o020000, block: 0o060000 };
const MODES: Record<AllocateMode, number> = {
  plain: 0,
  keep: FALLOCATE.KEEP_SIZE,
  punch: FALLOCATE.PUNCH_HOLE | FALLOCATE.KEEP_SIZE,
  zero: FALLOCATE.ZERO,
  'zero-keep': FALLOCATE.ZERO | FALLOCATE.KEEP_SIZE,
  collapse: FALLOCATE.COLLAPSE,
  insert: FALLOCATE.INSERT,
};

export function statText(stat: fs.Stats): string {
  const size = stat.isDirectory() ? '' : ` size ${stat.size}`;
  const rdev = stat.isCharacterDevice() || stat.isBlockDevice() ? ` rdev ${stat.rdev}` : '';
  return `mode ${stat.mode.toString(8)} owner ${stat.uid}:${stat.gid} nlink ${stat.nlink}${size}${rdev}`;
}

export class HostSide {
  readonly #root: string;
  readonly calls = new HostCalls();
  readonly #fds: number[] = Array.from({ length: SLOTS }, () => -1);

  /** `root` is an empty directory; it stays within it. */
  constructor(root: string) {
    this.#root = root;
  }

  pathOf(path: string): string {
    return path === '' ? this.#root : `${this.#root}/${path}`;
  }

  run(op: Operation): Outcome {
    try {
      return this.#apply(op);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === undefined) throw error;
      return { code };
    }
  }

  closeAll(): void {
    for (let slot = 0; slot < SLOTS; slot++) this.#close(slot);
  }

  #apply(op: Operation): Outcome {
    switch (op.kind) {
      case 'open':
        this.#open(op);
        break;
      case 'close':
        this.#close(op.slot);
        break;
      case 'write':
        fs.writeSync(this.#fd(op.slot), bytesOf(op.length, op.fill), 0, op.length, op.at);
        break;
      case 'append': {
        const fd = this.#fd(op.slot);
        fs.writeSync(fd, bytesOf(op.length, op.fill), 0, op.length, fs.fstatSync(fd).size);
        break;
      }
      case 'read': {
        const into = Buffer.allocUnsafe(op.length);
        return { code: 'ok', bytes: into.subarray(0, fs.readSync(this.#fd(op.slot), into, 0, op.length, op.at)) };
      }
      case 'resize':
        fs.ftruncateSync(this.#fd(op.slot), op.size);
        break;
      case 'allocate':
        this.#allocate(this.#fd(op.slot), op);
        break;
      case 'fstat':
        return { code: 'ok', text: statText(fs.fstatSync(this.#fd(op.slot))) };
      case 'fchmod':
        fs.fchmodSync(this.#fd(op.slot), op.mode);
        break;
      case 'fchown':
        fs.fchownSync(this.#fd(op.slot), op.uid, op.gid);
        break;
      case 'futimes':
        this.calls.futimes(this.#fd(op.slot), BigInt(op.atime), BigInt(op.mtime));
        break;
      case 'fsync':
        // Nothing to compare but whether it is open: the host's own would only take time.
        this.#fd(op.slot);
        break;
      case 'sync':
        break;
      case 'remount':
        this.closeAll();
        break;
      default:
        return this.#applyToPath(op);
    }
    return { code: 'ok' };
  }

  #applyToPath(op: Operation & { path?: string }): Outcome {
    const path = this.pathOf(op.path ?? '');
    switch (op.kind) {
      case 'mkdir':
        fs.mkdirSync(path, op.mode);
        break;
      case 'rmdir':
        fs.rmdirSync(path);
        break;
      case 'unlink':
        fs.unlinkSync(path);
        break;
      case 'rename':
        this.#rename(op);
        break;
      case 'link':
        fs.linkSync(this.pathOf(op.from), this.pathOf(op.to));
        break;
      case 'symlink':
        fs.symlinkSync(op.target, path);
        break;
      case 'readlink':
        return { code: 'ok', text: fs.readlinkSync(path) };
      case 'mknod': {
        const rdev = op.type === 'char' || op.type === 'block' ? makedev(op.major, op.minor) : 0;
        this.calls.mknod(path, NODE_TYPES[op.type] | op.mode, rdev);
        break;
      }
      case 'chmod':
        fs.chmodSync(path, op.mode);
        break;
      case 'chown':
        fs.lchownSync(path, op.uid, op.gid);
        break;
      case 'utimes':
        this.calls.utimes(path, BigInt(op.atime), BigInt(op.mtime));
        break;
      case 'truncate':
        this.#truncate(path, op.size);
        break;
      case 'setXattr': {
        const flags = op.how === 'any' ? 0 : op.how === 'create' ? XATTR.CREATE : XATTR.REPLACE;
        this.calls.setXattr(path, op.name, Buffer.from(op.value, 'base64'), flags);
        break;
      }
      case 'removeXattr':
        this.calls.removeXattr(path, op.name);
        break;
      case 'getXattr':
        return { code: 'ok', bytes: this.calls.getXattr(path, op.name) };
      case 'stat':
        return { code: 'ok', text: statText(op.follow ? fs.statSync(path) : fs.lstatSync(path)) };
      case 'readdir':
        return { code: 'ok', text: fs.readdirSync(path).sort().join('\n') };
    }
    return { code: 'ok' };
  }

  /** Which failures and which calls without effect stamp the file differs from file system to file system: it gets a time. */
  #allocate(fd: number, op: Operation & { kind: 'allocate' }): void {
    try {
      this.calls.fallocate(fd, MODES[op.mode], op.at, op.length);
    } finally {
      this.calls.futimes(fd, BigInt(op.time), BigInt(op.time));
    }
  }

  #open(op: Operation & { kind: 'open' }): void {
    const fd = this.#openFile(this.pathOf(op.path), OPEN_FLAGS[op.flags], op.mode);
    this.#close(op.slot);
    this.#fds[op.slot] = fd;
  }

  /** A directory that gets another parent is stamped too: F2FS does so as it changes `..`, ext4 does not. */
  #rename(op: Operation & { kind: 'rename' }): void {
    const [from, to] = [this.pathOf(op.from), this.pathOf(op.to)];
    const flags = op.how === 'replace' ? 0 : op.how === 'noReplace' ? RENAME.NOREPLACE : RENAME.EXCHANGE;
    // Afterwards the paths may lead nowhere: they can go through what was moved.
    const parents = [from, to].map(realParent);
    this.calls.rename(from, to, flags);
    if (parents[0] === parents[1]) return;
    for (const side of op.how === 'exchange' ? [0, 1] : [1]) {
      const real = `${parents[side]}/${basename([from, to][side])}`;
      if (fs.lstatSync(real).isDirectory()) fs.utimesSync(real, new Date(), new Date());
    }
  }

  /** By a handle, so that a file that has the size already gets its times: F2FS gives them in any case, ext4 does not. */
  #truncate(path: string, size: number): void {
    const fd = this.#openFile(path, O_WRONLY);
    try {
      fs.ftruncateSync(fd, size);
    } finally {
      fs.closeSync(fd);
    }
  }

  /** Files only: on the other side too nothing else can be read or written. */
  #openFile(path: string, flags: number, mode = 0): number {
    let fd: number;
    try {
      fd = fs.openSync(path, flags | O_NONBLOCK | O_NOATIME, mode);
    } catch (error) {
      // What a socket, a device without a driver or a fifo without a reader says.
      if ((error as NodeJS.ErrnoException).code === 'ENXIO') throw Object.assign(new Error(), { code: 'EINVAL' });
      throw error;
    }
    const stat = fs.fstatSync(fd);
    if (!stat.isFile()) {
      fs.closeSync(fd);
      throw Object.assign(new Error(), { code: stat.isDirectory() ? 'EISDIR' : 'EINVAL' });
    }
    return fd;
  }

  #fd(slot: number): number {
    if (this.#fds[slot] < 0) throw Object.assign(new Error(), { code: 'EBADF' });
    return this.#fds[slot];
  }

  #close(slot: number): void {
    if (this.#fds[slot] >= 0) fs.closeSync(this.#fds[slot]);
    this.#fds[slot] = -1;
  }
}

/** Null where there is none. */
function realParent(path: string): string | null {
  try {
    return fs.realpathSync.native(dirname(path));
  } catch {
    return null;
  }
}

/** Source: gnu_dev_makedev, for minors below 256. */
function makedev(major: number, minor: number): number {
  return major * 256 + minor;
}
