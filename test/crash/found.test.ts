// What the crash states found, each by a short workload of which every state is looked at.

import { expect, test } from 'vitest';
import { BLKSIZE } from '../../src/device/device.ts';
import { type Blocks, blockOf, type DiskEvent, SECTOR, SECTORS } from './disk.ts';
import { Exhaustion } from './exhaust.ts';
import { content, type Recording, record, type Workload } from './session.ts';
import type { CrashState } from './states.ts';

/** Events between two flushes of which all subsets are tried; of more, all but one. */
const FEW = 8;

function blocksOf(events: readonly DiskEvent[]): Blocks {
  const blocks: Blocks = new Map();
  for (const event of events) if (event.kind === 'write') blocks.set(event.blkaddr, event.block);
  return blocks;
}

/** Every subset of what was written between two flushes, and the whole with one block written up to, or from, a sector on. */
function* everyState({ base, events }: Recording): Generator<CrashState> {
  const stateOf = (flushed: number, cut: number, blocks: Blocks, torn: number[] = []): CrashState => {
    const kind = torn.length > 0 ? 'torn' : 'subset';
    return { number: 2, kind, cut, flushed, blocks, torn: new Set(torn), key: '' };
  };
  const flushes = events.flatMap(({ kind }, i) => (kind === 'flush' ? [i] : []));
  for (let start = 0; start < events.length; ) {
    const end = flushes.find((i) => i >= start) ?? events.length;
    const before = events.slice(0, start);
    const epoch = events.slice(start, end);
    const nrSubsets = epoch.length <= FEW ? 1 << epoch.length : epoch.length;
    for (let subset = 0; subset < nrSubsets; subset++) {
      const isIn = (i: number) => (epoch.length <= FEW ? (subset & (1 << i)) !== 0 : i !== subset);
      yield stateOf(start, end, blocksOf([...before, ...epoch.filter((_, i) => isIn(i))]));
    }
    for (const event of epoch) {
      if (event.kind !== 'write') continue;
      const old = new Uint8Array(BLKSIZE);
      const there = blocksOf(before).get(event.blkaddr);
      if (there === undefined) base.read(event.blkaddr, old);
      else old.set(there.bytes);
      for (let sector = 1; sector < SECTORS; sector++) {
        const at = sector * SECTOR;
        for (const [first, last] of [
          [event.block.bytes, old],
          [old, event.block.bytes],
        ]) {
          const blocks = blocksOf([...before, ...epoch]);
          blocks.set(event.blkaddr, blockOf(Buffer.concat([first.subarray(0, at), last.subarray(at)])));
          yield stateOf(start, end, blocks, [event.blkaddr]);
        }
      }
    }
    start = end + 1;
  }
}

function lookAtAll(workload: Workload): number {
  const run = new Exhaustion(record(workload), 1);
  let count = 0;
  for (const state of everyState(run.recording)) {
    try {
      run.look(state);
    } catch (cause) {
      throw new Error(`cut ${state.cut}, flushed ${state.flushed}, torn ${[...state.torn]}`, { cause });
    }
    count++;
  }
  return count;
}

test('an fsynced inode whose first sectors are missing ends the chain, and does not forbid the mount', () => {
  const count = lookAtAll({
    name: 'torn inodes',
    run: (s) => {
      s.create('old', content(100, 1));
      s.sync();
      s.append('old', content(50, 2));
      s.fsync('old');
      s.create('new', content(5000, 3));
      s.fsync('new');
    },
  });
  expect(count).toBeGreaterThan(100);
});

test('contents that move out of their inode are on disk before an fsynced inode that has them no more', () => {
  const count = lookAtAll({
    name: 'inline contents move',
    prepare: (fs) => {
      for (const name of ['a', 'b', 'c']) fs.writeFile(`/${name}`, content(700, 1));
    },
    run: (s) => {
      s.sync();
      s.allocate('a', 0, 6000, true);
      s.fdatasync('a');
      s.append('b', content(5000, 2));
      s.fsync('b');
      s.truncate('c', 9000);
      s.fsync('c');
    },
  });
  expect(count).toBeGreaterThan(100);
});
