// No threads are started: who asks for one does the work itself.
import type { Thread } from '../threads.ts';

export function nrParallel(): number {
  return 0;
}

export function threadData(): unknown {
  return undefined;
}

export function startThread(program: string): Thread {
  throw new Error(`no thread can be started for ${program}`);
}
