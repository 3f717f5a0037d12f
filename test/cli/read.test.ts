// The commands that read: what they print, how they say what fails, and that a damaged image does not lead them astray.
import * as fs from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imageDirectory } from '../device/temporary.ts';
import { damageInode, f2fs, makeImage } from './command.ts';

const temporary = imageDirectory();
const image = temporary.file('tree.img');
const ODD = Buffer.from([0x6f, 0x0a, 0xff, 0x5c, 0x1b]);
const ODD_TEXT = 'o\\x0a\\xff\\\\\\x1b';
const UUID = '12345678-9abc-def0-1234-56789abcdef0';
const BIG = 3 * 2 ** 20 + 17;

function bigContents(): Buffer {
  return Buffer.alloc(BIG).map((_, i) => (i * 31) & 0xff) as Buffer;
}

beforeAll(() => {
  makeImage(
    image,
    (volume) => {
      volume.mkdir('/etc', { mode: 0o2775 });
      volume.writeFile('/etc/passwd', Buffer.from('root\n'), { uid: 7, gid: 8, mode: 0o4755 });
      volume.link('/etc/passwd', '/etc/hard');
      volume.symlink('passwd', '/etc/link');
      volume.mkdir('/etc/deep');
      volume.writeFile('/etc/deep/file', Buffer.from('x'));
      volume.writeFile('/.hidden', Buffer.from(''));
      volume.mknod('/null', 'char', { mode: 0o666 }, { major: 1, minor: 3 });
      volume.writeFile(Buffer.concat([Buffer.from('/'), ODD]), Buffer.from('odd\n'));
      volume.writeFile('/big', bigContents());
      volume.setXattr('/etc/passwd', 'user.mime', Buffer.from('text'));
    },
    { uuid: UUID, label: 'Grüße' },
  );
});

afterAll(() => temporary.remove());

describe.concurrent('ls', () => {
  it('lists names in byte order, escaped, without those that begin with a dot', async () => {
    const { stdout, stderr, code } = await f2fs(['ls', image]);
    expect({ stdout, stderr, code }).toEqual({
      stdout: `big\netc\nlost+found\nnull\n${ODD_TEXT}\n`,
      stderr: '',
      code: 0,
    });
    expect((await f2fs(['ls', '-a', image])).stdout).toBe(`.hidden\nbig\netc\nlost+found\nnull\n${ODD_TEXT}\n`);
  });

  it('shows mode, links, owner, size or device numbers, time and symlink targets with -l', async () => {
    expect((await f2fs(['ls', '-l', image, '/etc'])).stdout).toBe(
      [
        'drwxr-sr-x 2 0 0 3452 2023-11-14T22:13:20Z deep',
        '-rwsr-xr-x 2 7 8    5 2023-11-14T22:13:20Z hard',
        'lrwxrwxrwx 1 0 0    6 2023-11-14T22:13:20Z link -> passwd',
        '-rwsr-xr-x 2 7 8    5 2023-11-14T22:13:20Z passwd\n',
      ].join('\n'),
    );
    expect((await f2fs(['ls', '-l', image, '/null'])).stdout).toMatch(/^crw-rw-rw- 1 0 0 1, 3 \S+ \/null\n$/);
  });

  it('goes through the tree with -R, parents first', async () => {
    const { stdout } = await f2fs(['ls', '-R', image, '/etc']);
    expect(stdout).toBe('/etc:\ndeep\nhard\nlink\npasswd\n\n/etc/deep:\nfile\n');
  });

  it('gives JSON with the bytes of names that are not UTF-8', async () => {
    const rows = JSON.parse((await f2fs(['ls', '-laR', '--json', image])).stdout) as Record<string, unknown>[];
    expect(rows.map(({ path }) => path)).toContain('/etc/deep/file');
    expect(rows.find(({ nameHex }) => nameHex !== undefined)).toMatchObject({
      nameHex: ODD.toString('hex'),
      pathHex: `2f${ODD.toString('hex')}`,
      type: 'file',
      size: 4,
    });
    expect(rows.find(({ name }) => name === 'link')).toMatchObject({ target: 'passwd', type: 'symlink' });
    expect(rows.find(({ name }) => name === 'null')).toMatchObject({ rdev: { major: 1, minor: 3 } });
    expect(JSON.parse((await f2fs(['ls', '--json', image, '/etc/deep/file'])).stdout)).toHaveLength(1);
  });

  it('says in one line what is wrong with a path, and exits 1', async () => {
    const missing = await f2fs(['ls', image, '/no\nsuch']);
    expect(missing).toMatchObject({ code: 1, stdout: '', stderr: 'f2fs: ls: /no\\x0asuch does not exist (ENOENT)\n' });
    const file = await f2fs(['ls', image, '/big/']);
    expect(file).toMatchObject({ code: 1, stderr: 'f2fs: ls: /big/ is not a directory (ENOTDIR)\n' });
  });
});

