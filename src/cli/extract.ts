// f2fs extract: a volume, or a part of it, into a directory of the host.

import { F2fsError } from '../errors.ts';
import {
  countProblems,
  defaultWorkers,
  type ExtractProgress,
  type ExtractReport,
  extract as extractTree,
  type FileSystem,
  type HolePolicy,
} from '../index.ts';
import { reportInCommandWords } from './command-words.ts';
import { complain, complainOf, EXIT } from './errors.ts';
import { type ReadOptions, ReadVolume, refuseDash } from './image.ts';
import { Interruption } from './interrupt.ts';
import { printable, volumePath } from './names.ts';
import { isDone, printJson, printTable } from './output.ts';
import { Progress, percentText } from './progress.ts';
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

const SLASH = 0x2f;
const ENTRY_BYTES = 16 * 1024;

/** Extracts; exit code 1 when anything could not be restored. Throws what the image, the path and the target throw. */
export async function extract(
  image: string,
  target: string,
  path: string,
  options: ExtractCommandOptions,
): Promise<number> {
  refuseDash(target, 'a directory');
  using volume = await ReadVolume.open('extract', image, options, defaultWorkers());
  using interruption = new Interruption();
  let report: ExtractReport;
  try {
    using progress = new Progress(options.quiet === true);
    const share = shareOf(volume.fs, volumePath(path, options.escaped));
    report = await extractTree(volume.fs, volumePath(path, options.escaped), target, {
      force: options.force,
      owner: options.owner,
      xattrs: options.xattrs,
      holes: options.holes,
      signal: interruption.signal,
      onProgress: (at) => progress.show(() => `${share(at)}${at.entries} entries  ${shortSize(at.bytes)}  ${at.path}`),
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
  isDone(`${target} has what was extracted`);
  if (options.json) await printJson(reportInCommandWords(report));
  else if (!options.quiet) await printTable(summary(report));
  return problems.length + notes.length > 0 ? EXIT.failed : EXIT.ok;
}

/**
 * How much of what is extracted is done, as text; empty where that is not known before: of a directory below the root. A volume counts
 * its inodes and blocks; making an entry takes about as long as copying ENTRY_BYTES.
 */
function shareOf(volume: FileSystem, path: Uint8Array): (at: ExtractProgress) => string {
  const isRoot = path.every((byte) => byte === SLASH);
  if (isRoot) {
    const { usedBlocks, usedNodes, usedInodes, blockBytes } = volume.statfs();
    const total = usedInodes * ENTRY_BYTES + (usedBlocks - usedNodes) * blockBytes;
    return ({ entries, bytes }) => `${percentText((entries * ENTRY_BYTES + bytes) / total)}  `;
  }
  const { type, size } = volume.lstat(path);
  return ({ bytes }) => (type === 'file' ? `${percentText(bytes / Math.max(size, 1))}  ` : '');
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
