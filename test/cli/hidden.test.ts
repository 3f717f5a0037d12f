// No output, text or JSON, has a character in it that a terminal acts on: whatever names, labels and messages hold.
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jsonText } from '../../src/cli/names.ts';
import { imageDirectory } from '../device/temporary.ts';
import { damageInode, f2fs, makeImage } from './command.ts';
import { f2fsHere } from './in-process.ts';

/** CSI, NEL, right-to-left override, isolates, zero width, line and paragraph separators, escape, delete, a tag, a byte order mark. */
const HOSTILE = ['\u009b31m', '\u0085', '\u202e', '\u2066', '\u200b', '\u2028', '\u2029', '\u001b[2J', '\u007f'];
HOSTILE.push('\u{e0041}', '\ufeff', '\u00ad', '\r', '\t', '\u061c');
const NAME = `evil${HOSTILE.join('-')}`;
/** All but what lays the lines out. */
const RAW = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

const temporary = imageDirectory();
afterAll(temporary.remove);
/** Of images and directories of the host. */
const place = temporary.file(`${NAME}.d`);
const image = `${place}/${NAME}.img`;
const damaged = `${place}/damaged-${NAME}.img`;
const tree = `${place}/tree`;

beforeAll(() => {
  fs.mkdirSync(tree, { recursive: true });
  fs.writeFileSync(`${tree}/${NAME}`, 'contents');
  let ino = 0;
  for (const file of [image, damaged]) {
    makeImage(
      file,
      (volume) => {
        volume.mkdir(`/${NAME}`);
        volume.writeFile(`/${NAME}/${NAME}`, Buffer.from('x'));
        volume.setXattr(
          `/${NAME}/${NAME}`,
          `user.${NAME}`,
          Buffer.from(`a value that is long enough to be text ${NAME}`),
        );
        volume.symlink(NAME, `/link${NAME}`);
        ino = volume.stat(`/${NAME}/${NAME}`).ino;
      },
      { label: NAME },
    );
  }
  damageInode(damaged, ino, (block) => block.writeUInt16LE(0, 0));
});

const inside = `/${NAME}`;
const out = () => `${place}/out-${NAME}-${Math.random()}`;

it.each<[string, () => string[]]>([
  ['ls', () => ['ls', '-laR', image]],
  ['ls --json', () => ['ls', '-laR', '--json', image]],
  ['ls of a damaged image', () => ['ls', '-laR', damaged]],
  ['ls --json of a damaged image', () => ['ls', '-laR', '--json', damaged]],
  ['ls of what is not there', () => ['ls', image, `${inside}none`]],
  ['ls of an image that is not there', () => ['ls', `${image}${NAME}`]],
  ['stat', () => ['stat', image, `${inside}/${NAME}`]],
  ['stat of a symlink', () => ['stat', image, `/link${NAME}`]],
  ['stat --json', () => ['stat', '--json', image, `${inside}/${NAME}`]],
  ['stat --json of a symlink', () => ['stat', '--json', image, `/link${NAME}`]],
  ['cat of what is no file', () => ['cat', image, inside]],
  ['info', () => ['info', image]],
  ['info --json', () => ['info', '--json', image]],
  ['getfattr', () => ['getfattr', '-R', '-d', '-m', '-', image, '/']],
  ['getfattr of nothing', () => ['getfattr', '-n', `user.none${NAME}`, image, inside]],
  ['getfattr of a damaged image', () => ['getfattr', '-R', '-d', damaged, '/']],
  ['setfattr', () => ['setfattr', '-n', `nonsense.${NAME}`, image, inside]],
  ['setfattr --restore', () => ['setfattr', '--restore', `${image}none`, image]],
  ['extract', () => ['extract', image, out()]],
  ['extract --json', () => ['extract', '--json', image, out()]],
  ['extract of a damaged image', () => ['extract', '--json', damaged, out()]],
  ['extract into what is there', () => ['extract', image, place]],
  ['build', () => ['build', tree, out()]],
  ['build --json', () => ['build', '--json', tree, out()]],
  ['build of nothing', () => ['build', `${tree}${NAME}`, out()]],
  ['build over an image', () => ['build', tree, image]],
  ['build with an algorithm', () => ['build', tree, out(), '--compress', NAME]],
  ['put', () => ['put', image, `${tree}/${NAME}`, '/']],
  ['put --json', () => ['put', '--json', image, `${tree}/${NAME}`, `/again${NAME}`]],
  ['put -n', () => ['put', '-n', image, `${tree}/${NAME}`, `${inside}/${NAME}`]],
  ['mkdir', () => ['mkdir', image, inside]],
  ['rm', () => ['rm', image, inside]],
  ['mv', () => ['mv', image, `${inside}none`, '/x']],
  ['ln', () => ['ln', image, inside, '/x']],
  ['truncate', () => ['truncate', '-s', '1', image, inside]],
  ['fallocate', () => ['fallocate', '-l', '1', image, inside]],
  ['mkswap', () => ['mkswap', '-s', '2M', '-L', NAME, image, `${inside}/swap`]],
  ['mkfs', () => ['mkfs', image, '--label', NAME]],
  ['mkfs --force', () => ['mkfs', out(), '--size', '64M', '--label', NAME]],
  ['mkfs --json', () => ['mkfs', '--json', out(), '--size', '64M', '--label', NAME]],
  ['clean', () => ['clean', `${image}${NAME}`]],
])('prints nothing raw: %s', async (_, args) => {
  const said = await f2fsHere(...args());
  expect(said.stdout + said.stderr).not.toBe('');
  expect(said.stdout).not.toMatch(RAW);
  expect(said.stderr).not.toMatch(RAW);
  const named = `${said.stdout}${said.stderr}`;
  if (said.stdout.startsWith('{') || said.stdout.startsWith('[')) {
    const written = JSON.stringify(JSON.parse(said.stdout));
    expect(RAW.test(written) || named.includes('\\x')).toBe(true);
  }
});

