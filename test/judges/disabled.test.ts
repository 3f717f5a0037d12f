// A volume that was cut off under checkpoint=disable: we go on as Linux does, with what was there before, and end that state.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFileDevice } from '../../src/device/file-device.ts';
import { mount } from '../../src/fs/file-system.ts';
import { volumeInfo } from '../../src/inspect/info.ts';
import { judgeImage, kernelsHere } from '../../tools/judge/index.ts';
import type { Manifest } from '../../tools/judge/manifest.ts';
import { projectRoot } from '../../tools/judge/paths.ts';
import { f2fs } from '../cli/command.ts';

let work: string;
let image: string;

function golden(name: string): Uint8Array {
  return gunzipSync(readFileSync(join(projectRoot, 'images', `kernel-disabled.${name}.gz`)));
}

beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'f2fs-disabled-'));
  image = join(work, 'image');
});

afterAll(() => rmSync(work, { recursive: true, force: true }));

function flags(): readonly string[] | undefined {
  const device = openFileDevice(image, { writable: false });
  try {
    return volumeInfo(device).checkpoint?.flags;
  } finally {
    device.close();
  }
}

const TOLD =
  /^f2fs: \w+: warning: \S+: the volume was last mounted with checkpoint=disable: it is as it was before that, [^\n]*\n$/;

describe('a volume cut off under checkpoint=disable', () => {
  it('says so to readers, with or without recovery, and shows the same', async () => {
    writeFileSync(image, golden('img'));
    for (const options of [[], ['--no-recovery']]) {
      const { code, stdout, stderr } = await f2fs(['ls', ...options, image, '/']);
      expect({ code, stdout }).toEqual({ code: 0, stdout: 'kept\n' });
      expect(stderr).toMatch(TOLD);
    }
    expect(Buffer.from(readFileSync(image)).equals(golden('img'))).toBe(true);
  });

  it('is written to, which ends that state', async () => {
    writeFileSync(image, golden('img'));
    expect(flags()).toContain('disabled');
    const { code, stderr } = await f2fs(['put', '--quiet', image, '-', '/added'], { input: Buffer.from('added') });
    expect(code).toBe(0);
    expect(stderr).toMatch(TOLD);
    expect(flags()).not.toContain('disabled');
    expect(await f2fs(['cat', image, '/added', '/kept/hello'])).toMatchObject({
      code: 0,
      stdout: 'addedhello, world\n',
      stderr: '',
    });
  });

  it('is found by Linux as Linux itself would have left it, and sound', async () => {
    writeFileSync(image, golden('img'));
    const device = openFileDevice(image, { writable: true });
    mount(device).close();
    device.close();
    const expected = JSON.parse(Buffer.from(golden('manifest.json')).toString()) as Manifest;
    const { complaints } = await judgeImage(image, expected, { kernels: kernelsHere() });
    expect(complaints).toEqual([]);
  });
});
