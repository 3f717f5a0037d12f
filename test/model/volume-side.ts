// The volume under test: the same operations through the library.
import type { BlockDevice } from '../../src/device/device.ts';
import { F2fsError } from '../../src/errors.ts';
import type { FileHandle } from '../../src/fs/file-handle.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import type { MountOptions } from '../../src/fs/mount-options.ts';
import type { FileStat } from '../../src/fs/stat.ts';
import { bytesOf, type Operation, type Outcome, SLOTS } from './operation.ts';

const MIB = 2 ** 20;

/** What mounts may differ in without a difference to be seen. */
export const MOUNTS: readonly MountOptions[] = [
  { cacheBytes: 8 * MIB },
  { cacheBytes: 16 * MIB, engine: 'pages' },
  { cacheBytes: 12 * MIB, mode: 'lfs' },
  { cacheBytes: 32 * MIB, ipuPolicies: ['force'] },
  { cacheBytes: 8 * MIB, maxFolioPages: 4 },
  { cacheBytes: 16 * MIB, workers: 1 },
];

export function statText(stat: FileStat): string {
  const size = stat.type === 'directory' ? '' : ` size ${stat.size}`;
  const rdev = stat.rdev === null ? '' : ` rdev ${stat.rdev.major * 256 + stat.rdev.minor}`;
  return `mode ${stat.mode.toString(8)} owner ${stat.uid}:${stat.gid} nlink ${stat.nlink}${size}${rdev}`;
}

export class VolumeSide {
  readonly device: BlockDevice;
  readonly #mounts: readonly MountOptions[];
  fs: FileSystem;
  readonly #handles: (FileHandle | null)[] = Array.from({ length: SLOTS }, () => null);

  constructor(device: BlockDevice, mounts: readonly MountOptions[] = MOUNTS) {
    this.device = device;
    this.#mounts = mounts;
    this.fs = mount(device, mounts[0]);
  }

  /** Whether a file is held open: an unlinked one among them still has its blocks. */
  get hasHandles(): boolean {
    return this.#handles.some((handle) => handle !== null);
  }

  /** Throws what is no F2fsError: nothing else may come out of the library. */
  run(op: Operation): Outcome {
    try {
      return this.#apply(op);
    } catch (error) {
      if (error instanceof F2fsError) return { code: error.code, text: error.message };
      throw error;
    }
  }

  closeAll(): void {
    for (let slot = 0; slot < SLOTS; slot++) this.#close(slot);
  }

