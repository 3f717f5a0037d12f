// What single members say, made header by header: every form that tars write, what comes again or out of order, and what is hostile.
import * as fs from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scanTars, type TarScan } from '../../src/source/tar/scan.ts';
import type { TarTree } from '../../src/source/tar/tree.ts';
import { makeTempDir } from '../host-fixture.ts';
import { listOf, type Made, member, record, tarOf } from './tar-maker.ts';

let dir: string;
beforeAll(() => {
  dir = makeTempDir();
});
afterAll(() => fs.rmSync(dir, { recursive: true, force: true }));

async function scanBytes(archives: readonly Buffer[], options: Partial<TarScan> = {}): Promise<TarTree> {
  const paths = archives.map((bytes, i) => {
    fs.writeFileSync(`${dir}/${i}`, bytes);
    return `${dir}/${i}`;
  });
  return await scanTars(paths, { turn: async () => {}, ...options });
}

const scan = (...members: Made[]) => scanBytes([tarOf(members)]);
const file = (path: string | Buffer, text = '', more: Partial<Made> = {}): Made => ({
  path,
  contents: Buffer.from(text),
  ...more,
});
const directory = (path: string, more: Partial<Made> = {}): Made => ({ path, type: '5', mode: 0o755, ...more });
const hardLink = (path: string, link: string, more: Partial<Made> = {}): Made => ({ path, type: '1', link, ...more });
const at = (tree: TarTree, path: string) => {
  for (let i = 0; i < tree.count; i++) if (tree.path(i) === path) return { ...tree.stat(i), index: i };
  throw new Error(`${path} is not there`);
};

describe('paths', () => {
  it('lose leading slashes and dots, and get the directories that no member tells of', async () => {
    using tree = await scan(
      file('/etc/./hosts', 'a'),
      file('./b//c', 'b'),
      directory('.', { mode: 0o700 }),
      file('z', 'c'),
    );
    expect(listOf(tree)).toEqual(['. dir', 'b dir', 'etc dir', 'z c', 'b/c b', 'etc/hosts a']);
    expect(tree.stat(0).mode & 0o7777).toBe(0o700);
    expect(at(tree, 'etc')).toMatchObject({ uid: 0, gid: 0, mtimeSec: 1_600_000_000 });
    expect(at(tree, 'etc').mode & 0o7777).toBe(0o755);
  });

  it.each(['../a', 'a/../../b', 'a/..', '..', '/..'])('that lead out of the root are left out: %s', async (path) => {
    using tree = await scan(file('ok', 'fine'), file(path, 'evil'), file('ok2', 'too'));
    expect(listOf(tree)).toEqual(['. dir', 'ok fine', 'ok2 too']);
    expect(tree.problems).toMatchObject([
      { path, code: 'EINVAL', message: expect.stringContaining('at byte 1024 of the archive') },
    ]);
  });

  it('are bytes, and sorted as such', async () => {
    const names = [Buffer.from([0xff]), Buffer.from([0x66, 0xfc]), Buffer.from('\u{1f600}'), Buffer.from('\uff5e')];
    using tree = await scan(...names.map((name) => file(name)));
    const found = Array.from({ length: tree.count - 1 }, (_, i) => Buffer.from(tree.name(i + 1)));
    expect(found).toEqual([...names].sort(Buffer.compare));
  });

  it('of PAX are bytes, too, and count before those of the header', async () => {
    const name = Buffer.concat([Buffer.from('x'.repeat(200)), Buffer.from([0xfe, 0x0a, 0x3d])]);
    using tree = await scan(file('short', 'text', { pax: { path: name } }));
    expect(Buffer.from(tree.name(1))).toEqual(name);
  });

  it.each([
    ['of a name', 'n'.repeat(256), 'ENAMETOOLONG'],
    ['of a directory', `${'n'.repeat(256)}/x`, 'ENAMETOOLONG'],
    ['of none', '', 'ENOENT'],
    ['that is the root of a file', './', 'EISDIR'],
  ])('that can not be are told: %s', async (_, path, code) => {
    using tree = await scan({
      ...file('x'),
      pax: path === '' ? undefined : { path },
      ...(path === '' && { path: '' }),
      type: '0',
      ...(path === './' && { type: '6' }),
    });
    expect(tree.problems).toMatchObject([{ code }]);
    expect(tree.count).toBe(1);
  });

  it('below what is no directory are told, and no symlink is followed', async () => {
    using tree = await scan({ path: 'lib', type: '2', link: '/etc' }, file('lib/evil', 'x'));
    expect(tree.problems).toMatchObject([{ path: 'lib/evil', code: 'ENOTDIR' }]);
    expect(listOf(tree)).toEqual(['. dir', 'lib symlink']);
  });

  it('of 20,000 directories one in the other', async () => {
    using tree = await scan(file('x', 'deep', { pax: { path: `${'d/'.repeat(20_000)}x` } }));
    expect(tree.count).toBe(20_002);
    expect(tree.problems).toEqual([]);
  });
});