it('of commands that there are not, and of the stack of a failure, nothing is raw', async () => {
  for (const [args, env] of [
    [[NAME], {}],
    [['help', NAME], {}],
    [['ls', `--${NAME}`, image], {}],
    [['chmod', image, NAME, '/'], {}],
    [['chown', image, `${NAME}:${NAME}`, '/'], {}],
    [['chattr', image, `+${NAME}`, '/'], {}],
    [['ls', image, `${inside}none`], { F2FS_DEBUG: '1' }],
  ] as const) {
    const { code, stdout, stderr } = await f2fs([...args], { env });
    expect(code).toBeGreaterThan(0);
    expect(stdout + stderr).not.toMatch(RAW);
  }
});

it('JSON gives names back as they are', async () => {
  const said = await f2fsHere('ls', '--json', image, inside);
  expect(JSON.parse(said.stdout)).toMatchObject([{ name: NAME, path: `${inside}/${NAME}` }]);
  expect(said.stdout).toContain('\\u009b31m-\\u0085-\\u202e');
  expect(said.stdout).toContain('\\udb40\\udc41');
  expect(JSON.parse(jsonText({ [NAME]: [NAME] }, 2))).toEqual({ [NAME]: [NAME] });
  const node = spawnSync(
    'python3',
    ['-c', 'import json,sys; print(json.load(sys.stdin)[0]["name"] == sys.argv[1])', NAME],
    {
      input: said.stdout,
      encoding: 'utf8',
    },
  );
  if (node.error === undefined) expect(node.stdout).toBe('True\n');
});

it('-e takes what ls prints back', async () => {
  const { stdout } = await f2fsHere('ls', image, inside);
  expect(stdout).toContain('\\xc2\\x9b31m-\\xc2\\x85-\\xe2\\x80\\xae');
  const [printed] = stdout.split('\n');
  const said = await f2fs(['cat', '-e', image, `/${printed}/${printed}`]);
  expect(said).toMatchObject({ code: 0, stdout: 'x' });
});

