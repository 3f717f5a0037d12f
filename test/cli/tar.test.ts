// build and put take tar archives: files, standard input, layers; what is wrong with one is told as of a directory.
import * as fs from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fsck } from '../../tools/judge/fsck.ts';
import { imageDirectory } from '../device/temporary.ts';
import { lookInto } from '../look-into.ts';
import { tarOf } from '../source/tar-maker.ts';
import { f2fs, makeImage } from './command.ts';
import { f2fsHere } from './in-process.ts';

const temporary = imageDirectory();
afterAll(() => temporary.remove());
const archive = temporary.file('rootfs.tar');
const layer = temporary.file('layer');
const text = (path: string, contents: string) => ({ path, contents: Buffer.from(contents) });
const rootfs = tarOf([{ path: './', type: '5', mode: 0o711 }, text('etc/hosts', 'localhost'), text('gone', 'x')]);

beforeAll(() => {
  fs.writeFileSync(archive, rootfs);
  fs.writeFileSync(layer, gzipSync(tarOf([text('.wh.gone', ''), text('etc/hosts', 'other'), text('new', 'y')])));
});

let nrImages = 0;
const newImage = () => temporary.file(`${nrImages++}.img`);
const namesIn = (image: string, dir = '/') =>
  lookInto(image, (volume) =>
    volume
      .readdir(dir)
      .map(({ name }) => Buffer.from(name).toString())
      .sort(),
  );

describe('build', () => {
  it('takes an archive, which its contents tell, not its name', async () => {
    const image = newImage();
    const said = await f2fsHere('build', archive, image, '--all-root');
    expect(said).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('2 files, 1 directory\n') });
    expect(namesIn(image)).toEqual(['etc', 'gone', 'lost+found']);
    expect(lookInto(image, (volume) => volume.stat('/').mode & 0o7777)).toBe(0o711);
    expect((await fsck(image)).complaints).toEqual([]);
  });

  it('takes one from a pipe, compressed too', async () => {
    for (const input of [rootfs, gzipSync(rootfs)]) {
      const image = newImage();
      expect(await f2fs(['build', '-', image], { input })).toMatchObject({ code: 0, stderr: '' });
      expect(lookInto(image, (volume) => Buffer.from(volume.readFile('/etc/hosts')).toString())).toBe('localhost');
    }
  });

  it('applies layers one on the other', async () => {
    const image = newImage();
    expect(await f2fsHere('build', '--oci-whiteouts', archive, layer, image)).toMatchObject({ code: 0, stderr: '' });
    expect(namesIn(image)).toEqual(['etc', 'lost+found', 'new']);
    expect(lookInto(image, (volume) => Buffer.from(volume.readFile('/etc/hosts')).toString())).toBe('other');
  });

  it('names entries that are left out, builds the rest, and ends with code 1', async () => {
    const bad = temporary.file('bad.tar');
    fs.writeFileSync(bad, tarOf([text('../evil', 'x'), text('good', 'y')]));
    const image = newImage();
    const said = await f2fsHere('build', bad, image, '--quiet');
    expect(said).toMatchObject({
      code: 1,
      stderr: 'f2fs: build: ../evil: at byte 0 of the archive: its path leads out of the root; left out (EINVAL)\n',
    });
    expect(namesIn(image)).toEqual(['good', 'lost+found']);
  });

  it.each<[string, () => string[], number, RegExp]>([
    [
      'a directory among archives',
      () => [archive, temporary.file('.'), newImage()],
      1,
      /several sources must be tar archives/,
    ],
    [
      'whiteouts of a directory',
      () => ['--oci-whiteouts', temporary.file('.'), newImage()],
      1,
      /--oci-whiteouts has no effect/,
    ],
    ['standard input twice', () => ['-', '-', newImage()], 2, /once only/],
    ['no image', () => [archive], 2, /missing required argument 'image'/],
    ['an archive that is cut short', () => [cut(), newImage()], 1, /byte 1536: .*cut short/],
    ['what is no archive', () => [other(), newImage()], 1, /a text file, not a tar archive/],
  ])('refuses %s', async (_, args, code, message) => {
    const given = args();
    const said = await f2fsHere('build', ...given);
    expect(said).toMatchObject({ code, stdout: '' });
    expect(said.stderr).toMatch(message);
    expect(fs.existsSync(given[given.length - 1]) && given.length > 1 && given.at(-1) !== archive).toBe(false);
  });
  const cut = () => {
    fs.writeFileSync(temporary.file('cut'), rootfs.subarray(0, 2000));
    return temporary.file('cut');
  };
  const other = () => {
    fs.writeFileSync(temporary.file('other'), 'hello\n');
    return temporary.file('other');
  };
});

describe('put --tar', () => {
  const filled = () => {
    const image = newImage();
    makeImage(image, (volume) => {
      volume.mkdir('/srv', { mode: 0o700 });
      volume.writeFile('/srv/kept', 'kept');
    });
    return image;
  };

  it('puts what is in archives into a directory that is there, or a new one', async () => {
    const image = filled();
    expect(await f2fsHere('put', '--tar', image, layer, '/srv')).toMatchObject({ code: 0, stderr: '' });
    expect(namesIn(image, '/srv')).toEqual(['.wh.gone', 'etc', 'kept', 'new']);
    expect(lookInto(image, (volume) => volume.stat('/srv').mode & 0o7777)).toBe(0o700);
    expect(await f2fsHere('put', '--tar', image, archive, layer, '/fresh')).toMatchObject({ code: 0, stderr: '' });
    expect(namesIn(image, '/fresh')).toEqual(['.wh.gone', 'etc', 'gone', 'new']);
    expect(lookInto(image, (volume) => volume.stat('/fresh').mode & 0o7777)).toBe(0o711);
    expect((await fsck(image)).complaints).toEqual([]);
  });

  it('keeps hard links of each archive apart', async () => {
    const links = (contents: string) =>
      tarOf([text(`a${contents}`, contents), { path: `b${contents}`, type: '1', link: `a${contents}` }]);
    const archives = ['1', '2'].map((contents) => {
      fs.writeFileSync(temporary.file(`links${contents}`), links(contents));
      return temporary.file(`links${contents}`);
    });
    const image = filled();
    expect(await f2fsHere('put', '--tar', image, ...archives, '/')).toMatchObject({ code: 0 });
    const found = lookInto(image, (volume) =>
      ['/a1', '/b1', '/a2', '/b2'].map((path) => `${Buffer.from(volume.readFile(path))} ${volume.stat(path).nlink}`),
    );
    expect(found).toEqual(['1 2', '1 2', '2 2', '2 2']);
  });

  it('takes standard input, and does all or nothing', async () => {
    const image = filled();
    expect(await f2fs(['put', '--tar', image, '-', '/'], { input: gzipSync(rootfs) })).toMatchObject({
      code: 0,
      stderr: '',
    });
    expect(namesIn(image)).toEqual(['etc', 'gone', 'lost+found', 'srv']);
    fs.writeFileSync(temporary.file('half'), tarOf([text('ok', 'y'), text('../evil', 'x')]));
    const said = await f2fsHere('put', '--tar', image, temporary.file('half'), '/');
    expect(said).toMatchObject({ code: 1, stderr: expect.stringContaining('nothing was put') });
    expect(namesIn(image)).toEqual(['etc', 'gone', 'lost+found', 'srv']);
  });

  it('without --tar an archive is a file', async () => {
    const image = filled();
    expect(await f2fsHere('put', image, archive, '/')).toMatchObject({ code: 0 });
    expect(lookInto(image, (volume) => volume.stat('/rootfs.tar').size)).toBe(rootfs.length);
  });
});
