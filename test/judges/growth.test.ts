// Images that are grown afterwards by resize.f2fs, 1.15 and 1.16: whatever the size, a kernel then finds in them what was built.
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NR_LOGS } from '../../src/format/constants.ts';
import { mount, openFileDevice } from '../../src/index.ts';
import { geometryFor } from '../../src/mkfs/geometry.ts';
import { build } from '../../src/populate/build.ts';
import { canGrow } from '../../src/populate/image-size.ts';
import { judgeImages } from '../../tools/judge/index.ts';
import { newerFsck, toolEnv } from '../../tools/judge/paths.ts';
import { noise } from '../fs/compressed-volume.ts';
import { makeVariedTree } from '../host-fixture.ts';

const MIB_BLOCKS = 256;
const tools = ['resize.f2fs', join(dirname(newerFsck), 'resize.f2fs')].filter(
  (tool) => !tool.includes('/') || fs.existsSync(tool),
);

let work: string;
let tree: string;

beforeAll(() => {
  work = fs.mkdtempSync(join(tmpdir(), 'f2fs-growth-'));
  tree = join(work, 'tree');
  fs.mkdirSync(tree);
  makeVariedTree(tree);
  // Its holes would be hashed by each judge.
  fs.truncateSync(join(tree, 'empty'), 5_000_000);
  for (let i = 0; i < 700; i++) fs.writeFileSync(join(tree, `dir/file${i}`), noise(i * 40, i));
  fs.writeFileSync(join(tree, 'large'), noise(14_000_000, 1));
});
afterAll(() => fs.rmSync(work, { recursive: true, force: true }));

/** The sizes in MiB at which the tables first and last take each of the first `nrSteps` numbers of segments. */
function sizesOfTables(fromMiB: number, nrSteps: number): number[] {
  const sizes: number[] = [fromMiB];
  const mainAt = (mib: number) => geometryFor({ nrBlocks: mib * MIB_BLOCKS }).mainBlkaddr;
  for (let mib = fromMiB + 2; sizes.length < 2 * nrSteps; mib += 2) {
    if (mainAt(mib) !== mainAt(mib - 2)) sizes.push(mib - 2, mib);
  }
  return sizes;
}

describe('an image of the least size', () => {
  test.each([
    ['as it is', 0],
    // The tool has room to move single segments here.
    ['with some space free', 40 << 20],
  ])('%s is grown to any size', async (_, freeBytes) => {
    const image = join(work, 'built.img');
    const { imageBytes } = await build(tree, image, { freeBytes, force: true });
    const device = openFileDevice(image, { writable: false });
    const { layout, sit, pack } = mount(device, { readonly: true }).volume;
    expect(canGrow(sit, layout.nrMainSegments - NR_LOGS, pack.cp.rsvdSegmentCount)).toBe(true);
    device.close();
    const grown: string[] = [];
    for (const mib of sizesOfTables(imageBytes / 2 ** 20 + 2, 3)) {
      const tool = tools[grown.length % tools.length];
      const copy = join(work, `grown-${grown.length}.img`);
      execFileSync('cp', ['--sparse=always', image, copy]);
      fs.truncateSync(copy, mib * 2 ** 20);
      execFileSync(tool, [copy], { env: toolEnv() });
      expect(mainSegments(copy)).toBe(geometryFor({ nrBlocks: mib * MIB_BLOCKS }).segmentCountMain);
      grown.push(copy);
    }
    const judgements = await judgeImages(grown.map((copy) => ({ image: copy, source: tree })));
    // The tool makes the older checkpoint unreadable.
    const known = /crc.offset: 0/i;
    for (const { complaints } of judgements) expect(complaints.filter((line) => !known.test(line))).toEqual([]);
  });
});

function mainSegments(image: string): number {
  const device = openFileDevice(image, { writable: false });
  try {
    return mount(device, { readonly: true }).volume.layout.nrMainSegments;
  } finally {
    device.close();
  }
}
