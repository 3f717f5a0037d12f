// The dentries of one directory, laid out at once: within its inode where they fit, else in blocks.
import { LOG } from '../format/constants.ts';
import { type DentryLayout, dentryLayout, dentrySlots, FT, hashLevelOf, putDentry } from '../format/dentry.ts';
import { DentryPlaces } from '../format/dentry-places.ts';
import { viewOf } from '../format/struct.ts';
import { BlockRun } from '../volume/block-run.ts';
import type { Volume } from '../volume/volume.ts';
import type { BlockWriter } from './block-writer.ts';
import type { NodeWriter } from './node-writer.ts';

/** The names that a directory gets, besides `.` and `..`, in the order in which they are added. */
export interface NewDentries {
  readonly count: number;
  /** Bytes. */
  nameLength(i: number): number;
  name(i: number): Uint8Array;
  /** What the directory hashes a name by. */
  hash(name: Uint8Array): number;
  ino(i: number): number;
  /** See FT. */
  fileType(i: number): number;
}

interface DentryBlock {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

const DOT = Uint8Array.of(0x2e);
const DOTS = Uint8Array.of(0x2e, 0x2e);

export class DirectoryWriter {
  readonly #volume: Volume;
  readonly #nodes: NodeWriter;
  readonly #writer: BlockWriter;
  readonly #run = new BlockRun();
  /** Blocks of the directory at hand, in the order in which they came up, and those of earlier ones that can be used again. */
  readonly #blocks: DentryBlock[] = [];
  readonly #blockNumbers = new Map<number, DentryBlock>();
  #nrBlocks = 0;

  constructor(volume: Volume, nodes: NodeWriter, writer: BlockWriter) {
    this.#volume = volume;
    this.#nodes = nodes;
    this.#writer = writer;
  }

  /** Whether `.`, `..` and the names fit into `inlineBytes` of an inode. */
  static fitsInline(names: NewDentries, inlineBytes: number): boolean {
    let slots = 2;
    const room = dentryLayout(inlineBytes).slots;
    for (let i = 0; i < names.count && slots <= room; i++) slots += dentrySlots(names.nameLength(i));
    return slots <= room;
  }

  /** Puts all names into the inode, from byte `area` of its block on. */
  putInline(area: number, inlineBytes: number, parentIno: number, names: NewDentries): void {
    const { inode: bytes, inodeView: view, ino } = this.#nodes;
    const layout = dentryLayout(inlineBytes);
    putDots({ bytes, view }, area, layout, ino, parentIno);
    let slot = 2;
    for (let i = 0; i < names.count; i++) {
      const name = names.name(i);
      putDentry(bytes, view, area, layout, slot, name, names.hash(name), names.ino(i), names.fileType(i));
      slot += dentrySlots(name.length);
    }
  }

  /**
   * Puts them into blocks, and writes these. Throws ENOSPC. Returns the blocks, up to which page they go, and the levels of their
   * hashes.
   */
  putBlocks(parentIno: number, names: NewDentries): { blocks: number; endPage: number; depth: number } {
    const layout = this.#volume.layout.block.dentryBlock;
    const places = new DentryPlaces(2, layout.slots);
    this.#nrBlocks = 0;
    this.#blockNumbers.clear();
    putDots(this.#block(0), 0, layout, this.#nodes.ino, parentIno);
    for (let i = 0; i < names.count; i++) {
      const name = names.name(i);
      const hash = names.hash(name);
      places.add(name.length, hash);
      const { bytes, view } = this.#block(places.block);
      putDentry(bytes, view, 0, layout, places.slot, name, hash, names.ino(i), names.fileType(i));
    }
    const pages = places.blocks();
    this.#write(pages);
    const endPage = pages[pages.length - 1] + 1;
    return { blocks: pages.length, endPage, depth: hashLevelOf(endPage - 1, 0) + 1 };
  }

  #block(page: number): DentryBlock {
    let block = this.#blockNumbers.get(page);
    if (block !== undefined) return block;
    block = this.#blocks[this.#nrBlocks];
    if (block === undefined) {
      const bytes = new Uint8Array(this.#volume.layout.block.blockSize);
      block = { bytes, view: viewOf(bytes) };
      this.#blocks.push(block);
    } else block.bytes.fill(0);
    this.#nrBlocks++;
    this.#blockNumbers.set(page, block);
    return block;
  }

  #write(pages: readonly number[]): void {
    const { logs, space } = this.#volume;
    const nodes = this.#nodes;
    space.reserveBlocks(pages.length);
    for (const page of pages) {
      nodes.seek(page);
      logs.allocate(LOG.HOT_DATA, 1, nodes.nid, 0, nodes.ofsInNode, this.#run);
      const { blkaddr } = this.#run;
      nodes.view.setUint32(nodes.at, blkaddr, true);
      this.#writer.put(LOG.HOT_DATA, blkaddr, (this.#blockNumbers.get(page) as DentryBlock).bytes);
    }
  }
}

function putDots(
  { bytes, view }: DentryBlock,
  area: number,
  layout: DentryLayout,
  ino: number,
  parentIno: number,
): void {
  putDentry(bytes, view, area, layout, 0, DOT, 0, ino, FT.DIR);
  putDentry(bytes, view, area, layout, 1, DOTS, 0, parentIno, FT.DIR);
}
