// Many runs in few numbers: medians over the repeats, and engines against each other pair by pair.

import type { EngineName } from '../writeback/engines.ts';
import { FIGURE_NAMES, type Figures, median, percentile, type Work } from './measure.ts';
import type { WorkloadName } from './workload-names.ts';

/** One run of one workload. */
export interface Run {
  workload: WorkloadName;
  engine: EngineName;
  /** `none`, or the algorithm and level. */
  compress: string;
  /** From 1 on. */
  repeat: number;
}

export interface RunResult extends Run, Omit<Work, 'reads'> {
  figures: Figures;
}

/** The repeats of one workload on one engine. */
export interface SummaryRow {
  workload: WorkloadName;
  engine: EngineName;
  compress: string;
  /** Medians; the latencies are percentiles of the syncs of all repeats. */
  figures: Figures;
  /** Slowest and fastest repeat. */
  mbPerSecond: { least: number; most: number };
  /** Syncs that the percentiles are of. */
  syncs: number;
}

/** `folios` against `pages`: medians of the ratios of the pairs, above 1 when `folios` is better. */
export interface Ratio {
  workload: WorkloadName;
  compress: string;
  /** How many times the bytes a second. */
  speed: number | null;
  /** How many times less CPU time. */
  cpu: number | null;
  /** The same outside of the host's kernel, whose work for a byte is the same for both. */
  userCpu: number | null;
  pairs: number;
}

function groups(runs: readonly RunResult[], key: (run: RunResult) => string): RunResult[][] {
  const byKey = new Map<string, RunResult[]>();
  for (const run of runs) {
    const group = byKey.get(key(run));
    if (group === undefined) byKey.set(key(run), [run]);
    else group.push(run);
  }
  return [...byKey.values()];
}

/** Rows in the order in which they first ran. */
export function summaryOf(runs: readonly RunResult[]): SummaryRow[] {
  return groups(runs, ({ compress, workload, engine }) => `${compress} ${workload} ${engine}`).map((group) => {
    const { workload, engine, compress } = group[0];
    const syncMs = group.flatMap((run) => run.syncMs);
    const medians = FIGURE_NAMES.map((name) => {
      const values = group.map(({ figures }) => figures[name]).filter((value) => value !== null);
      return [name, median(values)] as const;
    });
    const figures: Figures = {
      ...(Object.fromEntries(medians) as Figures),
      syncP50Ms: percentile(syncMs, 50),
      syncP95Ms: percentile(syncMs, 95),
      syncP99Ms: percentile(syncMs, 99),
    };
    const speeds = group.map((run) => run.figures.mbPerSecond ?? 0);
    const mbPerSecond = { least: Math.min(...speeds), most: Math.max(...speeds) };
    return { workload, engine, compress, figures, mbPerSecond, syncs: syncMs.length };
  });
}

/** Nothing when only one engine ran. */
export function ratiosOf(runs: readonly RunResult[]): Ratio[] {
  const ratios: Ratio[] = [];
  for (const group of groups(runs, ({ compress, workload }) => `${compress} ${workload}`)) {
    const pairs = groups(group, ({ repeat }) => String(repeat)).flatMap((pair) => {
      const folios = pair.find(({ engine }) => engine === 'folios');
      const pages = pair.find(({ engine }) => engine === 'pages');
      return folios === undefined || pages === undefined ? [] : [{ folios: folios.figures, pages: pages.figures }];
    });
    if (pairs.length === 0) continue;
    const { workload, compress } = group[0];
    ratios.push({
      workload,
      compress,
      speed: medianRatio(pairs.map(({ folios, pages }) => [folios.mbPerSecond, pages.mbPerSecond])),
      cpu: medianRatio(pairs.map(({ folios, pages }) => [pages.cpuSecondsPerGib, folios.cpuSecondsPerGib])),
      userCpu: medianRatio(pairs.map(({ folios, pages }) => [pages.userSecondsPerGib, folios.userSecondsPerGib])),
      pairs: pairs.length,
    });
  }
  return ratios;
}

function medianRatio(pairs: readonly (readonly [number | null, number | null])[]): number | null {
  return median(pairs.flatMap(([a, b]) => (a !== null && b !== null && b > 0 ? [a / b] : [])));
}
