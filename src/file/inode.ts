// An inode in use: its number, its cached data pages, and typed access to its block, which stays in the node cache.

import { ALGORITHM_NAMES } from '../compress/algorithms.ts';
import { corrupt, F2fsError } from '../errors.ts';
import { BLOCK } from '../format/block-size.ts';
import {
  BLKSIZE,
  NULL_ADDR,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
} from '../format/constants.ts';
import { MAX_DIR_HASH_DEPTH } from '../format/dentry.ts';
import {
  ADVISE,
  DEF_ADDRS_PER_INODE,
  DEFAULT_INLINE_XATTR_ADDRS,
  fitsInExtra,
  I_ADDR_OFFSET,
  I_FLAGS,
  I_NID_OFFSET,
  INLINE,
  InodeExtra,
  Inode as InodeView,
  inlineDataOffset,
  maxInlineData,
  TOTAL_EXTRA_ISIZE,
} from '../format/inode.ts';
import { ADDRS_PER_BLOCK, maxFileBlocks, NODE_DIND } from '../format/node.ts';
import { XattrHeader } from '../format/xattr.ts';
import { AddressSpace } from '../pagecache/address-space.ts';
import { SINCE } from '../volume/nat.ts';
import type { Volume } from '../volume/volume.ts';
import type { DirectoryIndex } from './directory-index.ts';

/** Seconds since 1970 and nanoseconds within the second. */
export interface Timestamp {
  readonly sec: number;
  readonly nsec: number;
}

/** i_extra_isize and i_inline_xattr_size themselves. Source: F2FS_MIN_EXTRA_ATTR_SIZE. */
const MIN_EXTRA_ISIZE = InodeExtra.ends.iInlineXattrSize;

/** Bytes of the largest file of any kind: what is addressed within the inode does not count. Source: s_maxbytes. */
export const MAX_FILE_BYTES = BLOCK.maxFileBlocks * BLKSIZE;
/** The same of older kernels, for which it did count. */
const MAX_OLD_FILE_BYTES = maxFileBlocks(DEF_ADDRS_PER_INODE, ADDRS_PER_BLOCK) * BLKSIZE;

/** What other rooms call an inode. Its block is edited in place: call `load` first in each operation. */
export class Inode {
  readonly ino: number;
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
  readonly #volume: Volume;
  readonly #raw: InodeView;
  readonly #extra: InodeExtra;
  #type = 0;
  #extraIsize = 0;
  #inlineXattrAddrs = 0;
  #clusterPages = 1;
  #reservesSlots = false;
  #isSync = false;

  constructor(volume: Volume, ino: number) {
    this.ino = ino;
    this.#volume = volume;
    this.pages = new AddressSpace(volume.pool, ino);
    this.#raw = new InodeView(volume.pool.view);
    this.#extra = new InodeExtra(volume.pool.view);
  }

