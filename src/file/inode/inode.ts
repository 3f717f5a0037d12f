// An inode in use: its number, its cached data pages, and typed access to its block, which stays in the node cache.
import { throwFault } from '../../errors.ts';
import type { BlockGeometry } from '../../format/block-size.ts';
import { NULL_ADDR, S_IFBLK, S_IFCHR, S_IFDIR, S_IFMT, S_IFREG } from '../../format/constants.ts';
import {
  ADVISE,
  addrsPerInode,
  extraIsizeOf,
  fitsInExtra,
  I_ADDR_OFFSET,
  I_FLAGS,
  INLINE,
  InodeExtra,
  Inode as InodeView,
  inlineDataOffset,
  inlineXattrAddrsOf,
  maxInlineData,
} from '../../format/inode.ts';
import { addrsPerBlock, maxFileBlocks, NODE_DIND } from '../../format/node.ts';
import { AddressSpace } from '../../pagecache/address-space.ts';
import { SINCE } from '../../volume/nat.ts';
import type { Volume } from '../../volume/volume.ts';
import type { DirectoryIndex } from '../directory/directory-index.ts';
import type { VerityTree } from '../verity/verity-tree.ts';
import { checkInode } from './inode-checks.ts';

/** Seconds since 1970 and nanoseconds within the second. */
export interface Timestamp {
  /** Seconds since 1970, negative before. */
  readonly sec: number;
  /** 0 to 999999999. */
  readonly nsec: number;
}

/** What other rooms call an inode. Its block is edited in place: call `load` first in each operation. */
export class Inode {
  readonly ino: number;
  /** What follows from the size of the volume's blocks. */
  readonly block: BlockGeometry;
  /** Bytes of a block, and of a page. */
  readonly blockSize: number;
  /** Cached data pages, by page index. */
  readonly pages: AddressSpace;
  /** Handles on it; it stays in memory while there are any. */
  opens = 0;
  /** Those of them that may change its contents. Source: i_writecount. */
  writers = 0;
  /** Whether it was freed: nobody may use it any more. */
  gone = false;
  /** Whether it is known to have no file capabilities, which a change of the contents would cost it. Source: S_NOSEC. */
  hasNoCapabilities = false;
  /** Whether dirty clusters are compressed when they are written. */
  compressOnWrite = true;
  /** A directory's index, while it is open for changes. */
  index: DirectoryIndex | null = null;
  /** The hashes of a file under verity, once they were needed. */
  verity: VerityTree | null = null;
  /** Byte up to which it is written though it ends before, while it is put under verity; else 0. Source: FI_VERITY_IN_PROGRESS. */
  writtenEnd = 0;
  readonly #volume: Volume;
  readonly #raw: InodeView;
  readonly #extra: InodeExtra;
  #type = 0;
  #extraIsize = 0;
  #inlineXattrAddrs = 0;
  #clusterPages = 1;
  #reservesSlots = false;
  #isSync = false;
  #isVerity = false;

  constructor(volume: Volume, ino: number) {
    this.ino = ino;
    this.block = volume.layout.block;
    this.blockSize = this.block.blockSize;
    this.#volume = volume;
    this.pages = new AddressSpace(volume.pool, ino);
    this.#raw = new InodeView(volume.pool.view);
    this.#extra = new InodeExtra(volume.pool.view);
  }

  /** The inode's block, read if it has left the cache. Valid until the operation ends. */
  load(): InodeView {
    const base = this.#volume.nodes.get(this.ino, this.ino) * this.blockSize;
    this.#raw.base = base;
    this.#extra.base = base + I_ADDR_OFFSET;
    return this.#raw;
  }

  /** The extra attributes of the inode's block, read as by `load` and valid as long; only fields that fit in extraIsize are there. */
  loadExtra(): InodeExtra {
    this.load();
    return this.#extra;
  }

  /** The inode's block, about to be changed. */
  change(): InodeView {
    this.#volume.nat.note(this.ino, SINCE.CHANGED);
    return this.changeTimes();
  }

  /** The inode's block, about to be changed in nothing that fdatasync must write. */
  changeTimes(): InodeView {
    const raw = this.load();
    this.#volume.nodes.markDirty(this.ino);
    return raw;
  }

