// An image whose first superblock is gone, as after wipefs -a: every command that mounts it says so in one line, and the first that
// changes it mends it.
import * as fs from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { F2FS_SUPER_MAGIC } from '../../src/format/constants.ts';
import { imageDirectory } from '../device/temporary.ts';
import { f2fs, makeImage } from './command.ts';

const temporary = imageDirectory();
let image: string;
const TOLD = (command: string) =>
  new RegExp(
    `^f2fs: ${command}: warning: \\S+: superblock 1 is damaged \\(its magic is 0x0, [^\\n]*superblock 2 is used[^\\n]*\\n$`,
  );

beforeAll(() => {
  image = makeImage(temporary.file('wiped.img'), (volume) => {
    volume.mkdir('/a');
    volume.writeFile('/a/file', 'contents');
  });
  const fd = fs.openSync(image, 'r+');
  fs.writeSync(fd, Buffer.alloc(4), 0, 4, 1024);
  fs.closeSync(fd);
});

afterAll(temporary.remove);

/** Whether others find F2FS on the image: where libblkid looks, the magic number stands. */
function isFound(file: string): boolean {
  return fs.readFileSync(file).readUInt32LE(1024) === F2FS_SUPER_MAGIC;
}

describe('an image without its first superblock', () => {
  it.each([
    ['ls', '/'],
    ['cat', '/a/file'],
    ['stat', '/a'],
    ['extract', temporary.file('tree'), '--quiet'],
  ])('%s reads it, says so and leaves it alone', async (command, ...args) => {
    const before = fs.readFileSync(image);
    const { code, stderr } = await f2fs([command, image, ...args]);
    expect(code).toBe(0);
    expect(stderr).toMatch(TOLD(command));
    expect(fs.readFileSync(image).equals(before)).toBe(true);
  });

  it('a change that is refused says so too, and leaves it without', async () => {
    const copy = temporary.file('refused.img');
    fs.copyFileSync(image, copy);
    const { code, stderr } = await f2fs(['rm', copy, '/none']);
    expect(code).toBe(1);
    expect(stderr.split('\n')[0]).toMatch(/^f2fs: rm: warning: /);
    expect(stderr).toMatch(/\(ENOENT\)\n$/);
    expect(isFound(copy)).toBe(false);
  });

  it.each([['put', '--quiet', 'PUT', '/put'], ['rm', '/a/file'], ['rm', '--in-steps', '/a/file'], ['clean']])(
    '%s mends it: none says anything after that',
    async (command, ...args) => {
      const copy = temporary.file('changed.img');
      fs.copyFileSync(image, copy);
      const source = temporary.file('PUT');
      fs.writeFileSync(source, 'put');
      const options = args.filter((arg) => arg.startsWith('--'));
      const rest = args.filter((arg) => !arg.startsWith('--')).map((arg) => (arg === 'PUT' ? source : arg));
      const { code, stderr } = await f2fs([command, ...options, copy, ...rest]);
      expect(code).toBe(0);
      expect(stderr).toMatch(TOLD(command));
      expect(isFound(copy)).toBe(true);
      expect(await f2fs(['ls', copy])).toMatchObject({ code: 0, stderr: '' });
      expect(await f2fs(['info', copy])).toMatchObject({ code: 0, stderr: '' });
    },
  );
});
