// The quota files of a mounted volume: they get entries before an id first has something, and its counts with each checkpoint. Their
// pages are in the page cache as those of other files are, and are never written over.
import { corrupt, F2fsError } from '../../errors.ts';
import { INLINE } from '../../format/inode.ts';
import { QT_BLOCK_SIZE, QUOTA, QUOTA_TYPES, type QuotaEntry, type QuotaType } from '../../format/quota.ts';
import type { QuotaUsage, UsageChange } from '../../volume/quota-usage.ts';
import type { Volume } from '../../volume/volume.ts';
import type { BlockMap } from '../data/block-map.ts';
import type { FilePages } from '../data/file-pages.ts';
import { FrameRun } from '../data/frames.ts';
import type { Inode } from '../inode/inode.ts';
import type { Inodes } from '../inode/inodes.ts';
import { endKept, keepInUse, type QuotaBlocks, QuotaTree } from './quota-tree.ts';

/** Bytes that limits of space are told in. Source: QUOTABLOCK_SIZE. */
const LIMIT_BYTES = 1024;

/** One file: its tree, and where the entries are that were met. */
interface QuotaFile {
  readonly inode: Inode;
  readonly tree: QuotaTree;
  /** By id, the byte of the file. */
  readonly known: Map<number, number>;
}

export class QuotaFiles {
  readonly #volume: Volume;
  readonly #map: BlockMap;
  readonly #pages: FilePages;
  readonly #inodes: Inodes;
  readonly #reclaimFrames: () => void;
  readonly #files: (QuotaFile | null)[] = QUOTA_TYPES.map(() => null);

  /** @param reclaimFrames called between entries, when no frame number is held */
  constructor(volume: Volume, map: BlockMap, pages: FilePages, inodes: Inodes, reclaimFrames: () => void) {
    this.#volume = volume;
    this.#map = map;
    this.#pages = pages;
    this.#inodes = inodes;
    this.#reclaimFrames = reclaimFrames;
  }

  get #usage(): QuotaUsage {
    return this.#volume.quotas;
  }

  /**
   * Before an inode comes to be theirs: each has an entry then, so that nothing is left to find room for. Throws ENOSPC.
   * Source: f2fs_dquot_initialize.
   */
  prepare(uid: number, gid: number, projectId: number): void {
    if (!this.#usage.isOn) return;
    this.#orFail('ENOSPC', () => {
      this.#entryOf(QUOTA.USER, uid);
      this.#entryOf(QUOTA.GROUP, gid);
      this.#entryOf(QUOTA.PROJECT, projectId);
    });
  }

  /** Puts all that was counted into the files' pages, and returns those files that are to be written. */
  apply(): Inode[] {
    this.#orFail(null, () => {
      for (const type of QUOTA_TYPES) {
        for (const [id, change] of this.#usage.changes(type)) {
          if (change.nrInodes === 0 && change.nrBlocks === 0) continue;
          this.#reclaimFrames();
          this.#change(type, id, change);
        }
      }
      this.#usage.clear();
    });
    return this.#files.flatMap((file) => (file !== null && file.inode.pages.nrDirty > 0 ? [file.inode] : []));
  }

  /** What fails makes the files wrong and ends the counting; but for this code, which is thrown: nothing has been changed then. */
  #orFail(thrown: string | null, work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof F2fsError) || error.code === thrown) throw error;
      const message = `the quota files can't be kept right, and are marked as wrong: ${error.message}; fsck.f2fs mends them`;
      const failure = new F2fsError(error.code, message, { path: this.#volume.device.name, cause: error });
      this.#usage.fail(failure);
      this.#volume.warnings.push(failure);
    }
  }

  #change(type: QuotaType, id: number, { nrInodes, nrBlocks }: UsageChange): void {
    const at = this.#entryOf(type, id);
    const entry = (this.#file(type) as QuotaFile).tree.entryForChange(at);
    endKept(entry);
    entry.curinodes = Math.max(0, entry.curinodes + nrInodes);
    entry.curspace = Math.max(0, entry.curspace + nrBlocks * this.#volume.layout.block.blockSize);
    if (nrInodes < 0 || nrBlocks < 0) endGrace(entry);
    keepInUse(entry);
  }

  /** Where the entry of an id is, made where there was none; -1 where there is no file. */
  #entryOf(type: QuotaType, id: number): number {
    const file = this.#file(type);
    if (file === null) return -1;
    let at = file.known.get(id);
    if (at !== undefined) return at;
    at = file.tree.find(id);
    if (at < 0) {
      at = file.tree.insert(id);
      this.#noteSize(type, file.inode);
    }
    file.known.set(id, at);
    return at;
  }

  #file(type: QuotaType): QuotaFile | null {
    const ino = this.#usage.inoOf(type);
    if (ino === 0) return null;
    return (this.#files[type] ??= this.#open(type, ino));
  }

  #open(type: QuotaType, ino: number): QuotaFile {
    const inode = this.#inodes.get(ino);
    const isPlain = inode.isRegular && !inode.hasInline(INLINE.DATA) && !inode.isEncrypted && inode.clusterPages === 1;
    if (!isPlain) throw corrupt('quota-kind', { ino });
    this.#noteSize(type, inode);
    const tree = new QuotaTree(new FileBlocks(this.#volume, this.#map, this.#pages, inode), type);
    // It stays in memory with the mount.
    inode.opens++;
    return { inode, tree, known: new Map() };
  }

  #noteSize(type: QuotaType, { size, blockSize }: Inode): void {
    this.#usage.noteFile(type, Math.ceil(size / blockSize));
  }
}

