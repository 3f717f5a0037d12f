// Roll-forward: what was fsynced since the last checkpoint is found in the chain of nodes written since, and put in force. All in
// memory; a checkpoint makes it last.
import { corrupt, F2fsError } from '../../errors.ts';
import { NAME_LEN_MAX, NULL_ADDR, S_IFMT, S_IFREG } from '../../format/constants.ts';
import { fileTypeOf } from '../../format/dentry.ts';
import { nameHash } from '../../format/hash.ts';
import { ADVISE, I_ADDR_OFFSET, INLINE, Inode as InodeView } from '../../format/inode.ts';
import { XATTR_NODE_OFFSET } from '../../format/node.ts';
import { utf8Bytes } from '../../platform/bytes.ts';
import { type ChainNode, segmentsToRecover } from '../../volume/fsync-chain.ts';
import type { Volume } from '../../volume/volume.ts';
import type { BlockMap } from '../data/block-map.ts';
import { checkName, type Directories, isDots } from '../directory/directory.ts';
import { MIN_CIPHERTEXT_BYTES, type StoredName } from '../directory/stored-names.ts';
import type { Inode } from '../inode/inode.ts';
import { type Inodes, setParent } from '../inode/inodes.ts';
import type { Xattrs } from '../xattr/xattrs.ts';
import { InodeRecovery } from './recovered-inode.ts';

const HASH_BYTES = 4;
const ON_LINUX = 'mount it once on Linux, or read it with recovery: false';

/** What roll-forward asks of its owner. */
export interface RecoveryRules {
  /** Frees frames; called between nodes, when no frame number is held. */
  reclaimFrames(): void;
  /** A directory's contents change now. */
  touch(dir: Inode): void;
}

/** An inode with an fsynced node. */
interface Fsynced {
  readonly inode: Inode;
  /** Where the last of its inode's blocks with the dentry mark lies, or -1. */
  lastDentry: number;
}

export class Recovery {
  readonly #volume: Volume;
  readonly #inodes: Inodes;
  readonly #directories: Directories;
  readonly #rules: RecoveryRules;
  readonly #recovery: InodeRecovery;
  /** Inodes with fsynced nodes, and where the last one lies. */
  readonly #marked = new Map<number, number>();
  /** Where the last of all lies. */
  #last = -1;

  constructor(
    volume: Volume,
    map: BlockMap,
    inodes: Inodes,
    directories: Directories,
    xattrs: Xattrs,
    rules: RecoveryRules,
  ) {
    this.#volume = volume;
    this.#inodes = inodes;
    this.#directories = directories;
    this.#rules = rules;
    this.#recovery = new InodeRecovery(volume, map, inodes, xattrs);
  }

  /**
   * Finds out whether there is anything to bring back, and keeps the logs off it. To be called before anything is written. Throws
   * EUCLEAN for a chain that has no end.
   */
  prepare(): boolean {
    const { chain, logs } = this.#volume;
    const nodes: number[] = [];
    let nrNeeded = 0;
    chain.walk((node) => {
      nodes.push(node.blkaddr);
      if (!node.hasFsyncMark) return true;
      this.#marked.set(node.ino, node.blkaddr);
      this.#last = node.blkaddr;
      nrNeeded = nodes.length;
      return true;
    });
    if (nrNeeded === 0) return false;
    for (const blkaddr of nodes.slice(0, nrNeeded)) logs.hold(blkaddr);
    this.#holdData();
    // What was written later was not asked for. It is kept too, so that the chain stays one, but not at the price of the recovery.
    const wanted = segmentsToRecover(nrNeeded);
    for (const blkaddr of nodes.slice(nrNeeded)) if (logs.free.segments > wanted) logs.hold(blkaddr);
    return true;
  }

  /**
   * Brings back what was fsynced: the volume is as it was then, in memory. Nothing that it was read from is written over before a
   * checkpoint. Throws EUCLEAN for a damaged chain, ENOSPC, ENOMEM: the volume in memory is of no use then. Source:
   * f2fs_recover_fsync_data.
   */
  run(): void {
    this.#recover(this.#find());
  }

