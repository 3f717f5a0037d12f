// Directories that fold case: what Linux is not asked about in test/judges, and damage.
import { describe, expect, test } from 'vitest';
import { MemoryDevice } from '../../src/device/memory-device.ts';
import { SUPER_OFFSET } from '../../src/format/constants.ts';
import { FT } from '../../src/format/dentry.ts';
import { hashOf } from '../../src/format/hash.ts';
import { viewOf } from '../../src/format/struct.ts';
import { Superblock, superblockCrc } from '../../src/format/superblock.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import { volumeInfo } from '../../src/inspect/info.ts';
import { format } from '../../src/mkfs/format.ts';
import { fsckDevice } from './fsck-device.ts';

const MIB = 2 ** 20;

function fresh(encoding?: string, blockSize = 4096): { device: MemoryDevice; fs: FileSystem } {
  const device = new MemoryDevice({ sizeBytes: (blockSize === 4096 ? 64 : 256) * MIB });
  format(device, { encoding, blockSize });
  return { device, fs: mount(device, { cacheBytes: 32 * MIB }) };
}

function fold(fs: FileSystem, path: string): void {
  fs.mkdir(path);
  using directory = fs.open(path);
  directory.setFlags(['casefold']);
}

const namesIn = (fs: FileSystem, path: string) => fs.readdir(path).map(({ name }) => Buffer.from(name).toString());
const code = (name: string) => expect.objectContaining({ code: name });

test('a directory begins to fold case while it is empty, and what is made in it folds case, too', async () => {
  const { device, fs } = fresh('utf8');
  fold(fs, '/d');
  expect(fs.stat('/d').flags).toEqual(['casefold']);
  fs.mkdir('/d/Sub');
  fs.writeFile('/d/sub/File', 'one');
  expect(fs.stat('/d/SUB').flags).toEqual(['casefold']);
  expect(fs.stat('/d/Sub/file').flags).toEqual([]);
  expect(Buffer.from(fs.readFile('/d/SUB/FILE')).toString()).toBe('one');
  expect(namesIn(fs, '/d')).toEqual(['Sub']);
  for (const path of ['/d', '/d/sub']) {
    using directory = fs.open(path);
    expect(() => directory.setFlags([])).toThrow(code('ENOTEMPTY'));
  }
  fs.unlink('/d/sub/FILE');
  using sub = fs.open('/d/sub');
  sub.setFlags(['nodump']);
  fs.writeFile('/d/sub/a', '');
  fs.writeFile('/d/sub/A', '');
  expect(namesIn(fs, '/d/sub')).toEqual(['a', 'A']);
  using file = fs.open('/d/sub/a');
  expect(() => file.setFlags(['casefold'])).toThrow(code('EINVAL'));
  fs.writeFile('/full', '');
  using root = fs.root();
  expect(() => root.setFlags(['casefold'])).toThrow(code('ENOTEMPTY'));
  fs.close();
  expect((await fsckDevice(device)).complaints).toEqual([]);
});

test('without the feature no directory folds case', () => {
  const { fs } = fresh();
  fs.mkdir('/d');
  using directory = fs.open('/d');
  expect(() => directory.setFlags(['casefold'])).toThrow(code('EOPNOTSUPP'));
});

test('names keep their spelling, through renames and by what takes the place of another', async () => {
  const { device, fs } = fresh('utf8');
  fold(fs, '/d');
  fs.mkdir('/plain');
  fs.writeFile('/d/Straße', 'one');
  fs.writeFile('/d/\u00c4', 'two');
  // Both names are those of one file: nothing is to be done.
  fs.rename('/d/STRASSE', '/d/strasse');
  expect(namesIn(fs, '/d').sort()).toEqual(['Straße', '\u00c4']);
  expect(() => fs.rename('/d/straße', '/d/STRASSE', { noReplace: true })).toThrow(code('EEXIST'));
  fs.rename('/d/a\u0308', '/d/STRASSE');
  expect(namesIn(fs, '/d')).toEqual(['Straße']);
  expect(Buffer.from(fs.readFile('/d/strasse')).toString()).toBe('two');
  fs.writeFile('/plain/other', 'three');
  fs.rename('/plain/other', '/d/strasse', { exchange: true });
  expect(Buffer.from(fs.readFile('/d/STRASSE')).toString()).toBe('three');
  expect(Buffer.from(fs.readFile('/plain/other')).toString()).toBe('two');
  fs.link('/d/STRASSE', '/d/Second');
  fs.rename('/d/SECOND', '/d/straSSE');
  expect(namesIn(fs, '/d')).toEqual(['Straße', 'Second']);
  expect(() => fs.mkdir('/d/second')).toThrow(code('EEXIST'));
  expect(() => fs.symlink('x', '/d/SECOND')).toThrow(code('EEXIST'));
  fs.remove('/d/SECOND');
  expect(fs.stat('/d/strasse').nlink).toBe(1);
  fs.close();
  expect((await fsckDevice(device)).complaints).toEqual([]);
});

