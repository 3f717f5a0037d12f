// The rooms below, put together for one mounted volume; and the rules by which memory is kept within its budget.
import { checkChoice } from '../check.ts';
import { MAX_WORKERS } from '../compress/algorithms.ts';
import { ClusterBuffers } from '../compress/cluster-buffers.ts';
import type { BlockDevice } from '../device/device.ts';
import { F2fsError } from '../errors.ts';
import { BlockMap } from '../file/block-map.ts';
import { type CompressOptions, CompressPolicy } from '../file/compression.ts';
import { Directories } from '../file/directory.ts';
import { Fallocate } from '../file/fallocate.ts';
import { FileData } from '../file/file-data.ts';
import { FileExtents } from '../file/file-extents.ts';
import { FilePages } from '../file/file-pages.ts';
import { FrameAllocator } from '../file/frames.ts';
import { InPlacePolicy, IPU_POLICIES, type IpuPolicy, WRITE_MODES, type WriteMode } from '../file/in-place.ts';
import type { Inode, Timestamp } from '../file/inode.ts';
import { Inodes } from '../file/inodes.ts';
import { Pinned } from '../file/pinned.ts';
import { Recovery } from '../file/recovery.ts';
import { Relocator } from '../file/relocate.ts';
import { Shift } from '../file/shift.ts';
import { Xattrs } from '../file/xattrs.ts';
import { TAG } from '../pagecache/address-space.ts';
import { FramePool, MAX_FOLIO_PAGES } from '../pagecache/pool.ts';
import { Cleaner } from '../volume/cleaner.ts';
import { Volume } from '../volume/volume.ts';
import { type SyncMode, WB_SYNC } from '../writeback/control.ts';
import { ENGINES, type EngineName } from '../writeback/engines.ts';
import { Writeback } from '../writeback/writeback.ts';
import { FileCompression } from './file-compression.ts';
import { checkedClock } from './mount-options.ts';
import { Namespace } from './namespace.ts';
import { CHECKPOINT_MODES, type CheckpointMode, Reclaim } from './reclaim.ts';

export interface MountOptions {
  /** Changes are refused and nothing is written. Default: false. */
  readonly?: boolean;
  /** Bytes of page cache, all the memory that file data and nodes take. Default: 128 MiB. */
  cacheBytes?: number;
  /** The time that changes are stamped with; default: the system's. */
  now?: () => Timestamp;
  /** How new files are compressed, on a volume that has the feature. Default: as their directory's flags say, by lz4. */
  compress?: CompressOptions;
  /**
   * Threads that compress and decompress, as many as the cache has room for: one for each 16 MiB, eight at most. The image
   * does not depend on their number. Default 0: the caller's thread does.
   */
  workers?: number;
  /**
   * Whether files that were fsynced after the last checkpoint, before a crash, are brought back: at once with a checkpoint, in a
   * read-only mount in memory. Default: true. Without, which only a read-only mount of such a volume can be, the last
   * checkpoint is seen. Source: the mount option norecovery.
   */
  recovery?: boolean;
  /** How dirty pages are written. Default: folios. */
  engine?: EngineName;
  /** Pages of the largest folio, a power of two up to 512. Default 512; for the engine `pages` 1, as in the kernel. */
  maxFolioPages?: number;
  /** Whether pages may be written over their old blocks, and when; as the kernel's mount option and ipu_policy. */
  mode?: WriteMode;
  ipuPolicies?: readonly IpuPolicy[];
  /**
   * `explicit`: a checkpoint is written by `sync` and `close` only, so that all changes in between are made lasting at once
   * or not at all; those that take more space than that allows are ENOSPC. Default: auto.
   */
  checkpoints?: CheckpointMode;
  /**
   * Whether, when free sections get few, the holes of used segments are filled and sections cleaned. Default: true. Without
   * it a volume can run out of segments before it is full: for one that is written once, and not changed.
   */
  cleaning?: boolean;
  /** Whether the device is told of segments that were freed: an image file gets holes there. Default: true. */
  discard?: boolean;
}

