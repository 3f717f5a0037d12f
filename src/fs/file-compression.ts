// Compression of single files, as the kernel's ioctls have it: chosen, released, reserved, done and undone.
import { F2fsError } from '../errors.ts';
import type { BlockMap } from '../file/data/block-map.ts';
import { ClusterSlots } from '../file/data/cluster-map.ts';
import type { FileData } from '../file/data/file-data.ts';
import type { FilePages } from '../file/data/file-pages.ts';
import { FrameRun } from '../file/data/frames.ts';
import { RESERVE_FIRST } from '../file/inode/change-rules.ts';
import type { Inode } from '../file/inode/inode.ts';
import type { Inodes } from '../file/inode/inodes.ts';
import { NULL_ADDR } from '../format/constants.ts';
import { I_FLAGS, INLINE } from '../format/inode.ts';
import { BlockRun } from '../volume/block-run.ts';
import { SINCE } from '../volume/nat.ts';
import type { Volume } from '../volume/volume.ts';
import type { Clock } from './clock.ts';
import type { Memory } from './memory.ts';
import type { Sync } from './sync.ts';

/** What compression of single files takes of a mount. */
export interface CompressionParts {
  readonly volume: Volume;
  readonly inodes: Inodes;
  readonly data: FileData;
  readonly clock: Clock;
  readonly memory: Memory;
  readonly sync: Sync;
}

export class FileCompression {
  readonly #parts: CompressionParts;
  readonly #pages: FilePages;
  readonly #map: BlockMap;
  readonly #run = new BlockRun();
  readonly #frames = new FrameRun();
  readonly #slots = new ClusterSlots();

  constructor(parts: CompressionParts, pages: FilePages, map: BlockMap) {
    this.#parts = parts;
    this.#pages = pages;
    this.#map = map;
  }

  /** Source: f2fs_setflags_common. */
  set(inode: Inode, compressed: boolean): void {
    const { volume, data, inodes } = this.#parts;
    if (!volume.hasFeature('compression') || !inode.hasExtra('iLogClusterSize')) {
      throw new F2fsError('EOPNOTSUPP', "the volume lacks the feature 'compression': format it with that");
    }
    if (!inode.isRegular && !inode.isDirectory) throw invalid(inode, 'is no file and no directory');
    if (inode.isCompressed === compressed) return;
    if (inode.isRegular && !this.#map.isEmpty(inode)) {
      throw invalid(inode, 'has blocks: whether they are compressed is settled when it is empty');
    }
    if (inode.hasInline(INLINE.DATA)) {
      if (inode.size > 0) throw invalid(inode, 'has contents: whether they are compressed is settled when it is empty');
      data.convertInline(inode);
    }
    inode.change().iFlags &= ~(compressed ? I_FLAGS.NOCOMP : I_FLAGS.COMPR);
    if (compressed) inodes.setCompressContext(inode);
    else inode.refreshLayout();
    // What writeback sent of it since the checkpoint is of the other kind: roll-forward could not tell which it has to be.
    if (inode.isRegular) volume.nat.note(inode.ino, SINCE.NEEDS_CHECKPOINT);
    this.#parts.clock.stampChange(inode);
  }

  release(inode: Inode): number {
    if (inode.writers > 1) {
      const message = 'the file is open for writing elsewhere: close it there first';
      throw new F2fsError('EBUSY', message, { ino: inode.ino });
    }
    if (inode.clusterPages > 1 && !inode.isReleased) this.#parts.sync.inode(inode);
    return this.#change(inode, () => this.#pages.clusterMap.release(inode, () => this.#parts.memory.reclaimFrames()));
  }

  reserve(inode: Inode): number {
    return this.#change(inode, () => this.#pages.clusterMap.reserve(inode, () => this.#parts.memory.reclaimFrames()));
  }

  /** No checkpoint is written half way: the inode's counts are those of a whole file. */
  #change(inode: Inode, change: () => number): number {
    let blocks = 0;
    this.#parts.volume.stopOnDamage(() => {
      blocks = change();
    });
    this.#parts.clock.stampChange(inode);
    return blocks;
  }

  /** Writes every page again, compressed or raw. Source: f2fs_ioc_compress_file, f2fs_ioc_decompress_file. */
  rewrite(inode: Inode, compressed: boolean): void {
    const { inodes } = this.#parts;
    if (inodes.compression.mode !== 'user') {
      throw new F2fsError(
        'EOPNOTSUPP',
        "files are compressed as they are written: mount with compress: { mode: 'user' } to say when",
      );
    }
    if (inode.clusterPages === 1) throw invalid(inode, 'is not a compressed file');
    if (inode.isReleased) throw invalid(inode, `had its blocks released: ${RESERVE_FIRST}`);
    this.#parts.sync.inode(inode);
    inode.compressOnWrite = compressed;
    try {
      const nrPages = Math.ceil(inode.size / inode.blockSize);
      for (let start = 0; start < nrPages; start += inode.clusterPages) {
        this.#parts.memory.throttle();
        start += this.#holeAt(inode, start, nrPages);
        if (start >= nrPages) break;
        const count = Math.min(inode.clusterPages, nrPages - start);
        this.#pages.clusterMap.lookup(inode, start, this.#slots);
        // Raw clusters with holes in them stay as they are.
        const isCompressed = this.#slots.nrBlocks > 0;
        if (isCompressed === compressed || !this.#slots.isReserved) continue;
        for (let i = 0; i < count; i += this.#frames.count) this.#pages.read(inode, start + i, count - i, this.#frames);
        this.#pages.waitStable(inode, start, count);
        this.#pages.setDirty(inode, start, count);
      }
      this.#parts.sync.inode(inode);
    } finally {
      inode.compressOnWrite = false;
    }
  }

  /** Pages of the hole that begins at `start`, whole clusters of it. */
  #holeAt(inode: Inode, start: number, end: number): number {
    this.#map.lookup(inode, start, end - start, this.#run);
    const { blkaddr, count } = this.#run;
    if (blkaddr !== NULL_ADDR) return 0;
    return start + count === end ? count : count - (count % inode.clusterPages);
  }
}

function invalid(inode: Inode, what: string): F2fsError {
  return new F2fsError('EINVAL', `the file ${what}`, { ino: inode.ino });
}
