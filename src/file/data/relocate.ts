// Moves data blocks for cleaning: copied on disk, whatever the page cache holds of them, so it is all the same whether they
// are a file's, a directory's or a compressed cluster's. Source: is_alive, move_data_block.
import { corrupt, F2fsError } from '../../errors.ts';
import { LOG, NULL_ADDR, S_IFDIR, S_IFLNK, S_IFREG } from '../../format/constants.ts';
import { INLINE } from '../../format/inode.ts';
import { isDnodeOffset, XATTR_NODE_OFFSET } from '../../format/node.ts';
import { BlockRun } from '../../volume/block-run.ts';
import { cannotMove, type OwnedRun } from '../../volume/cleaner.ts';
import { SINCE } from '../../volume/nat.ts';
import type { Volume } from '../../volume/volume.ts';
import type { Inode } from '../inode/inode.ts';
import type { Inodes } from '../inode/inodes.ts';
import { forgetExtent } from './block-map.ts';

/** Types whose addresses are those of data blocks. */
const HAS_DATA = new Set<number>([S_IFREG, S_IFDIR, S_IFLNK]);

export class Relocator {
  readonly #given = new BlockRun();
  readonly #volume: Volume;
  readonly #blockSize: number;
  readonly #inodes: Inodes;

  constructor(volume: Volume, inodes: Inodes) {
    this.#volume = volume;
    this.#blockSize = volume.layout.block.blockSize;
    this.#inodes = inodes;
  }

  /** See DataMover. The blocks must be on disk. Throws EBUSY for a pinned file, EIO when a block can't be written. */
  move(run: OwnedRun, content: Uint8Array): void {
    const { nat, pool } = this.#volume;
    const { nid, blkaddr, nrBlocks, ofsInNode } = run;
    nat.check(nid);
    if (nat.blkaddrOf(nid) === NULL_ADDR) throw corrupt('summary-node-free', placeOf(run));
    const version = nat.versionOf(nid);
    if (version !== run.version) throw corrupt('summary-version', placeOf(run), run.version, version);
    const ino = nat.inoOf(nid);
    const inode = cannotMove(blkaddr, () => this.#inode(ino));
    const addrs = this.#addresses(inode, run);
    for (let i = 0; i < nrBlocks; i++) {
      const found = pool.view.getUint32(addrs + 4 * (ofsInNode + i), true);
      if (found !== blkaddr + i) throw corrupt('summary-address', placeOf(run), ofsInNode + i, found);
    }
    if ((inode.load().iInline & INLINE.PIN_FILE) !== 0) {
      throw new F2fsError('EBUSY', `a pinned file lies there: its blocks must stay where they are`, { ino, blkaddr });
    }
    // An fsync must tell of it: what is written in place from now on is at the new blocks.
    nat.note(ino, SINCE.MOVED | SINCE.REPLACED);
    this.#copy(run, addrs, content);
    if (inode.load().extLen !== 0) forgetExtent(inode.change());
  }

  #inode(ino: number): Inode {
    return this.#volume.orphans.has(ino) ? this.#inodes.getOrphan(ino) : this.#inodes.get(ino);
  }

  /** Byte offset in the pool's memory of the first address of the run's node. */
  #addresses(inode: Inode, run: OwnedRun): number {
    const { nodes } = this.#volume;
    const { nid } = run;
    const end = run.ofsInNode + run.nrBlocks;
    if (nid === inode.ino) {
      const hasInline = inode.hasInline(INLINE.DATA) || inode.hasInline(INLINE.DENTRY);
      if (!HAS_DATA.has(inode.type) || hasInline) throw corrupt('summary-inode', placeOf(run));
      if (end > inode.addrsPerInode) throw corrupt('summary-address-count', placeOf(run), inode.addrsPerInode);
      return inode.addrOffset;
    }
    const pfn = cannotMove(run.blkaddr, () => nodes.get(nid, inode.ino));
    const offset = nodes.offsetOf(pfn);
    if (!isDnodeOffset(offset, this.#volume.layout.block) || offset === XATTR_NODE_OFFSET)
      throw corrupt('summary-no-dnode', placeOf(run));
    if (end > inode.addrsPerBlock) throw corrupt('summary-address-count', placeOf(run), inode.addrsPerBlock);
    return pfn * this.#blockSize;
  }

  /** Whatever could not be written stays where it is. */
  #copy({ nid, version, ofsInNode, blkaddr, nrBlocks }: OwnedRun, addrs: number, content: Uint8Array): void {
    const { logs, nodes, pool, device } = this.#volume;
    for (let done = 0; done < nrBlocks; ) {
      logs.allocate(LOG.COLD_DATA, nrBlocks - done, nid, version, ofsInNode + done, this.#given);
      const { blkaddr: to, count: given } = this.#given;
      try {
        device.write(to, [content.subarray(done * this.#blockSize, (done + given) * this.#blockSize)]);
      } catch (error) {
        for (let i = 0; i < given; i++) logs.invalidate(to + i);
        throw error;
      }
      nodes.markDirty(nid);
      for (let i = 0; i < given; i++) {
        pool.view.setUint32(addrs + 4 * (ofsInNode + done + i), to + i, true);
        logs.invalidate(blkaddr + done + i);
      }
      done += given;
    }
  }
}

/** What a fault of a run is about: the SIT has the block in use, but its summary and the node named there do not agree on it. */
function placeOf({ blkaddr, nid }: OwnedRun) {
  return { blkaddr, nid };
}