describe('names that are not UTF-8 are told apart in every message', () => {
  const bytes = (...parts: (string | number)[]) =>
    Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.of(part))));
  const odd = temporary.file('odd');
  const oddImage = `${odd}/disk.img`;
  const broken = `${odd}/damaged.img`;
  /** A tree of the host: files, one that is in the way, one that is a directory in the image. */
  const host = `${odd}/tree`;
  const D = '/d\\xff';
  const F = `${D}/f\\xfe`;
  const NONE = `${D}/none\\xfd`;
  const LONG = 'n'.repeat(254);
  const fresh = () => `${odd}/out-${Math.random()}`;

  beforeAll(() => {
    fs.mkdirSync(host, { recursive: true });
    fs.mkdirSync(bytes(host, '/d', 0xff));
    for (const name of ['f', 'g']) fs.writeFileSync(bytes(host, '/d', 0xff, '/', name, 0xfe), 'host');
    let ino = 0;
    for (const file of [oddImage, broken]) {
      makeImage(file, (volume) => {
        volume.mkdir(bytes('/d', 0xff));
        volume.mkdir(bytes('/d', 0xff, '/g', 0xfe));
        volume.mkdir(bytes('/d', 0xff, '/g', 0xfe, '/in', 0xfe));
        volume.writeFile(bytes('/d', 0xff, '/f', 0xfe), Buffer.from('x'));
        volume.symlink(bytes('l', 0xfc), bytes('/d', 0xff, '/l', 0xfc));
        volume.mkdir('/etc');
        volume.writeFile('/etc/passwd', bytes('u', 0xff, ':x:none:0::/:\n'));
        ino = volume.stat(bytes('/d', 0xff, '/f', 0xfe)).ino;
      });
    }
    damageInode(broken, ino, (block) => block.writeUInt16LE(0, 0));
  });

  const E = ['-e', oddImage];
  it.each<[label: string, args: () => string[], told: string]>([
    ['ls', () => ['ls', ...E, NONE], NONE],
    ['ls of a file as a directory', () => ['ls', ...E, `${F}/x`], F],
    ['ls of a damaged image', () => ['ls', '-laR', broken], 'd\\xff/f\\xfe'],
    ['stat', () => ['stat', ...E, NONE], NONE],
    ['stat of a loop', () => ['stat', '-L', ...E, `${D}/l\\xfc`], 'l\\xfc'],
    ['cat', () => ['cat', ...E, D, NONE], NONE],
    ['cat of a directory', () => ['cat', ...E, D], D],
    ['getfattr', () => ['getfattr', '--escaped', oddImage, NONE], NONE],
    ['getfattr -R', () => ['getfattr', '-R', '-d', broken, '/'], 'd\\xff/f\\xfe'],
    ['setfattr', () => ['setfattr', '-x', 'user.none', ...E, F], F],
    ['extract of what is not there', () => ['extract', ...E, fresh(), NONE], NONE],
    ['extract of a damaged image', () => ['extract', '--no-owner', broken, fresh()], 'd\\xff/f\\xfe'],
    ['extract over what is there', () => ['extract', '--force', '--no-owner', oddImage, host], 'd\\xff/f\\xfe'],
    ['put over a directory', () => ['put', oddImage, `${host}/.`, '/'], 'd\\xff/g\\xfe'],
    ['put -n', () => ['put', '-n', oddImage, `${host}/.`, '/'], 'd\\xff/f\\xfe'],
    ['put below a file', () => ['put', ...E, `${host}/.`, `${F}/x`], F],
    ['put -', () => ['put', ...E, '-', `${F}/x`], F],
    ['put - into nothing', () => ['put', ...E, '-', `${NONE}/x`], NONE],
    ['put - onto a directory', () => ['put', '-T', ...E, '-', `${D}/g\\xfe`], 'g\\xfe'],
    ['mkdir', () => ['mkdir', ...E, D], D],
    ['mkdir -p below a file', () => ['mkdir', '-p', ...E, `${F}/x`], F],
    ['mkdir of what is too long', () => ['mkdir', ...E, `${D}/${LONG}\\xff\\xff`], D],
    ['rm', () => ['rm', ...E, NONE], NONE],
    ['rm of a directory', () => ['rm', ...E, D], D],
    ['rm -d', () => ['rm', '-d', ...E, D], D],
    ['rm -r of nothing', () => ['rm', '-r', ...E, NONE], NONE],
    ['mv of nothing', () => ['mv', ...E, NONE, '/x'], NONE],
    ['mv into nothing', () => ['mv', ...E, F, `${NONE}/x`], NONE],
    ['mv onto a directory', () => ['mv', '-T', ...E, F, D], D],
    ['mv into itself', () => ['mv', ...E, D, `${D}/x`], 'd\\xff'],
    ['mv -n', () => ['mv', '-n', '-T', ...E, F, `${D}/l\\xfc`], 'l\\xfc'],
    ['mv of several to a file', () => ['mv', ...E, D, D, F], F],
    ['mv of two of one name', () => ['mv', ...E, F, F, '/etc'], 'f\\xfe'],
    ['ln', () => ['ln', ...E, NONE, '/x'], NONE],
    ['ln of a directory', () => ['ln', ...E, D, '/x'], D],
    ['ln over a file', () => ['ln', ...E, '/etc/passwd', F], F],
    ['ln -f of the same', () => ['ln', '-f', ...E, F, F], F],
    ['chmod', () => ['chmod', ...E, '600', NONE], NONE],
    ['chown', () => ['chown', ...E, '0', NONE], NONE],
    ['chattr', () => ['chattr', ...E, '+i', NONE], NONE],
    ['chattr of a symlink', () => ['chattr', ...E, '+i', `${D}/l\\xfc`], 'l\\xfc'],
    ['truncate', () => ['truncate', '-s', '0', ...E, D], D],
    ['fallocate', () => ['fallocate', '-l', '1', ...E, D], D],
    ['mkswap', () => ['mkswap', '-s', '2M', ...E, F], F],
  ])('%s', async (_, args, told) => {
    const said = await f2fsHere(...args());
    expect(said.stderr).not.toBe('');
    expect(said.stdout + said.stderr).not.toContain('\ufffd');
    expect(said.stderr).toContain(told);
  });

  it('of arguments, too, and of the directory at hand nothing needs be told', () => {
    const main = new URL('../../dist/cli/main.js', import.meta.url).pathname;
    const sh = (script: string) =>
      spawnSync('sh', ['-c', script, 'f2fs', process.execPath, main], { cwd: odd, encoding: 'utf8' });
    const said = sh('"$1" "$2" ls "$(printf \'a\\377\')"');
    expect(said.stderr).toContain("the path 'a\\xff' is not UTF-8");
    expect(said.stderr).not.toContain('\ufffd');
    const inside = sh(
      'cd "$(printf \'tree/d\\377\')" && "$1" "$2" build --quiet . ../../inside.img && "$1" "$2" ls ../../inside.img',
    );
    expect(inside).toMatchObject({ status: 0, stderr: '', stdout: expect.stringMatching(/^f\\xfe\ng\\xfe\n/) });
  });
});
