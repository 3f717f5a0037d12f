// One inode after the other, with all that its block holds: attributes, contents or addresses, extended attributes.
import type { F2fsError } from '../errors.ts';
import type { Timestamp } from '../file/inode/inode.ts';
import { newXattrs, type StoredXattr } from '../file/xattr/xattrs.ts';
import { FEATURES, S_IFBLK, S_IFCHR, S_IFLNK, S_IFMT } from '../format/constants.ts';
import {
  addrsPerInode,
  DEFAULT_INLINE_XATTR_ADDRS,
  extraIsizeFor,
  extraIsizeOf,
  I_ADDR_OFFSET,
  I_FLAGS,
  INLINE,
  Inode,
  InodeExtra,
  inlineDataOffset,
  maxInlineData,
} from '../format/inode.ts';
import { type CompressContext, generationOf, writeInode } from '../format/new-inode.ts';
import { addrsPerBlock } from '../format/node.ts';
import { xattrsToStore } from '../fs/attributes.ts';
import type { HostXattr } from '../host/xattrs.ts';
import type { EntryStat } from '../source/entry-table.ts';
import { storableXattrs, xattrRefusal } from '../source/entry-xattrs.ts';
import type { Volume } from '../volume/volume.ts';
import type { BlockWriter } from './block-writer.ts';
import { NodeWriter } from './node-writer.ts';

export class InodeWriter {
  readonly nodes: NodeWriter;
  readonly #volume: Volume;
  readonly #stamp: Timestamp;
  readonly #raw: Inode;
  readonly #extra: InodeExtra;
  readonly #hasCrtime: boolean;
  /** Bytes of extra attributes, and slots for inline xattrs, of the inode at hand. */
  #extraIsize = 0;
  #xattrAddrs = 0;
  #inline = 0;
  #compress: CompressContext | null = null;
  #comprBlocks = 0;
  /** Where a list of xattrs has a mode of its own. */
  #mode = 0;
  #isDirectory = false;
  /** What the inode is to say. */
  size = 0;
  /** Data blocks. */
  blocks = 0;
  /** Hash levels of a directory. */
  depth = 0;
  nlink = 0;
  flags = 0;
  advise = 0;
  parentIno = 0;
  name: Uint8Array = new Uint8Array(0);
  /** Extended attributes that have no name in a system call. */
  own: readonly StoredXattr[] = [];

  constructor(volume: Volume, writer: BlockWriter, stamp: Timestamp) {
    this.#volume = volume;
    this.#stamp = stamp;
    this.nodes = new NodeWriter(volume, writer);
    this.#raw = new Inode(this.nodes.inodeView);
    this.#extra = new InodeExtra(this.nodes.inodeView, I_ADDR_OFFSET);
    this.#hasCrtime = (volume.layout.feature & FEATURES.inode_crtime) !== 0;
  }

  /** Begins a new inode. Throws ENOSPC. */
  begin(ino: number, isDirectory: boolean, clusterPages = 1): void {
    this.nodes.begin(ino, isDirectory);
    this.#extraIsize = extraIsizeFor(this.#volume.layout.feature);
    this.#xattrAddrs = DEFAULT_INLINE_XATTR_ADDRS;
    this.#begin(isDirectory, clusterPages);
    this.#inline = INLINE.XATTR;
  }

