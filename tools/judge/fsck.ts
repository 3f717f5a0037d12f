// fsck.f2fs as a judge. Every line it prints must be one that a sound image brings forth: its exit code alone is no
// proof (an ASSERT(0) exits with 255, but several findings are mentioned and then exit 0).

import { existsSync } from 'node:fs';
import { imageFacts } from './image-facts.ts';
import { newerFsck } from './paths.js';
import { run } from './run.js';

/** What fsck.f2fs made of an image. `notes` are remarks on sound images, such as a missing clean unmount. */
export interface FsckResult {
  readonly ok: boolean;
  readonly complaints: string[];
  readonly notes: string[];
  readonly output: string;
  readonly exitCode: number;
  readonly seconds: number;
}

/** Words that make a complaint of any line, even of one of a known kind. */
const suspicious =
  /\bfail|\bfix(?!ing SIT types)(?! corruption)|assert|corrupt(?!ion|ed bugs)|mismatch|wrong|invalid|unreach/i;

/** Lines that sound images bring forth, in 1.15 and 1.16. */
const known = [
  /^Info: /,
  /^ {2,}(from |to )?"/,
  /^\[FSCK\] .*\[Ok\.\.\]( \[0x[0-9a-f]+\])?$/,
  /^\[FSCK\] Max image size: /,
  /^\[FSCK\] fixing SIT types$/,
  /^\[FSCK\] Check node \d+ \/ \d+ \([0-9.]+%\)$/,
  /^Done: [0-9.]+ secs$/,
];

/** Flags in `Info: checkpoint state` by which the file system itself declares that it is broken. */
const brokenStates = /\b(fsck|error|disabled|quota_need_fsck|resizefs)\b/;

const natBitsBad = /^Info: Corrupted valid nat_bits/;

/**
 * Judges one line of fsck's output: a complaint, a note or nothing.
 * Unknown lines are complaints: on a sound image fsck.f2fs prints no others.
 */
export function judgeFsckLine(line: string): 'complaint' | 'note' | 'fine' {
  if (line.trim() === '') return 'fine';
  if (natBitsBad.test(line)) return 'note';
  if (line.startsWith('Info: checkpoint state')) {
    const states = line.slice(line.lastIndexOf(':'));
    if (brokenStates.test(states)) return 'complaint';
    return states.includes('sudden-power-off') ? 'note' : 'fine';
  }
  // "Unreachable nat entries  [Ok..]" holds a suspicious word in a known line: the mark at the end decides.
  if (line.startsWith('[FSCK]') && known.some((pattern) => pattern.test(line))) return 'fine';
  if (/^Info: superblock features|^ {2,}(from |to )?"/.test(line)) return 'fine';
  if (suspicious.test(line) && !line.startsWith('Info: Write valid')) return 'complaint';
  return known.some((pattern) => pattern.test(line)) ? 'fine' : 'complaint';
}

/**
 * Runs `fsck.f2fs -f --dry-run` on an image; the image stays as it is.
 * Ok means: exit 0 and not one line of complaint. Rejects only when fsck.f2fs cannot be started.
 */
export async function fsck(image: string, timeoutMs = 120_000, program = 'fsck.f2fs'): Promise<FsckResult> {
  const result = await run(program, ['-f', '--dry-run', image], { timeoutMs });
  const output = toLines(result.stdout, result.stderr);
  const complaints: string[] = [];
  const notes: string[] = [];
  for (const line of output.split('\n')) {
    const verdict = judgeFsckLine(line);
    if (verdict === 'complaint') complaints.push(line.trim());
    else if (verdict === 'note') notes.push(line.trim());
  }
  if (output.split('\n').some((line) => natBitsBad.test(line)) && (await natBitsAreBad(image, timeoutMs, program))) {
    complaints.push('nat_bits disagree with the NAT');
  }
  if (result.timedOut) complaints.push(`fsck.f2fs did not end within ${timeoutMs} ms`);
  else if (result.exitCode !== 0) complaints.push(`fsck.f2fs exits with ${result.exitCode}`);
  else if (!/\[FSCK\] other corrupted bugs +\[Ok/.test(output))
    complaints.push('fsck.f2fs ended before its last check');
  return { ok: complaints.length === 0, complaints, notes, output, exitCode: result.exitCode, seconds: result.seconds };
}

/**
 * As {@link fsck}, and where there is a newer one (1.16) its complaints besides. A volume whose blocks don't have 4 KiB is
 * only noted: neither knows such.
 */
export async function fsckOldAndNew(image: string): Promise<FsckResult> {
  const blockSize = imageFacts(image)?.blockSize ?? 4096;
  if (blockSize !== 4096) {
    const notes = [`not asked: fsck.f2fs knows no blocks of ${blockSize} bytes`];
    return { ok: true, complaints: [], notes, output: '', exitCode: 0, seconds: 0 };
  }
  const result = await fsck(image);
  if (!existsSync(newerFsck)) return result;
  const newer = await fsck(image, undefined, newerFsck);
  const complaints = [...result.complaints, ...newer.complaints.map((line) => `1.16: ${line}`)];
  return { ...result, ok: complaints.length === 0, complaints };
}

/**
 * With -f, fsck calls nat_bits corrupted whenever a NAT journal exists (mkfs.f2fs's own images have one); without -f
 * only when the bits are wrong. So a second opinion is asked.
 */
async function natBitsAreBad(image: string, timeoutMs: number, program: string): Promise<boolean> {
  const result = await run(program, ['--dry-run', image], { timeoutMs });
  return toLines(result.stdout)
    .split('\n')
    .some((line) => natBitsBad.test(line));
}

function toLines(...streams: Buffer[]): string {
  // Progress is drawn with carriage returns.
  return Buffer.concat(streams)
    .toString('latin1')
    .replaceAll(/\r[^\n]*?(?=\r|\n)/g, '')
    .replaceAll('\r', '\n');
}
