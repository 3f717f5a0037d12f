// How algorithms and levels are written.
import { expect, test } from 'vitest';
import { parseCodec } from '../../src/compress/algorithms.ts';

test.each([
  ['lzo', 0, 0],
  ['lz4', 1, 0],
  ['lz4:3', 1, 3],
  ['lz4:16', 1, 16],
  ['zstd', 2, 1],
  ['zstd:1', 2, 1],
  ['zstd:22', 2, 22],
  ['lzo-rle', 3, 0],
])('%s', (text, algorithm, level) => {
  expect(parseCodec(text)).toEqual({ algorithm, level });
});

test.each([
  '',
  'gzip',
  'LZ4',
  'lz4hc',
  'lz4:',
  'lz4:0',
  'lz4:2',
  'lz4:17',
  'lz4:9.5',
  'lz4:9:9',
  'lz4: 9',
  'zstd:0',
  'zstd:23',
  'zstd:x',
  'lzo:1',
  'lzo-rle:1',
])('"%s" is refused', (text) => {
  expect(() => parseCodec(text)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
});
