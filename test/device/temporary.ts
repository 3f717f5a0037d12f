// A directory for a test's image files, and loop devices over them.
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

/** Makes the directory; `remove` takes it away with all in it. */
export function imageDirectory(): { directory: string; file: (name: string) => string; remove: () => void } {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'f2fs-test-'));
  return {
    directory,
    file: (name) => path.join(directory, name),
    remove: () => fs.rmSync(directory, { recursive: true, force: true }),
  };
}

/** Runs a command to its end; `out` is all that it said. */
export function run(command: string, args: string[]): { ok: boolean; out: string } {
  const result = spawnSync(command, args, { encoding: 'utf8' });
  return { ok: result.status === 0, out: `${result.stdout ?? ''}${result.stderr ?? result.error ?? ''}`.trim() };
}

/** Attaches an image to a loop device; a string tells why that is not possible here. */
export function attachLoop(image: string, ...flags: string[]): { device: string; detach: () => void } | string {
  const attached = run('losetup', ['--find', '--show', ...flags, image]);
  if (!attached.ok) return `no loop device here: ${attached.out || 'losetup is missing'}`;
  return { device: attached.out, detach: () => void run('losetup', ['--detach', attached.out]) };
}