  #begin(isDirectory: boolean, clusterPages: number): void {
    this.#isDirectory = isDirectory;
    this.#compress = null;
    this.#comprBlocks = 0;
    this.#mode = -1;
    const { block } = this.#volume.layout;
    const inInode = addrsPerInode(this.#extraIsize, this.#xattrAddrs, clusterPages, block);
    this.nodes.setLayout(I_ADDR_OFFSET + this.#extraIsize, inInode, addrsPerBlock(clusterPages, block));
  }

  /** Begins a directory that a format made, which has one block: it is written anew, and keeps what is not said of it. */
  beginAgain(ino: number): void {
    const { device, nat, logs, nodes, space } = this.#volume;
    this.nodes.begin(ino, true, false);
    const blkaddr = nat.blkaddrOf(ino);
    device.read(blkaddr, this.nodes.inode);
    nodes.forget(ino);
    logs.invalidate(blkaddr);
    this.#countForOwners(-1);
    this.#extraIsize = extraIsizeOf(this.#raw, this.#extra);
    this.#xattrAddrs = 0;
    this.#begin(true, 1);
    logs.invalidate(this.nodes.inodeView.getUint32(I_ADDR_OFFSET + this.#extraIsize, true));
    space.releaseBlocks(1);
  }

  /** Bytes that inline contents may take. */
  get inlineBytes(): number {
    return maxInlineData(this.#extraIsize, this.#xattrAddrs, this.#volume.layout.block);
  }

  /** Byte offset of inline contents in the inode's block. */
  get contentsAt(): number {
    return inlineDataOffset(this.#extraIsize);
  }

  /** Contents of a file or symlink that stay within the inode. */
  putContents(contents: Uint8Array): void {
    if (contents.length > 0) this.nodes.inode.set(contents, this.contentsAt);
    this.#inline |= contents.length > 0 ? INLINE.DATA | INLINE.DATA_EXIST : INLINE.DATA;
  }

  setInlineDentries(): void {
    this.#inline |= INLINE.DENTRY;
  }

  /** All addresses are there. */
  endAddresses(): void {
    this.nodes.endAddresses();
  }

  /** `comprBlocks`: what its clusters save, where that is not released. */
  setCompressed(context: CompressContext, isReleased: boolean, comprBlocks: number): void {
    this.#compress = context;
    this.#comprBlocks = comprBlocks;
    if (isReleased) this.#inline |= INLINE.COMPRESS_RELEASED;
  }

  /**
   * Puts extended attributes, all at once where that can be; else one that is refused costs none of the others, and is told. Returns
   * how many were stored.
   */
  putXattrs(found: readonly HostXattr[], mode: number, tell: (error: F2fsError) => void): number {
    const known = storableXattrs(found, tell);
    const taken: HostXattr[] = [];
    const isNone = known.length + this.own.length === 0;
    let list = isNone ? null : this.#tryList(known, mode, known.length === 1 ? tell : null);
    if (list !== null) taken.push(...known);
    else if (known.length > 1) {
      for (const one of known) {
        const longer = this.#tryList([...taken, one], mode, tell);
        if (longer === null) continue;
        taken.push(one);
        list = longer;
      }
    }
    if (list === null && this.own.length > 0) list = this.#tryList([], mode, null);
    if (list === null) return 0;
    this.#mode = list.mode;
    this.nodes.inode.set(list.inline, I_ADDR_OFFSET + 4 * (this.#volume.layout.block.addrsPerInode - this.#xattrAddrs));
    if (list.node !== null) this.#raw.iXattrNid = this.nodes.writeXattrs(list.node);
    return taken.length;
  }

  /** Null where the volume refuses the last one; `tell` says so. */
  #tryList(
    xattrs: readonly HostXattr[],
    before: number,
    tell: ((error: F2fsError) => void) | null,
  ): { mode: number; inline: Uint8Array; node: Uint8Array | null } | null {
    const { ino } = this.nodes;
    try {
      const { mode, stored } = xattrsToStore(xattrs, before, ino);
      return { mode, ...newXattrs(stored, 4 * this.#xattrAddrs, this.#volume.layout.block, ino, this.own) };
    } catch (error) {
      const refusal = xattrRefusal(error, xattrs[xattrs.length - 1]);
      tell?.(refusal);
      return null;
    }
  }

  /** Writes the inode of an entry, whose xattrs are there. Throws ENOSPC. */
  end(stat: EntryStat): void {
    const type = stat.mode & S_IFMT;
    const mode = type === S_IFLNK ? type | 0o777 : this.#modeOf(stat);
    const isDevice = type === S_IFCHR || type === S_IFBLK;
    const mtime = { sec: stat.mtimeSec, nsec: stat.mtimeNsec };
    const { layout, pack } = this.#volume;
    let flags = this.flags | (this.#isDirectory ? I_FLAGS.INDEX : 0);
    if (this.#compress !== null) flags |= I_FLAGS.COMPR;
    writeInode(this.#raw, this.#extra, {
      mode,
      uid: stat.uid,
      gid: stat.gid,
      nlink: this.nlink,
      size: this.size,
      blocks: this.nodes.nrNodes + this.blocks,
      depth: this.depth,
      flags,
      generation: generationOf(pack.cp.checkpointVer, this.nodes.ino),
      advise: this.advise,
      inline: this.#inline,
      extraIsize: this.#extraIsize,
      projectId: 0,
      inlineXattrAddrs: (layout.feature & FEATURES.flexible_inline_xattr) !== 0 ? this.#xattrAddrs : 0,
      compress: this.#compress,
      // Access times change with each reading: so the image is the same each time.
      atime: mtime,
      mtime,
      ctime: this.#stamp,
      crtime: this.#hasCrtime ? this.#stamp : null,
      parentIno: this.parentIno,
      name: this.name,
      rdev: isDevice ? { major: stat.rdevMajor, minor: stat.rdevMinor } : null,
    });
    if (this.#comprBlocks > 0) this.#extra.iComprBlocks = this.#comprBlocks;
    this.#countForOwners(1);
    this.nodes.end();
  }

  #modeOf({ mode }: EntryStat): number {
    return this.#mode < 0 ? mode : this.#mode;
  }

  /** The same of a directory that was begun again. */
  endAgain(stat: EntryStat): void {
    const raw = this.#raw;
    raw.iMode = this.#modeOf(stat);
    raw.iUid = stat.uid;
    raw.iGid = stat.gid;
    raw.iLinks = this.nlink;
    raw.iSize = this.size;
    raw.iBlocks = this.nodes.nrNodes + this.blocks;
    raw.iCurrentDepth = this.depth;
    raw.iFlags |= this.flags;
    raw.iAtime = raw.iMtime = stat.mtimeSec;
    raw.iAtimeNsec = raw.iMtimeNsec = stat.mtimeNsec;
    raw.iCtime = this.#stamp.sec;
    raw.iCtimeNsec = this.#stamp.nsec;
    this.#countForOwners(1);
    this.nodes.end();
  }

  /** The inode and its blocks, for those whose it is by what the block says. */
  #countForOwners(sign: 1 | -1): void {
    const { iUid, iGid, iBlocks } = this.#raw;
    this.#volume.quotas.add(iUid, iGid, 0, sign, sign * (iBlocks - 1));
  }
}