describe.concurrent('stat', () => {
  it('shows everything, times to the nanosecond', async () => {
    const { stdout } = await f2fs(['stat', image, '/etc/passwd']);
    expect(stdout).toContain('mode      4755 -rwsr-xr-x\n');
    expect(stdout).toContain('owner     7:8\n');
    expect(stdout).toContain('modified  2023-11-14T22:13:20.000000005Z\n');
    expect(stdout).toContain('xattr     user.mime (4 bytes)\n');
  });

  it('gives JSON with the values of attributes; a symlink is not followed unless asked', async () => {
    const file = JSON.parse((await f2fs(['stat', '--json', '-L', image, '/etc/link'])).stdout);
    expect(file).toMatchObject({ type: 'file', size: 5, nlink: 2, mtime: { sec: 1_700_000_000, nsec: 5 } });
    expect(file.xattrs).toEqual([{ name: 'user.mime', size: 4, valueBase64: Buffer.from('text').toString('base64') }]);
    const link = JSON.parse((await f2fs(['stat', '--json', image, '/etc/link'])).stdout);
    expect(link).toMatchObject({ type: 'symlink', target: 'passwd' });
  });
});

describe.concurrent('cat', () => {
  it('writes several files as they are, and goes on after one that it cannot read', async () => {
    const { bytes, code, stderr } = await f2fs(['cat', image, '/etc/passwd', '/etc', '/big']);
    expect(bytes.equals(Buffer.concat([Buffer.from('root\n'), bigContents()]))).toBe(true);
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'f2fs: cat: /etc is not a file (EISDIR)\n' });
  });

  it('takes names as ls prints them', async () => {
    expect(await f2fs(['cat', '-e', image, `/${ODD_TEXT}`])).toMatchObject({ code: 0, stdout: 'odd\n' });
    expect(await f2fs(['cat', '-e', image, '/\\q'])).toMatchObject({ code: 2 });
  });

  it('ends without a word when the reader goes away', async () => {
    const { code, stderr } = await f2fs(['cat', image, '/big', '/big', '/big', '/big'], { readBytes: 10 });
    expect({ code, stderr }).toEqual({ code: 141, stderr: '' });
  });
});

describe.concurrent('info', () => {
  it('tells superblock and checkpoint', async () => {
    const { stdout, code } = await f2fs(['info', image]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^label +Grüße$/m);
    expect(stdout).toMatch(/^state +clean$/m);
    const json = JSON.parse((await f2fs(['info', '--json', image])).stdout);
    expect(json).toMatchObject({
      uuid: UUID,
      label: 'Grüße',
      volumeBytes: 64 * 2 ** 20,
      superblocksAgree: true,
      problems: [],
    });
    expect(json.checkpoint).toMatchObject({ clean: true, inodes: 11, orphans: 0 });
    expect(json.checkpoint.flags).toContain('umount');
    expect(json.checkpoint.logs).toHaveLength(6);
  });

  it('tells the superblock of a volume without a whole checkpoint, and exits 1', async () => {
    const damaged = temporary.file('checkpoint.img');
    const bytes = fs.readFileSync(image);
    const { areas } = JSON.parse((await f2fs(['info', '--json', image])).stdout);
    bytes.fill(0xee, areas[0].blkaddr * 4096, (areas[0].blkaddr + 1024) * 4096);
    fs.writeFileSync(damaged, bytes);
    const { stdout, stderr, code } = await f2fs(['info', damaged]);
    expect(code).toBe(1);
    expect(stdout).toContain(UUID);
    expect(stdout).toMatch(/^checkpoint +damaged\n/m);
    expect(stderr).toMatch(/^f2fs: info: .*checkpoint\.img: neither checkpoint pack is whole.* \(EUCLEAN\)\n$/);
    expect(await f2fs(['ls', damaged])).toMatchObject({ code: 1, stdout: '' });
  });
});