test.each([4096, 16384])('many names in blocks of %i bytes, changed by other spellings', async (blockSize) => {
  const { device, fs } = fresh('utf8:hashonly', blockSize);
  fold(fs, '/d');
  const spelt = Array.from({ length: 3000 }, (_, i) => `\u00c4-Name-of-several-slots-${i}`);
  for (const name of spelt) fs.writeFile(`/d/${name}`, '');
  for (const name of spelt.slice(0, 50)) expect(() => fs.mkdir(`/d/${name.toLowerCase()}`)).toThrow(code('EEXIST'));
  fs.close();
  const again = mount(device);
  for (const name of spelt) again.stat(`/d/${name.toLowerCase()}`);
  for (const name of spelt.slice(100)) again.unlink(`/d/${name.normalize('NFD').toUpperCase()}`);
  for (const name of spelt.slice(0, 50)) again.rename(`/d/${name.toUpperCase()}`, `/d/Other ${name}`);
  const left = [...spelt.slice(50, 100), ...spelt.slice(0, 50).map((name) => `Other ${name}`)];
  expect(namesIn(again, '/d').sort()).toEqual(left.sort());
  again.close();
  if (blockSize === 4096) expect((await fsckDevice(device)).complaints).toEqual([]);
});

test('a strict volume takes no name that can not be folded', () => {
  const { fs } = fresh('utf8:strict');
  fold(fs, '/d');
  const names = [Buffer.of(0x61, 0xff), Buffer.from('\u200b'), Buffer.alloc(255, 'N')];
  for (const name of names) {
    const path = Buffer.concat([Buffer.from('/d/'), name]);
    expect(() => fs.mkdir(path)).toThrow(code('EINVAL'));
    expect(() => fs.stat(path)).toThrow(code('EINVAL'));
    expect(() => fs.unlink(path)).toThrow(code('EINVAL'));
    fs.mkdir(path.subarray(2));
    expect(() => fs.rename(path.subarray(2), path)).toThrow(code('EINVAL'));
  }
  expect(namesIn(fs, '/d')).toEqual([]);
});

describe('names that an older kernel hashed in another way', () => {
  const OLD = Buffer.from('Old\u200bName');

  /** With `count` names beside it. */
  function withOld(encoding: string, count: number): FileSystem {
    const { device, fs } = fresh(encoding);
    fold(fs, '/d');
    fs.writeFile('/file', 'old');
    {
      using file = fs.open('/file');
      using directory = fs.openDirectory('/d');
      for (let i = 0; i < count; i++) directory.link(`a name of several slots ${i}`, file);
      // Linux 6.12.1 took what is ignorable for a part of the name.
      const stored = { bytes: OLD, hash: hashOf(Buffer.from('old\u200bname')), digest: null, folded: null };
      const { directories } = directory.core;
      directories.addStored(directory.inode, stored, file.ino, FT.REG_FILE);
      file.inode.change().iLinks++;
    }
    fs.close();
    return mount(device);
  }

  test.each([0, 1000])('are found among %i others, and keep theirs from being made again', (count) => {
    const fs = withOld('utf8', count);
    for (const name of ['OLDNAME', 'old\u200bname', 'oldname\u200d']) {
      expect(Buffer.from(fs.readFile(`/d/${name}`)).toString()).toBe('old');
      expect(() => fs.mkdir(`/d/${name}`)).toThrow(code('EEXIST'));
    }
    expect(() => fs.stat('/d/oldnames')).toThrow(code('ENOENT'));
    fs.writeFile('/d/else', 'else');
    fs.rename('/d/else', '/d/OLDNAME');
    expect(namesIn(fs, '/d')).toContain(OLD.toString());
    expect(Buffer.from(fs.readFile('/d/oldname')).toString()).toBe('else');
    fs.rename('/d/OLDNAME', '/d/new');
    expect(namesIn(fs, '/d')).toHaveLength(count + 1);
    fs.unlink('/d/NEW');
    fs.close();
  });

  test.each([0, 1000])('are damage where the volume says that there are none, among %i others', (count) => {
    const fs = withOld('utf8:hashonly', count);
    expect(() => fs.stat('/d/OLDNAME')).toThrow(code('ENOENT'));
    expect(() => fs.readdir('/d')).toThrow(code('EUCLEAN'));
  });
});

test('a volume that folds case in an unknown way is read by the bytes of its names, and not written', () => {
  const { device, fs } = fresh('utf8');
  fold(fs, '/d');
  fs.writeFile('/d/Name', 'one');
  fs.close();
  const block = new Uint8Array(4096);
  for (const blkaddr of [0, 1]) {
    device.read(blkaddr, block);
    const sb = new Superblock(viewOf(block), SUPER_OFFSET);
    sb.sEncoding = 7;
    sb.crc = superblockCrc(sb);
    device.write(blkaddr, [block]);
  }
  expect(() => mount(device)).toThrow(code('EOPNOTSUPP'));
  const read = mount(device, { readonly: true });
  expect(Buffer.from(read.readFile('/d/Name')).toString()).toBe('one');
  expect(() => read.readFile('/d/name')).toThrow(code('ENOENT'));
  expect(namesIn(read, '/d')).toEqual(['Name']);
  read.close();
  expect(volumeInfo(device).encoding).toBe('7');
});

test('a file is brought back by its name after a crash, over what has another spelling of it', () => {
  const { device, fs } = fresh('utf8');
  fold(fs, '/d');
  fs.writeFile('/d/STRASSE', 'before');
  fs.sync();
  fs.unlink('/d/strasse');
  fs.writeFile('/d/Straße', 'after');
  using file = fs.openFile('/d/straße', { flags: 'r+' });
  file.fsync();
  fs.abandon();
  const again = mount(device);
  expect(namesIn(again, '/d')).toEqual(['Straße']);
  expect(Buffer.from(again.readFile('/d/STRASSE')).toString()).toBe('after');
  again.close();
});
