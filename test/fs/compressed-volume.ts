// Volumes in memory for the tests of compressed files: contents that compress well or not at all, a device that can fail, and
// an audit that walks every node by itself and compares what it counts with what inodes and checkpoint say.

import * as nodeFs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { parseCodec } from '../../src/compress/algorithms.ts';
import { BLKSIZE } from '../../src/device/device.ts';
import { MemoryDevice } from '../../src/device/memory-device.ts';
import { F2fsError } from '../../src/errors.ts';
import type { CompressOptions } from '../../src/file/inode/compression.ts';
import { COMPRESS_ADDR, NEW_ADDR, NULL_ADDR, S_IFMT, S_IFREG } from '../../src/format/constants.ts';
import { I_ADDR_OFFSET, I_FLAGS, INLINE, Inode, InodeExtra } from '../../src/format/inode.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import type { MountOptions } from '../../src/fs/mount-options.ts';
import { format } from '../../src/mkfs/format.ts';
import { fsck } from '../../tools/judge/fsck.ts';
import { ADDRS_PER_BLOCK, I_NID_OFFSET, NIDS_PER_BLOCK } from '../blocks-of-4k.ts';
import { copyOf } from '../devices.ts';
import { type Random, random } from '../random.ts';

export const MIB = 2 ** 20;
export const UUID = 'b5b1a1f6-5d0e-4a43-9c0a-3c6cf2f52010';
const TIMESTAMP = 1_700_000_000;
const CACHE_BYTES = 16 * MIB;

const WORDS = 'block cluster page folio segment node the of is a written read before after checkpoint log \n'.split(
  ' ',
);

/** Text of `length` bytes that takes about a third of them when compressed, another for each seed. */
export function prose(length: number, seed: number): Buffer {
  const rng = random(seed);
  const into = Buffer.alloc(length);
  for (let at = 0; at < length; ) at += into.write(`${WORDS[rng.below(WORDS.length)]} `, at, 'latin1') || length;
  return into;
}

/** Bytes that no compressor can do anything with. */
export function noise(length: number, seed: number): Buffer {
  const into = Buffer.alloc(length);
  let state = (seed * 2654435761 + 1) >>> 0;
  for (let i = 0; i + 4 <= length; i += 4) {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    into.writeUInt32LE((state ^ (state >>> 13)) >>> 0, i);
  }
  return into;
}

export function pickOf<T>(rng: Random, values: readonly T[]): T {
  return values[rng.below(values.length)] as T;
}

/** A device in memory that refuses the writes which `fails` says yes to. */
export class FlakyDevice extends MemoryDevice {
  fails: (blkaddr: number, nrBlocks: number) => boolean = () => false;
  /** Writes asked for so far. */
  nrWrites = 0;

  override write(blkaddr: number, vectors: readonly Uint8Array[]): void {
    this.nrWrites++;
    const nrBlocks = vectors.reduce((sum, vector) => sum + vector.length / BLKSIZE, 0);
    if (this.fails(blkaddr, nrBlocks)) throw new F2fsError('EIO', `the device refuses block ${blkaddr}`);
    super.write(blkaddr, vectors);
  }

  /** All bytes, as they are now. */
  bytes(): Buffer {
    const into = Buffer.alloc(this.nrBlocks * BLKSIZE);
    this.read(0, into);
    return into;
  }
}

/** A fresh volume in memory. */
export function freshDevice(mib = 64, features?: readonly string[]): FlakyDevice {
  const device = new FlakyDevice((mib * MIB) / BLKSIZE);
  format(device, {
    uuid: UUID,
    timestamp: TIMESTAMP,
    features: features ?? ['extra_attr', 'inode_checksum', 'sb_checksum', 'inode_crtime', 'compression', 'lost_found'],
  });
  return device;
}

/** Compression as `--compress` names it, of all files. */
export function compressing(codec: string, clusterPages: number, more: CompressOptions = {}): CompressOptions {
  return { codec: parseCodec(codec), clusterPages, extensions: ['*'], ...more };
}

export function mountOf(device: MemoryDevice, options: MountOptions = {}): FileSystem {
  return mount(device, { cacheBytes: CACHE_BYTES, now: () => ({ sec: TIMESTAMP, nsec: 0 }), ...options });
}

/** Mounts, uses, unmounts. */
export function during<T>(device: MemoryDevice, options: MountOptions, use: (fs: FileSystem) => T): T {
  const fs = mountOf(device, options);
  try {
    const result = use(fs);
    fs.close();
    return result;
  } catch (error) {
    fs.abandon();
    throw error;
  }
}

