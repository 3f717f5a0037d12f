// Runs a program to its end and tells what it cost: time on the clock, time of the CPUs, peak memory. GNU time does the
// counting, for ours and for peers alike; where there is none, /proc is polled.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import type { Readable } from 'node:stream';
import { track } from './workspace.ts';

/** What one run cost. */
export interface Sample {
  /** From start to end, on the clock. */
  readonly seconds: number;
  readonly userSeconds: number;
  readonly systemSeconds: number;
  /** The most resident memory of one process, in bytes; 0 when it could not be told. */
  readonly peakBytes: number;
  readonly stdout: string;
}

/** A program and its arguments. */
export type Command = readonly string[];

/** What the line begins with that GNU time adds to a program's stderr. */
const MARK = 'f2fs-bench-time';
const POLL_MS = 5;
/** Bytes of a program's stderr that a failure shows. */
const STDERR_TAIL = 2000;

const environment: NodeJS.ProcessEnv = {
  ...process.env,
  PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin:/usr/bin:/bin`,
  LC_ALL: 'C',
};

/** Runs something that is not measured; stdout and stderr together, null when it is not there. */
export function ask(program: string, ...args: string[]): string | null {
  const result = spawnSync(program, args, { encoding: 'utf8', env: environment });
  return result.error === undefined ? `${result.stdout}${result.stderr}` : null;
}

/** Whether a program is installed; one with a slash in its name is a path. */
export function isInstalled(program: string): boolean {
  if (program.includes('/')) return fs.existsSync(program);
  return (environment.PATH ?? '').split(':').some((directory) => fs.existsSync(`${directory}/${program}`));
}

let gnuTimeFound: boolean | null = null;

function hasGnuTime(): boolean {
  gnuTimeFound ??= ask('time', '--version')?.includes('GNU') ?? false;
  return gnuTimeFound;
}

/** How the figures come about, for the header of a report. */
export function method(): string {
  return hasGnuTime()
    ? 'CPU and memory by GNU time (getrusage)'
    : `CPU and memory by polling /proc every ${POLL_MS} ms`;
}

/**
 * Runs a command. Standard output is kept only when `keep` is set, else it goes nowhere. Throws, with the end of its
 * stderr, when it can't be started or its exit code is not 0.
 */
export async function measure(command: Command, keep = false): Promise<Sample> {
  const counted = hasGnuTime();
  const argv = counted ? ['time', '-q', '-f', `\\n${MARK} %U %S %M`, '--', ...command] : command;
  const started = performance.now();
  const child = spawn(argv[0], argv.slice(1), {
    detached: true,
    env: environment,
    stdio: ['ignore', keep ? 'pipe' : 'ignore', 'pipe'],
  });
  track(child);
  const texts = Promise.all([collect(child.stdout), collect(child.stderr, STDERR_TAIL)]);
  const watched = counted ? null : watch(child);
  const ended = new Promise<{ code: number | null; signal: string | null; seconds: number }>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve({ code, signal, seconds: (performance.now() - started) / 1000 }));
  });
  const { code, signal, seconds } = await ended;
  const [stdout, messages] = await texts;
  const [stderr, times = ''] = messages.split(`\n${MARK} `);
  if (code !== 0) {
    const how = signal === null ? `exit code ${code}` : `ended by ${signal}`;
    throw new Error(`${command.join(' ')}: ${how}${stderr === '' ? '' : `: ${stderr.trim()}`}`);
  }
  return { seconds, ...(watched?.() ?? parseTimes(times)), stdout };
}

/** What a child says, its last `limit` characters. */
async function collect(stream: Readable | null, limit = Number.POSITIVE_INFINITY): Promise<string> {
  let text = '';
  if (stream === null) return text;
  for await (const chunk of stream) {
    text += chunk;
    if (text.length > limit) text = text.slice(-limit);
  }
  return text;
}

function parseTimes(text: string): Pick<Sample, 'userSeconds' | 'systemSeconds' | 'peakBytes'> {
  const [userSeconds, systemSeconds, kib] = text.trim().split(' ').map(Number);
  return { userSeconds, systemSeconds, peakBytes: kib * 1024 };
}

/** Polls a process; the function that is returned stops it and tells the last that was seen. */
function watch(child: ChildProcess): () => Pick<Sample, 'userSeconds' | 'systemSeconds' | 'peakBytes'> {
  const seen = { userSeconds: 0, systemSeconds: 0, peakBytes: 0 };
  const tick = 1 / 100;
  const poll = (): void => {
    try {
      const high = /^VmHWM:\s+(\d+) kB/m.exec(fs.readFileSync(`/proc/${child.pid}/status`, 'utf8'));
      if (high !== null) seen.peakBytes = Number(high[1]) * 1024;
      // Fields 14 and 15 of stat; the second, a name in brackets, may hold spaces.
      const fields = fs.readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
      seen.userSeconds = Number(fields[11]) * tick;
      seen.systemSeconds = Number(fields[12]) * tick;
    } catch {
      // It has ended.
    }
  };
  const timer = setInterval(poll, POLL_MS);
  return () => {
    clearInterval(timer);
    return seen;
  };
}

/** What a sequence of commands costs together: times add up, the peak is the greatest. */
export async function measureAll(commands: readonly Command[], keep = false): Promise<Sample> {
  let sum: Sample = { seconds: 0, userSeconds: 0, systemSeconds: 0, peakBytes: 0, stdout: '' };
  for (const command of commands) {
    const sample = await measure(command, keep);
    sum = {
      seconds: sum.seconds + sample.seconds,
      userSeconds: sum.userSeconds + sample.userSeconds,
      systemSeconds: sum.systemSeconds + sample.systemSeconds,
      peakBytes: Math.max(sum.peakBytes, sample.peakBytes),
      stdout: sum.stdout + sample.stdout,
    };
  }
  return sum;
}