describe('what comes again', () => {
  it('the last of a name wins, but a directory keeps what is in it', async () => {
    using tree = await scan(
      file('a', 'old'),
      directory('d', { mode: 0o700, uid: 5 }),
      file('d/x', 'kept'),
      file('a', 'new', { mode: 0o600 }),
      directory('d', { mode: 0o711, uid: 7 }),
    );
    expect(listOf(tree)).toEqual(['. dir', 'a new', 'd dir', 'd/x kept']);
    expect(at(tree, 'd')).toMatchObject({ uid: 7 });
    expect(at(tree, 'd').mode & 0o7777).toBe(0o711);
    expect(tree.totals).toMatchObject({ files: 2, dirs: 2, bytes: 7 });
  });

  it('a file takes the place of a directory and of all in it, and the other way round', async () => {
    using tree = await scan(
      directory('d'),
      file('d/x', 'gone'),
      file('d', 'file'),
      file('e', 'gone'),
      directory('e'),
      file('e/y', 'new'),
    );
    expect(listOf(tree)).toEqual(['. dir', 'd file', 'e dir', 'e/y new']);
  });

  it('a link of what is replaced keeps what it was', async () => {
    using tree = await scan(file('a', 'first'), hardLink('b', 'a'), file('a', 'second'));
    expect(listOf(tree)).toEqual(['. dir', 'a second', 'b first']);
    expect([1, 2].map((i) => tree.linkGroup(i))).toEqual([-1, -1]);
  });
});

describe('hard links', () => {
  it('come after, before, by way of each other, and of all that is no directory', async () => {
    using tree = await scan(
      hardLink('z', './m'),
      hardLink('y', 'z'),
      file('/m', 'text', { uid: 9, pax: { 'SCHILY.xattr.user.a': 'b' } }),
      hardLink('a', '/m'),
      { path: 's', type: '2', link: 'm' },
      hardLink('t', 's'),
      { path: 'p', type: '6' },
      hardLink('q', 'p'),
    );
    expect(tree.problems).toEqual([]);
    expect(listOf(tree)).toEqual([
      '. dir',
      'a text',
      'm text',
      'p fifo',
      'q fifo',
      's symlink',
      't symlink',
      'y text',
      'z text',
    ]);
    expect(Array.from({ length: tree.count }, (_, i) => tree.linkGroup(i))).toEqual([-1, 1, 1, 3, 3, 5, 5, 1, 1]);
    expect(at(tree, 'z')).toMatchObject({ uid: 9, sizeBytes: 4 });
    expect(tree.xattrs(at(tree, 'y').index).found).toHaveLength(1);
    expect(tree.totals).toMatchObject({ files: 4, bytes: 4 });
  });

  it('of nothing, of each other, of a directory and from outside are told', async () => {
    using tree = await scan(
      hardLink('a', 'nowhere'),
      hardLink('b', 'c'),
      hardLink('c', 'b'),
      directory('d'),
      hardLink('e', 'd'),
      hardLink('f', '../../etc/passwd'),
      hardLink('g', 'g'),
      hardLink('later', 'dir'),
      directory('dir'),
    );
    expect(listOf(tree)).toEqual(['. dir', 'd dir', 'dir dir']);
    const told = tree.problems.map(({ path, code }) => `${path} ${code}`).sort();
    expect(told).toEqual(['a ENOENT', 'b ENOENT', 'c ENOENT', 'e EPERM', 'f ENOENT', 'g ENOENT', 'later ENOENT']);
  });

  it('may state a size, with contents or without', async () => {
    const contents = Buffer.from('text');
    using tree = await scan(
      file('a', 'text'),
      hardLink('b', 'a', { size: 4 }),
      hardLink('c', 'a', { contents }),
      file('d', 'end'),
    );
    expect(listOf(tree)).toEqual(['. dir', 'a text', 'b text', 'c text', 'd end']);
  });
});

