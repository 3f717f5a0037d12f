// Gives the memory of volumes that were unmounted back to the host, so that no run pays for the one before.
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Milliseconds that threads are given to end: those that still run keep the frames. */
const ENDING_MS = 20;

let collect: (() => void) | null = null;

/** Waits for threads that are ending, then collects what nobody holds: a page cache is freed only so. */
export async function giveMemoryBack(): Promise<void> {
  await sleep(ENDING_MS);
  if (collect === null) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  collect();
}
