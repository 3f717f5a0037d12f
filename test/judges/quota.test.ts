// Quota files between us and Linux: each finds the counts that the other left, and both count on from there.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openFileDevice } from '../../src/device/file-device.ts';
import type { FileHandle } from '../../src/fs/file-handle.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import { format } from '../../src/mkfs/format.ts';
import { fsckOldAndNew } from '../../tools/judge/fsck.ts';
import { kernelIsThere, runInKernel } from '../../tools/judge/kernels.ts';
import type { KernelName } from '../../tools/judge/paths.ts';
import { noise, prose } from '../fs/compressed-volume.ts';
import { type Quotas, quotaComplaints, quotasOf } from '../fs/quota-usage.ts';

const FEATURES = [
  'extra_attr',
  'inode_checksum',
  'sb_checksum',
  'inode_crtime',
  'lost_found',
  'quota',
  'project_quota',
];

/**
 * perl: `quotas.pl MOUNTPOINT [ID...]` prints what Linux says of each id, `u1000` or `g5` or `p7`: inodes, bytes, limits. `ID=N` limits
 * it to N KiB and N inodes before. Source: quotactl_fd(2), struct if_dqblk.
 */
const quotasProgram = `
my ($top, @ids) = @ARGV;
open(my $dir, '<', $top) or die "$top: $!";
sub quotactl { my ($command, $type, $id) = @_; syscall(443, fileno($dir), $command << 8 | $type, $id + 0, $_[3]) == 0 or die "$id: $!" }
for (@ids) {
  my ($letter, $id, $limit) = /^([ugp])([0-9]+)(?:=([0-9]+))?$/ or die $_;
  my $type = index('ugp', $letter);
  my $bytes = pack('Q8L2', ($limit // 0) x 2, 0, ($limit // 0) x 2, 0, 0, 0, 5, 0);
  quotactl(0x800008, $type, $id, $bytes) if defined $limit;
  quotactl(0x800007, $type, $id, $bytes);
  my ($bhard, $bsoft, $space, $ihard, $isoft, $inodes) = unpack('Q8', $bytes);
  print "$letter$id $inodes $space $bhard $bsoft $ihard $isoft\\n";
}
`;

let work: string;
beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'f2fs-quota-'));
  writeFileSync(join(work, 'quotas.pl'), quotasProgram);
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

function during<T>(image: string, readonly: boolean, use: (fs: FileSystem) => T): T {
  const device = openFileDevice(image, { writable: !readonly });
  try {
    const fs = mount(device, { readonly, compress: { extensions: ['txt'] } });
    const result = use(fs);
    fs.close();
    return result;
  } finally {
    device.close();
  }
}

/** What the guest's program printed, with what has nothing left out. */
function parse(text: string): Quotas {
  const quotas: Quotas = new Map();
  for (const line of text.trim().split('\n')) {
    const [id = '', ...numbers] = line.split(' ');
    const [inodes = 0, bytes = 0, bhard = 0, bsoft = 0, ihard = 0, isoft = 0] = numbers.map(Number);
    quotas.set(id, { inodes, bytes, bhard, bsoft, ihard, isoft });
  }
  return withoutEmpty(quotas);
}

/** Linux removes an entry of an id that has nothing and is not limited. */
function withoutEmpty(quotas: Quotas): Quotas {
  return new Map([...quotas].filter(([, quota]) => Object.values(quota).some((value) => value !== 0)));
}

const sorted = (quotas: Quotas) => [...withoutEmpty(quotas)].sort(([a], [b]) => (a < b ? -1 : 1));

/** Does of everything that changes counts a little. `base`: whose new files are. */
function use(fs: FileSystem, base: number): void {
  const top = `/ours ${base}`;
  fs.mkdir(top, { uid: base });
  for (let i = 0; i < 40; i++) {
    fs.writeFile(`${top}/${i}`, noise(i * 3000, i), { uid: base + i, gid: base + (i % 5) });
    fs.writeFile(`${top}/${i}.txt`, prose(i * 9000, i), { uid: base + (i % 3) });
  }
  fs.mkdir(`${top}/project`);
  {
    using dir = fs.openDirectory(`${top}/project`);
    dir.setProjectId(base + 7);
    dir.setFlags(['projinherit']);
  }
  for (let i = 0; i < 20; i++) fs.writeFile(`${top}/project/${i}`, noise(i * 5000, i));
  for (let i = 0; i < 40; i += 4) fs.setAttributes(`${top}/${i}`, { uid: 5, gid: base + 100 });
  for (let i = 1; i < 40; i += 4) fs.unlink(`${top}/${i}`);
  for (let i = 2; i < 40; i += 4) fs.truncate(`${top}/${i}`, i * 1000);
  for (let i = 0; i < 40; i += 3) {
    using file = fs.openFile(`${top}/${i}.txt`) as FileHandle;
    if ((file.stat().compression?.savedBlocks ?? 0) > 0) file.releaseBlocks();
  }
  fs.setXattr(`${top}/2`, 'user.long', noise(3000, 1));
}

