// Names, modes, ACLs and attributes as the kernel sees them: what it makes by the same steps on a volume of its own must look
// the same; and it takes inodes without a name that a crash left.
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FileDevice, openFileDevice } from '../../src/device/file-device.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import { format } from '../../src/mkfs/format.ts';
import { fsck, runInUml, umlIsThere } from '../../tools/judge/index.ts';

const MIB = 2 ** 20;
const FEATURES = ['extra_attr', 'inode_checksum', 'sb_checksum', 'inode_crtime', 'lost_found'];
/** Owner rwx, user 1 rwx, group r-x, mask rwx, others --x. */
const DEFAULT_ACL = '0200000001000700ffffffff020007000100000004000500ffffffff10000700ffffffff20000100ffffffff';
/** Owner rw-, user 1000 rwx, group r--, mask rw-, others none. */
const ACCESS_ACL = '0200000001000600ffffffff02000700e803000004000400ffffffff10000600ffffffff20000000ffffffff';

let work: string;
beforeAll(() => {
  work = fs.mkdtempSync(join(tmpdir(), 'f2fs-kernel-names-'));
});
afterAll(() => fs.rmSync(work, { recursive: true, force: true }));

function withVolume(image: string, use: (volume: FileSystem) => void): void {
  const device: FileDevice = openFileDevice(image, { writable: true });
  try {
    use(mount(device, { cacheBytes: 16 * MIB }));
  } finally {
    device.close();
  }
}

function fresh(name: string): string {
  const image = join(work, name);
  fs.writeFileSync(image, '');
  fs.truncateSync(image, 80 * MIB);
  const device = openFileDevice(image, { writable: true });
  format(device, { features: FEATURES });
  device.close();
  return image;
}

function touch(volume: FileSystem, path: string): void {
  volume.openFile(path, { flags: 'a', attributes: { mode: 0o666 } }).close();
}

/** Each step as a shell does it with umask 0, and as we do. */
const STEPS: [shell: string, ours: (volume: FileSystem) => void][] = [
  ['mkdir d e', (it) => ['/d', '/e'].forEach((path) => void it.mkdir(path, { mode: 0o777 }))],
  ['chown 3:4 d', (it) => it.setAttributes('/d', { uid: 3, gid: 4 })],
  ['chmod 2775 d', (it) => it.setAttributes('/d', { mode: 0o2775 })],
  ['mkdir d/sub', (it) => it.mkdir('/d/sub', { mode: 0o777 })],
  ['touch d/file', (it) => touch(it, '/d/file')],
  [
    `setfattr -n system.posix_acl_default -v 0x${DEFAULT_ACL} d`,
    (it) => it.setXattr('/d', 'system.posix_acl_default', Buffer.from(DEFAULT_ACL, 'hex')),
  ],
  ['mkdir d/acl', (it) => it.mkdir('/d/acl', { mode: 0o777 })],
  ['mkdir d/acl/deep', (it) => it.mkdir('/d/acl/deep', { mode: 0o777 })],
  ['touch d/aclfile', (it) => touch(it, '/d/aclfile')],
  ['mknod d/fifo p', (it) => it.mknod('/d/fifo', 'fifo', { mode: 0o666 })],
  ['ln -s target d/link', (it) => it.symlink('target', '/d/link')],
  ['chmod 4751 d/aclfile', (it) => it.setAttributes('/d/aclfile', { mode: 0o4751 })],
  ['chown 7:8 d/aclfile', (it) => it.setAttributes('/d/aclfile', { uid: 7, gid: 8 })],
  [
    `setfattr -n system.posix_acl_access -v 0x${ACCESS_ACL} d/file`,
    (it) => it.setXattr('/d/file', 'system.posix_acl_access', Buffer.from(ACCESS_ACL, 'hex')),
  ],
  ['setfattr -n user.a -v one d/file', (it) => it.setXattr('/d/file', 'user.a', Buffer.from('one'))],
  ['setfattr -n trusted.t -v two d/link -h', (it) => it.setXattr('/d/link', 'trusted.t', Buffer.from('two'))],
  ['setfattr -n user.b -v three d/sub', (it) => it.setXattr('/d/sub', 'user.b', Buffer.from('three'))],
  ['setfattr -x user.b d/sub', (it) => it.removeXattr('/d/sub', 'user.b')],
  ['ln d/file d/hard', (it) => it.link('/d/file', '/d/hard')],
  ['mv d/acl e/moved', (it) => it.rename('/d/acl', '/e/moved')],
  ['mv d/file e/file', (it) => it.rename('/d/file', '/e/file')],
  ['touch e/over', (it) => touch(it, '/e/over')],
  ['mv -f e/over d/aclfile', (it) => it.rename('/e/over', '/d/aclfile')],
  ['mkdir e/empty', (it) => it.mkdir('/e/empty', { mode: 0o777 })],
  ['mv -T d/sub e/empty', (it) => it.rename('/d/sub', '/e/empty')],
  ['mkdir big', (it) => it.mkdir('/big', { mode: 0o777 })],
  [
    'for i in $(seq 1 700); do : > big/a-file-with-a-name-of-several-slots-$i; done',
    (it) => {
      for (let i = 1; i <= 700; i++) touch(it, `/big/a-file-with-a-name-of-several-slots-${i}`);
    },
  ],
  [
    'for i in $(seq 1 690); do echo big/a-file-with-a-name-of-several-slots-$i; done | xargs rm',
    (it) => {
      for (let i = 1; i <= 690; i++) it.unlink(`/big/a-file-with-a-name-of-several-slots-${i}`);
    },
  ],
  ['mkdir gone; rmdir gone', (it) => [it.mkdir('/gone'), it.rmdir('/gone')]],
];

