// Roll-forward between us and Linux, both ways: what one fsynced before it was cut off, the other brings back, and both bring back
// the same. F2FS_RECOVERY_ROUNDS=N has the kernel do N random programs.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openFileDevice } from '../../src/device/file-device.ts';
import { mount } from '../../src/fs/file-system.ts';
import type { MountOptions } from '../../src/fs/mount-options.ts';
import { judgeCodecs } from '../../tools/judge/codecs.ts';
import { fsckOldAndNew } from '../../tools/judge/fsck.ts';
import { judgeDevice } from '../../tools/judge/guestscript.ts';
import { KERNELS, kernelIsThere, runInKernel } from '../../tools/judge/kernels.ts';
import { compareManifests, type Manifest } from '../../tools/judge/manifest.ts';
import { type KernelName, toolEnv } from '../../tools/judge/paths.ts';
import { runOrThrow } from '../../tools/judge/run.ts';
import { readVerdict } from '../../tools/judge/verdict.ts';
import { CHANGES, disturb, FEATURES, prepared } from '../fs/fsync-changes.ts';
import { EXTENSION, fsyncProgram } from './fsync-program.ts';
import { manifestOfVolume } from './volume-manifest.ts';

const ROUNDS = Number(process.env['F2FS_RECOVERY_ROUNDS'] ?? 3);
const SEED = Number(process.env['F2FS_SEED'] ?? 1);
let work: string;

beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'f2fs-recovery-'));
});

afterAll(() => rmSync(work, { recursive: true, force: true }));

/** A manifest without the times of directories: names are recovered at the time of recovery. */
function timeless({ version, entries }: Manifest): Manifest {
  return { version, entries: entries.map((it) => (it.type === 'd' ? { ...it, mtimeNs: '' } : it)) };
}

function differences(expected: Manifest, found: Manifest): string[] {
  return compareManifests(timeless(expected), timeless(found)).differences;
}

function manifestOf(image: string, options: MountOptions = { readonly: true }): Manifest {
  const device = openFileDevice(image, { writable: options.readonly !== true });
  try {
    const volume = mount(device, options);
    const manifest = manifestOfVolume(volume);
    volume.close();
    return manifest;
  } finally {
    device.close();
  }
}

interface Recovered {
  readonly manifest: Manifest;
  readonly complaints: string[];
  /** Whether Linux says that it rolled something forward. */
  readonly rolled: boolean;
}

/** What Linux finds in images that were cut off, once it has recovered them; it writes to its copies. */
async function recoveredByLinux(kernel: KernelName, images: readonly string[]): Promise<Recovered[]> {
  const folder = mkdtempSync(join(work, 'linux-'));
  const copies = images.map((_, i) => join(folder, `${i}.img`));
  for (const [i, copy] of copies.entries()) {
    await runOrThrow('cp', ['--sparse=always', images[i], copy]);
    mkdirSync(join(folder, String(i)));
  }
  const script = `${judgeDevice({ mountOptions: '', writable: false })}
${copies.map((_, i) => `judge_device "$DEV${i}" "$SHARE/${i}"`).join('\n')}`;
  const guest = await runInKernel(kernel, { script, share: folder, images: copies });
  const found: Recovered[] = [];
  for (const [i, copy] of copies.entries()) {
    const verdict = readVerdict(kernel, join(folder, String(i)), guest, { writable: false, powerCut: true });
    const { complaints } = await fsckOldAndNew(copy);
    found.push({
      manifest: verdict.manifest as Manifest,
      complaints: [...verdict.complaints, ...complaints.map((line) => `fsck after: ${line}`)],
      rolled: /recover_(inode|dentry|data)/.test(verdict.dmesg),
    });
  }
  rmSync(folder, { recursive: true });
  return found;
}

