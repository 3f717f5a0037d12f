// The crash tests' own test: a promise that is not kept is noticed.
import { describe, expect, test } from 'vitest';
import { BLKSIZE } from '../../src/format/constants.ts';
import type { DiskEvent } from './disk.ts';
import { Exhaustion } from './exhaust.ts';
import { content, type Recording, record, type Session } from './session.ts';

function recorded(run: (session: Session) => void): Recording {
  return record({ name: 'broken', run });
}

async function failures(recording: Recording, states = 150): Promise<string[]> {
  const run = new Exhaustion(recording, 1);
  await run.run(states, 0);
  return run.failures;
}

/** A log without the flushes for which `isLost`; the places of the others stay. */
function withoutFlushes(recording: Recording, isLost: (index: number) => boolean): Recording {
  const again = (i: number): DiskEvent =>
    recording.events.slice(0, i).findLast(({ kind }) => kind === 'write') as DiskEvent;
  return {
    ...recording,
    events: recording.events.map((event, i) => (event.kind === 'flush' && isLost(i) ? again(i) : event)),
  };
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