describe.concurrent('images that are none, or damaged', () => {
  it('names the reason in one line', async () => {
    const junk = temporary.file('junk.img');
    fs.writeFileSync(junk, Buffer.alloc(1 << 20, 'junk'));
    const cut = temporary.file('cut.img');
    fs.copyFileSync(image, cut);
    fs.truncateSync(cut, 20 * 2 ** 20);
    const cases: [string, RegExp][] = [
      [temporary.file('none.img'), /^f2fs: ls: \S+none\.img: no such file \(ENOENT\)\n$/],
      [junk, /^f2fs: ls: \S+junk\.img is a text file, not an F2FS volume: [^\n]* \(EINVAL\)\n$/],
      [
        cut,
        /^f2fs: ls: \S+cut\.img is cut short: its volume takes 67108864 bytes, it has 20971520; [^\n]* \(EUCLEAN\)\n$/,
      ],
      [temporary.directory, /^f2fs: ls: [^\n]* is a directory[^\n]* \(EISDIR\)\n$/],
    ];
    for (const [file, line] of cases) {
      const { code, stdout, stderr } = await f2fs(['ls', file]);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(line);
    }
  });

  it('does not follow directories in a circle, and lists the rest', async () => {
    const circle = temporary.file('circle.img');
    const inos = { a: 0, b: 0 };
    makeImage(
      circle,
      (volume) => {
        volume.mkdir('/a');
        volume.mkdir('/a/b');
        volume.mkdir('/z');
        volume.writeFile('/z/file', Buffer.from('x'));
        inos.a = volume.stat('/a').ino;
        inos.b = volume.stat('/a/b').ino;
      },
      { features: ['lost_found'] },
    );
    damageInode(circle, inos.a, (block) => {
      const entry = Buffer.alloc(7);
      entry.writeUInt32LE(inos.b, 0);
      entry.writeUInt16LE(1, 4);
      entry[6] = 2;
      block.writeUInt32LE(inos.a, block.indexOf(entry));
    });
    const listed = await f2fs(['ls', '-R', circle]);
    expect(listed.code).toBe(1);
    expect(listed.stdout).toBe('/:\na\nlost+found\nz\n\n/a:\nb\n\n/lost+found:\n\n/z:\nfile\n');
    expect(listed.stderr).toMatch(
      /^f2fs: ls: \/a\/b: directory inode \d+ has a second name here, as a directory can't \(EUCLEAN\)\n$/,
    );
    const extracted = await f2fs(['extract', circle, temporary.file('circle.out')]);
    expect(extracted.code).toBe(1);
    expect(extracted.stderr).toMatch(
      /^f2fs: extract: a\/b: directory inode \d+ has a second name here, as a directory can't \(EUCLEAN\)\n$/,
    );
    expect(fs.readFileSync(`${temporary.file('circle.out')}/z/file`, 'utf8')).toBe('x');
  });

  it('shows an entry whose inode is lost with question marks, and goes on', async () => {
    const lost = temporary.file('lost.img');
    let ino = 0;
    makeImage(lost, (volume) => {
      volume.writeFile('/one', Buffer.from('1'));
      volume.writeFile('/two', Buffer.from('2'));
      ino = volume.stat('/one').ino;
    });
    damageInode(lost, ino, (block) => block.fill(0));
    const { code, stdout, stderr } = await f2fs(['ls', '-l', lost]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^\?{10} .* one\n-rw-r--r-- .* two\n$/m);
    expect(stderr).toMatch(/^f2fs: ls: \/one: [^\n]*\(EUCLEAN\)\n$/);
  });
});
