// Many names in one directory: files a second at 1,000,000 beside 10,000, and the memory that takes.
import { runChild } from '../child.ts';
import type { NamesReport } from '../children/names.ts';
import type { Case, Context } from '../contest.ts';
import { type Figure, figure, ratioOf, statOf } from '../figure.ts';

const MIB = 2 ** 20;

export const namesCase: Case = { name: 'names', summary: '1,000,000 names in one directory, against 10,000', run };

async function run(context: Context): Promise<Figure[]> {
  const { workspace, quick } = context;
  const [few, many] = quick ? [1_000, 10_000] : [10_000, 1_000_000];
  // 4 KiB for each inode, and their names.
  workspace.demand(many * 4500 + 64 * MIB);
  const image = workspace.file('names.img');
  const rates: { few: number[]; many: number[] } = { few: [], many: [] };
  let peakBytes = 0;
  // The many take half a minute, so they run as often as a slow peer does.
  for (let round = 0; round <= context.runs; round++) {
    const fewRun = await runChild<NamesReport>(context, 'names', image, few);
    if (round > 0) rates.few.push(few / fewRun.report.seconds);
    if (round === 0 || round > context.slowRuns) continue;
    const manyRun = await runChild<NamesReport>(context, 'names', image, many);
    rates.many.push(many / manyRun.report.seconds);
    peakBytes = Math.max(peakBytes, manyRun.sample.peakBytes);
  }
  workspace.remove('names.img');
  context.note(`ours is ${many} empty files, the peer column ${few}; from the first to the end of the unmount`);
  const [ours, peer] = [statOf(rates.many), statOf(rates.few)];
  return [
    figure({
      name: 'names: files created',
      unit: 'per second',
      ours,
      peer,
      ratio: ratioOf('times', ours.median, peer.median),
      target: { of: 'ratio', bound: 'at least', value: 0.5 },
    }),
    figure({
      name: 'names: peak memory',
      unit: 'bytes',
      ours: { median: peakBytes, min: peakBytes, max: peakBytes, runs: rates.many.length },
      target: { of: 'ours', bound: 'at most', value: 350 * MIB },
    }),
  ];
}