describe('numbers', () => {
  const base256 = (value: bigint, length: number) => {
    const bytes = Buffer.alloc(length);
    for (let i = length - 1, left = BigInt.asUintN(8 * length, value); i >= 0; i--, left >>= 8n)
      bytes[i] = Number(left & 255n);
    bytes[0] |= 0x80;
    return bytes;
  };
  it('of base 256, below zero, too', async () => {
    using tree = await scan(
      file('a', '', { change: (header) => base256(-1_234_567_890n, 12).copy(header, 136) }),
      file('b', '', { change: (header) => base256(4_000_000_000n, 8).copy(header, 108) }),
      file('c', '', { change: (header) => base256(-2n, 8).copy(header, 116) }),
      file('d', '', { change: (header) => base256(9_999_999_999n, 12).copy(header, 136) }),
    );
    expect(at(tree, 'a').mtimeSec).toBe(-1_234_567_890);
    expect(at(tree, 'b').uid).toBe(4_000_000_000);
    expect(at(tree, 'c').gid).toBe(4_294_967_294);
    expect(at(tree, 'd').mtimeSec).toBe(9_999_999_999);
  });

  it('with spaces, without an end, and none', async () => {
    using tree = await scan(
      file('a', '', { change: (header) => header.write('   1750 ', 108, 'latin1') }),
      file('b', '', { change: (header) => header.write('77777777', 108, 'latin1') }),
      file('c', '', { change: (header) => header.fill(0, 100, 124) }),
    );
    expect(at(tree, 'a').uid).toBe(1000);
    expect(at(tree, 'b').uid).toBe(0o77777777);
    expect(at(tree, 'c')).toMatchObject({ uid: 0, gid: 0, mode: 0o100000 });
  });

  it.each([
    ['1.5', 1, 500_000_000],
    ['-1.5', -2, 500_000_000],
    ['-3', -3, 0],
    ['12.000000001999', 12, 1],
    ['-0.25', -1, 750_000_000],
    ['99999999999', 99_999_999_999, 0],
  ])('times of PAX: %s', async (mtime, mtimeSec, mtimeNsec) => {
    using tree = await scan(file('a', '', { pax: { mtime } }));
    expect(at(tree, 'a')).toMatchObject({ mtimeSec, mtimeNsec });
  });

  it('of PAX count before those of the header, and empty ones bring these back', async () => {
    const global = Buffer.concat([record('uid', '77'), record('mtime', '5'), record('gid', '88')]);
    const members = [
      member({ path: 'pax_global_header', type: 'g', contents: global }),
      member(file('a', 'abc', { uid: 1, size: 0, pax: { size: '3', uid: '3000000000' } })),
      member(file('b', '', { uid: 2, gid: 3, pax: { gid: '' } })),
      Buffer.alloc(1024),
    ];
    using tree = await scanBytes([Buffer.concat(members)]);
    expect(at(tree, 'a')).toMatchObject({ uid: 3_000_000_000, gid: 88, sizeBytes: 3, mtimeSec: 5 });
    expect(at(tree, 'b')).toMatchObject({ uid: 77, gid: 3, mtimeSec: 5 });
  });

  it('of devices, by PAX too, and those that no device has', async () => {
    const device = (path: string, more: Partial<Made>): Made => ({ path, type: '3', ...more });
    const major = (value: string) => (header: Buffer) => void header.write(value, 329, 'latin1');
    using tree = await scan(
      device('a', { change: major('0000010') }),
      device('b', { pax: { 'SCHILY.devmajor': '511', 'SCHILY.devminor': '70000' } }),
      device('c', { pax: { 'SCHILY.devmajor': '5000000000' } }),
    );
    expect(at(tree, 'a')).toMatchObject({ rdevMajor: 8, rdevMinor: 0 });
    expect(at(tree, 'b')).toMatchObject({ rdevMajor: 511, rdevMinor: 70_000 });
    expect(tree.problems).toMatchObject([{ path: 'c', code: 'EOVERFLOW' }]);
  });
});

