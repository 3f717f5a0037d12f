// getfattr and setfattr against those of Linux: the same values, and what one dumps the other restores.
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { namePattern } from '../../src/cli/xattr-pattern.ts';
import { WalkPlace } from '../../src/fs/walk.ts';
import { build, type FileSystem } from '../../src/index.ts';
import { fsck } from '../../tools/judge/fsck.ts';
import { imageDirectory } from '../device/temporary.ts';
import { canSetXattrs, isRoot, setXattr } from '../host-fixture.ts';
import { lookInto } from '../look-into.ts';
import { f2fs, makeImage } from './command.ts';
import { f2fsHere } from './in-process.ts';

const temporary = imageDirectory();
afterAll(temporary.remove);
const tree = temporary.file('tree');
fs.mkdirSync(tree);
const able = canSetXattrs(tree);
/** trusted., security. and device nodes take root. */
const all = able && isRoot;
if (able) spawnSync('setfattr', ['-x', 'user.f2fs-probe', tree]);

const ACL =
  '0x0200000001000600ffffffff02000400e803000004000400ffffffff08000700070000001000' + '0700ffffffff20000400ffffffff';
const CAPABILITY = '0x0100000200200000000000000000000000000000';
const VALUES: Readonly<Record<string, string>> = {
  'user.plain': '"some text"',
  'user.empty': '""',
  'user.nul-at-end': '"text\\000"',
  'user.one-nul': '0x00',
  'user.quotes': '"a \\"b\\" \\\\ c, long enough to be shown as text"',
  'user.lines': '"one line of many words\\012another line\\015of them"',
  'user.escape': '"an escape \\033[31m in a long text"',
  'user.bidi': `0x${Buffer.from(`a long enough text: \u202e ${'x'.repeat(40)}`).toString('hex')}`,
  'user.c1': `0x${Buffer.from(`a long enough text: \u009b\u0085 ${'x'.repeat(40)}`).toString('hex')}`,
  'user.utf8': '"ein längerer Text mit einem Umlaut und ohne Ende"',
  'user.latin1': `0x${'61'.repeat(30)}ff`,
  'user.binary': '0x00010203fffefd',
  'user.long': `0x${'00ff7f'.repeat(700)}`,
  'user.looks-like-hex': '"0x41"',
  'user.looks-like-base64': '"0sQQ=="',
  'user.quoted': '"\\"x\\""',
  'user.a=b': '"1"',
  'user.back\\slash': '"1"',
};
const NAMES = ['plain', 'a=b', 'quo"te', 'back\\slash', 'two\nlines', ' space ', 'ümläut', 'csi\u009b', '# file: x'];

let image: string;
let count = 0;

beforeAll(() => {
  fs.mkdirSync(`${tree}/dir/sub`, { recursive: true });
  const files = [...NAMES, 'dir/file', 'dir/sub/deep'].map((name) => `${tree}/${name}`);
  fs.writeFileSync(Buffer.concat([Buffer.from(`${tree}/latin1-`), Buffer.from([0xe9])]), '');
  for (const file of files) fs.writeFileSync(file, 'x');
  fs.symlinkSync('plain', `${tree}/link`);
  fs.symlinkSync('dir', `${tree}/to-dir`);
  fs.symlinkSync('nowhere', `${tree}/broken`);
  if (!able) return;
  for (const [name, value] of Object.entries(VALUES)) real('setfattr', '-n', name, '-v', value, `${tree}/plain`);
  for (const file of files.slice(1)) setXattr(file, 'user.note', '0x31');
  setXattr(`${tree}/dir`, 'user.note', '0x32');
  setXattr(tree, 'user.note', '0x33');
  setXattr(`${tree}/dir/file`, 'system.posix_acl_access', ACL);
  setXattr(`${tree}/dir`, 'system.posix_acl_default', ACL);
  if (!isRoot) return;
  setXattr(`${tree}/dir/sub/deep`, 'security.capability', CAPABILITY);
  setXattr(`${tree}/dir/sub/deep`, 'trusted.key', '0x00');
  setXattr(`${tree}/broken`, 'trusted.of-link', '0x01');
});

beforeEach(() => {
  image = temporary.file(`${++count}.img`);
});

function real(command: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: tree, encoding: 'latin1' });
  expect(status, stderr).toBe(0);
  return stdout;
}

