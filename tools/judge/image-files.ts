// The files of an image as they lie on disk: inode blocks, addresses and data blocks. Node addresses come from the volume's
// tables; everything about files and directories is read here anew, so that a mistake in src/file/ shows.

import { deviceOf } from '../../src/device/checked-device.ts';
import { type FileDevice, openFileDevice } from '../../src/device/file-device.ts';
import type { BlockGeometry } from '../../src/format/block-size.ts';
import { COMPRESS_ADDR, NULL_ADDR, S_IFMT, S_IFREG } from '../../src/format/constants.ts';
import {
  type DentryLayout,
  DIR_ENTRY_SIZE,
  DirEntry,
  dentryLayout,
  dentrySlots,
  FT,
  SLOT_LEN,
} from '../../src/format/dentry.ts';
import {
  DEFAULT_INLINE_XATTR_ADDRS,
  I_ADDR_OFFSET,
  I_FLAGS,
  INLINE,
  Inode,
  InodeExtra,
  inlineDataOffset,
  maxInlineData,
  TOTAL_EXTRA_ISIZE,
} from '../../src/format/inode.ts';
import { NodeFooter } from '../../src/format/node.ts';
import { viewOf } from '../../src/format/struct.ts';
import { FramePool } from '../../src/pagecache/pool.ts';
import { readSuperblocks } from '../../src/volume/superblocks.ts';
import { Volume } from '../../src/volume/volume.ts';

/** Addresses of consecutive pages, as one node block holds them. */
export interface SlotRun {
  /** Index of the first page. */
  readonly index: number;
  /** Data addresses, or NULL_ADDR, NEW_ADDR, COMPRESS_ADDR. */
  readonly addrs: Uint32Array;
}

/** Node levels below the inode at each slot of i_nid. */
const LEVELS = [1, 1, 2, 2, 3] as const;

/** An inode of a regular file or a directory, taken apart. */
export class ImageFile {
  readonly ino: number;
  /** Bytes as latin1, without a leading slash; several for hard links. */
  readonly paths: string[] = [];
  readonly sizeBytes: number;
  readonly iBlocks: number;
  /** i_flags has the compression bit and the inode has room for what goes with it. */
  readonly compressed: boolean;
  readonly released: boolean;
  /** Pages of a cluster; 1 when not compressed. */
  readonly clusterPages: number;
  readonly comprBlocks: number;
  readonly algorithm: number;
  readonly logClusterSize: number;
  readonly compressFlag: number;
  /** A directory's inline entries lie like a file's inline contents. */
  readonly inlineEntries: boolean;
  /** Inline contents, or null. */
  readonly inline: Uint8Array | null;
  /** Node blocks, the inode itself among them. */
  readonly nrNodes: number;
  /** In order of their pages; a node that is not there has none. */
  readonly runs: readonly SlotRun[];

