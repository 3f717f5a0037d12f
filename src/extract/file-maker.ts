// Makes the files of a job, in any thread: each wholly, or not at all. Nobody else gets in before all of it is as it is to be.
import * as fs from 'node:fs';
import type { HostLibc } from '../host/libc.ts';
import type { FileJobs } from './file-jobs.ts';

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW = 0 } = fs.constants;
/** How a file is opened that is not there yet, its owner's alone. */
export const NEW_FILE = { flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600 } as const;

/** What it takes of the C library. */
type FileTimes = Pick<HostLibc, 'futimens'>;

/** Makes the files of a job that was taken; one with each step. */
export function* makeFiles(jobs: FileJobs, job: number, libc: FileTimes): Generator<void> {
  const nrFiles = jobs.count(job);
  for (let file = 0; file < nrFiles; file++) {
    jobs.setMade(job, file, !jobs.isStopped && isMade(jobs, job, file, libc));
    yield;
  }
  jobs.finish(job);
}

function isMade(jobs: FileJobs, job: number, file: number, libc: FileTimes): boolean {
  const path = Buffer.from(jobs.path(job, file));
  let fd: number;
  try {
    fd = fs.openSync(path, NEW_FILE.flags, NEW_FILE.mode);
  } catch {
    return false;
  }
  let isWhole = false;
  try {
    const contents = jobs.contents(job, file);
    for (let done = 0; done < contents.length; ) done += fs.writeSync(fd, contents, done, contents.length - done, done);
    const { mode, owner } = jobs.attributes(job, file);
    // In this order: a new owner costs it the set-id bits.
    if (owner !== null) fs.fchownSync(fd, owner.uid, owner.gid);
    fs.fchmodSync(fd, mode);
    isWhole = libc.futimens(fd, jobs.times(job, file)) === 0;
  } catch {
    // It goes away again.
  }
  try {
    fs.closeSync(fd);
  } catch {
    isWhole = false;
  }
  if (!isWhole) remove(path);
  return isWhole;
}

function remove(path: Buffer): void {
  try {
    fs.unlinkSync(path);
  } catch {
    // Whoever makes it once more tells that it is in the way.
  }
}