/** The same of a dump with the names that differ in nothing but in what is escaped made alike, and files sorted. */
function blocks(dump: string): string[] {
  const bytes = (text: string) =>
    text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
  return Buffer.from(dump, 'latin1')
    .toString('latin1')
    .split('\n\n')
    .filter((block) => block !== '')
    .map((block) => {
      const [file, ...lines] = block.split('\n');
      return [bytes(file), ...lines.map(bytes)].join('\n');
    })
    .sort();
}

async function done(...args: string[]): Promise<string> {
  const said = await f2fsHere(...args);
  expect(said).toMatchObject({ code: 0, stderr: '' });
  return Buffer.from(said.stdout).toString('latin1');
}

function look<T>(work: (volume: FileSystem) => T): T {
  return lookInto(image, work);
}

/** A copy of the tree without any attributes. */
function bareCopy(): string {
  const copy = temporary.file(`copy-${count}`);
  spawnSync('cp', ['-r', '--no-preserve=all', tree, copy]);
  return copy;
}

const dumped = (directory: string, ...flags: string[]) =>
  spawnSync('getfattr', ['-R', '-h', '-d', '-m', '-', ...flags, '.'], { cwd: directory, encoding: 'latin1' }).stdout;

describe.skipIf(!all)('against the commands of Linux', () => {
  it.each(['hex', 'base64'])('shows the values that getfattr shows, in %s', async (encoding) => {
    await build(tree, image);
    const ours = await done('getfattr', '-R', '-h', '-d', '-m', '-', '-e', encoding, image, '/');
    expect(blocks(ours)).toEqual(blocks(dumped(tree, '-e', encoding)));
  });

  it('follows symlinks as getfattr does, and shows names and single attributes', async () => {
    await build(tree, image);
    for (const args of [
      ['link'],
      ['-d', '-e', 'hex', 'link'],
      ['-e', 'hex', '-n', 'user.plain', 'plain', 'link', 'to-dir/../plain'],
      ['-h', '-d', '-m', '-', '-e', 'hex', 'broken'],
      ['-e', 'hex', '-n', 'security.capability', 'dir/sub/deep'],
      ['-m', 'user\\.[[:alpha:]]+-[[:alpha:]]+-end$', 'plain'],
      ['-d', '-e', 'hex', '--match', '^(trusted|security)\\.', 'dir/sub/deep'],
      ['-R', '-d', '-m', 'note', 'dir'],
    ]) {
      const theirs = blocks(real('getfattr', ...args));
      expect(theirs.length, args.join(' ')).toBeGreaterThan(0);
      const paths = args.filter((arg) => fs.existsSync(`${tree}/${arg}`) || arg === 'broken');
      const flags = args.filter((arg) => !paths.includes(arg));
      expect(blocks(await done('getfattr', ...flags, image, ...paths)), args.join(' ')).toEqual(theirs);
    }
    const only = await f2fs(['getfattr', '--only-values', '-n', 'user.long', image, '/plain']);
    expect(only.bytes.equals(Buffer.from('00ff7f'.repeat(700), 'hex'))).toBe(true);
  });

  it.each(['default', 'text', 'hex', 'base64'])(
    'a dump of ours, %s, is restored by setfattr byte for byte',
    async (encoding) => {
      await build(tree, image);
      const flags = encoding === 'default' ? [] : ['-e', encoding];
      const dump = temporary.file(`dump-${count}`);
      fs.writeFileSync(dump, await done('getfattr', '-R', '-h', '-d', '-m', '-', ...flags, image, '/'), 'latin1');
      const copy = bareCopy();
      const restored = spawnSync('setfattr', ['-h', `--restore=${dump}`], { cwd: copy, encoding: 'utf8' });
      // It takes the empty base64 value for none at all, and says nothing.
      expect(restored).toMatchObject({ status: 0, stderr: '' });
      const without = (text: string) => text.replace(/^user\.empty=0x\n/m, '');
      const [theirs, source] = [copy, tree].map((at) => dumped(at, '-e', 'hex'));
      if (encoding === 'base64') expect(blocks(without(theirs))).toEqual(blocks(without(source)));
      else expect(blocks(theirs)).toEqual(blocks(source));
    },
  );

  it.each(['default', 'text', 'hex', 'base64'])(
    'a dump of theirs, %s, is restored as setfattr does',
    async (encoding) => {
      await build(tree, image, { xattrs: false });
      const dump = temporary.file(`dump-${count}`);
      fs.writeFileSync(dump, dumped(tree, ...(encoding === 'default' ? [] : ['-e', encoding])), 'latin1');
      const copy = bareCopy();
      spawnSync('setfattr', ['-h', `--restore=${dump}`], { cwd: copy });
      if (encoding === 'text') {
        // It lacks the NUL at the end, and neither Linux nor we take a capability that is a byte short: there setfattr leaves that one out.
        const said = await f2fsHere('setfattr', '-h', `--restore=${dump}`, image);
        expect(said).toMatchObject({
          code: 1,
          stderr: expect.stringMatching(/line \d+ .* security\.capability of 19 bytes/),
        });
        fs.writeFileSync(dump, fs.readFileSync(dump, 'latin1').replace(/^security\.capability=.*\n/m, ''), 'latin1');
      }
      await done('setfattr', '-h', `--restore=${dump}`, image);
      const ours = blocks(await done('getfattr', '-R', '-h', '-d', '-m', '-', '-e', 'hex', image, '/'));
      const expected = encoding === 'base64' ? dumped(tree, '-e', 'hex') : dumped(copy, '-e', 'hex');
      expect(ours).toEqual(blocks(expected));
      const verdict = await fsck(image);
      expect(verdict.complaints).toEqual([]);
      expect(look((volume) => volume.stat('/dir/file').mode & 0o777)).toBe(
        fs.statSync(`${copy}/dir/file`).mode & 0o777,
      );
    },
  );

  it('takes values as setfattr does', async () => {
    await build(tree, image, { xattrs: false });
    const values = [
      '"abc\\000"',
      '"abc',
      'abc"',
      '"a"b"',
      'a\\\\b',
      'a\\"b',
      'a\\bc',
      '\\1',
      '\\12',
      '\\128',
      '\\400',
      '\\777',
    ];
    values.push('0x', '0x12 34', '0X1F', '0x1', '0xzz', '0sQQ==', '0s!!', '""', '"', 'a b', '0', '"0x12"', 'ä', ' x');
    const file = `${tree}/dir/sub/deep`;
    for (const value of values) {
      const theirs = spawnSync('setfattr', ['-n', 'user.value', '-v', value, file]).status;
      const said = await f2fsHere('setfattr', '-n', 'user.value', '-v', value, image, '/dir/sub/deep');
      expect(said.code, `${value} ${said.stderr}`).toBe(theirs === 0 ? 0 : 2);
      if (theirs !== 0) continue;
      const hex = real('getfattr', '-n', 'user.value', '-e', 'hex', 'dir/sub/deep').split('\n')[1];
      expect(Buffer.from(look((volume) => volume.getXattr('/dir/sub/deep', 'user.value'))).toString('hex'), value).toBe(
        hex.slice('user.value=0x'.length),
      );
    }
    spawnSync('setfattr', ['-x', 'user.value', file]);
    await done('setfattr', '--raw', '-n', 'user.value', '-v', '0x41', image, '/plain');
    expect(look((volume) => Buffer.from(volume.getXattr('/plain', 'user.value')).toString())).toBe('0x41');
  });
});

