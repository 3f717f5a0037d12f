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
 * Run from its source (by tests and tools) it takes the built program, unless the source is newer: that needs a loader, which costs
 * each thread a process. One that `--import` registers asks the parent thread for each module, which may be waiting for this very
 * thread: so the source is required, which asks nobody.
 */
export function startThread(program: string, workerData: unknown): Worker {
  // The command is bundled into a folder as deep as this one.
  const here = import.meta.url;
  const built = here.endsWith('.ts') ? builtProgram(program) : existing(new URL(`../${program}.js`, here));
  const worker =
    built === null
      ? new Worker(
          `const here = ${JSON.stringify(here)};
           require('node:module').createRequire(here)('tsx/cjs/api').require('../${program}.ts', here);`,
          { eval: true, workerData, execArgv: [] },
        )
      : new Worker(built, { workerData, execArgv: [] });
  // One that can't start or dies is noticed by who waits for its work; without a listener it would end the process.
  worker.on('error', () => undefined);
  worker.unref();
  return worker;
}

/** When the source was changed last, in milliseconds since 1970. */
let sourceChanged: number | undefined;

/** The program that the build made; null when there is none, or some of the source is newer. */
function builtProgram(program: string): URL | null {
  const source = new URL('../', import.meta.url);
  const built = new URL(`../dist/${program}.js`, source);
  const stats = fs.statSync(built, { throwIfNoEntry: false });
  sourceChanged ??= Math.max(
    ...fs
      .readdirSync(source, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => fs.statSync(new URL(name, source)).mtimeMs),
  );
  return stats !== undefined && stats.mtimeMs >= sourceChanged ? built : null;
}
