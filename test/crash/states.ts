// The states that a disk may be in after a crash, of all that a log of events allows: numbered, and made from their number alone.

import { BLKSIZE } from '../../src/device/device.ts';
import { Random } from '../malformed/random.ts';
import {
  type Block,
  type Blocks,
  blockOf,
  type Disk,
  type DiskEvent,
  discardedBlock,
  SECTOR,
  SECTORS,
} from './disk.ts';

/** What of the events since the last flush reached the disk. */
export type StateKind =
  /** All of them, in order. */
  | 'prefix'
  /** Some of them; of two writes to one block the later one. */
  | 'subset'
  /** Some of them, in any order. */
  | 'reordered'
  /** Some of them, in any order, and some only in some of their sectors. */
  | 'torn';

/** A disk after a crash. */
export interface CrashState {
  /**
   * Of a log of n events, 0 to n are its prefixes, by their length; then come those of its flushes (see `CrashStates`); those above are
   * made from the seed.
   */
  readonly number: number;
  readonly kind: StateKind;
  /** Events that had been issued. */
  readonly cut: number;
  /** Events of the log before the first one that may be missing. */
  readonly flushed: number;
  readonly blocks: Blocks;
  /** Blocks of which only a part was written. */
  readonly torn: ReadonlySet<number>;
  /** Equal for states of equal disks. */
  readonly key: string;
}

/** Gives back equal blocks of the base disk, for torn ones. */
function oldBlock(base: Disk, blocks: Blocks, blkaddr: number): Uint8Array {
  const there = blocks.get(blkaddr);
  if (there !== undefined) return there.bytes;
  const bytes = new Uint8Array(BLKSIZE);
  base.read(blkaddr, bytes);
  return bytes;
}

/** Some sectors of `block`, the others as they were; not all and not none. */
function tear(block: Block, old: Uint8Array, random: Random): Block {
  return partOf(block, old, 1 + random.below((1 << SECTORS) - 2));
}

/** The sectors of `block` whose bits are set, the others as they were. */
function partOf(block: Block, old: Uint8Array, mask: number): Block {
  const bytes = old.slice();
  for (let i = 0; i < SECTORS; i++) {
    if ((mask & (1 << i)) !== 0) bytes.set(block.bytes.subarray(i * SECTOR, (i + 1) * SECTOR), i * SECTOR);
  }
  return blockOf(bytes);
}

function keyOf(blocks: Blocks): string {
  let a = 0;
  let b = 0;
  for (const [blkaddr, { hash, hash2 }] of blocks) {
    a = (a + Math.imul(hash ^ Math.imul(blkaddr, 0x9e3779b1), 0x85ebca6b)) | 0;
    b = (b + Math.imul(hash2 ^ Math.imul(blkaddr, 0xc2b2ae35), 0x27d4eb2f)) | 0;
  }
  return `${a}:${b}:${blocks.size}`;
}

/**
 * Chance seldom loses just what a flush is for, such as a node that a whole checkpoint leads to. So each epoch, the events between two
 * flushes, has two states of its own: all of it reached the disk but its first event; or but another one, or all but the last sector of
 * that, where a node says whose it is. Where a flush is missing two epochs are one, and what it should have kept back is there without
 * what comes before it.
 */
export class CrashStates {
  readonly #base: Disk;
  readonly #events: readonly DiskEvent[];
  readonly #seed: number;
  /** Index after each flush; the first is 0. */
  readonly #epochs: number[] = [0];

  constructor(base: Disk, events: readonly DiskEvent[], seed: number) {
    this.#base = base;
    this.#events = events;
    this.#seed = seed;
    events.forEach((event, i) => {
      if (event.kind === 'flush') this.#epochs.push(i + 1);
    });
  }

