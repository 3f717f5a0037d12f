// f2fs extract: a volume, or a part of it, into a directory of the host.
import { extract as extractTree } from '../build/extract.ts';
import type { HolePolicy } from '../build/holes.ts';
import { defaultWorkers } from '../compress/cluster-buffers.ts';
import { F2fsError } from '../errors.ts';
import type { ExtractReport } from '../index.ts';
import { countProblems } from '../problems.ts';
import { complain, complainOf, EXIT } from './errors.ts';
import { type ReadOptions, ReadVolume, refuseDash } from './image.ts';
import { Interruption } from './interrupt.ts';
import { printable, volumePath } from './names.ts';
import { printJson, printTable } from './output.ts';
import { Progress } from './progress.ts';
import { counted, countedEntries, longSize, shortSize } from './sizes.ts';

export interface ExtractCommandOptions extends ReadOptions {
  force?: boolean;
  owner?: boolean;
  xattrs?: boolean;
  holes?: HolePolicy;
  json?: boolean;
  quiet?: boolean;
  escaped?: boolean;
}

/** Extracts; exit code 1 when anything could not be restored. Throws what the image, the path and the target throw. */
export async function extract(
  image: string,
  target: string,
  path: string,
  options: ExtractCommandOptions,
): Promise<number> {
  refuseDash(target, 'a directory');
  using volume = new ReadVolume('extract', image, options, defaultWorkers());
  using interruption = new Interruption();
  let report: ExtractReport;
  try {
    using progress = new Progress(options.quiet === true);
    report = await extractTree(volume.fs, volumePath(path, options.escaped), target, {
      force: options.force,
      owner: options.owner,
      xattrs: options.xattrs,
      holes: options.holes,
      signal: interruption.signal,
      onProgress: (at) => progress.show(() => `${at.entries} entries  ${shortSize(at.bytes)}  ${at.path}`),
    });
  } catch (error) {
    const canceled = error instanceof F2fsError && error.code === 'ECANCELED';
    const exitCode = canceled ? interruption.exitCode('extract', `${target} holds a part of the volume`) : null;
    if (exitCode !== null) return exitCode;
    throw error;
  }
  const { problems, notes } = report;
  complainOf('extract', problems);
  for (const { message, count, path: first } of notes) {
    complain('extract', `${message}: ${counted(count, 'entry', 'entries')}, the first is ${first}`);
  }
  if (options.json) await printJson(report);
  else if (!options.quiet) await printTable(summary(report));
  return problems.length + notes.length > 0 ? EXIT.failed : EXIT.ok;
}

function summary(report: ExtractReport): [string, string | null][] {
  const entries = countedEntries(report);
  const lost = report.notes.reduce((sum, { count }) => sum + count, 0);
  return [
    ['directory', printable(report.directory)],
    ['entries', entries.join(', ') || 'none'],
    [
      'contents',
      `${longSize(report.contentBytes)}${report.holeBytes > 0 ? `, ${shortSize(report.holeBytes)} of holes` : ''}`,
    ],
    ['time', `${report.seconds.toFixed(report.seconds < 10 ? 2 : 0)} s`],
    [
      'not made',
      report.problems.length > 0 ? `${counted(countProblems(report.problems), 'entry', 'entries')}, see above` : null,
    ],
    ['not restored', lost > 0 ? `${counted(lost, 'attribute')}, see above` : null],
  ];
}
