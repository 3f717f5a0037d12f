// Random damage: a seed says which blocks of which kind, what becomes of them, and whether their checksums are put right, so
// that the damage gets past them.

import { BLKSIZE } from '../../src/device/device.ts';
import { Checkpoint } from '../../src/format/checkpoint.ts';
import { ClusterHeader } from '../../src/format/cluster.ts';
import { COMPRESS_ADDR, NEW_ADDR, SUPER_OFFSET } from '../../src/format/constants.ts';
import { DIR_ENTRY_SIZE, DirEntry } from '../../src/format/dentry.ts';
import { I_ADDR_OFFSET, Inode, InodeExtra } from '../../src/format/inode.ts';
import { NAT_ENTRY_SIZE, NatEntry, NatJournalEntry } from '../../src/format/nat.ts';
import { NodeFooter } from '../../src/format/node.ts';
import { SIT_ENTRY_SIZE, SitEntry, SitJournalEntry } from '../../src/format/sit.ts';
import { viewOf } from '../../src/format/struct.ts';
import { JOURNAL_ENTRIES_OFFSET, SUMMARY_ENTRY_SIZE, SummaryEntry } from '../../src/format/summary.ts';
import { Superblock } from '../../src/format/superblock.ts';
import { XattrEntry, XattrHeader } from '../../src/format/xattr.ts';
import {
  DENTRY_BLOCK,
  I_NID_OFFSET,
  NAT_ENTRIES_PER_BLOCK,
  NODE_FOOTER_OFFSET,
  OrphanBlock,
  SIT_ENTRIES_PER_BLOCK,
  SUM_FOOTER_OFFSET,
  SUM_JOURNAL_OFFSET,
  SUM_JOURNAL_SIZE,
} from '../blocks-of-4k.ts';
import type { DamagedImage } from './damaged-image.ts';
import { KINDS, type Metadata, type MetadataKind, metadataOf } from './metadata.ts';
import type { Random } from './random.ts';

/** A field to be damaged: byte offset in its block, and bytes. */
interface Field {
  readonly at: number;
  readonly size: number;
}
interface Structure {
  readonly size: number;
  readonly offsets: object;
  readonly ends: object;
}

const MAX_CHANGES = 4;
const MAX_FLIPS = 16;
/** Bytes that break more than a random one: bounds, signs, all ones. */
const TELLING_BYTES = [0, 1, 0x7f, 0x80, 0xfe, 0xff];

function pickField(structure: Structure, base: number, random: Random): Field {
  const name = random.pick(Object.keys(structure.offsets)) as never;
  const start = structure.offsets[name] as number;
  const size = (structure.ends[name] as number) - start;
  if (size <= 8) return { at: base + start, size };
  // Of an array one element, as large as its alignment suggests.
  const width = size % 4 === 0 ? 4 : 1;
  return { at: base + start + width * random.below(size / width), size: width };
}

const nodeFooter = (random: Random) => pickField(NodeFooter, NODE_FOOTER_OFFSET, random);
const u32In = (start: number, end: number, random: Random): Field => ({
  at: start + 4 * random.below((end - start) >>> 2),
  size: 4,
});

/** An entry of a journal that stands `at` bytes into its block, or its count. */
function journalField(at: number, entry: Structure, random: Random): Field {
  if (random.below(4) === 0) return { at, size: 2 };
  return pickField(entry, at + JOURNAL_ENTRIES_OFFSET + entry.size * random.below(8), random);
}

function inodeField(random: Random): Field {
  const part = random.below(10);
  if (part < 4) return pickField(Inode, 0, random);
  if (part < 6) return pickField(InodeExtra, I_ADDR_OFFSET, random);
  // The first addresses, or inline contents; inline xattrs; i_nid.
  if (part < 7) return u32In(I_ADDR_OFFSET, I_ADDR_OFFSET + 200, random);
  if (part < 8) return u32In(I_NID_OFFSET - 200, I_NID_OFFSET, random);
  if (part < 9) return u32In(I_NID_OFFSET, NODE_FOOTER_OFFSET, random);
  return nodeFooter(random);
}

