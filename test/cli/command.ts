// Runs the command as a child, and makes small images for it in the process.
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import * as path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { BLKSIZE, type FileSystem, type FormatOptions, format, mount, openFileDevice } from '../../src/index.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const MIB = 2 ** 20;

export interface Result {
  code: number | null;
  stdout: string;
  stderr: string;
  /** stdout as it came. */
  bytes: Buffer;
}

export interface RunOptions {
  env?: NodeJS.ProcessEnv;
  /** Closes stdout once so many bytes have come. */
  readBytes?: number;
  /** What comes from standard input, a pipe. */
  input?: Uint8Array;
}

/** Runs `f2fs ...args` to its end. */
export function f2fs(args: string[], options: RunOptions = {}): Promise<Result> {
  const child = spawn(process.execPath, ['--import', TSX, MAIN, ...args], {
    env: { ...process.env, NO_COLOR: '1', SOURCE_DATE_EPOCH: '', F2FS_DEBUG: '', ...options.env },
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  }) as ChildProcessByStdio<Writable | null, Readable, Readable>;
  // A command that fails reads no further.
  child.stdin?.on('error', () => {});
  child.stdin?.end(options.input);
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  let length = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    stdout.push(chunk);
    length += chunk.length;
    if (options.readBytes !== undefined && length >= options.readBytes) child.stdout.destroy();
  });
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      const bytes = Buffer.concat(stdout);
      resolve({ code, bytes, stdout: bytes.toString(), stderr: Buffer.concat(stderr).toString() });
    });
  });
}

/** Runs the command, and sends `signal` once `ms` have passed; resolves with how it ended. */
export function interrupted(
  args: string[],
  ms: number,
  signal: NodeJS.Signals,
): Promise<{ ended: string | number | null; stderr: string }> {
  const child = spawn(process.execPath, ['--import', TSX, MAIN, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  const timer = setTimeout(() => child.kill(signal), ms);
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  return new Promise((resolve) => {
    child.on('close', (code, by) => {
      clearTimeout(timer);
      resolve({ ended: by ?? code, stderr });
    });
  });
}

/** An image of 64 MiB, filled by `fill`. */
export function makeImage(
  file: string,
  fill: (fs: FileSystem) => void,
  options: FormatOptions & { mib?: number } = {},
): string {
  const { mib = 64, ...wanted } = options;
  const device = openFileDevice(file, { writable: true, create: { sizeBytes: mib * MIB, overwrite: true } });
  format(device, { timestamp: 1_700_000_000, ...wanted });
  const volume = mount(device, { now: () => ({ sec: 1_700_000_000, nsec: 5 }) });
  fill(volume);
  volume.close();
  device.close();
  return file;
}

/** Changes the block of an inode's node, found by its footer; the newest one, should there be several. */
export function damageInode(file: string, ino: number, change: (block: Buffer) => void): void {
  const image = fs.readFileSync(file);
  let found = -1;
  for (let at = 0; at + BLKSIZE <= image.length; at += BLKSIZE) {
    if (image.readUInt32LE(at + 4072) === ino && image.readUInt32LE(at + 4076) === ino) found = at;
  }
  if (found < 0) throw new Error(`no block of inode ${ino} in ${path.basename(file)}`);
  change(image.subarray(found, found + BLKSIZE));
  fs.writeFileSync(file, image);
}
