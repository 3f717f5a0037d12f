// Sees to it that the logs find free sections: when few are left, a checkpoint frees those that were emptied, and cleaning
// empties more. Source: f2fs_balance_fs, has_not_enough_free_secs, f2fs_gc.
import { checkChoice } from '../check.ts';
import { F2fsError } from '../errors.ts';
import { BLKS_PER_SEG, NR_LOGS } from '../format/constants.ts';
import type { Cleaner } from '../volume/cleaner.ts';
import { CLEAN_POLICIES, type CleanPolicy } from '../volume/victims.ts';
import type { Volume } from '../volume/volume.ts';

/** Whether checkpoints are written whenever space needs them, or by `sync` and `close` alone. */
export const CHECKPOINT_MODES = ['auto', 'explicit'] as const;
export type CheckpointMode = (typeof CHECKPOINT_MODES)[number];

export interface ReclaimRules {
  checkpoints: CheckpointMode;
  /** Whether sections are cleaned; without it nothing but a checkpoint frees any. */
  cleaning: boolean;
}

/** What cleaning on demand did. */
export interface CleanReport {
  /** Sections that are empty now. */
  sections: number;
  /** Blocks of data and nodes that were in use there. */
  movedBlocks: number;
}

/** Sections that must be free besides those that what is dirty takes. */
const MARGIN = 1;
/** Sections that writing what is dirty begins and does not fill: of data and of nodes. */
const BEGUN = 2;
/** Sections that cleaning takes pains to have free past what is called for, so that it does not run at once again. */
const MOST_SPARE = 8;
/** Rounds of cleaning, with a checkpoint after each, that one shortage is worth. */
const MAX_ROUNDS = 32;
/** Blocks that a round has to win for another to be worth it. */
const LEAST_GAIN = 8;
/** Sections that a pinned file leaves free, besides the reserved ones: the logs go on there. */
const LEFT_SECTIONS = 2;

export class Reclaim {
  readonly #volume: Volume;
  readonly #cleaner: Cleaner;
  readonly #checkpoint: () => void;
  readonly #rules: ReclaimRules;
  /** More free sections than this are enough whatever is dirty, but for quota files: a check before each operation that costs nothing. */
  readonly #ample: number;
  readonly #sectionBlocks: number;
  readonly #reservedSections: number;
  /** Free sections that cleaning could not get beyond, and the blocks in use then; null when it got what it wanted. */
  #limit: { sections: number; validBlocks: number } | null = null;
  /** Blocks that the logs had given when the last checkpoint was down. */
  #givenAtCheckpoint = 0;
  /** Whether something was refused that a checkpoint would have made possible, where they are explicit. */
  #wasRefused = false;

  /** @param checkpoint writes everything back and a checkpoint */
  constructor(volume: Volume, cleaner: Cleaner, checkpoint: () => void, rules: ReclaimRules) {
    this.#volume = volume;
    this.#cleaner = cleaner;
    this.#checkpoint = checkpoint;
    this.#rules = rules;
    this.#sectionBlocks = volume.layout.segsPerSec * BLKS_PER_SEG;
    this.#reservedSections = volume.logs.reservedSections;
    const begun = volume.logs.takesHoles ? BEGUN : NR_LOGS;
    this.#ample = MARGIN + this.#reservedSections + begun + 2 * Math.ceil(volume.pool.nrFrames / this.#sectionBlocks);
  }

