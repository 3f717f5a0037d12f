// The commands that write: mkfs, build and extract; when they refuse, and what they leave behind.
import * as fs from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { imageDirectory, run } from '../device/temporary.ts';
import { f2fs, makeImage } from './command.ts';

const temporary = imageDirectory();
const isRoot = process.geteuid?.() === 0;
const MIB = 2 ** 20;
const UUID = '12345678-9abc-def0-1234-56789abcdef0';

afterAll(() => temporary.remove());

describe.concurrent('mkfs', () => {
  it('makes an image of the size and sort asked for', async () => {
    const image = temporary.file('new.img');
    const made = await f2fs([
      'mkfs',
      image,
      '--size',
      '64M',
      '--label',
      'data',
      '--uuid',
      UUID,
      '--json',
      '--root-owner',
      '5:6',
    ]);
    expect(made).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(made.stdout)).toMatchObject({
      image,
      sizeBytes: 64 * MIB,
      uuid: UUID,
      label: 'data',
      sections: 24,
    });
    expect(fs.statSync(image).size).toBe(64 * MIB);
    expect(JSON.parse((await f2fs(['stat', '--json', image, '/'])).stdout)).toMatchObject({ uid: 5, gid: 6 });
  });

  it('takes exactly the features named', async () => {
    const image = temporary.file('features.img');
    const made = await f2fs(['mkfs', image, '--size', '64M', '--json', '-O', 'extra_attr,inode_checksum']);
    expect(JSON.parse(made.stdout).features).toEqual(['extra_attr', 'inode_checksum']);
    const wrong = await f2fs(['mkfs', image, '--force', '-O', 'nonsense']);
    expect(wrong).toMatchObject({ code: 2, stdout: '' });
    expect(wrong.stderr).toMatch(/^f2fs: mkfs: invalid feature 'nonsense': expected [^\n]*--help\)\n$/);
    expect((await f2fs(['info', image])).code).toBe(0);
  });

  it('names what --force is needed for, and what it replaced', async () => {
    const file = temporary.file('luks.img');
    fs.writeFileSync(file, 'LUKS\xba\xbe', 'latin1');
    fs.truncateSync(file, 64 * MIB);
    expect((await f2fs(['mkfs', file])).stderr).toBe(
      `f2fs: mkfs: ${file} is an encrypted LUKS volume; formatting it destroys that, --force allows it (EEXIST)\n`,
    );
    expect(await f2fs(['mkfs', file, '--force'])).toMatchObject({
      code: 0,
      stderr: `f2fs: mkfs: note: ${file} was an encrypted LUKS volume, which is replaced\n`,
    });
  });

  it('needs --force over a volume, over other contents and to replace a file by one of another size', async () => {
    const volume = makeImage(temporary.file('volume.img'), () => {});
    const other = temporary.file('other.img');
    fs.writeFileSync(other, Buffer.alloc(64 * MIB, 1));
    const zeros = temporary.file('zeros.img');
    fs.writeFileSync(zeros, '');
    fs.truncateSync(zeros, 64 * MIB);
    expect((await f2fs(['mkfs', volume])).stderr).toMatch(
      /^f2fs: mkfs: \S+ holds an F2FS volume; [^\n]*--force[^\n]*\(EEXIST\)\n$/,
    );
    expect((await f2fs(['mkfs', other])).stderr).toMatch(
      /^f2fs: mkfs: \S+ is not empty; [^\n]*--force[^\n]*\(EEXIST\)\n$/,
    );
    expect((await f2fs(['mkfs', other, '--size', '100M'])).stderr).toMatch(/--force[^\n]*\(EEXIST\)\n$/);
    expect(fs.statSync(other).size).toBe(64 * MIB);
    expect((await f2fs(['mkfs', zeros])).code).toBe(0);
    expect((await f2fs(['mkfs', other, '--size', '100M', '--force'])).code).toBe(0);
    expect(fs.statSync(other).size).toBe(100 * MIB);
  });

  it('leaves no file behind when an option makes no sense', async () => {
    const image = temporary.file('never.img');
    expect(await f2fs(['mkfs', image])).toMatchObject({ code: 2 });
    expect(await f2fs(['mkfs', image, '--size', '1X'])).toMatchObject({ code: 2 });
    for (const args of [
      ['--size', '3M'],
      ['--size', '64M', '--uuid', 'x'],
      ['--size', '64M', '--root-owner', '4294967295:0'],
      ['--size', '64M', '--root-owner', '0:4294967295'],
    ])
      expect(await f2fs(['mkfs', image, ...args])).toMatchObject({ code: 2, stdout: '' });
    expect(fs.existsSync(image)).toBe(false);
  });
});

