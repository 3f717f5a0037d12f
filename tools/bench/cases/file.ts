// One large file into an image, against cp of the same file; and whether memory grows with the file.
import * as path from 'node:path';
import { type Case, type Context, compareAll, contest, PEAK_BYTES, statOfSamples } from '../contest.ts';
import { type Figure, figure } from '../figure.ts';
import { makeLargeFile } from '../inputs.ts';
import { measure } from '../measure.ts';

const MIB = 2 ** 20;
const CP = 'cp';
const CP_SYNC = 'cp + sync FILE';

export const fileCase: Case = { name: 'file', summary: 'one large file into an image, against cp', run };

async function run(context: Context): Promise<Figure[]> {
  const { workspace, f2fs, quick, big } = context;
  const sizeBytes = quick ? 8 * MIB : 2048 * MIB;
  workspace.demand(2.1 * sizeBytes);
  const source = workspace.file('file-source');
  const file = makeLargeFile(source, sizeBytes);
  context.note(`a file of ${sizeBytes / MIB} MiB, pseudo-random; cp --reflink=never --sparse=never`);
  context.note(
    'ours always flushes (fdatasync before it ends), so the like of it is cp + sync FILE; cp alone does not flush',
  );
  const copy = (output: string) => ['cp', '--reflink=never', '--sparse=never', file, output];
  const build = (from: string, output: string) => [...f2fs, 'build', from, output, '--quiet'];
  const results = await contest(context, [
    { name: 'ours', commands: (output) => [build(source, output)] },
    { name: CP, needs: ['cp'], commands: (output) => [copy(output)] },
    { name: CP_SYNC, needs: ['cp', 'sync'], commands: (output) => [copy(output), ['sync', output]] },
  ]);
  workspace.remove('file-source');
  const figures = [
    ...compareAll(results, 'file', CP_SYNC, { sense: 'times', value: 1.3 }),
    ...compareAll(results, 'file', CP).slice(0, 1),
  ];
  const [ours] = results.values();
  if (!big) return figures;
  const peak = await peakOfLarger(context, 4 * sizeBytes, build);
  const usual = statOfSamples(ours, PEAK_BYTES);
  const value = peak / usual.median;
  return [
    ...figures,
    figure({
      name: `file: peak memory, ${(4 * sizeBytes) / MIB} MiB against ${sizeBytes / MIB} MiB`,
      unit: 'bytes',
      ours: { median: peak, min: peak, max: peak, runs: 1 },
      peer: usual,
      ratio: { sense: 'times', median: value, min: value, max: value, runs: 1 },
      target: { of: 'ratio', bound: 'at most', value: 1.1 },
    }),
  ];
}

/** Bytes of memory at the peak of building an image of a file of `sizeBytes`. */
async function peakOfLarger(
  { workspace }: Context,
  sizeBytes: number,
  build: (from: string, output: string) => string[],
): Promise<number> {
  workspace.demand(2.1 * sizeBytes);
  const file = makeLargeFile(workspace.file('larger-source'), sizeBytes);
  try {
    const { peakBytes } = await measure(build(path.dirname(file), workspace.file('output')));
    return peakBytes;
  } finally {
    workspace.remove('larger-source', 'output');
  }
}
