// Where a benchmark keeps its temporary files, and what it has running: both are gone when it ends, however it ends.
import type { ChildProcess } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';

const directories = new Set<string>();
const running = new Set<ChildProcess>();

process.on('exit', () => {
  for (const child of running) killGroup(child);
  for (const directory of directories) fs.rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
});
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.on(signal, () => process.exit(code));
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Already gone.
  }
}

/** Has a child, the leader of its own process group, killed when this process ends before it. */
export function track(child: ChildProcess): void {
  running.add(child);
  child.once('exit', () => running.delete(child));
}

/** A directory for temporary files. */
export class Workspace {
  readonly directory: string;

  /** Makes it below `parent`, which must exist. */
  constructor(parent: string) {
    this.directory = fs.mkdtempSync(path.join(parent, 'f2fs-bench-'));
    directories.add(this.directory);
  }

  file(name: string): string {
    return path.join(this.directory, name);
  }

  remove(...names: string[]): void {
    for (const name of names) fs.rmSync(this.file(name), { recursive: true, force: true });
  }

  /** Throws when fewer than `sizeBytes` bytes are free. */
  demand(sizeBytes: number): void {
    const { bavail, bsize } = fs.statfsSync(this.directory);
    if (bavail * bsize >= sizeBytes) return;
    const gib = (bytes: number) => (bytes / 2 ** 30).toFixed(1);
    throw new Error(
      `needs ${gib(sizeBytes)} GiB, ${this.directory} has ${gib(bavail * bsize)}: choose another place with --dir`,
    );
  }

  /** Takes the directory away. */
  close(): void {
    fs.rmSync(this.directory, { recursive: true, force: true, maxRetries: 5 });
    directories.delete(this.directory);
  }
}
