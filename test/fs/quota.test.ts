// Quota files say what users, groups and projects have, whatever was done to their files; fsck.f2fs counts too.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { MemoryDevice } from '../../src/device/memory-device.ts';
import { F2fsError } from '../../src/errors.ts';
import { CP } from '../../src/format/checkpoint.ts';
import { SUPER_OFFSET } from '../../src/format/constants.ts';
import { quotaInoOf, Superblock } from '../../src/format/superblock.ts';
import type { FileHandle } from '../../src/fs/file-handle.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import { format } from '../../src/mkfs/format.ts';
import { random, seedOf } from '../random.ts';
import { codeOf, during, type FlakyDevice, freshDevice, mountOf, noise, prose } from './compressed-volume.ts';
import { fsckDevice } from './fsck-device.ts';
import { CHANGES, prepared } from './fsync-changes.ts';
import { quotaComplaints, quotasOf } from './quota-usage.ts';

const BASE = ['extra_attr', 'inode_checksum', 'sb_checksum', 'inode_crtime', 'lost_found', 'compression'];
const FEATURES = [...BASE, 'quota', 'project_quota'];

/** What is wrong with the quota files of a volume that is not mounted, by its inodes and by fsck.f2fs. */
async function complaintsOf(device: MemoryDevice): Promise<string[]> {
  const found = during(device, { readonly: true }, quotaComplaints);
  return [...found, ...(await fsckDevice(device)).complaints];
}

/** Changes the first 8 KiB of the user quota file behind the volume's back. */
function changeFile(device: FlakyDevice, change: (file: Buffer) => void): void {
  const extents = during(device, { readonly: true }, (fs) => {
    using handle = fs.openInode(quotaInoOf(fs.volume.layout.sb, 0)) as FileHandle;
    return handle.extents();
  });
  const bytes = device.bytes();
  const places = extents.map(({ logical, physical, length }) => ({
    logical,
    at: bytes.subarray(physical, physical + length),
  }));
  const file = Buffer.alloc(8192);
  for (const { logical, at } of places)
    file.set(at.subarray(0, Math.max(0, file.length - logical)), Math.min(logical, file.length));
  change(file);
  for (const { logical, at } of places) at.set(file.subarray(logical, logical + at.length));
  device.write(0, [bytes]);
}

