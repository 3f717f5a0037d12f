// What is asked to reach the disk: one inode, everything, or everything and a checkpoint.
import type { Inode } from '../file/inode/inode.ts';
import type { Inodes } from '../file/inode/inodes.ts';
import type { QuotaFiles } from '../file/quota/quota-files.ts';
import { TAG } from '../pagecache/address-space.ts';
import type { Volume } from '../volume/volume.ts';
import { WB_SYNC } from '../writeback/control.ts';
import type { Writeback } from '../writeback/writeback.ts';
import type { Memory } from './memory.ts';
import type { Reclaim } from './reclaim.ts';

export interface SyncParts {
  volume: Volume;
  writeback: Writeback;
  inodes: Inodes;
  memory: Memory;
  reclaim: Reclaim;
  quotas: QuotaFiles;
}

export class Sync {
  readonly #parts: SyncParts;

  constructor(parts: SyncParts) {
    this.#parts = parts;
  }

  /** Writes everything back and writes a checkpoint. Throws the first failure; the last checkpoint is the truth then. */
  volume(umount: boolean): void {
    const { volume, memory, reclaim } = this.#parts;
    memory.assertNotFilling();
    this.#pages(true);
    // Nothing that counts for anybody changes any more.
    for (const file of this.#parts.quotas.apply()) this.inode(file);
    volume.checkpoint(umount);
    reclaim.checkpointed();
  }

  /** The same where the caller did not ask for a checkpoint, but one is needed. Throws ENOSPC where they are explicit. */
  checkpoint(): void {
    this.#parts.reclaim.assertAuto();
    this.volume(false);
  }

  /** Writes every dirty page of files and directories, and waits. Throws the first failure. */
  pages(): void {
    this.#pages(false);
  }

  #pages(nodesFollow: boolean): void {
    const { volume, writeback, inodes, memory } = this.#parts;
    volume.assertWritable();
    memory.beginSync(nodesFollow);
    memory.writeBack(true, WB_SYNC.ALL);
    volume.stopOnDamage(() => writeback.queue.drain());
    volume.ioends.submit();
    volume.ioends.takeFailure();
    const error = inodes.takeError();
    if (error !== null) throw error;
  }

  /** Writes an inode's dirty pages and waits for them. Throws what went wrong. Source: filemap_write_and_wait. */
  inode(inode: Inode, needInPlace = false): void {
    const { volume, writeback, inodes, memory } = this.#parts;
    volume.assertWritable();
    volume.stopOnDamage(() => {
      inodes.writePages(inode, {
        syncMode: WB_SYNC.ALL,
        needInPlace,
        reclaimFrames: () => memory.reclaimClean(),
      });
      writeback.wait(inode.pages);
    });
    const error = inode.pages.error !== null ? inodes.takeError() : null;
    if (error !== null) throw error;
  }

  /** Waits until no page of an inode is on its way to disk. Source: filemap_fdatawait. */
  settle(inode: Inode): void {
    const { volume, writeback } = this.#parts;
    if (inode.pages.nextTagged(TAG.WRITEBACK, 0, Number.POSITIVE_INFINITY) >= 0)
      volume.stopOnDamage(() => writeback.wait(inode.pages));
  }
}