/** The changes of ours that a kernel recovers: user-mode Linux all, newer ones in QEMU some of them unless there are many rounds. */
function changesFor(kernel: KernelName): string[] {
  const names = Object.keys(CHANGES);
  if (kernel === 'uml' || ROUNDS > 10) return names;
  // The other 6.1 has said it all.
  const which = kernel === 'qemu-sid' ? SEED + 1 : SEED;
  return kernel === 'qemu' ? [] : names.filter((_, i) => i % 3 === which % 3);
}

/** Images with what we fsynced, each in its own way, and then were cut off. */
async function ourImages(names: readonly string[], folder: string): Promise<string[]> {
  const images = names.map((_, i) => join(folder, `${i}.img`));
  for (const [i, name] of names.entries()) {
    const { device, fs } = prepared({}, i % 2 === 0 ? [...FEATURES, 'quota', 'project_quota'] : []);
    const paths = (CHANGES[name] as (typeof CHANGES)[string])(fs);
    if (!paths.includes('/d/noted')) disturb(fs);
    fs.abandon();
    writeFileSync(`${images[i]}.whole`, device.bytes());
    await runOrThrow('cp', ['--sparse=always', `${images[i]}.whole`, images[i]]);
    rmSync(`${images[i]}.whole`);
  }
  return images;
}

/** How a random program's volume is made and mounted. */
interface Volume {
  readonly features: string;
  readonly mountOptions: string;
}

const PLAIN: readonly Volume[] = [
  { features: '', mountOptions: '' },
  { features: 'extra_attr,inode_checksum,sb_checksum,inode_crtime,quota,project_quota', mountOptions: '' },
];
/** Half of the files are compressed: fsync is a checkpoint for those, and goes on the chain for the others. */
const COMPRESSED: readonly Volume[] = ['lz4', 'zstd:3', 'lzo-rle,compress_log_size=4', 'lz4:9,compress_chksum'].map(
  (codec) => ({
    features: 'extra_attr,inode_checksum,compression',
    mountOptions: `compress_extension=${EXTENSION},compress_algorithm=${codec}`,
  }),
);
const VOLUMES: Readonly<Record<(typeof KERNELS)[number], readonly Volume[]>> = {
  uml: PLAIN,
  qemu: COMPRESSED,
  'qemu-6.12': [PLAIN[0], COMPRESSED[1], PLAIN[1], COMPRESSED[3]],
  'qemu-sid': [COMPRESSED[2], PLAIN[1], COMPRESSED[0], PLAIN[0]],
};
/** QEMU takes its time, and so many drives at most. */
const roundsIn = (kernel: KernelName) => (kernel === 'uml' ? ROUNDS : Math.min(Math.ceil(ROUNDS / 2), 64));

/** A random program of Linux's, cut off after its last fsync. */
interface CutOff {
  readonly image: string;
  readonly hint: string;
  /** SHA-256 by path of what was fsynced and not touched since. */
  readonly fsynced: Readonly<Record<string, string>>;
}

/** Has Linux run random programs, each on a volume of its own. */
async function programsOfLinux(kernel: (typeof KERNELS)[number], folder: string): Promise<CutOff[]> {
  writeFileSync(join(folder, 'program.py'), fsyncProgram);
  const rounds = roundsIn(kernel);
  const volumes = VOLUMES[kernel];
  const images = Array.from({ length: rounds }, (_, i) => join(folder, `${i}.img`));
  const steps = images.map((image, i) => {
    const { features, mountOptions } = volumes[(SEED + i) % volumes.length];
    writeFileSync(image, '');
    truncateSync(image, 256 << 20);
    execFileSync('mkfs.f2fs', ['-q', ...(features === '' ? [] : ['-O', features]), image], { env: toolEnv() });
    const run = `mkdir -p /mnt/${i} && mount -t f2fs -o 'rw,${mountOptions}' "$DEV${i}" /mnt/${i} || exit 1
# It takes no checkpoint of its own accord.
echo 3600 > /sys/fs/f2fs/$(basename "$DEV${i}")/cp_interval
in_host python3 - /mnt/${i} ${SEED + i} < "$SHARE/program.py" > "$SHARE/${i}.fsynced" || exit 1
`;
    if (kernel !== 'uml') return run;
    // The image is copied while it is mounted: what the kernel had sent is there, what it had in mind is not.
    return `${run}cp --sparse=always "$SHARE/${i}.img" "$SHARE/${i}.cut" && umount /mnt/${i} || exit 1
`;
  });
  const guest = await runInKernel(kernel, {
    images,
    share: folder,
    script: steps.join(''),
    hostRoot: true,
    cutOff: true,
  });
  expect(guest.exitCode, guest.stderr + guest.console.slice(-2000)).toBe(0);
  return images.map((image, i) => ({
    image: kernel === 'uml' ? image.replace(/img$/, 'cut') : image,
    hint: `F2FS_SEED=${SEED + i} F2FS_RECOVERY_ROUNDS=1`,
    fsynced: JSON.parse(readFileSync(join(folder, `${i}.fsynced`), 'utf8')) as Record<string, string>,
  }));
}