describe('quota files', () => {
  test('are right after random changes, mounts and crashes', async () => {
    const seed = seedOf('quota');
    const rng = random(seed);
    const device = freshDevice(128, FEATURES);
    let fs = mountOf(device, { compress: { extensions: ['txt'] } });
    const id = () =>
      [0, 1, 1000, 1001, 65_534, 4_294_967_294, rng.below(1 << 16) << 8, rng.below(40)][rng.below(8)] as number;
    const names = Array.from({ length: 60 }, (_, i) => `/${i}${i % 3 === 0 ? '.txt' : ''}`);
    const onFile = (name: string, work: (file: FileHandle) => void) => {
      if (!fs.readdir('/').some((it) => `/${Buffer.from(it.name)}` === name)) return;
      using file = fs.openFile(name);
      work(file);
    };
    for (let step = 0; step < 1000; step++) {
      const name = names[rng.below(names.length)] as string;
      const kind = rng.below(11);
      if (kind <= 2) {
        fs.writeFile(name, (kind === 0 ? noise : prose)(rng.below(120_000), step));
        fs.setAttributes(name, { uid: id(), gid: id() });
      } else if (kind === 3) onFile(name, (file) => file.truncate(rng.below(200_000)));
      else if (kind === 4) onFile(name, (file) => file.setProjectId(id()));
      else if (kind === 5) onFile(name, (file) => file.setAttributes({ uid: id() }));
      else if (kind === 6) onFile(name, (file) => file.setXattr('user.x', noise(rng.below(3000), step)));
      else if (kind === 7) onFile(name, (file) => file.write(noise(rng.below(5000), step), rng.below(6_000_000)));
      else if (kind === 8) onFile(name, () => fs.unlink(name));
      else if (kind === 9) onFile(name, (file) => file.fsync());
      else if (rng.below(10) === 0) {
        if (rng.below(3) === 0) fs.abandon();
        else fs.close();
        fs = mountOf(device, { compress: { extensions: ['txt'] } });
      } else if (rng.below(4) === 0) {
        fs.sync();
        expect(quotaComplaints(fs), `step ${step}, F2FS_SEED=${seed}`).toEqual([]);
      }
    }
    fs.close();
    expect(await complaintsOf(device)).toEqual([]);
  });

  test('are right after each kind of roll-forward', () => {
    for (const [name, change] of Object.entries(CHANGES)) {
      const { device, fs } = prepared({}, FEATURES);
      change(fs);
      fs.abandon();
      during(device, {}, () => {});
      expect([name, during(device, { readonly: true }, quotaComplaints)]).toEqual([name, []]);
    }
  });

  test('take a fsynced file to its new owners, and one that is new', async () => {
    const device = freshDevice(64, FEATURES);
    const fs = mountOf(device);
    fs.writeFile('/old', noise(50_000, 1), { uid: 5 });
    fs.sync();
    fs.setAttributes('/old', { uid: 77, gid: 78 });
    {
      using file = fs.openFile('/old');
      file.setProjectId(79);
      file.fsync();
    }
    fs.writeFile('/new', noise(30_000, 2), { uid: 300_000, gid: 5 });
    fs.fsync('/new');
    fs.abandon();
    const quotas = during(device, {}, (again) => {
      expect(again.stat('/old')).toMatchObject({ uid: 77, gid: 78, projectId: 79 });
      again.sync();
      return quotasOf(again);
    });
    expect(quotas.get('u5')).toMatchObject({ inodes: 0, bytes: 0 });
    expect(quotas.get('u77')).toMatchObject({ inodes: 1, bytes: 13 * 4096 });
    expect(quotas.get('p79')).toMatchObject({ inodes: 1, bytes: 13 * 4096 });
    expect(quotas.get('u300000')).toMatchObject({ inodes: 1, bytes: 8 * 4096 });
    expect(await complaintsOf(device)).toEqual([]);
  });

  test('count a removed file as long as it is open, and not after a mount', async () => {
    const device = freshDevice(64, FEATURES);
    const fs = mountOf(device);
    fs.writeFile('/held', noise(50_000, 1), { uid: 5 });
    fs.openFile('/held');
    fs.unlink('/held');
    fs.sync();
    expect(quotasOf(fs).get('u5')).toMatchObject({ inodes: 1, bytes: 13 * 4096 });
    fs.abandon();
    during(device, {}, (again) => expect(quotasOf(again).get('u5')).toMatchObject({ inodes: 0, bytes: 0 }));
    expect(await complaintsOf(device)).toEqual([]);
  });

  test.each([4096, 16_384, 65_536])('are kept with blocks of %i bytes', (blockSize) => {
    const device = new MemoryDevice({ sizeBytes: (100 << 20) * (blockSize / 4096) });
    format(device, { blockSize, features: FEATURES });
    const fs = mount(device, { cacheBytes: 64 << 20 });
    for (let i = 0; i < 300; i++) fs.writeFile(`/${i}`, noise(i * 100, i), { uid: i * 70_001, gid: i });
    for (let i = 0; i < 300; i += 2) fs.unlink(`/${i}`);
    fs.sync();
    expect(quotaComplaints(fs)).toEqual([]);
    expect(quotasOf(fs).size).toBe(601);
    fs.close();
    expect(during(device, { readonly: true, cacheBytes: 64 << 20 }, quotaComplaints)).toEqual([]);
  });

  test('are there for some types only', async () => {
    for (const [features, size] of [
      [[...BASE, 'quota'], 4],
      [[...BASE, 'project_quota'], 1],
      [['quota'], 4],
    ] as const) {
      const device = freshDevice(64, features);
      during(device, {}, (fs) => fs.writeFile('/file', noise(10_000, 1), { uid: 1, gid: 2 }));
      expect(during(device, { readonly: true }, quotasOf).size).toBe(size);
      expect(await complaintsOf(device)).toEqual([]);
    }
  });

  test('keep limits', () => {
    const device = freshDevice(64, FEATURES);
    changeFile(device, (file) => {
      for (const field of [8, 16, 32, 40]) file.writeBigUInt64LE(1n, 5 * 1024 + 16 + field);
    });
    during(device, {}, (fs) => {
      fs.writeFile('/more', noise(100_000, 1));
      fs.unlink('/more');
      fs.writeFile('/more', noise(100_000, 1));
    });
    const quotas = during(device, { readonly: true }, quotasOf);
    expect(quotas.get('u0')).toEqual({ inodes: 3, bytes: 27 * 4096, bhard: 1, bsoft: 1, ihard: 1, isoft: 1 });
  });

  test('are cleaned, and written over nowhere, like other files', async () => {
    const device = freshDevice(64, FEATURES);
    during(device, { ipuPolicies: ['force'] }, (fs) => {
      for (let i = 0; i < 3000; i++) fs.writeFile(`/${i % 97}`, noise(20_000, i), { uid: i % 300 });
      for (let i = 0; i < 97; i += 2) fs.unlink(`/${i}`);
      fs.clean({ sections: 5 });
    });
    expect(await complaintsOf(device)).toEqual([]);
  });

  test('refuse an owner who finds no room for an entry, and nothing is changed', async () => {
    const device = freshDevice(64, FEATURES);
    during(device, {}, (fs) => {
      fs.writeFile('/filler', Buffer.alloc(0));
      {
        using file = fs.openFile('/filler');
        expect(codeOf(() => file.write(Buffer.alloc(64 << 20, 1), 0))).toBe('ENOSPC');
      }
      expect(fs.statfs().freeBlocks).toBeLessThan(1);
      expect(codeOf(() => fs.setAttributes('/filler', { uid: 0x12345678 }))).toBe('ENOSPC');
      expect(fs.stat('/filler').uid).toBe(0);
    });
    expect(await complaintsOf(device)).toEqual([]);
  });

  test('can be changed by nobody', () => {
    const device = freshDevice(64, FEATURES);
    during(device, {}, (fs) => {
      using file = fs.openInode(4) as FileHandle;
      expect(codeOf(() => file.setFlags([]))).toBe('EPERM');
      expect(codeOf(() => file.setProjectId(5))).toBe('EPERM');
      expect(codeOf(() => file.write(Buffer.from('x'), 0))).toBe('EPERM');
      expect(codeOf(() => file.setAttributes({ uid: 5 }))).toBe('EPERM');
    });
  });
});

