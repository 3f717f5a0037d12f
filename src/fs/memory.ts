// The memory of one mount, kept within its budget: when what is dirty is written out, and when frames are taken away. No
// other place takes any.

import type { ClusterBuffers } from '../compress/cluster-buffers.ts';
import { F2fsError } from '../errors.ts';
import type { FileData } from '../file/data/file-data.ts';
import type { Inodes } from '../file/inode/inodes.ts';
import type { Volume } from '../volume/volume.ts';
import { type SyncMode, WB_SYNC } from '../writeback/control.ts';
import type { Writeback } from '../writeback/writeback.ts';
import type { Reclaim } from './reclaim.ts';

/** Bytes of files that may be dirty before they are written out; less in a small memory. */
const MAX_DIRTY_BYTES = 16 * 2 ** 20;
/** Frames that an operation may take without asking: a folio, and the nodes and dentry blocks that one step touches. */
const RESERVED_FRAMES = 640;

/** What keeps pages, and what makes them clean. */
export interface MemoryUsers {
  volume: Volume;
  writeback: Writeback;
  buffers: ClusterBuffers;
  inodes: Inodes;
  data: FileData;
  reclaim: Reclaim;
}

/**
 * Each public method but `keep` and `takeFailure` is a point at which frames may go: whoever holds a frame number must not
 * call it. The environment variable F2FS_STRESS_FRAMES makes a breach of that fail (pagecache/checked-pool.ts).
 */
export class Memory {
  readonly #users: MemoryUsers;
  /** Pages that may be dirty before files (nodes) are written out. */
  readonly #dirtyLimit: number;
  /** Dirty file and directory pages that the last background writeback left: directories wait for a sync. */
  #dirtyFloor = 0;
  /** The same of nodes. */
  #nodeFloor = 0;
  /** What failed in the background and nobody has been told of. */
  #failure: F2fsError | null = null;

  constructor(users: MemoryUsers) {
    this.#users = users;
    const { pool } = users.volume;
    this.#dirtyLimit = Math.min(MAX_DIRTY_BYTES / pool.pageSize, Math.floor(pool.nrFrames / 8));
  }

  /**
   * Keeps dirty pages below their limit and enough frames free for an operation. What goes wrong in the background is not
   * this caller's fault: it is kept for the next that changes something. Throws EBADF once the mount was ended, EBUSY from
   * within the source of a write. Source: f2fs_balance_fs_bg, balance_dirty_pages.
   */
  balance(): void {
    const { volume, inodes, buffers } = this.#users;
    volume.assertOpen();
    this.assertNotFilling();
    if (!volume.readonly && !volume.stopped && this.#isPastLimits) this.inBackground(() => this.#writeSome());
    inodes.trim();
    if (buffers.isWanted) this.#prepareBuffers();
    this.reclaimFrames();
  }

  /** Balances on behalf of someone who changes the volume. Throws what failed in the background since the last call. */
  throttle(): void {
    const { volume, inodes, reclaim } = this.#users;
    volume.assertOpen();
    volume.assertWritable();
    this.balance();
    const failure = this.#failure ?? (volume.ioends.takeFailure() ? inodes.takeError() : null);
    this.#failure = null;
    if (failure !== null) throw failure;
    reclaim.assertRoom();
  }

  /** Balances on behalf of someone who takes no blocks. What fails in the background is not told: removing a file may be the cure. */
  balanceChange(): void {
    const { volume, reclaim } = this.#users;
    volume.assertOpen();
    volume.assertWritable();
    this.balance();
    reclaim.assertCheckpointFits();
  }

  /** Keeps enough frames free for an operation, and writes no checkpoint for it. Else as `balance`. */
  reclaimFrames(): void {
    const { volume, writeback } = this.#users;
    if (!this.#isShort()) return;
    this.#reclaim(() => {
      this.writeBack(true, WB_SYNC.NONE);
      volume.stopOnDamage(() => writeback.queue.drain());
      this.#dirtyFloor = 0;
    });
  }

