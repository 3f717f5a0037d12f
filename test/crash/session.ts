// A workload under way: operations on a mounted volume whose device records, and after each one what the volume holds.
import { MemoryDevice } from '../../src/device/memory-device.ts';
import { F2fsError } from '../../src/errors.ts';
import type { Attributes } from '../../src/fs/attributes.ts';
import type { FileHandle } from '../../src/fs/file-handle.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import type { MountOptions } from '../../src/fs/mount-options.ts';
import { type FormatOptions, format } from '../../src/mkfs/format.ts';
import { type DiskEvent, RecordingDevice } from './disk.ts';
import { readAgain, readTree, type Tree, treeDifferences } from './tree.ts';

/** A run of operations whose every crash state is to be good. */
export interface Workload {
  readonly name: string;
  /** Share of the states, against the others' 1: less for one whose states take long. */
  readonly weight?: number;
  /** Blocks of the volume; default 13824 (54 MiB). */
  readonly nrBlocks?: number;
  readonly format?: Partial<FormatOptions>;
  readonly mount?: MountOptions;
  /** Fills the volume before anything is recorded; it is unmounted then. */
  readonly prepare?: (fs: FileSystem) => void;
  readonly run: (session: Session) => void;
}

/**
 * `change`: seen whole or not at all, by itself. `write`: data, which a checkpoint in the middle may split. `fsync`, `fdatasync`: one
 * file is to be kept from then on. `sync`: everything is.
 */
export type StepKind = 'change' | 'write' | 'fsync' | 'fdatasync' | 'sync';

/** One operation. */
export interface Step {
  readonly what: string;
  readonly kind: StepKind;
  /** Events logged before it began, and when it was done. */
  readonly begin: number;
  readonly end: number;
  /** The volume after it. */
  readonly tree: Tree;
  /** The path that was synced, or whose data was written. */
  readonly path: string;
}

/** A workload that was run: the disk before it, what it asked of the disk, and the volume's states. */
export interface Recording {
  readonly workload: Workload;
  readonly base: MemoryDevice;
  readonly before: Tree;
  readonly events: readonly DiskEvent[];
  readonly steps: readonly Step[];
}

const NR_BLOCKS = 13824;
const START = 1_700_000_000;

export function mountOptions(workload: Workload): MountOptions {
  return { cacheBytes: 8 << 20, now: () => ({ sec: START + 1_000_000, nsec: 0 }), ...workload.mount };
}

/** Formats, prepares, runs. Throws when the steps do not tell all that was changed. */
export function record(workload: Workload): Recording {
  const base = new MemoryDevice(workload.nrBlocks ?? NR_BLOCKS);
  format(base, { uuid: 'c7a5c7a5-5d0e-4a43-9c0a-3c6cf2f52010', timestamp: START, ...workload.format });
  const options = { ...mountOptions(workload), now: () => ({ sec: START, nsec: 1 }) };
  {
    using fs = mount(base, options);
    workload.prepare?.(fs);
  }
  const fs = mount(base, { ...options, readonly: true });
  const before = readTree(fs);
  fs.close();
  const device = new RecordingDevice(base);
  const session = new Session(workload, device, before);
  workload.run(session);
  session.finish();
  return { workload, base, before, events: device.events, steps: session.steps };
}

/** `length` bytes, none of them zero, that no other seed and no other place has. */
export function content(length: number, seed: number): Buffer {
  const words = new Uint32Array(Math.ceil(length / 4));
  for (let i = 0; i < words.length; i++) {
    const mixed = Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(i + 1, 0x85ebca6b);
    words[i] = Math.imul(mixed ^ (mixed >>> 15), 0xc2b2ae35) | 0x01010101;
  }
  return Buffer.from(words.buffer, 0, length);
}

export class Session {
  readonly steps: Step[] = [];
  readonly #workload: Workload;
  readonly #device: RecordingDevice;
  #fs: FileSystem;
  #tree: Tree;
  #seconds = START + 1;

  constructor(workload: Workload, device: RecordingDevice, before: Tree) {
    this.#workload = workload;
    this.#device = device;
    this.#tree = before;
    this.#fs = this.#mount();
  }

  get fs(): FileSystem {
    return this.#fs;
  }

  /** The volume as it is now. */
  get tree(): Tree {
    return this.#tree;
  }

