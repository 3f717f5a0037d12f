// chmod's modes against those of the machine's chmod, and chown's names against the tables of the image.
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { InvalidArgumentError } from 'commander';
import { afterAll, describe, expect, it } from 'vitest';
import { parseMode } from '../../src/cli/mode.ts';
import { type FileSystem, mount, openFileDevice } from '../../src/index.ts';
import { imageDirectory } from '../device/temporary.ts';
import { type Random, random, seedOf } from '../random.ts';
import { makeImage } from './command.ts';
import { f2fsHere } from './in-process.ts';

const temporary = imageDirectory();
afterAll(temporary.remove);

const MODES = [0, 0o644, 0o755, 0o6755, 0o1777, 0o4711, 0o2640, 0o7777, 0o111, 0o5432];
const SPECS = [
  ...['755', '0755', '00755', '000000755', '0', '00000', '7777', '1755', '644', '17777', '8', '', '-'],
  ...['=755', '-022', '+1777', '+111', '=', '+', '=0', '-7777', '+17777', 'u+4', 'u=7', 'a+111', '+7,u-x', 'g=,-1'],
  ...['u+x', 'g=u', 'o=g', 'u=o', 'ug=o', 'a=u', '=u', '+g', '-o', 'u=u', 'u=ug', 'u=gx', 'g=u-w', 'u=g,g=o'],
  ...['+X', 'a+X', 'u=rwX,go=rX', 'u-X', '=X', 'a-x+X', 'a-x,a+X', 'o=X', 'u=rX,g=X'],
  ...['+s', 'u+s', 'g+s', 'o+s', 'u-s', 'ug=s', 'ug=s,o=', 'a=rwxs', 'g=xs', '=s', 'u=s', 'o=s', '-s', 'u=,g+s'],
  ...['+t', 'o+t', 'u+t', 'a+t', '=t', 'o=t', '-t', 'u=t', '+st', 'ugo=st', 'o=', 'a=', 'g=', 'u=rwt', '1755,-t'],
  ...[
    'u+',
    'u',
    'ugo',
    'rwx',
    'u,',
    ',u+x',
    'u+x,',
    'u+x,,g+x',
    'u+q',
    'x+u',
    'u++x',
    'u+-x',
    'u+r-w+x=r',
    'aa+x',
    'uu=r',
  ],
  ...['ugoa+w', 'go-rwx', 'u=rw,g=r,o=', 'ug+rw,o-w,+X', 'a-w+X=r', '+rwxXst', '-rwxXst', '=rwxXst', 'u=rwxXst'],
];

/** Clauses as the grammar allows, and some that it does not. */
function randomSpec({ below }: Random): string {
  const some = (letters: string, most: number) =>
    Array.from({ length: below(most + 1) }, () => letters[below(letters.length)]).join('');
  const clause = () => {
    const operations = Array.from(
      { length: 1 + below(2) },
      () => (some('+-=', 1) || '=') + (below(3) === 0 ? some('ugo', 1) : some('rwxXst', 3)),
    );
    return some('ugoa', 2) + operations.join('');
  };
  return Array.from({ length: 1 + below(3) }, clause).join(',');
}

it('modes are those of chmod(1), file or directory, whatever was set before', () => {
  const place = temporary.file('modes');
  fs.mkdirSync(place);
  const files = MODES.map((mode) => `${place}/f${mode}`);
  const directories = MODES.map((mode) => `${place}/d${mode}`);
  for (const file of files) fs.writeFileSync(file, '');
  for (const directory of directories) fs.mkdirSync(directory);
  const all = [...files, ...directories];
  const chosen = random(seedOf('modes'));
  const specs = [...SPECS, ...Array.from({ length: 150 }, () => randomSpec(chosen))];
  for (const spec of specs) {
    all.forEach((path, i) => {
      fs.chmodSync(path, MODES[i % MODES.length]);
    });
    // No umask, as in an image.
    const theirs = spawnSync('sh', ['-c', 'umask 0; exec chmod -- "$@"', 'sh', spec, ...all]);
    if (theirs.status !== 0) {
      expect(() => parseMode(spec), spec).toThrow(InvalidArgumentError);
      continue;
    }
    const change = parseMode(spec);
    all.forEach((path, i) => {
      const mode = fs.statSync(path).mode & 0o7777;
      const ours = change(MODES[i % MODES.length], i >= MODES.length);
      expect(ours.toString(8), `${spec} ${path.slice(place.length)}`).toBe(mode.toString(8));
    });
  }
});