describe('of an image alone', () => {
  beforeEach(async () => {
    await build(tree, image, { xattrs: false, freeBytes: 2 ** 22 });
  });

  const restore = (dump: string | Uint8Array, ...paths: string[]) =>
    f2fs(['setfattr', '--restore=-', image, ...paths], { input: Buffer.from(dump) });

  it('restores a dump from standard input, below a directory', async () => {
    const said = await restore(
      '\n\n# file: file\r\nuser.a="1"\r\nuser.none\nuser.eq="a=b"\n\n# file: sub\nuser.b=two',
      '/dir',
    );
    expect(said).toMatchObject({ code: 0, stderr: '', stdout: '' });
    expect(await done('getfattr', '-d', image, '/dir/file', '/dir/sub')).toBe(
      '# file: dir/file\nuser.a="1"\nuser.eq="a=b"\nuser.none=""\n\n# file: dir/sub\nuser.b="two"\n\n',
    );
  });

  it('restores names that are not UTF-8, and shows them as it takes them', async () => {
    const dump = '# file: dir/file\nuser.b\\377="1"\n\n';
    expect(await restore(dump)).toMatchObject({ code: 0, stderr: '' });
    expect(await done('getfattr', '-d', '-m', '^user.b', image, '/dir/file')).toBe(dump);
  });

  it('sets nothing of a dump of which anything fails, and names the line', async () => {
    const before = await done('getfattr', '-R', '-d', '-m', '-', image, '/dir');
    for (const [dump, message] of [
      ['user.a="1"\n', /^f2fs: setfattr: line 1 of the dump: expected '# file: PATH'/],
      [
        '# file: dir/file\nuser.a="1"\nuser.b=0x1\n',
        /line 3 of the dump: invalid value '0x1': expected pairs of hex digits/,
      ],
      ['# file: dir/file\nuser.a="1"\nnonsense\n', /^f2fs: setfattr: \/dir\/file: line 3 of the dump: .*EOPNOTSUPP/],
      ['# file: dir/file\nuser.a="1"\n\n# file: dir/none\nuser.a=1\n', /\/dir\/none does not exist \(ENOENT\)\n$/],
    ] as const) {
      const said = await restore(dump);
      expect(said.stderr).toMatch(message);
      expect(said).toMatchObject({ code: 1, stdout: '' });
      expect(said.stderr.split('\n')).toHaveLength(2);
    }
    const endless = await f2fsHere('setfattr', '--restore=/dev/zero', image);
    expect(endless.stderr).toMatch(/^f2fs: setfattr: line 1 of the dump: more than 1048576 bytes/);
    const none = await f2fsHere('setfattr', '--restore', temporary.file('none'), image);
    expect(none.stderr).toMatch(/cannot read the dump: .*\(ENOENT\)\n$/);
    expect(await done('getfattr', '-R', '-d', '-m', '-', image, '/dir')).toBe(before);
  });

  it('tells what is not there, and goes on', async () => {
    await done('setfattr', '-n', 'user.a', '-v', '1', image, '/plain');
    const said = await f2fsHere('getfattr', '-n', 'user.a', image, '/dir', '/none', '/plain');
    expect(said).toMatchObject({ code: 1, stdout: '# file: plain\nuser.a="1"\n\n' });
    expect(said.stderr).toMatch(
      /^f2fs: getfattr: \/dir: no extended attribute user.a \(ENODATA\)\n.*\/none.*ENOENT\)\n$/,
    );
    expect(await done('getfattr', '-R', '-n', 'user.a', '-h', '--absolute-names', image, '/')).toBe(
      '# file: /plain\nuser.a="1"\n\n',
    );
  });

  it('refuses options that have no effect, and patterns that are none', async () => {
    for (const args of [
      ['-n', 'user.a', '-m', '-'],
      ['-e', 'hex'],
      ['-d', '-e', 'octal'],
      ['-d', '-e', 'hex', '--only-values'],
      ['-m', '('],
      ['-m', '[[:nope:]]'],
    ])
      expect((await f2fsHere('getfattr', ...args, image, '/')).code, args.join(' ')).toBe(2);
    for (const args of [
      ['--restore=x', '-n', 'user.a'],
      ['--restore=x', '-v', '1'],
      ['--restore=x', '--create'],
      ['-n', 'user.a', '--raw', '/'],
      ['-n', 'user.a'],
      ['--restore=x', '/', '/dir'],
    ])
      expect((await f2fsHere('setfattr', image, ...args)).code, args.join(' ')).toBe(2);
  });
});