describe('quota files that are wrong', () => {
  /** The volume with one block of the user quota file changed. */
  function damaged(change: (file: Buffer) => void): FlakyDevice {
    const device = freshDevice(64, FEATURES);
    during(device, {}, (fs) => fs.writeFile('/file', noise(10_000, 1), { uid: 1000 }));
    changeFile(device, change);
    return device;
  }

  const DAMAGE: Record<string, (file: Buffer) => void> = {
    'no magic': (file) => file.writeUInt32LE(0, 0),
    'another version': (file) => file.writeUInt32LE(0, 4),
    'more blocks than the file has': (file) => file.writeUInt32LE(4000, 20),
    'a reference to nowhere': (file) => file.writeUInt32LE(4000, 1024),
    'a reference to its own block': (file) => file.writeUInt32LE(1, 1024),
    'no entry where there should be one': (file) => file.fill(0, 5 * 1024, 6 * 1024),
    'a full block in the list of those with room': (file) => file.fill(1, 5 * 1024 + 16, 6 * 1024),
    'a list that leads outside': (file) => file.writeUInt32LE(77, 28),
  };
  test.each(Object.entries(DAMAGE))(
    '%s: they are marked as wrong and left, and the volume is written',
    async (_, change) => {
      const device = damaged(change);
      const fs = mountOf(device);
      fs.writeFile('/more', noise(20_000, 2), { uid: 4711 });
      fs.truncate('/file', 5000);
      fs.sync();
      expect(fs.volume.pack.cp.ckptFlags & CP.QUOTA_NEED_FSCK).not.toBe(0);
      expect(fs.warnings.map(({ message }) => message)).toEqual([expect.stringMatching(/quota files.*fsck\.f2fs/)]);
      fs.writeFile('/last', noise(20_000, 2), { uid: 4712 });
      fs.close();
      // The next one leaves them alone, and the mark.
      const again = mountOf(device);
      expect(again.warnings).toHaveLength(1);
      expect(again.stat('/more').size).toBe(20_000);
      again.unlink('/more');
      again.close();
      const last = mountOf(device, { readonly: true });
      expect(last.volume.pack.cp.ckptFlags & CP.QUOTA_NEED_FSCK).not.toBe(0);
      last.close();
    },
  );
});

test('what is marked as wrong is mended by fsck.f2fs, and counted on from there', async () => {
  const device = freshDevice(64, FEATURES);
  during(device, {}, (fs) => {
    fs.writeFile('/counted', noise(10_000, 1), { uid: 1000 });
    fs.volume.quotas.fail(new F2fsError('EIO', 'the test ends the counting'));
    for (let i = 0; i < 40; i++) fs.writeFile(`/${i}`, noise(10_000, 1), { uid: 2000 * i });
  });
  expect((await fsckDevice(device)).complaints.join()).toMatch(/quota_need_fsck.*Fixing Quota file/);
  const dir = mkdtempSync(join(tmpdir(), 'f2fs-quota-'));
  try {
    const image = join(dir, 'image');
    writeFileSync(image, device.bytes());
    expect(spawnSync('fsck.f2fs', ['-f', image]).status).toBe(0);
    device.write(0, [readFileSync(image)]);
  } finally {
    rmSync(dir, { recursive: true });
  }
  during(device, {}, (fs) => {
    expect(fs.warnings).toEqual([]);
    expect(quotaComplaints(fs)).toEqual([]);
    fs.unlink('/39');
    for (let i = 50; i < 70; i++) fs.writeFile(`/${i}`, noise(10_000, 1), { uid: 70_000 * i });
  });
  expect(await complaintsOf(device)).toEqual([]);
});

