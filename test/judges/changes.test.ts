// The commands that change an image, against those of the host: the same steps on a directory and on an image leave the same tree,
// says a real kernel.
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { afterAll, expect, it } from 'vitest';
import { type FileSystem, mount, openFileDevice } from '../../src/index.ts';
import { build } from '../../src/populate/build.ts';
import { judgeImage } from '../../tools/judge/index.ts';
import { f2fsHere } from '../cli/in-process.ts';
import { imageDirectory } from '../device/temporary.ts';
import { isRoot, makeVariedTree } from '../host-fixture.ts';

const temporary = imageDirectory();
afterAll(temporary.remove);
/** Seconds since 1970 that everything is stamped with in the end: commands run at different times. */
const STAMP = 1_700_000_000;

it.runIf(isRoot)('the same steps make the same tree', async () => {
  const more = temporary.file('more');
  const tree = temporary.file('tree');
  const image = temporary.file('tree.img');
  for (const one of [tree, more]) {
    fs.mkdirSync(one);
    makeVariedTree(one);
    // Reading 4 GiB of holes in the guest is another test's matter.
    fs.truncateSync(`${one}/empty`, 5 << 20);
  }
  fs.writeFileSync(`${more}/large`, Buffer.alloc(9_000_000, 'more'));
  await build(tree, image, { freeBytes: 64 << 20 });
  const host = (command: string, ...args: string[]) => execFileSync(command, args, { cwd: tree, stdio: 'pipe' });
  const both = async (command: string, hostArgs: string[], ...imageArgs: string[]) => {
    host(command, ...hostArgs);
    const [name, ...args] = imageArgs;
    expect(await f2fsHere(name, ...args)).toMatchObject({ code: 0, stderr: '' });
  };

  await both('cp', ['-a', more, 'added'], 'put', '--quiet', image, more, '/added');
  await both('cp', ['-a', '--remove-destination', `${more}/.`, '.'], 'put', '--quiet', image, `${more}/.`, '/');
  await both(
    'cp',
    ['-a', `${more}/plain`, `${more}/dir/up`, 'empty-dir'],
    'put',
    image,
    '--quiet',
    `${more}/plain`,
    `${more}/dir/up`,
    '/empty-dir',
  );
  await both('mkdir', ['-p', '-m', '2751', 'p/q/r'], 'mkdir', '-p', '-m', '2751', image, '/p/q/r');
  await both('mv', ['added/dir', 'added/large', 'p/q'], 'mv', image, '/added/dir', '/added/large', '/p/q');
  await both('mv', ['plain', 'p/q/large'], 'mv', image, '/plain', '/p/q/large');
  await both('ln', ['p/q/large', 'p/q/r'], 'ln', image, '/p/q/large', '/p/q/r');
  await both('ln', ['-s', '../any where', 'p/link'], 'ln', '-s', image, '../any where', '/p/link');
  await both('chmod', ['-R', 'u+rwX,g-w,o=', 'p'], 'chmod', '-R', image, 'u+rwX,g-w,o=', '/p');
  await both('chmod', ['0', 'large'], 'chmod', image, '0', '/large');
  await both('chown', ['-R', '123:456', 'p/q'], 'chown', '-R', image, '123:456', '/p/q');
  await both('chown', ['-h', ':9', 'p/link'], 'chown', '--no-dereference', image, ':9', '/p/link');
  await both(
    'setfattr',
    ['-n', 'user.one', '-v', 'text', 'large'],
    'setfattr',
    '-n',
    'user.one',
    '-v',
    'text',
    image,
    '/large',
  );
  await both('truncate', ['-s', '-1000', 'large'], 'truncate', '-s', '-1000', image, '/large');
  await both('truncate', ['-s', '+5M', 'large', 'fresh'], 'truncate', '-s', '+5M', image, '/large', '/fresh');
  await both('rm', ['-rf', 'added', 'none', 'dir'], 'rm', '-rf', image, '/added', '/none', '/dir');

  host('find', '.', '-exec', 'touch', '-h', '-d', `@${STAMP}`, '{}', '+');
  stampAll(image);
  expect((await judgeImage(image, tree)).complaints).toEqual([]);
});

function stampAll(image: string): void {
  const device = openFileDevice(image, { writable: true });
  const volume = mount(device);
  const time = { sec: STAMP, nsec: 0 };
  const walk = (fs: FileSystem, ino: number) => {
    using handle = fs.openInode(ino);
    handle.setAttributes({ mtime: time, atime: time });
    if ('entries' in handle)
      for (const entry of (handle as ReturnType<FileSystem['root']>).entries()) walk(fs, entry.ino);
  };
  walk(volume, volume.root().ino);
  volume.close();
  device.close();
}