  /** Whether there is something for `run` to do. */
  get isDue(): boolean {
    const { pool, logs } = this.#volume;
    if (this.#isChainFull) return this.#mayCheckpointNow;
    if (this.#rules.cleaning) return !this.#isAmple && this.#isShort && this.#mayCheckpointNow;
    // Emptied segments come back with a checkpoint, which itself takes some: it must not wait for the last one.
    const least = 2 * NR_LOGS + Math.ceil(pool.nrDirty / BLKS_PER_SEG);
    return logs.free.segments <= least && logs.free.emptied > 0 && this.#mayCheckpointNow;
  }

  /**
   * Gets free sections; to be called between operations, when it is due. Throws as a checkpoint does, and EUCLEAN.
   */
  run(): void {
    if (!this.#rules.cleaning) {
      this.#checkpoint();
      return;
    }
    if (this.#isChanged) this.#checkpoint();
    if (this.#isShort) this.#cleanSome();
  }

  /** Throws ENOSPC when what is dirty and one more operation might not find room. */
  assertRoom(): void {
    const { free } = this.#volume.logs;
    if (this.#isChainFull) this.assertAuto();
    if (!this.#rules.cleaning || this.#isAmple || free.sections > this.#demand + MARGIN) return;
    if (this.#rules.checkpoints === 'explicit') {
      this.#wasRefused = true;
      throw new F2fsError(
        'ENOSPC',
        `the changes since the last sync do not fit beside what they replace; sync in between`,
      );
    }
    throw new F2fsError('ENOSPC', 'no space left on the volume: cleaning frees no more');
  }

  /**
   * The same for what takes no blocks, or frees some: it is refused only where the checkpoint is explicit, and what was written
   * since the last one has left too little for it.
   */
  assertCheckpointFits(): void {
    if (this.mayCheckpoint) return;
    if (this.#isChainFull || this.#given - this.#givenAtCheckpoint >= this.#sectionBlocks) this.assertRoom();
  }

  /** Throws ENOSPC where checkpoints are explicit: what needs one does not fit in a change that is made lasting at once. */
  assertAuto(): void {
    if (this.mayCheckpoint) return;
    this.#wasRefused = true;
    throw new F2fsError('ENOSPC', 'this needs a checkpoint, and the mount writes them when it is synced only: sync');
  }

  /** Whether a block of the last checkpoint may be overwritten now, and not with the next one: not where these are explicit. */
  mayOverwrite(): boolean {
    this.#wasRefused ||= !this.mayCheckpoint;
    return this.mayCheckpoint;
  }

  /**
   * Has sections cleaned, after a checkpoint, until `wanted` can be taken whole besides those that are kept back. Returns how many can
   * be: more than that can't be had. Throws as `run` does. Source: f2fs_expand_inode_data.
   */
  freeSections(wanted: number): number {
    const { free } = this.#volume.logs;
    const kept = this.#reservedSections + LEFT_SECTIONS;
    const most = this.#most - kept;
    if (free.sections - kept < wanted && wanted <= most && this.#rules.cleaning) {
      if (!this.mayCheckpoint) this.#wasRefused = true;
      else {
        if (this.#isChanged) this.#checkpoint();
        this.#cleanTo(kept + wanted, Number.POSITIVE_INFINITY);
      }
    }
    return Math.max(0, wanted <= most ? free.sections - kept : most);
  }

  /** Whether a checkpoint may be written though nobody asked for one. */
  get mayCheckpoint(): boolean {
    return this.#rules.checkpoints === 'auto';
  }

  /**
   * Whether changes were refused, or could not be written, as they take more than one checkpoint, which the mount writes on demand
   * only. Where they are written as needed, the same changes may be possible.
   */
  get exceedsCheckpoint(): boolean {
    return !this.mayCheckpoint && (this.#wasRefused || this.#volume.logs.exhausted);
  }

  /** To be called after each checkpoint. */
  checkpointed(): void {
    this.#givenAtCheckpoint = this.#given;
  }

  /**
   * Cleans up to `sections` sections, as many as give something. Throws EINVAL for a policy that there is not, and where
   * checkpoints are explicit; EUCLEAN, ENOSPC.
   */
  clean(policy: CleanPolicy, sections: number): CleanReport {
    checkChoice(CLEAN_POLICIES, policy, 'policy');
    if (this.#rules.checkpoints === 'explicit') {
      throw new F2fsError('EINVAL', 'cleaning writes checkpoints, and this mount writes them when it is synced only');
    }
    const { counters } = this.#volume;
    const before = counters.cleanedSections;
    const moved = counters.movedBlocks + counters.movedNodes;
    this.#checkpoint();
    while (counters.cleanedSections - before < sections && this.#cleanOne(policy));
    this.#checkpoint();
    return {
      sections: counters.cleanedSections - before,
      movedBlocks: counters.movedBlocks + counters.movedNodes - moved,
    };
  }

  /**
   * Sections that it takes to write what is dirty, at most, one that is begun of each kind too, where the logs have too little left: each
   * page of a file may have a clean node change.
   */
  get #demand(): number {
    const { pool, nodes, space, quotas } = this.#volume;
    const dirtyNodes = nodes.pages.nrDirty;
    const dirtyData = pool.nrDirty - dirtyNodes + quotas.nrPages;
    const nrNodes = Math.min(dirtyNodes + dirtyData, Math.max(dirtyNodes, space.validNodeCount));
    return this.#sectionsFor(dirtyData, false) + this.#sectionsFor(nrNodes, true);
  }

  #sectionsFor(nrBlocks: number, ofNodes: boolean): number {
    const { logs } = this.#volume;
    // A checkpoint moves on whoever has nothing left, though nothing is written.
    const begun = logs.shortLogs(Math.max(1, nrBlocks), ofNodes);
    // Of those that may take holes, one at most finds none.
    return (
      (logs.takesHoles ? Math.min(1, begun) : begun) + (begun > 0 ? Math.floor(nrBlocks / this.#sectionBlocks) : 0)
    );
  }

  /** Sections that would be free if all others were full. */
  get #attainable(): number {
    return this.#nrSections - NR_LOGS - this.#fullSections;
  }

  /** The same where the logs' own sections are as full as can be. */
  get #most(): number {
    return this.#nrSections - Math.max(NR_LOGS, this.#fullSections);
  }

  get #nrSections(): number {
    const { layout } = this.#volume;
    return layout.nrMainSegments / layout.segsPerSec;
  }

  /** Sections that what is in use would fill. */
  get #fullSections(): number {
    return Math.ceil(this.#volume.space.validBlockCount / this.#sectionBlocks);
  }

  /**
   * Free sections below which it is time to act: the reserved ones, as in the kernel; or half of what can be free at all
   * where that is less, as in small or full volumes, which would be cleaned at every turn.
   */
  get #reserve(): number {
    const reserve = Math.min(this.#reservedSections, this.#attainable >> 1);
    const limit = this.#limit;
    const stands = limit !== null && this.#volume.space.validBlockCount > limit.validBlocks - this.#sectionBlocks;
    // Cleaning itself takes some, unless it can move blocks to holes.
    return Math.max(
      this.#volume.logs.takesHoles ? MARGIN : BEGUN,
      stands ? Math.min(reserve, limit.sections >> 1) : reserve,
    );
  }

  get #isAmple(): boolean {
    const { logs, quotas } = this.#volume;
    return logs.free.sections > this.#ample && quotas.nrPages === 0;
  }

  get #isShort(): boolean {
    const { sections } = this.#volume.logs.free;
    const demand = this.#demand;
    // The reserve is never more than that.
    if (sections > Math.max(BEGUN, this.#reservedSections) + demand) return false;
    return sections <= this.#reserve + demand;
  }

  /** What was fsynced may be lost when more nodes are written. */
  get #isChainFull(): boolean {
    return this.#volume.hasFsynced && this.#volume.isChainLong;
  }

  get #given(): number {
    return this.#volume.counters.given.reduce((sum, count) => sum + count, 0);
  }

  /** Whether there is anything that a checkpoint would make lasting. */
  get #isChanged(): boolean {
    const { pool, logs } = this.#volume;
    return pool.nrDirty > 0 || this.#given !== this.#givenAtCheckpoint || logs.free.emptied > 0;
  }

  /** A checkpoint that makes nothing lasting is none of those that the caller wants to have in hand. */
  get #mayCheckpointNow(): boolean {
    return this.mayCheckpoint || !this.#isChanged;
  }

  /** Cleans until there is something to spare. */
  #cleanSome(): void {
    const { free } = this.#volume.logs;
    this.#limit = null;
    const spare = Math.max(2, Math.min(MOST_SPARE, (this.#attainable - this.#reserve) >> 1));
    this.#cleanTo(this.#reserve + this.#demand + spare, MAX_ROUNDS);
    if (this.#isShort) this.#limit = { sections: free.sections, validBlocks: this.#volume.space.validBlockCount };
  }

  /** Cleans until `wanted` sections are free, or a round wins next to nothing. */
  #cleanTo(wanted: number, maxRounds: number): void {
    const { free } = this.#volume.logs;
    for (let round = 0; round < maxRounds && free.sections < wanted; round++) {
      const before = this.#freeBlocks;
      for (let missing = wanted - free.sections; missing > 0; missing--) if (!this.#cleanOne('greedy')) break;
      this.#checkpoint();
      if (this.#freeBlocks - before < LEAST_GAIN) break;
    }
  }

  /** Blocks of free sections, and what the logs have left in their segments. */
  get #freeBlocks(): number {
    const { logs } = this.#volume;
    return logs.free.sections * this.#sectionBlocks + logs.room;
  }

  /** Cleans one section, after a checkpoint when its nodes might not find room. */
  #cleanOne(policy: CleanPolicy): boolean {
    const { logs, nodes, space } = this.#volume;
    if (logs.free.sections <= this.#demand + MARGIN + 1) this.#checkpoint();
    if (!logs.takesHoles) {
      const nrNodes = Math.min(nodes.pages.nrDirty + this.#sectionBlocks, space.validNodeCount);
      if (logs.free.sections < logs.sectionsToClean(this.#sectionBlocks, nrNodes)) return false;
    }
    return this.#cleaner.clean(policy);
  }
}