/** A soft limit that is no longer exceeded. Source: dquot_decr_space, dquot_decr_inodes. */
function endGrace(entry: QuotaEntry): void {
  if (entry.curspace <= entry.bsoftlimit * LIMIT_BYTES) entry.btime = 0;
  if (entry.curinodes <= entry.isoftlimit) entry.itime = 0;
}

/** A file's blocks of 1 KiB, in its pages. */
class FileBlocks implements QuotaBlocks {
  readonly #volume: Volume;
  readonly #map: BlockMap;
  readonly #pages: FilePages;
  readonly #inode: Inode;
  readonly #run = new FrameRun();
  readonly #perPage: number;

  constructor(volume: Volume, map: BlockMap, pages: FilePages, inode: Inode) {
    this.#volume = volume;
    this.#map = map;
    this.#pages = pages;
    this.#inode = inode;
    this.#perPage = volume.layout.block.blockSize / QT_BLOCK_SIZE;
  }

  get ino(): number {
    return this.#inode.ino;
  }

  get view(): DataView {
    return this.#volume.pool.view;
  }

  get size(): number {
    return this.#inode.size;
  }

  at(blk: number): number {
    const pfn = this.#pages.read(this.#inode, Math.floor(blk / this.#perPage), 1, this.#run);
    return pfn * this.#inode.blockSize + (blk % this.#perPage) * QT_BLOCK_SIZE;
  }

  change(blk: number): number {
    const page = Math.floor(blk / this.#perPage);
    const at = this.at(blk);
    this.#pages.waitStable(this.#inode, page, 1);
    this.#map.reserve(this.#inode, page, 1);
    this.#pages.setDirty(this.#inode, page, 1);
    return at;
  }

  grow(end: number): void {
    const inode = this.#inode;
    const from = Math.floor((inode.size - 1) / this.#perPage / QT_BLOCK_SIZE);
    const to = Math.ceil(end / this.#perPage);
    if (end * QT_BLOCK_SIZE <= inode.size) return;
    this.#map.assertRoom(inode, from, to - from);
    this.#map.reserve(inode, from, to - from);
    inode.change().iSize = end * QT_BLOCK_SIZE;
  }
}