/** Frames that an operation may take without asking: a folio, and the nodes and dentry blocks that one step touches. */
const RESERVED_FRAMES = 640;

/** Devices that are mounted for writing, and by whom. */
const writers = new WeakMap<BlockDevice, Core>();

let lastMs = 0;
let lastTime: Timestamp = { sec: 0, nsec: 0 };

/** The system's time, in milliseconds; the same object while it is the same. */
export function systemTime(): Timestamp {
  const ms = Date.now();
  if (ms !== lastMs) {
    lastMs = ms;
    lastTime = { sec: Math.floor(ms / 1000), nsec: (ms % 1000) * 1_000_000 };
  }
  return lastTime;
}

export class Core {
  readonly volume: Volume;
  readonly writeback: Writeback;
  readonly #buffers: ClusterBuffers;
  readonly map: BlockMap;
  readonly inodes: Inodes;
  readonly directories: Directories;
  readonly data: FileData;
  readonly fallocate: Fallocate;
  readonly shift: Shift;
  readonly extents: FileExtents;
  readonly xattrs: Xattrs;
  readonly compression: FileCompression;
  readonly namespace: Namespace;
  readonly reclaim: Reclaim;
  readonly now: () => Timestamp;
  readonly mode: WriteMode;
  readonly recovery: Recovery;
  /** Pages that may be dirty before files (nodes) are written out. */
  readonly #dirtyLimit: number;
  /** Dirty file and directory pages that the last background writeback left: directories wait for a sync. */
  #dirtyFloor = 0;
  /** The same of nodes. */
  #nodeFloor = 0;
  /** What failed in the background and nobody has been told of. */
  #failure: F2fsError | null = null;
  /** Whether the mount was ended, by whatever way. */
  isClosed = false;

