// Roll-forward between us and Linux, both ways: what one fsynced before it was cut off, the other brings back, and both bring back
// the same. F2FS_RECOVERY_ROUNDS=N has the kernel do N random programs.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openFileDevice } from '../../src/device/file-device.ts';
import type { MountOptions } from '../../src/fs/core.ts';
import { mount } from '../../src/fs/file-system.ts';
import { fsck } from '../../tools/judge/fsck.ts';
import { judgeDevice } from '../../tools/judge/guestscript.ts';
import { compareManifests, type Manifest } from '../../tools/judge/manifest.ts';
import { toolEnv } from '../../tools/judge/paths.ts';
import { runInUml, umlIsThere } from '../../tools/judge/uml.ts';
import { readVerdict } from '../../tools/judge/verdict.ts';
import { CHANGES, disturb, FEATURES, prepared } from '../fs/fsync-changes.ts';
import { fsyncProgram } from './fsync-program.ts';
import { manifestOfVolume } from './volume-manifest.ts';

const ROUNDS = Number(process.env['F2FS_RECOVERY_ROUNDS'] ?? 4);
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

/** What Linux finds in images that were cut off, once it has recovered them; it writes to its copies. */
async function recoveredByLinux(
  images: readonly string[],
  folder: string,
): Promise<{ manifest: Manifest; complaints: string[] }[]> {
  images.forEach((image, i) => {
    copyFileSync(image, join(folder, `${i}.img`));
    mkdirSync(join(folder, String(i)));
  });
  const script = `${judgeDevice({ mountOptions: '', writable: false })}
for i in $(seq 0 ${images.length - 1}); do
  device=$(losetup -f --show "$SHARE/$i.img") && judge_device "$device" "$SHARE/$i"
  losetup -d "$device"
done`;
  const guest = await runInUml({ script, share: folder });
  const found: { manifest: Manifest; complaints: string[] }[] = [];
  for (let i = 0; i < images.length; i++) {
    const verdict = readVerdict('uml', join(folder, String(i)), guest, { writable: false, powerCut: true });
    const { complaints } = await fsck(join(folder, `${i}.img`));
    found.push({
      manifest: verdict.manifest as Manifest,
      complaints: [...verdict.complaints, ...complaints.map((line) => `fsck after: ${line}`)],
    });
  }
  return found;
}

describe.skipIf(!umlIsThere())('Linux recovers what we fsynced', () => {
  test('on volumes with checksums and without', async () => {
    const names = Object.keys(CHANGES);
    const images = names.map((name, i) => {
      const { device, fs } = prepared({}, i % 2 === 0 ? FEATURES : []);
      const paths = (CHANGES[name] as (typeof CHANGES)[string])(fs);
      if (!paths.includes('/d/noted')) disturb(fs);
      fs.abandon();
      const image = join(work, `${i}.img`);
      writeFileSync(image, device.bytes());
      return image;
    });
    const found = await recoveredByLinux(images, mkdtempSync(join(work, 'linux-')));
    found.forEach(({ manifest, complaints }, i) => {
      expect(complaints, names[i]).toEqual([]);
      expect(differences(manifestOf(images[i]), manifest), names[i]).toEqual([]);
      rmSync(images[i]);
    });
  }, 180_000);
});

describe.skipIf(!umlIsThere())('we recover what Linux fsynced', () => {
  test(`${ROUNDS} random programs from seed ${SEED} on`, async () => {
    const folder = join(work, 'programs');
    mkdirSync(folder);
    writeFileSync(join(folder, 'program.py'), fsyncProgram);
    for (let i = 0; i < ROUNDS; i++) {
      const image = join(folder, `${i}.img`);
      writeFileSync(image, '');
      truncateSync(image, 256 << 20);
      const features = i % 2 === 0 ? [] : ['-O', 'extra_attr,inode_checksum,sb_checksum,inode_crtime'];
      execFileSync('mkfs.f2fs', ['-q', ...features, image], { env: toolEnv() });
    }
    // The image is copied while it is mounted: what the kernel had sent is there, what it had in mind is not.
    const script = `
for i in $(seq 0 ${ROUNDS - 1}); do
  device=$(losetup -f --show "$SHARE/$i.img") && mount -t f2fs "$device" /mnt || exit 1
  python3 "$SHARE/program.py" /mnt $((${SEED} + i)) > "$SHARE/$i.fsynced" || exit 1
  cp --sparse=always "$SHARE/$i.img" "$SHARE/$i.cut" || exit 1
  umount /mnt && losetup -d "$device"
done`;
    const guest = await runInUml({ script, share: folder });
    expect(guest.exitCode, guest.stderr + guest.console.slice(-2000)).toBe(0);
    const images = Array.from({ length: ROUNDS }, (_, i) => join(folder, `${i}.cut`));
    const found = await recoveredByLinux(images, mkdtempSync(join(work, 'linux-')));
    for (const [i, image] of images.entries()) {
      const hint = `F2FS_SEED=${SEED + i} F2FS_RECOVERY_ROUNDS=1`;
      const { manifest, complaints } = found[i];
      expect(complaints, hint).toEqual([]);
      const ours = manifestOf(image);
      expect(differences(manifest, ours), hint).toEqual([]);
      const fsynced = JSON.parse(readFileSync(join(folder, `${i}.fsynced`), 'utf8')) as Record<string, string>;
      expect(Object.keys(fsynced).length, hint).toBeGreaterThan(3);
      const hashes = new Map(ours.entries.map(({ path, sha256 }) => [path, sha256]));
      for (const [path, sha256] of Object.entries(fsynced)) expect(hashes.get(path), `${hint} ${path}`).toBe(sha256);
      manifestOf(image, { readonly: false });
      expect((await fsck(image)).complaints, hint).toEqual([]);
      expect(differences(manifest, manifestOf(image)), hint).toEqual([]);
    }
  }, 180_000);
});