function dentryField(random: Random): Field {
  const { bitmapBytes, entries, names, slots } = DENTRY_BLOCK;
  const slot = random.below(random.below(2) === 0 ? slots : 8);
  const part = random.below(8);
  if (part === 0) return { at: random.below(bitmapBytes), size: 1 };
  if (part === 1) return { at: names + 8 * slot + random.below(8), size: 1 };
  return pickField(DirEntry, entries + slot * DIR_ENTRY_SIZE, random);
}

const FIELDS: Record<MetadataKind, (random: Random, block: Uint8Array) => Field> = {
  superblock: (random) => pickField(Superblock, SUPER_OFFSET, random),
  checkpoint: (random) =>
    random.below(8) === 0 ? u32In(Checkpoint.size, Checkpoint.size + 256, random) : pickField(Checkpoint, 0, random),
  orphans: (random) => (random.below(2) === 0 ? u32In(0, 40, random) : pickField(OrphanBlock, 0, random)),
  summaries: (random) => {
    const part = random.below(6);
    if (part === 0) return journalField(0, NatJournalEntry, random);
    if (part === 1) return journalField(SUM_JOURNAL_SIZE, SitJournalEntry, random);
    if (part === 2) return journalField(SUM_JOURNAL_OFFSET, NatJournalEntry, random);
    if (part === 3) return journalField(SUM_JOURNAL_OFFSET, SitJournalEntry, random);
    const first = part === 4 ? 0 : 2 * SUM_JOURNAL_SIZE;
    return pickField(SummaryEntry, first + SUMMARY_ENTRY_SIZE * random.below(150), random);
  },
  nat: (random) => {
    const entry = random.below(random.below(2) === 0 ? NAT_ENTRIES_PER_BLOCK : 100);
    return pickField(NatEntry, entry * NAT_ENTRY_SIZE, random);
  },
  sit: (random) => pickField(SitEntry, random.below(SIT_ENTRIES_PER_BLOCK) * SIT_ENTRY_SIZE, random),
  ssa: (random) => {
    if (random.below(16) === 0) return { at: SUM_FOOTER_OFFSET, size: 1 };
    return pickField(SummaryEntry, SUMMARY_ENTRY_SIZE * random.below(512), random);
  },
  inode: inodeField,
  dnode: (random) => (random.below(4) === 0 ? nodeFooter(random) : u32In(0, NODE_FOOTER_OFFSET, random)),
  indirect: (random) =>
    random.below(4) === 0 ? nodeFooter(random) : u32In(0, random.below(2) === 0 ? NODE_FOOTER_OFFSET : 64, random),
  xattr: (random) => {
    const part = random.below(4);
    if (part === 0) return nodeFooter(random);
    if (part === 1) return pickField(XattrHeader, 0, random);
    return pickField(XattrEntry, 4 * random.below(64), random);
  },
  dentry: dentryField,
  cluster: (random) =>
    random.below(2) === 0 ? pickField(ClusterHeader, 0, random) : { at: random.below(BLKSIZE), size: 1 },
  chain: (random) => (random.below(2) === 0 ? nodeFooter(random) : inodeField(random)),
};

/** Damages an image as the generator says; returns what was done, in words. */
export function mutate(image: DamagedImage, random: Random): string {
  return new Mutation(image, random, KINDS).run();
}

/** Changes one field of metadata of these kinds, or adds an entry to the NAT journal, and puts its checksum right; returns what was done, in words. */
export function mutateField(image: DamagedImage, random: Random, kinds: readonly MetadataKind[]): string {
  return new Mutation(image, random, kinds).runField();
}

class Mutation {
  readonly #image: DamagedImage;
  readonly #random: Random;
  readonly #kinds: readonly MetadataKind[];
  readonly #metadata: Metadata;
  readonly #touched = new Map<number, MetadataKind>();
  readonly #what: string[] = [];

  constructor(image: DamagedImage, random: Random, kinds: readonly MetadataKind[]) {
    this.#image = image;
    this.#random = random;
    this.#kinds = kinds;
    this.#metadata = metadataOf(image.base);
  }

