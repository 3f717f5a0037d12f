// The crash tests of a share of the workloads: a test file each, so that they run at the same time.
// F2FS_CRASH_STATES=N mounts N states in all, F2FS_CRASH_FSCK=N puts N of them through fsck.f2fs, F2FS_CRASH_SEED=S makes others;
// F2FS_CRASH_REPLAY='WORKLOAD:SEED:NUMBER' looks at one state alone.
import { describe, expect, test } from 'vitest';
import { type Counts, Exhaustion } from './exhaust.ts';
import { record, type Workload } from './session.ts';
import { WORKLOADS } from './workloads/index.ts';

export const GROUPS = 4;
const STATES = Number(process.env['F2FS_CRASH_STATES'] ?? 5000);
const FSCK = Number(process.env['F2FS_CRASH_FSCK'] ?? 1000);
export const SEED = Number(process.env['F2FS_CRASH_SEED'] ?? 1);
export const REPLAY = process.env['F2FS_CRASH_REPLAY'];
/** A minute, and 50 ms for each state. */
const TIMEOUT_MS = 60_000 + 50 * STATES;

/** Declares the tests of every GROUPS-th workload, from the `group`-th (0 is the first) on. */
export function crashGroup(group: number): void {
  const mine = WORKLOADS.filter((_, i) => i % GROUPS === group);
  if (REPLAY !== undefined) replay(mine, REPLAY);
  else exhaust(group, mine);
}

function exhaust(group: number, workloads: readonly Workload[]): void {
  const quota = Math.ceil(STATES / GROUPS);
  const weight = (workload: Workload) => workload.weight ?? 1;
  const total = workloads.reduce((sum, workload) => sum + weight(workload), 0);
  const fsckShare = FSCK / STATES;
  const runs = new Map<Workload, Exhaustion>();
  let done = 0;
  describe(`crash states, seed ${SEED}`, () => {
    test.each(workloads)('$name', { timeout: TIMEOUT_MS }, async (workload) => {
      const run = new Exhaustion(record(workload), SEED);
      runs.set(workload, run);
      done += await run.run(Math.ceil((quota * weight(workload)) / total), fsckShare);
      expect(run.failures.join('\n')).toBe('');
    });

    test('as many as were asked for', { timeout: TIMEOUT_MS }, async () => {
      // Short logs have few states; the others make up for them.
      const order = [...runs.values()].sort((a, b) => b.recording.events.length - a.recording.events.length);
      for (const run of order) if (done < quota) done += await run.run(quota - done, fsckShare);
      expect(order.flatMap(({ failures }) => failures).join('\n')).toBe('');
      console.info(`group ${group}, seed ${SEED}: ${summary(order.map(({ counts }) => counts))}`);
      expect(done).toBeGreaterThanOrEqual(quota);
    });
  });
}

function replay(workloads: readonly Workload[], which: string): void {
  const [name, seed, number] = which.split(':');
  const workload = workloads.find((it) => it.name === name);
  if (workload === undefined) {
    test.skip(`"${name}" is in another group`, () => {});
    return;
  }
  test(`${name}, state ${number} of seed ${seed}`, () => {
    const run = new Exhaustion(record(workload), Number(seed));
    run.look(run.states.state(Number(number)));
  });
}

function summary(all: readonly Counts[]): string {
  const sum = (of: (counts: Counts) => number) => all.reduce((total, counts) => total + of(counts), 0);
  const kinds = (['prefix', 'subset', 'reordered', 'torn'] as const).map(
    (kind) => `${sum((it) => it.byKind[kind])} ${kind}`,
  );
  return [
    `${sum((it) => it.states)} crash states of ${all.length} workloads (${kinds.join(', ')})`,
    `${sum((it) => it.secondCrashes)} crashes during recovery`,
    `${sum((it) => it.continued)} used on and cut off again`,
    `fsck.f2fs on ${sum((it) => it.fsckRaw)} as the crash left them and ${sum((it) => it.fsckRecovered)} after recovery`,
  ].join('; ');
}