  /** The inode's block, read if it has left the cache. Valid until the operation ends. */
  load(): InodeView {
    const base = this.#volume.nodes.get(this.ino, this.ino) * BLKSIZE;
    this.#raw.base = base;
    this.#extra.base = base + I_ADDR_OFFSET;
    return this.#raw;
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

  /** The extra attributes of the block last loaded; only fields that fit in extraIsize are there. */
  get extra(): InodeExtra {
    return this.#extra;
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
    const addrs = DEF_ADDRS_PER_INODE - this.#extraIsize / 4 - this.#inlineXattrAddrs;
    return addrs - (addrs % this.#clusterPages);
  }

  /** Data addresses in a direct node: whole clusters. Source: addrs_per_block. */
  get addrsPerBlock(): number {
    return ADDRS_PER_BLOCK - (ADDRS_PER_BLOCK % this.#clusterPages);
  }

  /** Whether each change of the contents is to be on stable storage at once. Source: IS_SYNC. */
  get isSync(): boolean {
    return this.#isSync;
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
    raw.iBlocks = Math.min(Math.max(1, raw.iBlocks + difference), Number.MAX_SAFE_INTEGER);
  }

  /** Blocks that compressed clusters save: their reserved slots. */
  get comprBlocks(): number {
    this.load();
    return this.#extra.iComprBlocks;
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
    return Math.min(MAX_FILE_BYTES, this.maxPages * BLKSIZE);
  }

  /** The pages that the nodes of this file can address. */
  get maxPages(): number {
    return maxFileBlocks(this.addrsPerInode, this.addrsPerBlock);
  }

  get maxInlineData(): number {
    return maxInlineData(this.#extraIsize, this.#inlineXattrAddrs);
  }

  /** Byte offset of inline contents in the pool's memory; valid as `load`'s result is. */
  get inlineOffset(): number {
    return this.load().base + inlineDataOffset(this.#extraIsize);
  }

  /** Byte offset of the inline xattrs in the pool's memory. */
  get inlineXattrOffset(): number {
    return this.load().base + I_ADDR_OFFSET + 4 * (DEF_ADDRS_PER_INODE - this.#inlineXattrAddrs);
  }

  /** Byte offset of i_addr's first data address in the pool's memory. */
  get addrOffset(): number {
    return this.load().base + I_ADDR_OFFSET + this.#extraIsize;
  }

  /** Byte offset of i_nid in the pool's memory. */
  get nidOffset(): number {
    return this.load().base + I_NID_OFFSET;
  }

  /**
   * Its contents leave the inode: these flags of i_inline go. An inline inode has no blocks and nodes: addresses and numbers that damage
   * has left there must not come to mean any.
   */
  endInline(flags: number): InodeView {
    const raw = this.change();
    raw.iInline &= ~flags;
    raw.dv.setUint32(this.addrOffset, NULL_ADDR, true);
    for (let slot = 0; slot <= NODE_DIND; slot++) raw.dv.setUint32(raw.base + I_NID_OFFSET + 4 * slot, 0, true);
    return raw;
  }

  /** Learns the layout of the block from its flags. To be called once it is read or set up. */
  refreshLayout(): void {
    const raw = this.load();
    const inline = raw.iInline;
    this.#extraIsize = (inline & INLINE.EXTRA_ATTR) !== 0 ? this.#extra.iExtraIsize : 0;
    if (this.#volume.hasFeature('flexible_inline_xattr')) this.#inlineXattrAddrs = this.#extra.iInlineXattrSize;
    else this.#inlineXattrAddrs = (inline & (INLINE.XATTR | INLINE.DENTRY)) !== 0 ? DEFAULT_INLINE_XATTR_ADDRS : 0;
    if (this.isDirectory) this.pages.group = this.#volume.dentries;
    this.#clusterPages = this.isRegular && this.isCompressed ? 1 << this.#extra.iLogClusterSize : 1;
    this.#isSync = this.isRegular && (raw.iFlags & I_FLAGS.SYNC) !== 0;
  }

  /** Throws EUCLEAN when the block can't be an inode that the kernel would take. Source: sanity_check_inode. */
  verify(): void {
    let fault: string | null;
    try {
      fault = this.#fault();
    } catch (error) {
      // A 64-bit field that no number can be: it does not know whose it is. A read that failed is no damage.
      if (!(error instanceof F2fsError) || error.code !== 'EUCLEAN') throw error;
      if (error.nid !== undefined || error.segno !== undefined) throw error;
      fault = inWords(error.message);
    }
    if (fault !== null) throw corrupt(`inode ${this.ino} is damaged: ${fault}`, { ino: this.ino });
  }

  #fault(): string | null {
    const raw = this.load();
    const { layout } = this.#volume;
    const extra = this.#extra;
    const inline = raw.iInline;
    const type = raw.iMode & S_IFMT;
    const hasExtra = (inline & INLINE.EXTRA_ATTR) !== 0;
    const flexible = this.#volume.hasFeature('flexible_inline_xattr');
    const offset = this.#volume.nodes.offsetOf(this.#raw.base / BLKSIZE);
    if (offset !== 0) return `its footer says that it is node ${offset} of its tree`;
    if (!VALID_TYPES.has(type)) return `its mode is 0${raw.iMode.toString(8)}`;
    if (raw.iXattrNid === this.ino) return 'it is its own xattr node';
    if (raw.iXattrNid !== 0 && (raw.iXattrNid < 3 || raw.iXattrNid >= layout.maxNid)) {
      return `its xattr node is ${raw.iXattrNid}`;
    }
    if (flexible && !hasExtra) return 'it lacks the extra attributes that flexible_inline_xattr needs';
    const checksummed = this.#volume.hasFeature('inode_checksum');
    if (checksummed && !(hasExtra && fitsInExtra('iInodeChecksum', extra.iExtraIsize))) {
      return 'it lacks the checksum that every inode of the volume has';
    }
    if (hasExtra && !this.#volume.hasFeature('extra_attr')) return 'it has extra attributes, which the volume does not';
    if (
      hasExtra &&
      (extra.iExtraIsize < MIN_EXTRA_ISIZE || extra.iExtraIsize > TOTAL_EXTRA_ISIZE || extra.iExtraIsize % 4 !== 0)
    ) {
      return `its extra attributes are ${extra.iExtraIsize} bytes`;
    }
    if (flexible) {
      const addrs = extra.iInlineXattrSize;
      const least = (inline & INLINE.XATTR) !== 0 ? XattrHeader.size / 4 : 0;
      if (addrs > BLOCK.maxInlineXattrAddrs || addrs < least) return `its inline xattrs take ${addrs} slots`;
    }
    if ((inline & INLINE.DATA) !== 0 && (inline & INLINE.DENTRY) !== 0)
      return 'it has both inline data and inline dentries';
    if ((inline & INLINE.DATA) !== 0 && type !== S_IFREG && type !== S_IFLNK)
      return 'it has inline data, but is no file or symlink';
    if ((inline & INLINE.DENTRY) !== 0 && type !== S_IFDIR) return 'it has inline dentries, but is no directory';
    if (type === S_IFDIR && (raw.iCurrentDepth > MAX_DIR_HASH_DEPTH || raw.iDirLevel > MAX_DIR_HASH_DEPTH)) {
      return `its depth is ${raw.iCurrentDepth}, from level ${raw.iDirLevel} on`;
    }
    // A directory in blocks has at least the one with its dots, until it is removed.
    if (type === S_IFDIR && (inline & INLINE.DENTRY) === 0 && raw.iLinks > 0) {
      if (raw.iSize === 0 || raw.iSize % BLKSIZE !== 0 || raw.iCurrentDepth === 0) {
        return `it is a directory of ${raw.iSize} bytes and ${raw.iCurrentDepth} levels`;
      }
    }
    if ((raw.iFlags & I_FLAGS.CASEFOLD) !== 0 && !this.#volume.hasFeature('casefold'))
      return 'it folds case, which the volume does not';
    if ((raw.iAdvise & ADVISE.ENCRYPT) !== 0 && !this.#volume.hasFeature('encrypt'))
      return 'it is encrypted, which the volume knows nothing of';
    if ((raw.iAdvise & ADVISE.VERITY) !== 0 && !this.#volume.hasFeature('verity'))
      return 'it is protected by verity, which the volume knows nothing of';
    if (raw.extLen > 0 && !(layout.inMain(raw.extBlk) && layout.inMain(raw.extBlk + raw.extLen - 1))) {
      return `its largest extent is ${raw.extLen} blocks from block ${raw.extBlk} on`;
    }
    readCounts(raw);
    if (raw.iNamelen > 255) return `its name has ${raw.iNamelen} bytes`;
    this.refreshLayout();
    const compressionFault = this.isCompressed ? this.#compressionFault() : null;
    if (compressionFault !== null) return compressionFault;
    readTimes(raw, this.#volume.hasFeature('inode_crtime') && this.hasExtra('iCrtime') ? extra : null);
    if ((inline & INLINE.DATA) !== 0 && raw.iSize > this.maxInlineData) return `its inline data is ${raw.iSize} bytes`;
    if (raw.iSize > MAX_OLD_FILE_BYTES) return `its size is ${raw.iSize} bytes, more than a file can have`;
    return null;
  }

  #compressionFault(): string | null {
    const extra = this.#extra;
    if (extra.iCompressAlgorithm >= ALGORITHM_NAMES.length)
      return `its compression algorithm is ${extra.iCompressAlgorithm}`;
    if (extra.iLogClusterSize < 2 || extra.iLogClusterSize > 8) return `its cluster size is 2^${extra.iLogClusterSize}`;
    if (extra.iComprBlocks > this.maxPages) return `it saves ${extra.iComprBlocks} blocks, more than a file can have`;
    return null;
  }
}

const VALID_TYPES = new Set<number>([S_IFSOCK, S_IFLNK, S_IFREG, S_IFBLK, S_IFDIR, S_IFCHR, S_IFIFO]);

/** What fields are called in a message. */
const FIELD_WORDS: Readonly<Record<string, string>> = {
  iSize: 'its size',
  iBlocks: 'its count of blocks',
  iAtime: 'its time of access',
  iMtime: 'its time of modification',
  iCtime: 'its time of change',
  iCrtime: 'its time of creation',
  iComprBlocks: 'its count of saved blocks',
};

/** `its size is 2^53 or more` of what a field says that can't be read. */
function inWords(message: string): string {
  return message.replace(/^[\w ]+\.(\w+) is /, (whole, field: string) =>
    FIELD_WORDS[field] === undefined ? whole : `${FIELD_WORDS[field]} is `,
  );
}

/** Reads the counts once, as `readTimes` does. */
function readCounts({ iSize, iBlocks }: InodeView): number {
  return iSize + iBlocks;
}

/** Reads all times once, so that one out of range is found before anything relies on it. */
function readTimes({ iAtime, iCtime, iMtime }: InodeView, extra: InodeExtra | null): number {
  return iAtime + iCtime + iMtime + (extra?.iCrtime ?? 0);
}