  run(): string {
    const random = this.#random;
    const sealed = random.below(2) === 0;
    for (let left = 1 + random.below(MAX_CHANGES); left > 0; left--) this.#change();
    if (sealed) for (const [blkaddr, kind] of this.#touched) this.#image.seal(kind, blkaddr);
    return `${this.#image.base.name}${sealed ? ' sealed' : ''} ${this.#what.join(', ')}`;
  }

  runField(): string {
    const kind = this.#kind();
    if (kind === 'summaries' && this.#random.below(4) === 0) this.#journal();
    else this.#setField(kind, this.#blockOf(kind));
    for (const [blkaddr, touched] of this.#touched) this.#image.seal(touched, blkaddr);
    return `${this.#image.base.name} ${this.#what.join(', ')}`;
  }

  #change(): void {
    const random = this.#random;
    const kind = this.#kind();
    const blkaddr = this.#blockOf(kind);
    const how = random.below(40);
    if (how < 18) this.#setField(kind, blkaddr);
    else if (how < 24) this.#flip(kind, blkaddr, 'bits');
    else if (how < 30) this.#flip(kind, blkaddr, 'bytes');
    else if (how < 33) this.#swap(kind, blkaddr);
    else if (how < 36) this.#copy(kind, blkaddr);
    else if (how < 38) this.#fill(kind, blkaddr);
    else if (how < 39) this.#journal();
    else if (random.below(8) === 0) this.#truncate();
  }

  #kind(): MetadataKind {
    for (;;) {
      const kind = this.#random.pick(this.#kinds);
      // What refuses a mount hides all else: less often.
      if ((kind === 'superblock' || kind === 'checkpoint') && this.#random.below(4) > 0) continue;
      if (this.#metadata.blocks.has(kind)) return kind;
    }
  }

  #blockOf(kind: MetadataKind): number {
    return this.#random.pick(this.#metadata.blocks.get(kind) as number[]);
  }

  #touch(kind: MetadataKind, blkaddr: number, what: string): Uint8Array {
    this.#touched.set(blkaddr, kind);
    this.#what.push(`${kind} ${blkaddr} ${what}`);
    return this.#image.block(blkaddr);
  }

  /** The copies of a block that must be damaged alike, so that the damage is not merely stepped over. */
  #alike(kind: MetadataKind, blkaddr: number): readonly number[] {
    if (kind !== 'superblock' && kind !== 'checkpoint') return [blkaddr];
    return this.#metadata.blocks.get(kind) as number[];
  }

  #setField(kind: MetadataKind, blkaddr: number): void {
    const { at, size } = FIELDS[kind](this.#random, this.#image.block(blkaddr));
    if (at + size > BLKSIZE) return;
    const now = readField(this.#image.block(blkaddr), at, size);
    const value = this.#valueFor(now, size);
    for (const copy of this.#alike(kind, blkaddr)) {
      writeField(this.#touch(kind, copy, `+${at}=${value.toString(16)}`), at, size, value);
    }
  }

  /** A value that is more likely to be taken for a sound one, or to break a bound, than a random one. */
  #valueFor(now: bigint, size: number): bigint {
    const random = this.#random;
    const max = (1n << BigInt(8 * size)) - 1n;
    const { layout } = this.#image;
    const { nids, blocks } = this.#metadata;
    const values: (() => bigint | number)[] = [
      () => 0,
      () => 1,
      () => max,
      () => max - 1n,
      () => max >> 1n,
      () => (max >> 1n) + 1n,
      () => now + 1n,
      () => now - 1n,
      () => now ^ (1n << BigInt(random.below(8 * size))),
      () => now * 2n,
      () => random.below(256),
      () => random.below(0xffffffff),
      () => 1n << BigInt(random.below(8 * size)),
    ];
    if (size >= 4) {
      values.push(
        () => random.pick(nids),
        () => random.pick(nids),
        () => random.pick([2, 3, layout.maxNid - 1, layout.maxNid]),
        () => random.pick([layout.mainBlkaddr - 1, layout.mainBlkaddr, layout.mainEnd - 1, layout.mainEnd]),
        () => layout.mainBlkaddr + random.below(layout.mainEnd - layout.mainBlkaddr),
        () => random.pick(blocks.get(random.pick([...blocks.keys()])) as number[]),
        () => random.pick([NEW_ADDR, COMPRESS_ADDR]),
        () => random.below(512),
      );
    }
    return BigInt(random.pick(values)()) & max;
  }

  #flip(kind: MetadataKind, blkaddr: number, what: 'bits' | 'bytes'): void {
    const random = this.#random;
    // Half of them near the beginning or the end, where the headers and footers are.
    const near = random.below(4);
    for (let left = 1 + random.below(MAX_FLIPS); left > 0; left--) {
      const at = near === 0 ? random.below(400) : near === 1 ? BLKSIZE - 1 - random.below(40) : random.below(BLKSIZE);
      const byte = what === 'bits' ? null : random.below(2) === 0 ? random.pick(TELLING_BYTES) : random.below(256);
      const bit = 1 << random.below(8);
      for (const copy of this.#alike(kind, blkaddr)) {
        const block = this.#touch(kind, copy, `+${at}`);
        block[at] = byte ?? block[at] ^ bit;
      }
    }
  }

