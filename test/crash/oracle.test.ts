// The crash tests' own test: a promise that is not kept is noticed.

import { describe, expect, test } from 'vitest';
import { BLKSIZE } from '../../src/device/device.ts';
import { BLKS_PER_SEG } from '../../src/format/constants.ts';
import { readSuperblocks } from '../../src/volume/superblocks.ts';
import { blockOf, CowDevice, type DiskEvent } from './disk.ts';
import { Exhaustion } from './exhaust.ts';
import { content, type Recording, record, type Session, type Workload } from './session.ts';
import { WORKLOADS } from './workloads/index.ts';

function recorded(run: (session: Session) => void): Recording {
  return record({ name: 'broken', run });
}

async function failures(recording: Recording, states = 150): Promise<string[]> {
  const run = new Exhaustion(recording, 1);
  await run.run(states, 0);
  return run.failures;
}

/** Between the superblocks and the checkpoints nobody reads anything. */
const UNUSED: DiskEvent = { kind: 'write', blkaddr: 100, block: blockOf(new Uint8Array(BLKSIZE)), request: 0 };

/** A log without the flushes for which `isLost`; the places of the others stay. */
function withoutFlushes(recording: Recording, isLost: (index: number) => boolean): Recording {
  return {
    ...recording,
    events: recording.events.map((event, i) => (event.kind === 'flush' && isLost(i) ? UNUSED : event)),
  };
}

/** What a flush is for, by what stands beside it in the log. */
type Flush =
  | 'before the last block of a checkpoint'
  | 'before the inode of an fsync'
  | 'after a checkpoint'
  | 'after an fsync';

function flushAt({ base, events, steps }: Recording, index: number): Flush {
  const { cpBlkaddr } = readSuperblocks(new CowDevice(base)).layout;
  const isOfPack = (event: DiskEvent | undefined) =>
    event?.kind === 'write' && event.blkaddr >= cpBlkaddr && event.blkaddr < cpBlkaddr + 2 * BLKS_PER_SEG;
  if (isOfPack(events[index - 1]))
    return isOfPack(events[index + 1]) ? 'before the last block of a checkpoint' : 'after a checkpoint';
  return steps.some(({ begin, end }) => begin < index && index + 1 < end)
    ? 'before the inode of an fsync'
    : 'after an fsync';
}

function someWork(s: Session): void {
  s.create('a', content(9000, 1));
  s.sync();
  s.create('b', content(5 * BLKSIZE, 2));
  s.unlink('a');
  s.sync();
}

describe('noticed', () => {
  test('nothing, where all is well', async () => {
    expect(await failures(recorded(someWork))).toEqual([]);
  });

  test('a sync that does not', async () => {
    const lines = await failures(
      recorded((s) => {
        s.create('a', content(100, 1));
        s.step('sync', 'sync', [], () => {});
        s.step('write back', 'change', [], (fs) => fs.writeBack());
      }),
    );
    expect(lines[0]).toMatch(/\/a is missing|older than the sync/);
  });

  test('a checkpoint that does not flush what it relies on', async () => {
    const { events } = recorded(someWork);
    const last = events.findLastIndex(({ kind }) => kind === 'flush');
    const before = events.slice(0, last).findLastIndex(({ kind }) => kind === 'flush');
    const recording = withoutFlushes(recorded(someWork), (i) => i === before);
    expect((await failures(recording)).length).toBeGreaterThan(0);
  });

  test('a checkpoint that is not flushed', async () => {
    const { events } = recorded(someWork);
    const last = events.findLastIndex(({ kind }) => kind === 'flush');
    const recording = withoutFlushes(recorded(someWork), (i) => i === last);
    expect((await failures(recording)).join()).toMatch(/older than the sync/);
  });

  test('an operation of two halves', async () => {
    const lines = await failures(
      recorded((s) => {
        s.create('a', content(100, 1));
        s.sync();
        s.step('rename a to b', 'change', ['a', 'b'], (fs) => {
          fs.link('a', 'b');
          fs.sync();
          fs.unlink('a');
        });
        s.sync();
      }),
    );
    expect(lines[0]).toMatch(/should not be there|is missing|links/);
  });

  test('bytes that were never written, in a file that was synced', async () => {
    const recording = recorded(someWork);
    const wrong = (event: DiskEvent): DiskEvent => {
      const isPage =
        event.kind === 'write' && Buffer.from(event.block.bytes).equals(content(5 * BLKSIZE, 2).subarray(0, BLKSIZE));
      return isPage ? { ...event, block: { ...event.block, bytes: new Uint8Array(BLKSIZE).fill(3) } } : event;
    };
    expect((await failures({ ...recording, events: recording.events.map(wrong) })).join()).toMatch(
      /\/b .*bytes from 0 on/,
    );
  });
});

/** The states that a usual run tries of one workload. */
const USUAL_STATES = 93;

describe('with the states of a usual run it is noticed that a flush is missing', () => {
  const of = (flush: Flush, names: string[]) => names.map((name) => [flush, name] as const);
  test.each([
    ...of('before the last block of a checkpoint', ['create and sync', 'collapse and insert', 'random program 1']),
    ...of('before the inode of an fsync', ['append and fsync', 'overwrite and fsync', 'inline contents and ranges']),
    ...of('after a checkpoint', ['attributes', 'names exchanged', 'one change of many, by an explicit checkpoint']),
    ...of('after an fsync', ['append and fsync', 'new files, each fsynced', 'xattrs and fsync']),
  ])('%s (%s)', async (flush, name) => {
    const recording = record(WORKLOADS.find((it) => it.name === name) as Workload);
    const broken = withoutFlushes(recording, (i) => flushAt(recording, i) === flush);
    expect(broken.events).toContain(UNUSED);
    expect(await failures(broken, USUAL_STATES)).not.toEqual([]);
  });
});
