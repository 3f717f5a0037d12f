// The folio engine by its counts: system calls for a block, mapBlocks calls for a dirty run, of one large write.
import { runChild } from '../child.ts';
import type { EngineReport } from '../children/engine.ts';
import type { Case, Context } from '../contest.ts';
import { type Figure, figure, single } from '../figure.ts';

const MIB = 2 ** 20;

export const engineCase: Case = { name: 'engine', summary: 'counts of a large write through the library', run };

async function run(context: Context): Promise<Figure[]> {
  const { workspace, quick } = context;
  const sizeBytes = (quick ? 32 : 2048) * MIB;
  workspace.demand(1.2 * sizeBytes);
  const { report, sample } = await runChild<EngineReport>(context, 'engine', workspace.file('engine.img'), sizeBytes);
  workspace.remove('engine.img');
  const { pages, runs, mapBlocksCalls, folios, syscalls, writes, writeBytes, seconds } = report;
  context.note(
    `${sizeBytes / MIB} MiB written in pieces of 1 MiB, from mount to unmount; ${pages} data blocks, ${folios} folios`,
  );
  return [
    figure({
      name: 'engine: system calls per block',
      unit: 'fraction',
      ours: single(syscalls / (sizeBytes / 4096)),
      target: { of: 'ours', bound: 'at most', value: 0.02 },
    }),
    figure({
      name: 'engine: mapBlocks calls per dirty run',
      unit: 'count',
      ours: single(mapBlocksCalls / runs),
      target: { of: 'ours', bound: 'exactly', value: 1 },
    }),
    figure({ name: 'engine: blocks per mapBlocks call', unit: 'count', ours: single(pages / mapBlocksCalls) }),
    figure({ name: 'engine: bytes per write', unit: 'bytes', ours: single(writeBytes / writes) }),
    figure({ name: 'engine: written over asked', unit: 'fraction', ours: single(writeBytes / sizeBytes) }),
    figure({ name: 'engine: time', unit: 'seconds', ours: single(seconds) }),
    figure({ name: 'engine: peak memory', unit: 'bytes', ours: single(sample.peakBytes) }),
  ];
}
