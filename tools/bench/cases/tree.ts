// A directory into an image: ours, tar, mke2fs -d, mkfs.erofs, and mkfs.f2fs with sload.f2fs.
import * as fs from 'node:fs';
import { type Case, type Contestant, type Context, compareAll, contest, type Results } from '../contest.ts';
import { type Figure, figure, ratioOf, single } from '../figure.ts';
import { makeSmallTree, makeSparse, sizeOfTree, type TreeSize } from '../inputs.ts';

const DEFAULT_TREE = '/usr/share';
const MIB = 2 ** 20;

const TAR = 'tar';
const TAR_SYNC = 'tar + sync FILE';
const MKE2FS = 'mke2fs -d';
const EROFS = 'mkfs.erofs';
const SLOAD = 'mkfs.f2fs + sload.f2fs';

export const treeCase: Case = { name: 'tree', summary: 'a directory into an image', run };

async function run(context: Context): Promise<Figure[]> {
  const source = context.tree ?? (context.quick ? smallTree(context) : DEFAULT_TREE);
  const size = sizeOfTree(source);
  const shown = context.tree ?? (context.quick ? 'a small tree' : DEFAULT_TREE);
  context.note(`${shown}: ${size.entries} entries, ${(size.contentBytes / MIB).toFixed(1)} MiB in blocks; warm cache`);
  context.note(
    'ours ends with its own flush (fdatasync); the peers run as they are, tar once more with sync FILE after',
  );
  context.workspace.demand(imageBytes(size));
  const results = await contest(context, contestants(context, source, size));
  return [
    ...compareAll(results, 'tree', SLOAD, { sense: 'faster', value: 15 }),
    ...compareAll(results, 'tree', MKE2FS, { sense: 'faster', value: 1 }),
    ...compareAll(results, 'tree', EROFS, { sense: 'faster', value: 1 }),
    ...compareAll(results, 'tree', TAR, { sense: 'times', value: 2 }),
    ...compareAll(results, 'tree', TAR_SYNC, { sense: 'times', value: 2 }).slice(0, 1),
    ...sizes(results),
  ];
}

function smallTree({ workspace }: Context): string {
  const directory = workspace.file('small-tree');
  if (!fs.existsSync(directory)) makeSmallTree(directory, 200);
  return directory;
}

/** Bytes that suffice for a peer that wants to be told the size: sparse, so that too many cost nothing. */
function imageBytes({ entries, contentBytes }: TreeSize): number {
  const bytes = (contentBytes + entries * 4096) * 1.4 + 128 * MIB;
  return Math.ceil(bytes / MIB) * MIB;
}

function contestants({ f2fs }: Context, source: string, size: TreeSize): Contestant[] {
  return [
    { name: 'ours', commands: (output) => [[...f2fs, 'build', source, output, '--quiet']] },
    { name: TAR, needs: ['tar'], commands: (output) => [['tar', '-C', source, '-cf', output, '.']] },
    {
      name: TAR_SYNC,
      needs: ['tar', 'sync'],
      commands: (output) => [
        ['tar', '-C', source, '-cf', output, '.'],
        ['sync', output],
      ],
    },
    {
      name: MKE2FS,
      needs: ['mke2fs'],
      prepare: (output) => makeSparse(output, imageBytes(size)),
      commands: (output) => [
        ['mke2fs', '-q', '-F', '-t', 'ext4', '-N', `${size.entries + 1024}`, '-d', source, output],
      ],
    },
    { name: EROFS, needs: ['mkfs.erofs'], commands: (output) => [['mkfs.erofs', '--quiet', output, source]] },
    {
      name: SLOAD,
      needs: ['mkfs.f2fs', 'sload.f2fs'],
      slow: true,
      prepare: (output) => makeSparse(output, imageBytes(size)),
      commands: (output) => [
        ['mkfs.f2fs', '-q', '-f', output],
        ['sload.f2fs', '-f', source, output],
      ],
    },
  ];
}

/** What the outputs take on disk; those whose length was given say nothing by it. */
function sizes(results: Results): Figure[] {
  const [ours, ...peers] = results.values();
  return peers
    .filter(({ name }) => name !== TAR_SYNC)
    .map(({ name, allocatedBytes }) =>
      figure({
        name: `tree: size on disk, ${name}`,
        unit: 'bytes',
        ours: single(ours.allocatedBytes),
        peer: single(allocatedBytes),
        ratio: ratioOf('times', ours.allocatedBytes, allocatedBytes),
      }),
    );
}
