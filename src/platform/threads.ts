// Starts the threads of this package. They meet the committer on shared memory only: while it works it hears no message.
import * as fs from 'node:fs';
import * as os from 'node:os';
import { Worker, workerData } from 'node:worker_threads';

/** What its starter does with a thread. */
export interface Thread {
  on(event: 'error', heard: (error: unknown) => void): unknown;
  on(event: 'exit', heard: (code: number) => void): unknown;
  terminate(): unknown;
}

/** Threads that can run at once. */
export function nrParallel(): number {
  return os.availableParallelism();
}

/** Of the program that a thread runs: what it was started with. */
export function threadData(): unknown {
  return workerData;
}

/** Throws for a file that is not there: who waits for the thread would hear of that only after it. */
function existing(file: URL): URL {
  if (fs.existsSync(file)) return file;
  throw new Error(`${file.pathname} is missing: f2fs is to be installed as it is, not bundled without its programs`);
}

/**
 * Starts a program of this package, by its path below src/ without its ending: `device/write-worker`. The thread keeps no process
 * alive. Throws where no thread can be had.
 *
 * Run from its source (by tests and tools) the program needs a loader. One that `--import` registers asks the parent thread
 * for each module, which may be waiting for this very thread: so the source is required, which asks nobody.
 */
export function startThread(program: string, workerData: unknown): Worker {
  // The command is bundled into a folder as deep as this one.
  const here = import.meta.url;
  const worker = here.endsWith('.ts')
    ? new Worker(
        `const here = ${JSON.stringify(here)};
         require('node:module').createRequire(here)('tsx/cjs/api').require('../${program}.ts', here);`,
        { eval: true, workerData, execArgv: [] },
      )
    : new Worker(existing(new URL(`../${program}.js`, here)), { workerData, execArgv: [] });
  // One that can't start or dies is noticed by who waits for its work; without a listener it would end the process.
  worker.on('error', () => undefined);
  worker.unref();
  return worker;
}
