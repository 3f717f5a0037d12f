// The nodes of one inode as they are written: addresses come in the order of the pages, and each node goes to its log once all that is
// in it is known, the inode last.
import type { BlockGeometry } from '../format/block-size.ts';
import { LOG, type Log } from '../format/constants.ts';
import { NodePath, nodePath, writeFooter, XATTR_NODE_OFFSET } from '../format/node.ts';
import { viewOf } from '../format/struct.ts';
import { BlockRun } from '../volume/block-run.ts';
import type { Volume } from '../volume/volume.ts';
import type { BlockWriter } from './block-writer.ts';

/** A node that is being filled, at one level below the inode. */
class OpenNode {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** 0: there is none. */
  nid = 0;
  /** Its offset in the inode's tree. */
  offset = 0;

  constructor({ blockSize }: BlockGeometry) {
    this.bytes = new Uint8Array(blockSize);
    this.view = viewOf(this.bytes);
  }
}

const MAX_LEVEL = 3;

export class NodeWriter {
  readonly #volume: Volume;
  readonly #block: BlockGeometry;
  readonly #writer: BlockWriter;
  readonly #run = new BlockRun();
  readonly #path = new NodePath();
  /** By level; the inode itself is at 0. */
  readonly #nodes: readonly OpenNode[];
  /** Level of the node that holds addresses now. */
  #level = 0;
  #isDirectory = false;
  #addrOffset = 0;
  #addrsPerInode = 0;
  #addrsPerBlock = 0;
  /** Number and address of each node that was written, should the file be taken back. */
  readonly #written: number[] = [];
  /** Where the last page sought has its address: within `view`, from byte `at` on there is room for `room` more of its node. */
  view: DataView;
  at = 0;
  room = 0;
  /** The node that it is in, and which of its addresses it is. */
  nid = 0;
  ofsInNode = 0;
  /** Nodes of the inode, itself included. */
  nrNodes = 0;

  constructor(volume: Volume, writer: BlockWriter) {
    this.#volume = volume;
    this.#writer = writer;
    this.#block = volume.layout.block;
    this.#nodes = Array.from({ length: MAX_LEVEL + 1 }, () => new OpenNode(this.#block));
    this.view = this.#nodes[0].view;
  }

  get ino(): number {
    return this.#nodes[0].nid;
  }

  /** The block of the inode, zeros but for its footer at first. */
  get inode(): Uint8Array {
    return this.#nodes[0].bytes;
  }

  get inodeView(): DataView {
    return this.#nodes[0].view;
  }

  /** Begins an inode. Throws ENOSPC. `isNew`: the counts do not have it yet. */
  begin(ino: number, isDirectory: boolean, isNew = true): void {
    if (isNew) this.#volume.space.reserveNode(true);
    this.#isDirectory = isDirectory;
    this.#level = 0;
    this.nrNodes = 1;
    this.#written.length = 0;
    this.#open(0, ino, 0);
  }

  /** The addresses in the inode begin at byte `addrOffset` of it. */
  setLayout(addrOffset: number, addrsPerInode: number, addrsPerBlock: number): void {
    this.#addrOffset = addrOffset;
    this.#addrsPerInode = addrsPerInode;
    this.#addrsPerBlock = addrsPerBlock;
  }

  #open(level: number, nid: number, offset: number): void {
    const node = this.#nodes[level];
    node.bytes.fill(0);
    node.nid = nid;
    node.offset = offset;
    writeFooter(node.view, this.#block.nodeFooterOffset, nid, this.#nodes[0].nid, offset, !this.#isDirectory);
  }

  /** Makes room for the address of a page; no earlier one may follow. Throws ENOSPC. */
  seek(page: number): void {
    const path = nodePath(page, this.#addrsPerInode, this.#addrsPerBlock, this.#block, this.#path);
    const { level, offset } = path;
    this.ofsInNode = offset[level];
    if (level === 0) {
      this.view = this.#nodes[0].view;
      this.nid = this.#nodes[0].nid;
      this.at = this.#addrOffset + 4 * this.ofsInNode;
      this.room = this.#addrsPerInode - this.ofsInNode;
      return;
    }
    this.#enter(path);
    const node = this.#nodes[level];
    this.view = node.view;
    this.nid = node.nid;
    this.at = 4 * this.ofsInNode;
    this.room = this.#addrsPerBlock - this.ofsInNode;
  }

  /** Has the nodes on the way to a page open. */
  #enter({ level, offset, noffset }: NodePath): void {
    let same = 1;
    while (same <= level && same <= this.#level && this.#nodes[same].offset === noffset[same]) same++;
    if (same > level && level === this.#level) return;
    for (let old = this.#level; old >= same; old--) this.#close(old);
    for (let at = same; at <= level; at++) {
      this.#volume.space.reserveNode(false);
      const nid = this.#volume.nat.allocate(this.ino);
      this.nrNodes++;
      this.#open(at, nid, noffset[at]);
      const slot = at === 1 ? this.#block.inodeNidsOffset + 4 * offset[0] : 4 * offset[at - 1];
      this.#nodes[at - 1].view.setUint32(slot, nid, true);
    }
    this.#level = level;
  }

  #close(level: number): void {
    const node = this.#nodes[level];
    const isDirect = level === this.#level;
    this.#write(node, isDirect ? this.#log : LOG.COLD_NODE);
    node.offset = 0;
  }

  get #log(): Log {
    return this.#isDirectory ? LOG.HOT_NODE : LOG.WARM_NODE;
  }

  /** Writes a node of extended attributes. Throws ENOSPC. */
  writeXattrs(contents: Uint8Array): number {
    this.#volume.space.reserveNode(false);
    const nid = this.#volume.nat.allocate(this.ino);
    this.nrNodes++;
    const node = new OpenNode(this.#block);
    node.nid = nid;
    node.bytes.set(contents);
    writeFooter(node.view, this.#block.nodeFooterOffset, nid, this.ino, XATTR_NODE_OFFSET, !this.#isDirectory);
    this.#write(node, this.#log);
    return nid;
  }

  /** Writes the nodes below the inode that are left. */
  endAddresses(): void {
    for (let level = this.#level; level > 0; level--) this.#close(level);
    this.#level = 0;
  }

  /** Writes the inode, with whatever its block holds. */
  end(): void {
    this.#write(this.#nodes[0], this.#log);
  }

  #write({ nid, bytes, view }: OpenNode, log: Log): void {
    const { logs, nodes, nat } = this.#volume;
    logs.allocate(log, 1, nid, 0, 0, this.#run);
    const { blkaddr } = this.#run;
    nodes.seal(bytes, view, 0, nid, log);
    nat.setBlkaddr(nid, blkaddr);
    this.#writer.put(log, blkaddr, bytes);
    this.#written.push(nid, blkaddr);
  }

  /** Takes back an inode that was begun and not ended: its number and its nodes. */
  takeBack(): void {
    const { logs, nat, space } = this.#volume;
    for (let level = 1; level <= this.#level; level++) {
      nat.release(this.#nodes[level].nid);
      space.releaseNode(false);
    }
    for (let i = 0; i < this.#written.length; i += 2) {
      logs.invalidate(this.#written[i + 1]);
      nat.release(this.#written[i]);
      space.releaseNode(false);
    }
    nat.release(this.ino);
    space.releaseNode(true);
    this.#level = 0;
    this.#written.length = 0;
  }
}
