// Summaries (SSA): types, owners, versions and places of blocks that are not theirs. Nobody reads them but a cleaner, and a log
// that fills the holes of a segment.

import { BLKS_PER_SEG } from '../../../src/format/constants.ts';
import { viewOf } from '../../../src/format/struct.ts';
import { SUM_ENTRIES_SIZE, SUMMARY_ENTRY_SIZE, SummaryEntry } from '../../../src/format/summary.ts';
import { SUM_FOOTER_OFFSET } from '../../blocks-of-4k.ts';
import type { DamagedImage } from '../damaged-image.ts';
import { HUGE, type Recipe } from '../recipe.ts';

type Entry = InstanceType<typeof SummaryEntry>;

/** Segments that are no log's, and hold some blocks but not only such: what a cleaner would choose. */
function segments(image: DamagedImage, kind: 'data' | 'node'): number[] {
  const { layout, sit, logs } = image.base.fs.volume;
  const found: number[] = [];
  for (let segno = 0; segno < layout.nrMainSegments; segno++) {
    const valid = sit.validBlocks(segno);
    if (valid === 0 || valid === BLKS_PER_SEG || logs.current.some((log) => log.segno === segno)) continue;
    const isNode = image.sit(segno).vblocks >>> 10 >= 3;
    if (isNode === (kind === 'node')) found.push(segno);
  }
  if (found.length === 0) throw new Error(`the base has no ${kind} segment to be cleaned`);
  return found;
}

/** Changes the summary block of each such segment. */
const blocks = (kind: 'data' | 'node', change: (block: Uint8Array, image: DamagedImage, segno: number) => void) => {
  return (image: DamagedImage): void => {
    for (const segno of segments(image, kind)) change(image.block(image.layout.ssaBlkaddr + segno), image, segno);
  };
};

/** Changes the entries of the blocks in use: the first of each segment, or all. */
const entries = (
  kind: 'data' | 'node',
  which: 'first' | 'all',
  change: (entry: Entry, image: DamagedImage) => void,
) => {
  return blocks(kind, (block, image, segno) => {
    const start = image.layout.segmentStart(segno);
    for (let at = 0; at < BLKS_PER_SEG; at++) {
      if (!image.base.fs.volume.sit.isValid(start + at)) continue;
      change(new SummaryEntry(viewOf(block), at * SUMMARY_ENTRY_SIZE), image);
      if (which === 'first') return;
    }
  });
};

type Row = readonly [name: string, expect: string, damage: (image: DamagedImage) => void];

const KINDS = ['data', 'node'] as const;

const ofBlocks: Row[] = KINDS.flatMap((kind): Row[] => [
  [`${kind}: the other type`, 'EUCLEAN', blocks(kind, (block) => (block[SUM_FOOTER_OFFSET] ^= 1))],
  [`${kind}: type 2`, 'EUCLEAN', blocks(kind, (block) => (block[SUM_FOOTER_OFFSET] = 2))],
  [`${kind}: type 255`, 'EUCLEAN', blocks(kind, (block) => (block[SUM_FOOTER_OFFSET] = 255))],
  [`${kind}: a block of ones`, 'EUCLEAN', blocks(kind, (block) => block.fill(0xff))],
  [`${kind}: a block of zeros`, 'EUCLEAN', blocks(kind, (block) => block.fill(0))],
  [`${kind}: entries of zeros`, 'EUCLEAN', blocks(kind, (block) => block.fill(0, 0, SUM_ENTRIES_SIZE))],
  [`${kind}: entries of ones`, 'EUCLEAN', blocks(kind, (block) => block.fill(0xff, 0, SUM_ENTRIES_SIZE))],
  [
    `${kind}: entries of another segment`,
    'EUCLEAN',
    (image) => {
      const [first, second = first - 1] = segments(image, kind);
      const { ssaBlkaddr } = image.layout;
      image.block(ssaBlkaddr + first).set(image.block(ssaBlkaddr + second));
    },
  ],
  [
    `${kind}: entries one place off`,
    'EUCLEAN',
    blocks(kind, (block) => block.copyWithin(SUMMARY_ENTRY_SIZE, 0, SUM_ENTRIES_SIZE - SUMMARY_ENTRY_SIZE)),
  ],
  [
    `${kind}: ones after the entries`,
    'cleans',
    blocks(kind, (block) => block.fill(0xff, SUM_ENTRIES_SIZE, SUM_FOOTER_OFFSET)),
  ],
]);

const ofEntries: Row[] = KINDS.flatMap((kind) =>
  (['first', 'all'] as const).flatMap((which): Row[] => {
    const row = (name: string, change: (entry: Entry, image: DamagedImage) => void, expect = 'EUCLEAN'): Row => [
      `${kind}, ${which}: ${name}`,
      expect,
      entries(kind, which, change),
    ];
    // Of a node's block only its number counts.
    const ofData = kind === 'data' ? 'EUCLEAN' : 'cleans';
    return [
      row('node 0', (entry) => (entry.nid = 0)),
      row('node 2', (entry) => (entry.nid = 2)),
      row('the root', (entry) => (entry.nid = 3)),
      row('a node out of range', (entry) => (entry.nid = HUGE)),
      row('the node past the last', (entry, image) => (entry.nid = image.layout.maxNid)),
      row('a free node', (entry) => (entry.nid = 5000)),
      row('another inode', (entry, image) => (entry.nid = image.ino('/overwritten'))),
      row('a directory', (entry, image) => (entry.nid = image.ino('/kept'))),
      row('a direct node', (entry, image) => (entry.nid = image.nidOf('/wide', 0))),
      row('another version', (entry) => entry.version++, ofData),
      row('place 1018', (entry) => (entry.ofsInNode = 1018), ofData),
      row('place 65535', (entry) => (entry.ofsInNode = 0xffff), ofData),
      row('the next place', (entry) => entry.ofsInNode++, ofData),
    ];
  }),
);

export const ssaRecipes: readonly Recipe[] = [...ofBlocks, ...ofEntries].map(([name, expect, damage]) => ({
  class: 'ssa',
  name,
  base: 'worn',
  touch: 'cleaning',
  expect,
  damage,
}));
