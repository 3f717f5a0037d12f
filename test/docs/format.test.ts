// docs/FORMAT.md is true: each table of a structure has every field of it, at its offset, with its bytes.
import * as fs from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as checkpoint from '../../src/format/checkpoint.ts';
import * as cluster from '../../src/format/cluster.ts';
import { FEATURES } from '../../src/format/constants.ts';
import * as dentry from '../../src/format/dentry.ts';
import * as inode from '../../src/format/inode.ts';
import * as nat from '../../src/format/nat.ts';
import * as node from '../../src/format/node.ts';
import * as sit from '../../src/format/sit.ts';
import type { StructClass } from '../../src/format/struct.ts';
import * as summary from '../../src/format/summary.ts';
import * as superblock from '../../src/format/superblock.ts';
import * as xattr from '../../src/format/xattr.ts';

const page = fs.readFileSync(new URL('../../docs/FORMAT.md', import.meta.url), 'utf8');
const modules = [checkpoint, cluster, dentry, inode, nat, node, sit, summary, superblock, xattr];
const structures = modules.flatMap((module) =>
  Object.values(module).filter((one): one is StructClass<Record<string, never>> => {
    return typeof one === 'function' && 'offsets' in one;
  }),
);

/** The cells of each row of the table that follows `heading`. */
function tableAfter(heading: string): string[][] {
  const at = page.indexOf(heading);
  if (at < 0) return [];
  const lines = page.slice(at).split('\n');
  const start = lines.findIndex((line) => line.startsWith('|'));
  const rows = lines.slice(start + 2);
  const end = rows.findIndex((line) => !line.startsWith('|'));
  return rows.slice(0, end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

describe('the tables', () => {
  it.each(structures.map((one) => ({ name: one.name, one })))('$name', ({ name, one }) => {
    const rows = tableAfter(`\`${name}\`, ${one.size} bytes:`).flatMap(([offsets, sizes, fields]) => {
      const columns = [offsets, sizes, fields].map((cell) => cell.split(', '));
      return columns[2].map((field, i) => [field, Number(columns[0][i]), Number(columns[1][i])]);
    });
    const offsets: Record<string, number> = one.offsets;
    const ends: Record<string, number> = one.ends;
    expect(rows).toEqual(Object.keys(offsets).map((field) => [field, offsets[field], ends[field] - offsets[field]]));
  });

  it('features', () => {
    const rows = tableAfter('### Features').map(([bit, name]) => [name, Number(bit)]);
    expect(Object.fromEntries(rows)).toEqual(FEATURES);
  });

  it('checkpoint flags', () => {
    const rows = tableAfter('Bits count from the high bit of each byte.\n').map(([bit, name]) => [name, Number(bit)]);
    expect(Object.fromEntries(rows)).toEqual(checkpoint.CP);
  });
});
