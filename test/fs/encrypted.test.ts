// A volume that Linux encrypted, without the key: what Linux shows of it then is shown here, and it is changed as Linux lets it.
import { describe, expect, test } from 'vitest';
import { MemoryDevice } from '../../src/device/memory-device.ts';
import { shownWithoutKey, storedFromShown } from '../../src/file/directory/stored-names.ts';
import { Inode } from '../../src/format/inode.ts';
import type { FileHandle } from '../../src/fs/file-handle.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import { mountAsync } from '../../src/fs/promises.ts';
import { DamagedImage } from '../malformed/damaged-image.ts';
import { goldenBase } from '../malformed/golden-bases.ts';
import { metadataOf } from '../malformed/metadata.ts';
import { CUT_IMAGE, CUT_LISTED, IMAGE, LISTED, listingOf } from './encrypted-volume.ts';
import { fsckDevice } from './fsck-device.ts';

const [, , , DIR] = lineOf((line) => line.startsWith('d') && /^few\/[^/]+$/.test(line.split(' ')[3]));
const [, FILE_INO, , FILE] = lineOf((line) => line.startsWith('f') && /^many\//.test(line.split(' ')[3]));
const [, , , LINK] = lineOf((line) => line.startsWith('l'));
const [, , , FIFO] = lineOf((line) => line.startsWith('p'));
/** Of 255 bytes: a digest stands for a part of it. */
const [, LONG_INO, , LONG] = lineOf((line) => line.split(' ')[3].length === 'few/'.length + 252);
const NO_KEY = expect.objectContaining({ code: 'ENOKEY' });

function lineOf(isIt: (line: string) => boolean): string[] {
  return (LISTED.find(isIt) as string).split(' ');
}

function deviceOf(image: Uint8Array): MemoryDevice {
  const device = new MemoryDevice(image.length / 4096);
  device.write(0, [image]);
  return device;
}

function openImage(readonly = false): { fs: FileSystem; device: MemoryDevice } {
  const device = deviceOf(IMAGE);
  return { fs: mount(device, { readonly }), device };
}

describe('an encrypted volume without its key', () => {
  test('shows the names that Linux shows, and each leads to its inode', () => {
    const { fs } = openImage(true);
    expect(listingOf(fs)).toEqual([...LISTED].sort());
    expect(LISTED.length).toBeGreaterThan(320);
    // Among the ciphertexts are all those that could be taken for a path.
    const stored = LISTED.map((line) => storedFromShown(Buffer.from(line.split(/[ /]/).at(-1) as string)));
    const has = (byte: number) => stored.some((name) => name?.bytes.includes(byte));
    expect([has(0), has(0x2f), stored.some((name) => name?.digest)]).toEqual([true, true, true]);
  });

  test('is listed in parts, and found by stat, which says that it is encrypted', () => {
    const { fs } = openImage(true);
    using many = fs.openDirectory('/many');
    const names: string[] = [];
    for (let cursor = 0, nr = -1; nr !== 0; ) {
      const part = many.readEntries(cursor, 7);
      nr = part.entries.length;
      cursor = part.cursor;
      names.push(...part.entries.map(({ name }) => Buffer.from(name).toString()));
    }
    expect(new Set(names).size).toBe(300);
    expect(fs.stat(`/${FILE}`)).toMatchObject({ ino: Number(FILE_INO), encrypted: true, type: 'file' });
    expect(fs.stat(`/${LONG}`)).toMatchObject({ ino: Number(LONG_INO), encrypted: true });
    expect(fs.lstat(`/${LINK}`)).toMatchObject({ type: 'symlink', encrypted: true });
    expect(fs.stat('/many')).toMatchObject({ encrypted: true });
    expect(fs.stat('/plain/file')).toMatchObject({ encrypted: false });
    expect(fs.lstat(`/${FIFO}`)).toMatchObject({ encrypted: false });
  });

  test('has no entry of a name that Linux never shows', () => {
    const { fs } = openImage(true);
    using many = fs.openDirectory('/many');
    const name = FILE.slice('many/'.length);
    const twisted = Buffer.from(name, 'base64url');
    twisted[0] ^= 1;
    for (const other of ['x', 'file 001', `${name}=`, `${name}A`, name.slice(0, -1), `${name.slice(0, -1)}+`, '-'])
      expect([other, many.lookup(other)]).toEqual([other, null]);
    expect(many.lookup(twisted.toString('base64url'))).toBeNull();
    const long = LONG.slice('few/'.length);
    using few = fs.openDirectory('/few');
    const wrong = Buffer.from(long, 'base64url');
    wrong[wrong.length - 1] ^= 1;
    expect(few.lookup(long)).not.toBeNull();
    expect(few.lookup(wrong.toString('base64url'))).toBeNull();
  });

  test('says ENOKEY for contents and targets', async () => {
    const { fs, device } = openImage(true);
    const buffer = new Uint8Array(10);
    expect(() => fs.readFile(`/${FILE}`)).toThrow(NO_KEY);
    expect(() => fs.openFile(`/${FILE}`, { flags: 'r' })).toThrow(NO_KEY);
    expect(() => fs.readlink(`/${LINK}`)).toThrow(NO_KEY);
    expect(() => fs.stat(`/${LINK}`)).toThrow(NO_KEY);
    using file = fs.openFile(`/${FILE}`);
    // It is empty: whether there is something to be read is not the question.
    expect(file.stat().size).toBe(0);
    expect(() => file.read(buffer, 0)).toThrow(NO_KEY);
    expect(Buffer.from(fs.readFile('/plain/file')).toString()).toBe('plain\n');
    const volume = await mountAsync(device, { readonly: true });
    await expect(volume.readFile(`/${FILE}`)).rejects.toThrow(NO_KEY);
    await expect(volume.open(`/${FILE}`)).rejects.toThrow(NO_KEY);
    await volume.close();
  });
});

describe('an encrypted volume is changed without its key as Linux lets it be', () => {
  test('names go, inodes with them; owners, modes, times, xattrs and flags change; more names lie elsewhere', async () => {
    const { fs, device } = openImage();
    const before = fs.statfs().usedInodes;
    fs.unlink(`/${LONG}`);
    fs.unlink(`/${LINK}`);
    fs.unlink(`/${FIFO}`);
    expect(() => fs.rmdir(`/${DIR}`)).toThrow(expect.objectContaining({ code: 'ENOTEMPTY' }));
    fs.remove(`/${DIR}`);
    expect(fs.statfs().usedInodes).toBe(before - 6);
    expect(() => fs.lstat(`/${LONG}`)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    fs.setAttributes(`/${FILE}`, { mode: 0o600, uid: 7, mtime: { sec: 5, nsec: 6 } });
    fs.setXattr(`/${FILE}`, 'user.note', 'x');
    fs.link(`/${FILE}`, '/plain/linked');
    fs.rename('/many', '/plain/moved');
    fs.rename('/plain/linked', '/other');
    fs.remove('/folded');
    fs.remove('/upper');
    fs.mkdir('/new');
    fs.writeFile('/new/file', 'as anywhere');
    const moved = FILE.replace('many', 'plain/moved');
    using handle = fs.open(`/${moved}`);
    handle.setFlags(['nodump']);
    fs.close();
    expect((await fsckDevice(device)).complaints).toEqual([]);
    const again = mount(device, { readonly: true });
    expect(again.stat('/other')).toMatchObject({ ino: Number(FILE_INO), nlink: 2, uid: 7, flags: ['nodump'] });
    expect(again.stat(`/${moved}`)).toMatchObject({
      ino: Number(FILE_INO),
      mode: 0o100600,
      mtime: { sec: 5, nsec: 6 },
    });
    expect(again.readdir('/plain/moved')).toHaveLength(300);
    expect(Buffer.from(again.readFile('/new/file')).toString()).toBe('as anywhere');
  });

  test('all that would have to be encrypted is ENOKEY, and nothing changes', async () => {
    const { fs, device } = openImage();
    const at = (path: string) => `/${path}`;
    const contents = Buffer.from('new');
    const refused: [string, () => void][] = [
      ['create', () => fs.writeFile('/many/new', contents)],
      ['mkdir', () => fs.mkdir('/many/new')],
      ['mkdir in an inline directory', () => fs.mkdir(`/${DIR}/new`)],
      ['symlink', () => fs.symlink('target', '/many/new')],
      ['mknod', () => fs.mknod('/many/new', 'fifo')],
      ['link', () => fs.link('/plain/file', '/many/new')],
      ['rename within', () => fs.rename(at(FILE), '/many/new')],
      ['rename out', () => fs.rename(at(FILE), '/new')],
      ['rename in', () => fs.rename('/plain/file', '/many/new')],
      ['rename over', () => fs.rename('/plain/file', at(FILE))],
      ['exchange', () => fs.rename('/plain/file', at(FILE), { exchange: true })],
      ['overwrite', () => fs.writeFile(at(FILE), contents)],
      ['truncate', () => fs.truncate(at(FILE), 0)],
      ...(
        [
          ['write', (file) => file.write(contents, 0)],
          ['writeFrom', (file) => file.writeFrom({ fill: () => {} }, 0, 3)],
          ['append', (file) => file.append(contents)],
          ['allocate', (file) => file.allocate(0, 4096)],
          ['punch', (file) => file.punch(0, 4096)],
          ['pin', (file) => file.setPinned(true)],
        ] as [string, (file: FileHandle) => void][]
      ).map(([name, change]): [string, () => void] => [
        name,
        () => {
          using file = fs.openFile(at(FILE));
          change(file);
        },
      ]),
    ];
    for (const [name, change] of refused) expect(change, name).toThrow(NO_KEY);
    expect(() => fs.mkdir(`/${DIR}`)).toThrow(expect.objectContaining({ code: 'EEXIST' }));
    expect(() => fs.mkdir('/folded/new')).toThrow(NO_KEY);
    fs.close();
    expect(listingOf(mount(device, { readonly: true }))).toEqual([...LISTED].sort());
    expect((await fsckDevice(device)).complaints).toEqual([]);
  });
});

test('a name without a key is 253 bytes at most, whatever its ciphertext', () => {
  for (let length = 16; length <= 255; length++) {
    const ciphertext = new Uint8Array(length).fill(length);
    const shown = shownWithoutKey(ciphertext, 0xfedcba98);
    expect(shown.length).toBeLessThan(254);
    const stored = storedFromShown(shown);
    expect(stored).toMatchObject({
      hash: 0xfedcba98,
      bytes: expect.objectContaining({ length: Math.min(length, 149) }),
    });
    expect(stored?.digest === null).toBe(length <= 149);
  }
});

describe('files fsynced in encrypted and case-folding directories, before the power failed', () => {
  const listed = [...CUT_LISTED].sort();
  /** Those that a checkpoint has. */
  const before = listingOf(mount(deviceOf(CUT_IMAGE), { readonly: true, recovery: false }));
  const fresh = listed.filter((line) => !before.includes(line)).map((line) => line.split(' ').slice(3).join(' '));

  test('come back without the key, in each kind of directory, as Linux brings them back', async () => {
    expect(fresh.length).toBeGreaterThan(10);
    const kinds = ['few', 'folded', 'foldeds', 'many', 'upper', 'uppers'];
    expect([...new Set(fresh.map((path) => path.split('/')[0]))].sort()).toEqual(kinds);
    const device = deviceOf(CUT_IMAGE);
    const reader = mount(device, { readonly: true });
    expect(listingOf(reader)).toEqual(listed);
    reader.close();
    const fs = mount(device);
    expect(listingOf(fs)).toEqual(listed);
    for (const path of fresh) expect(fs.stat(`/${path}`)).toMatchObject({ type: 'file', nlink: 1, encrypted: true });
    fs.close();
    expect((await fsckDevice(device)).complaints).toEqual([]);
    const again = mount(device);
    for (const path of fresh) again.unlink(`/${path}`);
    again.close();
    expect((await fsckDevice(device)).complaints).toEqual([]);
    expect(listingOf(mount(device, { readonly: true }))).toEqual(listed.filter((line) => before.includes(line)));
  });

  const base = goldenBase('kernel-encrypted-cut');
  /** The cut image, with another name noted by the file `/upper/New`. */
  const renamed = (name: Buffer) => {
    const image = new DamagedImage(base);
    const at = (metadataOf(base).blocks.get('chain') as readonly number[]).find((blkaddr) => {
      let isIt = false;
      image.nodeAt(blkaddr, ({ bytes, inode }) => {
        isIt = inode.iNamelen === 3 && Buffer.from(bytes.subarray(NAME_AT, NAME_AT + 3)).toString() === 'New';
      });
      return isIt;
    });
    image.nodeAt(at as number, ({ bytes, inode }) => {
      inode.iNamelen = name.length;
      bytes.set(name, NAME_AT);
    });
    return image.device();
  };
  const NAME_AT = Inode.offsets.iName;

  test.each([
    ['254 bytes', Buffer.alloc(254, 'N')],
    [
      'every ASCII character but / and NUL',
      Buffer.from(Array.from({ length: 126 }, (_, i) => i + 1 + Number(i >= 46))),
    ],
    ['a letter beyond ASCII', Buffer.from('\u00c4')],
    ['no UTF-8', Buffer.of(0x61, 0xff)],
  ])('the folded name has %s', async (_, name) => {
    const device = renamed(name);
    const fs = mount(device);
    expect(fs.readdir('/upper').map((entry) => Buffer.from(entry.name))).toContainEqual(name);
    fs.close();
    expect((await fsckDevice(device)).complaints).toEqual([]);
  });
});