/** What fsck.f2fs complains of; the image is not changed. */
export async function fsckComplaints(device: FlakyDevice): Promise<string[]> {
  const dir = nodeFs.mkdtempSync(join(tmpdir(), 'f2fs-compressed-'));
  try {
    const image = join(dir, 'image');
    writeSparse(image, device.bytes());
    return (await fsck(image)).complaints;
  } finally {
    nodeFs.rmSync(dir, { recursive: true });
  }
}

/** Zeros are left out: most of an image is. */
function writeSparse(path: string, bytes: Buffer): void {
  const fd = nodeFs.openSync(path, 'w');
  nodeFs.ftruncateSync(fd, bytes.length);
  const zeros = Buffer.alloc(MIB);
  for (let at = 0; at < bytes.length; at += MIB) {
    const piece = bytes.subarray(at, at + MIB);
    if (!piece.equals(zeros)) nodeFs.writeSync(fd, piece, 0, piece.length, at);
  }
  nodeFs.closeSync(fd);
}

export function errorOf(call: () => unknown): F2fsError | null {
  try {
    call();
  } catch (error) {
    if (error instanceof F2fsError) return error;
    throw error;
  }
  return null;
}

export function codeOf(call: () => unknown): string {
  return errorOf(call)?.code ?? 'none';
}

/** The slots of one file, and what they come to. */
export interface Slots {
  /** Addresses by page, holes as 0, up to the last that is none. */
  slots: number[];
  iBlocks: number;
  iComprBlocks: number;
  released: boolean;
  /** Blocks and reservations that the inode should count, nodes and itself included. */
  counted: number;
  /** Of compressed clusters: slots less data blocks. */
  saved: number;
  clusters: number;
  /** Clusters with an address that are not compressed. */
  rawClusters: number;
}

/** Reads nodes from the device itself, so that what it finds is what is written. */
export class Audit {
  readonly #device: MemoryDevice;
  readonly fs: FileSystem;
  readonly problems: string[] = [];
  readonly #owners = new Map<number, string>();
  #total = 0;

  constructor(device: MemoryDevice) {
    // Somebody may have it mounted for writing.
    this.#device = copyOf(device);
    this.fs = mountOf(this.#device, { readonly: true });
  }

  /** Everything below the root against the checkpoint's count; returns what does not fit. */
  static of(device: MemoryDevice): string[] {
    const audit = new Audit(device);
    audit.#tree('/', new Set());
    const { validBlockCount } = audit.fs.volume.space;
    if (audit.#total !== validBlockCount) {
      audit.problems.push(`${audit.#total} blocks are counted, the checkpoint says ${validBlockCount}`);
    }
    audit.fs.abandon();
    return audit.problems;
  }

  static slotsOf(device: MemoryDevice, path: string): Slots {
    const audit = new Audit(device);
    const found = audit.#inode(path, audit.fs.stat(path).ino);
    audit.fs.abandon();
    return found;
  }

  #tree(path: string, seen: Set<number>): void {
    const { ino, type } = this.fs.lstat(path);
    if (seen.has(ino)) return;
    seen.add(ino);
    this.#total += this.#inode(path, ino).iBlocks;
    if (type !== 'directory') return;
    for (const { name } of this.fs.readdir(path)) {
      this.#tree(`${path === '/' ? '' : path}/${Buffer.from(name).toString()}`, seen);
    }
  }