  constructor(image: ImageFiles, ino: number, block: Uint8Array) {
    const { block: geometry } = image;
    const { addrsPerNode } = geometry;
    const dv = viewOf(block);
    const inode = new Inode(dv, 0);
    const extra = new InodeExtra(dv, I_ADDR_OFFSET);
    const extraIsize = (inode.iInline & INLINE.EXTRA_ATTR) !== 0 ? extra.iExtraIsize : 0;
    this.ino = ino;
    this.sizeBytes = inode.iSize;
    this.iBlocks = inode.iBlocks;
    // A directory's flag is for files to come.
    this.compressed =
      (inode.iMode & S_IFMT) === S_IFREG &&
      (inode.iFlags & I_FLAGS.COMPR) !== 0 &&
      image.hasFeature('compression') &&
      extraIsize >= TOTAL_EXTRA_ISIZE;
    this.released = (inode.iInline & INLINE.COMPRESS_RELEASED) !== 0;
    this.comprBlocks = this.compressed ? extra.iComprBlocks : 0;
    this.algorithm = this.compressed ? extra.iCompressAlgorithm : 0;
    this.logClusterSize = this.compressed ? extra.iLogClusterSize : 0;
    this.compressFlag = this.compressed ? extra.iCompressFlag : 0;
    this.clusterPages = this.compressed ? 1 << Math.min(this.logClusterSize, 8) : 1;
    const inlineXattrs = (inode.iInline & (INLINE.XATTR | INLINE.DENTRY)) !== 0 ? DEFAULT_INLINE_XATTR_ADDRS : 0;
    const xattrAddrs = image.hasFeature('flexible_inline_xattr') ? extra.iInlineXattrSize : inlineXattrs;
    this.inlineEntries = (inode.iInline & INLINE.DENTRY) !== 0;
    if (this.inlineEntries || (inode.iInline & INLINE.DATA) !== 0) {
      const at = inlineDataOffset(extraIsize);
      const size = this.inlineEntries ? maxInlineData(extraIsize, xattrAddrs, geometry) : this.sizeBytes;
      this.inline = block.slice(at, at + size);
      this.nrNodes = inode.iXattrNid === 0 ? 1 : 2;
      this.runs = [];
      return;
    }
    this.inline = null;
    const inInode = this.#alignDown(geometry.addrsPerInode - extraIsize / 4 - xattrAddrs);
    const runs: SlotRun[] = [{ index: 0, addrs: addresses(block, I_ADDR_OFFSET + extraIsize, inInode) }];
    let nrNodes = inode.iXattrNid === 0 ? 1 : 2;
    let index = inInode;
    // A node holds whole clusters: what is left over at its end is not used. Source: addrs_per_block.
    const perNode = this.#alignDown(addrsPerNode);
    const walk = (nid: number, level: number): void => {
      const pages = perNode * addrsPerNode ** (level - 1);
      if (nid === 0) {
        index += pages;
        return;
      }
      nrNodes++;
      const node = image.node(nid, ino);
      if (level === 1) {
        runs.push({ index, addrs: addresses(node, 0, perNode) });
        index += pages;
      } else {
        for (const child of addresses(node, 0, addrsPerNode)) walk(child, level - 1);
      }
    };
    for (const [i, nid] of addresses(block, geometry.inodeNidsOffset, LEVELS.length).entries()) walk(nid, LEVELS[i]);
    this.runs = runs;
    this.nrNodes = nrNodes;
  }

  #alignDown(addrs: number): number {
    return addrs - (addrs % this.clusterPages);
  }
}

function addresses(block: Uint8Array, offset: number, count: number): Uint32Array {
  const dv = viewOf(block);
  return Uint32Array.from({ length: count }, (_, i) => dv.getUint32(offset + 4 * i, true));
}

/** An entry of a directory. */
interface Entry {
  /** Bytes as latin1. */
  readonly name: string;
  readonly ino: number;
  readonly fileType: number;
}

/** The entries of a dentry area but `.` and `..`. */
function* entriesIn(area: Uint8Array, { slots, entries, names }: DentryLayout): Generator<Entry> {
  const entry = new DirEntry(viewOf(area), 0);
  for (let slot = 0; slot < slots; ) {
    if ((area[slot >>> 3] & (1 << (slot & 7))) === 0) {
      slot++;
      continue;
    }
    entry.base = entries + slot * DIR_ENTRY_SIZE;
    const at = names + slot * SLOT_LEN;
    const name = Buffer.from(area.subarray(at, at + entry.nameLen)).toString('latin1');
    if (name !== '.' && name !== '..') yield { name, ino: entry.ino, fileType: entry.fileType };
    slot += Math.max(1, dentrySlots(entry.nameLen));
  }
}

/** Pages of cache for the volume's tables. */
const CACHE_PAGES = 1024;

/** An image opened for reading; close it. */
export class ImageFiles {
  readonly #device: FileDevice;
  readonly #volume: Volume;

