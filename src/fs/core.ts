// The rooms below, put together for one mounted volume.
import { checkChoice } from '../check.ts';
import { MAX_WORKERS } from '../compress/algorithms.ts';
import { ClusterBuffers } from '../compress/cluster-buffers.ts';
import type { QueuedDevice } from '../device/queued-device.ts';
import type { DeviceUse } from '../device/uses.ts';
import { F2fsError } from '../errors.ts';
import { BlockMap } from '../file/data/block-map.ts';
import { Fallocate } from '../file/data/fallocate.ts';
import { FileData } from '../file/data/file-data.ts';
import { FileExtents } from '../file/data/file-extents.ts';
import { FilePages } from '../file/data/file-pages.ts';
import { FrameAllocator } from '../file/data/frames.ts';
import { InPlacePolicy, IPU_POLICIES, WRITE_MODES, type WriteMode } from '../file/data/in-place.ts';
import { Pinned } from '../file/data/pinned.ts';
import { Relocator } from '../file/data/relocate.ts';
import { Shift } from '../file/data/shift.ts';
import { Directories } from '../file/directory/directory.ts';
import { CompressPolicy } from '../file/inode/compression.ts';
import { Inodes } from '../file/inode/inodes.ts';
import { QuotaFiles } from '../file/quota/quota-files.ts';
import { Recovery } from '../file/recovery/recovery.ts';
import { Xattrs } from '../file/xattr/xattrs.ts';
import { framePool } from '../pagecache/checked-pool.ts';
import { MAX_FOLIO_PAGES } from '../pagecache/pool.ts';
import { Cleaner } from '../volume/cleaner.ts';
import { readSuperblocks } from '../volume/superblocks.ts';
import { Volume } from '../volume/volume.ts';
import { ENGINES } from '../writeback/engines.ts';
import { Writeback } from '../writeback/writeback.ts';
import { Clock } from './clock.ts';
import { FileCompression } from './file-compression.ts';
import { Memory } from './memory.ts';
import type { MountOptions } from './mount-options.ts';
import { Namespace } from './namespace.ts';
import { CHECKPOINT_MODES, Reclaim } from './reclaim.ts';
import { Sync } from './sync.ts';
import { UnnamedInodes } from './unnamed.ts';

/** What a function uses of a mount. */
export type Parts<K extends keyof Core> = Pick<Core, K>;

/** All that a mounted volume consists of, put together. */
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
  readonly quotas: QuotaFiles;
  readonly namespace: Namespace;
  readonly reclaim: Reclaim;
  readonly clock: Clock;
  readonly mode: WriteMode;
  readonly recovery: Recovery;
  readonly memory: Memory;
  readonly sync: Sync;
  readonly unnamed: UnnamedInodes;
  readonly #use: DeviceUse;

  /** @param use of the device; it ends with the mount */
  constructor(device: QueuedDevice, use: DeviceUse, options: MountOptions) {
    this.clock = new Clock(options.now, (error) => this.volume?.stop(error));
    const superblocks = readSuperblocks(device);
    const pool = framePool(options.cacheBytes, superblocks.device.blockSize);
    const mode = checkChoice(WRITE_MODES, options.mode ?? 'adaptive', 'mode');
    this.mode = mode;
    const checkpoints = checkChoice(CHECKPOINT_MODES, options.checkpoints ?? 'auto', 'checkpoints');
    const cleaning = options.cleaning ?? true;
    const engine = checkChoice(ENGINES, options.engine ?? 'folios', 'engine');
    const ipuPolicies = options.ipuPolicies ?? ['fsync'];
    for (const policy of ipuPolicies) checkChoice(IPU_POLICIES, policy, 'ipuPolicies');
    const compression = new CompressPolicy(options.compress);
    const ssr = cleaning && mode !== 'lfs';
    this.volume = new Volume(superblocks, {
      readonly: options.readonly ?? false,
      pool,
      clock: () => this.clock.now().sec,
      ssr,
      discard: options.discard ?? true,
    });
    this.#buffers = new ClusterBuffers(pool, checkWorkers(options.workers ?? 0));
    if (options.compress !== undefined) this.#buffers.want();
    this.writeback = new Writeback(pool, this.volume.ioends, this.#buffers, engine);
    const map = new BlockMap(this.volume);
    this.map = map;
    const frames = new FrameAllocator(
      pool,
      checkFolioPages(options.maxFolioPages ?? (engine === 'pages' ? 1 : MAX_FOLIO_PAGES)),
    );
    // What is to be true with the next checkpoint, or not at all, must not change a block of the last one.
    const inPlaceMode = checkpoints === 'explicit' ? 'lfs' : mode;
    const inPlace = new InPlacePolicy(this.volume, inPlaceMode, ipuPolicies);
    this.xattrs = new Xattrs(this.volume);
    const pages = new FilePages(this.volume, map, frames, this.#buffers, this.writeback, inPlace, this.xattrs);
    const memory = { balance: () => this.memory.balance(), throttle: () => this.memory.throttle() };
    this.directories = new Directories(this.volume, map, pages, () => this.memory.reclaimFrames());
    const pinned = new Pinned(this.volume, map, {
      mayOverwrite: () => this.reclaim.mayOverwrite(),
      freeSections: (wanted) => this.reclaim.freeSections(wanted),
    });
    this.data = new FileData(this.volume, map, pages, memory, pinned);
    this.fallocate = new Fallocate(map, pages, this.data, memory, pinned);
    this.shift = new Shift(this.volume, map, pages, this.data, memory);
    this.extents = new FileExtents(this.volume, map);
    this.inodes = new Inodes(this.volume, pages, this.writeback, this.data, this.xattrs, compression, () =>
      this.#buffers.want(),
    );
    this.quotas = new QuotaFiles(this.volume, map, pages, this.inodes, () => this.memory.reclaimFrames());
    this.recovery = new Recovery(this.volume, map, this.inodes, this.directories, this.xattrs, {
      reclaimFrames: () => this.memory.reclaimFrames(),
      touch: (dir) => this.clock.touch(dir),
    });
    this.compression = new FileCompression(this, pages, map);
    this.namespace = new Namespace(this);
    const relocator = new Relocator(this.volume, this.inodes);
    const cleaner = new Cleaner(
      this.volume,
      (run, content) => relocator.move(run, content),
      () => this.memory.reclaimClean(),
    );
    this.reclaim = new Reclaim(this.volume, cleaner, () => this.sync.volume(false), { checkpoints, cleaning });
    const { volume, writeback, inodes, data, reclaim, quotas } = this;
    this.memory = new Memory({ volume, writeback, buffers: this.#buffers, inodes, data, reclaim });
    this.sync = new Sync({ volume, writeback, inodes, memory: this.memory, reclaim, quotas });
    this.unnamed = new UnnamedInodes(volume, inodes, this.memory);
    this.#use = use;
    if (use.writes) use.yields = () => this.#closeIfStopped();
  }

  /** Lets go of the device and ends the threads. Nothing is written any more: what was not, is lost. */
  close(): void {
    this.volume.unmount();
    this.writeback.queue.abandon();
    this.volume.ioends.submit();
    this.#use.end();
    this.#buffers.close();
  }

  /** A mount that a failure stopped is over when the device is wanted: what it has in memory is not what will be there. */
  #closeIfStopped(): boolean {
    if (!this.volume.stopped) return false;
    this.close();
    return true;
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
