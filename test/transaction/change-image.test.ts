// A change of an image by the library is whole or nothing: in place, on a copy where it takes more than is free, and in steps when asked.
import * as fs from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  build,
  type ChangeProgress,
  changeImage,
  F2fsError,
  type FileSystem,
  openFileDevice,
} from '../../src/index.ts';
import { fsck } from '../../tools/judge/fsck.ts';
import { imageDirectory } from '../device/temporary.ts';
import { lookInto } from '../look-into.ts';

const temporary = imageDirectory();
afterAll(temporary.remove);
const LARGE = 40 << 20;

let pristine: string;
let image: string;
let count = 0;

beforeAll(async () => {
  const tree = temporary.file('tree');
  fs.mkdirSync(tree);
  fs.writeFileSync(`${tree}/large`, Buffer.alloc(LARGE, 'old '));
  fs.writeFileSync(`${tree}/small`, 'old');
  pristine = temporary.file('pristine.img');
  await build(tree, pristine);
});

beforeEach(() => {
  image = temporary.file(`${++count}.img`);
  fs.copyFileSync(pristine, image);
});

function look<T>(work: (volume: FileSystem) => T): T {
  return lookInto(image, work);
}

const contents = (path: string) => look((volume) => Buffer.from(volume.readFile(path)).toString());

async function assertSound(): Promise<void> {
  expect((await fsck(image)).complaints).toEqual([]);
  expect(fs.readdirSync(temporary.directory).filter((name) => name.includes('.part'))).toEqual([]);
}

/** More than what is free beside it, as the size is the least. */
function replaceLarge(volume: FileSystem): void {
  volume.writeFile('/small', 'new');
  volume.writeFile('/large', Buffer.alloc(LARGE, 'new '));
}

describe('in place', () => {
  it('gives what the change gave, which is all true', async () => {
    const { ino } = fs.statSync(image);
    const given = await changeImage(image, async (volume) => {
      volume.writeFile('/small', 'new');
      await new Promise((resolve) => setTimeout(resolve, 5));
      volume.mkdir('/dir');
      return volume.lstat('/dir').type;
    });
    expect(given).toBe('directory');
    expect(contents('/small')).toBe('new');
    expect(fs.statSync(image).ino).toBe(ino);
    await assertSound();
  });

  it.each([
    ['throws an F2fsError', () => new F2fsError('EPERM', 'not so')],
    ['throws what is none', () => new TypeError('no')],
  ])('leaves nothing of a change that %s', async (_, make) => {
    const before = look((volume) => volume.checkpointVersion);
    const error = make();
    const change = (volume: FileSystem) => {
      volume.remove('/large');
      throw error;
    };
    await expect(changeImage(image, change)).rejects.toBe(error);
    expect(look((volume) => volume.checkpointVersion)).toBe(before);
    expect(contents('/large').length).toBe(LARGE);
    await assertSound();
  });

  it('hears a signal that comes meanwhile', async () => {
    const controller = new AbortController();
    const change = (volume: FileSystem) => {
      volume.remove('/large');
      controller.abort('enough');
    };
    await expect(changeImage(image, change, { signal: controller.signal })).rejects.toMatchObject({
      name: 'AbortError',
      code: 'ECANCELED',
      cause: 'enough',
    });
    expect(contents('/large').length).toBe(LARGE);
  });

  it('takes no change that closes the volume itself', async () => {
    const change = (volume: FileSystem) => volume.abandon();
    await expect(changeImage(image, change)).rejects.toMatchObject({ code: 'EINVAL' });
  });

  it('makes no image where there is none', async () => {
    const nothing = temporary.file('nothing');
    await expect(changeImage(nothing, () => {})).rejects.toMatchObject({
      code: 'ENOENT',
      message: `${nothing} does not exist: there is nothing to change`,
    });
    expect(fs.existsSync(nothing)).toBe(false);
  });

  it('keeps others out', async () => {
    await changeImage(image, () => {
      expect(() => openFileDevice(image, { writable: true })).toThrow(expect.objectContaining({ code: 'EBUSY' }));
    });
  });

  it('mounts as it is told, and refuses what it decides itself', async () => {
    const now = () => ({ sec: 1234, nsec: 5 });
    await changeImage(image, (volume) => volume.mkdir('/dir'), { mount: { now } });
    expect(look((volume) => volume.lstat('/dir').mtime)).toEqual(now());
    const mounted = { checkpoints: 'auto' } as object;
    await expect(changeImage(image, () => {}, { mount: mounted })).rejects.toMatchObject({ code: 'EINVAL' });
  });

  it('tells of a bad superblock once, and of what was left', async () => {
    const fd = fs.openSync(image, 'r+');
    fs.writeSync(fd, Buffer.alloc(4096), 0, 4096, 4096);
    fs.closeSync(fd);
    const left = `${image}.f2fs-1.part`;
    fs.writeFileSync(left, 'x');
    fs.utimesSync(left, 1, 1);
    const warnings: F2fsError[] = [];
    const notes: string[] = [];
    await changeImage(image, (volume) => volume.mkdir('/dir'), {
      onWarning: (warning) => void warnings.push(warning),
      onNote: (note) => void notes.push(note),
    });
    expect(warnings).toHaveLength(1);
    expect(notes).toEqual([expect.stringContaining(`removed ${left}`)]);
    expect(fs.existsSync(left)).toBe(false);
    await assertSound();
  });

  it('does all steps within killable', async () => {
    let steps = 0;
    const killable = (step: () => void) => {
      steps++;
      step();
    };
    await changeImage(image, (volume) => volume.mkdir('/dir'), { killable });
    // Opening, what was left, mounting, the checkpoint.
    expect(steps).toBe(4);
    await expect(changeImage(image, () => {}, { killable: () => {} })).rejects.toMatchObject({ code: 'EINVAL' });
  });
});