  /**
   * The contents changed at `time`. What is known already costs nothing, as with the many writes of one tick. Source:
   * file_update_time, inode_needs_update_time.
   */
  touch({ sec, nsec }: Timestamp): void {
    const { iMtimeNsec, iCtimeNsec, iMtime, iCtime } = this.load();
    if (iMtimeNsec === nsec && iCtimeNsec === nsec && iMtime === sec && iCtime === sec) return;
    const raw = this.changeTimes();
    raw.iMtime = sec;
    raw.iMtimeNsec = nsec;
    raw.iCtime = sec;
    raw.iCtimeNsec = nsec;
  }

  get mode(): number {
    return this.load().iMode;
  }

  /** The type bits of i_mode, which never change: known without the block once they were seen. */
  get type(): number {
    if (this.#type === 0) this.#type = this.load().iMode & S_IFMT;
    return this.#type;
  }

  get isDirectory(): boolean {
    return this.type === S_IFDIR;
  }

  get isRegular(): boolean {
    return this.type === S_IFREG;
  }

  /** A character or block device: its i_addr holds its numbers, not addresses. */
  get isDevice(): boolean {
    return this.type === S_IFCHR || this.type === S_IFBLK;
  }

  /** Whether its contents, or a directory's names, are ciphertext. Source: IS_ENCRYPTED. */
  get isEncrypted(): boolean {
    return (this.load().iAdvise & ADVISE.ENCRYPT) !== 0;
  }

  /** Whether a directory takes names that differ in case for one. Source: IS_CASEFOLDED. */
  get foldsCase(): boolean {
    return (this.load().iFlags & I_FLAGS.CASEFOLD) !== 0;
  }

  get size(): number {
    return this.load().iSize;
  }

  hasInline(flag: number): boolean {
    return (this.load().iInline & flag) !== 0;
  }

  hasExtra(field: keyof typeof InodeExtra.ends): boolean {
    return fitsInExtra(field, this.#extraIsize);
  }

  /** Bytes of extra attributes. */
  get extraIsize(): number {
    return this.#extraIsize;
  }

  /** u32 slots at the end of i_addr that are kept for inline xattrs. Source: get_inline_xattr_addrs. */
  get inlineXattrAddrs(): number {
    return this.#inlineXattrAddrs;
  }

  /** Whether its contents may lie in compressed clusters: flag, feature and the fields for it are there. */
  get isCompressed(): boolean {
    if ((this.load().iFlags & I_FLAGS.COMPR) === 0 || !this.#volume.hasFeature('compression')) return false;
    return this.hasExtra('iLogClusterSize');
  }

  /** Data addresses in the inode itself: whole clusters. Source: addrs_per_inode. */
  get addrsPerInode(): number {
    return addrsPerInode(this.#extraIsize, this.#inlineXattrAddrs, this.#clusterPages, this.block);
  }

  /** Data addresses in a direct node: whole clusters. Source: addrs_per_block. */
  get addrsPerBlock(): number {
    return addrsPerBlock(this.#clusterPages, this.block);
  }

  /** Whether each change of the contents is to be on stable storage at once. Source: IS_SYNC. */
  get isSync(): boolean {
    return this.#isSync;
  }

  /** Whether its pages have hashes that they must agree with. Source: fsverity_active. */
  get isVerity(): boolean {
    return this.#isVerity;
  }

  /** Pages of a cluster of a file that may have compressed ones, else 1. */
  get clusterPages(): number {
    return this.#clusterPages;
  }

  /**
   * Changes the count of blocks. On disk it may be anything, and decides nothing here: blocks are found by their addresses. Below the
   * inode itself it does not fall.
   */
  countBlocks(difference: number): void {
    const raw = this.change();
    const before = Math.max(1, raw.iBlocks);
    raw.iBlocks = Math.min(Math.max(1, raw.iBlocks + difference), Number.MAX_SAFE_INTEGER);
    this.#countForOwners(0, raw.iBlocks - before);
  }

  /** The project that it is of; 0 where the volume has none. */
  get projectId(): number {
    return this.#volume.hasFeature('project_quota') && this.hasExtra('iProjid') ? this.loadExtra().iProjid : 0;
  }

  /**
   * Counts the inode and its blocks for those whose it is, or (-1) no more. To be called when it is there, before it goes, and around a
   * change of owners. Source: dquot_alloc_inode, dquot_free_inode, dquot_transfer.
   */
  countForOwners(sign: 1 | -1): void {
    this.#countForOwners(sign, sign * Math.max(0, this.load().iBlocks - 1));
  }

  #countForOwners(nrInodes: number, nrBlocks: number): void {
    const { quotas } = this.#volume;
    if (!quotas.isOn || quotas.isFile(this.ino)) return;
    const { iUid, iGid } = this.load();
    quotas.add(iUid, iGid, this.projectId, nrInodes, nrBlocks);
  }

  /** Blocks that compressed clusters save: their reserved slots. */
  get comprBlocks(): number {
    return this.loadExtra().iComprBlocks;
  }

  /** Changes the count of saved blocks, which on disk may be anything: below none it does not fall. Source: f2fs_i_compr_blocks_update. */
  addComprBlocks(difference: number): void {
    this.change();
    this.#reservesSlots ||= this.#extra.iComprBlocks > 0;
    this.#extra.iComprBlocks = Math.max(0, this.#extra.iComprBlocks + difference);
  }

  /**
   * Whether the slots that its compressed clusters save count as blocks. By the count, as in the kernel; one that was too low may fall
   * to 0 before the last cluster is gone. Source: released in f2fs_truncate_data_blocks_range.
   */
  get reservesSlots(): boolean {
    return this.comprBlocks > 0 || this.#reservesSlots;
  }

  /** No cluster saves a block any more: what is left of the count was wrong. */
  clearComprBlocks(): void {
    this.#reservesSlots = false;
    if (this.comprBlocks === 0) return;
    this.change();
    this.#extra.iComprBlocks = 0;
  }

  /** Whether its unused reservations were given back: until they are taken again it must not change. */
  get isReleased(): boolean {
    return this.#clusterPages > 1 && this.hasInline(INLINE.COMPRESS_RELEASED);
  }

  /**
   * Bytes of a file up to where it can be written: its nodes may reach further than the largest file, or, with whole clusters only,
   * not as far. Its size may lie past that: what its nodes can't address is a hole.
   */
  get maxWrittenBytes(): number {
    return Math.min(this.block.maxFileBytes, this.maxPages * this.blockSize);
  }

  /** The pages that the nodes of this file can address. */
  get maxPages(): number {
    return maxFileBlocks(this.addrsPerInode, this.addrsPerBlock, this.block);
  }

  get maxInlineData(): number {
    return maxInlineData(this.#extraIsize, this.#inlineXattrAddrs, this.block);
  }

  /** Byte offset of inline contents in the pool's memory; valid as `load`'s result is. */
  get inlineOffset(): number {
    return this.load().base + inlineDataOffset(this.#extraIsize);
  }

  /** Byte offset of the inline xattrs in the pool's memory. */
  get inlineXattrOffset(): number {
    return this.load().base + I_ADDR_OFFSET + 4 * (this.block.addrsPerInode - this.#inlineXattrAddrs);
  }

  /** Byte offset of i_addr's first data address in the pool's memory. */
  get addrOffset(): number {
    return this.load().base + I_ADDR_OFFSET + this.#extraIsize;
  }

  /** Byte offset of i_nid in the pool's memory. */
  get nidOffset(): number {
    return this.load().base + this.block.inodeNidsOffset;
  }

  /**
   * Its contents leave the inode: these flags of i_inline go. An inline inode has no blocks and nodes: addresses and numbers that damage
   * has left there must not come to mean any.
   */
  endInline(flags: number): InodeView {
    const raw = this.change();
    raw.iInline &= ~flags;
    raw.dv.setUint32(this.addrOffset, NULL_ADDR, true);
    for (let slot = 0; slot <= NODE_DIND; slot++)
      raw.dv.setUint32(raw.base + this.block.inodeNidsOffset + 4 * slot, 0, true);
    return raw;
  }

  /** Learns the layout of the block from its flags. To be called once it is read or set up. */
  refreshLayout(): void {
    const raw = this.load();
    this.#extraIsize = extraIsizeOf(raw, this.#extra);
    this.#inlineXattrAddrs = inlineXattrAddrsOf(raw, this.#extra, this.#volume.layout.feature);
    if (this.isDirectory) this.pages.group = this.#volume.dentries;
    this.#clusterPages = this.isRegular && this.isCompressed ? 1 << this.#extra.iLogClusterSize : 1;
    this.#isSync = this.isRegular && (raw.iFlags & I_FLAGS.SYNC) !== 0;
    this.#isVerity = this.isRegular && (raw.iAdvise & ADVISE.VERITY) !== 0;
  }

  /** Throws EUCLEAN when the block can't be an inode that the kernel would take; learns its layout. */
  verify(): void {
    const raw = this.load();
    checkInode(this.ino, raw, this.#extra, this.#volume.layout, throwFault);
    this.refreshLayout();
  }
}