/** The same of a guest, in shell. */
const useInGuest = (base: number) => `
mkdir /mnt/theirs && chattr -p ${base + 7} /mnt/theirs && chattr +P /mnt/theirs
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  head -c $((i * 3000)) /dev/urandom > /mnt/theirs/$i && chown $((${base} + i)):$((${base} + i % 3)) /mnt/theirs/$i
  yes text | head -c $((i * 9000)) > /mnt/theirs/$i.txt
done
chown -R 6:7 "/mnt/ours 1000"
for i in 2 6 10 14; do rm "/mnt/ours 1000/$i"; chattr -p 9 "/mnt/ours 1000/$i.txt"; done
rm -r "/mnt/ours 1000/project"
for i in 5 10 15; do rm /mnt/theirs/$i; truncate -s 1000 /mnt/theirs/$i.txt; done
sync`;

const KERNELS: readonly KernelName[] = ['uml', 'qemu-sid'];

describe.each(KERNELS)('quotas, with %s', (kernel) => {
  test.skipIf(!kernelIsThere(kernel))('are counted on by either, and limits are kept', async () => {
    const image = join(work, `${kernel}.img`);
    const device = openFileDevice(image, { writable: true, create: { sizeBytes: 128 << 20, overwrite: true } });
    // User-mode Linux has no compression.
    format(device, { features: kernel === 'uml' ? FEATURES : [...FEATURES, 'compression'] });
    device.close();
    during(image, false, (fs) => use(fs, 1000));
    expect((await fsckOldAndNew(image)).complaints).toEqual([]);
    const ours = during(image, true, quotasOf);

    const ids = [...ours.keys()];
    const theirIds = [
      ...ids,
      ...Array.from({ length: 21 }, (_, i) => [`u${2000 + i}`, `g${2000 + i}`]).flat(),
      'p2007',
      'p9',
      'u6',
      'g7',
    ];
    const guest = await runInKernel(kernel, {
      images: [image],
      share: work,
      script: `set -e
mount -t f2fs -o prjquota,usrquota,grpquota $DEV0 /mnt
perl $SHARE/quotas.pl /mnt ${ids.join(' ')} > $SHARE/ours
${useInGuest(2000)}
perl $SHARE/quotas.pl /mnt u1001=50000 g1001=60000 p1007=70000 > $SHARE/limits
perl $SHARE/quotas.pl /mnt ${theirIds.join(' ')} > $SHARE/theirs
umount /mnt
dmesg | grep -i 'quota.*err\\|err.*quota' >&2 || :`,
    });
    expect([guest.exitCode, guest.stderr]).toEqual([0, '']);
    expect(sorted(parse(readFileSync(join(work, 'ours'), 'latin1')))).toEqual(sorted(ours));
    expect((await fsckOldAndNew(image)).complaints).toEqual([]);

    const theirs = parse(readFileSync(join(work, 'theirs'), 'latin1'));
    const found = during(image, true, (fs) => {
      expect(quotaComplaints(fs)).toEqual([]);
      return quotasOf(fs);
    });
    expect(sorted(found)).toEqual(sorted(theirs));
    expect(found.get('p1007')).toMatchObject({ bhard: 70_000, isoft: 70_000 });

    // What Linux took out of its trees leaves blocks that we use again.
    during(image, false, (fs) => {
      fs.remove('/theirs');
      use(fs, 3000);
    });
    expect((await fsckOldAndNew(image)).complaints).toEqual([]);
    const last = during(image, true, quotasOf);
    expect(last.get('g1001')).toMatchObject({ bhard: 60_000, ihard: 60_000 });
    const again = await runInKernel(kernel, {
      images: [image],
      share: work,
      script: `mount -t f2fs $DEV0 /mnt && perl $SHARE/quotas.pl /mnt ${[...last.keys()].join(' ')} > $SHARE/last && umount /mnt`,
    });
    expect([again.exitCode, again.stderr]).toEqual([0, '']);
    expect(sorted(parse(readFileSync(join(work, 'last'), 'latin1')))).toEqual(sorted(last));
  });
});