  /** Throws when there is no volume that can be read. */
  constructor(image: string) {
    this.#device = openFileDevice(image, { writable: false });
    try {
      const superblocks = readSuperblocks(deviceOf(this.#device));
      const { blockSize } = superblocks.device;
      const pool = new FramePool(CACHE_PAGES * blockSize, blockSize);
      this.#volume = new Volume(superblocks, { readonly: true, pool, clock: () => 0 });
    } catch (error) {
      this.#device.close();
      throw error;
    }
  }

  /** What follows from the size of its blocks. */
  get block(): BlockGeometry {
    return this.#volume.layout.block;
  }

  hasFeature(feature: 'compression' | 'flexible_inline_xattr'): boolean {
    return this.#volume.hasFeature(feature);
  }

  /** Address of a node's block. */
  blkaddrOf(nid: number): number {
    return this.#volume.nat.blkaddrOf(nid);
  }

  /** A node's block. Throws when the NAT and the block's footer disagree about what it is. */
  node(nid: number, ino: number): Uint8Array {
    const block = this.read(this.blkaddrOf(nid), 1);
    const footer = new NodeFooter(viewOf(block), this.block.nodeFooterOffset);
    if (footer.nid !== nid || footer.ino !== ino) {
      throw new Error(`node ${nid} of inode ${ino} is in a block of node ${footer.nid}, inode ${footer.ino}`);
    }
    return block;
  }

  /** `nrBlocks` blocks from `blkaddr` on. Throws for blocks outside the main area. */
  read(
    blkaddr: number,
    nrBlocks: number,
    into: Uint8Array = new Uint8Array(nrBlocks * this.block.blockSize),
  ): Uint8Array {
    const { layout } = this.#volume;
    if (!layout.inMain(blkaddr) || !layout.inMain(blkaddr + nrBlocks - 1)) {
      throw new Error(`block ${blkaddr} is outside the main area`);
    }
    this.#volume.device.read(blkaddr, into.subarray(0, nrBlocks * layout.block.blockSize));
    return into;
  }

  /** Every regular file that a path leads to, once each. What can't be read is told to `complain`. */
  *files(complain: (text: string) => void): Generator<ImageFile> {
    const paths = new Map<number, string[]>();
    const pending = [{ path: '', ino: this.#volume.layout.sb.rootIno }];
    const seen = new Set<number>();
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const { path, ino } = next;
      try {
        if (seen.has(ino)) throw new Error('a directory in two places');
        seen.add(ino);
        for (const entry of this.#entries(ino)) {
          const child = path === '' ? entry.name : `${path}/${entry.name}`;
          if (entry.fileType === FT.DIR) pending.push({ path: child, ino: entry.ino });
          else if (entry.fileType === FT.REG_FILE) paths.set(entry.ino, [...(paths.get(entry.ino) ?? []), child]);
        }
      } catch (error) {
        complain(`${JSON.stringify(path)} (inode ${ino}): ${String(error)}`);
      }
    }
    for (const [ino, names] of paths) {
      let file: ImageFile;
      try {
        const block = this.node(ino, ino);
        if ((new Inode(viewOf(block), 0).iMode & S_IFMT) !== S_IFREG) throw new Error('is no regular file');
        file = new ImageFile(this, ino, block);
      } catch (error) {
        complain(`${JSON.stringify(names[0])} (inode ${ino}): ${String(error)}`);
        continue;
      }
      file.paths.push(...names.sort());
      yield file;
    }
  }

  *#entries(ino: number): Generator<Entry> {
    const { inline, runs } = new ImageFile(this, ino, this.node(ino, ino));
    if (inline !== null) yield* entriesIn(inline, dentryLayout(inline.length));
    for (const { addrs } of runs) {
      for (const addr of addrs) {
        if (addr !== NULL_ADDR && addr < COMPRESS_ADDR) yield* entriesIn(this.read(addr, 1), this.block.dentryBlock);
      }
    }
  }

  close(): void {
    this.#device.close();
  }
}