  /** Frees the inodes without a name that were open when the power failed. Source: f2fs_recover_orphan_inodes. */
  removeOrphans(): void {
    for (const ino of this.#volume.orphans) {
      this.#rules.reclaimFrames();
      const inode = this.#inodes.getOrphan(ino);
      const { iLinks } = inode.load();
      if (iLinks !== 0) {
        throw corrupt('orphan-links', { ino }, iLinks);
      }
      this.#inodes.evict(inode);
    }
  }

  /** Visits the nodes of the chain up to the last fsynced one. */
  #walk(visit: (node: ChainNode) => void): void {
    this.#volume.chain.walk((node) => {
      visit(node);
      return node.blkaddr !== this.#last;
    });
  }

  /** Finds the inodes with fsynced nodes, and makes those that the checkpoint does not have. Source: find_fsync_dnodes. */
  #find(): Map<number, Fsynced> {
    const { nat } = this.#volume;
    const found = new Map<number, Fsynced>();
    this.#walk((node) => {
      if (!node.hasFsyncMark) return;
      const isNew = node.isInode && node.hasDentryMark;
      const { ino } = node;
      let entry = found.get(ino);
      if (entry === undefined) {
        this.#rules.reclaimFrames();
        nat.check(ino);
        if (isNew) this.#create(node);
        // Its inode may come later in the chain.
        else if (nat.blkaddrOf(ino) === NULL_ADDR) return;
        entry = { inode: this.#inodes.get(ino), lastDentry: -1 };
        if (isNew) entry.inode.countForOwners(1);
        if (!entry.inode.isRegular) throw corrupt('fsynced-owner', { ino });
        found.set(ino, entry);
      }
      if (isNew) entry.lastDentry = node.blkaddr;
    });
    return found;
  }

  #create(node: ChainNode): void {
    const { iMode, iInline } = new InodeView(node.view);
    if ((iMode & S_IFMT) !== S_IFREG || (iInline & INLINE.DENTRY) !== 0 || node.offset !== 0) {
      throw corrupt('fsynced-inode', { ino: node.ino, blkaddr: node.blkaddr });
    }
    this.#recovery.create(node);
  }

  /** Keeps the logs off the data that fsynced nodes lead to. */
  #holdData(): void {
    const { logs, layout, sit } = this.#volume;
    const done = new Set<number>();
    this.#walk((node) => {
      const last = this.#marked.get(node.ino);
      if (last === undefined || done.has(node.ino)) return;
      if (node.blkaddr === last) done.add(node.ino);
      const isInline = node.isInode && (new InodeView(node.view).iInline & INLINE.DATA) !== 0;
      if (isInline || node.offset === XATTR_NODE_OFFSET) return;
      const from = node.isInode ? I_ADDR_OFFSET : 0;
      const end = node.isInode ? layout.block.inodeNidsOffset : 4 * layout.block.addrsPerNode;
      for (let at = from; at < end; at += 4) {
        const blkaddr = node.view.getUint32(at, true);
        if (blkaddr !== NULL_ADDR && layout.inMain(blkaddr) && !sit.isValid(blkaddr)) logs.hold(blkaddr);
      }
    });
  }

  /** Source: recover_data. */
  #recover(fsynced: Map<number, Fsynced>): void {
    this.#walk((node) => {
      const entry = fsynced.get(node.ino);
      if (entry === undefined) return;
      this.#rules.reclaimFrames();
      const { inode } = entry;
      // Another one may have taken its name.
      if (!inode.gone) {
        this.#recovery.apply(inode, node);
        if (node.blkaddr === entry.lastDentry) this.#recoverName(inode, node);
      }
      if (node.blkaddr === this.#marked.get(node.ino)) {
        if (!inode.gone) this.#recovery.finish(inode);
        fsynced.delete(node.ino);
      }
    });
  }

  /** Gives an inode the name that it notes; who has it now loses it. Source: recover_dentry. */
  #recoverName(inode: Inode, node: ChainNode): void {
    const { ino, blkaddr } = node;
    const { iPino } = new InodeView(node.view);
    const dir = this.#inodes.get(iPino);
    if (!dir.isDirectory) {
      throw corrupt('fsynced-parent', { ino, blkaddr }, iPino);
    }
    const name = this.#notedName(dir, node);
    const there = this.#directories.lookupStored(dir, name);
    if (there?.ino === ino) return;
    if (there !== null) this.#displace(dir, name, this.#inodes.get(there.ino));
    this.#directories.addStored(dir, name, ino, fileTypeOf(inode.mode));
    setParent(inode, dir.ino, name.bytes);
    if (dir.isEncrypted) noteEncrypted(inode, name, dir.foldsCase);
    this.#rules.touch(dir);
  }

  /**
   * The name that a chain's inode notes, as its directory stores it, which takes no key. Throws EUCLEAN for what can't be one,
   * EOPNOTSUPP where nobody here knows how case is folded. Source: init_recovered_filename.
   */
  #notedName(dir: Inode, { ino, blkaddr, bytes: block, view }: ChainNode): StoredName {
    const { iNamelen } = new InodeView(view);
    const at = InodeView.offsets.iName;
    const bytes = block.slice(at, at + Math.min(iNamelen, NAME_LEN_MAX));
    const hasHash = dir.isEncrypted && dir.foldsCase;
    const most = hasHash ? NAME_LEN_MAX - HASH_BYTES : NAME_LEN_MAX;
    if (iNamelen > most || !(dir.isEncrypted ? iNamelen >= MIN_CIPHERTEXT_BYTES : isName(bytes))) {
      throw corrupt('fsynced-name', { ino, blkaddr }, iNamelen);
    }
    if (dir.isEncrypted) {
      const hash = hasHash ? view.getUint32(at + iNamelen, true) : nameHash(bytes);
      return { bytes, hash, digest: null, folded: null };
    }
    if (dir.foldsCase && this.#volume.layout.folding === null) {
      const message = `a fsynced file is to be recovered in directory ${dir.ino}, which folds case in an unknown way: ${ON_LINUX}`;
      throw new F2fsError('EOPNOTSUPP', message, { ino });
    }
    return this.#directories.stored(dir, bytes) as StoredName;
  }

  /**
   * Takes a name off an inode, since it was removed before the crash. A directory is kept under another name when it is not empty:
   * nobody knows what became of its contents. Source: f2fs_delete_entry.
   */
  #displace(dir: Inode, name: StoredName, inode: Inode): void {
    const keeps = inode.isDirectory && !this.#directories.isEmpty(inode);
    if (keeps && dir.isEncrypted) {
      const message = `a fsynced file is to take the name of directory ${inode.ino}, which would be lost: ${ON_LINUX}`;
      throw new F2fsError('EOPNOTSUPP', message, { ino: inode.ino });
    }
    const place = this.#directories.findStored(dir, name);
    if (place !== null) this.#directories.remove(dir, place);
    if (keeps) {
      const other = utf8Bytes(`#${inode.ino}`);
      this.#directories.addStored(
        dir,
        this.#directories.stored(dir, other) as StoredName,
        inode.ino,
        fileTypeOf(inode.mode),
      );
      setParent(inode, dir.ino, other);
      return;
    }
    const raw = inode.change();
    if (inode.isDirectory) {
      dir.change().iLinks--;
      raw.iLinks = 0;
    } else {
      raw.iLinks--;
    }
    if (raw.iLinks > 0) return;
    this.#volume.orphans.add(inode.ino);
    this.#inodes.evict(inode);
  }
}

/** A name that is ciphertext is marked as that; the hash, which takes the key, stands behind it. Source: init_dent_inode. */
function noteEncrypted(inode: Inode, { bytes, hash }: StoredName, hasHash: boolean): void {
  const raw = inode.change();
  raw.iAdvise |= ADVISE.ENC_NAME;
  if (hasHash) raw.dv.setUint32(raw.base + InodeView.offsets.iName + bytes.length, hash, true);
}

function isName(name: Uint8Array): boolean {
  try {
    checkName(name);
    return !isDots(name);
  } catch (error) {
    if (error instanceof F2fsError) return false;
    throw error;
  }
}
