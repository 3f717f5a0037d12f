// How many blocks a tree will take, before any is written: exact, but for zeros that are to become holes.
import { MerkleShape, type VerityFormat } from '../file/verity/merkle.ts';
import type { BlockGeometry } from '../format/block-size.ts';
import { FEATURES } from '../format/constants.ts';
import { dentryLayout, dentrySlots } from '../format/dentry.ts';
import { DentryPlaces } from '../format/dentry-places.ts';
import { nameHash } from '../format/hash.ts';
import { addrsPerInode, DEFAULT_INLINE_XATTR_ADDRS, extraIsizeFor, maxInlineData } from '../format/inode.ts';
import { addrsPerBlock } from '../format/node.ts';
import { blocksOf } from '../format/node-count.ts';
import { VERITY_XATTR_NAME, VerityDescriptor, VerityLocation, verityMetadataPos } from '../format/verity.ts';
import { XattrHeader, xattrEntrySize } from '../format/xattr.ts';
import type { FoldedDirectories } from '../source/folded-names.ts';
import type { SourceTree } from '../source/source-tree.ts';
import type { CompressChoice } from './compress-choice.ts';
import type { FileChoice } from './file-choice.ts';

/** Which files are put under verity, and how. */
export interface Verity {
  readonly format: VerityFormat;
  readonly choice: Pick<FileChoice, 'has'>;
}

/** Counts the blocks of one tree, for a volume with such blocks and the features `feature`. */
export class Estimate {
  readonly #tree: SourceTree;
  readonly #block: BlockGeometry;
  readonly #hasLostFound: boolean;
  readonly #extraIsize: number;
  readonly #addrsPerInode: number;
  readonly #inlineBytes: number;
  readonly #compressed: CompressChoice | null;
  readonly #clusterPages: number;
  readonly #folded: FoldedDirectories | null;
  readonly #verity: Verity | null;

  /**
   * @param compressed the files that get clusters, of `clusterPages` pages
   * @param folded the directories that fold case
   */
  constructor(
    tree: SourceTree,
    block: BlockGeometry,
    feature: number,
    compressed: CompressChoice | null = null,
    clusterPages = 1,
    folded: FoldedDirectories | null = null,
    verity: Verity | null = null,
  ) {
    this.#verity = verity;
    this.#tree = tree;
    this.#block = block;
    this.#compressed = compressed;
    this.#clusterPages = clusterPages;
    this.#folded = folded;
    this.#hasLostFound = (feature & FEATURES.lost_found) !== 0;
    this.#extraIsize = extraIsizeFor(feature);
    this.#addrsPerInode = addrsPerInode(this.#extraIsize, DEFAULT_INLINE_XATTR_ADDRS, 1, block);
    this.#inlineBytes = maxInlineData(this.#extraIsize, DEFAULT_INLINE_XATTR_ADDRS, block);
  }

  /** Blocks of all entries, the root's own and lost+found's included; counted in steps. */
  *blocks(): Generator<void, number> {
    const tree = this.#tree;
    // Its inode and its block of dentries.
    let blocks = this.#hasLostFound ? 2 : 0;
    // Groups whose first name is left out, and that have another.
    const renamed = new Set<number>();
    for (let i = 0; i < tree.count; i++) {
      if (this.#folded?.isLeftOut(i)) continue;
      const group = tree.linkGroup(i);
      if (group >= 0 && group !== i) {
        if (!this.#folded?.isLeftOut(group) || renamed.has(group)) continue;
        renamed.add(group);
      }
      blocks += 1 + this.#contentBlocks(i) + (tree.hasXattrs(i) ? this.#xattrBlocks(i) : 0);
      yield;
    }
    return blocks;
  }

  #contentBlocks(i: number): number {
    const type = this.#tree.type(i);
    if (type === 'dir') return this.#directoryBlocks(i);
    if (type !== 'file' && type !== 'symlink') return 0;
    const block = this.#block;
    const isVerity = type === 'file' && this.#verity?.choice.has(i) === true;
    const data = this.#tree.dataPages(i, block.blockSize);
    const pages = isVerity ? this.#withHashes(i, data) : data;
    // All pages of a compressed cluster stay reserved, and a node holds whole clusters only.
    if (type === 'file' && this.#compressed?.has(i)) {
      const inInode = addrsPerInode(this.#extraIsize, DEFAULT_INLINE_XATTR_ADDRS, this.#clusterPages, block);
      return blocksOf(pages, inInode, block, addrsPerBlock(this.#clusterPages, block));
    }
    if (this.#tree.size(i) <= this.#inlineBytes && !isVerity) return 0;
    return type === 'file' ? blocksOf(pages, this.#addrsPerInode, block) : 1;
  }

  /** What verity has behind the end of the file. */
  *#withHashes(i: number, data: Iterable<readonly [number, number]>): Generator<readonly [number, number]> {
    const size = this.#tree.size(i);
    const { treeBytes } = new MerkleShape(size, (this.#verity as Verity).format);
    const { blockSize } = this.#block;
    const first = verityMetadataPos(size) / blockSize;
    yield* data;
    yield [first, first + Math.ceil((treeBytes + VerityDescriptor.size) / blockSize)];
  }

  #xattrBlocks(i: number): number {
    let bytes = XattrHeader.size;
    if (this.#tree.type(i) === 'file' && this.#verity?.choice.has(i))
      bytes += xattrEntrySize(VERITY_XATTR_NAME.length, VerityLocation.size);
    for (const { name, value } of this.#tree.xattrs(i).found) bytes += xattrEntrySize(name.length, value.length);
    return bytes > DEFAULT_INLINE_XATTR_ADDRS * 4 ? 1 : 0;
  }

  /** Adds the names as the directory will: into the inode, then into block 0, then by their hashes. */
  #directoryBlocks(dir: number): number {
    const tree = this.#tree;
    const isRoot = dir === 0;
    const first = tree.firstChild(dir);
    const end = first + tree.nrChildren(dir);
    // `.` and `..`; mkfs gives the root a block, with lost+found in it, if there is one.
    if (!isRoot) {
      const inlineSlots = dentryLayout(this.#inlineBytes).slots;
      let slots = 2;
      for (let child = first; child < end; child++) {
        if (!this.#folded?.isLeftOut(child)) slots += dentrySlots(tree.nameLength(child));
      }
      if (slots <= inlineSlots) return 0;
    }
    const places = new DentryPlaces(isRoot && this.#hasLostFound ? 4 : 2, this.#block.dentriesPerBlock);
    const folding = this.#folded?.has(dir) ? this.#folded.folding : null;
    for (let child = first; child < end; child++) {
      if (this.#folded?.isLeftOut(child)) continue;
      const name = tree.name(child);
      places.add(name.length, folding === null ? nameHash(name) : folding.hash(name));
    }
    return blocksOf(
      places.blocks().map((block) => [block, block + 1]),
      this.#addrsPerInode,
      this.#block,
    );
  }
}
