// f2fs build: a directory of the host into an image.
import { build as buildImage } from '../build/build.ts';
import { F2fsError } from '../errors.ts';
import type { BuildProgress, BuildReport } from '../index.ts';
import { complain, EXIT, UsageError } from './errors.ts';
import { Interruption } from './interrupt.ts';
import { printable } from './names.ts';
import { printJson, printTable } from './output.ts';
import { Progress } from './progress.ts';
import { countedEntries, longSize, shortSize } from './sizes.ts';

export interface BuildCommandOptions {
  size?: number | 'auto';
  free?: number;
  uuid?: string;
  label?: string;
  force?: boolean;
  json?: boolean;
  quiet?: boolean;
}

/** Builds `image` from `source`; exit code 1 when an entry could not be taken over. Throws what build throws. */
export async function build(source: string, image: string, options: BuildCommandOptions): Promise<number> {
  const sourceDateEpoch = epochOf(process.env.SOURCE_DATE_EPOCH);
  using interruption = new Interruption();
  let report: BuildReport;
  try {
    using progress = new Progress(options.quiet === true);
    report = await buildImage(source, image, {
      size: options.size,
      freeBytes: options.free,
      uuid: options.uuid,
      label: options.label,
      force: options.force,
      sourceDateEpoch,
      signal: interruption.signal,
      onProgress: (at) => progress.show(() => progressText(at)),
    });
  } catch (error) {
    const canceled = error instanceof F2fsError && error.code === 'ECANCELED';
    const exitCode = canceled ? interruption.exitCode('build', `${image} was not built`) : null;
    if (exitCode !== null) return exitCode;
    throw error;
  }
  for (const { path, code, message } of report.problems) complain('build', problemText(path, code, message));
  for (const note of report.notes) if (!options.quiet) complain('build', `note: ${note}`);
  if (options.json) await printJson(report);
  else if (!options.quiet) await printTable(summary(report));
  return report.problems.length > 0 ? EXIT.failed : EXIT.ok;
}

/** Seconds of SOURCE_DATE_EPOCH. Throws UsageError when it is set, but no whole number. */
function epochOf(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const seconds = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(seconds)) return seconds;
  throw new UsageError(`SOURCE_DATE_EPOCH is '${text}': it must be a whole number of seconds since 1970`);
}

function progressText({ entries, totalEntries, bytes, totalBytes, path }: BuildProgress): string {
  const percent = totalBytes > 0 ? (bytes / totalBytes) * 100 : (entries / Math.max(totalEntries, 1)) * 100;
  const done = `${Math.min(percent, 100).toFixed(0).padStart(3)}%`;
  return `${done}  ${entries}/${totalEntries} entries  ${shortSize(bytes)} of ${shortSize(totalBytes)}  ${path}`;
}

function problemText(path: string, code: string, message: string): string {
  const text = message.startsWith(path) ? message : `${path}: ${message}`;
  return text.endsWith(`(${code})`) ? text : `${text} (${code})`;
}

function summary(report: BuildReport): [string, string | null][] {
  const { problems } = report;
  const entries = countedEntries(report);
  return [
    ['image', `${printable(report.image)}, ${longSize(report.imageBytes)}`],
    ['uuid', report.uuid],
    ['entries', entries.join(', ') || 'none'],
    [
      'contents',
      `${longSize(report.contentBytes)}${report.holeBytes > 0 ? `, ${shortSize(report.holeBytes)} of holes` : ''}`,
    ],
    ['xattrs', report.xattrs > 0 ? String(report.xattrs) : null],
    ['blocks', `${report.usedBlocks} used, ${report.freeBlocks} free`],
    ['time', `${report.seconds.toFixed(report.seconds < 10 ? 2 : 0)} s`],
    ['problems', problems.length > 0 ? `${problems.length}: see above; the image lacks what they name` : null],
  ];
}