describe('kinds of members', () => {
  it('old directories, contiguous files, labels, and kinds that nobody knows', async () => {
    using tree = await scan(
      { path: 'label', type: 'V' },
      file('v7', 'seven', { type: '\0', magic: '' }),
      { path: 'dir/', type: '\0', magic: '' },
      file('seven', '7', { type: '7' }),
      file('dump/', 'Yname\0\0', { type: 'D' }),
      file('more', 'rest', { type: 'M' }),
      file('odd', 'data', { type: 'Q' }),
      file('end', 'e'),
    );
    expect(listOf(tree)).toEqual(['. dir', 'dir dir', 'dump dir', 'end e', 'seven 7', 'v7 seven']);
    expect(tree.problems.map(({ path, code }) => `${path} ${code}`).sort()).toEqual([
      'more EOPNOTSUPP',
      'odd EOPNOTSUPP',
    ]);
  });

  it('long names of GNU, and a prefix of POSIX', async () => {
    const path = 'l'.repeat(150);
    const target = 't'.repeat(500);
    using tree = await scan(
      file('././@LongLink', `${path}\0`, { type: 'L' }),
      file('././@LongLink', `${target}\0`, { type: 'K' }),
      { path: 'x', type: '2', link: 'short', magic: 'ustar  \0' },
      file('name', 'a', { prefix: 'some/where' }),
      file('gnu', 'b', { prefix: 'not/mine', magic: 'ustar  \0' }),
    );
    expect(listOf(tree)).toEqual([
      '. dir',
      'gnu b',
      `${path} symlink`,
      'some dir',
      'some/where dir',
      'some/where/name a',
    ]);
    expect(Buffer.from(tree.readlink(at(tree, path).index)).toString()).toBe(target);
  });

  it('attributes in both forms, escaped, empty, and flags', async () => {
    using tree = await scan(
      file('a', '', {
        pax: [
          ['SCHILY.xattr.user.a%3Db', Buffer.from([0, 255, 10])],
          ['SCHILY.xattr.user.empty', ''],
          ['LIBARCHIVE.xattr.user.%E4', 'AAEC'],
          ['RHT.security.selinux', 'system_u:object_r:etc_t:s0'],
          ['SCHILY.fflags', 'nodump,sappnd'],
        ],
      }),
    );
    const found = tree
      .xattrs(1)
      .found.map(({ name, value }) => [Buffer.from(name).toString('latin1'), Buffer.from(value).toString('latin1')]);
    expect(found).toEqual([
      ['security.selinux', 'system_u:object_r:etc_t:s0\0'],
      ['user.a=b', '\0\xff\n'],
      ['user.empty', ''],
      ['user.\xe4', '\0\x01\x02'],
    ]);
    expect(tree.flags(1)).toBe(0x60);
  });

  it('ACLs, whose names are those of the archive', async () => {
    const acl =
      'user::rwx\nuser:joe:r-x,user:77:r--\ngroup::r-x,group:staff:rw-:50#effective:r--\nmask::rwx,other::---';
    using tree = await scan(
      file('etc/passwd', 'root:x:0:0::/:/bin/sh\njoe:x:1234:5::/:/bin/sh\n'),
      file('a', '', { pax: { 'SCHILY.acl.access': acl } }),
      file('b', '', {
        pax: { 'SCHILY.acl.access': 'user::rw-,user:nobody-knows-me:r--,group::r--,mask::r--,other::r--' },
      }),
      file('c', '', { uid: 4321, uname: 'ann' }),
      file('d', '', { pax: { 'SCHILY.acl.access': 'user::rw-,user:ann:r--,group::r--,mask::r--,other::r--' } }),
      file('e', '', { pax: { 'SCHILY.acl.access': 'user::rw-,group::r--,other::r--' } }),
    );
    const value = (path: string) => Buffer.from(tree.xattrs(at(tree, path).index).found[0].value);
    const entry = (tag: number, perm: number, id = 'ffffffff') => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt16LE(tag, 0);
      bytes.writeUInt16LE(perm, 2);
      return bytes.toString('hex') + id;
    };
    const wanted = ['02000000', entry(1, 7), entry(2, 4, '4d000000'), entry(2, 5, 'd2040000'), entry(4, 5)];
    wanted.push(entry(8, 6, '32000000'), entry(16, 7), entry(32, 0));
    expect(value('a').toString('hex')).toBe(wanted.join(''));
    expect(tree.xattrs(at(tree, 'b').index).failed).toMatchObject([
      { code: 'ENOENT', message: expect.stringContaining('nobody-knows-me') },
    ]);
    expect(value('d').readUInt32LE(16)).toBe(4321);
    expect(tree.xattrs(at(tree, 'e').index)).toEqual({ found: [], failed: [] });
  });
});