describe.concurrent('mkfs and build, as to what the image is to be,', () => {
  const makers = (image: string, source: string) => [
    ['mkfs', image, '--size', '64M', '--force'],
    ['build', source, image, '--force', '--quiet'],
  ];

  it('refuse device nodes and fifos, with --force too', async () => {
    const source = temporary.file('for-nodes');
    fs.mkdirSync(source);
    const nodes = [
      [temporary.file('fifo'), 'p'],
      [temporary.file('null'), 'c', '1', '3'],
    ];
    for (const [image, ...node] of nodes) {
      // Devices take root, and a container may forbid them to it, too.
      if (!run('mknod', [image, ...node]).ok) continue;
      const { mode, ino } = fs.statSync(image);
      for (const args of makers(image, source)) {
        const { code, stderr } = await f2fs(args);
        expect(stderr).toMatch(/^f2fs: \w+: \S+ is a (fifo|character device); name [^\n]*\(ENOTBLK\)\n$/);
        expect(code).toBe(1);
        expect(fs.lstatSync(image)).toMatchObject({ mode, ino });
      }
    }
  });

  it('follow a symlink, also to what is not there yet', async () => {
    const source = temporary.file('for-links');
    fs.mkdirSync(source);
    fs.mkdirSync(temporary.file('elsewhere'));
    fs.symlinkSync('.', temporary.file('elsewhere/here'));
    const [link, image] = [temporary.file('latest.img'), temporary.file('elsewhere/real.img')];
    fs.symlinkSync('elsewhere/here/next', link);
    fs.symlinkSync('../elsewhere/real.img', temporary.file('elsewhere/next'));
    for (const args of makers(link, source)) {
      fs.rmSync(image, { force: true });
      expect(await f2fs(args)).toMatchObject({ code: 0, stderr: '' });
      const first = fs.readFileSync(image);
      expect(await f2fs(args)).toMatchObject({ code: 0, stderr: '' });
      expect(fs.readFileSync(image).equals(first)).toBe(false);
      expect((await f2fs(args.filter((one) => one !== '--force'))).stderr).toMatch(/--force [^\n]*\(EEXIST\)\n$/);
      expect(fs.readlinkSync(link)).toBe('elsewhere/here/next');
    }
    expect(fs.readdirSync(temporary.file('elsewhere')).sort()).toEqual(['here', 'next', 'real.img']);
  });
});