  /** Does `change`, which concerns what stands at the paths `touched` (without a leading slash) and their parents. */
  step(what: string, kind: StepKind, touched: readonly string[], change: (fs: FileSystem) => void): void {
    const begin = this.#device.events.length;
    this.#seconds++;
    change(this.#fs);
    const end = this.#device.events.length;
    this.#tree = readAgain(this.#fs, this.#tree, touched);
    const wrote = this.#device.events.length - end;
    if (wrote > 0) {
      // Looking at the volume made it write: those writes belong to the step, which is not over before.
      this.steps.push({ what, kind, begin, end: end + wrote, tree: this.#tree, path: touched[0] ?? '' });
      return;
    }
    this.steps.push({ what, kind, begin, end, tree: this.#tree, path: touched[0] ?? '' });
  }

  create(path: string, bytes: Uint8Array = Buffer.alloc(0), attributes: Attributes = {}): void {
    this.step(`create ${path}`, 'change', [path], (fs) => {
      using parent = fs.openDirectory(path.slice(0, Math.max(0, path.lastIndexOf('/'))) || '/');
      parent.createFile(Buffer.from(path.slice(path.lastIndexOf('/') + 1)), attributes).close();
    });
    if (bytes.length > 0) this.write(path, bytes, 0);
  }

  write(path: string, bytes: Uint8Array, position: number): void {
    this.step(`write ${bytes.length} to ${path} at ${position}`, 'write', [path], (fs) => {
      using file = fs.openFile(path);
      file.write(bytes, position);
      file.setAttributes({ mtime: { sec: this.#seconds, nsec: 0 } });
    });
  }

  /** As `write`, but the volume may be full. Returns whether it was not. */
  tryWrite(path: string, bytes: Uint8Array, position: number): boolean {
    let fits = true;
    this.step(`write ${bytes.length} to ${path} at ${position}, if it fits`, 'write', [path], (fs) => {
      using file = fs.openFile(path);
      try {
        file.write(bytes, position);
      } catch (error) {
        if (!(error instanceof F2fsError) || error.code !== 'ENOSPC') throw error;
        fits = false;
      }
    });
    return fits;
  }

  append(path: string, bytes: Uint8Array): void {
    this.write(path, bytes, this.fs.stat(path).size);
  }

  truncate(path: string, size: number): void {
    this.step(`truncate ${path} to ${size}`, 'write', [path], (fs) => {
      using file = fs.openFile(path);
      file.truncate(size);
    });
  }

  punch(path: string, position: number, length: number): void {
    this.#range('punch', path, position, length, (file) => file.punch(position, length));
  }

  allocate(path: string, position: number, length: number, keepSize: boolean): void {
    this.#range('allocate', path, position, length, (file) => file.allocate(position, length, { keepSize }));
  }

  zeroRange(path: string, position: number, length: number, keepSize: boolean): void {
    this.#range('zero', path, position, length, (file) => file.zeroRange(position, length, { keepSize }));
  }

  collapseRange(path: string, position: number, length: number): void {
    this.#range('collapse', path, position, length, (file) => file.collapseRange(position, length));
  }

  insertRange(path: string, position: number, length: number): void {
    this.#range('insert', path, position, length, (file) => file.insertRange(position, length));
  }

  #range(what: string, path: string, position: number, length: number, change: (file: FileHandle) => void): void {
    this.step(`${what} ${length} of ${path} at ${position}`, 'write', [path], (fs) => {
      using file = fs.openFile(path);
      change(file);
    });
  }

  mkdir(path: string, attributes: Attributes = {}): void {
    this.step(`mkdir ${path}`, 'change', [path], (fs) => fs.mkdir(path, attributes));
  }

  unlink(path: string): void {
    this.step(`unlink ${path}`, 'change', [path], (fs) => fs.unlink(path));
  }

  rmdir(path: string): void {
    this.step(`rmdir ${path}`, 'change', [path], (fs) => fs.rmdir(path));
  }

  rename(from: string, to: string): void {
    this.step(`rename ${from} to ${to}`, 'change', [from, to], (fs) => fs.rename(from, to));
  }

  exchange(from: string, to: string): void {
    this.step(`exchange ${from} and ${to}`, 'change', [from, to], (fs) => fs.rename(from, to, { exchange: true }));
  }

  link(from: string, to: string): void {
    this.step(`link ${from} to ${to}`, 'change', [from, to], (fs) => fs.link(from, to));
  }

  symlink(target: string, path: string): void {
    this.step(`symlink ${path}`, 'change', [path], (fs) => fs.symlink(target, path));
  }

  setAttributes(path: string, attributes: Attributes): void {
    this.step(`attributes of ${path}`, 'change', [path], (fs) => fs.setAttributes(`/${path}`, attributes));
  }

  setXattr(path: string, name: string, value: Uint8Array | null): void {
    this.step(`xattr ${name} of ${path}`, 'change', [path], (fs) => fs.setXattr(`/${path}`, name, value));
  }

  fsync(path: string): void {
    this.step(`fsync ${path}`, 'fsync', [path], (fs) => fs.fsync(`/${path}`));
  }

  fdatasync(path: string): void {
    this.step(`fdatasync ${path}`, 'fdatasync', [path], (fs) => {
      using handle = fs.open(`/${path}`, { follow: false });
      handle.fdatasync();
    });
  }

  sync(): void {
    this.step('sync', 'sync', [], (fs) => fs.sync());
  }

  /** Unmounts and mounts again. */
  remount(): void {
    this.step('remount', 'sync', [], (fs) => fs.close());
    this.#fs = this.#mount();
  }

  /** Lets go of the volume as it is. */
  finish(): void {
    const differences = treeDifferences(readTree(this.#fs), this.#tree);
    if (differences.length > 0) throw new Error(`the steps do not tell all changes: ${differences.join('; ')}`);
    this.#fs.abandon();
  }

  #mount(): FileSystem {
    return mount(this.#device, {
      ...mountOptions(this.#workload),
      now: () => ({ sec: this.#seconds, nsec: 0 }),
    });
  }
}