test('a quota file that is none, or nowhere, is marked as wrong', () => {
  for (const [ino, said] of [
    [3, /no plain regular file/],
    [1, /inode 1/],
    [5_000_000, /inode 5000000/],
    [5, /begins with/],
  ] as const) {
    const device = freshDevice(64, ['lost_found', 'quota']);
    const bytes = device.bytes();
    for (const copy of [0, 1]) bytes.writeUInt32LE(ino, copy * 4096 + SUPER_OFFSET + Superblock.offsets.qfIno);
    device.write(0, [bytes]);
    during(device, {}, (fs) => {
      fs.writeFile('/file', noise(9000, 1));
      fs.sync();
      expect(fs.warnings.map(({ message }) => message)).toEqual([expect.stringMatching(said)]);
      expect(fs.volume.pack.cp.ckptFlags & CP.QUOTA_NEED_FSCK).not.toBe(0);
    });
    during(device, { readonly: true }, (fs) => expect(fs.stat('/file').size).toBe(9000));
  }
});

describe('projects', () => {
  function volume(): { device: FlakyDevice; fs: FileSystem } {
    const device = freshDevice(64, FEATURES);
    const fs = mountOf(device);
    fs.mkdir('/p');
    using dir = fs.openDirectory('/p');
    dir.setProjectId(7);
    dir.setFlags(['projinherit']);
    return { device, fs };
  }

  test('are handed on to all that is made in a directory with the flag', async () => {
    const { device, fs } = volume();
    fs.writeFile('/p/file', noise(9000, 1), { inherit: false });
    fs.mkdir('/p/sub');
    fs.symlink('file', '/p/sub/link');
    for (const path of ['/p/file', '/p/sub', '/p/sub/link']) expect(fs.lstat(path).projectId).toBe(7);
    expect(fs.stat('/p/sub').flags).toEqual(['projinherit']);
    expect(fs.stat('/p/file').flags).toEqual([]);
    fs.writeFile('/file', '');
    expect(fs.stat('/file').projectId).toBe(0);
    fs.sync();
    expect(quotasOf(fs).get('p7')).toMatchObject({ inodes: 4, bytes: 3 * 4096 });
    fs.close();
    expect(await complaintsOf(device)).toEqual([]);
  });

  test('are not left or entered by a name', () => {
    const { fs } = volume();
    fs.writeFile('/other', '');
    fs.writeFile('/p/own', '');
    expect(codeOf(() => fs.rename('/other', '/p/other'))).toBe('EXDEV');
    expect(codeOf(() => fs.link('/other', '/p/other'))).toBe('EXDEV');
    expect(codeOf(() => fs.rename('/other', '/p/own', { exchange: true }))).toBe('EXDEV');
    expect(codeOf(() => fs.rename('/p/own', '/other', { exchange: true }))).toBe('EXDEV');
    expect(codeOf(() => fs.rename('/other', '/p/own'))).toBe('EXDEV');
    fs.rename('/p/own', '/p/owned');
    fs.rename('/p/owned', '/owned');
    expect(fs.stat('/owned').projectId).toBe(7);
    fs.rename('/owned', '/p/own');
    {
      using file = fs.openFile('/other');
      file.setProjectId(7);
    }
    fs.link('/other', '/p/other');
    fs.close();
  });

  test('are refused where there are none, or no such', () => {
    const device = freshDevice(64, [...BASE, 'quota']);
    during(device, {}, (fs) => {
      using root = fs.root();
      expect(root.stat().projectId).toBeNull();
      root.setProjectId(0);
      expect(codeOf(() => root.setProjectId(1))).toBe('EOPNOTSUPP');
      for (const wrong of [-1, 1.5, 2 ** 32 - 1]) expect(codeOf(() => root.setProjectId(wrong))).toBe('EINVAL');
    });
    const { fs } = volume();
    fs.writeFile('/file', '');
    using file = fs.openFile('/file');
    expect(codeOf(() => file.setFlags(['projinherit']))).toBe('EINVAL');
  });
});
