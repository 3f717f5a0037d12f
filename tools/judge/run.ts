// Child processes with a deadline. Each runs in its own process group, so that a killed judge leaves nothing behind.

import { type ChildProcess, spawn } from 'node:child_process';
import { toolEnv } from './paths.js';

/** How a child ended. `exitCode` is -1 when a signal ended it; `timedOut` tells whether that was ours. */
export interface RunResult {
  readonly exitCode: number;
  readonly timedOut: boolean;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly seconds: number;
}

const running = new Map<ChildProcess, 'SIGTERM' | 'SIGKILL'>();
process.on('exit', () => {
  for (const [child, signal] of running) killGroup(child, signal);
});

function killGroup(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // Already gone.
  }
}

/** Options of {@link run}: `diesWithUs` has the kernel kill the child when this process dies, however it dies. */
export interface RunOptions {
  readonly timeoutMs?: number;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly diesWithUs?: boolean;
}

/**
 * Runs what follows below a shell that is told when we die, and that ends it with all its processes then, or when told
 * to. User-mode Linux moves to a process group of its own, where our own signals would not reach it.
 */
const lifeline = [
  ...['setpriv', '--pdeathsig', 'TERM', '--', 'sh', '-c'],
  `"$@" & child=$!
  trap 'kill -KILL -$child $child 2> /dev/null; exit 143' TERM
  wait $child; code=$?
  kill -KILL -$child 2> /dev/null
  exit $code`,
  'sh',
];

/**
 * Runs a program to its end and collects what it prints. Standard input is empty.
 * Rejects only when it could not be started.
 */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const started = performance.now();
  const argv = [...(options.diesWithUs ? lifeline : []), program, ...args];
  return new Promise((resolve, reject) => {
    const child = spawn(argv[0], argv.slice(1), {
      cwd: options.cwd,
      env: options.env ?? toolEnv(),
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    // A lifeline's shell has work to do before it ends.
    const signal = options.diesWithUs ? 'SIGTERM' : 'SIGKILL';
    running.set(child, signal);
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    let timedOut = false;
    const deadline = setTimeout(() => {
      timedOut = true;
      killGroup(child, signal);
      // A survivor that holds the pipes open must not hold us.
      setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, 5000).unref();
    }, options.timeoutMs ?? 600_000);
    child.on('error', (error) => {
      clearTimeout(deadline);
      running.delete(child);
      reject(error);
    });
    child.on('close', (code) => {
      clearTimeout(deadline);
      running.delete(child);
      resolve({
        exitCode: code ?? -1,
        timedOut,
        stdout: Buffer.concat(stdout),
        stderr: Buffer.concat(stderr),
        seconds: (performance.now() - started) / 1000,
      });
    });
  });
}

/** As {@link run}, but rejects unless the program exits with 0; the message carries what it printed. */
export async function runOrThrow(program: string, args: readonly string[], options: RunOptions = {}): Promise<Buffer> {
  const result = await run(program, args, options);
  if (result.exitCode !== 0) {
    const said = `${result.stdout.toString('latin1')}${result.stderr.toString('latin1')}`.trim().slice(-2000);
    const how = result.timedOut ? 'timed out' : `exit ${result.exitCode}`;
    throw new Error(`${program} ${args.join(' ')}: ${how}: ${said}`);
  }
  return result.stdout;
}