describe.concurrent('build and extract', () => {
  it('bring a tree into an image and back', async () => {
    const source = temporary.file('source');
    const image = temporary.file('tree.img');
    const out = temporary.file('out');
    fs.mkdirSync(`${source}/sub`, { recursive: true });
    fs.writeFileSync(`${source}/file`, 'contents');
    fs.linkSync(`${source}/file`, `${source}/sub/hard`);
    fs.symlinkSync('../file', `${source}/sub/link`);
    fs.writeFileSync(Buffer.concat([Buffer.from(`${source}/`), Buffer.from([0x61, 0xff, 0x0a])]), 'odd');
    fs.writeFileSync(`${source}/sparse`, '');
    fs.truncateSync(`${source}/sparse`, 8 * MIB);
    fs.utimesSync(`${source}/file`, 1, 1_000_000_000.25);
    const built = await f2fs(['build', source, image, '--json']);
    expect(built).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(built.stdout)).toMatchObject({ files: 3, symlinks: 1, hardLinks: 1, problems: [] });
    const flags = isRoot ? [] : ['--no-owner'];
    const extracted = await f2fs(['extract', '--json', ...flags, image, out]);
    expect(extracted).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(extracted.stdout)).toMatchObject({
      files: 3,
      symlinks: 1,
      hardLinks: 1,
      problems: [],
      notes: [],
    });
    expect(fs.readFileSync(`${out}/file`, 'utf8')).toBe('contents');
    expect(fs.readFileSync(Buffer.concat([Buffer.from(`${out}/`), Buffer.from([0x61, 0xff, 0x0a])]), 'utf8')).toBe(
      'odd',
    );
    expect(fs.statSync(`${out}/sub/hard`).ino).toBe(fs.statSync(`${out}/file`).ino);
    expect(fs.readlinkSync(`${out}/sub/link`)).toBe('../file');
    expect(fs.statSync(`${out}/file`).mtimeMs).toBe(1_000_000_000_250);
    expect(fs.statSync(`${out}/sparse`).size).toBe(8 * MIB);
    expect(fs.statSync(`${out}/sparse`).blocks * 512).toBeLessThan(MIB);

    expect((await f2fs(['build', source, image])).stderr).toMatch(
      /^f2fs: build: \S+ exists already; [^\n]*\(EEXIST\)\n$/,
    );
    expect((await f2fs(['extract', image, out])).stderr).toMatch(
      /^f2fs: extract: \S+ is not empty; [^\n]*\(ENOTEMPTY\)\n$/,
    );
    const again = await f2fs(['extract', '--force', ...flags, image, out, '/sub']);
    expect(again.code).toBe(0);
    expect(fs.existsSync(`${out}/hard`)).toBe(true);
    const twice = await f2fs(['extract', '--force', '--quiet', ...flags, image, out, '/file']);
    expect(twice).toMatchObject({ code: 1, stdout: '' });
    expect(twice.stderr).toMatch(/^f2fs: extract: file: [^\n]*\(EEXIST\)\n$/);
  });

  it('keep zeros as they are, or make holes of them when asked', async () => {
    const contents = Buffer.alloc(3 * MIB + 5);
    contents.fill(1, MIB - 10, MIB + 10);
    contents.fill(2, 2 * MIB + 4096, 2 * MIB + 8192);
    const image = makeImage(temporary.file('holes.img'), (volume) => volume.writeFile('/file', contents));
    const flags = isRoot ? [] : ['--no-owner'];
    const blocksOf = async (...args: string[]) => {
      const target = temporary.file(args.join('-') || 'holes');
      expect((await f2fs(['extract', ...flags, ...args, image, target, '/file'])).code).toBe(0);
      expect(fs.readFileSync(`${target}/file`).equals(contents)).toBe(true);
      return fs.statSync(`${target}/file`).blocks * 512;
    };
    expect(await blocksOf('--holes', 'zeros')).toBeLessThan(64 * 1024);
    expect(await blocksOf()).toBeGreaterThan(3 * MIB);
  });

  it('says what it could not read, and exits 1', async () => {
    const result = await f2fs(['build', temporary.file('nowhere'), temporary.file('nothing.img')]);
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr).toMatch(/^f2fs: build: [^\n]*nowhere[^\n]*\(ENOENT\)\n$/);
    expect(fs.existsSync(temporary.file('nothing.img'))).toBe(false);
  });

  it('makes the same image again with SOURCE_DATE_EPOCH and a uuid, and refuses an epoch that is no number', async () => {
    const source = temporary.file('epoch');
    fs.mkdirSync(source);
    fs.writeFileSync(`${source}/file`, 'x');
    fs.utimesSync(`${source}/file`, 1, 1);
    const images = [temporary.file('one.img'), temporary.file('two.img')];
    for (const image of images) {
      const env = { SOURCE_DATE_EPOCH: '1700000000' };
      expect((await f2fs(['build', source, image, '--uuid', UUID, '--quiet'], { env })).stdout).toBe('');
    }
    expect(fs.readFileSync(images[0]).equals(fs.readFileSync(images[1]))).toBe(true);
    const wrong = await f2fs(['build', source, temporary.file('three.img')], { env: { SOURCE_DATE_EPOCH: 'today' } });
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toMatch(/^f2fs: build: invalid SOURCE_DATE_EPOCH 'today': expected /);
  });
});

describe.concurrent('the command', () => {
  it('begins its help with examples and lists the exit codes', async () => {
    const help = await f2fs(['--help']);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toMatch(/^Examples:\n {2}f2fs build /);
    expect(help.stdout).toContain('Exit codes:\n  0 ');
    expect((await f2fs(['cat', '--help'])).stdout).toMatch(/^Examples:\n {2}f2fs cat /);
    expect((await f2fs(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('exits 2 with one line when it is called in the wrong way', async () => {
    const cases: [string[], RegExp][] = [
      [['ls'], /^f2fs: ls: missing required argument 'image' [^\n]*\n$/],
      [['nonsense'], /^f2fs: usage: unknown command 'nonsense' [^\n]*\n$/],
      [['ls', '--nonsense', 'x'], /^f2fs: ls: unknown option '--nonsense' [^\n]*\n$/],
    ];
    for (const [args, line] of cases) {
      const { code, stdout, stderr } = await f2fs(args);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toMatch(line);
    }
    expect(await f2fs([])).toMatchObject({ code: 2, stdout: '' });
  });
});
