// A host whose calls are slow, and a signal that comes with one of them: put before the command by --import. What a command does
// after the signal is counted in calls, which no clock and no load of the machine changes.
import * as fs from 'node:fs';

/** Calls of node:fs that are slow; in the writing thread too. */
const SLOW = [
  'readSync',
  'writeSync',
  'writevSync',
  'fdatasyncSync',
  'fsyncSync',
  'openSync',
  'opendirSync',
  'mkdirSync',
  'symlinkSync',
  'lstatSync',
  'readdirSync',
];

/** The module's text: it runs as it is, in the command's process. */
const PROGRAM = `
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { isMainThread } from 'node:worker_threads';
const { SLOW_LOG, SLOW_MS, SLOW_SIGNAL, SLOW_SIGNAL_AT } = process.env;
const { openSync, writeSync } = fs;
const log = openSync(SLOW_LOG, 'a');
const never = new Int32Array(new SharedArrayBuffer(4));
let calls = 0;
for (const name of ${JSON.stringify(SLOW)}) {
  const real = fs[name];
  fs[name] = (...args) => {
    if (isMainThread) {
      if (++calls === Number(SLOW_SIGNAL_AT)) {
        process.kill(process.pid, SLOW_SIGNAL);
        writeSync(log, '!');
      }
      writeSync(log, '.');
    }
    Atomics.wait(never, 0, 0, Number(SLOW_MS));
    return real(...args);
  };
}
syncBuiltinESMExports();
`;

export interface SlowHost {
  /** Arguments for node, before the program's. */
  execArgv: string[];
  env: (at: number, signal: NodeJS.Signals, ms: number) => NodeJS.ProcessEnv;
  /** Calls made in all, and after the signal; the latter -1 when it did not come. Empties the log. */
  calls: () => { all: number; after: number };
}

/** `file`: a path that is free, beside which another one is too. */
export function slowHost(file: string): SlowHost {
  const log = `${file}.log`;
  fs.writeFileSync(`${file}.mjs`, PROGRAM);
  fs.writeFileSync(log, '');
  return {
    execArgv: ['--import', `${file}.mjs`],
    env: (at, signal, ms) => ({
      ...process.env,
      SLOW_LOG: log,
      SLOW_MS: String(ms),
      SLOW_SIGNAL: signal,
      SLOW_SIGNAL_AT: String(at),
    }),
    calls: () => {
      const [before, after] = fs.readFileSync(log, 'latin1').split('!');
      fs.writeFileSync(log, '');
      return { all: before.length + (after?.length ?? 0), after: after?.length ?? -1 };
    },
  };
}
