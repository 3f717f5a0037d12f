// Cleaning: which section goes first, what moves, and what is done about a summary that can't be right.

import { describe, expect, it } from 'vitest';
import { BLKSIZE } from '../../src/device/device.ts';
import { MemoryDevice } from '../../src/device/memory-device.ts';
import { F2fsError } from '../../src/errors.ts';
import { BLKS_PER_SEG } from '../../src/format/constants.ts';
import { INLINE, Inode } from '../../src/format/inode.ts';
import { SUMMARY_ENTRY_SIZE } from '../../src/format/summary.ts';
import type { FileSystem } from '../../src/fs/file-system.ts';
import { CLEAN_POLICIES } from '../../src/volume/victims.ts';
import { SUM_FOOTER_OFFSET } from '../blocks-of-4k.ts';
import { codeOf, expectSound, mounted, volumeOf } from '../fs/full-volume.ts';

const NR_FILES = 8;
const contentOf = (nr: number) => Buffer.alloc(BLKS_PER_SEG * BLKSIZE, 0x40 + nr);

/** Files of 2 MiB, of which file nr then loses 40 pages for each of its number; all on disk. */
function holed(): { device: MemoryDevice; fs: FileSystem } {
  const made = volumeOf(128);
  for (let nr = 0; nr < NR_FILES; nr++) made.fs.writeFile(`file ${nr}`, contentOf(nr));
  made.fs.sync();
  for (let nr = 1; nr < NR_FILES; nr++) {
    using file = made.fs.openFile(`file ${nr}`);
    file.truncate((BLKS_PER_SEG - 40 * nr) * BLKSIZE);
  }
  made.fs.sync();
  return made;
}

function verify(fs: FileSystem): void {
  for (let nr = 0; nr < NR_FILES; nr++) {
    const wanted = contentOf(nr).subarray(0, (BLKS_PER_SEG - 40 * nr) * BLKSIZE);
    expect(wanted.equals(fs.readFile(`file ${nr}`)), `file ${nr}`).toBe(true);
  }
}

/** A segment of data that is no log's own and used in part. */
function dirtySegment({ volume }: FileSystem): number {
  const { sit, layout, logs } = volume;
  for (let segno = 0; segno < layout.nrMainSegments; segno++) {
    const valid = sit.validBlocks(segno);
    if (valid > 0 && valid < BLKS_PER_SEG && sit.typeOf(segno) < 3 && !logs.free.isCurrent(segno)) return segno;
  }
  throw new Error('no segment is used in part');
}

describe('cleaning on demand', () => {
  it.each(CLEAN_POLICIES)('%s empties sections, and contents stay', async (policy) => {
    const { device, fs } = holed();
    const before = fs.volume.logs.free.sections;
    const report = fs.clean({ policy, sections: 3 });
    expect(report.sections).toBe(3);
    expect(report.movedBlocks).toBeGreaterThan(0);
    expect(fs.volume.logs.free.sections).toBeGreaterThan(before);
    verify(fs);
    fs.close();
    await expectSound(device);
    verify(mounted(device, { readonly: true }));
  });

  it('ends when there is nothing to gain', () => {
    const { fs } = holed();
    fs.clean({ sections: Number.POSITIVE_INFINITY });
    expect(fs.clean({ sections: Number.POSITIVE_INFINITY }).sections).toBeLessThan(4);
    verify(fs);
    expect(codeOf(() => fs.clean({ policy: 'oldest' as 'greedy' }))).toBe('EINVAL');
    for (const sections of [Number.NaN, -1, 0.5, Number.NEGATIVE_INFINITY])
      expect(codeOf(() => fs.clean({ sections }))).toBe('EINVAL');
    fs.close();
  });

  it('greedy takes the section with the fewest blocks first', () => {
    const { fs } = holed();
    const { victims } = fs.volume.logs;
    const counts: number[] = [];
    for (let section = victims.findSection('greedy', () => false); section >= 0; ) {
      counts.push(victims.validBlocks(section));
      victims.cleaning.add(section);
      section = victims.findSection('greedy', () => false);
    }
    expect(counts.length).toBeGreaterThan(4);
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    fs.abandon();
  });

  it('leaves a pinned file where it is', () => {
    const { fs } = holed();
    const { nodes, pool } = fs.volume;
    for (let nr = 0; nr < NR_FILES; nr++) {
      const { ino } = fs.stat(`file ${nr}`);
      const base = nodes.get(ino, ino) * BLKSIZE;
      nodes.markDirty(ino);
      pool.bytes[base + Inode.offsets.iInline] |= INLINE.PIN_FILE;
    }
    expect(fs.clean({ sections: 4 }).movedBlocks).toBeLessThan(BLKS_PER_SEG);
    for (let nr = 0; nr < NR_FILES; nr++) expect(fs.stat(`file ${nr}`).size).toBeGreaterThan(0);
    verify(fs);
    fs.abandon();
  });

  it('leaves a section that cannot be read, and cleans the others', () => {
    const { device, fs } = holed();
    fs.close();
    const flaky = new Unreadable(device);
    const again = mounted(flaky);
    flaky.segment = again.volume.layout.segmentStart(dirtySegment(again));
    expect(again.clean({ sections: 50 }).sections).toBeGreaterThan(1);
    flaky.segment = -1;
    verify(again);
    again.close();
  });
});

/** Another device's blocks, of which one segment can't be read in the main area. */
class Unreadable extends MemoryDevice {
  readonly #base: MemoryDevice;
  segment = -1;

  constructor(base: MemoryDevice) {
    super(base.nrBlocks);
    this.#base = base;
  }

  override read(blkaddr: number, into: Uint8Array): void {
    if (blkaddr >= this.segment && blkaddr < this.segment + BLKS_PER_SEG && this.segment >= 0) {
      throw new F2fsError('EIO', `block ${blkaddr} can't be read`, { blkaddr });
    }
    this.#base.read(blkaddr, into);
  }

  override write(blkaddr: number, vectors: readonly Uint8Array[]): void {
    this.#base.write(blkaddr, vectors);
  }
}

describe('a summary that contradicts the SIT stops the volume', () => {
  it.each<[string, (summary: Uint8Array, at: number) => void]>([
    ['a node that is not there', (summary, at) => (summary[at + 1] ^= 0x40)],
    ['a node out of range', (summary, at) => (summary[at + 3] = 0xff)],
    ['another version', (summary, at) => summary[at + 4]++],
    ['another address', (summary, at) => (summary[at + 5] ^= 1)],
    ['an address past the node', (summary, at) => (summary[at + 6] = 0xff)],
    ['the type of the other kind', (summary) => (summary[SUM_FOOTER_OFFSET] ^= 1)],
    ['no type', (summary) => (summary[SUM_FOOTER_OFFSET] = 7)],
  ])('%s', (_, damage) => {
    const { device, fs } = holed();
    const { layout, sit } = fs.volume;
    const segno = dirtySegment(fs);
    const at = sit.nextValid(segno, 0) * SUMMARY_ENTRY_SIZE;
    fs.close();
    const summary = new Uint8Array(BLKSIZE);
    device.read(layout.ssaBlkaddr + segno, summary);
    damage(summary, at);
    device.write(layout.ssaBlkaddr + segno, [summary]);
    const damaged = mounted(device);
    expect(codeOf(() => damaged.clean({ sections: 50 }))).toBe('EUCLEAN');
    expect(codeOf(() => damaged.writeFile('more', Buffer.alloc(10)))).toBe('EROFS');
    damaged.abandon();
    verify(mounted(device, { readonly: true }));
  });
});