describe.each(KERNELS)('roll-forward, with %s', (kernel) => {
  const changes = changesFor(kernel);
  let ours: string[];
  let theirs: CutOff[];
  let found: Recovered[];

  beforeAll(async () => {
    if (!kernelIsThere(kernel)) return;
    console.log(`recovery with ${kernel}: F2FS_SEED=${SEED} F2FS_RECOVERY_ROUNDS=${ROUNDS}`);
    const folder = mkdtempSync(join(work, `${kernel}-`));
    theirs = await programsOfLinux(kernel, folder);
    const imagesFolder = join(folder, 'ours');
    mkdirSync(imagesFolder);
    ours = await ourImages(changes, imagesFolder);
    found = await recoveredByLinux(kernel, [...ours, ...theirs.map(({ image }) => image)]);
  });

  // One kernel of each version is enough for all changes.
  if (changes.length > 0) {
    test.skipIf(!kernelIsThere(kernel))('Linux recovers what we fsynced, on volumes with checksums and without', () => {
      for (const [i, image] of ours.entries()) {
        expect(found[i].complaints, changes[i]).toEqual([]);
        expect(differences(manifestOf(image), found[i].manifest), changes[i]).toEqual([]);
      }
    });
  }

  test.skipIf(!kernelIsThere(kernel))('we recover what Linux fsynced in random programs', async () => {
    const foundTheirs = found.slice(ours.length);
    expect(theirs.length).toBe(foundTheirs.length);
    expect(foundTheirs.some(({ rolled }) => rolled)).toBe(true);
    for (const [i, { image, hint, fsynced }] of theirs.entries()) {
      const { manifest, complaints } = foundTheirs[i];
      expect(complaints, hint).toEqual([]);
      const ours = manifestOf(image);
      expect(differences(manifest, ours), hint).toEqual([]);
      expect(Object.keys(fsynced).length, hint).toBeGreaterThan(3);
      const hashes = new Map(ours.entries.map(({ path, sha256 }) => [path, sha256]));
      for (const [path, sha256] of Object.entries(fsynced)) expect(hashes.get(path), `${hint} ${path}`).toBe(sha256);
      const { complaints: leftByLinux } = judgeCodecs(image);
      expect(
        leftByLinux.filter((line) => !line.endsWith("reaches past the file's end")),
        hint,
      ).toEqual([]);
      manifestOf(image, { readonly: false });
      expect((await fsckOldAndNew(image)).complaints, hint).toEqual([]);
      expect(differences(manifest, manifestOf(image)), hint).toEqual([]);
      // Linux cuts a file within a cluster at once, and the cluster only when it is written: that much may be amiss.
      const { complaints: amiss } = judgeCodecs(image, { source: manifestOf(image) });
      expect(
        amiss.filter((line) => !leftByLinux.includes(line)),
        hint,
      ).toEqual([]);
    }
  });
});