  #other(kind: MetadataKind): { kind: MetadataKind; blkaddr: number } {
    const other = this.#random.below(3) === 0 ? this.#kind() : kind;
    return { kind: other, blkaddr: this.#blockOf(other) };
  }

  #swap(kind: MetadataKind, blkaddr: number): void {
    const other = this.#other(kind);
    const mine = this.#image.block(blkaddr).slice();
    this.#touch(kind, blkaddr, `swapped with ${other.blkaddr}`).set(this.#image.block(other.blkaddr));
    this.#touch(other.kind, other.blkaddr, 'swapped').set(mine);
  }

  #copy(kind: MetadataKind, blkaddr: number): void {
    const from = this.#other(kind).blkaddr;
    this.#touch(kind, blkaddr, `copied from ${from}`).set(this.#image.block(from));
  }

  #fill(kind: MetadataKind, blkaddr: number): void {
    const byte = this.#random.pick([0, 0, 0xff, 0xa5]);
    for (const copy of this.#alike(kind, blkaddr)) this.#touch(kind, copy, `filled with ${byte}`).fill(byte);
  }

  /** One more entry in the NAT's journal of a compact summary: it is read before the table. */
  #journal(): void {
    const random = this.#random;
    const summaries = this.#metadata.blocks.get('summaries');
    if (summaries === undefined) return;
    const block = this.#touch('summaries', summaries[0], 'journal entry');
    const dv = viewOf(block);
    const count = dv.getUint16(0, true);
    const entry = new NatJournalEntry(dv, JOURNAL_ENTRIES_OFFSET + NatJournalEntry.size * random.below(count + 1));
    if (entry.base + NatJournalEntry.size > SUM_JOURNAL_SIZE) return;
    entry.nid = random.pick(this.#metadata.nids);
    entry.ino = random.pick(this.#metadata.nids);
    entry.blockAddr = Number(this.#valueFor(BigInt(entry.blockAddr), 4));
    dv.setUint16(0, Math.max(count, (entry.base - JOURNAL_ENTRIES_OFFSET) / NatJournalEntry.size + 1), true);
  }

  #truncate(): void {
    const nrBlocks = 1 + this.#random.below(this.#image.base.bytes.length / BLKSIZE);
    this.#image.truncate(nrBlocks);
    this.#what.push(`cut to ${nrBlocks} blocks`);
  }
}

function readField(block: Uint8Array, at: number, size: number): bigint {
  let value = 0n;
  for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(block[at + i]);
  return value;
}

function writeField(block: Uint8Array, at: number, size: number, value: bigint): void {
  for (let i = 0; i < size; i++) block[at + i] = Number((value >> BigInt(8 * i)) & 0xffn);
}
