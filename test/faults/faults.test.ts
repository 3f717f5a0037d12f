// Every read, write and flush of every scenario fails once, from then on, or whenever it comes to the
// same place: see trial.ts for what must hold. fsck.f2fs looks
// at some of the volumes that the next mount leaves.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fsck } from '../../tools/judge/fsck.ts';
import { writeImage } from '../devices.ts';
import type { Call, Duration, Fault, Manner } from './faulty-device.ts';
import { SCENARIOS } from './scenarios.ts';
import { describeFault, prepare, runTrial } from './trial.ts';

/** Ways in which each call fails. */
const WAYS: Record<Call, readonly [Manner, Duration][]> = {
  read: [
    ['part', 'once'],
    ['nothing', 'place'],
  ],
  write: [
    ['part', 'once'],
    ['full', 'once'],
    ['nothing', 'place'],
    ['nothing', 'lasting'],
  ],
  flush: [
    ['nothing', 'once'],
    ['lose', 'once'],
    ['nothing', 'lasting'],
  ],
};
/** Of each scenario, the trial after which fsck.f2fs is asked. */
const FSCK_EVERY = Number(process.env['F2FS_FSCK_EVERY'] ?? 100);

const totals = { trials: 0, unharmed: 0, failed: 0, stopped: 0, fsck: 0 };
let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'f2fs-faults-'));
});
afterAll(() => {
  rmSync(dir, { recursive: true });
  console.info(
    `faults: ${totals.trials} fault points in ${SCENARIOS.length} scenarios: ${totals.failed} failed, ${totals.stopped} stopped the volume, ${totals.unharmed} did no harm; ${totals.fsck} through fsck.f2fs`,
  );
});

function faultsOf(calls: Record<Call, number>): Fault[] {
  const faults: Fault[] = [];
  for (const call of ['read', 'write', 'flush'] as const) {
    for (let nth = 1; nth <= calls[call]; nth++) {
      for (const [manner, duration] of WAYS[call]) faults.push({ call, nth, manner, duration });
    }
  }
  return faults;
}

describe('the device fails', () => {
  test.each(SCENARIOS)('$name', async (scenario) => {
    const prepared = prepare(scenario);
    const problems: string[] = [];
    for (const fault of faultsOf(prepared.calls)) {
      const result = runTrial(prepared, fault);
      totals.trials++;
      totals[result.outcome]++;
      problems.push(...result.problems.map((problem) => `${describeFault(fault)}: ${problem}`));
      if (totals.trials % FSCK_EVERY === 0) {
        const image = join(dir, 'image');
        writeImage(result.device, image);
        totals.fsck++;
        problems.push(...(await fsck(image)).complaints.map((line) => `${describeFault(fault)}: fsck.f2fs: ${line}`));
      }
      if (problems.length > 5) break;
    }
    expect(problems).toEqual([]);
  });
});
