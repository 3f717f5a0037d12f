// Where things are looked for: hash levels and buckets of a directory, the node tree of a file. The numbers are worked
// out by hand from the kernel's rules.

import { describe, expect, it } from 'vitest';
import { bucketBlocks, dirBlockIndex, dirBuckets } from '../../src/format/dentry.ts';
import { isDnodeOffset, maxFileBlocks, NodePath, nodePath, XATTR_NODE_OFFSET } from '../../src/format/node.ts';
import { BLOCK } from '../blocks-of-4k.ts';

describe('hash levels of a directory', () => {
  it.each([
    // level, dir_level, buckets
    [0, 0, 1],
    [1, 0, 2],
    [5, 0, 32],
    [0, 3, 8],
    [4, 3, 128],
    [30, 0, 2 ** 30],
    [31, 0, 2 ** 30],
    [62, 0, 2 ** 30],
    [20, 10, 2 ** 30],
    [20, 11, 2 ** 30],
  ])('level %i with i_dir_level %i has %i buckets', (level, dirLevel, buckets) => {
    expect(dirBuckets(level, dirLevel)).toBe(buckets);
  });

  it.each([
    [0, 2],
    [1, 2],
    [30, 2],
    [31, 4],
    [62, 4],
  ])('at level %i a bucket has %i blocks', (level, blocks) => {
    expect(bucketBlocks(level)).toBe(blocks);
  });

  it.each([
    // level, dir_level, bucket, page
    [0, 0, 0, 0],
    [1, 0, 0, 2],
    [1, 0, 1, 4],
    [2, 0, 0, 6],
    [3, 0, 0, 14],
    [3, 0, 5, 24],
    [4, 0, 15, 60],
    [5, 0, 0, 62],
    [0, 2, 3, 6],
    [1, 2, 0, 8],
    [2, 2, 1, 26],
    [31, 0, 0, 4_294_967_294],
    [31, 0, 1, 4_294_967_298],
  ])('level %i, i_dir_level %i, bucket %i begins at page %i', (level, dirLevel, bucket, page) => {
    expect(dirBlockIndex(level, dirLevel, bucket)).toBe(page);
  });

  it('follow each other without a gap or an overlap', () => {
    for (const dirLevel of [0, 1, 4]) {
      let page = 0;
      for (let level = 0; level < 10; level++) {
        for (let bucket = 0; bucket < dirBuckets(level, dirLevel); bucket++) {
          expect(dirBlockIndex(level, dirLevel, bucket)).toBe(page);
          page += bucketBlocks(level);
        }
      }
    }
  });
});

const N = 1018;
const DIRECT1 = 923;
const DIRECT2 = DIRECT1 + N;
const INDIRECT1 = DIRECT2 + N;
const INDIRECT2 = INDIRECT1 + N * N;
const DOUBLE = INDIRECT2 + N * N;
const END = DOUBLE + N * N * N;

/** Page, levels below the inode, index at each level, node offset at each level below the inode. */
const edges: [where: string, page: number, level: number, offset: number[], noffset: number[]][] = [
  ['the inode, first', 0, 0, [0], []],
  ['the inode, last', DIRECT1 - 1, 0, [922], []],
  ['direct node 1, first', DIRECT1, 1, [0, 0], [1]],
  ['direct node 1, last', DIRECT2 - 1, 1, [0, 1017], [1]],
  ['direct node 2, first', DIRECT2, 1, [1, 0], [2]],
  ['direct node 2, last', INDIRECT1 - 1, 1, [1, 1017], [2]],
  ['indirect node 1, first', INDIRECT1, 2, [2, 0, 0], [3, 4]],
  ['indirect node 1, last of its first dnode', INDIRECT1 + 1017, 2, [2, 0, 1017], [3, 4]],
  ['indirect node 1, first of its second dnode', INDIRECT1 + 1018, 2, [2, 1, 0], [3, 5]],
  ['indirect node 1, last', INDIRECT2 - 1, 2, [2, 1017, 1017], [3, 1021]],
  ['indirect node 2, first', INDIRECT2, 2, [3, 0, 0], [1022, 1023]],
  ['indirect node 2, last', DOUBLE - 1, 2, [3, 1017, 1017], [1022, 2040]],
  ['double-indirect node, first', DOUBLE, 3, [4, 0, 0, 0], [2041, 2042, 2043]],
  [
    'double-indirect node, last of its first indirect node',
    DOUBLE + N * N - 1,
    3,
    [4, 0, 1017, 1017],
    [2041, 2042, 3060],
  ],
  ['double-indirect node, first of its second indirect node', DOUBLE + N * N, 3, [4, 1, 0, 0], [2041, 3061, 3062]],
  ['double-indirect node, last', END - 1, 3, [4, 1017, 1017, 1017], [2041, 1_038_365, 1_039_383]],
];

describe('the node tree of a file', () => {
  it.each(edges)('%s', (_where, page, level, offset, noffset) => {
    // One path for both, as its users keep one: nothing of the page before may remain in it.
    const path = nodePath(END - 1, 923, 1018, BLOCK, new NodePath());
    expect(nodePath(page, 923, 1018, BLOCK, path)).toBe(path);
    expect(path.level).toBe(level);
    expect([...path.offset.subarray(0, level + 1)]).toEqual(offset);
    expect([...path.noffset.subarray(1, level + 1)]).toEqual(noffset);
    expect(path.ofsInNode).toBe(offset.at(-1));
  });

  it('begins earlier when the inode holds fewer addresses', () => {
    const path = new NodePath();
    expect(nodePath(863, 864, 1018, BLOCK, path).level).toBe(0);
    expect(nodePath(864, 864, 1018, BLOCK, path).level).toBe(1);
    expect(path.offset[1]).toBe(0);
    expect(nodePath(864 + 2 * N, 864, 1018, BLOCK, path).level).toBe(2);
    expect(nodePath(864 + 2 * N + 2 * N * N, 864, 1018, BLOCK, path).level).toBe(3);
  });

  it('ends at 3.94 TiB', () => {
    expect(maxFileBlocks(923, 1018, BLOCK)).toBe(1_057_053_439);
    expect(maxFileBlocks(923, 1018, BLOCK)).toBe(END);
    expect(((maxFileBlocks(923, 1018, BLOCK) * 4096) / 2 ** 40).toFixed(2)).toBe('3.94');
    expect(maxFileBlocks(864, 1018, BLOCK)).toBe(END - 59);
    expect(() => nodePath(END, 923, 1018, BLOCK, new NodePath())).toThrow(
      expect.objectContaining({ code: 'EFBIG' }) as Error,
    );
  });

  it.each([-1, Number.NaN, Number.NEGATIVE_INFINITY])('has no page %d', (page) => {
    expect(() => nodePath(page, 923, 1018, BLOCK, new NodePath())).toThrow(
      expect.objectContaining({ code: 'EUCLEAN' }) as Error,
    );
  });

  it('has nodes of nids at a few offsets, nodes of addresses at all others', () => {
    const ofNids = [3, 1022, 2041, 2042, 3061, 2042 + 1019 * 1017];
    for (const offset of ofNids) expect(isDnodeOffset(offset, BLOCK), `offset ${offset}`).toBe(false);
    const ofAddresses = [0, 1, 2, 4, 1021, 1023, 2040, 2043, 3060, 3062, 1_039_383, XATTR_NODE_OFFSET];
    for (const offset of ofAddresses) expect(isDnodeOffset(offset, BLOCK), `offset ${offset}`).toBe(true);
    expect(XATTR_NODE_OFFSET).toBe(0x1fffffff);
  });
});
