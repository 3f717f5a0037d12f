// Directories that fold case, by the command.
import * as fs from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fsck } from '../../tools/judge/fsck.ts';
import { imageDirectory } from '../device/temporary.ts';
import { f2fsHere } from './in-process.ts';

const temporary = imageDirectory();
afterAll(temporary.remove);
let tree: string;
beforeAll(() => {
  tree = temporary.file('tree');
  fs.mkdirSync(join(tree, 'media/Sub'), { recursive: true });
  fs.writeFileSync(join(tree, 'media/File'), 'one\n');
});

const said = async (...args: string[]) => {
  const { code, stdout, stderr } = await f2fsHere(...args);
  return { code, text: `${stdout}${stderr}` };
};

test('mkfs says how directories may fold case, and info tells', async () => {
  const image = temporary.file('empty.img');
  const { code, text } = await said('mkfs', image, '--size', '64M', '-C', 'utf8:strict:hashonly');
  expect([code, text]).toEqual([0, expect.stringMatching(/^features .*casefold/m)]);
  expect((await said('info', image)).text).toMatch(/^encoding +utf8:strict:hashonly$/m);
  expect(JSON.parse((await f2fsHere('info', '--json', image)).stdout).encoding).toBe('utf8:strict:hashonly');
  const refused = await said('mkfs', image, '--force', '-C', 'utf16');
  expect(refused).toEqual({ code: 2, text: expect.stringMatching(/invalid encoding 'utf16'/) });
});

test('build has directories fold case, chattr too; names are found however they are spelt', async () => {
  const image = temporary.file('built.img');
  expect((await said('build', tree, image, '--casefold', 'media', '--quiet')).code).toBe(0);
  expect(await said('cat', image, '/media/FILE')).toEqual({ code: 0, text: 'one\n' });
  expect((await said('stat', image, '/media/sub')).text).toMatch(/^flags +casefold$/m);
  expect((await said('mkdir', image, '/new')).code).toBe(0);
  expect((await said('chattr', image, '+F', '/new')).code).toBe(0);
  expect((await said('mv', image, '/media/file', '/new/Moved')).code).toBe(0);
  expect((await said('mv', image, '/new/MOVED', '/new/moved')).text).toMatch(
    /\/new\/MOVED has that name already, as its directory folds case/,
  );
  expect((await said('ln', image, '/new/moved', '/new/Other')).code).toBe(0);
  expect((await said('mv', image, '/new/MOVED', '/new/other')).text).toMatch(
    /has that name already|two names of one file/,
  );
  expect((await said('chattr', image, '--', '-F', '/new')).text).toMatch(
    /only an empty directory can begin to fold case/,
  );
  expect((await said('chattr', '-R', image, '+Fi', '/new')).code).toBe(0);
  expect((await said('ls', image, '/new')).text).toBe('Moved\nOther\n');
  expect((await fsck(image)).complaints).toEqual([]);
  const out = temporary.file('out');
  const { code, text } = await said('extract', '--no-owner', '--no-xattrs', image, out);
  expect([code, text]).toEqual([0, expect.not.stringMatching(/folds/)]);
});