it('matches names by extended regular expressions', () => {
  const fits = (pattern: string, name: string) => namePattern(pattern)(name);
  expect(fits('-', 'any')).toBe(true);
  expect(fits('^user\\.', 'user.a')).toBe(true);
  expect(fits('^user\\.', 'xuser.a')).toBe(false);
  expect(fits('[[:digit:]x]{2}$', 'a1x')).toBe(true);
  expect(fits('^[]a]$', ']')).toBe(true);
  expect(fits('^[^]a]$', 'b')).toBe(true);
  expect(fits('^[\\d]$', 'd')).toBe(true);
  expect(fits('^[\\d]$', '1')).toBe(false);
  expect(fits('a|^b', 'b')).toBe(true);
  expect(fits('^(a-b)+$', 'a-ba-b')).toBe(true);
  expect(fits('\\-', 'a-b')).toBe(true);
});

it('makes a path for what it prints alone, however many entries it looks at', async () => {
  const wide = makeImage(temporary.file('wide.img'), (volume) => {
    volume.mkdir('/dir');
    for (let i = 0; i < 500; i++) volume.writeFile(`/dir/${i}`, 'x');
    volume.setXattr('/dir/7', 'user.a', Buffer.from('b'));
  });
  const path = vi.spyOn(WalkPlace.prototype, 'path', 'get');
  try {
    const { code, stdout } = await f2fsHere('getfattr', '-R', '-d', wide, '/');
    expect({ code, stdout }).toEqual({ code: 0, stdout: '# file: dir/7\nuser.a="b"\n\n' });
    expect(path.mock.calls.length).toBeLessThan(5);
  } finally {
    path.mockRestore();
  }
});
