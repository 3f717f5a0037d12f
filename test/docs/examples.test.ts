// Each example runs as its README says, and fsck.f2fs has nothing to say of the images that they leave.
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'fflate';
import { afterAll, expect, test } from 'vitest';
import { fsck } from '../../tools/judge/fsck.ts';
import { projectRoot } from '../../tools/judge/paths.ts';
import { imageDirectory } from '../device/temporary.ts';

const images = imageDirectory();
afterAll(images.remove);
const folder = join(projectRoot, 'examples');

function run(name: string, ...args: string[]): string {
  return execFileSync(process.execPath, [join(folder, name), ...args], { cwd: images.directory, encoding: 'utf8' });
}

async function complaintsOf(image: string): Promise<string[]> {
  return (await fsck(images.file(image))).complaints;
}

test('every example is in the README of the examples, and runs here', () => {
  const named = fs.readFileSync(join(folder, 'README.md'), 'utf8').match(/examples\/[a-z-]+\.mjs/g);
  const there = fs.readdirSync(folder).filter((name) => name.endsWith('.mjs'));
  expect(named?.map((path) => path.slice('examples/'.length)).sort()).toEqual(there.sort());
  const source = fs.readFileSync(import.meta.filename, 'utf8');
  expect(there.filter((name) => !source.includes(`run('${name}'`))).toEqual([]);
});

test('a volume is made, looked into, changed as a whole, and looked into again', async () => {
  expect(run('new-volume.mjs', 'new.img')).toMatch(/^new\.img: \d+ of 16384 blocks free\n$/);
  expect(run('list-image.mjs', 'new.img').split('\n').sort()).toEqual(
    [
      'directory 700 0:0 4096 /lost+found',
      'directory 755 0:0 3452 /etc',
      'file 644 0:0 5 /etc/hostname',
      'symlink 777 0:0 8 /etc/name',
      'file 644 0:0 8 /log',
      '',
    ].sort(),
  );
  expect(run('update-image.mjs', 'new.img')).toBe('new.img: /etc/hostname was demo\n');
  const after = run('list-image.mjs', 'new.img');
  expect(after).toContain('file 644 0:0 13 /etc/hostname user.previous\n');
  expect(after).toContain('/var/updated\n');
  expect(await complaintsOf('new.img')).toEqual([]);
});

test('a directory becomes the same image each time', async () => {
  const tree = join(projectRoot, 'docs');
  expect(run('build-image.mjs', tree, 'one.img')).toMatch(/^one\.img: \d+ files, /);
  run('build-image.mjs', tree, 'two.img');
  expect(fs.readFileSync(images.file('one.img')).equals(fs.readFileSync(images.file('two.img')))).toBe(true);
  expect(await complaintsOf('one.img')).toEqual([]);
});

test('a device of blocks in a map ends as an image', async () => {
  expect(run('own-device.mjs', 'own.img.gz')).toMatch(/^own\.img\.gz: \d+ blocks written, \d+ bytes\n$/);
  fs.writeFileSync(images.file('own.img'), gunzipSync(fs.readFileSync(images.file('own.img.gz'))));
  expect(run('list-image.mjs', 'own.img')).toContain('file 644 0:0 12 /hello\n');
  expect(await complaintsOf('own.img')).toEqual([]);
});

test('the counts of writeback are those of docs/WRITEBACK.md', () => {
  const document = fs.readFileSync(join(projectRoot, 'docs/WRITEBACK.md'), 'utf8');
  expect(document).toContain(run('measure-writeback.mjs'));
});
