// A large file written through the page cache: the folio engine beside the kernel's way with pages, and plain pwrite.
import { runChild } from '../child.ts';
import type { WriteChoice, WriteReport } from '../children/write.ts';
import type { Case, Context } from '../contest.ts';
import { type Figure, figure, statOf } from '../figure.ts';

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const CHOICES: readonly WriteChoice[] = ['folios', 'pages', 'pwrite', 'folios nowhere', 'pages nowhere'];

const STORED: ReadonlySet<WriteChoice> = new Set(['folios', 'pages', 'pwrite']);

export const writeCase: Case = {
  name: 'write',
  summary: 'a sequential buffered write: folios against pages, and plain pwrite',
  run,
};

async function run(context: Context): Promise<Figure[]> {
  const { workspace, quick, runs } = context;
  const sizeBytes = (quick ? 32 : 2048) * MIB;
  workspace.demand(1.6 * sizeBytes);
  const found: Record<WriteChoice, WriteReport[]> = {
    folios: [],
    pages: [],
    pwrite: [],
    'folios nowhere': [],
    'pages nowhere': [],
  };
  for (let round = 0; round <= runs; round++) {
    for (const choice of CHOICES) {
      if (!quick && STORED.has(choice)) await touchMemory(context, sizeBytes);
      const { report } = await runChild<WriteReport>(context, 'write', workspace.file('write.img'), sizeBytes, {
        choice,
      });
      workspace.remove('write.img');
      if (round > 0) found[choice].push(report);
    }
  }
  context.note(
    `${sizeBytes / MIB} MiB in pieces of 1 MiB, the sync included; pwrite is on a plain file, with fdatasync`,
  );
  const of = (choice: WriteChoice, value: (report: WriteReport) => number) => found[choice].map(value);
  const cpu = (report: WriteReport) => report.cpuSeconds / (sizeBytes / GIB);
  const time = (report: WriteReport) => report.seconds;
  context.note('alone: from a source that fills nothing, onto a device that keeps nothing');
  const user = (report: WriteReport) => report.userSeconds / (sizeBytes / GIB);
  return [
    compared('write: CPU per GiB, folios against pages', of('folios', cpu), of('pages', cpu), 'faster', 5),
    compared('write: of it user, folios against pages', of('folios', user), of('pages', user), 'faster'),
    compared('write: CPU per GiB, engines alone', of('folios nowhere', cpu), of('pages nowhere', cpu), 'faster'),
    compared('write: CPU per GiB, pwrite', of('folios', cpu), of('pwrite', cpu), 'times'),
    compared('write: time, pwrite', of('folios', time), of('pwrite', time), 'times', 1.25),
    compared('write: time, folios against pages', of('folios', time), of('pages', time), 'faster'),
  ];
}

/**
 * Writes half as much again as will be and removes it, so that the memory for the host's page cache is at hand to each alike: a virtual
 * machine may have given it back, and getting it again costs more than the write.
 */
async function touchMemory(context: Context, sizeBytes: number): Promise<void> {
  const file = context.workspace.file('write.tmp');
  const touched = Math.ceil((1.5 * sizeBytes) / MIB) * MIB;
  await runChild<WriteReport>(context, 'write', file, touched, { choice: 'pwrite' });
  context.workspace.remove('write.tmp');
}

/** Seconds of ours and a peer's, as the ratios of their rounds. */
function compared(name: string, ours: number[], peer: number[], sense: 'faster' | 'times', aim?: number): Figure {
  const ratios = ours.map((value, round) => (sense === 'faster' ? peer[round] / value : value / peer[round]));
  return figure({
    name,
    unit: 'seconds',
    ours: statOf(ours),
    peer: statOf(peer),
    ratio: { sense, ...statOf(ratios) },
    target:
      aim === undefined ? undefined : { of: 'ratio', bound: sense === 'faster' ? 'at least' : 'at most', value: aim },
  });
}