describe('chown', () => {
  const PASSWD =
    'root:x:0:0::/root:/bin/sh\nwww:x:33:44::/:/bin/sh\nwww:x:34:45::/:\nbad:x:no:1::/:\n+nis\nshort:x:9\n';
  let count = 0;

  function imageWith(fill: (volume: FileSystem) => void): string {
    return makeImage(temporary.file(`${++count}.img`), (volume) => {
      volume.mkdir('/etc');
      volume.writeFile('/top', Buffer.from('top'), { uid: 7, gid: 7 });
      fill(volume);
    });
  }

  const withTables = () =>
    imageWith((volume) => {
      volume.mkdir('/usr');
      volume.mkdir('/usr/etc');
      volume.writeFile(
        '/usr/etc/passwd',
        Buffer.concat([Buffer.from(PASSWD), Buffer.from('caf\xe9:x:50:51::/:\n', 'latin1')]),
      );
      volume.writeFile('/etc/group', Buffer.from('root:x:0:\nadm:x:4:www\nwww:x:99:\nümläut:x:70:\n'));
      // Absolute: it leads elsewhere on the host.
      volume.symlink('/usr/etc/passwd', '/etc/passwd');
    });

  function ownerOf(image: string): string {
    const device = openFileDevice(image, { writable: false });
    try {
      const { uid, gid } = mount(device, { readonly: true }).stat('/top');
      return `${uid}:${gid}`;
    } finally {
      device.close();
    }
  }

  it.each([
    ['www', '33:7'],
    ['www:adm', '33:4'],
    ['www:', '33:44'],
    ['33:', '33:44'],
    [':adm', '7:4'],
    ['5:adm', '5:4'],
    ['www:9', '33:9'],
    [':www', '7:99'],
    ['root:root', '0:0'],
    ['0:ümläut', '0:70'],
    ['1000:1000', '1000:1000'],
  ])('%s is looked up in the image: %s', async (owner, expected) => {
    const image = withTables();
    expect(await f2fsHere('chown', image, owner, '/top')).toMatchObject({ code: 0, stderr: '' });
    expect(ownerOf(image)).toBe(expected);
  });

  it.each([
    ['nobody', /^f2fs: chown: unknown user 'nobody': \/etc\/passwd of the image has no such user; give a number/],
    [
      'www:nogroup',
      /^f2fs: chown: unknown group 'nogroup': \/etc\/group of the image has no such group; give a number/,
    ],
    ['99:', /the login group of user 99 is not known, .*: give USER:GROUP \(EINVAL\)/],
    ['bad', /the line of the user 'bad' in \/etc\/passwd of the image has no number in field 3 \(EINVAL\)\n$/],
    ['short', /unknown user 'short'/],
  ])('%s fails, and changes nothing', async (owner, message) => {
    const image = withTables();
    const said = await f2fsHere('chown', '-R', image, owner, '/');
    expect(said.stderr).toMatch(message);
    expect(said).toMatchObject({ code: 1, stdout: '' });
    expect(ownerOf(image)).toBe('7:7');
  });

  it('says so where an image has no tables, or too large ones; numbers need none', async () => {
    const bare = imageWith(() => {});
    const said = await f2fsHere('chown', bare, 'root:root', '/top');
    expect(said.stderr).toMatch(/^f2fs: chown: unknown user 'root': the image has no \/etc\/passwd; give a number/);
    expect(await f2fsHere('chown', bare, '1:2', '/top')).toMatchObject({ code: 0, stderr: '' });
    expect(ownerOf(bare)).toBe('1:2');
    const large = imageWith((volume) => {
      volume.writeFile('/etc/passwd', Buffer.of());
      volume.truncate('/etc/passwd', 2 ** 40);
      volume.symlink('group', '/etc/group');
    });
    expect((await f2fsHere('chown', large, 'root', '/top')).stderr).toMatch(
      /\/etc\/passwd: 1 TiB are too much .*EFBIG/,
    );
    expect((await f2fsHere('chown', large, ':root', '/top')).stderr).toMatch(/ELOOP/);
    for (const owner of [':', '', 'a:b:c']) expect((await f2fsHere('chown', bare, owner, '/top')).code).toBe(2);
  });
});
