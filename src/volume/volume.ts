// A mounted volume's tables: it knows where every block is and who owns it, and nothing of paths.
import type { QueuedDevice } from '../device/queued-device.ts';
import { corrupt, F2fsError, throwFault } from '../errors.ts';
import { CP } from '../format/checkpoint.ts';
import { BLKS_PER_SEG, FEATURES, featureNames, NR_LOGS } from '../format/constants.ts';
import { checksumSeed } from '../format/inode.ts';
import { hasFeature } from '../format/superblock.ts';
import { DirtyCount } from '../pagecache/address-space.ts';
import { Ioends } from '../pagecache/ioend.ts';
import type { FramePool } from '../pagecache/pool.ts';
import { writeCheckpoint } from './checkpoint.ts';
import { type CheckpointPack, readCheckpoint, versionBitmap } from './checkpoint-pack.ts';
import { VolumeCounters } from './counters.ts';
import { Discards } from './discards.ts';
import { FsyncChain, longestChain } from './fsync-chain.ts';
import type { VolumeLayout } from './layout.ts';
import { Logs } from './logs.ts';
import { NodeTable, SINCE } from './nat.ts';
import { NodeCache } from './node-cache.ts';
import { readOrphans } from './orphans.ts';
import { QuotaUsage } from './quota-usage.ts';
import { SegmentTable } from './sit.ts';
import { Space } from './space.ts';
import { type Journals, readSummaries } from './summaries.ts';
import { type SpareSuperblock, type Superblocks, writeSpare } from './superblocks.ts';
import { metadataWarnings } from './warnings.ts';

const CLOSED = 'the volume was closed: mount it again';

/** Nodes that one operation may make dirty. */
const CHAIN_SLACK = 256;

/** Features of a volume that can be written here; another one is refused by name at a writable mount. */
const WRITABLE_FEATURES =
  FEATURES.extra_attr |
  FEATURES.inode_checksum |
  FEATURES.sb_checksum |
  FEATURES.inode_crtime |
  FEATURES.flexible_inline_xattr |
  FEATURES.compression |
  FEATURES.lost_found |
  FEATURES.packed_ssa |
  FEATURES.quota |
  FEATURES.project_quota |
  FEATURES.casefold |
  // Of these, what is there is kept; nothing new is made that would be encrypted or protected.
  FEATURES.encrypt |
  FEATURES.verity;
/** Features that do not hide a volume's contents from a reader that does not know them. */
const READABLE_FEATURES = WRITABLE_FEATURES | FEATURES.atomic_write | FEATURES.ro | FEATURES.blkzoned;

const KNOWN_FEATURES = Object.values(FEATURES).reduce((all, bit) => all | bit, 0);

export interface VolumeOptions {
  readonly: boolean;
  pool: FramePool;
  /** Seconds since 1970; the age of segments is counted by it. */
  clock: () => number;
  /** Whether logs may take the holes of used segments when free ones get few. Default: false. */
  ssr?: boolean;
  /** Whether the device is told of segments that became free. Default: false. */
  discard?: boolean;
}

export class Volume {
  /** By the volume's blocks. */
  readonly device: QueuedDevice;
  /** Its pages are as large as the volume's blocks. */
  readonly pool: FramePool;
  readonly readonly: boolean;
  readonly layout: VolumeLayout;
  readonly nat: NodeTable;
  readonly sit: SegmentTable;
  readonly logs: Logs;
  readonly nodes: NodeCache;
  /** Where dirty pages, of files and nodes, go to be written. */
  readonly ioends: Ioends;
  readonly space: Space;
  readonly quotas: QuotaUsage;
  readonly counters = new VolumeCounters();
  readonly discards: Discards;
  /** Dirty pages of directories, among those of the pool. */
  readonly dentries = new DirtyCount();
  readonly journals: Journals;
  /** Inodes without a name, freed with their last handle, or at a mount when the power failed before; in the order that they became so. */
  readonly orphans: Set<number>;
  /** The nodes written after the checkpoint that the volume was mounted from. */
  readonly chain: FsyncChain;
  /** The checkpoint that the volume was mounted from, then the last one written. */
  pack: CheckpointPack;
  /** Whether this mount has written a checkpoint: only then is the chain of fsynced nodes its own. */
  hasCheckpointed = false;
  /**
   * Whether since the last checkpoint something lost a name and lives on by another, or a directory was removed: roll-forward could
   * not tell, and might put a new inode in its place.
   */
  treeChanged = false;
  /** Whether anything was fsynced by its nodes since the last checkpoint. */
  hasFsynced = false;
  readonly #clock: () => number;
  readonly #mountedAt: number;
  readonly #elapsedAtMount: number;
  /** What is wrong with the volume, though it can be mounted; what could not be mended is added. */
  readonly warnings: F2fsError[];
  /** The superblock that the next checkpoint writes anew. */
  #spare: SpareSuperblock | null;
  /** Whether the mount was ended, by whatever way. */
  isClosed = false;
  /** What broke the volume for writing, once something has. */
  #stopped: F2fsError | null = null;