  constructor(device: BlockDevice, options: MountOptions) {
    this.now = options.now === undefined ? systemTime : checkedClock(options.now, (error) => this.volume?.stop(error));
    const pool = new FramePool(options.cacheBytes);
    const clock = () => this.now().sec;
    const mode = checkChoice(WRITE_MODES, options.mode ?? 'adaptive', 'mode');
    this.mode = mode;
    const checkpoints = checkChoice(CHECKPOINT_MODES, options.checkpoints ?? 'auto', 'checkpoints');
    const cleaning = options.cleaning ?? true;
    const engine = checkChoice(ENGINES, options.engine ?? 'folios', 'engine');
    const ipuPolicies = options.ipuPolicies ?? ['fsync'];
    for (const policy of ipuPolicies) checkChoice(IPU_POLICIES, policy, 'ipuPolicies');
    const compression = new CompressPolicy(options.compress);
    const threads = cleaning && mode !== 'lfs';
    this.volume = new Volume(device, {
      readonly: options.readonly ?? false,
      pool,
      clock,
      threads,
      discard: options.discard ?? true,
    });
    this.#buffers = new ClusterBuffers(pool, checkWorkers(options.workers ?? 0));
    if (options.compress !== undefined) this.#buffers.want();
    this.writeback = new Writeback(pool, this.volume.ioends, this.#buffers, engine);
    this.#dirtyLimit = Math.min(4096, Math.floor(pool.nrFrames / 8));
    const map = new BlockMap(this.volume);
    this.map = map;
    const frames = new FrameAllocator(
      pool,
      checkFolioPages(options.maxFolioPages ?? (engine === 'pages' ? 1 : MAX_FOLIO_PAGES)),
    );
    // What is to be true with the next checkpoint, or not at all, must not change a block of the last one.
    const inPlaceMode = checkpoints === 'explicit' ? 'lfs' : mode;
    const inPlace = new InPlacePolicy(this.volume, inPlaceMode, ipuPolicies);
    const pages = new FilePages(this.volume, map, frames, this.#buffers, this.writeback, inPlace);
    const memory = { balance: () => this.balance(), throttle: () => this.throttle() };
    this.directories = new Directories(this.volume, map, pages, () => this.makeRoom());
    const pinned = new Pinned(this.volume, map, checkpoints === 'explicit');
    this.data = new FileData(this.volume, map, pages, memory, pinned);
    this.fallocate = new Fallocate(map, pages, this.data, memory, pinned);
    this.shift = new Shift(this.volume, map, pages, this.data, memory);
    this.extents = new FileExtents(this.volume, map);
    this.xattrs = new Xattrs(this.volume);
    this.inodes = new Inodes(this.volume, pages, this.writeback, this.data, this.xattrs, compression, () =>
      this.#buffers.want(),
    );
    this.recovery = new Recovery(this.volume, map, this.inodes, this.directories, this.xattrs, {
      makeRoom: () => this.makeRoom(),
      touch: (dir) => this.touch(dir),
    });
    this.compression = new FileCompression(this, pages, map);
    this.namespace = new Namespace(this);
    const relocator = new Relocator(this.volume, this.inodes);
    const cleaner = new Cleaner(
      this.volume,
      (run, content) => relocator.move(run, content),
      () => this.#makeRoom(() => {}),
    );
    this.reclaim = new Reclaim(this.volume, cleaner, () => this.sync(false), { checkpoints, cleaning });
  }

  /**
   * Keeps dirty pages below their limit and enough frames free for an operation. To be called where no frame number is
   * held: it is the only place that frames are taken away. What goes wrong in the background is not this caller's fault: it
   * is kept for the next that changes something. Source: f2fs_balance_fs_bg, balance_dirty_pages.
   */
  balance(): void {
    this.assertOpen();
    this.#assertNotFilling();
    if (!this.volume.readonly && !this.volume.stopped && this.#isPastLimits)
      this.#inBackground(() => this.#writeSome());
    this.inodes.trim();
    if (this.#buffers.isWanted) this.#prepareBuffers();
    this.makeRoom();
  }

  /** Throws EBADF once the mount was ended. */
  assertOpen(): void {
    if (!this.isClosed) return;
    const { name: path } = this.volume.device;
    throw new F2fsError('EBADF', 'the volume was closed: mount it again', { path });
  }

  #assertNotFilling(): void {
    if (!this.data.isFilling) return;
    throw new F2fsError('EBUSY', 'the source of a write uses the mount that is written to: read what it gives before');
  }

  /** Keeps enough frames free for an operation, and writes no checkpoint for it. Else as `balance`. */
  makeRoom(): void {
    if (this.volume.pool.freeFrames >= RESERVED_FRAMES) return;
    this.#makeRoom(() => {
      this.#inBackground(() => {
        this.#writeBack(true, WB_SYNC.NONE);
        this.stopOnDamage(() => this.writeback.queue.drain());
        this.#dirtyFloor = 0;
      });
    });
  }

  /** Balances on behalf of someone who changes the volume. Throws what failed in the background since the last call. */
  throttle(): void {
    this.assertOpen();
    this.volume.assertWritable();
    this.balance();
    const failure = this.#failure ?? (this.volume.ioends.takeFailure() ? this.inodes.takeError() : null);
    this.#failure = null;
    if (failure !== null) throw failure;
    this.reclaim.assertRoom();
  }

  /** Balances on behalf of someone who takes no blocks. What fails in the background is not told: removing a file may be the cure. */
  balanceChange(): void {
    this.assertOpen();
    this.volume.assertWritable();
    this.balance();
    this.reclaim.assertCheckpointFits();
  }

  get #nrDirtyNodes(): number {
    return this.volume.nodes.pages.nrDirty;
  }

  /** Of files and directories. */
  get #nrDirtyPages(): number {
    return this.volume.pool.nrDirty - this.#nrDirtyNodes;
  }

  get #hasManyDirtyPages(): boolean {
    return this.#nrDirtyPages > this.#dirtyFloor + this.#dirtyLimit;
  }

  get #hasManyDirtyNodes(): boolean {
    return this.#nrDirtyNodes > this.#nodeFloor + this.#dirtyLimit;
  }

  get #isPastLimits(): boolean {
    return this.#hasManyDirtyPages || this.#hasManyDirtyNodes || this.reclaim.isDue;
  }

  /** Writes out what is past the limits. */
  #writeSome(): void {
    if (this.reclaim.isDue) this.stopOnDamage(() => this.reclaim.run());
    if (this.#hasManyDirtyPages) {
      this.#writeBack(false, WB_SYNC.NONE);
      this.#dirtyFloor = this.#nrDirtyPages;
    }
    if (this.#hasManyDirtyNodes) {
      this.volume.writeNodes(false);
      this.#nodeFloor = this.#nrDirtyNodes;
    }
  }

  #writeBack(directories: boolean, syncMode: SyncMode): void {
    this.stopOnDamage(() => this.inodes.writeback(directories, syncMode, () => this.#makeRoom(() => {})));
  }

  /** Compression needs long runs of frames: when there are none, everything is written out and let go of. */
  #prepareBuffers(): void {
    if (this.#buffers.prepare()) return;
    const { pool, ioends, readonly, stopped } = this.volume;
    if (!readonly && !stopped) {
      this.#inBackground(() => this.#writeBack(true, WB_SYNC.NONE));
      this.#inBackground(() => this.volume.writeNodes(true));
      ioends.submit();
    }
    pool.reclaim(pool.nrFrames);
    // When it fails even so, whoever reads or writes a compressed cluster is told.
    if (!this.#buffers.prepare()) this.#buffers.giveUp();
  }

  /** Frees frames when few are free: first those that are clean, then nodes; `more` may make others clean. */
  #makeRoom(more: () => void): void {
    const { pool, ioends, readonly, stopped } = this.volume;
    if (pool.freeFrames >= RESERVED_FRAMES) return;
    const target = Math.min(Math.max(2 * RESERVED_FRAMES, pool.nrFrames >>> 4), Math.floor(pool.nrFrames * 0.75));
    const settle = () => ioends.settleOldest();
    if (pool.reclaim(target, settle) || readonly || stopped) return;
    this.#inBackground(() => this.stopOnDamage(() => this.writeback.queue.drain()));
    more();
    this.#inBackground(() => this.volume.writeNodes(true));
    this.#nodeFloor = 0;
    pool.reclaim(target, settle);
  }

  #inBackground(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof F2fsError)) throw error;
      this.#failure ??= error;
    }
  }

  /** Writes everything back and writes a checkpoint. Throws the first failure; the last checkpoint is the truth then. */
  sync(umount: boolean): void {
    this.#assertNotFilling();
    this.#nodeFloor = 0;
    this.writeBack();
    this.volume.checkpoint(umount);
    this.reclaim.checkpointed();
  }

  /** The same where the caller did not ask for a checkpoint, but one is needed. Throws ENOSPC where they are explicit. */
  checkpoint(): void {
    this.reclaim.assertAuto();
    this.sync(false);
  }

  /** Writes every dirty page of files and directories, and waits. Throws the first failure. */
  writeBack(): void {
    this.volume.assertWritable();
    this.#failure = null;
    this.#writeBack(true, WB_SYNC.ALL);
    this.stopOnDamage(() => this.writeback.queue.drain());
    this.volume.ioends.submit();
    this.volume.ioends.takeFailure();
    this.#dirtyFloor = 0;
    const error = this.inodes.takeError();
    if (error !== null) throw error;
  }

  /**
   * Frees an inode that has neither name nor handle. Name and handle are gone for good: what fails but for damage is kept for the
   * next who changes something, and the inode stays an orphan.
   */
  evict(inode: Inode): void {
    try {
      this.stopOnDamage(() => this.inodes.evict(inode));
    } catch (error) {
      if (!(error instanceof F2fsError) || error.code === 'EUCLEAN') throw error;
      this.volume.orphans.add(inode.ino);
      this.#failure ??= error;
    }
  }

  /** A handle on an inode is gone; with the last one goes an inode without a name. */
  release(inode: Inode): void {
    this.inodes.release(inode);
    this.evictIfUnused(inode);
  }

  /** Frees an inode that lost its last name while it was held, once nobody does. */
  evictIfUnused(inode: Inode): void {
    const { orphans, readonly, stopped } = this.volume;
    if (inode.opens > 0 || inode.gone || !orphans.has(inode.ino) || readonly || stopped) return;
    this.balance();
    this.evict(inode);
  }

  /** Frees the inodes that have no name, whoever holds them: for an unmount, after which nobody does. */
  evictOrphans(): void {
    for (const ino of this.volume.orphans) {
      this.balance();
      this.#inBackground(() => this.evict(this.inodes.getOrphan(ino)));
    }
  }

  /**
   * Runs a change that frees blocks. When it comes upon damage half way (two owners of a block, counts too low), memory
   * is no state that a checkpoint may make the truth: the volume is stopped.
   */
  stopOnDamage(change: () => void): void {
    try {
      change();
    } catch (error) {
      if (error instanceof F2fsError && error.code === 'EUCLEAN') this.volume.stop(error);
      throw error;
    }
  }

  /** Keeps others from mounting the device for writing until `close`, or until this mount is stopped. Throws EBUSY. */
  claim(): void {
    const { device, readonly } = this.volume;
    if (readonly) return;
    const other = writers.get(device);
    // What a stopped one has under way must be over.
    if (other?.volume.stopped) other.volume.ioends.submit();
    else if (other !== undefined) {
      throw new F2fsError('EBUSY', 'the volume is mounted for writing already: close or abandon that mount first', {
        path: device.name,
      });
    }
    writers.set(device, this);
  }

  /** Lets go of the device and ends the threads. Nothing is written any more: what was not, is lost. */
  close(): void {
    this.isClosed = true;
    this.volume.unmount();
    this.writeback.queue.abandon();
    this.volume.ioends.submit();
    if (writers.get(this.volume.device) === this) writers.delete(this.volume.device);
    this.#buffers.close();
  }

  /** Writes an inode's dirty pages and waits for them. Throws what went wrong. Source: filemap_write_and_wait. */
  writeInode(inode: Inode, needInPlace = false): void {
    this.volume.assertWritable();
    this.stopOnDamage(() => {
      this.inodes.writePages(inode, { syncMode: WB_SYNC.ALL, needInPlace, makeRoom: () => this.#makeRoom(() => {}) });
      this.writeback.wait(inode.pages);
    });
    const error = inode.pages.error !== null ? this.inodes.takeError() : null;
    if (error !== null) throw error;
  }

  /** Waits until no page of an inode is on its way to disk. Source: filemap_fdatawait. */
  settle(inode: Inode): void {
    if (inode.pages.nextTagged(TAG.WRITEBACK, 0, Number.POSITIVE_INFINITY) >= 0)
      this.stopOnDamage(() => this.writeback.wait(inode.pages));
  }

  /** An inode itself changed now. */
  stampChange(inode: Inode): void {
    const { sec, nsec } = this.now();
    const raw = inode.changeTimes();
    raw.iCtime = sec;
    raw.iCtimeNsec = nsec;
  }

  /** The contents of a file or directory changed now. */
  touch(inode: Inode): void {
    inode.touch(this.now());
  }
}

/** Throws EINVAL for what is no number of threads. */
function checkWorkers(workers: number): number {
  if (Number.isInteger(workers) && workers >= 0 && workers <= MAX_WORKERS) return workers;
  throw new F2fsError('EINVAL', `invalid workers ${workers}: expected 0 to ${MAX_WORKERS}`);
}

function checkFolioPages(pages: number): number {
  if (Number.isInteger(Math.log2(pages)) && pages >= 1 && pages <= MAX_FOLIO_PAGES) return pages;
  throw new F2fsError('EINVAL', `invalid maxFolioPages ${pages}: expected a power of two up to ${MAX_FOLIO_PAGES}`);
}
