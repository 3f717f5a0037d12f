// What the two kinds of guest have in common: a job is a shell script, some images and a shared folder.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A shell script to run as root under a Linux kernel of its own. In the script:
 * `$DEV0`, `$DEV1`, ... are block devices with the images, `$SHARE` is the shared folder, /mnt is a place to mount.
 * Writes go to the images themselves: hand over copies.
 */
export interface GuestJob {
  /** Paths of image files; multiples of 512 bytes long. */
  readonly images?: readonly string[];
  /** POSIX shell. Its exit code ends up in {@link GuestResult.exitCode}. */
  readonly script: string;
  /** A folder of the host's, readable and writable in the guest. */
  readonly share: string;
  /** Default 10 minutes. */
  readonly timeoutMs?: number;
  /** Default 1024. */
  readonly memoryMiB?: number;
  /**
   * Whether `in_host PROGRAM...` in the script is to run programs of the host's: they see its root (in QEMU read-only),
   * and /mnt.
   */
  readonly hostRoot?: boolean;
  /** QEMU: in the end what is mounted is left mounted, and nothing is synced: the power is cut. */
  readonly cutOff?: boolean;
}

/** How a job ended. `exitCode` is undefined when the kernel or the script did not get to its end. */
export interface GuestResult {
  readonly exitCode: number | undefined;
  readonly timedOut: boolean;
  readonly stdout: string;
  readonly stderr: string;
  /** The kernel's own messages. */
  readonly console: string;
  readonly seconds: number;
}

/** Names of the files in the shared folder by which host and guest speak. */
export const jobFiles = { script: '.job.sh', stdout: '.stdout', stderr: '.stderr', exitCode: '.exit' } as const;

/** Shell lines that run the job in a guest whose `$SHARE` is mounted, and leave its outcome there. */
export const runJob = `
"\${JOB_SHELL:-sh}" "$SHARE/${jobFiles.script}" > "$SHARE/${jobFiles.stdout}" 2> "$SHARE/${jobFiles.stderr}" < /dev/null
echo $? > "$SHARE/${jobFiles.exitCode}"
`;

/** Reads what a job left in its shared folder. */
export function readOutcome(share: string): Pick<GuestResult, 'exitCode' | 'stdout' | 'stderr'> {
  const read = (name: string) => (existsSync(join(share, name)) ? readFileSync(join(share, name), 'latin1') : '');
  const code = read(jobFiles.exitCode).trim();
  return {
    exitCode: code === '' ? undefined : Number(code),
    stdout: read(jobFiles.stdout),
    stderr: read(jobFiles.stderr),
  };
}
