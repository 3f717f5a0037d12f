// Where blocks come from when free segments are few: holes of used segments, never blocks that the last checkpoint needs.

import { describe, expect, it } from 'vitest';
import { BLKSIZE } from '../../src/device/device.ts';
import { BLKS_PER_SEG, LOG } from '../../src/format/constants.ts';
import { SUMMARY_ENTRY_SIZE } from '../../src/format/summary.ts';
import type { FileSystem } from '../../src/fs/file-system.ts';
import { BlockRun } from '../../src/volume/block-run.ts';
import { ALLOC } from '../../src/volume/current-segment.ts';
import { mounted, PageModel, pagesFor, volumeOf } from '../fs/full-volume.ts';
import { random } from '../random.ts';

/** A full volume with holes in every segment, whose checkpoint is down. */
function worn(): ReturnType<typeof volumeOf> {
  const made = volumeOf(64);
  const model = new PageModel(2, pagesFor(made.fs, 90, 2));
  model.fill(made.fs);
  model.overwrite(made.fs, random(3), 6000);
  made.fs.sync();
  return made;
}

/** Blocks in use by the SIT. */
function inUse({ volume }: FileSystem): Set<number> {
  const blocks = new Set<number>();
  const { sit, layout } = volume;
  for (let segno = 0; segno < layout.nrMainSegments; segno++) {
    for (let at = sit.nextValid(segno, 0); at < BLKS_PER_SEG; at = sit.nextValid(segno, at + 1)) {
      blocks.add(layout.segmentStart(segno) + at);
    }
  }
  return blocks;
}