describe('more than what is free', () => {
  it('is done on a copy, which takes the place of the image', async () => {
    const { ino, mode } = fs.statSync(image);
    const told: ChangeProgress[] = [];
    let [calls, stepsOfCopy] = [0, 0];
    const given = await changeImage(
      image,
      (volume) => {
        calls++;
        replaceLarge(volume);
        return calls;
      },
      {
        onProgress: (progress) => void told.push(progress),
        killable: (step) => {
          if (told.length > 0) stepsOfCopy++;
          step();
        },
      },
    );
    expect([given, calls, stepsOfCopy]).toEqual([2, 2, 0]);
    expect(told[0]).toMatchObject({ stage: 'copy', bytes: 0 });
    expect(told.at(-1)).toEqual({ stage: 'finish' });
    expect(contents('/small')).toBe('new');
    const after = fs.statSync(image);
    expect(after.ino).not.toBe(ino);
    expect(after.mode).toBe(mode);
    await assertSound();
  });

  it('is nothing when it fails there', async () => {
    const { ino } = fs.statSync(image);
    const change = (volume: FileSystem) => {
      replaceLarge(volume);
      throw new F2fsError('EPERM', 'not so');
    };
    await expect(changeImage(image, change)).rejects.toMatchObject({ code: 'EPERM' });
    expect(contents('/small')).toBe('old');
    expect(fs.statSync(image).ino).toBe(ino);
    await assertSound();
  });

  it('is refused where no copy can take the place, and goes in steps', async () => {
    fs.linkSync(image, `${image}.link`);
    await expect(changeImage(image, replaceLarge)).rejects.toMatchObject({
      code: 'ENOSPC',
      message: expect.stringMatching(/hard links.*inSteps: true makes it in several steps$/),
    });
    expect(contents('/small')).toBe('old');
    await changeImage(image, replaceLarge, { inSteps: true });
    expect(contents('/small')).toBe('new');
    await assertSound();
  });
});

it('in steps what was done before a failure lasts', async () => {
  const change = (volume: FileSystem) => {
    volume.writeFile('/small', 'new');
    throw new F2fsError('EPERM', 'not so');
  };
  await expect(changeImage(image, change, { inSteps: true })).rejects.toMatchObject({ code: 'EPERM' });
  expect(contents('/small')).toBe('new');
  await assertSound();
});