  get #nrPrefixes(): number {
    return this.#events.length + 1;
  }

  /** The first number of those that are made from the seed. */
  get firstRandom(): number {
    return this.#nrPrefixes + 2 * this.#epochs.length;
  }

  /** The state of a number. */
  state(number: number): CrashState {
    if (number < this.#nrPrefixes) return this.#prefix(number);
    return number < this.firstRandom ? this.#withoutOne(number) : this.#random(number);
  }

  /**
   * Numbers of about `count` states: of each kind, prefixes and the two of the epochs, all or evenly spread ones for a share; then
   * those that are made from the seed. Two may be of equal disks: see `CrashState.key`.
   */
  *numbers(count: number): Generator<number> {
    const middle = this.#nrPrefixes + this.#epochs.length;
    yield* this.#spread(this.#nrPrefixes, middle, Math.ceil(count * 0.3));
    yield* this.#spread(0, this.#nrPrefixes, Math.ceil(count * 0.3));
    yield* this.#spread(middle, this.firstRandom, Math.ceil(count * 0.2));
    for (let number = this.firstRandom; ; number++) yield number;
  }

  /** Up to `count` numbers of [start, end). */
  *#spread(start: number, end: number, count: number): Generator<number> {
    const step = Math.max(1, (end - start) / count);
    const offset = (this.#seed % 97) / 97;
    for (let at = offset * step; at < end - start; at += step) yield start + Math.floor(at);
  }

  #prefix(cut: number): CrashState {
    const blocks: Blocks = new Map();
    for (let i = 0; i < cut; i++) this.#apply(blocks, this.#events[i]);
    return { number: cut, kind: 'prefix', cut, flushed: cut, blocks, torn: new Set(), key: keyOf(blocks) };
  }

  /** An epoch without its first event; or another one, or a part of that. */
  #withoutOne(number: number): CrashState {
    const random = this.#randomOf(number);
    const at = number - this.#nrPrefixes;
    const isFirst = at < this.#epochs.length;
    const epoch = at % this.#epochs.length;
    const start = this.#epochs[epoch];
    const cut = this.#endOf(epoch);
    const left = isFirst ? start : start + random.below(Math.max(1, cut - start - 1));
    const blocks: Blocks = new Map();
    const torn = new Set<number>();
    for (let i = 0; i < cut; i++) {
      const event = this.#events[i];
      if (i !== left) this.#apply(blocks, event);
      else if (!isFirst && event.kind === 'write' && random.below(2) === 0) {
        blocks.set(event.blkaddr, partOf(event.block, oldBlock(this.#base, blocks, event.blkaddr), 1 << (SECTORS - 1)));
        torn.add(event.blkaddr);
      }
      if (event.kind === 'write' && i > left) torn.delete(event.blkaddr);
    }
    const kind = torn.size > 0 ? 'torn' : 'subset';
    return { number, kind, cut, flushed: start, blocks, torn, key: keyOf(blocks) };
  }

  #randomOf(number: number): Random {
    const random = new Random((Math.imul(this.#seed, 0x2545f491) ^ Math.imul(number, 0x9e3779b1)) >>> 0);
    for (let i = 0; i < 4; i++) random.below(2);
    return random;
  }

  #random(number: number): CrashState {
    const random = this.#randomOf(number);
    const kind = random.pick(['subset', 'reordered', 'torn', 'torn'] as const);
    const { start, cut } = this.#cut(random);
    const blocks: Blocks = new Map();
    // A discard is a hint: the device takes it or not, and tells nobody.
    const takes = random.below(3);
    const taken = () => takes === 0 || (takes === 1 && random.below(2) === 0);
    for (let i = 0; i < start; i++)
      if (this.#events[i].kind !== 'discard' || taken()) this.#apply(blocks, this.#events[i]);
    const share = 1 + random.below(99);
    const chosen = this.#events
      .slice(start, cut)
      .filter(({ kind }) => (kind === 'discard' ? taken() : random.below(100) < share));
    const torn = new Set<number>();
    if (kind !== 'subset') shuffle(chosen, random);
    for (const event of chosen) {
      if (event.kind === 'write' && kind === 'torn' && random.below(4) === 0) {
        blocks.set(event.blkaddr, tear(event.block, oldBlock(this.#base, blocks, event.blkaddr), random));
        torn.add(event.blkaddr);
      } else {
        this.#apply(blocks, event);
        if (event.kind === 'write') torn.delete(event.blkaddr);
      }
    }
    return { number, kind, cut, flushed: start, blocks, torn, key: keyOf(blocks) };
  }

  /** A moment of the log at which something is under way: by chance each event or each epoch counts the same. */
  #cut(random: Random): { start: number; cut: number } {
    const { length } = this.#events;
    const epochs = this.#epochs;
    if (random.below(2) === 0) {
      const cut = random.below(length + 1);
      let epoch = 0;
      while (epoch + 1 < epochs.length && epochs[epoch + 1] <= cut) epoch++;
      return { start: epochs[epoch], cut };
    }
    const epoch = random.below(epochs.length);
    const start = epochs[epoch];
    return { start, cut: start + random.below(this.#endOf(epoch) - start + 1) };
  }

  /** Where the flush stands that ends an epoch. */
  #endOf(epoch: number): number {
    const next = epoch + 1;
    return next < this.#epochs.length ? this.#epochs[next] - 1 : this.#events.length;
  }

  #apply(blocks: Blocks, event: DiskEvent): void {
    if (event.kind === 'write') blocks.set(event.blkaddr, event.block);
    else if (event.kind === 'discard') blocks.set(event.blkaddr, discardedBlock());
  }
}

function shuffle<T>(items: T[], random: Random): void {
  for (let i = items.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [items[i], items[j]] = [items[j], items[i]];
  }
}
