// What is read ahead is what the device has; streams of small reads take few calls, and single ones no more than they ask for.
import { expect, it } from 'vitest';
import { SequentialReads } from '../../src/device/sequential-reads.ts';
import { noise } from '../fs/compressed-volume.ts';
import { random, seedOf } from '../random.ts';

const BLOCK = 4096;
const contents = noise(1000 * BLOCK, 1);

function device(): { ahead: SequentialReads; calls: number[] } {
  const calls: number[] = [];
  const ahead = new SequentialReads(contents.length, (position, into) => {
    calls.push(into.length);
    into.set(contents.subarray(position, position + into.length));
    // Nothing past the end is asked for.
    expect(position + into.length).toBeLessThanOrEqual(contents.length);
  });
  return { ahead, calls };
}

function expectRead(ahead: SequentialReads, block: number, nrBlocks: number): void {
  const into = new Uint8Array(nrBlocks * BLOCK);
  ahead.read(block * BLOCK, into);
  expect(Buffer.compare(into, contents.subarray(block * BLOCK, (block + nrBlocks) * BLOCK))).toBe(0);
}

it('reads at random, of all lengths', () => {
  const next = random(seedOf('sequential-reads'));
  const { ahead } = device();
  const ends = [0, 300, 600];
  for (let i = 0; i < 3000; i++) {
    const which = next.below(ends.length);
    const nrBlocks = 1 + next.below(next.below(4) === 0 ? 40 : 3);
    const goesOn = next.below(8) > 0 && ends[which] + nrBlocks + 3 < 1000;
    const block = goesOn ? ends[which] + next.below(3) : next.below(1000 - nrBlocks);
    expectRead(ahead, block, nrBlocks);
    ends[which] = block + nrBlocks;
  }
});

it('three streams side by side take few calls, up to the end of the device', () => {
  const { ahead, calls } = device();
  for (let i = 0; i < 333; i++) for (const start of [0, 333, 667]) expectRead(ahead, start + i, 1);
  expect(calls.length).toBeLessThan(50);
});

it('single reads take what they ask for', () => {
  const { ahead, calls } = device();
  for (const block of [900, 100, 500, 300, 700]) expectRead(ahead, block, 1);
  expect(calls).toEqual([BLOCK, BLOCK, BLOCK, BLOCK, BLOCK]);
});
