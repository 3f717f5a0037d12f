// A benchmark's figures as tables for people: one for each algorithm, and one of the engines against each other.
import { FIGURE_NAMES, FIGURES, type FigureName, type Figures } from './measure.ts';
import type { BenchReport } from './run.ts';
import type { Ratio, SummaryRow } from './summary.ts';

const LEGEND: Partial<Record<FigureName, string>> = {
  mbPerSecond: 'user data in 10^6 bytes a second, the last sync included',
  syncP50Ms: 'milliseconds of a sync, which writes a checkpoint, or of an fsync',
  bios: 'writes that the device was asked for, or reads where the workload reads',
  mapBlocksPerMib: 'mapBlocks calls for each MiB',
  syscallsPerBlock: 'system calls on the device for each 4 KiB of user data',
  cpuSecondsPerGib: 'CPU time of all threads for each GiB of user data',
  userSecondsPerGib: "of that, outside of the host's kernel",
  writeAmplification:
    'bytes written to the device for each byte of user data; below 1: some were changed again in the cache',
  compressionRatio: 'blocks that hold the data, for each page of it',
};

/** Tables and a legend, with a line feed at the end of each line. */
export function tablesOf({ summary, ratios }: Pick<BenchReport, 'summary' | 'ratios'>, clusterBytes: number): string {
  const shown = FIGURE_NAMES.filter((name) => summary.some(({ figures }) => figures[name] !== null));
  const parts: string[] = [];
  for (const compress of new Set(summary.map((row) => row.compress))) {
    const rows = summary.filter((row) => row.compress === compress);
    const title = compress === 'none' ? 'not compressed' : `${compress}, clusters of ${clusterBytes / 1024} KiB`;
    parts.push(`${title}\n${figureTable(rows, shown)}`);
  }
  if (ratios.length > 0) parts.push(`folios against pages: above 1, folios is better\n${ratioTable(ratios)}`);
  const width = Math.max(...shown.map((name) => FIGURES[name].heading.length));
  const legend = shown.flatMap((name) => {
    const meaning = LEGEND[name];
    return meaning === undefined ? [] : [`${FIGURES[name].heading.padEnd(width)}  ${meaning}\n`];
  });
  return [...parts, legend.join('')].join('\n');
}

function figureTable(rows: readonly SummaryRow[], shown: readonly FigureName[]): string {
  return table(
    ['workload', 'engine', 'range', ...shown.map((name) => FIGURES[name].heading)],
    rows.map(({ workload, engine, mbPerSecond, figures }) => [
      workload,
      engine,
      `${mbPerSecond.least.toFixed(1)}..${mbPerSecond.most.toFixed(1)}`,
      ...shown.map((name) => figureText(figures, name)),
    ]),
  );
}

function ratioTable(ratios: readonly Ratio[]): string {
  const times = (value: number | null) => (value === null ? '-' : `${value.toFixed(2)}x`);
  return table(
    ['workload', 'compress', 'MB/s', 'less CPU', 'less user', 'pairs'],
    ratios.map(({ workload, compress, speed, cpu, userCpu, pairs }) => [
      workload,
      compress,
      times(speed),
      times(cpu),
      times(userCpu),
      String(pairs),
    ]),
  );
}

/** A figure with the digits that its column has; `-` where there is none. */
export function figureText(figures: Figures, name: FigureName): string {
  return figures[name]?.toFixed(FIGURES[name].digits) ?? '-';
}

/** Two columns of words, the others of numbers. */
function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [headings, ...rows];
  const widths = headings.map((_, column) => Math.max(...all.map((row) => row[column].length)));
  const line = (row: readonly string[]) =>
    row.map((cell, column) => (column < 2 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join('  ');
  return all.map((row) => `${line(row).trimEnd()}\n`).join('');
}
