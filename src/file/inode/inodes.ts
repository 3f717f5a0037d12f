// Inodes in memory: found by number, made, written back and let go of.
import { corrupt, F2fsError } from '../../errors.ts';
import { NEW_ADDR, NULL_ADDR, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../format/constants.ts';
import { DEFAULT_INLINE_XATTR_ADDRS, extraIsizeFor, I_FLAGS, INLINE } from '../../format/inode.ts';
import { type DeviceNumber, generationOf, readRdev, writeInode, writeParent } from '../../format/new-inode.ts';
import { TAG } from '../../pagecache/address-space.ts';
import type { Volume } from '../../volume/volume.ts';
import { type SyncMode, WB_SYNC, type WritebackRequest } from '../../writeback/control.ts';
import type { Writeback } from '../../writeback/writeback.ts';
import type { FileData } from '../data/file-data.ts';
import type { FilePages } from '../data/file-pages.ts';
import type { Xattrs } from '../xattr/xattrs.ts';
import { type CompressPolicy, contextOf, setCompressContext } from './compression.ts';
import { Inode, type Timestamp } from './inode.ts';
import { Extensions } from './temperature.ts';

/** Inodes kept in memory without anybody holding them. */
const MAX_UNUSED = 4096;

/** What a new inode begins with. */
export interface NewInode {
  /** All 16 bits: type and permissions. */
  mode: number;
  uid: number;
  gid: number;
  atime: Timestamp;
  mtime: Timestamp;
  ctime: Timestamp;
  crtime: Timestamp;
  /** Of a character or block device. */
  rdev?: DeviceNumber;
  /** Whether it takes flags over from its directory, besides that it folds case. */
  inherit: boolean;
  /** Whether its contents are to be compressed; default: as the mount's options and the directory say. */
  compress?: boolean;
}

export class Inodes {
  readonly #volume: Volume;
  readonly #pages: FilePages;
  readonly #writeback: Writeback;
  readonly #data: FileData;
  readonly #xattrs: Xattrs;
  readonly compression: CompressPolicy;
  readonly #onCompressed: () => void;
  readonly #extensions: Extensions;
  readonly #table = new Map<number, Inode>();
  /** Inodes in memory above which it is worth looking for those to let go of. */
  #trimAbove = MAX_UNUSED;

  /** @param onCompressed called when an inode turns up whose contents may lie in compressed clusters */
  constructor(
    volume: Volume,
    pages: FilePages,
    writeback: Writeback,
    data: FileData,
    xattrs: Xattrs,
    compression: CompressPolicy,
    onCompressed: () => void,
  ) {
    this.#volume = volume;
    this.#pages = pages;
    this.#writeback = writeback;
    this.#data = data;
    this.#xattrs = xattrs;
    this.compression = compression;
    this.#onCompressed = onCompressed;
    this.#extensions = new Extensions(volume.layout.sb);
  }

  /** The inode of a number that a directory gave. Throws EUCLEAN when it is free or damaged. Source: f2fs_iget. */
  get(ino: number): Inode {
    const known = this.#table.get(ino);
    if (known !== undefined) return known;
    const inode = this.#load(ino, 'name');
    const { iLinks } = inode.load();
    if (iLinks < (inode.isDirectory ? 2 : 1)) throw corrupt('inode-links', { ino }, iLinks);
    this.#table.set(ino, inode);
    return inode;
  }

  /**
   * The inode of a number that a caller had from somewhere. Throws EINVAL for what is no number of an inode, ESTALE when none has
   * it, or none any more; EUCLEAN when it is damaged. Source: f2fs_nfs_get_inode.
   */
  open(ino: number): Inode {
    const known = this.#table.get(ino);
    if (known !== undefined) return known;
    if (!Number.isSafeInteger(ino) || ino < 0)
      throw new F2fsError('EINVAL', `invalid inode number ${ino}: expected a whole number`);
    const { nat, layout, orphans } = this.#volume;
    const isInRange = ino >= layout.sb.rootIno && ino < layout.maxNid;
    if (!isInRange || this.#isFree(ino) || nat.inoOf(ino) !== ino || orphans.has(ino)) {
      const message = `there is no inode ${ino}, or not any more: look its name up again`;
      throw new F2fsError('ESTALE', message, { ino });
    }
    return this.get(ino);
  }

  /** Whether a node's number is not taken. A new node has no block until it is first written. */
  #isFree(nid: number): boolean {
    const { nat, nodes } = this.#volume;
    const blkaddr = nat.blkaddrOf(nid);
    return blkaddr === NULL_ADDR || (blkaddr === NEW_ADDR && !nodes.pages.has(nid));
  }

  /** The inode of a number in the list of orphans, which no name leads to. Throws EUCLEAN when it is free or damaged. */
  getOrphan(ino: number): Inode {
    const known = this.#table.get(ino);
    if (known !== undefined) return known;
    const inode = this.#load(ino, 'orphan');
    this.#table.set(ino, inode);
    return inode;
  }

  /** Reads an inode and checks it; `claim` is who says that it is there. */
  #load(ino: number, claim: 'name' | 'orphan'): Inode {
    const { nat, layout } = this.#volume;
    if (ino < layout.sb.rootIno || ino >= layout.maxNid) throw corrupt('inode-range', { ino });
    if (this.#isFree(ino)) throw corrupt('inode-free', { ino }, claim);
    if (nat.inoOf(ino) !== ino) throw corrupt('inode-is-node', { ino }, nat.inoOf(ino));
    const inode = new Inode(this.#volume, ino);
    inode.verify();
    inode.compressOnWrite = this.compression.mode === 'fs';
    if (inode.clusterPages > 1) this.#onCompressed();
    return inode;
  }

  /** The project of what is made in a directory. Source: f2fs_new_inode. */
  projectIdFor(parent: Inode): number {
    return (parent.load().iFlags & I_FLAGS.PROJINHERIT) === 0 ? 0 : parent.projectId;
  }

  /** Makes an inode that no name leads to yet. Throws ENOSPC. Source: f2fs_new_inode, init_inode_metadata. */
  create(parent: Inode, name: Uint8Array, attributes: NewInode): Inode {
    const { nodes, layout } = this.#volume;
    const { mode, rdev } = attributes;
    const type = mode & S_IFMT;
    if (rdev !== undefined) checkRdev(rdev);
    const compressFlags = this.#compressFlags(parent, name, attributes);
    const flags = inheritedFlags(parent, attributes);
    const ino = nodes.create(0, 0, type !== S_IFDIR);
    const inode = new Inode(this.#volume, ino);
    const raw = inode.change();
    const extraIsize = extraIsizeFor(layout.feature);
    const isCompressed = compressFlags === I_FLAGS.COMPR;
    // Source: f2fs_may_inline_data.
    const hasInlineData = (type === S_IFREG && !isCompressed) || type === S_IFLNK;
    writeInode(raw, inode.loadExtra(), {
      mode,
      uid: attributes.uid,
      gid: attributes.gid,
      nlink: type === S_IFDIR ? 2 : 1,
      size: 0,
      blocks: 1,
      depth: type === S_IFDIR ? 1 : 0,
      flags: flags | compressFlags | (type === S_IFDIR ? I_FLAGS.INDEX : 0),
      generation: generationOf(this.#volume.pack.cp.checkpointVer, ino),
      advise: type === S_IFREG ? this.#extensions.adviseFor(name) : 0,
      inline: INLINE.XATTR | (hasInlineData ? INLINE.DATA : 0),
      extraIsize,
      projectId: this.projectIdFor(parent),
      inlineXattrAddrs: this.#volume.hasFeature('flexible_inline_xattr') ? DEFAULT_INLINE_XATTR_ADDRS : 0,
      compress: isCompressed ? contextOf(this.compression) : null,
      atime: attributes.atime,
      mtime: attributes.mtime,
      ctime: attributes.ctime,
      crtime: this.#volume.hasFeature('inode_crtime') ? attributes.crtime : null,
      parentIno: parent.ino,
      name,
      rdev: rdev ?? null,
    });
    inode.refreshLayout();
    inode.countForOwners(1);
    if (isCompressed) this.#onCompressed();
    inode.compressOnWrite = this.compression.mode === 'fs';
    this.#table.set(ino, inode);
    return inode;
  }

  /** Makes an inode without blocks a compressed one, by the mount's options. */
  setCompressContext(inode: Inode): void {
    setCompressContext(inode, this.compression);
    this.#onCompressed();
  }

  #compressFlags(parent: Inode, name: Uint8Array, { mode, compress }: NewInode): number {
    const type = mode & S_IFMT;
    if ((type !== S_IFREG && type !== S_IFDIR) || !this.#volume.hasFeature('compression')) {
      if (compress !== true) return 0;
      throw new F2fsError('EOPNOTSUPP', "the volume lacks the feature 'compression': format it with that");
    }
    if (compress !== undefined) return compress ? I_FLAGS.COMPR : 0;
    return this.compression.flagsFor(parent, name, type === S_IFDIR, this.#extensions);
  }

  /** Undoes `create`, for when the inode could not get its name. Its pages and blocks must be gone. */
  discard(inode: Inode): void {
    inode.countForOwners(-1);
    this.#volume.nodes.remove(inode.ino, true);
    inode.pages.destroy();
    inode.gone = true;
    this.#forget(inode);
  }

  /**
   * Frees an inode that has no name and that nobody holds: its data, xattrs and itself; no orphan is left of it. When that
   * fails half way the rest stays an orphan, which may be evicted anew. Source: f2fs_evict_inode.
   */
  evict(inode: Inode): void {
    if (inode.pages.nextTagged(TAG.WRITEBACK, 0, Number.POSITIVE_INFINITY) >= 0) this.#writeback.wait(inode.pages);
    this.#data.free(inode);
    this.#xattrs.free(inode);
    this.discard(inode);
    this.#volume.orphans.delete(inode.ino);
  }

  /**
   * Starts writing dirty pages of files, and with `directories` of directories too: these are changed again and again, so
   * they are left for a sync as long as memory allows. `reclaimFrames` is called before each inode, which may have to be read
   * again. Throws the first failure to find blocks, when the others are on their way; damage at once.
   */
  writeback(directories: boolean, syncMode: SyncMode, reclaimFrames: () => void): void {
    const { dirty } = this.#pages;
    let failure: F2fsError | null = null;
    for (const inode of dirty) {
      if (!directories && inode.isDirectory) continue;
      reclaimFrames();
      try {
        this.writePages(inode, { syncMode, reclaimFrames });
      } catch (error) {
        if (!(error instanceof F2fsError) || error.code === 'EUCLEAN') throw error;
        failure ??= error;
      }
      if (inode.pages.nrDirty === 0) dirty.delete(inode);
    }
    if (failure !== null) throw failure;
  }

  /** Starts writing an inode's dirty pages. */
  writePages(inode: Inode, request: WritebackRequest): void {
    const waited = request.needInPlace === true ? 'few-synced' : 'synced';
    const reason = request.syncMode === WB_SYNC.ALL ? waited : 'background';
    this.#writeback.writePages(inode.pages, this.#pages.opsOf(inode, reason), request);
  }

  /**
   * The first failure to write an inode's pages since this was last asked. Every inode that failed is dirty again: the
   * next writeback tries anew.
   */
  takeError(): F2fsError | null {
    let first: F2fsError | null = null;
    for (const inode of this.#table.values()) {
      const { error } = inode.pages;
      if (error === null) continue;
      inode.pages.error = null;
      this.#pages.dirty.add(inode);
      const { code, path, blkaddr, fault } = error;
      // A failure of the device says where: which file it met first means nothing beside that.
      const message = path === undefined ? `inode ${inode.ino} could not be written: ${error.message}` : error.message;
      first ??= new F2fsError(code, message, { ino: inode.ino, path, blkaddr, fault, cause: error });
    }
    return first;
  }

  /** A handle on it is gone. */
  release(inode: Inode): void {
    inode.opens--;
    if (this.#isIdle(inode)) this.#forget(inode);
  }

  /**
   * Whether nothing is lost with the object: nobody holds it, and it holds no page. Pages leave by the pool's reclaim
   * alone, at moments that do not depend on how fast another thread writes: so the image does not either.
   */
  #isIdle(inode: Inode): boolean {
    return inode.opens === 0 && inode.pages.nrPages === 0 && inode.pages.error === null;
  }

  #forget(inode: Inode): void {
    this.#table.delete(inode.ino);
    this.#pages.dirty.delete(inode);
  }

  /** Lets go of inodes that nobody holds, when there are many. Between operations only. */
  trim(): void {
    if (this.#table.size <= this.#trimAbove) return;
    for (const inode of this.#table.values()) if (this.#isIdle(inode)) this.#forget(inode);
    // Those that stay hold pages: looking at them again and again would cost more than they do.
    this.#trimAbove = Math.max(MAX_UNUSED, 2 * this.#table.size);
  }
}

/** Source: F2FS_FL_INHERITED, f2fs_mask_flags. */
function inheritedFlags(parent: Inode, { inherit, mode }: NewInode): number {
  const { SYNC, NODUMP, NOATIME, DIRSYNC, PROJINHERIT, CASEFOLD } = I_FLAGS;
  // A project is one whatever is brought into it, and what names mean depends on where a directory lies, not on where it comes from.
  const always = (mode & S_IFMT) === S_IFDIR ? PROJINHERIT | CASEFOLD : 0;
  if (!inherit) return parent.load().iFlags & always;
  let taken = NODUMP | NOATIME | always;
  if ((mode & S_IFMT) === S_IFREG || (mode & S_IFMT) === S_IFDIR) taken |= SYNC;
  if ((mode & S_IFMT) === S_IFDIR) taken |= DIRSYNC;
  return parent.load().iFlags & taken;
}

/** Notes parent and name in the inode, for recovery. */
export function setParent(inode: Inode, parentIno: number, name: Uint8Array): void {
  writeParent(inode.change(), parentIno, name);
}

/** Throws EINVAL for numbers that no device has. Source: MINORBITS. */
export function checkRdev({ major, minor }: DeviceNumber): void {
  const isWhole = Number.isInteger(major) && Number.isInteger(minor);
  if (isWhole && major >= 0 && major <= 0xfff && minor >= 0 && minor <= 0xfffff) return;
  throw new F2fsError('EINVAL', `invalid device number ${major}:${minor}: expected 0:0 to 4095:1048575`);
}

/** Major and minor number of a device inode. */
export function getRdev(inode: Inode, view: DataView): DeviceNumber {
  return readRdev(view, inode.addrOffset);
}
