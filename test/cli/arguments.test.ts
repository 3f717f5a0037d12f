// Arguments whose bytes are no UTF-8: each is told of as what it is, a path of the host, one in the image, or a value of an option.
// And what is asked of help.
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { imageDirectory } from '../device/temporary.ts';
import { expectPlain } from '../messages.ts';
import { makeImage } from './command.ts';

const MAIN = resolve(import.meta.dirname, '../../dist/cli/main.js');
const temporary = imageDirectory();
afterAll(() => temporary.remove());
const image = temporary.file('disk.img');
const source = temporary.file('source');
const fresh = temporary.file('fresh');
let before: Buffer;
beforeAll(() => {
  fs.mkdirSync(source);
  fs.writeFileSync(`${source}/file`, 'contents');
  makeImage(image, (volume) => volume.writeFile('/file', 'contents'));
  before = fs.readFileSync(image);
});

/** Runs a line of the shell, in which `$B` is a byte that is no UTF-8. */
function line(text: string) {
  const script = `B="$(printf '\\377')"; "$0" "$1" ${text}`;
  return spawnSync('sh', ['-c', script, process.execPath, MAIN], { encoding: 'utf8' });
}

const HOST = /: the path '.*a\\xff' is not UTF-8: go into a directory .*symlink.* \(EINVAL\)\n$/;
const TO_PUT = /: the path '.*a\\xff' is not UTF-8: go into a directory .*standard input \(EINVAL\)\n$/;
const IN_IMAGE = /: the path '\/a\\xff' is not UTF-8: write it with \\xNN .*--escaped \(EINVAL\)\n$/;

it.each<[text: string, code: number, said: RegExp]>([
  [`build ${source} a$B`, 1, HOST],
  [`build a$B ${fresh}`, 1, HOST],
  ['ls a$B', 1, HOST],
  ['bench a$B', 1, HOST],
  [`bench ${fresh} --svg a$B`, 1, HOST],
  [`setfattr ${image} --restore=a$B`, 1, HOST],
  [`extract ${image} a$B`, 1, HOST],
  [`put ${image} a$B /`, 1, TO_PUT],
  [`put ${image} ${source}/file a$B /`, 1, TO_PUT],
  [`put ${image} ${source}/file /a$B`, 1, IN_IMAGE],
  [`extract ${image} ${fresh} /a$B`, 1, IN_IMAGE],
  [`cat ${image} /file /a$B`, 1, IN_IMAGE],
  [`mv ${image} /a$B /b`, 1, IN_IMAGE],
  [`ln -s ${image} /a$B /b`, 1, IN_IMAGE],
  [`chown ${image} 0 /a$B`, 1, IN_IMAGE],
  [`build ${source} ${fresh} --label a$B`, 2, /: invalid --label 'a\\xff': expected UTF-8 \(see/],
  [`build ${source} ${fresh} --label=a$B`, 2, /: invalid --label 'a\\xff': expected UTF-8 \(see/],
  [`mkfs ${fresh} --size 64M --uuid a$B`, 2, /: invalid --uuid 'a\\xff': expected/],
  [`build ${source} ${fresh} -O lost_found,a$B`, 2, /: invalid --features 'a\\xff': expected/],
  [`build ${source} ${fresh} --compress lz4 --compress-ext x,a$B`, 2, /: invalid --compress-ext 'a\\xff': expected/],
  [`build ${source} ${fresh} --compress lz4 --compress-glob a$B`, 2, /: invalid --compress-glob 'a\\xff': .*any char/],
  [`mkswap ${image} /swap -s 2M -L a$B`, 2, /: invalid --label 'a\\xff': expected UTF-8/],
  [`setfattr ${image} /file -nuser.a$B`, 2, /: invalid --name 'user.a\\xff': .*--restore takes a dump/],
  [`setfattr ${image} /file -x user.a$B`, 2, /: invalid --remove 'user.a\\xff': expected UTF-8/],
  [`setfattr ${image} /file -n user.a -v a$B`, 2, /: invalid --value 'a\\xff': .*hex digits after 0x/],
  [`getfattr ${image} /file -n user.a$B`, 2, /: invalid --name 'user.a\\xff': .*-d -m - shows/],
  [`getfattr ${image} /file -m a$B`, 2, /: invalid --match 'a\\xff': expected UTF-8/],
  [`chown ${image} a$B /file`, 2, /: invalid owner 'a\\xff': .*a number/],
])('%s', (text, code, said) => {
  const { status, stdout, stderr } = line(text);
  expect({ status, stdout }).toEqual({ status: code, stdout: '' });
  expect(stderr).toMatch(said);
  expect(stderr.split('\n')).toHaveLength(2);
  expectPlain(stderr);
  expect(fs.existsSync(fresh)).toBe(false);
  expect(fs.readFileSync(image).equals(before)).toBe(true);
});

it('what somebody wrote as U+FFFD is that', () => {
  const said = line(`ls ${image} '/\ufffd'`);
  expect(said).toMatchObject({ status: 1, stderr: 'f2fs: ls: /\ufffd does not exist (ENOENT)\n' });
});

it.each([
  ['chattr', '-i', 'a change of flags'],
  ['chmod', '-x', 'a mode'],
])('%s %s: what begins with a dash is told where to stand', (command, change, what) => {
  const said = line(`${command} ${image} ${change} /file`);
  const hint = `unknown option '${change}'; ${what} that begins with a dash stands behind --`;
  expect(said).toMatchObject({ status: 2, stderr: `f2fs: ${command}: ${hint} (see f2fs ${command} --help)\n` });
  expect(line(`${command} --quiet ${image} -- ${change} /file`)).toMatchObject({ status: 0, stderr: '' });
});

it('help for a command that there is not says so', () => {
  expect(line('help nonsense')).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/\nf2fs: usage: unknown command 'nonsense' \(see f2fs --help\)\n$/),
  });
  expect(line('help ls')).toMatchObject({ status: 0, stderr: '' });
});