describe('layers', () => {
  const layers = (...archives: Made[][]) => scanBytes(archives.map(tarOf), { whiteouts: true });

  it('add, replace and remove', async () => {
    using tree = await layers(
      [directory('etc'), file('etc/a', '1'), file('etc/b', '1'), file('gone/deep/x', '1'), file('keep', '1')],
      [file('etc/.wh.a'), file('etc/c', '2'), file('.wh.gone'), file('etc/b', '2')],
    );
    expect(listOf(tree)).toEqual(['. dir', 'etc dir', 'keep 1', 'etc/b 2', 'etc/c 2']);
    expect(tree.problems).toEqual([]);
  });

  it('an opaque directory hides what was below it, and nothing of its own layer, whichever comes first', async () => {
    using tree = await layers(
      [file('d/old', '1'), file('d/sub/old', '1'), file('e/old', '1'), file('f/old', '1')],
      [file('d/new', '2'), file('d/sub/new', '2'), file('d/.wh..wh..opq'), file('e/.wh..wh..opq'), file('e/new', '2')],
      [file('d/newest', '3'), file('f/x', '3'), file('.wh.f')],
    );
    expect(listOf(tree)).toEqual([
      '. dir',
      'd dir',
      'e dir',
      'f dir',
      'd/new 2',
      'd/newest 3',
      'd/sub dir',
      'e/new 2',
      'f/x 3',
      'd/sub/new 2',
    ]);
  });

  it('a whiteout does not remove what its own layer has, and what it removes can come again', async () => {
    using tree = await layers(
      [file('a', '1'), file('b', '1')],
      [file('a', '2'), file('.wh.a'), file('.wh.b')],
      [file('b', '3')],
    );
    expect(listOf(tree)).toEqual(['. dir', 'a 2', 'b 3']);
  });

  it('hard links reach into earlier layers', async () => {
    using tree = await layers([file('a', '1')], [hardLink('b', 'a'), file('.wh.a')]);
    expect(listOf(tree)).toEqual(['. dir', 'b 1']);
  });

  it('without being told to, such names are names', async () => {
    using tree = await scanBytes([tarOf([file('a', '1')]), tarOf([file('.wh.a', '2')])]);
    expect(listOf(tree)).toEqual(['. dir', '.wh.a 2', 'a 1']);
  });
});

