// The thread that makes small files on the host: takes jobs as they are handed over.
import { hostLibc } from '../host/libc.ts';
import { threadData } from '../platform/threads.ts';
import { FileJobs, POSTED } from './file-jobs.ts';
import { makeFiles } from './file-maker.ts';

const jobs = new FileJobs(threadData() as SharedArrayBuffer);
const libc = hostLibc();

// Without it there are no exact times: who has started this thread does all by itself.
while (libc !== null) {
  const { posted } = jobs;
  const job = jobs.take();
  if (job >= 0) for (const _ of makeFiles(jobs, job, libc));
  else Atomics.wait(jobs.header, POSTED, posted);
}
