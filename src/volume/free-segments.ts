// Which segments and sections are free: none of their blocks is in use or needed by the last checkpoint, and no log is
// there. A new segment is found section by section.

import type { CurrentSegment } from './current-segment.ts';
import type { VolumeLayout } from './layout.ts';
import type { SegmentTable } from './sit.ts';

export class FreeSegments {
  readonly #layout: VolumeLayout;
  readonly #sit: SegmentTable;
  readonly #current: readonly CurrentSegment[];
  #segments: number;
  /** Null until they are counted, which takes the whole SIT; where a section is a segment they need not be. */
  #sections: number | null = null;
  /** Where the search for a free section goes on. */
  #cursor = 0;

  constructor(layout: VolumeLayout, sit: SegmentTable, current: readonly CurrentSegment[], nrSegments: number) {
    this.#layout = layout;
    this.#sit = sit;
    this.#current = current;
    this.#segments = nrSegments;
  }

  /** Segments that may be taken now. */
  get segments(): number {
    return this.#segments;
  }

  /** Sections that may be taken now, whole. */
  get sections(): number {
    if (this.#layout.segsPerSec === 1) return this.#segments;
    this.#sections ??= this.#countSections();
    return this.#sections;
  }

  /** Segments emptied since the last checkpoint, that the next one frees. */
  get emptied(): number {
    return this.#emptied().length;
  }

  isCurrent(segno: number): boolean {
    for (const current of this.#current) if (current.segno === segno) return true;
    return false;
  }

  /** A segment whose blocks may all be written, and that belongs to no log. */
  isFree(segno: number): boolean {
    return this.#sit.isFree(segno) && !this.isCurrent(segno);
  }

  isFreeSection(section: number): boolean {
    const { segsPerSec } = this.#layout;
    for (let segno = section * segsPerSec; segno < (section + 1) * segsPerSec; segno++) {
      if (!this.isFree(segno)) return false;
    }
    return true;
  }

  /** Whether a log that fills up `segno` finds a free segment behind it, in its section. Source: is_next_segment_free. */
  hasFollowing(segno: number): boolean {
    return (segno + 1) % this.#layout.segsPerSec !== 0 && this.isFree(segno + 1);
  }

  /** The first segment of the next free section, or -1. */
  find(): number {
    const { segsPerSec, nrMainSegments } = this.#layout;
    const nrSections = nrMainSegments / segsPerSec;
    for (let i = 0; i < nrSections && this.#segments > 0; i++) {
      const section = (this.#cursor + i) % nrSections;
      if (!this.isFreeSection(section)) continue;
      this.#cursor = section + 1;
      return section * segsPerSec;
    }
    return -1;
  }

  /** A free segment is about to be taken. */
  take(segno: number): void {
    if (this.#sections !== null && this.isFreeSection(this.#sectionOf(segno))) this.#sections--;
    this.#segments--;
  }

  /** A segment that was none has become free. */
  giveBack(segno: number): void {
    this.#segments++;
    if (this.#sections !== null && this.isFreeSection(this.#sectionOf(segno))) this.#sections++;
  }

  /** To be called once the checkpoint is down. Returns the segments that are free now, which it emptied. */
  checkpointed(): number[] {
    const freed = this.#emptied();
    this.#sit.checkpointed();
    this.#segments += freed.length;
    if (this.#sections !== null) {
      const sections = new Set(freed.map((segno) => this.#sectionOf(segno)));
      for (const section of sections) if (this.isFreeSection(section)) this.#sections++;
    }
    return freed;
  }

  /** The main area has lost free segments at its end. */
  cut(nrSegments: number): void {
    this.#segments -= nrSegments;
    this.#sections = null;
  }

  #emptied(): number[] {
    return this.#sit.emptied().filter((segno) => !this.isCurrent(segno));
  }

  #sectionOf(segno: number): number {
    return Math.floor(segno / this.#layout.segsPerSec);
  }

  #countSections(): number {
    const { segsPerSec, nrMainSegments } = this.#layout;
    let count = 0;
    for (let section = 0; section < nrMainSegments / segsPerSec; section++) if (this.isFreeSection(section)) count++;
    return count;
  }
}
