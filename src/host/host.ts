// The calls by which a source tree is read from the host, in one place: tests give their own, to let any of them fail.
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { F2fsError, hostError } from '../errors.ts';
import { type HostLibc, hostLibc } from './libc.ts';

/** What is used of node:fs. */
export type HostFs = Pick<
  typeof fs,
  'openSync' | 'closeSync' | 'readSync' | 'fstatSync' | 'lstatSync' | 'readdirSync' | 'readlinkSync'
>;

/** How a child ended; its output as bytes. */
export interface Ran {
  /** null when it could not be started, or was killed. */
  status: number | null;
  stdout: Buffer;
  stderr: Buffer;
}

export interface Host {
  /** null: node:fs and child processes are all that there is. */
  readonly libc: HostLibc | null;
  readonly fs: HostFs;
  /** Runs a command to its end, in the C locale. */
  run(command: string, args: readonly string[], input: Uint8Array): Ran;
}

function run(command: string, args: readonly string[], input: Uint8Array): Ran {
  const env = { ...process.env, LC_ALL: 'C' };
  const { status, stdout, stderr } = spawnSync(command, args, { input, env, maxBuffer: Number.POSITIVE_INFINITY });
  // There is no output of what was not started.
  return { status, stdout: stdout ?? Buffer.alloc(0), stderr: stderr ?? Buffer.alloc(0) };
}

/** This machine. `libc: null` does without its C library. */
export function thisHost(libc: HostLibc | null = hostLibc()): Host {
  return { libc, fs, run };
}

/** A failure of one entry; the message names no path, which whoever reports it adds. `path`: relative to the root. */
export function hostFailure(what: string, cause: unknown, path?: string): F2fsError {
  if (cause instanceof F2fsError) return cause;
  const { code, message } = hostError('', cause);
  return new F2fsError(code, `${what}${message}`, { path, cause });
}