  /** The same within writeback: it writes no pages of files. */
  reclaimClean(): void {
    if (this.#isShort()) this.#reclaim(() => {});
  }

  /** Writes dirty pages of files, and of directories if asked. Throws what ends a volume only. */
  writeBack(directories: boolean, syncMode: SyncMode): void {
    const { volume, inodes } = this.#users;
    volume.stopOnDamage(() => inodes.writeback(directories, syncMode, () => this.reclaimClean()));
  }

  /** Before all pages of files and directories are written, nodes too if said so: who does that is told what fails. */
  beginSync(nodes: boolean): void {
    this.#dirtyFloor = 0;
    if (nodes) this.#nodeFloor = 0;
    this.#failure = null;
  }

  /** Does what nobody waits for: what fails is kept for the next who changes something. */
  inBackground(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof F2fsError)) throw error;
      this.keep(error);
    }
  }

  /** Keeps a failure for the next who changes something. */
  keep(error: F2fsError): void {
    this.#failure ??= error;
  }

  assertNotFilling(): void {
    if (!this.#users.data.isFilling) return;
    throw new F2fsError('EBUSY', 'the source of a write uses the mount that is written to: read what it gives before');
  }

  get #nrDirtyNodes(): number {
    return this.#users.volume.nodes.pages.nrDirty;
  }

  /** Of files and directories. */
  get #nrDirtyPages(): number {
    return this.#users.volume.pool.nrDirty - this.#nrDirtyNodes;
  }

  get #hasManyDirtyPages(): boolean {
    return this.#nrDirtyPages > this.#dirtyFloor + this.#dirtyLimit;
  }

  get #hasManyDirtyNodes(): boolean {
    return this.#nrDirtyNodes > this.#nodeFloor + this.#dirtyLimit;
  }

  get #isPastLimits(): boolean {
    return this.#hasManyDirtyPages || this.#hasManyDirtyNodes || this.#users.reclaim.isDue;
  }

  /** Writes out what is past the limits. */
  #writeSome(): void {
    const { volume, reclaim } = this.#users;
    if (reclaim.isDue) volume.stopOnDamage(() => reclaim.run());
    if (this.#hasManyDirtyPages) {
      this.writeBack(false, WB_SYNC.NONE);
      this.#dirtyFloor = this.#nrDirtyPages;
    }
    if (this.#hasManyDirtyNodes) {
      volume.writeNodes(false);
      this.#nodeFloor = this.#nrDirtyNodes;
    }
  }

  /** Compression needs long runs of frames: when there are none, everything is written out and let go of. */
  #prepareBuffers(): void {
    const { volume, buffers } = this.#users;
    const { pool, ioends, readonly, stopped } = volume;
    // What they take is theirs to the end, and none of what operations are kept frames free for.
    pool.beginStep(pool.nrFrames);
    if (buffers.prepare()) return;
    if (!readonly && !stopped) {
      this.inBackground(() => this.writeBack(true, WB_SYNC.NONE));
      this.inBackground(() => volume.writeNodes(true));
      ioends.submit();
    }
    this.#evict(pool.nrFrames);
    // When it fails even so, whoever reads or writes a compressed cluster is told.
    if (!buffers.prepare()) buffers.giveUp();
  }

  #isShort(): boolean {
    const { pool } = this.#users.volume;
    pool.beginStep(RESERVED_FRAMES);
    return pool.freeFrames < RESERVED_FRAMES;
  }

  /** Frees frames: first those that are clean, then nodes; `more` may make others clean. */
  #reclaim(more: () => void): void {
    const { volume, writeback } = this.#users;
    const { pool, readonly, stopped } = volume;
    const target = Math.min(Math.max(2 * RESERVED_FRAMES, pool.nrFrames >>> 4), Math.floor(pool.nrFrames * 0.75));
    if (this.#evict(target) || readonly || stopped) return;
    this.inBackground(() => volume.stopOnDamage(() => writeback.queue.drain()));
    this.inBackground(more);
    this.inBackground(() => volume.writeNodes(true));
    this.#nodeFloor = 0;
    this.#evict(target);
  }

  /** Takes clean frames away until `target` are free; says whether they are. */
  #evict(target: number): boolean {
    const { pool, ioends } = this.#users.volume;
    return pool.reclaim(target, () => ioends.settleOldest());
  }
}
