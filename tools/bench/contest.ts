// Ours and its peers doing the same work in turn (A B C, A B C, ...), so that whatever else the machine does meets all alike.
import * as fs from 'node:fs';
import { type Figure, figure, type Stat, statOf, type Target } from './figure.ts';
import { ask, type Command, isInstalled, measureAll, type Sample } from './measure.ts';
import type { Workspace } from './workspace.ts';

/** What all cases are given. */
export interface Context {
  readonly workspace: Workspace;
  /** Measured runs of each contestant. */
  readonly runs: number;
  /** Runs of a peer that takes tens of seconds. */
  readonly slowRuns: number;
  readonly quick: boolean;
  readonly big: boolean;
  /** The directory to build images of; null for /usr/share, or in a quick run a small one. */
  readonly tree: string | null;
  /** The command, compiled: program and first arguments. */
  readonly f2fs: Command;
  /** Directory of the compiled library. */
  readonly dist: string;
  /** Tells something worth knowing that is no figure. */
  note(text: string): void;
  /** Tells that something did not run. */
  failed(text: string): void;
}

/** A case of the benchmark. */
export interface Case {
  readonly name: string;
  readonly summary: string;
  run(context: Context): Promise<Figure[]>;
}

export interface Contestant {
  readonly name: string;
  /** Programs that it needs; without one of them it is skipped. */
  readonly needs?: readonly string[];
  /** What is not measured, before each run. */
  prepare?(output: string): void;
  /** What is measured; it leaves `output`. */
  commands(output: string): readonly Command[];
  /** Takes tens of seconds: few runs, and none to warm up. */
  readonly slow?: boolean;
}

export interface Result {
  readonly name: string;
  readonly samples: Sample[];
  /** Bytes of the output: its length, and what it takes on disk. */
  sizeBytes: number;
  allocatedBytes: number;
}

/** Results by name; a peer that could not run is not among them. */
export type Results = ReadonlyMap<string, Result>;

/**
 * Lets every contestant do its work `runs` times, after one run that does not count; outputs are removed at once. The
 * first contestant is ours: what it throws is thrown, while a peer's failure is told and leaves it out.
 */
export async function contest(context: Context, contestants: readonly Contestant[]): Promise<Results> {
  const { workspace, runs, slowRuns } = context;
  const output = workspace.file('output');
  const results = new Map<string, Result>();
  const active = new Set<Contestant>();
  for (const contestant of contestants) {
    const missing = (contestant.needs ?? []).filter((program) => !isInstalled(program));
    if (missing.length === 0) active.add(contestant);
    else context.note(`${contestant.name} skipped: ${missing.join(', ')} not installed (tools/setup.sh --bench)`);
  }
  for (let round = 0; round <= runs; round++) {
    for (const contestant of active) {
      if (contestant.slow && (round === 0 || round > slowRuns)) continue;
      try {
        const sample = await once(context, contestant, output);
        if (round === 0) continue;
        const { size, blocks } = fs.statSync(output);
        const result = results.get(contestant.name) ?? {
          name: contestant.name,
          samples: [],
          sizeBytes: 0,
          allocatedBytes: 0,
        };
        result.samples.push(sample);
        result.sizeBytes = size;
        result.allocatedBytes = blocks * 512;
        results.set(contestant.name, result);
      } catch (error) {
        if (contestant === contestants[0]) throw error;
        context.failed(error instanceof Error ? error.message : String(error));
        active.delete(contestant);
        results.delete(contestant.name);
      } finally {
        workspace.remove('output');
      }
    }
  }
  return results;
}

/** One run, begun with nothing left to be written back of what ran before. */
async function once({ workspace, quick }: Context, contestant: Contestant, output: string): Promise<Sample> {
  contestant.prepare?.(output);
  if (!quick) ask('sync', '-f', workspace.directory);
  return measureAll(contestant.commands(output));
}

/** What of a sample is compared. */
export type Measured = (sample: Sample) => number;

export const SECONDS: Measured = (sample) => sample.seconds;
export const CPU_SECONDS: Measured = (sample) => sample.userSeconds + sample.systemSeconds;
export const PEAK_BYTES: Measured = (sample) => sample.peakBytes;

export function statOfSamples({ samples }: Result, measured: Measured): Stat {
  return statOf(samples.map(measured));
}

/**
 * Ours against a peer's, as the ratios of their runs, round by round. Null when the peer did not run.
 */
export function compare(
  results: Results,
  peerName: string,
  how: { name: string; measured: Measured; unit: 'seconds' | 'bytes'; sense: 'faster' | 'times'; target?: number },
): Figure | null {
  const [ours] = results.values();
  const peer = results.get(peerName);
  if (peer === undefined) return null;
  const { sense, measured } = how;
  const ratios = peer.samples.map((sample, round) => {
    const [mine, theirs] = [measured(ours.samples[round]), measured(sample)];
    return sense === 'faster' ? theirs / mine : mine / theirs;
  });
  const bound = sense === 'faster' ? 'at least' : 'at most';
  const target: Target | undefined = how.target === undefined ? undefined : { of: 'ratio', bound, value: how.target };
  return figure({
    name: how.name,
    unit: how.unit,
    ours: statOfSamples(ours, measured),
    peer: statOfSamples(peer, measured),
    ratio: { sense, ...statOf(ratios) },
    target,
  });
}

/** Time, CPU time and memory against one peer, those without a target for the record. */
export function compareAll(
  results: Results,
  caseName: string,
  peerName: string,
  target?: { sense: 'faster' | 'times'; value: number },
): Figure[] {
  const sense = target?.sense ?? 'faster';
  return [
    compare(results, peerName, {
      name: `${caseName}: time, ${peerName}`,
      measured: SECONDS,
      unit: 'seconds',
      sense,
      target: target?.value,
    }),
    compare(results, peerName, {
      name: `${caseName}: user+sys, ${peerName}`,
      measured: CPU_SECONDS,
      unit: 'seconds',
      sense: 'times',
    }),
    compare(results, peerName, {
      name: `${caseName}: peak memory, ${peerName}`,
      measured: PEAK_BYTES,
      unit: 'bytes',
      sense: 'times',
    }),
  ].filter((one) => one !== null);
}
