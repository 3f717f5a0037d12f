// Crash states through a real kernel: it mounts them as the crash left them, recovers, and finds what our recovery finds.
// F2FS_CRASH_KERNEL=N tries N of them.
import { closeSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { BLKSIZE, type BlockDevice } from '../../src/device/device.ts';
import { openFileDevice } from '../../src/device/file-device.ts';
import { mount } from '../../src/fs/file-system.ts';
import type { MountOptions } from '../../src/fs/mount-options.ts';
import { readCheckpoint } from '../../src/volume/checkpoint-pack.ts';
import { judgeDevice } from '../../tools/judge/guestscript.ts';
import { compareManifests, type Manifest } from '../../tools/judge/manifest.ts';
import { runInUml, umlIsThere } from '../../tools/judge/uml.ts';
import { type KernelVerdict, readVerdict } from '../../tools/judge/verdict.ts';
import { manifestOfVolume } from '../judges/volume-manifest.ts';
import { CowDevice } from './disk.ts';
import { Exhaustion, writeImage } from './exhaust.ts';
import { REPLAY, SEED } from './group.ts';
import { mountOptions, record } from './session.ts';
import type { CrashState } from './states.ts';
import { readTree, type Tree, treeDifferences, withoutDirectoryTimes } from './tree.ts';
import { WORKLOADS } from './workloads/index.ts';

const STATES = Number(process.env['F2FS_CRASH_KERNEL'] ?? 50);
/** Images of one boot. */
const BATCH = 100;
/** So many states are looked at for each that is chosen. */
const STRIDE = 7;

/** The kernel passes over a checkpoint that was being written; a volume may be too full for a file of the judge's. */
const EXPECTED = /invalid crc_offset|invalid crc value|No space left/;

interface Case {
  readonly run: Exhaustion;
  readonly state: CrashState;
}

/** User-mode Linux knows no compression. */
const usable = WORKLOADS.filter(({ format }) => !format?.features?.includes('compression'));

/**
 * States of all workloads by turns. Not ones with a torn block: the kernel takes it that a block is written whole or not, and rolls a
 * torn node forward.
 */
function chooseCases(): Case[] {
  // A short log has few states; the others make up for it.
  const share = 3 * Math.ceil(STATES / usable.length);
  const byWorkload = usable.map((workload) => {
    const run = new Exhaustion(record(workload), SEED);
    const cases: Case[] = [];
    for (let i = 0; cases.length < share; i++) {
      const state = run.next(2 * STRIDE * share);
      if (state === null) break;
      if (i % STRIDE === STRIDE - 1 && state.torn.size === 0) cases.push({ run, state });
    }
    return cases;
  });
  const chosen: Case[] = [];
  for (let i = 0; i < share; i++) chosen.push(...byWorkload.flatMap((cases) => cases.slice(i, i + 1)));
  return chosen.slice(0, STATES);
}

function crashed({ run, state }: Case): CowDevice {
  return new CowDevice(run.recording.base, state.blocks);
}

function readDisk(disk: BlockDevice, options: MountOptions): { tree: Tree; manifest: Manifest } {
  const fs = mount(disk, options);
  const tree = withoutDirectoryTimes(readTree(fs));
  const manifest = manifestOfVolume(fs);
  fs.close();
  return { tree, manifest };
}

/** Lists of a kernel and of ours agree but for the times of directories, which the judge's own files change. */
function manifestDifferences(wanted: Manifest, found: Manifest): string[] {
  const timeless = ({ version, entries }: Manifest): Manifest => ({
    version,
    entries: entries.map((it) => (it.type === 'd' ? { ...it, mtimeNs: '' } : it)),
  });
  return compareManifests(timeless(wanted), timeless(found), 5).differences;
}

/** What is wrong with the image that a kernel mounted, listed, wrote to and unmounted. */
function complaintsOf(it: Case, image: string, { complaints, manifest }: KernelVerdict): string[] {
  const found = complaints.filter((line) => !EXPECTED.test(line));
  if (manifest === undefined) return found;
  const { run, state } = it;
  const options = mountOptions(run.recording.workload);
  const device = openFileDevice(image, { writable: false });
  const theirs = readDisk(device, { ...options, readonly: true });
  device.close();
  found.push(...manifestDifferences(theirs.manifest, manifest).map((line) => `what it listed is not on disk: ${line}`));
  const version = readCheckpoint(crashed(it), run.oracle.layout).cp.checkpointVer;
  found.push(...run.oracle.judge(theirs.tree, state, version).map((line) => `what it recovered: ${line}`));
  const ours = readDisk(crashed(it), options);
  found.push(...treeDifferences(ours.tree, theirs.tree).map((line) => `ours against the kernel's: ${line}`));
  return found;
}

async function judge(cases: readonly Case[], folder: string): Promise<string[]> {
  cases.forEach((it, i) => {
    mkdirSync(join(folder, String(i)));
    const disk = crashed(it);
    const fd = openSync(join(folder, `${i}.img`), 'w');
    ftruncateSync(fd, disk.nrBlocks * BLKSIZE);
    writeImage(fd, disk);
    closeSync(fd);
  });
  // The judge's own files are too large for a volume that is nearly full.
  const script = `${judgeDevice({ mountOptions: '', writable: true })}
write_test() (
  cd "$1" && echo 'written by the judge' > .judge && sync
  written=$?
  rm -f .judge && exit $written
)
for i in $(seq 0 ${cases.length - 1}); do
  device=$(losetup -f --show "$SHARE/$i.img") && judge_device "$device" "$SHARE/$i"
  losetup -d "$device"
done`;
  const guest = await runInUml({ script, share: folder, timeoutMs: 120_000 + 5000 * cases.length });
  return cases.flatMap((it, i) => {
    const verdict = readVerdict('uml', join(folder, String(i)), guest, { writable: true, powerCut: true });
    const { number, kind, cut } = it.state;
    const name = `${it.run.recording.workload.name}:${SEED}:${number} (${kind}, cut ${cut})`;
    try {
      return complaintsOf(it, join(folder, `${i}.img`), verdict).map((line) => `${name}: ${line}`);
    } catch (error) {
      return [`${name}: ${(error as Error).stack}`];
    }
  });
}

test.skipIf(!umlIsThere() || REPLAY !== undefined)(
  `the kernel recovers ${STATES} crash states as we do, seed ${SEED}`,
  { timeout: 300_000 + 6000 * STATES },
  async () => {
    const cases = chooseCases();
    const complaints: string[] = [];
    for (let at = 0; at < cases.length; at += BATCH) {
      const folder = mkdtempSync(join(process.env['F2FS_CRASH_TMP'] ?? tmpdir(), 'f2fs-crash-'));
      try {
        complaints.push(...(await judge(cases.slice(at, at + BATCH), folder)));
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    }
    console.info(`seed ${SEED}: ${cases.length} crash states of ${usable.length} workloads through the kernel`);
    expect(complaints.join('\n')).toBe('');
    expect(cases.length).toBe(STATES);
  },
);