  #node(path: string, nid: number): DataView {
    const blkaddr = this.fs.volume.nat.blkaddrOf(nid);
    const block = new Uint8Array(BLKSIZE);
    this.#device.read(blkaddr, block);
    this.#own(blkaddr, path);
    return new DataView(block.buffer);
  }

  #own(blkaddr: number, path: string): void {
    const other = this.#owners.get(blkaddr);
    if (other !== undefined) this.problems.push(`block ${blkaddr} belongs to ${other} and to ${path}`);
    this.#owners.set(blkaddr, path);
    if (this.fs.volume.sit.validRun(blkaddr, 1) === 0) {
      this.problems.push(`block ${blkaddr} of ${path} is free in the SIT`);
    }
  }

  #inode(path: string, ino: number): Slots {
    const dv = this.#node(path, ino);
    const inode = new Inode(dv);
    const extra = new InodeExtra(dv, I_ADDR_OFFSET);
    const isCompressed =
      (inode.iMode & S_IFMT) === S_IFREG &&
      (inode.iInline & INLINE.EXTRA_ATTR) !== 0 &&
      (inode.iFlags & I_FLAGS.COMPR) !== 0;
    const unit = isCompressed ? 1 << extra.iLogClusterSize : 1;
    const whole = (addrs: number) => addrs - (addrs % unit);
    const slots: number[] = [];
    let nrNodes = 1;
    if (inode.iXattrNid !== 0) {
      this.#node(path, inode.iXattrNid);
      nrNodes++;
    }
    if ((inode.iInline & (INLINE.DATA | INLINE.DENTRY)) === 0) {
      const extraIsize = (inode.iInline & INLINE.EXTRA_ATTR) !== 0 ? extra.iExtraIsize : 0;
      const nrAddrs = whole(923 - extraIsize / 4 - 50);
      for (let i = 0; i < nrAddrs; i++) slots.push(dv.getUint32(I_ADDR_OFFSET + extraIsize + 4 * i, true));
      const perNode = whole(ADDRS_PER_BLOCK);
      const under = (nid: number, level: number): void => {
        if (nid === 0) {
          // So long a hole is not written down where nothing follows.
          for (let i = 0; level === 1 && i < perNode; i++) slots.push(NULL_ADDR);
          return;
        }
        const node = this.#node(path, nid);
        nrNodes++;
        const count = level === 1 ? perNode : NIDS_PER_BLOCK;
        for (let i = 0; i < count; i++) {
          const entry = node.getUint32(4 * i, true);
          if (level === 1) slots.push(entry);
          else if (entry !== 0) under(entry, level - 1);
        }
      };
      [1, 1, 2, 2].forEach((level, slot) => {
        under(dv.getUint32(I_NID_OFFSET + 4 * slot, true), level);
      });
    }
    return this.#count(path, inode, extra, isCompressed, unit, slots, nrNodes);
  }

  #count(
    path: string,
    inode: Inode,
    extra: InodeExtra,
    isCompressed: boolean,
    unit: number,
    slots: number[],
    nrNodes: number,
  ): Slots {
    const released = isCompressed && (inode.iInline & INLINE.COMPRESS_RELEASED) !== 0;
    let counted = nrNodes;
    let saved = 0;
    let clusters = 0;
    let rawClusters = 0;
    for (let start = 0; start < slots.length; start += unit) {
      const cluster = slots.slice(start, start + unit);
      const data = cluster.filter((blkaddr) => blkaddr < COMPRESS_ADDR && blkaddr !== NULL_ADDR);
      const reserved = cluster.filter((blkaddr) => blkaddr === NEW_ADDR).length;
      for (const blkaddr of data) this.#own(blkaddr, path);
      counted += data.length + reserved;
      const isOne = cluster[0] === COMPRESS_ADDR;
      if (cluster.lastIndexOf(COMPRESS_ADDR) > 0) this.problems.push(`${path}: COMPRESS_ADDR amid cluster ${start}`);
      if (!isOne) {
        if (data.length + reserved > 0) rawClusters++;
        continue;
      }
      clusters++;
      const shape = cluster.slice(1, 1 + data.length);
      const rest = cluster.slice(1 + data.length);
      const filler = released ? NULL_ADDR : NEW_ADDR;
      if (shape.some((blkaddr) => !data.includes(blkaddr)) || rest.some((blkaddr) => blkaddr !== filler)) {
        this.problems.push(`${path}: the slots of cluster ${start} are ${cluster.join(' ')}`);
      }
      if (data.length === 0 || data.length > unit - 1) this.problems.push(`${path}: ${data.length} blocks at ${start}`);
      if (released) continue;
      counted++;
      saved += unit - data.length;
    }
    const { iBlocks } = inode;
    const iComprBlocks = isCompressed ? extra.iComprBlocks : 0;
    if (iBlocks !== counted) this.problems.push(`${path}: ${counted} blocks are counted, i_blocks is ${iBlocks}`);
    if (iComprBlocks !== saved) this.problems.push(`${path}: ${saved} are saved, i_compr_blocks is ${iComprBlocks}`);
    while (slots.at(-1) === NULL_ADDR) slots.pop();
    return { slots, iBlocks, iComprBlocks, released, counted, saved, clusters, rawClusters };
  }
}

/** What a reader finds after another mount. */
export function expectContents(device: MemoryDevice, files: Record<string, Buffer>): void {
  during(device, { readonly: true }, (fs) => {
    for (const [path, bytes] of Object.entries(files)) {
      expect(Buffer.compare(fs.readFile(path), bytes), `${path} reads otherwise`).toBe(0);
    }
  });
}

/** Neither the audit nor fsck.f2fs complains. */
export async function expectSound(device: FlakyDevice): Promise<void> {
  expect(Audit.of(device)).toEqual([]);
  expect(await fsckComplaints(device)).toEqual([]);
}