/** Everything that is to be the same, as text. */
const DUMP = `find . -not -path './lost+found*' | sort | while read -r it; do
  stat -c '%n %F %a %u %g %h %s' "$it"; getfattr -h -d -m - -e hex "$it" 2> /dev/null | grep = | sort; done`;

test.runIf(umlIsThere())('the kernel makes of the same steps what we do, and frees what a crash left', async () => {
  const [ours, theirs, cut] = [fresh('ours.img'), fresh('theirs.img'), fresh('cut.img')];
  withVolume(ours, (volume) => {
    for (const [, step] of STEPS) step(volume);
    volume.close();
  });
  withVolume(cut, (volume) => {
    volume.writeFile('/kept', Buffer.from('kept'));
    volume.sync();
    const { freeBlocks } = volume.statfs();
    volume.writeFile('/large', Buffer.alloc(5 * MIB, 1));
    volume.mkdir('/dir');
    volume.openFile('/large');
    volume.openDirectory('/dir');
    volume.remove('/large');
    volume.rmdir('/dir');
    volume.sync();
    expect(volume.volume.orphans.size).toBe(2);
    expect(volume.statfs().freeBlocks).toBeLessThan(freeBlocks - 1280);
    volume.abandon();
  });
  for (const image of [ours, cut]) expect((await fsck(image)).complaints).toEqual([]);
  const share = fs.mkdtempSync(join(work, 'share-'));
  const script = `umask 0
mount -t f2fs "$DEV0" /mnt && cd /mnt && { ${DUMP}; } > "$SHARE/ours"; cd /; umount /mnt
mount -t f2fs "$DEV1" /mnt && cd /mnt && { ${STEPS.map(([shell]) => shell).join('\n')}
${DUMP}; } > "$SHARE/theirs" 2>&1; cd /; umount /mnt
mount -t f2fs "$DEV2" /mnt && ls /mnt > "$SHARE/cut"; umount /mnt`;
  await runInUml({ images: [ours, theirs, cut], script, share });
  const text = (name: string) => fs.readFileSync(join(share, name), 'utf8');
  expect(text('ours').split('\n').length).toBeGreaterThan(30);
  expect(text('ours')).toBe(text('theirs'));
  expect(text('cut')).toBe('kept\nlost+found\n');
  for (const image of [ours, theirs, cut]) expect((await fsck(image)).complaints).toEqual([]);
  withVolume(cut, (volume) => {
    expect(volume.volume.orphans.size).toBe(0);
    expect(Buffer.from(volume.readFile('/kept')).toString()).toBe('kept');
    volume.close();
  });
});
