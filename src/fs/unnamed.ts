// Inodes that have lost their last name: they go with their last handle, and are orphans until then.
import { F2fsError } from '../errors.ts';
import type { Inode } from '../file/inode/inode.ts';
import type { Inodes } from '../file/inode/inodes.ts';
import type { Volume } from '../volume/volume.ts';
import type { Memory } from './memory.ts';

export class UnnamedInodes {
  readonly #volume: Volume;
  readonly #inodes: Inodes;
  readonly #memory: Memory;

  constructor(volume: Volume, inodes: Inodes, memory: Memory) {
    this.#volume = volume;
    this.#inodes = inodes;
    this.#memory = memory;
  }

  /**
   * Frees an inode that has neither name nor handle. Name and handle are gone for good: what fails but for damage is kept for the
   * next who changes something, and the inode stays an orphan.
   */
  evict(inode: Inode): void {
    try {
      this.#volume.stopOnDamage(() => this.#inodes.evict(inode));
    } catch (error) {
      if (!(error instanceof F2fsError) || error.code === 'EUCLEAN') throw error;
      this.#volume.orphans.add(inode.ino);
      this.#memory.keep(error);
    }
  }

  /** A handle on an inode is gone; with the last one goes an inode without a name. */
  release(inode: Inode): void {
    this.#inodes.release(inode);
    this.evictIfUnused(inode);
  }

  /** Frees an inode that lost its last name while it was held, once nobody does. */
  evictIfUnused(inode: Inode): void {
    const { orphans, readonly, stopped } = this.#volume;
    if (inode.opens > 0 || inode.gone || !orphans.has(inode.ino) || readonly || stopped) return;
    this.#memory.balance();
    this.evict(inode);
  }

  /** Frees all of them, whoever holds them: for an unmount, after which nobody does. */
  evictAll(): void {
    for (const ino of this.#volume.orphans) {
      this.#memory.balance();
      this.#memory.inBackground(() => this.evict(this.#inodes.getOrphan(ino)));
    }
  }
}
