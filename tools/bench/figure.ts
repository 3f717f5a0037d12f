// One line of a report: what was measured, ours beside a peer's, and whether the target is met.

/** Middle, least and greatest of some runs. */
export interface Stat {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly runs: number;
}

/** Throws for no values at all. */
export function statOf(values: readonly number[]): Stat {
  if (values.length === 0) throw new Error('there is no run to take a median of');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >>> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { median, min: sorted[0], max: sorted[sorted.length - 1], runs: sorted.length };
}

/** A value that was counted, not measured several times. */
export function single(value: number): Stat {
  return { median: value, min: value, max: value, runs: 1 };
}

/** `MB/s` are 10^6 bytes a second, of wall time or, where the name says so, of one core's. */
export type Unit = 'seconds' | 'milliseconds' | 'bytes' | 'per second' | 'MB/s' | 'count' | 'fraction';

/**
 * How ours and the peer's compare. `faster`: the peer's value over ours, 2 is twice as good. `times`: ours over the
 * peer's, 2 is twice as much.
 */
export interface Ratio extends Stat {
  readonly sense: 'faster' | 'times';
}

export interface Target {
  readonly of: 'ratio' | 'ours';
  readonly bound: 'at least' | 'at most' | 'exactly';
  readonly value: number;
}

export interface Figure {
  /** The case, then what is measured: `tree: time, tar`. */
  readonly name: string;
  readonly unit: Unit;
  readonly ours: Stat;
  readonly peer: Stat | null;
  readonly ratio: Ratio | null;
  readonly target: Target | null;
  /** Whether the target is met; null without one. */
  readonly ok: boolean | null;
}

export interface FigureParts {
  name: string;
  unit: Unit;
  ours: Stat;
  peer?: Stat;
  ratio?: Ratio;
  target?: Target;
}

export function figure({ name, unit, ours, peer, ratio, target }: FigureParts): Figure {
  const value = target?.of === 'ratio' ? ratio?.median : ours.median;
  const ok = target === undefined || value === undefined ? null : meets(target, value);
  return { name, unit, ours, peer: peer ?? null, ratio: ratio ?? null, target: target ?? null, ok };
}

/** The ratio of two counts. */
export function ratioOf(sense: Ratio['sense'], ours: number, peer: number): Ratio {
  return { sense, ...single(sense === 'faster' ? peer / ours : ours / peer) };
}

function meets({ bound, value }: Target, found: number): boolean {
  if (bound === 'exactly') return found === value;
  return bound === 'at least' ? found >= value : found <= value;
}

const SIGNS = { 'at least': '>=', 'at most': '<=', exactly: '=' } as const;

function valueText(value: number, unit: Unit): string {
  switch (unit) {
    case 'seconds':
      return value < 1 ? `${(value * 1000).toFixed(0)} ms` : `${value.toFixed(2)} s`;
    case 'milliseconds':
      return `${value.toFixed(1)} ms`;
    case 'bytes':
      return value < 2 ** 20 ? `${(value / 1024).toFixed(0)} KiB` : `${(value / 2 ** 20).toFixed(1)} MiB`;
    case 'per second':
      return `${value.toFixed(0)}/s`;
    case 'MB/s':
      return `${value.toFixed(0)} MB/s`;
    case 'count':
      return value.toFixed(Number.isInteger(value) ? 0 : 2);
    case 'fraction':
      return value.toFixed(5);
  }
}

function statText(stat: Stat | null, unit: Unit): string {
  if (stat === null) return '';
  const { median, min, max, runs } = stat;
  if (runs === 1 || min === max) return valueText(median, unit);
  return `${valueText(median, unit)} (${valueText(min, unit)} to ${valueText(max, unit)})`;
}

function ratioText(ratio: Ratio | null): string {
  // A peer too quick for the clock of CPU time has used none.
  if (ratio === null || !Number.isFinite(ratio.median)) return '';
  const digits = (value: number) => value.toFixed(value >= 10 ? 1 : 2);
  const range = ratio.min === ratio.max ? '' : ` (${digits(ratio.min)} to ${digits(ratio.max)})`;
  return `${digits(ratio.median)}x${ratio.sense === 'faster' ? ' as fast' : ''}${range}`;
}

function targetText({ target, unit }: Figure): string {
  if (target === null) return '';
  return `${SIGNS[target.bound]} ${target.of === 'ratio' ? `${target.value}x` : valueText(target.value, unit)}`;
}

/** Lines of a table for people: name, ours, peer, ratio, target, verdict. */
export function tableOf(figures: readonly Figure[]): string {
  const rows = [
    ['', 'ours', 'peer', 'ratio', 'target', ''],
    ...figures.map((one) => [
      one.name,
      statText(one.ours, one.unit),
      statText(one.peer, one.unit),
      ratioText(one.ratio),
      targetText(one),
      one.ok === null ? '' : one.ok ? 'ok' : 'MISS',
    ]),
  ];
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows
    .map((row) =>
      row
        .map((text, column) => text.padEnd(widths[column]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