  /**
   * Mounts the volume whose superblocks were found. Throws EUCLEAN when it is damaged, EOPNOTSUPP naming the feature that stands in
   * the way. The device stays open in any case; it is the caller's.
   */
  constructor({ device, layout, spare }: Superblocks, options: VolumeOptions) {
    this.device = device;
    this.pool = options.pool;
    this.readonly = options.readonly;
    this.layout = layout;
    this.#spare = spare;
    const { sb } = this.layout;
    this.#refuseFeatures(sb.feature);
    this.pack = readCheckpoint(device, layout, spare);
    this.warnings = [...metadataWarnings(device, spare, this.pack), ...this.#unknownFeatures(sb.feature)];
    const { cp } = this.pack;
    this.quotas = new QuotaUsage(sb, !options.readonly && (cp.ckptFlags & CP.QUOTA_NEED_FSCK) === 0);
    const { logs, journals } = readSummaries(device, this.layout, this.pack);
    this.journals = journals;
    this.orphans = new Set(readOrphans(device, this.layout, this.pack, throwFault));
    const bitmap = (which: 'sit' | 'nat') => versionBitmap(this.pack, which, layout);
    this.nat = new NodeTable(device, layout, bitmap('nat'), journals.nat, cp.nextFreeNid);
    this.sit = new SegmentTable(device, layout, bitmap('sit'), journals.sit);
    this.logs = new Logs(device, layout, this.sit, logs, cp.freeSegmentCount, this.counters.given, {
      reservedSegments: cp.rsvdSegmentCount,
      ssr: options.ssr ?? false,
      dirtyNodes: () => this.nodes.pages.nrDirty,
      dirtyDentries: () => this.dentries.nrDirty,
    });
    this.discards = new Discards(device, layout, this.logs.free, this.counters, options.discard ?? false);
    this.logs.hasCrcRecovery = (cp.ckptFlags & CP.CRC_RECOVERY) !== 0;
    this.space = new Space(cp, layout);
    const seed = hasFeature(sb, 'inode_checksum') ? checksumSeed(sb.uuid) : null;
    this.ioends = new Ioends(device, this.pool);
    this.nodes = new NodeCache(device, layout, this.pool, this.nat, this.sit, this.logs, this.space, this.ioends, seed);
    this.chain = new FsyncChain(device, layout, this.pack, this.nodes);
    this.#clock = options.clock;
    this.#mountedAt = options.clock();
    this.#elapsedAtMount = cp.elapsedTime;
    this.logs.mtime = cp.elapsedTime;
    if (!options.readonly) this.#checkWritable();
  }

  /** Seconds that the volume has been mounted in its life. */
  get elapsedTime(): number {
    const elapsed = this.#elapsedAtMount + Math.max(0, this.#clock() - this.#mountedAt);
    // A clock that jumps must not make a time of it that no mount could read.
    return Math.min(elapsed, Number.MAX_SAFE_INTEGER);
  }

  hasFeature(feature: keyof typeof FEATURES): boolean {
    return hasFeature(this.layout.sb, feature);
  }

  /** Throws EROFS when the volume can't be changed: mounted read-only, or stopped by a failed write of metadata. */
  assertWritable(): void {
    if (this.#stopped !== null) {
      throw new F2fsError('EROFS', `the volume can't be changed any more: ${this.#stopped.message}`, {
        path: this.device.name,
        cause: this.#stopped,
      });
    }
    if (this.readonly) throw new F2fsError('EROFS', 'the volume is mounted read-only', { path: this.device.name });
  }

  get stopped(): boolean {
    return this.#stopped !== null;
  }

  /** Throws EBADF once the mount was ended. */
  assertOpen(): void {
    if (this.isClosed) throw new F2fsError('EBADF', CLOSED, { path: this.device.name });
  }

  /** From now on changes are refused: nobody would write them. */
  unmount(): void {
    this.isClosed = true;
    this.stop(new F2fsError('EBADF', CLOSED));
  }

  /**
   * Makes the volume read-only after a failure that left memory and disk apart: nothing of it is written any more. Source:
   * f2fs_stop_checkpoint.
   */
  stop(error: F2fsError): void {
    this.#stopped ??= error;
    this.ioends.stop(error);
  }

  /**
   * Runs a change that frees blocks. When it comes upon damage half way (two owners of a block, counts too low), memory
   * is no state that a checkpoint may make the truth: the volume is stopped.
   */
  stopOnDamage(change: () => void): void {
    try {
      change();
    } catch (error) {
      if (error instanceof F2fsError && error.code === 'EUCLEAN') this.stop(error);
      throw error;
    }
  }

  /**
   * Writes dirty nodes out, those of directories too if asked to, without a checkpoint: they take no memory then. A failure
   * stops the volume.
   */
  writeNodes(directories: boolean): void {
    this.#orStop(() => this.nodes.writeback(directories));
  }

  /**
   * Makes the present state the one that a mount finds. All dirty data must be written back before. With `umount` the
   * pack says that nothing is to be recovered. Throws what the device threw, and stops the volume: the last checkpoint
   * stays the truth. Source: f2fs_write_checkpoint.
   */
  checkpoint(umount: boolean): void {
    this.#orStop(() => {
      this.logs.mtime = this.elapsedTime;
      this.nodes.writeback(true);
      this.#settleNodes();
      this.#mendSuperblock();
      this.pack = writeCheckpoint(this, umount);
    });
    this.nodes.setCheckpointVersion(this.pack.cp.checkpointVer, this.pack.crc);
    this.counters.checkpoints++;
    this.nat.checkpointed();
    this.discards.note(this.logs.checkpointed());
    this.discards.issue(umount);
    this.space.checkpointed();
    this.hasCheckpointed = true;
    this.treeChanged = false;
    this.hasFsynced = false;
  }

  /**
   * Writes what roll-forward needs to find an inode as it is now: its nodes, the inode last and with the fsync mark. Its data
   * must be on its way. The nodes before it, and data that took the place of other data (`dataFirst`), are down before the
   * inode is sent: as long as that one is not whole, the state before stays. A failure stops the volume. Source:
   * f2fs_do_sync_file.
   */
  fsyncNodes(ino: number, dataFirst: boolean): void {
    this.#orStop(() => {
      this.logs.mtime = this.elapsedTime;
      if (dataFirst || this.nodes.hasDirtyDnodes(ino) || (this.nat.since(ino) & SINCE.UNMARKED) !== 0) {
        this.nodes.writeDnodes(ino);
        this.#settleNodes();
        this.device.flush();
      }
      this.hasFsynced = true;
      this.nodes.writeFsynced(ino);
      this.#settleNodes();
      this.device.flush();
    });
  }

  /**
   * Whether the chain of nodes, with what is dirty, comes near its longest: past that nobody recovers what was fsynced.
   */
  get isChainLong(): boolean {
    const { nodes, space, layout } = this;
    return nodes.chainLength + nodes.pages.nrDirty + CHAIN_SLACK >= longestChain(layout, space.checkpointedBlocks);
  }

  /** Has what was written so far put on stable storage. A failure stops the volume: nobody knows what is there. */
  flush(): void {
    this.#orStop(() => this.device.flush());
  }

  /**
   * Writes the superblock that is not as it should be anew; the flushes of the checkpoint under way are its own. That it can't be
   * written is told and no failure, as in Linux: the other one is whole.
   */
  #mendSuperblock(): void {
    const spare = this.#spare;
    this.#spare = null;
    if (spare?.isToMend !== true) return;
    try {
      writeSpare(this.device, spare, this.layout);
    } catch (error) {
      if (!(error instanceof F2fsError)) throw error;
      const message = `superblock ${spare.blkaddr + 1} could not be written anew: ${error.message}`;
      this.warnings.push(new F2fsError(error.code, message, { path: this.device.name, cause: error }));
    }
  }

  /** Waits for all nodes that were sent. */
  #settleNodes(): void {
    this.ioends.submit();
    const { error } = this.nodes.pages;
    if (error !== null) throw error;
  }

  #orStop(write: () => void): void {
    this.assertWritable();
    try {
      write();
    } catch (error) {
      if (error instanceof F2fsError) this.stop(error);
      throw error;
    }
  }

  #refuseFeatures(bits: number): void {
    // What nobody here knows of may forbid to write, but leaves what is known where it is, as Linux takes it.
    const allowed = this.readonly ? READABLE_FEATURES | ~KNOWN_FEATURES : WRITABLE_FEATURES;
    const missing = featureNames(bits & ~allowed);
    if (missing.length > 0) {
      const how = this.readonly ? 'read' : 'written, only read';
      throw new F2fsError('EOPNOTSUPP', `the volume uses ${missing.join(', ')}, with which it can't be ${how}`, {
        path: this.device.name,
      });
    }
    const { sb, folding } = this.layout;
    if (!this.readonly && (bits & FEATURES.casefold) !== 0 && folding === null) {
      const message = `the volume folds case in a way that is not known, encoding ${sb.sEncoding}: it can't be written, only read`;
      throw new F2fsError('EOPNOTSUPP', message, { path: this.device.name });
    }
    if (sb.devs[0] !== 0) {
      throw new F2fsError('EOPNOTSUPP', 'the volume spans several devices, which is not supported', {
        path: this.device.name,
      });
    }
  }

  /** What is told of features that nobody here knows. */
  #unknownFeatures(bits: number): F2fsError[] {
    const unknown = featureNames(bits & ~KNOWN_FEATURES);
    if (unknown.length === 0) return [];
    const message = `the volume uses ${unknown.join(', ')}, which is not known here: what follows from that is not seen`;
    return [new F2fsError('EOPNOTSUPP', message, { path: this.device.name })];
  }

  /** Source: sanity_check_curseg; and what a writable mount would have to repair first. */
  #checkWritable(): void {
    const { device, layout, pack } = this;
    if (device.readonly) throw new F2fsError('EROFS', 'the device was opened read-only', { path: device.name });
    if (this.#spare !== null && this.#spare.foreign !== null) {
      const { foreign } = this.#spare;
      throw new F2fsError(
        'EINVAL',
        `superblock 1 can't be used and the device seems to be ${foreign.what} now, so nothing is written to it: ${foreign.cure}; only if nothing of that is wanted, take it away with wipefs -a`,
        { path: device.name },
      );
    }
    const { ckptFlags } = pack.cp;
    const refused: [number, string][] = [
      [
        CP.ERROR,
        // fsck.f2fs takes it away with the damage that it mends, and leaves it where it finds none.
        'its checkpoint carries the error mark; run fsck.f2fs -f, and where the mark stays, extract the files and build a new image',
      ],
      [CP.FSCK, 'its checkpoint asks for a check; run fsck.f2fs -f'],
    ];
    for (const [flag, why] of refused) {
      if ((ckptFlags & flag) !== 0) {
        throw new F2fsError('EOPNOTSUPP', `the volume can't be mounted for writing: ${why}`, { path: device.name });
      }
    }
    this.nat.checkJournal();
    for (let log = 0; log < NR_LOGS; log++) {
      const { segno, blkoff, allocType } = this.logs.current[log];
      const start = layout.segmentStart(segno);
      const last = allocType === 0 ? BLKS_PER_SEG : blkoff + 1;
      for (let at = blkoff; at < last; at++) {
        if (this.sit.isValid(start + at))
          throw corrupt('log-on-used-block', { segno }, log, start + blkoff, start + at);
      }
    }
  }
}