describe('logs in holes', () => {
  it('give no block twice, none that the checkpoint has, and note whose it is', () => {
    const { fs } = worn();
    const { logs, layout, nat } = fs.volume;
    const kept = inUse(fs);
    const given = new Set<number>();
    const run = new BlockRun();
    const nid = layout.sb.rootIno;
    let threaded = 0;
    for (let round = 0; round < 400; round++) {
      const log = LOG.WARM_DATA;
      const next = logs.nextBlkaddr(log);
      logs.allocate(log, 1 + (round % 7), nid, nat.versionOf(nid), 5, run);
      const { blkaddr: first, count } = run;
      expect(first).toBe(next);
      if (logs.current[log].allocType === ALLOC.SSR) threaded++;
      for (let i = 0; i < count; i++) {
        expect(kept.has(first + i) || given.has(first + i)).toBe(false);
        given.add(first + i);
      }
      const { segno, summary } = logs.current[log];
      const blkoff = first - layout.segmentStart(segno);
      if (blkoff >= 0 && blkoff < BLKS_PER_SEG) {
        expect(summary[blkoff * SUMMARY_ENTRY_SIZE]).toBe(nid);
        expect(summary[blkoff * SUMMARY_ENTRY_SIZE + 5]).toBe(5);
      }
      // Freed at once: it must not come back before a checkpoint.
      if (round % 3 === 0) for (let i = 0; i < count; i++) logs.invalidate(first + i);
    }
    expect(threaded).toBeGreaterThan(100);
    fs.abandon();
  });

  it('are gone on with by the next mount, and left by its checkpoints where holes are not wanted', () => {
    const { device, fs } = worn();
    const isSsr = ({ volume }: FileSystem) => volume.logs.current.some(({ allocType }) => allocType === ALLOC.SSR);
    expect(isSsr(fs)).toBe(true);
    const positions = fs.volume.logs.current.map(({ segno, blkoff }) => [segno, blkoff]);
    fs.abandon();
    const again = mounted(device);
    expect(again.volume.logs.current.map(({ segno, blkoff }) => [segno, blkoff])).toEqual(positions);
    again.abandon();
    const lfs = mounted(device, { mode: 'lfs' });
    const { current } = lfs.volume.logs;
    expect(current.map(({ segno, blkoff }) => [segno, blkoff])).toEqual(positions);
    // Free segments, which take a log each.
    lfs.truncate('/file 0', 0);
    lfs.sync();
    lfs.mkdir('/new');
    lfs.sync();
    expect(current.map(({ allocType }) => allocType)).toEqual(current.map(() => ALLOC.LFS));
    lfs.abandon();
  });

  it.each([{ mode: 'lfs' }, { cleaning: false }] as const)(
    'keep what is fsynced where holes are not wanted: %o',
    (options) => {
      const { device, fs } = volumeOf(64);
      let nr = 0;
      for (; fs.statfs().freeBlocks > 100; nr++) fs.writeFile(`file ${nr}`, Buffer.alloc(BLKSIZE, 1));
      fs.sync();
      const full = nr;
      for (let i = 1; i < full; i += 3) fs.unlink(`file ${i}`);
      fs.sync();
      for (; fs.volume.logs.current[LOG.WARM_NODE].allocType === ALLOC.LFS && nr < 10_000; nr++) {
        fs.writeFile(`file ${nr}`, Buffer.alloc(BLKSIZE, 1));
        if (nr % 20 === 0) fs.sync();
      }
      // Free segments, so that an fsync needs no checkpoint.
      for (let i = 3; i < full; i += i % 3 === 0 ? 2 : 1) fs.unlink(`file ${i}`);
      fs.sync();
      expect(fs.volume.logs.current[LOG.WARM_NODE].allocType).toBe(ALLOC.SSR);
      fs.abandon();
      const crashed = mounted(device, options);
      crashed.mkdir('/new');
      crashed.sync();
      using file = crashed.openFile('file 0');
      file.write(Buffer.alloc(9000, 2), 0);
      const { checkpointVer } = crashed.volume.pack.cp;
      file.fsync();
      expect(crashed.volume.pack.cp.checkpointVer).toBe(checkpointVer);
      crashed.abandon();
      const again = mounted(device);
      expect(Buffer.compare(again.readFile('file 0'), Buffer.alloc(9000, 2))).toBe(0);
      again.abandon();
    },
  );

  it('never take a segment that is held', () => {
    const { fs } = worn();
    const { logs, layout, sit } = fs.volume;
    const held = new Set<number>();
    const run = new BlockRun();
    for (let segno = 0; segno < layout.nrMainSegments; segno += 2) {
      if (logs.free.isCurrent(segno)) continue;
      sit.hold(segno);
      held.add(segno);
    }
    for (let i = 0; i < 300; i++) {
      logs.allocate(LOG.HOT_DATA, 1, 3, 0, 0, run);
      expect(held.has(layout.segnoOf(run.blkaddr))).toBe(false);
    }
    fs.abandon();
  });
});

describe('free sections', () => {
  it.each([1, 2])('are counted right through checkpoints, in sections of %i segments', (segsPerSec) => {
    const { fs } = volumeOf(64 * segsPerSec, { format: { segsPerSec } });
    const { free } = fs.volume.logs;
    const { nrMainSegments } = fs.volume.layout;
    const check = () => {
      const segments = Array.from({ length: nrMainSegments }, (_, segno) => free.isFree(segno)).filter((is) => is);
      expect(free.segments).toBe(segments.length);
      const sections = Array.from({ length: nrMainSegments / segsPerSec }, (_, nr) => free.isFreeSection(nr));
      expect(free.sections).toBe(sections.filter((is) => is).length);
    };
    check();
    const rng = random(5);
    for (let round = 0; round < 60; round++) {
      const name = `file ${rng.below(12)}`;
      if (rng.below(3) > 0) fs.writeFile(name, Buffer.alloc(rng.below(300) * BLKSIZE, 1));
      else if (fs.readdir('/').some((entry) => Buffer.from(entry.name).toString() === name)) fs.unlink(name);
      if (rng.below(4) === 0) fs.sync();
      check();
    }
    fs.close();
  });
});
