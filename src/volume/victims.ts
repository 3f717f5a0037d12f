// Which segments are worth being written into their holes, and which sections worth being cleaned. Source:
// get_victim_by_default, get_cb_cost.
import { BLKS_PER_SEG, type Log, NR_DATA_LOGS, NR_LOGS } from '../format/constants.ts';
import type { CurrentSegment } from './current-segment.ts';
import type { VolumeLayout } from './layout.ts';
import type { SegmentTable } from './sit.ts';

/** How a section to be cleaned is chosen: the one with the fewest blocks, or old ones before those that still change. */
export const CLEAN_POLICIES = ['greedy', 'cost-benefit'] as const;
/** Which section is cleaned first: the one with the fewest valid blocks, or the one whose age and fewness promise the most. */
export type CleanPolicy = (typeof CLEAN_POLICIES)[number];

/** Segments with holes that one search looks at. Source: DEF_MAX_VICTIM_SEARCH. */
const MAX_SEARCH = 4096;
const LOGS_OF_A_KIND = 3;

export class Victims {
  readonly #layout: VolumeLayout;
  readonly #sit: SegmentTable;
  readonly #current: readonly CurrentSegment[];
  /** Where a search that looked at enough goes on. */
  #cursor = 0;
  /** Sections cleaned since the last checkpoint: nothing may be written there. */
  readonly cleaning = new Set<number>();

  constructor(layout: VolumeLayout, sit: SegmentTable, current: readonly CurrentSegment[]) {
    this.#layout = layout;
    this.#sit = sit;
    this.#current = current;
  }

  /**
   * A segment in use whose holes a log may fill, or -1: of the log's own type if there is one, else of another type of the
   * same kind; the one with the most holes. Source: get_ssr_segment.
   */
  findSsrVictim(log: Log): number {
    const sit = this.#sit;
    const { nrMainSegments } = this.#layout;
    const first = log < NR_DATA_LOGS ? 0 : NR_DATA_LOGS;
    const best = [-1, -1, -1];
    const cost = [BLKS_PER_SEG, BLKS_PER_SEG, BLKS_PER_SEG];
    let searched = 0;
    for (let i = 0; i < nrMainSegments; i++) {
      const segno = (this.#cursor + i) % nrMainSegments;
      const valid = sit.validBlocks(segno);
      if (valid === 0 || valid === BLKS_PER_SEG) continue;
      const slot = sit.typeOf(segno) - first;
      if (slot < 0 || slot >= LOGS_OF_A_KIND || this.#isBusy(this.#sectionOf(segno))) continue;
      const kept = sit.keptBlocks(segno);
      if (kept < cost[slot]) {
        cost[slot] = kept;
        best[slot] = segno;
      }
      if (++searched < MAX_SEARCH) continue;
      this.#cursor = segno + 1;
      break;
    }
    const own = log - first;
    if (best[own] >= 0) return best[own];
    // Hot logs look at the next colder ones first, the others at the coldest.
    for (const slot of own === 0 ? [1, 2] : [2, 1, 0]) if (best[slot] >= 0) return best[slot];
    return -1;
  }

  /**
   * The section that is cleaned best, or -1 when none would give anything; those for which `skip` holds are left out.
   */
  findSection(policy: CleanPolicy, skip: (section: number) => boolean): number {
    return policy === 'greedy' ? this.#fewestBlocks(skip) : this.#bestBenefit(skip);
  }

  /** Blocks in use of a section. */
  validBlocks(section: number): number {
    const { segsPerSec } = this.#layout;
    let valid = 0;
    for (let i = 0; i < segsPerSec; i++) valid += this.#sit.validBlocks(section * segsPerSec + i);
    return valid;
  }

  #fewestBlocks(skip: (section: number) => boolean): number {
    let best = -1;
    let fewest = Number.POSITIVE_INFINITY;
    this.#eachCandidate(skip, (section, valid) => {
      if (valid >= fewest) return;
      fewest = valid;
      best = section;
    });
    return best;
  }

  /** Benefit over cost: (1 - u) * age / (1 + u), u being the part of the section that is in use. Source: get_cb_cost. */
  #bestBenefit(skip: (section: number) => boolean): number {
    let oldest = Number.POSITIVE_INFINITY;
    let newest = 0;
    this.#eachCandidate(skip, (section) => {
      const mtime = this.#mtime(section);
      oldest = Math.min(oldest, mtime);
      newest = Math.max(newest, mtime);
    });
    const capacity = this.#layout.segsPerSec * BLKS_PER_SEG;
    let best = -1;
    let most = -1;
    this.#eachCandidate(skip, (section, valid) => {
      const used = valid / capacity;
      const age = newest === oldest ? 1 : 1 - (this.#mtime(section) - oldest) / (newest - oldest);
      const benefit = ((1 - used) * age) / (1 + used);
      if (benefit <= most) return;
      most = benefit;
      best = section;
    });
    return best;
  }

  /** Calls `look` with each section of which a part is in use, and no log there. */
  #eachCandidate(skip: (section: number) => boolean, look: (section: number, valid: number) => void): void {
    const { segsPerSec, nrMainSegments } = this.#layout;
    for (let section = 0; section < nrMainSegments / segsPerSec; section++) {
      const valid = this.validBlocks(section);
      if (valid === 0 || valid === segsPerSec * BLKS_PER_SEG || this.#isBusy(section) || skip(section)) continue;
      look(section, valid);
    }
  }

  /** Mean of its segments' times of last change. */
  #mtime(section: number): number {
    const { segsPerSec } = this.#layout;
    let sum = 0;
    for (let i = 0; i < segsPerSec; i++) sum += this.#sit.mtimeOf(section * segsPerSec + i);
    return sum / segsPerSec;
  }

  /** Whether a log is there, or it is being cleaned. Source: sec_usage_check. */
  #isBusy(section: number): boolean {
    if (this.cleaning.has(section)) return true;
    for (let log = 0; log < NR_LOGS; log++) if (this.#sectionOf(this.#current[log].segno) === section) return true;
    return false;
  }

  #sectionOf(segno: number): number {
    return Math.floor(segno / this.#layout.segsPerSec);
  }
}