  remount(clean: boolean, options: number): void {
    if (clean) {
      this.closeAll();
      this.fs.close();
    } else {
      // What is open and has no name any more must be gone after it.
      this.fs.sync();
      this.fs.abandon();
      this.#handles.fill(null);
    }
    this.fs = mount(this.device, this.#mounts[options % this.#mounts.length]);
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
        this.#handle(op.slot).write(bytesOf(op.length, op.fill), op.at);
        break;
      case 'append':
        this.#handle(op.slot).append(bytesOf(op.length, op.fill));
        break;
      case 'read': {
        const into = new Uint8Array(op.length);
        return { code: 'ok', bytes: into.subarray(0, this.#handle(op.slot).read(into, op.at)) };
      }
      case 'resize':
        this.#handle(op.slot).truncate(op.size);
        break;
      case 'allocate':
        this.#allocate(op);
        break;
      case 'fstat':
        return { code: 'ok', text: statText(this.#handle(op.slot).stat()) };
      case 'fchmod':
        this.#handle(op.slot).setAttributes({ mode: op.mode });
        break;
      case 'fchown':
        this.#handle(op.slot).setAttributes({ uid: op.uid, gid: op.gid });
        break;
      case 'futimes':
        this.#handle(op.slot).setAttributes({ atime: timeOf(op.atime), mtime: timeOf(op.mtime) });
        break;
      case 'fsync':
        if (op.dataOnly) this.#handle(op.slot).fdatasync();
        else this.#handle(op.slot).fsync();
        break;
      case 'sync':
        this.fs.sync();
        break;
      case 'remount':
        this.remount(op.clean, op.options);
        break;
      default:
        return this.#applyToPath(op);
    }
    return { code: 'ok' };
  }

  #applyToPath(op: Operation & { path?: string }): Outcome {
    const { fs } = this;
    const path = op.path ?? '';
    switch (op.kind) {
      case 'mkdir':
        fs.mkdir(path, { mode: op.mode });
        break;
      case 'rmdir':
        fs.rmdir(path);
        break;
      case 'unlink':
        fs.unlink(path);
        break;
      case 'rename':
        fs.rename(op.from, op.to, { noReplace: op.how === 'noReplace', exchange: op.how === 'exchange' });
        break;
      case 'link':
        fs.link(op.from, op.to);
        break;
      case 'symlink':
        fs.symlink(op.target, path);
        break;
      case 'readlink':
        return { code: 'ok', text: Buffer.from(fs.readlink(path)).toString() };
      case 'mknod':
        fs.mknod(path, op.type, { mode: op.mode }, { major: op.major, minor: op.minor });
        break;
      case 'chmod':
        fs.setAttributes(path, { mode: op.mode }, { follow: true });
        break;
      case 'chown':
        fs.setAttributes(path, { uid: op.uid, gid: op.gid });
        break;
      case 'utimes':
        fs.setAttributes(path, { atime: timeOf(op.atime), mtime: timeOf(op.mtime) });
        break;
      case 'truncate':
        fs.truncate(path, op.size);
        break;
      case 'setXattr': {
        using handle = fs.open(path, { follow: false });
        handle.setXattr(op.name, Buffer.from(op.value, 'base64'), {
          create: op.how === 'create',
          replace: op.how === 'replace',
        });
        break;
      }
      case 'removeXattr':
        fs.removeXattr(path, op.name);
        break;
      case 'getXattr':
        return { code: 'ok', bytes: fs.getXattr(path, op.name) };
      case 'stat':
        return { code: 'ok', text: statText(op.follow ? fs.stat(path) : fs.lstat(path)) };
      case 'readdir':
        return {
          code: 'ok',
          text: fs
            .readdir(path)
            .map(({ name }) => Buffer.from(name).toString())
            .sort()
            .join('\n'),
        };
    }
    return { code: 'ok' };
  }

  #allocate(op: Operation & { kind: 'allocate' }): void {
    const { at, length } = op;
    const handle = this.#handle(op.slot);
    try {
      if (op.mode === 'plain') handle.allocate(at, length);
      if (op.mode === 'keep') handle.allocate(at, length, { keepSize: true });
      if (op.mode === 'punch') handle.punch(at, length);
      if (op.mode === 'zero') handle.zeroRange(at, length);
      if (op.mode === 'zero-keep') handle.zeroRange(at, length, { keepSize: true });
      if (op.mode === 'collapse') handle.collapseRange(at, length);
      if (op.mode === 'insert') handle.insertRange(at, length);
    } finally {
      handle.setAttributes({ atime: timeOf(op.time), mtime: timeOf(op.time) });
    }
  }

  #open(op: Operation & { kind: 'open' }): void {
    const handle = this.fs.openFile(op.path, { flags: op.flags, attributes: { mode: op.mode } });
    this.#close(op.slot);
    this.#handles[op.slot] = handle;
  }

  #handle(slot: number): FileHandle {
    const handle = this.#handles[slot];
    if (handle === null) throw new F2fsError('EBADF', `slot ${slot} is not open`);
    return handle;
  }

  #close(slot: number): void {
    this.#handles[slot]?.close();
    this.#handles[slot] = null;
  }
}

function timeOf(ns: string): { sec: number; nsec: number } {
  const time = BigInt(ns);
  return { sec: Number(time / 1_000_000_000n), nsec: Number(time % 1_000_000_000n) };
}
