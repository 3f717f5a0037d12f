// An empty volume on a sparse file, against mkfs.f2fs.
import { type Case, type Context, compareAll, contest } from '../contest.ts';
import { type Figure, figure, ratioOf, single } from '../figure.ts';
import { makeSparse } from '../inputs.ts';

const GIB = 2 ** 30;
const MKFS = 'mkfs.f2fs';

export const mkfsCase: Case = { name: 'mkfs', summary: 'an empty volume of 1 TiB, against mkfs.f2fs', run };

async function run(context: Context): Promise<Figure[]> {
  const sizeBytes = (context.quick ? 4 : 1024) * GIB;
  context.note(`a volume of ${sizeBytes / GIB} GiB on a file that is one hole; both flush`);
  const prepare = (output: string) => makeSparse(output, sizeBytes);
  const results = await contest(context, [
    { name: 'ours', prepare, commands: (output) => [[...context.f2fs, 'mkfs', output]] },
    { name: MKFS, needs: [MKFS], prepare, commands: (output) => [[MKFS, '-q', '-f', output]] },
  ]);
  const [ours, peer] = results.values();
  const figures = compareAll(results, 'mkfs', MKFS, { sense: 'times', value: 3 });
  if (peer === undefined) return figures;
  return [
    ...figures,
    figure({
      name: 'mkfs: size on disk, mkfs.f2fs',
      unit: 'bytes',
      ours: single(ours.allocatedBytes),
      peer: single(peer.allocatedBytes),
      ratio: ratioOf('times', ours.allocatedBytes, peer.allocatedBytes),
    }),
  ];
}