describe('what is damaged or hostile', () => {
  const broken = (bytes: Buffer) => scanBytes([bytes]);

  it.each<[string, Made, string, RegExp]>([
    ['a size that is no number', file('a', '', { size: '9x9' }), 'EBADMSG', /"a" at byte 1024: its size is no number/],
    ['a size below zero', file('a', '', { change: (h) => h.fill(0xff, 124, 136) }), 'EBADMSG', /its size is -1/],
    [
      'a size past all bounds',
      file('a', '', { change: (h) => h.fill(0x80, 124, 125).fill(0x7f, 125, 136) }),
      'EBADMSG',
      /"a" at byte 1024: .*size is out of all bounds/,
    ],
    [
      'more contents than there are',
      file('a', '', { size: 2 ** 32 }),
      'EBADMSG',
      /"a" at byte 1024: the archive ends after 2560 bytes, though 4294967296 bytes should follow/,
    ],
    ['a wrong checksum', file('a', '', { damage: (h) => h.write('b', 0) }), 'EBADMSG', /no header at byte 1024/],
    [
      'a PAX header past its bound',
      file('a', '', { type: 'x', size: 2 ** 32 }),
      'E2BIG',
      /a header of 4294967296 bytes/,
    ],
    ['a long name past its bound', file('a', '', { type: 'L', size: 2 ** 30 }), 'E2BIG', /byte 1024: a header of/],
    [
      'PAX records that are none',
      file('x', '999 path=a\n', { type: 'x' }),
      'EBADMSG',
      /PAX header at byte 1024 is no list of records/,
    ],
    ['a PAX number that is none', file('x', '', { pax: { size: '-5' } }), 'EBADMSG', /has an invalid size/],
    ['a PAX time that is none', file('x', '', { pax: { mtime: 'now' } }), 'EBADMSG', /has an invalid mtime/],
    [
      'nothing behind a PAX header',
      { path: 'x', type: 'x', contents: record('path', 'lost') },
      'EBADMSG',
      /"lost" at byte 1024: it ends where a member should follow/,
    ],
  ])('is refused with its place: %s', async (_, made, code, message) => {
    const bytes = tarOf([file('ok', 'fine'), made]);
    await expect(broken(bytes)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it.each([100, 512 + 7, 1024 + 100])(
    'is refused when it is cut off within a block or contents: %i',
    async (length) => {
      const bytes = tarOf([file('a', 'text'), file('b', 'x'.repeat(1000))]).subarray(0, 1024 + length);
      await expect(broken(bytes)).rejects.toMatchObject({ code: 'EBADMSG' });
    },
  );

  it('is refused when its first header is', async () => {
    const bytes = tarOf([file('a', 'text')]);
    bytes[0] ^= 1;
    await expect(broken(bytes)).rejects.toMatchObject({
      code: 'EBADMSG',
      message: expect.stringContaining('first header'),
    });
  });

  it('may end without zeros', async () => {
    using tree = await broken(member(file('a', 'text')));
    expect(listOf(tree)).toEqual(['. dir', 'a text']);
  });

  const sparse = (records: (readonly [string, string])[], contents = 'dddd') =>
    tarOf([file('s', contents, { pax: records })]);
  it.each<[string, Buffer]>([
    [
      'out of order',
      sparse([
        ['GNU.sparse.map', '100,2,0,2'],
        ['GNU.sparse.size', '1000'],
      ]),
    ],
    [
      'overlapping',
      sparse([
        ['GNU.sparse.map', '0,3,2,1'],
        ['GNU.sparse.size', '1000'],
      ]),
    ],
    [
      'past the end',
      sparse([
        ['GNU.sparse.map', '998,4'],
        ['GNU.sparse.size', '1000'],
      ]),
    ],
    [
      'of more data than there is',
      sparse([
        ['GNU.sparse.map', '0,900'],
        ['GNU.sparse.size', '1000'],
      ]),
    ],
    ['without a size', sparse([['GNU.sparse.map', '0,4']])],
    [
      'with an odd number',
      sparse([
        ['GNU.sparse.map', '0,4,8'],
        ['GNU.sparse.size', '1000'],
      ]),
    ],
    [
      'with numbers that are none',
      sparse([
        ['GNU.sparse.map', '0,4,x,y'],
        ['GNU.sparse.size', '1000'],
      ]),
    ],
    [
      'in contents that are none',
      sparse([
        ['GNU.sparse.major', '1'],
        ['GNU.sparse.minor', '0'],
        ['GNU.sparse.realsize', '1000'],
      ]),
    ],
    [
      'of GNU',
      tarOf([file('s', 'dddd', { type: 'S', change: (h) => h.write('0000000144\x00000000000007', 386, 'latin1') })]),
    ],
  ])('is refused when a map of holes does not fit: %s', async (_, bytes) => {
    await expect(broken(bytes)).rejects.toMatchObject({
      code: 'EBADMSG',
      message: expect.stringMatching(/"s" at byte 0|its PAX header/),
    });
  });

  it('is refused when a map of holes has too many ranges, or a form that is not read', async () => {
    const many = sparse(
      [
        ['GNU.sparse.major', '1'],
        ['GNU.sparse.minor', '0'],
        ['GNU.sparse.realsize', '9'],
      ],
      '99999999999\n',
    );
    await expect(broken(many)).rejects.toMatchObject({ code: 'E2BIG' });
    const other = sparse([
      ['GNU.sparse.major', '2'],
      ['GNU.sparse.minor', '0'],
      ['GNU.sparse.realsize', '9'],
    ]);
    await expect(broken(other)).rejects.toMatchObject({ code: 'EOPNOTSUPP' });
  });

  it('an owner that there can not be is told', async () => {
    using tree = await scan(file('a', '', { pax: { uid: '99999999999' } }), file('b', 'b'));
    expect(tree.problems).toMatchObject([{ path: 'a', code: 'EOVERFLOW' }]);
    expect(listOf(tree)).toEqual(['. dir', 'b b']);
  });
});
