// Projects by the command: set, shown, handed on, and refused where there are none.
import { afterAll, expect, test } from 'vitest';
import { imageDirectory } from '../device/temporary.ts';
import { fsckComplaints } from '../mkfs/reference.ts';
import { f2fs } from './command.ts';

const temporary = imageDirectory();
afterAll(() => temporary.remove());

async function done(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await f2fs(args);
  expect([args, code, stderr]).toEqual([args, 0, '']);
  return stdout;
}

test('chattr sets projects, with flags or without, and stat shows them', async () => {
  const image = temporary.file('projects.img');
  await done('mkfs', image, '--size', '64M', '-O', 'default,project_quota');
  await done('mkdir', image, '-p', '/srv/a/b', '/other');
  await done('truncate', image, '-s', '5000', '/srv/a/file', '/other/file');
  await done('chattr', image, '-R', '-p', '1000', '+P', '/srv');
  await done('mkdir', image, '/srv/a/b/new');
  const rows = await done('stat', image, '/srv/a/b/new');
  expect(rows).toMatch(/^project +1000$/m);
  expect(rows).toMatch(/^flags +projinherit$/m);
  expect(JSON.parse(await done('stat', '--json', image, '/srv/a/file'))).toMatchObject({ projectId: 1000, flags: [] });
  const { code, stderr } = await f2fs(['mv', image, '/other/file', '/srv/a/moved']);
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^f2fs: mv: \/other\/file: .* project 1000 .* of 0: set its project first with chattr -p \(EXDEV\)$/m,
  );
  await done('chattr', image, '--project', '1000', '/other/file');
  await done('mv', image, '/other/file', '/srv/a/moved');
  expect(fsckComplaints(image, '-f')).toEqual([]);
});

test('a volume without projects has none to set or show', async () => {
  const image = temporary.file('plain.img');
  await done('mkfs', image, '--size', '64M');
  expect(await done('stat', image, '/')).not.toMatch(/^project/m);
  await done('chattr', image, '-p', '0', '/');
  const { code, stderr } = await f2fs(['chattr', image, '-p', '5', '/']);
  expect(code).toBe(1);
  expect(stderr).toMatch(/lacks the feature 'project_quota'/);
});

test('flags may be missing only beside a project, paths never', async () => {
  const image = temporary.file('plain.img');
  for (const args of [
    ['chattr', image, '/'],
    ['chattr', image, '+i'],
    ['chattr', image, '-p', '5'],
  ]) {
    expect([args, (await f2fs(args)).code]).toEqual([args, 2]);
  }
});
